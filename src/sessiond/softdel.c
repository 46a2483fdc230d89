/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command deleted softly: how to have it back, told on its stderr and in
 * the guidance. Paths are the session's, and made safe to print.
 */
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "sessiond.h"
#include "vis.h"

#define SOFTDEL_SHOWN 5 /* the rest is counted */

static bool
is_soft(const struct event_info *info)
{
	return info->trash_token != NULL && info->path != NULL &&
	    strcmp(info->type, "soft_delete") == 0;
}

static size_t
count(const struct event_set *set)
{
	size_t i, n = 0;

	for (i = 0; set != NULL && i < set->n; i++)
		n += is_soft(&set->line[i].info);
	return n;
}

void
softdel_hints(char *dst, size_t size, const struct command *cmd,
    const struct event_set *set)
{
	const struct event_info *info;
	char path[512];
	size_t i, at = 0, n = 0, all = count(set);
	int len;

	dst[0] = '\0';
	for (i = 0; all > 0 && i < set->n && n < SOFTDEL_SHOWN; i++) {
		info = &set->line[i].info;
		if (!is_soft(info))
			continue;
		n++;
		vis_str(path, sizeof(path), info->path);
		len = snprintf(dst + at, size - at,
		    "agentsh: %s is in the trash; to restore it: agentsh trash"
		    " restore %.64s\n",
		    path, info->trash_token);
		if (len < 0 || (size_t)len >= size - at)
			break;
		at += (size_t)len;
	}
	dst[at] = '\0';
	if (all > n)
		snprintf(dst + at, size - at,
		    "agentsh: %zu more are in the trash: agentsh trash list"
		    " --session %s\n",
		    all - n, cmd->sess->id);
}

void
softdel_suggest(yajl_gen g, const struct event_set *set)
{
	const struct event_info *info;
	char command[128], reason[640], path[512];
	size_t i, n = 0;

	for (i = 0; set != NULL && i < set->n && n < SOFTDEL_SHOWN; i++) {
		info = &set->line[i].info;
		if (!is_soft(info))
			continue;
		n++;
		vis_str(path, sizeof(path), info->path);
		snprintf(command, sizeof(command),
		    "agentsh trash restore %.64s", info->trash_token);
		snprintf(reason, sizeof(reason),
		    "%s is in the trash; this restores it, outside of the session",
		    path);
		yajl_gen_map_open(g);
		json_put_str(g, "action", "restore_from_trash");
		json_put_str(g, "command", command);
		json_put_str(g, "reason", reason);
		yajl_gen_map_close(g);
	}
}

bool
softdel_any(const struct event_set *set)
{
	return count(set) > 0;
}
