# SPDX-License-Identifier: Apache-2.0
# Policies of these tests, which are not about files.
#
# shellcheck shell=sh

# policy_file NAME: with what is on stdin beside the file rules
policy_file()
{
	own_policies
	{
		cat <<P
version: 1
name: $1
file_rules:
  - name: all
    paths: ["/**"]
    operations: ["*"]
    decision: allow
P
		cat
	} >"$policies/$1.yaml"
	chmod 0644 "$policies/$1.yaml"
}
