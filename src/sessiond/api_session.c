/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The routes of sessions. sessiond checks what a client wrote; whose session
 * it becomes is privd's to find out.
 */
#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "http.h"
#include "log.h"
#include "path.h"
#include "sessiond.h"

struct create_body {
	char *id;
	char *workspace;
	char *policy;
	char *profile;
	enum json_bool real_paths;
	enum json_bool proxy;
};

static const struct json_field create_fields[] = {
	{ "id", JSON_STRING, offsetof(struct create_body, id), AGENTSH_ID_MAX,
	    0 },
	{ "workspace", JSON_STRING, offsetof(struct create_body, workspace),
	    AGENTSH_PATH_MAX, JSON_REQUIRED },
	{ "policy", JSON_STRING, offsetof(struct create_body, policy),
	    AGENTSH_NAME_MAX, 0 },
	{ "real_paths", JSON_BOOL, offsetof(struct create_body, real_paths), 0,
	    0 },
	{ "proxy", JSON_BOOL, offsetof(struct create_body, proxy), 0, 0 },
	{ "profile", JSON_STRING, offsetof(struct create_body, profile),
	    AGENTSH_NAME_MAX, 0 },
	{ "home", JSON_REFUSED, 0, 0, 0 },
	{ "detect_project_root", JSON_REFUSED, 0, 0, 0 },
	{ "project_root", JSON_REFUSED, 0, 0, 0 },
};

#define NCREATE (sizeof(create_fields) / sizeof(create_fields[0]))

void
api_health(struct request *rq)
{
	http_reply_plain(rq, "ok\n");
}

void
api_ready(struct request *rq)
{
	http_reply_plain(rq, "ready\n");
}

static const char *
session_state_name(const struct session *s)
{
	if (s->state == SESS_READY && s->nrunning > 0)
		return "busy";
	return sess_state_name(s->state);
}

static void
session_put(yajl_gen g, const struct session *s, uint32_t uid)
{
	char when[64];

	time_text(when, sizeof(when), s->created_ns);
	yajl_gen_map_open(g);
	json_put_str(g, "id", session_name(s, uid));
	json_put_str(g, "state", session_state_name(s));
	json_put_str(g, "created_at", when);
	json_put_str(g, "workspace", s->workspace);
	json_put_str(g, "workspace_mount", s->mount);
	json_put_str(g, "policy", s->policy);
	json_put_str(g, "cwd", s->cwd);
	json_put_str(g, "virtual_root", s->mount);
	json_put_str(g, "file_data", s->file_data);
	json_put_str(g, "file_transport", s->file_transport);
	json_put_str(g, "native_reads", s->native_reads);
	json_put_str(g, "network", s->network);
	if (s->proxy && session_has_network(s))
		json_put_str(g, "proxy_url", ENV_PROXY_URL);
	if (s->profile[0] != '\0')
		profile_put(g, s->profile);
	yajl_gen_map_close(g);
}

void
session_reply(struct request *rq, int status, const struct session *s)
{
	yajl_gen g = json_new();

	if (g == NULL) {
		http_error(rq, 500, "out of memory");
		return;
	}
	session_put(g, s, rq->uid);
	http_reply(rq, status, g);
}

/* The client of a session that is being made is gone: nobody will know it. */
static void
session_creator_gone(struct request *rq, void *arg)
{
	struct session *s = arg;

	(void)rq;
	s->creator = NULL;
}

static int
session_ask_privd(struct session *s, struct request *rq,
    const struct create_body *body, const char *policy, uint32_t flags)
{
	struct chan *privd = sessiond.proc.privd;
	struct msg_sess_create_unix *mu;
	struct msg_sess_create_tcp *mt;
	uint32_t id;
	int r = -1;

	mu = calloc(1, sizeof(*mu));
	mt = calloc(1, sizeof(*mt));
	if (mu == NULL || mt == NULL || (id = chan_request(privd, s)) == 0)
		goto out;
	snprintf(mu->id, sizeof(mu->id), "%s", s->id);
	snprintf(mu->workspace, sizeof(mu->workspace), "%s", body->workspace);
	snprintf(mu->policy, sizeof(mu->policy), "%s", policy);
	if (body->profile != NULL)
		snprintf(mu->profile, sizeof(mu->profile), "%s", body->profile);
	mu->flags = flags;
	if (!rq->tcp) {
		/* privd reads the peer's credentials from the socket itself */
		r = msg_send_sess_create_unix(privd, id, mu, &rq->fd);
		goto out;
	}
	snprintf(mt->id, sizeof(mt->id), "%s", mu->id);
	snprintf(mt->workspace, sizeof(mt->workspace), "%s", mu->workspace);
	snprintf(mt->policy, sizeof(mt->policy), "%s", mu->policy);
	snprintf(mt->profile, sizeof(mt->profile), "%s", mu->profile);
	mt->flags = flags;
	mt->client_port = rq->client_port;
	mt->family = rq->family;
	r = msg_send_sess_create_tcp(privd, id, mt, NULL);
out:
	free(mu);
	free(mt);
	return r;
}

/* Answers with an error itself. */
static int
session_check_body(struct request *rq, const struct create_body *body)
{
	const struct conf *conf = &sessiond.proc.conf;

	if (body->id != NULL && !session_id_is_valid(body->id)) {
		http_error_code(rq, 400, "invalid_id",
		    "field \"id\": letters, digits, \".\", \"_\" and "
		    "\"-\", at most 128, a letter or digit first");
		return -1;
	}
	if (body->workspace[0] != '/') {
		http_error_code(rq, 400, "invalid_workspace",
		    "field \"workspace\" must be an absolute path");
		return -1;
	}
	if (body->policy != NULL && !policy_name_is_valid(body->policy)) {
		http_error_code(rq, 400, "invalid_policy",
		    "field \"policy\" is not the name of a policy");
		return -1;
	}
	if (body->profile != NULL && body->policy != NULL) {
		http_error_code(rq, 400, "invalid_profile",
		    "fields \"profile\" and \"policy\": a profile brings its"
		    " policy");
		return -1;
	}
	if (body->profile != NULL && !profile_is_there(body->profile)) {
		http_error_code(rq, 400, "invalid_profile",
		    "field \"profile\" is not the name of a profile of"
		    " mount_profiles");
		return -1;
	}
	if (body->proxy == JSON_TRUE && conf->network == 0) {
		http_error_code(rq, 400, "invalid_request",
		    "field \"proxy\": sandbox.network.enabled of the server is"
		    " false");
		return -1;
	}
	if (body->id != NULL && session_find(rq->uid, body->id) != NULL) {
		http_error_code(rq, 409, "exists", "session already exists");
		return -1;
	}
	if (sessiond.nsessions >= conf->max_sessions) {
		http_error_code(rq, 400, "limit",
		    "session limit reached (%llu)",
		    (unsigned long long)conf->max_sessions);
		return -1;
	}
	return 0;
}

static void
session_create(struct request *rq, const struct create_body *body)
{
	const struct conf *conf = &sessiond.proc.conf;
	char id[AGENTSH_ID_MAX + 1], uuid[37];
	const char *policy;
	struct session *s;
	uint32_t flags = 0;

	if (session_check_body(rq, body) == -1)
		return;
	if (body->id != NULL)
		snprintf(id, sizeof(id), "%s", body->id);
	else {
		uuid4(uuid);
		snprintf(id, sizeof(id), "session-%s", uuid);
	}
	if (body->real_paths == JSON_TRUE ||
	    (body->real_paths == JSON_ABSENT && conf->real_paths != 0))
		flags |= SESS_REAL_PATHS;
	if ((s = session_new(id, rq->uid)) == NULL) {
		http_error_code(rq, 500, "internal", "out of memory");
		return;
	}
	s->proxy = body->proxy == JSON_TRUE ||
	    (body->proxy == JSON_ABSENT && conf->proxy_env != 0);
	/* of a profile agentshd knows the policy */
	policy = body->profile != NULL ? "" :
	    body->policy != NULL       ? body->policy :
					 conf->policy_default;
	if (session_ask_privd(s, rq, body, policy, flags) == -1) {
		chan_forget(sessiond.proc.privd, s);
		session_free(s);
		http_error_code(rq, 503, "busy",
		    "too many requests are waiting");
		return;
	}
	s->creator = rq;
	http_wait(rq, session_creator_gone, s);
}

void
api_session_create(struct request *rq)
{
	struct create_body body;
	char err[256];
	const char *text;
	size_t len;

	memset(&body, 0, sizeof(body));
	text = http_body(rq, &len);
	if (text == NULL)
		http_error_code(rq, 400, "invalid_request",
		    "invalid json: the body is empty");
	else if (json_decode(create_fields, NCREATE, text, len, &body, err,
		     sizeof(err)) == -1)
		http_error_code(rq, 400, "invalid_request", "%s", err);
	else
		session_create(rq, &body);
	json_release(create_fields, NCREATE, &body);
}

void
api_session_list(struct request *rq)
{
	struct session *s;
	yajl_gen g = json_new();

	if (g == NULL) {
		http_error(rq, 500, "out of memory");
		return;
	}
	yajl_gen_array_open(g);
	TAILQ_FOREACH(s, &sessiond.sessions, entry) {
		if (session_is_visible(s, rq->uid))
			session_put(g, s, rq->uid);
	}
	yajl_gen_array_close(g);
	http_reply(rq, 200, g);
}

void
api_session_get(struct request *rq)
{
	struct session *s = session_of(rq);

	if (s != NULL)
		session_reply(rq, 200, s);
}

/* What the session's policy was compiled from and for, so that a client can try
 * the same one; the digest says whether it is. */
void
api_session_policy(struct request *rq)
{
	static const char *const opaque[] = { [OPAQUE_ENFORCE] = "enforce",
		[OPAQUE_ALLOW] = "allow",
		[OPAQUE_DENY] = "deny" };
	const struct conf *conf = &sessiond.proc.conf;
	struct session *s = session_of(rq);
	yajl_gen g;

	if (s == NULL)
		return;
	if (s->state != SESS_READY) {
		http_error(rq, 409, "the session is not ready");
		return;
	}
	g = json_new();
	if (g == NULL) {
		http_error(rq, 500, "out of memory");
		return;
	}
	yajl_gen_map_open(g);
	json_put_str(g, "policy", s->policy);
	json_put_str(g, "image_sha256", s->digest);
	json_put_str(g, "directory", conf->policy_dir);
	json_put_str(g, "project_root", s->mount);
	json_put_str(g, "home", s->home);
	json_put_str(g, "user", s->user);
	json_put_u64(g, "uid", s->uid);
	json_put_str(g, "opaque", opaque[conf->shellc_opaque]);
	json_put_str(g, "fuse_scope",
	    conf->fuse_scope == SCOPE_ALL ? "all" : "auto");
	profile_put_policies(g, s->profile);
	yajl_gen_map_close(g);
	http_reply(rq, 200, g);
}

void
api_session_delete(struct request *rq)
{
	struct session *s = session_of(rq);

	if (s == NULL)
		return;
	if (session_wait_end(s, rq) == -1) {
		http_error(rq, 500, "out of memory");
		return;
	}
	session_stop(s, SESS_DESTROYED);
}

int
sessiond_on_sess_created(struct chan *ch, struct imsg *im)
{
	struct session *s = im->arg;
	struct msg_sess_created *m = calloc(1, sizeof(*m));
	struct request *rq;
	bool theirs, lost = im->lost;
	int r;

	(void)ch;
	if (m == NULL)
		fatalx("out of memory");
	r = msg_get_sess_created(im, m);
	/* a session is forgotten only where it was never asked for */
	if (r == -1 || s == NULL || strcmp(m->id, s->id) != 0) {
		free(m);
		return -1;
	}
	rq = s->creator;
	s->creator = NULL;
	/* the port of a client that went away may be another user's by the
	 * time privd looks: it is not the one who asked */
	theirs = m->uid == s->uid;
	r = session_ready(s, m, imsg_take_fd(im, 0));
	free(m);
	if (r == -1 || rq == NULL || !theirs) {
		session_stop(s, r == -1 ? SESS_HELPER_DIED : SESS_DESTROYED);
		if (rq != NULL && !theirs)
			http_error_code(rq, 403, "forbidden",
			    "the client's user cannot be found out");
		else if (rq != NULL && lost)
			http_error_code(rq, 503, "busy",
			    "the server has no descriptor left");
		else if (rq != NULL)
			http_error_code(rq, 500, "internal", "out of memory");
		return 0;
	}
	/* agentshd has told the log */
	log_debug("session %s of uid %u: ready", s->id, s->uid);
	session_reply(rq, 201, s);
	return 0;
}

int
sessiond_on_sess_failed(struct chan *ch, struct imsg *im)
{
	struct session *s = im->arg;
	struct msg_sess_failed m;
	struct request *rq;
	const char *code = m.code;
	int status;

	(void)ch;
	if (msg_get_sess_failed(im, &m) == -1 || s == NULL)
		return -1;
	rq = s->creator;
	session_free(s);
	status = m.http_status >= 400 && m.http_status <= 599 ?
	    (int)m.http_status :
	    500;
	/* a word, as all of ours are */
	if (code[0] == '\0' ||
	    code[strspn(code, "abcdefghijklmnopqrstuvwxyz_")] != '\0')
		code = "internal";
	if (rq != NULL)
		http_error_code(rq, status, code, "%s", m.message);
	return 0;
}

int
sessiond_on_sess_limits(struct chan *ch, struct imsg *im)
{
	struct msg_sess_limits m;
	struct session *s;

	(void)ch;
	if (msg_get_sess_limits(im, &m) == -1 ||
	    (s = session_by_number(m.session)) == NULL)
		return -1;
	session_set_limits(s, &m);
	return 0;
}

int
sessiond_on_sess_ended(struct chan *ch, struct imsg *im)
{
	struct msg_sess_ended m;
	struct session *s;

	(void)ch;
	if (msg_get_sess_ended(im, &m) == -1)
		return -1;
	if ((s = session_by_number(m.session)) == NULL)
		return -1;
	log_debug("session %s of uid %u: ended: %s", s->id, s->uid,
	    sess_reason_name(m.reason));
	session_ended(s,
	    m.detail[0] != '\0' ? m.detail : sess_reason_name(m.reason));
	return 0;
}
