/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the image reader share. Those that need regular
 * expressions are image_command.c and image_regex.c, so that who never asks
 * about commands and redirects links no matcher.
 */
#ifndef IMAGE_INT_H
#define IMAGE_INT_H

#include "image.h"
#include "imagefmt.h"

static inline const struct img_head *
img_head(const struct image *im)
{
	return (const struct img_head *)(const void *)im->base;
}

static inline const void *
img_at(const struct image *im, uint32_t off)
{
	return im->base + off;
}

static inline const char *
img_string(const struct image *im, uint32_t off)
{
	return (const char *)im->base + off + 4;
}

static inline const struct img_family *
img_family(const struct image *im, enum family f)
{
	return &img_head(im)->family[f];
}

/* image.c */
void img_verdict_preset(struct verdict *, const char *rule_name);
/* IMG_NONE leaves the preset. */
void img_verdict_set(const struct image *, enum family, uint32_t rule,
    struct verdict *);
struct image_words img_words(const struct image *, const struct img_words *);
int img_error(struct aerr *, const char *what);

/* image_check.c: are n things of so many bytes at off inside, and aligned? */
bool img_has(const struct image *, uint32_t off, uint64_t n, uint64_t size,
    uint32_t align);

/* image_protect.c: denies what the protected set does not let happen, of what
 * the verdict lets happen. */
void img_protect(const struct image *, enum file_op, const char *path,
    size_t len, struct verdict *);

/* image_auto.c */
bool img_auto_ok(const struct image *, size_t which, uint32_t nops, bool lists,
    uint32_t nrules);
/* The first rule for an operation, or IMG_NONE. */
uint32_t img_first(const struct image *, size_t which, uint32_t op,
    const char *s, size_t len);
/* Has any of the automata positions to step through? Then img_rules() needs
 * room for IMG_MAX_WORDS of them. */
bool img_needs_room(const struct image *, const uint8_t *which, size_t n);

/* Rules that match a subject, in order. */
struct img_rules {
	const uint32_t *rule[IMG_MAX_DFAS];
	const uint32_t *end[IMG_MAX_DFAS];
	const struct img_final *final;
	const struct img_final *final_end;
	const uint64_t *set;
};

void img_rules(const struct image *, size_t which, const char *s, size_t len,
    uint64_t *room, struct img_rules *);
/* The first of number `from` or higher, or IMG_NONE. from never goes back. */
uint32_t img_rules_next(struct img_rules *, uint32_t from);

#endif
