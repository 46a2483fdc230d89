/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh trash list, purge
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../common/units.h"
#include "cli.h"
#include "jsonout.h"
#include "trash_cli.h"

/* those of agentshd.conf(5) */
#define TTL_MS (7 * 86400000ULL)
#define QUOTA 5000000000ULL

static void
print_age(int64_t s)
{
	if (s < 0)
		s = 0;
	if (s < 60)
		printf("%" PRId64 "s ago", s);
	else if (s < 3600)
		printf("%" PRId64 "m ago", s / 60);
	else if (s < 86400)
		printf("%" PRId64 "h ago", s / 3600);
	else
		printf("%" PRId64 "d ago", s / 86400);
}

static void
list_json(struct jsonout *o, const struct trash_entry *e, const struct tnote *n,
    int64_t age)
{
	jo_open(o, NULL);
	jo_str(o, "token", e->token);
	policy_ask_text(o, "path", n->path);
	jo_str(o, "type", n->type);
	jo_num(o, "size", n->size);
	jo_num(o, "age_seconds", age < 0 ? 0 : (size_t)age);
	jo_str(o, "session", n->session);
	jo_str(o, "command", n->command);
	jo_close(o);
}

/* Says how many were shown; -1. */
static int
list_one(const struct args *a, const struct trash *t, struct jsonout *o,
    size_t *shown)
{
	const char *session = a->opt[OPT_SESSION];
	struct collected c;
	struct tnote n;
	int64_t age, now = time(NULL);
	size_t i;
	char *safe;

	if (trash_collect(t, &c) == -1)
		return -1;
	for (i = 0; i < c.n; i++) {
		if (!c.entry[i].whole ||
		    tnote_read(t, c.entry[i].token, &n) == -1)
			continue;
		age = now - c.entry[i].deleted;
		if (session != NULL && strcmp(session, n.session) != 0) {
			tnote_free(&n);
			continue;
		}
		++*shown;
		if (o != NULL) {
			list_json(o, &c.entry[i], &n, age);
		} else {
			safe = vis_dup(n.path);
			printf("%s\t%s\t%" PRIu64 " bytes\t", c.entry[i].token,
			    safe, n.size);
			print_age(age);
			putchar('\n');
			free(safe);
		}
		tnote_free(&n);
	}
	free(c.entry);
	return 0;
}

int
cmd_trash_list(struct args *a)
{
	struct jsonout *o = a->opt[OPT_JSON] != NULL ? jo_new() : NULL;
	struct trashes all;
	size_t i, shown = 0;
	int r = 0;

	if (trashes_open(a, &all) == -1)
		return EXIT_FAILURE;
	if (o != NULL)
		jo_open_array(o, NULL);
	for (i = 0; i < all.n && r == 0; i++)
		r = a->opt[OPT_TRASH_LOG] != NULL ?
		    trash_log_list(a, &all.t[i], o, &shown) :
		    list_one(a, &all.t[i], o, &shown);
	trashes_close(&all);
	if (o != NULL) {
		jo_close_array(o);
		if (r == 0)
			return policy_ask_end(o);
	} else if (shown == 0 && r == 0) {
		puts(a->opt[OPT_TRASH_LOG] != NULL ? "nothing is logged" :
						     "trash empty");
	}
	return r == 0 ? 0 : EXIT_FAILURE;
}

/* What is to go. */
struct purge {
	const char *session; /* NULL: of any */
	bool whole;	     /* all of that session */
	int64_t before;
	uint64_t quota;
	struct trash_sum gone;
};

static bool
is_of(const struct purge *p, const struct trash *t, const char *token)
{
	struct tnote n;
	bool same;

	if (p->session == NULL)
		return true;
	if (tnote_read(t, token, &n) == -1)
		return false;
	same = strcmp(n.session, p->session) == 0;
	tnote_free(&n);
	return same;
}

static void
end_one(struct purge *p, const struct trash *t, struct trash_entry *e)
{
	if (trash_end(t, e->token) == -1) {
		say("%s: %s", e->token, strerror(errno));
		return;
	}
	p->gone.files++;
	p->gone.bytes += e->bytes;
}

/* A line for all that went of one trash. */
static void
purge_log(const struct purge *p, const struct trash *t,
    const struct trash_sum *before)
{
	struct trash_act act = { .what = "purge",
		.files = p->gone.files - before->files,
		.bytes = p->gone.bytes - before->bytes,
		.session = p->session };

	if (act.files > 0 && trash_log_add(t, &act) == -1)
		say("the log of the trash: %s", strerror(errno));
}

static int
purge_one(struct purge *p, const struct trash *t)
{
	struct trash_sum sum, before = p->gone;
	struct collected c;
	uint64_t left = 0;
	size_t i;

	if (trash_lock(t, TRASH_WAIT_MS) == -1) {
		say("the trash is in use: %s", strerror(errno));
		return -1;
	}
	if (trash_collect(t, &c) == -1)
		return -1;
	for (i = 0; i < c.n; i++) {
		if (is_of(p, t, c.entry[i].token))
			left += c.entry[i].bytes;
		else
			c.entry[i].token[0] = '\0';
	}
	/* the oldest first, until neither age nor size asks for more */
	for (i = 0; i < c.n; i++) {
		if (c.entry[i].token[0] == '\0')
			continue;
		if (!p->whole && c.entry[i].deleted >= p->before &&
		    left <= p->quota)
			break;
		left -= c.entry[i].bytes;
		end_one(p, t, &c.entry[i]);
	}
	free(c.entry);
	purge_log(p, t, &before);
	if (trash_count(t, 0, &sum, NULL) == -1)
		say("the trash cannot be counted: %s", strerror(errno));
	trash_unlock(t);
	return 0;
}

static int
purge_args(const struct args *a, struct purge *p)
{
	uint64_t ttl = TTL_MS;

	memset(p, 0, sizeof(*p));
	p->session = a->opt[OPT_SESSION];
	p->whole = p->session != NULL && a->opt[OPT_TTL] == NULL &&
	    a->opt[OPT_QUOTA] == NULL;
	p->quota = a->opt[OPT_TTL] != NULL ? UINT64_MAX : QUOTA;
	if (a->opt[OPT_TTL] == NULL && a->opt[OPT_QUOTA] != NULL)
		ttl = UINT64_MAX;
	if (a->opt[OPT_TTL] != NULL && units_age(a->opt[OPT_TTL], &ttl) == -1)
		return usage_error(a, "--ttl is not an age, write 7d or 12h");
	if (a->opt[OPT_QUOTA] != NULL &&
	    units_size(a->opt[OPT_QUOTA], &p->quota) == -1)
		return usage_error(a, "--quota is not a size, write 500MB");
	/* an age of 0 is all there is */
	p->before = ttl == UINT64_MAX ?
	    INT64_MIN :
	    (int64_t)time(NULL) - (int64_t)(ttl / 1000) + (ttl == 0);
	return 0;
}

int
cmd_trash_purge(struct args *a)
{
	struct jsonout *o;
	struct trashes all;
	struct purge p;
	size_t i;
	int r;

	r = purge_args(a, &p);
	if (r != 0)
		return r;
	if (trashes_open(a, &all) == -1)
		return EXIT_FAILURE;
	for (i = 0; i < all.n && r == 0; i++)
		r = purge_one(&p, &all.t[i]);
	trashes_close(&all);
	if (r == -1)
		return EXIT_FAILURE;
	if (a->opt[OPT_JSON] == NULL) {
		printf("purged %" PRIu64 ", %" PRIu64 " bytes\n", p.gone.files,
		    p.gone.bytes);
		return 0;
	}
	o = jo_new();
	jo_open(o, NULL);
	jo_num(o, "purged", p.gone.files);
	jo_num(o, "bytes", p.gone.bytes);
	jo_close(o);
	return policy_ask_end(o);
}
