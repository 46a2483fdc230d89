/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh policy keygen: a new pair of keys, in two files of one directory. A
 * private key is never written over one that is there unless that was asked.
 */
#include <sys/random.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "polsign.h"
#include "polstore.h"

#define PUBLIC_FILE "public.key.json"

struct ask {
	const char *dir;
	const char *label;
	const char *expires;
	bool force;
};

/* A date is its beginning in UTC. */
static int
set_expiry(struct polkey *k, const char *text)
{
	char whole[POLSIG_TIME_MAX + 1];

	k->expires_s = INT64_MAX;
	if (text == NULL)
		return 0;
	snprintf(whole, sizeof(whole), "%.30s%s", text,
	    strlen(text) == 10 ? "T00:00:00Z" : "");
	if (polsig_time(whole, &k->expires_s) == -1)
		return complain("%s is no time: write 2027-01-31 or"
				" 2027-01-31T12:00:00Z",
		    text);
	if (k->expires_s <= k->since_s)
		return complain("%s is over already", text);
	memcpy(k->expires, whole, sizeof(whole));
	return 0;
}

static int
make_key(struct polkey *k, const struct ask *a)
{
	memset(k, 0, sizeof(*k));
	if (!polsig_text_is_valid(a->label))
		return complain("a label is text of at most %d bytes without"
				" control characters",
		    POLSIG_TEXT_MAX);
	snprintf(k->label, sizeof(k->label), "%s", a->label);
	k->since_s = clock_epoch_s();
	if (polsig_time_print(k->since_s, k->since, sizeof(k->since)) == -1)
		return complain("the clock is not set");
	if (set_expiry(k, a->expires) == -1)
		return -1;
	if (getrandom(k->seed, sizeof(k->seed), 0) != sizeof(k->seed) ||
	    ed25519_public(k->seed, k->public) == -1 ||
	    polsig_sha256(k->public, sizeof(k->public), k->id) == -1)
		return complain("no key: libcrypto or the kernel failed");
	k->has_seed = true;
	return 0;
}

static int
path_in(const char *dir, const char *file, char *path, size_t size)
{
	int n = snprintf(path, size, "%s/%s", dir, file);

	return n < 0 || (size_t)n >= size ?
	    complain("%s: the name is too long", dir) :
	    0;
}

/* Neither file is there, so that no half of another pair is left beside. */
static int
is_free(const char *path)
{
	struct stat st;

	if (lstat(path, &st) == -1 && errno == ENOENT)
		return 0;
	return complain("%s is there already: name another directory, or give"
			" --force to lose that key",
	    path);
}

static int
write_pair(const struct polkey *k, const struct ask *a)
{
	char private[AGENTSH_PATH_MAX], public[AGENTSH_PATH_MAX];
	char *text;
	int ret = -1;

	if (path_in(a->dir, POLSTORE_PRIVATE, private, sizeof(private)) == -1 ||
	    path_in(a->dir, PUBLIC_FILE, public, sizeof(public)) == -1)
		return -1;
	if (!a->force && (is_free(private) == -1 || is_free(public) == -1))
		return -1;
	text = polkey_print(k, true);
	if (text != NULL) {
		ret = write_file(private, text, 0600, a->force);
		explicit_bzero(text, strlen(text));
	}
	free(text);
	if (ret == -1)
		return -1;
	text = polkey_print(k, false);
	ret = text == NULL ? -1 : write_file(public, text, 0644, a->force);
	free(text);
	/* it is of no use without the other, and was not there before */
	if (ret == -1 && !a->force)
		unlink(private);
	return ret;
}

int
keygen(int argc, char **argv)
{
	struct ask a = { .dir = ".", .label = "" };
	struct polkey k;
	int c, ret;

	while ((c = getopt(argc, argv, "e:fl:o:")) != -1) {
		switch (c) {
		case 'e':
			a.expires = optarg;
			break;
		case 'f':
			a.force = true;
			break;
		case 'l':
			a.label = optarg;
			break;
		case 'o':
			a.dir = optarg;
			break;
		default:
			usage();
		}
	}
	if (optind != argc)
		usage();
	if (mkdir(a.dir, 0700) == -1 && errno != EEXIST) {
		complain("%s: %s", a.dir, strerror(errno));
		return EXIT_FAILURE;
	}
	ret = make_key(&k, &a);
	if (ret == 0)
		ret = write_pair(&k, &a);
	if (ret == 0)
		puts(k.id);
	polkey_forget(&k);
	return ret == 0 ? 0 : EXIT_FAILURE;
}
