/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of connections: of one, and of clients of TLS that say hello and no
 * more.
 */
#ifndef TCP_HELLO_T_H
#define TCP_HELLO_T_H

#include "tcp_t.h"

/* A client of TLS at host n; does its hello arrive, as it was? */
static struct seen
tls(int n, const char *sni, bool ech, size_t piece)
{
	uint8_t hello[4096];
	char got[4096];
	size_t len = hello_of(sni, ech, hello, sizeof(hello)), at, k;
	struct seen e;
	int c = client_of(n), s;

	for (at = 0; at < len; at += k) {
		k = len - at < piece ? len - at : piece;
		if (send(c, hello + at, k, MSG_NOSIGNAL) == -1)
			break;
		usleep(piece < len ? 2000 : 0);
	}
	s = arrived(n, 500);
	shutdown(c, SHUT_WR);
	if (s != -1) {
		CHECK_INT(rest_of(s, got, sizeof(got)), 0);
		CHECK(memcmp(got, hello, len) == 0);
		close(s);
	}
	(void)rest_of(c, NULL, 0);
	close(c);
	e = next_event();
	CHECK(e.allowed == (s != -1));
	return e;
}

#endif
