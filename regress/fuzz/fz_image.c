/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: any bytes as a compiled policy; what passes the check must be
 * safe to evaluate.
 */
#include <stdlib.h>
#include <string.h>

#include "image.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image im;
	struct verdict v;
	uint8_t *copy;
	uint32_t op;

	if (size == 0)
		return 0;
	/* exactly so many bytes, so that a sanitizer sees the first too many */
	copy = malloc(size);
	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	im.base = copy;
	im.size = size;
	if (image_verify(&im) == 0) {
		for (op = 0; op < FILE_OP_MAX; op++)
			(void)image_eval_file(&im, (enum file_op)op,
			    "/workspace/a.c", 14, &v);
		(void)image_eval_command(&im,
		    &(struct command_query){ .command = "/usr/bin/Git.real" },
		    &v);
		(void)strlen(v.rule_name);
		(void)strlen(v.message);
		(void)strlen(image_name(&im));
	}
	free(copy);
	return 0;
}
