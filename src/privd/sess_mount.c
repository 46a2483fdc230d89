/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directories that a session has beside its workspace, by a profile of the
 * configuration: maker opens them as the session's user, and they go on to fsd.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "path.h"
#include "privd.h"

int
mounts_choose(struct sess *s, const char *name, struct aerr *e)
{
	size_t i;

	for (i = 0; i < PROFILE_MOUNTS; i++)
		s->mount_fd[i] = -1;
	if (name[0] == '\0')
		return 0;
	s->profile = malloc(sizeof(*s->profile));
	if (s->profile == NULL)
		return aerr_set(e, 500, "internal", "out of memory");
	if (!profile_find(privd.conf.mount_profiles, name, s->profile))
		return aerr_set(e, 400, "invalid_profile",
		    "there is no profile of this name in mount_profiles");
	snprintf(s->policy, sizeof(s->policy), "%s", s->profile->policy);
	return 0;
}

bool
mounts_are_open(const struct sess *s)
{
	return s->profile == NULL || s->nmounted == s->profile->n;
}

/* In the order in which they were asked for. */
int
sess_on_make_mounted(struct chan *ch, struct imsg *im)
{
	struct child *c = ch->arg;
	struct sess *s = c->sess;
	struct msg_make_mounted m;

	if (msg_get_make_mounted(im, &m) == -1)
		return -1;
	if (sess_is_ending(s))
		return 0;
	if (s->step != STEP_WORKSPACE || mounts_are_open(s) ||
	    strcmp(m.path, s->profile->mount[s->nmounted].path) != 0)
		return -1;
	s->mount_fd[s->nmounted++] = imsg_take_fd(im, 0);
	return 0;
}

static bool
overlap(const char *a, const char *b)
{
	return path_is_beneath(a, b) || path_is_beneath(b, a);
}

int
mounts_check(const struct sess *s, struct aerr *e)
{
	const char *path;
	size_t i;

	for (i = 0; s->profile != NULL && i < s->profile->n; i++) {
		path = s->profile->mount[i].path;
		if (overlap(path, s->workspace) || overlap(path, s->mount))
			return aerr_set(e, 400, "invalid_profile",
			    "the workspace and mount %s of profile %s lie in"
			    " each other",
			    path, s->profile->name);
	}
	return 0;
}

static int
tell_one(struct sess *s, struct child *c, size_t i)
{
	const struct profile_mount *pm = &s->profile->mount[i];
	struct msg_fs_mount mf = { .writable = pm->rw };
	struct msg_sess_mount m = { 0 };

	if (c->role == ROLE_FSD) {
		snprintf(mf.path, sizeof(mf.path), "%s", pm->path);
		return msg_send_fs_mount(c->ch, 0, &mf, &s->mount_fd[i]);
	}
	/* a session makes no links in the others, which are all that it asks */
	if (c->role == ROLE_EXECD && !pm->rw)
		return 0;
	snprintf(m.path, sizeof(m.path), "%s", pm->path);
	return msg_send_sess_mount(c->ch, 0, &m, NULL);
}

int
mounts_tell(struct sess *s, struct child *c)
{
	size_t i;

	for (i = 0; s->profile != NULL && i < s->profile->n; i++) {
		if (tell_one(s, c, i) == -1)
			return -1;
	}
	return 0;
}

void
mounts_close(struct sess *s)
{
	size_t i;

	for (i = 0; i < PROFILE_MOUNTS; i++) {
		if (s->mount_fd[i] != -1)
			close(s->mount_fd[i]);
		s->mount_fd[i] = -1;
	}
}

/* Also where it really is, as far as that is there by now. */
static void
refuse_own(const struct profile *p, const struct profile_mount *m,
    const char *own)
{
	char real[PATH_MAX];

	if (own[0] == '\0')
		return;
	if (overlap(m->path, own) ||
	    (realpath(own, real) != NULL && overlap(m->path, real)))
		fatalx("mount_profiles.%s: mount %s is refused: agentsh has its"
		       " own %s there",
		    p->name, m->path, own);
}

void
mounts_check_conf(void)
{
	static struct profile p;
	const struct conf *c = &privd.conf;
	const struct paths *own = &privd.paths;
	const char *const places[] = { own->helpers, own->config, own->run,
		own->policy_default, own->trash_usual, c->state_dir,
		c->trash_dir, c->policy_dir, c->trust_store, c->manifest_path,
		c->log_dir, c->api_socket, c->operator_socket };
	const char *at = c->mount_profiles;
	size_t i, j;

	while (profile_next(&at, &p) == 1) {
		for (i = 0; i < p.n; i++) {
			for (j = 0; j < sizeof(places) / sizeof(places[0]); j++)
				refuse_own(&p, &p.mount[i], places[j]);
		}
	}
}
