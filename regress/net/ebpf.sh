#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Ways out of sessions without a network namespace (sandbox.network.mode: ebpf),
# ebpf.py. Each works outside of the session's control group; in there it does not,
# not for root either, whom no other layer stops.
# timeout: 240

TEST_NET_MODE=ebpf
export TEST_NET_MODE
. "${TEST_SRC:?run it by regress/run}/regress/lib.sh"

need_net
need_modes
need_tool python3 jq curl ip nsenter
FAR4=203.0.113.65
FAR6=2001:db8:5::65
HERE4=203.0.113.66
for a in 203.0.113.11 203.0.113.12; do
	ip addr add $a/32 dev lo || fail "address $a"
done

# a machine next to this one, and what comes to it
unshare -n sleep 1000 &
far=$!
wait_for 20 sh -c '[ "$(readlink /proc/$1/ns/net)" != "$(readlink /proc/self/ns/net)" ]' sh $far ||
    fail "a far namespace"
ip link add here type veth peer name far netns $far || skip "the kernel has no veth"
for cmd in "ip addr add $HERE4/26 dev here" "ip -6 addr add 2001:db8:5::66/64 dev here nodad" \
    "ip link set here up" "nsenter -t $far -n ip addr add $FAR4/26 dev far" \
    "nsenter -t $far -n ip -6 addr add $FAR6/64 dev far nodad" \
    "nsenter -t $far -n ip link set far up"; do
	$cmd || fail "$cmd"
done
wait_for 10 nsenter -t $far -n sh -c 'ip -6 addr show dev far scope link | grep -q inet6 && ! ip -6 addr show dev far | grep -q tentative' ||
    fail "the far link"
echo "0 2147483647" >/proc/sys/net/ipv4/ping_group_range
# a router that takes routes which the sender has chosen, whatever the host has
echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter && echo 0 >/proc/sys/net/ipv4/conf/lo/rp_filter ||
    fail "rp_filter"
for file in ipv4/conf/all/accept_source_route ipv4/conf/lo/accept_source_route \
    ipv4/conf/lo/accept_local ipv4/ip_forward ipv6/conf/all/seg6_enabled \
    ipv6/conf/lo/seg6_enabled ipv6/conf/all/forwarding; do
	echo 1 >/proc/sys/net/$file || fail "$file"
done
py=$TEST_SRC/regress/net/ebpf.py
nsenter -t $far -n python3 "$py" sniff "$T/sniffed" &
python3 "$py" services "$T/services" &
python3 "$TEST_SRC/regress/escape/network.py" servers "$T" >"$T/servers" 2>&1 &
wait_for 10 sh -c 'test -e "$1/ready" && test -e "$1/services" && grep -q ready "$1/sniffed"' \
    sh "$T" || fail "servers: $(cat "$T/servers")"

# with the layer off
python3 "$py" attacks $FAR4 $FAR6 >"$T/outside" 2>&1 || fail "$(cat "$T/outside")"
! grep stopped "$T/outside" || fail "outside too"
tries=$(wc -l <"$T/outside")
[ "$tries" = 35 ] || fail "tries: $tries"
# the kernel says of each group that it is joined, and not at once
wait_for 10 sh -c 'grep -q "^2 0" "$1" && grep -q "^58 0" "$1"' sh "$T/sniffed" ||
    fail "outside, groups: $(cat "$T/sniffed")"
for came in "6 7101" "6 7102" "6 7103" "17 7104 udp4" "17 7105 udp6" "17 7106 udp-mapped" \
    "17 7107 udp-connected" "17 53 udp-dns" "17 7108 connect-then-sen" "17 7109 unspec" \
    "17 53 source-route" "17 53 route-by-host4" "17 53 route-by-host6" "6 7110" "1 0"; do
	wait_for 10 grep -q "^$came" "$T/sniffed" || fail "outside, $came: $(cat "$T/sniffed")"
done

own_policies
cat >"$policies/out.yaml" <<'P'
version: 1
name: out
file_rules:
  - {name: all, paths: ["/**"], operations: ["*"], decision: allow}
command_rules:
  - {name: all, commands: [], decision: allow}
network_rules:
  - {name: ok, domains: [ok.test], cidrs: [203.0.113.11/32], ports: [80], decision: allow}
  - {name: literal, cidrs: [203.0.113.12/32], decision: allow}
P
{
	sed 's/^name: out/name: unix/' "$policies/out.yaml"
	echo 'unix_socket_rules:
  - {name: abstract, paths: ["@**"], operations: ["*"], decision: allow}'
} >"$policies/unix.yaml"
chmod 0644 "$policies/out.yaml" "$policies/unix.yaml"
mkdir "$T/ws" && cp "$py" "$T/ws/" && chown -R "$ME_UID:$ME_UID" "$T/ws"

begin()
{
	start_any "sandbox.network.dns.upstream: ['127.0.0.1:5353']"
	new_session s "$T/ws" '"policy":"out"'
	group=$(find "$CG" -mindepth 1 -maxdepth 1 -name 'agentsh-*')
	[ -n "$group" ] || fail "no control group: $(ls "$CG")"
}

# stopped FILE WHAT: nobody was reached, and nothing came
stopped()
{
	! grep -E "REACHED" "$1" || fail "$2: $(cat "$1")"
	want "$2: tries" "$(wc -l <"$1")" "$tries"
	sleep 0.2
	sed 1d "$T/sniffed" | tail -n +"$((seen + 1))" | grep . >"$T/came" &&
	    fail "$2: came: $(cat "$T/came"); $(cat "$1")"
	return 0
}

begin
grep -q "hooks of a control group: sandbox.network.mode" "$T/server.log" || fail "no word of it"
want "the session says so" "$(json .network <"$T/session.json")" ebpf
seen=$(($(wc -l <"$T/sniffed") - 1))
run_in s python3 ebpf.py attacks $FAR4 $FAR6 >"$T/inside" 2>&1 || fail "inside: $(cat "$T/inside")"
stopped "$T/inside" "in the session"
# root, with nothing but the hooks about it: abstract sockets are Landlock's
sh -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' sh "$group" \
    python3 "$py" attacks $FAR4 $FAR6 >"$T/hooks" 2>&1 || fail "hooks: $(cat "$T/hooks")"
sed -i 's/^abstract REACHED/abstract of another layer/' "$T/hooks"
stopped "$T/hooks" "with the hooks alone"

# servers of the session are there for itself, and for nobody from outside
as "$ME" "$T/stage/agentsh" exec s -- python3 ebpf.py serve /workspace/up $HERE4 2001:db8:5::66 >"$T/serve" 2>&1 &
serve=$!
wait_for 20 test -e "$T/ws/up" || fail "servers: $(cat "$T/serve")"
reach="import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 1)
except OSError:
    sys.exit(1)"
python3 -c 'import socket
s = socket.create_server(("::", 7202 + 2), family=socket.AF_INET6, dualstack_ipv6=True)
s.accept()' &
wait_for 20 nsenter -t $far -n python3 -c "$reach" $HERE4 7204 || fail "nothing is reached from far"
tell="import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
for addr in sys.argv[2:]:
    s.sendto(b'from far', (addr, int(sys.argv[1])))"
timeout 60 python3 -c 'import socket
u = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
u.bind(("::", 7206))
u.recv(100), u.recv(100)' &
receiver=$!
tells()
{
	nsenter -t $far -n python3 -c "$tell" "$1" 2001:db8:5::66 ::ffff:$HERE4
}
wait_for 20 sh -c 'grep -q ":1C26 " /proc/net/udp6' || fail "no receiver"
tells 7206 && wait $receiver || fail "nothing comes from far"
tells 7205 || fail "far"
for port in 7201 7202; do
	for addr in $HERE4 2001:db8:5::66; do
		nsenter -t $far -n python3 -c "$reach" $addr $port && fail "far reaches $addr $port"
	done
done
touch "$T/ws/up.end" && chmod 0666 "$T/ws/up.end"
wait $serve || fail "servers: $(cat "$T/serve")"
want "0.0.0.0" "$(head -n 1 "$T/serve")" 127.0.0.1

# execd, whom no Landlock holds, connects nobody to what is the host's
new_session u "$T/ws" '"policy":"unix"'
run_in u python3 -c 'import socket
s = socket.socket(socket.AF_UNIX)
s.bind("\0agentsh-test-own")
s = socket.socket(socket.AF_UNIX)
try:
    s.connect("\0agentsh-test-ebpf")
except PermissionError:
    pass
else:
    raise SystemExit("reached")' >"$T/out" 2>&1 || fail "abstract: $(cat "$T/out" "$T/exec.json")"
api DELETE /api/v1/sessions/u >"$T/null"

# who is not of the session, at netd's sockets
ports()
{
	python3 - "$(pgrep -x netd)" "$1" <<'PY'
import os, sys
fds = {os.readlink("/proc/%s/fd/%s" % (sys.argv[1], f))
       for f in os.listdir("/proc/%s/fd" % sys.argv[1])}
for line in list(open("/proc/net/" + sys.argv[2]))[1:]:
    w = line.split()
    if w[1].startswith("0100007F:") and "socket:[%s]" % w[9] in fds and w[3] in ("0A", "07"):
        print(int(w[1][9:], 16))
PY
}
tcp=$(ports tcp) udp=$(ports udp)
want "netd's sockets" "$(echo $tcp $udp | wc -w)" 3
# shellcheck disable=SC2086
as "$ME" python3 "$py" dial $tcp -u $udp || fail "netd serves a stranger"
# shellcheck disable=SC2086
run_in s python3 ebpf.py dial $tcp -u $udp || fail "netd serves whom it has not sent there"
want "the session itself" "$(run_in s curl -sS --http0.9 \
    -x http://192.0.2.1:3128 http://ok.test/ 2>&1 | head -c 7)" REACHED

# there is nothing to publish
out=$(as "$ME" "$T/stage/agentsh" session publish s 8080 2>&1) && fail "published: $out"
want_in "publish" "$out" "shares the host's loopback"

# nobody leaves the group, whatever is in it
run_in s sh -c 'mkdir -p m; mount -t cgroup2 none m 2>/dev/null && exit 1
while read -r _ at type _; do
	[ $type != cgroup2 ] || ! echo $$ >$at/cgroup.procs || exit 1
done </proc/self/mounts
unshare -C true 2>/dev/null && exit 1
exit 0' || fail "a process leaves the control group"

# what came until here were answers to the far machine
seen=$(($(wc -l <"$T/sniffed") - 1))
# netd gone: the session is, too; agentshd killed: what is left of it goes nowhere
loop='while :; do python3 ebpf.py attacks '"$FAR4 $FAR6"' >>tried 2>&1; done'
for victim in netd agentshd; do
	rm -f "$T/ws/tried"
	as "$ME" "$T/stage/agentsh" exec s -- sh -c "$loop" >"$T/out" 2>&1 &
	client=$!
	wait_for 20 grep -q tcp4 "$T/ws/tried" || fail "no attacks: $(cat "$T/out")"
	kill -KILL "$(pgrep -x $victim)"
	wait $client
	wait_for 20 sh -c '! grep -q "populated 1" "$1/cgroup.events" 2>/dev/null' sh "$group" ||
	    fail "without $victim the session goes on"
	stop_server
	! grep REACHED "$T/ws/tried" || fail "without $victim"
	sed 1d "$T/sniffed" | tail -n +"$((seen + 1))" | grep . && fail "without $victim it came"
	begin
done
want "groups of before" "$(find "$CG" -mindepth 1 -maxdepth 1 -name 'agentsh-*' | wc -l)" 1
stop_server
want "groups that are left" "$(find "$CG" -mindepth 1 -name 'agentsh-*' | wc -l)" 0

# by itself where there is no namespace, which a session otherwise has
TEST_NET_MODE=auto
network()
{
	start_any "$@"
	new_session s "$T/ws" '"policy":"out"'
	json .network <"$T/session.json"
	stop_server
}
want "auto" "$(network)" tproxy
cp "$TEST_BUILD/regress/privsep/refuse" "$T/refuse" || fail "regress/privsep/refuse is not built"
SERVER_WRAP="$T/refuse unshare:0=1073741824 EPERM" # CLONE_NEWNET
want "no namespaces" "$(network)" ebpf
grep -q "hooks of a control group: .*make a network namespace" "$T/server.log" ||
    fail "the log does not say why"
SERVER_WRAP="$T/refuse socket:2=12 EPERM" # nf_tables
want "no nf_tables" "$(network)" sk_lookup

# what cannot be had is no session, or none without a network
TEST_NET_MODE=ebpf
SERVER_WRAP="$T/refuse bpf EPERM"
start_any
api POST /api/v1/sessions "{\"id\":\"s\",\"workspace\":\"$T/ws\"}" >"$T/session.json"
[ "$(status)" = 500 ] || fail "a session without its hooks: $(cat "$T/session.json")"
want_in "why" "$(cat "$T/session.json")" "sandbox.network.mode: ebpf: load programs into the kernel"
stop_server
want "no programs" "$(network "sandbox.network.unavailable: none")" none
want "groups that are left" "$(find "$CG" -mindepth 1 -name 'agentsh-*' | wc -l)" 0
SERVER_WRAP=
write_config "$T/user.yaml" "$T/state"
chmod 0644 "$T/user.yaml"
out=$(as alice env AGENTSH_CONFIG="$T/user.yaml" timeout 20 "$T/stage/agentshd" -d 2>&1) &&
    fail "an ordinary user's agentshd starts"
want_in "an ordinary user" "$out" "ebpf is for the service of root"
exit 0
