/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eventd: order, queries, reused session names, two users' sessions of one
 * name, hostile records, speed.
 */
#include <sys/resource.h>

#include <signal.h>

#include "e.h"

static void
test_basic(void)
{
	struct ring execd, fsd;
	static const char raw[] = "/w/\xff\xc0\xaf \"q\" \\ \n";
	char bad[EVENT_STR_MAX + 1];

	session_open(1, "one");
	session_ring(1, ROLE_EXECD, &execd);
	session_ring(1, ROLE_FSD, &fsd);
	ev_begin(&d.rec, EV_COMMAND_STARTED, "cmd-a", 7);
	ev_str(&d.rec, EVF_FILENAME, "/bin/ls");
	ev_str(&d.rec, EVF_ARGV, "ls");
	ev_str(&d.rec, EVF_ARGV, "-l");
	ev_emit(&execd, &d.rec);
	file_event(&fsd, "cmd-a", "/w/first", DECISION_ALLOW);
	file_event(&fsd, "cmd-b", "/w/other", DECISION_DENY);
	file_event(&fsd, "cmd-a", "/w/second", DECISION_AUDIT);
	ev_begin(&d.rec, EV_COMMAND_FINISHED, "cmd-a", 7);
	ev_u64(&d.rec, EVF_EXIT_CODE, 3);
	ev_u64(&d.rec, EVF_TIMED_OUT, 0);
	ev_emit(&execd, &d.rec);
	query(1, "cmd-a", "", "", 0, 0, false);
	T(d.count == 4, "a command's events, just written (%u)", d.count);
	T(in_order("command_started", "/w/first") &&
		in_order("/w/first", "/w/second") &&
		in_order("/w/second", "command_finished"),
	    "rings are merged by time");
	T(has("\"argv\":[\"ls\",\"-l\"]"), "array");
	T(has("\"fields\":{\"exit_code\":3,\"timed_out\":false}"), "fields");
	T(has("\"policy\":{\"decision\":\"audit\",\"effective_decision\":\"allow\","
	      "\"rule\":\"rule\",\"message\":\"a message\"}"),
	    "policy");
	T(has("\"session_id\":\"one\",\"command_id\":\"cmd-a\",\"pid\":7,"),
	    "identity");
	query(1, "", "", "", 0, 0, false);
	T(d.count == 6 && in_order("session_created", "command_started"),
	    "all");
	T(has("\"workspace\":\"/home/u/w\""),
	    "session_created says the workspace");
	query(1, "", "", "", 2, 1, true);
	T(d.count == 2 && in_order("/w/second", "/w/other") && !has("first"),
	    "newest first, limit and offset");
	query(1, "", "file_open,command_finished", "", 0, 0, false);
	T(d.count == 4, "by types");
	query(1, "", "", "deny", 0, 0, false);
	T(d.count == 1 && has("/w/other"), "by decision");
	query(1, "", "", "approve", 0, 0, false);
	T(d.count == 0, "by a decision that none has");
	query(1, "", "no_such_type", "", 0, 0, false);
	T(d.count == 0, "by a type that none has");
	query(1, "cmd-x", "", "", 0, 0, false);
	T(d.count == 0, "of an unknown command");
	query(99, "", "", "", 0, 0, false);
	T(d.count == 0, "of an unknown session");
	file_event(&fsd, "cmd-c", raw, DECISION_ALLOW);
	memset(bad, 0xff, EVENT_STR_MAX);
	bad[EVENT_STR_MAX] = '\0';
	file_event(&fsd, "cmd-c", bad, DECISION_ALLOW);
	query(1, "cmd-c", "", "", 0, 0, false);
	T(d.count == 2 &&
		has("\"/w/\\\\377\\\\300\\\\257 \\\"q\\\" \\\\\\\\ \\\\012\""),
	    "bytes that are not UTF-8 are escaped");
	ev_begin(&d.rec, EV_FILE_READ_SUMMARY, "cmd-d", 0);
	ev_count(&d.rec, EVF_OPENED, "/etc", 3);
	ev_count(&d.rec, EVF_OPENED, "/\xff\"", 1);
	ev_emit(&fsd, &d.rec);
	query(1, "cmd-d", "", "", 0, 0, false);
	T(d.count == 1 &&
		has("\"fields\":{\"opened\":{\"/etc\":3,\"/\\\\377\\\"\":1}}"),
	    "counts are an object");
	session_close(1, SESS_EXPIRED_IDLE);
	query(1, "", "session_expired", "", 0, 0, false);
	/* two channels: the question may be read first */
	while (d.count == 0)
		query(1, "", "session_expired", "", 0, 0, false);
	T(d.count == 1 && has("\"reason\":\"idle_timeout\""),
	    "end of the session");
	ring_unmap(&execd);
	ring_unmap(&fsd);
}

static void
test_reuse(void)
{
	char first[64] = "", path[128];
	struct ring r;
	const char *p;

	session_open(2, "again");
	session_ring(2, ROLE_FSD, &r);
	file_event(&r, "c", "/w/life-1", DECISION_ALLOW);
	do {
		query(2, "", "file_open", "", 0, 0, false);
	} while (d.count == 0);
	p = strstr(d.result, "\"id\":");
	if (p != NULL)
		memcpy(first, p, 35);
	session_close(2, SESS_DESTROYED);
	ring_unmap(&r);
	session_open(3, "again");
	session_ring(3, ROLE_FSD, &r);
	file_event(&r, "c", "/w/life-2", DECISION_ALLOW);
	do {
		query(3, "", "file_open", "", 0, 0, false);
	} while (d.count == 0);
	T(d.count == 1 && has("life-2") && !has("life-1"), "a name used again");
	T(first[0] != '\0' && !has(first), "ids differ: %s", first);
	session_close(3, SESS_DESTROYED);
	ring_unmap(&r);
	T(stop() == 1, "exit 1 when agentshd is gone");
	start();
	T(d.ready, "a second run");
	session_open(2, "again");
	session_ring(2, ROLE_FSD, &r);
	file_event(&r, "c", "/w/life-3", DECISION_ALLOW);
	do {
		query(2, "", "file_open", "", 0, 0, false);
	} while (d.count == 0);
	T(has("life-3") && !has(first), "ids differ from run to run");
	session_close(2, SESS_DESTROYED);
	ring_unmap(&r);
	snprintf(path, sizeof(path), "%s/1000/again.jsonl", d.dir);
	T(access(path, F_OK) == 0, "one file a name");
}

/* Two users may call their sessions the same. */
static void
test_users(void)
{
	struct ring hers, his;
	struct stat st;

	session_open_uid(5, 1001, "same");
	session_ring(5, ROLE_FSD, &hers);
	session_open_uid(6, 1002, "same");
	session_ring(6, ROLE_FSD, &his);
	file_event(&hers, "c", "/w/hers", DECISION_ALLOW);
	file_event(&his, "c", "/w/his", DECISION_ALLOW);
	do {
		query(5, "", "file_open", "", 0, 0, false);
	} while (d.count == 0);
	T(d.count == 1 && has("/w/hers"), "her session's events");
	do {
		query(6, "", "file_open", "", 0, 0, false);
	} while (d.count == 0);
	T(d.count == 1 && has("/w/his"), "his session's events");
	session_close(5, SESS_DESTROYED);
	session_close(6, SESS_DESTROYED);
	ring_unmap(&hers);
	ring_unmap(&his);
	T(fstatat(d.dir_fd, "1001/same.jsonl", &st, 0) == 0 &&
		fstatat(d.dir_fd, "1002/same.jsonl", &st, 0) == 0,
	    "a file each");
	T(fstatat(d.dir_fd, "1001", &st, 0) == 0 &&
		(st.st_mode & 07777) == 0700,
	    "in a directory each");
	T(symlinkat("1001", d.dir_fd, "1003") == 0, "a link in the way");
	session_open_uid(7, 1003, "same");
	T(wait_broken() == 7, "it is not followed");
	session_close(7, SESS_HELPER_DIED);
}

static void
test_hostile(void)
{
	static const char nonsense[] = "\xff\xff\0\0nonsense";
	struct ring r, good;
	uint64_t lie = UINT64_MAX / 2;
	int fd;

	session_open(10, "hostile");
	session_ring(10, ROLE_EXECD, &good);
	session_ring(10, ROLE_FSD, &r);
	file_event(&r, "c", "/w/before", DECISION_ALLOW);
	ring_put(&r, nonsense, sizeof(nonsense));
	T(wait_broken() == 10, "nonsense ends the session");
	file_event(&good, "c", "/w/good", DECISION_ALLOW);
	query(10, "", "file_open", "", 0, 0, false);
	T(d.count == 2 && has("before") && has("good"),
	    "what was right is logged");
	session_close(10, SESS_HELPER_DIED);
	ring_unmap(&r);
	ring_unmap(&good);

	session_open(11, "hostile2");
	session_ring(11, ROLE_FSD, &r);
	memcpy(r.head, &lie, sizeof(lie));
	lie = 1;
	if (write(r.wake_fd, &lie, sizeof(lie)) != sizeof(lie))
		abort();
	T(wait_broken() == 11, "a position that lies ends the session");
	session_close(11, SESS_HELPER_DIED);
	ring_unmap(&r);

	session_open(12, "hostile3");
	session_ring(12, ROLE_FSD, &r);
	ev_begin(&d.rec, EV_FILE_OPEN, "c", 1);
	ev_str(&d.rec, EVF_PATH, "/a");
	ev_str(&d.rec, EVF_PATH, "/b");
	ev_emit(&r, &d.rec);
	T(wait_broken() == 12, "a field twice ends the session");
	session_close(12, SESS_HELPER_DIED);
	ring_unmap(&r);

	session_open(13, "hostile4");
	session_ring(13, ROLE_FSD, &r);
	ev_begin(&d.rec, EV_FILE_OPEN, "c", 1);
	lie = UINT64_MAX;
	memcpy(d.rec.data + 8, &lie, 8);
	ev_emit(&r, &d.rec);
	query(13, "", "file_open", "", 0, 0, false);
	while (d.count == 0)
		query(13, "", "file_open", "", 0, 0, false);
	T(d.count == 1 && has("\"timestamp\":\"20"),
	    "a time in the future is not believed");
	session_close(13, SESS_DESTROYED);
	ring_unmap(&r);

	fd = openat(d.dir_fd, "victim", O_RDWR | O_CREAT, 0600);
	close(fd);
	T(symlinkat("../victim", d.dir_fd, "1000/link.jsonl") == 0,
	    "a link in the way");
	session_open(14, "link");
	T(wait_broken() == 14, "a link is not followed");
	session_close(14, SESS_HELPER_DIED);
	session_open(15, "../x");
	T(wait_broken() == 15, "a name with a slash");
	session_close(15, SESS_HELPER_DIED);
}

static void
test_continue(void)
{
	struct ring r;
	char line[4096];
	ssize_t n;
	int fd;

	fd = openat(d.dir_fd, "1000/cut.jsonl", O_RDWR | O_CREAT, 0600);
	T(write(fd, "{\"half", 6) == 6, "a file that ends within a line");
	session_open(20, "cut");
	session_ring(20, ROLE_FSD, &r);
	file_event(&r, "c", "/w/x", DECISION_ALLOW);
	do {
		query(20, "", "file_open", "", 0, 0, false);
	} while (d.count == 0);
	T(has("{\"id\"") && d.result[0] == '{', "lines are found behind it");
	n = pread(fd, line, sizeof(line) - 1, 0);
	line[n > 0 ? n : 0] = '\0';
	T(strncmp(line, "{\"half\n{\"id\":\"ev-", 17) == 0, "it was ended");
	close(fd);
	session_close(20, SESS_DESTROYED);
	ring_unmap(&r);
}

static void
test_commands(void)
{
	struct ring r;
	char id[32];
	int i, k;

	session_open(30, "many");
	session_ring(30, ROLE_EXECD, &r);
	for (i = 0; i < 1000; i++) {
		snprintf(id, sizeof(id), "cmd-%d", i);
		ev_begin(&d.rec, EV_COMMAND_POLICY, id, 1);
		ev_emit(&r, &d.rec);
		for (k = 0; k < 3; k++)
			file_event(&r, id, "/w/x", DECISION_ALLOW);
	}
	file_event(&r, "cmd-0", "/w/late", DECISION_ALLOW);
	do {
		query(30, "", "command_policy", "", 0, 0, true);
	} while (d.count < 1000);
	query(30, "cmd-0", "", "", 0, 0, false);
	T(d.count == 5 && has("late"),
	    "late events of a forgotten command (%u)", d.count);
	query(30, "cmd-1", "", "", 0, 0, false);
	T(d.count == 4, "a forgotten command (%u)", d.count);
	query(30, "cmd-999", "", "", 0, 0, true);
	T(d.count == 4, "the last command (%u)", d.count);
	session_close(30, SESS_DESTROYED);
	ring_unmap(&r);
}

/* What a full disk does, as a limit of the size of files. */
static void
disk(bool full)
{
	struct rlimit rl = { full ? 0 : RLIM_INFINITY, RLIM_INFINITY };

	if (prlimit(d.pid, RLIMIT_FSIZE, &rl, NULL) == -1)
		abort();
}

static void
test_full(void)
{
	char id[16];
	uint64_t i, tries;

	for (i = 0; i < 100; i++) {
		snprintf(id, sizeof(id), "full%d", (int)i);
		session_open(100 + i, id);
	}
	/* by another channel, and so perhaps earlier */
	for (i = 0, d.count = 0; i < 100 && d.count != 1; i++) {
		usleep((useconds_t)i * 1000);
		query(199, "", "", "", 0, 0, false);
	}
	T(d.count == 1, "a hundred sessions");
	disk(true);
	for (i = 0; i < 100; i++)
		session_close(100 + i, SESS_DESTROYED);
	d.broken = 0;
	session_open(300, "full0");
	T(chan_step(d.privd, 10000) == 1 && d.broken == 300,
	    "none begins while nothing can be written");
	session_close(300, SESS_DESTROYED);
	disk(false);
	for (i = tries = 0; i < 100 && tries < 200; tries++) {
		snprintf(id, sizeof(id), "full%d", (int)i);
		past(1000, id, "", "", "", 0, 0, false);
		if (d.count == 2 && has("session_destroyed"))
			i++;
		else
			usleep(50000);
	}
	T(i == 100, "all that ended are written");
	session_open(301, "full0");
	for (i = 0, d.count = 0; i < 100 && d.count != 1; i++) {
		usleep((useconds_t)i * 1000);
		query(301, "", "", "", 0, 0, false);
	}
	T(d.count == 1, "and others begin");
	session_close(301, SESS_DESTROYED);
	for (i = 0, d.count = 0; i < 100 && d.count != 4; i++) {
		usleep((useconds_t)i * 1000);
		past(1000, "full0", "", "", "", 0, 0, false);
	}
	T(d.count == 4, "each line is one (%u)", d.count);
}

static void
test_speed(int count)
{
	struct ring r;
	struct stat st;
	double t0, t1, t2;
	int i;

	session_open(40, "speed");
	session_ring(40, ROLE_FSD, &r);
	t0 = seconds();
	for (i = 0; i < count; i++)
		file_event(&r, "cmd-speed", "/workspace/src/common/event.c",
		    DECISION_ALLOW);
	query(40, "cmd-speed", "", "", 5000, (uint32_t)count - 1, false);
	t1 = seconds();
	T(d.count == 1, "%d events are all there", count);
	query(40, "cmd-speed", "", "", 5000, 0, false);
	t2 = seconds();
	T(d.count == 5000, "5000 of them");
	if (fstatat(d.dir_fd, "1000/speed.jsonl", &st, 0) == -1)
		abort();
	printf("# %.0f events/s, %.0f bytes an event, query of 5000: %.1f ms\n",
	    count / (t1 - t0), (double)st.st_size / count, (t2 - t1) * 1000);
	session_close(40, SESS_DESTROYED);
	ring_unmap(&r);
}

int
main(void)
{
	/* eventd has it from here: test_full */
	signal(SIGXFSZ, SIG_IGN);
	begin();
	test_basic();
	test_reuse();
	test_users();
	test_hostile();
	test_continue();
	test_commands();
	test_full();
	test_speed(100000);
	return finish();
}
