/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiled policy that operations are decided by. A new one comes from
 * agentshd while others are under way: it is mapped and verified first, and
 * put in place when execd has it too. An operation keeps the one that it began
 * with, which goes with the last operation that has it.
 *
 * The kernel remembers attributes and names for a while (op_name.c), and the
 * texts of symbolic links for as long as it likes. It is told to forget them,
 * so that nothing which the old policy let out is answered from there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "decide.h"
#include "log.h"
#include "node.h"
#include "serve.h"

/* How long a commit waits for the kernel to have forgotten. A host that does
 * not answer who reads a link delays that link, not the others' answer. */
#define FORGET_WAIT_S 1

struct held {
	struct image image;
	unsigned users; /* operations */
	bool redirects;
};

static struct {
	pthread_mutex_t lock;
	struct held *now;
	struct held *next;   /* prepared; the main thread's alone */
	uint64_t generation; /* of next */
} policy = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct {
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool running;
	bool wanted;
} forget = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
};

static __thread struct held *mine;

/* Whoever sets the clock neither cuts the wait short nor makes it long. */
void
policy_init(void)
{
	pthread_condattr_t attr;

	if (pthread_condattr_init(&attr) != 0 ||
	    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) != 0 ||
	    pthread_cond_init(&forget.ended, &attr) != 0)
		fatalx("no monotonic clock to wait by");
	pthread_condattr_destroy(&attr);
}

/* A directory stays where it is, as processes are in it. Where this cannot be
 * said, its name is not kept (op_name.c). */
static void
forget_name(const struct known *k)
{
	if (k->text == NULL)
		return;
	if (fsd.can_expire)
		(void)fuse_lowlevel_notify_expire_entry(fsd.session, k->parent,
		    k->text, strlen(k->text), FUSE_LL_EXPIRE_ONLY);
	else if (k->type != S_IFDIR)
		(void)fuse_lowlevel_notify_inval_entry(fsd.session, k->parent,
		    k->text, strlen(k->text));
}

/* Names are looked up again, and of links the text too; what is not known any
 * more is no error. A name waits for who works in its directory, and a link for
 * a request that fills the text in at this moment: they are last. */
static void
forget_once(const struct node *top)
{
	struct known *k;
	size_t i, n;

	n = node_known(&k, top);
	for (i = 0; i < n; i++) {
		if (k[i].type != S_IFLNK)
			(void)fuse_lowlevel_notify_inval_inode(fsd.session,
			    k[i].ino, -1, 0);
	}
	for (i = 0; i < n; i++)
		forget_name(&k[i]);
	for (i = 0; i < n; i++) {
		if (k[i].type == S_IFLNK)
			(void)fuse_lowlevel_notify_inval_inode(fsd.session,
			    k[i].ino, 0, 0);
	}
	known_free(k, n);
}

static void *
forget_thread(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&forget.lock);
	while (forget.wanted) {
		forget.wanted = false;
		pthread_mutex_unlock(&forget.lock);
		forget_once(NULL);
		absent_forget();
		pthread_mutex_lock(&forget.lock);
	}
	forget.running = false;
	pthread_cond_signal(&forget.ended);
	pthread_mutex_unlock(&forget.lock);
	return NULL;
}

static void
forget_start(void)
{
	pthread_mutex_lock(&forget.lock);
	forget.wanted = true;
	if (!forget.running && thread_start(forget_thread, NULL) != 0)
		fatalx("no thread to let the kernel forget");
	forget.running = true;
	pthread_mutex_unlock(&forget.lock);
}

void
policy_forget_beneath(const struct node *top)
{
	forget_once(top);
}

void
policy_forget(void)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += FORGET_WAIT_S;
	forget_start();
	pthread_mutex_lock(&forget.lock);
	while (forget.running &&
	    pthread_cond_timedwait(&forget.ended, &forget.lock, &until) == 0)
		continue;
	pthread_mutex_unlock(&forget.lock);
}

void
policy_enter(void)
{
	pthread_mutex_lock(&policy.lock);
	mine = policy.now;
	mine->users++;
	pthread_mutex_unlock(&policy.lock);
}

static void
held_free(struct held *h)
{
	if (h == NULL)
		return;
	image_unmap(&h->image);
	free(h);
}

void
policy_leave(void)
{
	struct held *h = mine;
	bool last;

	mine = NULL;
	pthread_mutex_lock(&policy.lock);
	last = --h->users == 0 && h != policy.now;
	pthread_mutex_unlock(&policy.lock);
	if (!last)
		return;
	held_free(h);
	/* the kernel has its answer, by the old policy */
	forget_start();
}

const struct image *
policy_image(void)
{
	return mine != NULL ? &mine->image : NULL;
}

bool
policy_redirects(void)
{
	return mine != NULL && mine->redirects;
}

bool
policy_is_there(void)
{
	return policy.now != NULL;
}

/* NULL with e filled. */
static struct held *
held_new(int fd, struct aerr *e)
{
	struct held *h;

	h = calloc(1, sizeof(*h));
	if (h == NULL) {
		snprintf(e->message, sizeof(e->message), "out of memory");
		return NULL;
	}
	if (image_map(&h->image, fd, e) == 0) {
		h->redirects = image_redirects_files(&h->image);
		return h;
	}
	free(h);
	return NULL;
}

int
policy_on_policy_image(struct chan *ch, struct imsg *im)
{
	struct aerr e = { 0 };

	(void)ch;
	policy.now = held_new(im->fds[0], &e);
	if (policy.now == NULL)
		fatalx("the policy image is refused: %s", e.message);
	return 0;
}

int
policy_on_policy_prepare(struct chan *ch, struct imsg *im)
{
	struct msg_policy_prepare m;
	struct msg_policy_prepared reply = { 0 };
	struct aerr e = { 0 };

	if (msg_get_policy_prepare(im, &m) == -1 ||
	    m.session != fsd.proc.session)
		return -1;
	held_free(policy.next);
	policy.next = held_new(im->fds[0], &e);
	policy.generation = m.generation;
	reply.generation = m.generation;
	if (policy.next == NULL)
		snprintf(reply.error, sizeof(reply.error), "%s", e.message);
	msg_send_policy_prepared(ch, im->id, &reply, NULL);
	return 0;
}

int
policy_on_policy_commit(struct chan *ch, struct imsg *im)
{
	struct msg_policy_commit m;
	struct msg_policy_committed reply = { 0 };
	struct held *old;
	bool unused;

	if (msg_get_policy_commit(im, &m) == -1 ||
	    m.session != fsd.proc.session || policy.next == NULL ||
	    m.generation != policy.generation)
		return -1;
	pthread_mutex_lock(&policy.lock);
	old = policy.now;
	policy.now = policy.next;
	unused = old->users == 0;
	pthread_mutex_unlock(&policy.lock);
	policy.next = NULL;
	if (unused)
		held_free(old);
	policy_forget();
	reply.generation = m.generation;
	msg_send_policy_committed(ch, im->id, &reply, NULL);
	return 0;
}

int
policy_on_policy_abandon(struct chan *ch, struct imsg *im)
{
	struct msg_policy_abandon m;

	(void)ch;
	if (msg_get_policy_abandon(im, &m) == -1 ||
	    m.session != fsd.proc.session)
		return -1;
	if (policy.next != NULL && m.generation == policy.generation) {
		held_free(policy.next);
		policy.next = NULL;
	}
	return 0;
}
