/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listeners and the way of a request to its handler. Everything that comes
 * over them is hostile: a request gets to a handler only when its client is
 * known to the kernel and may use this server, and no browser sent it.
 */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>

#include "clock.h"
#include "http.h"
#include "log.h"
#include "path.h"
#include "sessiond.h"

#define HTTP_HEADERS_MAX 32768
#define HTTP_RETRY_MS 100 /* after a failed accept(2) */

struct listener {
	bool tcp;
	struct evhttp *http;
	struct evconnlistener *lev;
	struct event *retry;
};

static struct listener listeners[2];
static size_t nlisteners;
static bool http_paused;

enum route_body {
	NOBODY,
	BODY
};

struct route {
	enum evhttp_cmd_type method;
	const char *method_name;
	const char *pattern;
	enum route_body body;
	void (*handler)(struct request *);
};

static const struct route routes[] = {
#define ROUTE(method, pattern, body, handler, help)                            \
	{ EVHTTP_REQ_##method, #method, pattern, body, handler },
#include "route.def"
#undef ROUTE
};

#define NROUTES (sizeof(routes) / sizeof(routes[0]))

static int
http_hex(char c)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	const char *p = memchr(digits, c, sizeof(digits) - 1);

	if (p == NULL)
		return -1;
	return (int)(p - digits < 16 ? p - digits : p - digits - 6);
}

/* One part of a path into dst, with its %XX as the bytes they stand for (":"
 * is one for many clients). Longer parts match nothing. */
static bool
http_capture(char *dst, size_t size, const char *part, size_t len)
{
	size_t i, n = 0;
	int high, low;

	for (i = 0; i < len && n + 1 < size; i++) {
		dst[n++] = part[i];
		if (part[i] != '%')
			continue;
		if (len - i < 3 || (high = http_hex(part[i + 1])) == -1 ||
		    (low = http_hex(part[i + 2])) == -1 || high + low == 0)
			return false;
		dst[n - 1] = (char)(high << 4 | low);
		i += 2;
	}
	dst[n] = '\0';
	return n > 0 && i == len;
}

static bool
http_match(struct request *rq, const char *pattern, const char *path)
{
	size_t n, m;

	while (*pattern == '/' && *path == '/') {
		n = strcspn(++pattern, "/");
		m = strcspn(++path, "/");
		if (n == 4 && strncmp(pattern, "{id}", n) == 0) {
			if (!http_capture(rq->id, sizeof(rq->id), path, m))
				return false;
		} else if (n == 7 && strncmp(pattern, "{cmdID}", n) == 0) {
			if (!http_capture(rq->command_id,
				sizeof(rq->command_id), path, m))
				return false;
		} else if (n == 6 && strncmp(pattern, "{port}", n) == 0) {
			if (!http_capture(rq->place, sizeof(rq->place), path,
				m))
				return false;
		} else if (n != m || strncmp(pattern, path, n) != 0)
			return false;
		pattern += n;
		path += m;
	}
	return *pattern == '\0' && *path == '\0';
}

static void
http_dispatch(struct request *rq, const char *path)
{
	struct evkeyvalq *out = evhttp_request_get_output_headers(rq->ev);
	char allow[128];
	size_t i, len = 0;

	allow[0] = '\0';
	for (i = 0; i < NROUTES; i++) {
		if (!http_match(rq, routes[i].pattern, path))
			continue;
		if (evhttp_request_get_command(rq->ev) == routes[i].method) {
			if (routes[i].body == NOBODY &&
			    evbuffer_get_length(
				evhttp_request_get_input_buffer(rq->ev)) > 0)
				http_error(rq, 400, "this route takes no body");
			else
				routes[i].handler(rq);
			return;
		}
		len = strlen(allow);
		snprintf(allow + len, sizeof(allow) - len, "%s%s",
		    len > 0 ? ", " : "", routes[i].method_name);
	}
	if (allow[0] == '\0') {
		http_error(rq, 404, "no such route");
		return;
	}
	evhttp_add_header(out, "Allow", allow);
	http_error(rq, 405, "method not allowed");
}

/* "localhost", "127.0.0.1" or "[::1]", with or without a port. */
static bool
http_host_is_loopback(const char *host)
{
	static const char *const names[] = { "localhost", "127.0.0.1",
		"[::1]" };
	size_t i, n;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		n = strlen(names[i]);
		if (strncasecmp(host, names[i], n) != 0)
			continue;
		host += n;
		if (*host == ':')
			host += 1 + strspn(host + 1, "0123456789");
		return *host == '\0';
	}
	return false;
}

/* Clients of WebSockets that are no browser say where they connect to, too; no
 * page comes from here, so none has this origin. */
static bool
http_is_own_origin(struct evkeyvalq *in, const char *origin)
{
	const char *host = evhttp_find_header(in, "Host");
	const char *upgrade = evhttp_find_header(in, "Upgrade");

	return host != NULL && upgrade != NULL &&
	    strcasecmp(upgrade, "websocket") == 0 &&
	    strncasecmp(origin, "http://", 7) == 0 &&
	    strcasecmp(origin + 7, host) == 0;
}

/*
 * A page in a browser can make requests to loopback: directly, with an Origin
 * header, or under a name of its own that was made to resolve to loopback.
 */
static bool
http_is_from_browser(struct request *rq)
{
	struct evkeyvalq *in = evhttp_request_get_input_headers(rq->ev);
	struct evkeyval *kv;

	TAILQ_FOREACH(kv, in, next) {
		if (strcasecmp(kv->key, "Origin") == 0 &&
		    !http_is_own_origin(in, kv->value))
			return true;
		if (strcasecmp(kv->key, "Host") == 0 &&
		    !http_host_is_loopback(kv->value))
			return true;
	}
	return false;
}

static bool
http_is_welcome(struct request *rq)
{
	if (rq->tcp && http_is_from_browser(rq)) {
		http_error(rq, 403, "not a request of a local program");
		return false;
	}
	if (ident_request(rq) == -1) {
		http_error(rq, 403, "the client's user cannot be found out");
		return false;
	}
	if (sessiond.proc.mode == MODE_USER && rq->uid != sessiond.proc.uid) {
		http_error(rq, 403, "this server is another user's");
		return false;
	}
	return true;
}

static void
http_request_cb(struct evhttp_request *ev, void *arg)
{
	struct evhttp_connection *con = evhttp_request_get_connection(ev);
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(ev);
	const char *path;
	struct request *rq;
	bool fits;

	rq = calloc(1, sizeof(*rq));
	if (rq == NULL) {
		evhttp_send_error(ev, 503, NULL);
		return;
	}
	rq->ev = ev;
	rq->listener = arg;
	rq->tcp = rq->listener->tcp;
	rq->fd = bufferevent_getfd(evhttp_connection_get_bufferevent(con));
	fits = conns_request(rq->fd, evhttp_connection_get_bufferevent(con),
	    evbuffer_get_length(evhttp_request_get_input_buffer(ev)));
	path = uri == NULL ? NULL : evhttp_uri_get_path(uri);
	if (path == NULL || evhttp_uri_get_host(uri) != NULL) {
		http_error(rq, 400, "malformed request");
		return;
	}
	log_trace(LOG_HTTP, "request %s", path);
	if (!http_is_welcome(rq))
		return;
	if (fits)
		http_dispatch(rq, path);
	else
		http_error(rq, 429, "%s", SHARE_TEXT);
}

/* evhttp drops the connection; the request goes with it. */
static void
http_close_cb(struct evhttp_connection *con, void *arg)
{
	struct request *rq = arg;
	void (*cancel)(struct request *, void *) = rq->cancel;

	(void)con;
	rq->cancel = NULL;
	if (cancel != NULL)
		cancel(rq, rq->arg);
	if (rq->gone != NULL)
		event_free(rq->gone);
	free(rq);
}

static void
http_gone_cb(evutil_socket_t fd, short what, void *arg)
{
	struct request *rq = arg;

	(void)fd;
	(void)what;
	/* calls http_close_cb */
	evhttp_connection_free(evhttp_request_get_connection(rq->ev));
}

void
http_wait(struct request *rq, void (*cancel)(struct request *, void *),
    void *arg)
{
	struct evhttp_connection *con = evhttp_request_get_connection(rq->ev);

	rq->cancel = cancel;
	rq->arg = arg;
	if (rq->gone != NULL)
		return;
	evhttp_connection_set_closecb(con, http_close_cb, rq);
	/* evhttp does not read while a request is worked on */
	rq->gone = event_new(sessiond.base, rq->fd, EV_CLOSED, http_gone_cb,
	    rq);
	if (rq->gone == NULL || event_add(rq->gone, NULL) == -1)
		log_warnx(
		    "cannot watch a client: a lost one will be noticed late");
}

void
http_hangup(struct request *rq)
{
	conns_reply(rq->fd);
	/* calls http_close_cb */
	evhttp_connection_free(evhttp_request_get_connection(rq->ev));
}

static void
http_pause(bool pause)
{
	size_t i;

	http_paused = pause;
	for (i = 0; i < nlisteners; i++) {
		if (pause)
			evconnlistener_disable(listeners[i].lev);
		else
			evconnlistener_enable(listeners[i].lev);
	}
}

static void
http_retry_cb(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;

	(void)fd;
	(void)what;
	if (!http_paused)
		evconnlistener_enable(l->lev);
}

/* Out of descriptors, most likely: the loop must not spin on accept(2). */
static void
http_accept_error_cb(struct evconnlistener *lev, void *arg)
{
	size_t i;

	(void)arg;
	log_warn("accept");
	for (i = 0; i < nlisteners; i++) {
		if (listeners[i].lev != lev)
			continue;
		evconnlistener_disable(lev);
		set_timer(listeners[i].retry, HTTP_RETRY_MS);
	}
}

static void
http_listen(int fd, bool tcp)
{
	struct listener *l = &listeners[nlisteners++];
	struct evhttp_bound_socket *bound;
	struct timeval tv = clock_timeval(sessiond.proc.conf.http_timeout_ms);

	l->tcp = tcp;
	l->http = evhttp_new(sessiond.base);
	l->retry = evtimer_new(sessiond.base, http_retry_cb, l);
	if (l->http == NULL || l->retry == NULL)
		fatalx("out of memory");
	evhttp_set_timeout_tv(l->http, &tv);
	evhttp_set_max_headers_size(l->http, HTTP_HEADERS_MAX);
	evhttp_set_max_body_size(l->http,
	    (ev_ssize_t)sessiond.proc.conf.http_max_body);
	/* all, so that a wrong one gets our 405 */
	evhttp_set_allowed_methods(l->http,
	    EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
		EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS |
		EVHTTP_REQ_TRACE | EVHTTP_REQ_PATCH);
	evhttp_set_bevcb(l->http, conns_new, NULL);
	evhttp_set_gencb(l->http, http_request_cb, l);
	bound = evhttp_accept_socket_with_handle(l->http, fd);
	if (bound == NULL)
		fatalx("cannot accept clients");
	l->lev = evhttp_bound_socket_get_listener(bound);
	evconnlistener_set_error_cb(l->lev, http_accept_error_cb);
}

/* Opens the listeners; requests are answered from now on. */
void
http_start(void)
{
	conns_start((size_t)sessiond.proc.conf.http_max_conns, http_pause);
	if (sessiond.proc.listen_fd != -1)
		http_listen(sessiond.proc.listen_fd, false);
	if (sessiond.tcp_fd != -1)
		http_listen(sessiond.tcp_fd, true);
}

void
http_stop(void)
{
	size_t i;

	for (i = 0; i < nlisteners; i++) {
		evhttp_free(listeners[i].http);
		event_free(listeners[i].retry);
	}
	nlisteners = 0;
	conns_stop();
}
