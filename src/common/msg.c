/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoders, decoders and the gate, all generated from msg.def.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fnv.h"
#include "msg.h"

/* clang-format off */
#define U8(f) + 1
#define U16(f) + 2
#define U32(f) + 4
#define U64(f) + 8
#define TAIL(f, max) + 0
#define STR(f, max) + 4
enum {
#define MSG(N, n, from, to, fds, st, fl, fields) MSG_MIN_##N = 0 fields,
#include "msg.def"
#undef MSG
};
#undef STR
#undef TAIL
#define STR(f, max) + 4 + (max)
#define TAIL(f, max) + (max)
enum {
#define MSG(N, n, from, to, fds, st, fl, fields) MSG_BOUND_##N = 0 fields,
#include "msg.def"
#undef MSG
};
#define MSG(N, n, from, to, fds, st, fl, fields) \
	_Static_assert(MSG_BOUND_##N + MSG_HEADER_LEN <= AGENTSH_MSG_MAX, #N); \
	_Static_assert(sizeof(fds) - 1 <= AGENTSH_MSG_FDS, #N);
#include "msg.def"
#undef MSG
#undef U8
#undef U16
#undef U32
#undef U64
#undef STR
#undef TAIL

const struct msg_row msg_rows[MSG_MAX] = {
	[MSG_NONE] = { .name = "NONE" },
#define MSG(N, n, f, t, d, st, fl, ...) [MSG_##N] = { .name = #N, .from = f, \
	.to = t, .fds = d, .state = st, .flags = fl, .min = MSG_MIN_##N, \
	.max = MSG_BOUND_##N, .fields = #__VA_ARGS__ },
#include "msg.def"
#undef MSG
};

#define U8(f) buf_put_u8(b, m->f);
#define U16(f) buf_put_u16(b, m->f);
#define U32(f) buf_put_u32(b, m->f);
#define U64(f) buf_put_u64(b, m->f);
#define STR(f, max) buf_put_str(b, m->f, max);
#define TAIL(f, max) if (m->f##_len > (max)) b->bad = true; \
	else buf_put(b, m->f, m->f##_len);
#define MSG(N, n, from, to, fds, st, fl, fields) \
void msg_put_##n(struct buf *b, const struct msg_##n *m) \
{ (void)b; (void)m; fields }
#include "msg.def"
#undef MSG
#undef U8
#undef U16
#undef U32
#undef U64
#undef STR
#undef TAIL

#define U8(f) m->f = buf_get_u8(b);
#define U16(f) m->f = buf_get_u16(b);
#define U32(f) m->f = buf_get_u32(b);
#define U64(f) m->f = buf_get_u64(b);
#define STR(f, max) buf_get_str(b, m->f, max);
#define TAIL(f, max) m->f = buf_get_rest(b, &m->f##_len); \
	if (m->f##_len > (max)) b->bad = true;
#define MSG(N, n, from, to, fds, st, fl, fields) \
int msg_get_##n(struct imsg *im, struct msg_##n *m) \
{ struct buf *b = &im->body; (void)m; fields return buf_done(b) ? 0 : -1; }
#include "msg.def"
#undef MSG
/* clang-format on */

const char *
msg_name(uint32_t type)
{
	return type < MSG_MAX ? msg_rows[type].name : "UNKNOWN";
}

bool
msg_answers(enum msg_type answer, enum msg_type question)
{
	size_t i = answer;

	while (i > 0 && (msg_rows[i].flags & M_REQ) == 0)
		i--;
	while (i > 0 && i != question && (msg_rows[i].flags & M_REQ) != 0)
		i--;
	return i == question && (msg_rows[i].flags & M_REQ) != 0;
}

const char *
role_name(enum role r)
{
	/* clang-format off */
	static const char *const names[ROLE_MAX] = {
#define PROC(id, name, user, scope, title) [ROLE_##id] = name,
#include "proc.def"
#undef PROC
	};
	/* clang-format on */

	return (size_t)r < ROLE_MAX ? names[r] : "unknown";
}

uint64_t
msg_table_hash(void)
{
	const struct msg_row *r;
	uint64_t h = FNV_INIT;
	size_t i;

	for (i = 1; i < MSG_MAX; i++) {
		r = &msg_rows[i];
		/* where it ends is a part of it */
		h = fnv_step(fnv_str(h, r->name), 0);
		h = fnv_step(fnv_str(h, r->fds), 0);
		h = fnv_step(fnv_str(h, r->fields), 0);
		h = fnv_step(h, r->from);
		h = fnv_step(h, r->to);
		h = fnv_step(h, r->flags);
		h = fnv_step(h, r->max);
	}
	return h;
}

const char *
msg_gate(enum role me, enum role peer, enum msg_state state, uint32_t type,
    size_t body_len, int nfds)
{
	const struct msg_row *r;

	if (type == MSG_NONE || type >= MSG_MAX)
		return "unknown type";
	r = &msg_rows[type];
	if ((r->from & (1U << peer)) == 0)
		return "not from this peer";
	if ((r->to & (1U << me)) == 0)
		return "not to this process";
	if (((uint32_t)r->state & (uint32_t)state) == 0)
		return "not in this state";
	if (body_len < r->min || body_len > r->max)
		return "size";
	if (nfds < 0 || (size_t)nfds != strlen(r->fds))
		return "number of descriptors";
	return NULL;
}

bool
msg_fd_is(int fd, char kind)
{
	struct statx st;

	/* never waits for a file system that its server may have left: the
	 * descriptor can be a directory of a user's choice */
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE,
		&st) == -1)
		return false;
	switch (kind) {
	case 's':
		return S_ISSOCK(st.stx_mode);
	case 'm':
		return S_ISREG(st.stx_mode);
	case 'd':
		return S_ISDIR(st.stx_mode);
	case 'c':
		return S_ISCHR(st.stx_mode);
	case 'a':
		/* anonymous inodes have no type bits; pidfds may be regular
		 * since pidfs (Linux 6.9) */
		return (st.stx_mode & S_IFMT) == 0 || S_ISREG(st.stx_mode);
	case '*':
		return true;
	}
	return false;
}

int
imsg_take_fd(struct imsg *im, int n)
{
	int fd = -1;

	if (n >= 0 && n < im->nfds) {
		fd = im->fds[n];
		im->fds[n] = -1;
	}
	return fd;
}
