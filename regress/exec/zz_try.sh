. "${TEST_SRC:?run it by regress/run}/regress/lib.sh"
need_tool curl jq python3
need_root
start_service
cat >"$T/var/policies/sup.yaml" <<'P'
version: 1
name: sup
file_rules:
  - name: all
    paths: ["/**"]
    operations: ["*"]
    decision: allow
command_rules:
  - name: no-denied
    commands: [denied]
    decision: deny
    message: "not {{.Command}}"
  - name: no-push
    commands: [tool]
    args_patterns: ["^push"]
    decision: deny
  - name: all
    commands: ["*"]
    decision: allow
P
ws=$(new_workspace alice)
cp "$TEST_BUILD/regress/exec/execs" $ws/
cp $ws/execs $ws/tool; cp $ws/execs $ws/denied
API_USER=alice
new_session s "$ws" '"policy":"sup"'
cd $ws
${TRY:-true}
for w in execve fd opath dirfd memfd memfd-name procfd devfd threadfd root cwd deleted symlink thread threads vfork spawn clonevm doublefork nullargv protnone badpath long many; do 
for a in "tool pull" "tool push" "denied x"; do
echo "$w: $a: $(run_in s /workspace/execs $w /workspace/$a 2>&1 | cut -c1-60)"; done; done
for a in "tool pull" "tool push" "denied x"; do
run_in s /workspace/execs deep 5 /workspace/$a
done
run_in s /workspace/denied x
jq -c . $T/exec.json
run_in s /workspace/execs vfork /workspace/denied x
jq -c '.events' $T/exec.json
for r in path word pointer link script shared-path shared-word shared-pointer; do echo race $r; time run_in s /workspace/execs race-$r 1000 /workspace/tool /workspace/denied; done
tail -20 $T/server.log
