/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh policy verify: what policyd would say of a policy, with this
 * directory as the trust store.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "json.h"
#include "polsign.h"
#include "polstore.h"
#include "vis.h"

static void
put(yajl_gen g, const char *key, const char *value)
{
	if (value[0] != '\0')
		json_put_str(g, key, value);
}

static int
show_json(const struct polreport *r, const char *path)
{
	const unsigned char *text;
	yajl_gen g = json_new();
	size_t len;

	if (g == NULL)
		return complain("out of memory");
	yajl_gen_map_open(g);
	json_put_str(g, "status", polsig_status_word(r->status));
	json_key(g, "file");
	json_text(g, path, strlen(path));
	put(g, "policy", r->sig.policy);
	put(g, "key_id", r->sig.key_id);
	put(g, "label", r->label);
	put(g, "signer", r->sig.signer);
	put(g, "signed_at", r->sig.signed_at);
	put(g, "sha256", r->digest);
	put(g, "message", r->why);
	yajl_gen_map_close(g);
	if (yajl_gen_get_buf(g, &text, &len) == yajl_gen_status_ok)
		printf("%.*s\n", (int)len, (const char *)text);
	yajl_gen_free(g);
	return 0;
}

static void
show_text(const struct polreport *r, const char *path)
{
	char signer[4 * POLSIG_TEXT_MAX + 1], label[4 * POLSIG_TEXT_MAX + 1];

	if (r->status != POLSIG_OK) {
		complain("%s: %s: %s", path, polsig_status_word(r->status),
		    r->why);
		return;
	}
	vis_str(signer, sizeof(signer), r->sig.signer);
	vis_str(label, sizeof(label), r->label);
	printf("ok: policy %s, signed %s by \"%s\", key %s (%s)\n",
	    r->sig.policy, r->sig.signed_at, signer, r->sig.key_id, label);
}

int
verify(int argc, char **argv)
{
	struct polstore store = { .owner = geteuid(), .or_root = true };
	char name[AGENTSH_NAME_MAX + 1], sigfile[AGENTSH_NAME_MAX + 16];
	struct polreport r = { 0 };
	const char *file;
	bool json = false;
	char *text;
	size_t len;
	int c, dir;

	while ((c = getopt(argc, argv, "d:j")) != -1) {
		switch (c) {
		case 'd':
			store.path = optarg;
			break;
		case 'j':
			json = true;
			break;
		default:
			usage();
		}
	}
	if (optind + 1 != argc || store.path == NULL)
		usage();
	if (read_policy(argv[optind], &text, &len, &dir, &file, name) == -1)
		return EXIT_FAILURE;
	snprintf(sigfile, sizeof(sigfile), "%s.sig", file);
	store.fd = open(store.path,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (store.fd == -1) {
		r.status = POLSIG_STORE;
		snprintf(r.why, sizeof(r.why), "%.500s: %s", store.path,
		    strerror(errno));
	} else {
		polstore_check(&store, dir, sigfile, name, text, len,
		    clock_epoch_s(), &r);
		close(store.fd);
	}
	if (!json)
		show_text(&r, argv[optind]);
	else if (show_json(&r, argv[optind]) == -1)
		r.status = POLSIG_STORE;
	close(dir);
	free(text);
	return r.status == POLSIG_OK ? 0 : EXIT_FAILURE;
}
