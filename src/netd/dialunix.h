/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What execd answers about sockets of the host.
 */
#ifndef NETD_DIALUNIX_H
#define NETD_DIALUNIX_H

#include "msg.h"
#include "netd.h"

int dialunix_on_net_unix_connected(struct chan *, struct imsg *);
int dialunix_on_net_unix_failed(struct chan *, struct imsg *);

#endif
