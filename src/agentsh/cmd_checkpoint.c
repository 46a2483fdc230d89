/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh checkpoint: create, list, show, rollback and purge states of a
 * workspace. By the user, outside of sessions; no server takes part.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "checkpoint.h"
#include "cli.h"
#include "jsonout.h"
#include "../common/units.h"
#include "vis.h"

/* What a command works on. */
struct place {
	char root[PATH_MAX]; /* of the workspace */
	char session[AGENTSH_ID_MAX + 1];
	int root_fd;
	int dir; /* of the session's checkpoints */
};

static void
place_close(struct place *p)
{
	if (p->root_fd != -1)
		close(p->root_fd);
	if (p->dir != -1)
		close(p->dir);
}

static bool
is_inside(void)
{
	const char *in = getenv("AGENTSH_IN_SESSION");

	if (in == NULL || strcmp(in, "1") != 0)
		return false;
	say("agentsh cannot be used inside a session");
	return true;
}

/* Of the workspace dir; NULL: the default. */
static int
place_open_at(const struct args *a, const char *dir, struct place *p, bool make)
{
	p->root_fd = p->dir = -1;
	if (is_inside() || session_root(dir, p->root) == -1)
		return -1;
	if (a->opt[OPT_SESSION] != NULL)
		snprintf(p->session, sizeof(p->session), "%.*s",
		    (int)sizeof(p->session) - 1, a->opt[OPT_SESSION]);
	else
		session_default_id(p->root, p->session, sizeof(p->session));
	p->root_fd = open(p->root,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (p->root_fd == -1) {
		say("workspace %s: %s", p->root, strerror(errno));
		return -1;
	}
	p->dir = cp_session_open(a->opt[OPT_STORAGE_DIR], p->session,
	    p->root_fd, make);
	if (p->dir != -1)
		return 0;
	place_close(p);
	return -1;
}

static int
place_open(const struct args *a, struct place *p, bool make)
{
	return place_open_at(a, a->opt[OPT_WORKSPACE], p, make);
}

static void
print_safe(const char *s)
{
	char *safe = vis_dup(s);

	fputs(safe, stdout);
	free(safe);
}

/* The moment in an id, in ms; -1: there is none. */
static int64_t
id_moment(const char *id)
{
	struct tm tm = { 0 };
	int ms, n = 0;

	if (sscanf(id, "cp-%4d%2d%2dT%2d%2d%2d.%3dZ-%n", &tm.tm_year,
		&tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec,
		&ms, &n) != 7 ||
	    n == 0)
		return -1;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	return (int64_t)timegm(&tm) * 1000 + ms;
}

/* An id of now, or of the next moment that no id before has: they sort as the
 * checkpoints were made, also where two are made in one moment, or the clock was
 * set back. last: the last one before, or NULL. */
static int
make_id(struct cp_meta *m, const char *last)
{
	struct timespec now;
	struct tm tm;
	char day[32];
	unsigned rnd;
	int64_t ms, before = last != NULL ? id_moment(last) : -1;
	time_t sec;

	if (clock_gettime(CLOCK_REALTIME, &now) == -1 ||
	    gmtime_r(&now.tv_sec, &tm) == NULL ||
	    getentropy(&rnd, sizeof(rnd)) == -1) {
		say("%s", strerror(errno));
		return -1;
	}
	m->created_sec = now.tv_sec;
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(m->created, sizeof(m->created), "%s.%03ldZ", day,
	    now.tv_nsec / 1000000);
	ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	if (ms <= before)
		ms = before + 1;
	sec = (time_t)(ms / 1000);
	if (gmtime_r(&sec, &tm) == NULL ||
	    strftime(day, sizeof(day), "%Y%m%dT%H%M%S", &tm) == 0) {
		say("%s: no id can come after it", last);
		return -1;
	}
	snprintf(m->id, sizeof(m->id), "cp-%s.%03dZ-%08x", day,
	    (int)(ms % 1000), rnd);
	return 0;
}

/* The last one before, whose files can be shared; *files -1: there is none. m
 * gets an id that comes after it. */
static int
last_one(const struct place *p, struct cp_meta *m, struct cp_meta *prev,
    int *files)
{
	struct cp_ids ids;
	int fd, ret = 0;

	*files = -1;
	memset(prev, 0, sizeof(*prev));
	if (cp_ids(p->dir, &ids) == -1)
		return -1;
	if (ids.n >= CP_MAX_CHECKPOINTS) {
		say("there are %zu checkpoints of session %s: "
		    "agentsh checkpoint purge --keep N leaves fewer",
		    ids.n, p->session);
		ret = -1;
	} else if (make_id(m, ids.n > 0 ? ids.v[ids.n - 1] : NULL) == -1) {
		ret = -1;
	} else if (ids.n > 0) {
		fd = cp_open(p->dir, ids.v[ids.n - 1], files);
		/* a damaged one is no reason to make none */
		if (fd != -1 &&
		    cp_meta_read(fd, ids.v[ids.n - 1], prev) == -1) {
			close(*files);
			*files = -1;
		}
		if (fd != -1)
			close(fd);
	}
	cp_ids_free(&ids);
	return ret;
}

static int
create(const struct place *p, struct cp_meta *m, uint64_t max)
{
	struct cp_meta prev;
	int dir, files, other, ret = -1;

	if (last_one(p, m, &prev, &other) == -1)
		return -1;
	dir = cp_begin(p->dir, m->id, &files);
	if (dir != -1) {
		ret = cp_scan(p->root_fd, files, other, max, &m->tree);
		close(files);
		cp_tree_hash(&m->tree, m->hash);
		if (ret == 0)
			ret = cp_meta_write(dir, m,
			    other == -1 ? NULL : &prev.tree);
		close(dir);
		if (ret == 0)
			ret = cp_finish(p->dir, m->id);
		if (ret == -1)
			(void)cp_remove(p->dir, m->id);
	}
	if (other != -1)
		close(other);
	cp_meta_free(&prev);
	return ret;
}

/* A checkpoint of one directory, told in a line, or in o. */
static int
create_in(const struct args *a, const struct cp_dirs *dirs, size_t i,
    uint64_t max, struct jsonout *o)
{
	const char *reason = a->opt[OPT_REASON];
	struct cp_meta m = { 0 };
	struct place p;
	int ret = -1;

	if (place_open_at(a, dirs->v[i], &p, true) == -1)
		return -1;
	snprintf(m.session, sizeof(m.session), "%s", p.session);
	m.reason = xstrdup(reason == NULL ? "" : reason);
	m.workspace = xstrdup(p.root);
	if (strcmp(p.root, dirs->v[i]) != 0)
		say("%s leads to %s now", dirs->v[i], p.root);
	else
		ret = create(&p, &m, max);
	if (ret == 0 && o != NULL) {
		if (i > 0)
			jo_open(o, NULL);
		cp_meta_json(o, &m, false, NULL);
		if (i > 0)
			jo_close(o);
	} else if (ret == 0) {
		fputs(m.id, stdout);
		if (dirs->n > 1) {
			putchar('\t');
			print_safe(p.root);
		}
		putchar('\n');
	}
	cp_meta_free(&m);
	place_close(&p);
	return ret;
}

int
cmd_checkpoint_create(struct args *a)
{
	const char *reason = a->opt[OPT_REASON];
	struct jsonout *o = NULL;
	uint64_t max = CP_MAX_BYTES;
	struct cp_dirs dirs;
	size_t i;
	int ret = 0;

	if (a->opt[OPT_MAX_SIZE] != NULL) {
		if (parse_num(a->opt[OPT_MAX_SIZE], 1U << 24, &max) == -1)
			return usage_error(a,
			    "--max-size: not a number of MiB");
		max *= 1048576;
	}
	if (reason != NULL && strlen(reason) > AGENTSH_TEXT_MAX)
		return usage_error(a, "--reason: longer than %d bytes",
		    AGENTSH_TEXT_MAX);
	if ((a->opt[OPT_SERVER] != NULL ||
		a->opt[OPT_CLIENT_TIMEOUT] != NULL) &&
	    (a->opt[OPT_SESSION] == NULL || a->opt[OPT_WORKSPACE] != NULL))
		return usage_error(a,
		    "a server is asked with --session and without --workspace");
	if (is_inside() || cp_dirs_find(a, &dirs) == -1)
		return EXIT_FAILURE;
	if (a->opt[OPT_JSON] != NULL) {
		o = jo_new();
		jo_open(o, NULL);
	}
	for (i = 0; ret == 0 && i < dirs.n; i++) {
		if (o != NULL && i == 1)
			jo_open_array(o, "mounts");
		ret = create_in(a, &dirs, i, max, o);
	}
	if (o != NULL) {
		if (i > 1)
			jo_close_array(o);
		jo_close(o);
		/* also of those that were made before one that could not be */
		if ((ret == 0 || i > 1) && policy_ask_end(o) != 0)
			ret = -1;
		jo_free(o);
	}
	cp_dirs_free(&dirs);
	return ret == -1 ? EXIT_FAILURE : ret;
}

/* The checkpoint that a word names, with its files. */
static int
load(const struct place *p, const char *id, struct cp_meta *m, int *files)
{
	int ret, fd = cp_open(p->dir, id, files);

	if (fd == -1)
		return -1;
	ret = cp_meta_read(fd, id, m);
	close(fd);
	if (ret == -1)
		close(*files);
	return ret;
}

static void
print_line(const struct cp_meta *m)
{
	printf("%s\t%s\t%zu\t%llu\t", m->id, m->created, m->tree.n,
	    (unsigned long long)m->tree.bytes);
	print_safe(m->reason);
	putchar('\n');
}

int
cmd_checkpoint_list(struct args *a)
{
	struct jsonout *o = NULL;
	struct cp_ids ids;
	struct cp_meta m;
	struct place p;
	size_t i;
	int files, ret = 0;

	if (place_open(a, &p, false) == -1)
		return EXIT_FAILURE;
	if (cp_ids(p.dir, &ids) == -1) {
		place_close(&p);
		return EXIT_FAILURE;
	}
	if (a->opt[OPT_JSON] != NULL) {
		o = jo_new();
		jo_open(o, NULL);
		jo_open_array(o, "checkpoints");
	}
	for (i = 0; i < ids.n; i++) {
		if (load(&p, ids.v[i], &m, &files) == -1) {
			ret = EXIT_FAILURE;
			continue;
		}
		close(files);
		if (o != NULL) {
			jo_open(o, NULL);
			cp_meta_json(o, &m, false, NULL);
			jo_close(o);
		} else {
			print_line(&m);
		}
		cp_meta_free(&m);
	}
	if (o != NULL) {
		jo_close_array(o);
		jo_close(o);
		if (policy_ask_end(o) != 0)
			ret = EXIT_FAILURE;
		jo_free(o);
	}
	cp_ids_free(&ids);
	place_close(&p);
	return ret;
}

static int
change_text(void *arg, const struct cp_change *c)
{
	const char *path = c->old != NULL ? c->old->path : c->new->path;

	(void)arg;
	fputs(c->old == NULL   ? "added\t" :
		c->new == NULL ? "deleted\t" :
				 "modified\t",
	    stdout);
	print_safe(path);
	putchar('\n');
	return 0;
}

static int
change_json(void *arg, const struct cp_change *c)
{
	struct jsonout *o = arg;

	jo_open(o, NULL);
	cp_text_json(o, "path", c->old != NULL ? c->old->path : c->new->path);
	jo_str(o, "status",
	    c->old == NULL     ? "added" :
		c->new == NULL ? "deleted" :
				 "modified");
	if (c->old != NULL && c->old->type == CP_FILE) {
		jo_str(o, "old_hash", c->old->hash);
		jo_num(o, "old_size", c->old->size);
	}
	if (c->new != NULL && c->new->type == CP_FILE) {
		jo_str(o, "new_hash", c->new->hash);
		jo_num(o, "new_size", c->new->size);
	}
	jo_close(o);
	return 0;
}

/* What the workspace is now, if it is the one that the checkpoint is of. */
static int
look(const struct place *p, const struct cp_meta *m, struct cp_tree *now)
{
	if (strcmp(p->root, m->workspace) == 0)
		return cp_scan(p->root_fd, -1, -1, UINT64_MAX, now);
	say("checkpoint %s is of %s, not of %s: name it with --workspace",
	    m->id, m->workspace, p->root);
	return -1;
}

/* Differences between the checkpoint and now, and with json all of it. */
static int
show(const struct args *a, const struct cp_meta *m, const struct cp_tree *now,
    const struct cp_done *done)
{
	struct jsonout *o;
	int ret;

	if (a->opt[OPT_JSON] == NULL) {
		if (now != NULL)
			cp_diff(&m->tree, now, change_text, NULL);
		else
			print_line(m);
		return 0;
	}
	o = jo_new();
	jo_open(o, NULL);
	cp_meta_json(o, m, now == NULL, NULL);
	if (now != NULL) {
		jo_open_array(o, "diff");
		cp_diff(&m->tree, now, change_json, o);
		jo_close_array(o);
	}
	if (done != NULL) {
		jo_num(o, "restored", done->restored);
		jo_num(o, "removed", done->removed);
		jo_num(o, "failed", done->failed);
	}
	jo_close(o);
	ret = policy_ask_end(o);
	jo_free(o);
	return ret;
}

int
cmd_checkpoint_show(struct args *a)
{
	struct cp_tree now = { 0 };
	struct cp_meta m;
	struct place p;
	int files, ret = 0;

	if (place_open(a, &p, false) == -1)
		return EXIT_FAILURE;
	if (load(&p, a->argv[0], &m, &files) == -1) {
		place_close(&p);
		return EXIT_FAILURE;
	}
	close(files);
	if (a->opt[OPT_DIFF] != NULL)
		ret = look(&p, &m, &now);
	if (ret == 0)
		ret = show(a, &m, a->opt[OPT_DIFF] != NULL ? &now : NULL, NULL);
	cp_tree_free(&now);
	cp_meta_free(&m);
	place_close(&p);
	return ret == -1 ? EXIT_FAILURE : ret;
}

int
cmd_checkpoint_rollback(struct args *a)
{
	struct cp_tree now = { 0 };
	struct cp_done done = { 0 };
	struct cp_meta m;
	struct place p;
	bool dry = a->opt[OPT_DRY_RUN] != NULL;
	int files, ret;

	if (place_open(a, &p, false) == -1)
		return EXIT_FAILURE;
	if (load(&p, a->argv[0], &m, &files) == -1) {
		place_close(&p);
		return EXIT_FAILURE;
	}
	ret = look(&p, &m, &now);
	if (ret == 0 && !dry)
		ret = cp_rollback(p.root_fd, files, &m, &now, &done);
	if (now.v != NULL || ret == 0) {
		if (show(a, &m, &now, dry ? NULL : &done) != 0)
			ret = -1;
	}
	if (done.failed > 0)
		say("%zu could not be made what they were", done.failed);
	close(files);
	cp_tree_free(&now);
	cp_meta_free(&m);
	place_close(&p);
	return ret == -1 ? EXIT_FAILURE : 0;
}

/* Is it older than that? One that cannot be read is not. */
static bool
is_older(const struct place *p, const char *id, uint64_t ms)
{
	struct cp_meta m;
	int files;
	bool older;

	if (load(p, id, &m, &files) == -1)
		return false;
	close(files);
	older = (uint64_t)(time(NULL) - m.created_sec) * 1000 > ms &&
	    m.created_sec < time(NULL);
	cp_meta_free(&m);
	return older;
}

int
cmd_checkpoint_purge(struct args *a)
{
	uint64_t ms = 0, keep = UINT64_MAX;
	bool by_age = a->opt[OPT_OLDER_THAN] != NULL;
	struct cp_ids ids;
	struct place p;
	size_t i;
	int ret = 0;

	if (by_age && units_duration(a->opt[OPT_OLDER_THAN], &ms) == -1)
		return usage_error(a, "--older-than: not a time such as 48h");
	if (a->opt[OPT_KEEP] != NULL &&
	    parse_num(a->opt[OPT_KEEP], CP_MAX_CHECKPOINTS, &keep) == -1)
		return usage_error(a, "--keep: not a number");
	if (!by_age && a->opt[OPT_KEEP] == NULL)
		return usage_error(a, "--older-than or --keep is needed");
	if (place_open(a, &p, false) == -1)
		return EXIT_FAILURE;
	if (cp_ids(p.dir, &ids) == -1) {
		place_close(&p);
		return EXIT_FAILURE;
	}
	for (i = 0; i < ids.n; i++) {
		if (ids.n - i <= keep && a->opt[OPT_KEEP] != NULL)
			break;
		if (by_age && !is_older(&p, ids.v[i], ms))
			continue;
		if (a->opt[OPT_DRY_RUN] == NULL &&
		    cp_remove(p.dir, ids.v[i]) == -1)
			ret = EXIT_FAILURE;
		else
			puts(ids.v[i]);
	}
	cp_ids_free(&ids);
	place_close(&p);
	return ret;
}
