/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the shell analysis share: shellc.c (memory, shells, one
 * command), shellc_parse.c (scripts), shellc_cmd.c, shellc_word.c (quotes and
 * expansions), shellc_builtin.c, shellc_wrap.c. Nobody else includes it.
 */
#ifndef SHELLC_PRIV_H
#define SHELLC_PRIV_H

#include "shellc.h"

/* Shells, as far as they read scripts differently; a set of them. */
enum {
	SH_D = 1U << 0, /* dash */
	SH_B = 1U << 1, /* bash */
	SH_A = 1U << 2, /* the ash of busybox */
	SH_K = 1U << 3, /* ksh and its kin */
	SH_Z = 1U << 4, /* zsh */
	SH_F = 1U << 5, /* another language */
	SH_ALL = SH_D | SH_B | SH_A | SH_K | SH_Z
};

/* What is known of a word. */
enum {
	W_UNC = 1U << 0,   /* its text is not certain */
	W_SPLIT = 1U << 1, /* it may become no word, or several */
	W_QUOTED = 1U << 2 /* a part of it was quoted */
};

enum var_effect {
	VAR_PLAIN,
	VAR_START,
	VAR_BYPASS
};

/* The state of one shell process, as its script goes on. */
struct sc_env {
	unsigned shells; /* SH_*: which it may be */
	uint32_t depth;
	bool cd;	  /* it may have left its directory */
	bool home;	  /* HOME may be another */
	bool params_lost; /* set or shift: params are no longer these */
	const char *const *params; /* $0 and on */
	const uint8_t *param_flags;
	size_t nparams;
	size_t nfixed; /* of these each is one word, so its number is certain */
};

/* Words, and W_* of each; both are in the result's memory. */
struct sc_words {
	const char *const *argv;
	const uint8_t *flags;
	size_t n;
};

/* How a command is reached. */
struct sc_how {
	bool program;  /* by exec: no builtin */
	bool silent;   /* not in the result */
	bool cd, root; /* from another directory, in another root */
	bool more;     /* unknown words are appended */
	bool alone;    /* what it runs is looked at elsewhere */
	unsigned level;
};

struct sc {
	struct shellc *out;
	const struct shellc_wrappers *extra;
	size_t spent; /* bytes that parameters became */
	int err;      /* errno; then nothing goes on */
};

/* What a wrapper would run. */
enum peel_kind {
	PEEL_NO,      /* it is no wrapper */
	PEEL_NOTHING, /* it runs nothing */
	PEEL_PAYLOAD, /* the words from at on */
	PEEL_SCRIPT,  /* the script, in the word at */
	PEEL_JOIN,    /* the words from at on, as a script */
	PEEL_FIND,
	PEEL_ECHO, /* xargs alone */
	PEEL_OPAQUE
};

struct peel {
	enum peel_kind kind;
	size_t at;
	const char *script;
	const char *replace; /* xargs: stands for unknown text in words */
	const char *why;     /* of PEEL_OPAQUE */
	const char *bypass;  /* why it is one, or NULL; beside any kind */
	bool cd, root, more;
	bool home;   /* sets HOME */
	bool unsure; /* the payload is likely, not certain */
};

/* shellc.c */
void *sc_alloc(struct sc *, size_t n, size_t size);
/* Counts text that is written again and again; false when it is too much. */
bool sc_spend(struct sc *, size_t);
void sc_mark(struct sc *, enum shellc_kind, const char *why);
void sc_command(struct sc *, struct sc_env *, const struct sc_words *,
    const struct sc_how *);
bool sc_base_name(char *dst, size_t size, const char *word);

/* shellc_parse.c: a script in the state of env */
void sc_script(struct sc *, struct sc_env *, const char *script);

/* The command that is being read, up to its separator. */
struct cmd_state {
	size_t word0; /* its first word */
	size_t skip;  /* words that are of time, where that may be reserved */
	bool begun;   /* something of it was read */
	bool words_only; /* no reserved word may follow: not at its start */
	bool no_params;	 /* "$@" was read first, which is no word here */
	bool after;	 /* a compound command ended: only redirections */
	bool names;	 /* the words of for: no command */
	bool redirected;
	bool unknown; /* which command it is is not certain */
	bool time;    /* time was read, and options of it may follow */
	char redir;   /* the next word is a redirection's: > or h */
};

/* The word that is being read. */
struct word_state {
	bool active;
	bool dq; /* within double quotes */
	uint8_t flags;
	size_t off; /* of its text */
	size_t eq;  /* of = after a name, from 1 on; 0: none */
};

enum frame_type {
	FRAME_PAREN,
	FRAME_BRACE,
	FRAME_SUB /* $( ) within a word */
};

struct frame {
	enum frame_type type;
	struct cmd_state cmd;	/* FRAME_SUB: what goes on after it */
	struct word_state word; /* likewise */
	size_t nbytes;
};

#define FRAMES_MAX 64
#define HEREDOCS_MAX 8

struct heredoc {
	char text[64]; /* the delimiter */
	size_t len;
	bool quoted, tabs;
};

struct parser {
	struct sc *c;
	struct sc_env *env;
	const char *s;
	size_t pos, len;
	bool careful;	  /* a shell whose language is known in part */
	bool need;	  /* a command must follow */
	bool pipe;	  /* the command follows a | */
	bool split_redir; /* &> was read as & and >, which bash does not */
	char *bytes;	  /* the text of words that are not yet a command's */
	size_t nbytes, maxbytes;
	struct {
		size_t off;
		uint8_t flags;
	} * words;
	size_t nwords, maxwords;
	struct cmd_state cmd;
	struct word_state word;
	struct frame frames[FRAMES_MAX];
	size_t nframes;
	struct heredoc heredocs[HEREDOCS_MAX];
	size_t nheredocs;
	bool tabs; /* the next delimiter is of <<- */
	bool stopped;
};

/* shellc_cmd.c */
bool cmd_is_empty(const struct parser *);
void cmd_start(struct parser *);
/* One more word, whose text is at off. */
void cmd_push(struct parser *, size_t off, uint8_t flags);
/* It is complete, unless more: then words may follow that were not read. */
void cmd_end(struct parser *, bool more);
/* Reading stopped: what is open ends as it is. */
void cmds_unfinished(struct parser *);

/* shellc_word.c */
enum lexed {
	LEXED_WORD,
	LEXED_SUB, /* $( was read */
	LEXED_STOP
};
/* On with the word, to its end or to a $( in it. */
enum lexed word_lex(struct parser *);
void word_put(struct parser *, const char *text, size_t len);
bool is_delimiter(char);
/* The rest of the script is not certain: opaque. */
enum lexed parse_stop(struct parser *, const char *why);

/* shellc_builtin.c */
enum var_effect sc_variable(const char *name, size_t len);
bool sc_is_name(const char *s, size_t len);
bool sc_is_setopt(const char *);
/* What is left to do of a command whose name may be a builtin's. */
enum sc_left {
	LEFT_NONE,    /* the shell does it itself */
	LEFT_PROGRAM, /* it may be a program, and no more is known */
	LEFT_ALL,     /* no builtin */
	LEFT_WORDS    /* *left is the command: command, builtin */
};
enum sc_left sc_builtin(struct sc *, struct sc_env *, const struct sc_words *,
    struct sc_words *left, struct sc_how *);

/* shellc_wrap.c; flags may be NULL: all is certain */
void sc_peel(struct peel *, const char *const *argv, const uint8_t *flags,
    size_t n, const struct shellc_wrappers *);

#endif
