/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: any bytes as a policy; what compiles must be an image that its
 * reader accepts, and its normal form a policy with the same image.
 */
#include <stdlib.h>
#include <string.h>

#include "image.h"
#include "policyd/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const struct vars vars = { "/workspace", "/home/${u}", "u*", "1000" };

/* A policy that was accepted, printed and read again. */
static void
round_trip(const struct policy *p, const struct compiled *want)
{
	struct policy again;
	struct compiled out;
	struct buf text;
	struct aerr e;

	/* some that are many times larger when printed cannot be read */
	if (policy_print(p, &text) == -1)
		return;
	if (text.len <= YDOC_MAX_BYTES) {
		if (policy_build("printed", text.data, text.len, &vars, false,
			&again, &out, &e) == -1)
			abort();
		if (out.image.len != want->image.len ||
		    memcmp(out.image.data, want->image.data, out.image.len) !=
			0)
			abort();
		compiled_free(&out);
		policy_free(&again);
	}
	buf_free(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy p;
	struct compiled out;
	struct verdict v;
	struct image im = { 0 };
	struct aerr e;

	if (policy_build("fuzz", data, size, &vars, false, &p, &out, &e) == -1)
		return 0;
	im.base = out.image.data;
	im.size = out.image.len;
	if (image_verify(&im) == -1)
		abort();
	(void)image_eval_file(&im, FILE_OP_WRITE, "/workspace/a", 12, &v);
	(void)image_eval_command(&im,
	    &(struct command_query){ .command = "/usr/bin/Git" }, &v);
	round_trip(&p, &out);
	compiled_free(&out);
	policy_free(&p);
	return 0;
}
