#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# agentsh policy keygen, sign, verify: good ways, and everything that an
# attacker, or a hurried operator, can put in place of a file.
# shellcheck disable=SC2034
. "$(dirname "$0")/_lib.sh"
[ -x "${TEST_BUILD:-.}/stage/polsign" ] || { echo "1..0 # SKIP make stage"; exit 77; }
umask 022
cd "$tmp" || exit 1
# by sudo the build tree is another user's, whose programs root does not run
AGENTSH_HELPER_DIR=$tmp/stage
export AGENTSH_HELPER_DIR
cp -R "${TEST_BUILD:-.}/stage" stage || exit 1

# status WORD: of verify --json
status_is() {
	have=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["status"])' "$tmp/out")
	[ "$have" = "$1" ] || { echo "# status $have, not $1"; false; }
}

# bad NAME WORD TEXT: verify says no with this word and text, in both forms
bad() {
	run policy verify "${file:-p.yaml}" --key-dir store
	check "$1: refused" rc_is 1
	check "$1: says $3" err_has "$3"
	check "$1: its word" err_has " $2: "
	run policy verify "${file:-p.yaml}" --key-dir store --json
	check "$1: JSON" status_is "$2"
	check "$1: status" rc_is 1
}

fresh() {
	rm -rf store p.yaml p.yaml.sig
	mkdir store
	cp pub.json store/ops.json
	cp good.yaml p.yaml
	cp good.sig p.yaml.sig
}

# edited FILE EXPR NAME WORD TEXT: what is bad once sed has changed the file
edited() {
	fresh
	sed -i "$2" "$1"
	shift 2
	bad "$@"
}

mode() { [ "$(stat -c %a "$1")" = "$2" ]; }

# --- keygen
run policy keygen --output keys --label "Ops" --expires 2099-01-01
check "keygen" rc_is 0
id=$(cat out)
check "its id is the SHA-256 of the key" test "$id" = "$(
	python3 -c 'import base64, hashlib, json
k = json.load(open("keys/public.key.json"))
print(hashlib.sha256(base64.b64decode(k["public_key"])).hexdigest())')"
check "private key: mode" mode keys/private.key.json 600
check "public key: mode" mode keys/public.key.json 644
cp keys/public.key.json pub.json
cksum keys/* >sums
run policy keygen --output keys
check "a key is not overwritten" rc_is 1
check "and it says how" err_has 'private.key.json is there already.*--force'
check "nothing changed" sh -c 'cksum keys/* | cmp -s - sums'
mkdir half
: >half/public.key.json
run policy keygen --output half
check "nor half a pair" err_has 'public.key.json is there already'
check "nothing was made" test ! -e half/private.key.json
mkdir dangling
ln -s "$tmp/elsewhere" dangling/private.key.json
run policy keygen --output dangling
check "nor is a link followed" test "$rc" = 1 -a ! -e elsewhere
run policy keygen --output dangling --force
check "with --force neither" test "$rc" = 0 -a ! -e elsewhere -a -f dangling/private.key.json
check "keys are different" test "$(cat out)" != "$id"
run policy keygen --output exp --expires 2001-01-01
check "over already" err_has 'over already'
run policy keygen --output exp --expires soon
check "no time" err_has 'soon is no time'
run policy keygen --output exp --label "$(printf 'a\nb')"
check "label of two lines" err_has 'without control characters'

# --- sign
printf 'version: 1\nname: p\n' >good.yaml
cp good.yaml p.yaml
run policy sign p.yaml
check "no key" rc_is 2
run policy sign p.yaml --key keys/private.key.json --signer Alice
check "sign" rc_is 0
check "signature: mode" mode p.yaml.sig 644
cp p.yaml.sig good.sig
chmod 0644 keys/private.key.json
run policy sign p.yaml --key keys/private.key.json
check "a key that others can read" rc_is 1
check "says so" err_has 'open to others (mode 0644)'
chmod 0640 keys/private.key.json
run policy sign p.yaml --key keys/private.key.json
check "or the group" err_has 'open to others (mode 0640)'
chmod 0600 keys/private.key.json
check "signature untouched" cmp -s p.yaml.sig good.sig
run policy sign p.yaml --key pub.json
check "a public key" err_has 'pub.json: '
chmod 0600 pub.json
run policy sign p.yaml --key pub.json
check "though its mode is right" err_has 'is a public key'
chmod 0644 pub.json
ln -s keys/private.key.json link.json
run policy sign p.yaml --key link.json
check "a link to a key" err_has 'symbolic link'
run policy sign none.yaml --key keys/private.key.json
check "no policy" err_has 'none.yaml: No such file'
cp p.yaml 'a b.yaml'
run policy sign 'a b.yaml' --key keys/private.key.json
check "no name of a policy" err_has 'called NAME.yaml'
cp p.yaml plain
run policy sign plain --key keys/private.key.json
check "no suffix" err_has 'called NAME.yaml'
head -c 4194305 /dev/zero >big.yaml
run policy sign big.yaml --key keys/private.key.json
check "too large" err_has 'larger than 4194304'
mkfifo fifo.yaml
run policy sign fifo.yaml --key keys/private.key.json
check "a FIFO" err_has 'not a regular file'
run policy sign p.yaml --key keys/private.key.json --output other.sig
check "--output" test -s other.sig
run policy sign p.yaml --key keys/private.key.json --output nodir/x.sig
check "no place for it" rc_is 1
check "nothing is left over" sh -c '! ls | grep "\.sig\."'

# --- verify
fresh
run policy verify p.yaml --key-dir store
check "good" rc_is 0
check "text" out_has "^ok: policy p, signed 20.*Z by \"Alice\", key $id (Ops)"
run policy verify p.yaml --key-dir store --json
check "good: JSON" status_is ok
check "members" python3 -c 'import json, sys
d = json.load(open("out"))
assert d["key_id"] == sys.argv[1] and d["signer"] == "Alice" and d["label"] == "Ops"
assert d["policy"] == "p" and "signed_at" in d and len(d["sha256"]) == 64 and "message" not in d' "$id"
cp p.yaml q.yml
run policy sign q.yml --key keys/private.key.json
run policy verify q.yml --key-dir keys
check "signer is the label; the private key beside is passed over" out_has 'by "Ops"'
run policy verify p.yaml
check "no store" rc_is 2
run policy verify p.yaml --key-dir none --json
check "no such store" status_is trust_store_error

fresh
printf 'version: 1\nname: P\n' >p.yaml
bad "flipped byte of the policy" invalid_signature 'changed after signing'
fresh
echo >>p.yaml
bad "longer policy" invalid_signature 'changed after signing'
edited p.yaml.sig 's/"signature": "./"signature": "!/' \
	"signature that is no base64" malformed_signature 'not 64 bytes in base64'
fresh
python3 -c 'import re
s = open("p.yaml.sig").read()
m = re.search(r"\"signature\": \"(.)", s)
i = m.start(1)
open("p.yaml.sig", "w").write(s[:i] + ("B" if s[i] == "A" else "A") + s[i + 1:])'
bad "flipped bits of the signature" invalid_signature 'changed after signing'
edited p.yaml.sig 's/Alice/Mallory/' \
	"another signer" invalid_signature 'changed after signing'
edited p.yaml.sig 's/"signed_at": "20/"signed_at": "19/' \
	"another time" malformed_signature 'signed_at is no time'
edited p.yaml.sig 's/"signed_at": "\(....\)-\(..\)-../"signed_at": "\1-\2-01/; s/T..:..:../T00:00:00/' \
	"a bit another time" invalid_signature 'changed after signing'
fresh
cp p.yaml lax.yaml
run policy sign lax.yaml --key keys/private.key.json
cp lax.yaml.sig p.yaml.sig
bad "signature of another policy" name_mismatch 'signature of policy lax'
sed -i 's/"policy": "lax"/"policy": "p"/' p.yaml.sig
bad "and renamed inside" invalid_signature 'changed after signing'
edited p.yaml.sig 's/"version": 2/"version": 1/' \
	"version 1" unsupported_version 'sign it again'
edited p.yaml.sig 's/"version": 2,/"version": 2, "cert_chain": ["x"],/' \
	"certificates" unsupported_cert_chain 'cert_chain'
edited p.yaml.sig 's/"version": 2,/"version": 2, "note": "x",/' \
	"unknown field" malformed_signature 'unknown field'
edited p.yaml.sig 's/"version": 2,/"version": 2, "signer": "Bob",/' \
	"field twice" malformed_signature 'there twice'
fresh
rm p.yaml.sig
bad "no signature" missing_signature 'not signed'
fresh
: >p.yaml.sig
bad "empty signature" malformed_signature 'p.yaml.sig'
fresh
head -c 150 good.sig >p.yaml.sig
bad "truncated" malformed_signature 'invalid json'
fresh
head -c 1048576 /dev/zero | tr '\0' ' ' >>p.yaml.sig
bad "1 MiB" malformed_signature 'larger than 16384'
fresh
printf '\0' >>p.yaml.sig
bad "NUL behind" malformed_signature 'invalid json'
edited p.yaml.sig 's/Alice/A\\u0000/' "NUL inside" malformed_signature 'NUL'
edited p.yaml.sig 's/Alice/\\u001b[2J/' \
	"escapes for a terminal" malformed_signature 'control characters'
fresh
mv p.yaml.sig s
ln -s s p.yaml.sig
bad "signature by a link" malformed_signature 'symbolic link'
fresh
rm p.yaml.sig
mkfifo p.yaml.sig
bad "signature is a FIFO" malformed_signature 'not a regular file'

fresh
rm store/ops.json
bad "empty store" unknown_key 'is not in the trust store'
cp dangling/public.key.json store/
bad "another key" unknown_key 'is not in the trust store'
fresh
sed -i "s/$id/$(python3 -c 'import json; print(json.load(open("dangling/public.key.json"))["key_id"])')/" p.yaml.sig
cp dangling/public.key.json store/
bad "another key's id" invalid_signature 'changed after signing'
edited store/ops.json 's/2099-01-01/2020-01-01/' \
	"expired key" expired_key 'has expired (2020'
edited store/ops.json 's/"trusted_since": "20../"trusted_since": "2099/' \
	"key of the future" invalid_time 'before the key was trusted'
fresh
printf '{"revoked_keys": ["%s"]}\n' "$id" >store/revoked.json
bad "revoked key" revoked_key "key $id is revoked"
rm store/ops.json
bad "revoked and taken away" revoked_key 'is revoked'
fresh
printf '{"revoked_keys": [], "revoked_policies": ["%s"]}\n' "$(sha256sum <p.yaml | cut -c1-64)" >store/revoked.json
bad "revoked policy" revoked_policy 'is revoked'
printf '{"revoked_keys": [], "revoked_policies": []}\n' >store/revoked.json
run policy verify p.yaml --key-dir store
check "nothing revoked" rc_is 0
printf '{"revoked": ["%s"]}\n' "$id" >store/revoked.json
bad "revocations misspelt" trust_store_error 'revoked.json: unknown field'
printf '{"revoked_keys": ["%s"]}\n' "$(echo "$id" | tr a-f A-F | sed s/./g/1)" >store/revoked.json
bad "revocation of no key" trust_store_error '64 hexadecimal digits'
printf '{"revoked_keys": [' >store/revoked.json
bad "revocations truncated" trust_store_error 'revoked.json'
fresh
chmod 0666 store/ops.json
bad "key that others can write" trust_store_error 'ops.json: can be written by others'
fresh
chmod 0775 store
bad "store that others can write" trust_store_error 'can be written by others'
fresh
cp pub.json real.json
rm store/ops.json
ln -s ../real.json store/ops.json
bad "key by a link" trust_store_error 'ops.json: is a symbolic link'
fresh
mv store realstore
ln -s realstore store
bad "store by a link" trust_store_error 'store: '
rm -rf store realstore
fresh
cp pub.json store/again.json
bad "a key twice" trust_store_error 'has the same key'
fresh
cp keys/private.key.json store/secret.json
bad "a private key" trust_store_error 'must not be in a trust store'
fresh
echo '{}' >store/junk.json
bad "a file that is no key" trust_store_error 'junk.json: key_id is required'
fresh
head -c 1048576 /dev/zero >store/junk.json
bad "a large one" trust_store_error 'junk.json: is larger'
fresh
head -c 200 pub.json >store/cut.json
bad "half a key" trust_store_error 'cut.json: '
fresh
sed 's/Ops/O\\u0000/' pub.json >store/ops.json
bad "NUL in a key" trust_store_error 'NUL'
fresh
mkfifo store/f.json
bad "FIFO in the store" trust_store_error 'f.json: is not a regular file'
fresh
echo readme >store/README
run policy verify p.yaml --key-dir store
check "other files are passed over" rc_is 0

# as large as policies may be that agentshd loads
fresh
{ cat good.yaml; head -c 2097152 /dev/zero | tr '\0' '\n'; } >large.yaml
run policy sign large.yaml --key keys/private.key.json
check "a policy of 2 MiB is signed" rc_is 0
run policy verify large.yaml --key-dir store
check "and verified" rc_is 0

mkdir empty
chmod 0755 empty
AGENTSH_HELPER_DIR=$tmp/empty run policy keygen --output x
check "no polsign" err_has 'there is no polsign in AGENTSH_HELPER_DIR'
finish
