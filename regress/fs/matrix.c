/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every call on files does with every kind of object that a path can lead
 * to: the result or the error, and how the directory looks afterwards. One line a case; matrix.sh compares the lines of a session with
 * those printed outside of one. It works in the current directory.
 *
 * usage: matrix [family ...]
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <dirent.h>

#include "matrix.h"

#define WORDS 512
#define TREE 65536

const struct object objects[] = {
	{ "nothing", "", "@n", true },
	{ "a file", "f:@f:644", "@f", true },
	{ "a file not to be written", "f:@f:444", "@f", true },
	{ "a file not to be read", "f:@f:200", "@f", false },
	{ "a file of no rights", "f:@f:0", "@f", true },
	{ "a program", "f:@f:755", "@f", false },
	{ "a file of two names", "f:@f:644 h:@h:@f", "@h", true },
	{ "an empty directory", "d:@d:755", "@d", true },
	{ "a full directory", "d:@d:755 f:@d/x:644", "@d", true },
	{ "a directory not to be written", "d:@d:555 f:@d/x:644", "@d", true },
	{ "a directory not to be entered", "d:@d:644 f:@d/x:644", "@d", false },
	{ "a directory not to be listed", "d:@d:311 f:@d/x:644", "@d", false },
	{ "a sticky directory", "d:@d:1777 f:@d/x:644", "@d", false },
	{ "a link to a file", "f:@f:644 l:@l:@f", "@l", true },
	{ "a link to a directory", "d:@d:755 f:@d/x:644 l:@l:@d", "@l", true },
	{ "a link to nothing", "l:@l:@n", "@l", true },
	{ "a link to itself", "l:@l:@l", "@l", true },
	{ "a link to a link", "f:@f:644 l:@k:@f l:@l:@k", "@l", false },
	{ "a link of a circle", "l:@k:@l l:@l:@k", "@l", false },
	{ "a FIFO", "p:@p", "@p", true },
	{ "a socket", "s:@s", "@s", true },
	{ "a file with a slash", "f:@f:644", "@f/", true },
	{ "a directory with a slash", "d:@d:755", "@d/", true },
	{ "nothing with a slash", "", "@n/", true },
	{ "a link to a file with a slash", "f:@f:644 l:@l:@f", "@l/", false },
	{ "a link to a directory with a slash", "d:@d:755 l:@l:@d", "@l/",
	    true },
	{ "a link to nothing with a slash", "l:@l:@n", "@l/", true },
	{ "beneath a file", "f:@f:644", "@f/x", true },
	{ "beneath nothing", "", "@n/x", true },
	{ "beneath a link to itself", "l:@l:@l", "@l/x", true },
	{ "beneath a link to nothing", "l:@l:@n", "@l/x", false },
	{ "beneath a link to a directory", "d:@d:755 f:@d/x:644 l:@l:@d",
	    "@l/x", false },
	{ "beneath a FIFO", "p:@p", "@p/x", false },
	{ "a file where nothing may be written", "d:@d:555 f:@d/x:644", "@d/x",
	    true },
	{ "nothing where nothing may be written", "d:@d:555", "@d/n", true },
	{ "a directory where nothing may be written", "d:@d:555 d:@d/x:755",
	    "@d/x", true },
	{ "a file that is not listed", "d:@d:311 f:@d/x:644", "@d/x", false },
	{ "a directory's dot", "d:@d:755", "@d/.", true },
	{ "a directory's dots", "d:@d:755", "@d/..", true },
	{ "the directory", "", ".", false },
	{ "no path", "", "", true },
	{ "a name of 255 bytes", "", "#255", true },
	{ "a name of 256 bytes", "", "#256", true },
	{ "a long name beneath nothing", "", "@n/#256", false },
	{ "a path of 4095 bytes", "f:@f:644", "~4095@f", false },
	{ "a path of 4096 bytes", "f:@f:644", "~4096@f", true },
};
const size_t nobjects = sizeof(objects) / sizeof(objects[0]);

static char tree[TREE];
static bool with_bytes; /* a tree shows what is in its files */

static int top_fd = -1; /* where cases are */

static void
give_up(const char *what)
{
	printf("matrix: %s: %s\n", what, strerrorname_np(errno));
	exit(1);
}

/* '@' becomes the prefix, and '#N', which is the last, a name of N bytes. */
static void
expand(char *dst, const char *src, char prefix)
{
	size_t at = 0, n;

	for (; *src != '\0' && *src != '#'; src++)
		dst[at++] = *src == '@' ? prefix : *src;
	if (*src == '#') {
		n = strtoul(src + 1, NULL, 10);
		memset(dst + at, prefix, n);
		at += n;
	}
	dst[at] = '\0';
}

/* The path to a name, with dots before it until it is long enough. */
static void
lengthen(char path[CASE_PATH], const char *dir, size_t want, const char *name)
{
	size_t at, len = strlen(name);

	at = (size_t)snprintf(path, CASE_PATH, "%s/", dir);
	for (; at + len + 1 < want; at += 2)
		memcpy(path + at, "./", 2);
	if (at + len < want)
		path[at++] = '/';
	memcpy(path + at, name, len + 1);
}

static void
make_socket(const char *path)
{
	struct sockaddr_un su = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	if (strlen(path) >= sizeof(su.sun_path))
		give_up(path);
	memcpy(su.sun_path, path, strlen(path) + 1);
	if (s == -1 || bind(s, (struct sockaddr *)&su, sizeof(su)) == -1)
		give_up(path);
	close(s);
}

/* Which of two a file is can be seen by its size. */
static void
make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	ssize_t n = strrchr(path, '/')[1] == 'b' ? 12 : 10;

	if (fd == -1 || write(fd, "0123456789AB", (size_t)n) != n)
		give_up(path);
	close(fd);
}

/* One word of the description; modes only when everything is there. */
static void
make_word(const char *dir, char *word, bool modes)
{
	char path[WORDS], old[WORDS];
	char *name = *word == '\0' ? word : word + 2;
	char *more = strchr(name, ':');

	if (*word == '\0')
		return;
	if (more != NULL)
		*more++ = '\0';
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (modes) {
		if ((*word == 'f' || *word == 'd') &&
		    chmod(path, (mode_t)strtoul(more, NULL, 8)) == -1)
			give_up(path);
		return;
	}
	switch (*word) {
	case 'f':
		make_file(path);
		break;
	case 'd':
		if (mkdir(path, 0700) == -1)
			give_up(path);
		break;
	case 'l':
		if (symlink(more, path) == -1)
			give_up(path);
		break;
	case 'h':
		snprintf(old, sizeof(old), "%s/%s", dir, more);
		if (link(old, path) == -1)
			give_up(path);
		break;
	case 'p':
		if (mkfifo(path, 0644) == -1)
			give_up(path);
		break;
	case 's':
		make_socket(path);
		break;
	default:
		give_up(word);
	}
}

void
object_make(const struct object *o, const char *dir, char prefix,
    char path[CASE_PATH])
{
	char words[WORDS], name[WORDS], copy[WORDS];
	char *word[8], *next = words;
	int i, n = 0;

	expand(words, o->make, prefix);
	while ((word[n] = strsep(&next, " ")) != NULL)
		n++;
	for (i = 0; i < n; i++) {
		snprintf(copy, sizeof(copy), "%s", word[i]);
		make_word(dir, copy, false);
	}
	/* what is in a directory before the directory */
	while (--n >= 0)
		make_word(dir, word[n], true);
	if (*o->path == '~') {
		expand(name, o->path + 5, prefix);
		lengthen(path, dir, strtoul(o->path + 1, NULL, 10), name);
	} else {
		expand(name, o->path, prefix);
		snprintf(path, CASE_PATH, "%s%s%s",
		    strcmp(dir, ".") == 0 || *name == '\0' ? "" : dir,
		    strcmp(dir, ".") == 0 || *name == '\0' ? "" : "/", name);
	}
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int
not_dots(const struct dirent *de)
{
	return strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0;
}

/* One entry as text: name, type and mode, links, size, owner if it is not us,
 * target or bytes. */
static size_t
show_entry(char *out, size_t left, int fd, const char *name)
{
	struct stat st;
	char text[64] = "";
	ssize_t n = -1;
	int f;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return (size_t)snprintf(out, left, " %.20s?%s", name,
		    strerrorname_np(errno));
	if (S_ISLNK(st.st_mode)) {
		n = readlinkat(fd, name, text, 20);
	} else if (with_bytes && S_ISREG(st.st_mode) && st.st_size > 0) {
		f = openat(fd, name, O_RDONLY);
		n = f == -1 ? -1 : read(f, text, 20);
		if (f != -1)
			close(f);
	}
	text[n < 0 ? 0 : n] = '\0';
	return (size_t)snprintf(out, left, " %.20s:%o:%lu:%lld%s%s%s", name,
	    (unsigned)st.st_mode, (unsigned long)st.st_nlink,
	    S_ISDIR(st.st_mode) ? 0LL : (long long)st.st_size,
	    st.st_uid == getuid() ? "" : ":other", *text == '\0' ? "" : "=",
	    text);
}

/* By its mode: a session may see for a moment what it saw before. */
static bool
may_enter(int fd, const char *name)
{
	struct stat st;

	return fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    (st.st_mode & S_IXUSR) != 0;
}

/* The directory as text, two levels beneath it too. */
static size_t
show_tree(char *out, size_t left, int dirfd, const char *name, int depth)
{
	struct dirent **list;
	size_t at = 0;
	int fd, i, n;

	out[0] = '\0';
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (fd == -1)
		return 0;
	n = scandirat(fd, ".", &list, not_dots, by_name);
	for (i = 0; i < n; i++) {
		at += show_entry(out + at, left - at, fd, list[i]->d_name);
		if (depth > 0 && left - at > 100 &&
		    may_enter(fd, list[i]->d_name)) {
			out[at++] = '{';
			at += show_tree(out + at, left - at, fd,
			    list[i]->d_name, depth - 1);
			if (out[at - 1] == '{')
				at--;
			else
				out[at++] = '}';
		}
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	close(fd);
	out[at] = '\0';
	return at;
}

static void
remove_tree(int dirfd, const char *name)
{
	struct dirent **list;
	int fd, i, n;

	if (unlinkat(dirfd, name, 0) == 0)
		return;
	if (fchmodat(dirfd, name, 0700, 0) == -1)
		give_up(name);
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	n = fd == -1 ? -1 : scandirat(fd, ".", &list, not_dots, NULL);
	for (i = 0; i < n; i++) {
		remove_tree(fd, list[i]->d_name);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	if (fd != -1)
		close(fd);
	if (unlinkat(dirfd, name, AT_REMOVEDIR) == -1)
		give_up(name);
}

void
case_begin(void)
{
	if (top_fd == -1)
		top_fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (mkdir("case", 0755) == -1 || chdir("case") == -1)
		give_up("case");
}

void
case_end(const char *family, const char *what, long value, int error)
{
	show_tree(tree, sizeof(tree), AT_FDCWD, ".", 2);
	printf("%s: %s: ", family, what);
	if (value < 0)
		printf("%s", strerrorname_np(error));
	else
		printf("%ld", value);
	printf(" ->%s\n", tree);
	if (fchdir(top_fd) == -1)
		give_up("..");
	remove_tree(AT_FDCWD, "case");
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*fn)(void);
	} families[] = { { "path", family_path }, { "pair", family_pair },
		{ "fd", family_fd }, { "others", family_others } };
	size_t i;
	int k;

	umask(022);
	for (i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		for (k = 1; k < argc; k++) {
			if (strcmp(argv[k], families[i].name) == 0)
				break;
		}
		with_bytes = families[i].fn != family_pair;
		if (argc == 1 || k < argc)
			families[i].fn();
	}
	if (fflush(stdout) != 0)
		return 1;
	return 0;
}
