/* SPDX-License-Identifier: Apache-2.0 */
/*
 * execd, which the test plays: of tcp_t.h.
 */
#ifndef TCP_EXECD_T_H
#define TCP_EXECD_T_H

static int
on_net_unix(struct chan *ch, struct imsg *im)
{
	struct msg_net_unix m;

	(void)ch;
	if (msg_get_net_unix(im, &m) == -1)
		return -1;
	tt.wanted = im->id;
	if (tt.given != -1)
		close(tt.given);
	tt.given = imsg_take_fd(im, 0);
	snprintf(tt.path, sizeof(tt.path), "%s", m.path);
	return 0;
}

static const struct handler of_netd[] = {
	{ MSG_NET_UNIX, on_net_unix },
	{ MSG_NONE, NULL },
};

static const struct handler of_execd[] = {
	{ MSG_NET_UNIX_CONNECTED, dialunix_on_net_unix_connected },
	{ MSG_NET_UNIX_FAILED, dialunix_on_net_unix_failed },
	{ MSG_NONE, NULL },
};

static void
start_execd(void)
{
	int fds[2];

	if (chan_pair(fds) == -1)
		abort();
	tt.s.execd = chan_new(fds[0], ROLE_NETD, ROLE_EXECD, of_execd, &tt.s);
	tt.execd = chan_new(fds[1], ROLE_EXECD, ROLE_NETD, of_netd, NULL);
	if (tt.s.execd == NULL || tt.execd == NULL ||
	    chan_watch(tt.s.execd, tt.base) == -1)
		abort();
}

#endif
