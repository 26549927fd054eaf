#!/bin/bash
# emad among software that others wrote: MCP's own clients, two OAuth libraries, an OpenID provider, MCP's conformance suite and
# emulated vendors. No part of "make check", as it fetches them with npm (into the build folder, where the next run finds them);
# scripts/test --interop runs it. It says so where they cannot be had.
. "${srcdir:-$(dirname "$0")/../..}/tests/lib.sh"
here=$srcdir/tests/interop
for program in node npm jq curl python3; do
	command -v "$program" >/dev/null || { echo "1..0 # SKIP no $program"; exit 0; }
done

# ---- What others wrote, in the same versions each time: what they do changes. ----
# fetched NAME PACKAGE...: has them in a folder of the build folder; asks npm only where they are not there yet.
packages=$builddir/tests/interop/packages/clients
fetched() {
	local folder=$builddir/tests/interop/packages/$1; shift
	mkdir -p "$folder" && cd "$folder" || return 1
	[ "$(cat wanted 2>/dev/null)" = "$*" ] && return 0
	rm -rf node_modules package-lock.json wanted
	echo '{ "private": true }' >package.json
	timeout 300 nice npm install --ignore-scripts --no-audit --no-fund "$@" </dev/null >>"$work/fetch.log" 2>&1 && echo "$*" >wanted
}
without() {
	[ ! -s "$work/fetch.log" ] || tail -n 5 "$work/fetch.log" | sed 's/^/# /'
	echo "1..0 # SKIP $*"
	exit 0
}
# They want a newer node than most distributions have.
node=$(command -v node)
newer() { "$node" -e 'process.exit(parseInt(process.versions.node) < 22 ? 1 : 0)' 2>/dev/null; }
if ! newer; then
	case $(uname -sm) in 'Linux x86_64') machine=x64 ;; 'Linux aarch64') machine=arm64 ;; *) without "no node of 22 or later" ;; esac
	(fetched node "node-linux-$machine@24.21.0") || without "no node of 22 or later could be fetched"
	node=$builddir/tests/interop/packages/node/node_modules/node-linux-$machine/bin/node
	newer || without "the node that was fetched does not run"
fi
(fetched clients @modelcontextprotocol/client@2.4.0 @modelcontextprotocol/sdk@1.32.2 @modelcontextprotocol/conformance@0.2.0-alpha.12 \
	oauth4webapi@3.8.8 openid-client@6.9.0 oidc-provider@9.13.3 jose@6.2.18 emulate@0.12.2) || without "the packages could not be fetched"

# ---- The identity providers, and emad ----
# ports COUNT: that many free ones.
ports() {
	python3 -c '
import socket, sys
held = [socket.socket() for _ in range(int(sys.argv[1]))]
for s in held: s.bind(("127.0.0.1", 0))
print(*[s.getsockname()[1] for s in held])' "$1"
}
read -r port mcp_port op_port redirect_port okta_port entra_port shop_port notes_port < <(ports 8)
# up COMMAND...: waits until it succeeds, or what was started last is gone.
up() { local i; for ((i = 0; i < 600; i++)); do "$@" >/dev/null 2>&1 && return 0; kill -0 "${pids[-1]}" 2>/dev/null || return 1; sleep 0.1; done; return 1; }
page() { curl -sf --max-time 20 "$@"; }
issuer=http://127.0.0.1:$port resource=http://127.0.0.1:$mcp_port/mcp shop=http://127.0.0.1:$shop_port/shop notes=http://127.0.0.1:$notes_port/notes

background devidp --state "$work/idp" --ports okta=0,oidc=0 --ready-file "$work/ready" >"$work/devidp.log" 2>&1
up test -s "$work/ready" || { echo "Bail out! devidp did not start"; sed 's/^/# /' "$work/devidp.log"; exit 1; }
idp=http://127.0.0.1:$(sed -n 's/^okta=//p' "$work/ready") partners=http://127.0.0.1:$(sed -n 's/^oidc=//p' "$work/ready")

op=http://127.0.0.1:$op_port redirect=http://127.0.0.1:$redirect_port/callback
# beside FILE...: copies of them stand beside the packages, as that is where node looks for these.
beside() { local file; for file; do cp "$here/$file" "$packages/"; done; }
beside desk.mjs idp.mjs vendors.mjs
background env -C "$packages" "$node" idp.mjs "$op_port" "$issuer" "$redirect" >"$work/op.log" 2>&1
up page "$op/.well-known/openid-configuration" || { echo "Bail out! oidc-provider did not start"; sed 's/^/# /' "$work/op.log"; exit 1; }

export EMA_ISSUER="$issuer" EMA_RESOURCE="$resource" EMA_IDP="$idp" EMA_WORK="$work" EMA_OP="$op" EMA_REDIRECT="$redirect" \
	EMA_OKTA="http://127.0.0.1:$okta_port" EMA_ENTRA="http://127.0.0.1:$entra_port" EMA_TENANT=6babcaad-604b-40ac-a9d7-9fd97c0b779f \
	EMA_PARTNERS="$partners" EMA_SHOP="$shop" EMA_NOTES="$notes" EMA_SERVER="$builddir/examples/server/server"
background env -C "$packages" "$node" vendors.mjs serve >"$work/vendors.log" 2>&1
for url in "$EMA_OKTA" "$EMA_ENTRA"; do
	up page "$url/.well-known/openid-configuration" || { echo "Bail out! $url did not start"; sed 's/^/# /' "$work/vendors.log"; exit 1; }
done

secret=$(head -c 24 /dev/urandom | base64 | tr '+/' '._')
(umask 077; mkdir "$work/state"; echo "$secret" >"$work/secret"; "$node" -e '
	const { privateKey } = require("crypto").generateKeyPairSync("ec", { namedCurve: "P-256" })
	const { d, ...key } = { ...privateKey.export({ format: "jwk" }), kid: "one", alg: "ES256", use: "sig" }
	require("fs").writeFileSync(process.argv[1] + ".private", JSON.stringify({ d, ...key }))
	require("fs").writeFileSync(process.argv[1] + ".jwks", JSON.stringify({ keys: [key] }))' "$work/signed")
owner=
[ "$(id -u)" -eq 0 ] || owner="owner = \"$(id -un)\";"
# configured [LINES]: writes ema.conf, with more lines.
configured() {
	(umask 077; cat >"$work/ema.conf") <<END
issuer = "$issuer";
state_dir = "$work/state";
insecure_http = true;
$owner
${1-}
listen = ( { address = "127.0.0.1:$port"; serve = ["token", "metadata", "introspection"]; } );
rates = { address = 0; subject = 0; };
providers = (
  { id = "devidp"; plugin = "okta_xaa"; org = "$idp"; insecure_http = true; },
  { id = "partners"; plugin = "oidc"; issuer = "$partners"; accepts = ["id_jag"]; tenant_claim = "tenant"; tenants = ["north", "south"]; insecure_http = true; },
  { id = "op"; plugin = "oidc"; issuer = "$op"; accepts = ["id_jag"]; insecure_http = true; },
  { id = "okta"; plugin = "okta_xaa"; org = "$EMA_OKTA"; insecure_http = true; },
  { id = "entra"; plugin = "azure_ad"; tenant = "$EMA_TENANT"; login_url = "$EMA_ENTRA"; sts_url = "$EMA_ENTRA"; insecure_http = true; } );
audit = ( { plugin = "file"; path = "$work/audit.jsonl"; } );
clients = (
  { id = "desktop"; auth = "client_secret_basic"; secret = { file = "$work/secret"; }; },
  { id = "form"; auth = "client_secret_post"; secret = { file = "$work/secret"; }; },
  { id = "signed"; auth = "private_key_jwt"; jwks_file = "$work/signed.jwks"; } );
callers = (
  { id = "gateway"; auth = "client_secret_basic"; secret = { file = "$work/secret"; }; services = ["files"]; },
  { id = "proxy"; auth = "private_key_jwt"; jwks_file = "$work/signed.jwks"; services = ["files"]; } );
services = (
  { id = "files"; resource = "$resource"; identity = ["devidp", "op", "okta", "entra"];
    scopes = ( { name = "files:read"; access = "read"; tools = ["list_*"]; }, { name = "files:write"; access = "write"; tools = ["put_*"]; } );
    grants = ( { provider = "devidp"; scopes = ["files:read", "files:write"]; },
               { provider = "op"; scopes = ["files:read"]; },
               { provider = "okta"; scopes = ["files:read"]; },
               { provider = "entra"; scopes = ["files:read"]; } ); },
  { id = "shop"; resource = "$shop"; issuer = "$issuer/shop"; identity = ["devidp", "partners"]; tenants = ["north", "south"];
    default_scopes = ["goods:read", "goods:write"];
    scopes = ( { name = "goods:read"; access = "read"; tools = ["list_*", "get_*"]; uris = ["shop://goods/**", "shop://partners/{tenant}/**"]; },
               { name = "goods:write"; access = "write"; tools = ["put_*", "delete_*"]; },
               { name = "till"; access = "write"; tools = ["open_till"]; } );
    grants = ( { provider = "devidp"; scopes = ["goods:read", "goods:write", "till"]; },
               { provider = "partners"; tenant = ["north", "south"]; scopes = ["goods:read"]; tools = ["list_*", "get_price"];
                 uris = ["shop://partners/{tenant}/**"]; } );
    denies = ( { tools = ["delete_all"]; } ); },
  { id = "notes"; resource = "$notes"; issuer = "$issuer/notes"; identity = ["partners"]; tenants = ["north", "south"];
    scopes = ( { name = "notes:read"; access = "read"; tools = ["list_*", "get_*"]; uris = ["note://{tenant}/**"]; },
               { name = "notes:write"; access = "write"; tools = ["put_*", "delete_*"]; } );
    grants = ( { provider = "partners"; tenant = ["north", "south"]; scopes = ["notes:read", "notes:write"]; } ); } );
END
}
configured
emad_log() { sed 's/^/# /' "$work/emad.log"; }
background emad -v -c "$work/ema.conf" >"$work/emad.log" 2>&1
up page "$issuer/.well-known/oauth-authorization-server" || { echo "Bail out! emad did not start"; emad_log; exit 1; }

# ---- The thinnest thread ----
jag() { devidp --state "$work/idp" --print-assertion alice --service "$issuer" --client "$@"; }
redeem() {
	curl -s --max-time 20 -u "desktop:$secret" --data-urlencode "assertion=$1" \
		-d grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer "$issuer/token"
}
# Until emad has the provider's keys, the answer is 503 and uses nothing up.
for ((i = 0; i < 100; i++)); do
	redeem "$(jag desktop --scope files:read)" >"$work/answer"
	grep -q temporarily_unavailable "$work/answer" || break
	sleep 0.2
done
ok "curl: an ID-JAG becomes a token" jq -e '.token_type == "Bearer" and .scope == "files:read"' "$work/answer"

# ---- What others wrote ----
# judged FILE: its tests, as tests of this one.
judged() {
	local line
	beside "$1"
	timeout 300 env -C "$packages" "$node" "$1" </dev/null >"$work/judged" 2>&1
	[ $? -le 1 ] && grep -q '^ok' "$work/judged" || echo "not ok - $1 came to its end" >>"$work/judged"
	while IFS= read -r line; do
		case $line in
		'ok - '*) tests=$((tests + 1)); echo "ok $tests - ${line#ok - }" ;;
		'not ok - '*) tests=$((tests + 1)) failures=$((failures + 1)); echo "not ok $tests - ${line#not ok - }" ;;
		*) echo "# ${line#\# }" ;;
		esac
	done <"$work/judged"
}
# scenario: what MCP's conformance suite finds in the metadata, a line "CHECK STATUS" each, and its words.
scenario() {
	rm -rf "$work/results"
	timeout 120 "$node" "$packages/node_modules/@modelcontextprotocol/conformance/dist/index.js" authorization \
		--url "$issuer" --scenario authorization-server-metadata-endpoint -o "$work/results" </dev/null >"$work/scenario" 2>&1
	cat "$work/scenario"
	find "$work/results" -name checks.json -exec jq -r '.[] | "\(.id) \(.status)", (.errorMessage // empty)' {} + >"$work/checks"
}
found() { [ "$(cat "$work/checks")" = "$1" ] || { cat "$work/checks"; return 1; }; }
judged oauth.mjs
judged op.mjs
judged vendors.mjs

# EMA has no authorization endpoint, so that nobody gets a token past his identity provider; RFC 8414 2 lets such a server leave it
# and its response type out. The suite is about servers that have one: that is the one failure that is expected here, and the
# words show that it is no other. (MCP-75)
scenario >/dev/null
ok "@modelcontextprotocol/conformance: nothing but the authorization endpoint is missing" found \
'authorization-server-metadata FAILURE
Response body does not include valid "authorization_endpoint" claim, Response body does not include valid "response_types_supported" claim
authorization-server-metadata-cimd WARNING
Authorization server metadata does not include "client_id_metadata_document_supported"'
configured 'authorization_endpoint = "https://login.example/authorize";
client_documents = { hosts = ["127.0.0.1"]; insecure_http = true; };'
ok "an authorization endpoint is named, and clients have documents" emactl -c "$work/ema.conf" reload
scenario >/dev/null
ok "@modelcontextprotocol/conformance: all of its checks pass" found \
'authorization-server-metadata SUCCESS
authorization-server-metadata-cimd SUCCESS'
judged mcp.mjs
# A server in C that links libemacore, with the same rules and trails of its own: whom it shows what, and what of a refusal reaches
# the user of a client. (MCP-11, MCP-14, MCP-25, MCP-60, MCP-62)
for name in server notes; do (umask 077; sed "s|$work/audit.jsonl|$work/$name.jsonl|" "$work/ema.conf" >"$work/$name.conf"); done
judged tools.mjs
for name in server notes; do ok "examples/server: its trail is whole: $name" emactl audit verify "$work/$name.jsonl"; done
[ "$failures" -eq 0 ] || emad_log
plan
