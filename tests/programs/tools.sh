#!/usr/bin/env bash
# MCP-57 MCP-58 MCP-59: a service's tools_file: what a server has, what is new, and that nothing is open before it was accepted.
. "${srcdir:-$(dirname "$0")/../..}/tests/lib.sh"

cat >"$work/ema.conf" <<CONF
issuer = "https://auth.example";
providers = ( { id = "idp"; plugin = "oidc"; issuer = "https://idp.example"; accepts = ["id_jag"]; } );
audit = ( { plugin = "file"; path = "$work/audit.jsonl"; } );
services = ( { id = "repo"; resource = "https://mcp.example/repo"; identity = ["idp"];
  tools_file = "repo.tools";
  scopes = ( { name = "read"; access = "read"; tools = ["get_*", "list_all"]; }, { name = "write"; access = "write"; tools = ["put_*"]; } );
  grants = ( { provider = "idp"; scopes = ["read", "write"]; }, { provider = "idp"; scopes = "read"; tools = ["get_list"]; } );
  denies = ( { tools = ["get_hidden"]; }, { tools = "purge"; }, { tools = ["get_file", "get_rid_off"]; mode = "shadow"; } ); } );
CONF
chmod 640 "$work/ema.conf"
check() { emactl -c "$work/ema.conf" check; }
# may TOOL BOOLEAN
may() {
	printf '%s\n' 'people = ( { id = "ada"; subject = "idp/-/ada"; } );' "tests = ( { who = \"ada\"; service = \"repo\"; tool = \"$1\"; may = $2; } );" >"$work/table"
	chmod 640 "$work/table"
	emactl -c "$work/ema.conf" -v test "$work/table"
}
import() { emactl tools import "$work/repo.tools" "$work/answer" "$@"; }
answer() { printf '%s' "$1" >"$work/answer"; }

fails 1 "a tools_file that is not there does not load" check
says "repo.tools"
answer '{"jsonrpc":"2.0","id":1,"result":{"tools":[
  {"name":"get_file","description":"Reads.","inputSchema":{"type":"object","properties":{"n":{"minimum":0.5}}},"annotations":{"readOnlyHint":true}},
  {"name":"get_rid_of","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":false,"destructiveHint":true}},
  {"name":"other","inputSchema":{"type":"object"}}]}}'
fails 2 "a folder that is not there" emactl tools import "$work/nowhere/repo.tools" "$work/answer"
says "$work/nowhere/repo.tools: no new file can be made beside it"
ok "and nothing is said of what waits" test "$(grep -c waits "$work/.out")" = 0
ok "the first import" import --accept
says "new: get_file"
says "accepted: get_file"
ok "its file is not for others" test "$(stat -c %a "$work/repo.tools")" = 640
fails 1 "check looks at it" check
says ': W-TOOL-WRITES: scope "read" is for reading and opens the tool "get_rid_of", of which the server says that it destroys'
says ': W-TOOL-ABSENT: the server has no such tool, by the tools_file: "list_all"'
says 'ema.conf:7: W-TOOL-ABSENT: the server has no such tool, by the tools_file: "get_list"'
says 'ema.conf:8: N-TOOL-ABSENT: the server has no such tool, by the tools_file: "purge"'
says 'ema.conf:8: W-TOOL-ABSENT: the server has no such tool, by the tools_file: "get_rid_off"'
says ': N-TOOL-UNOPENED: no scope opens these tools of the server: "other"'
ok "what the server says of a tool is no note" test "$(grep -c N-TOOL-UNSAID "$work/.out")" = 0
ok "an accepted tool" may get_file true
fails 2 "no table can expect something of a tool that the server does not have" may list_all false
says "table:2: E-UNKNOWN: the server of service \"repo\" has no tool \"list_all\", by the tools_file"
fails 2 "nor of one that is misspelt" may get_flie false
says 'has no tool "get_flie", by the tools_file; did you mean "get_file"?'
fails 2 "though it should be had" may get_flie true
ok "what a deny refuses may be the server's one day" may get_hidden false
ok "no word of it" test "$(grep -c W-EXPECTED "$work/.out")" = 0
sed 's/get_hidden/get_*den/' "$work/ema.conf" >"$work/wide" && cp "$work/wide" "$work/ema.conf"
answer '{"tools":[{"name":"get_hiden","inputSchema":{"type":"object"}},{"name":"get_file","inputSchema":{"type":"object"}},
  {"name":"get_rid_of","inputSchema":{"type":"object"}},{"name":"other","inputSchema":{"type":"object"}}]}'
cp "$work/repo.tools" "$work/before"
ok "another one with nearly that name" import --accept
fails 1 "tools of which the server says nothing" check
says ': N-TOOL-UNSAID: a scope for reading opens these tools, of which the server does not say that they are for reading alone, and then they may write (readOnlyHint): "get_file", "get_hiden", "get_rid_of"'
ok "in one line" test "$(grep -c N-TOOL-UNSAID "$work/.out")" = 1
ok "what a deny refuses, with a tool of nearly that name" may get_hidden false
says 'W-EXPECTED: the server of service "repo" has no tool "get_hidden", by the tools_file, which a deny refuses; did you mean "get_hiden"?'
cp "$work/before" "$work/repo.tools"
ok "a real tool that no scope opens" may other false
ok "no word of it, either" test "$(grep -c W-EXPECTED "$work/.out")" = 0

# The same in another order is the same; a changed one and a new one wait.
answer '{"tools":[{"inputSchema":{"properties":{"n":{"minimum":0.5}},"type":"object"},  "annotations":{"readOnlyHint":true},"description":"Reads.","name":"get_file"},
  {"name":"get_rid_of","inputSchema":{"type":"object"},"description":"Now it reads mail, too.","annotations":{"readOnlyHint":false,"destructiveHint":true}},
  {"name":"put_file","inputSchema":{"type":"object"}}]}'
fails 1 "what is new or changed waits" import
says "changed: get_rid_of"
says "waits: get_rid_of"
says "new: put_file"
says "gone: other"
ok "what did not change is not told" test -z "$(grep get_file "$work/.out")"
fails 1 "check reports it" check
says ': W-TOOL-WAITS: new or changed tools, closed until they are accepted (emactl tools accept): "get_rid_of", "put_file"'
ok "what waits is closed" may put_file false
ok "a changed one, too" may get_rid_of false
ok "what did not change is open" may get_file true
fails 1 "a change is not accepted by importing it again" import
ok "and stays closed" may get_rid_of false
fails 1 "one is accepted" emactl tools accept "$work/repo.tools" put_file
ok "and is open" may put_file true
ok "the other is not" may get_rid_of false
ok "and what-can goes by it" emactl -c "$work/ema.conf" what-can idp/-/ada
says "yes put_file"
says "no  get_rid_of  forbidden  $work/ema.conf:5: the tool is not accepted"
ok "then all" emactl tools accept "$work/repo.tools" '*'
ok "and it is open" may get_rid_of true
# What was accepted and changes is closed again.
answer '{"tools":[{"name":"get_file","inputSchema":{"type":"object"}},{"name":"get_hidden","inputSchema":{"type":"object"}}]}'
fails 1 "a definition that changed" import --json
says '"all_accepted": false'
ok "is closed" may get_file false
ok "a deny holds for what is accepted" emactl tools accept "$work/repo.tools" '*'
ok "as before" may get_hidden false
says "a deny refuses this"

# Who could read the file reads the new one, too, and a link to it stays one.
chmod 604 "$work/repo.tools"
ln -s repo.tools "$work/linked.tools"
if [ "$(id -u)" = 0 ] && chown 12:13 "$work/repo.tools"; then
	ok "another's file" import --accept
	ok "keeps mode, owner and group" test "$(stat -c %a:%u:%g "$work/repo.tools")" = 604:12:13
	chown 0:13 "$work/repo.tools"
fi
whose=$(stat -c %a:%u:%g "$work/repo.tools")
ok "through a link" emactl tools accept "$work/linked.tools" '*'
ok "the file keeps mode, owner and group" test "$(stat -c %a:%u:%g "$work/repo.tools")" = "$whose"
ok "and the link leads to it" test "$(readlink "$work/linked.tools")" = repo.tools
rm "$work/linked.tools"
ln -s nothing "$work/linked.tools"
fails 2 "a link to nothing" emactl tools import "$work/linked.tools" "$work/answer"
says "linked.tools: a link to a file that is not there"
ok "stays" test -h "$work/linked.tools"
rm -f "$work/repo.tools" "$work/linked.tools"
ok "a first one" import --accept
ok "is for its owner and group" test "$(stat -c %a "$work/repo.tools")" = 640

# MCP-47: which arguments headers copy, wherever the schema has them behind properties alone.
answer '{"tools":[{"name":"get_file","inputSchema":{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"},"n":{"type":"integer"},
   "a/b":{"type":"object","properties":{"~deep":{"type":"boolean","x-mcp-header":"Deep"}}},"list":{"type":"array","items":{"properties":{"x":{"type":"string","x-mcp-header":"No"}}}}}}},
  {"name":"list_all","inputSchema":{"properties":{"x":{"type":"object","x-mcp-header":"X"}}}},
  {"name":"put_a","inputSchema":{"properties":{"x":{"type":"string","x-mcp-header":"X y"}}}},
  {"name":"put_b","inputSchema":{"properties":{"x":{"type":"string","x-mcp-header":"X"},"y":{"type":"string","x-mcp-header":"x"}}}}]}'
ok "headers that copy arguments" import --accept
says "odd: list_all has an x-mcp-header at what is no string, number or boolean"
says "odd: put_a has an x-mcp-header that is no name of a header"
says "odd: put_b has an x-mcp-header twice"
ok "are kept" test "$(jq -c '.tools[0].headers' <"$work/repo.tools")" = '{"Region":"/region","Deep":"/a~1b/~0deep"}'
ok "and no others" test "$(grep -c headers "$work/repo.tools")" = 1
cp "$work/repo.tools" "$work/kept"
ok "also when a tool is accepted" emactl tools accept "$work/repo.tools" put_a
ok "as they were" cmp "$work/repo.tools" "$work/kept"
ok "and load" may get_file true

# Conditions on arguments that no tool of the rule has; nothing is said where a schema leaves open what may come.
answer '{"tools":[{"name":"get_file","inputSchema":{"type":"object","properties":{"repo":{"type":"string"},"a/b":{"type":"object"}},"additionalProperties":false}},
  {"name":"get_open","inputSchema":{"type":"object"}},{"name":"get_more","inputSchema":{"properties":{"x":{}},"additionalProperties":{"type":"string"}}},
  {"name":"get_either","inputSchema":{"properties":{"x":{}},"anyOf":[{}]}},
  {"name":"put_file","inputSchema":{"type":"object","properties":{"repo":{"type":"string"},"force":{"type":"boolean"}}}}]}'
ok "arguments" import --accept
ok "their names are kept where the schema has them all" test "$(jq -c '[.tools[] | .arguments // "open"]' <"$work/repo.tools")" = '["open",["repo","a/b"],"open","open",["repo","force"]]'
cp "$work/repo.tools" "$work/kept"
ok "also when a tool is accepted" emactl tools accept "$work/repo.tools" put_file
ok "as they were" cmp "$work/repo.tools" "$work/kept"
# condition RULE: check with a rule more
condition() {
	sed "s|grants = ( |grants = ( $1, |" "$work/ema.conf" >"$work/more.conf"
	chmod 640 "$work/more.conf"
	emactl -c "$work/more.conf" check 2>&1 | grep W-ARGUMENT
}
with() { echo "{ provider = \"idp\"; scopes = [\"$1\"]; $2 when = { args = ( { at = \"$3\"; $4; } ); }; }"; }
nothing() { ! condition "$1"; }
ok "an argument that is there" nothing "$(with write '' /repo 'equals = "a"')"
ok "one within" nothing "$(with write '' /repo/name 'equals = "a"')"
ok "an escaped name" nothing "$(with read 'tools = ["get_file"];' /a~1b/c 'equals = "a"')"
ok "a misspelt one" condition "$(with write '' /forec 'absent = true')"
says 'W-ARGUMENT: no tool that the rule is about has an argument "forec", by the tools_file: it is always absent, and the condition limits nothing'
ok "one that the rule's own tool lacks" condition "$(with read 'tools = ["get_file"];' /force 'equals = true')"
says 'has an argument "force", by the tools_file: the condition never holds'
ok "a pointer that begins outside of the arguments" condition "$(with write '' /arguments/repo 'equals = "a"')"
ok "not where a tool of the rule may have it" nothing "$(with read '' /forec 'absent = true')"
ok "of a deny" sh -c 'sed "s|denies = ( |denies = ( { tools = [\"put_*\"]; when = { args = ( { at = \"/forec\"; equals = true; } ); }; }, |" "$1/ema.conf" >"$1/more.conf"
	chmod 640 "$1/more.conf"; emactl -c "$1/more.conf" check 2>&1 | grep "W-ARGUMENT.*forec.*a deny takes what is absent for met"' sh "$work"

# Arguments of an expectation that none of its tools has.
# says_of ARGUMENTS TOOLS
says_of() {
	printf '%s\n' 'people = ( { id = "ada"; subject = "idp/-/ada"; } );' "tests = ( { who = \"ada\"; service = \"repo\"; tool = [$2]; may = true;" "  arguments = $1; } );" >"$work/table"
	chmod 640 "$work/table"
	emactl -c "$work/ema.conf" test "$work/table"
}
ok "a misspelt argument of an expectation" says_of '{ force = true;
  rpeo = "a"; }' '"put_file"'
says "$work/table:4: W-EXPECTED: the tool \"put_file\" has no argument \"rpeo\", by the tools_file of service \"repo\"; did you mean \"repo\"?"
ok "no other word" test "$(grep -c W-EXPECTED "$work/.out")" = 1
ok "in JSON" says_of '"{\"rpeo\":1}"' '"put_file"'
says "$work/table:3: W-EXPECTED: the tool \"put_file\" has no argument \"rpeo\""
ok "of a tool of which not all are known" says_of '{ rpeo = 1; }' '"get_open"'
ok "no word of it" test "$(grep -c W-EXPECTED "$work/.out")" = 0
ok "of two tools, one of which has it" says_of '{ force = true; }' '"put_file", "get_file"'
ok "no word of that" test "$(grep -c W-EXPECTED "$work/.out")" = 0

# Which is what it does: put_file without that argument is refused.
ok "and such a deny refuses" sh -c 'printf "%s\n" "people = ( { id = \"ada\"; subject = \"idp/-/ada\"; } );" "tests = ( { who = \"ada\"; service = \"repo\"; tool = \"put_file\"; may = false; } );" >"$1/denied"
	chmod 640 "$1/denied"; emactl -c "$1/more.conf" test "$1/denied"' sh "$work"

cp "$work/repo.tools" "$work/kept"
same() { cmp "$work/repo.tools" "$work/kept"; }
for bad in '' '{' '{"tools":1}' '{"tools":[{"name":""}]}' '{"tools":[{"name":"a"},{"name":"a"}]}' '{"result":{"tools":[],"nextCursor":"x"}}' '{"error":{}}' '[]'; do
	answer "$bad"
	fails 2 "an answer that is none: $bad" import
done
python3 -c 'import json
print(json.dumps({"tools": [{"name": f"get_{i}", "inputSchema": {"type": "object", "properties": {f"{j:0100}": {} for j in range(100)}}} for i in range(110)]}))' >"$work/answer"
fails 2 "what would be too much for a tools_file" import
says "the tools_file would have more than 1048576 bytes"
fails 2 "accepting what is not there" emactl tools accept "$work/repo.tools" nothing
ok "the file stays as it was" same
ok "and nothing is left beside it" test "$(find "$work" -name 'repo.tools*' | wc -l)" -eq 1
fails 2 "no file to accept in" emactl tools accept "$work/nothing" x
for bad in '{"tools":[{"name":"x"}]}' '{"tools":[],"more":1}' '{"tools":[{"name":"x","sha256":"00","accepted":true}]}' 'x' \
	"{\"tools\":[{\"name\":\"x\",\"sha256\":\"$(printf '%064d' 0)\",\"accepted\":true,\"acepted\":true}]}" \
	"{\"tools\":[{\"name\":\"x\",\"sha256\":\"$(printf '%064d' 0)\",\"accepted\":true,\"headers\":{\"A b\":\"/x\"}}]}" \
	"{\"tools\":[{\"name\":\"x\",\"sha256\":\"$(printf '%064d' 0)\",\"accepted\":true,\"headers\":{\"A\":\"x\"}}]}" \
	"{\"tools\":[{\"name\":\"x\",\"sha256\":\"$(printf '%064d' 0)\",\"accepted\":true,\"arguments\":[1]}]}" \
	"{\"tools\":[{\"name\":\"x\",\"sha256\":\"$(printf '%064d' 0)\",\"accepted\":true,\"arguments\":{}}]}"; do
	printf '%s' "$bad" >"$work/repo.tools"
	fails 1 "a tools_file that is none: $bad" check
	says "E-TOOLS"
done
plan
