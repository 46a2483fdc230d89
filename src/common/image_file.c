/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decisions about files and unix sockets.
 */
#include <string.h>

#include "image_int.h"

static bool
path_ok(const char *path, size_t len)
{
	return path != NULL && len > 0 && len <= AGENTSH_PATH_MAX &&
	    memchr(path, 0, len) == NULL;
}

int
image_eval_file_rules(const struct image *im, enum file_op op, const char *path,
    size_t len, struct verdict *v)
{
	img_verdict_preset(v, "default-deny-files");
	if ((uint32_t)op >= FILE_OP_MAX || !path_ok(path, len) ||
	    path[0] != '/')
		return -1;
	img_verdict_set(im, FAMILY_FILE,
	    img_first(im, IMG_AUTO_FILE, op, path, len), v);
	return 0;
}

int
image_eval_file(const struct image *im, enum file_op op, const char *path,
    size_t len, struct verdict *v)
{
	if (image_eval_file_rules(im, op, path, len, v) == -1)
		return -1;
	if (v->decision != DECISION_DENY)
		img_protect(im, op, path, len, v);
	return 0;
}

const char *
image_file_redirect(const struct image *im, const struct verdict *v,
    bool *preserve_tree)
{
	const struct img_family *f = img_family(im, FAMILY_FILE);
	const struct img_file *part = img_at(im, f->parts);

	*preserve_tree = false;
	if (v->rule >= f->nrules)
		return "";
	*preserve_tree = part[v->rule].preserve_tree != 0;
	return img_string(im, part[v->rule].redirect_to);
}

bool
image_file_logs(const struct image *im, const struct verdict *v)
{
	const struct img_family *f = img_family(im, FAMILY_FILE);
	const struct img_file *part = img_at(im, f->parts);

	return v->rule < f->nrules && part[v->rule].log_full != 0;
}

bool
image_has_unix_rules(const struct image *im)
{
	return img_head(im)->unix_asks != UNIX_ASKS_NONE;
}

bool
image_restricts_sendto(const struct image *im)
{
	return img_head(im)->unix_asks == UNIX_ASKS_ALL;
}

bool
image_names_socket(const struct image *im, const struct verdict *v,
    const char *path)
{
	const struct img_family *f = img_family(im, FAMILY_UNIX);
	const struct img_unix *part = img_at(im, f->parts);
	struct image_words w;

	if (v->rule >= f->nrules ||
	    (v->decision != DECISION_ALLOW && v->decision != DECISION_AUDIT &&
		v->decision != DECISION_APPROVE))
		return false;
	w = img_words(im, &part[v->rule].named);
	for (; w.n > 0; w.n--, w.first = image_words_next(w.first)) {
		if (strcmp(w.first, path) == 0)
			return true;
	}
	return false;
}

int
image_eval_unix(const struct image *im, enum unix_op op, const char *path,
    size_t len, struct verdict *v)
{
	img_verdict_preset(v, "default-deny-unix");
	if ((uint32_t)op >= UNIX_OP_MAX || path == NULL || len == 0 ||
	    len > AGENTSH_PATH_MAX || (path[0] != '/' && path[0] != '@'))
		return -1;
	/* an abstract name may hold any byte, a path none that is 0 */
	if (path[0] == '/' && !path_ok(path, len))
		return -1;
	img_verdict_set(im, FAMILY_UNIX,
	    img_first(im, IMG_AUTO_UNIX, op, path, len), v);
	return 0;
}
