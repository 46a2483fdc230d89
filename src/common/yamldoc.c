/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks libyaml's events into a tree. Every byte is from a file that its owner
 * may have made hostile; depth is held in an array, never in the C stack.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "vis.h"
#include "yamldoc.h"

#define WORD_MAX_LEN 48 /* longest word that nearest_word() compares */

/* Where the reader stands: the collections that are open. */
struct builder {
	struct ydoc *doc;
	struct aerr *e;
	struct ynode *open[YDOC_MAX_DEPTH];
	size_t depth;
	struct ynode *key; /* of the innermost mapping, waits for its value */
	bool ended;	   /* the document's end was seen */
};

void
ydoc_class(struct aerr *e, const char *text)
{
	static const char lack[] = "out of memory";
	size_t len = strlen(text), n = sizeof(lack) - 1;
	bool ours = len >= n && strcmp(text + len - n, lack) == 0;

	e->http = ours ? 500 : 400;
	snprintf(e->code, sizeof(e->code), "%s",
	    ours ? "E_INTERNAL" : "E_INVALID_REQUEST");
}

static int __attribute__((format(printf, 5, 0))) ydoc_verror(const char *name,
    size_t line, size_t column, struct aerr *e, const char *fmt, va_list ap)
{
	char text[AGENTSH_TEXT_MAX];
	int n;

	vsnprintf(text, sizeof(text), fmt, ap);
	ydoc_class(e, text);
	n = snprintf(e->message, sizeof(e->message), "%.512s:%zu:%zu: ", name,
	    line, column);
	/* what the text quotes is from the file */
	if (n > 0 && (size_t)n < sizeof(e->message))
		vis_str(e->message + n, sizeof(e->message) - (size_t)n, text);
	return -1;
}

int
ydoc_error(const struct ydoc *doc, const struct ynode *at, struct aerr *e,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	ydoc_verror(doc->name, at == NULL ? 1 : at->line,
	    at == NULL ? 1 : at->column, e, fmt, ap);
	va_end(ap);
	return -1;
}

static int mark_error(struct builder *, const yaml_mark_t *, const char *, ...)
    __attribute__((format(printf, 3, 4)));

static int
mark_error(struct builder *b, const yaml_mark_t *mark, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	ydoc_verror(b->doc->name, mark->line + 1, mark->column + 1, b->e, fmt,
	    ap);
	va_end(ap);
	return -1;
}

/* libyaml could not go on: its own words, at its own place. */
static int
parser_error(struct builder *b, const yaml_parser_t *parser,
    const uint8_t *data, size_t len)
{
	yaml_mark_t mark = parser->problem_mark;
	const char *what = parser->problem;
	size_t i;

	if (parser->error == YAML_READER_ERROR) {
		mark.line = 0;
		mark.column = 0;
		for (i = 0; i < parser->problem_offset && i < len; i++) {
			mark.column++;
			if (data[i] == '\n') {
				mark.line++;
				mark.column = 0;
			}
		}
	}
	return mark_error(b, &mark, "%s",
	    what == NULL ? "out of memory" : what);
}

static struct ynode *
node_new(struct builder *b, enum ynode_kind kind, const yaml_mark_t *mark)
{
	struct ynode *n;

	if (b->doc->nnodes >= YDOC_MAX_NODES) {
		mark_error(b, mark, "more than %d values", YDOC_MAX_NODES);
		return NULL;
	}
	n = calloc(1, sizeof(*n));
	if (n == NULL) {
		mark_error(b, mark, "out of memory");
		return NULL;
	}
	n->kind = kind;
	n->line = (uint32_t)mark->line + 1;
	n->column = (uint32_t)mark->column + 1;
	n->all = b->doc->all;
	b->doc->all = n;
	b->doc->nnodes++;
	return n;
}

/* A scalar where a key is due. */
static int
place_key(struct builder *b, struct ynode *n, const yaml_mark_t *mark)
{
	const struct ynode *map = b->open[b->depth - 1];
	const struct ynode *v;

	if (n->kind != YNODE_SCALAR)
		return mark_error(b, mark, "a key must be a plain word");
	if (map->n >= YDOC_MAX_KEYS)
		return mark_error(b, mark, "more than %d keys", YDOC_MAX_KEYS);
	for (v = map->first; v != NULL; v = v->next) {
		if (strcmp(v->key->text, n->text) == 0)
			return mark_error(b, mark,
			    "%s: key given twice, first on line %u", n->text,
			    (unsigned)v->key->line);
	}
	b->key = n;
	return 0;
}

/* Hangs a node where the document has it. */
static int
node_place(struct builder *b, struct ynode *n, const yaml_mark_t *mark)
{
	struct ynode *parent;

	if (b->depth == 0) {
		b->doc->root = n;
		return 0;
	}
	parent = b->open[b->depth - 1];
	if (parent->kind == YNODE_MAP) {
		if (b->key == NULL)
			return place_key(b, n, mark);
		n->key = b->key;
		b->key = NULL;
	}
	if (parent->last == NULL)
		parent->first = n;
	else
		parent->last->next = n;
	parent->last = n;
	parent->n++;
	return 0;
}

static int
on_scalar(struct builder *b, const yaml_event_t *ev)
{
	struct ynode *n;
	size_t len = ev->data.scalar.length;

	if (ev->data.scalar.anchor != NULL)
		return mark_error(b, &ev->start_mark,
		    "anchors are not allowed");
	if (ev->data.scalar.tag != NULL)
		return mark_error(b, &ev->start_mark, "tags are not allowed");
	if (memchr(ev->data.scalar.value, 0, len) != NULL)
		return mark_error(b, &ev->start_mark, "a NUL byte in a value");
	n = node_new(b, YNODE_SCALAR, &ev->start_mark);
	if (n == NULL)
		return -1;
	n->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	n->text = malloc(len + 1);
	if (n->text == NULL)
		return mark_error(b, &ev->start_mark, "out of memory");
	memcpy(n->text, ev->data.scalar.value, len);
	n->text[len] = '\0';
	return node_place(b, n, &ev->start_mark);
}

static int
on_open(struct builder *b, const yaml_event_t *ev)
{
	bool map = ev->type == YAML_MAPPING_START_EVENT;
	struct ynode *n;

	if ((map ? ev->data.mapping_start.anchor :
		   ev->data.sequence_start.anchor) != NULL)
		return mark_error(b, &ev->start_mark,
		    "anchors are not allowed");
	if ((map ? ev->data.mapping_start.tag : ev->data.sequence_start.tag) !=
	    NULL)
		return mark_error(b, &ev->start_mark, "tags are not allowed");
	if (b->depth >= YDOC_MAX_DEPTH)
		return mark_error(b, &ev->start_mark,
		    "nested more than %d levels deep", YDOC_MAX_DEPTH);
	n = node_new(b, map ? YNODE_MAP : YNODE_SEQ, &ev->start_mark);
	if (n == NULL || node_place(b, n, &ev->start_mark) == -1)
		return -1;
	b->open[b->depth++] = n;
	return 0;
}

static int
on_event(struct builder *b, const yaml_event_t *ev)
{
	switch (ev->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (b->ended)
			return mark_error(b, &ev->start_mark,
			    "a second document is not allowed");
		if (ev->data.document_start.tag_directives.start !=
		    ev->data.document_start.tag_directives.end)
			return mark_error(b, &ev->start_mark,
			    "directives are not allowed");
		return 0;
	case YAML_DOCUMENT_END_EVENT:
		b->ended = true;
		return 0;
	case YAML_ALIAS_EVENT:
		return mark_error(b, &ev->start_mark,
		    "aliases are not allowed");
	case YAML_SCALAR_EVENT:
		return on_scalar(b, ev);
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		return on_open(b, ev);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		b->depth--;
		return 0;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
		return 0;
	}
	return mark_error(b, &ev->start_mark, "unexpected content");
}

/* Does text go on there in a way that is not seen where it is read? A line may
 * end in other characters than a newline, and so a comment in front of what
 * looks like a part of it. */
static bool
is_unseen(const uint8_t *s, size_t left)
{
	switch (s[0]) {
	case '\r':
		return left < 2 || s[1] != '\n';
	case 0xc2: /* U+0085 */
		return left >= 2 && s[1] == 0x85;
	case 0xe2: /* U+2028 to U+202E, U+2066 to U+2069 */
		return left >= 3 &&
		    ((s[1] == 0x80 && s[2] >= 0xa8 && s[2] <= 0xae) ||
			(s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9));
	default:
		return false;
	}
}

static int
check_text(struct builder *b, const uint8_t *data, size_t len)
{
	yaml_mark_t mark = { 0 };
	size_t i;

	for (i = 0; i < len; i++, mark.column++) {
		if (is_unseen(data + i, len - i))
			return mark_error(b, &mark,
			    "a character that ends a line or turns its order "
			    "around: write it as an escape, in double quotes");
		if (data[i] == '\n') {
			mark.line++;
			mark.column = SIZE_MAX;
		}
	}
	return 0;
}

int
ydoc_parse(struct ydoc *doc, const char *name, const uint8_t *data, size_t len,
    struct aerr *e)
{
	struct builder b = { .doc = doc, .e = e };
	yaml_parser_t parser;
	yaml_event_t ev;
	bool end = false;
	int ret = 0;

	memset(doc, 0, sizeof(*doc));
	doc->name = name;
	if (len > YDOC_MAX_BYTES)
		return ydoc_error(doc, NULL, e, "larger than %d bytes",
		    YDOC_MAX_BYTES);
	if (len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) {
		data += 3;
		len -= 3;
	}
	if (check_text(&b, data, len) == -1)
		return -1;
	if (!yaml_parser_initialize(&parser))
		return ydoc_error(doc, NULL, e, "out of memory");
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	/* libyaml aborts on NULL, also for nothing to read */
	yaml_parser_set_input_string(&parser,
	    data == NULL ? (const uint8_t *)"" : data, data == NULL ? 0 : len);
	while (ret == 0 && !end) {
		if (!yaml_parser_parse(&parser, &ev)) {
			ret = parser_error(&b, &parser, data, len);
			break;
		}
		end = ev.type == YAML_STREAM_END_EVENT;
		ret = on_event(&b, &ev);
		yaml_event_delete(&ev);
	}
	yaml_parser_delete(&parser);
	if (ret == -1)
		ydoc_free(doc);
	return ret;
}

void
ydoc_free(struct ydoc *doc)
{
	struct ynode *n;

	while ((n = doc->all) != NULL) {
		doc->all = n->all;
		free(n->text);
		free(n);
	}
	doc->root = NULL;
	doc->nnodes = 0;
}

bool
ynode_is_null(const struct ynode *n)
{
	return n->kind == YNODE_SCALAR && n->plain &&
	    (n->text[0] == '\0' || strcmp(n->text, "~") == 0 ||
		strcmp(n->text, "null") == 0);
}

/* Insertions, deletions, replacements and swaps of neighbours. */
static size_t
edit_distance(const char *a, size_t alen, const char *b, size_t blen)
{
	size_t d[3][WORD_MAX_LEN + 1];
	size_t *before = d[0], *prev = d[1], *cur = d[2], *t;
	size_t i, j, v;

	for (j = 0; j <= blen; j++)
		prev[j] = j;
	for (i = 1; i <= alen; i++) {
		cur[0] = i;
		for (j = 1; j <= blen; j++) {
			v = prev[j - 1] + (a[i - 1] != b[j - 1]);
			if (prev[j] + 1 < v)
				v = prev[j] + 1;
			if (cur[j - 1] + 1 < v)
				v = cur[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && before[j - 2] + 1 < v)
				v = before[j - 2] + 1;
			cur[j] = v;
		}
		t = before;
		before = prev;
		prev = cur;
		cur = t;
	}
	return prev[blen];
}

const char *
nearest_word(const char *word, const char *const *words, size_t n)
{
	const char *best = NULL;
	size_t len = strlen(word), wlen, d, best_d = 0;
	size_t i;

	if (len > WORD_MAX_LEN)
		return NULL;
	for (i = 0; i < n; i++) {
		wlen = strlen(words[i]);
		if (wlen > WORD_MAX_LEN)
			continue;
		d = edit_distance(word, len, words[i], wlen);
		/* a third of the letters wrong is no longer a slip */
		if (d > (len > wlen ? len : wlen) / 3 + (len < 6 ? 1 : 0))
			continue;
		if (best == NULL || d < best_d) {
			best = words[i];
			best_d = d;
		}
	}
	return best;
}
