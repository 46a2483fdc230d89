/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict JSON: what is taken, what is refused and in which words, and that
 * what is written is always JSON.
 */
#include "json.h"
#include "t.h"
#include "utf8.h"

struct body {
	char *name;
	struct json_bytes input;
	enum json_bool flag;
	uint64_t number;
	struct json_list args;
	struct json_pairs env;
};

static const struct json_field fields[] = {
	{ "name", JSON_STRING, offsetof(struct body, name), 8, JSON_REQUIRED },
	{ "input", JSON_BYTES, offsetof(struct body, input), 0, 0 },
	{ "flag", JSON_BOOL, offsetof(struct body, flag), 0, 0 },
	{ "number", JSON_UINT, offsetof(struct body, number), 0, 0 },
	{ "args", JSON_LIST, offsetof(struct body, args), 0, 0 },
	{ "env", JSON_PAIRS, offsetof(struct body, env), 0, 0 },
	{ "old", JSON_REFUSED, 0, 0, 0 },
};

#define NFIELDS (sizeof(fields) / sizeof(fields[0]))

struct event {
	char *type;
	char *rule;
	enum json_bool blocked;
};

static const struct json_field event_fields[] = {
	{ "type", JSON_STRING, offsetof(struct event, type), 0, JSON_REQUIRED },
	{ "policy.rule", JSON_STRING, offsetof(struct event, rule), 0, 0 },
	{ "fields.blocked", JSON_BOOL, offsetof(struct event, blocked), 0, 0 },
};

#define NEVENT (sizeof(event_fields) / sizeof(event_fields[0]))

/* An array of so many strings is taken, and one of one more is not. */
static void
array_limit(void)
{
	static const char begin[] = "{\"name\":\"a\",\"args\":[";
	static char text[sizeof(begin) + 3 * (JSON_WORDS_MAX + 1) + 2];
	struct body b = { 0 };
	char err[256];
	size_t i, n, len;

	for (n = JSON_WORDS_MAX; n <= JSON_WORDS_MAX + 1; n++) {
		len = sizeof(begin) - 1;
		memcpy(text, begin, len);
		for (i = 0; i < n; i++, len += 3)
			memcpy(text + len, "\"\",", 3);
		memcpy(text + len - 1, "]}", 2);
		CHECK_INT(json_decode(fields, NFIELDS, text, len + 1, &b, err,
			      sizeof(err)),
		    n == JSON_WORDS_MAX ? 0 : -1);
		CHECK_STR(err,
		    n == JSON_WORDS_MAX ?
			"" :
			"field \"args\" has too many strings");
		json_release(fields, NFIELDS, &b);
		memset(&b, 0, sizeof(b));
	}
}

static void
accepted(void)
{
	static const char text[] =
	    " {\"name\":\"a\\u00e9\",\"input\":\"x\\u0000y\",\"flag\":false,"
	    "\"number\":12345678901234567,\"args\":[\"\",\"b\",\"c\"],"
	    "\"env\":{\"A\":\"1\",\"\":\"2\"}} \n";
	struct body b = { 0 };
	char err[256];

	CHECK_INT(json_decode(fields, NFIELDS, text, strlen(text), &b, err,
		      sizeof(err)),
	    0);
	CHECK_STR(err, "");
	CHECK_STR(b.name, "a\xc3\xa9");
	CHECK(b.input.len == 3 && memcmp(b.input.data, "x\0y", 3) == 0);
	CHECK_INT(b.flag, JSON_FALSE);
	CHECK_INT(b.number, 12345678901234567);
	CHECK_INT(b.args.n, 3);
	CHECK_STR(b.args.v[0], "");
	CHECK_STR(b.args.v[2], "c");
	CHECK(b.args.v[3] == NULL);
	CHECK_INT(b.env.n, 2);
	CHECK_STR(b.env.v[0], "A");
	CHECK_STR(b.env.v[1], "1");
	CHECK_STR(b.env.v[3], "2");
	json_release(fields, NFIELDS, &b);
	CHECK(b.name == NULL && b.args.v == NULL);
}

static void
many(void)
{
	struct body b = { 0 };
	char err[256], word[32];
	size_t i;
	yajl_gen g = json_new();
	const unsigned char *text;
	size_t len;

	yajl_gen_map_open(g);
	json_put_str(g, "name", "n");
	json_key(g, "args");
	yajl_gen_array_open(g);
	for (i = 0; i < 1000; i++) {
		snprintf(word, sizeof(word), "%zu", i);
		json_str(g, word);
	}
	yajl_gen_array_close(g);
	yajl_gen_map_close(g);
	yajl_gen_get_buf(g, &text, &len);
	CHECK_INT(json_decode(fields, NFIELDS, text, len, &b, err, sizeof(err)),
	    0);
	CHECK_INT(b.args.n, 1000);
	for (i = 0; i < b.args.n; i++) {
		snprintf(word, sizeof(word), "%zu", i);
		CHECK_STR(b.args.v[i], word);
	}
	CHECK(b.args.v[1000] == NULL);
	json_release(fields, NFIELDS, &b);
	yajl_gen_free(g);
}

static const struct {
	const char *text;
	const char *err;
} refused_texts[] = {
	{ "", "invalid json: parse error: premature EOF" },
	{ "{", "invalid json: parse error: premature EOF" },
	{ "null", "the body must be a JSON object" },
	{ "\"x\"", "the body must be a JSON object" },
	{ "[]", "the body must be a JSON object" },
	{ "{}", "name is required" },
	{ "{\"name\":\"a\"} {}",
	    "invalid json: parse error: trailing garbage" },
	{ "{\"name\":\"a\"}x", "invalid json: parse error: trailing garbage" },
	{ "{\"name\":\"a\",\"nam\":1}", "unknown field \"nam\"" },
	{ "{\"name\":\"a\",\"Name\":1}", "unknown field \"Name\"" },
	{ "{\"name\":\"a\",\"a.b\":1}", "unknown field \"a.b\"" },
	{ "{\"name\":\"a\",\"name\\u0000\":1}", "unknown field \"name\"" },
	{ "{\"name\":\"a\",\"name\":\"b\"}", "field \"name\" is there twice" },
	{ "{\"name\":null}", "field \"name\" must be a string" },
	{ "{\"name\":1}", "field \"name\" must be a string" },
	{ "{\"name\":{}}", "field \"name\" must be a string" },
	{ "{\"name\":[\"a\"]}", "field \"name\" must be a string" },
	{ "{\"name\":\"123456789\"}", "field \"name\" is longer than 8 bytes" },
	{ "{\"name\":\"a\\u0000\"}", "field \"name\" holds a NUL" },
	{ "{\"flag\":\"true\"}", "field \"flag\" must be true or false" },
	{ "{\"flag\":0}", "field \"flag\" must be true or false" },
	{ "{\"number\":-1}",
	    "field \"number\" must be a whole number, not negative" },
	{ "{\"number\":1.0}",
	    "field \"number\" must be a whole number, not negative" },
	{ "{\"number\":1e3}",
	    "field \"number\" must be a whole number, not negative" },
	{ "{\"number\":99999999999999999999}",
	    "field \"number\" must be a whole number, not negative" },
	{ "{\"args\":\"a\"}", "field \"args\" must be an array of strings" },
	{ "{\"args\":[1]}", "field \"args\" must be an array of strings" },
	{ "{\"args\":[null]}", "field \"args\" must be an array of strings" },
	{ "{\"args\":[[\"a\"]]}",
	    "field \"args\" must be an array of strings" },
	{ "{\"args\":[{}]}", "field \"args\" must be an array of strings" },
	{ "{\"args\":[\"\\u0000\"]}", "field \"args\" holds a NUL" },
	{ "{\"env\":[]}", "field \"env\" must be an object of strings" },
	{ "{\"env\":{\"A\":1}}", "field \"env\" must be an object of strings" },
	{ "{\"env\":{\"A\":{}}}",
	    "field \"env\" must be an object of strings" },
	{ "{\"env\":{\"A\":\"\",\"A\":\"\"}}",
	    "field \"env.A\" is there twice" },
	{ "{\"env\":{\"A\\u0000\":\"\"}}", "field \"env\" holds a NUL" },
	{ "{\"old\":1}", "field \"old\" is not supported by this build" },
	{ "{\"name\":\"\\ud800\"}", "invalid json: half of a surrogate pair" },
	{ "{\"name\":\"\\udc00\"}", "invalid json: half of a surrogate pair" },
	{ "{\"name\":\"\\ud800\\u0041\"}",
	    "invalid json: half of a surrogate pair" },
	{ "{\"name\":\"\xff\"}", "invalid json: not UTF-8" },
	{ "{\"name\":\"\xc0\x80\"}", "invalid json: not UTF-8" },
	{ "{\"name\":\"\xed\xa0\x80\"}", "invalid json: not UTF-8" },
	{ "{\"name\":\"\xf4\x90\x80\x80\"}", "invalid json: not UTF-8" },
	{ "{\"name\":\"a\n\"}", NULL },
	{ "{\"name\":\"a\",}", NULL },
	{ "{'name':'a'}", NULL },
	{ "{\"name\":\"a\" /* c */}", NULL },
	{ "{\"name\" \"a\"}", NULL },
	{ "{\"name\":tru}", NULL },
	{ "{\"number\":01}", NULL },
};

static void
refused(void)
{
	struct body b;
	char err[256];
	size_t i;

	for (i = 0; i < sizeof(refused_texts) / sizeof(refused_texts[0]); i++) {
		memset(&b, 0, sizeof(b));
		CHECK_INT(json_decode(fields, NFIELDS, refused_texts[i].text,
			      strlen(refused_texts[i].text), &b, err,
			      sizeof(err)),
		    -1);
		if (refused_texts[i].err != NULL)
			CHECK_STR(err, refused_texts[i].err);
		CHECK(err[0] != '\0');
		json_release(fields, NFIELDS, &b);
	}
}

static void
depth(void)
{
	char text[512], err[256];
	struct event e = { 0 };
	size_t i, len;

	len = (size_t)snprintf(text, sizeof(text), "{\"type\":\"t\",\"x\":");
	for (i = 0; i < JSON_DEPTH_MAX; i++)
		text[len++] = '[';
	CHECK_INT(json_scan(event_fields, NEVENT, text, len, &e, err,
		      sizeof(err)),
	    -1);
	CHECK_STR(err, "nested too deeply");
	json_release(event_fields, NEVENT, &e);
}

static void
scanned(void)
{
	static const char text[] =
	    "{\"id\":1,\"skip\":{\"type\":\"no\",\"policy\":{\"rule\":\"no\"},"
	    "\"a\":[{},[1,null,true]]},\"type\":\"yes\",\"policy\":"
	    "{\"x\":[],\"rule\":\"r\",\"y\":{\"rule\":\"no\"}},"
	    "\"rule\":\"no\",\"fields\":{\"blocked\":true},\"z\":null}";
	struct event e = { 0 };
	char err[256];

	CHECK_INT(json_scan(event_fields, NEVENT, text, strlen(text), &e, err,
		      sizeof(err)),
	    0);
	CHECK_STR(err, "");
	CHECK_STR(e.type, "yes");
	CHECK_STR(e.rule, "r");
	CHECK_INT(e.blocked, JSON_TRUE);
	json_release(event_fields, NEVENT, &e);
}

/* The text of one array element. */
static void
written(const char *want, bool bad, const void *data, size_t len)
{
	const unsigned char *text;
	size_t textlen;
	yajl_gen g = json_new();

	CHECK(json_text(g, data, len) == bad);
	yajl_gen_get_buf(g, &text, &textlen);
	CHECK_STR((const char *)text, want);
	yajl_gen_free(g);
}

static void
texts(void)
{
	written("\"\"", false, NULL, 0);
	written("\"a\\\"\\\\\\n\\u0001\"", false, "a\"\\\n\x01", 5);
	written("\"a\\u0000b\"", false, "a\0b", 3);
	written("\"a\xef\xbf\xbd"
		"b\"",
	    true,
	    "a\xff"
	    "b",
	    3);
	written("\"\xef\xbf\xbd\xef\xbf\xbd\"", true, "\xe2\x82", 2);
	written("\"\xe2\x82\xac\xef\xbf\xbd\"", true, "\xe2\x82\xac\xed", 4);
}

static void
base64(void)
{
	static const char *const want[] = { "\"\"", "\"Zg==\"", "\"Zm8=\"",
		"\"Zm9v\"", "\"Zm9vYg==\"", "\"Zm9vYmE=\"", "\"Zm9vYmFy\"" };
	const unsigned char *text;
	size_t i, len;
	yajl_gen g;

	/* the vectors of RFC 4648 */
	for (i = 0; i <= 6; i++) {
		g = json_new();
		json_base64(g, "foobar", i);
		yajl_gen_get_buf(g, &text, &len);
		CHECK_STR((const char *)text, want[i]);
		yajl_gen_free(g);
	}
}

static bool starved;

/* Takes the place of libc's. */
void *
reallocarray(void *p, size_t n, size_t size)
{
	if (starved || __builtin_mul_overflow(n, size, &size))
		return NULL;
	return realloc(p, size);
}

/* Without memory for one string there is no text that lacks it. */
static void
no_memory(void)
{
	const unsigned char *text;
	size_t len;
	yajl_gen g;
	int what;

	for (what = 0; what < 3; what++) {
		g = json_new();
		yajl_gen_array_open(g);
		json_str(g, "a");
		starved = what != 0;
		if (what == 1)
			CHECK(json_text(g, "\xff", 1));
		else
			json_base64(g, "b", 1);
		json_base64(g, "b", 1);
		starved = false;
		json_str(g, "c");
		yajl_gen_array_close(g);
		CHECK((yajl_gen_get_buf(g, &text, &len) ==
			  yajl_gen_status_ok) == (what == 0));
		yajl_gen_free(g);
	}
}

static void
cuts(void)
{
	CHECK_INT(utf8_cut("", 0), 0);
	CHECK_INT(utf8_cut("ab", 2), 2);
	CHECK_INT(utf8_cut("a\xe2\x82\xac", 4), 4);
	CHECK_INT(utf8_cut("a\xe2\x82", 3), 1);
	CHECK_INT(utf8_cut("a\xe2", 2), 1);
	CHECK_INT(utf8_cut("\xf0\x9f\x98", 3), 0);
	/* bytes that begin no character are not waited for */
	CHECK_INT(utf8_cut("a\xff", 2), 2);
	CHECK_INT(utf8_cut("\x80\x80\x80\x80", 4), 4);
}

int
main(void)
{
	T_RUN(accepted);
	T_RUN(many);
	T_RUN(array_limit);
	T_RUN(refused);
	T_RUN(depth);
	T_RUN(scanned);
	T_RUN(texts);
	T_RUN(base64);
	T_RUN(no_memory);
	T_RUN(cuts);
	return done_testing();
}
