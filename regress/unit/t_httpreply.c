/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parser of HTTP replies, the JSON tree, base64 and SHA-256 of agentsh.
 */
#include "t.h"

#include "../../src/agentsh/httpreply.h"
#include "../../src/agentsh/jsontree.h"

#define OK "HTTP/1.1 200 OK\r\n"
#define CL "Content-Length: "
#define TE "Transfer-Encoding: chunked\r\n"

static const struct {
	const char *reply;
	int result;
	int status;
	const char *body;
} cases[] = {
	{ OK CL "2\r\n\r\nhi", 1, 200, "hi" },
	{ OK CL "2\r\n\r\nhi, and more", 1, 200, "hi" },
	{ OK CL "0\r\n\r\n", 1, 200, "" },
	{ OK "content-length:\t2 \r\n\r\nhi", 1, 200, "hi" },
	{ OK CL "2\r\n" CL "2\r\n\r\nhi", 1, 200, "hi" },
	{ "HTTP/1.0 404\r\n" CL "1\r\n\r\nx", 1, 404, "x" },
	{ "HTTP/1.1 204 No Content\r\n\r\n", 1, 204, "" },
	{ "HTTP/1.1 100 Continue\r\n\r\n" OK CL "1\r\n\r\nx", 1, 200, "x" },
	{ OK TE "\r\n2\r\nhi\r\n1;x=\"y\"\r\n!\r\n0\r\n\r\n", 1, 200, "hi!" },
	{ OK TE "\r\nA\r\n0123456789\r\n0\r\nT: v\r\n\r\n", 1, 200,
	    "0123456789" },
	{ "", 0, 0, "" },
	{ OK, 0, 200, "" },
	{ OK CL "3\r\n\r\nhi", 0, 200, "hi" },
	{ OK TE "\r\n2\r\nhi", 0, 200, "hi" },
	{ OK TE "\r\n2\r\nhi\r\n0\r\n", 0, 200, "hi" },
	{ "HTTP/2 200 OK\r\n\r\n", -1, 0, "" },
	{ "HTTP/1.1 2000 OK\r\n\r\n", -1, 0, "" },
	{ "HTTP/1.1 099 OK\r\n\r\n", -1, 0, "" },
	{ "HTTP/1.1 600 OK\r\n\r\n", -1, 0, "" },
	{ "HTTP/1.1 101 Switch\r\n\r\n", -1, 101, "" },
	{ "SSH-2.0-x\r\n", -1, 0, "" },
	{ "HTTP/1.1 200 OK\n" CL "2\n\nhi", -1, 0, "" },
	{ OK "\r\n{}", -1, 200, "" },
	{ OK CL "2\r\n" CL "3\r\n\r\nhi", -1, 200, "" },
	{ OK CL "2\r\n" TE "\r\n", -1, 200, "" },
	{ OK TE CL "2\r\n\r\n", -1, 200, "" },
	{ OK TE TE "\r\n", -1, 200, "" },
	{ OK "Transfer-Encoding: gzip, chunked\r\n\r\n", -1, 200, "" },
	{ OK CL "+2\r\n\r\nhi", -1, 200, "" },
	{ OK CL "0x2\r\n\r\nhi", -1, 200, "" },
	{ OK CL "2 2\r\n\r\nhi", -1, 200, "" },
	{ OK CL "\r\n\r\n", -1, 200, "" },
	{ OK CL "99999999999999999999\r\n\r\n", -1, 200, "" },
	{ OK CL "1001\r\n\r\n", -1, 200, "" },
	{ OK TE "\r\n3e9\r\n", -1, 200, "" },
	{ OK TE "\r\n-1\r\n", -1, 200, "" },
	{ OK TE "\r\n\r\n", -1, 200, "" },
	{ OK TE "\r\n2\r\nhi!\r\n", -1, 200, "hi" },
	{ OK TE "\r\nfffffffffffffffff\r\n", -1, 200, "" },
	{ OK "Bad Name: x\r\n", -1, 200, "" },
	{ OK " folded: x\r\n", -1, 200, "" },
	{ OK "none\r\n", -1, 200, "" },
	{ OK "A: b\rc\r\n", -1, 200, "" },
};

static void
test_cases(void)
{
	static struct hr h;
	size_t i;
	int r;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		hr_init(&h, 1000);
		r = hr_feed(&h, cases[i].reply, strlen(cases[i].reply));
		T(r == cases[i].result && h.status == cases[i].status &&
			h.body.len == strlen(cases[i].body) &&
			(h.body.len == 0 ||
			    memcmp(h.body.data, cases[i].body, h.body.len) ==
				0) &&
			(r == -1) == (h.err != NULL),
		    "reply %zu: %d, status %d, body %zu, %s", i, r, h.status,
		    h.body.len, h.err == NULL ? "no error" : h.err);
		hr_free(&h);
	}
}

static void
test_limits(void)
{
	static struct hr h;
	static char line[HR_MAX_LINE + 1];
	int i, r = 0;

	memset(line, 'a', sizeof(line));
	hr_init(&h, 10);
	CHECK_INT(hr_feed(&h, line, sizeof(line)), -1);
	hr_free(&h);
	hr_init(&h, 10);
	hr_feed(&h, OK, strlen(OK));
	for (i = 0; i < 5000 && r == 0; i++)
		r = hr_feed(&h, "Some-Header: x\r\n", 16);
	CHECK_INT(r, -1);
	hr_free(&h);
	hr_init(&h, 10);
	for (i = r = 0; i < 100 && r == 0; i++)
		r = hr_feed(&h, "HTTP/1.1 103 X\r\n\r\n", 18);
	CHECK_INT(r, -1);
	CHECK(i <= HR_MAX_INTERIM + 1);
	hr_free(&h);
	/* many chunks are no large head */
	hr_init(&h, 100000);
	hr_feed(&h, OK TE "\r\n", strlen(OK TE "\r\n"));
	for (i = r = 0; i < 50000 && r == 0; i++)
		r = hr_feed(&h, "1\r\nx\r\n", 6);
	CHECK_INT(r, 0);
	CHECK_INT(h.body.len, 50000);
	CHECK_INT(hr_feed(&h, "0\r\n\r\n", 5), 1);
	hr_free(&h);
}

static void
test_json(void)
{
	static const char text[] =
	    "{\"a\":{\"b\":[1,\"x\\u0000y\"],\"n\":18446744073"
	    "709551615,\"m\":-1,\"f\":1.5,\"t\":true},\"s\":\"v\"}";
	const struct jval *v;
	struct json *j;
	const char *err;
	uint64_t n;

	j = json_parse(text, strlen(text), &err);
	CHECK(j != NULL);
	if (j == NULL)
		return;
	CHECK_STR(jv_str(j->root, "s"), "v");
	v = jv_at(j->root, "a.b");
	CHECK(v != NULL && v->type == J_ARRAY && v->child->next->len == 3);
	CHECK(jv_u64(j->root, "a.n", &n) == 0 && n == UINT64_MAX);
	CHECK(jv_u64(j->root, "a.m", &n) == -1);
	CHECK(jv_u64(j->root, "a.f", &n) == -1);
	CHECK(jv_u64(j->root, "s", &n) == -1);
	CHECK(jv_true(j->root, "a.t") && !jv_true(j->root, "a"));
	CHECK(jv_at(j->root, "a.b.c") == NULL && jv_at(NULL, "a") == NULL);
	CHECK(jv_at(j->root, "a.x.y") == NULL && jv_str(j->root, "a") == NULL);
	json_free(j);
}

static void
test_json_bad(void)
{
	static const char *const bad[] = { "", "{", "{}{}", "{\"a\":1", "[1,]",
		"\"\xff\"", "nul", "{\"a\\u0000b\":1}", "'x'" };
	static char deep[JSON_MAX_DEPTH + 1];
	const char *err;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		T(json_parse(bad[i], strlen(bad[i]), &err) == NULL &&
			err != NULL,
		    "not JSON: %zu", i);
	memset(deep, '[', sizeof(deep));
	T(json_parse(deep, sizeof(deep), &err) == NULL &&
		strcmp(err, "nested too deeply") == 0,
	    "too deep");
}

static void
test_base64(void)
{
	uint8_t out[16];
	size_t n;

	CHECK(base64_decode("", 0, out, &n) == 0 && n == 0);
	CHECK(base64_decode("AAH/Cg==", 8, out, &n) == 0 && n == 4 &&
	    memcmp(out, "\0\1\377\n", 4) == 0);
	CHECK(base64_decode("YWI=", 4, out, &n) == 0 && n == 2);
	CHECK(base64_decode("YWJj", 4, out, &n) == 0 && n == 3);
	CHECK(base64_decode("YWJ", 3, out, &n) == -1);
	CHECK(base64_decode("Y===", 4, out, &n) == -1);
	CHECK(base64_decode("Y=Jj", 4, out, &n) == -1);
	CHECK(base64_decode("YW\0j", 4, out, &n) == -1);
	CHECK(base64_decode("YW J", 4, out, &n) == -1);
}

int
main(void)
{
	test_cases();
	T_RUN(test_limits);
	T_RUN(test_json);
	test_json_bad();
	T_RUN(test_base64);
	return done_testing();
}
