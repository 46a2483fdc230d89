/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first line of a script: what is read is what this kernel runs. Lines are
 * put together at random; this program is the interpreter, and tells its words.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <unistd.h>

#include "../../src/execd/shebang.h"
#include "t.h"

#define CHILD "T_SHEBANG_CHILD"

static char self[PATH_MAX], script[PATH_MAX];
static uint32_t seed = 1;

static uint32_t
draw(uint32_t n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

/* Words in brackets. */
static void
tell(char *dst, size_t size, const char *interp, const char *arg)
{
	snprintf(dst, size, "[%s]%s%s%s", interp, arg != NULL ? "[" : "",
	    arg != NULL ? arg : "", arg != NULL ? "]" : "");
}

/* What the kernel makes of it; "" when it refuses, or another runs. */
static void
by_kernel(const char *head, size_t n, char *dst, size_t size)
{
	int fd, p[2], status;
	size_t len = 0;
	ssize_t r;
	pid_t pid;

	dst[0] = '\0';
	fd = open(script, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	if (fd == -1 || write(fd, head, n) != (ssize_t)n || close(fd) == -1 ||
	    pipe(p) == -1) {
		t_fail(script, 0, strerror(errno));
		return;
	}
	pid = fork();
	if (pid == 0) {
		dup2(p[1], 1);
		close(p[0]);
		close(p[1]);
		execl(script, "x", (char *)NULL);
		_exit(1);
	}
	close(p[1]);
	while ((r = read(p[0], dst + len, size - 1 - len)) > 0)
		len += (size_t)r;
	dst[len] = '\0';
	close(p[0]);
	waitpid(pid, &status, 0);
}

static void
compare(const char *head, size_t n)
{
	char want[2048], have[2048] = "";
	struct shebang sb;
	char text[80];

	by_kernel(head, n, want, sizeof(want));
	if (shebang_parse(&sb, head, n) == 1 &&
	    strcmp(sb.interpreter, self) == 0)
		tell(have, sizeof(have), sb.interpreter, sb.arg);
	if (strcmp(want, have) == 0)
		return;
	snprintf(text, sizeof(text), "a line of %zu bytes", n);
	t_fail(text, 0, "not as the kernel has it");
	t_check_str(__FILE__, __LINE__, have, want);
}

static void
corners(void)
{
	static const char *const tails[] = { "", "\n", " \n", " ", "  \t", " a",
		" a\n", " a b ", " a b \t\n", "\t a\nb", "\n\n", "\r\n",
		" \r" };
	char line[1024];
	size_t i;
	int n;

	for (i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		n = snprintf(line, sizeof(line), "#!%s%s", self, tails[i]);
		compare(line, (size_t)n);
		n = snprintf(line, sizeof(line), "#! \t%s%s", self, tails[i]);
		compare(line, (size_t)n);
		/* a NUL in it */
		compare(line, (size_t)n + 1);
		line[n] = '\n';
		compare(line, (size_t)n + 1);
	}
	compare("#!", 2);
	compare("#!\n", 3);
	compare("#! ", 3);
	compare("", 0);
}

/* Around the end of the buffer. */
static void
long_lines(void)
{
	char line[1024];
	int at, tail;
	size_t n;

	for (at = 240; at <= 262; at++) {
		for (tail = 0; tail < 4; tail++) {
			/* blanks before the name, so that it ends there */
			memset(line, ' ', sizeof(line));
			memcpy(line, "#!", 2);
			memcpy(line + at - strlen(self), self, strlen(self));
			n = (size_t)at;
			if (tail == 1)
				line[n++] = '\n';
			else if (tail == 2)
				n += 40;
			else if (tail == 3)
				n += (size_t)snprintf(line + n, 40, " aa bb\n");
			compare(line, n);
			/* an argument that ends there */
			n = (size_t)snprintf(line, sizeof(line), "#!%s ", self);
			memset(line + n, 'a', (size_t)at - n);
			line[at - 3] = tail == 1 ? ' ' : 'a';
			line[at - 1] = tail == 2 ? '\t' : 'a';
			line[at] = '\n';
			compare(line, (size_t)at + (tail == 3 ? 0 : 1));
		}
	}
}

static void
any_lines(void)
{
	static const char *const parts[] = { " ", "\t", "\n", "a", "-x", "\r",
		"bb", "", "", "            ", "#!" };
	char line[1024];
	size_t n;
	int i, k;

	for (i = 0; i < 400; i++) {
		n = (size_t)snprintf(line, sizeof(line), "#!%s%s",
		    draw(2) != 0 ? " " : "", self);
		for (k = (int)draw(7); k > 0; k--) {
			const char *part = parts[draw(11)];

			n += (size_t)snprintf(line + n, 16, "%s", part);
			if (*part == '\0' && draw(3) == 0)
				line[n++] = '\0';
		}
		compare(line, n);
	}
}

int
main(int argc, char **argv)
{
	const char *dir = getenv("TMPDIR");
	char text[2048];
	ssize_t n;

	if (getenv(CHILD) != NULL) {
		/* interpreter [arg] script */
		tell(text, sizeof(text), argv[0], argc == 3 ? argv[1] : NULL);
		fputs(text, stdout);
		return 0;
	}
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n < 0 || n > 200)
		T_SKIP_ALL("the path of this program is too long");
	self[n] = '\0';
	snprintf(script, sizeof(script), "%s/t_shebang.XXXXXX",
	    dir != NULL ? dir : "/tmp");
	n = mkstemp(script);
	if (n == -1 || fchmod((int)n, 0700) == -1)
		T_SKIP_ALL("no temporary file");
	close((int)n);
	setenv(CHILD, "1", 1);
	T_RUN(corners);
	T_RUN(long_lines);
	T_RUN(any_lines);
	unlink(script);
	return done_testing();
}
