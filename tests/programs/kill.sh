#!/usr/bin/env bash
# emad is killed while it redeems, again and again. Whatever the moment: no assertion is good for two tokens, and there is no
# token without its audit record. EMA_KILLS=N: so many times.
. "${srcdir:-$(dirname "$0")/../..}/tests/lib.sh"
takes_long

kills=${EMA_KILLS-4}
load=$builddir/tests/programs/load
port=$(python3 "$srcdir/tests/programs/clients.py" free_port -) || { echo "1..0 # SKIP no python3"; exit 0; }
web=http://127.0.0.1:$port
ok "keys" "$load" keys "$work"
(umask 077; echo secret-of-the-app >"$work/secret")

# write_conf STORE: a configuration with it.
write_conf() {
	cat >"$work/ema.conf" <<-EOF
	issuer = "https://auth.example";
	state_dir = "$work/state";
	audit = ( { plugin = "file"; path = "$work/audit.jsonl"; } );
	listen = ( { address = "127.0.0.1:$port"; serve = ["token", "health"]; } );
	rates = { address = 0; subject = 0; };
	store = { $1 };
	providers = ( { id = "idp"; plugin = "oidc"; issuer = "https://idp.example"; jwks = "$(sed 's/["\\]/\\&/g' "$work/issuer.jwks")"; accepts = ["id_jag"]; } );
	clients = ( { id = "app"; auth = "client_secret_basic"; secret = { file = "$work/secret"; }; } );
	services = ( { id = "svc"; resource = "https://mcp.example/svc"; identity = ["idp"];
	  scopes = ( { name = "read"; access = "read"; tools = ["get_*"]; } );
	  grants = ( { provider = "idp"; scopes = ["read"]; } ); } );
	EOF
}
start() {
	local i
	background emad -c "$work/ema.conf" >>"$work/log" 2>&1
	for ((i = 0; i < 600; i++)); do
		if curl -sf -o /dev/null "$web/readyz"; then
			pid=$(emactl -c "$work/ema.conf" status --json | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
			[ -n "$pid" ] && pids+=("$pid") && return 0
		fi
		sleep 0.1
	done
	cat "$work/log"
	return 1
}
gone() { while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done; }
# killed SECONDS: it is killed so long after the load began.
killed() {
	start || return 1
	"$load" until "$work" "$web" 4 >"$work/until" 2>&1 & local running=$!
	sleep "$1"
	kill -9 "$pid"
	wait "$running"
	gone
}
# In the worst case each is sent once more: what was given is given no more.
again() {
	start || return 1
	"$load" again "$work" "$web" || return 1
	kill -TERM "$pid"
	gone
}
once() {
	local twice
	twice=$(cut -d" " -f1 "$work/given" | sort | uniq -d)
	[ -z "$twice" ] || { echo "given twice:"; echo "$twice" | head; return 1; }
}
recorded() {
	local missing
	missing=$(comm -23 <(cut -d" " -f2 "$work/given" | sort) <(grep -o '"token_id":"[^"]*"' "$work/audit.jsonl" | cut -d'"' -f4 | sort -u))
	[ -z "$missing" ] || { echo "without a record:"; echo "$missing" | head; return 1; }
}
# rounds STORE: kills, and looks at what is left after each.
rounds() {
	local i
	rm -rf "$work/state" "$work/audit.jsonl"
	write_conf "$2"
	for ((i = 0; i < kills; i++)); do
		: >"$work/asked" && : >"$work/given"
		ok "$1: killed" killed "0.$((RANDOM % 90 + 10))"
		ok "$1: sent once more" again
		ok "$1: no assertion was good twice" once
		ok "$1: no token without its record" recorded
		tokens=$((tokens + $(wc -l <"$work/given")))
	done
	ok "$1: the records are whole" emactl audit verify --state "$work/state" "$work/audit.jsonl"
}
tokens=0
# JAG-58: what memory forgot is refused after the restart.
rounds "memory" 'plugin = "memory";'
mkdir -m 0700 "$work/store"
[ ! -e "$builddir/plugins/.libs/lmdb.so" ] || rounds "lmdb" "plugin = \"lmdb\"; path = \"$work/store\"; size = \"64MiB\";"
ok "tokens were given" test "$tokens" -gt 0
plan
