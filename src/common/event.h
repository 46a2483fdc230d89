/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event records, as producers write them into their ring and eventd reads
 * them. A record: type u16, flags u16 (0), pid u32, time u64 (ns since the
 * epoch), command id as string; then fields: id u16, bytes as string (STR,
 * STRV, COUNTS: "NUMBER NAME"), or u64 (U64, I64, BOOL). Each field once, but
 * STRV and COUNTS as often as wanted.
 * The session is the ring's; a producer cannot name another.
 */
#ifndef AGENTSH_EVENT_H
#define AGENTSH_EVENT_H

#include "agentsh.h"
#include "buf.h"
#include "ring.h"

#define EVENT_MAX 65536	   /* bytes of a record */
#define EVENT_STR_MAX 8192 /* bytes of one string in it */
#define EVENT_STRV_MAX 256 /* strings of one array */

/* Questions of sessiond that eventd works on at one time, at most; those that
 * need whole files read are fewer, so that others need not wait for them. */
#define EVENT_QUERIES_MAX 4
#define EVENT_QUERIES_FILE 2

/* EVENT_RESULT.answer */
enum event_answer {
	EVENTS_FAILED,
	EVENTS_NO_LOG,
	EVENTS_FOUND,
	EVENTS_ANSWER_MAX
};

enum event_bucket {
	BUCKET_FILE,
	BUCKET_NETWORK,
	BUCKET_OTHER,
	BUCKET_MAX
};

enum event_ftype {
	FT_STR,
	FT_U64,
	FT_I64,
	FT_BOOL,
	FT_STRV,
	FT_COUNTS
};

/* clang-format off */
enum event_type {
#define EVENT(id, name, bucket, meaning) EV_##id,
#define EVFIELD(id, key, type, meaning)
#include "event.def"
#undef EVENT
#undef EVFIELD
	EV_MAX
};

enum event_field {
#define EVENT(id, name, bucket, meaning)
#define EVFIELD(id, key, type, meaning) EVF_##id,
#include "event.def"
#undef EVENT
#undef EVFIELD
	EVF_MAX
};
/* clang-format on */

struct event_row {
	const char *name;
	enum event_bucket bucket;
};

struct event_field_row {
	const char *key;
	enum event_ftype type;
};

extern const struct event_row event_rows[EV_MAX];
extern const struct event_field_row event_field_rows[EVF_MAX];

struct event_head {
	enum event_type type;
	uint32_t pid; /* as the session sees it; 0 unknown */
	uint64_t time_ns;
	char command_id[AGENTSH_CMDID_MAX + 1]; /* "" for none */
};

/* Encoding: begin resets the buffer and takes the time; strings that are too
 * long are cut at EVENT_STR_MAX, arrays at EVENT_STRV_MAX or when full. */
void ev_begin(struct buf *, enum event_type, const char *command_id,
    uint32_t pid);
void ev_str(struct buf *, enum event_field, const char *);
void ev_u64(struct buf *, enum event_field, uint64_t);
/* One number more of a field of type COUNTS. */
void ev_count(struct buf *, enum event_field, const char *name, uint64_t);
bool ev_is_many(enum event_field);
/* The number before the name, of a string that ev_get_field found; *at: where
 * the name begins. False: it is malformed. */
bool ev_get_count(const char *str, size_t len, uint64_t *num, size_t *at);
/* decision, effective decision (what was done, which need not be what the rule
 * said), rule and message of a verdict at once */
void ev_policy_done(struct buf *, enum decision said, enum decision done,
    const char *rule, const char *message);
/* Into the ring; waits while it is full. 0, or -1: the record was malformed. */
int ev_emit(struct ring *, const struct buf *);

/* Decoding of hostile bytes: head first, then fields until 0.
 * 0 end, 1 one field, -1 malformed. A string is in the buffer, not terminated. */
int ev_get_head(struct buf *, struct event_head *);
int ev_get_field(struct buf *, enum event_field *, uint64_t *num,
    const char **str, size_t *len);

const char *decision_name(enum decision);
const char *file_op_name(enum file_op);
const char *sess_reason_name(uint32_t);
const char *sess_state_name(uint32_t);

#endif
