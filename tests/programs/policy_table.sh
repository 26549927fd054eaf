#!/usr/bin/env bash
# A table of expectations is held against a configuration, and what does not hold has its place and its rule.
. "${srcdir:-$(dirname "$0")/../..}/tests/lib.sh"

cat >"$work/ema.conf" <<CONF
issuer = "https://auth.example";
providers = ( { id = "idp"; plugin = "oidc"; issuer = "https://idp.example"; accepts = ["id_jag"]; roles_claim = "roles"; authority = ["example.com"]; } );
directories = ( { id = "staff"; plugin = "file"; path = "people.conf"; } );
audit = ( { plugin = "file"; path = "$work/audit.jsonl"; } );
services = ( { id = "repo"; resource = "https://mcp.example/repo"; identity = ["idp"];
  directory = ( { id = "staff"; for = ["idp"]; } );
  scopes = ( { name = "read"; access = "read"; tools = ["get_*"]; uris = ["file:///docs/*"]; },
             { name = "write"; access = "write"; tools = ["create_*", "delete_*"]; prompts = ["draft"]; } );
  grants = ( { provider = "idp"; scopes = ["read"]; },
    { provider = "idp"; group = "dev"; from = "staff"; scopes = ["write"];
      when = { args = ( { at = "/repo"; like = "acme/*"; } ); acr = ["high"]; time = ( { days = ["mon"]; from = "08:00"; until = "18:00"; } ); }; },
    { provider = "idp"; role = "writer"; scopes = ["write"]; prompts = ["draft"]; } );
  denies = ( { tools = ["delete_*"]; } ); } );
CONF
cat >"$work/people.conf" <<'CONF'
people = ( { id = "ada"; subjects = ["idp/-/ada"]; groups = ["dev"]; }, { id = "bob"; email = "bob@example.com"; },
           { id = "eve"; subjects = ["idp/-/eve"]; active = false; } );
CONF
table() { cat >"$work/table"; chmod 640 "$work/table"; }
chmod 640 "$work/ema.conf" "$work/people.conf"
run() { emactl -c "$work/ema.conf" test "$work/table" "$@"; }

people='people = ( { id = "ada"; subject = "idp/-/ada"; acr = "high"; }, { id = "bob"; subject = "idp/-/b1"; email = "bob@example.com"; role = "writer"; },
  { id = "eve"; subject = "idp/-/eve"; } );'
table <<EOF
$people
tests = (
  { who = ["ada", "bob"]; service = "repo"; tool = ["get_x", "get_y"]; may = true; },
  { who = "ada"; service = "repo"; tool = "create_x"; arguments = { repo = "acme/x"; deep = { list = [1, 2]; yes = true; n = 1.5; }; };
    at = "2026-11-23T10:00:00Z"; may = true; },
  { who = "ada"; service = "repo"; tool = "create_x"; arguments = "{\"repo\":\"acme/x\"}"; at = "2026-11-24T10:00:00Z"; may = false; },
  { who = "ada"; service = "repo"; tool = "create_x"; arguments = { repo = "other/x"; }; at = "2026-11-23T10:00:00Z"; may = false; code = "forbidden"; },
  { who = "ada"; service = "repo"; tool = "create_x"; arguments = { repo = "acme/x"; }; at = "2026-11-23T10:00:00Z"; scopes = ["read"];
    may = false; code = "insufficient_scope"; },
  { who = "bob"; service = "repo"; prompt = "draft"; may = true; },
  { who = "bob"; service = "repo"; uri = "file:///docs/a"; may = true; },
  { who = "bob"; service = "repo"; uri = "file:///docs/../etc"; may = false; },
  { who = "bob"; service = "repo"; method = "tools/list"; may = true; },
  { who = "eve"; service = "repo"; tool = "get_x"; may = false; code = "disabled"; } );
EOF
ok "a table that holds" run
says "13 expectations, 0 failed"
ok "what holds is shown on demand" run -v
says "N-HOLDS: ada may tools/call create_x of repo; permitted by $work/ema.conf:10"
ok "and in JSON" run --json
says '"held": 13'

table <<EOF
$people
tests = (
  { who = "ada"; service = "repo"; tool = "create_x"; arguments = { repo = "other/x"; }; at = "2026-11-23T10:00:00Z"; may = true; },
  { who = "bob"; service = "repo"; tool = "get_x";
    may = false; },
  { who = "eve"; service = "repo"; tool = "get_x"; may = false; },
  { who = "ada"; service = "repo"; tool = "delete_x"; may = true; },
  { who = "ada"; service = "repo"; tool = "delete_x"; may = false; code = "insufficient_scope"; } );
EOF
fails 1 "a table that does not hold" run
says "$work/table:4: E-EXPECTED: ada may not tools/call create_x of repo, and should; forbidden: "
says "; for a permit: $work/ema.conf:10: this grant would give it, but it counts only if /repo is like \"acme/*\""
says "$work/table:5: E-EXPECTED: bob may tools/call get_x of repo, and should not; permitted by $work/ema.conf:9"
says "$work/table:7: E-EXPECTED: eve may not tools/call get_x of repo, as expected, but not by a rule: write code"
says "$work/table:8: E-EXPECTED: ada may not tools/call delete_x of repo, and should; forbidden: $work/ema.conf:13: delete_x: a deny refuses this"
says "$work/table:9: E-EXPECTED: ada may not tools/call delete_x of repo, as expected, but for another reason; forbidden"
says "5 expectations, 5 failed"
ok "nothing is written down" test ! -e "$work/audit.jsonl"

# wrong TITLE TEXT LINES OF THE TABLE
wrong() { local title=$1 text=$2; shift 2; printf '%s\n' "$@" | table; fails 2 "$title" run; says "$text"; }
one='{ who = "ada"; service = "repo"; tool = "get_x"; may = true; }'
wrong "an unknown key" 'unknown key "tols" in test' "$people" 'tests = ( { who = "ada"; service = "repo"; tols = "x"; may = true; } );'
wrong "an unknown person" 'who: there is no "adah" among the people of the table: did you mean "ada"?' "$people" 'tests = ( { who = "adah"; service = "repo"; tool = "x"; may = true; } );'
wrong "an unknown service" 'ema.conf has no service "rep" (did you mean "repo"?)' "$people" 'tests = ( { who = "ada"; service = "rep"; tool = "x"; may = true; } );'
wrong "an unknown scope" 'has no scope "red"' "$people" 'tests = ( { who = "ada"; service = "repo"; tool = "x"; scopes = ["red"]; may = true; } );'
wrong "an unknown reason" 'there is no reason "forbiden"' "$people" 'tests = ( { who = "ada"; service = "repo"; tool = "x"; may = false; code = "forbiden"; } );'
wrong "two kinds of target" 'one of tool, prompt, uri and method; this has 2' "$people" 'tests = ( { who = "ada"; service = "repo"; tool = "x"; uri = "y:z"; may = true; } );'
wrong "arguments of nothing" 'arguments are of tools and prompts' "$people" 'tests = ( { who = "ada"; service = "repo"; uri = "y:z"; arguments = "{}"; may = true; } );'
wrong "no expectation" 'lacks the key "may"' "$people" 'tests = ( { who = "ada"; service = "repo"; tool = "x"; } );'
wrong "a reason for a permit" 'code is for may = false' "$people" 'tests = ( { who = "ada"; service = "repo"; tool = "x"; may = true; code = "forbidden"; } );'
wrong "a subject that is none" 'is no subject' 'people = ( { id = "ada"; subject = "ada"; } );' "tests = ( $one );"
wrong "an unknown provider" 'no provider "okta"' 'people = ( { id = "ada"; subject = "okta/-/ada"; } );' "tests = ( $one );"
wrong "a person twice" 'stands at' 'people = ( { id = "ada"; subject = "idp/-/ada"; }, { id = "ada"; subject = "idp/-/b"; } );' "tests = ( $one );"
wrong "no table at all" 'lacks the key "tests"' "$people"
wrong "bad syntax" "E-SYNTAX" "people = ("
fails 2 "no file" emactl -c "$work/ema.conf" test "$work/nothing"
fails 2 "no word" emactl -c "$work/ema.conf" test
# Names of which no rule says a word: without a tools_file nobody knows whether they are meant.
printf '%s\n' "$people" 'tests = (' '  { who = ["ada", "bob"]; service = "repo"; tool = ["create_x",' '    "gte_x", "delete_y", "update_x"]; may = false; },' \
	'  { who = "ada"; service = "repo"; prompt = "darft"; may = false; } );' | table
ok "names of which no rule says a word" run
says "$work/table:5: W-EXPECTED: no scope of service \"repo\" opens a tool \"gte_x\", and no deny names it: the answer is the same however it is spelt"
says "$work/table:6: W-EXPECTED: no scope of service \"repo\" opens a prompt \"darft\", and no deny names it: the answer is the same however it is spelt; did you mean \"draft\"?"
says "9 expectations, 0 failed, 3 warnings"
ok "each is said once, and none of the others" test "$(grep -c W-EXPECTED "$work/.out")" = 3
ok "in JSON" run --json
says '"id": "W-EXPECTED"'
# URIs likewise, but for a way out of a folder, and what is expected to be had.
printf '%s\n' "$people" 'tests = (' '  { who = "ada"; service = "repo"; uri = ["FILE:///docs/a",' '    "flie:///docs/a", "file:///docs/../etc", "file:///docs/a/b"]; may = false; code = "forbidden"; } );' | table
sed 's/  denies = ( {/  denies = ( { uris = ["file:\/\/\/docs\/a"]; }, {/' "$work/ema.conf" >"$work/uris.conf"
chmod 640 "$work/uris.conf"
ok "URIs that no scope opens" emactl -c "$work/uris.conf" test "$work/table"
says "$work/table:5: W-EXPECTED: no scope of service \"repo\" opens a URI \"flie:///docs/a\", and no deny names it: the answer is the same however it is spelt"
says '"file:///docs/a/b", and no deny'
ok "and no other" test "$(grep -c W-EXPECTED "$work/.out")" = 2
# Groups and roles that nobody else speaks of, and those that tokens of the provider have not.
printf '%s\n' 'people = ( { id = "ada"; subject = "idp/-/ada"; role = ["writer", "both"]; }, { id = "bob"; subject = "idp/-/bob"; role = ["wirter",' \
	'    "both"]; }, { id = "eve"; subject = "idp/-/eve";' '    group = "dev"; } );' 'tests = ( { who = "bob"; service = "repo"; prompt = "draft"; may = false; } );' | table
ok "a role that no rule names" run
says "$work/table:1: W-EXPECTED: no grant or deny names a role \"wirter\", and nobody else of the table has it: the answer is the same however it is spelt; did you mean \"writer\"?"
says "$work/table:3: W-EXPECTED: provider \"idp\" reads no groups from tokens, so that nobody has them by one: write groups_claim = \"...\" there"
ok "the others are known" test "$(grep -c W-EXPECTED "$work/.out")" = 2
# The context of a login that no rule asks for, unless another person has it, or a deny by another one is to let it by.
printf '%s\n' 'people = ( { id = "ada"; subject = "idp/-/ada"; acr = "high"; }, { id = "bob"; subject = "idp/-/bob"; acr = "hihg"; },' \
	'  { id = "eve"; subject = "idp/-/eve"; acr = "urn:x:mfa"; },' '  { id = "dan"; subject = "idp/-/dan"; acr = "low"; }, { id = "tim"; subject = "idp/-/tim"; acr = "low"; } );' \
	'tests = ( { who = ["ada", "bob", "dan"]; service = "repo"; tool = "create_x"; may = false; } );' | table
ok "contexts that no rule asks for" run
says "$work/table:1: W-EXPECTED: no grant or deny asks for an acr \"hihg\", and nobody else of the table has it: the answer is the same however it is spelt; did you mean \"high\"?"
says "$work/table:2: W-EXPECTED: no grant or deny asks for an acr \"urn:x:mfa\", and nobody else of the table has it: the answer is the same however it is spelt"
ok "no other word" test "$(grep -c W-EXPECTED "$work/.out")" = 2
sed 's/  denies = ( {/  denies = ( { tools = ["get_*"]; when = { acr = ["weak"]; }; }, {/' "$work/ema.conf" >"$work/acr.conf"
chmod 640 "$work/acr.conf"
ok "where a deny asks for one" emactl -c "$work/acr.conf" test "$work/table"
says 'asks for an acr "hihg"'
ok "those that are like none are not told" test "$(grep -c W-EXPECTED "$work/.out")" = 1
# A client that is none of the configuration's, where that has all for whom tokens of the provider may be.
clients() { # NAME CLIENTS PUBLISHED: the table held against a configuration with these clients
	cat >"$work/clients.conf" <<CONF
issuer = "https://auth.example";
$3
providers = ( { id = "idp"; plugin = "oidc"; issuer = "https://idp.example"; accepts = ["id_jag"]; },
  { id = "own"; plugin = "oidc"; issuer = "https://own.example"; accepts = ["access_token"]; } );
audit = ( { plugin = "file"; path = "$work/audit.jsonl"; } );
$2
services = ( { id = "repo"; resource = "https://mcp.example/repo"; identity = ["idp", "own"];
  audience = ( { provider = "own"; is = ["api"]; clients = ["gateway"]; scope_map = "any"; } );
  scopes = ( { name = "read"; access = "read"; tools = ["get_*"]; } ); grants = ( { provider = "*"; scopes = ["read"]; } ); } );
CONF
	chmod 640 "$work/clients.conf"
	ok "clients: $1" emactl -c "$work/clients.conf" test "$work/table"
}
listed='clients = ( { id = "vscode"; auth = "private_key_jwt"; jwks_url = "https://app.example/jwks"; } );'
printf '%s\n' 'people = ( { id = "ada"; subject = "idp/-/ada"; client = "vscode"; },' '  { id = "bob"; subject = "idp/-/bob"; client = "vscoed"; },' \
	'  { id = "kim"; subject = "own/-/kim"; client = "gateway"; },' '  { id = "lea"; subject = "own/-/lea"; client = "gatewya"; },' \
	'  { id = "tim"; subject = "idp/-/tim"; client = "https://app.example/client.json"; } );' \
	'tests = ( { who = ["ada", "bob", "kim", "lea", "tim"]; service = "repo"; tool = "get_x"; may = true; } );' | table
lea="$work/table:4: W-EXPECTED: there is no client \"gatewya\": no token of a subject of provider \"own\" is for it; did you mean \"gateway\"?"
clients "two are misspelt" "$listed" ""
says "$work/table:2: W-EXPECTED: there is no client \"vscoed\": no token of a subject of provider \"idp\" is for it; did you mean \"vscode\"?"
says "$lea"
ok "and no other" test "$(grep -c W-EXPECTED "$work/.out")" = 2
clients "where none is listed, there may be any" "" ""
says "$lea"
ok "but for a provider's own tokens" test "$(grep -c W-EXPECTED "$work/.out")" = 1
clients "where another configuration lists them, too" "$listed" "published = \"$work/public\";"
says "$lea"
ok "with the same exception" test "$(grep -c W-EXPECTED "$work/.out")" = 1
# Arguments that are no JSON are nobody's: the case fails.
printf '%s\n' "$people" 'tests = ( { who = "ada"; service = "repo"; tool = "get_x"; arguments = "{"; may = false; } );' | table
fails 1 "arguments that are no JSON" run
says "but not by a rule"

# The last of many, behind more than a configuration's findings.
{ printf '%s\n' "$people" 'tests = ('; for i in {1..1100}; do echo "{ who = \"ada\"; service = \"repo\"; tool = \"get_$i\"; may = true; },"; done
	echo '{ who = "ada"; service = "repo"; tool = "get_x"; may = false; } );'; } | table
fails 1 "the last of many does not hold" run
says "E-EXPECTED: ada may tools/call get_x of repo, and should not"
says "1101 expectations, 1 failed"

# What shadow mode alone permits is no grant's.
until=$(date -u -d '+20 days' +%Y-%m-%d)
sed "s/  denies = ( { tools = \[\"delete_\*\"\]; } ); } );/  denies = ( { tools = [\"delete_*\"]; } );\n  permissions = { mode = \"shadow\"; until = \"$until\"; }; } );/" "$work/ema.conf" >"$work/shadow.conf"
chmod 640 "$work/shadow.conf"
printf '%s\n' "$people" 'tests = ( { who = "bob"; service = "repo"; tool = ["create_x", "get_x"]; may = true; },' \
	'  { who = "eve"; service = "repo"; tool = "get_x"; may = false; code = "disabled"; },' \
	'  { who = "bob"; service = "repo"; tool = "create_y"; may = false; } );' | table
fails 1 "a table in shadow mode" emactl -c "$work/shadow.conf" -v test "$work/table"
says "bob may tools/call create_y of repo, and should not; permitted by $work/shadow.conf:14: let in by shadow mode alone, until $until: without it not_granted, no grant gives this to the subject"
says "bob may tools/call get_x of repo; permitted by $work/shadow.conf:9"
plan
