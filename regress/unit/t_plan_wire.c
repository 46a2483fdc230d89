/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mount plan on the wire: there and back, and everything malformed; and
 * what it means for a root that another plan made.
 */
#include "plan.h"
#include "t.h"

static int
decode(uint16_t n, uint8_t kind, const char *path, const char *extra)
{
	struct plan plan;
	struct buf b;
	int r;

	buf_init(&b, 4096);
	buf_put_u16(&b, n);
	buf_put_u8(&b, kind);
	buf_put_str(&b, path, 1000);
	buf_put(&b, extra, strlen(extra));
	r = plan_get(&b, &plan);
	buf_free(&b);
	return r;
}

static void
round_trip(void)
{
	struct plan in = { 0 }, out;
	struct buf b;
	size_t i;

	for (in.n = 0; in.n <= PLAN_MAX; in.n++) {
		for (i = 0; i < in.n; i++) {
			in.row[i].kind = i % 2 == 0 ? MOUNT_NATIVE_RO :
						      MOUNT_HIDDEN;
			snprintf(in.row[i].path, sizeof(in.row[i].path),
			    in.row[i].kind == MOUNT_NATIVE_RO ? "/usr" :
								"/dir");
		}
		buf_init(&b, AGENTSH_PLAN_MAX);
		plan_put(&b, &in);
		CHECK(!b.bad);
		CHECK_INT(plan_get(&b, &out), 0);
		CHECK_INT(out.n, in.n);
		for (i = 0; i < in.n; i++) {
			CHECK(out.row[i].kind == in.row[i].kind);
			CHECK_STR(out.row[i].path, in.row[i].path);
		}
		buf_free(&b);
	}
}

static void
largest(void)
{
	struct plan in = { .n = PLAN_MAX }, out;
	struct buf b;
	size_t i;

	for (i = 0; i < PLAN_MAX; i++) {
		in.row[i].kind = MOUNT_HIDDEN;
		memset(in.row[i].path, 'x', sizeof(in.row[i].path) - 1);
		in.row[i].path[0] = '/';
	}
	buf_init(&b, AGENTSH_PLAN_MAX);
	plan_put(&b, &in);
	CHECK(!b.bad);
	CHECK_INT(plan_get(&b, &out), 0);
	buf_free(&b);
}

static void
malformed(void)
{
	struct plan plan;
	struct buf b;

	CHECK_INT(decode(1, MOUNT_NATIVE_RO, "/usr", ""), 0);
	CHECK_INT(decode(1, MOUNT_HIDDEN, "/usr", ""), 0);
	CHECK_INT(decode(1, MOUNT_NATIVE_RO, "/lib64", ""), 0);
	CHECK_INT(decode(1, MOUNT_HIDDEN, "/opt", ""), 0);
	CHECK_INT(decode(1, MOUNT_NATIVE_RO, "/opt", ""), -1);
	CHECK_INT(decode(1, MOUNT_NATIVE_RO, "/run", ""), -1);
	CHECK_INT(decode(1, MOUNT_NATIVE_RO, "/proc", ""), -1);
	CHECK_INT(decode(1, MOUNT_NATIVE_RO, "/usr/local", ""), -1);
	CHECK_INT(decode(1, MOUNT_NATIVE_RO, "/home", ""), -1);
	CHECK_INT(decode(1, MOUNT_FSD, "/usr", ""), -1);
	CHECK_INT(decode(1, MOUNT_MAX, "/usr", ""), -1);
	CHECK_INT(decode(1, 255, "/usr", ""), -1);
	CHECK_INT(decode(1, MOUNT_HIDDEN, "usr", ""), -1);
	CHECK_INT(decode(1, MOUNT_HIDDEN, "", ""), -1);
	CHECK_INT(decode(1, MOUNT_HIDDEN, "/", ""), -1);
	CHECK_INT(decode(1, MOUNT_HIDDEN, "/usr/", ""), -1);
	CHECK_INT(decode(1, MOUNT_HIDDEN, "/usr/../etc", ""), -1);
	CHECK_INT(decode(1, MOUNT_HIDDEN, "/usr", "x"), -1);
	CHECK_INT(decode(0, MOUNT_HIDDEN, "/usr", ""), -1);
	CHECK_INT(decode(2, MOUNT_HIDDEN, "/usr", ""), -1);
	CHECK_INT(decode(PLAN_MAX + 1, MOUNT_HIDDEN, "/usr", ""), -1);
	CHECK_INT(decode(65535, MOUNT_HIDDEN, "/usr", ""), -1);
	buf_read_from(&b, "", 0);
	CHECK_INT(plan_get(&b, &plan), -1);
	buf_read_from(&b, "\0", 1);
	CHECK_INT(plan_get(&b, &plan), -1);
}

static struct plan
plan_of(enum mount_kind a, enum mount_kind b)
{
	static const char *const paths[] = { "/usr", "/srv" };
	const enum mount_kind kinds[] = { a, b };
	struct plan p = { 0 };
	size_t i;

	for (i = 0; i < 2; i++) {
		if (kinds[i] == MOUNT_FSD)
			continue;
		p.row[p.n].kind = kinds[i];
		snprintf(p.row[p.n].path, sizeof(p.row[p.n].path), "%s",
		    paths[i]);
		p.n++;
	}
	return p;
}

/* Every kind to every kind, of two rows. */
static void
compare(void)
{
	enum mount_kind k[4]; /* mounted, mounted, wanted, wanted */
	enum plan_fit fit, due;
	struct plan mounted, wanted;
	const char *path;
	size_t i, n;

	for (n = 0; n < 81; n++) {
		k[0] = (enum mount_kind)(n % 3);
		k[1] = (enum mount_kind)(n / 3 % 3);
		k[2] = (enum mount_kind)(n / 9 % 3);
		k[3] = (enum mount_kind)(n / 27);
		mounted = plan_of(k[0], k[1]);
		wanted = plan_of(k[2], k[3]);
		due = PLAN_FITS;
		for (i = 0; i < 2; i++) {
			if (k[i] == MOUNT_HIDDEN && k[i + 2] != k[i] &&
			    due == PLAN_FITS)
				due = PLAN_STRICTER;
			if (k[i] == MOUNT_NATIVE_RO && k[i + 2] != k[i])
				due = PLAN_UNFIT;
		}
		fit = plan_compare(&mounted, &wanted, &path);
		CHECK_INT(fit, due);
		CHECK((path[0] == '\0') == (due == PLAN_FITS));
	}
	/* a row above proves what is beneath, and a name that only begins the
	 * same does not */
	mounted = plan_of(MOUNT_NATIVE_RO, MOUNT_FSD);
	wanted = mounted;
	snprintf(mounted.row[0].path, sizeof(mounted.row[0].path), "/usr/lib");
	CHECK_INT(plan_compare(&mounted, &wanted, &path), PLAN_FITS);
	snprintf(mounted.row[0].path, sizeof(mounted.row[0].path), "/usrlib");
	CHECK_INT(plan_compare(&mounted, &wanted, &path), PLAN_UNFIT);
	CHECK_STR(path, "/usrlib");
}

int
main(void)
{
	T_RUN(round_trip);
	T_RUN(largest);
	T_RUN(malformed);
	T_RUN(compare);
	return done_testing();
}
