/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a session in its worker.
 */
#ifndef SERVE_H
#define SERVE_H

#include "netd.h"

/* Begins to serve it; the channels' descriptors are taken, as far as *fd is -1
 * afterwards. 0, or -1, when nothing of it goes on. */
int serve_start(struct nsess *, int *execd_fd, int *policyd_fd);
/* Nothing more is taken, and whoever waits inside hears so. */
void serve_stop(struct nsess *);
/* Also what outlives that: channels, and what answers may still look at. */
void serve_free(struct nsess *);

#endif
