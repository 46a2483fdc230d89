/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What shells really run, against what was derived: scripts made at random are
 * run by dash and bash in an empty directory, where PATH has nothing but printers.
 * Each program that ran must be in the result with its words, unless the result
 * says that it does not know.
 *
 *	t_shellc_real [scripts [seed]]		SHELLC_REAL: more shells' directory
 *	t_shellc_real -s shell script		shows one
 */
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <time.h>
#include <unistd.h>

#include "shellc.h"
#include "t.h"

#ifdef AGENTSH_SANITIZED
#define SCRIPTS 2000
#else
#define SCRIPTS 20000
#endif
#define SECONDS 20 /* on a busy machine there are fewer */
#define SCRIPT_MAX 512
#define RECORDS_MAX 65536
#define TEST_ID 61183 /* an id that owns nothing, when started by root */

static const char *const printers[] = { "a0", "b1", "c0", "d2", "e0", "rm",
	"env", "nice", "nohup", "timeout", "setsid", "stdbuf", "xargs", "time",
	"flock", "find", "ionice", "dash", "bash", "sh", "{a0", "if0",
	"busybox", "mksh", "zsh", "echo", "-p", "eval", "printf", "X=1", "if",
	"{", "}", "!" };

static char dir[] = "/tmp/shellc.XXXXXX";
static char bin[64], path_env[64], real_env[PATH_MAX];
static char locale_env[] = "LC_ALL=C.UTF-8";
static const char *other_shell;
static uint64_t seed;
static unsigned long nderived, nrecords, nruns;

static unsigned
rnd(unsigned n)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)(seed >> 33) % n;
}

/* A script that is being made. */
static char script[SCRIPT_MAX];
static size_t script_len;

static void
put(const char *s)
{
	size_t len = strlen(s);

	if (script_len + len >= sizeof(script))
		return;
	memcpy(script + script_len, s, len + 1);
	script_len += len;
}

static unsigned tame; /* of ten: how seldom this script does strange things */

#define PICK(list) put(list[rnd(sizeof(list) / sizeof(list[0]))])

static void
gen_word(void)
{
	static const char *const plain[] = { "x", "y1", "-p", "-x", "2", "a=b",
		"'q r'", "\"q r\"", "\\;", "''", "\"$@\"", "\"$1\"", "\"$X\"",
		"{}", "x!", "%", "\"'\"", "a0", "rm", "]", "--", "x\\y" };
	static const char *const words[] = { "x", "y1", "-p", "-x", "2", "10",
		"--", "-", "a=b", "X=1", "'q r'", "\"q r\"", "\"q\\\"r\"",
		"\\;", "\\ ", "x\\y", "''", "\"\"", "\"$@\"", "\"$1\"", "$1",
		"$X", "\"$X\"", "\"$2\"", "\"$0\"", "*", "?", "[x]", "~", "a~b",
		"{x,y}", "{}", "{x}", "}", "x#y", "#", "!", "x!", "=", "%", "^",
		"+", ",", ":", "@", "]", "[", "if", "do", "x\\\ny",
		"\"x\\\ny\"", "'x\ny'", "\"x\\ny\"", "\\\\", "'\\'", "\"'\"",
		"'\"'", "$", "\"$\"", "x$", "${X}", "\"${X:-x y}\"",
		"${X:-x y}", "${X+x}", "\"${1}\"", "\"${#X}\"", "$?", "$#",
		"\"$*\"", "\"$@\"x", "$@", "a\"b\"'c'", "a0", "rm", "\303\251",
		"'\303\251'", "$'x\\'y'", "$\"x\"", "`a0`", "$(c0 x)",
		"\"$(c0 'x y')\"", "$((1+2))", "$(a0; (b1))", "1", "22",
		"x=y z=w" };

	if (rnd(10) < tame)
		PICK(plain);
	else
		PICK(words);
}

static void
gen_redirect(void)
{
	static const char *const redirects[] = { ">f", "2>&1", "2>/dev/null",
		"</dev/null", ">>f", ">|f", "1>f", "> f", ">&2", "<>f", "&>f",
		"&>>f", "<<<x", "<<<'x y'", "12>f", "3>f", "<&-", ">\"f\"",
		"2> f", "{v}>f", ">f>f", ">#", "<(a0)", "<<E\nx\nE\n", ">'f'x",
		"2>&1>f" };

	static const char *const plain[] = { ">f", "2>&1", "2>/dev/null",
		"</dev/null", ">>f", "> f", ">&2" };

	if (rnd(10) < tame)
		PICK(plain);
	else
		PICK(redirects);
}

static void gen_command(unsigned depth);

static void
gen_name(unsigned depth)
{
	static const char *const names[] = { "a0", "b1", "c0", "d2", "e0", "rm",
		"./a0", "'a0'", "\"a0\"", "a\\0", "echo", ":", "true", "false",
		"test", "[", "if0", "cd", "pwd", "$X", "\"$1\"", "\"$@\"",
		"set", "set --", "shift", "export", "readonly", "unset",
		"printf", "eval", "eval", "trap", "read", "type", "command -v",
		"wait", "printf -v", "'if'", "\\time", "\"{\"", "'!'", "\\}",
		"X=", "X+=1", "X=1", "X='a b'", "IFS=0", "{", "}", "a",
		"local" };
	static const char *const wraps[] = { "env", "env -i PATH=$PATH",
		"env X=1", "env -u Y", "nice", "nice -n 5", "nice -5", "nohup",
		"timeout 5", "timeout -k 1 5", "timeout -s KILL 5", "setsid -w",
		"setsid", "stdbuf -oL", "stdbuf -o L", "xargs", "xargs -n1",
		"xargs -I{}", "time", "time -p", "command", "command -p",
		"exec", "exec -a n", "builtin", "flock f", "ionice -c3",
		"find . -exec", "find . -name", "env -S", "env --", "exec --",
		"command --", "! time", "exec -c", "env -u PATH", "time --",
		"timeout --", "flock f -c" };

	static const char *const plain[] = { "a0", "b1", "c0", "d2", "e0", "rm",
		"./a0", "'a0'", "if0", "echo", ":" };

	if (depth < 4 && rnd(4) == 0) {
		PICK(wraps);
		put(" ");
		gen_name(depth + 1);
	} else if (rnd(10) < tame)
		PICK(plain);
	else
		PICK(names);
}

static void
gen_simple(unsigned depth)
{
	static const char *const assigns[] = { "X=1", "Y='a b'", "X=$X",
		"Z=", "X=\"$1\"", "Y=~", "X=*", "\\X=1", "X\"=\"1", "X=a=b",
		"1X=2", "Y=$(c0)", "X+=2", "Y={a,b}", "a[0]=1" };
	unsigned n;

	while (rnd(6 + tame) == 0) {
		PICK(assigns);
		put(" ");
	}
	if (rnd(12) == 0) {
		gen_redirect();
		put(" ");
	}
	if (rnd(10 + 10 * tame) != 0)
		gen_name(depth);
	for (n = rnd(4); n > 0; n--) {
		put(" ");
		if (rnd(5) == 0)
			gen_redirect();
		else
			gen_word();
	}
}

/* sh -c '...', with a script of its own between single quotes. */
static void
gen_nested(unsigned depth)
{
	static const char *const shells[] = { "sh -c '", "bash -c '",
		"dash -c '", "bash -ec '", "sh -c -- '", "bash -c -e '",
		"sh -e -c '", "dash +e -c '", "bash --norc -c '",
		"sh -oc errexit '", "eval '", "bash -o pipefail -c '", "trap '",
		"bash -O extglob -c '" };
	static const char *const ends[] = { "'", "' x y z", "' x", "' EXIT" };
	size_t from, i;

	PICK(shells);
	from = script_len;
	gen_command(depth + 1);
	for (i = from; i < script_len; i++) {
		if (script[i] == '\'')
			script[i] = '"';
	}
	PICK(ends);
}

static void
gen_command(unsigned depth)
{
	static const char *const ops[] = { ";", "; ", " && ", "&&", "||", " | ",
		"|", "&", " & ", "\n", "; \n", " |& ", "&& \n", " \\\n&& ",
		" \\\n", " # x\n", ";;", " || \n\n", "&\\\n&", "\\\n" };
	static const char *const plain[] = { ";", "; ", " && ", "&&", "||",
		" | ", "|", "&", " & ", "\n", "; \n", "&& \n", " \\\n&& ",
		" # x\n" };
	unsigned n = 1 + rnd(3);

	for (; n > 0; n--) {
		switch (rnd(depth > 3 ? 8 : 16)) {
		case 8:
			put("{ ");
			gen_command(depth + 1);
			put(rnd(4) != 0 ? "; }" : " }");
			break;
		case 9:
			put(rnd(2) == 0 ? "(" : "( ");
			gen_command(depth + 1);
			put(")");
			break;
		case 10:
			put("! ");
			gen_simple(depth);
			break;
		case 11:
		case 12:
			gen_nested(depth);
			break;
		case 13:
			if (rnd(10) < tame)
				break;
			put("if ");
			gen_command(depth + 1);
			put("; then ");
			gen_command(depth + 1);
			put("; fi");
			break;
		default:
			gen_simple(depth);
			break;
		}
		if (n > 1 && rnd(10) < tame)
			PICK(plain);
		else if (n > 1)
			PICK(ops);
	}
}

/* A byte or two where they were not expected. */
static void
gen_bend(void)
{
	static const char *const bits[] = { ";", "&", "|", "<", ">", "(", ")",
		"$", "\\", "\"", "'", "#", "*", "?", "[", "]", "{", "}", "~",
		"!", "=", "\n", "\t", " ", " ", "1", "\\\n", "&&", "||",
		"\"$@\"", "$(", "if ", "; }", "{ ", "a0 ", "\r", "%", "^", "-",
		"time ", "! " };
	char rest[SCRIPT_MAX];
	size_t at;

	if (script_len == 0)
		return;
	at = rnd((unsigned)script_len + 1);
	snprintf(rest, sizeof(rest), "%s",
	    script + at + (rnd(3) == 0 && at < script_len));
	script_len = at;
	script[at] = '\0';
	PICK(bits);
	put(rest);
}

static void
gen_script(void)
{
	script_len = 0;
	script[0] = '\0';
	tame = rnd(4) == 0 ? 3 : 9;
	gen_command(0);
	while (rnd(tame) == 0)
		gen_bend();
}

/* Runs it; the records of all that ran, until the last of them is gone. */
static size_t
run(const char *const *argv, char *records)
{
	char *env[] = { path_env, real_env, locale_env, NULL };
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	struct pollfd pfd;
	size_t len = 0;
	ssize_t n;
	int fds[2], i = 1, status;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) == -1)
		exit(1);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	for (i = 1; i <= 2; i++)
		posix_spawn_file_actions_addopen(&fa, i, "/dev/null", O_WRONLY,
		    0);
	posix_spawn_file_actions_adddup2(&fa, fds[1], 9);
	posix_spawnattr_init(&at);
	posix_spawnattr_setflags(&at, POSIX_SPAWN_SETPGROUP);
	status = posix_spawnp(&pid, argv[0], &fa, &at, (char **)argv, env);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawnattr_destroy(&at);
	close(fds[1]);
	pfd = (struct pollfd){ .fd = fds[0], .events = POLLIN };
	while (status == 0 && len < RECORDS_MAX &&
	    (i = poll(&pfd, 1, 3000)) != 0) {
		n = read(fds[0], records + len, RECORDS_MAX - len);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	close(fds[0]);
	if (status == 0) {
		if (i <= 0 && getenv("SHELLC_SLOW") != NULL)
			printf("# not done: %s -c <<%s>>\n", argv[0], argv[2]);
		if (i <= 0)
			kill(-pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	return len;
}

static const char *
base(const char *s)
{
	const char *p = strrchr(s, '/');

	return p != NULL ? p + 1 : s;
}

static bool
is_same(const struct shellc_cmd *cmd, const char *rec, const char *end)
{
	size_t i;

	for (i = 0; i < cmd->argc; i++) {
		if (rec >= end ||
		    strcmp(rec, i == 0 ? base(cmd->argv[0]) : cmd->argv[i]) !=
			0)
			return false;
		if (i == 0 && cmd->args_uncertain)
			return true;
		rec += strlen(rec) + 1;
	}
	return rec == end;
}

static bool
is_derived(const struct shellc *r, const char *rec, const char *end)
{
	size_t i;

	for (i = 0; i < r->ncmds; i++) {
		if (is_same(&r->cmd[i], rec, end))
			return true;
	}
	return false;
}

static void
show(const struct shellc *r, const char *const *argv)
{
	size_t i, k;

	printf("# %s -c <<%s>>\n# %s%s%s\n", argv[0], argv[2],
	    shellc_kind_name(r->kind), r->why != NULL ? ": " : "",
	    r->why != NULL ? r->why : "");
	for (i = 0; i < r->ncmds; i++) {
		printf("#   derived%s%s:", r->cmd[i].args_uncertain ? "?" : "",
		    r->cmd[i].path_uncertain ? "!" : "");
		for (k = 0; k < r->cmd[i].argc; k++)
			printf(" [%s]", r->cmd[i].argv[k]);
		printf("\n");
	}
}

/* The number of programs that ran and were not foreseen. */
static unsigned
judge(const char *const *argv, size_t argc, bool verbose)
{
	static char records[RECORDS_MAX + 1];
	struct shellc r;
	size_t len = run(argv, records), i, n;
	unsigned missed = 0;
	char *end;

	if (shellc_analyse(&r, argv, argc, NULL) == -1) {
		shellc_free(&r);
		return 1;
	}
	nruns++;
	nderived += r.kind <= SHELLC_DERIVED;
	if (verbose)
		show(&r, argv);
	for (i = 0; i < len; i = (size_t)(end - records) + 1) {
		end = memchr(records + i, '\377', len - i);
		if (end == NULL)
			break;
		*end = '\0';
		nrecords += r.kind <= SHELLC_DERIVED;
		if (verbose ||
		    (r.kind <= SHELLC_DERIVED &&
			!is_derived(&r, records + i, end))) {
			if (missed++ == 0 && !verbose)
				show(&r, argv);
			printf("#   ran:");
			for (n = i; records + n < end;
			     n += strlen(records + n) + 1)
				printf(" [%s]", records + n);
			printf("\n");
		}
	}
	shellc_free(&r);
	return missed;
}

static void
remove_all(const char *where)
{
	struct dirent *e;
	char path[PATH_MAX];
	DIR *d = opendir(where);

	while (d != NULL && (e = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", where, e->d_name);
		if (e->d_name[0] != '.')
			unlink(path);
	}
	if (d != NULL)
		closedir(d);
	rmdir(where);
}

static int
copy(const char *from, const char *to)
{
	char buf[65536];
	ssize_t n;
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);

	while (in != -1 && out != -1 && (n = read(in, buf, sizeof(buf))) > 0) {
		if (write(out, buf, (size_t)n) != n)
			break;
	}
	close(in);
	return out == -1 || fchmod(out, 0755) == -1 || close(out) == -1 ? -1 :
									  0;
}

/* A directory of our own, with the printers. */
static int
setup(const char *self)
{
	char printer[PATH_MAX], to[PATH_MAX];
	const char *more = getenv("SHELLC_REAL"), *slash = strrchr(self, '/');
	size_t i;

	snprintf(printer, sizeof(printer), "%.*sshellc_argv",
	    slash != NULL ? (int)(slash - self) + 1 : 0, self);
	if (mkdtemp(dir) == NULL || chmod(dir, 0755) == -1)
		return -1;
	snprintf(bin, sizeof(bin), "%s/PATH", dir);
	snprintf(path_env, sizeof(path_env), "PATH=%s", bin);
	snprintf(real_env, sizeof(real_env), "SHELLC_REAL=%s",
	    more != NULL ? more : "");
	if (mkdir(bin, 0755) == -1)
		return -1;
	for (i = 0; i < sizeof(printers) / sizeof(printers[0]); i++) {
		snprintf(to, sizeof(to), "%s/%s", bin, printers[i]);
		if (copy(printer, to) == -1)
			return -1;
	}
	snprintf(to, sizeof(to), "%s/a0", dir);
	if (symlink("PATH/a0", to) == -1 || chdir(dir) == -1)
		return -1;
	return geteuid() == 0 ? chown(dir, TEST_ID, TEST_ID) : 0;
}

/* No rights of root, no big files, few processes: a script may be anything. */
static int
confine(void)
{
	const struct rlimit few = { 300, 300 }, small = { 65536, 65536 },
			    none = { 0, 0 };

	if (geteuid() == 0 &&
	    (setgroups(0, NULL) == -1 ||
		setresgid(TEST_ID, TEST_ID, TEST_ID) == -1 ||
		setresuid(TEST_ID, TEST_ID, TEST_ID) == -1 ||
		setrlimit(RLIMIT_NPROC, &few) == -1))
		return -1;
	if (setrlimit(RLIMIT_FSIZE, &small) == -1)
		return -1;
	return setrlimit(RLIMIT_CORE, &none);
}

static int
test(unsigned long scripts, time_t seconds)
{
	static const char *const found[] = { "dash", "bash", "sh" };
	const char *argv[] = { NULL, "-c", script, "n", "p1", "p 2", NULL };
	unsigned long i, bad = 0;
	time_t began = time(NULL);

	if (confine() == -1) {
		T(false, "rights are given up");
		return done_testing();
	}
	printf("# seed %llu\n", (unsigned long long)seed);
	for (i = 0; i < scripts && bad < 20 && time(NULL) - began < seconds;
	     i++) {
		argv[0] = other_shell != NULL ? other_shell : found[i % 3];
		gen_script();
		bad += judge(argv, 6, false) != 0;
	}
	printf("# %lu scripts, %lu derived; %lu programs compared; %ld s\n",
	    nruns, nderived, nrecords, (long)(time(NULL) - began));
	T(bad == 0, "every program that ran was derived");
	T(other_shell != NULL || (nderived > nruns / 4 && nrecords > nruns / 2),
	    "most scripts are understood, and run programs");
	return done_testing();
}

int
main(int argc, char **argv)
{
	const char *one[] = { NULL, "-c", NULL, "n", "p1", "p 2", NULL };
	unsigned long scripts = SCRIPTS;
	int status;
	pid_t pid;

	other_shell = getenv("SHELLC_SHELL");
	seed = (uint64_t)time(NULL) * 1000003U + (uint64_t)getpid();
	if (argc > 1 && strcmp(argv[1], "-s") != 0)
		scripts = strtoul(argv[1], NULL, 10);
	if (argc > 2 && strcmp(argv[1], "-s") != 0)
		seed = strtoull(argv[2], NULL, 10);
	if (access("/bin/dash", X_OK) == -1 || access("/bin/bash", X_OK) == -1)
		T_SKIP_ALL("needs dash and bash");
	if (setup(argv[0]) == -1) {
		perror(dir);
		return 1;
	}
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (argc == 4 && strcmp(argv[1], "-s") == 0) {
			one[0] = argv[2];
			one[2] = argv[3];
			return confine() == -1 ||
			    judge(one, 6, true) == UINT_MAX;
		}
		return test(scripts, argc > 1 ? INT_MAX : SECONDS);
	}
	if (pid == -1 || waitpid(pid, &status, 0) != pid)
		status = 1;
	remove_all(bin);
	remove_all(dir);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
