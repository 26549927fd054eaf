#!/usr/bin/env bash
# The worked example of a company loads without a warning, does what its own table says, and the table notices what changes.
. "${srcdir:-$(dirname "$0")/../..}/tests/lib.sh"

cp "$srcdir"/etc/examples/company/* "$work" && chmod 640 "$work"/*.conf "$work"/*.tools
# /var/log/ema is not there on every machine.
sed -i "s|/var/log/ema/|$work/|" "$work/ema.conf"
run() { emactl -c "$work/ema.conf" "$@"; }
ok "it loads, and there is nothing to warn of" run check
says "0 errors, 0 warnings"
says "N-RATES: rates: for 6 services"
ok "its table of expectations holds" run test "$work/expectations.conf"
says " expectations, 0 failed"
ok "of none of them it warns" test "$(grep -c warning "$work/.out")" = 0
ok "twenty-four people are employees" test "$(grep -c '{ id = ' "$work/people.conf")" -eq 24
ok "and six contractors" test "$(grep -o 'subject = "contractors/[^"]*' "$work/expectations.conf" | sort -u | wc -l)" -eq 6
unasked() { sed -n 's/^  { id = "\([a-z-]*\)"; subject = .*/\1/p' "$work/expectations.conf" | while read -r id; do
	grep -q "who = .*\"$id\"" "$work/expectations.conf" || echo "$id"; done; }
ok "of whom something is expected, each" test -z "$(unasked)"
ok "each service has a tools_file" test "$(grep -c 'tools_file = ' "$work/ema.conf")" -eq 6
for tools in figma gateway github jira postgres slack; do
	cp "$work/$tools.tools" "$work/kept"
	ok "$tools.tools: all are accepted" emactl tools accept "$work/$tools.tools" '*'
	ok "and it is as emactl writes it" cmp "$work/$tools.tools" "$work/kept"
done
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
broken expectations.conf 's/may = false; code = "weak_authentication";/may = true;/' "what a login should be" \
	"on-duty-yesterday may not tools/call execute of postgres, and should; weak_authentication"
says "execute: the login is weaker or longer ago than the grant asks for: amr mfa, a login of the last 600 s"

sed -i.good 's/at = "\/database"/at = "\/databse"/' "$work/ema.conf"
fails 1 "check notices a misspelt argument" run check
says 'W-ARGUMENT: no tool that the rule is about has an argument "databse", by the tools_file'
mv "$work/ema.conf.good" "$work/ema.conf"
sed -i 's/"merge_pull_request"/"merge_pul_request"/' "$work/expectations.conf"
fails 2 "the table notices: a tool that is misspelt" run test "$work/expectations.conf"
says 'has no tool "merge_pul_request", by the tools_file; did you mean "merge_pull_request"?'
plan
