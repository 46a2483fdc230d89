/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ed25519 and SHA-256 of libcrypto. Its configuration file is never read: it
 * can name modules to load, and the processes here are confined.
 */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "polsig.h"

int
polsig_init(void)
{
	return OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG |
		       OPENSSL_INIT_NO_ATEXIT,
		   NULL) == 1 ?
	    0 :
	    -1;
}

int
polsig_sha256(const void *data, size_t len, char hex[POLSIG_ID_LEN + 1])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0, i;

	hex[0] = '\0';
	if (polsig_init() == -1 ||
	    EVP_Digest(data, len, md, &n, EVP_sha256(), NULL) != 1 ||
	    n != POLSIG_ID_LEN / 2)
		return -1;
	for (i = 0; i < n; i++) {
		hex[2 * i] = digits[md[i] >> 4];
		hex[2 * i + 1] = digits[md[i] & 15];
	}
	hex[POLSIG_ID_LEN] = '\0';
	return 0;
}

bool
ed25519_verify(const uint8_t public[ED25519_PUBLIC], const void *data,
    size_t len, const uint8_t signature[ED25519_SIGNATURE])
{
	EVP_PKEY *key = NULL;
	EVP_MD_CTX *ctx = NULL;
	bool good = false;

	if (polsig_init() == -1)
		return false;
	key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public,
	    ED25519_PUBLIC);
	ctx = EVP_MD_CTX_new();
	if (key != NULL && ctx != NULL &&
	    EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1)
		good = EVP_DigestVerify(ctx, signature, ED25519_SIGNATURE, data,
			   len) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return good;
}

int
ed25519_sign(const uint8_t seed[ED25519_SEED], const void *data, size_t len,
    uint8_t signature[ED25519_SIGNATURE])
{
	EVP_PKEY *key = NULL;
	EVP_MD_CTX *ctx = NULL;
	size_t n = ED25519_SIGNATURE;
	int ret = -1;

	if (polsig_init() == -1)
		return -1;
	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed,
	    ED25519_SEED);
	ctx = EVP_MD_CTX_new();
	if (key != NULL && ctx != NULL &&
	    EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
	    EVP_DigestSign(ctx, signature, &n, data, len) == 1 &&
	    n == ED25519_SIGNATURE)
		ret = 0;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return ret;
}

int
ed25519_public(const uint8_t seed[ED25519_SEED], uint8_t public[ED25519_PUBLIC])
{
	EVP_PKEY *key;
	size_t n = ED25519_PUBLIC;
	int ret = -1;

	if (polsig_init() == -1)
		return -1;
	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed,
	    ED25519_SEED);
	if (key != NULL && EVP_PKEY_get_raw_public_key(key, public, &n) == 1 &&
	    n == ED25519_PUBLIC)
		ret = 0;
	EVP_PKEY_free(key);
	return ret;
}

void
polkey_forget(struct polkey *k)
{
	OPENSSL_cleanse(k, sizeof(*k));
}
