#!/usr/bin/env bash
# The example of an MCP server refuses who brings no token, and says where to get one.
. "${srcdir:-$(dirname "$0")/../..}/tests/lib.sh"

server=$builddir/examples/server/server
# A public key will do, here the generator of P-256: nobody signs.
keys='{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ES256\",\"x\":\"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY\",\"y\":\"T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU\"}]}'
cat >"$work/ema.conf" <<CONF
issuer = "https://auth.example";
providers = ( { id = "idp"; plugin = "oidc"; issuer = "https://idp.example"; jwks = "$keys"; accepts = ["id_jag"]; } );
audit = ( { plugin = "file"; path = "$work/audit.jsonl"; } );
services = ( { id = "clock"; resource = "https://mcp.example/clock"; identity = ["idp"];
  scopes = ( { name = "read"; access = "read"; tools = ["get_*"]; } ); grants = ( { provider = "idp"; scopes = ["read"]; } ); } );
CONF
chmod 640 "$work/ema.conf"
body='{"jsonrpc":"2.0","id":41,"method":"tools/call","params":{"name":"get_time"}}'
# request [HEADER...]
request() {
	{ printf 'POST /clock HTTP/1.1\r\nHost: evil.example\r\nMCP-Protocol-Version: 2025-11-25\r\nContent-Length: %s\r\n' "$(printf %s "$body" | wc -c)"; printf '%s\r\n' "$@" ''; printf %s "$body"; } |
		"$server" "$work/ema.conf" clock
}

ok "a request without a token is answered" request
says "HTTP/1.1 401 "
says 'WWW-Authenticate: Bearer scope="read", resource_metadata="https://mcp.example/.well-known/oauth-protected-resource/clock"'
says '"id":41,"error":{"code":4401'
ok "a token in two places is answered" request "Authorization: Bearer a.b.c" "Authorization: Bearer a.b.c"
says "HTTP/1.1 400 "
says 'error="invalid_request"'
ok "a token that is none is answered" request "Authorization: Bearer a.b.c"
says "HTTP/1.1 401 "
says 'error="invalid_token"'
ok "each has its record" test "$(grep -c '"kind":"check"' "$work/audit.jsonl")" -eq 3
plan
