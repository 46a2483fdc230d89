/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervision of sockets: calls that name one wait in the kernel until they
 * are answered here. An address is in the memory of who asks, and a descriptor
 * can be made another one meanwhile: so what is decided is a copy, and the call
 * is made here, on the socket that was taken.
 */
#ifndef SOCKET_H
#define SOCKET_H

#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <linux/seccomp.h>

#include <limits.h>

#include "asking.h"
#include "chan.h"
#include "image.h"
#include "look.h"
#include "target.h"

#define SOCKET_WAIT LONG_MIN	    /* of a step: it is to be taken again */
#define SOCKET_LOOK (LONG_MIN + 1)  /* when a thread has looked once more */
#define SOCKET_ASKED (LONG_MIN + 2) /* all of it: an operator is asked */
#define DEST_ASKED (-1)		    /* the same of what else is an errno */

struct sockask;

/* An address, and what it leads to. */
struct dest {
	struct sockaddr_storage addr; /* a copy */
	socklen_t len;
	int fd; /* the socket's inode where there is one by path, or -1 */
	/* a path that is not there, or nobody listens: the errno */
	int missing;
	bool named;	/* the rule that may allow it has that very path */
	bool host;	/* fd is of the host */
	int error;	/* the path cannot be found out */
	bool found;	/* all this is known, and it is allowed */
	struct stat st; /* of fd, or of the directory to be bound in */
	char *real;	/* of a socket of the host: where the name led to */
	enum decision decision;
	uint32_t timeout_ms; /* of that rule */
	char rule[AGENTSH_NAME_MAX + 1];
	char message[AGENTSH_TEXT_MAX + 1];
	size_t name_len;
	char name[AGENTSH_PATH_MAX + 1]; /* a path, or @ and any bytes */
};

/* One message to be sent. */
struct outgoing {
	int flags;
	uint8_t *data;
	size_t len;
	size_t sent;
	uint8_t *control;
	size_t control_len;
	int *fds; /* that are in control */
	size_t nfds;
	uint64_t command; /* for which they are held */
};

/* One question of the kernel. */
struct sock {
	TAILQ_ENTRY(sock) entry;
	struct seccomp_notif req;
	struct target t;
	int pidfd; /* of its process, until the call is read */
	int fd;	   /* the same socket, ours */
	ino_t ino; /* of the socket */
	int domain;
	int type;
	bool nonblock; /* the caller's */
	bool asked;    /* fsd */
	/* what an operator has said before this was begun, or NULL */
	struct sockask *ask;
	bool for_host; /* and that was about a socket of the host */
	struct msg_approval_answer said; /* of the rule's approve */
	bool begun;	   /* a connect that goes on in the kernel */
	uint64_t until_us; /* the socket's own time limit; 0: none */
	/*
	 * While a thread looks, what follows is its own, and this is not freed:
	 * what the call says is read out of memory, paths are looked up.
	 */
	struct look look; /* look.command is set from the beginning */
	uint64_t look_us; /* when that began */
	bool looking;
	bool shed; /* meanwhile: it is answered */
	bool looked;
	int look_error; /* the call fails with it; or 0 */
	struct dest to;
	/* sendto, sendmsg, sendmmsg */
	struct outgoing out;
	bool loaded;	/* out is */
	bool tells;	/* the bytes of the last message are to be told */
	unsigned bytes; /* of that */
	unsigned at;	/* of the vector */
	unsigned n;
};

/* socket.c */
void socket_init(void);
/* May that policy take the place of the session's? NULL, or why not. */
const char *socket_refuses(const struct image *);
int socket_on_fs_socket_opened(struct chan *, struct imsg *);
int socket_on_fs_socket_failed(struct chan *, struct imsg *);
int socket_on_fs_bind_noted(struct chan *, struct imsg *);
/* Begins that call again, after an answer, from message at of a vector. Takes the
 * answer. */
void socket_again(const struct seccomp_notif *, struct sockask *, unsigned at,
    bool for_host);
/* The descriptor of the target's, as ours: -1 with errno. */
int socket_take(const struct sock *, int fd);
/* Asks for the host's socket of that path: SOCKET_WAIT, or what there is to
 * answer instead. */
long socket_ask_host(struct sock *, enum unix_op);
/* Tells fsd that this one may be made, in the session's files: SOCKET_WAIT, or
 * -errno. */
long socket_tell_bind(struct sock *);

/* A step ends with what the call returns, -errno, SOCKET_WAIT or SOCKET_LOOK. What
 * is called _look is called in a thread. */
/* sockname.c: addresses, their names, what the rules say of them */
/* An address out of the target's memory: 0 or an errno. */
int dest_read(struct dest *, const struct target *, uint64_t addr, size_t len);
void dest_free(struct dest *);
/* Where a path leads, or would; d->error. */
void dest_look(const struct sock *, struct dest *);
/* Knows then what it is, and asks the rules: 0: go on; DEST_ASKED; else the errno
 * of the call, which is recorded where it is a denial. */
int dest_find(struct sock *, struct dest *, enum unix_op);
/* The address for a call of ours. */
socklen_t dest_address(const struct dest *, struct sockaddr_storage *);
/* The same of a socket of the host, once fsd has opened it. */
int dest_find_host(struct sock *, struct dest *, enum unix_op);
/* Asks the rules for d->name: 0, DEST_ASKED or EACCES, recorded. */
int dest_ask(struct sock *, struct dest *, enum unix_op);
/* The same once more, which is no audit of its own, and asks nobody: 0 or
 * EACCES. */
int dest_check(struct sock *, struct dest *, enum unix_op);
/* The name of an abstract address. */
void dest_set_abstract(struct dest *);
bool dest_is_abstract(const struct dest *);
bool dest_is_path(const struct dest *);
/* The path of an address, terminated. */
void dest_path(const struct dest *, char dst[sizeof(struct sockaddr_un)]);
const char *dest_operation(enum unix_op);
/* Denied by a rule of ours. */
void dest_refuse(const struct sock *, struct dest *, enum unix_op,
    const char *rule, const char *message);

/* sockask.c: what an operator has to approve */
/* s->said tells why, or who. */
enum approve_say sockask_say(struct sock *, const struct dest *, enum unix_op);
void sockask_free(struct sockask *);

/* sockconn.c */
long sockconn_step(struct sock *);

/* sockbind.c */
void sockbind_init(void);
void sockbind_look(struct sock *);
/* true: it is answered already. */
bool sockbind_bind(struct sock *, long *result);
/* Lets a bind to a path go on, and watches it: 0, and it is answered; or -errno. */
long sockbind_let(struct sock *);
long sockbind_listen(struct sock *);

/* socksend.c */
void socksend_look(struct sock *);
long socksend_step(struct sock *);
void socksend_free(struct outgoing *);

#endif
