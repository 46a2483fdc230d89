/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The regular expressions of an image, compiled once by who decides with them,
 * and the redirects of names and connections, which are nothing else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image_int.h"
#include "regex.h"

static void
unprepare(struct image *im)
{
	uint32_t i;

	for (i = 0; i < im->nregex; i++)
		regex_free(im->regex[i]);
	free(im->regex);
	im->regex = NULL;
	im->nregex = 0;
	im->unprepare = NULL;
}

int
image_prepare(struct image *im, struct aerr *e)
{
	const struct img_head *h = img_head(im);
	const uint32_t *text = img_at(im, h->regex);
	char say[160];
	const char *what;
	size_t at;

	if (im->regex != NULL)
		return 0;
	im->regex = calloc((size_t)h->nregex + 1, sizeof(*im->regex));
	if (im->regex == NULL)
		return img_error(e, "out of memory");
	im->unprepare = unprepare;
	for (; im->nregex < h->nregex; im->nregex++) {
		im->regex[im->nregex] =
		    regex_new(img_string(im, text[im->nregex]), &what, &at);
		if (im->regex[im->nregex] == NULL) {
			snprintf(say, sizeof(say), "a regular expression: %s",
			    what);
			unprepare(im);
			return img_error(e, say);
		}
	}
	return 0;
}

int
image_eval_redirect(const struct image *im, enum family family,
    const char *subject, struct verdict *v, struct redirect *r)
{
	const struct img_family *f;
	const struct img_redirect *part;
	size_t len;
	uint32_t i;
	int ret;

	memset(r, 0, sizeof(*r));
	r->to = r->to_unix = r->sni = "";
	img_verdict_preset(v, "");
	if ((family != FAMILY_DNS && family != FAMILY_CONNECT) ||
	    subject == NULL || im->regex == NULL)
		return -1;
	f = img_family(im, family);
	part = img_at(im, f->parts);
	len = strnlen(subject, REGEX_SUBJECT_MAX + 1);
	for (i = 0; i < f->nrules; i++, part++) {
		ret = regex_match(im->regex[part->regex], subject, len);
		if (ret == -1)
			return -1;
		if (ret == 0)
			continue;
		img_verdict_set(im, family, i, v);
		v->decision = DECISION_REDIRECT;
		memcpy(r->addr, part->addr, sizeof(r->addr));
		r->to = img_string(im, part->to);
		r->to_unix = img_string(im, part->to_unix);
		r->sni = img_string(im, part->sni);
		r->tell = part->tell;
		r->fail = part->fail;
		return 0;
	}
	v->decision = DECISION_ALLOW;
	return 0;
}
