#!/usr/bin/env bash
# Who can, and what can they: from the configuration and its directories.
. "${srcdir:-$(dirname "$0")/../..}/tests/lib.sh"

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
    { provider = "other"; role = "writer"; scopes = ["write"]; prompts = ["draft"]; } );
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
ok "a deny wins over grants" run who-can delete_repo --service repo
says "denies, which win"
says "0 can, 3 cannot"
fails 1 "what no grant opens" run who-can drop_table --service repo
says "nobody can"
fails 2 "a URI that nobody may have" run who-can uri 'file:///docs/%zz' --service repo
fails 2 "an unknown service" run who-can x --service rep
fails 2 "no service" run who-can x
fails 2 "no name" run who-can --service repo

ok "what can ada" run what-can ada
says "ada (idp/-/ada) at repo"
says "may scopes write if /repo is like \"acme/*\"  ($work/ema.conf:11)"
says "may not tools delete_*   ($work/ema.conf:13)"
says "yes create_issue"
says "no  delete_repo  forbidden"
says "ada (idp/-/ada) at wiki: nothing, forbidden"
ok "by e-mail address" run what-can bob@example.com
says "no  create_issue  forbidden"
fails 1 "who was shut out" run what-can idp/-/eve
says "at repo: nothing, disabled"
ok "roles of the token" run what-can other/-/x --role writer --json
says '"what": "scopes write; prompts draft"'
fails 1 "without them" run what-can other/-/x
fails 2 "nobody" run what-can zoe
fails 2 "a provider that there is not" run what-can okta/-/ada
ok "nothing is written down" test ! -e "$work/audit.jsonl"
plan
