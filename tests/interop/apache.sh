#!/bin/bash
# Apache's mod_auth_openidc with emad's introspection, by the settings in etc/proxies; skipped where they are not installed.
. "${srcdir:-$(dirname "$0")/../..}/tests/lib.sh"
PATH=$PATH:/usr/sbin
modules=/usr/lib/apache2/modules
for program in python3 jq curl openssl apache2; do command -v "$program" >/dev/null || { echo "1..0 # SKIP no $program"; exit 0; }; done
[ -e $modules/mod_auth_openidc.so ] || { echo "1..0 # SKIP no mod_auth_openidc"; exit 0; }

read -r port tls_port mcp_port apache_port < <(python3 -c '
import socket
held = [socket.socket() for _ in range(4)]
for s in held: s.bind(("127.0.0.1", 0))
print(*[s.getsockname()[1] for s in held])')
up() { local i; for ((i = 0; i < 600; i++)); do "$@" >/dev/null 2>&1 && return 0; kill -0 "${pids[-1]}" 2>/dev/null || return 1; sleep 0.1; done; return 1; }

background devidp --state "$work/idp" --ports okta=0 --ready-file "$work/ready" >"$work/devidp.log" 2>&1
up test -s "$work/ready" || { echo "Bail out! devidp did not start"; sed 's/^/# /' "$work/devidp.log"; exit 1; }
idp=http://127.0.0.1:$(sed -n 's/^okta=//p' "$work/ready")
curl -s -o /dev/null --max-time 60 "$idp/oauth2/v1/keys"
issuer=http://127.0.0.1:$port secret=correct-horse-battery-staple
umask 077
echo "$secret" >"$work/secret"
mkdir "$work/state"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=emad -addext subjectAltName=IP:127.0.0.1,DNS:mcp.acme.example \
	-keyout "$work/mcp.key" -out "$work/mcp.pem" 2>/dev/null
cp "$work/mcp.pem" "$work/ca.pem"
[ "$(id -u)" -eq 0 ] && owner= || owner="owner = \"$(id -un)\";"
cat >"$work/ema.conf" <<END
issuer = "$issuer"; state_dir = "$work/state"; insecure_http = true; $owner
listen = ( { address = "127.0.0.1:$port"; serve = ["token", "metadata"]; },
           { address = "127.0.0.1:$tls_port"; serve = ["introspection", "metadata"]; tls = { certificate = "mcp.pem"; key = "mcp.key"; }; } );
rates = { address = 0; };
providers = ( { id = "okta"; plugin = "okta_xaa"; org = "$idp"; insecure_http = true; } );
audit = ( { plugin = "file"; path = "$work/audit.jsonl"; } );
clients = ( { id = "app"; auth = "client_secret_basic"; secret = { file = "$work/secret"; }; } );
callers = ( { id = "apache"; auth = "client_secret_basic"; secret = { file = "$work/secret"; }; services = ["github", "other"]; } );
services = ( { id = "github"; resource = "https://mcp.acme.example/github"; identity = ["okta"];
  scopes = ( { name = "read"; access = "read"; tools = ["get_*"]; } ); grants = ( { provider = "okta"; scopes = ["read"]; } ); },
  { id = "other"; resource = "https://mcp.acme.example/other"; identity = ["okta"];
  scopes = ( { name = "read"; access = "read"; tools = ["get_*"]; } ); grants = ( { provider = "okta"; scopes = ["read"]; } ); } );
END
background emad -v -c "$work/ema.conf" >"$work/emad.log" 2>&1
up curl -sf "$issuer/jwks" || { echo "Bail out! emad did not start"; sed 's/^/# /' "$work/emad.log"; exit 1; }
background python3 "$srcdir/tests/interop/echo.py" "$mcp_port" 2>"$work/echo.log"
up curl -s "http://127.0.0.1:$mcp_port/" || { echo "Bail out! the MCP server did not start"; exit 1; }
{
	echo "ServerRoot $work"; echo "PidFile $work/apache.pid"; echo "ErrorLog $work/apache.log"; echo "Listen 127.0.0.1:$apache_port"; echo "DefaultRuntimeDir $work"
	for module in mpm_event authn_core authz_core authz_user auth_openidc headers proxy proxy_http socache_shmcb ssl; do
		echo "LoadModule ${module}_module $modules/mod_$module.so"
	done
	[ "$(id -u)" -ne 0 ] || printf "User www-data\nGroup www-data\n"
	sed -e "s|/etc/ssl/acme|$work|; s|127.0.0.1:9000|127.0.0.1:$mcp_port|; s|127.0.0.1:8443|127.0.0.1:$tls_port|; s|\*:443|127.0.0.1:$apache_port|" \
		-e "s|/etc/apache2/ema-secret.conf|$work/ema-secret.conf|" "$srcdir/etc/proxies/mcp-apache.conf"
} >"$work/apache.conf"
echo "OIDCOAuthClientSecret $secret" >"$work/ema-secret.conf"
# Apache's own children become somebody else, who reads the authority's certificate.
chmod 711 "$work"
chmod 644 "$work/ca.pem"
runs() { up curl -sk "https://127.0.0.1:$apache_port/" && return; cat "$work"/apache.*; return 1; }
background apache2 -DFOREGROUND -f "$work/apache.conf" >"$work/apache.out" 2>&1
ok "Apache runs with the example" runs

# token SERVICE
token() {
	local jag i
	jag=$(devidp --state "$work/idp" --print-assertion alice --service "$issuer" --client app --scope read --claim "jti=\"$RANDOM$RANDOM\"")
	for ((i = 0; i < 100; i++)); do
		curl -s --max-time 20 -u "app:$secret" --data-urlencode "assertion=$jag" --data-urlencode "resource=https://mcp.acme.example/$1" \
			-d grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer "$issuer/token" >"$work/answer"
		grep -q temporarily_unavailable "$work/answer" || break
		sleep 0.2
	done
	jq -r .access_token "$work/answer"
}
# answered STATUS [CURL ARGUMENT...]
answered() {
	local want=$1 got; shift
	: >"$work/body"
	got=$(curl -sk --max-time 60 -H "Host: mcp.acme.example" -o "$work/body" -w '%{http_code}' --data-binary '{"jsonrpc":"2.0"}' "$@" "https://127.0.0.1:$apache_port/github")
	[ "$got" = "$want" ] || { echo "$got"; cat "$work/body"; tail -n 5 "$work/apache.log" "$work/emad.log"; return 1; }
}
good=$(token github) other=$(token other)
ok "REV-06: a token of the service" answered 200 -H "Authorization: Bearer $good" -H "OIDC_CLAIM_sub: root" -H "OIDC-CLAIM-sub: root"
ok "the server knows who it is" jq -es '.[0] | [.headers[] | select(.[0] == "oidc_claim_sub") | .[1]] | length == 1 and (.[0] | startswith("okta/"))' "$work/body"
ok "the token is not sent on" jq -es '.[0] | [.headers[] | select(.[0] == "authorization")] == []' "$work/body"
ok "without a token" answered 401
ok "with one that is none" answered 401 -H "Authorization: Bearer a.b.c"
ok "with one of another server" answered 401 -H "Authorization: Bearer $other"
curl -s -u "app:$secret" --data-urlencode "token=$good" "$issuer/revoke" >/dev/null
ok "revoked, it ends with the next request" answered 401 -H "Authorization: Bearer $good"
ok "the metadata" curl -skf --max-time 20 -H "Host: mcp.acme.example" -o "$work/body" "https://127.0.0.1:$apache_port/.well-known/oauth-protected-resource/github"
ok "is the service's" jq -es '.[0].resource == "https://mcp.acme.example/github"' "$work/body"
plan
