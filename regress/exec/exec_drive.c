/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What execd and init must do, without the rest of agentsh: see drive.h.
 *
 * usage: exec_drive [-n spawns] [-t test] [-v] execd init probe
 */
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <linux/landlock.h>
#include <signal.h>
#include <unistd.h>

#include "../unit/t.h"
#include "drive.h"
#include "log.h"

static void
exit_status(void)
{
	const struct state *s = drive_sh("echo out; echo err >&2; exit 3");

	CHECK(s->started && s->exited);
	CHECK_INT(s->exit.exit_code, 3);
	CHECK_INT(s->exit.term_signal, 0);
	CHECK_STR(d.output, "out\nerr\n");
	s = drive_sh("kill -9 $$");
	CHECK_INT(s->exit.term_signal, 9);
	CHECK_INT(s->exit.exit_code, 137);
}

static void
surroundings(void)
{
	struct request r = { .cwd = "/usr", .env = "WORD=two words" };
	const char *argv[] = { "sh", "-c",
		"pwd; echo $WORD; umask; ulimit -c; id -u; ps -o comm= -p 1 2>/dev/null; stat -c %a:%u /tmp/home",
		NULL };
	char want[128];

	drive_run(&r, argv);
	snprintf(want, sizeof(want),
	    "/usr\ntwo words\n0022\n0\n%u\ninit\n700:%u\n", d.uid, d.uid);
	CHECK_STR(d.output, want);
}

static void
failures(void)
{
	struct request r = { 0 };
	const char *none[] = { "no-such-program", NULL };
	const char *dir[] = { "/usr", NULL };
	const char *deny[] = { "forbidden", "a\033", "b c", NULL };
	const char *ok[] = { "true", NULL };
	const struct state *s;

	s = drive_run(&r, none);
	CHECK(s->failed && !s->started);
	CHECK_INT(s->error, ENOENT);
	CHECK_STR(s->text,
	    "cannot execute no-such-program: No such file or directory");
	drive_pump(1000, &s->forgotten);
	CHECK(s->forgotten);
	s = drive_run(&r, dir);
	CHECK_INT(s->error, EACCES);
	s = drive_run(&r, deny);
	CHECK(s->denied && !s->failed);
	CHECK_STR(s->text,
	    "no-forbidden: no-forbidden not forbidden a\\033 b c");
	r.cwd = "/no/such/directory";
	s = drive_run(&r, ok);
	CHECK_STR(s->text,
	    "cannot change to /no/such/directory: No such file or directory");
}

static void
script_without_interpreter(void)
{
	struct request r = { 0 };
	const char *argv[] = { "/tmp/home/script", "a", "b", NULL };
	const struct state *s;

	drive_sh(
	    "printf 'echo $# $2\\n' >/tmp/home/script; chmod 755 /tmp/home/script");
	s = drive_run(&r, argv);
	CHECK_INT(s->exit.exit_code, 0);
	CHECK_STR(d.output, "2 b\n");
}

static void
time_limits(void)
{
	uint64_t n = drive_sh_start("sleep 31411 & sleep 31411", 200),
		 t = drive_now_ms();
	const struct state *s = drive_wait(n, 5000);

	CHECK(s->exit.timed_out && s->exit.term_signal == SIGTERM);
	CHECK(drive_now_ms() - t < 1500);
	drive_pump(2000, &s->forgotten);
	CHECK(s->forgotten);
	n = drive_sh_start("trap '' TERM; while :; do sleep 0.05; done", 200);
	t = drive_now_ms();
	s = drive_wait(n, 8000);
	CHECK(s->exit.timed_out && s->exit.term_signal == SIGKILL);
	CHECK(drive_now_ms() - t >= 2000 && drive_now_ms() - t < 4000);
	CHECK_INT(drive_marked("31411"), 0);
}

static void
background(void)
{
	const struct state *s = drive_sh(
	    "sleep 31412 & setsid sh -c 'sleep 31412 & exec setsid sleep 31412' & sleep 0.1; exit 0");
	uint64_t n = d.number;

	CHECK(s->exited && s->exit.exit_code == 0);
	drive_pump(200, NULL);
	CHECK(!s->forgotten);
	CHECK_INT(drive_marked("31412"), 3);
	drive_kill(n);
	drive_pump(3000, &s->forgotten);
	CHECK(s->forgotten);
	CHECK_INT(drive_marked("31412"), 0);
}

static void
kill_running(void)
{
	uint64_t n = drive_sh_start("(setsid sleep 31413 &) ; sleep 31413", 0);
	const struct state *s = &d.state[n];

	drive_pump(2000, &s->started);
	drive_pump(100, NULL);
	drive_kill(n);
	drive_wait(n, 3000);
	CHECK(s->exited && s->exit.term_signal == SIGKILL &&
	    !s->exit.timed_out);
	drive_pump(3000, &s->forgotten);
	CHECK_INT(drive_marked("31413"), 0);
}

/* Every generation forks the next into a session of its own and ends. */
static void
comet(void)
{
	uint64_t t,
	    n = drive_sh_start(
		"exec perl -e 'use POSIX; $0=\"31414\"; while (1) { if (fork) { exit 0 } POSIX::setsid(); }'",
		0);
	const struct state *s = &d.state[n];

	drive_wait(n, 3000);
	CHECK(s->exited);
	drive_pump(300, NULL);
	CHECK(!s->forgotten);
	t = drive_now_ms();
	drive_kill(n);
	drive_pump(9000, &s->forgotten);
	printf("# comet ended in %llu ms\n",
	    (unsigned long long)(drive_now_ms() - t));
	CHECK(s->forgotten && !d.over);
}

static void
fork_storm(void)
{
	uint64_t n = drive_sh_start(
		     "ulimit -u 400; exec perl -e '$0=\"31415\"; fork while 1'",
		     0),
		 t;
	const struct state *s = &d.state[n];

	drive_pump(1000, NULL);
	t = drive_now_ms();
	drive_kill(n);
	drive_pump(9000, &s->forgotten);
	drive_pump(1000, &s->exited);
	printf("# fork storm ended in %llu ms\n",
	    (unsigned long long)(drive_now_ms() - t));
	CHECK(s->exited && s->forgotten && !d.over);
}

/* The keeper dies; what it kept must die, and be reported. */
static void
keeper_killed(void)
{
	uint64_t n = drive_sh_start(
	    "(setsid sh -c 'sleep 31416 & sleep 31416' &); sleep 31416", 0);
	const struct state *s = &d.state[n];
	pid_t keeper;

	drive_pump(2000, &s->started);
	drive_pump(200, NULL);
	keeper = drive_outer_pid(s->keeper);
	CHECK(keeper > 1);
	if (keeper > 1)
		kill(keeper, SIGKILL);
	drive_wait(n, 3000);
	CHECK(s->exited && s->exit.term_signal == SIGKILL);
	drive_pump(1000, &s->forgotten);
	drive_pump(200, NULL);
	CHECK(s->forgotten);
	CHECK_INT(drive_marked("31416"), 0);
}

static void
keeper_stopped(void)
{
	uint64_t n = drive_sh_start("sleep 31417", 0);
	const struct state *s = &d.state[n];
	pid_t keeper;

	drive_pump(2000, &s->started);
	keeper = drive_outer_pid(s->keeper);
	CHECK(keeper > 1);
	if (keeper > 1)
		kill(keeper, SIGSTOP);
	drive_kill(n);
	drive_wait(n, 6000);
	CHECK(s->exited);
	drive_pump(4000, &s->forgotten);
	CHECK(s->forgotten);
	CHECK_INT(drive_marked("31417"), 0);
}

static void
probes(void)
{
	struct request r = { 0 };
	const char *all[] = { d.probe, "all", NULL };
	const char *keeper[] = { d.probe, "signal-keeper", NULL };
	const struct state *s = drive_run(&r, all);
	char *line;
	size_t n = 0;

	CHECK_INT(s->exit.exit_code, 0);
	for (line = strtok_r(d.output, "\n", &line); line != NULL; line = NULL)
		n++;
	if (s->exit.exit_code != 0)
		printf("# %s\n", d.output);
	/* Landlock keeps a command's signals to itself since ABI 6 (Linux 6.12);
	 * before, its keeper can be stopped: keeper_stopped has what follows */
	if (syscall(SYS_landlock_create_ruleset, NULL, 0,
		LANDLOCK_CREATE_RULESET_VERSION) < 6) {
		printf("# SKIP signal-keeper: needs Landlock ABI 6\n");
		return;
	}
	s = drive_run(&r, keeper);
	CHECK_INT(s->exit.exit_code, 0);
}

static void
still_works(void)
{
	const struct state *s;

	s = drive_sh(
	    "python3 -c 'import socket,threading,subprocess,os\n"
	    "for f in (socket.AF_INET,socket.AF_INET6,socket.AF_UNIX):\n"
	    "  for t in (socket.SOCK_STREAM,socket.SOCK_DGRAM): socket.socket(f,t)\n"
	    "socket.socket(socket.AF_NETLINK,socket.SOCK_RAW,0)\n"
	    "t=threading.Thread(target=lambda:None);t.start();t.join()\n"
	    "assert subprocess.run([\"true\"]).returncode==0\n"
	    "os.mkfifo(\"/tmp/home/fifo\");os.mkdir(\"/tmp/home/d\")\n"
	    "os.rename(\"/tmp/home/fifo\",\"/tmp/home/d/fifo\")'");
	CHECK_INT(s->exit.exit_code, 0);
	if (s->exit.exit_code != 0)
		printf("# %s\n", d.output);
}

static void
no_leaks(unsigned spawns)
{
	static struct request r = { .out_fd = -1 };
	const char *argv[] = { "/bin/true", NULL };
	const char *argv_fail[] = { "/no", NULL };
	size_t init_fds, execd_fds;
	uint64_t t, first, n = 0;
	unsigned i;

	drive_wait(drive_start(&r, argv), 5000);
	drive_pump(300, NULL);
	init_fds = drive_fds(d.init_pid);
	execd_fds = drive_fds(d.execd_pid);
	t = drive_now_ms();
	first = d.number;
	for (i = 0; i < spawns; i++) {
		n = drive_start(&r, i % 10 == 9 ? argv_fail : argv);
		if (!drive_settled(drive_wait(n, 5000)))
			break;
	}
	printf("# %u spawns, %llu us each\n", i,
	    (unsigned long long)((drive_now_ms() - t) * 1000 /
		(i != 0 ? i : 1)));
	drive_pump(500, NULL);
	T(i == spawns && n == first + spawns, "%u spawns", spawns);
	T(d.state[n].forgotten, "the last one is forgotten");
	T(drive_fds(d.init_pid) == init_fds &&
		(init_fds > 3 || d.uid == getuid()),
	    "init has %zu descriptors as before", init_fds);
	T(drive_fds(d.execd_pid) == execd_fds &&
		(execd_fds > 3 || d.uid == getuid()),
	    "execd has %zu descriptors as before", execd_fds);
}

static void
violation(void)
{
	int status = 0;

	drive_kill(d.number + 1000);
	drive_pump(3000, NULL);
	CHECK(d.over);
	CHECK_INT(waitpid(d.execd_pid, &status, 0), d.execd_pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	/* without execd there is no session */
	CHECK_INT(waitpid(d.init_pid, &status, 0), d.init_pid);
}

/* clang-format off */
#define DO(fn) do { if (only == NULL || strcmp(only, #fn) == 0) T_RUN(fn); } while (0)
/* clang-format on */

int
main(int argc, char **argv)
{
	unsigned spawns = 2000;
	const char *only = NULL;
	int c, verbose = 0;

	while ((c = getopt(argc, argv, "n:t:v")) != -1) {
		if (c == 'n')
			spawns = (unsigned)strtoul(optarg, NULL, 10);
		else if (c == 't')
			only = optarg;
		else if (c == 'v')
			verbose = 2;
	}
	if (argc - optind != 3) {
		fprintf(stderr,
		    "usage: exec_drive [-n spawns] [-t test] [-v] execd init probe\n");
		return 2;
	}
	log_init("drive");
	signal(SIGPIPE, SIG_IGN);
	d.uid = getuid() == 0 ? DRIVE_UID : getuid();
	d.gid = getuid() == 0 ? DRIVE_UID : getgid();
	d.probe = argv[optind + 2];
	drive_session(argv[optind], argv[optind + 1], verbose);
	T(d.ready, "execd and init are ready");
	if (!d.ready)
		return done_testing();
	DO(exit_status);
	DO(surroundings);
	DO(failures);
	DO(script_without_interpreter);
	DO(time_limits);
	DO(background);
	DO(kill_running);
	DO(comet);
	DO(fork_storm);
	DO(keeper_killed);
	DO(keeper_stopped);
	DO(probes);
	DO(still_works);
	if (only != NULL)
		return done_testing();
	no_leaks(spawns);
	T(d.events[EV_COMMAND_STARTED] > spawns * 9 / 10 &&
		d.events[EV_COMMAND_FINISHED] == d.events[EV_COMMAND_STARTED] &&
		d.events[EV_COMMAND_POLICY] > d.events[EV_COMMAND_STARTED] &&
		d.events[EV_COMMAND_KILLED] >= 6,
	    "events of all commands");
	DO(violation);
	return done_testing();
}
