#!/usr/bin/env bash
# emad is killed while it redeems, again and again. Whatever the moment: no assertion is good for two tokens, and there is no
# token without its audit record. EMA_KILLS=N: so many times.
. "${srcdir:-$(dirname "$0")/../..}/tests/programs/alone.sh"
. "${srcdir:-$(dirname "$0")/../..}/tests/lib.sh"
takes_long
. "$srcdir/tests/programs/redemptions.sh"

kills=${EMA_KILLS-4}
port=$(python3 "$srcdir/tests/programs/clients.py" free_port -) || { echo "1..0 # SKIP no python3"; exit 0; }
web=http://127.0.0.1:$port
ok "keys" issuer "$work"

start() {
	local i
	background emad -c "$work/ema.conf" >>"$work/log" 2>&1
	for ((i = 0; i < 600; i++)); do
		if curl -sf -o /dev/null "$web/readyz"; then
			pid=$(emactl -c "$work/ema.conf" status --json | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
			[ -n "$pid" ] && return 0
		fi
		sleep 0.1
	done
	cat "$work/log"
	return 1
}
# killed SECONDS FIRST: it is killed so long after the load began, or after its first token.
killed() {
	start || return 1
	"$load" until "$work" "$web" 4 >"$work/until" 2>&1 & local running=$!
	[ "$2" = 0 ] || wait_for test -s "$work/given"
	sleep "$1"
	kill -9 "$pid"
	wait "$running"
	wait_for gone "$pid"
}
# In the worst case each is sent once more: what was given is given no more.
again() {
	start || return 1
	"$load" again "$work" "$web" || return 1
	kill -TERM "$pid"
	wait_for gone "$pid"
}
# rounds STORE: kills, and looks at what is left after each.
rounds() {
	local i
	rm -rf "$work/state" "$work/audit.jsonl"
	redeemer "$work/ema.conf" "$port" "$work/state" "$work/audit.jsonl" "$2" "$keys"
	for ((i = 0; i < kills; i++)); do
		: >"$work/asked" && : >"$work/given"
		ok "$1: killed" killed "0.$((RANDOM % 90 + 10))" $((i % 2))
		ok "$1: sent once more" again
		ok "$1: no assertion was good twice" once "$work"
		ok "$1: no token without its record" recorded "$work" "$work/audit.jsonl"
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
