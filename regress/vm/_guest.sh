#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a virtual machine of regress/vm/run does, in the directory with src, build
# and dest (the installation): the service under systemd, then regress/run. Runs
# as root in a machine that is thrown away.
#
# shellcheck disable=SC2015
set -u
job=$(pwd)
patterns=$(cat patterns)
passed=0
failed=0
export LC_ALL=C.UTF-8 SYSTEMD_COLORS=0 SYSTEMD_URLIFY=0 SYSTEMD_PAGER=

say()
{
	printf '%s\n' "$*"
}

# check NAME function: one test
check()
{
	start=$(date +%s)
	if ("$2") >/tmp/check.log 2>&1; then
		passed=$((passed + 1))
		say "PASS service/$1 ($(($(date +%s) - start)) s)"
	else
		failed=$((failed + 1))
		say "FAIL service/$1 ($(($(date +%s) - start)) s)"
		sed 's/^/    /' /tmp/check.log
		journalctl -b -u agentshd -o short-monotonic -n 40 | sed 's/^/    | /'
	fi
}

die()
{
	say "FAILED: $*"
	exit 1
}

want()
{
	[ "$2" = "$3" ] || die "$1: have \"$2\", want \"$3\""
}

wait_for()
{
	limit=$(($(date +%s) + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt "$limit" ] || return 1
		sleep 0.2
	done
}

show()
{
	systemctl show -P "$1" agentshd
}

journal()
{
	journalctl -b -u agentshd -o cat --since "${since:-today}"
}

# api METHOD PATH [JSON]: as the ordinary user; the body, then the status
api()
{
	runuser -u dev -- curl -sS --max-time 100 -w '\n%{http_code}' \
	    --unix-socket /run/agentsh/api.sock -X "$1" ${3:+--data-binary "$3"} \
	    "http://localhost$2"
}

new_session()
{
	api POST /api/v1/sessions "{\"id\":\"$1\",\"workspace\":\"/home/dev/ws\"}" |
	    tail -n 1 | grep -qx 201 || die "no session $1"
}

# run_in SESSION shell-text: stdout
run_in()
{
	api POST "/api/v1/sessions/$1/exec" \
	    "$(jq -cn --arg t "$2" '{command: "sh", args: ["-c", $t]}')" |
	    sed '$d' | jq -j '.result.stdout // ""'
}

serves()
{
	systemctl is-active -q agentshd && api GET /health | tail -n 1 | grep -qx 200
}

session_gone()
{
	api GET "/api/v1/sessions/$1" | tail -n 1 | grep -qx 404
}

# Everything that there is only while agentshd runs, a line each.
left()
{
	# of the whole machine, by the programs' files
	for p in /proc/[0-9]*; do
		exe=$(readlink "$p/exe" 2>/dev/null) || continue
		case $exe in
		*/libexec/agentsh/* | */agentshd*) say "process ${p#/proc/} $exe" ;;
		esac
	done
	ps -eo pid,args | awk '$2 == "sleep" && $3 == "4711" { print "process", $0 }'
	for c in /sys/fs/fuse/connections/*; do
		[ ! -e "$c" ] || say "fuse connection $c"
	done
	grep -h agentsh /proc/self/mountinfo /proc/1/mountinfo
	find /sys/fs/cgroup -name '*agentsh*'
	find /run -name '*agentsh*' ! -path '/run/systemd/*' ! -path '/run/udev/*'
	lsns -nro TYPE,NS,PID -t user
}

nothing_left()
{
	left >/tmp/left
	diff /tmp/left.none /tmp/left
}

# --- the tests, in this order

installed()
{
	cp -a "$job/dest/." / || die "copy"
	systemd-sysusers || die "systemd-sysusers"
	systemd-tmpfiles --create || die "systemd-tmpfiles"
	systemctl daemon-reload
	unit=$(systemctl show -P FragmentPath agentshd)
	[ -f "$unit" ] || die "systemd does not find the unit"
	want "systemd-analyze verify" "$(systemd-analyze verify --man=no "$unit" 2>&1 | grep agentsh)" ""
	systemctl enable agentshd || die "enable"
	for user in _agentsh _agentshp _agentshe _agentshn; do
		getent passwd $user || die "no user $user"
	done
	getent group agentsh-op || die "no group agentsh-op"
	left >/tmp/left.none
}

# Type=notify: when start is done, the socket is served
started()
{
	systemctl start agentshd || die "start"
	want "health at once" "$(api GET /health | tail -n 1)" 200
	want "state" "$(show ActiveState)/$(show SubState)" active/running
	systemctl status agentshd | grep -q 'Active: active (running)' || die "status"
	want "processes" "$(ps -o comm= --ppid "$(show MainPID)" | sort | tr '\n' ' ')" \
	    "eventd netd policyd sessiond "
	want "sessiond's user" "$(ps -o user:20= -C sessiond | tr -d ' ')" _agentsh
	want "capabilities of agentshd" \
	    "$(sed -n 's/^CapEff:[[:space:]]*//p' "/proc/$(show MainPID)/status")" \
	    "$(sed -n 's/^CapBnd:[[:space:]]*//p' "/proc/$(show MainPID)/status")"
	want "restarts" "$(show NRestarts)" 0
}

said()
{
	journal | grep -q 'agentshd\[privd\]: ready: /run/agentsh/api.sock' || die "no ready line"
	journal | grep 'Landlock ABI' || die "nothing on Landlock"
	want "warnings of systemd" "$(journalctl -b -p warning -o cat _PID=1 | grep -i agentsh)" ""
}

used()
{
	runuser -u dev -- mkdir -p /home/dev/ws
	new_session one
	want "who" "$(run_in one 'id -un; id -u')" "dev
1000"
	want "a file" "$(run_in one 'echo text >f && cat f')" text
	want "whose" "$(stat -c '%U %s' /home/dev/ws/f)" "dev 5"
	want "no capability" "$(run_in one 'grep ^CapBnd /proc/self/status | cut -f2')" 0000000000000000
	want "another's home" "$(run_in one 'ls -d /root/* /home/*/.bashrc 2>/dev/null')" ""
	want "by agentsh" "$(runuser -u dev -- sh -c 'cd ~/ws && agentsh exec one -- cat f')" text
	want "denied by policy" "$(runuser -u dev -- sh -c 'cd ~/ws && agentsh exec one -- sudo id 2>&1 | head -n 1')" \
	    "agentsh: command denied by policy (rule=deny-privileges)"
	journal | grep -q 'session one of uid 1000: ready' || die "not in the journal"
	api GET /api/v1/sessions/one/events | sed '$d' | jq -e '[.events[]? // .[]?] | length > 0' ||
	    die "no events"
}

# a namespace of the service's own would keep mounts of the host
untouched()
{
	want "mount namespace" "$(readlink "/proc/$(show MainPID)/ns/mnt")" "$(readlink /proc/1/ns/mnt)"
	want "mounts of the host" "$(grep -c 'fuse.*agentsh\|- fuse agentsh' /proc/1/mountinfo)" 0
	want "control group" "$(systemd-cgls -u agentshd.service 2>/dev/null | grep -c 'fsd')" 1
}

# asked TEXT: the service reads the policies again and says so much
asked()
{
	words=$1
	since=$(date '+%Y-%m-%d %H:%M:%S')
	systemctl reload agentshd || die "reload"
	wait_for 20 eval 'journal | grep -q "policies reloaded: $words"' || die "not in the journal: $words"
}

# Policies are read again, and what runs goes on, by the new ones.
reload()
{
	pid=$(show MainPID)
	asked "0 sessions changed, 1 unchanged"
	sleep 1 # the journal is asked by the second
	file=$(find /usr/share/agentsh /usr/local/share/agentsh -name default.yaml 2>/dev/null)
	cp -p "$file" /tmp/default.yaml
	sed -i 's/^command_rules:$/&\n  - {name: vm-test, commands: [uname], decision: deny}/' "$file"
	asked "1 sessions changed"
	want "denied by the new one" "$(runuser -u dev -- sh -c 'cd ~/ws && agentsh exec one -- uname 2>&1 | head -n 1')" \
	    "agentsh: command denied by policy (rule=vm-test)"
	sleep 1
	cp -p /tmp/default.yaml "$file"
	asked "1 sessions changed"
	want "the process" "$(show MainPID)" "$pid"
	want "the session" "$(run_in one 'uname')" Linux
}

# A session's helper takes its session with it and nothing else.
helper_killed()
{
	pid=$(show MainPID)
	run_in one '(sleep 4711 </dev/null >/dev/null 2>&1 &)'
	kill -KILL "$(pgrep -x fsd)"
	wait_for 20 session_gone one || die "the session is still there"
	wait_for 20 eval '! pgrep -x "fsd|execd|init|sleep"' || die "left: $(pgrep -al 'fsd|execd|init|sleep')"
	want "the process" "$(show MainPID)" "$pid"
	want "restarts" "$(show NRestarts)" 0
	new_session two
	want "another session" "$(run_in two 'echo works')" works
}

# One of the service ends it all; systemd starts it again.
service_killed()
{
	since=$(date '+%Y-%m-%d %H:%M:%S')
	for who in eventd agentshd; do
		pid=$(show MainPID)
		n=$(show NRestarts)
		run_in two '(sleep 4711 </dev/null >/dev/null 2>&1 &)'
		case $who in
		agentshd) kill -KILL "$pid" ;;
		*) kill -KILL "$(pgrep -x $who)" ;;
		esac
		wait_for 60 eval '[ "$(show MainPID)" != '"$pid"' ] && serves' ||
		    die "$who killed: not started again: $(systemctl status agentshd)"
		want "$who killed: restarts" "$(show NRestarts)" $((n + 1))
		want "$who killed: the old session" "$(pgrep -x 'fsd|execd|sleep')" ""
		new_session two
		want "$who killed: a session" "$(run_in two 'echo works')" works
	done
	journal | grep -q 'eventd: .*the service cannot go on' || die "the journal does not say who died"
}

stopped()
{
	new_session three
	run_in three '(sleep 4711 </dev/null >/dev/null 2>&1 &)'
	since=$(date '+%Y-%m-%d %H:%M:%S')
	begin=$(date +%s)
	systemctl stop agentshd || die "stop"
	took=$(($(date +%s) - begin))
	say "stopped in $took s"
	[ $took -le 10 ] || die "stop took $took s"
	want "result" "$(show Result)/$(show ActiveState)" success/inactive
	nothing_left || die "left after stop"
	journal | grep -q 'agentshd\[privd\]: stopped' || die "nothing in the journal"
	journal | grep 'killed$\|Killing process' && die "something had to be killed"
	[ -z "$(find /var/log/agentsh /usr/local/var/log/agentsh -name '*.jsonl' -perm /077 2>/dev/null)" ] ||
	    die "others may read the event log"
	systemctl start agentshd && serves || die "start once more"
	systemctl stop agentshd
	nothing_left || die "left after the second stop"
}

# A layer that is missing, or a wrong configuration: no start, and why.
refused()
{
	agentshd=$(systemctl show -P ExecStart agentshd | sed -n 's|.*path=\([^ ;]*\).*|\1|p')
	etc=$(find /etc/agentsh /usr/local/etc/agentsh -maxdepth 0 2>/dev/null | head -n 1)
	echo 'nonsense: 1' >"$etc/config.yaml"
	since=$(date '+%Y-%m-%d %H:%M:%S')
	systemctl start agentshd 2>/dev/null && die "started with a wrong configuration"
	journal | grep -q 'config.yaml:1' || die "the journal does not say where it is wrong"
	systemctl stop agentshd
	rm "$etc/config.yaml"
	systemctl reset-failed agentshd
	for without in \
	    "no Landlock|SystemCallFilter=~landlock_create_ruleset" \
	    "/dev/fuse|DeviceAllow=/dev/null" \
	    "CAP_SYS_ADMIN is missing|CapabilityBoundingSet=~CAP_SYS_ADMIN"; do
		out=$(systemd-run -q --pipe --wait -p "${without#*|}" -p SystemCallErrorNumber=ENOSYS \
		    -p RuntimeDirectory=agentsh -p DevicePolicy=auto "$agentshd" -d 2>&1) &&
		    die "started with ${without#*|}"
		case $out in
		*"${without%%|*}"*) ;;
		*) die "with ${without#*|} it says: $out" ;;
		esac
	done
	nothing_left || die "left after starts that were refused"
}

server_gone()
{
	! pgrep -x agentshd
}

# As a user with a login has it: his own server beside none of root's.
own_server()
{
	install -d -m 0700 -o dev -g dev /run/user/1000
	out=$(runuser -u dev -- env XDG_RUNTIME_DIR=/run/user/1000 sh -c \
	    'cd ~/ws && agentsh exec -- sh -c "id -u; echo own >g"' 2>&1)
	want "own server" "$out" 1000
	want "its file" "$(cat /home/dev/ws/g)" own
	kill -TERM "$(cat /run/user/1000/agentsh/agentshd.pid)" || die "no server of the user's own"
	wait_for 20 server_gone || die "the user's own server is still there"
	[ -z "$(find /run/user/1000 -type s)" ] || die "a socket is left"
	# the lock of his own stays, unlocked
	rm -rf /run/user/1000
	nothing_left || die "left after the user's own server"
}

run_service()
{
	check installed installed
	check started started
	check said said
	check used used
	check untouched untouched
	check reload reload
	check helper-killed helper_killed
	check service-killed service_killed
	check stopped stopped
	check refused refused
	check own-server own_server
	say "$passed passed, $failed failed, 0 skipped"
}

rc=0
tests=
for p in $patterns; do
	[ "$p" = service ] || tests="$tests $p"
done
case " $patterns " in
"  " | *" service "*)
	run_service
	[ $failed = 0 ] || rc=1
	;;
esac
[ -n "$patterns" ] || tests="unit/ privsep/ api/ exec/ fs/ net/ escape/"
if [ -n "$tests" ]; then
	# the emulated processor is some ten times slower
	# shellcheck disable=SC2086
	src/regress/run -r -t 10 -j "$(cat jobs)" -b "$job/build" $tests || rc=1
	cp -r build/regress-logs out/ 2>/dev/null
fi
journalctl -b -o short-monotonic >out/journal 2>/dev/null
dmesg >out/dmesg
exit $rc
