#!/usr/bin/env bash
# The example of an MCP server: what it refuses and says of it, what its tools do, that tenants are apart, and its signals.
. "${srcdir:-$(dirname "$0")/../..}/tests/lib.sh"
command -v curl >/dev/null || { echo "1..0 # SKIP no curl"; exit 0; }

server=$builddir/examples/server/server
background devidp --state "$work/idp" --ports oidc=0 --ready-file "$work/ready" >"$work/devidp.log" 2>&1
wait_for test -s "$work/ready" || { echo "Bail out! devidp did not start"; exit 1; }
idp=http://127.0.0.1:$(sed -n 's/^oidc=//p' "$work/ready")
# configured WRITERS [GUARDS]: which tenants write; where the server is.
place=/notes
configured() {
	(umask 077; cat >"$work/ema.conf") <<CONF
issuer = "https://auth.example";
insecure_http = true;
guards = ( { id = "gate"; plugin = "fault"; hold = "$work/held"; } );
providers = ( { id = "idp"; plugin = "oidc"; issuer = "$idp"; accepts = ["access_token"]; insecure_http = true;
  tenant_claim = "tenant"; tenants = ["north", "south"]; } );
audit = ( { plugin = "file"; path = "$work/audit.jsonl"; } );
services = ( { id = "notes"; resource = "https://mcp.example$place"; identity = ["idp"]; tenants = ["north", "south"];
  deadline = "60s"; guards = (${2-});
  audience = ( { provider = "idp"; is = ["notes"]; clients = ["desktop"]; scope_map = ( { from = "read"; to = ["read"]; }, { from = "write"; to = ["write"]; } ); } );
  scopes = ( { name = "read"; access = "read"; tools = ["list_*", "get_*"]; uris = ["note://**"]; },
             { name = "write"; access = "write"; tools = ["put_*", "delete_*"]; } );
  grants = ( { provider = "idp"; tenant = ["north", "south"]; scopes = ["read"]; }, { provider = "idp"; tenant = [$1]; scopes = ["read", "write"]; } );
  denies = ( { tools = ["get_secret"]; } ); } );
CONF
}
configured '"north"'
started() {
	: >"$work/out"
	background "$server" "$work/ema.conf" notes "$@" >"$work/out" 2>"$work/server.log"
	pid=${pids[-1]}
	begun() { grep -q '^listening' "$work/out" || ! kill -0 "$pid"; }
	wait_for begun
	grep -q '^listening' "$work/out" || { echo "Bail out! the server did not start"; sed 's/^/# /' "$work/server.log"; exit 1; }
	url=$(sed -n 's/^listening on //p' "$work/out")
}
started 0
# token USER TENANT SCOPES
token() { devidp --state "$work/idp" --persona oidc --kind access_token --service notes --client desktop --scope "$3" --claim "tenant=\"$2\"" --print-assertion "$1"; }
north=$(token carol north "read write") reader=$(token carol north read) south=$(token dan south "read write")

headers=(-H "MCP-Protocol-Version: 2025-11-25" -H "Content-Type: application/json" -H "Accept: application/json, text/event-stream")
# asked TOKEN BODY [OPTION...]: as a client of 2025-11-25; TOKEN may be empty.
asked() { curl -s -i --max-time 120 "${headers[@]}" ${1:+-H "Authorization: Bearer $1"} --data-binary "$2" "${@:3}" "$url"; }
# as TOKEN METHOD [PARAMS] and use TOKEN TOOL [ARGUMENTS]
as() { asked "$1" "{\"jsonrpc\":\"2.0\",\"id\":41,\"method\":\"$2\",\"params\":${3-"{}"}}"; }
use() { as "$1" tools/call "{\"name\":\"$2\",\"arguments\":${3-"{}"}}"; }
get_note='{"jsonrpc":"2.0","id":41,"method":"tools/call","params":{"name":"get_note","arguments":{}}}'
# modern METHOD NAME PARAMS: as a client of 2026-07-28.
modern() {
	local meta='"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}'
	curl -s -i --max-time 120 -H "Content-Type: application/json" -H "Authorization: Bearer $north" -H "MCP-Protocol-Version: 2026-07-28" -H "Mcp-Method: $1" ${2:+-H "Mcp-Name: $2"} \
		--data-binary "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"$1\",\"params\":{${3:+$3,}$meta}}" "$url"
}
lacks() { ! grep -qF -- "$1" "$work/.out"; }

echo "# who is not let in"
ok "a request without a token is answered" use "" get_note
says "HTTP/1.1 401 "
says 'WWW-Authenticate: Bearer scope="read", resource_metadata="https://mcp.example/.well-known/oauth-protected-resource/notes"'
says 'X-Request-ID: '
says '"id":41,"error":{"code":4401'
ok "a token in two places is answered" asked a.b.c "$get_note" -H "Authorization: Bearer a.b.c"
says "HTTP/1.1 400 "
says 'error="invalid_request"'
ok "MCP-23: so is one in the query" curl -s -i --data-binary "$get_note" -H "MCP-Protocol-Version: 2025-11-25" -H "Content-Type: application/json" "$url?access_token=a.b.c"
says 'error="invalid_request"'
ok "a token that is none is answered" use a.b.c get_note
says "HTTP/1.1 401 "
says 'error="invalid_token"'
each_has_record() { [ "$(grep -c '"kind":"check"' "$work/audit.jsonl")" -eq 4 ]; }
ok "each has its record" wait_for each_has_record
ok "MCP-01 MCP-02: where to get a token is said at the challenge's place" curl -s -i "${url%/notes}/.well-known/oauth-protected-resource/notes"
says "HTTP/1.1 200 "
says '"resource":"https://mcp.example/notes"'
says '"authorization_servers":["https://auth.example"]'

echo "# who is"
let_in() { use "$north" list_notes >"$work/first"; grep -q '^HTTP/1.1 200' "$work/first"; }
ok "its keys come with the first token of a provider" wait_for let_in
ok "a tool that reads" use "$north" get_note '{"name":"welcome"}'
says "HTTP/1.1 200 "
says '"id":41'
says '"text":"These notes are your tenant'
ok "a tool that writes" use "$north" put_note '{"name":"plan","text":"the \"north\" plan é"}'
says '"text":"Written."'
ok "what was written is read" use "$north" get_note '{"name":"plan"}'
says '"text":"the \"north\" plan é"'
ok "MCP-11: whose token does not reach so far is told what would" use "$reader" put_note '{"name":"x","text":"y"}'
says "HTTP/1.1 403 "
says 'WWW-Authenticate: Bearer error="insufficient_scope"'
says 'scope="write read"'
says '"message":"More permission is needed: sign in again."'
ok "MCP-14: whom no scope would help is not" use "$south" put_note '{"name":"x","text":"y"}'
says "HTTP/1.1 403 "
says '"error":{"code":4403,"message":"You may not do that."'
ok "of any" lacks WWW-Authenticate
ok "MCP-62: a tool that is closed" use "$north" get_secret
says "HTTP/1.1 403 "
ok "a tool that rules open, but is not there" use "$north" get_nothing
says "HTTP/1.1 200 "
says '"error":{"code":-32602,"message":"There is no such tool."}'
ok "MCP-60: each sees the tools that it may use" as "$north" tools/list
says '"delete_note"'
says '"annotations":{"readOnlyHint":true}'
ok "and no others" as "$south" tools/list
says '"get_note"'
ok "none that writes" lacks put_note
ok "nor that throws away" lacks delete_note

echo "# tenants"
ok "a tenant has its own notes" use "$south" list_notes
says '"text":"welcome"'
ok "and not those of the others" lacks plan
ok "nor by their name" use "$south" get_note '{"name":"plan"}'
says '"isError":true'
ok "its resources" as "$north" resources/list
says '"uri":"note://north/plan"'
ok "are not the others'" as "$south" resources/list
says '"uri":"note://south/welcome"'
ok "at all" lacks north
ok "a resource" as "$north" resources/read '{"uri":"note://north/plan"}'
says '"contents":[{"uri":"note://north/plan","text":"the'
for uri in note://north/plan note://south/../north/plan note://south/%2e%2e/north/plan note://SOUTH@north/plan note://south/plan note://north note://south/ note:/// x; do
	ok "of others is none, even where the rules say too much: $uri" as "$south" resources/read "{\"uri\":\"$uri\"}"
	says '"error":{"code":'
done
ok "where notes are" as "$south" resources/templates/list
says '"resourceTemplates":['
ok "of nobody else" lacks north
ok "a note is thrown away" use "$north" delete_note '{"name":"plan"}'
ok "and is no more" as "$north" resources/read '{"uri":"note://north/plan"}'
says '"code":-32002'

echo "# what is no request"
for arguments in '{}' '{"name":1}' '{"name":""}' '{"name":"a/b"}' "{\"name\":\"$(printf '%65s' '' | tr ' ' a)\"}"; do
	ok "arguments that are none: ${arguments:0:30}" use "$north" get_note "$arguments"
	says '"isError":true'
done
ok "a text that is none" use "$north" put_note '{"name":"a","text":7}'
says '"isError":true'
ok "one that is too long" use "$north" put_note "{\"name\":\"a\",\"text\":\"$(printf '%5000s' '')\"}"
says '"isError":true'
filled() {
	local i more=()
	for ((i = 0; i < 63; i++)); do
		more+=(--next -s "${headers[@]}" -H "Authorization: Bearer $north" "$url" --data-binary "{\"jsonrpc\":\"2.0\",\"id\":$i,\"method\":\"tools/call\",\"params\":{\"name\":\"put_note\",\"arguments\":{\"name\":\"n$i\",\"text\":\"\"}}}")
	done
	curl "${more[@]:1}"
}
ok "many notes" filled
ok "a tenant has so many notes and no more" use "$north" put_note '{"name":"n64","text":""}'
says 'delete one first'
ok "and may still write over one" use "$north" put_note '{"name":"n1","text":"again"}'
says 'Written.'
ok "MCP-43: no JSON" asked "$north" '{"jsonrpc"'
says "HTTP/1.1 400 "
says '"code":-32700'
ok "MCP-45: one name twice" asked "$north" '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/list"}'
says "HTTP/1.1 400 "
ok "a string with an end in it" use "$north" get_note '{"name":"a\u0000b"}'
says "HTTP/1.1 400 "
ok "no body" asked "$north" ''
says "HTTP/1.1 400 "
head -c 1100000 /dev/zero >"$work/big"
ok "a body that is too large" asked "$north" "@$work/big"
says "HTTP/1.1 413 "
in_chunks() { ! asked "$north" "@$work/big" -H "Transfer-Encoding: chunked"; }
ok "also in chunks, which it ends" in_chunks
many() { local i more=(); for ((i = 0; i < 101; i++)); do more+=(-H "X-$i: 1"); done; asked "$north" "$get_note" "${more[@]}"; }
ok "too many headers" many
says "HTTP/1.1 431 "
ok "two lengths" asked "$north" "$get_note" -H "Content-Length: 3" -H "Content-Length: 4"
says "HTTP/1.1 400 "
ok "MCP-49: a method that MCP does not have" as "$north" tools/steal
says "HTTP/1.1 404 "
says '"code":-32601'
ok "one that the server does not have" as "$north" logging/setLevel '{"level":"debug"}'
says "HTTP/1.1 200 "
says '"code":-32601'
ok "MCP-42: GET" curl -s -i -H "Authorization: Bearer $north" "$url"
says "HTTP/1.1 405 "
says "Allow: POST"
ok "DELETE" curl -s -i -X DELETE -H "Authorization: Bearer $north" "$url"
says "HTTP/1.1 405 "
ok "another place" curl -s -i --data-binary "$get_note" "${url}2"
says "HTTP/1.1 404 "

echo "# revisions"
ok "initialize" as "$north" initialize '{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}'
says '"protocolVersion":"2025-11-25"'
ok "ping" as "$north" ping
says '"result":{}'
ok "a notification" asked "$north" '{"jsonrpc":"2.0","method":"notifications/initialized"}'
says "HTTP/1.1 202 "
ok "MCP-43: an answer to a request of a server's" asked "$north" '{"jsonrpc":"2.0","id":1,"result":{}}'
says "HTTP/1.1 202 "
ok "server/discover" modern server/discover '' ''
says '"supportedVersions":["2026-07-28","2025-11-25"]'
says '"resultType":"complete"'
says '"cacheScope":"private"'
ok "tools/list" modern tools/list '' ''
says '"put_note"'
ok "tools/call" modern tools/call get_note '"name":"get_note","arguments":{"name":"n1"}'
says '"text":"again"'
ok "a resource that is not there" modern resources/read note://north/none '"uri":"note://north/none"'
says '"code":-32602'
ok "MCP-49: a method that the server does not have" modern prompts/list '' ''
says "HTTP/1.1 404 "
says '"code":-32601'
ok "MCP-47: a header that says otherwise" modern tools/call list_notes '"name":"get_note","arguments":{"name":"n1"}'
says '"code":-32020'

echo "# signals"
# reload WRITERS [GUARDS]
reloads=0
reloaded() { [ "$(grep -c '^reloaded' "$work/out")" -eq $reloads ]; }
reload() { configured "$@"; reloads=$((reloads + 1)); kill -HUP "$pid"; wait_for reloaded; }
ok "SIGHUP: it reads the configuration again" reload '"north"' '{ control = "required"; guard = "gate"; }'
use "$north" put_note '{"name":"n1","text":"late"}' >"$work/late" &
late=$!
ok "a call waits" wait_for test -e "$work/held"
ok "while its permission is taken away" reload '"south"'
rm -f "$work/held"
wait "$late"
ok "MCP-67: it is refused, although it had been let in" cat "$work/late"
says "HTTP/1.1 403 "
says '"error":{"code":4403,"message":"You may not do that any more."'
ok "and goes by it" use "$south" put_note '{"name":"x","text":"y"}'
says 'Written.'
ok "from then on" use "$north" put_note '{"name":"x","text":"y"}'
says "HTTP/1.1 403 "
ok "with the notes that there were" use "$north" get_note '{"name":"n1"}'
says '"text":"again"'
echo 'nonsense' >"$work/ema.conf"
kill -HUP "$pid"
ok "one that is wrong is refused" wait_for grep -q '^not reloaded' "$work/server.log"
ok "and changes nothing" use "$south" put_note '{"name":"x","text":"z"}'
says 'Written.'
kill -TERM "$pid"
ok "SIGTERM: it ends well" wait "$pid"
ok "and its trail is whole" emactl audit verify "$work/audit.jsonl"

echo "# other things than notes, at a host's root"
place=/
configured '"north"'
printf '%s' '{"tools":[{"name":"get_price","inputSchema":{"type":"object"}},{"name":"put_price","inputSchema":{"type":"object"}}],"resources":[{"uri":"note://goods/apples","name":"apples"}]}' >"$work/things.json"
started 127.0.0.1:0 "$work/things.json"
ok "keys" wait_for let_in
ok "MCP-04 the challenge's place is another one" use "" get_price
says 'resource_metadata="https://mcp.example/.well-known/oauth-protected-resource"'
ok "where the metadata is" curl -s -i "${url}.well-known/oauth-protected-resource"
says '"resource":"https://mcp.example/"'
ok "its tools answer with who asks" use "$north" get_price
says '"text":"idp/north/'
ok "and are listed" as "$south" tools/list
says '"tools":[{"name":"get_price"'
ok "for who may use them" lacks put_price
ok "one that is not there" use "$north" get_note
says '"code":-32602'
ok "its resources, too" as "$south" resources/read '{"uri":"note://goods/apples"}'
says '"text":"idp/south/'
ok "and no others" as "$south" resources/read '{"uri":"note://south/welcome"}'
says '"code":-32002'
ok "are listed" as "$south" resources/list
says '"uri":"note://goods/apples"'
kill -TERM "$pid"
ok "it ends well" wait "$pid"

echo "# what is no way to start it"
fails 2 "nothing" "$server"
fails 1 "no configuration" "$server" "$work/none.conf" notes 0
fails 1 "a service that is not there" "$server" "$work/ema.conf" books 0
says 'no service "books"'
for where in '' 65536 localhost:0 127.0.0.1:; do fails 2 "an address that is none: $where" "$server" "$work/ema.conf" notes "$where"; done
fails 1 "a port that is taken" "$server" "$work/ema.conf" notes "${idp##*:}"
says "cannot listen on ${idp#http://}"
fails 1 "things that are none" "$server" "$work/ema.conf" notes 0 "$work/ema.conf"
echo null >"$work/things.json"
fails 1 "nor is null one" "$server" "$work/ema.conf" notes 0 "$work/things.json"
says "THINGS.json"
plan
