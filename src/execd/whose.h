/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which process and command a socket of the session is of.
 */
#ifndef EXECD_WHOSE_H
#define EXECD_WHOSE_H

#include "chan.h"

int whose_on_net_whose(struct chan *, struct imsg *);

#endif
