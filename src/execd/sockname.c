/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of unix sockets: what they lead to, by which name the rules know
 * it, what they say. A path is looked up once, and what it led to is held: the
 * call is made for that, by a number beneath /proc/self/fd, where execd stands
 * (enter.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "execd.h"
#include "socket.h"
#include "supervise.h"
#include "template.h"

#define SUN_NAME offsetof(struct sockaddr_un, sun_path)

static const char *const op_names[UNIX_OP_MAX] = {
	[UNIX_OP_CONNECT] = "connect",
	[UNIX_OP_BIND] = "bind",
	[UNIX_OP_LISTEN] = "listen",
	[UNIX_OP_SENDTO] = "sendto",
};

int
dest_read(struct dest *d, const struct target *t, uint64_t addr, size_t len)
{
	memset(&d->addr, 0, sizeof(d->addr));
	if (len > sizeof(d->addr))
		return EINVAL;
	d->len = (socklen_t)len;
	return target_read(t, addr, &d->addr, len);
}

void
dest_free(struct dest *d)
{
	if (d->fd != -1)
		close(d->fd);
	d->fd = -1;
	free(d->real);
	d->real = NULL;
}

/* Has it a name at all? Without, the kernel chooses one, or refuses. */
static bool
is_named(const struct dest *d)
{
	return d->addr.ss_family == AF_UNIX && d->len > SUN_NAME &&
	    d->len <= sizeof(struct sockaddr_un);
}

bool
dest_is_abstract(const struct dest *d)
{
	const struct sockaddr_un *sun = (const void *)&d->addr;

	return is_named(d) && sun->sun_path[0] == '\0';
}

bool
dest_is_path(const struct dest *d)
{
	return is_named(d) && !dest_is_abstract(d);
}

void
dest_path(const struct dest *d, char dst[sizeof(struct sockaddr_un)])
{
	const struct sockaddr_un *sun = (const void *)&d->addr;
	size_t len = d->len - SUN_NAME;

	memcpy(dst, sun->sun_path, len);
	dst[len] = '\0';
}

void
dest_set_abstract(struct dest *d)
{
	const struct sockaddr_un *sun = (const void *)&d->addr;

	d->name_len = d->len - SUN_NAME;
	d->name[0] = '@';
	memcpy(d->name + 1, sun->sun_path + 1, d->name_len - 1);
	d->name[d->name_len] = '\0';
}

static void
set_message(struct dest *d, enum unix_op op, const char *text)
{
	const char *values[TEMPLATE_MAX] = {
		[TEMPLATE_PATH] = d->name,
		[TEMPLATE_OPERATION] = op_names[op],
		[TEMPLATE_RULE] = d->rule,
	};

	(void)template_expand(d->message, sizeof(d->message), text, values);
}

const char *
dest_operation(enum unix_op op)
{
	return op_names[op];
}

/* Writes it down. */
static void
record(const struct sock *s, const struct dest *d, enum unix_op op,
    enum decision done)
{
	char name[AGENTSH_PATH_MAX + 1];
	const struct command *c = lineage_command(&s->t);
	struct buf *b = &execd.event;
	size_t i;

	ev_begin(b, EV_UNIX_SOCKET_OP, c != NULL ? c->id : "", s->t.inner_tgid);
	/* as the kernel shows them */
	for (i = 0; i < d->name_len; i++)
		name[i] = (char)(d->name[i] == '\0' ? '@' : d->name[i]);
	name[i] = '\0';
	ev_str(b, EVF_PATH, name);
	ev_str(b, EVF_OPERATION, op_names[op]);
	ev_policy_done(b, d->decision, done, d->rule, d->message);
	if (d->decision == DECISION_APPROVE)
		asking_record(&s->said);
	ev_str(b, EVF_KIND,
	    d->host		  ? "host" :
		d->name[0] == '@' ? "abstract" :
				    "path");
	if (done == DECISION_DENY)
		ev_u64(b, EVF_BLOCKED, 1);
	record_emit();
}

void
dest_refuse(const struct sock *s, struct dest *d, enum unix_op op,
    const char *rule, const char *message)
{
	d->decision = DECISION_DENY;
	snprintf(d->rule, sizeof(d->rule), "%s", rule);
	snprintf(d->message, sizeof(d->message), "%s", message);
	record(s, d, op, DECISION_DENY);
}

/* The rules' word. Without rules there is none. */
static void
evaluate(struct dest *d, enum unix_op op, bool *matched)
{
	struct verdict v;

	d->rule[0] = d->message[0] = '\0';
	d->named = false;
	*matched = true;
	if (!image_has_unix_rules(&execd.image)) {
		d->decision = DECISION_ALLOW;
		return;
	}
	if (image_eval_unix(&execd.image, op, d->name, d->name_len, &v) == -1)
		v.decision = DECISION_DENY;
	d->decision = v.decision;
	d->timeout_ms = v.timeout_ms;
	*matched = v.rule != UINT32_MAX;
	snprintf(d->rule, sizeof(d->rule), "%s", v.rule_name);
	set_message(d, op, v.message);
	d->named = d->name[0] == '/' &&
	    image_names_socket(&execd.image, &v, d->name);
}

static int
conclude(struct sock *s, struct dest *d, enum unix_op op)
{
	switch (d->decision) {
	case DECISION_ALLOW:
		return 0;
	case DECISION_AUDIT:
		record(s, d, op, DECISION_ALLOW);
		return 0;
	case DECISION_APPROVE:
		switch (sockask_say(s, d, op)) {
		case APPROVE_WAIT:
			return DEST_ASKED;
		case APPROVE_YES:
			record(s, d, op, DECISION_ALLOW);
			return 0;
		case APPROVE_NO:
			break;
		}
		break;
	default:
		break;
	}
	record(s, d, op, DECISION_DENY);
	return EACCES;
}

int
dest_check(struct sock *s, struct dest *d, enum unix_op op)
{
	bool matched;

	evaluate(d, op, &matched);
	if (d->decision == DECISION_AUDIT)
		return 0;
	if (d->decision == DECISION_APPROVE) {
		asking_refuse(&s->said, APPROVAL_REFUSED,
		    "its name comes of a call that is not known any more");
		record(s, d, op, DECISION_DENY);
		return EACCES;
	}
	return conclude(s, d, op);
}

int
dest_ask(struct sock *s, struct dest *d, enum unix_op op)
{
	bool matched;

	evaluate(d, op, &matched);
	return conclude(s, d, op);
}

/* d->name, and d->missing. */
static int
find_path(const struct sock *s, struct dest *d)
{
	char path[sizeof(struct sockaddr_un)];
	struct file f;
	int err;

	dest_path(d, path);
	err = file_find(&s->t, path, &f);
	if (err == 0 && f.nameless) {
		/* unlinked, or a descriptor: it has no path for a rule */
		file_close(&f);
		return EACCES;
	}
	if (err == 0) {
		d->fd = f.fd;
		d->st = f.st;
		snprintf(d->name, sizeof(d->name), "%s", f.name);
	} else {
		file_close(&f);
		file_spell(&s->t, AT_FDCWD, path, d->name, sizeof(d->name));
		if (d->name[0] != '/')
			return err;
		d->missing = err;
	}
	d->name_len = strlen(d->name);
	return 0;
}

void
dest_look(const struct sock *s, struct dest *d)
{
	d->error = s->domain == AF_UNIX && dest_is_path(d) ? find_path(s, d) :
							     0;
}

static bool
may_happen(enum decision decision)
{
	return decision == DECISION_ALLOW || decision == DECISION_AUDIT ||
	    decision == DECISION_APPROVE;
}

int
dest_find(struct sock *s, struct dest *d, enum unix_op op)
{
	bool matched, allowed;

	d->found = true;
	if (s->domain != AF_UNIX || !is_named(d))
		return 0; /* of no name that there could be a rule for */
	if (dest_is_abstract(d)) {
		dest_set_abstract(d);
		if (execd.shares_net &&
		    (op == UNIX_OP_CONNECT || op == UNIX_OP_SENDTO)) {
			/* Landlock, which keeps the host's away from who calls,
			 * does not look at us */
			dest_refuse(s, d, op, "unix-socket-shared",
			    "abstract names are the host's as well, in a"
			    " session without a network namespace");
			return EACCES;
		}
		return dest_ask(s, d, op);
	}
	if (d->error == EACCES && d->name[0] == '\0') {
		dest_path(d, d->name);
		d->name_len = strlen(d->name);
		dest_refuse(s, d, op, "unix-socket-nameless",
		    "a socket without a path in the file system has no rule");
		return EACCES;
	}
	if (d->error != 0)
		return d->error;
	evaluate(d, op, &matched);
	allowed = may_happen(d->decision);
	/* that nothing is there is no secret, and no word of a rule */
	if (d->missing != 0 && (allowed ? !d->named : !matched))
		return d->missing;
	/* it is asked about when it is known which socket of the host it is */
	if (allowed && d->named &&
	    (s->for_host ||
		(d->missing != 0 && d->decision == DECISION_APPROVE)))
		return 0;
	return conclude(s, d, op);
}

/* The name and the path that it leads to: the stricter word holds. */
int
dest_find_host(struct sock *s, struct dest *d, enum unix_op op)
{
	struct dest real = { .fd = -1 };
	bool matched;

	evaluate(d, op, &matched);
	if (d->decision == DECISION_ALLOW || d->decision == DECISION_AUDIT) {
		snprintf(real.name, sizeof(real.name), "%s", d->real);
		real.name_len = strlen(real.name);
		evaluate(&real, op, &matched);
		if (real.decision != DECISION_ALLOW &&
		    real.decision != DECISION_AUDIT) {
			d->decision = real.decision;
			d->timeout_ms = real.timeout_ms;
			memcpy(d->rule, real.rule, sizeof(d->rule));
			memcpy(d->message, real.message, sizeof(d->message));
		}
	}
	if (d->decision != DECISION_ALLOW && d->decision != DECISION_AUDIT)
		return conclude(s, d, op);
	record(s, d, op, DECISION_ALLOW);
	return 0;
}

socklen_t
dest_address(const struct dest *d, struct sockaddr_storage *to)
{
	struct sockaddr_un *sun = (void *)to;
	int n;

	if (d->fd == -1) {
		*to = d->addr;
		return d->len;
	}
	memset(to, 0, sizeof(*to));
	sun->sun_family = AF_UNIX;
	n = snprintf(sun->sun_path, sizeof(sun->sun_path), "%d", d->fd);
	return (socklen_t)(SUN_NAME + (size_t)n + 1);
}
