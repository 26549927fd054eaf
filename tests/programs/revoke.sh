#!/usr/bin/env bash
# Revoking as an operator does it: on one emad, for all that share its store.
[ "$(id -u)" != 0 ] || . "${srcdir:-$(dirname "$0")/../..}/tests/programs/alone.sh"
. "${srcdir:-$(dirname "$0")/../..}/tests/lib.sh"
takes_long

command -v python3 >/dev/null || { echo "1..0 # SKIP no python3"; exit 0; }
command -v curl >/dev/null || { echo "1..0 # SKIP no curl"; exit 0; }
free_port() { python3 "$srcdir/tests/programs/clients.py" free_port -; }
chmod 0755 "$work"
unset NOTIFY_SOCKET LISTEN_FDS LISTEN_PID JOURNAL_STREAM
(umask 077; echo correct-horse-battery-staple >"$work/secret")
cat >"$work/people.conf" <<-EOF2
	people = ( { id = "bob"; email = "bob@acme.example"; } );
EOF2
chmod 0644 "$work/people.conf"

background devidp --state "$work/idp" --ports okta=0 --ready-file "$work/ready" >/dev/null
idp=${pids[-1]}
wait_for test -s "$work/ready"
okta=$(sed -n 's/^okta=//p' "$work/ready")
curl -s -o /dev/null "http://127.0.0.1:$okta/oauth2/v1/keys"

declare -A port pid
# write_conf NAME STORE: an emad of that name.
write_conf() {
	port[$1]=$(free_port)
	cat >"$work/$1.conf" <<-EOF2
	issuer = "https://auth.acme.example";
	state_dir = "$work/$1";
	$2
	audit = ( { plugin = "file"; path = "$work/$1.jsonl"; } );
	listen = ( { address = "127.0.0.1:${port[$1]}"; serve = ["token", "introspection"]; } );
	providers = ( { id = "okta"; plugin = "okta_xaa"; org = "http://127.0.0.1:$okta"; insecure_http = true; authority = ["acme.example"]; skew = "0s"; } );
	directories = ( { id = "people"; plugin = "file"; path = "$work/people.conf"; } );
	clients = ( { id = "vscode"; auth = "client_secret_basic"; secret = { file = "$work/secret"; }; } );
	callers = ( { id = "gateway"; auth = "client_secret_basic"; secret = { file = "$work/secret"; }; services = ["github"]; } );
	services = ( { id = "github"; resource = "https://mcp.acme.example/github"; issuer = "https://auth.acme.example/github";
	  identity = ["okta"]; scopes = ( { name = "repo:read"; access = "read"; tools = ["get_*"]; } );
	  directory = ( { id = "people"; for = ["okta"]; } );
	  grants = ( { provider = "okta"; scopes = ["repo:read"]; } ); } );
	EOF2
	chmod 0644 "$work/$1.conf"
}
start() {
	: >"$work/$1.log"
	background emad -c "$work/$1.conf" >"$work/$1.log" 2>&1
	wait_for grep -q "state in" "$work/$1.log" || { echo "Bail out! emad did not start"; sed 's/^/# /' "$work/$1.log"; exit 1; }
	pid[$1]=$(emactl -c "$work/$1.conf" status --json | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
}
gone() { ! kill -0 "$1" 2>/dev/null; }
stop() { kill -TERM "${pid[$1]}" && wait_for gone "${pid[$1]}"; }
ctl() { emactl -c "$work/$1.conf" "${@:2}"; }

assertion() { devidp --state "$work/idp" --print-assertion "$1" --service https://auth.acme.example/github --client vscode --scope repo:read | tr -d '\n'; }
# present EMAD FILE: what the token endpoint says of an assertion, and the token.
present() {
	curl -s -u vscode:correct-horse-battery-staple "http://127.0.0.1:${port[$1]}/github/token" \
		-d grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer --data-urlencode "assertion@$2" >"$work/answer"
	sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p' "$work/answer" | tr -d '\n' >"$work/token"
	cat "$work/answer"
	[ -s "$work/token" ]
}
# redeem EMAD PERSON: with a new assertion.
redeem() { assertion "$2" >"$work/jag"; present "$1" "$work/jag"; }
refused() { ! redeem "$1" "$2"; }
# active EMAD FILE: is the token good there?
active() {
	curl -s -u gateway:correct-horse-battery-staple "http://127.0.0.1:${port[$1]}/github/introspect" --data-urlencode "token@$2" >"$work/answer"
	cat "$work/answer"
	grep -q '"active":true' "$work/answer"
}
inactive() { active "$1" "$2"; grep -q '"active":false' "$work/answer"; }
member() { python3 -c 'import json, sys, base64; part = sys.stdin.read().split(".")[1]; print(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))[sys.argv[1]])' "$1"; }
# unsaid TEXT: the last command's output lacks it.
unsaid() { local out; out=$(<"$work/.out"); ok "does not say: $1" test "${out/"$1"/}" = "$out"; }
# record EMAD TEXT...: a record with all of them is in the audit trail, once that has arrived.
has() {
	local lines text
	lines=$(cat "$work/$1.jsonl")
	for text in "${@:2}"; do lines=$(grep -F -- "$text" <<<"$lines") || return 1; done
}
record() { wait_for has "$@"; }

# pair NAME STORE: two emads with one store and the same signing keys.
pair() {
	echo "# two emads with one store: $1"
	write_conf a "$2"; write_conf b "$2"
	rm -rf "$work/a" "$work/b"
	start a
	mkdir "$work/b" && cp -a "$work/a/keys" "$work/b/keys"
	start b
	ok "$1: an assertion becomes a token" wait_for redeem a alice
	if [ "$1" = lmdb ]; then
		fails 1 "lmdb: check says who is trusted" ctl a check
		says "N-SHARE"
	fi
	cp "$work/token" "$work/alice"
	cp "$work/jag" "$work/used"
	ok "$1: the other emad takes the token" wait_for active b "$work/alice"
	ok "$1: and grants by itself" wait_for redeem b alice
	fails 1 "$1: an assertion that was used here is refused there" present b "$work/used"
	ok "$1: bob's token" wait_for redeem a bob
	cp "$work/token" "$work/bob"
	subject=$(member sub <"$work/alice")

	ok "REV-06 $1: revoked on one" ctl a revoke --subject "$subject" --block --reason "a laptop is lost"
	says "note: no list of subjects is kept"
	says "revoked: subject $subject"
	begin=$(date +%s%N)
	ok "$1: dead there at once" inactive a "$work/alice"
	ok "$1: dead on the other" wait_for inactive b "$work/alice"
	echo "# after $(( ($(date +%s%N) - begin) / 1000000 )) ms"
	ok "$1: nothing new there" refused b alice
	ok "$1: somebody else is let in" active b "$work/bob"
	two_by_subject() { ctl b status | grep -q "2 by subject; 2 blocked"; }
	wait_for two_by_subject
	ok "$1: status" ctl b status
	says "provider    okta (okta_xaa): fresh, "
	says "store       $1: reached"
	says "2 by subject; 2 blocked"
	ok "$1: asked for on the other" ctl b revoked --subject "$subject"
	says "subject"
	ok "$1: who and why is in the record" record a '"kind":"revoked"' "\"by\":\"uid $(id -u)\"" '"why":"a laptop is lost"' '"what":"subject"' '"block":"yes"'
	ok "$1: lifted on the other" ctl b unblock --subject "$subject"
	ok "$1: what is new is good again" wait_for redeem a alice
	ok "$1: what was revoked is not" inactive a "$work/alice"
	ok "$1: nor there" inactive b "$work/alice"
	ok "$1: has its record" record b '"kind":"unblocked"'
	fails 1 "$1: it is no block any more" ctl a unblock --subject "$subject"
	says "there is no block on it"

	jti=$(member jti <"$work/bob")
	ok "$1: a single token" ctl b revoke --token "$jti"
	ok "$1: is dead on the other" wait_for inactive a "$work/bob"
	ok "$1: a person" ctl a revoke --person bob --block
	ok "$1: is dead on the other, and by what a directory says alone" wait_for refused b bob
	ok "$1: alice is not" wait_for redeem b alice
	stop a && stop b
	# Without emad the store is told.
	ok "$1: without emad, the store is asked" ctl a revoked
	says "person"
	says "sha256:"
	ok "$1: and told" ctl a revoke --service github --block
	says "revoked: service github"
	ok "$1: has a record all the same" record a '"kind":"revoked"' '"what":"service"'
	start b
	ok "$1: which holds when emad begins" refused b alice
	ok "$1: lifted through emad" ctl b unblock --service github
	ok "$1: let in" wait_for redeem b alice
	ok "$1: everything" ctl b revoke --everything
	stop b
}

pair lmdb "store = { plugin = \"lmdb\"; path = \"$work/store\"; share = \"same-trust\"; };"
if command -v redis-server >/dev/null; then
	redis=$(free_port)
	mkdir "$work/redis"
	background redis-server --port "$redis" --bind 127.0.0.1 --dir "$work/redis" --save '' --appendonly yes >/dev/null
	up() { (exec 3<>"/dev/tcp/127.0.0.1/$redis") 2>/dev/null; }
	wait_for up
	pair redis "store = { plugin = \"redis\"; server = \"127.0.0.1:$redis\"; };"
else
	skip redis "no redis-server"
fi

# ---- What is wrong ----
write_conf a ""
rm -rf "$work/a"
start a
ok "redeemed" wait_for redeem a alice
fails 1 "a provider that is none" ctl a revoke --provider okto
says 'no provider "okto"; there are: okta'
fails 1 "a service that is none" ctl a revoke --service gitlab --block
says 'no service "gitlab"; there are: github'
fails 1 "a tenant that is none" ctl a revoke --tenant okta/t1
says 'no tenant "t1"'
fails 1 "a person that is none" ctl a revoke --person eve
says 'no directory knows a person "eve"; asked: directory '
fails 2 "a token itself" ctl a revoke --token "$(cat "$work/token")"
says "never the token itself"
fails 2 "nothing" ctl a revoke
says "takes one of --subject"
fails 2 "two things" ctl a revoke --service github --client vscode
says "takes one of --subject"
fails 2 "a word" ctl a revoke github
ok "nothing was marked by it" ctl a revoked --json
says '"count": 0'
ok "a client" ctl a revoke --client vscode --json
says '"code": "ok"'
says "; what is issued from now on is good"
unsaid "the memory of this process"
# restart: nothing is written on the way.
restart() { kill -KILL "${pid[a]}" && wait_for gone "${pid[a]}" && start a; }
ok "REV-18: a block of everybody" ctl a revoke --everything --block --reason "who knows"
restart
ok "holds after SIGKILL, with a store in memory" ctl a status
says "1 by everything"
says "; 1 blocked"
ok "REV-18: by its folder" test "$(stat -c %a "$work/a/marks")" = 700 -a -f "$work/a/marks/marks"
ok "and so does its end" ctl a unblock --everything
restart
ok "which keeps what was revoked refused" ctl a status
says "1 by everything"
says "; 0 blocked"
ok "what is new is good" wait_for redeem a alice
ok "REV-18: her token" ctl a revoke --token "$(member jti <"$work/token")"
cp "$work/token" "$work/alice"
restart
ok "is dead after SIGKILL" inactive a "$work/alice"
ok "a client" ctl a revoke --client vscode
ok "which costs no more the more there is: it is appended" test -s "$work/a/marks/changes"
mkdir "$work/a/marks/marks.new"
rm "$work/a/marks/changes"
fails 2 "a disk that takes nothing: it is not acknowledged" ctl a revoke --client vscode --block
says "it is in force, but would be forgotten by a restart, since it could not be written"
unsaid "revoked: client"
fails 1 "and status says so" ctl a status
says "revocations are not kept"
ok "but it is in force" refused a alice
ok "has its record" record a '"kind":"revoke-failed"' '"code":"store_unavailable"' '"name":"vscode"'
rmdir "$work/a/marks/marks.new"
ok "repeated, it is" ctl a revoke --client vscode --block
stop a
truncate -s -1 "$work/a/marks/marks"
fails 1 "REV-18: a file that is damaged is no start" emad -c "$work/a.conf"
says "E-STORE"
says "marks/marks has what was revoked, and cannot be used: it is damaged"
says "move the folder away to begin with nothing revoked"
rm -r "$work/a/marks"
start a
fails 0 "a client that ema.conf does not name is told of" ctl a revoke --client vscodium
says 'names no client "vscodium"'
python3 "$srcdir/tests/programs/clients.py" admin "$work/a/emad.sock" 'revoke {"kind": 7}' >"$work/.out"
says "kind, name and reason are strings"
for odd in '"service","name":"github","block":"yes"' '"service","name":"github\u0000x"' '"service","name":"github","before":"now"'; do
	python3 "$srcdir/tests/programs/clients.py" admin "$work/a/emad.sock" "revoke {\"kind\":$odd}" >"$work/.out"
	says "block is true or false"
done
python3 "$srcdir/tests/programs/clients.py" admin "$work/a/emad.sock" 'revoke nonsense' >"$work/.out"
says "not followed by a JSON object"
stop a
fails 2 "no emad, and a store in its memory" ctl a revoke --service github
says "the store is the memory of each process"
fails 2 "an emad that is named must be there" emactl --admin "$work/none.sock" revoke --service github
says "emad does not run"

# ---- An identity provider that is away ----
write_conf c ""
sed -i 's/authority = /stale_keys = "24h"; read_only_after = "1h"; authority = /' "$work/c.conf"
sed -i 's/serve = \["token", /serve = ["token", "metrics", /' "$work/c.conf"
has_sentence() { ctl c check | grep -F "N-OUTAGE"; }
ok "emactl check has a sentence" has_sentence
says 'people keep access for 24h with provider "okta" (after 1h for what reads alone); tokens of ours that were given by then live to their end, at most 1h'
# metric TEXT: it is among them.
metric() { curl -s "http://127.0.0.1:${port[c]}/metrics" | grep -F "$1"; }
start c
ok "its keys are fresh" wait_for redeem c alice
ok "metrics say so" metric 'ema_provider_keys{provider="okta",standing="fresh"} 1'
ok "and since when it is away: it is not" metric 'ema_provider_away_since_seconds{provider="okta"} 0'
stop c
kill "$idp"
wait_for gone "$idp"
# aged SECONDS: the keys on disk are older by that.
aged() {
	python3 - "$work/c/cache" "$1" <<-'EOF2'
	import glob, hashlib, json, sys
	for path in glob.glob(sys.argv[1] + "/*.keys"):
	    whole = open(path, "rb").read()
	    head, keys = whole.split(b"\n", 2)[1:]
	    about = json.loads(head)
	    for name in ("fetched", "fresh_until"):
	        about[name] -= int(sys.argv[2]) * 1000
	    rest = json.dumps(about, separators=(",", ":")).encode() + b"\n" + keys
	    open(path, "wb").write(b"ema-keys 1 " + hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest)
	EOF2
}
aged 9000
start c
ok "a start without network goes on with the keys on disk" redeem c alice
fails 1 "status says where it stands" ctl c status
says "okta (okta_xaa): read_only, "
says "away since "
ok "metrics, too" metric 'ema_provider_keys{provider="okta",standing="read_only"} 1'
ok "and the record of the decision" record c '"kind":"redemption"' '"keys":"read-only"' '"keys_since":"20'
stop c
aged 90000
start c
ok "within the same bounds" refused c alice
ok "which is our outage" grep -F temporarily_unavailable "$work/answer"
fails 1 "and status says it" ctl c status
says "okta (okta_xaa): unavailable"
stop c
plan
