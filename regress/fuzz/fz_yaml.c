/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: any bytes as a YAML document.
 */
#include <string.h>

#include "yamldoc.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const words[] = { "file_rules", "name", "paths" };
	const struct ynode *n;
	struct ydoc doc;
	struct aerr e;

	if (ydoc_parse(&doc, "fuzz", data, size, &e) == -1)
		return 0;
	for (n = doc.all; n != NULL; n = n->all) {
		if (n->kind == YNODE_SCALAR)
			(void)nearest_word(n->text, words, 3);
	}
	ydoc_free(&doc);
	return 0;
}
