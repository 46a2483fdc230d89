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

/* What to type where there is something, and why. */
static void
say_list(const struct jval *list, const char *label)
{
	const struct jval *v;
	const char *reason, *command;

	if (list == NULL || list->type != J_ARRAY)
		return;
	for (v = list->child; v != NULL; v = v->next) {
		reason = jv_str(v, "reason");
		if (reason == NULL)
			reason = jv_str(v, "action");
		command = jv_str(v, "command");
		if (command != NULL && strcmp(label, "try") == 0)
			say("%s: %s", label, command);
		else if (command != NULL && reason != NULL)
			say("%s: %s: %s", label, reason, command);
		else if (command != NULL || reason != NULL)
			say("%s: %s", label,
			    command != NULL ? command : reason);
	}
}

void
exec_say_denied(const struct jval *root)
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

void
exec_say_hints(const char *hints)
{
	size_t n;

	for (; hints != NULL && *hints != '\0'; hints += n) {
		n = strcspn(hints, "\n");
		if (strncmp(hints, "agentsh: ", 9) == 0 && n > 9)
			say("%.*s", (int)(n - 9), hints + 9);
		n += hints[n] == '\n';
	}
}

/*
 * The server ends the stderr of an answer with a line of its own in these
 * cases: it tells the reason, and it is no part of the stream.
 */
static bool
has_own_line(const struct jval *result)
{
	const char *code = jv_str(result, "error.code");

	return code != NULL &&
	    (strcmp(code, "E_TIMEOUT") == 0 ||
		strcmp(code, "E_INVALID_REQUEST") == 0);
}

static int
copy_stdout(const struct args *a, const struct exec_plan *p,
    const struct jval *root)
{
	const struct jval *result = jv_at(root, "result");
	const char *cmdid = jv_str(root, "command_id");
	uint64_t len, total;

	if (output_put(STDOUT_FILENO, result, "stdout", &len) == -1)
		return -1;
	if (cmdid == NULL ||
	    jv_u64(result, "stdout_total_bytes", &total) == -1 || total <= len)
		return 0;
	return output_rest(a, STDOUT_FILENO, p->id, cmdid, "stdout", len,
	    total);
}

/* *told: the stream as shown has the server's line. */
static int
copy_stderr(const struct args *a, const struct exec_plan *p,
    const struct jval *root, bool *told)
{
	const struct jval *result = jv_at(root, "result");
	const char *cmdid = jv_str(root, "command_id");
	uint64_t len = 0, total;
	bool more;

	more = cmdid != NULL && jv_true(result, "stderr_truncated") &&
	    jv_u64(result, "stderr_total_bytes", &total) == 0;
	*told = !more && has_own_line(result) &&
	    (jv_at(result, "stderr") != NULL ||
		jv_at(result, "stderr_base64") != NULL);
	/* with that line in it, the length says nothing about the stream */
	if ((!more || !has_own_line(result)) &&
	    output_put(STDERR_FILENO, result, "stderr", &len) == -1)
		return -1;
	if (!more || total <= len)
		return 0;
	return output_rest(a, STDERR_FILENO, p->id, cmdid, "stderr", len,
	    total);
}

static int
show_shell(const struct args *a, const struct exec_plan *p, int status,
    const struct jval *root)
{
	const char *message = jv_str(root, "result.error.message");
	bool told;
	int r = 0;

	if (copy_stdout(a, p, root) == -1)
		r = -1;
	if (copy_stderr(a, p, root, &told) == -1)
		r = -1;
	if (status == 403)
		exec_say_denied(root);
	else if (message != NULL && !told)
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
		r = show_shell(a, p, c->status, root);
	/* lost output must not look like success */
	return r == -1 && code == 0 ? EXIT_FAILURE : (int)code;
}
