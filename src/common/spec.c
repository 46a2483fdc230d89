/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to run, in a sealed memfd: file, cwd, builtin, argc and argv, number and
 * environment. The reader copies the bytes out before it looks at them, and
 * insists on the seals, so that nothing changes between two readers.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "fdio.h"
#include "spec.h"

#define SPEC_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define SPEC_STR_MAX (1024 * 1024)

static void
spec_put(struct buf *b, const struct spec *spec)
{
	size_t i;

	buf_put_str(b, spec->file, AGENTSH_PATH_MAX);
	buf_put_str(b, spec->cwd, AGENTSH_PATH_MAX);
	buf_put_u32(b, (uint32_t)spec->builtin);
	buf_put_u32(b, (uint32_t)spec->argc);
	for (i = 0; i < spec->argc; i++)
		buf_put_str(b, spec->argv[i], SPEC_STR_MAX);
	buf_put_u32(b, (uint32_t)spec->nenv);
	for (i = 0; i < spec->nenv; i++)
		buf_put_str(b, spec->env[i], SPEC_STR_MAX);
}

int
spec_write(const struct spec *spec)
{
	struct buf b;
	int fd = -1, err = E2BIG;

	buf_init(&b, AGENTSH_SPEC_MAX);
	if (spec->argc <= AGENTSH_WORDS_MAX && spec->nenv <= AGENTSH_WORDS_MAX)
		spec_put(&b, spec);
	else
		b.bad = true;
	if (!b.bad) {
		fd = memfd_sealed("agentsh-spec", b.data, b.len);
		err = errno;
	}
	buf_free(&b);
	errno = err;
	return fd;
}

/*
 * The next string. Strings become terminated in place: the length that stands
 * before the next item is overwritten only after it was read, so each string is
 * moved down over its own length field instead.
 */
static char *
spec_get_str(struct buf *b, size_t max)
{
	uint32_t len = buf_get_u32(b);
	uint8_t *p;

	if (b->bad || len > max || len > b->len - b->pos ||
	    memchr(b->data + b->pos, '\0', len) != NULL) {
		b->bad = true;
		return NULL;
	}
	p = b->data + b->pos - sizeof(len);
	memmove(p, b->data + b->pos, len);
	p[len] = '\0';
	b->pos += len;
	return (char *)p;
}

static char **
spec_get_words(struct buf *b, size_t *n)
{
	char **words;
	uint32_t count = buf_get_u32(b);
	size_t i;

	*n = 0;
	if (b->bad || count > AGENTSH_WORDS_MAX)
		return NULL;
	words = calloc((size_t)count + 1, sizeof(*words));
	if (words == NULL)
		return NULL;
	for (i = 0; i < count; i++) {
		words[i] = spec_get_str(b, SPEC_STR_MAX);
		if (words[i] == NULL) {
			free(words);
			return NULL;
		}
	}
	*n = count;
	return words;
}

static int
spec_get(struct buf *b, struct spec *spec)
{
	uint32_t builtin;
	size_t i;

	spec->file = spec_get_str(b, AGENTSH_PATH_MAX);
	spec->cwd = spec_get_str(b, AGENTSH_PATH_MAX);
	builtin = buf_get_u32(b);
	spec->argv = spec_get_words(b, &spec->argc);
	spec->env = spec_get_words(b, &spec->nenv);
	if (!buf_done(b) || spec->argv == NULL || spec->env == NULL ||
	    spec->argc == 0 || spec->file[0] == '\0' || spec->cwd[0] != '/')
		return -1;
	if (builtin >= BUILTIN_MAX ||
	    (builtin != BUILTIN_NONE &&
		strcmp(spec->file, builtin_name((enum builtin)builtin)) != 0))
		return -1;
	spec->builtin = (enum builtin)builtin;
	for (i = 0; i < spec->nenv; i++) {
		if (spec->env[i][0] == '=' || strchr(spec->env[i], '=') == NULL)
			return -1;
	}
	return 0;
}

/* The whole of a sealed memfd in memory of our own; NULL with errno. */
static uint8_t *
spec_load(int fd, size_t *len)
{
	struct stat st;
	uint8_t *mem;
	int seals = fcntl(fd, F_GET_SEALS);

	/* vm.memfd_noexec may have added F_SEAL_EXEC */
	if (seals == -1 || (seals & SPEC_SEALS) != SPEC_SEALS ||
	    fstat(fd, &st) == -1 || st.st_size <= 0 ||
	    st.st_size > AGENTSH_SPEC_MAX) {
		errno = EBADMSG;
		return NULL;
	}
	*len = (size_t)st.st_size;
	mem = malloc(*len);
	if (mem == NULL)
		return NULL;
	if (read_at(fd, mem, *len, 0) == 0)
		return mem;
	free(mem);
	errno = EBADMSG;
	return NULL;
}

int
spec_read(int fd, struct spec *spec)
{
	struct buf b;
	size_t len;

	memset(spec, 0, sizeof(*spec));
	spec->mem = spec_load(fd, &len);
	if (spec->mem == NULL)
		return -1;
	buf_read_from(&b, spec->mem, len);
	if (spec_get(&b, spec) == -1) {
		spec_free(spec);
		errno = EBADMSG;
		return -1;
	}
	return 0;
}

void
spec_free(struct spec *spec)
{
	free(spec->argv);
	free(spec->env);
	free(spec->mem);
	memset(spec, 0, sizeof(*spec));
}
