/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration's mount profiles, as the API shows them.
 */
#include "http.h"
#include "profile.h"
#include "sessiond.h"

/* One at a time: this process has one thread. */
static struct profile profile;

static void
put_mounts(yajl_gen g, bool in_session)
{
	const struct profile_mount *m;
	size_t i;

	json_key(g, "mounts");
	yajl_gen_array_open(g);
	for (i = 0; i < profile.n; i++) {
		m = &profile.mount[i];
		yajl_gen_map_open(g);
		json_put_str(g, "path", m->path);
		json_put_str(g, "policy",
		    m->policy[0] != '\0' ? m->policy : profile.policy);
		json_put_str(g, "mode", m->rw ? "rw" : "ro");
		if (in_session)
			json_put_str(g, "mount_point", m->path);
		yajl_gen_map_close(g);
	}
	yajl_gen_array_close(g);
}

bool
profile_is_there(const char *name)
{
	return profile_find(sessiond.proc.conf.mount_profiles, name, &profile);
}

void
profile_put(yajl_gen g, const char *name)
{
	json_put_str(g, "profile", name);
	if (profile_is_there(name))
		put_mounts(g, true);
}

void
profile_put_policies(yajl_gen g, const char *name)
{
	const struct profile_mount *m;
	size_t i;

	json_key(g, "mounts");
	yajl_gen_array_open(g);
	for (i = 0; profile_is_there(name) && i < profile.n; i++) {
		m = &profile.mount[i];
		yajl_gen_map_open(g);
		json_put_str(g, "path", m->path);
		json_put_str(g, "mode", m->rw ? "rw" : "ro");
		if (m->policy[0] != '\0')
			json_put_str(g, "policy", m->policy);
		yajl_gen_map_close(g);
	}
	yajl_gen_array_close(g);
}

void
api_profiles(struct request *rq)
{
	const char *at = sessiond.proc.conf.mount_profiles;
	yajl_gen g = json_new();

	if (g == NULL) {
		http_error(rq, 500, "out of memory");
		return;
	}
	yajl_gen_map_open(g);
	json_key(g, "profiles");
	yajl_gen_array_open(g);
	while (profile_next(&at, &profile) == 1) {
		yajl_gen_map_open(g);
		json_put_str(g, "name", profile.name);
		json_put_str(g, "base_policy", profile.policy);
		put_mounts(g, false);
		yajl_gen_map_close(g);
	}
	yajl_gen_array_close(g);
	yajl_gen_map_close(g);
	http_reply(rq, 200, g);
}
