#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Look-ups of a session without a network namespace: ../net/dns.sh, with
# sandbox.network.mode: ebpf.
# timeout: 300
TEST_NET_MODE=ebpf exec sh "${TEST_SRC:?run it by regress/run}/regress/net/dns.sh"
