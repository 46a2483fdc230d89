/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's verbs, as agentshctl sends them and policyd and privd answer.
 */
#ifndef CTL_H
#define CTL_H

/* clang-format off */
enum ctl_verb {
#define CTLVERB(id, words, help) CTL_##id,
#include "ctlverb.def"
#undef CTLVERB
	CTL_VERB_MAX
};
/* clang-format on */

#endif
