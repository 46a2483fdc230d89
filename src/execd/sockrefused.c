/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets that the filter does not let a session make, each with an event. There
 * is nothing to decide, and nothing of the caller's memory is read.
 */
#include <sys/syscall.h>

#include <errno.h>
#include <stdio.h>

#include "execd.h"
#include "supervise.h"
#include "notify.h"
#include "sockfamily.h"
#include "sockmake.h"

static void
record(const struct target *t, const struct command *c, bool pair,
    const uint64_t arg[3])
{
	static const char *const types[] = { [SOCK_STREAM] = "stream",
		[SOCK_DGRAM] = "dgram",
		[SOCK_RAW] = "raw",
		[SOCK_RDM] = "rdm",
		[SOCK_SEQPACKET] = "seqpacket",
		[SOCK_DCCP] = "dccp",
		[SOCK_PACKET] = "packet" };
	const char *name = sockfamily_name((int)(uint32_t)arg[0]);
	unsigned type = (unsigned)arg[1] & SOCKMAKE_TYPE;
	struct buf *b = &execd.event;
	char text[16];

	ev_begin(b, EV_SOCKET_BLOCKED, c != NULL ? c->id : "", t->inner_tgid);
	ev_str(b, EVF_OPERATION, pair ? "socketpair" : "socket");
	ev_policy_done(b, DECISION_DENY, DECISION_DENY, "socket-family",
	    "sessions have sockets of AF_UNIX, TCP and UDP");
	ev_u64(b, EVF_PARENT_PID, t->inner_ppid);
	snprintf(text, sizeof(text), "%u", (uint32_t)arg[0]);
	ev_str(b, EVF_FAMILY, name != NULL ? name : text);
	snprintf(text, sizeof(text), "%u", type);
	ev_str(b, EVF_SOCKET_TYPE,
	    type < sizeof(types) / sizeof(types[0]) && types[type] != NULL ?
		types[type] :
		text);
	snprintf(text, sizeof(text), "%u", (uint32_t)arg[2]);
	ev_str(b, EVF_PROTOCOL, text);
	ev_u64(b, EVF_BLOCKED, 1);
	record_emit();
}

void
socket_refused(const struct seccomp_notif *req)
{
	bool pair = req->data.nr == SYS_socketpair;
	uint64_t arg[3] = { req->data.args[0], req->data.args[1],
		req->data.args[2] };
	struct command *c = NULL;
	struct target t = { .dir_fd = -1 };
	int error = sockmake_error(pair, arg);

	if (target_open(&t, (pid_t)req->pid) == 0)
		c = lineage_command(&t);
	if (notify_is_valid(req->id))
		record(&t, c, pair, arg);
	target_close(&t);
	/* 0: a family that the configuration refuses */
	notify_answer(req->id, error != 0 ? error : EAFNOSUPPORT);
}
