/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentshctl: asks a running agentshd, through policyd's operator socket, and
 * prints the answer. It believes nothing in the answer: text that could act on
 * a terminal is escaped.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agentshctl.h"
#include "ctl.h"
#include "log.h"
#include "vis.h"

#define ANSWER_MS 30000	 /* policyd and privd answer at once, or not at all */
#define RELOAD_MS 600000 /* between two sessions of a reload */
#define EXIT_USAGE 2

#define WATCH_MS 1000 /* between two looks at what waits */

struct ctl_row {
	const char *words;
	const char *args; /* what follows them; "": nothing */
	const char *help;
};

/* clang-format off */
static const struct ctl_row ctl_rows[CTL_VERB_MAX] = {
#define CTLVERB(id, words, args, help) { words, args, help },
#include "ctlverb.def"
#undef CTLVERB
};
/* clang-format on */

static struct {
	bool done;
	int status;
	/* of the verbs that take arguments */
	bool json;
	bool watch;
	bool for_session;
	const char *reason;
	const char *id;
} ctl;

static void
usage(FILE *f)
{
	size_t i;

	fprintf(f, "usage: agentshctl [-s socket] command\n\ncommands:\n");
	for (i = 0; i < CTL_VERB_MAX; i++) {
		if (ctl_rows[i].args[0] == '\0')
			fprintf(f, "  %-16s %s\n", ctl_rows[i].words,
			    ctl_rows[i].help);
		else
			fprintf(f, "  %s %s\n  %-16s %s\n", ctl_rows[i].words,
			    ctl_rows[i].args, "", ctl_rows[i].help);
	}
	fprintf(f, "\nWords may be shortened while they stay unambiguous.\n");
}

/* --- which verb */

/* Do the n arguments abbreviate the row's first n words? *exact: all of them
 * in full, *whole: and there are no more words. What follows the words of a row
 * that takes arguments does not count. */
static bool
row_matches(const struct ctl_row *row, int n, char *const *arg, bool *exact,
    bool *whole)
{
	const char *words = row->words;
	size_t len;
	int i;

	*exact = true;
	if (row->args[0] != '\0')
		n = 1; /* each has one word */
	for (i = 0; i < n; i++) {
		if (*words == '\0')
			return false;
		len = strcspn(words, " ");
		if (arg[i][0] == '\0' || strlen(arg[i]) > len ||
		    strncmp(arg[i], words, strlen(arg[i])) != 0)
			return false;
		if (strlen(arg[i]) != len)
			*exact = false;
		words += len;
		words += *words == ' ' ? 1 : 0;
	}
	*whole = *words == '\0';
	return true;
}

/* The verb, or -1 after saying why not. */
static int
find_verb(int n, char *const *arg)
{
	bool exact, whole, complete = true;
	int i, found = -1, matches = 0;

	for (i = 0; i < CTL_VERB_MAX; i++) {
		if (!row_matches(&ctl_rows[i], n, arg, &exact, &whole))
			continue;
		if (exact && whole)
			return i;
		matches++;
		found = i;
		complete = whole;
	}
	if (matches == 1 && complete)
		return found;
	if (matches == 0)
		fprintf(stderr,
		    "agentshctl: unknown command; try agentshctl --help\n");
	else {
		fprintf(stderr, "agentshctl: %s command; it could be:\n",
		    matches == 1 ? "incomplete" : "ambiguous");
		for (i = 0; i < CTL_VERB_MAX; i++) {
			if (row_matches(&ctl_rows[i], n, arg, &exact, &whole))
				fprintf(stderr, "  %s\n", ctl_rows[i].words);
		}
	}
	return -1;
}

/* --- which socket */

/* The directory must be the user's own: anybody can make names in /tmp. */
static int
own_tmp_dir(char *dst, size_t size)
{
	struct stat st;

	snprintf(dst, size, "/tmp/agentsh-%u", (unsigned)geteuid());
	if (lstat(dst, &st) == -1)
		return errno == ENOENT ? 0 : -1;
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & 022) != 0) {
		errno = EPERM;
		return -1;
	}
	return 0;
}

/* 0, or -1 after saying why. */
static int
find_socket(char *dst, size_t size, const char *option)
{
	const char *env = getenv("AGENTSH_OPERATOR_SOCKET");
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char dir[AGENTSH_PATH_MAX];
	int n;

	if (option == NULL && env != NULL && env[0] != '\0')
		option = env;
	if (option != NULL)
		n = snprintf(dst, size, "%s", option);
	else if (geteuid() == 0)
		n = snprintf(dst, size, "/run/agentsh/operator.sock");
	else if (runtime != NULL && runtime[0] == '/')
		n = snprintf(dst, size, "%s/agentsh/operator.sock", runtime);
	else {
		if (own_tmp_dir(dir, sizeof(dir)) == -1) {
			fprintf(stderr, "agentshctl: %s: %s\n", dir,
			    strerror(errno));
			return -1;
		}
		n = snprintf(dst, size, "%s/operator.sock", dir);
	}
	if (n < 0 || (size_t)n >= size) {
		fprintf(stderr,
		    "agentshctl: the name of the socket is too long\n");
		return -1;
	}
	return 0;
}

static int
connect_to(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd != -1 && connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	fprintf(stderr, "agentshctl: cannot reach agentshd at %s: %s%s\n", path,
	    strerror(errno),
	    errno == ENOENT || errno == ECONNREFUSED ? "; is it running?" : "");
	if (fd != -1)
		close(fd);
	return -1;
}

/* --- the answer */

void
print_safe(FILE *f, const char *text)
{
	static char safe[4 * 8192 + 1];
	const signed char *s;

	/* vis doubles backslashes: only where something needs it */
	for (s = (const signed char *)text; *s != '\0'; s++) {
		if ((*s < 0x20 && *s != '\t') || *s == 0x7f)
			break; /* also every byte of a longer UTF-8 sequence */
	}
	if (*s != '\0') {
		vis_str(safe, sizeof(safe), text);
		text = safe;
	}
	fprintf(f, "%s\n", text);
}

static int
ctl_on_ctl_row(struct chan *ch, struct imsg *im)
{
	static struct msg_ctl_row m;

	(void)ch;
	if (msg_get_ctl_row(im, &m) == -1)
		return -1;
	print_safe(stdout, m.text);
	return 0;
}

static int
ctl_on_ctl_end(struct chan *ch, struct imsg *im)
{
	struct msg_ctl_end m;

	(void)ch;
	if (msg_get_ctl_end(im, &m) == -1)
		return -1;
	ctl.done = true;
	ctl.status = m.status <= 125 ? (int)m.status : 1;
	if (m.message[0] != '\0') {
		fflush(stdout);
		if (ctl.status != 0)
			fprintf(stderr, "agentshctl: ");
		print_safe(ctl.status == 0 ? stdout : stderr, m.message);
	}
	return 0;
}

static const struct handler ctl_handlers[] = {
	{ MSG_CTL_ROW, ctl_on_ctl_row },
	{ MSG_CTL_APPROVAL, approvals_on_row },
	{ MSG_CTL_END, ctl_on_ctl_end },
	{ MSG_NONE, NULL },
};

static int
send_question(struct chan *ch, int verb)
{
	struct msg_ctl_request request = { .verb = (uint32_t)verb };
	struct msg_ctl_resolve resolve = { .grant = verb == CTL_APPROVE,
		.for_session = ctl.for_session };

	if (verb != CTL_APPROVE && verb != CTL_DENY)
		return msg_send_ctl_request(ch, chan_request(ch, NULL),
		    &request, NULL);
	snprintf(resolve.id, sizeof(resolve.id), "%s", ctl.id);
	snprintf(resolve.reason, sizeof(resolve.reason), "%s",
	    ctl.reason != NULL ? ctl.reason : "");
	return msg_send_ctl_resolve(ch, chan_request(ch, NULL), &resolve, NULL);
}

/* 0, or -1 after saying why. */
static int
ask(struct chan *ch, int verb)
{
	int r;

	ctl.done = false;
	r = send_question(ch, verb);
	while (r != -1 && !ctl.done) {
		r = chan_step(ch, verb == CTL_RELOAD ? RELOAD_MS : ANSWER_MS);
		if (r == 0) {
			fprintf(stderr,
			    "agentshctl: agentshd does not answer\n");
			return -1;
		}
	}
	if (!ctl.done) {
		fprintf(stderr,
		    "agentshctl: agentshd ended the connection without an"
		    " answer; is it of the same version?\n");
		return -1;
	}
	return 0;
}

/* Once, or for ever. 0, or -1 after saying why. */
static int
ask_approvals(struct chan *ch)
{
	enum approvals_form form = ctl.json ? APPROVALS_JSON :
	    ctl.watch			    ? APPROVALS_NEW :
					      APPROVALS_TEXT;

	for (;;) {
		approvals_begin(form);
		if (ask(ch, CTL_APPROVALS) == -1)
			return -1;
		if (approvals_end() == -1) {
			fprintf(stderr, "agentshctl: out of memory\n");
			return -1;
		}
		if (!ctl.watch || ctl.status != 0)
			return 0;
		if (fflush(stdout) == EOF || chan_step(ch, WATCH_MS) == -1)
			return -1;
	}
}

static int
run(struct chan *ch, int verb)
{
	struct msg_ctl_hello hello = { .table_hash = msg_table_hash() };

	if (msg_send_ctl_hello(ch, 0, &hello, NULL) == -1)
		return ask(ch, verb); /* says why */
	return verb == CTL_APPROVALS ? ask_approvals(ch) : ask(ch, verb);
}

/* --- arguments */

enum {
	OPT_JSON = 256,
	OPT_WATCH,
	OPT_SESSION,
	OPT_REASON
};

static const struct option verb_options[] = {
	{ "json", no_argument, NULL, OPT_JSON },
	{ "watch", no_argument, NULL, OPT_WATCH },
	{ "session", no_argument, NULL, OPT_SESSION },
	{ "reason", required_argument, NULL, OPT_REASON },
	{ NULL, 0, NULL, 0 },
};

/* Those of a verb that takes any, from arg[0], its word. 0, or -1 after saying
 * why. */
static int
take_args(int verb, int n, char **arg)
{
	char option[32];
	int c, last;

	optind = 0;
	while ((c = getopt_long(n, arg, "", verb_options, &last)) != -1) {
		if (c == '?')
			return -1;
		snprintf(option, sizeof(option), "--%s",
		    verb_options[last].name);
		if (strstr(ctl_rows[verb].args, option) == NULL) {
			fprintf(stderr, "agentshctl: %s has no %s\n",
			    ctl_rows[verb].words, option);
			return -1;
		}
		ctl.json = ctl.json || c == OPT_JSON;
		ctl.watch = ctl.watch || c == OPT_WATCH;
		ctl.for_session = ctl.for_session || c == OPT_SESSION;
		if (c == OPT_REASON)
			ctl.reason = optarg;
	}
	if (verb == CTL_APPROVALS ? optind != n : optind != n - 1) {
		fprintf(stderr, "agentshctl: usage: %s %s\n",
		    ctl_rows[verb].words, ctl_rows[verb].args);
		return -1;
	}
	if (ctl.json && ctl.watch) {
		fprintf(stderr,
		    "agentshctl: --json and --watch do not go together\n");
		return -1;
	}
	ctl.id = verb == CTL_APPROVALS ? NULL : arg[optind];
	if (ctl.id != NULL && strlen(ctl.id) > APPROVAL_ID_MAX) {
		fprintf(stderr, "agentshctl: that is no id of a request\n");
		return -1;
	}
	if (ctl.reason != NULL && strlen(ctl.reason) > APPROVAL_REASON_MAX) {
		fprintf(stderr,
		    "agentshctl: the reason is longer than %d bytes\n",
		    APPROVAL_REASON_MAX);
		return -1;
	}
	return 0;
}

static const struct option long_options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "socket", required_argument, NULL, 's' },
	{ NULL, 0, NULL, 0 },
};

int
main(int argc, char **argv)
{
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	const char *option = NULL;
	struct chan *ch;
	int c, fd, verb;

	log_init("agentshctl");
	while ((c = getopt_long(argc, argv, "+hs:", long_options, NULL)) !=
	    -1) {
		switch (c) {
		case 'h':
			usage(stdout);
			return 0;
		case 's':
			option = optarg;
			break;
		default:
			usage(stderr);
			return EXIT_USAGE;
		}
	}
	if (optind == argc) {
		usage(stderr);
		return EXIT_USAGE;
	}
	verb = find_verb(argc - optind, argv + optind);
	if (verb == -1 ||
	    (ctl_rows[verb].args[0] != '\0' &&
		take_args(verb, argc - optind, argv + optind) == -1))
		return EXIT_USAGE;
	if (find_socket(path, sizeof(path), option) == -1)
		return 1;
	fd = connect_to(path);
	if (fd == -1)
		return 1;
	ch = chan_new(fd, ROLE_CTL, ROLE_POLICYD, ctl_handlers, NULL);
	if (ch == NULL)
		fatal("channel");
	if (run(ch, verb) == -1)
		ctl.status = 1;
	chan_free(ch);
	if (fflush(stdout) == EOF) {
		fprintf(stderr, "agentshctl: cannot write: %s\n",
		    strerror(errno));
		return 1;
	}
	return ctl.status;
}
