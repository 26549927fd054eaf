#!/usr/bin/env bash
# Who can, and what can they: from the configuration and its directories.
. "${srcdir:-$(dirname "$0")/../..}/tests/lib.sh"
# Of the last command's output.
no_blanks() { cp "$work/.out" "$work/rows"; fails 1 "no row ends in a blank" grep -n ' $' "$work/rows"; }

cat >"$work/ema.conf" <<CONF
issuer = "https://auth.example";
providers = ( { id = "idp"; plugin = "oidc"; issuer = "https://idp.example"; accepts = ["id_jag"]; authority = ["example.com"]; },
              { id = "other"; plugin = "oidc"; issuer = "https://other.example"; accepts = ["id_jag"]; } );
directories = ( { id = "staff"; plugin = "file"; path = "people.conf"; } );
audit = ( { plugin = "file"; path = "$work/audit.jsonl"; } );
services = ( { id = "repo"; resource = "https://mcp.example/repo"; identity = ["idp", "other"]; issuer = "https://auth.example/repo";
  directory = ( { id = "staff"; for = ["idp"]; } );
  scopes = ( { name = "read"; access = "read"; tools = ["get_*"]; uris = ["file:///docs/*"]; },
             { name = "write"; access = "write"; tools = ["create_issue", "delete_repo"]; prompts = ["draft"]; } );
  grants = ( { provider = "idp"; scopes = ["read"]; },
    { provider = "idp"; group = "dev"; from = "staff"; scopes = ["write"]; when = { args = ( { at = "/repo"; like = "acme/*"; } ); }; },
    { provider = "other"; role = "writer"; scopes = ["write"]; prompts = ["draft"]; tools = ["create_issue"]; } );
  denies = ( { tools = ["delete_*"]; } ); },
  { id = "wiki"; resource = "https://mcp.example/wiki"; identity = ["idp"]; directory = ( { id = "staff"; for = ["idp"]; required = true; } );
    scopes = ( { name = "page"; access = "read"; tools = ["page_get"]; } );
    grants = ( { provider = "idp"; scopes = ["page"]; when = { not_before = "2050-01-01"; }; } ); } );
CONF
cat >"$work/people.conf" <<'CONF'
people = ( { id = "ada"; subjects = ["idp/-/ada"]; email = "ada@example.com"; groups = ["dev"]; }, { id = "bob"; email = "bob@example.com"; },
           { id = "eve"; subjects = ["idp/-/eve"]; active = false; groups = ["dev"]; } );
CONF
chmod 640 "$work/ema.conf" "$work/people.conf"
run() { emactl -c "$work/ema.conf" "$@"; }

ok "who can create an issue" run who-can create_issue --service repo
says "who can tools/call create_issue of repo"
says "$work/ema.conf:11: provider idp, group dev, from staff if /repo is like \"acme/*\""
says "yes ada (idp/-/ada)  $work/ema.conf:11: it gives this to provider idp, group dev, from staff by the scope write if /repo is like \"acme/*\""
says "1 can, 2 cannot (-v shows them)"
ok "and who cannot" run -v who-can create_issue --service repo
says "no  bob (bob@example.com)  forbidden"
says "no  eve (idp/-/eve)  disabled"
ok "in JSON" run who-can tool get_file --service repo --json
says '"who": "bob (bob@example.com)"'
ok "a prompt, which tokens' roles open" run who-can prompt draft --service repo
says "provider other, role writer"
ok "a URI" run who-can uri file:///docs/a --service repo
says "2 can, 1 cannot"
fails 1 "a deny wins over grants" run who-can delete_repo --service repo
says "$work/ema.conf:13: this deny has no conditions, and keeps out whom the grants let in"
says "grants that would open it"
says "denies, which win"
says "0 can, 3 cannot"
no_blanks
fails 1 "in JSON" run who-can delete_repo --service repo --json
says '"kind": "closed"'
# denied RULES: who can do it with these denies; in the service's only grants are groups dev and ops, and everybody of the provider other.
denied() {
	sed "s|^  denies = .*|  denies = ( $1 ); }, |; s/{ provider = \"other\"; role.*/{ provider = \"other\"; scopes = [\"write\"]; } );/
	s/group = \"dev\"; from/group = [\"dev\", \"ops\"]; from/" "$work/ema.conf" >"$work/denied.conf"
	chmod 640 "$work/denied.conf"
	emactl -c "$work/denied.conf" who-can delete_repo --service repo
}
fails 1 "denied to all by two" denied '{ provider = "other"; tools = ["delete_*"]; }, { group = ["ops", "dev", "hr"]; provider = "idp"; scopes = ["write"]; }'
ok "both are told" test "$(grep -c 'keeps out whom' "$work/.out")" = 2
ok "to some of a grant" denied '{ provider = "other"; tools = ["delete_*"]; }, { group = "dev"; provider = "idp"; scopes = ["write"]; }'
ok "to those of one provider" denied '{ provider = "idp"; tools = ["delete_*"]; }'
ok "under a condition" denied '{ tools = ["delete_*"]; when = { args = ( { at = "/repo"; equals = "x"; } ); }; }'
ok "in shadow mode" denied '{ tools = ["delete_*"]; mode = "shadow"; }'
ok "through one client" denied '{ tools = ["delete_*"]; client = "vscode"; }'
fails 1 "everything is denied" denied '{ provider = "*"; }'
fails 1 "what no grant opens" run who-can drop_table --service repo
says "nobody can"
fails 2 "a URI that nobody may have" run who-can uri 'file:///docs/%zz' --service repo
fails 2 "an unknown service" run who-can x --service rep
says 'emactl: ema.conf has no service "rep" (did you mean "repo"?)'
says 'it has: repo, wiki'
fails 2 "one that is like none" run who-can x --service database --json
says 'emactl: ema.conf has no service "database"'
ok "then nothing is guessed" test "$(grep -c 'did you mean' "$work/.out")" = 0
fails 2 "to hand to a provider" run onboard idp --service rep
says 'it has: repo, wiki'
fails 2 "no service" run who-can x
fails 2 "no name" run who-can --service repo

ok "what can ada" run what-can ada
says "ada (idp/-/ada) at repo"
says "may scopes write if /repo is like \"acme/*\"  ($work/ema.conf:11)"
says "may not tools delete_*  ($work/ema.conf:13)"
says "yes create_issue"
says "no  delete_repo  forbidden"
says "ada (idp/-/ada) at wiki: nothing, forbidden"
no_blanks
ok "by e-mail address" run what-can bob@example.com
says "no  create_issue  forbidden"
fails 1 "who was shut out" run what-can idp/-/eve
says "at repo: nothing, disabled"
ok "roles of the token" run what-can other/-/x --role writer --json
says '"what": "scopes write; tools create_issue; prompts draft"'
fails 1 "without them" run what-can other/-/x
says "other/-/x at repo: nothing, forbidden
    $work/ema.conf:12: this grant would give it, but it is for role writer"
says "no  create_issue  forbidden  $work/ema.conf:12: this grant would give it, but it is for role writer"
fails 2 "nobody" run what-can zoe
# Whom a directory knows by the address alone is found with it.
ok "a subject whose address is not said" run what-can idp/-/b1
says "idp/-/b1 at wiki: nothing, unknown_subject"
says "say which one the token has, with --email"
ok "with its address" run what-can idp/-/b1 --email bob@EXAMPLE.com --now 2051-01-01T00:00:00Z
says "idp/-/b1 at repo"
says "yes page_get"
fails 2 "an address that is the provider's to say not" run what-can idp/-/b1 --email bob@example.net
says "the provider of idp/-/b1 has no authority for that domain"
fails 2 "no address" run what-can idp/-/b1 --email bob
fails 2 "an address beside another" run what-can bob@example.com --email bob@example.com
ok "an address alone" run what-can --email bob@example.com
says "bob (bob@example.com) at repo"
ok "an address that no directory lists" run what-can zoe@Example.com
says "zoe@example.com at repo"
says "zoe@example.com at wiki: nothing, unknown_subject"
fails 2 "of a domain for which nobody speaks" run what-can zoe@example.net
says "nor an e-mail address for which one provider alone has the authority"
fails 2 "a provider that there is not" run what-can okta/-/ada

# The recipe of ema-policy(7) for tenants: what a pattern has filled in from the token is some tenant's.
awk '/^\.Ss Tenants that never meet/ { here = 1 } /^\.Ed/ { if (inside) exit } inside { print } here && /^\.Bd/ { inside = 1 }' "$srcdir/man/ema-policy.7" |
	sed 's/authority = .*//; s/^audit = .*/directories = ( { id = "staff"; plugin = "file"; path = "tenants.conf"; } ); audit = ( { plugin = "file"; path = "audit.jsonl"; } );/
	s/^    identity = .*/&\n    directory = ( { id = "staff"; for = ["customers"]; } );/' >"$work/tenant.conf"
printf '%s\n' 'people = ( { id = "ann"; subjects = ["customers/north/ann"]; }, { id = "sue"; subjects = ["customers/south/sue"]; } );' >"$work/tenants.conf"
chmod 640 "$work/tenant.conf" "$work/tenants.conf"
tenant() { emactl -c "$work/tenant.conf" "$@"; }
ok "who can read a tenant's file" tenant -v who-can uri file:///north/x --service files
says "$work/tenant.conf:18: provider customers, tenant north or south where {tenant} is the subject's own"
says "yes ann (customers/north/ann)"
says "no  sue (customers/south/sue)  forbidden"
says "1 can, 1 cannot"
says "this grant would give it, but the scope files opens it for another tenant than this one's"
ok "in JSON" tenant who-can uri file:///north/x --service files --json
says "where {tenant} is the subject's own"
fails 1 "a file of no tenant's" tenant who-can uri file:///north --service files
says "nobody can"
# A rule that names tenants or subjects is about their values and no others.
cat >"$work/own.conf" <<'CONF'
issuer = "https://auth.example";
providers = ( { id = "customers"; plugin = "oidc"; accepts = ["id_jag"]; issuer = "https://login.example"; tenant_claim = "tenant"; tenants = ["north", "south"]; } );
directories = ( { id = "staff"; plugin = "file"; path = "tenants.conf"; } );
audit = ( { plugin = "file"; path = "audit.jsonl"; } );
services = ( { id = "files"; resource = "https://mcp.example/files"; identity = ["customers"]; tenants = ["north", "south"];
  directory = ( { id = "staff"; for = ["customers"]; } );
  scopes = ( { name = "files"; access = "write"; uris = ["file:///{tenant}/**", "home:///{tenant}/{subject}/*", "mail:///{email}"]; } );
  grants = ( { provider = "customers"; tenant = "north"; scopes = ["files"]; },
    { provider = "customers"; tenant = ["north", "south"]; subject = ["sue", "sam"]; scopes = ["files"]; uris = ["home:///{tenant}/{subject}/*"]; } );
  denies = ( { provider = "customers"; tenant = "north"; uris = ["file:///{tenant}/old/**", "home:///{tenant}/*/*"]; } ); } );
CONF
chmod 640 "$work/own.conf"
own() { emactl -c "$work/own.conf" who-can uri "$1" --service files; }
ok "a file of the tenant that a grant names" own file:///north/x
says "own.conf:8: provider customers, tenant north where {tenant} is the subject's own"
says "1 can, 1 cannot"
fails 1 "of another tenant" own file:///south/x
says "nobody can"
fails 1 "though a deny is about files of one" own file:///south/old/x
ok "which is not told there" test "$(grep -c denies "$work/.out")" = 0
ok "but where it is about them" own file:///north/old/x
says "own.conf:10: provider customers, tenant north where {tenant} is the subject's own"
ok "a home of somebody whom a grant names" own home:///south/sue/x
says "own.conf:9: provider customers, tenant north or south, subject sue or sam where {tenant} and {subject} are the subject's own"
ok "and not the grant to another tenant" test "$(grep -c own.conf:8 "$work/.out")" = 0
fails 1 "a home of somebody else" own home:///south/ann/x
ok "an address may be anybody's" own mail:///ann@example.com

# Permissions in shadow mode, and a tool that waits.
until=$(date -u -d '+20 days' +%Y-%m-%d)
echo '{"tools":[{"name":"get_file","inputSchema":{"type":"object"}}]}' >"$work/answer"
fails 1 "a tool waits" emactl tools import "$work/tools" "$work/answer"
cat >"$work/shadow.conf" <<CONF
issuer = "https://auth.example";
providers = ( { id = "idp"; plugin = "oidc"; issuer = "https://idp.example"; accepts = ["id_jag"]; authority = ["example.com"]; } );
directories = ( { id = "staff"; plugin = "file"; path = "people.conf"; } );
audit = ( { plugin = "file"; path = "$work/audit.jsonl"; } );
services = ( { id = "repo"; resource = "https://mcp.example/repo"; identity = ["idp"]; issuer = "https://auth.example/repo";
  directory = ( { id = "staff"; for = ["idp"]; } );
  scopes = ( { name = "read"; access = "read"; tools = ["get_file"]; }, { name = "write"; access = "write"; tools = ["put_file", "drop"]; } );
  grants = ( { provider = "idp"; scopes = ["read"]; },
    { provider = "idp"; group = "dev"; from = "staff"; scopes = ["write"]; mode = "shadow"; } );
  denies = ( { tools = ["drop"]; }, { tools = ["get_file"]; subject = "eve"; mode = "shadow"; } );
  permissions = { mode = "shadow"; until = "$until"; }; },
  { id = "wait"; resource = "https://mcp.example/wait"; identity = ["idp"]; issuer = "https://auth.example/wait"; tools_file = "$work/tools";
  directory = ( { id = "staff"; for = ["idp"]; } );
  scopes = ( { name = "read"; access = "read"; tools = ["get_*"]; } ); grants = ( { provider = "idp"; scopes = ["read"]; } ); } );
CONF
chmod 640 "$work/shadow.conf" "$work/tools"
shadow() { emactl -c "$work/shadow.conf" "$@"; }
why="let in by shadow mode alone, until $until: without it"
ok "what a subject can in shadow mode" shadow what-can zoe@example.com
says "$work/shadow.conf:11: permissions are in shadow mode until $until"
says "yes put_file  $work/shadow.conf:11: $why not_granted, no grant gives this to the subject"
says "no  drop  forbidden"
ok "who can in shadow mode" shadow who-can put_file --service repo
says "yes bob (bob@example.com)  $work/shadow.conf:11: $why"
fails 1 "what no grant opens" shadow who-can other --service repo
says "no grant opens it: shadow mode alone lets in whom no deny refuses"
says "2 can, 1 cannot"
fails 1 "not even in shadow mode" shadow who-can drop --service repo
says "$work/shadow.conf:10: this deny has no conditions"
ok "in JSON" shadow who-can put_file --service repo --json
says '"kind": "shadow"'
fails 1 "shadow mode is found" shadow check
says "$work/shadow.conf:5: N-SHADOW: service \"repo\" has 1 grant and 1 deny in shadow mode, without effect (lines 9, 10)"
says "W-SHADOW"
fails 1 "who can use a tool that waits" shadow who-can get_file --service wait
says "$work/shadow.conf:12: the tool waits in tools_file, closed to everybody until \`emactl tools accept\` takes it"
says "grants that would open it"
says "0 can, 3 cannot"
fails 1 "one that is misspelt" shadow who-can get_fiel --service wait
says 'did you mean "get_file"?'
fails 1 "and one that was never imported" shadow who-can get_other --service wait --json
says '"kind": "closed"'
says "until \`emactl tools import\` has it"
ok "nothing is written down" test ! -e "$work/audit.jsonl"
plan
