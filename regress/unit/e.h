/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real eventd for a unit test, with a driver that plays agentshd, sessiond
 * and the producers. The binary is $AGENTSH_EVENTD, else the one of the same
 * build tree.
 */
#ifndef E_H
#define E_H

#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "chan.h"
#include "conf.h"
#include "event.h"
#include "ring.h"
#include "t.h"

static struct {
	char dir[64];
	int dir_fd;
	pid_t pid;
	struct chan *privd;    /* to eventd, as agentshd */
	struct chan *sessiond; /* to eventd, as sessiond */
	bool ready;
	uint64_t broken; /* last session of EVENT_BROKEN */
	char *result;	 /* of the last query, terminated */
	uint32_t count;
	uint32_t answer;
	uint32_t request; /* of the last answer */
	struct buf rec;
} d;

static inline int
on_ready(struct chan *ch, struct imsg *im)
{
	(void)ch;
	(void)im;
	d.ready = true;
	return 0;
}

static inline int
on_broken(struct chan *ch, struct imsg *im)
{
	struct msg_event_broken m;

	(void)ch;
	if (msg_get_event_broken(im, &m) == -1)
		return -1;
	d.broken = m.session;
	return 0;
}

static inline int
on_result(struct chan *ch, struct imsg *im)
{
	struct msg_event_result m;
	int fd = imsg_take_fd(im, 0);

	(void)ch;
	if (msg_get_event_result(im, &m) == -1)
		return -1;
	free(d.result);
	d.result = calloc(1, (size_t)m.bytes + 1);
	if (pread(fd, d.result, (size_t)m.bytes + 1, 0) != (ssize_t)m.bytes)
		abort();
	if (write(fd, "x", 1) != -1)
		abort(); /* sealed */
	d.count = m.count;
	d.answer = m.answer;
	d.request = im->id;
	close(fd);
	return 0;
}

static const struct handler handlers[] = {
	{ MSG_SYS_READY, on_ready },
	{ MSG_EVENT_BROKEN, on_broken },
	{ MSG_EVENT_RESULT, on_result },
	{ MSG_NONE, NULL },
};

/* Where eventd is, from where this program is: BUILD/regress/unit/t_eventd. */
static inline const char *
eventd_path(void)
{
	static char path[4096 + 32];
	char self[4096];
	ssize_t n;
	int i;

	if (getenv("AGENTSH_EVENTD") != NULL)
		return getenv("AGENTSH_EVENTD");
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[n > 0 ? n : 0] = '\0';
	for (i = 0; i < 3 && strrchr(self, '/') != NULL; i++)
		*strrchr(self, '/') = '\0';
	snprintf(path, sizeof(path), "%s/src/eventd/eventd", self);
	return path;
}

static inline void
start(void)
{
	struct msg_sys_hello hello = { 0 };
	struct msg_sys_conf conf = { 0 };
	struct msg_sys_chan peer = { .peer = ROLE_SESSIOND };
	struct msg_sys_dir dir = { .kind = DIR_LOG };
	struct msg_sys_start go;
	struct conf c;
	struct buf b;
	int p[2], s[2];

	chan_pair(p);
	chan_pair(s);
	d.ready = false;
	d.pid = fork();
	if (d.pid == 0) {
		dup2(p[1], AGENTSH_PARENT_FD);
		fcntl(AGENTSH_PARENT_FD, F_SETFD, 0);
		execl(eventd_path(), "eventd", (char *)NULL);
		_exit(127);
	}
	close(p[1]);
	d.privd = chan_new(p[0], ROLE_PRIVD, ROLE_EVENTD, handlers, NULL);
	d.sessiond = chan_new(s[0], ROLE_SESSIOND, ROLE_EVENTD, handlers, NULL);
	hello.table_hash = msg_table_hash();
	hello.role = ROLE_EVENTD;
	hello.verbose = 1;
	msg_send_sys_hello(d.privd, 0, &hello, NULL);
	conf_defaults(&c);
	buf_init(&b, AGENTSH_CONF_MAX);
	conf_put(&b, &c);
	conf.conf = b.data;
	conf.conf_len = b.len;
	msg_send_sys_conf(d.privd, 0, &conf, NULL);
	buf_free(&b);
	msg_send_sys_chan(d.privd, 0, &peer, &s[1]);
	close(s[1]);
	msg_send_sys_dir(d.privd, 0, &dir, &d.dir_fd);
	msg_send_sys_start(d.privd, 0, &go, NULL);
	while (!d.ready && chan_step(d.privd, 10000) == 1)
		continue;
}

static inline int
stop(void)
{
	int status;

	chan_free(d.privd);
	chan_free(d.sessiond);
	waitpid(d.pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline void
session_open_uid(uint64_t session, uint32_t uid, const char *id)
{
	struct msg_event_open m = { .session = session, .uid = uid };

	snprintf(m.session_id, sizeof(m.session_id), "%s", id);
	snprintf(m.policy, sizeof(m.policy), "default");
	snprintf(m.workspace, sizeof(m.workspace), "/home/u/w");
	msg_send_event_open(d.privd, 0, &m, NULL);
}

static inline void
session_open(uint64_t session, const char *id)
{
	session_open_uid(session, 1000, id);
}

static inline void
session_ring(uint64_t session, enum role role, struct ring *r)
{
	struct msg_event_ring m = {
		.session = session, .role = role, .size = RING_SIZE
	};
	int fds[3];

	ring_create(fds);
	msg_send_event_ring(d.privd, 0, &m, fds);
	ring_map(r, fds, RING_SIZE);
}

static inline void
session_close(uint64_t session, uint32_t reason)
{
	struct msg_event_close m = { .session = session, .reason = reason };

	msg_send_event_close(d.privd, 0, &m, NULL);
}

static inline void
query(uint64_t session, const char *command, const char *type,
    const char *decision, uint32_t limit, uint32_t offset, bool descending)
{
	struct msg_event_query m = { .session = session,
		.limit = limit,
		.offset = offset,
		.descending = descending };

	snprintf(m.command_id, sizeof(m.command_id), "%s", command);
	snprintf(m.type, sizeof(m.type), "%s", type);
	snprintf(m.decision, sizeof(m.decision), "%s", decision);
	d.count = UINT32_MAX;
	msg_send_event_query(d.sessiond, chan_request(d.sessiond, NULL), &m,
	    NULL);
	if (chan_step(d.sessiond, 10000) != 1)
		d.count = UINT32_MAX;
}

/* All that is in the log of an id. Returns the request's number. */
static inline uint32_t
ask_past(uint32_t uid, const char *id, const char *command, const char *type,
    const char *decision, uint32_t limit, uint32_t offset, bool descending)
{
	struct msg_event_query m = { .uid = uid,
		.limit = limit,
		.offset = offset,
		.descending = descending };
	uint32_t request = chan_request(d.sessiond, NULL);

	snprintf(m.session_id, sizeof(m.session_id), "%s", id);
	snprintf(m.command_id, sizeof(m.command_id), "%s", command);
	snprintf(m.type, sizeof(m.type), "%s", type);
	snprintf(m.decision, sizeof(m.decision), "%s", decision);
	d.count = d.answer = UINT32_MAX;
	msg_send_event_query(d.sessiond, request, &m, NULL);
	return request;
}

static inline void
past(uint32_t uid, const char *id, const char *command, const char *type,
    const char *decision, uint32_t limit, uint32_t offset, bool descending)
{
	ask_past(uid, id, command, type, decision, limit, offset, descending);
	if (chan_step(d.sessiond, 10000) != 1)
		d.count = UINT32_MAX;
}

static inline bool
has(const char *text)
{
	return d.result != NULL && strstr(d.result, text) != NULL;
}

static inline bool
in_order(const char *a, const char *b)
{
	const char *p = strstr(d.result, a), *q = strstr(d.result, b);

	return p != NULL && q != NULL && p < q;
}

static inline void
file_event(struct ring *r, const char *command, const char *path,
    enum decision decision)
{
	ev_begin(&d.rec, EV_FILE_OPEN, command, 7);
	ev_str(&d.rec, EVF_PATH, path);
	ev_str(&d.rec, EVF_OPERATION, "open");
	ev_policy_done(&d.rec, decision, decision, "rule", "a message");
	ev_u64(&d.rec, EVF_BLOCKED, decision == DECISION_DENY);
	if (ev_emit(r, &d.rec) == -1)
		abort();
}

static inline double
seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static inline uint64_t
wait_broken(void)
{
	d.broken = 0;
	while (d.broken == 0 && chan_step(d.privd, 5000) == 1)
		continue;
	return d.broken;
}

/* Everything beneath a directory, which a user's logs are one of. */
static inline void
empty(int fd)
{
	DIR *dir = fdopendir(fd);
	struct dirent *e;
	int sub;

	if (dir == NULL)
		return;
	rewinddir(dir);
	while ((e = readdir(dir)) != NULL) {
		if (e->d_name[0] == '.' || unlinkat(fd, e->d_name, 0) == 0)
			continue;
		sub = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (sub != -1)
			empty(sub);
		unlinkat(fd, e->d_name, AT_REMOVEDIR);
	}
	closedir(dir);
}

static inline void
clean(void)
{
	empty(d.dir_fd);
	rmdir(d.dir);
}

/* Starts eventd on a directory of its own; ends the test where it cannot. */
static inline void
begin(void)
{
	const char *tmp = getenv("TMPDIR");

	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1U) <= 0)
		T_SKIP_ALL("the kernel has no Landlock");
	snprintf(d.dir, sizeof(d.dir), "%s/t_eventd.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(d.dir) == NULL)
		exit(1);
	d.dir_fd = open(d.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	buf_init(&d.rec, EVENT_MAX);
	start();
	if (!T(d.ready, "eventd starts"))
		exit(done_testing());
}

/* The last test: eventd's end. */
static inline int
finish(void)
{
	T(stop() == 1, "the end");
	free(d.result);
	buf_free(&d.rec);
	clean();
	return done_testing();
}

#endif
