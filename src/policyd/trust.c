/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Says no to policies that nobody vouches for. What was read of the policy is
 * judged, whoever could write the file meanwhile; manifest and trust store
 * must belong to who runs agentshd, and to nobody else.
 */
#include <sys/stat.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "conf.h"
#include "log.h"
#include "polstore.h"
#include "trust.h"
#include "vis.h"

#define MANIFEST_MAX (256 * 1024)

static int __attribute__((format(printf, 4, 5)))
refuse(struct aerr *e, int http, const char *name, const char *fmt, ...)
{
	char why[AGENTSH_TEXT_MAX - AGENTSH_NAME_MAX - 16];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	e->http = http;
	snprintf(e->code, sizeof(e->code), "%s",
	    http == 403 ? "E_POLICY_DENIED" : "E_INTERNAL");
	snprintf(e->message, sizeof(e->message), "policy %s: %s", name, why);
	log_warnx("%s", e->message);
	return -1;
}

void
trust_start(const struct proc *p)
{
	/* RFC 8032, 7.1, TEST 1 */
	static const uint8_t public[ED25519_PUBLIC] = { 0xd7, 0x5a, 0x98, 0x01,
		0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64,
		0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25,
		0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a };
	static const uint8_t signature[ED25519_SIGNATURE] = { 0xe5, 0x56, 0x43,
		0x00, 0xc3, 0x60, 0xac, 0x72, 0x90, 0x86, 0xe2, 0xcc, 0x80,
		0x6e, 0x82, 0x8a, 0x84, 0x87, 0x7f, 0x1e, 0xb8, 0xe5, 0xd9,
		0x74, 0xd8, 0x73, 0xe0, 0x65, 0x22, 0x49, 0x01, 0x55, 0x5f,
		0xb8, 0x82, 0x15, 0x90, 0xa3, 0x3b, 0xac, 0xc6, 0x1e, 0x39,
		0x70, 0x1c, 0xf9, 0xb4, 0x6b, 0xd2, 0x5b, 0xf5, 0xf0, 0x59,
		0x5b, 0xbe, 0x24, 0x65, 0x51, 0x41, 0x43, 0x8e, 0x7a, 0x10,
		0x0b };
	char hex[POLSIG_ID_LEN + 1];

	if (p->conf.signing_mode == SIGNING_OFF &&
	    p->conf.manifest_path[0] == '\0')
		return;
	if (polsig_init() == -1 || polsig_sha256("", 0, hex) == -1 ||
	    !ed25519_verify(public, "", 0, signature) ||
	    ed25519_verify(public, "x", 1, signature))
		fatalx("libcrypto cannot verify Ed25519 signatures");
}

int
trust_allows(const struct proc *p, const char *name, struct aerr *e)
{
	const char *allowed = p->conf.policies_allowed;

	if (allowed[0] == '\0' || conf_names_have(allowed, name))
		return 0;
	return refuse(e, 403, name, "is not one of policies.allowed");
}

/* Who must own what is believed: as policyd sees it in its user namespace. */
static uid_t
owner(const struct proc *p)
{
	return p->mode == MODE_SERVICE ? 0 : p->uid;
}

/*
 * The line of a manifest, "DIGEST  FILE" as of sha256sum(1), that is about
 * file: 1 and its digest, 0 none, -1 a line that is no line of a manifest.
 */
static int
manifest_find(const char *text, size_t len, const char *file, const char **hex,
    unsigned *line)
{
	const char *p = text, *end = text + len, *nl;
	size_t n, flen = strlen(file);
	int found = 0;

	for (*line = 1; p < end; p = nl + 1, ++*line) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (nl == NULL)
			nl = end;
		n = (size_t)(nl - p);
		if (n == 0 || *p == '#')
			continue;
		if (n < POLSIG_ID_LEN + 3 || p[POLSIG_ID_LEN] != ' ' ||
		    (p[POLSIG_ID_LEN + 1] != ' ' &&
			p[POLSIG_ID_LEN + 1] != '*') ||
		    memchr(p, '\0', n) != NULL ||
		    strspn(p, "0123456789abcdef") != POLSIG_ID_LEN)
			return -1;
		if (n - POLSIG_ID_LEN - 2 != flen ||
		    memcmp(p + POLSIG_ID_LEN + 2, file, flen) != 0)
			continue;
		/* of two lines for one file either could be meant */
		if (found)
			return -1;
		found = 1;
		*hex = p;
	}
	return found;
}

static int
check_manifest(const struct proc *p, const char *name, const char *file,
    const uint8_t *policy, size_t len, struct aerr *e)
{
	const struct polstore like = { .owner = owner(p) };
	const char *path = p->conf.manifest_path, *hex = NULL, *why;
	char err[256], digest[POLSIG_ID_LEN + 1], *text;
	unsigned line = 0;
	struct stat st;
	size_t n;
	int ret, errnum;

	text = malloc(MANIFEST_MAX + 1);
	if (text == NULL || polsig_sha256(policy, len, digest) == -1) {
		free(text);
		return refuse(e, 500, name, "out of memory");
	}
	if (polstore_read(p->dir_fd[DIR_MANIFEST], strrchr(path, '/') + 1, text,
		MANIFEST_MAX, &n, &st, &errnum, err, sizeof(err)) == -1) {
		ret = refuse(e, 500, name, "manifest %.300s: %s", path, err);
		free(text);
		return ret;
	}
	text[n] = '\0';
	why = polstore_mode_error(&like, &st);
	ret = why == NULL ? manifest_find(text, n, file, &hex, &line) : 0;
	if (why != NULL)
		ret = refuse(e, 500, name, "manifest %.300s %s", path, why);
	else if (ret == -1)
		ret = refuse(e, 500, name,
		    "manifest %.300s: line %u is not \"SHA-256  FILE\" of a "
		    "file not named before",
		    path, line);
	else if (ret == 0)
		ret = refuse(e, 403, name, "%s is not in the manifest %.300s",
		    file, path);
	else if (strncmp(hex, digest, POLSIG_ID_LEN) != 0)
		ret = refuse(e, 403, name,
		    "%s is not the file of the manifest %.300s: its SHA-256 is "
		    "%s",
		    file, path, digest);
	else
		ret = 0;
	free(text);
	return ret;
}

/* What to do about it. */
static const char *
advice(enum polsig_status s)
{
	switch (s) {
	case POLSIG_STORE:
		return "no signature counts until this is put right";
	case POLSIG_UNKNOWN_KEY:
		return "sign it with a key that is there, or add this one if "
		       "you trust it";
	case POLSIG_EXPIRED:
	case POLSIG_REVOKED:
		return "sign the policy with another key";
	case POLSIG_WITHDRAWN:
		return "use another version of the policy";
	default:
		return "look at the policy and sign it: agentsh policy sign";
	}
}

static int
check_signature(const struct proc *p, int dir, const char *name,
    const char *file, const uint8_t *text, size_t len, char *warning,
    struct aerr *e)
{
	const struct polstore store = { .fd = p->dir_fd[DIR_TRUST],
		.path = p->conf.trust_store,
		.owner = owner(p) };
	char sigfile[AGENTSH_NAME_MAX + 16];
	enum polsig_status status;
	struct polreport r;

	snprintf(sigfile, sizeof(sigfile), "%s.sig", file);
	status = polstore_check(&store, dir, sigfile, name, text, len,
	    clock_epoch_s(), &r);
	if (status == POLSIG_OK) {
		log_debug("policy %s: signed %s by \"%s\", key %s (%s)", name,
		    r.sig.signed_at, r.sig.signer, r.sig.key_id, r.label);
		return 0;
	}
	if (p->conf.signing_mode == SIGNING_WARN) {
		snprintf(warning, AGENTSH_TEXT_MAX, "%s: %.900s",
		    polsig_status_word(status), r.why);
		log_warnx("policy %s is used though its signature is not good "
			  "(policies.signing.mode: warn): %s",
		    name, warning);
		return 0;
	}
	return refuse(e, status == POLSIG_STORE ? 500 : 403, name,
	    "%s: %.700s; %s", polsig_status_word(status), r.why,
	    advice(status));
}

int
trust_check(const struct proc *p, int dir, const char *name, const char *file,
    const uint8_t *text, size_t len, char *warning, struct aerr *e)
{
	warning[0] = '\0';
	if (p->conf.manifest_path[0] != '\0' &&
	    check_manifest(p, name, file, text, len, e) == -1)
		return -1;
	if (p->conf.signing_mode == SIGNING_OFF)
		return 0;
	return check_signature(p, dir, name, file, text, len, warning, e);
}
