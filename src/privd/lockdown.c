/* SPDX-License-Identifier: Apache-2.0 */
/*
 * privd's own confinement: the capabilities of privcap.def, no_new_privs, a
 * deny list of system calls, not dumpable. maker inherits all of it.
 */
#include <sys/capability.h>
#include <sys/prctl.h>

#include <errno.h>
#include <seccomp.h>

#include "log.h"
#include "privd.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* clang-format off */
static const cap_value_t kept[] = {
#define PRIVCAP(name, reason) CAP_##name,
#include "privcap.def"
#undef PRIVCAP
};

static const struct {
	const char *name;
	const char *reason;
} kept_why[] = {
#define PRIVCAP(name, reason) { #name, reason },
#include "privcap.def"
#undef PRIVCAP
};

static const char *const denied[] = {
#define PRIVDENY(call, reason) #call,
#include "privdeny.def"
#undef PRIVDENY
};
/* clang-format on */

static bool
is_kept(cap_value_t c)
{
	size_t i;

	for (i = 0; i < COUNT(kept); i++) {
		if (kept[i] == c)
			return true;
	}
	return false;
}

static void
check_caps(cap_t caps)
{
	cap_flag_value_t v;
	size_t i;

	for (i = 0; i < COUNT(kept); i++) {
		if (cap_get_flag(caps, kept[i], CAP_PERMITTED, &v) == -1 ||
		    v != CAP_SET)
			fatalx("CAP_%s is missing (%s): give it to the"
			       " container or unit that runs agentshd",
			    kept_why[i].name, kept_why[i].reason);
	}
}

void
lockdown_check(void)
{
	cap_t caps;

	caps = cap_get_proc();
	if (caps == NULL)
		fatal("capabilities");
	check_caps(caps);
	cap_free(caps);
}

static void
reduce_caps(void)
{
	cap_value_t c;
	cap_t caps;
	int n = (int)COUNT(kept);

	caps = cap_get_proc();
	if (caps == NULL)
		fatal("capabilities");
	check_caps(caps);
	for (c = 0; c < cap_max_bits(); c++) {
		if (!is_kept(c) && cap_drop_bound(c) == -1)
			fatal("cannot drop capabilities");
	}
	if (cap_reset_ambient() == -1 || cap_clear(caps) == -1 ||
	    cap_set_flag(caps, CAP_PERMITTED, n, kept, CAP_SET) == -1 ||
	    cap_set_flag(caps, CAP_EFFECTIVE, n, kept, CAP_SET) == -1 ||
	    cap_set_flag(caps, CAP_INHERITABLE, n, kept, CAP_SET) == -1 ||
	    cap_set_proc(caps) == -1)
		fatal("cannot drop capabilities");
	cap_free(caps);
}

static void
deny_calls(void)
{
	scmp_filter_ctx ctx;
	size_t i;
	int nr, r;

	ctx = seccomp_init(SCMP_ACT_ALLOW);
	if (ctx == NULL)
		fatalx("seccomp_init");
	/* calls of another architecture would pass by the list */
	r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
	    SCMP_ACT_ERRNO(ENOSYS));
	for (i = 0; i < COUNT(denied) && r == 0; i++) {
		nr = seccomp_syscall_resolve_name(denied[i]);
		/* maker's, where sessions reach netd by it */
		if (nr == SCMP_SYS(bpf) &&
		    (steer_needs_bpf() || privd.cgroup_fd != -1))
			continue;
		if (nr < 0)
			continue; /* this architecture never had it */
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr, 0);
	}
	/* a tree of comparisons: every process of every session pays for it */
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0)
		r = seccomp_load(ctx);
	if (r != 0) {
		errno = -r;
		fatal("seccomp");
	}
	seccomp_release(ctx);
}

void
lockdown(void)
{
	reduce_caps();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		fatal("prctl");
}

void
lockdown_calls(void)
{
	deny_calls();
}

int
lockdown_child(bool enters)
{
	static const cap_value_t admin = CAP_SYS_ADMIN;
	cap_flag_value_t v;
	cap_value_t c;
	cap_t caps;
	int r;

	caps = cap_get_proc();
	if (caps == NULL)
		return -1;
	/* an ordinary user who has no namespace yet has nothing to lose */
	if (cap_get_flag(caps, CAP_SETPCAP, CAP_EFFECTIVE, &v) == -1)
		v = CAP_SET;
	for (c = 0; c < cap_max_bits() && v == CAP_SET; c++) {
		if (cap_get_bound(c) == 1 && cap_drop_bound(c) == -1) {
			cap_free(caps);
			return -1;
		}
	}
	/* the permitted set goes with the uid, or in the exec */
	r = cap_clear_flag(caps, CAP_INHERITABLE);
	if (r == 0 && enters)
		r = cap_set_flag(caps, CAP_INHERITABLE, 1, &admin, CAP_SET);
	if (r == 0)
		r = cap_set_proc(caps);
	cap_free(caps);
	return r;
}

int
lockdown_enter(void)
{
	static const cap_value_t admin = CAP_SYS_ADMIN;
	cap_t caps;
	int r = -1;

	caps = cap_init();
	if (caps == NULL)
		return -1;
	if (cap_set_flag(caps, CAP_PERMITTED, 1, &admin, CAP_SET) == 0 &&
	    cap_set_flag(caps, CAP_EFFECTIVE, 1, &admin, CAP_SET) == 0 &&
	    cap_set_flag(caps, CAP_INHERITABLE, 1, &admin, CAP_SET) == 0 &&
	    cap_set_proc(caps) == 0)
		r = cap_set_ambient(admin, CAP_SET);
	cap_free(caps);
	return r;
}

int
lockdown_keep(void)
{
	size_t i;

	for (i = 0; i < COUNT(kept); i++) {
		if (cap_set_ambient(kept[i], CAP_SET) == -1)
			return -1;
	}
	return 0;
}
