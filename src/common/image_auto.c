/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Automata of an image: their check, and their run over a subject. A run
 * allocates nothing, calls nothing, and takes at most one step a byte.
 */
#include <endian.h>
#include <string.h>

#include "image_int.h"

static const struct img_auto *
img_auto(const struct image *im, size_t which)
{
	return &img_head(im)->automaton[which];
}

/* n numbers at off, each below limit. */
static bool
numbers_ok(const struct image *im, uint32_t off, uint64_t n, uint32_t limit)
{
	const uint32_t *v;
	uint64_t i;

	if (!img_has(im, off, n, sizeof(*v), 8))
		return false;
	for (v = img_at(im, off), i = 0; i < n; i++) {
		if (v[i] >= limit)
			return false;
	}
	return true;
}

static bool
states_ok(const struct image *im, const struct img_dfa *a, uint32_t nclasses)
{
	const struct img_state *s;
	const struct img_edge *e;
	uint32_t i;

	if (!img_has(im, a->state, a->nstates - a->nlast, sizeof(*s), 8) ||
	    !img_has(im, a->edge, a->nedges, sizeof(*e), 8) ||
	    !img_has(im, a->runs, a->nruns, 1, 8) || a->nruns < IMG_RUN_PAD)
		return false;
	s = img_at(im, a->state);
	for (i = 0; i < a->nstates - a->nlast; i++, s++) {
		if (s->row >= a->nlast)
			return false;
		if (s->run == 0) {
			if (s->base > a->nedges ||
			    a->nedges - s->base < nclasses)
				return false;
		} else if (s->run > a->nruns - IMG_RUN_PAD ||
		    s->base > a->nruns - IMG_RUN_PAD - s->run ||
		    s->next >= a->nstates) {
			return false;
		}
	}
	e = img_at(im, a->edge);
	for (i = 0; i < a->nedges; i++) {
		if (e[i].next >= a->nstates)
			return false;
	}
	return true;
}

/* Lists of rules, each ascending. */
static bool
lists_ok(const struct image *im, const struct img_dfa *a, uint32_t nrules)
{
	const uint32_t *at, *v;
	uint32_t i, k;

	if (a->nlists == 0 || a->nlists > IMG_MAX_STATES ||
	    !img_has(im, a->listat, (uint64_t)a->nlists + 1, 4, 8))
		return false;
	at = img_at(im, a->listat);
	if (at[0] != 0 || !numbers_ok(im, a->list, at[a->nlists], nrules))
		return false;
	v = img_at(im, a->list);
	for (i = 0; i < a->nlists; i++) {
		if (at[i] > at[i + 1] || at[i + 1] > at[a->nlists])
			return false;
		for (k = at[i] + 1; k < at[i + 1]; k++) {
			if (v[k] <= v[k - 1])
				return false;
		}
	}
	return true;
}

static bool
accept_ok(const struct image *im, const struct img_auto *au,
    const struct img_dfa *a, uint32_t nrules)
{
	const uint32_t *v;
	uint64_t i, n = (uint64_t)a->naccept * au->nopclasses;

	if ((au->flags & IMG_LISTS) != 0)
		return lists_ok(im, a, nrules) &&
		    numbers_ok(im, a->accept, n, a->nlists);
	if (!img_has(im, a->accept, n, sizeof(*v), 8))
		return false;
	for (v = img_at(im, a->accept), i = 0; i < n; i++) {
		if ((v[i] & ~IMG_LOADS) >= nrules &&
		    (v[i] & ~IMG_LOADS) != IMG_NONE)
			return false;
	}
	return true;
}

static bool
dfa_ok(const struct image *im, const struct img_auto *au,
    const struct img_dfa *a, uint32_t nrules)
{
	if (a->hits > 1 || (a->hits == 1 && (au->flags & IMG_LISTS) != 0) ||
	    a->nstates == 0 || a->nstates > IMG_MAX_STATES ||
	    a->start >= a->nstates || a->nlast > a->nstates ||
	    a->nrows > a->nlast || a->shift > 8 ||
	    UINT32_C(1) << a->shift < au->nclasses || a->naccept == 0 ||
	    a->naccept > IMG_MAX_STATES)
		return false;
	return numbers_ok(im, a->row, (uint64_t)a->nrows << a->shift,
		   a->nstates) &&
	    numbers_ok(im, a->answer, a->nstates, a->naccept) &&
	    states_ok(im, a, au->nclasses) && accept_ok(im, au, a, nrules);
}

static bool
nfa_ok(const struct image *im, const struct img_auto *a, uint32_t nrules)
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
		if (f[i].bit >= a->nwords * 64 || f[i].rule >= nrules ||
		    (i > 0 && f[i].rule < f[i - 1].rule))
			return false;
	}
	return true;
}

bool
img_auto_ok(const struct image *im, size_t which, uint32_t nops, bool lists,
    uint32_t nrules)
{
	const struct img_auto *a = img_auto(im, which);
	size_t i;

	if (a->nops != nops || nops > IMG_MAX_OPS || a->nopclasses == 0 ||
	    a->nopclasses > nops || a->nclasses == 0 || a->nclasses > 256 ||
	    (a->flags & ~(uint32_t)(IMG_NFA | IMG_LISTS)) != 0 ||
	    a->ndfas > IMG_MAX_DFAS || ((a->flags & IMG_LISTS) != 0) != lists ||
	    (a->catchall >= nrules && a->catchall != IMG_NONE) ||
	    (a->loader >= nrules && a->loader != IMG_NONE))
		return false;
	for (i = 0; i < nops; i++) {
		if (a->opclass[i] >= a->nopclasses)
			return false;
	}
	for (i = 0; i < 256; i++) {
		if (a->classes[i] >= a->nclasses)
			return false;
	}
	for (i = 0; i < a->ndfas; i++) {
		if (!dfa_ok(im, a, &a->dfa[i], nrules))
			return false;
	}
	return (a->flags & IMG_NFA) == 0 || nfa_ok(im, a, nrules);
}

/* How many of the next n bytes of a run, which may be read for 8 more, are
 * those of the subject, of which so many are left. */
static size_t
run_length(const uint8_t *s, size_t left, const uint8_t *run, size_t n)
{
	size_t i = 0, max = n < left ? n : left;
	uint64_t x, y;

	while (i < max && left - i >= sizeof(x)) {
		memcpy(&x, s + i, sizeof(x));
		memcpy(&y, run + i, sizeof(y));
		x = le64toh(x ^ y);
		if (x != 0) {
			i += (size_t)__builtin_ctzll(x) / 8;
			return i < max ? i : max;
		}
		i += sizeof(x);
	}
	while (i < max && s[i] == run[i])
		i++;
	return i < max ? i : max;
}

/* The last state; see imagefmt.h. */
static uint32_t
dfa_run(const struct image *im, const struct img_dfa *a, const uint8_t *classes,
    const uint8_t *s, size_t len)
{
	const uint32_t *row = img_at(im, a->row);
	const struct img_state *states = img_at(im, a->state), *st;
	const struct img_edge *edge = img_at(im, a->edge), *e;
	const uint8_t *runs = img_at(im, a->runs), *end = s + len;
	uint32_t state = a->start, nrows = a->nrows, shift = a->shift;
	size_t n;

	for (;;) {
		while (state < nrows) {
			if (s == end)
				return state;
			state = row[(state << shift) + classes[*s++]];
		}
		if (state < a->nlast || s == end)
			return state;
		st = &states[state - a->nlast];
		if (st->run != 0) {
			n = run_length(s, (size_t)(end - s), runs + st->base,
			    st->run);
			s += n;
			if (n == st->run) {
				state = st->next;
				continue;
			}
			if (s == end)
				return state;
		} else {
			e = &edge[st->base + classes[*s]];
			if (e->from == state) {
				state = e->next;
				s++;
				continue;
			}
		}
		if (st->row >= nrows)
			return st->row; /* never left */
		state = row[(st->row << shift) + classes[*s++]];
	}
}

/* The first rule of all states on the way. accept: of the operation. */
static uint32_t
dfa_hits(const struct image *im, const struct img_auto *au,
    const struct img_dfa *a, uint32_t opclass, const uint8_t *s, size_t len)
{
	const uint32_t *row = img_at(im, a->row);
	const uint32_t *answer = img_at(im, a->answer);
	const uint32_t *accept = img_at(im, a->accept);
	const struct img_state *states = img_at(im, a->state), *st;
	const struct img_edge *edge = img_at(im, a->edge), *e;
	const uint8_t *runs = img_at(im, a->runs), *end = s + len;
	uint32_t state = a->start, first = IMG_NONE, v;
	size_t n;

	for (;;) {
		v = accept[(size_t)answer[state] * au->nopclasses + opclass];
		first = v < first ? v : first;
		if (s == end || (state >= a->nrows && state < a->nlast))
			return first;
		if (state < a->nrows) {
			state = row[(state << a->shift) + au->classes[*s++]];
			continue;
		}
		st = &states[state - a->nlast];
		if (st->run != 0) {
			n = run_length(s, (size_t)(end - s), runs + st->base,
			    st->run);
			s += n;
			if (n == st->run) {
				state = st->next;
				continue;
			}
			if (s == end)
				return first;
		} else {
			e = &edge[st->base + au->classes[*s]];
			if (e->from == state) {
				state = e->next;
				s++;
				continue;
			}
		}
		state = st->row;
		if (state < a->nrows)
			state = row[(state << a->shift) + au->classes[*s++]];
	}
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

static void
nfa_run(const struct image *im, const struct img_auto *a, const uint8_t *s,
    size_t len, uint64_t *set)
{
	size_t n;

	memcpy(set, img_at(im, a->begin), (size_t)a->nwords * sizeof(*set));
	for (n = 0; n < len; n++)
		nfa_step(im, a, a->classes[s[n]], set);
}

static bool
final_holds(const struct img_final *f, const uint64_t *set)
{
	return (set[f->bit / 64] >> (f->bit % 64) & 1) != 0;
}

/* The same as a cell of accept, of the positions. */
static uint32_t __attribute__((noinline)) nfa_first(const struct image *im,
    const struct img_auto *a, uint32_t opclass, const uint8_t *s, size_t len)
{
	uint64_t set[IMG_MAX_WORDS];
	const struct img_final *f = img_at(im, a->final);
	uint32_t i, first = IMG_NONE, loads = 0;

	nfa_run(im, a, s, len, set);
	for (i = 0; i < a->nfinal; i++) {
		if (!final_holds(&f[i], set) || (f[i].ops >> opclass & 1) == 0)
			continue;
		if (f[i].rule == a->loader)
			loads = IMG_LOADS;
		else if (f[i].rule < first)
			first = f[i].rule;
	}
	return first | loads;
}

/* The number in accept for the first class of operations. */
static const uint32_t *
dfa_answer(const struct image *im, const struct img_auto *a, size_t i,
    const uint8_t *s, size_t len)
{
	const struct img_dfa *dfa = &a->dfa[i];
	const uint32_t *answer = img_at(im, dfa->answer);
	const uint32_t *accept = img_at(im, dfa->accept);

	return accept +
	    (size_t)answer[dfa_run(im, dfa, a->classes, s, len)] *
	    a->nopclasses;
}

uint32_t
img_first(const struct image *im, size_t which, uint32_t op, const char *s,
    size_t len)
{
	const struct img_auto *a = img_auto(im, which);
	const uint8_t *u = (const uint8_t *)s;
	uint32_t opclass = a->opclass[op], first = IMG_NONE, loads = 0, v;
	size_t i;

	for (i = 0; i < a->ndfas; i++) {
		v = a->dfa[i].hits != 0 ?
		    dfa_hits(im, a, &a->dfa[i], opclass, u, len) :
		    dfa_answer(im, a, i, u, len)[opclass];
		loads |= v & IMG_LOADS;
		v &= ~IMG_LOADS;
		first = v < first ? v : first;
	}
	if ((a->flags & IMG_NFA) != 0) {
		v = nfa_first(im, a, opclass, u, len);
		loads |= v & IMG_LOADS;
		v &= ~IMG_LOADS;
		first = v < first ? v : first;
	}
	if (loads != 0 && (first == a->catchall || first == IMG_NONE))
		return a->loader;
	return first;
}

bool
img_needs_room(const struct image *im, const uint8_t *which, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if ((img_auto(im, which[i])->flags & IMG_NFA) != 0)
			return true;
	}
	return false;
}

void
img_rules(const struct image *im, size_t which, const char *s, size_t len,
    uint64_t *room, struct img_rules *r)
{
	const struct img_auto *a = img_auto(im, which);
	const uint8_t *u = (const uint8_t *)s;
	const uint32_t *at, *list;
	uint32_t number;
	size_t i;

	memset(r, 0, sizeof(*r));
	for (i = 0; i < a->ndfas; i++) {
		number = *dfa_answer(im, a, i, u, len);
		at = img_at(im, a->dfa[i].listat);
		list = img_at(im, a->dfa[i].list);
		r->rule[i] = list + at[number];
		r->end[i] = list + at[number + 1];
	}
	if ((a->flags & IMG_NFA) != 0) {
		nfa_run(im, a, u, len, room);
		r->set = room;
		r->final = img_at(im, a->final);
		r->final_end = r->final + a->nfinal;
	}
}

uint32_t
img_rules_next(struct img_rules *r, uint32_t from)
{
	uint32_t first = IMG_NONE;
	size_t i;

	for (i = 0; i < IMG_MAX_DFAS; i++) {
		while (r->rule[i] < r->end[i] && *r->rule[i] < from)
			r->rule[i]++;
		if (r->rule[i] < r->end[i] && *r->rule[i] < first)
			first = *r->rule[i];
	}
	while (r->final < r->final_end &&
	    (r->final->rule < from || !final_holds(r->final, r->set)))
		r->final++;
	if (r->final < r->final_end && r->final->rule < first)
		first = r->final->rule;
	return first;
}
