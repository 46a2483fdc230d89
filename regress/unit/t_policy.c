/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What policies decide: order, defaults, the built-in rule, commands,
 * variables, determinism.
 */
#include "p.h"
#include "t.h"

#define HEAD "version: 1\nname: t\n"
#define FILES HEAD "file_rules:\n"
#define COMMANDS HEAD "command_rules:\n"

static void
file(struct p *p, enum file_op op, const char *path, const char *want)
{
	const char *got = p_file(p, op, path);

	T(strcmp(got, want) == 0, "file %d %s: %s [%s]", op, path, want, got);
}

static void
command(struct p *p, const char *cmd, const char *want)
{
	const char *got = p_command(p, cmd);

	T(strcmp(got, want) == 0, "command %s: %s [%s]", cmd, want, got);
}

static void
test_order(void)
{
	static const char text[] = FILES
	    "- {name: keys, paths: ['**/*.pem'], operations: [read, write], "
	    "decision: deny, message: no keys}\n"
	    "- {name: see, paths: ['/srv/{a,b{c,d}}/?'], decision: AUDIT}\n"
	    "- {name: ws, paths: ['${PROJECT_ROOT}', '${PROJECT_ROOT}/**'], "
	    "decision: allow}\n";
	struct verdict v;
	struct p p;

	T(p_load(&p, text, NULL) == 0, "loads: %s", p.e.message);
	file(&p, FILE_OP_WRITE, "/workspace/k.pem", "deny keys");
	file(&p, FILE_OP_OPEN, "/workspace/k.pem", "deny keys");
	file(&p, FILE_OP_DELETE, "/workspace/k.pem", "allow ws");
	file(&p, FILE_OP_WRITE, "/workspace", "allow ws");
	file(&p, FILE_OP_WRITE, "/workspace2", "deny default-deny-files");
	file(&p, FILE_OP_WRITE, "/srv/a/x", "audit see");
	T(image_audits_files(&p.image), "a rule for files is for the audit");
	file(&p, FILE_OP_WRITE, "/srv/bd/\xc3\xa9", "audit see");
	file(&p, FILE_OP_WRITE, "/srv/b/x", "deny default-deny-files");
	file(&p, FILE_OP_OPEN, "/opt/x", "deny default-deny-files");
	file(&p, FILE_OP_OPEN, "opt", "malformed");
	file(&p, FILE_OP_MAX, "/opt", "malformed");
	image_eval_file(&p.image, FILE_OP_READ, "/a.pem", 6, &v);
	T(strcmp(v.message, "no keys") == 0, "the rule's message");
	p_free(&p);
}

/* Names that are no UTF-8 are not what a glob leaves out. */
static void
test_stray_bytes(void)
{
	static const char text[] = FILES
	    "- {name: two, paths: ['/a/?"
	    "?'], decision: audit}\n"
	    "- {name: one, paths: ['/a/?', '/b/x?', '/c/*?z'], decision: deny}\n"
	    "- {name: not-s, paths: ['/d/[!s]*/**', '/e/[!a][!b]'], "
	    "decision: deny}\n"
	    "- {name: all, paths: ['/**'], decision: allow}\n";
	struct p p;

	T(p_load(&p, text, NULL) == 0, "loads: %s", p.e.message);
	file(&p, FILE_OP_WRITE, "/a/\xc3\xa9", "deny one");
	file(&p, FILE_OP_WRITE, "/a/\xa9", "deny one");
	file(&p, FILE_OP_WRITE, "/a/\xa9\x80", "deny one");
	file(&p, FILE_OP_WRITE, "/a/x\x80", "deny one");
	file(&p, FILE_OP_WRITE, "/a/\xff\xff", "audit two");
	file(&p, FILE_OP_WRITE, "/b/x\x80", "deny one");
	file(&p, FILE_OP_WRITE, "/b/x", "allow all");
	file(&p, FILE_OP_WRITE, "/c/\x80z", "deny one");
	file(&p, FILE_OP_WRITE, "/c/z", "allow all");
	file(&p, FILE_OP_WRITE, "/d/\x80/x", "deny not-s");
	file(&p, FILE_OP_WRITE, "/d/\x80s/x", "deny not-s");
	file(&p, FILE_OP_WRITE, "/d/s\x80/x", "allow all");
	file(&p, FILE_OP_WRITE, "/e/\xc3\xa9", "allow all");
	file(&p, FILE_OP_WRITE, "/e/\xa9x", "deny not-s");
	p_free(&p);
}

/* A home as it may be in passwd(5). */
static void
test_homes(void)
{
	static const char text[] = FILES
	    "- {name: keys, paths: ['${HOME}/.ssh/**', '${HOME}'], "
	    "decision: deny}\n"
	    "- {name: all, paths: ['/**'], decision: allow}\n";
	static const struct vars root = { "/workspace", "/", "u" };
	static const struct vars slash = { "/workspace", "/home/u//", "u" };
	struct p p;

	T(p_load(&p, text, &root) == 0, "loads: %s", p.e.message);
	file(&p, FILE_OP_WRITE, "/.ssh/x", "deny keys");
	file(&p, FILE_OP_WRITE, "/", "deny keys");
	file(&p, FILE_OP_WRITE, "/x", "allow all");
	p_free(&p);
	T(p_load(&p, text, &slash) == 0, "loads: %s", p.e.message);
	file(&p, FILE_OP_WRITE, "/home/u/.ssh/x", "deny keys");
	file(&p, FILE_OP_WRITE, "/home/u", "deny keys");
	file(&p, FILE_OP_WRITE, "/home/ux", "allow all");
	p_free(&p);
}

/* Too many states for all directories to be looked at: fewer mounts, soon. */
static void
test_plan_bound(void)
{
	static const char text[] = FILES
	    "- {name: no-write, paths: ['/**b[!:][!:][!:][!:][!:][!:][!:][!:][!:][!:][!:][!:][!:]'], "
	    "operations: [write], decision: deny}\n"
	    "- {name: letters, operations: [write], decision: deny, paths: "
	    "['/[a][b][c][d][e][f][g][h][i][j][k][l][m][n][o][p][q][r][s][t]"
	    "[u][v][w][x][y][z][A][B][C][D][E][F][G][H][I][J][K][L][M][N][O]"
	    "[P][Q][R][S][T][U][V][W][X][Y][Z]']}\n"
	    "- {name: read, paths: ['/**'], operations: [open, stat, list, "
	    "readlink, access], decision: allow}\n";
	struct p p;

	T(p_load(&p, text, NULL) == 0, "loads: %s", p.e.message);
	T(p.out.plan.n > 0 && p.out.plan.n < 5, "rows of some");
	file(&p, FILE_OP_READ, "/usr/x", "allow read");
	file(&p, FILE_OP_WRITE, "/usr/x", "deny default-deny-files");
	p_free(&p);
}

static void
test_loader(void)
{
	static const char none[] = HEAD;
	static const char text[] = FILES
	    "- {name: no-curl, paths: ['/usr/bin/curl'], decision: deny}\n"
	    "- {name: default-deny-files, paths: ['/**'], decision: deny}\n";
	static const char other[] = FILES
	    "- {name: all, paths: ['/**'], decision: deny}\n";
	static const struct vars real = { "/home/u/src/p", "/home/u", "u" };
	struct p p;

	T(p_load(&p, none, NULL) == 0, "no rule at all: %s", p.e.message);
	file(&p, FILE_OP_READ, "/usr/lib/x.so", "allow default-allow-loader");
	file(&p, FILE_OP_READ, "/lib64/ld.so", "allow default-allow-loader");
	file(&p, FILE_OP_LIST, "/", "allow default-allow-loader");
	file(&p, FILE_OP_READ, "/etc/ld.so.cache",
	    "allow default-allow-loader");
	file(&p, FILE_OP_READ, "/etc/passwd", "deny default-deny-files");
	file(&p, FILE_OP_WRITE, "/usr/x", "deny default-deny-files");
	command(&p, "ls", "deny default-deny-commands");
	p_free(&p);
	T(p_load(&p, text, NULL) == 0, "catch-all: %s", p.e.message);
	file(&p, FILE_OP_READ, "/usr/bin/ls", "allow default-allow-loader");
	file(&p, FILE_OP_READ, "/usr/bin/curl", "deny no-curl");
	file(&p, FILE_OP_WRITE, "/usr/bin/ls", "deny default-deny-files");
	file(&p, FILE_OP_READ, "/etc/passwd", "deny default-deny-files");
	T(p.out.plan.n > 0, "there is a plan");
	p_free(&p);
	T(p_load(&p, other, NULL) == 0, "another name: %s", p.e.message);
	file(&p, FILE_OP_READ, "/usr/bin/ls", "deny all");
	p_free(&p);
	T(p_load(&p, none, &real) == 0, "real paths: %s", p.e.message);
	file(&p, FILE_OP_STAT, "/home/u", "allow default-allow-loader");
	file(&p, FILE_OP_LIST, "/home/u", "deny default-deny-files");
	file(&p, FILE_OP_STAT, "/home/v", "deny default-deny-files");
	p_free(&p);
}

static void
test_commands(void)
{
	static const char text[] = COMMANDS
	    "- {name: exact, commands: [Git, /opt/x/Tool], decision: allow}\n"
	    "- {name: up, commands: ['PY*'], decision: audit}\n"
	    "- {name: glob, commands: ['py*', 'ls?'], decision: allow}\n"
	    "- {name: path, commands: ['/usr/*/gcc*'], decision: allow}\n"
	    "- {name: braces, commands: ['{a,b}'], decision: allow}\n"
	    "- {name: rest, decision: deny, message: no}\n";
	struct p p;

	T(p_load(&p, text, NULL) == 0, "loads: %s", p.e.message);
	command(&p, "git", "allow exact");
	command(&p, "/usr/bin/GIT", "allow exact");
	command(&p, "git.real", "allow exact");
	command(&p, "/opt/x/tool", "allow exact");
	command(&p, "/opt/y/tool", "deny rest");
	command(&p, "/usr/bin/Python3", "allow glob");
	command(&p, "PY", "audit up");
	T(!image_audits_files(&p.image), "one for commands is none for files");
	command(&p, "lsx", "allow glob");
	command(&p, "/usr/bin/gcc-12", "allow path");
	command(&p, "/usr/local/bin/gcc", "deny rest");
	command(&p, "gcc", "deny rest");
	command(&p, "{a,b}", "allow braces");
	command(&p, "a", "deny rest");
	command(&p, "", "malformed");
	command(&p, "/bin/", "malformed");
	p_free(&p);
}

static void
test_vars(void)
{
	static const char text[] = FILES
	    "- {name: h, paths: ['${HOME}/x', '/u/${USER}', "
	    "'${NO:-/fall/*}/y'], decision: allow}\n";
	static const struct vars odd = { "/w", "/home/*{a,b}", "u?" };
	struct p p;

	T(p_load(&p, text, &odd) == 0, "loads: %s", p.e.message);
	file(&p, FILE_OP_WRITE, "/home/*{a,b}/x", "allow h");
	file(&p, FILE_OP_WRITE, "/home/1a/x", "deny default-deny-files");
	file(&p, FILE_OP_WRITE, "/u/u?", "allow h");
	file(&p, FILE_OP_WRITE, "/u/ux", "deny default-deny-files");
	file(&p, FILE_OP_WRITE, "/fall/a/y", "allow h");
	p_free(&p);
}

static char *
slurp(const char *path)
{
	static char text[65536];
	FILE *f = fopen(path, "r");
	size_t n;

	if (f == NULL)
		return NULL;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	return text;
}

static void
test_default(void)
{
	static const struct vars real = { "/home/u/p", "/home/u", "u" };
	const char *srcdir = getenv("srcdir");
	char path[512];
	char *text;
	struct p p, q;

	snprintf(path, sizeof(path), "%s/etc/policies/default.yaml",
	    srcdir == NULL ? "." : srcdir);
	text = slurp(path);
	if (!T(text != NULL, "%s is there", path))
		return;
	T(p_load(&p, text, NULL) == 0, "it loads: %s", p.e.message);
	T(!p.out.fallback, "as a DFA, %zu bytes", p.out.image.len);
	file(&p, FILE_OP_WRITE, "/workspace/a/b", "allow workspace");
	file(&p, FILE_OP_READ, "/workspace/.env", "deny deny-env-files");
	file(&p, FILE_OP_READ, "/workspace/.env.example",
	    "allow allow-env-templates");
	file(&p, FILE_OP_READ, "/workspace/v/certifi/cacert.pem",
	    "allow workspace-certificates");
	file(&p, FILE_OP_RENAME, "/workspace/a.pem", "deny deny-private-keys");
	file(&p, FILE_OP_READ, "/workspace/id_rsa", "deny deny-private-keys");
	file(&p, FILE_OP_READ, "/root/.ssh/config",
	    "deny deny-private-keys-elsewhere");
	file(&p, FILE_OP_READ, "/etc/shadow", "deny deny-system-secrets");
	file(&p, FILE_OP_READ, "/etc/passwd", "allow system-config-read");
	file(&p, FILE_OP_READ, "/etc/ssl/certs/x.pem",
	    "allow certificates-read");
	file(&p, FILE_OP_READ, "/usr/lib/python3/certifi/cacert.pem",
	    "allow system-programs-read");
	file(&p, FILE_OP_WRITE, "/usr/lib/x", "deny system-programs-write");
	file(&p, FILE_OP_READ, "/home/u/x", "deny default-deny-files");
	file(&p, FILE_OP_STAT, "/home", "allow system-names");
	command(&p, "git", "allow tools");
	command(&p, "/usr/bin/sudo", "deny deny-privileges");
	T(p_load(&q, text, NULL) == 0 && q.out.image.len == p.out.image.len &&
		memcmp(q.out.image.data, p.out.image.data, p.out.image.len) ==
		    0,
	    "the same text gives the same image");
	p_free(&q);
	p_free(&p);
	T(p_load(&p, text, &real) == 0, "with real paths: %s", p.e.message);
	file(&p, FILE_OP_WRITE, "/home/u/p/x", "allow workspace");
	p_free(&p);
}

int
main(void)
{
	test_order();
	test_stray_bytes();
	test_homes();
	test_plan_bound();
	test_loader();
	test_commands();
	test_vars();
	test_default();
	return done_testing();
}
