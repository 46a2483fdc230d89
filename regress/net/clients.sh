#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# curl, wget, python and node, as users run them: they reach the servers that a
# policy names, and are told at once of others.
# timeout: 300

. "${TEST_SRC:?run it by regress/run}/regress/net/_clients.sh"

cat >"$ws/get_urllib.py" <<'END'
import ssl
import sys
import urllib.request

context = ssl.create_default_context(cafile="ca.pem")
print(urllib.request.urlopen(sys.argv[1], context=context).read().decode().strip())
END
cat >"$ws/get_requests.py" <<'END'
import sys
try:
    import requests
except ImportError:
    from pip._vendor import requests

with requests.Session() as s:
    for _ in range(3):
        r = s.get(sys.argv[1], verify="ca.pem")
        r.raise_for_status()
print(r.text.strip())
END
cat >"$ws/get_fetch.js" <<'END'
fetch(process.argv[2], { redirect: process.argv[3] || "follow" })
    .then(r => r.text()).then(t => console.log(t.trim()))
    .catch(e => { console.log(String(e.cause || e)); process.exit(1); });
END
cat >"$ws/get_https.js" <<'END'
require("https").get(process.argv[2], r => {
	r.setEncoding("utf8");
	r.on("data", d => process.stdout.write(d));
}).on("error", e => { console.log(String(e)); process.exit(1); });
END
# a server of HTTP/2, for which python has none
cat >"$T/h2.js" <<'END'
const fs = require("fs");
const pem = fs.readFileSync(process.argv[2]);
const server = require("http2").createSecureServer({ key: pem, cert: pem });
server.on("stream", (s, h) => {
	s.respond({ ":status": 200 });
	s.end(`HTTP/2 ${h[":authority"]}\n`);
});
server.listen(8443, process.argv[3], () => console.log("ready"));
END
if command -v node >/dev/null; then
	node "$T/h2.js" "$T/www/server.pem" "$HOST4" >"$T/h2" 2>&1 &
	wait_for 20 grep -q ready "$T/h2" || fail "HTTP/2: $(cat "$T/h2")"
fi
head -c 100000 /dev/zero >"$ws/big.txt"
start_clients
quiet="curl -sS --cacert ca.pem"

# curl. An address without a look-up is nobody's: only a rule of its own opens it.
# shellcheck disable=SC2086
{
	denied "curl --resolve, before a look-up" default-deny-network \
	    $quiet --resolve "web.test:443:$HOST4" https://web.test/
	allowed "curl http" "GET web.test 0" $quiet http://web.test/
	allowed "curl https" "GET web.test 0" $quiet https://web.test/
	allowed "curl -4" "GET web.test 0" $quiet -4 https://web.test/
	[ ! -e /proc/net/if_inet6 ] ||
	    allowed "curl -6" "$HOST6" $quiet -6 -w '%{remote_ip}\n' https://web.test/
	allowed "curl -d" "POST web.test 100000" $quiet --data-binary @big.txt https://web.test/
	allowed "16 MiB" 16777216 $quiet -o got -w '%{size_download}\n' https://web.test/big
	allowed "curl --resolve" "GET web.test 0" $quiet --resolve "web.test:443:$HOST4" https://web.test/
	allowed "curl, an address" "GET $LITERAL4 0" $quiet "https://$LITERAL4/"
	allowed "several at once" 200 $quiet --no-progress-meter --parallel -w '%{http_code}\n' \
	    -o one https://web.test/ -o two https://web.test/big -o three http://web.test/ \
	    -o four "https://$LITERAL4/"
	want "all of them" "$(sort "$T/out" | uniq -c | tr -s ' ')" " 4 200"
	allowed "curl -L" "GET web.test 0" $quiet -L https://web.test/near
	denied "curl -L to a server that is denied" closed $quiet -L https://web.test/away
	for url in http://denied.test/ https://denied.test/; do
		denied "curl $url" closed $quiet "$url"
		want_in "what curl says" "$(cat "$T/out")" "Could not resolve host: denied.test"
	done
	denied "curl, a port" shut $quiet https://web.test:9443/
	denied "curl, an address" far $quiet "https://$FAR4/"
	denied "curl http, an address" far $quiet -f -w '%{http_code}\n' "http://$FAR4/"
	want_in "what curl is answered" "$(cat "$T/out")" 403
	client $quiet "http://$FAR4/"
	want "what a user reads" "$(cat "$T/out")" "agentsh: far: not that one"
	denied "curl --resolve to it" far $quiet --resolve "web.test:443:$FAR4" https://web.test/
	denied "curl, another server behind an address" closed \
	    $quiet --connect-to denied.test:443:web.test:443 https://denied.test/
	denied "curl, another Host" closed $quiet -f -H "Host: denied.test" http://web.test/
	if command -v node >/dev/null; then
		allowed "HTTP/2" 2 \
		    $quiet --http2 -w '%{http_version}\n' https://web.test:8443/
	else
		left_out "node is not installed"
	fi
}

for how in get_urllib.py get_requests.py; do
	as "$ME" python3 -c 'import requests' 2>/dev/null || [ $how = get_urllib.py ] ||
	    as "$ME" python3 -c 'from pip._vendor import requests' 2>/dev/null || {
		left_out "python3 has no requests"
		continue
	}
	allowed "$how" "GET web.test 0" python3 $how https://web.test/
	denied "$how, a name" closed python3 $how https://denied.test/
	denied "$how, a port" shut python3 $how https://web.test:9443/
	denied "$how, a redirect" closed python3 $how https://web.test/away
done

if command -v wget >/dev/null; then
	get="wget -q -O - --ca-certificate=ca.pem"
	# shellcheck disable=SC2086
	{
		allowed "wget" "GET web.test 0" $get https://web.test/
		denied "wget, a name" closed $get https://denied.test/
		denied "wget, a port" shut $get https://web.test:9443/
		# (a connection that is reset it would try twenty times)
		denied "wget, an address" far $get "http://$FAR4/"
		denied "wget, a redirect" closed $get https://web.test/away
	}
else
	left_out "wget is not installed"
fi

if command -v node >/dev/null; then
	for how in get_fetch.js get_https.js; do
		[ $how != get_fetch.js ] || node -e 'fetch' 2>/dev/null || {
			left_out "node has no fetch"
			continue
		}
		allowed "node $how" "GET web.test 0" node $how https://web.test/
		denied "node $how, a name" closed node $how https://denied.test/
		denied "node $how, a port" shut node $how https://web.test:9443/
	done
	! node -e 'fetch' 2>/dev/null ||
	    denied "node get_fetch.js, a redirect" closed node get_fetch.js https://web.test/away
fi
exit 0
