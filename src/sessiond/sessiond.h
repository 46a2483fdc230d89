/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of sessiond share: sessions and their commands. Requests are
 * in http.h, answers in answer.h.
 */
#ifndef SESSIOND_H
#define SESSIOND_H

#include <sys/queue.h>

#include <event2/event.h>

#include "agentsh.h"
#include "builtin.h"
#include "event.h"
#include "json.h"
#include "proc.h"
#include "state.h"

/* Finished commands of a session whose output is kept. */
#define SESS_MAX_FINISHED 1000
/* Streams of full length that are kept of them. */
#define SESS_MAX_SPOOLS 16

struct command;
struct event_query;
struct event_set;
struct feed;
struct pty;
struct request;

struct session {
	TAILQ_ENTRY(session) entry;
	enum sess_state state;
	uint64_t number; /* privd's, 0 while it is made */
	uint32_t uid;
	char id[AGENTSH_ID_MAX + 1];
	char *workspace;
	char *mount;
	char file_data[33];	 /* passthrough or fsd */
	char file_transport[33]; /* device or uring */
	char native_reads[33];	 /* counted, uncounted or none */
	char network[33];	 /* namespace, ebpf or none */
	char *cwd;
	char *last_cwd; /* the one before it, or NULL */
	struct vars env;
	struct vars alias;
	struct history history;
	char user[AGENTSH_USER_MAX + 1];
	char policy[AGENTSH_NAME_MAX + 1];
	char profile[AGENTSH_NAME_MAX + 1];  /* "": none */
	char digest[AGENTSH_DIGEST_MAX + 1]; /* of its image */
	char *home;
	uint64_t created_ns;	     /* since the epoch */
	uint64_t command_timeout_ms; /* all: 0 is none */
	uint64_t session_timeout_ms;
	uint64_t idle_timeout_ms;
	uint64_t born_ms;   /* monotonic */
	uint64_t active_ms; /* last command's begin or end */
	struct event *timer;
	struct chan *execd;
	struct request *creator; /* waits for the session */
	struct waiter *waiters;	 /* wait for its end */
	size_t nrunning;
	size_t nfinished;
	TAILQ_HEAD(command_list, command) commands; /* oldest first */
	int spool_fd;	  /* -1 until there is output */
	uint64_t spooled; /* bytes of all streams kept on disk */
};
TAILQ_HEAD(session_list, session);

/* One stream of a command. */
struct stream {
	struct command *cmd;
	int fd; /* read end of the pipe, -1 at its end */
	struct event *ev;
	int spool_fd;
	uint64_t total;	  /* bytes the command wrote */
	uint64_t spooled; /* of them on disk, from the begin */
	bool spool_full;  /* nothing more is kept */
	bool keep_full;	  /* nothing more is put into data */
	char *data;	  /* the first AGENTSH_INLINE_OUTPUT bytes */
	size_t len;
	size_t cap; /* charged to the session's user */
};

enum {
	STREAM_STDOUT,
	STREAM_STDERR,
	STREAM_MAX
};

enum cmd_state {
	CMD_ASKED, /* execd has not answered */
	CMD_RUNNING,
	CMD_ENDED, /* output may still come */
	CMD_FINISHED
};

enum cmd_outcome {
	OUT_EXITED,
	OUT_DENIED,  /* by policy, before it started */
	OUT_FAILED,  /* could not start */
	OUT_REFUSED, /* sessiond itself found it cannot work */
	OUT_LOST     /* its session ended */
};

enum include_events {
	INCLUDE_ALL,
	INCLUDE_SUMMARY,
	INCLUDE_BLOCKED,
	INCLUDE_NONE
};

/* ExecRequest as it came. */
struct exec_body {
	char *command;
	char *argv0;
	struct json_list args;
	char *timeout;
	char *working_dir;
	struct json_pairs env;
	struct json_bytes input;
	enum json_bool stream_output;
	char *include_events;
};

extern const struct json_field exec_fields[];
extern const size_t exec_nfields;

struct command {
	TAILQ_ENTRY(command) entry;
	struct session *sess;
	uint64_t number;
	char id[AGENTSH_CMDID_MAX + 1];
	enum cmd_state state;
	enum cmd_outcome outcome;
	struct request *rq; /* NULL: nobody waits for the answer */
	struct pty *pty;    /* whose terminal it shows to the client, or NULL */
	struct feed *feed;  /* the client is shown its output as it comes */
	uint16_t rows, cols; /* of its terminal, 0: it has pipes */
	uint64_t tail;	     /* bytes for a client at it, after the exit */
	uint64_t tail_max;   /* that it is to get of them */
	uint32_t client_uid;
	struct event_query *query; /* runs */
	struct exec_body body;
	enum builtin builtin;	/* that was asked for */
	bool runs_builtin;	/* the rules have nothing else in its place */
	struct json_list words; /* its arguments, as they are told */
	struct vars changes;	/* of the environment, or of the aliases */
	int builtin_fd;		/* its standard input, or -1 */
	enum include_events include;
	uint64_t started_ns;
	struct stream stream[STREAM_MAX];
	struct event *grace; /* output after the exit */
	uint32_t error;	     /* errno of one that could not start */
	uint32_t exit_code;
	bool timed_out;
	uint64_t duration_ms;
	uint64_t user_ms;
	uint64_t system_ms;
	uint64_t maxrss_kb;
	enum approval_outcome approval;	   /* where an operator was to say */
	char reason[AGENTSH_TEXT_MAX + 1]; /* why it was not approved */
	enum decision said; /* of a rule that did not let it start */
	char rule[AGENTSH_NAME_MAX + 1];
	char message[AGENTSH_TEXT_MAX + 1];
};

struct sessiond {
	struct proc proc;
	struct event_base *base;
	struct session_list sessions;
	size_t nsessions;
	uint64_t next_command;
	int null_fd; /* /dev/null */
	int diag_fd; /* NETLINK_SOCK_DIAG */
	int tcp_fd;  /* -1: no TCP */
};

extern struct sessiond sessiond;

/* session.c: the table */
struct session *session_new(const char *id, uint32_t uid);
void session_free(struct session *);
struct session *session_find(uint32_t uid, const char *id);
struct session *session_by_number(uint64_t);
/* The session of the request's {id}, if the client may see it; else it answers
 * 404 and returns NULL. */
struct session *session_of(struct request *);
/* May a client of this uid see what is owner's? */
bool session_uid_is_visible(uint32_t owner, uint32_t uid);
bool session_is_visible(const struct session *, uint32_t uid);
/* What a client of this uid calls it; until the next call. */
const char *session_name(const struct session *, uint32_t uid);
void session_touch(struct session *);
void session_stop(struct session *, enum sess_reason);
int session_wait_end(struct session *, struct request *);
/* Its end is known: answers everybody who waits, and frees it. */
void session_ended(struct session *, const char *why);
/* Those of another policy; for running commands nothing changes. */
void session_set_limits(struct session *, const struct msg_sess_limits *);
/* privd has made it; takes fd. */
int session_ready(struct session *, const struct msg_sess_created *, int fd);

/* api_session.c */
/* The answer that shows the session. */
void session_reply(struct request *, int status, const struct session *);
/* What privd says. */
int sessiond_on_sess_created(struct chan *, struct imsg *);
int sessiond_on_sess_failed(struct chan *, struct imsg *);
int sessiond_on_sess_ended(struct chan *, struct imsg *);
int sessiond_on_sess_limits(struct chan *, struct imsg *);

/* command.c */
struct command *command_new(struct session *);
void command_free(struct command *);
/* Frees the oldest finished command with output of the user of this one, but
 * not this one: true, or false when there is none. */
bool command_evict_user(const struct command *);
struct command *command_find(struct session *, const char *id);
int command_start(struct command *, int spec_fd, int stdin_fd,
    uint64_t timeout_ms);
void command_end(struct command *, enum cmd_outcome);
void command_kill(struct command *);
/* Of SIGINT, SIGTERM, SIGHUP and SIGQUIT; to the foreground of its terminal. */
void command_signal(struct command *, int signo);
/* To whoever waits for it; the set may be NULL. */
void command_reply(struct command *, struct event_set *);
/* A stream of it is closed. */
void command_output_ended(struct command *);
/* Its client has to read before more of its output is read. */
bool command_is_full(const struct command *);
/* Its output is read again, after the client had to read first. */
void command_resume(struct command *);
extern const struct handler execd_handlers[];

/* api_exec.c */
/* NULL, or what is wrong with the request. */
const char *exec_check(const struct exec_body *, enum include_events *,
    uint64_t *timeout_ms);
/* Starts it, or ends it as refused; 0, or an HTTP status with the reason: then
 * the caller frees it. */
int exec_start(struct command *, uint64_t timeout_ms, char *err, size_t errlen);
/* Can the session take a command more? Else it answers, and false. */
bool exec_has_room(struct request *, const struct session *);
/* Runs what is in the command; the request is answered when it has ended. */
void exec_run(struct request *, struct command *, uint64_t timeout_ms);

/* pty.c: a client at a command's terminal */
/* What the terminal shows; after it pty_is_full() may hold. */
void pty_output(struct pty *, const void *, size_t len);
/* The client has to read first. */
bool pty_is_full(const struct pty *);
/* The terminal is there, or NULL: it is not any more. */
void pty_terminal(struct pty *);
void pty_hungup(struct pty *);
/* The command has ended, or never began; cmd->pty is NULL then. */
void pty_answer(struct command *, struct event_set *);

/* exec_stream.c: a client that is shown the output as it comes */
/* Makes it the command's: 0 or -1. */
int feed_new(struct request *, struct command *);
/* The command runs: the answer is events from now on. */
void feed_begin(struct feed *);
/* At most so much of a stream at a time as one read(2) gives; after it
 * feed_is_full() may hold. */
void feed_output(struct feed *, const struct stream *, const void *, size_t);
/* Bytes of a stream that one read may give it. */
size_t feed_room(const struct feed *);
/* The client has to read first. */
bool feed_is_full(const struct feed *);
/* The command has ended, or never began: the last event, or an ExecResponse. */
void feed_answer(struct command *, struct event_set *);
/* Nobody is there any more; without one nothing happens. */
void feed_end(struct command *);

/* stream.c: output as it comes */
void stream_init(struct stream *, struct command *);
/* Reads it from now on; fd is the stream's, also on failure. 0 or -1. */
int stream_watch(struct stream *, int fd);
/* The same of a new pipe. *theirs is the end to write to, the caller's to close,
 * where it was made. */
int stream_pipe(struct stream *, int *theirs);
/* What is there now, and no more than a terminal's rest. */
void stream_drain(struct stream *);
void stream_close(struct stream *);
/* The begin that was kept for the answer. */
void stream_forget(struct stream *);

/* spool.c: whole output on disk */
void spool_clean(int dir_fd);
void spool_put(struct stream *, const void *, size_t len);
void spool_remove(struct command *);
void spool_remove_session(struct session *);
/* Bytes read, or -1. */
long spool_read(struct stream *, uint64_t offset, void *, size_t len);
const char *stream_name(const struct stream *);

/* env.c: environment of a command; term for TERM where the request has none.
 * 0, or -1 with the reason. */
int env_build(struct json_list *, const struct session *,
    const struct json_pairs *, const char *term, char *err, size_t errlen);
int env_check_name(const char *, char *err, size_t errlen);
/* Is it one that commands have without being given it? */
bool env_is_base(const char *);
void env_free(struct json_list *);

/* builtin.c: commands that the session does itself */
/* Is it one, and what will it change? 0, or -1 with what is wrong. */
int builtin_prepare(struct command *, char *err, size_t errlen);
/* The arguments of a command that sets and unsets names, as they are told: the
 * names. 0, or -1: no memory. */
int builtin_tell(struct command *, const char *prefix, const char *word);
/* A file that it says its new directory in: 0 or -1. */
int builtin_open_result(struct command *);
/* It has ended well: what it changes is remembered. */
void builtin_finish(struct command *);

/* share.c: what each user takes */
#define SHARE_TEXT                                                             \
	"too much is under way for this user: read answers, then try again"
/* Takes n bytes of memory, unless that is over the user's share. */
bool share_take(uint32_t uid, uint64_t n);
/* The same for what is there already and cannot be refused. */
void share_add(uint32_t uid, uint64_t n);
void share_give(uint32_t uid, uint64_t n);
bool share_is_over(uint32_t uid);
/* Bytes of the spool. */
uint64_t share_spool_room(uint32_t uid);
void share_spool_add(uint32_t uid, uint64_t n);
void share_spool_give(uint32_t uid, uint64_t n);

/* util.c */
void uuid4(char dst[37]);
void time_text(char *dst, size_t size, uint64_t ns);
uint64_t least_limit(uint64_t, uint64_t); /* 0 is none */
void set_timer(struct event *, uint64_t ms);

/* api_profile.c */
/* Has the configuration a profile of that name? */
bool profile_is_there(const char *name);
/* Members of a session: its profile and that one's mounts. */
void profile_put(yajl_gen, const char *name);
/* Its mounts with the policies of their own; "": none. */
void profile_put_policies(yajl_gen, const char *name);

#endif
