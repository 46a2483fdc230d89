#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The name server of a session by itself, without a session: see dnsdrive.py.
. "${TEST_SRC:?run it by regress/run}/regress/lib.sh"

need_tool python3
python3 "$TEST_SRC/regress/net/dnsdrive.py"
