#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What stops the start of agentshd, and that it says what to change; -n; a
# second one; sessions that are refused by the kernel's word on who asks.
# timeout: 120
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_root

# refused TEXT command...: exits with 1 and says TEXT
refused()
{
	text_=$1
	shift
	out=$("$@" 2>&1 </dev/null)
	want "$text_: status" $? 1
	want_in "status 1" "$out" "$text_"
}

start_service
refused "already running" env -i AGENTSH_HELPER_DIR="$T/stage" \
    AGENTSH_CONFIG="$T/etc/config.yaml" "$T/stage/agentshd"

# what this kernel's Landlock lacks is said, and nothing is where it has all
python3 - "$T/server.log" <<'PY' || fail "the log on Landlock"
import ctypes
import re
import sys
abi = ctypes.CDLL(None).syscall(444, None, 0, 1)
want = [w for n, w in ((3, "truncation"), (4, "TCP"), (5, "ioctls on devices"),
                       (6, "signals and abstract sockets")) if abi < n]
log = open(sys.argv[1]).read()
line = re.search(r"Landlock ABI (\d+)(.*)", log)
if line is None or int(line.group(1)) != abi:
    sys.exit(f"have ABI {abi}: {log}")
have = re.sub(r" \([^)]*\)", "", line.group(2).partition(": ")[2])
if have != ", ".join(want):
    sys.exit(f"ABI {abi}: have {have}, want {want}")
PY

# whose session it is
ws=$(new_workspace alice)
API_USER=bob
api POST /api/v1/sessions "{\"id\":\"b\",\"workspace\":\"/root\"}" >"$T/out"
want "workspace that bob may not enter" "$(status)" 400
API_USER=_agentsh
api POST /api/v1/sessions "{\"id\":\"b\",\"workspace\":\"$ws\"}" >"$T/out"
want "session of one of agentsh's own users" "$(status)" 403
API_USER=alice
api POST /api/v1/sessions "{\"id\":\"b\",\"workspace\":\"/\"}" >"$T/out"
want "workspace /" "$(status)" 400
new_session s "$ws"
want "groups of the session" "$(run_in s sh -c "grep ^Groups: /proc/self/status | wc -w")" 3
want "no network but a loopback" "$(run_in s sh -c 'grep -c : /proc/net/dev')" 1
want "mounts of the host" "$(run_in s sh -c "grep -c ' /run/agentsh\| /home \|$T' /proc/self/mountinfo")" 0

# the spawner has the capabilities of privcap.def and no other
python3 - "$TEST_SRC/src/privd/privcap.def" "$SERVER_PID" <<'PY' || fail "capabilities of agentshd"
import re
import sys
number = {"KILL": 5, "SETGID": 6, "SETUID": 7, "SETPCAP": 8, "NET_BIND_SERVICE": 10, "NET_ADMIN": 12,
          "SYS_ADMIN": 21, "SETFCAP": 31}
names = re.findall(r"^PRIVCAP\((\w+),", open(sys.argv[1]).read(), re.M)
mask = sum(1 << number[n] for n in names)
for line in open(f"/proc/{sys.argv[2]}/status"):
    key, _, value = line.partition(":")
    if key in ("CapInh", "CapPrm", "CapEff", "CapBnd") and int(value, 16) != mask:
        sys.exit(f"{key} is {value.strip()}, want {mask:x}")
    if key == "CapAmb" and int(value, 16) != 0:
        sys.exit("ambient capabilities")
    if key == "NoNewPrivs" and value.strip() != "1":
        sys.exit("may gain rights")
PY
unset API_USER
ws=$(mktemp -d "$T/rootws.XXXXXX")
new_session r "$ws"
want "a session of root" "$(run_in r sh -c 'id -u; touch f; stat -c %u f; grep ^CapBnd /proc/self/status | cut -f2')" "0
0
0000000000000000"
stop_server

run_agentshd()
{
	# what should be refused, and is not, does not run on
	timeout -s KILL 60 env -i AGENTSH_HELPER_DIR="$T/stage" "$T/stage/agentshd" "$@"
}

run_agentshd -n -T ipc,fs 2>/dev/null
want "an area of the log that there is not" $? 2
say "nonsense: 1" >"$T/bad.yaml"
chmod 0644 "$T/bad.yaml"
refused "bad.yaml:1" run_agentshd -n -f "$T/bad.yaml"
refused "No such file" run_agentshd -n -f "$T/none.yaml"
want "-n" "$(run_agentshd -n -f "$T/etc/config.yaml" 2>&1)" "configuration OK"
run_agentshd -nv -f "$T/etc/config.yaml" >"$T/normal.yaml" || fail "-nv"
chmod 0644 "$T/normal.yaml"
want "-nv of -nv" "$(run_agentshd -nv -f "$T/normal.yaml" | sum)" "$(sum <"$T/normal.yaml")"

# the policy that the configuration makes the default; nothing is left running
printf 'version: 1\nname: x\nrulez: 1\n' >"$T/var/policies/broken.yaml"
write_config "$T/etc/broken.yaml" "$T/var" "policies.default: broken"
chmod 0644 "$T/etc/broken.yaml"
refused "policies.default: broken.yaml:3:1: rulez: unknown key" run_agentshd -n -f "$T/etc/broken.yaml"
write_config "$T/etc/broken.yaml" "$T/var" "policies.default: nosuch"
refused "policies.default: policy nosuch: there is no policy of this name" run_agentshd -n -f "$T/etc/broken.yaml"
# and those of mount profiles
write_config "$T/etc/broken.yaml" "$T/var" "mount_profiles: {a: {base_policy: default, mounts: [{path: /srv/a}]}, b: {base_policy: broken, mounts: [{path: /srv/a}]}}"
refused "mount_profiles.b: broken.yaml:3:1: rulez: unknown key" run_agentshd -n -f "$T/etc/broken.yaml"
write_config "$T/etc/broken.yaml" "$T/var" "mount_profiles: {a: {base_policy: default, mounts: [{path: /srv/a, policy: nosuch}]}}"
refused "mount_profiles.a: policy nosuch: there is no policy of this name" run_agentshd -n -f "$T/etc/broken.yaml"
write_config "$T/etc/broken.yaml" "$T/var" "mount_profiles: {a: {base_policy: default, mounts: [{path: /srv/a, policy: default}]}}"
want "-n with a profile" "$(run_agentshd -n -f "$T/etc/broken.yaml" 2>&1)" "configuration OK"
# the example of a configuration, and in it that of a profile
sed '1,/^$/d; s/^#\([^#]\)/\1/' "$TEST_SRC/etc/config.yaml" >"$T/etc/example.yaml"
want "-n of etc/config.yaml" "$(run_agentshd -n -f "$T/etc/example.yaml" 2>&1)" "configuration OK"
sed -n 's/^##   //p' "$TEST_SRC/etc/config.yaml" >"$T/etc/example.yaml"
want_in "a profile in etc/config.yaml" "$(cat "$T/etc/example.yaml")" "mount_profiles:"
want "-n of that" "$(run_agentshd -n -f "$T/etc/example.yaml" 2>&1)" "configuration OK"
mkdir -p "$T/alice"
write_config "$T/etc/alice.yaml" "$T/alice" "policies.dir: $T/var/policies" "policies.default: broken"
chmod 0644 "$T/etc/alice.yaml"
refused "policies.default: broken.yaml:3:1: rulez: unknown key" as alice agentshd -n -f "$T/etc/alice.yaml"
write_config "$T/etc/alice.yaml" "$T/alice"
want "-n of a user" "$(as alice agentshd -n -f "$T/etc/alice.yaml" 2>&1)" "configuration OK"
[ ! -e "$T/alice/lib" ] || fail "-n made a directory"
pgrep -x policyd >/dev/null && fail "-n left policyd running"

# a service manager is told when the sockets are served, and of the end
for name in "$T/notify" "@agentsh-test-$$"; do
	python3 - "$name" "$T/stage/agentshd" "$T/etc/config.yaml" "$API_SOCK" <<'PY' || fail "NOTIFY_SOCKET"
import os
import socket
import subprocess
import sys

name, agentshd, config, api = sys.argv[1:]
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind("\0" + name[1:] if name[0] == "@" else name)
manager.settimeout(100)
p = subprocess.Popen([agentshd, "-d", "-f", config], stderr=subprocess.DEVNULL,
                     env={"NOTIFY_SOCKET": name, "AGENTSH_HELPER_DIR": os.path.dirname(agentshd)})
try:
    first = manager.recv(4096)
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(100)
    client.connect(api)
    client.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = client.recv(4096)
    p.terminate()
    last = manager.recv(4096)
    status = p.wait(100)
finally:
    p.kill()
if (first, last, status) != (b"READY=1", b"STOPPING=1", 0) or b" 200 " not in answer:
    sys.exit(f"told {first}, {last}, status {status}, {answer}")
PY
done
chmod 0777 "$T/var/log"
refused "can be written by others" run_agentshd -f "$T/etc/config.yaml"
chmod 0700 "$T/var/log"
chmod 0775 "$T/var/policies"
refused "policies can be written by others" run_agentshd -f "$T/etc/config.yaml"
refused "policies can be written by others" run_agentshd -n -f "$T/etc/config.yaml"
chmod 0755 "$T/var/policies"
chown bob "$T/var/policies"
refused "policies can be written by others" run_agentshd -f "$T/etc/config.yaml"
chown root "$T/var/policies"
chown bob "$T/stage/maker"
refused "must belong to root" run_agentshd -f "$T/etc/config.yaml"
chown root "$T/stage/maker"

as_alice()
{
	as alice agentshd "$@"
}

# a user's policies can be written after the start, also where they had no place
start_user_server alice "policies.dir: $T/home/alice/.config/agentsh/policies"
as alice sh -c 'printf "version: 1\nname: mine\n" >~/.config/agentsh/policies/mine.yaml' ||
    fail "no place for policies"
API_USER=alice
new_session p "$(new_workspace alice)" '"policy":"mine"'
unset API_USER
stop_server
# the directory may be the user's and his group's, or root's
chmod 0775 "$T/home/alice/.config/agentsh/policies"
want "a group that writes policies" "$(as_alice -n -f "$T/user.yaml" 2>&1)" "configuration OK"
chmod 0777 "$T/home/alice/.config/agentsh/policies"
refused "policies can be written by others" as_alice -n -f "$T/user.yaml"
chmod 0755 "$T/home/alice/.config/agentsh/policies"
chown bob "$T/home/alice/.config/agentsh/policies"
refused "policies can be written by others" as_alice -n -f "$T/user.yaml"
chown root "$T/home/alice/.config/agentsh/policies"
want "root's policies" "$(as_alice -n -f "$T/user.yaml" 2>&1)" "configuration OK"

chmod 0600 /dev/fuse
refused "chmod 0666 /dev/fuse" as_alice
chmod 0666 /dev/fuse
grep -v '^_agentshn' "$T/etc/passwd" >"$T/etc/passwd.new"
cat "$T/etc/passwd.new" >"$T/etc/passwd"
refused "systemd-sysusers" run_agentshd -f "$T/etc/config.yaml"
exit 0
