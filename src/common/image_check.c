/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The check of an image: every offset, number and string that any reader
 * follows. Time linear in the size of the image.
 */
#include <string.h>

#include "image_int.h"

#define REGEX_TEXT_MAX 4096

bool
img_has(const struct image *im, uint32_t off, uint64_t n, uint64_t size,
    uint32_t align)
{
	return off % align == 0 && off <= im->size &&
	    n <= (im->size - off) / size;
}

static bool
string_ok(const struct image *im, uint32_t off, uint32_t max)
{
	uint32_t len;

	if (!img_has(im, off, 1, sizeof(len), sizeof(len)))
		return false;
	memcpy(&len, im->base + off, sizeof(len));
	return len <= max && img_has(im, off + 4, (uint64_t)len + 1, 1, 1) &&
	    memchr(im->base + off + 4, 0, (size_t)len + 1) ==
	    im->base + off + 4 + len;
}

static bool
words_ok(const struct image *im, const struct img_words *w)
{
	const uint8_t *p, *end;
	uint32_t n = 0;

	if (w->n > IMG_MAX_LIST || !img_has(im, w->first, w->size, 1, 1))
		return false;
	p = img_at(im, w->first);
	for (end = p + w->size; p < end; n++) {
		p = memchr(p, 0, (size_t)(end - p));
		if (p == NULL)
			return false;
		p++;
	}
	return n == w->n;
}

/* Names and texts are short, so that many rules cannot share one long one. */
static bool
family_ok(const struct image *im, const struct img_family *f)
{
	const struct img_rule *r;
	uint32_t i;

	if (f->nrules > IMG_MAX_RULES + IMG_BUILTIN_RULES ||
	    !img_has(im, f->rules, f->nrules, sizeof(*r), 8))
		return false;
	r = img_at(im, f->rules);
	for (i = 0; i < f->nrules; i++) {
		if (r[i].decision >= DECISION_MAX ||
		    !string_ok(im, r[i].name, AGENTSH_NAME_MAX) ||
		    !string_ok(im, r[i].message, AGENTSH_TEXT_MAX))
			return false;
	}
	return true;
}

static bool
files_ok(const struct image *im)
{
	const struct img_family *f = img_family(im, FAMILY_FILE);
	const struct img_file *p;
	uint32_t i;

	if (!img_has(im, f->parts, f->nrules, sizeof(*p), 8))
		return false;
	for (p = img_at(im, f->parts), i = 0; i < f->nrules; i++, p++) {
		if (!string_ok(im, p->redirect_to, AGENTSH_PATH_MAX) ||
		    p->preserve_tree > 1 || p->log_full > 1)
			return false;
	}
	return true;
}

static bool
protected_ok(const struct image *im)
{
	const struct img_head *h = img_head(im);
	const struct img_protected *p;
	const uint32_t *root;
	uint32_t i, nrules = h->family[FAMILY_FILE].nrules;

	if (h->nprotected > IMG_MAX_PROTECTED || h->protected_rule > nrules ||
	    h->nprotected > nrules - h->protected_rule ||
	    !img_has(im, h->protected, h->nprotected, sizeof(*p), 8) ||
	    h->nroots > IMG_MAX_ROOTS ||
	    !img_has(im, h->protected_root, h->nroots, sizeof(*root), 4))
		return false;
	for (root = img_at(im, h->protected_root), i = 0; i < h->nroots; i++) {
		if (!string_ok(im, root[i], AGENTSH_PATH_MAX))
			return false;
	}
	for (p = img_at(im, h->protected), i = 0; i < h->nprotected; i++, p++) {
		if (p->where > PROTECTED_ROOT || p->kind > PROTECTED_FREE ||
		    !string_ok(im, p->name, AGENTSH_NAME_MAX))
			return false;
	}
	return true;
}

static bool
commands_ok(const struct image *im)
{
	const struct img_head *h = img_head(im);
	const struct img_family *f = img_family(im, FAMILY_COMMAND);
	const struct img_command *p;
	uint32_t i;

	if (!img_has(im, f->parts, f->nrules, sizeof(*p), 8))
		return false;
	for (p = img_at(im, f->parts), i = 0; i < f->nrules; i++, p++) {
		if (p->regex > h->nregex || p->nregex > h->nregex - p->regex ||
		    !string_ok(im, p->redirect_command, AGENTSH_PATH_MAX) ||
		    !words_ok(im, &p->args) || !words_ok(im, &p->append) ||
		    !words_ok(im, &p->env) || p->replaces_args > 1 ||
		    p->env_rules >= h->nenv)
			return false;
	}
	return true;
}

static bool
networks_ok(const struct image *im)
{
	const struct img_head *h = img_head(im);
	const struct img_family *f = img_family(im, FAMILY_NETWORK);
	const struct img_network *p;
	const struct img_port *port;
	uint32_t i;

	if (!img_has(im, f->parts, f->nrules, sizeof(*p), 8) ||
	    !img_has(im, h->port, h->nports, sizeof(*port), 8) ||
	    (h->port_any >= f->nrules && h->port_any != IMG_NONE))
		return false;
	for (p = img_at(im, f->parts), i = 0; i < f->nrules; i++, p++) {
		if (p->nports > 65536 ||
		    !img_has(im, p->ports, p->nports, 2, 8))
			return false;
	}
	for (port = img_at(im, h->port), i = 0; i < h->nports; i++) {
		if (port[i].rule >= f->nrules)
			return false;
	}
	return true;
}

static bool
signals_ok(const struct image *im)
{
	const struct img_family *f = img_family(im, FAMILY_SIGNAL);
	const struct img_signal *p;
	uint32_t i;

	if (!img_has(im, f->parts, f->nrules, sizeof(*p), 8))
		return false;
	for (p = img_at(im, f->parts), i = 0; i < f->nrules; i++, p++) {
		if (p->target >= SIGNAL_TARGET_MAX ||
		    p->fallback >= DECISION_MAX || p->redirect_signo > 64)
			return false;
	}
	return true;
}

static bool
sockets_ok(const struct image *im)
{
	const struct img_family *f = img_family(im, FAMILY_UNIX);
	const struct img_unix *p;
	uint32_t i;

	if (!img_has(im, f->parts, f->nrules, sizeof(*p), 8))
		return false;
	for (p = img_at(im, f->parts), i = 0; i < f->nrules; i++, p++) {
		if (!words_ok(im, &p->named))
			return false;
	}
	return true;
}

static bool
redirects_ok(const struct image *im, enum family family)
{
	const struct img_head *h = img_head(im);
	const struct img_family *f = img_family(im, family);
	const struct img_redirect *p;
	uint32_t i;

	if (!img_has(im, f->parts, f->nrules, sizeof(*p), 8))
		return false;
	for (p = img_at(im, f->parts), i = 0; i < f->nrules; i++, p++) {
		if (p->regex >= h->nregex ||
		    !string_ok(im, p->to, AGENTSH_PATH_MAX) ||
		    !string_ok(im, p->to_unix, AGENTSH_PATH_MAX) ||
		    !string_ok(im, p->sni, AGENTSH_PATH_MAX) || p->tell > 2 ||
		    p->fail > 2)
			return false;
	}
	return true;
}

static bool
lists_ok(const struct image *im)
{
	const struct img_head *h = img_head(im);
	const struct img_env *env;
	const uint32_t *regex;
	uint32_t i;

	if (h->nregex > IMG_MAX_REGEX ||
	    !img_has(im, h->regex, h->nregex, 4, 8))
		return false;
	for (regex = img_at(im, h->regex), i = 0; i < h->nregex; i++) {
		if (!string_ok(im, regex[i], REGEX_TEXT_MAX))
			return false;
	}
	if (h->nenv == 0 || h->nenv > IMG_MAX_RULES + 1 ||
	    !img_has(im, h->env, h->nenv, sizeof(*env), 8))
		return false;
	for (env = img_at(im, h->env), i = 0; i < h->nenv; i++) {
		if (env[i].has_allow > 1 || env[i].block_iteration > 1)
			return false;
	}
	return words_ok(im, &h->env_inject) && words_ok(im, &h->wrappers_add) &&
	    words_ok(im, &h->wrappers_remove);
}

static bool
automata_ok(const struct image *im)
{
	const struct img_head *h = img_head(im);
	const struct {
		uint32_t nops;
		bool lists;
		uint32_t n; /* of rules */
	} want[IMG_AUTO_MAX] = {
		[IMG_AUTO_FILE] = { FILE_OP_MAX, false,
		    h->family[FAMILY_FILE].nrules },
		[IMG_AUTO_UNIX] = { UNIX_OP_MAX, false,
		    h->family[FAMILY_UNIX].nrules },
		[IMG_AUTO_BASE] = { IMG_COMMAND_OPS, true,
		    h->family[FAMILY_COMMAND].nrules },
		[IMG_AUTO_PATH] = { IMG_COMMAND_OPS, true,
		    h->family[FAMILY_COMMAND].nrules },
		[IMG_AUTO_DOMAIN] = { 1, true,
		    h->family[FAMILY_NETWORK].nrules },
		[IMG_AUTO_CIDR] = { 1, true, h->family[FAMILY_NETWORK].nrules },
		[IMG_AUTO_PROCESS] = { 1, true,
		    h->family[FAMILY_SIGNAL].nrules },
		[IMG_AUTO_ENV] = { 1, true, IMG_ENV_DENY(h->nenv) },
	};
	size_t i;

	for (i = 0; i < IMG_AUTO_MAX; i++) {
		if (!img_auto_ok(im, i, want[i].nops, want[i].lists, want[i].n))
			return false;
	}
	return true;
}

int
image_verify(const struct image *im)
{
	const struct img_head *h = img_head(im);
	size_t i;

	if (im->size < sizeof(*h) || im->size > IMG_MAX_SIZE ||
	    memcmp(h->magic, IMG_MAGIC, sizeof(h->magic)) != 0 ||
	    h->version != IMG_VERSION || h->size != im->size ||
	    h->has_signal_rules > 1 || h->restricts_commands > 1 ||
	    h->unix_asks >= UNIX_ASKS_MAX || h->pids_max > IMG_MAX_PIDS ||
	    h->net_mbps > IMG_MAX_MBPS ||
	    !string_ok(im, h->name, AGENTSH_NAME_MAX))
		return -1;
	for (i = 0; i < FAMILY_MAX; i++) {
		if (!family_ok(im, &h->family[i]))
			return -1;
	}
	return lists_ok(im) && files_ok(im) && protected_ok(im) &&
		commands_ok(im) && networks_ok(im) && signals_ok(im) &&
		sockets_ok(im) && redirects_ok(im, FAMILY_DNS) &&
		redirects_ok(im, FAMILY_CONNECT) && automata_ok(im) ?
	    0 :
	    -1;
}
