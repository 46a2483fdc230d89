#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Sessions that reach netd by sk_lookup have the network that others have; they are
# root's service's.
# timeout: 400
# waits

. "${TEST_SRC:?run it by regress/run}/regress/lib.sh"

grep -q '^have_bpf = yes' "$TEST_BUILD/Makefile" ||
    skip "agentsh is built without programs for the kernel"
steered sk_lookup service net/plumbing net/dns net/whose net/tcp escape/network
