#!/usr/bin/env bash
# Two emads over one Redis that sentinels give another master, under load. Whatever the master took with it: no assertion is good
# for two tokens, no revocation that was acknowledged is forgotten, and what is answered meanwhile is a refusal or a 503.
# EMA_FAILOVERS=N: so many times.
. "${srcdir:-$(dirname "$0")/../..}/tests/programs/alone.sh"
. "${srcdir:-$(dirname "$0")/../..}/tests/lib.sh"
takes_long
. "$srcdir/tests/programs/redemptions.sh"

rounds=${EMA_FAILOVERS:-1}
for program in redis-server redis-cli curl; do
	command -v "$program" >/dev/null || { echo "1..0 # SKIP no $program"; exit 0; }
done
[ -e "$builddir/plugins/.libs/redis.so" ] || { echo "1..0 # SKIP built without the plugin redis"; exit 0; }
ports=$(python3 -c 'import socket
all = [socket.create_server(("127.0.0.1", 0)) for _ in range(8)]
print(*(one.getsockname()[1] for one in all))') || { echo "1..0 # SKIP no python3"; exit 0; }
mkdir "$work/l"
ok "keys" issuer "$work/l"

declare -A port pid web server
# redis NAME LINE: a server of that name.
redis() {
	mkdir -p "$work/$1"
	background redis-server --port "${port[$1]}" --bind 127.0.0.1 --dir "$work/$1" --save '' --appendonly no --repl-diskless-sync-delay 0 \
		--repl-ping-replica-period 1 --logfile "$work/$1/log" ${2:+--replicaof 127.0.0.1 "$2"}
	server[$1]=${pids[-1]}
}
ask() { redis-cli -p "${port[$1]}" "${@:2}"; }
for name in one two s1 s2 s3 a b c; do port[$name]=${ports%% *} ports=${ports#* }; done
# has_replica NAME: it is a master whose replica has everything.
has_replica() { ask "$1" info replication | grep -q '^slave0:.*state=online'; }
redis one "" && redis two "${port[one]}"
ok "a master with its replica" wait_for has_replica one
for name in s1 s2 s3; do
	mkdir "$work/$name"
	cat >"$work/$name/conf" <<-EOF
	port ${port[$name]}
	bind 127.0.0.1
	dir $work/$name
	logfile $work/$name/log
	sentinel monitor m 127.0.0.1 ${port[one]} 2
	sentinel down-after-milliseconds m 3000
	sentinel failover-timeout m 10000
	EOF
	background redis-server "$work/$name/conf" --sentinel
done
# sees NAME: this sentinel knows the others and the replica.
sees() { ask "$1" sentinel master m | tr '\n' ' ' | grep -q 'num-slaves 1 num-other-sentinels 2 '; }
all_see() { sees s1 && sees s2 && sees s3; }
ok "three sentinels" wait_for all_see

for name in a b c; do
	web[$name]=http://127.0.0.1:${port[$name]}
	redeemer "$work/$name.conf" "${port[$name]}" "$work/state-$name" "$work/$name.jsonl" \
		"plugin = \"redis\"; master = \"m\"; sentinels = [\"127.0.0.1:${port[s1]}\", \"127.0.0.1:${port[s2]}\", \"127.0.0.1:${port[s3]}\"];" "$keys"
done
ctl() { emactl -c "$work/$1.conf" "${@:2}"; }
is_ready() { curl -sf -o /dev/null "${web[$1]}/readyz"; }
start() {
	background emad -c "$work/$1.conf" >>"$work/$1.log" 2>&1
	wait_for is_ready "$1" || { tail -n 20 "$work/$1.log"; return 1; }
	pid[$1]=$(ctl "$1" status --json | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
	[ -n "${pid[$1]}" ]
}
stop() { kill -"$1" "${pid[$2]}" && wait_for gone "${pid[$2]}"; }

# revokes: people are blocked, here and there, until there is enough. Who was acknowledged is in l/denied.
revokes() {
	local i at
	for ((i = 0; ; i++)); do
		[ ! -e "$work/l/enough" ] || return 0
		at=a; [ $((i % 2)) = 0 ] || at=b
		ctl "$at" revoke --subject "idp/-/left-$round-$i" --block >>"$work/revokes" 2>&1 && echo "left-$round-$i" >>"$work/l/denied"
		sleep 0.05
	done
}
two_revoked() { [ "$(wc -l <"$work/l/denied")" -ge 2 ]; }
named() { [ "$(ask s1 sentinel get-master-addr-by-name m | tail -n 1)" = "${port[$1]}" ]; }
again() { "$load" again "$work/l" "${web[a]}" && "$load" again "$work/l" "${web[b]}"; }
emads_killed() { kill -9 "${pid[a]}" "${pid[b]}"; wait_for gone "${pid[a]}" && wait_for gone "${pid[b]}"; }
failover_begins() { ask s1 sentinel failover m | grep -q OK; }

becomes_master() { named "$other" || { failover_begins; false; }; }

# A machine that is slow enough has made the sentinels change it by themselves.
who_is_master() { if named two; then master=two other=one; else master=one other=two; fi; }
# lost WAY: the master goes, once the other has everything.
lost() {
	who_is_master
	case $1 in
	killed) kill -9 "${server[$master]}" ;;
	# What was written last is with it alone.
	behind) kill -STOP "${server[$other]}"; sleep 0.4; kill -9 "${server[$master]}"; kill -CONT "${server[$other]}" ;;
	# It lives, and takes what it is sent, until a sentinel makes it a replica, seconds later.
	# One that begins may be given up by the sentinel.
	replaced) wait_for becomes_master ;;
	# Those go with it who know what it acknowledged.
	together) kill -9 "${server[$master]}"; emads_killed ;;
	esac
}

ways=(replaced together behind killed)
ok "an emad" start a
ok "another" start b
master=one other=two
: >"$work/l/denied"
ok "there is access" "$load" denied "$work/l" "${web[b]}"
for ((round = 0; round < rounds; round++)); do
	way=${ways[round % ${#ways[@]}]}
	cat "$work/l/denied" >>"$work/denied"
	rm -f "$work/l/enough"
	: >"$work/l/asked"; : >"$work/l/denied"
	"$load" both "$work/l" "${web[a]}" "${web[b]}" 2 >"$work/both" 2>&1 & running=$!
	revokes & revoking=$!
	ok "$way: two are revoked" wait_for two_revoked
	ok "$way: the sentinels see master and replica" wait_for all_see
	ok "$way: the master is lost" lost "$way"
	ok "$way: the sentinels name the other" wait_for named "$other"
	[ "$way" != together ] || { ok "$way: an emad" start a; ok "$way: another" start b; }
	sleep 1
	touch "$work/l/enough"
	wait "$revoking"; wait "$running"; status=$?
	sed 's/^/# /' "$work/both" | tail -n 3
	[ "$way" = together ] || ok "$way: each answer was a token, a refusal or a 503" test "$status" -eq 0
	ok "$way: those who were revoked are refused" "$load" denied "$work/l" "${web[a]}"
	ok "$way: on the other, too" "$load" denied "$work/l" "${web[b]}"
	ok "$way: each assertion is sent once more" again
	ok "$way: none was good twice" once "$work/l"
	case $way in
	replaced) ask "$master" replicaof 127.0.0.1 "${port[$other]}" >/dev/null ;;
	*) redis "$master" "${port[$other]}" ;;
	esac
	ok "$way: the old master follows the new one" wait_for has_replica "$other"
	ok "$way: which the sentinels see" wait_for all_see
done
# One that knows nothing by itself.
cat "$work/denied" >>"$work/l/denied"
ok "a new emad" start c
ok "has all that was revoked" "$load" denied "$work/l" "${web[c]}"
for name in a b c; do ok "$name ends" stop TERM "$name"; done
ok "no token without its record" recorded "$work/l" "$work"/[abc].jsonl
echo "# $(wc -l <"$work/l/given") tokens, $(wc -l <"$work/l/denied") revoked"
plan
