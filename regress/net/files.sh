#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The files by which programs of a session find names are ours, whatever the host
# has, and nobody inside writes to them.

. "${TEST_SRC:?run it by regress/run}/regress/lib.sh"

need_net
need_modes

# a host's /etc of our own: the mounts of the test have this one
own_etc()
{
	mkdir "$T/hostetc" "$T/upper" "$T/work"
	mount -t overlay -o "lowerdir=/etc,upperdir=$T/upper,workdir=$T/work" \
	    etc "$T/hostetc" || skip "no overlay for /etc"
	for file_ in passwd group subuid subgid; do
		[ ! -e "$T/etc/$file_" ] || cp "$T/etc/$file_" "$T/hostetc/$file_"
	done
	mount --bind "$T/hostetc" /etc || fail "bind /etc"
}

run_in()
{
	as "$ME" "$T/stage/agentsh" exec --root "$T/ws" "$@"
}

look()
{
	want_=$(printf 'nameserver 192.0.2.53\n')
	[ "$(run_in "$1" -- cat /etc/resolv.conf)" = "$want_" ] ||
	    fail "$1: resolv.conf: $(run_in "$1" -- sh -c 'ls -l /etc/resolv.conf; cat /etc/resolv.conf' 2>&1)"
	run_in "$1" -- python3 -c 'import socket
assert socket.gethostbyname("localhost") == "127.0.0.1"
assert socket.gethostbyname(socket.gethostname()).startswith("127.")
assert socket.getaddrinfo("ip6-localhost", 1)[0][4][0] == "::1"' || fail "$1: hosts"
	run_in "$1" -- sh -c '
	[ "$(grep "^hosts:" /etc/nsswitch.conf)" = "hosts: files dns" ] || exit 1
	grep -q "^passwd: *files" /etc/nsswitch.conf' || fail "$1: nsswitch.conf"
	run_in "$1" -- sh -c 'for f in resolv.conf hosts nsswitch.conf; do
		# (dash says it itself, as a redirection of a builtin ends the shell)
		(: >>/etc/$f) 2>/dev/null && exit 1
		(chmod u+w /etc/$f) 2>/dev/null && exit 1
		(rm -f /etc/$f) 2>/dev/null && exit 1
		(mv -f /etc/$f /tmp/x) 2>/dev/null && exit 1
	done
	exit 0' || fail "$1: they can be changed"
}

own_etc
mkdir "$T/ws" && chown "$ME_UID:$ME_UID" "$T/ws"
rm -f /etc/resolv.conf /etc/hosts /etc/nsswitch.conf
printf 'nameserver 127.0.0.53\nsearch example.com\n' >/etc/resolv.conf
printf '203.0.113.9 elsewhere\n' >/etc/hosts
printf '# of the host\npasswd: files sss\n hosts: mymachines resolve [!UNAVAIL=return] files\nnetworks: files' \
    >/etc/nsswitch.conf
start_any
look plain
[ "$(run_in plain -- sed -n '/^passwd/p;/^networks/p' /etc/nsswitch.conf)" = "passwd: files sss
networks: files" ] || fail "the rest of nsswitch.conf"
run_in plain -- sh -c 'ls -A /run' | grep . && fail "something stays in /run"

# the host replaces its files meanwhile
printf 'nameserver 203.0.113.1\n' >/etc/resolv.new
mv /etc/resolv.new /etc/resolv.conf
sleep 2
look plain

# as resolvconf(8) and systemd-resolved have it, by their own names: a link to where
# sessions have nothing
rm /etc/resolv.conf
mkdir -p /run/systemd/resolve
printf 'nameserver 127.0.0.53\n' >/run/systemd/resolve/stub-resolv.conf
ln -s ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
look linked
# a link within the host's tree, and one that leads nowhere
mkdir /etc/static
mv /etc/hosts /etc/static/hosts
ln -s static/hosts /etc/hosts
look static
rm /etc/static/hosts
run_in nowhere -- true || fail "a link that leads nowhere"

# a policy that shows no /etc shows none of them
own_policies
cat >"$policies/noetc.yaml" <<'Y'
version: 1
name: noetc
file_rules:
  - name: etc
    paths: ["/etc", "/etc/**"]
    operations: ["*"]
    decision: deny
  - name: all
    paths: ["/**"]
    operations: ["*"]
    decision: allow
command_rules:
  - name: all
    commands: ["*"]
    decision: allow
Y
run_in --policy noetc noetc -- true || fail "a session without /etc"
run_in noetc -- sh -c 'cat /etc/resolv.conf 2>/dev/null; ls /etc/static 2>/dev/null' | grep . &&
    fail "a policy that denies /etc shows a file there"

# without a network the host's are shown
stop_server
rm -f /etc/hosts /etc/resolv.conf
printf 'nameserver 203.0.113.1\n' >/etc/resolv.conf
start_any "sandbox.network.enabled: false"
[ "$(run_in off -- cat /etc/resolv.conf)" = "nameserver 203.0.113.1" ] ||
    fail "resolv.conf of the host, without network"
