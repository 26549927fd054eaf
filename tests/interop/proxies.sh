#!/bin/bash
# The settings in etc/proxies for proxies before MCP servers and before emad's token endpoint, in the proxies themselves: nginx, Caddy
# and HAProxy. Those that are not there are skipped; scripts/test --interop installs them.
. "${srcdir:-$(dirname "$0")/../..}/tests/lib.sh"
for program in python3 jq curl openssl; do command -v "$program" >/dev/null || { echo "1..0 # SKIP no $program"; exit 0; }; done
PATH=$PATH:/usr/sbin

free_ports() { python3 -c '
import socket
held = [socket.socket() for _ in range(6)]
for s in held: s.bind(("127.0.0.1", 0))
print(*[s.getsockname()[1] for s in held])'; }
read -r port decision_port mcp_port nginx_port caddy_port haproxy_port < <(free_ports)
# up COMMAND...: waits until it succeeds, or what was started last is gone.
up() { local i; for ((i = 0; i < 600; i++)); do "$@" >/dev/null 2>&1 && return 0; kill -0 "${pids[-1]}" 2>/dev/null || return 1; sleep 0.1; done; return 1; }

# ---- An identity provider, emad, and an MCP server that says what it was sent ----
background devidp --state "$work/idp" --ports okta=0 --ready-file "$work/ready" >"$work/devidp.log" 2>&1
up test -s "$work/ready" || { echo "Bail out! devidp did not start"; sed 's/^/# /' "$work/devidp.log"; exit 1; }
idp=http://127.0.0.1:$(sed -n 's/^okta=//p' "$work/ready")
curl -s -o /dev/null --max-time 60 "$idp/oauth2/v1/keys"
issuer=http://127.0.0.1:$port secret=correct-horse-battery-staple
umask 077
echo "$secret" >"$work/secret"
mkdir "$work/state"
[ "$(id -u)" -eq 0 ] && owner= || owner="owner = \"$(id -un)\";"
# configured ORIGINAL
configured() {
	cat >"$work/ema.conf" <<END
issuer = "$issuer"; state_dir = "$work/state"; insecure_http = true; $owner
listen = ( { address = "127.0.0.1:$port"; serve = ["token", "metadata"]; }, { address = "127.0.0.1:$decision_port"; serve = ["decision", "metadata"]; },
           { address = "unix:$work/decision.sock"; serve = ["decision", "metadata"]; mode = "0666"; } );
proxies = ["127.0.0.1", "unix"];
providers = ( { id = "okta"; plugin = "okta_xaa"; org = "$idp"; insecure_http = true; } );
audit = ( { plugin = "file"; path = "$work/audit.jsonl"; } );
clients = ( { id = "app"; auth = "client_secret_basic"; secret = { file = "$work/secret"; }; } );
services = ( { id = "github"; resource = "https://mcp.acme.example/github"; identity = ["okta"]; decision = { original = "$1"; };
  scopes = ( { name = "read"; access = "read"; tools = ["get_*"]; }, { name = "write"; access = "write"; tools = ["put_*"]; } );
  grants = ( { provider = "okta"; scopes = ["read", "write"]; } ); } );
END
}
# served ORIGINAL: by an emad with that setting.
emad=
served() {
	configured "$1"
	if [ "$emad" ]; then kill "$emad"; wait "$emad" 2>/dev/null; fi
	background emad -v -c "$work/ema.conf" >>"$work/emad.log" 2>&1
	emad=${pids[-1]}
	up curl -sf "$issuer/jwks" || { echo "Bail out! emad did not start"; sed 's/^/# /' "$work/emad.log"; exit 1; }
}
served X-Original
background python3 "$srcdir/tests/interop/echo.py" "$mcp_port" 2>"$work/echo.log"
up curl -s "http://127.0.0.1:$mcp_port/" || { echo "Bail out! the MCP server did not start"; exit 1; }

jag=$(devidp --state "$work/idp" --print-assertion alice --service "$issuer" --client app --scope read)
for ((i = 0; i < 100; i++)); do
	curl -s --max-time 20 -u "app:$secret" --data-urlencode "assertion=$jag" -d grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer "$issuer/token" >"$work/answer"
	# Its keys are fetched by a thread.
	grep -q temporarily_unavailable "$work/answer" || break
	sleep 0.2
done
token=$(jq -r .access_token "$work/answer")
ok "there is a token" jq -e .access_token "$work/answer"
# pseudonym URL FILE: what audit calls 127.0.0.2, from which the clients below come: there are no plain addresses in it.
pseudonym() {
	local before remote=
	before=$(wc -l <"$2")
	curl -s -o /dev/null --max-time 60 --interface 127.0.0.2 -u app:wrong-horse-battery-staple -d a=b "$1/token"
	# Records come to a sink a moment behind the answer, and others between them.
	for ((i = 0; i < 100 && ${#remote} == 0; i++)); do
		sleep 0.1
		remote=$(tail -n "+$((before + 1))" "$2" | jq -r 'select(.kind == "redemption" and .code != "ok") | .remote')
	done
	printf '%s\n' "$remote"
}
us=$(pseudonym "$issuer" "$work/audit.jsonl")
ok "audit has a name for the clients' address" test ${#us} -gt 10
# seen FILE: its last record of a request has it.
seen() {
	for ((i = 0; i < 25; i++)); do
		sleep 0.2
		if [ "$(jq -r '.remote // empty' "$1" | tail -n 1)" = "$us" ]; then return; fi
	done
	tail -n 1 "$1"; return 1
}

# ---- What every proxy must do ----
meta='"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}'
# message TOOL
message() { printf '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"%s","arguments":{},%s}}' "$1" "$meta"; }
# called TOOL [CURL ARGUMENT...]: a tool (or what is said), as a client of today calls it; the answer's header and body are in files.
called() {
	local tool=$1 text=${said-$(message "$1")}; shift
	: >"$work/header"; : >"$work/body"
	curl -s --max-time 60 --path-as-is --interface 127.0.0.2 -D "$work/header" -o "$work/body" -H "Host: mcp.acme.example" -H "MCP-Protocol-Version: 2026-07-28" \
		-H "Mcp-Method: tools/call" -H "Mcp-Name: $tool" -H "Content-Type: application/json" --data-binary "$text" "$@" "$web${path-/github}"
}
bearer=(-H "Authorization: Bearer $token")
# answered STATUS TOOL [CURL ARGUMENT...]
answered() {
	local want=$1 got; shift
	called "$@" || return
	got=$(sed -n '1s/^[^ ]* \([0-9]*\).*/\1/p' "$work/header")
	[ "$got" = "$want" ] || { cat "$work/header" "$work/body"; return 1; }
}
header() { grep -qi -- "$1" "$work/header" || { cat "$work/header"; return 1; }; }
# sent NAME VALUE: what the server was sent under that name, once.
sent() { jq -es --arg name "$1" --arg value "$2" '.[0] | [.headers[] | select(.[0] == $name) | .[1]] == [$value]' "$work/body" || { cat "$work/body"; return 1; }; }
# Some servers know no difference between _ and -.
unsent() { jq -es --arg name "$1" '.[0] | [.headers[] | select((.[0] | gsub("_"; "-")) == $name and .[1] != "")] == []' "$work/body" || { cat "$work/body"; return 1; }; }
# behaves NAME
behaves() {
	local name
	ok "$1: who may is let in" answered 200 get_a "${bearer[@]}" -H "DPoP: x" -H "X-EMA-Subject: root" -H "X-EMA-Groups: wheel" -H "X_EMA_Groups: wheel" \
		-H "x_ema-roles: wheel" -H "X-EMA_Person: root" -H "X-EMA-Person: root" -H "X-Forwarded-For: 192.0.2.1"
	ok "$1: the server knows who it is" sent x-ema-provider okta
	ok "$1: and what for" sent x-ema-scopes read
	ok "$1: nobody is who he says he is" jq -es '.[0].headers | any(.[]; .[0] == "x-ema-subject" and (.[1] | startswith("okta/")))' "$work/body"
	for name in authorization dpop x-ema-groups x-ema-roles x-ema-person; do ok "$1: $name is not sent on" unsent $name; done
	ok "$1: the server has the message" test "$(jq -r .body "$work/body")" = "$(message get_a)"
	ok "$1: audit has the client's address, not the one that it wrote" seen "$work/audit.jsonl"
	ok "$1: without a token" answered 401 get_a
	ok "$1: it is said where to get one" header '^www-authenticate: Bearer.*resource_metadata="https://mcp.acme.example/.well-known/oauth-protected-resource/github"'
	ok "$1: with one that is none" answered 401 get_a -H "Authorization: Bearer a.b.c"
	ok "$1: which is said" header '^www-authenticate: .*invalid_token'
	ok "$1: a tool that the token has no scope for" answered 403 put_a "${bearer[@]}"
	ok "$1: which scope is said" header '^www-authenticate: .*insufficient_scope.*scope="write read"'
	ok "$1: a tool of nobody" answered 403 rm_a "${bearer[@]}"
	ok "$1: another service by a header" answered 403 put_a "${bearer[@]}" -H "X-Original-URI: /other" -H "X-Forwarded-Uri: /other" -H "X-Original-Method: GET"
	ok "$1: DELETE" answered 403 get_a "${bearer[@]}" -X DELETE
	ok "$1: DELETE that calls itself POST" answered 403 get_a "${bearer[@]}" -X DELETE -H "X-Original-Method: POST" -H "X-Forwarded-Method: POST" -H "X-HTTP-Method-Override: POST"
	path='/github?access_token=abc' ok "$1: a token in the URL is none" refused get_a "${bearer[@]}"
	path=/x/../github ok "$1: a path that the next may read otherwise" refused get_a "${bearer[@]}"
	path=/%67ithub%2f..%2fgithub ok "$1: and an encoded one" refused get_a "${bearer[@]}"
	ok "$1: two tokens" refused get_a "${bearer[@]}" "${bearer[@]}"
	path=/.well-known/oauth-protected-resource/github ok "$1: the metadata" curl -sf --max-time 20 -H "Host: mcp.acme.example" -o "$work/body" "$web/.well-known/oauth-protected-resource/github"
	ok "$1: is the service's" jq -es '.[0].resource == "https://mcp.acme.example/github"' "$work/body"
}
# refused TOOL...: whatever the status, the server was not asked.
refused() {
	called "$@" || return
	grep -q '^HTTP[^ ]* [45]' "$work/header" && ! grep -q '"headers"' "$work/body" && return
	cat "$work/header" "$work/body"
	return 1
}
# A proxy that does not see the message lets in no revision whose servers do not look at the headers.
old_is_refused() { called get_a "${bearer[@]}" -H "MCP-Protocol-Version: 2025-11-25" && grep -q '^HTTP[^ ]* [45]' "$work/header"; }
# Nobody is let in while emad is away.
away() { local web=$1; refused get_a "${bearer[@]}"; }

# ---- The three ----
started=()
if command -v nginx >/dev/null; then
	web=http://127.0.0.1:$nginx_port
	{
		[ "$(id -u)" -ne 0 ] || echo "user root;"
		echo "daemon off; pid $work/nginx.pid; error_log stderr; worker_processes 1; events { }"
		echo "http { client_body_temp_path $work/n1; proxy_temp_path $work/n2; fastcgi_temp_path $work/n3; uwsgi_temp_path $work/n4; scgi_temp_path $work/n5;"
		sed -e "s|unix:/run/ema/decision.sock|unix:$work/decision.sock|; s|127.0.0.1:9000|127.0.0.1:$mcp_port|; s|listen 443 ssl|listen 127.0.0.1:$nginx_port|; /ssl_/d" \
			"$srcdir/etc/proxies/mcp-nginx.conf"
		echo "}"
	} >"$work/nginx.conf"
	background nginx -e stderr -p "$work" -c "$work/nginx.conf" >"$work/nginx.log" 2>&1
	ok "nginx runs with the example" up curl -s "$web/"
	behaves nginx
	ok "nginx: an old revision" old_is_refused
	started+=("$web")
else
	skip "nginx" "no nginx here"
fi
if command -v haproxy >/dev/null; then
	web=http://127.0.0.1:$haproxy_port
	sed "s|http://127.0.0.1:8081|http://127.0.0.1:$decision_port|" "$srcdir/etc/proxies/mcp-haproxy.lua" >"$work/mcp-haproxy.lua"
	sed -e "s|/etc/haproxy/|$work/|; s|127.0.0.1:8081|127.0.0.1:$decision_port|; s|127.0.0.1:9000|127.0.0.1:$mcp_port|; s|bind :443 .*|bind 127.0.0.1:$haproxy_port|" \
		"$srcdir/etc/proxies/mcp-haproxy.cfg" >"$work/haproxy.cfg"
	background haproxy -db -f "$work/haproxy.cfg" >"$work/haproxy.log" 2>&1
	ok "HAProxy runs with the example" up curl -s "$web/"
	behaves HAProxy
	# It sends the message, so that this counts and not the header.
	said=$(message put_a) ok "HAProxy: a message that says something else than its headers" answered 400 get_a "${bearer[@]}"
	ok "HAProxy: which is said as MCP says it" jq -es '.[0].error.code == -32020' "$work/body"
	said='' ok "HAProxy: an empty message" refused get_a "${bearer[@]}"
	said='[]' ok "HAProxy: a batch" answered 400 get_a "${bearer[@]}"
	said='{"a":1,"a":2}' ok "HAProxy: a name twice" answered 400 get_a "${bearer[@]}"
	ok "HAProxy: which is said too" jq -es '.[0].error.code == -32700' "$work/body"
	ok "HAProxy: a message in chunks" refused get_a "${bearer[@]}" -H "Transfer-Encoding: chunked"
	python3 -c 'print("{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{\"name\":\"get_a\",\"arguments\":{\"a\":\"" + "x" * 200000 + "\"}}}")' >"$work/long"
	said=@$work/long ok "HAProxy: a message that does not fit" refused get_a "${bearer[@]}"
	started+=("$web")
else
	skip "HAProxy" "no haproxy here"
fi
if command -v caddy >/dev/null; then
	web=http://127.0.0.1:$caddy_port
	served X-Forwarded
	{
		printf '{\n\tadmin off\n\tauto_https off\n\tstorage file_system %s/caddy\n}\n' "$work"
		sed -e "s|unix//run/ema/decision.sock|unix/$work/decision.sock|; s|127.0.0.1:9000|127.0.0.1:$mcp_port|; s|^mcp.acme.example {|http://mcp.acme.example:$caddy_port {\n\tbind 127.0.0.1|" \
			"$srcdir/etc/proxies/mcp-Caddyfile"
	} >"$work/Caddyfile"
	HOME=$work XDG_DATA_HOME=$work XDG_CONFIG_HOME=$work background caddy run --adapter caddyfile --config "$work/Caddyfile" >"$work/caddy.log" 2>&1
	ok "Caddy runs with the example" up curl -s "$web/"
	behaves Caddy
	ok "Caddy: an old revision" old_is_refused
	started+=("$web")
else
	skip "Caddy" "no caddy here"
fi

kill "$emad"
wait "$emad" 2>/dev/null
for web in "${started[@]}"; do ok "nobody comes in while emad is away" away "$web"; done

# ---- The same before emad's token endpoint ----
read -r port _ _ nginx_port caddy_port haproxy_port < <(free_ports)
issuer=https://auth.acme.example
mkdir "$work/state2" "$work/ssl"
# signed NAME SUBJECT: by an authority of its own.
signed() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=authority of $1" -addext keyUsage=keyCertSign \
		-keyout "$work/ssl/$1-ca.key" -out "$work/ssl/$1-ca.pem"
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$2" -keyout "$work/ssl/$1.key" -out "$work/ssl/$1.csr"
	openssl x509 -req -in "$work/ssl/$1.csr" -CA "$work/ssl/$1-ca.pem" -CAkey "$work/ssl/$1-ca.key" -CAcreateserial -days 30 -out "$work/ssl/$1.pem"
}
{ signed clients /CN=bound && signed strangers /CN=bound && signed auth /CN=auth.acme.example; } >"$work/openssl.log" 2>&1 ||
	{ echo "Bail out! no certificates"; sed 's/^/# /' "$work/openssl.log"; exit 1; }
cp "$work/ssl/auth.key" "$work/ssl/auth.pem.key" # where HAProxy looks for it
cat >"$work/ema.conf" <<END
issuer = "$issuer"; state_dir = "$work/state2"; $owner
listen = ( { address = "unix:$work/http.sock"; mode = "0666"; },
           { address = "127.0.0.1:$port"; serve = ["token", "introspection", "health", "metrics", "decision", "authzen"]; } );
proxies = ["unix"]; rates = { address = 0; };
client_certificates = { header = "Client-Cert"; verified = true; };
providers = ( { id = "okta"; plugin = "okta_xaa"; org = "$idp"; insecure_http = true; } );
audit = ( { plugin = "file"; path = "$work/front.jsonl"; } );
clients = ( { id = "app"; auth = "client_secret_basic"; secret = { file = "$work/secret"; }; },
            { id = "bound"; auth = "tls_client_auth"; subject_dn = "CN=bound"; } );
services = ( { id = "github"; resource = "https://mcp.acme.example/github"; identity = ["okta"];
  scopes = ( { name = "read"; access = "read"; tools = ["get_*"]; } ); grants = ( { provider = "okta"; scopes = ["read"]; } ); } );
END
background emad -v -c "$work/ema.conf" >"$work/front.log" 2>&1
up curl -sf "http://127.0.0.1:$port/readyz" || { echo "Bail out! emad did not start"; sed 's/^/# /' "$work/front.log"; exit 1; }
us=$(pseudonym "http://127.0.0.1:$port" "$work/front.jsonl")

# page PATH [CURL ARGUMENT...]
page() {
	local path=$1; shift
	: >"$work/header"; : >"$work/body"
	curl -s --max-time 60 --path-as-is --interface 127.0.0.2 --cacert "$work/ssl/auth-ca.pem" --connect-to "auth.acme.example:443:127.0.0.1:$web" \
		-D "$work/header" -o "$work/body" "$@" "$issuer$path"
}
# says_status STATUS PATH...
says_status() {
	local want=$1 got; shift
	page "$@" || { echo "curl: $?"; return 1; }
	got=$(sed -n 's/^HTTP[^ ]* \([0-9]*\).*/\1/p' "$work/header" | tail -n 1)
	[ "$got" = "$want" ] || { cat "$work/header" "$work/body"; return 1; }
}
# redeemed STATUS CLIENT [CURL ARGUMENT...]: a new assertion for that client.
redeemed() {
	local want=$1 client=$2 jag i; shift 2
	jag=$(devidp --state "$work/idp" --print-assertion alice --service "$issuer" --client "$client" --scope read) || return
	for ((i = 0; i < 100; i++)); do
		page /token --data-urlencode "assertion=$jag" -d grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer "$@" || return
		grep -q temporarily_unavailable "$work/body" || break
		sleep 0.2
	done
	grep -q "^HTTP[^ ]* $want" "$work/header" && return
	cat "$work/header" "$work/body"
	return 1
}
app=(app -u "app:$secret")
bound=(bound -d client_id=bound)
certificate=(--cert "$work/ssl/clients.pem" --key "$work/ssl/clients.key")
# large BYTES: so much of headers, by a client that also listens while it speaks.
large() {
	python3 -c '
import select, socket, ssl, sys
size, port = int(sys.argv[1]), int(sys.argv[2])
context = ssl.create_default_context(cafile=sys.argv[3])
peer = context.wrap_socket(socket.create_connection(("127.0.0.1", port), 60), server_hostname="auth.acme.example")
line = b"X-Long: " + b"a" * 4080 + b"\r\n"
left = b"POST /token HTTP/1.1\r\nHost: auth.acme.example\r\nContent-Length: 0\r\n" + line * (size // len(line)) + b"\r\n"
peer.setblocking(False)
answer = b""
while b"\r\n" not in answer:
    if not select.select([peer], [peer] if left else [], [], 60)[0] and not left:
        sys.exit("no answer")
    try:
        if left:
            left = left[peer.send(left[:16384]):]
    except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
        pass
    except OSError:
        left = b""
    try:
        piece = peer.recv(65536)
        if not piece:
            break
        answer += piece
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        pass
print(answer[:300])
status = answer[9:12]
sys.exit(not (answer.startswith(b"HTTP/1.1 4") and status in (b"400", b"413", b"431")))' "$1" "$web" "$work/ssl/auth-ca.pem"
}
# fronts NAME: what every proxy must do.
fronts() {
	local path
	ok "$1: the metadata of the authorization server" says_status 200 /.well-known/oauth-authorization-server
	ok "$1: name the public issuer" jq -es --arg issuer "$issuer" '.[0] | .issuer == $issuer and .token_endpoint == $issuer + "/token"' "$work/body"
	ok "$1: also where OpenID has them" says_status 200 /.well-known/openid-configuration
	ok "$1: the keys" says_status 200 /jwks
	ok "$1: are there" jq -es '.[0].keys | length > 0' "$work/body"
	ok "$1: the metadata of the service" says_status 200 /.well-known/oauth-protected-resource/github
	ok "$1: name the issuer" jq -es --arg issuer "$issuer" '.[0].authorization_servers == [$issuer]' "$work/body"
	ok "$1: an assertion becomes a token" redeemed 200 "${app[@]}" -H "X-Forwarded-For: 192.0.2.1" -H "X-Forwarded-For: 192.0.2.2, 192.0.2.3" \
		-H "Forwarded: for=192.0.2.4" -H "X-Real-IP: 192.0.2.5"
	ok "$1: it is one" jq -es '.[0] | .token_type == "Bearer" and .scope == "read" and (.access_token | length) > 100' "$work/body"
	ok "$1: which nobody keeps" header '^cache-control: .*no-store'
	ok "$1: audit has the client's address, not one that it wrote" seen "$work/front.jsonl"
	ok "$1: also in a refusal" redeemed 401 app -u app:wrong-horse-battery-staple -H "X-Forwarded-For: 192.0.2.1"
	ok "$1: audit has it" seen "$work/front.jsonl"
	ok "$1: by HTTP/1.1" redeemed 200 "${app[@]}" --http1.1
	ok "$1: with an answer to Expect" redeemed 200 "${app[@]}" --http1.1 -H "Expect: 100-continue"
	ok "$1: a client by its certificate" redeemed 200 "${bound[@]}" "${certificate[@]}"
	ok "$1: whatever it writes itself" redeemed 200 "${bound[@]}" "${certificate[@]}" -H "Client-Cert: $other_der" -H "X-Client-Cert: x"
	ok "$1: none" redeemed 401 "${bound[@]}"
	ok "$1: one that stands in a header alone" redeemed 401 "${bound[@]}" -H "Client-Cert: $der"
	ok "$1: in the form of RFC 9440" redeemed 401 "${bound[@]}" -H "Client-Cert: :$der:" -H "client-cert: :$der:"
	ok "$1: one of another authority" unserved redeemed 200 "${bound[@]}" --cert "$work/ssl/strangers.pem" --key "$work/ssl/strangers.key"
	for path in /metrics /healthz /readyz /introspect /decision/github /access/v1/evaluation /.well-known/authzen-configuration; do
		ok "$1: nobody gets at $path" says_status 404 "$path"
	done
	for path in /introspect /decision/github/ /access/v1/evaluation; do ok "$1: nor with POST at $path" says_status 404 "$path" -u "app:$secret" -d token=x; done
	for path in //metrics /x/../metrics /%6detrics /token/%2e%2e/metrics '/metrics?x'; do ok "$1: nor as $path" unserved page "$path" -f; done
	ok "$1: 1 MiB of headers" large 1048576
	ok "$1: and as many as emad takes no more" large 24576
	ok "$1: others are served" redeemed 200 "${app[@]}"
	head -c 1048576 /dev/zero | tr '\0' a >"$work/long"
	ok "$1: 1 MiB of a message" says_status 413 /token --http1.1 -H Expect: -H "Content-Type: application/x-www-form-urlencoded" --data-binary "@$work/long"
	ok "$1: and after that" redeemed 200 "${app[@]}"
}
unserved() { ! "$@"; }
der=$(openssl x509 -in "$work/ssl/clients.pem" -outform DER | base64 -w 0)
other_der=$(openssl x509 -in "$work/ssl/strangers.pem" -outform DER | base64 -w 0)
# snippet FILE [SED ARGUMENT...]: that of etc/proxies with places of this test, and what it offers for certificates of clients.
snippet() { local file=$1; shift; sed -e "s|/etc/ssl/acme/|$work/ssl/|g; s|/run/ema/http.sock|$work/http.sock|" "$@" "$srcdir/etc/proxies/$file"; }

# before_emad [SED ARGUMENT...]: nginx's with that.
before_emad() {
	[ "$(id -u)" -ne 0 ] || echo "user root;"
	echo "daemon off; pid $work/nginx2.pid; error_log stderr; worker_processes 1; events { }"
	echo "http { client_body_temp_path $work/n1; proxy_temp_path $work/n2; fastcgi_temp_path $work/n3; uwsgi_temp_path $work/n4; scgi_temp_path $work/n5;"
	snippet nginx.conf -e "s|listen 443 ssl|listen 127.0.0.1:$web ssl|" "$@"
	echo "}"
}
if command -v nginx >/dev/null; then
	web=$nginx_port
	before_emad >"$work/nginx2.conf"
	ok "nginx takes the example as it stands" nginx -t -e stderr -p "$work" -c "$work/nginx2.conf"
	before_emad -e "s|#\(ssl_\)|\1|" >"$work/nginx2.conf"
	background nginx -e stderr -p "$work" -c "$work/nginx2.conf" >"$work/nginx2.log" 2>&1
	ok "nginx runs before emad" up page /jwks
	fronts nginx
else
	skip "nginx before emad" "no nginx here"
fi
if command -v haproxy >/dev/null; then
	web=$haproxy_port
	snippet haproxy.cfg -e "s|bind :443|bind 127.0.0.1:$web|" >"$work/haproxy2.cfg"
	ok "HAProxy takes the example as it stands" haproxy -c -f "$work/haproxy2.cfg"
	# Of two lines of "bind" the one with the authority.
	sed -i -e "/^\tbind/d; s|#bind|bind|" "$work/haproxy2.cfg"
	background haproxy -db -f "$work/haproxy2.cfg" >"$work/haproxy2.log" 2>&1
	ok "HAProxy runs before emad" up page /jwks
	fronts HAProxy
else
	skip "HAProxy before emad" "no haproxy here"
fi
if command -v caddy >/dev/null; then
	web=$caddy_port
	snippet Caddyfile -e "s|^{|{\n\tadmin off\n\tauto_https off\n\tstorage file_system $work/caddy|; s|^auth.acme.example {|https://auth.acme.example:$web {\n\tbind 127.0.0.1|" \
		>"$work/Caddyfile2"
	ok "Caddy takes the example as it stands" env HOME="$work" XDG_DATA_HOME="$work" XDG_CONFIG_HOME="$work" caddy adapt --validate --adapter caddyfile --config "$work/Caddyfile2"
	sed -i -e "s|#tls {|tls $work/ssl/auth.pem $work/ssl/auth.key {|; s|^\t#\([t}\t]\)|\t\1|" "$work/Caddyfile2"
	HOME=$work XDG_DATA_HOME=$work XDG_CONFIG_HOME=$work background caddy run --adapter caddyfile --config "$work/Caddyfile2" >"$work/caddy2.log" 2>&1
	ok "Caddy runs before emad" up page /jwks
	fronts Caddy
else
	skip "Caddy before emad" "no caddy here"
fi
plan
