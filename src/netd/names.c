/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which names a session's addresses were given for. Names and addresses come
 * from look-ups that the session asked for, and from who answers them: the
 * hashes are seeded, and an address keeps no more names than can be asked for.
 */
#include <sys/queue.h>
#include <sys/random.h>

#include <stdlib.h>
#include <string.h>

#include "fnv.h"

#include "names.h"

#define ADDR_LEN 16

struct name {
	LIST_ENTRY(name) chain;
	uint64_t hash;
	size_t nbindings;
	char text[];
};

struct binding {
	TAILQ_ENTRY(binding) age;   /* of all, the oldest first */
	TAILQ_ENTRY(binding) entry; /* of its address, the latest first */
	struct holder *holder;
	struct name *name;
	uint64_t until;
};

TAILQ_HEAD(bindings, binding);

struct holder { /* an address */
	LIST_ENTRY(holder) chain;
	uint8_t addr[ADDR_LEN];
	struct bindings bindings;
	size_t nbindings;
};

LIST_HEAD(name_chain, name);
LIST_HEAD(holder_chain, holder);

struct names {
	struct name_chain *by_name;
	struct holder_chain *by_addr;
	struct bindings age;
	size_t mask; /* chains of each table, less one */
	size_t max;
	size_t n;
	uint64_t seed;
};

struct names *
names_new(size_t max)
{
	struct names *t = calloc(1, sizeof(*t));
	size_t n = 16;

	if (t == NULL)
		return NULL;
	while (n < max)
		n *= 2;
	TAILQ_INIT(&t->age);
	t->mask = n - 1;
	t->max = max;
	t->by_name = calloc(n, sizeof(*t->by_name));
	t->by_addr = calloc(n, sizeof(*t->by_addr));
	if (t->by_name == NULL || t->by_addr == NULL || max == 0 ||
	    getrandom(&t->seed, sizeof(t->seed), 0) != sizeof(t->seed)) {
		names_free(t);
		return NULL;
	}
	return t;
}

/* FNV's low bits are those of its last bytes alone: the halves are folded. */
static uint64_t
fold(uint64_t h)
{
	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15ULL;
	return h ^ h >> 29;
}

static uint64_t
hash_name(const struct names *t, const char *name)
{
	return fold(fnv_str(FNV_INIT ^ t->seed, name));
}

static uint64_t
hash_addr(const struct names *t, const uint8_t addr[ADDR_LEN])
{
	uint64_t half[2];

	memcpy(half, addr, sizeof(half));
	return fold(fnv_step(fold(fnv_step(FNV_INIT ^ t->seed, half[0])),
	    half[1]));
}

static struct name *
name_find(const struct names *t, const char *text, uint64_t hash)
{
	struct name *n;

	LIST_FOREACH(n, &t->by_name[hash & t->mask], chain)
		if (n->hash == hash && strcmp(n->text, text) == 0)
			return n;
	return NULL;
}

static struct holder *
holder_find(const struct names *t, const uint8_t addr[ADDR_LEN])
{
	struct holder *h;

	LIST_FOREACH(h, &t->by_addr[hash_addr(t, addr) & t->mask], chain)
		if (memcmp(h->addr, addr, ADDR_LEN) == 0)
			return h;
	return NULL;
}

static struct name *
name_add(struct names *t, const char *text, uint64_t hash)
{
	size_t size = strlen(text) + 1;
	struct name *n = malloc(sizeof(*n) + size);

	if (n == NULL)
		return NULL;
	n->hash = hash;
	n->nbindings = 0;
	memcpy(n->text, text, size);
	LIST_INSERT_HEAD(&t->by_name[hash & t->mask], n, chain);
	return n;
}

static struct holder *
holder_add(struct names *t, const uint8_t addr[ADDR_LEN])
{
	struct holder *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	memcpy(h->addr, addr, ADDR_LEN);
	TAILQ_INIT(&h->bindings);
	LIST_INSERT_HEAD(&t->by_addr[hash_addr(t, addr) & t->mask], h, chain);
	return h;
}

/* Frees those of the two that no binding holds. */
static void
let_go(struct name *n, struct holder *h)
{
	if (n != NULL && n->nbindings == 0) {
		LIST_REMOVE(n, chain);
		free(n);
	}
	if (h != NULL && h->nbindings == 0) {
		LIST_REMOVE(h, chain);
		free(h);
	}
}

static void
unlink_binding(struct names *t, struct binding *b)
{
	TAILQ_REMOVE(&t->age, b, age);
	TAILQ_REMOVE(&b->holder->bindings, b, entry);
	b->holder->nbindings--;
	b->name->nbindings--;
	t->n--;
}

static void
drop(struct names *t, struct binding *b)
{
	unlink_binding(t, b);
	let_go(b->name, b->holder);
	free(b);
}

void
names_free(struct names *t)
{
	if (t == NULL)
		return;
	while (!TAILQ_EMPTY(&t->age))
		drop(t, TAILQ_FIRST(&t->age));
	free(t->by_name);
	free(t->by_addr);
	free(t);
}

static void
link_binding(struct names *t, struct binding *b)
{
	TAILQ_INSERT_TAIL(&t->age, b, age);
	TAILQ_INSERT_HEAD(&b->holder->bindings, b, entry);
	b->holder->nbindings++;
	b->name->nbindings++;
	t->n++;
}

int
names_bind(struct names *t, const char *text, const uint8_t addr[ADDR_LEN],
    uint64_t until)
{
	uint64_t hash = hash_name(t, text);
	struct name *n = name_find(t, text, hash);
	struct holder *h = holder_find(t, addr);
	struct binding *b = NULL;

	if (n != NULL && h != NULL)
		TAILQ_FOREACH(b, &h->bindings, entry)
			if (b->name == n)
				break;
	if (b != NULL) {
		/* a later answer with a shorter life takes nothing away */
		if (until > b->until)
			b->until = until;
		unlink_binding(t, b);
		link_binding(t, b);
		return 0;
	}
	b = calloc(1, sizeof(*b));
	if (n == NULL)
		n = name_add(t, text, hash);
	if (h == NULL)
		h = holder_add(t, addr);
	if (b == NULL || n == NULL || h == NULL) {
		let_go(n, h);
		free(b);
		return -1;
	}
	b->name = n;
	b->holder = h;
	b->until = until;
	link_binding(t, b);
	if (h->nbindings > NAMES_OF_MAX)
		drop(t, TAILQ_LAST(&h->bindings, bindings));
	else if (t->n > t->max)
		drop(t, TAILQ_FIRST(&t->age));
	return 0;
}

size_t
names_of(struct names *t, const uint8_t addr[ADDR_LEN], uint64_t now,
    const char *name[NAMES_OF_MAX])
{
	struct holder *h = holder_find(t, addr);
	struct binding *b, *next;
	size_t n = 0;

	if (h == NULL)
		return 0;
	for (b = TAILQ_FIRST(&h->bindings); b != NULL; b = next) {
		next = TAILQ_NEXT(b, entry);
		if (b->until > now)
			name[n++] = b->name->text;
		else
			drop(t, b); /* frees h with its last */
	}
	return n;
}
