#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ssh, git over ssh, and psql with a server of PostgreSQL, as users run them: the
# protocols in which nothing names the server, so that its address decides.
# timeout: 300

. "${TEST_SRC:?run it by regress/run}/regress/net/_clients.sh"

postgres=$(ls -d /usr/lib/postgresql/*/bin/postgres /usr/bin/postgres 2>/dev/null | tail -n 1)
sshd=$(PATH=/usr/sbin:/sbin:$PATH command -v sshd || PATH=/usr/sbin:/sbin:$PATH command -v dropbear)
command -v ssh >/dev/null && command -v ssh-keygen >/dev/null || sshd=

# keys, and a server of ssh that lets the user in by his: at an address and port 22,
# and by a name at port 2222
start_ssh()
{
	ssh-keygen -q -t ed25519 -N '' -f "$ws/id" && install -d -m 0700 -o "$ME_UID" -g "$ME_UID" \
	    "$T/home/$ME/.ssh" && mv "$ws/id.pub" "$T/home/$ME/.ssh/authorized_keys" &&
	    chown -R "$ME_UID:$ME_UID" "$T/home/$ME/.ssh" || fail "keys"
	case $sshd in
	*/sshd)
		mkdir -p /run/sshd
		ssh-keygen -q -t ed25519 -N '' -f "$T/hostkey" || fail "host key"
		cat >"$T/sshd" <<END
ListenAddress $LITERAL4:22
ListenAddress $FAR4:22
ListenAddress $HOST4:2222
HostKey $T/hostkey
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PrintMotd no
PrintLastLog no
Subsystem sftp internal-sftp
END
		"$sshd" -D -e -f "$T/sshd" 2>"$T/ssh.log" &
		cut -d ' ' -f 1,2 "$T/hostkey.pub" >"$T/hostkey.line"
		;;
	*)
		dropbearkey -t ecdsa -f "$T/hostkey" >"$T/hostkey.out" 2>&1 || fail "host key"
		"$sshd" -F -E -s -r "$T/hostkey" -P "$T/ssh.pid" -p "$LITERAL4:22" -p "$FAR4:22" \
		    -p "$HOST4:2222" 2>"$T/ssh.log" &
		sed -n 's/^\(ecdsa-[^ ]* [^ ]*\).*/\1/p' "$T/hostkey.out" >"$T/hostkey.line"
		;;
	esac
	wait_for 20 python3 -c "import socket; socket.create_connection(('$HOST4', 2222), 1)" ||
	    fail "no ssh: $(cat "$T/ssh.log")"
	for at in "$LITERAL4" "$FAR4" '[ssh.test]:2222' '[denied.test]:2222' '[web.test]:9443'; do
		say "$at $(cat "$T/hostkey.line")"
	done >"$ws/known"
	cat >"$ws/ssh.conf" <<'END'
BatchMode yes
StrictHostKeyChecking yes
UserKnownHostsFile ./known
GlobalKnownHostsFile /dev/null
IdentityFile ./id
IdentitiesOnly yes
UpdateHostKeys no
LogLevel ERROR
END
	chmod 0600 "$ws/id"
}

# PostgreSQL, with TLS; it does not run as root
start_postgres()
{
	bin=${postgres%/*}
	pg=$T/home/$ME/pg
	as "$ME" "$bin/initdb" -D "$pg" -A trust -U "$ME" --no-sync >"$T/initdb" 2>&1 ||
	    fail "initdb: $(cat "$T/initdb")"
	install -m 0600 -o "$ME_UID" -g "$ME_UID" "$T/cert" "$pg/server.crt"
	install -m 0600 -o "$ME_UID" -g "$ME_UID" "$T/key" "$pg/server.key"
	say "host all all 203.0.113.0/24 trust" >>"$pg/pg_hba.conf"
	as "$ME" "$postgres" -D "$pg" -h "$HOST4,$FAR4" -p 5432 -k "$T/home/$ME" -c ssl=on \
	    -c fsync=off -c max_connections=20 >"$T/postgres" 2>&1 &
	wait_for 60 as "$ME" "$bin/pg_isready" -q -h "$HOST4" || fail "postgres: $(cat "$T/postgres")"
}

[ -z "$sshd" ] || start_ssh
if [ -n "$postgres" ] && command -v psql >/dev/null; then
	start_postgres
else
	postgres=
fi
if [ -n "$sshd" ] && command -v git >/dev/null; then
	as "$ME" git init -q --bare -b main "$T/home/$ME/r.git" || fail "repository"
	cat >"$ws/git.sh" <<'END'
set -e
export GIT_SSH_COMMAND="ssh -F $PWD/ssh.conf -o IdentityFile=$PWD/id -o UserKnownHostsFile=$PWD/known"
git clone -q "$1" r
cd r
git checkout -q -b main
seq 20000 >numbers
git add .
git -c user.name=A -c user.email=a@example.org commit -qm first
git push -q origin main
git fetch -q origin main
git log --format=%s -n 1 FETCH_HEAD
END
fi
head -c 3000000 /dev/urandom >"$ws/bytes"
start_clients

if [ -n "$sshd" ]; then
	at="$ME@"
	ssh="ssh -F ssh.conf"
	# shellcheck disable=SC2086
	{
		allowed "ssh, an address and port 22" "$ME_UID" $ssh "$at$LITERAL4" id -u
		allowed "ssh, a name and a high port" "$ME_UID" $ssh -p 2222 "${at}ssh.test" id -u
		sum=$(sha256sum <"$ws/bytes")
		allowed "ssh, 3 MB both ways" "$sum" \
		    sh -c "$ssh -p 2222 ${at}ssh.test cat <bytes | sha256sum"
		denied "ssh, an address" far $ssh "$at$FAR4" id -u
		denied "ssh, a name" closed $ssh -p 2222 "${at}denied.test" id -u
		denied "ssh, a port" shut $ssh -p 9443 "${at}web.test" id -u
	}
	if command -v git >/dev/null; then
		allowed "git over ssh" first sh git.sh "ssh://${at}ssh.test:2222$T/home/$ME/r.git"
		denied "git over ssh, a name" closed sh -c "rm -rf r; sh git.sh 'ssh://${at}denied.test:2222/r'"
		denied "git over ssh, an address" far sh git.sh "ssh://$at$FAR4/r"
	else
		left_out "git is not installed"
	fi
else
	left_out "ssh with sshd or dropbear is not installed"
fi

if [ -n "$postgres" ]; then
	psql="psql -XAtq -U $ME -d postgres"
	# shellcheck disable=SC2086
	{
		allowed "psql" 42 env PGSSLMODE=disable $psql -h db.test -c 'select 6 * 7'
		allowed "psql, TLS" t env PGSSLMODE=verify-full PGSSLROOTCERT=ca.pem $psql -h db.test \
		    -c 'select ssl from pg_stat_ssl where pid = pg_backend_pid()'
		allowed "psql, many rows" "100000 row" $psql -h db.test \
		    -c "select i || ' row' from generate_series(1, 100000) i"
		denied "psql, a name" closed $psql -h denied.test -c 'select 1'
		denied "psql, an address" far $psql -h "$FAR4" -c 'select 1'
		denied "psql, a port" shut $psql -h db.test -p 9443 -c 'select 1'
	}
else
	left_out "PostgreSQL with psql is not installed"
fi
exit 0
