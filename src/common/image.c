/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reader of compiled policies. The image is policyd's, which parses what users
 * write: nothing in it is believed before image_verify() has seen all of it,
 * and the seals keep it as it was seen.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "image_int.h"

#define IMG_SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

int
img_error(struct aerr *e, const char *what)
{
	e->http = 500;
	snprintf(e->code, sizeof(e->code), "E_INTERNAL");
	snprintf(e->message, sizeof(e->message), "compiled policy: %s", what);
	return -1;
}

int
image_map(struct image *im, int fd, struct aerr *e)
{
	struct stat st;
	void *p;
	int seals;

	memset(im, 0, sizeof(*im));
	seals = fcntl(fd, F_GET_SEALS);
	if (seals == -1 || (seals & IMG_SEALS) != IMG_SEALS)
		return img_error(e, "not sealed");
	if (fstat(fd, &st) == -1)
		return img_error(e, strerror(errno));
	if (st.st_size < (off_t)sizeof(struct img_head) ||
	    st.st_size > IMG_MAX_SIZE)
		return img_error(e, "of impossible size");
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return img_error(e, strerror(errno));
	im->base = p;
	im->size = (size_t)st.st_size;
	if (image_verify(im) == 0)
		return 0;
	image_unmap(im);
	return img_error(e, "malformed, or of another version");
}

void
image_unmap(struct image *im)
{
	if (im->unprepare != NULL)
		im->unprepare(im);
	if (im->base != NULL)
		munmap((void *)(uintptr_t)im->base, im->size);
	memset(im, 0, sizeof(*im));
}

static bool
has_file_rule(const struct image *im, enum decision d)
{
	const struct img_family *f = img_family(im, FAMILY_FILE);
	const struct img_rule *rules = img_at(im, f->rules);
	uint32_t i;

	for (i = 0; i < f->nrules; i++) {
		if (rules[i].decision == d)
			return true;
	}
	return false;
}

bool
image_audits_files(const struct image *im)
{
	return has_file_rule(im, DECISION_AUDIT);
}

bool
image_redirects_files(const struct image *im)
{
	return has_file_rule(im, DECISION_REDIRECT);
}

bool
image_has_signal_rules(const struct image *im)
{
	return img_head(im)->has_signal_rules != 0;
}

uint32_t
image_pids_max(const struct image *im)
{
	return img_head(im)->pids_max;
}

uint32_t
image_net_mbps(const struct image *im)
{
	return img_head(im)->net_mbps;
}

bool
image_restricts_commands(const struct image *im)
{
	return img_head(im)->restricts_commands != 0;
}

struct image_words
img_words(const struct image *im, const struct img_words *w)
{
	return (struct image_words){ img_at(im, w->first), w->n };
}

const char *
image_words_next(const char *word)
{
	return word + strlen(word) + 1;
}

struct image_words
image_env_inject(const struct image *im)
{
	return img_words(im, &img_head(im)->env_inject);
}

struct image_words
image_wrappers(const struct image *im, bool added)
{
	const struct img_head *h = img_head(im);

	return img_words(im, added ? &h->wrappers_add : &h->wrappers_remove);
}

void
img_verdict_preset(struct verdict *v, const char *rule_name)
{
	v->decision = DECISION_DENY;
	v->rule = UINT32_MAX;
	v->rule_name = rule_name;
	v->message = "";
	v->timeout_ms = 0;
}

void
img_verdict_set(const struct image *im, enum family family, uint32_t rule,
    struct verdict *v)
{
	const struct img_rule *r;

	if (rule == IMG_NONE)
		return;
	r = img_at(im, img_family(im, family)->rules);
	v->decision = (enum decision)r[rule].decision;
	v->rule = rule;
	v->rule_name = img_string(im, r[rule].name);
	v->message = img_string(im, r[rule].message);
	v->timeout_ms = r[rule].timeout;
}
