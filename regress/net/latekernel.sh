#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A kernel that does not answer while the way to netd is looked for, as one does
# that loads its modules from a slow disk: the service starts, and says why
# sessions have no network.
# waits
. "${TEST_SRC:?run it by regress/run}/regress/lib.sh"

export TEST_NET_MODE=namespace
need_net
need_root
cp -a "$STAGE" "$T/late" || fail "copy of $STAGE"
printf '#!/bin/sh\nexec sleep 1000\n' >"$T/late/maker"
STAGE=$T/late
start_service
want "the log" "$(sed -n 's/.*sessions cannot reach netd, and are refused: //p' "$T/server.log")" \
    "the kernel has not answered within 10 s"
pgrep -x sleep && fail "maker goes on"
exit 0
