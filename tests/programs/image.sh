#!/bin/bash
# What an image of emad's memory would tell: after a redemption, no secret, no assertion, no token, and no key outside its own place.
[ "$(id -u)" != 0 ] || . "${srcdir:-$(dirname "$0")/../..}/tests/programs/alone.sh"
. "${srcdir:-$(dirname "$0")/../..}/tests/lib.sh"
takes_long

command -v python3 >/dev/null || { echo "1..0 # SKIP no python3"; exit 0; }
command -v curl >/dev/null || { echo "1..0 # SKIP no curl"; exit 0; }
[ -z "${SANITIZER-}" ] || { echo "1..0 # SKIP sanitizers keep what was freed"; exit 0; }
sleep 60 & pids+=($!)
head -c 1 "/proc/${pids[-1]}/mem" 2>&1 | grep -q "denied" && { echo "1..0 # SKIP memory of other processes cannot be read"; exit 0; }
chmod 0755 "$work"
unset NOTIFY_SOCKET LISTEN_FDS LISTEN_PID JOURNAL_STREAM
port=$(python3 "$srcdir/tests/programs/clients.py" free_port -)
secret=canary-$RANDOM$RANDOM-secret-of-a-client
(umask 077; echo "$secret" >"$work/secret")
background devidp --state "$work/idp" --ports okta=0 --ready-file "$work/ready" >/dev/null
wait_for test -s "$work/ready"
okta=$(sed -n 's/^okta=//p' "$work/ready")
curl -s -o /dev/null "http://127.0.0.1:$okta/oauth2/v1/keys"

# look ALGORITHM HOW: emad with a key of that kind, a redemption, and what must not be found, each in a file.
look() {
	local algorithm=$1 title="$1, a key that was $2"
	rm -f "$work/log" "$work"/key.*
	cat >"$work/ema.conf" <<-EOF2
	issuer = "https://auth.acme.example";
	state_dir = "$work/$algorithm";
	token = { algorithm = "$algorithm"; };
	audit = ( { plugin = "file"; path = "$work/$algorithm.jsonl"; } );
	listen = ( { address = "127.0.0.1:$port"; serve = ["token", "introspection"]; } );
	providers = ( { id = "okta"; plugin = "okta_xaa"; org = "http://127.0.0.1:$okta"; insecure_http = true; authority = ["acme.example"]; } );
	clients = ( { id = "vscode"; auth = "client_secret_basic"; secret = { file = "$work/secret"; }; } );
	callers = ( { id = "gateway"; auth = "client_secret_basic"; secret = { file = "$work/secret"; }; services = ["github"]; } );
	services = ( { id = "github"; resource = "https://mcp.acme.example/github"; issuer = "https://auth.acme.example/github";
	  identity = ["okta"]; scopes = ( { name = "repo:read"; access = "read"; tools = ["get_*"]; } );
	  grants = ( { provider = "okta"; scopes = ["repo:read"]; } ); } );
	EOF2
	chmod 0644 "$work/ema.conf"
	background emad -c "$work/ema.conf" >"$work/log" 2>&1
	wait_for grep -q "state in" "$work/log" || { echo "Bail out! emad did not start"; sed 's/^/# /' "$work/log"; exit 1; }
	emad=$(emactl -c "$work/ema.conf" status --json | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
	ok "$title: redeemed" wait_for redeem
	curl -s -u "gateway:$secret" "http://127.0.0.1:$port/github/introspect" --data-urlencode "token@$work/token" >"$work/answer"
	ok "$title: the token is looked at" grep -q '"active":true' "$work/answer"
	cut -d. -f3 <"$work/jag" | tr -d '\n' >"$work/assertion"
	cut -d. -f3 <"$work/token" | tr -d '\n' >"$work/access"
	printf '%s' "$secret" >"$work/plain"
	printf 'vscode:%s' "$secret" | base64 -w0 >"$work/basic"
	python3 "$srcdir/tests/programs/clients.py" secrets "$work/key" "$work/$algorithm"/keys/*.jwk
	ok "$title: an image of its memory has none of it (JWT-80, JWT-84)" settles "$emad" "$work/plain" "$work/basic" "$work/assertion" "$work/access" "$work"/key.*
	kill -TERM "$emad"
	wait_for gone
}
# settles PID FILE...: once the connections are over, whose ends emad may be told of after curl's.
settles() {
	local i found
	for ((i = 0; i < 20; i++)); do found=$(python3 "$srcdir/tests/programs/clients.py" image "$@" 2>&1) && return; sleep 0.5; done
	echo "$found"
	return 1
}
gone() { ! kill -0 "$emad" 2>/dev/null; }
redeem() {
	devidp --state "$work/idp" --print-assertion alice --service https://auth.acme.example/github --client vscode --scope repo:read | tr -d '\n' >"$work/jag"
	curl -s -u "vscode:$secret" "http://127.0.0.1:$port/github/token" -d grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer \
		--data-urlencode "assertion@$work/jag" >"$work/answer"
	sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p' "$work/answer" | tr -d '\n' >"$work/token"
	[ -s "$work/token" ]
}
for algorithm in ES256 RS256 PS256 Ed25519; do look "$algorithm" made; look "$algorithm" read; done
plan
