/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting a server where none runs.
 */
#ifndef AUTOSTART_H
#define AUTOSTART_H

#include "client.h"

/* 0 a server accepts, -1 no: the reason is in e. */
int autostart(struct client_error *e);
/* The path of agentshd, or -1 and why. */
int agentshd_find(char *dst, size_t size, struct client_error *e);
/* The same of a program beside agentshd's helpers. */
int helper_find(const char *name, char *dst, size_t size,
    struct client_error *e);

#endif
