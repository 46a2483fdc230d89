/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of maker share. Everything here is done for one session and
 * ends with an exec or an exit, so descriptors of a failed step are left to
 * the exit.
 */
#ifndef MAKER_H
#define MAKER_H

#include <sys/types.h>

#include "agentsh.h"
#include "cgroup.h"
#include "chan.h"
#include "conf.h"
#include "netaddr.h"
#include "plan.h"
#include "profile.h"
#include "steer.h"

/* Who the session is for, as the host's account database says. */
struct account {
	uid_t uid;
	gid_t gid;
	gid_t groups[AGENTSH_GROUPS_MAX];
	size_t ngroups;
	char user[AGENTSH_USER_MAX + 1];
	char home[AGENTSH_PATH_MAX + 1];
};

/* What a session's user must be able to open. */
struct to_open {
	const char *workspace;
	int trash_fd; /* the directory of all trashes, or the user's own */
	char *const *mounts;
	size_t nmounts;
};

/* What the root of one session is made of. */
struct root {
	const struct account *acct;
	bool has_net;	       /* netd serves it */
	bool map_root;	       /* uid 0 exists in the session */
	const char *mount;     /* where the workspace shows */
	const char *workspace; /* where it is on the host */
	const char *hostname;
	const struct plan *plan;
	struct chan *privd;
	int fusectl;   /* directory of FUSE connections, or -1 */
	int native;    /* to maker: native_hand_over */
	int init_fd;   /* the program that becomes pid 1 */
	int socket_fd; /* its channel to execd */
	int procs_fd;  /* proc_private, once it is made */
};

/* error.c */
/* Fills e from errno: "what: text", HTTP status 500. Returns -1. */
int make_error(struct aerr *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The same without errno and with a status of the caller's. */
int make_errorx(struct aerr *e, int http, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* workspace.c */
int account_lookup(struct account *, enum run_mode, uid_t, gid_t,
    struct aerr *);
/*
 * In a child with the account's credentials: opens the mounts and the workspace
 * and answers MAKE_MOUNTED for each of those, then MAKE_OPENED, or MAKE_FAILED,
 * on the channel. 0, or -1: not answered.
 */
int workspace_open(struct chan *, enum run_mode, const struct account *,
    const struct to_open *);
void make_tell_failed(struct chan *, const struct aerr *);

/* netns.c */
/* The address that sessions send their questions to; every other does as well. */
#define NS_RESOLVER "192.0.2.53"
struct net_want;
/* A network namespace of our own; what netd needs of it goes to privd. 1, 0:
 * there is no more than a loopback, or -1. STEER_AUTO: by the first way that
 * works. */
int ns_make_net(struct chan *privd, const struct net_want *, enum net_wish,
    struct aerr *);
/* Which way it would be, STEER_AUTO if there is none, and what became of those
 * before it; we are in some network namespace afterwards. */
enum steer ns_probe(enum steer wanted, struct aerr *why);

/* Has the host an address of IPv6 that others could reach it by? */
bool ns_host_has_ipv6(void);
/* Sets what the kernel goes by in the caller's network namespace. It is no matter
 * where that cannot be had. */
void ns_set(const char *file, const char *value);

/* nflog.c */
#define NS_LOG_GROUP 1
#define NS_LOG_BYTES 128 /* of a packet: its headers */
/* A socket by which the kernel tells what the rules refuse in the namespace that we
 * are in. The caller's to close; -1 with errno: it cannot. */
int nflog_open(void);

/* What a session's network consists of, by family: IPv4, IPv6. -1: there is
 * none. */
struct net_sockets {
	int tcp[2], udp[2]; /* listen, and get DNS */
	int diag;	    /* NETLINK_SOCK_DIAG */
	int proxy;	    /* listens */
	int refused;	    /* by it the kernel tells what it refuses */
	int steer;	    /* as long as it is open, what is dialled comes */
};

/* The ways of steer.def: in the network namespace that we are in, what is dialled
 * gets to these sockets. 0, or -1 with what is lacking. */
int steer_tproxy(struct net_sockets *, struct aerr *);
int steer_redirect(struct net_sockets *, struct aerr *);
int steer_sk_lookup(struct net_sockets *, struct aerr *);

/* netcg.c: hooks of a control group with this name, which is new. 0, with its
 * descriptor; or -1, when there may be one all the same. */
int netcg_make(struct chan *privd, const char *name, const char *why,
    int *group, struct aerr *);

/* netmode.c */
struct net_want {
	enum net_wish wish;
	enum net_mode mode;
	enum steer steer;
	bool publish;		     /* what reaches its servers, too */
	char group[CGROUP_NAME_MAX]; /* a name for it */
};
/* As ns_make_net, by whichever way is wanted; group: where the session's
 * processes have to be, or -1. */
int net_make(struct chan *privd, const struct net_want *, int *group,
    struct aerr *);

/* ns.c */
/*
 * clone3(2) of the process that becomes pid 1, in a control group or, -1, in
 * ours. In the child returns 0, with *go_fd to be waited on; in the parent its
 * pid, with *pidfd.
 */
pid_t ns_clone(int *pidfd, int go_fd[2], int group);
int ns_write_maps(pid_t, enum run_mode, const struct account *, bool map_root,
    struct aerr *);

/* fusectl.c: how privd can end a session's FUSE connection, where it can */
/* The directory of all connections, or -1. */
int fusectl_open(enum run_mode);
/* Opens what ends the connection of a mount, if there is such a thing, and
 * hands it to privd. -1 when privd is gone. */
int fusectl_hand_over(struct chan *privd, int fusectl, int mnt);

/* native.c: fsd hears of opens on native mounts, where it can be had */
#define NATIVE_MAX 16 /* mounts; more are not watched */
/* In pid 1: gives maker the mounts of the n rows of the plan, -1 where there is
 * none, and waits until they are watched. Closes sock. -1 with errno. */
int native_hand_over(int sock, const int *mnt, size_t n);
/* In maker: answers, and tells privd; wanted: watches them. -1 when privd is
 * gone. */
int native_watch(struct chan *privd, int sock, const struct plan *,
    bool wanted);

/* netfiles.c: resolv.conf and the like */
/* In the host's tree: nsswitch.conf as the session is to see it, or NULL. The
 * caller frees it. */
char *netfiles_collect(void);
/* When all else is mounted. */
int netfiles_mount(int root, const char *hostname, const char *nsswitch,
    struct aerr *);

/* root.c: in pid 1. Returns only on failure. */
int root_enter(struct root *, struct aerr *);

/* mnt.c: mounts as descriptors; -1 with errno */
/* A new file system of this type; opts are name, value, ..., NULL. */
int mnt_new(const char *type, unsigned attr, const char *const *opts);
/* A copy of what is mounted at path, with everything beneath. */
int mnt_copy(int dirfd, const char *path, unsigned attr);
/* Attaches at a path beneath root, which is resolved without symlinks. */
int mnt_attach(int mnt, int root, const char *path);
/* Adds attributes to what is attached at path, not to what is beneath it. */
int mnt_set(int root, const char *path, unsigned attr);
/* A directory beneath root by absolute path, without symlinks. */
int mnt_lookup(int root, const char *path, int flags);

/* pseudo.c: /proc and /dev of a session */
struct devs;
/* Copies of the host's harmless devices, before the root is covered. */
struct devs *devs_collect(struct aerr *);
int dev_mount(int root, struct devs *, struct aerr *);
int proc_mount(int root, struct aerr *);
/* Another /proc of the session, of processes alone, which is in no tree: who
 * lists /proc into memory that does not answer keeps its lock, and whoever
 * confines the session must not wait for that. Its descriptor, while the
 * host's /proc can be seen; -1 with the error filled. */
int proc_private(struct aerr *);
/* An empty read-only directory as a mount. */
int empty_mount(void);

#endif
