/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Constants, roles and identifiers that every part of agentsh shares.
 * No prototypes here: a module's functions are in the module's header.
 */
#ifndef AGENTSH_H
#define AGENTSH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AGENTSH_MSG_MAX 65536	/* bytes of one message, header included */
#define AGENTSH_MSG_FDS 4	/* descriptors of one message */
#define AGENTSH_SIGINFO 48	/* bytes of a siginfo_t that the kernel reads */
#define AGENTSH_ID_MAX 128	/* session id, bytes */
#define AGENTSH_SNAME_MAX 139	/* "UID:ID" of a session, bytes */
#define AGENTSH_CMDID_MAX 48	/* command id, bytes */
#define AGENTSH_NAME_MAX 128	/* policy and rule names, bytes */
#define AGENTSH_DIGEST_MAX 64	/* SHA-256 in hex */
#define AGENTSH_PATH_MAX 4096	/* a path without its NUL, bytes */
#define AGENTSH_TEXT_MAX 1024	/* error or guidance text, bytes */
#define AGENTSH_USER_MAX 64	/* a login name, bytes */
#define AGENTSH_CONF_MAX 49152	/* the encoded configuration, bytes */
#define AGENTSH_PLAN_MAX 32768	/* the encoded mount plan, bytes */
#define AGENTSH_GROUPS_MAX 1024 /* supplementary groups of a session's user */
#define AGENTSH_PARENT_FD 3	/* a helper's channel to who started it */
#define AGENTSH_PROC_FD 4	/* what init looks processes up in */
#define AGENTSH_INLINE_OUTPUT 1048576 /* bytes of a stream in an answer */
#define AGENTSH_SPEC_MAX 10485760     /* bytes of argv, environment and cwd */
#define AGENTSH_WORDS_MAX 65536	      /* words of argv, or of the environment */

#define APPROVAL_ID_MAX 32	   /* id of a request, bytes */
#define APPROVAL_WHO_MAX 64	   /* who has resolved it */
#define APPROVAL_REASON_MAX 512	   /* what an operator says to it */
#define APPROVAL_OPERATION_MAX 256 /* names of operations, with commas */
#define APPROVAL_IDENTITY_MAX 1536 /* which object that is, or processes */
#define APPROVAL_WORDS_MAX 16384   /* argv, with a NUL behind each word */

/* HOME of the commands of every session, made by its init. */
#define AGENTSH_SESSION_HOME "/tmp/home"

/*
 * The unprivileged id outside that a session's uid 0 stands for in service
 * mode. It lies in the range that systemd's UIDS-GIDS document leaves unused,
 * and owns nothing. A session of root maps 0 to 0 instead.
 */
#define AGENTSH_ROOT_ID 2147418112U

/* clang-format off */
enum role {
#define PROC(id, name, user, scope, title) ROLE_##id,
#include "proc.def"
#undef PROC
	ROLE_MAX
};

enum {
#define PROC(id, name, user, scope, title) R_##id = 1U << ROLE_##id,
#include "proc.def"
#undef PROC
	/* every long-running child of privd that starts by the same steps */
	R_HELPERS = R_SESSIOND | R_POLICYD | R_EVENTD | R_NETD | R_EXECD |
	    R_FSD | R_FUSEREG,
	/* who writes events, each into a ring of its own */
	R_PRODUCERS = R_EXECD | R_FSD | R_NETD
};
/* clang-format on */

enum proc_scope {
	SCOPE_TOP,
	SCOPE_ONCE,
	SCOPE_SERVICE,
	SCOPE_SESSION,
	SCOPE_CLIENT
};

/* How the whole was started: by root as a service, or by a user. */
enum run_mode {
	MODE_SERVICE,
	MODE_USER,
	MODE_MAX
};

/* Directories that privd opens and hands to a helper with SYS_DIR. */
enum dir_kind {
	DIR_POLICY,	    /* policyd: policies of the operator or the user */
	DIR_POLICY_DEFAULT, /* policyd: policies shipped with agentsh */
	DIR_TRUST,	    /* policyd: keys whose signatures count */
	DIR_MANIFEST,	    /* policyd: where policies.manifest_path is */
	DIR_LOG,	    /* eventd: JSONL files */
	DIR_SPOOL,	    /* sessiond: whole output of commands */
	DIR_MAX
};

/*
 * What a policy says. DECISION_DENY is 0 on purpose: memory that was never
 * written is a denial.
 */
enum decision {
	DECISION_DENY,
	DECISION_ALLOW,
	DECISION_AUDIT,
	DECISION_APPROVE,     /* a human says */
	DECISION_REDIRECT,    /* something else is done instead */
	DECISION_SOFT_DELETE, /* of files: to the trash */
	DECISION_ABSORB,      /* of signals: not sent, and success */
	DECISION_MAX
};

/* Kinds of rules that have an order of their own; see agentsh-policy(5). */
enum family {
	FAMILY_FILE,
	FAMILY_COMMAND,
	FAMILY_NETWORK,
	FAMILY_UNIX,
	FAMILY_SIGNAL,
	FAMILY_DNS,	/* dns_redirects */
	FAMILY_CONNECT, /* connect_redirects */
	FAMILY_MAX
};

/* What is done with a unix socket. */
enum unix_op {
	UNIX_OP_CONNECT,
	UNIX_OP_BIND,
	UNIX_OP_LISTEN,
	UNIX_OP_SENDTO,
	UNIX_OP_MAX
};

/* What the target of a signal is to its sender; several may hold at once. */
enum signal_target {
	SIGNAL_SELF,
	SIGNAL_CHILDREN,
	SIGNAL_DESCENDANTS,
	SIGNAL_SIBLINGS,
	SIGNAL_SESSION,
	SIGNAL_PARENT,
	SIGNAL_EXTERNAL,  /* outside of the session */
	SIGNAL_SYSTEM,	  /* pid 1 or 2 */
	SIGNAL_USER,	  /* of the same uid */
	SIGNAL_PROCESS,	  /* by the glob of its name */
	SIGNAL_PID_RANGE, /* by its number */
	SIGNAL_TARGET_MAX
};

/* clang-format off */
/* What a file operation is called in policies and events. */
enum file_op {
#define FILE_OP(id, name) FILE_OP_##id,
#include "fileop.def"
#undef FILE_OP
	FILE_OP_MAX
};
/* clang-format on */

/* How one subtree of the session's root is mounted. */
enum mount_kind {
	MOUNT_FSD,	 /* served and decided by fsd */
	MOUNT_NATIVE_RO, /* bind mount, read-only */
	MOUNT_HIDDEN,	 /* empty and read-only */
	MOUNT_MAX
};

/* What maker makes of a session's network. */
enum net_wish {
	NET_WISH_NONE,	 /* a loopback and nothing else */
	NET_WISH_NEEDED, /* sockets for netd, or no session */
	NET_WISH_TRIED,	 /* sockets for netd where they can be had */
	NET_WISH_MAX
};

/* Flags of SESS_CREATE_*. */
enum {
	SESS_REAL_PATHS = 1U << 0 /* workspace at its own path */
};

/* Exit status of a session's process whose channel to another was closed from
 * there, or whose root is gone with pid 1, plus that one's role: it is not what
 * ended the session first. */
#define AGENTSH_EXIT_PEER 64

/* Why a session ended; see sess_reason_name(). */
enum sess_reason {
	SESS_DESTROYED,
	SESS_EXPIRED_IDLE,
	SESS_EXPIRED_LIFE,
	SESS_HELPER_DIED,
	SESS_SHUTDOWN,
	SESS_REASON_MAX
};

/* A session's state. That it is busy, only sessiond knows. */
enum sess_state {
	SESS_CREATING,
	SESS_READY,
	SESS_STOPPING,
	SESS_STUCK, /* ended, but the kernel does not let a process go */
	SESS_STATE_MAX
};

/* Which processes of a command a signal is for (INIT_KILL). */
enum kill_whom {
	KILL_LEADER,	 /* the process group it began with */
	KILL_FOREGROUND, /* the one that its terminal is in the hands of */
	KILL_TREE,	 /* all: SIGKILL, until none is left */
	KILL_WHOM_MAX
};

/* How far the start of a command came before it failed (INIT_FAILED). */
enum spawn_stage {
	SPAWN_FORK,	/* no process */
	SPAWN_TERMINAL, /* no pseudo terminal */
	SPAWN_SPEC,	/* the spec is malformed */
	SPAWN_SETUP,	/* limits, descriptors */
	SPAWN_CHDIR,	/* the working directory */
	SPAWN_EXEC,	/* the program */
	SPAWN_MAX
};

/* What waits for an operator. */
enum approval_kind {
	APPROVAL_FILE,
	APPROVAL_COMMAND,
	APPROVAL_NETWORK,
	APPROVAL_SIGNAL,
	APPROVAL_SOCKET,
	APPROVAL_KIND_MAX
};

/* What became of it. Only GRANTED lets the operation go on. */
enum approval_outcome {
	APPROVAL_NONE, /* nobody was asked */
	APPROVAL_GRANTED,
	APPROVAL_DENIED,    /* by an operator */
	APPROVAL_TIMED_OUT, /* nobody said anything */
	APPROVAL_WITHDRAWN, /* who asked does not wait any more */
	APPROVAL_OFF,	    /* by the configuration there are none */
	APPROVAL_REFUSED,   /* too many wait, or were asked for, or too long */
	APPROVAL_CHANGED,   /* the object is not what was approved */
	APPROVAL_OUTCOME_MAX
};

/*
 * An error for a user: what went wrong in words, once, where it is known best.
 * http is the status the API answers with, code the API's error code.
 */
struct aerr {
	int http;
	char code[32];
	char message[AGENTSH_TEXT_MAX];
};

#endif
