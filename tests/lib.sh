# For tests that are shell scripts: TAP, a scratch folder, and the end of everything that was started.
# shellcheck shell=bash
set -u
: "${srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}" "${builddir:=$srcdir}"
# Rather the programs themselves than what libtool writes to start them: a script that starts half a dozen others before.
PATH="$builddir/emactl/.libs:$builddir/emad/.libs:$builddir/emactl:$builddir/emad:$builddir/devidp:$PATH"
LD_LIBRARY_PATH="$builddir/core/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
EMA_PLUGIN_PATH="$builddir/plugins/.libs"
LC_ALL=C.UTF-8 # messages of others are looked at
export PATH LD_LIBRARY_PATH EMA_PLUGIN_PATH LC_ALL
umask 022
work=$(mktemp -d) || exit 99
pids=()
tests=0 failures=0
# Of several python3 the system's: one that pyenv puts before it is a shell script, which takes ten times as long to start.
if [ -x /usr/bin/python3 ]; then mkdir "$work/path" && ln -s /usr/bin/python3 "$work/path/python3" && PATH=$work/path:$PATH; fi

finish() {
	local status=$?
	# Not by the numbers that were kept: those of what ended may be somebody else's by now.
	for pid in $(jobs -pr); do kill "$pid" 2>/dev/null; done
	wait 2>/dev/null
	rm -rf "$work"
	[ "$status" -eq 0 ] || exit "$status"
	[ "$failures" -eq 0 ] || exit 1
}
trap finish EXIT
trap 'exit 143' INT TERM

# Waits for what a slow machine may need minutes for, which is no answer in itself.
wait_for() { local i; for ((i = 0; i < 2400; i++)); do "$@" >/dev/null 2>&1 && return 0; sleep 0.05; done; return 1; }
# What reads sources says the same in each build: the sweep asks it once.
of_sources() { [ -z "${SANITIZER-}${EMA_SHORT-}" ] || { echo "1..0 # SKIP it says the same in a plain build"; exit 0; }; }
# What shows something of time and faults rather than of a build: EMA_SHORT leaves it out (make distcheck within scripts/sweep).
takes_long() { [ -z "${EMA_SHORT-}" ] || { echo "1..0 # SKIP EMA_SHORT is set"; exit 0; }; }

# background COMMAND...: runs it until the test ends.
background() { "$@" & pids+=($!); }

# ok NAME COMMAND...: passes if the command succeeds; shows what it printed if not.
ok() {
	local name=$1; shift
	tests=$((tests + 1))
	if "$@" >"$work/.out" 2>&1; then echo "ok $tests - $name"
	else failures=$((failures + 1)); echo "not ok $tests - $name"; sed 's/^/# /' "$work/.out"; fi
}
# fails STATUS NAME COMMAND...: passes if the command ends with that status.
fails() {
	local want=$1 name=$2 got; shift 2
	tests=$((tests + 1))
	"$@" >"$work/.out" 2>&1; got=$?
	if [ "$got" -eq "$want" ]; then echo "ok $tests - $name"
	else failures=$((failures + 1)); echo "not ok $tests - $name"; echo "# status $got, expected $want"; sed 's/^/# /' "$work/.out"; fi
}
# says TEXT: the last command's output contains TEXT.
says() {
	local out
	tests=$((tests + 1))
	IFS= read -rd '' out <"$work/.out"
	if [[ $out == *"$1"* ]] || grep -qF -- "$1" "$work/.out"; then echo "ok $tests - says: $1"
	else failures=$((failures + 1)); echo "not ok $tests - says: $1"; sed 's/^/# /' "$work/.out"; fi
}
skip() { tests=$((tests + 1)); echo "ok $tests - $1 # SKIP $2"; }
# The plan comes last; every script ends with it, so that one which stopped half-way is seen.
plan() { echo "1..$tests"; }
