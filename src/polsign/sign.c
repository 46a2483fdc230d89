/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh policy sign: a signature beside the policy. The private key is used
 * only when nobody else can have read it.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "polsign.h"
#include "polstore.h"

static int
read_key(const char *path, struct polkey *k)
{
	char text[POLSIG_MAX_BYTES + 1], err[512];
	struct stat st;
	size_t len;
	int errnum, ret = -1;

	if (polstore_read(AT_FDCWD, path, text, POLSIG_MAX_BYTES, &len, &st,
		&errnum, err, sizeof(err)) == -1)
		complain("%s: %s", path, err);
	else if (st.st_uid != geteuid())
		complain("%s: the private key does not belong to you", path);
	else if ((st.st_mode & 077) != 0)
		complain("%s: the private key is open to others (mode %04o):"
			 " make a new one if somebody may have read it, else"
			 " chmod 0600",
		    path, (unsigned)st.st_mode & 07777);
	else if (polkey_parse(text, len, k, err, sizeof(err)) == -1)
		complain("%s: %s", path, err);
	else if (!k->has_seed)
		complain("%s: is a public key; signing takes the private one",
		    path);
	else
		ret = 0;
	explicit_bzero(text, sizeof(text));
	return ret;
}

static int
make_signature(struct polsig *s, const struct polkey *k, const char *name,
    const char *signer, const char *text, size_t len)
{
	struct buf b;
	int64_t now = clock_epoch_s();
	char err[512];
	int ret;

	memset(s, 0, sizeof(*s));
	snprintf(s->policy, sizeof(s->policy), "%s", name);
	snprintf(s->key_id, sizeof(s->key_id), "%s", k->id);
	snprintf(s->signer, sizeof(s->signer), "%s",
	    signer != NULL ? signer : k->label);
	s->signed_s = now;
	if (polsig_time_print(now, s->signed_at, sizeof(s->signed_at)) == -1)
		return complain("the clock is not set");
	ret = polsig_message(s, text, len, &b);
	if (ret == 0)
		ret = ed25519_sign(k->seed, b.data, b.len, s->signature);
	buf_free(&b);
	if (ret == -1)
		return complain("no signature: libcrypto failed");
	/* what nobody will accept is not written */
	if (polsig_check(s, k, name, text, len, now, err, sizeof(err)) !=
	    POLSIG_OK)
		return complain("the signature is not good: %s", err);
	return 0;
}

static int
write_signature(const struct polsig *s, const char *path, const char *output)
{
	char def[AGENTSH_PATH_MAX];
	char *text;
	int n, ret;

	if (output == NULL) {
		n = snprintf(def, sizeof(def), "%s.sig", path);
		if (n < 0 || (size_t)n >= sizeof(def))
			return complain("%s: the name is too long", path);
		output = def;
	}
	text = polsig_print(s);
	ret = text == NULL ? complain("out of memory") :
			     write_file(output, text, 0644, true);
	free(text);
	return ret;
}

int
sign(int argc, char **argv)
{
	const char *key = NULL, *output = NULL, *signer = NULL, *file;
	char name[AGENTSH_NAME_MAX + 1], *text;
	struct polkey k;
	struct polsig s;
	size_t len;
	int c, dir, ret;

	while ((c = getopt(argc, argv, "k:o:s:")) != -1) {
		switch (c) {
		case 'k':
			key = optarg;
			break;
		case 'o':
			output = optarg;
			break;
		case 's':
			signer = optarg;
			break;
		default:
			usage();
		}
	}
	if (optind + 1 != argc || key == NULL)
		usage();
	if (signer != NULL && !polsig_text_is_valid(signer)) {
		complain("a signer is text of at most %d bytes without control"
			 " characters",
		    POLSIG_TEXT_MAX);
		return EXIT_FAILURE;
	}
	if (read_policy(argv[optind], &text, &len, &dir, &file, name) == -1)
		return EXIT_FAILURE;
	close(dir);
	ret = read_key(key, &k);
	if (ret == 0) {
		ret = make_signature(&s, &k, name, signer, text, len);
		polkey_forget(&k);
	}
	if (ret == 0)
		ret = write_signature(&s, argv[optind], output);
	free(text);
	return ret == 0 ? 0 : EXIT_FAILURE;
}
