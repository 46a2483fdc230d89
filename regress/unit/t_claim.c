/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claims of names: one at a time has a name, whatever he does with it, and
 * others are not in the way of each other.
 */
#include <stdatomic.h>
#include <unistd.h>

#include "../../src/fsd/node.h"
#include "t.h"

static struct node top, beneath, other;

/* node.c knows the graph; here it is three directories. */
bool
node_is_beneath(struct node *n, const struct node *t)
{
	return n == t || (n == &beneath && t == &top);
}

struct wish {
	struct claim c;
	pthread_t thread;
	_Atomic bool has;
};

static void *
wish_thread(void *arg)
{
	struct wish *w = arg;

	claim_begin(&w->c);
	w->has = true;
	return NULL;
}

static void
wish(struct wish *w, enum claim_kind kind, struct node *parent,
    const char *text)
{
	memset(w, 0, sizeof(*w));
	w->c.kind = kind;
	w->c.name[0].parent = parent;
	w->c.name[0].text = text;
	if (pthread_create(&w->thread, NULL, wish_thread, w) != 0)
		exit(1);
}

/* Does w get its claim only at the end of c? */
static bool
waits(struct claim *c, struct wish *w)
{
	bool early;

	usleep(50000);
	early = w->has;
	claim_end(c);
	pthread_join(w->thread, NULL);
	claim_end(&w->c);
	return !early;
}

static void
same_name(void)
{
	static const enum claim_kind kinds[] = { CLAIM_LOOK, CLAIM_CHANGE };
	struct claim c;
	struct wish w;
	size_t i, k;

	for (i = 0; i < 2; i++) {
		for (k = 0; k < 2; k++) {
			claim_one(&c, kinds[i], &top, "a");
			wish(&w, kinds[k], &top, "a");
			CHECK(waits(&c, &w));
		}
	}
}

static void
other_names(void)
{
	struct claim c[3];

	/* would never return */
	claim_one(&c[0], CLAIM_CHANGE, &top, "a");
	claim_one(&c[1], CLAIM_CHANGE, &top, "b");
	claim_one(&c[2], CLAIM_CHANGE, &other, "a");
	claim_end(&c[1]);
	claim_end(&c[0]);
	claim_end(&c[2]);
}

static void
trees(void)
{
	struct claim move = { .kind = CLAIM_CHANGE,
		.name = { { &other, "top" }, { &other, "new" } },
		.tree = { &top } };
	struct claim look;
	struct wish w;

	claim_begin(&move);
	claim_one(&look, CLAIM_LOOK, &beneath, "a");
	claim_end(&look);
	wish(&w, CLAIM_CHANGE, &beneath, "a");
	CHECK(waits(&move, &w));
}

int
main(void)
{
	T_RUN(same_name);
	T_RUN(other_names);
	T_RUN(trees);
	return done_testing();
}
