#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The policy of a running session is read again: what was allowed is denied and
# the reverse, at once and never half; what cannot be taken leaves what there
# was and says so.
# timeout: 300
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq
need_modes
start_any "sessions.command_timeout: 3m"
ws=$(new_workspace "$ME")
as "$ME" sh -c "cd $ws && mkdir a b && echo text-a >a/f && echo text-b >b/f &&
    echo x >a/x && ln -s target a/link && mkdir big && cd big && touch x-a &&
    touch \$(seq 3000) && touch x-b" || fail "workspace"
API_USER=$ME
dir=$T/var/policies
[ -d "$dir" ] || dir=$T/state/policies

# policy NAME A B [first rule [limits [last rule]]]: what holds beneath a and b,
# and for the commands of these names
policy()
{
	cat >"$dir/.new" <<P
version: 1
name: $1
file_rules:
${4:-}
  - name: system
    paths: ["/{usr,lib,lib64,bin,sbin}", "/{usr,lib,lib64,bin,sbin}/**"]
    operations: [open, read, stat, list, readlink, access]
    decision: allow
  - {name: sys-w, paths: ["/{usr,lib,lib64,bin,sbin}", "/{usr,lib,lib64,bin,sbin}/**"], decision: deny}
  - {name: rule-a, paths: ["/workspace/a/**", "/workspace/big*/x-a"], decision: $2}
  - {name: rule-b, paths: ["/workspace/b/**", "/workspace/big*/x-b"], decision: $3}
  - {name: ws, paths: ["/workspace", "/workspace/**"], decision: allow}
  - {name: etc, paths: ["/etc", "/etc/**"], operations: [open, read, stat, list, readlink, access], decision: allow}
${6:-}
command_rules:
  - {name: com-a, commands: [true], decision: $2}
  - {name: com-b, commands: [false], decision: $3}
  - {name: com, commands: ["*"], decision: allow}
${5:-}
P
	mv "$dir/.new" "$dir/$1.yaml"
}

# reload STATUS WANTED-ROW
reload()
{
	ctl reload >"$T/reload" 2>&1
	want "status of agentshctl reload ($(cat "$T/reload"))" $? "$1"
	[ -z "${2:-}" ] || grep -q -- "$2" "$T/reload" || fail "\"$2\" is not in: $(cat "$T/reload")"
}

# That the kernel forgets what it was given before is waited for a second, and on a
# busy machine takes longer: agentsh-policy(5).
no_stat()
{
	! run_in s stat "$1" >/dev/null
}

no_link()
{
	! run_in s readlink "$1" >/dev/null
}

# holds A B: what is decided now
holds()
{
	for pair_ in "a:$1:true" "b:$2:false"; do
		d_=${pair_%%:*}
		cmd_=${pair_##*:}
		out_=$(run_in s cat "$d_/f" 2>/dev/null)
		case $pair_ in
		*:allow:*) run_in s stat "$d_/f" >/dev/null ;;
		*) wait_for 10 no_stat "$d_/f" ;;
		esac
		stat_=$?
		run_in s "$cmd_" >/dev/null
		case $pair_ in
		*:allow:*)
			want "$3: $d_/f" "$out_" "text-$d_"
			want "$3: stat of $d_/f" "$stat_" 0
			want "$3: command $cmd_" "$(jq -r '.result.error.code // "none"' "$T/exec.json")" none
			;;
		*)
			want "$3: $d_/f" "$out_" ""
			[ "$stat_" = 0 ] || fail "$3: stat of $d_/f"
			want "$3: command $cmd_" "$(jq -r .result.error.code "$T/exec.json")" E_POLICY_DENIED
			;;
		esac
	done
}

count_events()
{
	api GET "/api/v1/sessions/s/history?type=$1&limit=5000" | jq 'length'
}

policy p allow deny
new_session s "$ws" '"policy":"p"'
holds allow deny "first"
reload 0 "^s $ME_UID p unchanged\$"
want "events of no change" "$(count_events policy_changed)" 0

# a command asks all the time, of both, by several threads: allowed or EACCES.
# A rename from one to the other is denied by either policy, and so is one of a
# directory with a thing of each at its ends, which takes long to decide.
cat >"$T/hammer.py" <<'PY'
import errno
import os
import threading
import time

seen = {}
bad = []
stop = False


def note(what):
    seen[what] = seen.get(what, 0) + 1


def reader():
    while not stop:
        for d in "ab":
            try:
                with open(f"{d}/f") as f:
                    if f.read() != f"text-{d}\n":
                        bad.append("wrong text")
                note(f"{d} allowed")
            except OSError as e:
                note(f"{d} denied")
                if e.errno != errno.EACCES:
                    bad.append(f"open {d}: {e}")


def mover():
    while not stop:
        for f, t in (("a/x", "b/x"), ("b/f", "a/y")):
            try:
                (os.rename if hash(f) % 2 else os.link)(f, t)
                bad.append(f"{f} became {t}")
            except OSError as e:
                if e.errno != errno.EACCES:
                    bad.append(f"move {f}: {e}")


def walker():
    while not stop:
        try:
            os.rename("big", "big2")
            bad.append("big became big2")
            os.rename("big2", "big")
        except OSError as e:
            if e.errno != errno.EACCES:
                bad.append(f"move big: {e}")


threads = [threading.Thread(target=f) for f in (reader, reader, mover, mover, walker)]
for t in threads:
    t.start()
open("running", "w").close()
while not os.path.exists("stop"):
    time.sleep(0.05)
stop = True
for t in threads:
    t.join()
for k in sorted(seen):
    print(k)
print("bad", bad[:5])
PY
cp "$T/hammer.py" "$ws/hammer.py"
as "$ME" curl -sS --max-time 200 --unix-socket "$API_SOCK" -H 'Content-Type: application/json' \
    --data-binary '{"command":"python3","args":["hammer.py"],"include_events":"none"}' \
    http://localhost/api/v1/sessions/s/exec >"$T/hammer.json" &
hammer=$!
wait_for 30 test -e "$ws/running" || fail "the hammer does not run: $(cat "$T/hammer.json")"
for i in 1 2 3 4 5 6; do
	policy p deny allow
	reload 0 "^s $ME_UID p changed\$"
	[ $((i % 3)) != 1 ] || holds deny allow "turn $i"
	policy p allow deny
	reload 0 "^s $ME_UID p changed\$"
	[ $((i % 3)) != 1 ] || holds allow deny "turn $i, back"
done
touch "$ws/stop"
wait $hammer
want "the hammer" "$(jq -r '.result.stdout' "$T/hammer.json")" "a allowed
a denied
b allowed
b denied
bad []"
want "events of changes" "$(count_events policy_changed)" 12

# an open file stays open; a link's text that the kernel has is asked for anew
run_in s readlink a/link >"$T/out"
want "link" "$(cat "$T/out")" target
as "$ME" curl -sS --max-time 60 --unix-socket "$API_SOCK" -H 'Content-Type: application/json' \
    --data-binary '{"command":"sh","args":["-c","exec 3<a/f; touch opened; while ! test -e go; do sleep 0.1; done; read -r l <&3; echo $l; cat <&3; cat a/f; readlink a/link"]}' \
    http://localhost/api/v1/sessions/s/exec >"$T/open.json" &
opener=$!
wait_for 20 test -e "$ws/opened" || fail "no file was opened"
policy p deny allow
reload 0 "^s $ME_UID p changed\$"
wait_for 10 no_link a/link || fail "a link's text after it was denied"
touch "$ws/go"
wait $opener
want "what was open, and no more" "$(jq -r .result.stdout "$T/open.json")" text-a

# looking at a file was recorded where it was allowed, and is again where it is not
policy p audit allow
reload 0 "^s $ME_UID p changed\$"
as "$ME" curl -sS --max-time 60 --unix-socket "$API_SOCK" -H 'Content-Type: application/json' \
    --data-binary '{"command":"sh","args":["-c","test -e a/f; touch looked; while ! test -e on; do sleep 0.1; done; test -e a/f"]}' \
    http://localhost/api/v1/sessions/s/exec >"$T/look.json" &
opener=$!
wait_for 20 test -e "$ws/looked" || fail "nobody looks"
policy p deny allow
reload 0 "^s $ME_UID p changed\$"
touch "$ws/on"
wait $opener
want "looks that were recorded" "$(jq -c '[.events.file_operations[] |
    select(.type == "file_stat" and .path == "/workspace/a/f") | .policy.effective_decision]' "$T/look.json")" \
    '["allow","deny"]'

# a bad file, and none: nothing changes
say "version: 1
name: p
file_rulez: []" >"$dir/p.yaml"
reload 1 "^s $ME_UID p kept: p.yaml:3:1: file_rulez: unknown key"
grep -q '^agentshctl: sessions without the policy that is in the file: 1$' "$T/reload" || fail "no summary: $(cat "$T/reload")"
holds deny allow "bad file"
mv "$dir/p.yaml" "$T/away"
reload 1 "^s $ME_UID p kept: policy p: there is no policy of this name"
holds deny allow "no file"
want "events of failures" "$(count_events policy_reload_failed)" 2
want_in "event of a failure" "$(api GET '/api/v1/sessions/s/history?type=policy_reload_failed' | jq -r '.[1].fields.error')" p.yaml:3:1
grep -q 'session s of uid .*: keeps its policy: p.yaml:3:1' "$T/server.log" || fail "nothing in the log"

# beneath a native mount nothing can be decided any more; what is hidden stays so
policy p allow deny '  - {name: no-man, paths: ["/usr/share/man/**"], decision: deny}'
reload 1 "^s $ME_UID p kept: /.* is mounted natively, .* a new session is needed"
holds deny allow "native"
policy p allow deny "" "" '  - {name: srv, paths: ["/srv", "/srv/**"], decision: allow}'
reload 1 "^s $ME_UID p changed in part: /srv stays hidden until a new session"
holds allow deny "hidden"
want "warning" "$(api GET '/api/v1/sessions/s/history?type=policy_changed&limit=5000' |
    jq -r '[.[].fields.warning // empty] | .[0]')" "/srv stays hidden until a new session"
reload 1 "^s $ME_UID p changed in part: /srv stays hidden"

# limits of time
policy p allow deny "" "resource_limits: {command_timeout: 2s}"
reload 0 "^s $ME_UID p changed\$"
run_in s sleep 60 >"$T/out"
want "limit of a command" "$(jq -r '.result.error.code // empty' "$T/exec.json")" E_TIMEOUT

# signals, many of them; the last file counts
policy p deny allow
for i in 1 2 3 4 5 6 7 8 9 10; do
	kill -HUP "$SERVER_PID" || fail "agentshd is gone"
	[ $((i % 3)) != 0 ] || policy p allow deny
	kill -HUP "$SERVER_PID"
	[ $((i % 3)) != 0 ] || policy p deny allow
done
kill -HUP "$SERVER_PID"
reload 0
holds deny allow "signals"

# a life that is over already ends the session
policy p deny allow "" "resource_limits: {session_timeout: 1s}"
kill -HUP "$SERVER_PID"
gone()
{
	api GET /api/v1/sessions/s >/dev/null
	[ "$(status)" = 404 ]
}
wait_for 20 gone || fail "the session is over its limit and there"
reload 0
stop_server

# without being asked, where the configuration wants it
start_any "policies.reload_interval: 1s"
policy p allow deny
new_session s "$ws" '"policy":"p"'
holds allow deny "interval"
policy p deny allow
changed()
{
	[ "$(count_events policy_changed)" = 1 ]
}
wait_for 20 changed || fail "nobody saw the file change"
holds deny allow "interval"
stop_server
