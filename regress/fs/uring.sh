#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Requests over io_uring: that they come so, many at a time, with all of their
# bytes; that who waits stalls no one; that a new policy, and a mode that closes a
# directory, are heard of; and that without it the device is used, or nothing.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3 strace
need_root
param=/sys/module/fuse/parameters/enable_uring
[ -e $param ] || skip "the kernel has no FUSE over io_uring"
grep -q '^have_liburing = yes$' "$TEST_BUILD/Makefile" || skip "built without liburing"
chmod 0755 "$T"
API_USER=alice
ws=$T/home/alice/ws
install -d -o alice -g alice "$ws"

# rings FSD_PID: how many it has
rings()
{
	find /proc/"$1"/fd -lname '*io_uring*' | wc -l
}

start_service "sandbox.fuse.transport: device"
new_session d "$ws"
want "switched off" "$(json .file_transport <"$T/session.json")" device
want "rings of the device" "$(rings "$(pgrep -x fsd)")" 0
run_in d sh -c 'echo x >a && cat a' >"$T/out" || fail "by the device"
stop_server

if [ "$(cat $param)" != Y ]; then
	start_service "sandbox.fuse.transport: uring"
	api POST /api/v1/sessions "{\"id\":\"r\",\"workspace\":\"$ws\"}" >"$T/session.json"
	want "required and not offered" "$(status)" 500
	grep -q 'sandbox.fuse.transport: uring: Linux 6.14' "$T/server.log" || fail "the log does not say why"
	stop_server
	start_service
	new_session s "$ws"
	want "not offered" "$(json .file_transport <"$T/session.json")" device
	skip "the rest: $param is N (FUSE over io_uring is switched off in the kernel)"
fi

# all bytes by fsd, so that they travel too
start_service "sandbox.fuse.passthrough: off"
new_session s "$ws"
want "used where it is offered" "$(json .file_transport <"$T/session.json")" uring
fsd=$(pgrep -x fsd)
[ "$(rings "$fsd")" -ge 4 ] || fail "no rings"

cat >"$ws/work.py" <<'P'
import os, random, subprocess, threading
ncpu = os.cpu_count()
def on(cpu):
    os.sched_setaffinity(0, {cpu % ncpu})
# every length that matters, from every processor
errors = []
def data(i):
    try:
        on(i)
        r = random.Random(i)
        for n in (0, 1, 39, 40, 4095, 4096, 4097, 65536, 1048575, 1048576, 1048577, 3000001):
            b = r.randbytes(n)
            name = "f%d-%d" % (i, n)
            with open(name, "wb", 0) as f:
                at = 0
                while at < n:
                    at += f.write(b[at:])
            fd = os.open(name, os.O_RDONLY)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            got = b""
            while True:
                part = os.read(fd, 1 << 20)
                if not part:
                    break
                got += part
            os.close(fd)
            if got != b:
                errors.append(name)
            os.rename(name, name + "x" * (200 - len(name)))
            os.unlink(name + "x" * (200 - len(name)))
    except Exception as e:
        errors.append(repr(e))
t = [threading.Thread(target=data, args=(i,)) for i in range(12)]
[x.start() for x in t]; [x.join() for x in t]
# many at a time, more than a queue has threads to begin with
def names(i):
    try:
        on(0)
        for j in range(100):
            d = "d%d.%d" % (i, j)
            os.mkdir(d); os.rmdir(d)
            try:
                os.stat(d); errors.append(d)
            except FileNotFoundError:
                pass
    except Exception as e:
        errors.append(repr(e))
t = [threading.Thread(target=names, args=(i,)) for i in range(40)]
[x.start() for x in t]; [x.join() for x in t]
# longest link and attribute, a long listing
os.symlink("y" * 4000, "link")
if os.readlink("link") != "y" * 4000: errors.append("link")
os.unlink("link")
os.mkdir("many")
for i in range(2000):
    open("many/%05d" % i, "w").close()
if sorted(os.listdir("many")) != ["%05d" % i for i in range(2000)]: errors.append("listing")
subprocess.run(["rm", "-r", "many"], check=True)
print("\n".join(errors) if errors else "all as it should be")
P
run_in s python3 work.py >"$T/out" || { cat "$T/exec.json"; fail "the program"; }
want "the program" "$(cat "$T/out")" "all as it should be"
[ "$(find "$ws" -name '[fd][0-9]*' | wc -l)" = 0 ] || fail "something is left"

# who serves stays on the processor of those whose queue it is
cpus=$(python3 -c 'import os; print(*sorted(os.sched_getaffinity(0))[:2])')
first=${cpus% *} second=${cpus#* }
if [ "$first" != "$second" ]; then
	run_in s taskset -c "$second" sh -c 'for i in 1 2 3 4 5 6 7 8 9; do echo x >h && cat h && rm h; done' >/dev/null ||
		fail "from the second processor"
	sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/"$fsd"/task/*/status >"$T/where"
	grep -qx "$second" "$T/where" || fail "none is on the second processor"
	grep -qx "$first" "$T/where" || fail "none is on the first processor"
fi

# the answer to a change of the mode is not waited for by what it makes known
run_in s sh -c 'mkdir -p c/d/e && echo x >c/d/e/f && cat c/d/e/f && for i in 1 2 3 4 5 6 7 8; do
	chmod 0 c && chmod 700 c && cat c/d/e/f || exit 1; done; chmod 0 c; sleep 0.3; cat c/d/e/f 2>&1; chmod 700 c; rm -r c' \
	>"$T/out" || fail "modes: $(cat "$T/exec.json")"
want_in "a directory that is closed" "$(cat "$T/out")" "Permission denied"

# all answers came by the rings: by the device comes only what answers nothing, of
# the number 0
strace -f -qq -e trace=writev,io_uring_enter -o "$T/trace" -p "$fsd" &
tracer=$!
wait_for 20 grep -q TracerPid:.*[1-9] /proc/"$fsd"/status || fail "strace does not run"
run_in s sh -c 'echo twelve bytes >fresh && cat fresh && rm fresh' >/dev/null || fail "traced"
kill $tracer
wait $tracer
[ "$(grep -c io_uring_enter "$T/trace")" -gt 10 ] || fail "requests do not come by rings"
want "answers by the device" "$(grep 'writev(' "$T/trace" | grep -vF '\0\0\0\0\0\0\0\0", iov_len=16}')" ""

# the end of fsd is the end of the session, and of those who wait for it
run_in s sleep 60 >/dev/null &
sleeper=$!
wait_for 20 pgrep -x sleep >/dev/null || fail "no command"
kill -KILL "$fsd"
wait_for 10 sh -c '! pgrep -x sleep' || fail "a command outlives fsd"
wait $sleeper
stop_server
