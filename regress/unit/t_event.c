/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event records: what is put comes out; limits are kept; no cut, and no changed
 * byte, makes the decoder read outside the record.
 */
#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "t.h"

static struct buf rec;

/* Decodes all: the number of fields, or -1. */
static int
decode(const void *p, size_t len)
{
	struct buf b;
	struct event_head head;
	enum event_field field;
	const char *str;
	uint64_t num;
	size_t n;
	int r, count = 0;

	buf_read_from(&b, p, len);
	if (ev_get_head(&b, &head) == -1)
		return -1;
	while ((r = ev_get_field(&b, &field, &num, &str, &n)) == 1) {
		if (str != NULL &&
		    (str < (const char *)p || str + n > (const char *)p + len))
			return -2;
		count++;
	}
	return r == 0 ? count : -1;
}

static void
test_round(void)
{
	struct buf b;
	struct event_head head;
	enum event_field field;
	const char *str;
	uint64_t num;
	size_t n;

	ev_begin(&rec, EV_FILE_OPEN, "cmd-1", 42);
	ev_str(&rec, EVF_PATH, "/workspace/a");
	ev_policy_done(&rec, DECISION_AUDIT, DECISION_AUDIT, "rule-1", NULL);
	ev_u64(&rec, EVF_BYTES, 1ULL << 40);
	T(!rec.bad, "record fits");
	buf_read_from(&b, rec.data, rec.len);
	T(ev_get_head(&b, &head) == 0, "head");
	T(head.type == EV_FILE_OPEN && head.pid == 42, "type and pid");
	T(strcmp(head.command_id, "cmd-1") == 0, "command id");
	T(head.time_ns > 1600000000000000000ULL, "time");
	T(ev_get_field(&b, &field, &num, &str, &n) == 1 && field == EVF_PATH &&
		n == 12 && memcmp(str, "/workspace/a", n) == 0,
	    "string field");
	T(ev_get_field(&b, &field, &num, &str, &n) == 1 &&
		field == EVF_DECISION && n == 5 && memcmp(str, "audit", n) == 0,
	    "decision");
	T(ev_get_field(&b, &field, &num, &str, &n) == 1 &&
		field == EVF_EFFECTIVE && n == 5 &&
		memcmp(str, "allow", n) == 0,
	    "audit is allowed in effect");
	T(ev_get_field(&b, &field, &num, &str, &n) == 1 && field == EVF_RULE,
	    "rule");
	T(ev_get_field(&b, &field, &num, &str, &n) == 1 && field == EVF_BYTES &&
		num == 1ULL << 40 && str == NULL,
	    "number");
	T(ev_get_field(&b, &field, &num, &str, &n) == 0, "end");
}

static void
test_limits(void)
{
	char *big;
	int i, n;

	big = malloc(EVENT_STR_MAX * 2 + 1);
	memset(big, 'x', EVENT_STR_MAX * 2);
	big[EVENT_STR_MAX * 2] = '\0';
	ev_begin(&rec, EV_FILE_OPEN, "", 0);
	ev_str(&rec, EVF_PATH, big);
	T(!rec.bad && rec.len < EVENT_STR_MAX + 64, "long string is cut");
	memcpy(big + EVENT_STR_MAX - 1, "\xc3\xa4", 2);
	ev_begin(&rec, EV_FILE_OPEN, "", 0);
	ev_str(&rec, EVF_PATH, big);
	T(rec.data[rec.len - 1] == 'x', "the cut keeps UTF-8 whole");
	ev_begin(&rec, EV_COMMAND_STARTED, "c", 1);
	for (i = 0; i < 1000; i++)
		ev_str(&rec, EVF_ARGV, "a");
	T(decode(rec.data, rec.len) == EVENT_STRV_MAX,
	    "array is cut by number");
	ev_begin(&rec, EV_COMMAND_STARTED, "c", 1);
	for (i = 0; i < 20; i++)
		ev_str(&rec, EVF_ARGV, big);
	ev_str(&rec, EVF_COMMAND, big);
	ev_policy_done(&rec, DECISION_DENY, DECISION_DENY, big, big);
	n = decode(rec.data, rec.len);
	T(!rec.bad && n == 3 + 5, "array is cut by size, the rest fits (%d)",
	    n);
	ev_begin(&rec, EV_COMMAND_STARTED,
	    "0123456789012345678901234567890123456789012345678", 1);
	T(ev_emit(NULL, &rec) == -1,
	    "a command id that is too long is not emitted");
	free(big);
}

/* A number with each name, and nothing else. */
static void
test_counts(void)
{
	static const char *const bad[] = { "", " ", "7", "7/etc", " 7 /etc",
		"-7 /etc", "x /etc", "1234567890123456789 /etc" };
	uint64_t num;
	size_t at, i;

	ev_begin(&rec, EV_FILE_READ_SUMMARY, "c", 0);
	ev_count(&rec, EVF_OPENED, "/etc", UINT64_MAX / 100);
	ev_count(&rec, EVF_OPENED, "/a b", 0);
	T(decode(rec.data, rec.len) == 2, "counts");
	T(ev_get_count("42 /a b", 7, &num, &at) && num == 42 && at == 3,
	    "number and name");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ev_begin(&rec, EV_FILE_READ_SUMMARY, "c", 0);
		ev_str(&rec, EVF_OPENED, bad[i]);
		T(decode(rec.data, rec.len) == -1, "no count: \"%s\"", bad[i]);
	}
}

static void
test_hostile(void)
{
	uint8_t copy[512];
	size_t i, len;
	int bad = 0, v;

	ev_begin(&rec, EV_COMMAND_FINISHED, "cmd-2", 7);
	ev_str(&rec, EVF_ARGV, "a");
	ev_str(&rec, EVF_ARGV, "bc");
	ev_u64(&rec, EVF_TIMED_OUT, 1);
	len = rec.len;
	T(len < sizeof(copy), "small record");
	for (i = 0; i < len; i++) {
		/* exact allocation: the sanitizer sees a read behind it */
		uint8_t *p = malloc(i + 1);

		memcpy(p, rec.data, i);
		if (decode(p, i) == -2)
			bad++;
		free(p);
	}
	T(bad == 0, "no cut leaves the record");
	for (i = 0; i < len; i++) {
		for (v = 0; v < 256; v++) {
			memcpy(copy, rec.data, len);
			copy[i] = (uint8_t)v;
			if (decode(copy, len) == -2)
				bad++;
		}
	}
	T(bad == 0, "no changed byte leaves the record");
	memcpy(copy, rec.data, len);
	copy[2] = 1;
	T(decode(copy, len) == -1, "flags must be 0");
	memcpy(copy, rec.data, len);
	copy[len - 8] = 2;
	T(decode(copy, len) == -1, "a truth value is 0 or 1");
	memcpy(copy, rec.data, len);
	copy[0] = EV_MAX;
	T(decode(copy, len) == -1, "unknown type");
}

static void
test_names(void)
{
	T(strcmp(decision_name((enum decision)99), "deny") == 0,
	    "unknown decision");
	T(strcmp(file_op_name(FILE_OP_MKNOD), "mknod") == 0, "operation name");
	T(strcmp(sess_reason_name(SESS_EXPIRED_IDLE), "idle_timeout") == 0,
	    "reason");
	T(strcmp(sess_reason_name(SESS_REASON_MAX), "unknown") == 0,
	    "unknown reason");
}

int
main(void)
{
	buf_init(&rec, EVENT_MAX);
	test_round();
	test_limits();
	test_counts();
	test_hostile();
	test_names();
	buf_free(&rec);
	return done_testing();
}
