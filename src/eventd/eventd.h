/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What eventd's files share. Memory is bounded: a session has its rings, at
 * most one batch of text that waits for the disk, and a table of its last
 * EVLOG_MAX_CMDS commands; what grows with the events is in files.
 */
#ifndef EVENTD_H
#define EVENTD_H

#include <sys/queue.h>

#include "agentsh.h"
#include "buf.h"
#include "event.h"
#include "proc.h"
#include "ring.h"

#define EVENTD_MAX_CLOSED 64   /* ended sessions that can be asked about */
#define EVENTD_MAX_ENDING 4096 /* ended, and wait for the disk: all there are */
#define EVENTD_POLL_MS 2 /* how often the rings of a busy session are read */
#define EVENTD_RETRY_MS 1000 /* after a failed write */
#define EVLOG_MAX_CMDS 256 /* commands whose events are found without a scan */
#define EVENTD_MAX_RINGS 3 /* of a session: one a role of R_PRODUCERS */
#define QUERY_MAX_EVENTS 5000
#define QUERY_MAX_BYTES (64U << 20)

struct event;
struct event_base;

/* record.c */

/* A decoded record; strings point into the record. */
struct erec {
	struct event_head head;
	bool has[EVF_MAX];
	uint64_t num[EVF_MAX];
	const char *str[EVF_MAX];
	size_t len[EVF_MAX];
	size_t nstrv;
	struct {
		enum event_field field;
		const char *str;
		size_t len;
	} strv[EVENT_STRV_MAX * 2];
};

int erec_decode(struct erec *, const void *, size_t len);
/* The decision's number, or EVLOG_NO_DECISION. */
uint8_t erec_decision(const struct erec *);
int json_init(void);
/* One line for seq-th event of a session. 0, or -1 on lack of memory. */
int json_event(struct buf *out, const struct erec *, const char *prefix,
    uint64_t seq, const char *session_id);

/* --- evlog.c */

/* One event in the index file; host order, never leaves this process. */
struct evlog_entry {
	uint64_t offset;  /* of the line in the log */
	uint64_t command; /* hash of the command id, 0 without */
	uint32_t len;	  /* of the line, newline included */
	uint16_t type;
	uint8_t decision;
	uint8_t zero;
};

#define EVLOG_NO_DECISION 0xff

struct evlog_cmd {
	uint64_t command;
	uint64_t first; /* numbers of entries */
	uint64_t last;
};

/* A file and what is not yet written to it. */
struct outfile {
	int fd;
	struct buf b;
	size_t done;
};

struct evlog {
	struct outfile log;
	struct outfile index;
	uint64_t start;	   /* where this session's lines begin */
	uint64_t offset;   /* of the next line */
	uint64_t nentries; /* put into the index */
	uint64_t nwritten; /* of them and of their lines: in the files */
	struct evlog_cmd cmd[EVLOG_MAX_CMDS];
	size_t ncmds; /* ever seen; the table is used round */
};

/* Makes or continues the file of the session, UID/ID.jsonl beneath top. 0 or
 * -1, errno. */
int evlog_open(struct evlog *, int top, uint32_t uid, const char *session_id);
void evlog_close(struct evlog *);
int evlog_put(struct evlog *, const struct erec *, const char *prefix,
    uint64_t seq, const char *session_id);
/* Writes all that waits. 0, or -1 when some still does. */
int evlog_flush(struct evlog *);
bool evlog_is_flushed(const struct evlog *);
/* The file of the session's id, to be read. -1, errno. */
int evlog_open_file(int top, uint32_t uid, const char *session_id);
uint64_t evlog_hash(const char *command_id);
/* Where entries of a command can be: [*first, *end). */
void evlog_range(const struct evlog *, uint64_t command, uint64_t *first,
    uint64_t *end);
/* Reads n entries; 0 or -1. */
int evlog_entries(const struct evlog *, uint64_t first, struct evlog_entry *,
    size_t n);

/* --- esess.c */

enum esess_state {
	ESESS_OPEN,
	ESESS_CLOSING, /* the last records are not read yet */
	ESESS_ENDING,  /* all is read, some not yet written */
	ESESS_CLOSED
};

struct esess;

struct ering {
	struct esess *sess;
	enum role role;
	struct ring ring;
	struct event *ev_wake;
};

struct esess {
	TAILQ_ENTRY(esess) entry;
	uint64_t session;
	uint32_t uid;
	char id[AGENTSH_ID_MAX + 1];
	char prefix[48]; /* of its event ids */
	enum esess_state state;
	bool broken;	 /* privd was told to end it */
	bool stalled;	 /* the last write failed */
	uint32_t reason; /* of the end */
	char detail[AGENTSH_TEXT_MAX + 1];
	uint64_t opened_ns;
	uint64_t seq;
	struct ering ring[EVENTD_MAX_RINGS];
	size_t nrings;
	struct event *timer;
	struct evlog log;
};

struct esess *esess_find(uint64_t session);
/* The one of this user's id that is not over; NULL if none is. */
struct esess *esess_find_id(uint32_t uid, const char *id);
void esess_open(const struct msg_event_open *);
/* Takes the descriptors. 0, or -1 when they are no ring. */
int esess_add_ring(struct esess *, enum role, const int fds[3], uint32_t size);
/* Another policy holds, or could not be taken. */
void esess_policy(struct esess *, const struct msg_event_policy *);
void esess_close(struct esess *, uint32_t reason, const char *detail);
/* Reads what the rings hold and writes it, as far as the disk lets. */
void esess_sync(struct esess *);
/* The service ends: every session is closed now. Returns of how many sessions
 * something could not be written. */
size_t esess_close_all(void);

/* --- query.c */

/* What is asked, and the answer as far as it goes. */
struct query {
	struct chan *ch;
	uint32_t request;
	char command_id[AGENTSH_CMDID_MAX + 1];
	uint64_t types[(EV_MAX + 63) / 64]; /* a bit a type */
	bool any_type;
	int decision; /* -1: any; DECISION_MAX: one that no event has */
	uint32_t skip;
	uint32_t limit;
	bool descending;

	int out_fd;
	uint32_t count;
	uint64_t bytes;
};

int eventd_on_event_query(struct chan *, struct imsg *);
bool query_has_type(const struct query *, const char *name, size_t len);
/* One more that matches, of len bytes: 1 it belongs to the answer, 0 it is left
 * out, -1 the answer is complete without it. */
int query_take(struct query *, size_t len);
/* Sends the answer and closes its file. */
void query_answer(struct query *, enum event_answer);

/* --- past.c */

/* Takes the query over: it is answered from the file. */
void past_start(const struct query *, uint32_t uid, const char *session_id);
size_t past_count(void);
/* Who asked is gone. */
void past_drop_all(void);

/* --- eventd.c */

struct eventd {
	struct proc p;
	struct event_base *base;
	uint64_t run; /* differs from run to run, so that ids do */
};

extern struct eventd eventd;

void eventd_tell_broken(uint64_t session, const char *detail);

#endif
