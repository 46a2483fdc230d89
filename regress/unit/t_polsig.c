/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures of policies: the vectors of RFC 8032, the files of keys and
 * signatures, times, and what a signature covers.
 */
#include <string.h>
#include <time.h>

#include "polsig.h"
#include "t.h"

static void
unhex(const char *hex, uint8_t *dst)
{
	unsigned v;

	for (; hex[0] != '\0'; hex += 2) {
		sscanf(hex, "%2x", &v);
		*dst++ = (uint8_t)v;
	}
}

/* RFC 8032, 7.1: secret key, public key, message, signature. */
static const char *const vectors[][4] = {
	{ "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
	    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
	    "",
	    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555f"
	    "b8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b" },
	{ "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
	    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
	    "72",
	    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da08"
	    "5ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00" },
	{ "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
	    "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
	    "af82",
	    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18"
	    "ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a" },
};

static void
test_vectors(void)
{
	/* the order of the group, for a second S that some accept */
	static const char order[] =
	    "edd3f55c1a631258d69cf7a2def9de140000000000000000000000000000001"
	    "0";
	uint8_t seed[32], public[32], pub2[32], msg[8], sig[64], sig2[64],
	    l[32];
	size_t i, n, len;
	unsigned carry = 0;

	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		unhex(vectors[i][0], seed);
		unhex(vectors[i][1], public);
		unhex(vectors[i][2], msg);
		unhex(vectors[i][3], sig);
		len = strlen(vectors[i][2]) / 2;
		T(ed25519_public(seed, pub2) == 0 &&
			memcmp(public, pub2, 32) == 0,
		    "vector %zu: public key", i);
		T(ed25519_sign(seed, msg, len, sig2) == 0 &&
			memcmp(sig, sig2, 64) == 0,
		    "vector %zu: signature", i);
		T(ed25519_verify(public, msg, len, sig), "vector %zu: good", i);
		for (n = 0; n < 64; n++) {
			sig[n] ^= 4;
			if (ed25519_verify(public, msg, len, sig))
				break;
			sig[n] ^= 4;
		}
		T(n == 64, "vector %zu: every byte counts", i);
		T(!ed25519_verify(public, "zzz", 3, sig),
		    "vector %zu: another message", i);
	}
	unhex(order, l);
	for (n = 0; n < 32; n++) {
		carry += sig[32 + n] + l[n];
		sig[32 + n] = (uint8_t)carry;
		carry >>= 8;
	}
	T(carry == 0 && !ed25519_verify(public, msg, len, sig),
	    "S of the order and more");
}

static void
test_times(void)
{
	static const char *const bad[] = { "", "2026-01-31",
		"2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
		"2026-01-01T24:00:00Z", "2026-01-01T00:00:60Z",
		"2026-01-01 00:00:00Z", "2026-01-01T00:00:00",
		"2026-01-01T00:00:00z", "2026-01-01T00:00:00+0100",
		"2026-01-01T00:00:00.Z", "2026-01-01T00:00:00Z ",
		"1969-12-31T23:59:59Z", "2100-02-29T00:00:00Z",
		"2026-1-01T00:00:00Z " };
	char text[64];
	int64_t s = 0;
	time_t t;
	size_t i;
	bool same = true;

	T(polsig_time("1970-01-01T00:00:00Z", &s) == 0 && s == 0, "the epoch");
	T(polsig_time("2026-11-25T21:16:04.999+01:30", &s) == 0 &&
		s == 1795635964,
	    "zone and fraction: %lld", (long long)s);
	for (t = 1; t < 250000000000 && same; t = t * 5 / 4 + 86399)
		same = polsig_time_print(t, text, sizeof(text)) == 0 &&
		    polsig_time(text, &s) == 0 && s == t;
	T(same, "as the C library has it, up to %s", text);
	T(polsig_time("2000-02-29T00:00:00Z", &s) == 0 && s == 951782400,
	    "leap century");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		T(polsig_time(bad[i], &s) == -1, "no time: \"%s\"", bad[i]);
}

static struct polkey key;

static void
test_keys(void)
{
	/* of vector 0, id by sha256sum */
	static const char id[] = "21fe31dfa154a261626bf854046fd2271b7bed4b6ab"
				 "e45aa58877ef47f9721b9";
	static const struct {
		const char *from, *to, *why;
	} bad[] = {
		{ "ed25519", "rsa", "the algorithm is not ed25519" },
		{ "21fe", "21ff", "key_id is not the SHA-256 of the key" },
		{ "URo=", "URo", "public_key is not 32 bytes in base64" },
		{ "URo=", "URp=", "public_key is not 32 bytes in base64" },
		{ "URo=", "UR==", "public_key is not 32 bytes in base64" },
		{ "URo=", "URoA", "public_key is not 32 bytes in base64" },
		{ "public_key", "private_key",
		    "private_key is not 64 bytes in base64" },
		{ "\"label\"", "\"lable\"", "unknown field \"lable\"" },
		{ "2026-11", "2026-31",
		    "trusted_since is no time, write 2026-01-31T12:00:00Z" },
		{ "Ops", "O\\u0000s", "field \"label\" holds a NUL" },
		{ "Ops", "O\\ns", "the label has control characters" },
		{ "\"label\": \"Ops\"",
		    "\"private_key\": \"\", \"label\": \"Ops\"",
		    "has to have either public_key or private_key" },
	};
	char *text, *at, other[2048], err[512];
	struct polkey k;
	size_t i;

	unhex(vectors[0][0], key.seed);
	ed25519_public(key.seed, key.public);
	T(polsig_sha256(key.public, 32, key.id) == 0 && strcmp(key.id, id) == 0,
	    "id: %s", key.id);
	snprintf(key.label, sizeof(key.label), "Ops");
	snprintf(key.since, sizeof(key.since), "2026-11-25T00:00:00Z");
	polsig_time(key.since, &key.since_s);
	key.expires_s = INT64_MAX;
	text = polkey_print(&key, true);
	T(polkey_parse(text, strlen(text), &k, err, sizeof(err)) == 0 &&
		k.has_seed && memcmp(k.seed, key.seed, 32) == 0 &&
		strcmp(k.since, key.since) == 0,
	    "private key");
	at = strstr(text, "private_key\": \"");
	at[20] ^= 1;
	T(polkey_parse(text, strlen(text), &k, err, sizeof(err)) == -1 &&
		strstr(err, "do not belong together") != NULL,
	    "halves: %s", err);
	free(text);
	text = polkey_print(&key, false);
	T(polkey_parse(text, strlen(text), &k, err, sizeof(err)) == 0 &&
		!k.has_seed && memcmp(k.public, key.public, 32) == 0 &&
		k.expires_s == INT64_MAX,
	    "public key");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		at = strstr(text, bad[i].from);
		snprintf(other, sizeof(other), "%.*s%s%s",
		    at == NULL ? 0 : (int)(at - text), text, bad[i].to,
		    at == NULL ? "" : at + strlen(bad[i].from));
		T(at != NULL &&
			polkey_parse(other, strlen(other), &k, err,
			    sizeof(err)) == -1 &&
			strcmp(err, bad[i].why) == 0,
		    "refused: %s", err);
	}
	for (i = 0; i + 1 < strlen(text); i++) {
		if (polkey_parse(text, i, &k, err, sizeof(err)) == 0)
			break;
	}
	T(i + 1 == strlen(text), "no part of it is a key");
	free(text);
}

static const char policy[] = "version: 1\nname: p\n";

static enum polsig_status
check(const struct polsig *s, const char *name, const char *text, int64_t now)
{
	char err[512];

	return polsig_check(s, &key, name, text, strlen(text), now, err,
	    sizeof(err));
}

static void
test_signatures(void)
{
	struct polsig s = { .policy = "p", .signer = "me" }, t;
	char err[512], *text, other[2048];
	struct buf b;
	int64_t now = 0;
	size_t i;

	memcpy(s.key_id, key.id, sizeof(s.key_id));
	snprintf(s.signed_at, sizeof(s.signed_at), "2026-12-01T00:00:00Z");
	polsig_time(s.signed_at, &s.signed_s);
	now = s.signed_s;
	polsig_message(&s, policy, strlen(policy), &b);
	T(memchr(b.data, 0, b.len) != NULL, "what is signed is no YAML");
	ed25519_sign(key.seed, b.data, b.len, s.signature);
	buf_free(&b);
	text = polsig_print(&s);
	T(polsig_parse(text, strlen(text), &t, err, sizeof(err)) == POLSIG_OK &&
		memcmp(&s, &t, sizeof(s)) == 0,
	    "prints and parses");
	T(check(&t, "p", policy, now) == POLSIG_OK, "good");
	T(check(&t, "q", policy, now) == POLSIG_NAME, "another name");
	T(check(&t, "p", "version: 1\nname: P\n", now) == POLSIG_INVALID,
	    "another text");
	T(check(&t, "p", policy, now - POLSIG_SLACK) == POLSIG_OK,
	    "a clock that is a bit slow");
	T(check(&t, "p", policy, now - POLSIG_SLACK - 1) == POLSIG_TIME,
	    "in the future");
	key.expires_s = now;
	T(check(&t, "p", policy, now - 1) == POLSIG_OK, "a second before");
	T(check(&t, "p", policy, now) == POLSIG_EXPIRED, "expired");
	key.expires_s = INT64_MAX;
	key.since_s = now + POLSIG_SLACK + 1;
	T(check(&t, "p", policy, now) == POLSIG_TIME, "before the key");
	key.since_s = 0;
	t = s;
	t.policy[0] = 'q';
	T(check(&t, "q", policy, now) == POLSIG_INVALID, "name is covered");
	t = s;
	t.signer[0] = 'M';
	T(check(&t, "p", policy, now) == POLSIG_INVALID, "signer is covered");
	t = s;
	t.signed_at[3] = '5';
	T(check(&t, "p", policy, now) == POLSIG_INVALID, "time is covered");
	t = s;
	t.key_id[0] ^= 1;
	T(check(&t, "p", policy, now) == POLSIG_INVALID, "key id is covered");
	for (i = 0; i + 1 < strlen(text); i++) {
		if (polsig_parse(text, i, &t, err, sizeof(err)) == POLSIG_OK)
			break;
	}
	T(i + 1 == strlen(text), "no part of it is a signature");
	snprintf(other, sizeof(other), "%s x", text);
	T(polsig_parse(other, strlen(other), &t, err, sizeof(err)) ==
		POLSIG_MALFORMED,
	    "more than it: %s", err);
	snprintf(other, sizeof(other), "%.*s1%s", 15, text, text + 16);
	T(polsig_parse(other, strlen(other), &t, err, sizeof(err)) ==
		POLSIG_OLD,
	    "version 1: %s", err);
	snprintf(other, sizeof(other), "%.*s,\"cert_chain\":[]}",
	    (int)strlen(text) - 3, text);
	T(polsig_parse(other, strlen(other), &t, err, sizeof(err)) == POLSIG_OK,
	    "an empty chain: %s", err);
	snprintf(other, sizeof(other), "%.*s,\"cert_chain\":[\"x\"]}",
	    (int)strlen(text) - 3, text);
	T(polsig_parse(other, strlen(other), &t, err, sizeof(err)) ==
		POLSIG_CERT_CHAIN,
	    "a chain: %s", err);
	memset(&t, 0, sizeof(t));
	T(check(&t, "", policy, now) == POLSIG_INVALID, "nothing at all");
	T(strcmp(polsig_status_word(POLSIG_STATUS_MAX), "invalid_signature") ==
		0,
	    "a status that is none");
	free(text);
}

int
main(void)
{
	test_vectors();
	test_times();
	test_keys();
	test_signatures();
	return done_testing();
}
