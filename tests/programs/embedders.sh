#!/usr/bin/env bash
# MCP servers that have libemacore in their own processes, under users of their own, beside emad: it publishes, they read.
. "${srcdir:-$(dirname "$0")/../..}/tests/lib.sh"
takes_long

[ "$(id -u)" -eq 0 ] || { echo "1..0 # SKIP not root: there are no other users"; exit 0; }
for tool in python3 curl setpriv; do command -v $tool >/dev/null || { echo "1..0 # SKIP no $tool"; exit 0; }; done
by=nobody
id "$by" >/dev/null 2>&1 || { echo "1..0 # SKIP no user $by"; exit 0; }
embedder=$builddir/tests/programs/embedder
as() { setpriv --reuid="$1" --regid="$1" --clear-groups -- "${@:2}"; }
as 50000 test -r "$EMA_PLUGIN_PATH/okta_xaa.so" -a -x "$embedder" || { echo "1..0 # SKIP other users cannot read what was built"; exit 0; }
free_port() { python3 "$srcdir/tests/programs/clients.py" free_port -; }
unset NOTIFY_SOCKET LISTEN_FDS LISTEN_PID JOURNAL_STREAM
chmod 0755 "$work"
mkdir "$work/tokens" "$work/var"
install -d -o "$by" -g "$(id -gn "$by")" "$work/var/emad"
public=$work/var/emad/public
count=10 first=50001
# Where the machine lets it, embedders have a network of their own, in which there is nobody to fetch keys from.
offline=(unshare --net --)
"${offline[@]}" true 2>/dev/null || offline=()

background devidp --state "$work/idp" --ports okta=0,azure=0 --ready-file "$work/ready" >/dev/null
wait_for test -s "$work/ready"
okta=$(sed -n 's/^okta=//p' "$work/ready") azure=$(sed -n 's/^azure=//p' "$work/ready")
tenant=6babcaad-604b-40ac-a9d7-9fd97c0b779f
# How often keys were fetched, by anybody.
fetches() { local port; for port in "$okta" "$azure"; do curl -s "http://127.0.0.1:$port/devidp/status" | sed -n 's/.*"keys_requests": *\([0-9]*\).*/\1/p'; done | paste -sd+ | tr -d '\n'; }

(umask 077; echo correct-horse-battery-staple >"$work/secret")
chown "$by" "$work/secret"
cat >"$work/rules.conf" <<CONF
issuer = "https://auth.acme.example";
providers = ( { id = "okta"; plugin = "okta_xaa"; org = "http://127.0.0.1:$okta"; insecure_http = true; authority = ["acme.example"]; },
  { id = "azure"; plugin = "azure_ad"; tenant = "$tenant"; login_url = "http://127.0.0.1:$azure"; sts_url = "http://127.0.0.1:$azure"; insecure_http = true; skew = "0s"; } );
directories = ( { id = "staff"; plugin = "file"; path = "people.conf"; } );
services = ( { id = "github"; resource = "https://mcp.acme.example/github"; issuer = "https://auth.acme.example/github"; identity = ["okta", "azure"];
  directory = ( { id = "staff"; for = ["okta"]; } );
  audience = ( { provider = "azure"; is = ["api://github"]; clients = ["vscode"]; scope_map = "any"; } );
  scopes = ( { name = "repo:read"; access = "read"; tools = ["get_*"]; } );
  grants = ( { provider = "okta"; scopes = ["repo:read"]; }, { provider = "azure"; scopes = ["repo:read"]; } ); } );
CONF
# people OWNER ENTRY...: the file of people, as another one that is renamed into place.
people() {
	printf 'people = ( %s );\n' "${*:2}" >"$work/people.new" && chmod 0644 "$work/people.new" && chown "$1" "$work/people.new" &&
		mv "$work/people.new" "$work/people.conf"
}
people "$by"
port=$(free_port)
cat >"$work/emad.conf" <<CONF
user = "$by"; state_dir = "$work/var/emad"; publish = "$public"; owner = "$by";
audit = ( { plugin = "file"; path = "$work/var/emad/audit.jsonl"; } );
listen = ( { address = "127.0.0.1:$port"; serve = ["token"]; } );
clients = ( { id = "vscode"; auth = "client_secret_basic"; secret = { file = "$work/secret"; }; } );
store_loss_after = "2s";
@include "$work/rules.conf"
CONF
# embedder_conf N [MORE]
embedder_conf() {
	cat >"$work/$1.conf" <<CONF
state_dir = "$work/var/$1"; published = "$public"; published_by = "$by"; owner = "$by";
audit = ( { plugin = "file"; path = "$work/var/$1/audit.jsonl"; } );
$2
@include "$work/rules.conf"
CONF
}
chmod 0644 "$work"/*.conf
start_emad() {
	: >"$work/emad.log"
	background emad -c "$work/emad.conf" >"$work/emad.log" 2>&1
	emad=${pids[-1]}
	wait_for grep -q "state in" "$work/emad.log" || { echo "Bail out! emad did not start"; sed 's/^/# /' "$work/emad.log"; exit 1; }
}
end() { kill -TERM "$1" 2>/dev/null; wait "$1" 2>/dev/null; }
# start N: an embedder under a user of its own.
start() {
	install -d -o $((first + $1)) -g $((first + $1)) -m 0700 "$work/var/$1"
	background "${offline[@]}" setpriv --reuid=$((first + $1)) --regid=$((first + $1)) --clear-groups -- \
		"$embedder" "$work/$1.conf" github "$work/tokens" "$work/var/$1/result" >"$work/$1.log" 2>&1
	pid[$1]=${pids[-1]}
}
declare -A pid
# says_of N TOKEN CODE: so the embedder judges that token now.
says_of() { grep -qx "$2 $3" "$work/var/$1/result" 2>/dev/null; }
all_say() { local i; for ((i = 0; i < count; i++)); do says_of "$i" "$1" "$2" || { echo "embedder $i: $(grep "^$1 " "$work/var/$i/result")"; tail -3 "$work/$i.log"; return 1; }; done; }

# redeem TOKEN [USER]
redeem() {
	devidp --state "$work/idp" --print-assertion "${2:-$1}" --service https://auth.acme.example/github --client vscode --scope repo:read | tr -d '\n' >"$work/jag"
	curl -s -u vscode:correct-horse-battery-staple "http://127.0.0.1:$port/github/token" \
		-d grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer --data-urlencode "assertion@$work/jag" |
		sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p' | tr -d '\n' >"$work/token"
	[ -s "$work/token" ] && install -m 0644 "$work/token" "$work/tokens/.$1" && mv "$work/tokens/.$1" "$work/tokens/$1"
}
direct() {
	devidp --state "$work/idp" --persona azure --service api://github --client vscode --print-assertion "$2" | tr -d '\n' >"$work/tokens/.$1"
	chmod 0644 "$work/tokens/.$1"; mv "$work/tokens/.$1" "$work/tokens/$1"
}
member() { python3 -c 'import json, sys, base64; part = sys.stdin.read().split(".")[1]; print(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))[sys.argv[1]])' "$1"; }

start_emad
ok "a token of ours" wait_for redeem alice
ok "another" redeem bob
ok "a token of a provider" direct carol carol
has_keys() { [ "$(emactl -c "$work/emad.conf" status --json | grep -c '"keys": *"fresh"')" -eq 2 ] && ls "$public"/cache/*.keys; }
ok "emad publishes the keys of both providers" wait_for has_keys
ok "and its own, for all to read" as 50000 grep -q '"kid"' "$public/jwks.json"
private() { grep -rlE '"(d|p|q|k)":' "$public"; }
fails 1 "and no private one" private
before=$(fetches)
for ((i = 0; i < count; i++)); do embedder_conf "$i" 'store_loss_after = "2s";'; chmod 0644 "$work/$i.conf"; start "$i"; done

ok "whatever its umask, for all to come in" test "$(stat -c %a "$public/cache")" = 755
echo "# keys"
ok "ten processes of ten users take our token" wait_for all_say alice ok
ok "and the provider's" wait_for all_say carol ok
nothing_fetched() { [ -n "$before" ] && { [ ${#offline[@]} -gt 0 ] || [ "$before" = "$(fetches)" ]; }; }
ok "JWT-50: keys were fetched once, by emad" nothing_fetched
echo "# $before fetches of keys"

echo "# a revocation"
ok "revoked at emad" emactl -c "$work/emad.conf" revoke --subject "$(member sub <"$work/tokens/alice")" --reason "a laptop is lost"
begin=$(date +%s%N)
ok "REV-06 REV-19: it reaches all ten" wait_for all_say alice revoked
echo "# after $(( ($(date +%s%N) - begin) / 1000000 )) ms"
ok "and nobody else" wait_for all_say bob ok
ok "blocked at emad" emactl -c "$work/emad.conf" revoke --provider azure --block --reason drill
ok "reaches all" wait_for all_say carol blocked
ok "and lifted" emactl -c "$work/emad.conf" unblock --provider azure
fresh() { direct dan dan; sleep 0.5; all_say dan ok; }
ok "a new token of the provider is good again" wait_for fresh
ok "what was revoked stays so" wait_for all_say alice revoked
bare() { test -s "$public/marks" && grep -F -e alice -e 00u "$public/marks"; }
fails 1 "no name of a person is published" bare

echo "# a directory, whose file they read with emad"
shut() { people "$1" "{ id = \"bob\"; subjects = [\"$(member sub <"$work/tokens/bob")\"]; active = $2; }"; }
ok "a person is not active any more, in a file of the user of emad" shut "$by" false
ok "REV-11 REV-16: access ends for all" wait_for all_say bob disabled
redeems() { curl -s -u vscode:correct-horse-battery-staple "http://127.0.0.1:$port/github/token" -o "$work/answer" -d grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer \
	-d "assertion=$(devidp --state "$work/idp" --print-assertion bob --service https://auth.acme.example/github --client vscode --scope repo:read)"; cat "$work/answer"; }
ok "and emad gives no token" redeems
says "You have no access to this server"
ok "active again, in a file of root" shut root true
ok "is so for all" wait_for all_say bob ok
shut 60000 false
all_log() { local i; for ((i = 0; i < count; i++)); do grep -q "people.conf" "$work/$i.log" || return 1; done; }
ok "a file of another user: each log says so" wait_for all_log
rm -f "$work"/var/*/result
ok "and it is read by none" wait_for all_say bob ok
ok "the next good one is" shut "$by" false
ok "by all" wait_for all_say bob disabled
ok "and undone" shut root true
ok "by all" wait_for all_say bob ok

echo "# what they cannot do"
cat >"$work/hands.py" <<'EOF'
import glob, os, shutil, sys

public, people, folders, own = sys.argv[1:]
done = 0

def tries(what, act, *arguments):
    global done
    try:
        act(*arguments)
    except OSError:
        return
    done = 1
    print(os.path.basename(own), what)

files = glob.glob(public + "/*") + glob.glob(public + "/cache/*") + [people]
for file in files:
    tries("wrote " + file, open, file, "ab")
    tries("took away " + file, os.rename, file, own + "/taken")
    tries("removed " + file, os.remove, file)
    tries("changed " + file, os.chmod, file, 0o666)
    tries("put a link beside " + file, os.symlink, "/dev/null", file + ".bad")
    shutil.copy("/etc/hostname", own + "/mine")
    tries("replaced " + file, os.rename, own + "/mine", file)
tries("moved the folder", os.rename, public, public + ".old")
tries("made a folder", os.mkdir, public + "/cache/x")
tries("holds the lock of who publishes", open, public + "/lock")
others = [folder for folder in glob.glob(folders + "/*") if folder != own]
for folder in others:
    tries("wrote into " + folder, open, folder + "/x", "w")
sys.exit(done or (2 if len(files) < 5 or len(others) < 10 else 0))
EOF
hands() {
	local i
	for ((i = 0; i < count; i++)); do as $((first + i)) python3 "$work/hands.py" "$public" "$work/people.conf" "$work/var" "$work/var/$i" || return; done
}
ok "none of the ten can write, rename, remove, replace or lock what another one trusts" hands
closed() { as 50001 ls "$public" && ! as 50001 ls "$work/var/emad/keys"; }
ok "nor read the signing keys" closed
ok "all go on" wait_for all_say bob ok
fails 2 "with an embedder's ema.conf nothing is revoked" emactl -c "$work/0.conf" revoke --everything
says "revoke it there"

echo "# new keys"
ok "another signing key, at once" emactl -c "$work/emad.conf" keys rotate --now
ok "what the old one signed is refused by all" wait_for all_say bob unknown_key
# emad may see it a moment later than they: what it signs meanwhile is refused by all.
redeem_by_new() { redeem erin && [ "$(cut -d. -f1 "$work/tokens/erin")" != "$(cut -d. -f1 "$work/tokens/bob")" ]; }
ok "the new one signs" wait_for redeem_by_new
ok "all take it" wait_for all_say erin ok

echo "# what keeps emad from publishing"
ok "status says where it publishes" emactl -c "$work/emad.conf" status
says "$public: works"
block() { mkdir "$public/alive.new"; } # not in the moment when it is a file
ok "a folder is in the way" wait_for block
told() { emactl -c "$work/emad.conf" status | grep -q "alive cannot be written"; }
ok "status says so" wait_for told
fails 1 "and fails" emactl -c "$work/emad.conf" status
fails 1 "for a program, too" emactl -c "$work/emad.conf" status --json
rmdir "$public/alive.new"
ok "all take our token again" wait_for all_say erin ok
ok "it is in the audit trail, too" wait_for grep -q publish-failed "$work/var/emad/audit.jsonl"
ok "another token" redeem frank bob
ok "good for all" wait_for all_say frank ok
ok "and revoked" emactl -c "$work/emad.conf" revoke --subject "$(member sub <"$work/tokens/frank")" --reason drill
ok "for all" wait_for all_say frank revoked

echo "# without emad"
end "$emad"
ok "REV-19: nobody says any more what is revoked: refused by all, as an outage" wait_for all_say erin store_unavailable
ok "said why" grep -q "emad does not run, or its own store is away" "$work/0.log"
start_emad
ok "emad is back" wait_for all_say erin ok
ok "REV-18: what was revoked before is so" wait_for all_say frank revoked
end "${pid[1]}"
embedder_conf 1 'on_store_loss = "last_known";'
start 1
ok "one that goes on with what it knew" wait_for says_of 1 erin ok
ok "and that begins after the restart knows it, too" says_of 1 frank revoked
end "$emad"
ok "the others refuse" wait_for says_of 2 erin store_unavailable
ok "it does not" says_of 1 erin ok

echo "# what is not right is not believed"
end "${pid[2]}"
end "${pid[3]}"
mv "$public" "$work/var/emad/true"
as 50004 sh -c 'cp -R "$1" "$2/folder"' - "$work/var/emad/true" "$work/var/3" 2>/dev/null
ln -s "$work/var/3/folder" "$public"
# As another user than the one that prepared it.
refuses() { as 50003 timeout 60 "$embedder" "$work/2.conf" github "$work/tokens" "$work/var/2/result"; }
fails 1 "a link in its place" refuses
says "E-PERMS"
rm "$public"
mv "$work/var/3/folder" "$public"
fails 1 "a folder of another user" refuses
says "belongs to user 50004"
rm -rf "$public"
mv "$work/var/emad/true" "$public"
chmod 0777 "$public"
fails 1 "a folder that all can write to" refuses
says "chmod go-w"
fails 1 "a check of emad's own file finds it, too" emactl -c "$work/emad.conf" check
says "chmod go-w"
chmod 0755 "$public"
fails 1 "check says whom it trusts" emactl -c "$work/3.conf" check
says "user $by, and root, decide who may come in here"
[ "$(id -u "$by")" -ne 65534 ] || says "stands for all unknown ones in a user namespace"
sed '1i store = { plugin = "lmdb"; path = "/nowhere"; };' "$work/3.conf" >"$work/shared.conf"
fails 1 "and what of another store does not count" emactl -c "$work/shared.conf" check
says "what others revoke in the store does not count here"
sed -i 's/published_by = "[^"]*"; *//' "$work/3.conf"
fails 1 "without published_by it is root's alone" emactl -c "$work/3.conf" check
says "nor the one that publishes there"
sed -i 's/^state_dir/publish = "\/tmp\/x"; state_dir/' "$work/3.conf"
fails 1 "both at once" emactl -c "$work/3.conf" check
says "write one of them"
for i in "${!pid[@]}"; do end "${pid[$i]}"; done
plan
