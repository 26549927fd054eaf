#!/usr/bin/env bash
# emad under load while its operator reloads each second and rotates keys: no valid request fails, its memory stays what it was.
# EMA_SOAK=N: for N seconds.
[ "$(id -u)" != 0 ] || . "${srcdir:-$(dirname "$0")/../..}/tests/programs/alone.sh"
. "${srcdir:-$(dirname "$0")/../..}/tests/lib.sh"
takes_long

seconds=${EMA_SOAK:-4}
load=$builddir/tests/programs/load
port=$(python3 "$srcdir/tests/programs/clients.py" free_port -) || { echo "1..0 # SKIP no python3"; exit 0; }
web=http://127.0.0.1:$port
ok "keys" "$load" keys "$work"
(umask 077; echo secret-of-the-app >"$work/secret")
cat >"$work/ema.conf" <<EOF
issuer = "https://auth.example";
state_dir = "$work/state";
audit = ( { plugin = "file"; path = "$work/audit.jsonl"; } );
listen = ( { address = "127.0.0.1:$port"; serve = ["token", "introspection", "health"]; } );
rates = { address = 0; subject = 0; };
store = { plugin = "memory"; entries = 4000000; quota = 4000000; };
token = { publish_before = "1s"; };
providers = ( { id = "idp"; plugin = "oidc"; issuer = "https://idp.example"; jwks = "$(sed 's/["\\]/\\&/g' "$work/issuer.jwks")"; accepts = ["id_jag"]; skew = "1s"; } );
clients = ( { id = "app"; auth = "client_secret_basic"; secret = { file = "$work/secret"; }; } );
callers = ( { id = "gateway"; auth = "client_secret_basic"; secret = { file = "$work/secret"; }; services = ["svc"]; } );
services = ( { id = "svc"; resource = "https://mcp.example/svc"; identity = ["idp"];
  scopes = ( { name = "read"; access = "read"; tools = ["get_*"]; } );
  grants = ( { provider = "idp"; scopes = ["read"]; } ); } );
EOF
ctl() { emactl -c "$work/ema.conf" "$@"; }
background emad -c "$work/ema.conf" >"$work/log" 2>&1
ready() { local i; for ((i = 0; i < 600; i++)); do curl -sf -o /dev/null "$web/readyz" && return; sleep 0.1; done; cat "$work/log"; return 1; }
ok "emad is ready" ready
[ "$failures" -eq 0 ] || { echo "Bail out! emad did not start"; exit 1; }
pid=$(ctl status --json | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
# Without the pages of files: the spool is mapped.
resident() { awk '/^RssAnon/ { print $2 }' "/proc/$pid/status"; }

# The store remembers an assertion for as long as it can be valid, by the largest skew: here for 81 seconds, after which it stops to grow.
"$load" run "$work" "$web" $((seconds < 25 ? 2 : 25)) 4 >"$work/warm" 2>&1; warm=$?
ok "valid requests before anything changes" test "$warm" -eq 0
before=$(resident) first=$(wc -l <"$work/given")
"$load" run "$work" "$web" "$seconds" 4 >"$work/run" 2>&1 & running=$!
reloads=0 rotations=0 bad=0
while kill -0 "$running" 2>/dev/null; do
	if ctl reload >"$work/reload" 2>&1; then reloads=$((reloads + 1)); else bad=$((bad + 1)); cat "$work/reload"; fi
	# 2: the key of the last rotation does not sign yet.
	if [ $((reloads % 10)) = 1 ]; then ctl keys rotate >"$work/rotate" 2>&1 && rotations=$((rotations + 1)); fi
	sleep 1
done
wait "$running"; status=$?
after=$(resident) given=$(wc -l <"$work/given")
sed 's/^/# /' "$work/run"
echo "# $reloads reloads, $rotations rotations, $((given - first)) redemptions, resident $before kB before and $after kB after"
ok "no valid request failed" test "$status" -eq 0
ok "each reload was taken" test "$bad" -eq 0 -a "$reloads" -gt 0
ok "keys were rotated" test "$rotations" -gt 0
# 4 MiB for what threads and allocators keep at hand and for tables that fill up, what the store holds of the new tokens' assertions, and
# what is known of the tokens themselves, of which there is room for 16,384.
room=16384 kept=$((seconds < 81 ? seconds : 81))
known=$(((given < room ? given : room) - (first < room ? first : room)))
allowed=$((4096 + (given - first) * kept / seconds * 200 / 1024 + known * 800 / 1024))
echo "# $((after - before)) kB more, $allowed allowed"
# Shorter, it says nothing of memory: what is made once weighs more.
[ "$seconds" -lt 25 ] || [ -n "${SANITIZER-}" ] || ok "memory is flat" test $((after - before)) -le $allowed
ok "each token has its record" sh -c 'kill -TERM "$1"; while kill -0 "$1" 2>/dev/null; do sleep 0.1; done
	cut -d" " -f2 "$2/given" | sort >"$2/tokens"
	grep -o "\"token_id\":\"[^\"]*\"" "$2/audit.jsonl" | cut -d\" -f4 | sort -u >"$2/recorded"
	test -s "$2/tokens" && test -z "$(comm -23 "$2/tokens" "$2/recorded" | head -n 5 | tee /dev/stderr)"' sh "$pid" "$work"
plan
