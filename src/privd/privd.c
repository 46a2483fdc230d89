/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentshd: the parent of every process of agentsh. It makes namespaces and
 * mounts (through maker), starts everybody with exactly what the tables say,
 * and ends everybody. It parses nothing but the fixed messages of msg.def and
 * has no socket to the network. Whoever controls it controls the host as far
 * as the capabilities of privcap.def go.
 */
#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "log.h"
#include "privd.h"
#include "proc.h"

#define START_TIMEOUT_S 10 /* for every helper to be ready */
#define STOP_TIMEOUT_S 3   /* for a helper to end by itself */
#define KILL_TIMEOUT_S 2   /* for one that was killed */

struct privd privd;

static struct event *start_timer;
static struct event *stop_timer;
static struct event *stop_event;

const struct handler privd_handlers[] = {
	{ MSG_SYS_READY, helper_on_sys_ready },
	{ MSG_SESS_CREATE_UNIX, sess_on_create_unix },
	{ MSG_SESS_CREATE_TCP, sess_on_create_tcp },
	{ MSG_SESS_DESTROY, sess_on_destroy },
	{ MSG_POLICY_COMPILED, sess_on_policy_compiled },
	{ MSG_POLICY_REFUSED, sess_on_policy_refused },
	{ MSG_POLICY_STALE, reload_on_policy_stale },
	{ MSG_MAKE_HOOKS, sess_on_make_hooks },
	{ MSG_MAKE_LISTEN, sess_on_make_listen },
	{ MSG_MAKE_REFUSED, sess_on_make_refused },
	{ MSG_MAKE_STEER, sess_on_make_steer },
	{ MSG_MAKE_INWARD, sess_on_make_inward },
	{ MSG_MAKE_NET, sess_on_make_net },
	{ MSG_NET_STARTED, sess_on_net_started },
	{ MSG_NET_CLOSED, sess_on_net_closed },
	{ MSG_NET_BROKEN, sess_on_net_broken },
	{ MSG_POLICY_PREPARED, reload_on_policy_prepared },
	{ MSG_POLICY_COMMITTED, reload_on_policy_committed },
	{ MSG_MAKE_MOUNTED, sess_on_make_mounted },
	{ MSG_MAKE_OPENED, sess_on_make_opened },
	{ MSG_MAKE_CLONED, sess_on_make_cloned },
	{ MSG_MAKE_ABORT, sess_on_make_abort },
	{ MSG_MAKE_NATIVE, sess_on_make_native },
	{ MSG_MAKE_READS, sess_on_make_reads },
	{ MSG_MAKE_DEVICE, sess_on_make_device },
	{ MSG_MAKE_DONE, sess_on_make_done },
	{ MSG_MAKE_FAILED, sess_on_make_failed },
	{ MSG_EVENT_BROKEN, sess_on_event_broken },
	{ MSG_CTL_ASK, ctl_on_ask },
	{ MSG_NONE, NULL },
};

static void
usage(void)
{
	fprintf(stderr, "usage: agentshd [-dnv] [-f file] [-T area[,area]]\n");
	exit(2);
}

struct options {
	const char *config;
	bool check;
	int verbose; /* -v given so often */
};

static void
parse_options(struct options *o, int argc, char **argv)
{
	int c;

	memset(o, 0, sizeof(*o));
	while ((c = getopt(argc, argv, "df:nT:v")) != -1) {
		switch (c) {
		case 'd':
			break; /* never detaches */
		case 'f':
			o->config = optarg;
			break;
		case 'n':
			o->check = true;
			break;
		case 'T':
			if (log_set_areas(optarg) == -1)
				usage();
			privd.areas = optarg;
			break;
		case 'v':
			o->verbose++;
			break;
		default:
			usage();
		}
	}
	if (optind != argc)
		usage();
}

/* So that no descriptor of ours gets the number of a standard one. */
static void
sanitize_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
		if (fd == -1)
			fatal("/dev/null");
	} while (fd <= STDERR_FILENO);
	close(fd);
	if (close_range(STDERR_FILENO + 1, ~0U, 0) == -1)
		fatal("close_range");
}

/* A session costs about ten descriptors; and helpers, which inherit it, need a
 * higher one than commands have (sandbox.def). */
static void
raise_nofile(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		fatal("getrlimit");
	rl.rlim_cur = rl.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &rl) == -1)
		log_warn("setrlimit");
}

static void
init(void)
{
	size_t i;

	privd.uid = getuid();
	privd.gid = getgid();
	privd.mode = geteuid() == 0 ? MODE_SERVICE : MODE_USER;
	privd.has_root = true;
	privd.lock_fd = privd.init_fd = privd.host_root_fd = -1;
	privd.trash_fd = privd.cgroup_fd = -1;
	for (i = 0; i < DIR_MAX; i++)
		privd.dir_fd[i] = -1;
	for (i = 0; i < ROLE_MAX; i++)
		privd.listen_fd[i] = -1;
	for (i = 0; i < ROLE_MAX; i++) {
		privd.user[i].uid = privd.uid;
		privd.user[i].gid = privd.gid;
	}
	TAILQ_INIT(&privd.children);
	TAILQ_INIT(&privd.sessions);
	if (getuid() != geteuid() || getgid() != getegid())
		fatalx("agentshd must not be setuid or setgid");
	raise_nofile();
}

static void
helpers_end(void)
{
	enum role r;

	/* a closed channel tells a helper to end when it has read what is in
	 * it: eventd the last sessions' ends */
	for (r = 0; r < ROLE_MAX; r++) {
		if (privd.helper[r] == NULL || privd.helper[r]->ch == NULL)
			continue;
		chan_drain(privd.helper[r]->ch, 500);
		chan_free(privd.helper[r]->ch);
		privd.helper[r]->ch = NULL;
	}
}

/* Nothing that could still end is left. */
static bool
all_ended(void)
{
	const struct child *c;

	TAILQ_FOREACH(c, &privd.children, entry) {
		if (!c->stuck)
			return false;
	}
	return true;
}

static void
stop_cb(evutil_socket_t fd, short what, void *arg)
{
	struct timeval tv = { .tv_sec = STOP_TIMEOUT_S };
	static bool ended;
	const struct sess *s;

	(void)fd;
	(void)what;
	(void)arg;
	TAILQ_FOREACH(s, &privd.sessions, entry) {
		if (s->state != SESS_STUCK)
			return;
	}
	if (!ended) {
		ended = true;
		helpers_end();
		evtimer_add(stop_timer, &tv);
	}
	if (all_ended())
		event_base_loopbreak(privd.base);
}

static void
stop_timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct timeval tv = { .tv_sec = KILL_TIMEOUT_S };
	static bool killed;
	struct child *c;

	(void)fd;
	(void)what;
	(void)arg;
	TAILQ_FOREACH(c, &privd.children, entry) {
		if (c->stuck)
			continue;
		if (killed) {
			child_give_up(c);
			continue;
		}
		log_warnx("%s (pid %d) does not end: killed",
		    proc_rows[c->role].file, (int)c->pid);
		child_kill(c);
	}
	if (!killed)
		evtimer_add(stop_timer, &tv);
	killed = true;
	privd_stop_step();
}

void
privd_stop_step(void)
{
	if (privd.stopping)
		event_active(stop_event, EV_TIMEOUT, 1);
}

void
privd_stop(int status)
{
	struct sess *s, *next;

	if (status > privd.status)
		privd.status = status;
	if (privd.stopping)
		return;
	privd.stopping = true;
	notify_manager("STOPPING=1");
	for (s = TAILQ_FIRST(&privd.sessions); s != NULL; s = next) {
		next = TAILQ_NEXT(s, entry);
		sess_end(s, SESS_SHUTDOWN, "%s", "");
	}
	privd_stop_step();
}

static void
signal_cb(evutil_socket_t sig, short what, void *arg)
{
	(void)what;
	(void)arg;
	if (sig == SIGHUP) {
		reload_ask(0);
		return;
	}
	log_info("stopping: signal %d", (int)sig);
	privd_stop(0);
}

static void
start_timer_cb(evutil_socket_t fd, short what, void *arg)
{
	enum role r;

	(void)fd;
	(void)what;
	(void)arg;
	event_free(start_timer);
	start_timer = NULL;
	if (privd.serving || privd.stopping)
		return;
	for (r = 0; r < ROLE_MAX; r++) {
		if (privd.helper[r] != NULL && !privd.helper[r]->ready)
			log_warnx("%s is not ready after %d s",
			    proc_rows[r].file, START_TIMEOUT_S);
	}
	privd_stop(1);
}

static void
make_events(void)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	struct timeval tv = { .tv_sec = START_TIMEOUT_S };
	struct event *ev;
	size_t i;

	stop_event = event_new(privd.base, -1, 0, stop_cb, NULL);
	stop_timer = evtimer_new(privd.base, stop_timer_cb, NULL);
	start_timer = evtimer_new(privd.base, start_timer_cb, NULL);
	if (stop_event == NULL || stop_timer == NULL || start_timer == NULL ||
	    evtimer_add(start_timer, &tv) == -1)
		fatalx("cannot make events");
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		ev = evsignal_new(privd.base, signals[i], signal_cb, NULL);
		if (ev == NULL || event_add(ev, NULL) == -1)
			fatalx("cannot make events");
	}
}

/* -n: says whether the configuration, and the policy that it makes the default,
 * are good; -nv prints it. */
static void
check_only(const struct options *o)
{
	dirs_open_policies(false);
	policy_check();
	if (o->verbose > 0)
		conf_print(stdout, &privd.conf);
	else
		fprintf(stderr, "configuration OK\n");
	exit(0);
}

int
main(int argc, char **argv)
{
	struct options o;

	log_init("privd");
	parse_options(&o, argc, argv);
	sanitize_fds();
	umask(022);
	if (chdir("/") == -1)
		fatal("chdir /");
	signal(SIGPIPE, SIG_IGN);
	init();
	privd.base = event_base_new();
	if (privd.base == NULL)
		fatalx("event_base_new");
	if (privd.mode == MODE_SERVICE)
		probe_users();
	/* before readconf, whose sandbox needs the same */
	if (!o.check)
		probe_kernel();
	paths_find(o.config);
	conf_load(privd.paths.config, o.config != NULL);
	places_fill(&privd.conf);
	mounts_check_conf();
	net_check_conf();
	if (o.check)
		check_only(&o);
	privd.verbose = (int)privd.conf.log_level + o.verbose;
	log_set_verbose(privd.verbose);
	net_probe();
	dirs_open();
	/* they are all there now, wherever links lead */
	mounts_check_conf();
	sockets_open();
	/* from here on strangers' ids look all the same to a user's process */
	if (privd.mode == MODE_USER)
		outer_enter();
	lockdown();
	steer_find();
	lockdown_calls();
	make_events();
	helpers_start();
	event_base_dispatch(privd.base);
	sockets_remove();
	log_info("stopped");
	return privd.status;
}
