/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eventd: events out of the files, of sessions that are over.
 */
#include "e.h"

#define NLARGE 100000

/* A whole session with a file event a path. */
static void
session_of(uint64_t session, uint32_t uid, const char *id, const char *path)
{
	struct ring r;

	session_open_uid(session, uid, id);
	session_ring(session, ROLE_FSD, &r);
	file_event(&r, "cmd-a", path, DECISION_ALLOW);
	file_event(&r, "cmd-b", "/w/other", DECISION_DENY);
	do {
		query(session, "", "file_open", "", 0, 0, false);
	} while (d.count < 2);
	session_close(session, SESS_DESTROYED);
	ring_unmap(&r);
	/* two channels: the question may be read first */
	do {
		query(session, "", "session_destroyed", "", 0, 0, false);
	} while (d.count == 0);
}

/* Sessions that are over, also of an earlier run, out of the file. */
static void
test_past(void)
{
	session_of(1, 1000, "again", "/w/life-1");
	session_of(2, 1000, "again", "/w/life-2");
	session_of(3, 1001, "again", "/w/hers");
	T(stop() == 1, "the end of a run");
	start();
	T(d.ready, "a second run");
	session_of(1, 1000, "again", "/w/life-3");
	past(1000, "again", "cmd-a", "file_open", "", 0, 0, false);
	T(d.answer == EVENTS_FOUND && d.count == 3 &&
		in_order("life-1", "life-2") && in_order("life-2", "life-3"),
	    "all that used an id, of an earlier run too");
	past(1000, "again", "cmd-a", "file_open", "", 0, 0, true);
	T(d.count == 3 && in_order("life-3", "life-2") &&
		in_order("life-2", "life-1"),
	    "newest first");
	past(1000, "again", "cmd-a", "", "", 1, 1, true);
	T(d.count == 1 && has("life-2"), "limit and offset");
	past(1000, "again", "", "session_created,session_destroyed", "", 0, 0,
	    false);
	T(d.count == 6, "types (%u)", d.count);
	past(1000, "again", "", "", "deny", 0, 0, false);
	T(d.count == 3 && !has("life-"), "decision");
	past(1000, "again", "cmd-", "", "", 0, 0, false);
	T(d.count == 0, "a part of a command's id");
	past(1000, "again", "", "", "approve", 0, 0, false);
	T(d.count == 0, "a decision that none has");
	past(1001, "again", "cmd-a", "", "", 0, 0, false);
	T(d.count == 1 && has("/w/hers"), "each user's own");
	past(1002, "again", "", "", "", 0, 0, false);
	T(d.answer == EVENTS_NO_LOG && d.count == 0, "a user without logs");
	past(1001, "other", "", "", "", 0, 0, false);
	T(d.answer == EVENTS_NO_LOG, "no such id");
	T(symlinkat("again.jsonl", d.dir_fd, "1000/link.jsonl") == 0,
	    "a link in the way");
	past(1000, "link", "", "", "", 0, 0, false);
	T(d.answer == EVENTS_FAILED, "it is not followed");
}

/* What a crash has left is left out. */
static void
test_cut(void)
{
	int fd = openat(d.dir_fd, "1000/cut.jsonl", O_RDWR | O_CREAT, 0600);

	T(write(fd, "{\"half", 6) == 6, "a file that ends within a line");
	session_of(20, 1000, "cut", "/w/x");
	past(1000, "cut", "", "", "", 0, 0, false);
	T(d.answer == EVENTS_FOUND && d.count == 4 && !has("half"),
	    "a line that was cut (%u)", d.count);
	lseek(fd, 0, SEEK_END);
	T(write(fd, "{\"type\":\"x", 10) == 10, "a file without an end");
	close(fd);
	past(1000, "cut", "", "", "", 0, 0, true);
	T(d.count == 4 && !has("\"x"), "its last line is left out");
}

/* The session that runs is a part of its log. */
static void
test_running(void)
{
	struct ring r;

	session_open(25, "again");
	session_ring(25, ROLE_FSD, &r);
	file_event(&r, "cmd-c", "/w/life-4", DECISION_ALLOW);
	do {
		query(25, "", "file_open", "", 0, 0, false);
	} while (d.count == 0);
	T(d.count == 1, "the one that runs");
	file_event(&r, "cmd-c", "/w/life-4b", DECISION_ALLOW);
	past(1000, "again", "", "file_open", "", 0, 0, true);
	T(d.count == 8 && in_order("life-4b", "life-1"),
	    "with the earlier ones, what was just written too (%u)", d.count);
	session_close(25, SESS_DESTROYED);
	ring_unmap(&r);
}

/* The same answers as by the index, over many pieces of the file. */
static void
test_past_large(void)
{
	static const struct {
		uint32_t limit;
		uint32_t offset;
		bool descending;
	} ask[] = { { 5000, 0, false }, { 5000, 0, true },
		{ 5000, 50000, false }, { 5000, 50000, true },
		{ 7, 99990, false }, { 5000, 99990, true } };
	char *want;
	uint32_t slow, want_count;
	struct ring r;
	double t0;
	size_t i;

	session_open(40, "large");
	session_ring(40, ROLE_FSD, &r);
	for (i = 0; i < NLARGE; i++)
		file_event(&r, "cmd-large", "/workspace/src/common/event.c",
		    DECISION_ALLOW);
	do {
		query(40, "", "file_open", "", 1, NLARGE - 1, false);
	} while (d.count == 0);
	for (i = 0; i < sizeof(ask) / sizeof(ask[0]); i++) {
		query(40, "", "file_open", "", ask[i].limit, ask[i].offset,
		    ask[i].descending);
		want = d.result;
		d.result = NULL;
		want_count = d.count;
		past(1000, "large", "", "file_open", "", ask[i].limit,
		    ask[i].offset, ask[i].descending);
		T(d.count == want_count && strcmp(d.result, want) == 0,
		    "%u from %u%s", ask[i].limit, ask[i].offset,
		    ask[i].descending ? ", newest first" : "");
		free(want);
	}
	/* a long look does not hinder others */
	t0 = seconds();
	slow = ask_past(1000, "large", "no-such-command", "", "", 0, 0, false);
	query(40, "", "file_open", "", 1, 0, false);
	T(d.count == 1 && d.request != slow,
	    "a question meanwhile, answered after %.1f ms",
	    (seconds() - t0) * 1000);
	while (d.request != slow && chan_step(d.sessiond, 10000) == 1)
		continue;
	T(d.request == slow && d.count == 0 && d.answer == EVENTS_FOUND,
	    "the whole file took %.1f ms", (seconds() - t0) * 1000);
	session_close(40, SESS_DESTROYED);
	ring_unmap(&r);
}

int
main(void)
{
	begin();
	test_past();
	test_cut();
	test_running();
	test_past_large();
	return finish();
}
