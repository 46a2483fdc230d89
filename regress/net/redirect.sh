#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Sessions that reach netd by nft redirect have the network that others have, those
# of root's service and of an ordinary user.
# timeout: 400
# waits

. "${TEST_SRC:?run it by regress/run}/regress/lib.sh"

steered redirect "service user" net/plumbing
steered redirect service net/dns net/whose
steered redirect user net/tcp escape/network
