/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traffic for bench/net: the servers, and clients that time what they do.
 *
 *	netio serve ADDR PORT CERT	all of them; CERT has the key as well
 *	netio get ADDR PORT N MIB	N streams at once, MIB of each, by a server
 *	netio put ADDR PORT N MIB	the same, by the client
 *	netio connect ADDR PORT N T	N connections with a request each, T at once
 *	netio keep ADDR PORT T N	N requests on each of T connections
 *	netio tls ADDR PORT N NAME	N handshakes with the server NAME
 *	netio dns ADDR PORT N NAME	N look-ups of NAME; of names in it: .NAME
 *
 * The clients print, in nanoseconds, how long all of it took, and the median of
 * one (get, put: 0). The servers are at PORT (HTTP), the next ones (get, put, TLS),
 * and, of DNS, UDP port 5353; they print "ready".
 */
#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <openssl/ssl.h>

#include <err.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 262144
#define THREADS 64
#define STACK 262144
#define REQUEST "GET / HTTP/1.1\r\nHost: web.bench.test\r\n\r\n"
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhere\n"

static const char *addr_text;
static int first_port, number, size;
static SSL_CTX *tls;
static uint64_t *took; /* of each, in ns */

static uint64_t
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static struct sockaddr_in
address(int port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };

	sin.sin_port = htons((uint16_t)port);
	if (inet_pton(AF_INET, addr_text, &sin.sin_addr) != 1)
		errx(1, "%s: not an address", addr_text);
	return sin;
}

static void
send_all(int fd, const void *data, size_t len)
{
	ssize_t n;

	for (; len > 0; len -= (size_t)n) {
		n = send(fd, data, len, MSG_NOSIGNAL);
		if (n <= 0)
			err(1, "send");
		data = (const char *)data + n;
	}
}

static void
start_thread(void *(*fn)(void *), void *arg, pthread_t *t)
{
	pthread_attr_t attr;
	int error;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	if ((error = pthread_create(t, &attr, fn, arg)) != 0)
		errx(1, "pthread_create: %s", strerror(error));
	pthread_attr_destroy(&attr);
}

/* --- the servers: a thread for each connection */

struct served {
	int fd, kind;
};

static void
serve_http(int fd)
{
	char buf[4096];
	size_t len = 0;
	ssize_t n;

	while ((n = recv(fd, buf + len, sizeof(buf) - 1 - len, 0)) > 0) {
		len += (size_t)n;
		buf[len] = '\0';
		if (strstr(buf, "\r\n\r\n") == NULL)
			continue;
		len = 0;
		if (send(fd, ANSWER, sizeof(ANSWER) - 1, MSG_NOSIGNAL) <= 0)
			return;
	}
}

/* The client says how many MiB it wants, as a line. */
static void
serve_get(int fd, char *block)
{
	char line[16] = "";
	long i, n;

	if (recv(fd, line, sizeof(line) - 1, 0) <= 0)
		return;
	n = atol(line) * (1048576 / BLOCK);
	for (i = 0; i < n; i++) {
		size_t sent = 0;

		while (sent < BLOCK) {
			ssize_t k = send(fd, block + sent, BLOCK - sent,
			    MSG_NOSIGNAL);

			if (k <= 0)
				return;
			sent += (size_t)k;
		}
	}
}

static void *
serve_one(void *arg)
{
	struct served *s = arg;
	char *block = calloc(1, BLOCK);
	SSL *ssl;

	if (block == NULL)
		errx(1, "no memory");
	switch (s->kind) {
	case 0:
		serve_http(s->fd);
		break;
	case 1:
		serve_get(s->fd, block);
		break;
	case 2:
		while (recv(s->fd, block, BLOCK, 0) > 0)
			;
		(void)send(s->fd, "x", 1, MSG_NOSIGNAL);
		break;
	default:
		ssl = SSL_new(tls);
		if (SSL_set_fd(ssl, s->fd) == 1 && SSL_accept(ssl) == 1)
			(void)SSL_read(ssl, block, 1);
		SSL_free(ssl);
		break;
	}
	close(s->fd);
	free(block);
	free(s);
	return NULL;
}

static void *
serve_port(void *arg)
{
	int kind = (int)(intptr_t)arg, on = 1;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in sin = address(first_port + kind);
	struct served *s;
	pthread_t t;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    listen(fd, 4096) == -1)
		err(1, "%s:%d", addr_text, first_port + kind);
	for (;;) {
		if ((s = malloc(sizeof(*s))) == NULL)
			errx(1, "no memory");
		s->kind = kind;
		if ((s->fd = accept(fd, NULL, NULL)) == -1)
			err(1, "accept");
		setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		start_thread(serve_one, s, &t);
		pthread_detach(t);
	}
}

/* Every name has the servers' address. */
static void
serve_dns(void)
{
	static const uint8_t record[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0,
		4 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in sin = address(5353), peer;
	uint8_t q[1500];
	socklen_t plen;
	ssize_t n;
	size_t at;

	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		err(1, "%s:5353", addr_text);
	puts("ready");
	fflush(stdout);
	for (;;) {
		plen = sizeof(peer);
		n = recvfrom(fd, q, 512, 0, (struct sockaddr *)&peer, &plen);
		if (n < 17)
			continue;
		for (at = 12; at < (size_t)n && q[at] != 0; at += q[at] + 1U)
			;
		if (at + 5 > (size_t)n)
			continue;
		/* without what comes after the question */
		memset(q + 6, 0, 6);
		q[2] = 0x81;
		q[3] = 0x80;
		if (q[at + 2] == 1) {
			q[7] = 1;
			memcpy(q + at + 5, record, sizeof(record));
			memcpy(q + at + 5 + sizeof(record), &sin.sin_addr, 4);
			n = (ssize_t)(at + 5 + sizeof(record) + 4);
		} else {
			n = (ssize_t)(at + 5);
		}
		(void)sendto(fd, q, (size_t)n, 0, (struct sockaddr *)&peer,
		    plen);
	}
}

static void
serve(const char *cert)
{
	pthread_t t;
	intptr_t kind;

	tls = SSL_CTX_new(TLS_server_method());
	if (SSL_CTX_use_certificate_file(tls, cert, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_use_PrivateKey_file(tls, cert, SSL_FILETYPE_PEM) != 1)
		errx(1, "%s: no certificate with its key", cert);
	for (kind = 0; kind < 4; kind++)
		start_thread(serve_port, (void *)kind, &t);
	serve_dns();
}

/* --- the clients */

static int
dial(int port)
{
	struct sockaddr_in sin = address(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	if (fd == -1 || connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		err(1, "%s:%d", addr_text, port);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static void
request(int fd)
{
	char buf[256];
	size_t len = 0;
	ssize_t n;

	send_all(fd, REQUEST, sizeof(REQUEST) - 1);
	while (len < sizeof(ANSWER) - 1) {
		if ((n = recv(fd, buf, sizeof(buf), 0)) <= 0)
			errx(1, "no answer");
		len += (size_t)n;
	}
}

static void *
get(void *arg)
{
	char *block = malloc(BLOCK);
	int fd = dial(first_port + 1);
	uint64_t left = (uint64_t)size << 20;
	char line[16];
	ssize_t n;

	(void)arg;
	snprintf(line, sizeof(line), "%d\n", size);
	send_all(fd, line, strlen(line));
	for (; left > 0; left -= (uint64_t)n) {
		if ((n = recv(fd, block, BLOCK, 0)) <= 0)
			errx(1, "ended early");
	}
	close(fd);
	free(block);
	return NULL;
}

static void *
put(void *arg)
{
	char *block = calloc(1, BLOCK), c;
	int i, fd = dial(first_port + 2);

	(void)arg;
	for (i = 0; i < size * (1048576 / BLOCK); i++)
		send_all(fd, block, BLOCK);
	shutdown(fd, SHUT_WR);
	if (recv(fd, &c, 1, 0) != 1)
		errx(1, "not taken");
	close(fd);
	free(block);
	return NULL;
}

/* The arg-th of those at once: number / size connections. */
static void *
connects(void *arg)
{
	struct linger now_gone = { .l_onoff = 1 };
	int i, fd, each = number / size;
	uint64_t *t = took + (intptr_t)arg * each, start;

	for (i = 0; i < each; i++) {
		start = now();
		fd = dial(first_port);
		request(fd);
		t[i] = now() - start;
		/* or its port is taken for a minute, and the next ones look for
		 * a free one among ever fewer */
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now_gone,
		    sizeof(now_gone));
		close(fd);
	}
	return NULL;
}

static void *
keep(void *arg)
{
	uint64_t *t = took + (intptr_t)arg * size, start;
	int i, fd = dial(first_port);

	for (i = 0; i < size; i++) {
		start = now();
		request(fd);
		t[i] = now() - start;
	}
	close(fd);
	return NULL;
}

static void
handshakes(const char *name)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	uint64_t start;
	SSL *ssl;
	int i, fd;

	for (i = 0; i < number; i++) {
		start = now();
		fd = dial(first_port + 3);
		ssl = SSL_new(ctx);
		if (SSL_set_fd(ssl, fd) != 1 ||
		    SSL_set_tlsext_host_name(ssl, name) != 1 ||
		    SSL_connect(ssl) != 1 || SSL_write(ssl, "x", 1) != 1)
			errx(1, "no handshake");
		took[i] = now() - start;
		SSL_free(ssl);
		close(fd);
	}
	SSL_CTX_free(ctx);
}

static size_t
question(uint8_t *q, const char *name, int i)
{
	static const uint8_t head[12] = { 0, 0, 1, 0, 0, 1 };
	char text[128];
	char *label, *rest = text;
	size_t n = 12;

	if (name[0] == '.')
		snprintf(text, sizeof(text), "n%d-%llx%s", i,
		    (unsigned long long)now(), name);
	else
		snprintf(text, sizeof(text), "%s", name);
	memcpy(q, head, sizeof(head));
	q[0] = (uint8_t)(i >> 8);
	q[1] = (uint8_t)i;
	while ((label = strsep(&rest, ".")) != NULL) {
		q[n] = (uint8_t)strlen(label);
		memcpy(q + n + 1, label, q[n]);
		n += q[n] + 1U;
	}
	memcpy(q + n, "\0\0\1\0\1", 5);
	return n + 5;
}

static void
look_ups(const char *name)
{
	struct sockaddr_in sin = address(first_port);
	struct timeval tv = { .tv_sec = 10 };
	int i, fd = socket(AF_INET, SOCK_DGRAM, 0);
	uint8_t q[512], a[1500];
	uint64_t start;
	size_t len;
	ssize_t n;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		err(1, "connect");
	for (i = 0; i < number; i++) {
		len = question(q, name, i);
		start = now();
		if (send(fd, q, len, 0) == -1 ||
		    (n = recv(fd, a, sizeof(a), 0)) < 12 || a[7] == 0)
			errx(1, "%s: no answer", name);
		took[i] = now() - start;
	}
	close(fd);
}

static int
by_time(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* fn n times at once */
static void
at_once(void *(*fn)(void *), int n)
{
	pthread_t t[THREADS];
	intptr_t i;

	if (n > THREADS)
		errx(1, "at most %d at once", THREADS);
	for (i = 0; i < n; i++)
		start_thread(fn, (void *)i, &t[i]);
	for (i = 0; i < n; i++)
		pthread_join(t[i], NULL);
}

int
main(int argc, char *argv[])
{
	size_t count = 0;
	uint64_t start;

	signal(SIGPIPE, SIG_IGN);
	if (argc < 5)
		errx(2, "usage: netio what address port ...");
	addr_text = argv[2];
	first_port = atoi(argv[3]);
	if (strcmp(argv[1], "serve") == 0)
		serve(argv[4]);
	if (argc < 6)
		errx(2, "usage: netio what address port n m");
	number = atoi(argv[4]);
	size = atoi(argv[5]);
	took = calloc((size_t)number * (size_t)(size > 0 ? size : 1) + 1,
	    sizeof(*took));
	if (took == NULL || number < 1)
		errx(1, "no memory");
	start = now();
	if (strcmp(argv[1], "get") == 0) {
		at_once(get, number);
	} else if (strcmp(argv[1], "put") == 0) {
		at_once(put, number);
	} else if (strcmp(argv[1], "connect") == 0 && size > 0) {
		at_once(connects, size);
		count = (size_t)(number / size * size);
	} else if (strcmp(argv[1], "keep") == 0 && size > 0) {
		at_once(keep, number);
		count = (size_t)number * (size_t)size;
	} else if (strcmp(argv[1], "tls") == 0) {
		handshakes(argv[5]);
		count = (size_t)number;
	} else if (strcmp(argv[1], "dns") == 0) {
		look_ups(argv[5]);
		count = (size_t)number;
	} else {
		errx(2, "%s: no such thing", argv[1]);
	}
	start = now() - start;
	qsort(took, count, sizeof(*took), by_time);
	printf("%llu %llu\n", (unsigned long long)start,
	    (unsigned long long)(count > 0 ? took[count / 2] : 0));
	return 0;
}
