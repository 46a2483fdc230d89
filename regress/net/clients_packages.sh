#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# git over https, pip and npm, as users run them, with servers that a policy names
# and whose certificates are by an authority of their own.
# timeout: 300

. "${TEST_SRC:?run it by regress/run}/regress/net/_clients.sh"
need_tool git

mkdir "$T/www/git"
git init -q --bare -b main "$T/www/git/r.git" &&
    git -C "$T/www/git/r.git" config http.receivepack true || fail "repository"
(
	mkdir "$T/first" && cd "$T/first" && git init -q -b main . && seq 20000 >numbers &&
	    git add . && git -c user.name=A -c user.email=a@example.org commit -qm first &&
	    git push -q "$T/www/git/r.git" main
) || fail "first commit"
cat >"$ws/push.sh" <<'END'
set -e
cd r
echo more >more
git add more
git -c user.name=B -c user.email=b@example.org commit -qm second
git push -q origin main
git fetch -q
git log --format=%s -n 1 origin/main
END
start_clients

git="git -c core.askPass=true"
# shellcheck disable=SC2086
{
	allowed "git ls-remote" "$(git -C "$T/first" rev-parse main)	refs/heads/main" \
	    $git ls-remote https://git.test/r.git main
	allowed "git clone" "Cloning into 'r'..." $git clone https://git.test/r.git r
	want "what was cloned" "$(tail -n 1 "$ws/r/numbers")" 20000
	allowed "git push" second sh push.sh
	want "what was pushed" "$(git -C "$T/www/git/r.git" log --format=%s -n 1 main)" second
	git -C "$T/first" pull -q "$T/www/git/r.git" main && git -C "$T/first" \
	    -c user.name=A -c user.email=a@example.org commit -q --allow-empty -m third &&
	    git -C "$T/first" push -q "$T/www/git/r.git" main || fail "third commit"
	allowed "git fetch" third sh -c 'git -C r fetch -q && git -C r log --format=%s -n 1 origin/main'
	denied "git clone, a name" closed $git clone https://denied.test/r.git d
	denied "git clone, a port" shut $git clone https://git.test:9443/r.git d
	denied "git clone, an address" far $git -c http.sslVerify=false clone "https://$FAR4/r.git" d
	denied "git clone, plain" closed $git clone http://denied.test/r.git d
}

if as "$ME" python3 -c 'import pip' 2>/dev/null; then
	pip="env PIP_CONFIG_FILE=/dev/null PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_CERT=ca.pem
	    python3 -m pip install -q --no-cache-dir --target t --upgrade"
	# shellcheck disable=SC2086
	{
		client $pip -i https://pypi.test/simple/ quint || fail "pip: $(cat "$T/out")"
		allowed "what pip installed" 15 env PYTHONPATH=t python3 -c 'import quint; print(quint.times(3))'
		# (of itself it tries five times, and waits in between)
		denied "pip, a name" closed $pip --retries 0 -i https://denied.test/simple/ quint
		denied "pip, a port" shut $pip --retries 0 -i https://pypi.test:9443/simple/ quint
	}
else
	left_out "python3 has no pip"
fi

if PATH=/usr/local/bin:/usr/bin:/bin command -v npm >/dev/null; then
	npm="npm --cafile=ca.pem --no-update-notifier --no-audit --no-fund --prefix n --fetch-retries=0"
	# shellcheck disable=SC2086
	{
		client $npm --registry=https://npm.test/ install triple || fail "npm: $(cat "$T/out")"
		allowed "what npm installed" 21 node -e 'console.log(require("./n/node_modules/triple")(7))'
		denied "npm, a name" closed $npm --registry=https://denied.test/ install other
		denied "npm, a port" shut $npm --registry=https://npm.test:9443/ install other
	}
else
	left_out "npm is not installed"
fi
exit 0
