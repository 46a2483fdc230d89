/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What node.c, nodename.c and nodefd.c have of each other: the graph from within.
 * All of it under the graph's lock, node_lock().
 */
#ifndef FSD_GRAPH_H
#define FSD_GRAPH_H

#include "node.h"

/* a path cannot have more parts */
#define GRAPH_DEPTH_MAX (AGENTSH_PATH_MAX / 2)
/* descriptors that are given up at one time, and nodes looked at for that */
#define GRAPH_CLOSING_MAX 64

/* node.c */
/* It ends with graph_unlock(), if nothing refers to it. */
void graph_condemn(struct node *);
/* Unlocks the graph, and frees what nothing refers to any more; that may end
 * parents as well. The last descriptor of a removed file removes it. */
void graph_unlock(void);

/* nodename.c */
/* NULL: nothing is known by that name. */
struct name *name_find(const struct node *parent, const char *text);
/* The name under which the node can be found now, NULL when there is none. */
struct name *name_live(const struct node *);
/* The name means that node from now on. 0, or -1: no memory. */
int name_put(struct node *, struct node *parent, const char *text);
/* A name that nothing is found by, as of one that has lost its last. The same. */
int name_put_gone(struct node *, struct node *parent, const char *text);
void name_free(struct name *);

/* nodefd.c */
/* max: that are idle. */
void fds_init(size_t max);
/* Are there as many as there may be at all? */
bool fds_are_full(void);
/* The node, which has none, has that descriptor now; others may lose theirs. */
void fds_add(struct node *, int fd);
/* It ends, and its descriptor, if it has one, is the caller's. */
void fds_leave(struct node *);
/* What was given up, to be closed when the graph is unlocked. Their number. */
size_t fds_to_close(int closing[GRAPH_CLOSING_MAX]);

#endif
