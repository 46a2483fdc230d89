/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs for the kernel that maker loads.
 */
#ifndef BPFOBJ_H
#define BPFOBJ_H

#include <stddef.h>

#include "agentsh.h"

struct bpf_object;

/* Can any be loaded? 0, or -1 with why not. */
int bpfobj_may(struct aerr *);
/* What the build has compiled, to be loaded; the caller closes it. What libbpf has
 * to say goes to the log from then on. NULL with errno. */
struct bpf_object *bpfobj_open(const void *bytes, size_t len);

#endif
