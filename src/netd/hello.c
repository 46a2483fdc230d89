/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ClientHello, RFC 8446 4.1.2. OpenSSL is a server that never answers: it
 * puts together records and fragments, refuses what a server would refuse, and
 * calls back with the extensions before it does anything else. All bytes are
 * from the sandbox.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <string.h>

#include "hello.h"

#define EXT_SNI 0	/* RFC 6066 */
#define EXT_ALPN 16	/* RFC 7301 */
#define EXT_ECH 0xfe0d	/* draft-ietf-tls-esni */
#define EXT_ESNI 0xffce /* what it was before */
#define SNI_HOST_NAME 0 /* the only type there is */

static SSL_CTX *ctx;

int
hello_name(const void *from, size_t len, char name[NET_NAME_MAX + 1])
{
	const unsigned char *p = from;
	size_t i, label = 0;

	name[0] = '\0';
	if (len > 1 && p[len - 1] == '.')
		len--;
	if (len == 0 || len > NET_NAME_MAX)
		return -1;
	for (i = 0; i < len; i++) {
		unsigned char c = p[i];

		if (c >= 'A' && c <= 'Z')
			c |= 0x20;
		if (c == '.' ? label == 0 :
			       !((c >= 'a' && c <= 'z') || c == '_' ||
				   (c >= '0' && c <= '9') || c == '-'))
			break;
		label = c == '.' ? 0 : label + 1;
		if (label > 63)
			break;
		name[i] = (char)c;
	}
	name[i] = '\0';
	if (i == len && label > 0)
		return 0;
	name[0] = '\0';
	return -1;
}

/* One name of a host, no more, no less, and nothing behind it. */
static const char *
read_sni(struct hello *h, const unsigned char *p, size_t len)
{
	size_t n;

	if (len < 5 || (size_t)(p[0] << 8 | p[1]) != len - 2)
		return "malformed SNI";
	n = (size_t)(p[3] << 8 | p[4]);
	if (p[2] != SNI_HOST_NAME || n != len - 5)
		return "ambiguous SNI";
	if (hello_name(p + 5, n, h->sni) == -1)
		return "malformed SNI";
	return NULL;
}

/* For the record alone: what is not printable is left out. */
static const char *
read_alpn(struct hello *h, const unsigned char *p, size_t len)
{
	size_t at, i, n = 0;

	if (len < 2 || (size_t)(p[0] << 8 | p[1]) != len - 2)
		return "malformed ALPN";
	for (at = 2; at < len; at += (size_t)p[at] + 1) {
		if (p[at] == 0 || p[at] >= len - at)
			return "malformed ALPN";
		if (n + p[at] + 2 > sizeof(h->alpn))
			continue;
		if (n > 0)
			h->alpn[n++] = ',';
		for (i = 1; i <= p[at]; i++) {
			if (p[at + i] > ' ' && p[at + i] < 0x7f)
				h->alpn[n++] = (char)p[at + i];
		}
	}
	h->alpn[n] = '\0';
	return NULL;
}

static int
hello_cb(SSL *ssl, int *alert, void *arg)
{
	struct hello *h = SSL_get_app_data(ssl);
	const unsigned char *p;
	size_t len;

	(void)arg;
	h->state = HELLO_DONE;
	if (SSL_client_hello_isv2(ssl))
		h->why = "ClientHello of SSL 2";
	if (h->why == NULL &&
	    SSL_client_hello_get0_ext(ssl, EXT_SNI, &p, &len) == 1)
		h->why = read_sni(h, p, len);
	if (h->why == NULL &&
	    SSL_client_hello_get0_ext(ssl, EXT_ALPN, &p, &len) == 1)
		h->why = read_alpn(h, p, len);
	h->ech = SSL_client_hello_get0_ext(ssl, EXT_ECH, &p, &len) == 1 ||
	    SSL_client_hello_get0_ext(ssl, EXT_ESNI, &p, &len) == 1;
	if (h->why != NULL)
		h->state = HELLO_BAD;
	/* no further: we are not the server */
	*alert = SSL_AD_INTERNAL_ERROR;
	return SSL_CLIENT_HELLO_ERROR;
}

/* OpenSSL tells of extensions that it knows alone. 0 or -1. */
static int
know(unsigned type)
{
	return SSL_CTX_add_custom_ext(ctx, type, SSL_EXT_CLIENT_HELLO, NULL,
		   NULL, NULL, NULL, NULL) == 1 ?
	    0 :
	    -1;
}

int
hello_init(void)
{
	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG |
		    OPENSSL_INIT_NO_ATEXIT,
		NULL) != 1 ||
	    (ctx = SSL_CTX_new(TLS_server_method())) == NULL ||
	    know(EXT_ECH) == -1 || know(EXT_ESNI) == -1)
		return -1;
	SSL_CTX_set_client_hello_cb(ctx, hello_cb, NULL);
	/* old versions are the server's to refuse */
	SSL_CTX_set_security_level(ctx, 0);
	SSL_CTX_set_min_proto_version(ctx, 0);
	SSL_CTX_set_max_cert_list(ctx, HELLO_MAX);
	return 0;
}

int
hello_start(struct hello *h)
{
	BIO *in = NULL, *out = NULL;

	memset(h, 0, sizeof(*h));
	h->ssl = SSL_new(ctx);
	in = BIO_new(BIO_s_mem());
	out = BIO_new(BIO_s_null());
	if (h->ssl == NULL || in == NULL || out == NULL) {
		BIO_free(in);
		BIO_free(out);
		hello_stop(h);
		ERR_clear_error();
		return -1;
	}
	BIO_set_mem_eof_return(in, -1); /* the end of what is there: retry */
	SSL_set_bio(h->ssl, in, out);
	SSL_set_app_data(h->ssl, h);
	SSL_set_accept_state(h->ssl);
	return 0;
}

enum hello_state
hello_feed(struct hello *h, const void *data, size_t len)
{
	int n;

	if (h->state != HELLO_MORE || len == 0)
		return h->state;
	if (h->ssl == NULL || len > HELLO_MAX - h->fed) {
		h->why = "ClientHello too long";
		return h->state = HELLO_BAD;
	}
	h->fed += len;
	if (BIO_write(SSL_get_rbio(h->ssl), data, (int)len) != (int)len) {
		h->why = "out of memory";
		return h->state = HELLO_BAD;
	}
	n = SSL_do_handshake(h->ssl);
	if (h->state == HELLO_MORE &&
	    SSL_get_error(h->ssl, n) != SSL_ERROR_WANT_READ) {
		h->why = "malformed ClientHello";
		h->state = HELLO_BAD;
	}
	ERR_clear_error();
	h->used = h->fed - BIO_ctrl_pending(SSL_get_rbio(h->ssl));
	return h->state;
}

void
hello_stop(struct hello *h)
{
	SSL_free(h->ssl);
	h->ssl = NULL;
}
