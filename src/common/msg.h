/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What msg.def becomes: numbers, structures, encoders, decoders and the gate.
 * A decoded string is terminated and lives in the structure; a TAIL points
 * into the received message.
 */
#ifndef MSG_H
#define MSG_H

#include "agentsh.h"
#include "buf.h"

enum msg_state {
	ST_START = 1,
	ST_RUN = 2,
	ST_ANY = 3
};

enum {
	M_REQ = 1,
	M_REP = 2,
	M_EVT = 4,
	M_ONCE = 8,
	M_MORE = 16,
	M_BARE = 32
};

/* clang-format off */
enum msg_type {
	MSG_NONE, /* never sent */
#define MSG(N, n, from, to, fds, st, fl, fields) MSG_##N,
#include "msg.def"
#undef MSG
	MSG_MAX
};

#define U8(f) uint8_t f;
#define U16(f) uint16_t f;
#define U32(f) uint32_t f;
#define U64(f) uint64_t f;
#define STR(f, max) char f[(max) + 1];
#define TAIL(f, max) const uint8_t *f; size_t f##_len;
#define MSG(N, n, from, to, fds, st, fl, fields) struct msg_##n { fields };
#include "msg.def"
#undef MSG
#undef U8
#undef U16
#undef U32
#undef U64
#undef STR
#undef TAIL
/* clang-format on */

#define MSG_HEADER_LEN 16

/* A message as it was received, after the gate. */
struct imsg {
	enum msg_type type;
	uint32_t id;
	struct buf body;
	int fds[AGENTSH_MSG_FDS];
	int nfds;
	bool lost; /* there was no room for fds, which are all -1 (M_BARE) */
	void *arg; /* of a reply: what the asker gave to chan_request */
};

/* One row of msg.def. */
struct msg_row {
	const char *name;
	uint32_t from;
	uint32_t to;
	const char *fds;
	enum msg_state state;
	uint32_t flags;
	size_t min; /* body, bytes */
	size_t max;
	const char *fields;
};

extern const struct msg_row msg_rows[MSG_MAX];

const char *msg_name(uint32_t type);
/* May an M_REP answer that M_REQ? */
bool msg_answers(enum msg_type answer, enum msg_type question);
/* The file name of a process, for logs. */
const char *role_name(enum role);
/* A number that differs when msg.def or proc.def differ. */
uint64_t msg_table_hash(void);
/*
 * May this message be heard? Everything is from the peer but me, peer and
 * state. Returns NULL, or why not. See also the descriptor kinds: chan.c.
 */
const char *msg_gate(enum role me, enum role peer, enum msg_state state,
    uint32_t type, size_t body_len, int nfds);
/* Does an open descriptor have the kind that the letter of msg.def says? */
bool msg_fd_is(int fd, char kind);
/* Takes descriptor n out of the message; the caller owns it then. */
int imsg_take_fd(struct imsg *, int n);

/* clang-format off */
/* put: bad buffer on overflow. get: 0, or -1 when not exactly the row's form. */
#define MSG(N, n, from, to, fds, st, fl, fields) \
	void msg_put_##n(struct buf *, const struct msg_##n *); \
	int msg_get_##n(struct imsg *, struct msg_##n *);
#include "msg.def"
#undef MSG
/* clang-format on */

#endif
