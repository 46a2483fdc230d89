/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh policy keygen, sign, verify: become polsign, the one program of the
 * user's that loads libcrypto.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "autostart.h"
#include "cli.h"

#define MAX_WORDS 16

struct words {
	char *v[MAX_WORDS + 1]; /* ends with NULL */
	size_t n;
};

static void
add(struct words *w, const char *word)
{
	if (w->n < MAX_WORDS)
		w->v[w->n++] = xstrdup(word);
}

/* As polsign takes it, where it was given. */
static void
add_opt(struct words *w, const struct args *a, enum opt_id id,
    const char *letter)
{
	if (a->opt[id] == NULL)
		return;
	add(w, letter);
	if (opt_rows[id].value != NULL)
		add(w, a->opt[id]);
}

static int
become(struct words *w, const char *file)
{
	struct client_error e;
	char path[PATH_MAX];

	if (file != NULL) {
		add(w, "--");
		add(w, file);
	}
	if (helper_find("polsign", path, sizeof(path), &e) == -1) {
		say("%s", e.text);
		return EXIT_FAILURE;
	}
	signal(SIGPIPE, SIG_DFL);
	execv(path, w->v);
	say("%s: %s", path, strerror(errno));
	return EXIT_FAILURE;
}

int
cmd_policy_keygen(struct args *a)
{
	struct words w = { .n = 0 };

	add(&w, "polsign");
	add(&w, "keygen");
	add_opt(&w, a, OPT_KEY_DIR_OUT, "-o");
	add_opt(&w, a, OPT_LABEL, "-l");
	add_opt(&w, a, OPT_EXPIRES, "-e");
	add_opt(&w, a, OPT_FORCE, "-f");
	return become(&w, NULL);
}

int
cmd_policy_sign(struct args *a)
{
	struct words w = { .n = 0 };

	if (a->opt[OPT_KEY] == NULL)
		return usage_error(a, "--key is missing");
	add(&w, "polsign");
	add(&w, "sign");
	add_opt(&w, a, OPT_KEY, "-k");
	add_opt(&w, a, OPT_SIG_OUT, "-o");
	add_opt(&w, a, OPT_SIGNER, "-s");
	return become(&w, a->argv[0]);
}

int
cmd_policy_verify(struct args *a)
{
	struct words w = { .n = 0 };

	if (a->opt[OPT_KEY_DIR] == NULL)
		return usage_error(a, "--key-dir is missing");
	add(&w, "polsign");
	add(&w, "verify");
	add_opt(&w, a, OPT_KEY_DIR, "-d");
	add_opt(&w, a, OPT_VERIFY_JSON, "-j");
	return become(&w, a->argv[0]);
}
