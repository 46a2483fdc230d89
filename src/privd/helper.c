/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helpers of the service, and readconf before them: what each is handed
 * at its start, by the tables proc.def and chan.def, and what its end means.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "log.h"
#include "privd.h"
#include "proc.h"

#define CONF_TIMEOUT_MS 10000

enum chan_scope {
	GLOBAL,
	SESSION,
	OUTSIDE
};

/* clang-format off */
static const struct {
	enum role a, b;
	enum chan_scope scope;
} edges[] = {
#define CHAN(x, y, scp, what) { ROLE_##x, ROLE_##y, scp },
#include "chan.def"
#undef CHAN
};

/* Who is handed which directory. */
static const struct {
	enum role role;
	enum dir_kind kind;
} dir_rows[] = {
	{ ROLE_SESSIOND, DIR_SPOOL },
	{ ROLE_POLICYD, DIR_POLICY },
	{ ROLE_POLICYD, DIR_POLICY_DEFAULT },
	{ ROLE_POLICYD, DIR_TRUST },
	{ ROLE_POLICYD, DIR_MANIFEST },
	{ ROLE_EVENTD, DIR_LOG },
};
/* clang-format on */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct {
	bool loaded;
	bool ended;
	char how[64]; /* it ended */
} reader;

int
helper_greet(struct child *c, uint64_t session, const char *session_id,
    uid_t uid, gid_t gid)
{
	struct msg_sys_hello mh = { 0 };
	struct msg_sys_conf mc = { 0 };
	struct buf b;
	int r;

	mh.table_hash = msg_table_hash();
	mh.role = c->role;
	mh.run_mode = privd.mode;
	mh.verbose = (uint32_t)log_get_verbose();
	mh.uid = uid;
	mh.gid = gid;
	mh.session = session;
	snprintf(mh.session_id, sizeof(mh.session_id), "%s", session_id);
	if (msg_send_sys_hello(c->ch, 0, &mh, NULL) == -1)
		return -1;
	if ((R_HELPERS & (1U << c->role)) == 0)
		return 0;
	buf_init(&b, AGENTSH_CONF_MAX);
	conf_put(&b, &privd.conf);
	mc.conf = b.data;
	mc.conf_len = b.len;
	r = msg_send_sys_conf(c->ch, 0, &mc, NULL);
	buf_free(&b);
	return r;
}

int
helper_chan(struct child *c, enum role peer, int fd)
{
	struct msg_sys_chan m = { .peer = peer };

	return msg_send_sys_chan(c->ch, 0, &m, &fd);
}

static int
helper_on_conf_loaded(struct chan *ch, struct imsg *im)
{
	struct msg_conf_loaded m;
	struct buf b;

	(void)ch;
	if (msg_get_conf_loaded(im, &m) == -1)
		return -1;
	/* a process that read a text: ranges are checked once more */
	buf_read_from(&b, m.conf, m.conf_len);
	if (conf_get(&b, &privd.conf) == -1)
		return -1;
	reader.loaded = true;
	return 0;
}

static const struct handler reader_handlers[] = {
	{ MSG_CONF_LOADED, helper_on_conf_loaded },
	{ MSG_NONE, NULL },
};

static void
reader_timeout_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	child_kill(arg);
}

static void
reader_run(int fd)
{
	struct msg_conf_read m = { 0 };
	struct timeval tv = { .tv_sec = CONF_TIMEOUT_MS / 1000 };
	struct event *timer;
	struct child *c;

	c = child_spawn(ROLE_READCONF, &privd.user[ROLE_READCONF], NULL);
	if (c == NULL)
		fatalx("cannot start readconf");
	c->ch->handlers = reader_handlers;
	timer = evtimer_new(privd.base, reader_timeout_cb, c);
	if (timer == NULL || evtimer_add(timer, &tv) == -1)
		fatalx("cannot make a timer");
	m.run_mode = privd.mode;
	snprintf(m.path, sizeof(m.path), "%s", privd.paths.config);
	if (helper_greet(c, 0, "", privd.uid, privd.gid) == 0)
		msg_send_conf_read(c->ch, 0, &m, &fd);
	while (!reader.ended)
		event_base_loop(privd.base, EVLOOP_ONCE);
	event_free(timer);
	if (strcmp(reader.how, "exit status 0") != 0)
		fatalx("the configuration was not accepted (readconf: %s)",
		    reader.how);
	if (!reader.loaded)
		fatalx("readconf ended without an answer");
}

void
conf_load(const char *path, bool required)
{
	struct stat st;
	int fd;

	conf_defaults(&privd.conf);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd == -1) {
		if (errno == ENOENT && !required) {
			log_debug("no %s: defaults", path);
			return;
		}
		fatal("%s", path);
	}
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))
		fatalx("%s is not a regular file", path);
	reader_run(fd);
	close(fd);
}

void
helper_hand_over(struct child *c)
{
	struct msg_sys_dir md = { 0 };
	static const struct msg_sys_listen ml;
	enum dir_kind kind;
	size_t i;

	for (i = 0; i < COUNT(dir_rows); i++) {
		kind = dir_rows[i].kind;
		if (dir_rows[i].role != c->role || privd.dir_fd[kind] == -1)
			continue;
		md.kind = kind;
		msg_send_sys_dir(c->ch, 0, &md, &privd.dir_fd[kind]);
		close(privd.dir_fd[kind]);
		privd.dir_fd[kind] = -1;
	}
	if (privd.listen_fd[c->role] == -1)
		return;
	msg_send_sys_listen(c->ch, 0, &ml, &privd.listen_fd[c->role]);
	close(privd.listen_fd[c->role]);
	privd.listen_fd[c->role] = -1;
}

static void
join_helpers(void)
{
	struct child *a, *b;
	int pair[2];
	size_t i;

	for (i = 0; i < COUNT(edges); i++) {
		a = privd.helper[edges[i].a];
		b = privd.helper[edges[i].b];
		if (edges[i].scope != GLOBAL || a == NULL || b == NULL)
			continue;
		if (chan_join(a->role, b->role, pair) == -1)
			fatal("socketpair");
		helper_chan(a, b->role, pair[0]);
		helper_chan(b, a->role, pair[1]);
		close(pair[0]);
		close(pair[1]);
	}
}

void
helpers_start(void)
{
	static const struct msg_sys_start ms;
	struct child *c;
	enum role r;

	for (r = 0; r < ROLE_MAX; r++) {
		if (proc_rows[r].scope != SCOPE_SERVICE)
			continue;
		c = child_spawn(r, &privd.user[r], NULL);
		if (c == NULL)
			fatalx("cannot start %s", proc_rows[r].file);
		privd.helper[r] = c;
		helper_greet(c, 0, "", privd.uid, privd.gid);
	}
	join_helpers();
	for (r = 0; r < ROLE_MAX; r++) {
		if (privd.helper[r] == NULL)
			continue;
		helper_hand_over(privd.helper[r]);
		msg_send_sys_start(privd.helper[r]->ch, 0, &ms, NULL);
	}
}

static void
note_ready(void)
{
	enum role r;

	for (r = 0; r < ROLE_MAX; r++) {
		if (privd.helper[r] != NULL && !privd.helper[r]->ready)
			return;
	}
	privd.serving = true;
	log_info("ready: %s", privd.conf.api_socket);
	notify_manager("READY=1");
}

/* Two words, of a process that others may have taken over. */
static void
note_files(struct sess *s, const char *detail)
{
	size_t n = strcspn(detail, " ");

	snprintf(s->file_data, sizeof(s->file_data), "%.*s", (int)n, detail);
	detail += n;
	detail += strspn(detail, " ");
	snprintf(s->file_transport, sizeof(s->file_transport), "%s", detail);
}

int
helper_on_sys_ready(struct chan *ch, struct imsg *im)
{
	struct child *c = ch->arg;
	struct msg_sys_ready m;

	if (msg_get_sys_ready(im, &m) == -1)
		return -1;
	c->ready = true;
	ch->state = ST_RUN;
	log_debug("%s: ready%s%s", proc_rows[c->role].file,
	    m.detail[0] != '\0' ? ": " : "", m.detail);
	if (c->sess != NULL && c->role == ROLE_FSD)
		note_files(c->sess, m.detail);
	if (c->sess != NULL)
		sess_helper_ready(c->sess);
	else
		note_ready();
	return 0;
}

void
helper_died(struct child *c, const char *how)
{
	if (c->role == ROLE_READCONF) {
		reader.ended = true;
		snprintf(reader.how, sizeof(reader.how), "%s", how);
		return;
	}
	if (policy_check_ended(c, how) || steer_find_ended(c, how))
		return;
	privd.helper[c->role] = NULL;
	if (c->role == ROLE_NETD)
		net_lost();
	if (privd.stopping)
		return;
	log_warnx("%s: %s: the service cannot go on", proc_rows[c->role].file,
	    how);
	privd_stop(1);
}
