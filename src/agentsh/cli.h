/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh, the user's command: its table of commands, parsed arguments, and
 * what the commands share. Nothing here has privileges; what comes back from a
 * server is data to check and to print safely.
 */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <limits.h>

#include "client.h"
#include "jsontree.h"
#include "../common/agentsh.h"
#include "../common/conf.h"

enum {
	EXIT_USAGE = 2,
	EXIT_INTERNAL = 70,
	EXIT_TIMEOUT = 124,
	EXIT_DENIED = 126,
	EXIT_NOSTART = 127
};

#define CLI_MAX_ENV 256	      /* --env options of a call, and others */
#define CLI_MAX_STDIN 8388608 /* bytes --stdin takes */
#define CLI_CHUNK 1048576     /* bytes of output asked for at once */

/* clang-format off */
enum cmd_id {
#define CMD(id, words, handler, usage, summary, min, max) CMD_##id,
#include "cmd.def"
#undef CMD
	CMD_MAX
};

enum {
#define CMD(id, words, handler, usage, summary, min, max) \
	C_##id = 1ULL << CMD_##id,
#include "cmd.def"
#undef CMD
	C_ALL = (1ULL << CMD_MAX) - 1,
	/* those that ask a policy what it would decide */
	C_POLICY_ASK = C_POLICY_TEST | C_POLICY_EXPLAIN | C_POLICY_DIFF |
	    C_POLICY_MOUNTS,
	C_CHECKPOINT = C_CHECKPOINT_CREATE | C_CHECKPOINT_LIST |
	    C_CHECKPOINT_SHOW | C_CHECKPOINT_ROLLBACK | C_CHECKPOINT_PURGE,
	C_TRASH = C_TRASH_LIST | C_TRASH_RESTORE | C_TRASH_PURGE,
	/* those that ask a server */
	C_REMOTE = C_ALL &
	    ~(C_SERVER | C_POLICY_VALIDATE | C_POLICY_SHOW | C_POLICY_ASK | C_CHECKPOINT |
		C_POLICY_KEYGEN | C_POLICY_SIGN | C_POLICY_VERIFY |
		C_TRASH | C_COMPLETION_BASH | C_HELP)
};

enum opt_id {
#define OPT(id, name, value, commands, help) OPT_##id,
#include "cmd.def"
#undef OPT
	OPT_MAX
};
/* clang-format on */

struct jsonout;

struct args {
	enum cmd_id cmd; /* CMD_MAX while only options for all are taken */
	const char *opt[OPT_MAX]; /* NULL: not given; "" for a switch */
	const char *env[CLI_MAX_ENV];
	size_t nenv;
	const char *unset[CLI_MAX_ENV];
	size_t nunset;
	int argc; /* words after the options */
	char **argv;
};

struct cmd_row {
	const char *words;
	int (*handler)(struct args *);
	const char *usage;
	const char *summary;
	int min;
	int max;
};

struct opt_row {
	const char *name;
	const char *value;
	uint64_t commands;
	const char *help;
};

extern const struct cmd_row cmd_rows[CMD_MAX];
extern const struct opt_row opt_rows[OPT_MAX];

/* args.c */
int args_take(struct args *, int argc, char **argv, int *i);
int args_dashes(const struct args *, int argc, char **argv, int i);
int args_rest(struct args *, int argc, char **argv);
enum cmd_id cmd_find(int argc, char **argv, int *nwords);
int usage_error(const struct args *, const char *, ...)
    __attribute__((format(printf, 2, 3)));

/* text.c: lines to stderr, numbers, memory */
void say(const char *, ...) __attribute__((format(printf, 1, 2)));
char *vis_dup(const char *);
/* To standard output, with what a terminal would obey as \\uXXXX; and a newline
 * where it ends with none. */
void json_print(const void *, size_t len);
int parse_num(const char *, uint64_t max, uint64_t *);
void *xcalloc(size_t, size_t);
char *xstrdup(const char *);
char *xasprintf(const char *, ...) __attribute__((format(printf, 1, 2)));

/* call.c: one request to the server the arguments name */
struct call {
	int status; /* HTTP */
	struct hr reply;
	struct json *json; /* NULL for an empty body */
};
int call(const struct args *, struct call *, const char *method,
    const char *path, const void *body, size_t len);
/* A GET of a server that runs; none is started. 1; 0: there is none, and
 * --server names none; -1 after a message. */
int call_running(const struct args *, struct call *, const char *path);
/* A POST whose answer may be server-sent events, which take gets: then there
 * is no JSON. It ends them by -1, and that is said by nobody. */
int call_events(const struct args *, struct call *, const char *path,
    const void *body, size_t len, int (*take)(void *, const void *, size_t),
    void *arg);
/* The same, to become a WebSocket: *fd is the connection, or -1 where the
 * server answered otherwise. */
int call_websocket(const struct args *, struct call *, const char *path,
    int *fd);
void call_free(struct call *);
int call_error(const struct call *);
/* Calls, and prints the answer as it is; for "return". */
int call_show(const struct args *, const char *method, const char *path,
    const void *body, size_t len);
char *url_escape(const char *);
void print_body(const struct call *);

/* session.c: dst of session_root is PATH_MAX bytes */
int session_root(const char *dir, char *dst);
void session_default_id(const char *root, char *dst, size_t size);
int session_create(const struct args *, const char *id, const char *root,
    struct call *);
int session_check(const struct args *, const char *id, const char *root);
/* Makes it, unless somebody else did meanwhile. 0, or -1 after a message. */
int session_ensure(const struct args *, const char *id, const char *root);

/* exec_args.c, exec_request.c, exec_show.c */
struct exec_plan {
	char id[AGENTSH_SNAME_MAX + 1];
	char root[PATH_MAX];
	const char *events;
	bool json;
	bool pty;
	bool stream;
};
int exec_args(struct args *, struct exec_plan *);
struct jsonout *exec_request(const struct args *, struct exec_plan *);
int exec_show(const struct args *, const struct exec_plan *,
    const struct call *);
/* Of an ExecResponse; lines of the server's. */
void exec_say_denied(const struct jval *);
void exec_say_hints(const char *);

/* exec_stream.c: exec --stream */
struct stream;
struct stream *exec_stream_new(void);
void exec_stream_free(struct stream *);
/* Of call_events(). */
int exec_stream_take(void *, const void *, size_t);
/* The exit status, after what is to be said. */
int exec_stream_end(struct stream *);
/* Where call_events() failed because of it, which says nothing then. */
void exec_stream_say_bad(const struct stream *);

/* output.c: bytes of commands as replies carry them */
int output_put(int fd, const struct jval *, const char *name, uint64_t *len);
int output_rest(const struct args *, int fd, const char *sid, const char *cmdid,
    const char *stream, uint64_t offset, uint64_t total);
int output_get(const struct args *, struct call *, const char *sid,
    const char *cmdid, const char *stream, uint64_t offset, uint64_t limit);

/* cmd_policy.c */
struct warnings;
void policy_warnings(const struct warnings *);

/* policy_find.c: the file of a name, in path, or the word itself; NULL after a
 * message. */
const char *policy_find(const char *word, char path[PATH_MAX]);
/* The same of a name in this directory, or among those that are shipped. */
const char *policy_find_in(const char *dir, const char *name,
    char path[PATH_MAX]);

/* policy_ask.c: what policy test, explain and diff share */
struct policy_try;
struct try_query;
struct try_answer;
/* Words and options; the words of a command to be tried are left alone. */
int policy_ask_args(struct args *);
/* How many words name the policy: none, where a session does. */
int policy_ask_skip(const struct args *);
/* Of enforce, allow, deny: is it deny? 0, or -1 for another word. */
int policy_opaque(const char *, bool *deny);
/* NULL after a message. */
struct policy_try *policy_ask_open(const struct args *, const char *word);
/* The query of the words after the policy: 0, or the exit status. */
int policy_ask_query(const struct args *, const struct policy_try *,
    struct try_query *);
/* Members of the object that is open. */
void policy_ask_json(struct jsonout *, const struct try_answer *);
void policy_ask_print(const struct try_answer *);
/* policy_session.c: the policy of a running session, the very one; NULL after a
 * message. */
struct policy_try *policy_session_open(const struct args *, const char *id);
/* Text that may not be UTF-8: then made safe to print. */
void policy_ask_text(struct jsonout *, const char *key, const char *);
/* Prints the whole; the exit status. */
int policy_ask_end(struct jsonout *);

/* cmd_*.c */
int cmd_exec(struct args *);
int cmd_session_create(struct args *);
int cmd_session_list(struct args *);
int cmd_session_get(struct args *);
int cmd_session_update(struct args *);
int cmd_session_attach(struct args *);
int cmd_session_publish(struct args *);
int cmd_session_unpublish(struct args *);
int cmd_session_destroy(struct args *);
int cmd_events(struct args *);
int cmd_output(struct args *);
int cmd_kill(struct args *);
int cmd_approve_list(struct args *);
int cmd_approve_resolve(struct args *);
int cmd_policy_validate(struct args *);
int cmd_policy_show(struct args *);
int cmd_policy_test(struct args *);
int cmd_policy_explain(struct args *);
int cmd_policy_diff(struct args *);
int cmd_policy_mounts(struct args *);
int cmd_policy_keygen(struct args *);
int cmd_policy_sign(struct args *);
int cmd_policy_verify(struct args *);
int cmd_checkpoint_create(struct args *);
int cmd_checkpoint_list(struct args *);
int cmd_checkpoint_show(struct args *);
int cmd_checkpoint_rollback(struct args *);
int cmd_checkpoint_purge(struct args *);
int cmd_trash_list(struct args *);
int cmd_trash_restore(struct args *);
int cmd_trash_purge(struct args *);
int cmd_server(struct args *);
int cmd_completion(struct args *);
int cmd_help(struct args *);

#endif
