/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits for an operator, for people and as JSON. Nearly all of it was
 * written by the agent whose operation it is: nothing gets to a terminal that is
 * not plain ASCII, and each word of a command can be told from the next.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <yajl/yajl_gen.h>

#include "agentshctl.h"
#include "json.h"
#include "vis.h"

#define SEEN_MAX 4096

static struct {
	enum approvals_form form;
	yajl_gen g;
	/* ids of the last list, and of the one that comes */
	char (*last)[APPROVAL_ID_MAX + 1];
	char (*now)[APPROVAL_ID_MAX + 1];
	size_t nlast;
	size_t nnow;
	bool bad;
} list;

static const char *
kind_name(uint32_t kind)
{
	switch (kind) {
	case APPROVAL_FILE:
		return "file";
	case APPROVAL_COMMAND:
		return "command";
	case APPROVAL_NETWORK:
		return "network";
	case APPROVAL_SIGNAL:
		return "signal";
	case APPROVAL_SOCKET:
		return "unix_socket";
	default:
		return "unknown";
	}
}

void
approvals_begin(enum approvals_form form)
{
	list.form = form;
	list.nnow = 0;
	list.bad = false;
	if (form == APPROVALS_NEW && list.now == NULL) {
		list.now = calloc(SEEN_MAX, sizeof(*list.now));
		list.last = calloc(SEEN_MAX, sizeof(*list.last));
		if (list.now == NULL || list.last == NULL)
			list.bad = true;
	}
	if (form == APPROVALS_JSON) {
		list.g = json_new();
		if (list.g == NULL)
			list.bad = true;
		else
			yajl_gen_array_open(list.g);
	}
}

/* Was it there at the last look? */
static bool
is_old(const char *id)
{
	size_t i;

	if (list.nnow < SEEN_MAX)
		memcpy(list.now[list.nnow++], id, strlen(id) + 1);
	for (i = 0; i < list.nlast; i++) {
		if (strcmp(list.last[i], id) == 0)
			return true;
	}
	return false;
}

static bool
is_plain(const char *word)
{
	return *word != '\0' &&
	    word[strspn(word,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
		"_./=:@%+,-")] == '\0';
}

/* As a shell would have it typed, so that nobody takes two words for one. */
static void
print_word(const char *word)
{
	static char safe[4 * APPROVAL_WORDS_MAX + 1];
	const char *s;

	if (is_plain(word)) {
		fputs(word, stdout);
		return;
	}
	vis_str(safe, sizeof(safe), word);
	putchar('\'');
	for (s = safe; *s != '\0'; s++) {
		if (*s == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*s);
	}
	putchar('\'');
}

static void
print_text(const char *before, const char *text)
{
	static char safe[4 * AGENTSH_PATH_MAX + 1];

	vis_str(safe, sizeof(safe), text);
	printf("%s%s", before, safe);
}

/* Is the first word the program that wants it? */
static bool
is_of_program(const struct msg_ctl_approval *m)
{
	return m->words_len > 0 &&
	    (m->kind == APPROVAL_SIGNAL || m->kind == APPROVAL_SOCKET);
}

static const char *
words_name(uint32_t kind)
{
	switch (kind) {
	case APPROVAL_FILE:
	case APPROVAL_SIGNAL:
		return "to";
	case APPROVAL_SOCKET:
		return "leads to";
	default:
		return "argv";
	}
}

static void
print_row(const struct msg_ctl_approval *m)
{
	const char *w = (const char *)m->words, *end = w + m->words_len;
	uint64_t now = (uint64_t)time(NULL) * 1000;

	print_text("", m->id);
	print_text("  ", kind_name(m->kind));
	print_text("  ", m->operation);
	print_text("  ", m->object);
	putchar('\n');
	if (is_of_program(m)) {
		print_text("\tby: ", w);
		putchar('\n');
		w += strlen(w) + 1;
	}
	if (w < end) {
		printf("\t%s:", words_name(m->kind));
		for (; w < end; w += strlen(w) + 1) {
			putchar(' ');
			print_word(w);
		}
		putchar('\n');
	}
	if (m->cwd[0] != '\0') {
		print_text("\tin: ", m->cwd);
		putchar('\n');
	}
	print_text("\tsession ", m->session_id);
	printf(" of uid %u, pid %u", m->uid, m->pid);
	if (m->command_id[0] != '\0')
		print_text(", command ", m->command_id);
	print_text("\n\trule ", m->rule);
	printf(", %" PRIu64 " s left",
	    m->expires_ms > now ? (m->expires_ms - now) / 1000 : 0);
	if (m->waiting > 1)
		printf(", %u wait for it", m->waiting);
	putchar('\n');
	if (m->message[0] != '\0') {
		print_text("\tthe rule says: ", m->message);
		putchar('\n');
	}
}

static void
put_time(const char *key, uint64_t ms)
{
	time_t t = (time_t)(ms / 1000);
	char text[80];
	struct tm tm;

	gmtime_r(&t, &tm);
	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ",
	    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
	    tm.tm_sec, (unsigned)(ms % 1000));
	json_put_str(list.g, key, text);
}

static void
put_row(const struct msg_ctl_approval *m)
{
	const char *w = (const char *)m->words, *end = w + m->words_len;

	yajl_gen_map_open(list.g);
	json_put_str(list.g, "id", m->id);
	put_time("created_at", m->created_ms);
	put_time("expires_at", m->expires_ms);
	json_put_str(list.g, "session_id", m->session_id);
	if (m->command_id[0] != '\0')
		json_put_str(list.g, "command_id", m->command_id);
	json_put_str(list.g, "kind", kind_name(m->kind));
	json_put_str(list.g, "target", m->object);
	json_put_str(list.g, "rule", m->rule);
	if (m->message[0] != '\0')
		json_put_str(list.g, "message", m->message);
	json_key(list.g, "fields");
	yajl_gen_map_open(list.g);
	json_put_str(list.g, "operation", m->operation);
	if (is_of_program(m)) {
		json_put_str(list.g, "executable", w);
		w += strlen(w) + 1;
	}
	if (m->words_len > 0 && m->kind == APPROVAL_FILE) {
		json_put_str(list.g, "to_path", w);
	} else if (w < end) {
		json_key(list.g, is_of_program(m) ? "targets" : "argv");
		yajl_gen_array_open(list.g);
		for (; w < end; w += strlen(w) + 1)
			json_str(list.g, w);
		yajl_gen_array_close(list.g);
	}
	if (m->cwd[0] != '\0')
		json_put_str(list.g, "cwd", m->cwd);
	json_put_u64(list.g, "uid", m->uid);
	json_put_u64(list.g, "pid", m->pid);
	json_put_u64(list.g, "waiting", m->waiting);
	yajl_gen_map_close(list.g);
	yajl_gen_map_close(list.g);
}

int
approvals_on_row(struct chan *ch, struct imsg *im)
{
	static struct msg_ctl_approval m;

	(void)ch;
	if (msg_get_ctl_approval(im, &m) == -1 ||
	    (m.words_len > 0 && m.words[m.words_len - 1] != '\0'))
		return -1;
	if (list.bad)
		return 0;
	if (list.form == APPROVALS_JSON)
		put_row(&m);
	else if (list.form == APPROVALS_TEXT || !is_old(m.id))
		print_row(&m);
	return 0;
}

int
approvals_end(void)
{
	char(*other)[APPROVAL_ID_MAX + 1] = list.last;
	const unsigned char *text;
	size_t len;

	if (list.form == APPROVALS_NEW) {
		list.last = list.now;
		list.nlast = list.nnow;
		list.now = other;
	}
	if (list.form != APPROVALS_JSON || list.g == NULL)
		return list.bad ? -1 : 0;
	yajl_gen_array_close(list.g);
	if (yajl_gen_get_buf(list.g, &text, &len) != yajl_gen_status_ok)
		list.bad = true;
	else
		printf("%.*s\n", (int)len, (const char *)text);
	yajl_gen_free(list.g);
	list.g = NULL;
	return list.bad ? -1 : 0;
}
