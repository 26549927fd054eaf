#!/bin/bash
# The settings in etc/proxies for proxies before MCP servers, in the proxies themselves: nginx, Caddy and HAProxy. Those that are not
# there are skipped; scripts/test --interop installs them.
. "${srcdir:-$(dirname "$0")/../..}/tests/lib.sh"
for program in python3 jq curl; do command -v "$program" >/dev/null || { echo "1..0 # SKIP no $program"; exit 0; }; done
PATH=$PATH:/usr/sbin

read -r port decision_port mcp_port nginx_port caddy_port haproxy_port < <(python3 -c '
import socket
held = [socket.socket() for _ in range(6)]
for s in held: s.bind(("127.0.0.1", 0))
print(*[s.getsockname()[1] for s in held])')
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

# ---- What every proxy must do ----
meta='"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}'
# message TOOL
message() { printf '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"%s","arguments":{},%s}}' "$1" "$meta"; }
# called TOOL [CURL ARGUMENT...]: a tool (or what is said), as a client of today calls it; the answer's header and body are in files.
called() {
	local tool=$1 text=${said-$(message "$1")}; shift
	: >"$work/header"; : >"$work/body"
	curl -s --max-time 60 --path-as-is -D "$work/header" -o "$work/body" -H "Host: mcp.acme.example" -H "MCP-Protocol-Version: 2026-07-28" \
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
	ok "$1: audit has the client's address, not the one that it wrote" test "$(tail -n 1 "$work/audit.jsonl" | jq -r '.remote // empty' | grep -c 192.0.2.1)" = 0
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
plan
