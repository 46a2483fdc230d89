/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file: values, ranges, refusals, and that what conf_print
 * writes parses back to the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "confparse.h"
#include "steer.h"
#include "t.h"

static int
parse(const char *text, struct conf *c, struct aerr *e)
{
	memset(e, 0, sizeof(*e));
	return conf_parse("c", (const uint8_t *)text, strlen(text), c, e);
}

static void
bad(const char *text, const char *want)
{
	struct conf c;
	struct aerr e;

	T(parse(text, &c, &e) == -1 && strcmp(e.message, want) == 0,
	    "refused: %s [%s]", want, e.message);
}

static void
test_good(void)
{
	static struct profile p;
	static const char text[] =
	    "# nothing\n"
	    "server:\n  http:\n    addr: none\n    read_timeout: 1m30s\n"
	    "    max_request_size: 2MiB\n"
	    "  unix_socket: {permissions: \"0660\"}\n"
	    "logging: {level: debug}\nsessions:\n  real_paths: true\n"
	    "  max_sessions: 7\npolicies:\n  allowed: [default, b-2]\n"
	    "  signing: {mode: enforce}\n  manifest_path: /m\naudit: {dir: /x/\"y\"}\n"
	    "mount_profiles:\n  a: {base_policy: b-2, mounts: [{path: /d/e}]}\n"
	    "  b:\n    mounts:\n    - {path: /x y, mode: rw, policy: default}\n"
	    "    - {path: '/q\"', mode: ro}\n    base_policy: default\n";
	struct conf c, d;
	struct aerr e;
	char *printed = NULL;
	size_t len = 0;
	FILE *f;

	T(parse("", &c, &e) == 0, "nothing is the defaults: %s", e.message);
	conf_defaults(&d);
	T(memcmp(&c, &d, sizeof(c)) == 0, "all of them");
	T(parse(text, &c, &e) == 0, "a whole one: %s", e.message);
	T(strcmp(c.http_addr, "none") == 0, "addr");
	T(c.http_timeout_ms == 90000, "read_timeout");
	T(c.http_max_body == 2097152, "max_request_size");
	T(c.api_socket_mode == 0660, "permissions");
	T(c.log_level == 2, "level");
	T(c.real_paths == 1 && c.max_sessions == 7, "sessions");
	T(strcmp(c.log_dir, "/x/\"y\"") == 0, "dir");
	T(strcmp(c.policies_allowed, "default b-2") == 0, "allowed");
	T(conf_names_have(c.policies_allowed, "b-2") &&
		conf_names_have(c.policies_allowed, "default") &&
		!conf_names_have(c.policies_allowed, "b") &&
		!conf_names_have(c.policies_allowed, "-2") &&
		!conf_names_have(c.policies_allowed, ""),
	    "who is");
	T(c.signing_mode == SIGNING_ENFORCE, "mode");
	T(strcmp(c.mount_profiles,
	      "a b-2\n\tro . /d/e\nb default\n\trw default /x y\n"
	      "\tro . /q\"\n") == 0,
	    "profiles: %s", c.mount_profiles);
	T(profile_find(c.mount_profiles, "b", &p) && p.n == 2 &&
		p.mount[0].rw && strcmp(p.mount[0].path, "/x y") == 0 &&
		!p.mount[1].rw && strcmp(p.policy, "default") == 0 &&
		strcmp(p.mount[0].policy, "default") == 0 &&
		p.mount[1].policy[0] == '\0',
	    "one of them");
	T(!profile_find(c.mount_profiles, "rw", &p) &&
		!profile_find(c.mount_profiles, "", &p),
	    "no other");
	f = open_memstream(&printed, &len);
	conf_print(f, &c);
	fclose(f);
	T(parse(printed, &d, &e) == 0, "what is printed parses: %s", e.message);
	T(memcmp(&c, &d, sizeof(c)) == 0, "to the same");
	free(printed);
}

#define DNS(members) "sandbox: {network: {dns: {" members "}}}\n"

static void
test_servers(void)
{
	struct conf c, d;
	struct aerr e;
	char *printed = NULL;
	size_t len = 0;
	FILE *f;

	T(parse(DNS("upstream: [192.0.2.1, '192.0.2.2:5353', '[::1]:54'],"
		    " timeout: 2s, queries_per_second: 0, names_per_minute: 5,"
		    " max_name: 80"),
	      &c, &e) == 0,
	    "sandbox.network.dns: %s", e.message);
	T(strcmp(c.dns_upstream, "192.0.2.1 192.0.2.2:5353 [::1]:54") == 0 &&
		c.dns_timeout_ms == 2000 && c.dns_rate == 0 &&
		c.dns_names == 5 && c.dns_name_max == 80,
	    "what it says: %s", c.dns_upstream);
	f = open_memstream(&printed, &len);
	conf_print(f, &c);
	fclose(f);
	T(parse(printed, &d, &e) == 0 && memcmp(&c, &d, sizeof(c)) == 0,
	    "its printed form: %s", e.message);
	free(printed);
	T(parse(DNS("upstream: []"), &c, &e) == 0 && c.dns_upstream[0] == '\0',
	    "no servers: %s", e.message);
	bad(DNS("upstream: [192.0.2.1, ns.test]"),
	    "c:1:49: sandbox.network.dns.upstream: \"ns.test\" is not a list of"
	    " at most three addresses of name servers");
	bad(DNS("upstream: 192.0.2.1"),
	    "c:1:37: sandbox.network.dns.upstream: must be a list, write"
	    " [a, b]");
	bad(DNS("upstream: ['::1', '::1', '::1', '::1']"),
	    "c:1:37: sandbox.network.dns.upstream: is not a list of at most"
	    " three addresses of name servers");
	T(parse("sandbox: {network: {tcp: {max_connections: 16,"
		" server_first: 1s, connect_timeout: 2s, idle_timeout: 1m}}}\n",
	      &c, &e) == 0 &&
		c.tcp_conns == 16 && c.tcp_speak_ms == 1000 &&
		c.tcp_dial_ms == 2000 && c.tcp_idle_ms == 60000,
	    "sandbox.network.tcp: %s", e.message);
	bad("sandbox: {network: {tcp: {max_connections: 15}}}\n",
	    "c:1:44: sandbox.network.tcp.max_connections: 15 is not between 16"
	    " and 16384");
	bad(DNS("max_name: 254"),
	    "c:1:37: sandbox.network.dns.max_name: 254 is not between 0 and"
	    " 253");
}

#define SECCOMP(members) "sandbox: {seccomp: {" members "}}\n"

static void
test_calls(void)
{
	struct conf c, d;
	struct aerr e;
	char *printed = NULL, text[4096];
	size_t len = 0;
	int i, n;
	FILE *f;

	T(parse(SECCOMP("syscalls: {default_action: allow,"
			" block: [sync, ptrace, socketcall], on_block: kill,"
			" allow: [read], block_unknown: kill},"
			" blocked_socket_families: [{family: AF_NETLINK},"
			" {action: kill, family: AF_DECnet}]"),
	      &c, &e) == 0,
	    "sandbox.seccomp: %s", e.message);
	T(strcmp(c.calls_block, "sync ptrace socketcall") == 0 &&
		strcmp(c.calls_allow, "read") == 0 &&
		c.calls_on_block == ON_BLOCK_KILL &&
		c.calls_unknown == ON_BLOCK_KILL &&
		strcmp(c.blocked_families, "AF_NETLINK:errno AF_DECnet:kill") ==
		    0,
	    "what it says: %s; %s", c.calls_block, c.blocked_families);
	f = open_memstream(&printed, &len);
	conf_print(f, &c);
	fclose(f);
	T(parse(printed, &d, &e) == 0 && memcmp(&c, &d, sizeof(c)) == 0,
	    "its printed form: %s", e.message);
	free(printed);
	T(parse(SECCOMP("syscalls: {block: []}, blocked_socket_families: []"),
	      &c, &e) == 0 &&
		c.calls_block[0] == '\0' && c.blocked_families[0] == '\0',
	    "nothing more: %s", e.message);
	bad(SECCOMP("syscalls: {block: [sync,\n nosuch]}"),
	    "c:2:2: sandbox.seccomp.syscalls.block: \"nosuch\" is no system"
	    " call that this system's libseccomp knows");
	bad(SECCOMP("syscalls: {block: ['sync ptrace']}"),
	    "c:1:40: sandbox.seccomp.syscalls.block: \"sync ptrace\" is no"
	    " system call that this system's libseccomp knows");
	bad(SECCOMP("syscalls: {block: sync}"),
	    "c:1:39: sandbox.seccomp.syscalls.block: must be a list, write"
	    " [a, b]");
	bad(SECCOMP("syscalls: {allow: [read, ptrace]}"),
	    "c:1:46: sandbox.seccomp.syscalls.allow: sandbox.ptrace says whom"
	    " debuggers may trace");
	bad(SECCOMP("syscalls: {allow: [read, kcmp]}"),
	    "c:1:46: sandbox.seccomp.syscalls.allow: agentsh refuses kcmp"
	    " (reads or steers another process), and no configuration allows"
	    " it");
	bad(SECCOMP("syscalls: {allow: [personality]}"),
	    "c:1:40: sandbox.seccomp.syscalls.allow: agentsh refuses"
	    " personality (another behaviour of the kernel), and no"
	    " configuration allows it");
	bad(SECCOMP("syscalls: {allow: [sync], block: [sync]}"),
	    "c:1:1: sandbox.seccomp.syscalls.allow: sync is in block as well");
	bad(SECCOMP("syscalls: {block: [sync], on_block: all}"),
	    "c:1:57: sandbox.seccomp.syscalls.on_block: \"all\" is not one of"
	    " errno|kill|log|log_and_kill");
	bad(SECCOMP("syscalls: {default_action: deny}"),
	    "c:1:48: sandbox.seccomp.syscalls.default_action: \"deny\" is not"
	    " one of allow: what becomes of a system call that neither agentsh"
	    " nor block refuses");
	bad(SECCOMP("syscalls: {block: [sync, execve]}"),
	    "c:1:46: sandbox.seccomp.syscalls.block: no command could start"
	    " without execve");
	bad(SECCOMP("blocked_socket_families: [{family: AF_NOPE}]"),
	    "c:1:56: sandbox.seccomp.blocked_socket_families.family:"
	    " \"AF_NOPE\" is no family of sockets, write AF_ALG");
	bad(SECCOMP("blocked_socket_families: [{family: AF_ALG, action: log}]"),
	    "c:1:72: sandbox.seccomp.blocked_socket_families.action: \"log\""
	    " is not one of errno|kill");
	bad(SECCOMP("blocked_socket_families: [AF_ALG]"),
	    "c:1:47: sandbox.seccomp.blocked_socket_families: each must be a"
	    " mapping, write {family: AF_ALG}");
	bad(SECCOMP("blocked_socket_families: [{action: kill}]"),
	    "c:1:47: sandbox.seccomp.blocked_socket_families: no family is"
	    " given");
	bad(SECCOMP("blocked_socket_families: [{family: AF_ALG, x: 1}]"),
	    "c:1:64: sandbox.seccomp.blocked_socket_families: a family has"
	    " family and action, no other key");
	n = snprintf(text, sizeof(text),
	    "sandbox: {seccomp: {syscalls:"
	    " {block: [");
	for (i = 0; i < 129; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "sync, ");
	snprintf(text + n, sizeof(text) - (size_t)n, "]}}}\n");
	bad(text,
	    "c:1:808: sandbox.seccomp.syscalls.block: more than 128 names");
}

#define PROFILE(members) "mount_profiles: {p: {" members "}}\n"
#define MOUNT(members) PROFILE("base_policy: d, mounts: [{" members "}]")

static void
test_profiles(void)
{
	char text[16384] = "mount_profiles:\n";
	int i, n = (int)strlen(text);

	bad("mount_profiles: [a]\n",
	    "c:1:17: mount_profiles: must be a mapping");
	bad("mount_profiles: {a b: {}}\n",
	    "c:1:18: mount_profiles.a b: the name of a profile is 1 to 128 of"
	    " A-Z a-z 0-9 _ -");
	bad("mount_profiles: {p: 1}\n",
	    "c:1:21: mount_profiles.p: must be a mapping");
	bad(PROFILE("base_policy: d"),
	    "c:1:21: mount_profiles.p: a profile needs base_policy and mounts");
	bad(PROFILE("base_policy: d, mounts: [], x: 1"),
	    "c:1:50: mount_profiles.p: a profile has base_policy and mounts, no"
	    " other key");
	bad(PROFILE("base_policy: d, mounts: []"),
	    "c:1:46: mount_profiles.p.mounts: must be a list of mounts");
	bad(PROFILE("base_policy: d/e, mounts: [{path: /x}]"),
	    "c:1:35: mount_profiles.p.base_policy: not the name of a policy");
	bad(MOUNT("mode: rw"),
	    "c:1:47: mount_profiles.p.mounts: a mount without path");
	bad(MOUNT("path: /x, mode: w"),
	    "c:1:64: mount_profiles.p.mounts.mode: must be ro or rw");
	bad(MOUNT("path: /x, kind: w"),
	    "c:1:58: mount_profiles.p.mounts: a mount has path, mode and"
	    " policy, no other key");
	bad(MOUNT("path: /x, policy: ../other"),
	    "c:1:66: mount_profiles.p.mounts.policy: not the name of a policy");
	bad(MOUNT("path: /x, policy: ."),
	    "c:1:66: mount_profiles.p.mounts.policy: not the name of a policy");
	bad(MOUNT("path: x"),
	    "c:1:54: mount_profiles.p.mounts.path: \"x\" is not an absolute"
	    " path of a directory, without . and ..");
	bad(MOUNT("path: /x/../y"),
	    "c:1:54: mount_profiles.p.mounts.path: \"/x/../y\" is not an"
	    " absolute path of a directory, without . and ..");
	bad(MOUNT("path: /"),
	    "c:1:54: mount_profiles.p.mounts.path: \"/\" is not an absolute"
	    " path of a directory, without . and ..");
	bad(MOUNT("path: \"/x\\ny\""),
	    "c:1:54: mount_profiles.p.mounts.path: \"/x\\012y\" is not a path"
	    " without control characters");
	bad(MOUNT("path: /tmp/x"),
	    "c:1:54: mount_profiles.p.mounts.path: \"/tmp/x\" is not outside"
	    " of /proc, /dev, /sys, /run, /tmp and /workspace, which are each"
	    " session's own");
	bad(MOUNT("path: /x}, {path: /x/y"),
	    "c:1:59: mount_profiles.p.mounts: one mount lies in another");
	bad(MOUNT("path: /x/y}, {path: /x"),
	    "c:1:61: mount_profiles.p.mounts: one mount lies in another");
	bad("policies: {allowed: [default]}\n" MOUNT("path: /x"),
	    "c:1:1: mount_profiles.p.base_policy: \"d\" is not in"
	    " policies.allowed");
	bad("policies: {allowed: [default, d]}\n" MOUNT("path: /x, policy: e"),
	    "c:1:1: mount_profiles.p.mounts.policy: \"e\" is not in"
	    " policies.allowed");
	bad(MOUNT("path: /1},{path: /2},{path: /3},{path: /4},{path: /5},"
		  "{path: /6},{path: /7},{path: /8},{path: /9"),
	    "c:1:135: mount_profiles.p.mounts: more than 8");
	for (i = 0; i < 150; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n,
		    "  a%050d: {base_policy: d, mounts: [{path: /x}]}\n", i);
	bad(text, "c:132:56: mount_profiles: longer than 8192 bytes");
}

/* The words of the key are the ways of steer.def, and mean them. */
static void
test_steer(void)
{
	char text[64];
	struct conf c;
	struct aerr e;
	enum steer how;

	for (how = STEER_AUTO; how < STEER_MAX; how++) {
		snprintf(text, sizeof(text),
		    "sandbox: {network: {steer: %s}}\n", steer_name(how));
		T(parse(text, &c, &e) == 0 && c.network_steer == how, "%s: %s",
		    steer_name(how), e.message);
	}
	bad("sandbox: {network: {steer: iptables}}\n",
	    "c:1:28: sandbox.network.steer: \"iptables\" is not one of"
	    " auto|tproxy|redirect|sk_lookup");
}

int
main(void)
{
	test_good();
	test_steer();
	test_profiles();
	test_calls();
	test_servers();
	bad("approvals: {mode: api}\n",
	    "c:1:19: approvals.mode: \"api\" is not one of operator: "
	    "who is asked: operator, by agentshctl");
	bad("sandbox: {unix_sockets: {enabled: false}}\n",
	    "c:1:35: sandbox.unix_sockets.enabled: \"false\" is not one of "
	    "true: unix sockets are decided where a policy has "
	    "unix_socket_rules: nothing switches that off; without such rules "
	    "a session's own are free");
	bad("sandbox: {unix_sockets: {wrapper_bin: agentsh-unixwrap}}\n",
	    "c:1:39: sandbox.unix_sockets.wrapper_bin: there is no wrapper "
	    "program: execd asks the kernel itself; leave the key out, and "
	    "write unix_socket_rules into the policy");
	bad("sandbox: {unix_sockets: {wraper_bin: x}}\n",
	    "c:1:26: sandbox.unix_sockets.wraper_bin: unknown key");
	bad("approvals: {timeout: 500ms}\n",
	    "c:1:22: approvals.timeout: 500ms is not between 1s and 86400s");
	bad("approvals: {webauthn: {rp_id: x}}\n",
	    "c:1:13: approvals.webauthn: not enforced by this build");
	bad("servr:\n  x: 1\n",
	    "c:1:1: servr: unknown key, did you mean \"server\"?");
	bad("server:\n  http:\n    adr: x\n",
	    "c:3:5: server.http.adr: unknown key, did you mean "
	    "\"server.http.addr\"?");
	bad("sessions: {zebra: 1}\n", "c:1:12: sessions.zebra: unknown key");
	bad("tor: {enabled: true}\n", "c:1:1: tor: not enforced by this build");
	bad("audit:\n  integrity:\n    enabled: true\n",
	    "c:2:3: audit.integrity: not enforced by this build");
	bad("server: 1\n", "c:1:9: server: must be a mapping");
	bad("- a\n", "c:1:1: the configuration must be a mapping");
	bad("sessions: {max_sessions: 0}\n",
	    "c:1:26: sessions.max_sessions: 0 is not between 1 and 4096");
	bad("sessions: {max_sessions: many}\n",
	    "c:1:26: sessions.max_sessions: \"many\" is not a whole number");
	bad("sessions: {max_sessions: [1]}\n",
	    "c:1:26: sessions.max_sessions: must be a single value");
	bad("sessions: {max_sessions: }\n",
	    "c:1:26: sessions.max_sessions: has no value");
	bad("sessions: {real_paths: 'true'}\n",
	    "c:1:24: sessions.real_paths: \"true\" is not true or false");
	bad("server: {http: {read_timeout: 1ms}}\n",
	    "c:1:31: server.http.read_timeout: 1ms is not between 1s and "
	    "3600s");
	bad("logging: {level: loud}\n",
	    "c:1:18: logging.level: \"loud\" is not one of warn|info|debug");
	bad("audit: {dir: \"a\\nb\"}\n",
	    "c:1:14: audit.dir: has a control character");
	bad("server: {unix_socket: {permissions: 0888}}\n",
	    "c:1:37: server.unix_socket.permissions: \"0888\" is not an octal "
	    "mode, write 0660");
	bad("server: {http: {addr: '0.0.0.0:80'}}\n",
	    "c:1:23: server.http.addr: \"0.0.0.0:80\" is not 127.0.0.1 or "
	    "[::1] with a port, or none");
	bad("server: {http: {addr: '127.0.0.1:0'}}\n",
	    "c:1:23: server.http.addr: \"127.0.0.1:0\" is not 127.0.0.1 or "
	    "[::1] with a port, or none");
	bad("audit: {dir: log}\n",
	    "c:1:14: audit.dir: \"log\" is not an absolute path");
	bad("policies: {default: a/b}\n",
	    "c:1:21: policies.default: \"a/b\" is not the name of a policy");
	bad("policies: {allowed: a}\n",
	    "c:1:21: policies.allowed: must be a list, write [a, b]");
	bad("policies: {allowed: [default, 'a b']}\n",
	    "c:1:31: policies.allowed: \"a b\" is not the name of a policy");
	bad("policies: {allowed: [a], default: b}\n",
	    "c:1:1: policies.default: \"b\" is not in policies.allowed");
	bad("policies: {manifest_path: /}\n",
	    "c:1:27: policies.manifest_path: \"/\" is not an absolute path of a"
	    " file");
	bad("policies: {signing: {mode: on}}\n",
	    "c:1:28: policies.signing.mode: \"on\" is not one of "
	    "off|warn|enforce");
	bad("a: 1\na: 2\n", "c:2:1: a: key given twice, first on line 1");
	return done_testing();
}
