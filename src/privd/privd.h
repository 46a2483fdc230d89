/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of agentshd (privd) share.
 */
#ifndef PRIVD_H
#define PRIVD_H

#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <stdarg.h>

#include "agentsh.h"
#include "chan.h"
#include "conf.h"
#include "plan.h"
#include "steer.h"

struct event;
struct event_base;
struct sess;

/* Who a child is to be. */
struct cred {
	uid_t uid;
	gid_t gid;
	const gid_t *groups;
	size_t ngroups;
};

/* A process that we started, until it is reaped. */
struct child {
	TAILQ_ENTRY(child) entry;
	uint64_t number; /* never used again; the list is in this order */
	enum role role;
	pid_t pid;
	int pidfd;
	uid_t uid;
	struct chan *ch;   /* NULL for init once it runs */
	struct sess *sess; /* NULL for a helper of the service */
	struct event *ev;
	struct event *end; /* kills it, or frees its channel */
	bool ready;	   /* has said SYS_READY */
	bool stuck;	   /* killed, and nobody waits for it any more */
};

/* What a session under creation waits for. */
enum sess_step {
	STEP_WORKSPACE,
	STEP_POLICY,
	STEP_ROOT,
	STEP_HELPERS
};

/* Times in ms that policy and configuration agree on; 0 is none. */
struct limits {
	uint64_t command_ms;
	uint64_t session_ms;
	uint64_t idle_ms;
};

struct reload;

/* A session's part of netd. */
enum net_state {
	NET_OFF,      /* there is none, or it is over */
	NET_WANTED,   /* maker is to make its namespace */
	NET_STARTING, /* netd was told */
	NET_UP,
	NET_CLOSING /* netd still has it */
};

struct sess {
	TAILQ_ENTRY(sess) entry;
	uint64_t number; /* never used again; the list is in this order */
	enum sess_state state;
	enum sess_step step;
	uint32_t request; /* of sessiond; 0 once answered */
	char id[AGENTSH_ID_MAX + 1];
	char policy[AGENTSH_NAME_MAX + 1];
	char warning[AGENTSH_TEXT_MAX + 1]; /* policyd's, for the event */
	char workspace[AGENTSH_PATH_MAX + 1];
	char mount[AGENTSH_PATH_MAX + 1]; /* as the session sees it */
	char home[AGENTSH_PATH_MAX + 1];
	char user[AGENTSH_USER_MAX + 1];
	uint32_t flags;
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	size_t ngroups;
	uint64_t created;  /* seconds since the epoch */
	uint64_t ready_ms; /* on the monotonic clock */
	struct limits limits;
	struct plan plan; /* as its root is mounted, to its end */
	int image_fd;	  /* its policy, compiled */
	char digest[AGENTSH_DIGEST_MAX + 1]; /* of that, as policyd says */
	uint64_t generation;   /* of the last image that was sent */
	struct reload *reload; /* of its policy, while that is under way */

	struct profile *profile;      /* of the configuration, or NULL */
	size_t nmounted;	      /* of its mounts, those that are open */
	int mount_fd[PROFILE_MOUNTS]; /* of each; -1: not open */
	int workspace_fd;
	int trash_fd;	 /* of its user */
	int client_sock; /* sessiond's end of its channel to execd */
	int init_sock;	 /* init's end of its channel to execd */
	enum net_state net;
	enum steer steer;    /* as of netd.h; AUTO also: it has no network */
	int listen_fd[2][2]; /* for netd, from maker: of IPv4, IPv6: TCP, UDP */
	int refused_fd;	     /* the same: nfnetlink_log, or -1 */
	int inward_fd[2][2]; /* the same: what listens, what connects to it */
	int dialled_fd;	     /* likewise, when it has no namespace */
	int steer_fd; /* from maker: what it dials comes while it is open */
	bool hooked;  /* it has a control group of its own */
	int net_approvals;     /* netd's end of its channel to policyd */
	int abort_fd;	       /* ends its FUSE connection; -1 */
	int ring[ROLE_MAX][3]; /* of the session's producers */
	struct child *maker;
	struct child *init;
	struct child *execd;
	struct child *fsd;
	struct child *fusereg;	 /* NULL where there is none */
	char file_data[33];	 /* who moves the bytes of files, as fsd says */
	char file_transport[33]; /* how requests reach it, as it says */
	char native_reads[33];	 /* counted, uncounted or none, as maker says */
	bool rooted;		 /* MAKE_DONE was heard */
	bool logged;		 /* eventd knows it */
	bool late; /* its processes were all killed, and are waited for */

	struct event *timer; /* for its creation, then its life, then its end */
	struct aerr error;   /* why it could not be made */
	uint32_t reason;
	/* it ends because one of its processes did; the first that was seen, and
	 * what is known of each */
	bool died;
	enum role first;
	struct {
		bool is;
		enum role blamed; /* who was gone before; ROLE_MAX: nobody */
		char how[64];
	} ended[ROLE_MAX];
	char detail[AGENTSH_TEXT_MAX + 1];
};

struct paths {
	char helpers[AGENTSH_PATH_MAX]; /* the helpers' executables */
	char config[AGENTSH_PATH_MAX];
	char run[AGENTSH_PATH_MAX];
	char lock[AGENTSH_PATH_MAX];
	char policy_default[AGENTSH_PATH_MAX];
	char trash_usual[AGENTSH_PATH_MAX]; /* a user's; of the service "" */
};

struct privd {
	struct event_base *base;
	enum run_mode mode;
	bool has_root; /* uid 0 can be mapped into sessions */
	uid_t uid;     /* ours, as a user */
	gid_t gid;
	struct conf conf; /* places filled in */
	struct paths paths;
	struct cred user[ROLE_MAX]; /* of the service's helpers */
	int dir_fd[DIR_MAX];	    /* until they are handed over */
	int listen_fd[ROLE_MAX];    /* likewise */
	int lock_fd;
	int host_root_fd;
	int cgroup_fd;	   /* ours, where sessions may have one each; or -1 */
	int trash_fd;	   /* the users' trashes, or the user's own */
	int init_fd;	   /* init's executable */
	const char *areas; /* of -T, for the helpers */
	int verbose;
	enum steer steer; /* of the next session; AUTO: whatever works */
	TAILQ_HEAD(, child) children;
	TAILQ_HEAD(sess_list, sess) sessions;
	size_t nsessions;
	struct child *helper[ROLE_MAX];
	bool serving; /* every helper is ready */
	bool stopping;
	int status; /* to exit with */
};

extern struct privd privd;
extern const struct handler privd_handlers[];

/* privd.c */
/* Ends every session, then every helper, then the loop. */
void privd_stop(int status);
/* Something ended: the stop may go on. */
void privd_stop_step(void);

/* probe.c: fatal with words that say what to change */
void probe_kernel(void);
void probe_users(void);
void probe_userns_refused(int error) __attribute__((noreturn));

/* outer.c */
/* The user namespace in which an ordinary user's agentshd is privileged. */
void outer_enter(void);

/* notify.c */
/* A line of sd_notify(3), such as READY=1, to the service manager; nothing where
 * none listens. */
void notify_manager(const char *line);

/* lockdown.c */
/* Fatal, with its name, when a capability is missing that we keep. */
void lockdown_check(void);
/* Gives up what a spawner does not need; before anything hostile is read. */
void lockdown(void);
/* The rest of it, when it is known how sessions reach netd. */
void lockdown_calls(void);
/* In a child before exec: no capability can come back. 0 or -1. */
int lockdown_child(bool enters);
/* After that and the change of user, which PR_SET_KEEPCAPS let it survive: nothing
 * but CAP_SYS_ADMIN, over the next exec, to enter a session's namespaces. */
int lockdown_enter(void);
/* In maker's child before exec: keeps ours over it. 0 or -1. */
int lockdown_keep(void);

/* dirs.c */
void paths_find(const char *config);
/* The places that the configuration leaves open, by run mode. */
void places_fill(struct conf *);
/* Makes and opens directories, takes the lock. */
void dirs_open(void);
/* Of these those that policyd reads; make: also the one for a user's own. */
void dirs_open_policies(bool make);
int dir_open(const char *path, mode_t mode, uid_t uid, gid_t gid);

/* socket.c */
void sockets_open(void);
void sockets_remove(void);

/* child.c */
struct child *child_spawn(enum role, const struct cred *, struct sess *);
/* The table of messages cannot tell a pidfd from a regular file. */
bool child_is_pidfd(int fd);
/* Takes a process that was cloned for us. */
struct child *child_adopt(enum role, pid_t, int pidfd, struct sess *);
void child_kill(struct child *);
/* Nothing more is wanted of it: killed if it does not end by itself. */
void child_expect_end(struct child *);
/* Killed long ago: says that the service goes on without its end. */
void child_give_up(struct child *);

/* helper.c */
void conf_load(const char *path, bool required);
void helpers_start(void);
/* The part of a start that is the same for all: SYS_HELLO, SYS_CONF. */
int helper_greet(struct child *, uint64_t session, const char *session_id,
    uid_t uid, gid_t gid);
int helper_chan(struct child *, enum role peer, int fd);
/* Its directories and its socket. */
void helper_hand_over(struct child *);
int helper_on_sys_ready(struct chan *, struct imsg *);
void helper_died(struct child *, const char *how);

/* checkpolicy.c: the default policy is good, or the end of the program. */
void policy_check(void);
/* Was it policyd of that check? */
bool policy_check_ended(const struct child *, const char *how);

/* peer.c: who is at the far end; -1 with e filled */
int peer_unix(int fd, uid_t *, gid_t *, struct aerr *);
int peer_tcp(int family, uint16_t client_port, uid_t *, struct aerr *);

/* session.c */
int sess_on_create_unix(struct chan *, struct imsg *);
int sess_on_create_tcp(struct chan *, struct imsg *);
int sess_on_destroy(struct chan *, struct imsg *);
int sess_on_event_broken(struct chan *, struct imsg *);
struct sess *sess_by_number(uint64_t);
/* Tells sessiond why there will be no session; always 0, for handlers. */
int sess_answer_failed(struct chan *, uint32_t request, const struct aerr *);
/* Always -1. */
int aerr_set(struct aerr *, int http, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
int aerr_vset(struct aerr *, int http, const char *code, const char *fmt,
    va_list) __attribute__((format(printf, 4, 0)));

/* sess_mount.c: what a session has beside its workspace */
/* The profile of that name, "" is none, and its policy. 0, or -1 with e. */
int mounts_choose(struct sess *, const char *name, struct aerr *e);
int sess_on_make_mounted(struct chan *, struct imsg *);
/* Has maker opened all of them? */
bool mounts_are_open(const struct sess *);
/* None of them and the workspace may lie in each other. 0, or -1 with e. */
int mounts_check(const struct sess *, struct aerr *e);
/* Tells maker and fsd of all of them, execd of those that may be changed; 0 or
 * -1. */
int mounts_tell(struct sess *, struct child *);
void mounts_close(struct sess *);
/* Fatal where a profile has a directory of our own, or one around it. */
void mounts_check_conf(void);

/* sess_make.c */
int sess_make_start(struct sess *);
void sess_helper_ready(struct sess *);
int sess_on_make_opened(struct chan *, struct imsg *);
int sess_on_make_cloned(struct chan *, struct imsg *);
int sess_on_make_native(struct chan *, struct imsg *);
int sess_on_make_reads(struct chan *, struct imsg *);
int sess_on_make_abort(struct chan *, struct imsg *);
int sess_on_make_device(struct chan *, struct imsg *);
int sess_on_make_done(struct chan *, struct imsg *);
int sess_on_make_failed(struct chan *, struct imsg *);
/* Asks for the image of its policy, of the file as it is. 0 or -1. */
int sess_ask_policy(struct sess *);
/* Sets the timer of its whole life. */
void sess_set_life(struct sess *);
int sess_on_policy_compiled(struct chan *, struct imsg *);
int sess_on_policy_refused(struct chan *, struct imsg *);

/* sess_spawn.c: each 0 or -1 */
/* execd, fsd and fusereg, which load while policyd compiles. */
int sess_spawn_helpers(struct sess *);
int sess_tell_maker(struct sess *, const struct msg_policy_compiled *);
int sess_tell_fsd(struct sess *, int image);
int sess_tell_execd(struct sess *, int image);
/* Its start is complete when there are namespaces for it to enter: user,
 * mount. */
int sess_start_execd(struct sess *, const int fds[3]);

/* steer.c */
/* Finds out which way sessions reach netd, and says so. */
void steer_find(void);
/* Was it maker of that? */
bool steer_find_ended(const struct child *, const char *how);
/* May nobody be kept from bpf(2)? */
bool steer_needs_bpf(void);
/* A session did, this way. */
void steer_found(enum steer);

/* sess_net.c */
/* What maker is to make, by the configuration. */
enum net_wish net_wish(void);
/* How what it dials gets to netd, or "none". */
const char *net_name(const struct sess *);
/* Can sessions have hooks of a control group instead of a namespace? */
bool net_may_have_hooks(void);
enum net_mode net_mode(void);
int sess_on_make_hooks(struct chan *, struct imsg *);
int sess_on_make_listen(struct chan *, struct imsg *);
int sess_on_make_refused(struct chan *, struct imsg *);
int sess_on_make_steer(struct chan *, struct imsg *);
int sess_on_make_inward(struct chan *, struct imsg *);
int sess_on_make_net(struct chan *, struct imsg *);
/* Fatal where nobody can have what the configuration says. */
void net_check_conf(void);
/* Finds where sessions can have control groups, before the rights for it go. */
void net_probe(void);
/* maker is done with the network. -1: it has not said what it had to. */
int net_made(struct sess *);
/* No process is left. */
void net_gone(struct sess *);
/* Nobody is inside any more: netd is to write what it has to, and forget it. */
void net_close(struct sess *);
/* netd is gone. */
void net_lost(void);
int sess_on_net_started(struct chan *, struct imsg *);
int sess_on_net_closed(struct chan *, struct imsg *);
int sess_on_net_broken(struct chan *, struct imsg *);

/* sess_end.c */
/* netd has nothing of it any more. */
void sess_net_ended(struct sess *);
/* Ends a session of any state; the text is for the client and the log. */
void sess_end(struct sess *, enum sess_reason, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Ends one that is being created, with this answer. */
void sess_fail(struct sess *, int http, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* sessiond's channel to execd was closed. */
void sess_lost_execd(struct sess *);
/* blamed: who was gone before it, and ended it; or ROLE_MAX. */
void sess_child_died(struct sess *, struct child *, const char *how,
    enum role blamed);
void sess_timer(struct sess *, uint64_t ms);
/* Is its end under way? */
bool sess_is_ending(const struct sess *);

/* reload.c */
/* Every session is to take its policy as it is now. request: policyd's, which
 * is answered when all have, or could not; 0: nobody waits. */
void reload_ask(uint32_t request);
/* What policyd says to a session's new question. Takes image. */
void reload_compiled(struct sess *, const struct limits *, int image,
    const struct plan *, const char *digest, const char *warning);
void reload_refused(struct sess *, const char *text);
void reload_sess_ready(struct sess *);
void reload_sess_gone(struct sess *);
int reload_on_policy_stale(struct chan *, struct imsg *);
int reload_on_policy_prepared(struct chan *, struct imsg *);
int reload_on_policy_committed(struct chan *, struct imsg *);

/* ctl.c */
int ctl_on_ask(struct chan *, struct imsg *);

#endif
