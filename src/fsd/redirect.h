/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that mean other ones.
 */
#ifndef FSD_REDIRECT_H
#define FSD_REDIRECT_H

#include <limits.h>

#include "node.h"

/* redirect.c: names that mean other ones */
struct place {
	struct node *parent;
	struct node *walked; /* has one lookup of ours, or NULL */
	char text[NAME_MAX + 1];
};

/* The first two before anything is claimed; each may wait for names. */
/* As lookup_child; *done: the name is redirected, and the answer holds. */
int redirect_lookup(fuse_req_t, struct node *parent, const char *text,
    struct fuse_entry_param *, bool *done);
/* Where the object of that name is, and where a new one comes to be: there or
 * at the name itself. 0, or an error number; place_done() after 0. */
int redirect_existing(fuse_req_t, struct node *parent, const char *text,
    struct place *);
int redirect_new(fuse_req_t, struct node *parent, const char *text,
    struct place *);
void place_done(struct place *);
bool redirect_covers(const char *path);
bool redirect_is(struct node *parent, const char *text);
/* The node is to be written, which the policy refuses: 0 when that is all to be
 * said; ESTALE when the path leads to a copy from now on. */
int redirect_writing(fuse_req_t, struct node *, bool empty);

#endif
