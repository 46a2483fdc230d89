/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the trust store. Its directory was opened by somebody who may; what is
 * in it is still only believed when nobody but its owner can have written it.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "polstore.h"
#include "vis.h"

struct revoked {
	struct json_list keys;
	struct json_list policies;
};

static const struct json_field revoked_fields[] = {
	{ "revoked_keys", JSON_LIST, offsetof(struct revoked, keys),
	    POLSIG_ID_LEN, 0 },
	{ "revoked_policies", JSON_LIST, offsetof(struct revoked, policies),
	    POLSIG_ID_LEN, 0 },
};

#define NREVOKED (sizeof(revoked_fields) / sizeof(revoked_fields[0]))

/* What is known while the store is read. */
struct search {
	const struct polstore *store;
	struct polreport *report;
	struct polkey key; /* the one that signed, once found */
	bool found;
	char (*ids)[POLSIG_ID_LEN + 1]; /* of all keys */
	size_t nids;
};

const char *
polstore_mode_error(const struct polstore *s, const struct stat *st)
{
	if (st->st_uid != s->owner && !(s->or_root && st->st_uid == 0))
		return s->owner == 0 ? "does not belong to root" :
				       "does not belong to the user";
	if ((st->st_mode & 022) != 0)
		return "can be written by others: chmod go-w";
	return NULL;
}

int
polstore_read(int dir, const char *file, void *buf, size_t max, size_t *len,
    struct stat *st, int *errnum, char *err, size_t errlen)
{
	struct stat own;
	ssize_t n = 1;
	int fd;

	if (st == NULL)
		st = &own;
	*len = 0;
	fd = openat(dir, file,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	*errnum = fd == -1 ? errno : 0;
	if (fd == -1) {
		snprintf(err, errlen, "%s",
		    errno == ELOOP ?
			"is a symbolic link, which is not followed" :
			strerror(errno));
		return -1;
	}
	err[0] = '\0';
	if (fstat(fd, st) == -1)
		snprintf(err, errlen, "%s", strerror(errno));
	else if (!S_ISREG(st->st_mode))
		snprintf(err, errlen, "is not a regular file");
	while (err[0] == '\0' && n > 0 && *len <= max) {
		/* one more than allowed, to notice that there is more */
		n = read(fd, (char *)buf + *len, max + 1 - *len);
		if (n > 0)
			*len += (size_t)n;
		else if (n == -1 && errno == EINTR)
			n = 1;
		else if (n == -1)
			snprintf(err, errlen, "%s", strerror(errno));
	}
	close(fd);
	if (err[0] == '\0' && *len > max)
		snprintf(err, errlen, "is larger than %zu bytes", max);
	return err[0] == '\0' ? 0 : -1;
}

/* "PLACE/FILE: why", safe to print; the status. */
static enum polsig_status __attribute__((format(printf, 5, 6)))
report(struct polreport *r, enum polsig_status status, const char *place,
    const char *file, const char *fmt, ...)
{
	char text[AGENTSH_TEXT_MAX], why[AGENTSH_TEXT_MAX / 2];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	snprintf(text, sizeof(text), "%.300s%s%.255s: %s",
	    place != NULL ? place : "", place != NULL ? "/" : "", file, why);
	vis_str(r->why, sizeof(r->why), text);
	r->status = status;
	return status;
}

static enum polsig_status
store_report(struct search *s, const char *file, const char *why)
{
	return report(s->report, POLSIG_STORE, s->store->path, file, "%s", why);
}

/* A file of the store, if nobody else can have written it. */
static int
store_read(struct search *s, const char *file, char *buf, size_t *len,
    int *errnum)
{
	const char *why;
	struct stat st;
	char err[256];

	if (polstore_read(s->store->fd, file, buf, POLSIG_MAX_BYTES, len, &st,
		errnum, err, sizeof(err)) == -1) {
		store_report(s, file, err);
		return -1;
	}
	why = polstore_mode_error(s->store, &st);
	if (why != NULL)
		store_report(s, file, why);
	return why != NULL ? -1 : 0;
}

/* One key of the store; two of the same id could say different things. */
static int
take_key(struct search *s, const char *file)
{
	char buf[POLSIG_MAX_BYTES + 1], err[512];
	struct polkey k;
	size_t len, i;
	int errnum;

	if (store_read(s, file, buf, &len, &errnum) == -1)
		return -1;
	if (polkey_parse(buf, len, &k, err, sizeof(err)) == -1) {
		store_report(s, file, err);
		return -1;
	}
	if (k.has_seed) {
		polkey_forget(&k);
		store_report(s, file,
		    "is a private key, which must not be in a trust store");
		return -1;
	}
	for (i = 0; i < s->nids; i++) {
		if (strcmp(s->ids[i], k.id) == 0) {
			store_report(s, file,
			    "another file has the same key already");
			return -1;
		}
	}
	if (s->nids == POLSTORE_MAX_FILES) {
		store_report(s, file, "there are more than 256 keys");
		return -1;
	}
	memcpy(s->ids[s->nids++], k.id, sizeof(k.id));
	if (strcmp(k.id, s->report->sig.key_id) == 0) {
		s->key = k;
		s->found = true;
	}
	return 0;
}

static bool
is_key_name(const char *file)
{
	size_t n = strlen(file);

	return file[0] != '.' && n > 5 && strcmp(file + n - 5, ".json") == 0 &&
	    strcmp(file, POLSTORE_REVOKED) != 0 &&
	    strcmp(file, POLSTORE_PRIVATE) != 0;
}

static int
read_keys(struct search *s)
{
	struct dirent *de;
	struct stat st;
	const char *why;
	int fd, ret = 0;
	DIR *d;

	if (fstat(s->store->fd, &st) == -1) {
		store_report(s, "", strerror(errno));
		return -1;
	}
	why = polstore_mode_error(s->store, &st);
	if (why != NULL) {
		store_report(s, "", why);
		return -1;
	}
	/* an offset of our own */
	fd = openat(s->store->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd == -1 ? NULL : fdopendir(fd);
	if (d == NULL) {
		store_report(s, "", strerror(errno));
		if (fd != -1)
			close(fd);
		return -1;
	}
	for (errno = 0; ret == 0 && (de = readdir(d)) != NULL; errno = 0) {
		if (is_key_name(de->d_name))
			ret = take_key(s, de->d_name);
	}
	if (ret == 0 && errno != 0) {
		store_report(s, "", strerror(errno));
		ret = -1;
	}
	closedir(d);
	return ret;
}

/* 1 there, 0 not there, -1 the list is not one. */
static int
list_has(const struct json_list *l, const char *id)
{
	bool there = false;
	size_t i;

	for (i = 0; i < l->n; i++) {
		if (!polsig_id_is_valid(l->v[i]))
			return -1;
		there = there || strcmp(l->v[i], id) == 0;
	}
	return there;
}

static enum polsig_status
check_revoked(struct search *s)
{
	char buf[POLSIG_MAX_BYTES + 1], err[512];
	struct polreport *r = s->report;
	struct revoked rev = { 0 };
	enum polsig_status ret = POLSIG_OK;
	int errnum, key, policy;
	size_t len;

	if (store_read(s, POLSTORE_REVOKED, buf, &len, &errnum) == -1) {
		if (errnum != ENOENT)
			return POLSIG_STORE;
		/* nothing was revoked yet */
		r->why[0] = '\0';
		return POLSIG_OK;
	}
	if (json_decode(revoked_fields, NREVOKED, buf, len, &rev, err,
		sizeof(err)) == -1) {
		ret = store_report(s, POLSTORE_REVOKED, err);
	} else {
		key = list_has(&rev.keys, r->sig.key_id);
		policy = list_has(&rev.policies, r->digest);
		if (key == -1 || policy == -1)
			ret = store_report(s, POLSTORE_REVOKED,
			    "an entry is not 64 hexadecimal digits");
		else if (key == 1)
			ret = report(r, POLSIG_REVOKED, s->store->path,
			    POLSTORE_REVOKED, "key %s is revoked",
			    r->sig.key_id);
		else if (policy == 1)
			ret = report(r, POLSIG_WITHDRAWN, s->store->path,
			    POLSTORE_REVOKED,
			    "the policy with SHA-256 %s is "
			    "revoked",
			    r->digest);
	}
	json_release(revoked_fields, NREVOKED, &rev);
	return ret;
}

static enum polsig_status
read_signature(int dir, const char *file, struct polreport *r)
{
	char buf[POLSIG_MAX_BYTES + 1], err[512];
	enum polsig_status status = POLSIG_MALFORMED;
	size_t len;
	int errnum;

	if (polstore_read(dir, file, buf, POLSIG_MAX_BYTES, &len, NULL, &errnum,
		err, sizeof(err)) == 0)
		status = polsig_parse(buf, len, &r->sig, err, sizeof(err));
	else if (errnum == ENOENT)
		return report(r, POLSIG_MISSING, NULL, file,
		    "the policy is not signed: there is no such file");
	if (status != POLSIG_OK)
		report(r, status, NULL, file, "%s", err);
	return status;
}

enum polsig_status
polstore_check(const struct polstore *store, int sigdir, const char *sigfile,
    const char *name, const void *text, size_t len, int64_t now,
    struct polreport *r)
{
	struct search s = { .store = store, .report = r };
	enum polsig_status status;
	char err[512];

	memset(r, 0, sizeof(*r));
	s.ids = calloc(POLSTORE_MAX_FILES, sizeof(*s.ids));
	if (s.ids == NULL || polsig_sha256(text, len, r->digest) == -1) {
		free(s.ids);
		return report(r, POLSIG_STORE, NULL, sigfile, "out of memory");
	}
	status = read_signature(sigdir, sigfile, r);
	if (status == POLSIG_OK) {
		/* even where it says no more: one bad file is an error */
		status = read_keys(&s) == 0 ? POLSIG_OK : POLSIG_STORE;
	}
	free(s.ids);
	if (status == POLSIG_OK)
		status = check_revoked(&s);
	if (status != POLSIG_OK)
		return status;
	if (!s.found)
		return report(r, POLSIG_UNKNOWN_KEY, NULL, sigfile,
		    "key %s is not in the trust store %s", r->sig.key_id,
		    store->path);
	snprintf(r->label, sizeof(r->label), "%s", s.key.label);
	r->status = polsig_check(&r->sig, &s.key, name, text, len, now, err,
	    sizeof(err));
	if (r->status != POLSIG_OK)
		report(r, r->status, NULL, sigfile, "%s", err);
	return r->status;
}
