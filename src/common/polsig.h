/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and signatures of policies: their files, and whether one is good. A
 * signature covers the policy's name, the signer, the key's id and the time,
 * besides every byte of the policy; agentsh-policy(5) has the format. Which
 * keys are trusted is polstore.h's.
 */
#ifndef POLSIG_H
#define POLSIG_H

#include "agentsh.h"
#include "buf.h"

#define POLSIG_VERSION 2
#define POLSIG_MAX_BYTES 16384 /* of a key, signature or revocation file */
#define POLSIG_TEXT_MAX 128    /* of a label or signer */
#define POLSIG_TIME_MAX 40     /* of a time as text */
#define POLSIG_ID_LEN 64       /* SHA-256 as hexadecimal digits */
#define POLSIG_SLACK 300       /* seconds that two clocks may differ by */

enum {
	ED25519_SEED = 32,
	ED25519_PUBLIC = 32,
	ED25519_SIGNATURE = 64
};

/* clang-format off */
/* What a signature is found to be; 0, what no one has set, is no signature. */
#define POLSIG_STATUSES \
	X(INVALID,      "invalid_signature") \
	X(OK,           "ok") \
	X(MISSING,      "missing_signature") \
	X(MALFORMED,    "malformed_signature") \
	X(OLD,          "unsupported_version") \
	X(CERT_CHAIN,   "unsupported_cert_chain") \
	X(UNKNOWN_KEY,  "unknown_key") \
	X(EXPIRED,      "expired_key") \
	X(REVOKED,      "revoked_key") \
	X(WITHDRAWN,    "revoked_policy") \
	X(NAME,         "name_mismatch") \
	X(TIME,         "invalid_time") \
	X(STORE,        "trust_store_error")

enum polsig_status {
#define X(id, word) POLSIG_##id,
	POLSIG_STATUSES
#undef X
	POLSIG_STATUS_MAX
};
/* clang-format on */

struct polkey {
	char id[POLSIG_ID_LEN + 1];
	char label[POLSIG_TEXT_MAX + 1];
	char since[POLSIG_TIME_MAX + 1];   /* trusted_since or created_at */
	char expires[POLSIG_TIME_MAX + 1]; /* "": never */
	int64_t since_s;		   /* of the epoch */
	int64_t expires_s;		   /* INT64_MAX: never */
	uint8_t public[ED25519_PUBLIC];
	bool has_seed; /* a private key */
	uint8_t seed[ED25519_SEED];
};

struct polsig {
	char policy[AGENTSH_NAME_MAX + 1];
	char key_id[POLSIG_ID_LEN + 1];
	char signer[POLSIG_TEXT_MAX + 1]; /* "": not said */
	char signed_at[POLSIG_TIME_MAX + 1];
	int64_t signed_s; /* of the epoch */
	uint8_t signature[ED25519_SIGNATURE];
};

/* The word of reports in JSON. */
const char *polsig_status_word(enum polsig_status);

/*
 * A key file, public or private: 0, or -1 with the reason in err. The id was
 * compared with the key. polkey_forget wipes it.
 */
int polkey_parse(const void *text, size_t len, struct polkey *, char *err,
    size_t errlen);
void polkey_forget(struct polkey *);
/* A signature file: POLSIG_OK, or what is wrong with it and why in err. */
enum polsig_status polsig_parse(const void *text, size_t len, struct polsig *,
    char *err, size_t errlen);
/*
 * Did this key sign this text under this name, at a time that can be? now is
 * in seconds of the epoch. Says nothing about whether the key is trusted.
 */
enum polsig_status polsig_check(const struct polsig *, const struct polkey *,
    const char *name, const void *text, size_t len, int64_t now, char *err,
    size_t errlen);
/* The bytes that are signed; b is initialised here and the caller's to free. */
int polsig_message(const struct polsig *, const void *text, size_t len,
    struct buf *b);

/* The files as text, the caller's to free; NULL for lack of memory. */
char *polkey_print(const struct polkey *, bool private);
char *polsig_print(const struct polsig *);

/* Exactly len bytes from base64, in the one way that RFC 4648 has to write
 * them; 0 or -1. */
int polsig_bytes64(const char *text, uint8_t *dst, size_t len);
/* RFC 3339 to seconds of the epoch, and back in UTC; 0 or -1. */
int polsig_time(const char *text, int64_t *seconds);
int polsig_time_print(int64_t seconds, char *dst, size_t size);
/* A label or signer: UTF-8 without control characters, not too long. */
bool polsig_text_is_valid(const char *);
bool polsig_id_is_valid(const char *);

/* libcrypto, without its configuration file and whatever that would load. 0
 * or -1; every other function here calls it where it must. */
int polsig_init(void);
int polsig_sha256(const void *, size_t len, char hex[POLSIG_ID_LEN + 1]);
/* Nothing but the mathematics of RFC 8032. */
bool ed25519_verify(const uint8_t public[ED25519_PUBLIC], const void *,
    size_t len, const uint8_t signature[ED25519_SIGNATURE]);
int ed25519_sign(const uint8_t seed[ED25519_SEED], const void *, size_t len,
    uint8_t signature[ED25519_SIGNATURE]);
int ed25519_public(const uint8_t seed[ED25519_SEED],
    uint8_t public[ED25519_PUBLIC]);

#endif
