#!/usr/bin/env bash
# emactl as an operator uses it, against devidp.
[ "$(id -u)" != 0 ] || . "${srcdir:-$(dirname "$0")/../..}/tests/programs/alone.sh"
. "${srcdir:-$(dirname "$0")/../..}/tests/lib.sh"

unset NO_COLOR
mkdir -m 0700 "$work/state"
background devidp --ports okta=0,azure=0,oidc=0 --state "$work/state" --ready-file "$work/ready" >"$work/devidp.log" 2>&1
for _ in $(seq 600); do [ -s "$work/ready" ] && break; sleep 0.1; done
[ -s "$work/ready" ] || { echo "Bail out! devidp did not start"; cat "$work/devidp.log"; exit 1; }
# shellcheck disable=SC1091
. "$work/ready"
tenant=6babcaad-604b-40ac-a9d7-9fd97c0b779f

cat >"$work/ema.conf" <<EOF
issuer = "https://auth.acme.example";
providers = (
  { id = "okta"; plugin = "okta_xaa"; org = "http://127.0.0.1:$okta"; insecure_http = true; authority = ["acme.example"]; },
  { id = "oidc"; plugin = "oidc"; issuer = "http://127.0.0.1:$oidc"; insecure_http = true; accepts = ["id_jag"]; },
  { id = "azure"; plugin = "azure_ad"; tenant = "$tenant"; login_url = "http://127.0.0.1:$azure"; sts_url = "http://127.0.0.1:$azure"; insecure_http = true; } );
audit = ( { plugin = "file"; path = "$work/audit.jsonl"; } );
services = (
  { id = "github";
    issuer = "https://auth.acme.example/github";
    resource = "https://mcp.acme.example/github";
    identity = ["okta", "oidc", "azure"];
    audience = ( { provider = "azure"; is = ["api://github"]; clients = ["vscode"]; scope_map = "any"; } );
    scopes = ( { name = "repo:read"; access = "read"; tools = ["get_*"]; }, { name = "repo:write"; access = "write"; tools = ["put_*"]; } );
    grants = ( { provider = "okta"; scopes = ["repo:read"]; }, { provider = "oidc"; scopes = ["repo:read"]; },
      { provider = "okta"; subject = "00u1alice0devidp00a1"; scopes = ["repo:write"]; } );
  } );
EOF
chmod 0640 "$work/ema.conf"
token() { devidp --state "$work/state" --service https://auth.acme.example/github --client app --scope repo:read --print-assertion "$@"; }
# A busy machine may be too slow for the two seconds that a fetch may stand still; an outage is made further down.
tries=5
patiently() { # COMMAND...
	local try status
	for ((try = 0; try < tries; try++)); do
		"$@" >"$work/explained" 2>&1
		status=$?
		grep -q keys_unavailable "$work/explained" || break
	done
	cat "$work/explained"
	return $status
}
explain() {
	cat -- "$1" >"$work/assertion"
	patiently emactl -c "$work/ema.conf" explain --service github --client app --assertion "$work/assertion" "${@:2}"
}

fails 1 "check has warnings" emactl -c "$work/ema.conf" check --json
says '"loads": true'
says '"W-INSECURE"'
# JWT-79, JAG-109: signing keys.
cat >"$work/keys.conf" <<EOF
issuer = "https://auth.acme.example";
state_dir = "$work/ema-state";
token = { algorithm = "Ed25519"; };
EOF
chmod 0640 "$work/keys.conf"
keys() { emactl -c "$work/keys.conf" keys "$@"; }
fails 2 "keys: no state_dir yet" keys list
says "E-KEYS"
mkdir "$work/ema-state"
fails 2 "keys: none yet" keys list
says "there is no such folder"
fails 2 "keys: no state_dir at all" emactl -c "$work/ema.conf" keys list
says "there is no state_dir"
ok "keys rotate: a first and a next one" keys rotate
says "current  "
says "next     "
says "Ed25519"
fails 2 "keys rotate: one is next already" keys rotate
says "published already"
cp "$work/ema-state/jwks.json" "$work/jwks.before"
ok "keys list" keys list --json
says '"state": "current"'
says '"gone_at": null'
ok "keys list writes nothing" cmp "$work/ema-state/jwks.json" "$work/jwks.before"
ok "keys rotate --now" keys rotate --now
says "current  "
keys list >"$work/keys.after"
fails 1 "the others are dropped" grep -qE "^(next|previous)" "$work/keys.after"
fails 1 "nothing private is published" grep -q '"d"' "$work/ema-state/jwks.json"
chmod 0640 "$work"/ema-state/keys/*.jwk
fails 2 "a key that others can read" keys rotate
says "mode 0640"
ok "keys rotate --now: a way out" keys rotate --now --json
says '"state": "current"'
fails 2 "keys: another word" keys retire
says 'rotate [--now]'
# Wherever its option stands: it takes no time, as others do.
for way in '-c CONF keys rotate --now' 'keys -c CONF rotate --now' 'keys --json rotate --now -c CONF' '--now -c CONF keys rotate'; do
	before=$(cat "$work/ema-state/jwks.json")
	# shellcheck disable=SC2086
	ok "emactl $way" emactl ${way/CONF/$work/keys.conf}
	ok "makes a new key" test "$before" != "$(cat "$work/ema-state/jwks.json")"
done
fails 2 "but explain takes one" emactl explain --now
says "requires an argument"

fails 2 "no command" emactl
says "usage: emactl"
fails 2 "unknown command" emactl frobnicate
says 'there is no command "frobnicate"'
fails 2 "unknown option" emactl check --frobnicate
# Of two the last one would count, and the other be revoked for nobody.
fails 2 "an option twice" emactl -c "$work/none.conf" revoke --subject okta/-/aaa --subject okta/-/bbb
says "--subject is given twice: which one is meant?"
fails 2 "two configurations" emactl -c "$work/ema.conf" -c "$work/none.conf" check
says "--config is given twice"
fails 2 "two folders of one writer" emactl audit subject ann "$work/trail" --state "$work/a" --state "$work/b"
says "audit subject takes one --state"
fails 2 "an option of another command" emactl -c "$work/ema.conf" test "$work/table" --now 2020-01-01T00:00:00Z --tenant x
says "emactl: \`emactl test\` does not take --now, --tenant; it takes --json"
fails 2 "and of another part of it" emactl audit subject ann "$work/trail" --tenant okta/-
says "\`emactl audit subject\` does not take --tenant; it takes --json, --state"
fails 2 "no such file" emactl -c "$work/none.conf" explain --service github --assertion /dev/null
ok "version" emactl --version
ok "help" emactl --help
says "Exit status"
# An answer that nobody got is none: here of more than a buffer, of less, and where standard output is closed.
long_trail() { for ((i = 0; i < 2000; i++)); do echo '{"kind":"start","time":"2026-11-23T09:30:00.123Z"}'; done; }
long_trail >"$work/trail"
full() { "$@" >/dev/full; }
closed() { "$@" >&-; }
for way in full closed; do
	for json in '' --json; do
		fails 2 "standard output is $way: little${json:+ JSON}" "$way" emactl plugins $json
		says "not all of the answer could be written to standard output"
		fails 2 "and much" "$way" emactl audit show "$work/trail" $json
	done
	fails 2 "and a report" "$way" emactl audit verify "$work/trail"
	fails 2 "and keys" "$way" keys list
	fails 2 "and help" "$way" emactl --help
done

token alice >"$work/alice"
ok "a good assertion is granted" explain "$work/alice"
says "PERMIT"
says "okta/-/"
says "identity okta (sufficient): ok -> done"
says "ema.conf has no clients, so emad redeems for none"
says "not looked at"
says "whether the assertion was used before"
ok "explaining uses nothing up" explain "$work/alice"
# What emad refuses is no permit: scopes that no grant gives, and clients that it does not know.
ok "a scope that is granted" explain <(token alice --scope repo:write)
says "scopes     repo:write"
fails 1 "a scope that no grant gives" explain <(token bob --scope repo:write)
says "DENY  not_granted"
says "scope repo:write: no grant gives this to the subject"
sed '/^services/i clients = ( { id = "app"; auth = "client_secret_basic"; secret = { file = "none"; }; }, { id = "old"; auth = "client_secret_basic"; secret = { file = "none"; }; grants = "none"; } );' \
	"$work/ema.conf" >"$work/known.conf"
chmod 0640 "$work/known.conf"
by() { patiently emactl -c "$work/known.conf" explain --service github --assertion "$work/alice" --client "$@"; }
ok "a client of ema.conf" by app
says "client app: ok: as if it had proved who it is"
fails 1 "one that it does not have" by apq
says 'DENY  unknown_client'
says 'ema.conf has no client "apq" (did you mean "app"?)'
fails 1 "one that may not redeem" by old
says "client_not_allowed"
says "known.conf:7: the client is not registered for the jwt-bearer grant"
standard_input() { emactl -c "$work/ema.conf" explain --service github --client app --assertion - <"$work/alice"; }
ok "from standard input" patiently standard_input
ok "an issuer of its own kind" explain <(token carol --persona oidc)
says "oidc/-/"
fails 1 "an address that another provider has the authority for" explain <(token alice --persona oidc)
says "wrong_provider"
fails 1 "another client" emactl -c "$work/ema.conf" explain --service github --client other --assertion "$work/alice"
says "wrong_client"
fails 1 "no client" emactl -c "$work/ema.conf" explain --service github --assertion "$work/alice"
says "the request names no client, and an ID-JAG is for one (--client)"
for bad in audience:wrong_audience audience-slash:wrong_audience expired:expired future:issued_in_future hs256:bad_algorithm \
	algorithm-none:bad_algorithm signature:bad_signature no-jti:missing_claim no-sub:missing_claim typ:wrong_type \
	lifetime:lifetime_too_long not-before:not_yet_valid issuer:unknown_issuer issuer-slash:unknown_issuer \
	duplicate:duplicate_member unknown-key:unknown_key client:wrong_client; do
	fails 1 "--bad ${bad%%:*}" explain <(token alice --bad "${bad%%:*}")
	says "${bad##*:}"
done
fails 1 "the slash is named" explain <(token alice --bad issuer-slash)
says "slash at its end"
says "ema.conf:3"
fails 1 "later it has expired" explain "$work/alice" --now 2099-01-01T00:00:00Z
says "expired"
azure() { devidp --state "$work/state" --persona azure --service api://github --client vscode --print-assertion "$@"; }
with_token() { patiently emactl -c "$work/ema.conf" explain --service github --token "$work/token"; }
azure alice >"$work/token"
ok "an access token of Azure AD" with_token
says "azure/$tenant/"
azure alice --app >"$work/token"
fails 1 "an application's own token" with_token
says "not_a_person"
azure alice --bad key-issuer >"$work/token"
fails 1 "a key of another tenant" with_token
fails 1 "an access token is no ID-JAG" explain "$work/token"
# What was given as something else is named.
fails 1 "an ID-JAG is no access token" emactl -c "$work/ema.conf" explain --service github --token "$work/alice"
says "this is an ID-JAG, and no access token (--assertion)"
python3 -c 'import base64, json
part = lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
print(part({"alg": "ES256", "typ": "at+jwt", "kid": "1"}) + "." + part({"iss": "https://auth.acme.example/github", "sub": "x"}) + "." + part("x" * 60))' >"$work/token"
fails 1 "a token of ours without its message" with_token
says "this is a token of ours, which is decided with the message that it comes with (--message)"
# A guard that asks where the request comes from.
mkdir "$work/plugins" && "${CC:-cc}" -shared -fPIC -I"$srcdir/include" -o "$work/plugins/hours.so" "$srcdir/examples/guard/hours.c"
from=$(((10#$(date -u +%H) + 12) % 24))
sed "s|^services|guards = ( { id = \"office\"; plugin = \"hours\"; from = $from; until = $((from + 1)); always = [\"192.0.2.7\"]; } );\n&|; s|^    audience|    guards = [\"office\"];\n&|" \
	"$work/ema.conf" >"$work/guarded.conf"
chmod 0640 "$work/guarded.conf"
from() { EMA_PLUGIN_PATH=$work/plugins:$EMA_PLUGIN_PATH patiently emactl -c "$work/guarded.conf" explain --service github --assertion "$work/alice" --client app "$@"; }
fails 1 "a guard that lets in by address" from
says "guard office (required): denied"
ok "and the address" from --remote 192.0.2.7
fails 1 "and another" from --remote 2001:db8::1
fails 2 "and what is none" from --remote office
says "--remote takes the address that the request comes from"
for time in yesterday 0 -1 1970-01-01T00:00:00Z 2026-02-31T00:00:00Z 2027-02-29T00:00:00Z 2026-11-23T11:40:00 253402300800 9223372036854775807 99999999999999999999; do
	fails 2 "a time that is none: $time" explain "$work/alice" --now "$time"
	says "--now takes seconds since 1970, or a time like"
done
fails 1 "29 February" explain "$work/alice" --now 2028-02-29T23:59:59Z
fails 1 "the last second" explain "$work/alice" --now 253402300799
says "expired"
fails 2 "no service" emactl -c "$work/ema.conf" explain --assertion "$work/alice"
fails 2 "unknown service" emactl -c "$work/ema.conf" explain --service gitlab --assertion "$work/alice"
says "it has: github"
fails 2 "a misspelt service" emactl -c "$work/ema.conf" explain --service gihtub --assertion "$work/alice"
says 'did you mean "github"?'
fails 2 "both kinds" explain "$work/alice" --token "$work/alice"
head -c 70000 /dev/zero | tr '\0' a >"$work/huge"
fails 2 "a file that is no token" explain "$work/huge"
# A token in the place of its file's name is said nowhere.
for option in --assertion --token; do
	for token in "$(cat "$work/alice")" opaque-and-short; do
		fails 2 "$option with the token itself" emactl -c "$work/ema.conf" explain --service github "$option" "$token"
		says "$option takes a file that has the token, or \"-\" for standard input"
		ok "is not repeated" sh -c '! grep -qF -- "$1" "$2"' sh "${token:0:12}" "$work/.out"
	done
done
# emad refuses what has more behind a NUL.
printf '%s\0x' "$(cat "$work/alice")" >"$work/cut"
fails 2 "a token with a NUL" emactl -c "$work/ema.conf" explain --service github --client app --assertion "$work/cut"
says "$work/cut: a NUL is in it"
fails 1 "JSON of a refusal" explain <(token alice --bad expired) --json
says '"code": "expired"'
says '"subject": null'
fails 1 "JSON of a refusal to somebody who is known" explain "$work/alice" --scope repo:write --json
says '"code": "narrow_scope"'
says '"subject": "okta/-/'
says '"provider": "okta"'
azure alice >"$work/token"
echo '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_issue","arguments":{}}}' >"$work/message"
fails 1 "and of a message" patiently emactl -c "$work/ema.conf" explain --service github --token "$work/token" --message "$work/message" --json
says '"code": "forbidden"'
says "\"subject\": \"azure/$tenant/"
for end in '' '{}'; do
	{ cat "$work/message"; printf '\0%s' "$end"; } >"$work/cut"
	fails 2 "a message with a NUL" emactl -c "$work/ema.conf" explain --service github --token "$work/token" --message "$work/cut"
	says "$work/cut: a NUL is in it"
done
fails 1 "as text" explain "$work/alice" --scope repo:write
says "subject    okta/-/"
ok "JSON of a grant" explain "$work/alice" --json
says '"verdict": "permit"'
says '"what is revoked or blocked"'
ok "no colour where there is no terminal" sh -c '! emactl -c "$1" explain --service github --client app --assertion "$2" | grep -q "$(printf "\033")"' sh "$work/ema.conf" "$work/alice"
ok "nothing was written" test ! -e "$work/audit.jsonl" -o ! -s "$work/audit.jsonl"

# Nothing outside of this machine is asked.
sed 's|https://[a-z]*\.acme\.example|https://127.0.0.1:9|' "$work/ema.conf" >"$work/local.conf"
chmod 0640 "$work/local.conf"
live() {
	local try status
	for ((try = 0; try < tries; try++)); do
		emactl -c "$work/local.conf" check --live >"$work/live" 2>&1
		status=$?
		[ "$(grep -c ': keys fetched' "$work/live")" -eq 3 ] && break
	done
	cat "$work/live"
	[ "$status" -le 1 ]
}
ok "check --live" live
says "service github: not served, as seen from here"
says "provider okta: keys fetched"
says "provider oidc: keys fetched"
says "provider azure: keys fetched"
curl -fsS -X POST "http://127.0.0.1:$oidc/devidp/answer?wrong=issuer" >/dev/null
fails 1 "check --live finds an issuer that differs" emactl -c "$work/local.conf" check --live
curl -fsS -X POST "http://127.0.0.1:$oidc/devidp/answer?wrong=nothing" >/dev/null
curl -fsS -X POST "http://127.0.0.1:$okta/devidp/outage?on=1" >/dev/null
tries=1
fails 1 "an outage is not the user's fault" explain "$work/alice"
says "keys_unavailable"
curl -fsS -X POST "http://127.0.0.1:$okta/devidp/outage?on=0" >/dev/null

# What is served for a service.
served() { wait_for curl -fsS "http://127.0.0.1:$port/.well-known/oauth-authorization-server/github"; }
live_of() {
	local try
	for ((try = 0; try < ${2-1}; try++)); do
		emactl -c "$1" check --live >"$work/live" 2>&1
		grep -q "served as configured" "$work/live" && break
	done
	cat "$work/live"
}
port=$(python3 "$srcdir/tests/programs/clients.py" free_port -)
cat >"$work/served.conf" <<EOF
issuer = "http://127.0.0.1:$port";
insecure_http = true;
listen = ( { address = "127.0.0.1:$port"; } );
services = ( { id = "github"; resource = "http://127.0.0.1:$port/mcp"; issuer = "http://127.0.0.1:$port/github"; identity = ["oidc"];
  scopes = ( { name = "repo:read"; access = "read"; tools = ["get_*"]; } ); } );
EOF
sed -n '/^providers/,/^audit/p' "$work/ema.conf" >>"$work/served.conf"
chmod 0640 "$work/served.conf"
background emad -c "$work/served.conf" >"$work/emad.log" 2>&1
ok "emad serves a service" served
ok "check --live looks at what is served" live_of "$work/served.conf" 5
says "service github: served as configured"
says "    issuer: identical, byte for byte"
says "    resource: identical, byte for byte"
says "    authorization_servers: has it, byte for byte"
# As one does who types it anew: with a slash at its end, and another resource that nobody serves.
sed "s|$port/github\"|$port/github/\"|" "$work/served.conf" >"$work/slash.conf"
chmod 0640 "$work/slash.conf"
fails 1 "an issuer that was mistyped" emactl -c "$work/slash.conf" check --live
says "service github: differs from what is served"
says "has a slash at its end too many"
sed "s|$port/github\"|9/github\"|" "$work/served.conf" >"$work/moved.conf"
chmod 0640 "$work/moved.conf"
fails 1 "an issuer that cannot be reached, of a resource that names another" emactl -c "$work/moved.conf" check --live
says "service github: differs from what is served"
ok "and as JSON" sh -c 'emactl -c "$1" check --live --json | grep -q "\"service\": \"github\""' sh "$work/slash.conf"

ok "onboard okta" emactl -c "$work/ema.conf" onboard okta --service github
says "https://auth.acme.example/github"
sed '/^services/i clients = ( { id = "vscode"; auth = "client_secret_basic"; secret = { file = "secret"; }; }, { id = "cli"; auth = "client_secret_basic"; secret = { file = "secret"; }; } );' \
	"$work/ema.conf" >"$work/clients.conf"
echo correct-horse-battery-staple >"$work/secret"
chmod 0600 "$work/clients.conf" "$work/secret"
ok "with the ids of the clients" emactl -c "$work/clients.conf" onboard okta --service github
says "      vscode cli"
ok "onboard azure" emactl -c "$work/ema.conf" onboard azure --service github
says "      api://github"
says "      vscode"
ok "onboard a client" emactl -c "$work/ema.conf" onboard vscode --service github
says '{ "servers": { "github": { "type": "http", "url": "https://mcp.acme.example/github" } } }'
ok "onboard another" emactl -c "$work/ema.conf" onboard claude-code --service github
says "claude mcp add --transport http github https://mcp.acme.example/github"
ok "onboard as JSON" emactl -c "$work/ema.conf" onboard okta --service github --json
says '"value": "https://auth.acme.example/github"'
says "The issuer cannot be edited"
fails 2 "onboard nobody" emactl -c "$work/ema.conf" onboard nobody --service github
says "providers: okta oidc azure"
ok "completion" emactl -c "$work/ema.conf" __complete services
says "github"

# What --help tells, bash completes.
completed() {
	bash -c '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _emactl; printf "%s\n" "${COMPREPLY[@]}"' "$srcdir/emactl/emactl.bash" emactl "$@"
}
# One table says what a command takes: --help, what it says to an option that it does not take, and completion agree with it.
agree() {
	local command word options wrong bad=0 forms=0
	emactl --help | awk '/^$/ { if (command) print command options; command = "" } /^  [a-z]/ { if (command) print command options; command = $1 " -"; options = ""
			if ($2 ~ /^[a-z]+$/) command = $1 " " $2 }
		command && (/^  [a-z]/ || /^                 /) { if (/whom as revoke/) options = options whom
			line = $0; while (match(line, /--[a-z]+/)) { options = options " " substr(line, RSTART, RLENGTH); line = substr(line, RSTART + RLENGTH) } }
		/--everything/ { whom = options }' >"$work/forms"
	while read -r command word options; do
		forms=$((forms + 1))
		tr ' ' '\n' <<<"$options" | sort -u >"$work/told"
		[ "$word" = - ] && word=
		for wrong in --live --accept; do grep -qx -- "$wrong" "$work/told" || break; done
		# shellcheck disable=SC2086
		emactl -c "$work/none.conf" "$command" $word "$wrong" 2>"$work/said" && bad=1
		grep -qF "\`emactl $command${word:+ $word}\` does not take $wrong; it takes --" "$work/said" || { echo "$command $word took $wrong"; bad=1; }
		sed 's/.*it takes //' "$work/said" | tr -d , | tr ' ' '\n' | sort >"$work/takes"
		# shellcheck disable=SC2086
		completed "$command" $word x -- | grep '^--' | sort >"$work/completes"
		cmp "$work/told" "$work/takes" && cmp "$work/told" "$work/completes" || { echo "$command $word"; diff "$work/told" "$work/takes"; diff "$work/told" "$work/completes"; bad=1; }
		completed "${command:0:3}" | grep -qx -- "$command" || { echo "no command $command"; bad=1; }
		[ -z "$word" ] || completed "$command" "${word:0:2}" | grep -qx -- "$word" || { echo "no $command $word"; bad=1; }
	done <"$work/forms"
	[ "$forms" -eq 19 ] || { echo "$forms forms"; bad=1; }
	return $bad
}
ok "--help, what a command takes, and completion agree" agree

sed 's/repo:write"\]; } );/repo:write"]; gruop = "x"; } );/' "$work/ema.conf" >"$work/typo.conf"
chmod 0640 "$work/typo.conf"
fails 1 "a typo is found" emactl -c "$work/typo.conf" check
says "typo.conf:15: "
says "gruop"
says "would not load"
sed 's/org = /orgg = /' "$work/ema.conf" >"$work/typo2.conf"
chmod 0640 "$work/typo2.conf"
fails 1 "a plugin's key" emactl -c "$work/typo2.conf" check
says "orgg"
sed 's/okta_xaa/okta_xxa/' "$work/ema.conf" >"$work/typo3.conf"
chmod 0640 "$work/typo3.conf"
fails 1 "a plugin's name" emactl -c "$work/typo3.conf" check
says "okta_xaa"
sed 's/okta_xaa/file/' "$work/ema.conf" >"$work/typo4.conf"
chmod 0640 "$work/typo4.conf"
fails 1 "a plugin of another kind" emactl -c "$work/typo4.conf" check
says "E-ROLE"

ok "plugins" emactl plugins
says "okta_xaa"
says "azure_ad"
ok "plugins as JSON" emactl plugins --json
plan
