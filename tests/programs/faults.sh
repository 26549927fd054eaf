#!/usr/bin/env bash
# emad loses what it stands on while it redeems and revokes, in another way each round: no assertion is good for two tokens, no
# revocation that was acknowledged is forgotten, no token is without its record. EMA_FAULTS=N: so many rounds.
# A disk that is full is a small one of our own, where mounts of our own are permitted; they end with the script.
if [ -z "${EMA_MOUNTS-}" ]; then
	for own in "unshare -m" "unshare -rm"; do
		$own mount -t tmpfs none /mnt 2>/dev/null && EMA_MOUNTS=1 exec $own bash "$0"
	done
	EMA_MOUNTS=0
fi
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
ctl() { emactl -c "$work/ema.conf" "$@"; }
is_ready() { curl -sf -o /dev/null "$web/readyz"; }
start() {
	background emad -c "$work/ema.conf" >>"$work/log" 2>&1
	wait_for is_ready || { tail -n 20 "$work/log"; return 1; }
	pid=$(ctl status --json | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
	[ -n "$pid" ] && pids+=("$pid")
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
revoke() { ctl revoke --subject "idp/-/left" --block && echo left >"$work/l/denied"; }
some_given() { [ "$(wc -l <"$work/l/asked")" -ge 20 ]; }

# Before the load: what the way stands on.
before() {
	case $way in
	emad|truncated) write_conf "$lmdb" ;;
	disk) mount -t tmpfs -o size=64m,mode=0755 none "$disk" && mkdir -m 0700 "$disk/store"; write_conf "$lmdb" ;;
	cache)
		# Where a name ends so is what the media type says.
		mkdir -p "$work/served" && cp "$work/l/issuer.jwks" "$work/served/keys.json"
		(cd "$work/served" && exec python3 -m http.server --bind 127.0.0.1 "$served" >/dev/null 2>&1) & server=$!
		pids+=("$server")
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
	emad|truncated|cache) stop KILL ;;
	disk) ! dd if=/dev/zero of="$disk/fill" bs=64K count=2048 2>"$work/said" && sleep 1; rm "$disk/fill" && grep "No space" "$work/said" ;;
	redis) redis_end && redis_start ;;
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
ways=()
[ ! "$has_redis" ] || ways+=(redis)
[ ! "$has_lmdb" ] || ways+=(truncated)
[ ! "$has_lmdb" ] || [ "$EMA_MOUNTS" = 0 ] || ways+=(disk)
[ ! "$has_redis" ] || ways+=(garbage cut late)
[ ! "$has_lmdb" ] || ways+=(cache emad)
[ ${#ways[@]} -gt 0 ] || { echo "1..0 # SKIP built with neither lmdb nor redis"; exit 0; }
tokens=0
for ((round = 0; round < rounds; round++)); do
	way=${ways[round % ${#ways[@]}]}
	rm -rf "$disk/state" "$disk/store" "$disk/store.away" "$disk/audit.jsonl" "$work/l/enough" "$work/log"
	mkdir -m 0700 "$disk/store"
	: >"$work/l/asked"; : >"$work/l/given"; : >"$work/l/denied"
	before
	ok "$way: emad" start
	ok "$way: there is access" "$load" denied "$work/l" "$web"
	ok "$way: revoked" revoke
	"$load" both "$work/l" "$web" "$web" 2 >"$work/both" 2>&1 & running=$!
	wait_for some_given
	sleep "0.$((RANDOM % 90 + 10))"
	ok "$way: the fault" fault
	ok "$way: what follows" recover
	touch "$work/l/enough"
	wait "$running"
	ok "$way: no answer but a token, a refusal or a 503" sh -c '! grep "answered with" "$1"' sh "$work/both"
	ok "$way: who was revoked is refused" "$load" denied "$work/l" "$web"
	ok "$way: each assertion is sent once more" "$load" again "$work/l" "$web"
	ok "$way: none was good twice" once "$work/l"
	ok "$way: emad ends" stop TERM
	ok "$way: no token without its record" recorded "$work/l" "$disk/audit.jsonl"
	ok "$way: the records are whole" emactl audit verify --state "$disk/state" "$disk/audit.jsonl"
	tokens=$((tokens + $(wc -l <"$work/l/given")))
	after
done
ok "tokens were given" test "$tokens" -gt 0
plan
