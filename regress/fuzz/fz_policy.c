/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: any bytes as a policy; what compiles must be an image that its
 * reader accepts.
 */
#include <stdlib.h>
#include <string.h>

#include "image.h"
#include "policyd/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct vars vars = { "/workspace", "/home/u", "u" };
	struct policy p;
	struct compiled out;
	struct verdict v;
	struct image im;
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
	compiled_free(&out);
	policy_free(&p);
	return 0;
}
