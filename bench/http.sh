#!/bin/bash
# emad over HTTP, by wrk on the same machine: a decision for a proxy about a token that it knows, beside libmicrohttpd that answers 204;
# its memory; and what a reload does to who asks meanwhile. BENCH_SECONDS=N: wrk runs for so long each time (2); BENCH_TOKENS=N: so
# many tokens, and as many revocations, are in memory (100,000, for which the target is said).
. "${srcdir:-$(dirname "$0")/..}/tests/lib.sh"

umask 022
seconds=${BENCH_SECONDS:-2} rounds=5 threads=2 connections=16 tokens=${BENCH_TOKENS:-100000} headers=()
load=$builddir/tests/programs/load
read -r port decisions plain < <(python3 -c 'import socket
all = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
print(*(one.getsockname()[1] for one in all))')
web=http://127.0.0.1:$port
"$load" keys "$work" || exit 1
(umask 077; echo secret-of-the-app >"$work/secret")
[ "$(id -u)" -eq 0 ] && owner='' || owner="owner = \"$(id -un)\";"
cat >"$work/ema.conf" <<END
issuer = "https://auth.example";
state_dir = "$work/state"; threads = $threads; $owner
audit = ( { plugin = "file"; path = "$work/audit.jsonl"; } );
listen = ( { address = "127.0.0.1:$port"; serve = ["token", "introspection", "health"]; },
  { address = "127.0.0.1:$decisions"; serve = ["decision"]; } );
proxies = ["127.0.0.1"];
rates = { address = 0; subject = 0; };
store = { plugin = "memory"; entries = 4000000; quota = 4000000; };
providers = ( { id = "idp"; plugin = "oidc"; issuer = "https://idp.example"; jwks = "$(sed 's/["\\]/\\&/g' "$work/issuer.jwks")";
  max_lifetime = "600s"; accepts = ["id_jag"]; } );
clients = ( { id = "app"; auth = "client_secret_basic"; secret = { file = "$work/secret"; }; } );
callers = ( { id = "gateway"; auth = "client_secret_basic"; secret = { file = "$work/secret"; }; services = ["svc"]; } );
services = ( { id = "svc"; resource = "https://mcp.example/svc"; identity = ["idp"];
  decision = { without_body = "connect"; enforced_by = "server"; };
  scopes = ( { name = "read"; access = "read"; tools = ["get_*"]; } );
  grants = ( { provider = "idp"; scopes = ["read"]; } ); } );
END
emad -c "$work/ema.conf" >"$work/log" 2>&1 & emad=$!
pids+=("$emad")
wait_for curl -sf -o /dev/null "$web/readyz" || { cat "$work/log" >&2; exit 1; }
"$builddir/bench/answer" "$plain" "$threads" >"$work/answer" & answer=$!
pids+=("$answer")
wait_for grep -q listening "$work/answer" || { echo "bench/http.sh: bench/answer does not listen" >&2; exit 1; }

# line QUESTION AGAINST UNIT VALUE AGAINST_VALUE MOST: as bench/run reads it.
line() { printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$@"; }
median() { sort -n "$1" | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }
# memory QUESTION MOST: emad's, for which MOST MiB are the target: with all of its pages (RSS), and with its part of those that others
# have too, libraries' among them (PSS), which root alone is told of a process that no debugger may look into.
memory() {
	line "$1: RSS" "$2 MiB" KiB "$(awk '$1 == "VmRSS:" { print $2 }' "/proc/$emad/status")" $(($2 * 1024)) 1
	[ "$(id -u)" -ne 0 ] || line "the same: PSS" "$2 MiB" KiB "$(awk '$1 == "Pss:" { print $2 }' "/proc/$emad/smaps_rollup")" $(($2 * 1024)) 1
}
# The processor's time of a process, in clock ticks.
ticks() { sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'; }

memory "memory of emad that idles" 12
"$load" ask "$work" somebody || exit 1
tail -n 1 "$work/asked" | tr -d '\n' >"$work/jag"
token=$(curl -s -u app:secret-of-the-app --data-urlencode "assertion@$work/jag" \
	-d grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer "$web/token" | sed -n 's/.*"access_token": *"\([^"]*\)".*/\1/p')
# As etc/proxies/mcp-nginx.conf asks.
lines=("Authorization: Bearer $token" "X-Original-Method: POST" "X-Original-URI: /svc" "X-Forwarded-For: 192.0.2.1")
for one in "${lines[@]}"; do headers+=(-H "$one"); done
status=$(curl -s -o "$work/body" -w '%{http_code}' "${headers[@]}" "http://127.0.0.1:$decisions/decision/svc")
[ "$status" = 200 ] || { echo "bench/http.sh: emad answers $status" >&2; cat "$work/body" "$work/log" >&2; exit 1; }

# lap NAME PID PORT: adds a line to NAME.ns (of a request at that rate), NAME.p99 and NAME.cpu (of the server).
lap() {
	local before after
	before=$(ticks "$2")
	wrk -t1 -c"$connections" -d"${seconds}s" --latency "${headers[@]}" "http://127.0.0.1:$3/decision/svc" >"$work/wrk" || exit 1
	after=$(ticks "$2")
	! grep 'Non-2xx\|Socket errors' "$work/wrk" >&2 || exit 1
	awk -v ticks=$((after - before)) -v hz="$(getconf CLK_TCK)" -v out="$work/$1" '
		function ns(text) { return text * (text ~ /us$/ ? 1e3 : text ~ /ms$/ ? 1e6 : 1e9) }
		$1 == "99%" { print ns($2) >>(out ".p99") }
		$2 == "requests" && $3 == "in" { requests = $1 }
		$1 == "Requests/sec:" { print 1e9 / $2 >>(out ".ns") }
		END { print ticks / hz * 1e9 / requests >>(out ".cpu") }' "$work/wrk"
}
for ((i = 0; i < rounds; i++)); do
	lap plain "$answer" "$plain"
	lap emad "$emad" "$decisions"
done
line "HTTP: a decision for a proxy, known token, the server's processor" "libmicrohttpd, 204" "CPU ns" \
	"$(median "$work/emad.cpu")" "$(median "$work/plain.cpu")" 1.6
line "the same, time at its rate" "libmicrohttpd, 204" "wall ns" "$(median "$work/emad.ns")" "$(median "$work/plain.ns")" 1.43
line "the same, the slowest of a hundred" "libmicrohttpd, 204" "wall ns" "$(median "$work/emad.p99")" "$(median "$work/plain.p99")" 2

while [ "$(wc -l <"$work/given")" -lt "$tokens" ]; do
	"$load" run "$work" "$web" 5 4 >"$work/run" 2>&1 || { cat "$work/run" >&2; exit 1; }
done
python3 - "$work/state/emad.sock" "$tokens" <<'END' || exit 1
import json, socket, sys
for i in range(int(sys.argv[2])):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(sys.argv[1])
        s.sendall(b'revoke {"kind":"subject","name":"idp/-/gone-%d"}\n' % i)
        answer = json.load(s.makefile())
        if answer["code"] != "ok":
            sys.exit("bench/http.sh: a revocation: %s" % answer)
END
# KNOWN_ENTRIES of core/context/context.c
memory "memory, $tokens tokens or more seen (at most 16,384 remembered), $tokens subjects revoked" 120

# A reload of 1,000 more services, while somebody asks once a millisecond; in turns with as long a time without one.
mkdir -m 700 "$work/ema.d"
awk 'BEGIN {
	print "services = ("
	for (i = 0; i < 1000; i++) {
		printf "%s{ id = \"more-%d\"; resource = \"https://mcp.example/more-%d\";\n", i ? ", " : "", i, i
		printf "issuer = \"https://auth.example/more-%d\"; identity = [\"idp\"];\n", i
		printf "scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; } );\n"
		printf "grants = ("
		for (g = 0; g < 10; g++)
			printf "%s{ provider = \"idp\"; group = \"group-%d\"; scopes = [\"read\"]; }", g ? ", " : "", g
		print "); }"
	}
	print ");" }' >"$work/ema.d/more.conf"
loaded() { [ "$(grep -c 'ema.conf is loaded$' "$work/log")" = "$1" ]; }
# pace NAME PID: adds a line to NAME.longest.
pace() {
	"$builddir/bench/pace" "$decisions" /decision/svc 1000 "$2" "${lines[@]}" >>"$work/$1.longest" || exit 1
}
pace first "$emad"
wait_for loaded 1 || { cat "$work/log" >&2; exit 1; }
for ((i = 1; i <= rounds; i++)); do
	pace quiet 0
	pace reload "$emad"
	loaded $((i + 1)) || { echo "bench/http.sh: a reload took longer than it was watched" >&2; exit 1; }
done
line "the longest answer while 1,000 services are reloaded" "1 ms over one without a reload" "wall ns" "$(median "$work/reload.longest")" \
	$(($(median "$work/quiet.longest") + 1000000)) 1
