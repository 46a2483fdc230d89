/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages with fields: what is accepted for which kind of rule, what comes
 * out, and that neither values nor sizes do harm.
 */
#include "t.h"
#include "template.h"

static void
accepted(void)
{
	struct template_error te;

	CHECK(template_check("", FAMILY_FILE, &te) == 0);
	CHECK(template_check("no { {x} }} braces", FAMILY_FILE, &te) == 0);
	CHECK(template_check("{{.Path}}{{ .Rule }}", FAMILY_FILE, &te) == 0);
	CHECK(template_check("{{.Path}}", FAMILY_UNIX, &te) == 0);
	CHECK(template_check("{{.Args}}", FAMILY_COMMAND, &te) == 0);
	CHECK(template_check("{{.Host}}:{{.Port}}", FAMILY_NETWORK, &te) == 0);
	CHECK(template_check("{{.Signal}}", FAMILY_SIGNAL, &te) == 0);
}

static void
refused(void)
{
	struct template_error te;

	CHECK(template_check("a {{.Nope}} b", FAMILY_FILE, &te) == -1);
	CHECK_STR(te.field, ".Nope");
	CHECK_STR(te.what, "unknown field");
	CHECK(te.near == NULL);
	CHECK(template_check("{{.Rule}}{{ PATH }}", FAMILY_FILE, &te) == -1);
	CHECK(te.near != NULL && strcmp(te.near, "Path") == 0);
	CHECK(template_check("{{.Host}}", FAMILY_FILE, &te) == -1);
	CHECK_STR(te.what, "a rule of this kind has no such field");
	CHECK(template_check("{{.Path", FAMILY_FILE, &te) == -1);
	CHECK_STR(te.what, "braces that are not closed");
	CHECK(template_check("{{}}", FAMILY_FILE, &te) == -1);
	CHECK(template_check("{{.}}", FAMILY_FILE, &te) == -1);
	CHECK(template_check("{{  }}", FAMILY_FILE, &te) == -1);
	CHECK(template_check("{{.Path | upper}}", FAMILY_FILE, &te) == -1);
	/* a long one is cut, not overrun */
	CHECK(template_check("{{.PathPathPathPathPathPathPathPathPath}}",
		  FAMILY_FILE, &te) == -1);
	CHECK_INT(strlen(te.field), sizeof(te.field) - 1);
}

static void
expanded(void)
{
	const char *v[TEMPLATE_MAX] = {
		[TEMPLATE_PATH] = "/a\033[1m{{.Rule}}",
		[TEMPLATE_RULE] = "r",
		[TEMPLATE_PORT] = "",
	};
	char dst[128] = "";
	size_t n;

	n = template_expand(dst, sizeof(dst),
	    "<{{.Path}}> by {{ .Rule }}, {{.Port}}{{.Host}}{{.Nope}} {{.", v);
	CHECK_INT(n, strlen(dst));
	CHECK_STR(dst, "</a\\033[1m{{.Rule}}> by r, {{.Host}}{{.Nope}} {{.");
	CHECK_INT(template_expand(dst, sizeof(dst), "", v), 0);
	CHECK_STR(dst, "");
	CHECK_INT(template_expand(NULL, 0, "{{.Rule}}ab", v), 3);
}

static void
bounded(void)
{
	const char *v[TEMPLATE_MAX] = { [TEMPLATE_RULE] = "\303\244\303\244" };
	char dst[10];
	size_t size;

	for (size = 1; size < sizeof(dst); size++) {
		memset(dst, 'x', sizeof(dst));
		CHECK_INT(template_expand(dst, size, "a{{.Rule}}b", v), 6);
		CHECK(strlen(dst) < size);
		CHECK(dst[size] == 'x');
		/* whole characters, and nothing after what was cut */
		CHECK(strncmp("a\303\244\303\244b", dst, strlen(dst)) == 0);
		CHECK(strlen(dst) == 0 || size == 1 ||
		    strlen(dst) == 1 + ((size - 2) & ~1U) || strlen(dst) == 6);
	}
}

int
main(void)
{
	T_RUN(accepted);
	T_RUN(refused);
	T_RUN(expanded);
	T_RUN(bounded);
	return done_testing();
}
