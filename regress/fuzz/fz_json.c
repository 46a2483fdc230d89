/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: the body of a request, by the table of exec. What is accepted
 * has to come out as valid UTF-8 strings without NUL.
 */
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "utf8.h"

struct body {
	char *command;
	struct json_list args;
	struct json_pairs env;
	struct json_bytes input;
	enum json_bool stream;
	uint64_t number;
};

static const struct json_field fields[] = {
	{ "command", JSON_STRING, offsetof(struct body, command),
	    AGENTSH_PATH_MAX, JSON_REQUIRED },
	{ "args", JSON_LIST, offsetof(struct body, args), 0, 0 },
	{ "env", JSON_PAIRS, offsetof(struct body, env), 0, 0 },
	{ "stdin", JSON_BYTES, offsetof(struct body, input), 0, 0 },
	{ "stream_output", JSON_BOOL, offsetof(struct body, stream), 0, 0 },
	{ "number", JSON_UINT, offsetof(struct body, number), 0, 0 },
	{ "policy.rule", JSON_REFUSED, 0, 0, 0 },
};

#define NFIELDS (sizeof(fields) / sizeof(fields[0]))

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
want_text(const char *s)
{
	if (!utf8_is_valid(s, strlen(s)))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct body b = { 0 };
	char err[128];
	size_t i;
	yajl_gen g;

	if (json_decode(fields, NFIELDS, data, size, &b, err, sizeof(err)) ==
	    0) {
		want_text(b.command);
		for (i = 0; i < b.args.n; i++)
			want_text(b.args.v[i]);
		for (i = 0; i < 2 * b.env.n; i++)
			want_text(b.env.v[i]);
	} else if (err[0] == '\0')
		abort();
	json_release(fields, NFIELDS, &b);
	(void)json_scan(fields, NFIELDS, data, size, &b, err, sizeof(err));
	json_release(fields, NFIELDS, &b);
	if (utf8_cut(data, size) > size)
		abort();
	if ((g = json_new()) != NULL) {
		json_text(g, data, size);
		yajl_gen_free(g);
	}
	return 0;
}
