/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's verbs, as agentshctl sends them and policyd and privd answer.
 */
#ifndef CTL_H
#define CTL_H

/* Rows of a list that privd sends for one CTL_ASK; the next ask goes on where
 * they ended. No queue grows with the number of sessions. */
#define CTL_PAGE_ROWS 64

/* clang-format off */
enum ctl_verb {
#define CTLVERB(id, words, args, help) CTL_##id,
#include "ctlverb.def"
#undef CTLVERB
	CTL_VERB_MAX
};
/* clang-format on */

/* What became of a session's policy in a reload. */
enum reload_result {
	RELOAD_CHANGED,	  /* the new one holds */
	RELOAD_UNCHANGED, /* it is what it was */
	RELOAD_PARTLY,	  /* the new one holds, but for what stays hidden */
	RELOAD_KEPT,	  /* the old one holds */
	RELOAD_ENDED,	  /* the session ended meanwhile */
	RELOAD_RESULT_MAX
};

#endif
