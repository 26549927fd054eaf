#!/usr/bin/env bash
# The worked example of a company loads without a warning, does what its own table says, and the table notices what changes.
. "${srcdir:-$(dirname "$0")/../..}/tests/lib.sh"

cp "$srcdir"/etc/examples/company/*.conf "$work" && chmod 640 "$work"/*.conf
run() { emactl -c "$work/ema.conf" "$@"; }
ok "it loads, and there is nothing to warn of" run check
says "0 errors, 0 warnings"
says "N-RATES: rates: for 6 services"
ok "its table of expectations holds" run test "$work/expectations.conf"
says " expectations, 0 failed"
ok "twenty-four people are employees" test "$(grep -c '{ id = ' "$work/people.conf")" -eq 24
ok "who can merge" run who-can merge_pull_request --service github
says "2 can, 22 cannot"
ok "what a contractor can" run what-can contractors/6babcaad-604b-40ac-a9d7-9fd97c0b779f/carol --role mcp.reader
says 'may scopes repo:read if /owner is "acme" and /repo is like "public-*"'

# broken TEXT SED: after the change the table names the first line that does not hold.
broken() {
	sed -i.good "$2" "$work/$1"
	chmod 640 "$work/$1"
	fails 1 "the table notices: $3" run test "$work/expectations.conf"
	says "E-EXPECTED: $4"
	mv "$work/$1.good" "$work/$1"
}
broken ema.conf 's/{ provider = "okta"; group = "engineering"; scopes = \["repo:write"\];/{ provider = "okta"; scopes = ["repo:write"];/' \
	"a grant that lost its group" "designer may tools/call create_issue of github, and should not"
broken ema.conf 's/amr = \["mfa"\]; max_age = "10m";/amr = ["mfa"];/' "a login that may be old" "on-duty-yesterday may tools/call execute of postgres, and should not"
broken people.conf 's/; active = false//' "somebody who left and came back" "left-the-company may tools/call get_file_contents of github, and should not"
broken ema.conf 's/denies = ( { scopes = \["chat:write"\];.*/denies = (/' "a deny that went" "employee may tools/call conversations_add_message of slack, and should not"
plan
