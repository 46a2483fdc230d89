#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tables of decisions: tables/NAME.tbl is what tables/NAME.yaml, or else the
# shipped policy NAME, decides. A second table of a policy is NAME+MORE.tbl; a
# line "# options: ..." in a table is for agentsh policy test. Each row is also
# decided by the rules one by one, and the two must agree.
set -u
here=$(cd "$(dirname "$0")/../.." && pwd)
src=${TEST_SRC:-$here}
agentsh=${TEST_BUILD:-$here/build}/src/agentsh/agentsh
[ -x "$agentsh" ] || { echo "SKIP: $agentsh is not built"; exit 77; }
failed=0 rows=0
for table in "$src"/regress/policy/tables/*.tbl; do
	name=${table##*/}
	name=${name%.tbl}
	policy=${table%/*}/${name%%+*}.yaml
	[ -f "$policy" ] || policy=$src/etc/policies/${name%%+*}.yaml
	options=$(sed -n 's/^# options: //p' "$table")
	# shellcheck disable=SC2086 # the words of the options
	out=$("$agentsh" policy test --user alice --home /home/alice $options \
	    --table "$table" "$policy") || { failed=1; printf '%s\n' "$out"; }
	passed=${out##*
}
	rows=$((rows + ${passed%% *}))
done
for policy in "$src"/etc/policies/*.yaml; do
	name=${policy##*/}
	[ -f "$src/regress/policy/tables/${name%.yaml}.tbl" ] ||
	    { echo "$name has no table"; failed=1; }
done
echo "$rows rows hold"
[ "$rows" -ge 6000 ] || { echo "fewer than there were"; failed=1; }
exit $failed
