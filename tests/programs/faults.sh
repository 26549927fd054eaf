#!/usr/bin/env bash
# emad loses what it stands on while it redeems and revokes, in another way each round: no assertion is good for two tokens, no
# revocation that was acknowledged is forgotten, no token is without its record. Nor are they where a program that has libemacore in
# its own process is killed while it decides over the same store and follows what emad publishes. EMA_FAULTS=N: so many rounds.
. "${srcdir:-$(dirname "$0")/../..}/tests/programs/alone.sh"
. "${srcdir:-$(dirname "$0")/../..}/tests/lib.sh"
takes_long
. "$srcdir/tests/programs/redemptions.sh"

disk=$work/disk
mkdir "$disk"
rounds=${EMA_FAULTS:-3}
command -v curl >/dev/null || { echo "1..0 # SKIP no curl"; exit 0; }
ports=$(python3 -c 'import socket
all = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
print(*(one.getsockname()[1] for one in all))') || { echo "1..0 # SKIP no python3"; exit 0; }
read -r port redis liar served <<<"$ports"
web=http://127.0.0.1:$port
mkdir "$work/l"
ok "keys" issuer "$work/l"

# write_conf STORE [KEYS]: a configuration with it.
write_conf() { redeemer "$work/ema.conf" "$port" "$disk/state" "$disk/audit.jsonl" "$1" "${2-$keys}"; }
lmdb="plugin = \"lmdb\"; path = \"$disk/store\"; size = \"16MiB\";"
# Of emad, and of the program that decides beside it.
write_two() {
	write_conf "$lmdb share = \"same-trust\";"
	sed "s|$disk/state|$disk/beside|; s|audit.jsonl|beside.jsonl|; /^listen/d; 1i published = \"$disk/public\"; published_by = \"$(id -un)\";" \
		"$work/ema.conf" >"$work/beside.conf"
	sed -i "1i publish = \"$disk/public\";" "$work/ema.conf"
	mkdir -m 0700 "$disk/beside"
}
beside_start() { background "$builddir/tests/programs/embedder" --decide "$work/beside.conf" svc "$work/l" 2>>"$work/log"; beside=${pids[-1]}; }
beside_killed() { kill -9 "$beside" && { wait "$beside" 2>/dev/null; gone "$beside"; }; }
is_published() { grep -q '","b","' "$disk/public/marks"; }
some_decided() { [ "$(wc -l <"$work/l/decided")" -ge "$1" ]; }
# What it let in, beside what emad gave: a line "ASSERTION_ID REQUEST" for each.
beside_given() {
	python3 - "$work/l" <<-'EOF'
	import base64, json, sys
	asked = open(sys.argv[1] + "/asked").read().splitlines()
	for line in open(sys.argv[1] + "/decided"):
	    number, request = line.split()
	    payload = asked[int(number) - 1].split(".")[1]
	    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
	    if claims["sub"] == "left":
	        sys.exit("who was revoked was let in: " + request)
	    print(claims["jti"], request)
	EOF
}
beside_ends() {
	wait "$beside" || return 1
	mkdir -p "$work/two"
	beside_given >"$work/two/decided" && cat "$work/l/given" "$work/two/decided" >"$work/two/given" && once "$work/two"
}
beside_recorded() {
	local missing
	missing=$(comm -23 <(cut -d" " -f2 "$work/two/decided" | sort) <(grep -o '"request":"[^"]*"' "$disk/beside.jsonl" | cut -d'"' -f4 | sort -u))
	[ -z "$missing" ] || { echo "without a record:"; echo "$missing" | head; return 1; }
	# Who was revoked has one, too, which says why.
	grep -q '"code":"blocked"' "$disk/beside.jsonl" && emactl audit verify --state "$disk/beside" "$disk/beside.jsonl"
}
ctl() { emactl -c "$work/ema.conf" "$@"; }
is_ready() { curl -sf -o /dev/null "$web/readyz"; }
start() {
	background "${by[@]}" emad -c "$work/ema.conf" >>"$work/log" 2>&1
	wait_for is_ready || { tail -n 20 "$work/log"; return 1; }
	pid=$(ctl status --json | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
	[ -n "$pid" ]
}
stop() { kill "-$1" "$pid" && wait_for gone "$pid"; }
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
redis_start() {
	background redis-server --port "$redis" --bind 127.0.0.1 --dir "$work" --save '' --appendonly no >/dev/null
	server=${pids[-1]}
	wait_for listens "$redis"
}
redis_end() { kill -9 "$server"; wait_for gone "$server"; }
# Stands between emad and Redis, and does as the file "mode" says with what Redis answers.
liar_start() {
	cat >"$work/relay.py" <<-'EOF'
	import socket, sys, threading, time
	def answers(near, far):
	    try:
	        while data := far.recv(65536):
	            mode = open(sys.argv[3]).read().strip()
	            if mode == "late":
	                time.sleep(6)
	            if mode == "garbage":
	                data = bytes(255 - byte for byte in data)
	            if mode == "cut":
	                data = data[:len(data) // 2]
	            near.sendall(data)
	            if mode == "cut":
	                break
	    except OSError:
	        pass
	    near.close()
	def asks(near, far):
	    try:
	        while data := near.recv(65536):
	            far.sendall(data)
	    except OSError:
	        pass
	    far.close()
	server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
	while True:
	    near = server.accept()[0]
	    far = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
	    for what in answers, asks:
	        threading.Thread(target=what, args=(near, far), daemon=True).start()
	EOF
	background python3 "$work/relay.py" "$liar" "$redis" "$work/mode"
	relay=${pids[-1]}
	wait_for listens "$liar"
}
# With the clock of emad. Nobody is asked about the tokens: that is no fault of them.
ahead() {
	mkdir -p "$work/ahead" && cp "$work/l/issuer.jwk" "$work/ahead/" || return 1
	"${by[@]}" "$load" run "$work/ahead" "$web" 2 2 >"$work/ahead/said" 2>&1
	grep "granted [1-9]" "$work/ahead/said"
}
revoke() { ctl revoke --subject "idp/-/left" --block && echo left >"$work/l/denied"; }
some_given() { [ "$(wc -l <"$work/l/asked")" -ge 20 ]; }

# Before the load: what the way stands on.
before() {
	by=()
	case $way in
	clock) echo 0 >"$work/clock"; by=(env LD_PRELOAD="$clock" EMA_CLOCK="$work/clock"); write_conf "$lmdb" ;;
	emad|truncated) write_conf "$lmdb" ;;
	embedder) write_two ;;
	disk) mount -t tmpfs -o size=64m,mode=0755 none "$disk" && mkdir -m 0700 "$disk/store"; write_conf "$lmdb" ;;
	cache)
		# Where a name ends so is what the media type says.
		mkdir -p "$work/served" && cp "$work/l/issuer.jwks" "$work/served/keys.json"
		(cd "$work/served" && exec python3 -m http.server --bind 127.0.0.1 "$served" >/dev/null 2>&1) & server=$!
		wait_for listens "$served"
		write_conf "$lmdb" "jwks_url = \"http://127.0.0.1:$served/keys.json\"; insecure_http = true;"
		;;
	redis) redis_start; write_conf "plugin = \"redis\"; server = \"127.0.0.1:$redis\";" ;;
	late|garbage|cut) echo plain >"$work/mode"; redis_start; liar_start; write_conf "plugin = \"redis\"; server = \"127.0.0.1:$liar\";" ;;
	esac
}
# In the middle of it.
fault() {
	case $way in
	# Ahead while others redeem, so that the store forgets what is good no more by then; and set back.
	clock) echo 640 >"$work/clock"; wait_for grep '"code":"expired"' "$disk/audit.jsonl" && ahead && echo 0 >"$work/clock" ;;
	emad|truncated|cache) stop KILL ;;
	disk) ! dd if=/dev/zero of="$disk/fill" bs=64K count=2048 2>"$work/said" && sleep 1; rm "$disk/fill" && grep "No space" "$work/said" ;;
	redis) redis_end && redis_start ;;
	embedder)
		local i before
		"$load" ask "$work/l" left
		for i in 1 2 3; do
			# What nobody else sends meanwhile, in case that it never is the first.
			before=$(wc -l <"$work/l/decided")
			"$load" ask "$work/l" "alone-$i"
			wait_for some_decided $((before + 1)) || return 1
			sleep "0.$((RANDOM % 30))"
			beside_killed && beside_start || return 1
		done
		;;
	late|garbage|cut) echo "$way" >"$work/mode"; sleep 1; echo plain >"$work/mode" ;;
	esac
}
refuses_and_says() { ! timeout 60 emad -c "$work/ema.conf" >"$work/said" 2>&1 && grep -F "move its folder away" "$work/said"; }
# Behind it: what an operator would do.
recover() {
	case $way in
	# One that knows of the revocation what Redis knows, once it has it again.
	redis) wait_for grep -F "raised again" "$work/log" && stop TERM && start ;;
	emad) start ;;
	cache)
		for file in "$disk"/state/cache/*.keys; do echo garbage >"$file"; done
		start && grep -F "set aside" "$work/log"
		;;
	truncated)
		truncate -s 12288 "$disk/store/data.mdb"
		refuses_and_says || return 1
		mv "$disk/store" "$disk/store.away" && mkdir -m 0700 "$disk/store"
		# A new file knows of no revocation, as the message says.
		start && revoke
		;;
	esac
}
after() {
	case $way in
	redis) redis_end ;;
	disk) umount "$disk" ;;
	cache) kill "$server"; wait_for gone "$server" ;;
	late|garbage|cut) redis_end; kill "$relay"; wait_for gone "$relay" ;;
	esac
}

command -v redis-server >/dev/null && [ -e "$builddir/plugins/.libs/redis.so" ] && has_redis=1 || has_redis=
[ -e "$builddir/plugins/.libs/lmdb.so" ] && has_lmdb=1 || has_lmdb=
clock=$builddir/tests/programs/.libs/clock.so
[ -n "${SANITIZER-}" ] || [ ! -e "$clock" ] && has_clock= || has_clock=1 # a sanitizer's library would have to come first
ways=()
[ ! "$has_redis" ] || ways+=(redis)
[ ! "$has_lmdb" ] || ways+=(truncated)
[ ! "$has_lmdb" ] || [ "$EMA_ALONE" = 0 ] || ways+=(disk)
[ ! "$has_redis" ] || ways+=(garbage cut late)
[ ! "$has_lmdb" ] || ways+=(cache emad)
[ ! "$has_lmdb" ] || [ ! "$has_clock" ] || ways+=(clock)
# Where the users are not known to whom the folders belong, nothing that is published there is used.
case $(stat -c %u /) in
0|"$(id -u)") [ ! "$has_lmdb" ] || ways=("${ways[@]:0:1}" embedder "${ways[@]:1}") ;;
esac
[ ${#ways[@]} -gt 0 ] || { echo "1..0 # SKIP built with neither lmdb nor redis"; exit 0; }
tokens=0
for ((round = 0; round < rounds; round++)); do
	way=${ways[round % ${#ways[@]}]}
	rm -rf "$disk/state" "$disk/store" "$disk/store.away" "$disk/audit.jsonl" "$disk/beside" "$disk/beside.jsonl" "$disk/public" \
		"$work/l/enough" "$work/log"
	mkdir -m 0700 "$disk/store"
	: >"$work/l/asked"; : >"$work/l/given"; : >"$work/l/denied"; : >"$work/l/decided"
	before
	ok "$way: emad" start
	ok "$way: there is access" "$load" denied "$work/l" "$web"
	ok "$way: revoked" revoke
	[ "$way" != embedder ] || { ok "$way: which is published" wait_for is_published; beside_start; }
	"$load" both "$work/l" "$web" "$web" 2 >"$work/both" 2>&1 & running=$!
	wait_for some_given
	sleep "0.$((RANDOM % 90 + 10))"
	ok "$way: the fault" fault
	ok "$way: what follows" recover
	touch "$work/l/enough"
	wait "$running"
	ok "$way: no answer but a token, a refusal or a 503" sh -c '! grep "answered with" "$1"' sh "$work/both"
	ok "$way: who was revoked is refused" "$load" denied "$work/l" "$web"
	# What the store may have forgotten, it takes no more, with a 503, until it is too old.
	[ "$way" = clock ] && once=(once) || once=()
	ok "$way: each assertion is sent once more" "$load" again "$work/l" "$web" "${once[@]}"
	ok "$way: none was good twice" once "$work/l"
	[ "$way" != embedder ] || { ok "$way: nor for both" beside_ends; ok "$way: nothing without its record" beside_recorded; }
	ok "$way: emad ends" stop TERM
	ok "$way: no token without its record" recorded "$work/l" "$disk/audit.jsonl"
	ok "$way: the records are whole" emactl audit verify --state "$disk/state" "$disk/audit.jsonl"
	tokens=$((tokens + $(wc -l <"$work/l/given")))
	after
done
ok "tokens were given" test "$tokens" -gt 0
plan
