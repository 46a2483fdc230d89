/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What exec shows of an answer, and its exit status. The command's output is
 * copied byte for byte; everything we say ourselves is made safe first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

static void
say_list(const struct jval *list, const char *label)
{
	const struct jval *v;
	const char *text;

	if (list == NULL || list->type != J_ARRAY)
		return;
	for (v = list->child; v != NULL; v = v->next) {
		text = strcmp(label, "try") == 0 ? NULL : jv_str(v, "reason");
		if (text == NULL)
			text = jv_str(v, "command");
		if (text == NULL)
			text = jv_str(v, "reason");
		if (text == NULL)
			text = jv_str(v, "action");
		if (text != NULL)
			say("%s: %s", label, text);
	}
}

static void
say_denied(const struct jval *root)
{
	const char *reason = jv_str(root, "guidance.reason");
	const char *rule = jv_str(root, "guidance.policy_rule");

	if (reason == NULL)
		reason = jv_str(root, "result.error.message");
	if (rule == NULL)
		rule = jv_str(root, "result.error.policy_rule");
	say("%s (rule=%s)",
	    reason == NULL ? "command denied by policy" : reason,
	    rule == NULL ? "-" : rule);
	say_list(jv_at(root, "guidance.substitutions"), "try");
	say_list(jv_at(root, "guidance.suggestions"), "hint");
}

static int
copy_stream(const struct args *a, const struct exec_plan *p,
    const struct jval *root, int fd, const char *stream)
{
	const struct jval *result = jv_at(root, "result");
	const char *cmdid = jv_str(root, "command_id");
	uint64_t len, total;
	char key[64];

	if (output_put(fd, result, stream, &len) == -1)
		return -1;
	snprintf(key, sizeof(key), "%s_total_bytes", stream);
	if (cmdid == NULL || jv_u64(result, key, &total) == -1 || total <= len)
		return 0;
	return output_rest(a, fd, p->id, cmdid, stream, len, total);
}

static int
show_shell(const struct args *a, const struct exec_plan *p, int status,
    const struct jval *root, uint64_t code)
{
	const char *err = jv_str(root, "result.error.code");
	const char *message = jv_str(root, "result.error.message");
	const struct jval *text = jv_at(root, "result.stderr");
	int r = 0;

	if (copy_stream(a, p, root, STDOUT_FILENO, "stdout") == -1)
		r = -1;
	if (copy_stream(a, p, root, STDERR_FILENO, "stderr") == -1)
		r = -1;
	if (status == 403)
		say_denied(root);
	else if (err != NULL && message != NULL && code != 0 &&
	    (text == NULL || text->len == 0) &&
	    jv_at(root, "result.stderr_base64") == NULL)
		/* nobody else tells why it did not run */
		say("%s", message);
	return r;
}

int
exec_show(const struct args *a, const struct exec_plan *p, const struct call *c)
{
	const struct jval *root = c->json == NULL ? NULL : c->json->root;
	uint64_t code;
	int r = 0;

	if (jv_at(root, "result") == NULL ||
	    (c->status != 200 && c->status != 403))
		return call_error(c);
	if (jv_u64(root, "result.exit_code", &code) == -1 || code > 255) {
		say("the server's answer has no exit code");
		return EXIT_FAILURE;
	}
	if (c->status == 403)
		code = EXIT_DENIED;
	if (p->json)
		print_body(c);
	else
		r = show_shell(a, p, c->status, root, code);
	/* lost output must not look like success */
	return r == -1 && code == 0 ? EXIT_FAILURE : (int)code;
}
