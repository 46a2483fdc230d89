/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request that becomes a WebSocket: the handshake of RFC 6455, 4.2, after
 * which the connection is not evhttp's to read or to write any more. It keeps
 * it, though: the connection is counted and charged as before, and is freed
 * the same way.
 */
#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <strings.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "http.h"
#include "log.h"
#include "sessiond.h"
#include "ws.h"

/* One word of a list with commas; capitals do not count. */
static bool
websock_has_word(const char *list, const char *word)
{
	size_t n, len = strlen(word);

	for (; list != NULL && *list != '\0'; list += n) {
		list += strspn(list, ", \t");
		n = strcspn(list, ", \t");
		if (n == len && strncasecmp(list, word, n) == 0)
			return true;
	}
	return false;
}

/* NULL, or what is missing. */
static const char *
websock_check(struct evkeyvalq *in, int *status)
{
	const char *version = evhttp_find_header(in, "Sec-WebSocket-Version");
	const char *key = evhttp_find_header(in, "Sec-WebSocket-Key");

	*status = 426;
	if (!websock_has_word(evhttp_find_header(in, "Upgrade"), "websocket") ||
	    !websock_has_word(evhttp_find_header(in, "Connection"), "upgrade"))
		return "this route is a WebSocket";
	if (version == NULL || strcmp(version, "13") != 0)
		return "the version of WebSocket must be 13";
	*status = 400;
	if (key == NULL || !ws_key_is_valid(key))
		return "Sec-WebSocket-Key is missing or malformed";
	return NULL;
}

struct bufferevent *
websock_take(struct request *rq, void (*cancel)(struct request *, void *),
    void *arg)
{
	struct evhttp_connection *con = evhttp_request_get_connection(rq->ev);
	struct bufferevent *bev = evhttp_connection_get_bufferevent(con);
	struct evkeyvalq *in = evhttp_request_get_input_headers(rq->ev);
	struct evkeyvalq *out = evhttp_request_get_output_headers(rq->ev);
	char accept[WS_ACCEPT_LEN + 1];
	const char *why;
	int status, one = 1;

	if ((why = websock_check(in, &status)) != NULL) {
		if (status == 426) {
			evhttp_add_header(out, "Upgrade", "websocket");
			evhttp_add_header(out, "Sec-WebSocket-Version", "13");
		}
		http_error(rq, status, "%s", why);
		return NULL;
	}
	ws_accept(accept, evhttp_find_header(in, "Sec-WebSocket-Key"));
	if (evbuffer_add_printf(bufferevent_get_output(bev),
		"HTTP/1.1 101 Switching Protocols\r\n"
		"Upgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Accept: %s\r\n\r\n",
		accept) == -1) {
		http_error(rq, 500, "out of memory");
		return NULL;
	}
	/* a key at a time is not to wait for the next */
	if (rq->tcp &&
	    setsockopt(rq->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) ==
		-1)
		log_debug("TCP_NODELAY cannot be set");
	conns_stream(rq->fd);
	http_wait(rq, cancel, arg);
	return bev;
}
