#!/usr/bin/env bash
# emad as its operator and its clients use it, the worse ones too.
[ "$(id -u)" != 0 ] || . "${srcdir:-$(dirname "$0")/../..}/tests/programs/alone.sh"
. "${srcdir:-$(dirname "$0")/../..}/tests/lib.sh"

command -v python3 >/dev/null || { echo "1..0 # SKIP no python3"; exit 0; }
clients() { python3 "$srcdir/tests/programs/clients.py" "$@"; }
port=$(clients free_port -) tls_port=$(clients free_port -)
web=127.0.0.1:$port
conf=$work/ema.conf state=$work/state
chmod 0755 "$work"
unset NOTIFY_SOCKET LISTEN_FDS LISTEN_PID JOURNAL_STREAM

# write_conf LISTENERS [MORE]: a configuration with times that nobody runs out of.
write_conf() {
	cat >"$conf" <<-EOF
	issuer = "https://auth.acme.example";
	state_dir = "$state";
	audit = ( { plugin = "file"; path = "$work/audit.jsonl"; } );
	listen = ( $1 );
	${2-$calm}
	EOF
	chmod 0644 "$conf"
}
short='limits = { header_timeout = "1s"; body_timeout = "1s"; idle_timeout = "1s"; };'
calm='limits = { header_timeout = "5m"; body_timeout = "5m"; idle_timeout = "5m"; };'
plain="{ address = \"$web\"; }"
patient='proxies = ["127.0.0.1"]; limits = { header_timeout = "5m"; body_timeout = "5m"; idle_timeout = "5m"; connections = '

# start [COMMAND...]: emad, until it answers.
start() {
	: >"$work/log"
	[ $# -gt 0 ] || set -- emad -v -c "$conf"
	background "$@" >"$work/log" 2>&1
	pid=$!
	wait_for grep -q "state in" "$work/log" || { echo "Bail out! emad did not start"; sed 's/^/# /' "$work/log"; exit 1; }
	# The programs of an uninstalled tree are scripts around them at first.
	pid=$(emactl -c "$conf" status --json | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
	[ -n "$pid" ] || { echo "Bail out! emad does not answer"; exit 1; }
}
gone() { ! kill -0 "$pid" 2>/dev/null; }
stop() { kill -TERM "$pid" && wait_for gone; }
logged() { grep -qF -- "$1" "$work/log"; }

# ---- Before it serves ----
fails 2 "unknown option" emad --frobnicate
fails 2 "a word" emad frobnicate
says 'is no option'
ok "version" emad --version
ok "help" emad --help
fails 1 "no such file" emad -c "$work/none.conf"
write_conf "$plain"
ok "-t" emad -t -c "$conf"
out=$(<"$work/.out")
ok "no word of the store" test "${out/W-STORE/}" = "$out"
sed -i '/^state_dir/d' "$conf"
fails 0 "-t without a state_dir" emad -t -c "$conf"
says "W-STORE-MEMORY: revocations and blocks are lost when emad ends"
fails 1 "check, too" emactl check -c "$conf"
says "W-STORE-MEMORY: revocations and blocks are lost when emad ends"
write_conf "$plain"
fails 0 "-t says so" emad -t -c "$conf"
says "is fine"
write_conf '{ address = "0.0.0.0:1"; }'
fails 1 "JAG-07: no clear text for other hosts" emad -c "$conf"
says "E-CLEARTEXT"
fails 1 "nor with -t" emad -t -c "$conf"
write_conf ""
fails 1 "nothing to serve" emad -c "$conf"
says '"listen" is not set'
write_conf '{ address = "systemd:http"; }'
fails 1 "a socket that systemd did not hand over" emad -c "$conf"
says "FileDescriptorName"
write_conf "{ address = \"$web\"; tls = { certificate = \"$work/none.pem\"; key = \"$work/none.key\"; }; }"
fails 1 "a certificate that is not there" emad -c "$conf"
says "none.pem cannot be read"
write_conf "$plain" 'user = "nobody-of-that-name";'
fails 1 "a user that is not there" emad -c "$conf"
says "there is no such user"

# What only emad reads, emad -t and emactl check read too, and make nothing.
foretold() { # STATUS NAME TEXT LISTENERS MORE
	write_conf "$4" "$short $5"
	sed -i "s|$state|${state_of-$state}|; s|$work/audit.jsonl|${audit_of-$work/audit.jsonl}|" "$conf"
	fails "$1" "emad -t: $2" emad -t -c "$conf"
	says "$3"
	[ -n "${only_t-}" ] && return
	fails 1 "check: $2" emactl -c "$conf" check
	says "$3"
}
with_secret() { echo "clients = ( { id = \"vscode\"; auth = \"client_secret_basic\"; secret = { $1; }; } );"; }
rm -rf "$state" "$work/audit.jsonl"
(umask 077; echo short >"$work/five"; echo correct-horse-battery-staple >"$work/good"; cp "$work/good" "$work/open"; chmod 0644 "$work/open")
foretold 1 "a secret that is not there" "none cannot be read: there is no such file" "$plain" "$(with_secret 'file = "none"')"
foretold 1 "a secret that others read" "is a secret that others may read (mode 0644): chmod 0600" "$plain" "$(with_secret 'file = "open"')"
foretold 1 "a secret that is short" "it has not 16 to 512 characters" "$plain" "$(with_secret 'file = "five"')"
only_t=1 foretold 0 "a secret that systemd hands over" "emad: note: $conf:5: N-UNSEEN: not looked at: secret" "$plain" "$(with_secret 'credential = "vscode"')"
foretold 1 "a certificate of a client" "none cannot be read: there is no such file" "$plain" 'clients = ( { id = "vscode"; auth = "self_signed_tls_client_auth"; certificate_file = "none"; } );'
state_of=$work/none/state foretold 1 "a state_dir that cannot be made" "E-STATE: state_dir cannot be made: $work/none: there is no such folder" "$plain" ""
state_of=$work/good foretold 1 "a state_dir that is a file" "E-STATE: state_dir $work/good is no folder" "$plain" ""
foretold 1 "a unix socket in no folder" "E-FILE: the socket cannot be made: $work/none: there is no such folder" "{ address = \"unix:$work/none/http.sock\"; }" ""
foretold 1 "a unix socket where a file is" "$work/good is something else than a socket" "{ address = \"unix:$work/good\"; }" ""
foretold 1 "an admin socket in no folder" "E-FILE: admin_socket cannot be made: $work/none" "$plain" "admin_socket = \"$work/none/emad.sock\";"
audit_of=$work/none/audit.jsonl foretold 0 "no folder for audit" "W-AUDIT: file: $work/none/audit.jsonl: there is no such folder" "$plain" ""
ok "nothing was made" sh -c '! ls -d "$@" 2>/dev/null | grep .' sh "$state" "$work/none" "$work/audit.jsonl"
write_conf "$plain" "$(with_secret 'credential = "vscode"')"
ok "check: what systemd hands over is a note" emactl -c "$conf" check
says "N-UNSEEN: not looked at: secret, which emad is handed when it is started"
write_conf "$plain" "$(with_secret 'file = "good"')"
as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups env "PATH=$PATH" "LD_LIBRARY_PATH=$LD_LIBRARY_PATH" "EMA_PLUGIN_PATH=$EMA_PLUGIN_PATH" "$@"; }
if [ "$(id -u)" = 0 ] && as_nobody emactl --version >/dev/null 2>&1; then
	ok "check: what another user may not read is a note" as_nobody emactl -c "$conf" check
	says "N-UNSEEN: not looked at: $work/good, which this user may not read"
	chown 65534 "$work/good"
	ok "check: of a user that may be emad's" emactl -c "$conf" check
	says "N-UNSEEN: not looked at: $work/good: it belongs to user 65534, which must be emad's"
	mkdir -m 0700 "$work/rootly"
	only_t=1 state_of=$work/rootly foretold 1 "a state_dir that is another's" "in $work/rootly nothing can be made: Permission denied" "$plain" 'user = "nobody";'
	rmdir "$work/rootly"
else
	skip "check by another user" "not root"
fi

# ---- Clients ----
write_conf "$plain, { address = \"unix:$work/http.sock\"; mode = \"0660\"; }" \
	"proxies = [\"127.0.0.1\"]; $short"
start
ok "by TCP" clients ask "$web"
ok "by a unix socket" clients ask "unix:$work/http.sock"
ok "its mode" test "$(stat -c %a "$work/http.sock")" = 660
ok "the admin socket's" test "$(stat -c %a "$state/emad.sock")" = 600
for client in drip_line drip_header drip_body drip_chunks silent half big_header pipelining smuggling big_body; do
	ok "$client" clients "$client" "$web"
done
ok "by a unix socket too: drip_body" clients drip_body "unix:$work/http.sock"
ok "smuggling" clients smuggling "unix:$work/http.sock"
write_conf "$plain, { address = \"unix:$work/http.sock\"; mode = \"0660\"; }" "proxies = [\"127.0.0.1\"]; $calm"
ok "who is not so slow has more time" emactl -c "$conf" reload

# JAG-06, AUD-09
curl -s -o /dev/null "http://$web/token?assertion=CANARY1" -H "Authorization: Bearer CANARY2" -H "Cookie: CANARY3" -d "assertion=CANARY4"
ok "JAG-06: a line for each request" logged "POST /token 404"
ok "JAG-06, AUD-09: without query, header or body" sh -c '! grep -q CANARY "$1"' sh "$work/log"
curl -s -o /dev/null --path-as-is "http://$web/a%0aemad:%20b/$(printf '\033')[31m"
exec 3<>"/dev/tcp/${web/://}"
printf 'M\302\233 /c\302\23331m\342\200\256d\377 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' >&3
cat <&3 >/dev/null
exec 3>&-
ok "nor of C1 or what turns a line, in its method or path" logged "M?? /c??31m???d? 4"
ok "no control character in it" sh -c '! LC_ALL=C grep -q "[[:cntrl:]]" "$1"' sh "$work/log"
ok "and nothing else than ASCII" sh -c '! LC_ALL=C grep -q "[^ -~]" "$1"' sh "$work/log"

# ---- The manual ----
# A line that begins with "$ " is run, those that follow are what it prints; 8080 stands for the port of the test.
transcripts() {
	local line want='' command='' bad=0 open=0
	run_one() {
		local got
		[ -n "$command" ] || return 0
		got=$(eval "${command//127.0.0.1:8080/$web}" 2>&1)
		[ "$got" = "${want%$'\n'}" ] || { printf '$ %s\n%s\n-- but the manual says:\n%s\n' "$command" "$got" "$want"; bad=1; }
		command='' want=''
	}
	while IFS= read -r line; do
		case $line in
		'.Bd -literal'*) open=1 ;;
		.Ed) run_one; open=0 ;;
		'$ '*) [ $open = 1 ] && run_one && command=${line#??} && command=${command//\\e/\\} && shown=$((shown + 1)) ;;
		*) [ -z "$command" ] || want+=${line//\\e/\\}$'\n' ;;
		esac
	done < <(cat "$srcdir/man/emad.8")
	[ "$shown" -gt 0 ] || { echo "no transcript was found"; return 1; }
	return $bad
}
shown=0
background devidp --state "$work/idp" --ports okta=0 --ready-file "$work/ready" >/dev/null
wait_for test -s "$work/ready"
okta=$(sed -n 's/^okta=//p' "$work/ready")
curl -s -o /dev/null "http://127.0.0.1:$okta/oauth2/v1/keys" # made when they are first asked for
(umask 077; echo correct-horse-battery-staple >"$work/secret")
mkdir "$work/cache" 2>/dev/null
# with_github MORE: the same with a service, which may have more keys.
with_github() {
	write_conf "$plain" "$calm
	providers = ( { id = \"okta\"; plugin = \"okta_xaa\"; org = \"http://127.0.0.1:$okta\"; insecure_http = true; } );
	clients = ( { id = \"vscode\"; auth = \"client_secret_basic\"; secret = { file = \"$work/secret\"; }; } );
	services = ( { id = \"github\"; resource = \"https://mcp.acme.example/github\"; issuer = \"https://auth.acme.example/github\";
	  identity = [\"okta\"]; scopes = ( { name = \"repo:read\"; access = \"read\"; tools = [\"get_*\"]; } );
	  grants = ( { provider = \"okta\"; scopes = [\"repo:read\"]; } ); $1 } );"
}
with_github ''
ok "a configuration with a service" emactl -c "$conf" reload
assertion() { devidp --state "$work/idp" --print-assertion alice --service https://auth.acme.example/github --client vscode --scope repo:read | tr -d '\n'; }
# The keys of a provider are fetched by a thread; until they are there, the answer is 503 and uses nothing up.
redeems() {
	assertion >"$work/jag"
	curl -s -u vscode:correct-horse-battery-staple "http://$web/github/token" -d grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer \
		--data-urlencode "assertion@$work/jag" | sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p' >"$work/token"
	[ -s "$work/token" ]
}
ok "JAG-07: an ID-JAG becomes a token" wait_for redeems
assertion >"$work/jag"
shows() { cd "$work" && transcripts; }
ok "what the manual shows is what one sees" shows

# ---- Shadow mode ----
until=$(date -u -d '+20 days' +%Y-%m-%d)
with_github "denies = ( { tools = [\"get_secret\"]; mode = \"shadow\"; } );
	  permissions = { mode = \"shadow\"; until = \"$until\"; };"
ok "permissions in shadow mode" emactl -c "$conf" reload
ok "AZN-57: status says so" emactl -c "$conf" status
says "shadow mode service github: what no grant gives is allowed too, until ${until}T00:00:00Z; 0 grants and 1 deny decide nothing"
ok "AZN-57: and in JSON" sh -c 'emactl -c "$1" status --json | tr -d " \n" | grep -o "\"shadow\":\[{[^]]*]"' sh "$conf"
says "\"shadow\":[{\"service\":\"github\",\"until\":$(date -u -d "$until" +%s),\"grants\":0,\"denies\":1}]"
message() { printf '%s' "$1" >"$work/message"; emactl -c "$conf" explain --service github --token "$work/token" --message "$work/message"; }
ok "AZN-57: what it lets in is explained by it" message '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"put_file","arguments":{}}}'
says "because    $conf:11: let in by shadow mode alone, until $until: without it not_granted, no grant gives this to the subject"
says "for a permit without shadow mode"
says "whether emad takes so long a message (body_size of limits)"
says "no grant opens this for anybody: a scope must have it"
fails 1 "a message that is no JSON" message '{"jsonrpc":'
says "user sees  the body is not strict JSON"
says "the body is not strict JSON at byte 11: "
write_conf "$plain"
ok "and without a service again" emactl -c "$conf" reload

# ---- Reload ----
ok "status for a program" emactl -c "$conf" status --json
ok "status" emactl -c "$conf" status
says "listens on  $web: token metadata"
says "store       memory: reached, remembers since"
says "current, published"
says "sink        file: works, must"
says "in the last"
says "; 0 blocked"
ok "reload" emactl -c "$conf" reload
says "loaded"
# refusals: records of reloads that were refused.
refusals() { grep -c '"kind":"config-refused"' "$work/audit.jsonl"; }
refused() { wait_for sh -c '[ "$(grep -c "\"kind\":\"config-refused\"" "$1")" -ge "$2" ]' sh "$work/audit.jsonl" "$1" && [ "$(refusals)" = "$1" ] &&
	    grep '"kind":"config-refused"' "$work/audit.jsonl" | tail -n 1 | grep -F -- "$2"; }
ok "no reload was refused yet" test "$(refusals)" = 0
printf 'isuer = "x";\n' >>"$conf"
fails 1 "reload with a mistake" emactl -c "$conf" reload
says 'did you mean "issuer"?'
says "what was there before stays"
ok "has its record, with the place and the id" refused 1 "$conf:$(grep -n isuer "$conf" | cut -d: -f1): E-"
# An incident does not wait until ema.conf is mended.
fails 1 "status with a mistake" emactl -c "$conf" status
says "$conf does not load; asking the emad at $state/emad.sock"
ok "revoke with a mistake" emactl -c "$conf" revoke --client nobody
cp "$conf" "$work/kept.conf"
printf '{{{\n' >>"$conf"
ok "revoke where it cannot be parsed" emactl -c "$conf" revoke --client nobody
says "E-SYNTAX"
says "$conf does not load; asking the emad at $state/emad.sock"
fails 1 "reload where it cannot be parsed" emactl -c "$conf" reload
says "what was there before stays"
ok "has its record, too" refused 2 "E-SYNTAX"
cp "$conf" "$work/other.conf"
fails 2 "never an emad that serves another file" emactl -c "$work/other.conf" revoke --client nobody
says "$work/other.conf does not load, and does not say where emad is asked; --admin PATH names its admin socket (emad.sock in state_dir, often /var/lib/ema/emad.sock)"
chmod 0666 "$conf"
fails 2 "nor what a file names that others could change" emactl -c "$conf" status
chmod 0644 "$conf"
sed "s|^state_dir.*|state_dir = \"$work/moved\";|" "$work/kept.conf" >"$conf"
fails 2 "revoke where it says nothing and no emad is" emactl -c "$conf" revoke --client nobody
says "does not load, and no emad answers where it names one"
sed -i '/^isuer/d' "$conf"
fails 2 "reload where state_dir is another" emactl -c "$conf" reload
says "$work/moved/emad.sock: No such file or directory: emad does not run, or was started with another state_dir or admin_socket: --admin PATH names its socket"
cp "$work/kept.conf" "$conf"
ok "still served" clients ask "$web"
kill -HUP "$pid"
ok "SIGHUP with a mistake" wait_for sh -c '[ "$(grep -c "was not loaded" "$1")" -ge 3 ]' sh "$work/log"
ok "has its record" refused 3 "E-"
ok "still served" clients ask "$web"
fails 1 "status tells of it" emactl --admin "$state/emad.sock" status
says "the last reload was refused"
fails 1 "and a program" emactl --admin "$state/emad.sock" status --json
says '"last_reload_refused": true'
rm "$conf"
kill -HUP "$pid"
ok "SIGHUP without a file" wait_for sh -c '[ "$(grep -c "was not loaded" "$1")" -ge 4 ]' sh "$work/log"
ok "still served" clients ask "$web"
write_conf "{ address = \"unix:$work/http.sock\"; }"
fails 1 "one that opens nothing new leaves the old alone: a port that is taken" sh -c '
	echo "listen = ( { address = \"unix:$1/http.sock\"; }, { address = \"unix:$1/none/x\"; } );" >"$2"; emactl --admin "$3" reload' \
	sh "$work" "$conf" "$state/emad.sock"
says "cannot listen on unix:$work/none/x: No such file or directory"
ok "has its record" refused 5 "cannot listen on unix:$work/none/x: "
ok "still served" clients ask "$web"
write_conf "{ address = \"unix:$work/http.sock\"; }"
ok "a listener less" emactl -c "$conf" reload
ok "it is gone" wait_for clients refused "$web"
ok "the other is there" clients ask "unix:$work/http.sock"
write_conf "$plain, { address = \"unix:$work/http.sock\"; }"
ok "and comes back" emactl -c "$conf" reload
ok "served again" clients ask "$web"
unsaid "takes effect when emad is restarted"
write_conf "$plain, { address = \"unix:$work/http.sock\"; mode = \"0666\"; }"
ok "a socket that is to have another mode" emactl -c "$conf" reload
says "mode or group of unix:$work/http.sock has changed: it takes effect when emad is restarted"
write_conf "$plain, { address = \"unix:$work/http.sock\"; }"
ok "and back" emactl -c "$conf" reload
# The context changes last: what cannot be served is refused whole.
if command -v prlimit >/dev/null && ls "/proc/$pid/fd" >/dev/null 2>&1; then
	digest() { emactl -c "$conf" status --json | tr -d ' \n' | sed 's/.*"digest":"\([^"]*\)".*/\1/'; }
	before=$(digest)
	echo >>"$conf"
	# The old listeners' go a little after the reload.
	settled() { local is=$(ls "/proc/$pid/fd" | wc -l); sleep 0.3; [ "$is" = "$(ls "/proc/$pid/fd" | wc -l)" ]; }
	wait_for settled
	prlimit --pid "$pid" --nofile=$(($(ls "/proc/$pid/fd" | wc -l) + 8)):
	fails 1 "no descriptors for new listeners" emactl -c "$conf" reload
	says "the listeners stay as they were"
	ok "has its record" refused 6 "the listeners stay as they were"
	ok "nor was the configuration put in place" test "$(digest)" = "$before"
	ok "still served" clients ask "$web"
	prlimit --pid "$pid" --nofile=1024:
	ok "and with descriptors" emactl -c "$conf" reload
	ok "it is" test "$(digest)" != "$before" -a -n "$before"
else
	skip "no descriptors for new listeners" "no prlimit, or not root"
fi
fails 2 "a command that is none" emactl -c "$conf" reload now
clients admin "$state/emad.sock" frobnicate >"$work/.out"
says "does not know this command"
for bytes in 40000 120000; do
	fails 2 "a name of $bytes bytes" emactl -c "$conf" revoke --subject "$(head -c "$bytes" /dev/zero | tr '\0' a)"
	says "the command is too long"
done

# ---- Another emad, other users ----
fails 1 "a second emad" emad -c "$conf"
says "E-STORE-LOCAL"
cp "$srcdir/tests/programs/clients.py" "$work" && chmod 0644 "$work/clients.py"
nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups /usr/bin/python3 "$work/clients.py" "$@"; }
if [ "$(id -u)" = 0 ] && [ "$(nobody free_port - 2>/dev/null)" -gt 0 ] 2>/dev/null; then
	fails 1 "another user cannot connect" nobody admin "$state/emad.sock" status
	says "Permission denied"
	chmod 0666 "$state/emad.sock"
	ok "nor ask, if he could" nobody admin "$state/emad.sock" status
	says "only root and emad's own user may"
else
	skip "another user" "not root"
fi

# ---- The end ----
ok "SIGTERM: what is in flight is finished" clients in_flight "$web" "$pid"
ok "and emad ends" wait_for gone
ok "nothing is left behind" test ! -e "$state/emad.sock" -a ! -e "$work/http.sock"
ok "the log ends well" logged "ended"
write_conf "$plain, { address = \"unix:$work/http.sock\"; }"
start
kill -9 "$pid"
wait_for gone
ok "kill -9 leaves sockets" test -S "$state/emad.sock" -a -S "$work/http.sock"
start
ok "which the next emad takes away" clients ask "unix:$work/http.sock"
stop
: >"$work/http.sock"
fails 1 "but not what is no socket" emad -c "$conf"
says "it is left alone"
rm "$work/http.sock"
interrupted() { : >"$work/log"; emad -c "$conf" >"$work/log" 2>&1 & pid=$!; wait_for logged "state in"; kill -INT "$pid"; wait "$pid"; }
ok "SIGINT ends with 0" interrupted
ok "nothing of it is forgotten" test -f "$state/marks/marks" -a "$(grep -c W-STORE-MEMORY "$work/log")" = 0
sed -i "s|^state_dir.*|admin_socket = \"$work/admin.sock\";|" "$conf"
ok "without a state_dir" interrupted
ok "it is said that revocations are lost" logged "W-STORE-MEMORY: revocations and blocks are lost when emad ends"

# ---- Limits ----
write_conf "$plain" "$patient 16; };"
start
ok "above limits.connections the longest idle goes" clients evict "$web" 16
ok "or who is longest within a request" clients evict_asking "$web" 16
stop
write_conf "$plain" 'threads = 8;'
start
ok "a crowd of connections is dealt out to the threads" clients crowd "$web" "$pid" 8
stop
write_conf "{ address = \"$web\"; serve = [\"decision\"]; }" 'threads = 2; proxies = ["127.0.0.1"];
	providers = ( { id = "slow"; plugin = "fault"; issuer = "https://slow.example"; hold = "'"$work/held"'"; accepts = ["access_token"]; } );
	services = ( { id = "slow"; resource = "https://mcp.example/slow"; identity = ["slow"]; deadline = "60s"; decision = { without_body = "connect"; enforced_by = "server"; };
	  audience = ( { provider = "slow"; is = ["x"]; clients = ["app"]; scope_map = ( { from = "read"; to = ["read"]; } ); } );
	  scopes = ( { name = "read"; access = "read"; tools = ["*"]; } ); grants = ( { provider = "slow"; scopes = ["read"]; } ); } );'
start
ok "and none to one that is at work for long" clients held_up "$web" "$work/held"
stop
write_conf "$plain" 'limits = { per_address = 3; };'
start
ok "an address has its share of connections" clients per_address "$web" 3
stop
write_conf "$plain" "$patient 20000; };"
start
each=40000
[ -z "${SANITIZER-}" ] || each=0
ok "10000 idle connections" clients idle "$web" "$pid" 10000 $each
stop

# ---- Users ----
if [ "$(id -u)" = 0 ] && id nobody >/dev/null 2>&1; then
	rm -rf "$state"
	mkdir "$work/sinks" && chown nobody "$work/sinks"
	write_conf "$plain" "user = \"nobody\";"
	sed -i "s|$work/audit.jsonl|$work/sinks/audit.jsonl|" "$conf"
	start
	ok "root becomes somebody else for good" grep -qE "^Uid:[[:space:]]+$(id -u nobody)[[:space:]]+$(id -u nobody)[[:space:]]+$(id -u nobody)[[:space:]]" "/proc/$pid/status"
	ok "without capabilities" grep -qE '^CapEff:[[:space:]]+0+$' "/proc/$pid/status"
	ok "nor new privileges" grep -qE '^NoNewPrivs:[[:space:]]+1$' "/proc/$pid/status"
	ok "without core dumps" grep -qE '^Max core file size +0 +0 ' "/proc/$pid/limits"
	# What is not dumpable belongs to root in /proc.
	ok "closed to its own user" test "$(stat -c %u "/proc/$pid/mem")" = 0
	ok "the state is its own" test "$(stat -c %U "$state")" = nobody
	ok "served" clients ask "$web"
	ok "reload as that user" emactl -c "$conf" reload
	stop
	rm -rf "$state"
else
	skip "users" "not root"
fi

# ---- TLS ----
if command -v openssl >/dev/null && curl --version | grep -q '^Protocols.*https'; then
	certificate() { # NAME
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=$1" -addext "subjectAltName=DNS:$1" \
			-keyout "$work/$1.key" -out "$work/$1.pem" >/dev/null 2>&1 && chmod 0600 "$work/$1.key"
	}
	certificate one && certificate two
	cp "$work/one.pem" "$work/tls.pem" && cp -p "$work/one.key" "$work/tls.key"
	tls="{ address = \"127.0.0.1:$tls_port\"; tls = { certificate = \"tls.pem\"; key = \"tls.key\"; client_ca_file = \"two.pem\"; }; }"
	write_conf "$tls"
	by_tls() { # CURL'S WORDS... NAME
		curl -sS -o /dev/null -w '%{http_code}' --cacert "$work/${*: -1}.pem" --resolve "${*: -1}:$tls_port:127.0.0.1" \
			"${@:1:$#-1}" "https://${*: -1}:$tls_port/nowhere" 2>"$work/curl" | grep -q 404
	}
	request='Client Certificate Types|Requested Signature Algorithms'
	asks() { openssl s_client -connect "127.0.0.1:$tls_port" </dev/null 2>/dev/null | grep -qE "$1"; }
	start
	ok "TLS" by_tls one
	ok "with version 1.2" by_tls --tls-max 1.2 one
	fails 1 "not with an older one" by_tls --ciphers DEFAULT@SECLEVEL=0 --tlsv1.0 --tls-max 1.1 one
	fails 1 "not in clear text" clients ask "127.0.0.1:$tls_port"
	ok "a client is asked for a certificate" asks "$request"
	ok "and may come without" by_tls one
	ok "or with one" by_tls --cert "$work/two.pem" --key "$work/two.key" one
	ok "or with any" by_tls --cert "$work/one.pem" --key "$work/one.key" one
	write_conf "$tls" "$short"
	ok "with short times" emactl -c "$conf" reload
	ok "slow clients by TLS" clients silent_tls "127.0.0.1:$tls_port"
	write_conf "$tls"
	ok "and without" emactl -c "$conf" reload
	cp "$work/two.pem" "$work/tls.pem"
	ok "a certificate without its key: the old one stays" emactl -c "$conf" reload
	says "do not do together"
	says "that are in use stay"
	ok "served by the old one" by_tls one
	cp -p "$work/two.key" "$work/tls.key"
	ok "with its key" emactl -c "$conf" reload
	ok "served by the new one" by_tls two
	rm "$work/tls.key"
	ok "a key that vanished" emactl -c "$conf" reload
	says "tls.key cannot be read"
	ok "served" by_tls two
	cp "$work/two.key" "$work/tls.key" && chmod 0644 "$work/tls.key"
	ok "a key that anybody may read" emactl -c "$conf" reload
	says "chmod 0600"
	echo nonsense >"$work/ca.pem"
	write_conf "${tls/two.pem/ca.pem}"
	fails 1 "and an authority that cannot be read" emactl -c "$conf" reload
	says "whose certificates are trusted is not known"
	chmod 0600 "$work/tls.key"
	write_conf "${tls/client_ca_file = \"two.pem\"/client_certificates = true}"
	ok "certificates without an authority" emactl -c "$conf" reload
	ok "are asked for" asks "$request"
	ok "with one of nobody's" by_tls --cert "$work/one.pem" --key "$work/one.key" two
	write_conf "${tls/client_ca_file = \"two.pem\";/}"
	ok "without either" emactl -c "$conf" reload
	fails 1 "nobody is asked" asks "$request"
	# with_clients LISTENER'S_KEY CLIENT'S_KEYS: a service for a client that has its certificate alone.
	with_clients() {
		write_conf "${tls/client_ca_file = \"two.pem\"/$1}" "$calm
			providers = ( { id = \"okta\"; plugin = \"okta_xaa\"; org = \"http://127.0.0.1:$okta\"; insecure_http = true; } );
			clients = ( { id = \"vscode\"; $2 certificate_bound = true; } );
			services = ( { id = \"github\"; resource = \"https://mcp.acme.example/github\"; issuer = \"https://auth.acme.example/github\";
			  identity = [\"okta\"]; scopes = ( { name = \"repo:read\"; access = \"read\"; tools = [\"get_*\"]; } );
			  grants = ( { provider = \"okta\"; scopes = [\"repo:read\"]; } ); } );"
		emactl -c "$conf" reload
	}
	mutual() { # NAME: redeems with its certificate
		assertion >"$work/jag"
		curl -sS --cacert "$work/two.pem" --resolve "two:$tls_port:127.0.0.1" --cert "$work/$1.pem" --key "$work/$1.key" "https://two:$tls_port/github/token" \
			-d grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer -d client_id=vscode --data-urlencode "assertion@$work/jag" >"$work/answer"
	}
	granted() { mutual "$1" && grep -q access_token "$work/answer"; }
	refused() { mutual "$1" && grep -q invalid_client "$work/answer"; }
	# RFC 8705 3.1
	bound() {
		openssl x509 -in "$work/$1.pem" -outform DER | openssl dgst -sha256 -binary | openssl base64 -A | tr '+/' '-_' | tr -d = >"$work/thumb"
		sed 's/.*"access_token":"[^.]*\.\([^.]*\)\..*/\1==/' "$work/answer" | tr -- '-_' '+/' | base64 -d 2>/dev/null | grep -qF "\"x5t#S256\":\"$(cat "$work/thumb")\""
	}
	ok "JAG-21: a client by the certificate that ema.conf has of it" with_clients "client_certificates = true" \
		'auth = "self_signed_tls_client_auth"; certificate_file = "one.pem";'
	ok "gets a token" wait_for granted one
	ok "that is bound to the certificate" bound one
	ok "another certificate does not" refused two
	ok "JAG-19: a client by its name in a certificate that an authority signed" with_clients 'client_ca_file = "two.pem"' \
		'auth = "tls_client_auth"; san_dns = "two";'
	ok "gets a token, too" wait_for granted two
	ok "that is bound" bound two
	ok "one of no authority does not" refused one
	stop
	chmod 0644 "$work/tls.key"
	fails 1 "does not start with such a key" emad -c "$conf"
	says "chmod 0600"
else
	skip "TLS" "no openssl, or no https in curl"
fi

# ---- Its lock ----
held() { ! flock -n "$state" true; }
write_conf "$plain"
if [ "$(id -u)" = 0 ] && nobody free_port - >/dev/null 2>&1; then
	background setpriv --reuid=65534 --regid=65534 --clear-groups flock --no-fork "$state" sleep 600
	ok "another user locks the folder that he may read" wait_for held
	start
	ok "which keeps nobody from the service" clients ask "$web"
	stop
else
	skip "another user's lock" "not root"
fi
rm "$state/lock" && ln -s "$conf" "$state/lock"
fails 1 "a lock that is a link" emad -c "$conf"
says 'its file "lock" cannot be opened'
rm "$state/lock"

# ---- systemd ----
write_conf '{ address = "systemd:web"; }, { address = "systemd:local"; }'
python3 "$srcdir/tests/programs/clients.py" notified "$work/notify" "$work/told" & pids+=($!)
wait_for test -S "$work/notify"
activated() { NOTIFY_SOCKET="$work/notify" WATCHDOG_USEC=200000 clients_exec activate "$web,unix:$work/act.sock" web:local emad -v -c "$conf"; }
clients_exec() { exec python3 "$srcdir/tests/programs/clients.py" "$@"; }
start activated
ok "socket activation: TCP" clients ask "$web"
ok "socket activation: a unix socket" clients ask "unix:$work/act.sock"
told() { grep -qE -- "$1" "$work/told"; }
ok "READY" wait_for told '^READY=1'
ok "the watchdog" wait_for told '^WATCHDOG=1'
ok "reload" emactl -c "$conf" reload
ok "its sockets are still there" clients ask "$web"
kill -HUP "$pid"
ok "RELOADING" wait_for told '^RELOADING=1 MONOTONIC_USEC=[0-9]+'
stop
ok "STOPPING" wait_for told '^STOPPING=1'
ok "systemd's socket is left to it" test -S "$work/act.sock"
write_conf '{ address = "systemd:other"; }'
NOTIFY_SOCKET='' fails 1 "another name" bash -c 'exec python3 "$0" activate "$1" web emad -c "$2"' "$srcdir/tests/programs/clients.py" "$web" "$conf"
says "no socket of this FileDescriptorName"
# JAG-07: what systemd bound is judged by what it is.
write_conf '{ address = "systemd:web"; }'
fails 1 "JAG-07: clear text on a socket of systemd that others reach" bash -c 'exec python3 "$0" activate "0.0.0.0:$1" web emad -c "$2"' \
	"$srcdir/tests/programs/clients.py" "$port" "$conf"
says "E-CLEARTEXT"
# A clear text listener for others serves the proxies that are named, and nobody else: JAG-07.
write_conf "{ address = \"0.0.0.0:$port\"; }, { address = \"unix:$work/http.sock\"; }" 'proxies = ["192.0.2.1"];'
start
ok "JAG-07: who is no proxy is not served in clear text" clients refused "$web"
write_conf "{ address = \"0.0.0.0:$port\"; }, { address = \"unix:$work/http.sock\"; }" 'proxies = ["127.0.0.0/8"];'
ok "a proxy is named" emactl -c "$conf" reload
ok "and served" clients ask "$web"
stop

# ---- Metrics ----
metrics() { curl -sS -o "$work/answer" -w '%{http_code}' "${@:2}" | grep -q "$1"; } # STATUS CURL'S WORDS...
if [ -s "$work/one.pem" ]; then
	public_port=$(clients free_port -) public=(--cacert "$work/one.pem" --resolve "one:$public_port:127.0.0.1" "https://one:$public_port/metrics")
	write_conf "{ address = \"$web\"; serve = [\"health\", \"metrics\"]; }, { address = \"0.0.0.0:$public_port\"; serve = [\"metrics\"];
		tls = { certificate = \"one.pem\"; key = \"one.key\"; }; }" "$calm
		providers = ( { id = \"okta\"; plugin = \"okta_xaa\"; org = \"http://127.0.0.1:$okta\"; insecure_http = true; } );
		callers = ( { id = \"prometheus\"; auth = \"client_secret_basic\"; secret = { file = \"$work/secret\"; }; purposes = [\"metrics\"]; } );
		services = ( { id = \"github\"; resource = \"https://mcp.acme.example/github\"; identity = [\"okta\"];
		  scopes = ( { name = \"repo:read\"; access = \"read\"; tools = [\"get_*\"]; } ); grants = ( { provider = \"okta\"; scopes = [\"repo:read\"]; } ); } );"
	start
	ok "metrics on a loopback address" metrics 200 "http://$web/metrics"
	ok "not by what sends it on" metrics 401 -H "X-Forwarded-For: 192.0.2.1" "http://$web/metrics"
	ok "nor where others come, from this host either" metrics 401 "${public[@]}"
	ok "nor with a wrong secret" metrics 401 -u prometheus:wrong "${public[@]}"
	ok "but for a caller" metrics 200 -u prometheus:correct-horse-battery-staple "${public[@]}"
	ok "they are shown" grep -q '^ema_info' "$work/answer"
	stop
else
	skip "metrics where others come" "no certificate"
fi

# ---- What stands before it ----
proxy() { # PROGRAM NAME COMMAND...
	local program=$1 name=$2; shift 2
	if command -v "$program" >/dev/null; then ok "$name" "$@"; else skip "$name" "no $program"; fi
}
certificate_for_proxies() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 3 -subj /CN=auth.acme.example -keyout "$work/p.key" -out "$work/p.pem" >/dev/null 2>&1
	cat "$work/p.key" >>"$work/p.pem"
}
certificate_for_proxies
{ echo "pid $work/nginx.pid; error_log stderr; events { } http {"; sed "s|/etc/ssl/acme/auth|$work/p|; s|listen 443|listen 127.0.0.1:$port|" "$srcdir/etc/proxies/nginx.conf"; echo "}"; } >"$work/nginx.conf"
sed "s|/etc/ssl/acme/auth|$work/p|" "$srcdir/etc/proxies/haproxy.cfg" >"$work/haproxy.cfg"
proxy nginx "nginx takes the example" nginx -t -p "$work" -c "$work/nginx.conf"
proxy caddy "Caddy takes the example" caddy validate --adapter caddyfile --config "$srcdir/etc/proxies/Caddyfile"
proxy haproxy "HAProxy takes the example" haproxy -c -f "$work/haproxy.cfg"
if command -v systemd-analyze >/dev/null; then
	sed "s|/usr/sbin/emad|/bin/true|; s|/usr/bin/emactl|/bin/true|" "$srcdir/etc/systemd/emad.service" >"$work/emad.service"
	cp "$srcdir/etc/systemd/emad.socket" "$work"
	ok "what is left to take in it stands behind what it changes" awk '/^[A-Z][A-Za-z]*=/ { split($0, key, "="); if (key[1] in offered) bad = 1 }
		/^#[A-Z][A-Za-z]*=/ { split(substr($0, 2), key, "="); if (key[1] ~ /^(CapabilityBoundingSet|PrivateUsers|SystemCallFilter)$/) offered[key[1]] = 1 }
		END { exit bad || length(offered) != 3 }' "$srcdir/etc/systemd/emad.service"
	ok "systemd takes the unit" sh -c '! systemd-analyze verify --man=no "$1" "$2" 2>&1 | grep "emad\." | grep -E "Unknown|Failed to parse|Invalid"' sh "$work/emad.service" "$work/emad.socket"
else
	skip "the unit" "no systemd-analyze"
fi
plan
