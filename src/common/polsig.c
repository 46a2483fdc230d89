/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of keys and signatures. They are JSON of unknown origin: a field
 * that is not known, there twice or of another type is refused, and whatever
 * is not plainly right is wrong.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "path.h"
#include "polsig.h"

/* It ends in a NUL, which no policy has: what is signed is no policy, and no
 * signature over a policy alone is one of these. */
static const char prefix[] = "agentsh policy signature 2";

struct keyfile {
	char *key_id;
	char *algorithm;
	char *public;
	char *private;
	char *label;
	char *created_at;
	char *trusted_since;
	char *expires_at;
};

#define FIELD(type, max, flags, st, key, member)                               \
	{                                                                      \
		key, JSON_##type, offsetof(struct st, member), max, flags      \
	}

static const struct json_field key_fields[] = {
	FIELD(STRING, 64, JSON_REQUIRED, keyfile, "key_id", key_id),
	FIELD(STRING, 16, JSON_REQUIRED, keyfile, "algorithm", algorithm),
	FIELD(STRING, 256, 0, keyfile, "public_key", public),
	FIELD(STRING, 256, 0, keyfile, "private_key", private),
	FIELD(STRING, POLSIG_TEXT_MAX, 0, keyfile, "label", label),
	FIELD(STRING, POLSIG_TIME_MAX, 0, keyfile, "created_at", created_at),
	FIELD(STRING, POLSIG_TIME_MAX, 0, keyfile, "trusted_since",
	    trusted_since),
	FIELD(STRING, POLSIG_TIME_MAX, 0, keyfile, "expires_at", expires_at),
};

struct sigfile {
	uint64_t version;
	char *algorithm;
	char *policy;
	char *key_id;
	char *signer;
	char *signed_at;
	char *signature;
	struct json_list chain;
};

static const struct json_field sig_fields[] = {
	FIELD(UINT, 0, JSON_REQUIRED, sigfile, "version", version),
	FIELD(STRING, 16, JSON_REQUIRED, sigfile, "algorithm", algorithm),
	FIELD(STRING, AGENTSH_NAME_MAX, 0, sigfile, "policy", policy),
	FIELD(STRING, 64, JSON_REQUIRED, sigfile, "key_id", key_id),
	FIELD(STRING, POLSIG_TEXT_MAX, 0, sigfile, "signer", signer),
	FIELD(STRING, POLSIG_TIME_MAX, JSON_REQUIRED, sigfile, "signed_at",
	    signed_at),
	FIELD(STRING, 256, JSON_REQUIRED, sigfile, "signature", signature),
	FIELD(LIST, POLSIG_MAX_BYTES, 0, sigfile, "cert_chain", chain),
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int __attribute__((format(printf, 3, 4)))
wrong(char *err, size_t errlen, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, errlen, fmt, ap);
	va_end(ap);
	return -1;
}

const char *
polsig_status_word(enum polsig_status s)
{
	/* clang-format off */
	static const char *const words[] = {
#define X(id, word) word,
		POLSIG_STATUSES
#undef X
	};
	/* clang-format on */

	return s < POLSIG_STATUS_MAX ? words[s] : words[POLSIG_INVALID];
}

/* A time of a key file that may be absent. */
static int
key_time(const char *name, const char *from, char *text, int64_t *seconds,
    char *err, size_t errlen)
{
	if (from == NULL)
		return 0;
	if (polsig_time(from, seconds) == -1)
		return wrong(err, errlen,
		    "%s is no time, write 2026-01-31T12:00:00Z", name);
	snprintf(text, POLSIG_TIME_MAX + 1, "%s", from);
	return 0;
}

static int
key_bytes(const struct keyfile *f, struct polkey *k, char *err, size_t errlen)
{
	uint8_t both[ED25519_SEED + ED25519_PUBLIC];
	int ret = -1;

	if ((f->public != NULL) == (f->private != NULL))
		return wrong(err, errlen,
		    "has to have either public_key or private_key");
	if (f->public != NULL) {
		if (polsig_bytes64(f->public, k->public, sizeof(k->public)) ==
		    0)
			return 0;
		return wrong(err, errlen,
		    "public_key is not 32 bytes in base64");
	}
	if (polsig_bytes64(f->private, both, sizeof(both)) == -1) {
		wrong(err, errlen, "private_key is not 64 bytes in base64");
	} else if (ed25519_public(both, k->public) == -1 ||
	    memcmp(k->public, both + ED25519_SEED, ED25519_PUBLIC) != 0) {
		wrong(err, errlen,
		    "the two halves of private_key do not belong together");
	} else {
		memcpy(k->seed, both, ED25519_SEED);
		k->has_seed = true;
		ret = 0;
	}
	explicit_bzero(both, sizeof(both));
	return ret;
}

static int
key_fill(const struct keyfile *f, struct polkey *k, char *err, size_t errlen)
{
	const char *since = f->trusted_since;
	char id[POLSIG_ID_LEN + 1];

	if (strcmp(f->algorithm, "ed25519") != 0)
		return wrong(err, errlen, "the algorithm is not ed25519");
	if (f->label != NULL && !polsig_text_is_valid(f->label))
		return wrong(err, errlen, "the label has control characters");
	if (since == NULL)
		since = f->created_at;
	k->expires_s = INT64_MAX;
	if (key_bytes(f, k, err, errlen) == -1 ||
	    key_time(f->trusted_since != NULL ? "trusted_since" : "created_at",
		since, k->since, &k->since_s, err, errlen) == -1 ||
	    key_time("expires_at", f->expires_at, k->expires, &k->expires_s,
		err, errlen) == -1)
		return -1;
	if (polsig_sha256(k->public, ED25519_PUBLIC, id) == -1)
		return wrong(err, errlen, "SHA-256 failed");
	if (strcmp(f->key_id, id) != 0)
		return wrong(err, errlen,
		    "key_id is not the SHA-256 of the key");
	memcpy(k->id, id, sizeof(k->id));
	snprintf(k->label, sizeof(k->label), "%s",
	    f->label != NULL ? f->label : "");
	return 0;
}

int
polkey_parse(const void *text, size_t len, struct polkey *k, char *err,
    size_t errlen)
{
	struct keyfile f = { 0 };
	int ret = -1;

	memset(k, 0, sizeof(*k));
	if (len > POLSIG_MAX_BYTES)
		return wrong(err, errlen, "larger than %d bytes",
		    POLSIG_MAX_BYTES);
	if (json_decode(key_fields, COUNT(key_fields), text, len, &f, err,
		errlen) == 0)
		ret = key_fill(&f, k, err, errlen);
	if (f.private != NULL)
		explicit_bzero(f.private, strlen(f.private));
	json_release(key_fields, COUNT(key_fields), &f);
	if (ret == -1)
		polkey_forget(k);
	return ret;
}

static enum polsig_status
sig_fill(const struct sigfile *f, struct polsig *s, char *err, size_t errlen)
{
	if (f->version != POLSIG_VERSION) {
		/* version 1 covers neither name nor signer nor time */
		wrong(err, errlen,
		    "version %" PRIu64 " is not supported: sign it again with "
		    "agentsh policy sign",
		    f->version);
		return POLSIG_OLD;
	}
	if (f->chain.n > 0) {
		wrong(err, errlen, "cert_chain is not supported");
		return POLSIG_CERT_CHAIN;
	}
	if (strcmp(f->algorithm, "ed25519") != 0)
		wrong(err, errlen, "the algorithm is not ed25519");
	else if (f->policy == NULL || !policy_name_is_valid(f->policy))
		wrong(err, errlen, "policy is no name of a policy");
	else if (!polsig_id_is_valid(f->key_id))
		wrong(err, errlen, "key_id is not 64 hexadecimal digits");
	else if (f->signer != NULL && !polsig_text_is_valid(f->signer))
		wrong(err, errlen, "the signer has control characters");
	else if (polsig_time(f->signed_at, &s->signed_s) == -1)
		wrong(err, errlen, "signed_at is no time");
	else if (polsig_bytes64(f->signature, s->signature,
		     ED25519_SIGNATURE) == -1)
		wrong(err, errlen, "signature is not 64 bytes in base64");
	else {
		snprintf(s->policy, sizeof(s->policy), "%s", f->policy);
		snprintf(s->key_id, sizeof(s->key_id), "%s", f->key_id);
		snprintf(s->signed_at, sizeof(s->signed_at), "%s",
		    f->signed_at);
		snprintf(s->signer, sizeof(s->signer), "%s",
		    f->signer != NULL ? f->signer : "");
		return POLSIG_OK;
	}
	return POLSIG_MALFORMED;
}

enum polsig_status
polsig_parse(const void *text, size_t len, struct polsig *s, char *err,
    size_t errlen)
{
	struct sigfile f = { 0 };
	enum polsig_status ret = POLSIG_MALFORMED;

	memset(s, 0, sizeof(*s));
	if (len > POLSIG_MAX_BYTES)
		wrong(err, errlen, "larger than %d bytes", POLSIG_MAX_BYTES);
	else if (json_decode(sig_fields, COUNT(sig_fields), text, len, &f, err,
		     errlen) == 0)
		ret = sig_fill(&f, s, err, errlen);
	json_release(sig_fields, COUNT(sig_fields), &f);
	return ret;
}

int
polsig_message(const struct polsig *s, const void *text, size_t len,
    struct buf *b)
{
	char head[1024];
	int n;

	/* one line each: none of the values has a control character */
	n = snprintf(head, sizeof(head),
	    "policy=%s\nsigner=%s\nkey_id=%s\nsigned_at=%s\nlength=%zu\n\n",
	    s->policy, s->signer, s->key_id, s->signed_at, len);
	buf_init(b, sizeof(prefix) + sizeof(head) + len);
	if (n < 0 || (size_t)n >= sizeof(head))
		return -1;
	buf_put(b, prefix, sizeof(prefix));
	buf_put(b, head, (size_t)n);
	buf_put(b, text, len);
	return b->bad ? -1 : 0;
}

enum polsig_status
polsig_check(const struct polsig *s, const struct polkey *k, const char *name,
    const void *text, size_t len, int64_t now, char *err, size_t errlen)
{
	struct buf b;
	bool good = false;

	if (polsig_message(s, text, len, &b) == 0 &&
	    strcmp(s->key_id, k->id) == 0)
		good = ed25519_verify(k->public, b.data, b.len, s->signature);
	buf_free(&b);
	if (!good) {
		wrong(err, errlen,
		    "the policy or its signature was changed after signing");
		return POLSIG_INVALID;
	}
	if (strcmp(s->policy, name) != 0) {
		wrong(err, errlen, "is the signature of policy %s", s->policy);
		return POLSIG_NAME;
	}
	if (now >= k->expires_s) {
		wrong(err, errlen, "the key has expired (%s)", k->expires);
		return POLSIG_EXPIRED;
	}
	if (s->signed_s > now + POLSIG_SLACK) {
		wrong(err, errlen, "signed in the future (%s)", s->signed_at);
		return POLSIG_TIME;
	}
	if (s->signed_s < k->since_s - POLSIG_SLACK) {
		wrong(err, errlen,
		    "signed (%s) before the key was trusted (%s)", s->signed_at,
		    k->since);
		return POLSIG_TIME;
	}
	return POLSIG_OK;
}

/* The finished text, terminated by a newline. */
static char *
json_finish(yajl_gen g)
{
	const unsigned char *text;
	char *out = NULL;
	size_t len;

	if (yajl_gen_get_buf(g, &text, &len) == yajl_gen_status_ok)
		out = strndup((const char *)text, len);
	yajl_gen_free(g);
	return out;
}

static yajl_gen
json_start(void)
{
	yajl_gen g = json_new();

	if (g == NULL)
		return NULL;
	yajl_gen_config(g, yajl_gen_beautify, 1);
	yajl_gen_config(g, yajl_gen_indent_string, "  ");
	yajl_gen_map_open(g);
	return g;
}

char *
polkey_print(const struct polkey *k, bool private)
{
	uint8_t both[ED25519_SEED + ED25519_PUBLIC];
	yajl_gen g;

	g = json_start();
	if (g == NULL)
		return NULL;
	json_put_str(g, "key_id", k->id);
	json_put_str(g, "algorithm", "ed25519");
	if (private) {
		memcpy(both, k->seed, ED25519_SEED);
		memcpy(both + ED25519_SEED, k->public, ED25519_PUBLIC);
		json_key(g, "private_key");
		json_base64(g, both, sizeof(both));
		explicit_bzero(both, sizeof(both));
	} else {
		json_key(g, "public_key");
		json_base64(g, k->public, ED25519_PUBLIC);
	}
	if (k->label[0] != '\0')
		json_put_str(g, "label", k->label);
	json_put_str(g, private ? "created_at" : "trusted_since", k->since);
	if (!private && k->expires[0] != '\0')
		json_put_str(g, "expires_at", k->expires);
	yajl_gen_map_close(g);
	return json_finish(g);
}

char *
polsig_print(const struct polsig *s)
{
	yajl_gen g = json_start();

	if (g == NULL)
		return NULL;
	json_put_u64(g, "version", POLSIG_VERSION);
	json_put_str(g, "algorithm", "ed25519");
	json_put_str(g, "policy", s->policy);
	json_put_str(g, "key_id", s->key_id);
	if (s->signer[0] != '\0')
		json_put_str(g, "signer", s->signer);
	json_put_str(g, "signed_at", s->signed_at);
	json_key(g, "signature");
	json_base64(g, s->signature, ED25519_SIGNATURE);
	yajl_gen_map_close(g);
	return json_finish(g);
}
