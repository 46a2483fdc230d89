/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event records: encoding in the producers, decoding in eventd, and the names
 * that events use. The decoder trusts nothing in the record.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "event.h"
#include "utf8.h"

/* Arrays leave room behind them for the fields that follow. */
#define EVENT_STRV_ROOM (EVENT_MAX / 2)

/* clang-format off */
const struct event_row event_rows[EV_MAX] = {
#define EVENT(id, name, bucket, meaning) { name, BUCKET_##bucket },
#define EVFIELD(id, key, type, meaning)
#include "event.def"
#undef EVENT
#undef EVFIELD
};

const struct event_field_row event_field_rows[EVF_MAX] = {
#define EVENT(id, name, bucket, meaning)
#define EVFIELD(id, key, type, meaning) { key, FT_##type },
#include "event.def"
#undef EVENT
#undef EVFIELD
};

static const char *const file_op_names[FILE_OP_MAX] = {
#define FILE_OP(id, name) name,
#include "fileop.def"
#undef FILE_OP
};
/* clang-format on */

static const char *const decision_names[DECISION_MAX] = {
	[DECISION_DENY] = "deny",
	[DECISION_ALLOW] = "allow",
	[DECISION_AUDIT] = "audit",
	[DECISION_APPROVE] = "approve",
	[DECISION_REDIRECT] = "redirect",
	[DECISION_SOFT_DELETE] = "soft_delete",
	[DECISION_ABSORB] = "absorb",
};

static const char *const reason_names[SESS_REASON_MAX] = {
	[SESS_DESTROYED] = "destroyed",
	[SESS_EXPIRED_IDLE] = "idle_timeout",
	[SESS_EXPIRED_LIFE] = "session_timeout",
	[SESS_HELPER_DIED] = "helper_died",
	[SESS_SHUTDOWN] = "shutdown",
};

const char *
decision_name(enum decision d)
{
	return (unsigned)d < DECISION_MAX ? decision_names[d] : "deny";
}

const char *
file_op_name(enum file_op op)
{
	return (unsigned)op < FILE_OP_MAX ? file_op_names[op] : "unknown";
}

const char *
sess_reason_name(uint32_t reason)
{
	return reason < SESS_REASON_MAX ? reason_names[reason] : "unknown";
}

const char *
sess_state_name(uint32_t state)
{
	static const char *const names[SESS_STATE_MAX] = {
		[SESS_CREATING] = "creating",
		[SESS_READY] = "ready",
		[SESS_STOPPING] = "stopping",
		[SESS_STUCK] = "stuck",
	};

	return state < SESS_STATE_MAX ? names[state] : "unknown";
}

void
ev_begin(struct buf *b, enum event_type type, const char *command_id,
    uint32_t pid)
{
	buf_reset(b);
	buf_put_u16(b, (uint16_t)type);
	buf_put_u16(b, 0);
	buf_put_u32(b, pid);
	buf_put_u64(b, clock_epoch_ns());
	buf_put_str(b, command_id != NULL ? command_id : "", AGENTSH_CMDID_MAX);
}

/* The strings that an array of the record already has. */
static size_t
ev_strings(const struct buf *b, enum event_field want)
{
	struct buf r;
	struct event_head head;
	enum event_field field;
	const char *str;
	uint64_t num;
	size_t len, n = 0;

	buf_read_from(&r, b->data, b->len);
	if (ev_get_head(&r, &head) == -1)
		return 0;
	while (ev_get_field(&r, &field, &num, &str, &len) == 1) {
		if (field == want)
			n++;
	}
	return n;
}

void
ev_str(struct buf *b, enum event_field field, const char *s)
{
	size_t len = strnlen(s, EVENT_STR_MAX + 1);

	if (len > EVENT_STR_MAX)
		len = utf8_cut(s, EVENT_STR_MAX);
	if (ev_is_many(field) &&
	    (b->len + len > EVENT_STRV_ROOM ||
		ev_strings(b, field) >= EVENT_STRV_MAX))
		return;
	buf_put_u16(b, (uint16_t)field);
	buf_put_u32(b, (uint32_t)len);
	buf_put(b, s, len);
}

void
ev_u64(struct buf *b, enum event_field field, uint64_t v)
{
	buf_put_u16(b, (uint16_t)field);
	buf_put_u64(b, v);
}

void
ev_count(struct buf *b, enum event_field field, const char *name, uint64_t n)
{
	char text[EVENT_STR_MAX];

	(void)snprintf(text, sizeof(text), "%" PRIu64 " %s", n, name);
	ev_str(b, field, text);
}

bool
ev_is_many(enum event_field field)
{
	return event_field_rows[field].type == FT_STRV ||
	    event_field_rows[field].type == FT_COUNTS;
}

bool
ev_get_count(const char *str, size_t len, uint64_t *num, size_t *at)
{
	size_t i;

	*num = 0;
	for (i = 0; i < len && str[i] >= '0' && str[i] <= '9'; i++) {
		/* 18 digits fit in any case */
		if (i == 18)
			return false;
		*num = *num * 10 + (uint64_t)(str[i] - '0');
	}
	*at = i + 1;
	return i > 0 && i < len && str[i] == ' ';
}

void
ev_policy_done(struct buf *b, enum decision said, enum decision done,
    const char *rule, const char *message)
{
	const char *effective = "deny";

	if (done == DECISION_ALLOW || done == DECISION_AUDIT ||
	    done == DECISION_SOFT_DELETE)
		effective = "allow";
	else if (done == DECISION_REDIRECT)
		effective = "redirect";
	else if (done == DECISION_APPROVE)
		effective = "approve";
	else if (done == DECISION_ABSORB)
		effective = "absorb";
	ev_str(b, EVF_DECISION, decision_name(said));
	ev_str(b, EVF_EFFECTIVE, effective);
	ev_str(b, EVF_RULE, rule);
	if (message != NULL && message[0] != '\0')
		ev_str(b, EVF_MESSAGE, message);
}

int
ev_emit(struct ring *r, const struct buf *b)
{
	if (b->bad || b->len == 0 || b->len > EVENT_MAX) {
		errno = EINVAL;
		return -1;
	}
	return ring_put(r, b->data, b->len);
}

int
ev_get_head(struct buf *b, struct event_head *h)
{
	uint16_t type, flags;

	memset(h, 0, sizeof(*h));
	type = buf_get_u16(b);
	flags = buf_get_u16(b);
	h->pid = buf_get_u32(b);
	h->time_ns = buf_get_u64(b);
	buf_get_str(b, h->command_id, AGENTSH_CMDID_MAX);
	if (b->bad || type >= EV_MAX || flags != 0)
		return -1;
	h->type = (enum event_type)type;
	return 0;
}

int
ev_get_field(struct buf *b, enum event_field *field, uint64_t *num,
    const char **str, size_t *len)
{
	enum event_ftype type;
	uint64_t count;
	size_t at;
	uint32_t n;
	uint16_t id;

	*num = 0;
	*str = NULL;
	*len = 0;
	if (b->bad)
		return -1;
	if (buf_left(b) == 0)
		return 0;
	id = buf_get_u16(b);
	if (b->bad || id >= EVF_MAX)
		return -1;
	*field = (enum event_field)id;
	type = event_field_rows[id].type;
	if (type != FT_STR && !ev_is_many((enum event_field)id)) {
		*num = buf_get_u64(b);
		return b->bad || (type == FT_BOOL && *num > 1) ? -1 : 1;
	}
	n = buf_get_u32(b);
	if (b->bad || n > EVENT_STR_MAX || n > buf_left(b))
		return -1;
	*str = (const char *)b->data + b->pos;
	*len = n;
	b->pos += n;
	if (type == FT_COUNTS && !ev_get_count(*str, n, &count, &at))
		return -1;
	return 1;
}
