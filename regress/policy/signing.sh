#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# policies.signing, policies.manifest_path and policies.allowed, from the side
# of who can write policies but has no key; in the sandbox that policyd has.
# timeout: 300
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes

policy()
{
	AGENTSH_HELPER_DIR=$T/stage "$T/stage/agentsh" policy "$@"
}

# refused TEXT STATUS SAYS [POLICY]: a session with the policy is
refused()
{
	api POST /api/v1/sessions "{\"workspace\":\"$ws\",\"policy\":\"${4:-p}\"}" >"$T/out"
	want "$1: status: $(cat "$T/out")" "$(status)" "$2"
	want_in "$1" "$(cat "$T/out")" "$3"
}

nr=0
accepted()
{
	nr=$((nr + 1))
	new_session "ok$nr" "$ws" "\"policy\":\"${2:-p}\""
	want "$1: runs" "$(run_in "ok$nr" echo yes)" yes
	api DELETE "/api/v1/sessions/ok$nr" >/dev/null
}

# a policy that is signed, fresh from the operator's hands
fresh()
{
	rm -rf "${dir:?}"/* "${keys:?}"/*
	cp "$T/pub.json" "$keys/ops.json"
	cp "$T/p.yaml" "$dir/p.yaml"
	cp "$T/p.sig" "$dir/p.yaml.sig"
	hand_over
}

# what belongs to the user in the user's own server
hand_over()
{
	[ "$MODE" = service ] || [ "$ME" = self ] || chown -R "$ME:$ME" "$dir" "$keys"
}

copy_stage
if [ "$MODE" = service ]; then
	dir=$T/var/policies
	keys=$T/etc/keys
else
	dir=$T/state/policies
	keys=$T/state/keys
	[ "$ME" = self ] || install -d -m 0700 -o "$ME" -g "$ME" "$T/state"
fi
mkdir -p "$dir" "$keys"
cp "$TEST_SRC/etc/policies/default.yaml" "$T/p.yaml"
policy keygen --output "$T/k" --label ops >/dev/null || fail keygen
policy sign "$T/p.yaml" --key "$T/k/private.key.json" --signer alice || fail sign
mv "$T/p.yaml.sig" "$T/p.sig"
cp "$T/k/public.key.json" "$T/pub.json"
id=$(jq -r .key_id "$T/pub.json")
fresh
ws=$(new_workspace "$ME")

# --- enforce
start_any "policies.signing.mode: enforce" "policies.signing.trust_store: $keys"
accepted "signed"
accepted "signed, from the cache"
refused "the shipped policy, which nobody here signed" 403 missing_signature default
echo "# x" >>"$dir/p.yaml"
refused "a byte more, though the signed one is in the cache" 403 invalid_signature
fresh
accepted "the signed one again"
sed -i s/alice/mallory/ "$dir/p.yaml.sig"
refused "another signer" 403 invalid_signature
rm "$dir/p.yaml.sig"
refused "no signature" 403 "agentsh policy sign"
fresh
cp "$dir/p.yaml" "$dir/q.yaml"
cp "$dir/p.yaml.sig" "$dir/q.yaml.sig"
refused "another policy's signature" 403 name_mismatch q
mv "$dir/p.yaml.sig" "$dir/real"
ln -s real "$dir/p.yaml.sig"
refused "signature by a link" 403 "symbolic link"
fresh
head -c 1048576 /dev/zero >"$dir/p.yaml.sig"
refused "1 MiB of signature" 403 "larger than 16384"
fresh
printf '{"revoked_keys": ["%s"]}' "$id" >"$keys/revoked.json"
hand_over
refused "revoked" 403 revoked_key
rm "$keys/revoked.json"
accepted "no longer revoked"
rm "$keys/ops.json"
refused "key taken away" 403 unknown_key
sed 's/"trusted_since"/"expires_at": "2020-01-01T00:00:00Z", &/' "$T/pub.json" >"$keys/ops.json"
hand_over
refused "expired" 403 expired_key
fresh
chmod 0666 "$keys/ops.json"
refused "key that others can write" 500 "can be written by others"
fresh
mv "$keys/ops.json" "$keys/x"
ln -s x "$keys/ops.json"
refused "key by a link" 500 "symbolic link"
fresh
chmod 0777 "$keys"
refused "store that others can write" 500 "can be written by others"
chmod 0755 "$keys"
[ "$ME" != self ] || left_out "a key of somebody else needs root"
if [ "$ME" != self ]; then
	chown bob "$keys/ops.json"
	refused "key of somebody else" 500 "does not belong to"
fi
fresh
accepted "all is well"
stop_server

# --- what stops the start
if [ "$MODE" = service ]; then
	nostart()
	{
		out=$(timeout 30 env -i AGENTSH_HELPER_DIR="$T/stage" AGENTSH_CONFIG="$T/etc/config.yaml" \
		    "$T/stage/agentshd" 2>&1 </dev/null)
		want "$1: status" $? 1
		want_in "$1" "$out" "$2"
	}
	chmod 0775 "$keys"
	nostart "store that others can write" "can be written by others"
	chmod 0755 "$keys"
	chown bob "$keys"
	nostart "store of bob" "must belong to uid 0"
	chown root "$keys"
	mv "$keys" "$keys.real"
	ln -s "$keys.real" "$keys"
	nostart "store by a link" "$keys"
	rm "$keys"
	nostart "no store" "No such file"
	mv "$keys.real" "$keys"
	if [ "$(id -u)" = 0 ]; then
		chown alice "$T/k/private.key.json"
		! policy sign "$T/p.yaml" --key "$T/k/private.key.json" 2>"$T/err" ||
		    fail "a key of alice is used by root"
		want_in "key of alice" "$(cat "$T/err")" "does not belong to you"
		chown root "$T/k/private.key.json"
	fi
fi

# --- warn
rm "$dir/p.yaml.sig"
start_any "policies.signing.mode: warn" "policies.signing.trust_store: $keys"
new_session w "$ws" '"policy":"p"'
want "event of the creation" "$(api GET '/api/v1/sessions/w/history?type=session_created' |
    jq -r '.[0].fields.warning' | cut -d: -f1)" missing_signature
grep -q 'policy p is used though its signature is not good.*missing_signature' "$T/server.log" ||
    fail "no warning in the log"
fresh
new_session v "$ws" '"policy":"p"'
want "signed: no warning" "$(api GET '/api/v1/sessions/v/history?type=session_created' |
    jq -r '.[0].fields | has("warning")')" false
stop_server

# --- manifest and list of allowed names; signing off
mkdir -p "$keys/m"
printf '# policies\n%s  p.yaml\n' "$(sha256sum <"$T/p.yaml" | cut -c1-64)" >"$keys/m/manifest"
hand_over
rm -f "$dir/p.yaml.sig"
start_any "policies.manifest_path: $keys/m/manifest" "policies.allowed: [default, p]"
accepted "in the manifest"
refused "not in the manifest" 403 "is not in the manifest" default
cp "$dir/p.yaml" "$dir/q.yaml"
refused "not allowed" 403 "policies.allowed" q
echo "# x" >>"$dir/p.yaml"
refused "another text" 403 "is not the file of the manifest"
printf '%s  p.yaml\n' "$(sha256sum <"$dir/p.yaml" | cut -c1-64)" >>"$keys/m/manifest"
refused "p.yaml twice" 500 "line 3"
echo nonsense >"$keys/m/manifest"
refused "no manifest" 500 "line 1"
chmod 0666 "$keys/m/manifest"
refused "manifest that others can write" 500 "can be written by others"
rm "$keys/m/manifest"
refused "manifest is gone" 500 "No such file"
exit 0
