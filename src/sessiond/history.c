/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last commands of a session, as they were asked for. They are text to be
 * read, in memory alone; what was done is in the event log.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "sessiond.h"
#include "utf8.h"

static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWX"
			    "YZ0123456789_./,:=@%+-";

static void
add(char *line, size_t *n, char c)
{
	if (*n + 1 < HISTORY_LINE_MAX)
		line[(*n)++] = (unsigned char)c < 0x20 || c == 0x7f ? '?' : c;
}

/* A word as a shell would read it again. */
static void
add_word(char *line, size_t *n, const char *word)
{
	bool quote = word[0] == '\0' || word[strspn(word, plain)] != '\0';

	if (*n > 0)
		add(line, n, ' ');
	if (quote)
		add(line, n, '\'');
	for (; *word != '\0'; word++) {
		if (*word == '\'') {
			add(line, n, '\'');
			add(line, n, '\\');
			add(line, n, '\'');
		}
		add(line, n, *word);
	}
	if (quote)
		add(line, n, '\'');
}

static void
drop_oldest(struct history *h, uint32_t uid)
{
	size_t len = strlen(h->line[h->first]) + 1;

	free(h->line[h->first]);
	h->line[h->first] = NULL;
	h->first = (h->first + 1) % HISTORY_LINES;
	h->n--;
	h->bytes -= len;
	share_give(uid, len);
}

void
history_add(struct history *h, uint32_t uid, const char *command,
    const struct json_list *args)
{
	char line[HISTORY_LINE_MAX], *kept;
	size_t i, n = 0;

	add_word(line, &n, command);
	for (i = 0; i < args->n && n + 1 < sizeof(line); i++)
		add_word(line, &n, args->v[i]);
	n = utf8_cut(line, n);
	line[n] = '\0';
	h->told++;
	if (h->line == NULL)
		h->line = calloc(HISTORY_LINES, sizeof(*h->line));
	if (h->line == NULL)
		return;
	while (h->n > 0 &&
	    (h->n == HISTORY_LINES || h->bytes + n + 1 > HISTORY_BYTES))
		drop_oldest(h, uid);
	/* lines are numbered from the last on: there is no gap */
	if (!share_take(uid, n + 1) || (kept = strdup(line)) == NULL) {
		while (h->n > 0)
			drop_oldest(h, uid);
		return;
	}
	h->line[(h->first + h->n++) % HISTORY_LINES] = kept;
	h->bytes += n + 1;
}

void
history_text(struct evbuffer *out, const struct history *h)
{
	uint64_t number = h->told - h->n;
	size_t i;

	for (i = 0; i < h->n; i++)
		evbuffer_add_printf(out, "%5llu  %s\n",
		    (unsigned long long)++number,
		    h->line[(h->first + i) % HISTORY_LINES]);
}

void
history_forget(struct history *h, uint32_t uid)
{
	while (h->n > 0)
		drop_oldest(h, uid);
	free(h->line);
	h->line = NULL;
}
