/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reader and evaluator of compiled policies. The image is policyd's, which
 * parses what users write: nothing in it is believed before image_verify() has
 * seen all of it, and the seals keep it as it was seen. Evaluation allocates
 * nothing, calls nothing, and takes time linear in the length of the path.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "image.h"
#include "imagefmt.h"

#define IMG_SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

static const struct img_head *
img_head(const struct image *im)
{
	return (const struct img_head *)(const void *)im->base;
}

static const void *
img_at(const struct image *im, uint32_t off)
{
	return im->base + off;
}

/* Are n things of so many bytes at off inside the image, and aligned? */
static bool
img_has(const struct image *im, uint32_t off, uint64_t n, uint64_t size,
    uint32_t align)
{
	return off % align == 0 && off <= im->size &&
	    n <= (im->size - off) / size;
}

static bool
img_string_ok(const struct image *im, uint32_t off)
{
	uint32_t len;

	if (!img_has(im, off, 1, sizeof(len), sizeof(len)))
		return false;
	memcpy(&len, im->base + off, sizeof(len));
	return img_has(im, off + 4, (uint64_t)len + 1, 1, 1) &&
	    memchr(im->base + off + 4, 0, (size_t)len + 1) ==
	    im->base + off + 4 + len;
}

static const char *
img_string(const struct image *im, uint32_t off)
{
	return (const char *)im->base + off + 4;
}

static bool
img_family_ok(const struct image *im, const struct img_family *f)
{
	const struct img_rule *r;
	uint32_t i;

	if (f->nrules > IMG_MAX_RULES ||
	    !img_has(im, f->rules, f->nrules, sizeof(*r), 8))
		return false;
	r = img_at(im, f->rules);
	for (i = 0; i < f->nrules; i++) {
		if (r[i].decision >= DECISION_MAX ||
		    !img_string_ok(im, r[i].name) ||
		    !img_string_ok(im, r[i].message))
			return false;
	}
	return true;
}

static bool
img_dfa_ok(const struct image *im, const struct img_auto *a, uint32_t nrules)
{
	const uint16_t *v;
	uint64_t i, n;

	if (a->nstates == 0 || a->nstates > IMG_MAX_STATES ||
	    a->start >= a->nstates || a->nrows == 0 ||
	    a->nrows > IMG_MAX_STATES)
		return false;
	n = (uint64_t)a->nstates * a->nclasses;
	if (!img_has(im, a->trans, n, 2, 8) ||
	    !img_has(im, a->accept, a->nstates, 2, 8) ||
	    !img_has(im, a->rows, (uint64_t)a->nrows * a->nops, 2, 8))
		return false;
	for (v = img_at(im, a->trans), i = 0; i < n; i++) {
		if (v[i] >= a->nstates)
			return false;
	}
	for (v = img_at(im, a->accept), i = 0; i < a->nstates; i++) {
		if (v[i] >= a->nrows)
			return false;
	}
	n = (uint64_t)a->nrows * a->nops;
	for (v = img_at(im, a->rows), i = 0; i < n; i++) {
		if (v[i] >= nrules && v[i] != IMG_NONE)
			return false;
	}
	return true;
}

static bool
img_nfa_ok(const struct image *im, const struct img_auto *a, uint32_t nrules)
{
	const struct img_final *f;
	uint64_t i, n;

	if (a->nwords == 0 || a->nwords > IMG_MAX_WORDS ||
	    a->nfinal > a->nwords * 64)
		return false;
	n = (uint64_t)a->nclasses * a->nwords;
	if (!img_has(im, a->begin, a->nwords, 8, 8) ||
	    !img_has(im, a->step, n, 8, 8) || !img_has(im, a->loop, n, 8, 8) ||
	    !img_has(im, a->skip, a->nwords, 8, 8) ||
	    !img_has(im, a->final, a->nfinal, sizeof(*f), 8))
		return false;
	for (f = img_at(im, a->final), i = 0; i < a->nfinal; i++) {
		if (f[i].bit >= a->nwords * 64 || f[i].rule >= nrules)
			return false;
	}
	return true;
}

static bool
img_auto_ok(const struct image *im, const struct img_auto *a, uint32_t nops,
    uint32_t nrules)
{
	const uint8_t *classes;
	size_t i;

	if (a->nops != nops || a->nclasses == 0 || a->nclasses > 256 ||
	    !img_has(im, a->classes, 256, 1, 8) ||
	    (a->catchall >= nrules && a->catchall != IMG_NONE) ||
	    (a->loader >= nrules && a->loader != IMG_NONE))
		return false;
	classes = img_at(im, a->classes);
	for (i = 0; i < 256; i++) {
		if (classes[i] >= a->nclasses)
			return false;
	}
	if (a->kind == IMG_DFA)
		return img_dfa_ok(im, a, nrules);
	return a->kind == IMG_NFA && img_nfa_ok(im, a, nrules);
}

int
image_verify(const struct image *im)
{
	const struct img_head *h = img_head(im);

	if (im->size < sizeof(*h) || im->size > IMG_MAX_SIZE ||
	    memcmp(h->magic, IMG_MAGIC, sizeof(h->magic)) != 0 ||
	    h->version != IMG_VERSION || h->size != im->size)
		return -1;
	if (!img_string_ok(im, h->name) || !img_family_ok(im, &h->file) ||
	    !img_family_ok(im, &h->command) ||
	    !img_auto_ok(im, &h->automaton[IMG_AUTO_FILE], FILE_OP_MAX,
		h->file.nrules) ||
	    !img_auto_ok(im, &h->automaton[IMG_AUTO_BASE], IMG_COMMAND_OPS,
		h->command.nrules) ||
	    !img_auto_ok(im, &h->automaton[IMG_AUTO_PATH], IMG_COMMAND_OPS,
		h->command.nrules))
		return -1;
	return 0;
}

static int
image_error(struct aerr *e, const char *what)
{
	e->http = 500;
	snprintf(e->code, sizeof(e->code), "E_INTERNAL");
	snprintf(e->message, sizeof(e->message), "compiled policy: %s", what);
	return -1;
}

int
image_map(struct image *im, int fd, struct aerr *e)
{
	struct stat st;
	void *p;
	int seals;

	memset(im, 0, sizeof(*im));
	seals = fcntl(fd, F_GET_SEALS);
	if (seals == -1 || (seals & IMG_SEALS) != IMG_SEALS)
		return image_error(e, "not sealed");
	if (fstat(fd, &st) == -1)
		return image_error(e, strerror(errno));
	if (st.st_size < (off_t)sizeof(struct img_head) ||
	    st.st_size > IMG_MAX_SIZE)
		return image_error(e, "of impossible size");
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return image_error(e, strerror(errno));
	im->base = p;
	im->size = (size_t)st.st_size;
	if (image_verify(im) == 0)
		return 0;
	image_unmap(im);
	return image_error(e, "malformed, or of another version");
}

void
image_unmap(struct image *im)
{
	if (im->base != NULL)
		munmap((void *)(uintptr_t)im->base, im->size);
	memset(im, 0, sizeof(*im));
}

const char *
image_name(const struct image *im)
{
	return img_string(im, img_head(im)->name);
}

bool
image_audits_files(const struct image *im)
{
	const struct img_family *f = &img_head(im)->file;
	const struct img_rule *rules = img_at(im, f->rules);
	uint32_t i;

	for (i = 0; i < f->nrules; i++) {
		if (rules[i].decision == DECISION_AUDIT)
			return true;
	}
	return false;
}

static uint32_t
eval_dfa(const struct image *im, const struct img_auto *a, uint32_t op,
    const uint8_t *s, size_t len)
{
	const uint8_t *classes = img_at(im, a->classes);
	const uint16_t *trans = img_at(im, a->trans);
	const uint16_t *accept = img_at(im, a->accept);
	const uint16_t *rows = img_at(im, a->rows);
	uint32_t state = a->start;
	size_t i;

	for (i = 0; i < len; i++)
		state = trans[state * a->nclasses + classes[s[i]]];
	return rows[accept[state] * a->nops + op];
}

/* One byte further: see imagefmt.h. */
static void
nfa_step(const struct image *im, const struct img_auto *a, uint32_t class,
    uint64_t *set)
{
	const uint64_t *step = img_at(im, a->step);
	const uint64_t *loop = img_at(im, a->loop);
	const uint64_t *skip = img_at(im, a->skip);
	uint64_t old, moved, skipped, carry = 0, skip_carry = 0;
	uint32_t i;

	step += (size_t) class * a->nwords;
	loop += (size_t) class * a->nwords;
	for (i = 0; i < a->nwords; i++) {
		old = set[i];
		moved = old & step[i];
		set[i] = (moved << 1) | carry | (old & loop[i]);
		carry = moved >> 63;
		/* no two positions that can be skipped are neighbours */
		skipped = set[i] & skip[i];
		set[i] |= (skipped << 1) | skip_carry;
		skip_carry = skipped >> 63;
	}
}

static uint32_t
eval_nfa(const struct image *im, const struct img_auto *a, uint32_t op,
    const uint8_t *s, size_t len)
{
	uint64_t set[IMG_MAX_WORDS];
	const uint8_t *classes = img_at(im, a->classes);
	const struct img_final *f = img_at(im, a->final);
	uint32_t i, first = IMG_NONE;
	size_t n;

	memcpy(set, img_at(im, a->begin), (size_t)a->nwords * 8);
	for (n = 0; n < len; n++)
		nfa_step(im, a, classes[s[n]], set);
	for (i = 0; i < a->nfinal; i++) {
		if ((set[f[i].bit / 64] >> (f[i].bit % 64) & 1) == 0 ||
		    (f[i].ops >> op & 1) == 0)
			continue;
		if (first != IMG_NONE) {
			if (f[i].rule == a->loader)
				return a->loader;
			continue;
		}
		first = f[i].rule;
		if (first != a->catchall || a->loader == IMG_NONE)
			return first;
	}
	return first;
}

static uint32_t
eval_auto(const struct image *im, size_t which, uint32_t op, const uint8_t *s,
    size_t len)
{
	const struct img_auto *a = &img_head(im)->automaton[which];

	if (a->kind == IMG_DFA)
		return eval_dfa(im, a, op, s, len);
	return eval_nfa(im, a, op, s, len);
}

static void
verdict_set(const struct image *im, const struct img_family *f, uint32_t rule,
    struct verdict *v)
{
	const struct img_rule *r;

	if (rule == IMG_NONE)
		return;
	r = img_at(im, f->rules);
	v->decision = (enum decision)r[rule].decision;
	v->rule = rule;
	v->rule_name = img_string(im, r[rule].name);
	v->message = img_string(im, r[rule].message);
}

static void
verdict_preset(struct verdict *v, const char *rule_name)
{
	v->decision = DECISION_DENY;
	v->rule = UINT32_MAX;
	v->rule_name = rule_name;
	v->message = "";
}

int
image_eval_file(const struct image *im, enum file_op op, const char *path,
    size_t len, struct verdict *v)
{
	verdict_preset(v, "default-deny-files");
	if ((uint32_t)op >= FILE_OP_MAX || path == NULL || len == 0 ||
	    len > AGENTSH_PATH_MAX || path[0] != '/' ||
	    memchr(path, 0, len) != NULL)
		return -1;
	verdict_set(im, &img_head(im)->file,
	    eval_auto(im, IMG_AUTO_FILE, op, (const uint8_t *)path, len), v);
	return 0;
}

/* The first rule for one spelling of a command: as it is, and in lower case. */
static uint32_t
eval_spelling(const struct image *im, size_t which, const char *s, size_t len)
{
	uint8_t lower[AGENTSH_PATH_MAX];
	uint32_t a, b;
	size_t i;

	lower[0] = 0;
	for (i = 0; i < len; i++)
		lower[i] = (uint8_t)(s[i] >= 'A' && s[i] <= 'Z' ? s[i] | 0x20 :
								  s[i]);
	a = eval_auto(im, which, 0, lower, len);
	if (memcmp(lower, s, len) == 0)
		return a;
	b = eval_auto(im, which, 0, (const uint8_t *)s, len);
	/* IMG_NONE is the greatest */
	return a < b ? a : b;
}

int
image_eval_command(const struct image *im, const struct command_query *q,
    struct verdict *v)
{
	const char *command = q->command, *base;
	size_t len, blen;
	uint32_t first, r;

	verdict_preset(v, "default-deny-commands");
	if (command == NULL || command[0] == '\0')
		return -1;
	len = strnlen(command, AGENTSH_PATH_MAX + 1);
	if (len > AGENTSH_PATH_MAX)
		return -1;
	base = memrchr(command, '/', len);
	base = base == NULL ? command : base + 1;
	blen = len - (size_t)(base - command);
	if (blen == 0)
		return -1;
	first = eval_spelling(im, IMG_AUTO_BASE, base, blen);
	/* distributions put a wrapper at NAME and the program at NAME.real */
	if (blen > 5 && memcmp(base + blen - 5, ".real", 5) == 0) {
		r = eval_spelling(im, IMG_AUTO_BASE, base, blen - 5);
		first = r < first ? r : first;
	}
	if (base != command) {
		r = eval_spelling(im, IMG_AUTO_PATH, command, len);
		first = r < first ? r : first;
	}
	verdict_set(im, &img_head(im)->command, first, v);
	return 0;
}
