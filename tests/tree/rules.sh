#!/bin/bash
# The rules of the house that can be read off the source (HACKING.md).
. "${srcdir:-.}/tests/lib.sh"
of_sources
cd "$srcdir" || exit 99

find core plugins emactl emad devidp examples include -name '*.[ch]' 2>/dev/null | LC_ALL=C sort >"$work/files"
xargs awk -f tests/tree/code.awk <"$work/files" >"$work/code"
none() { ! grep . "$@"; }

# Findings of one awk program over FILE:LINE:CODE.
finds() { awk "$1" "$work/code" >"$work/found" && [ ! -s "$work/found" ] || { cat "$work/found"; return 1; }; }

ok "the code could be read" test "$(wc -l <"$work/code")" -gt 1000
# A test of the tests: each rule sees what it is about.
printf '%s\n' '#include "a.h" /* x' ' strcpy(" */ f("strcpy(\"x\")"); char c = '"'\"'"'; // exit(1)' 'g();' >"$work/sample.c"
ok "comments and strings are no code" test "$(awk -f tests/tree/code.awk "$work/sample.c" | cut -d: -f3- | tr -d '\n')" = \
	"#include \"a.h\"  f(\"\"); char c = ''; g();"

# shellcheck disable=SC2016
includes='
BEGIN {
	n = split("jose trust state conf plugin identity policy mcp token audit context endpoint", order, " ")
	for (i = 1; i <= n; i++) rank["core/" order[i]] = i
	rank["core"] = 0
	rank["ema.c"] = n + 1 # the public functions stand after all folders
	while ((getline file < "'"$work/files"'") > 0)
		if (file ~ /^core\/.*\.h$/) {
			name = file; sub(/.*\//, "", name); folder = file; sub(/\/[^\/]*$/, "", folder)
			if (name in home) print file ": a second header " name
			home[name] = folder
		}
}
{
	split($0, part, ":"); file = part[1]; where = part[1] ":" part[2]; code = $0; sub(/^[^:]*:[^:]*:/, "", code)
	if (code !~ /^[ \t]*#[ \t]*include/) next
	folder = file; sub(/\/[^\/]*$/, "", folder)
	name = code; sub(/^[^"<]*["<]/, "", name); sub(/[">].*/, "", name)
	if (name ~ /^libconfig/ && folder != "core/conf" && folder !~ /^plugins\//) print where ": libconfig is for conf alone"
	if (name ~ /^curl\// && folder != "core/trust" && folder !~ /^plugins\//) print where ": curl is for trust alone"
	if (name ~ /^json-c\// && folder !~ /^(emactl|emad|devidp|examples\/server)$/) print where ": json-c is not for libemacore or plugins"
	if (name ~ /^microhttpd/ && folder !~ /^(emad|devidp|examples\/server)$/) print where ": microhttpd is for emad, devidp and the example of a server"
	if (code ~ /</ || name ~ /^ema\// || name == "config.h") next
	if (name ~ /\//) { print where ": include by the bare file name: " name; next }
	if (file == "core/ema.c" || file == "core/operator.c") folder = "ema.c"
	if (folder in rank) {
		if (!(name in home)) print where ": no header of core: " name
		else if (rank[home[name]] > rank[folder]) print where ": " folder " may not include " home[name] "/" name
	} else if (name in home && !(folder == "devidp" && (home[name] == "core" || home[name] == "core/jose"))) {
		own = folder "/" name
		if (system("test -f " own)) print where ": " folder " may not include " home[name] "/" name
	}
}'
ok "a folder includes only what stands before it; libconfig, curl, json-c and microhttpd keep to their places" finds "$includes"

banned() {
	# shellcheck disable=SC2016
	finds '
	BEGIN { n = split("'"$2"'", names, " ") }
	{
		file = $0; sub(/:.*/, "", file)
		if (file !~ /'"$1"'/) next
		for (i = 1; i <= n; i++)
			if ($0 ~ "(^|[^A-Za-z0-9_.>])" names[i] "[ \t]*\\(") print $0 ": " names[i]
	}'
}
ok "no strcpy and the like" banned '.' \
	"strcpy strcat stpcpy sprintf vsprintf gets atoi atol atoll strtok gmtime localtime asctime ctime alloca rand mktemp tmpnam system popen"
ok "libemacore prints, exits and changes nothing of the process" banned '^core\/' \
	"printf vprintf puts putchar perror exit _exit _Exit quick_exit abort signal sigaction setenv unsetenv putenv clearenv setlocale chdir umask fork vfork daemon atexit OPENSSL_init_crypto ERR_load_crypto_strings setrlimit"
ok "nor do plugins" banned '^plugins\/(okta_xaa|azure_ad|oidc|file|syslog|lmdb|redis)\/' \
	"printf vprintf puts putchar perror exit _exit abort signal sigaction setenv unsetenv putenv setlocale chdir umask fork"
ok "libemacore does not name stdout or stderr" finds '/^core\// && /[^A-Za-z0-9_](stdout|stderr)[^A-Za-z0-9_]/'
# Secrets are compared with secret_same(): names that say what they hold give a memcmp away.
ok "secrets are not compared by memcmp or strcmp" finds '/^(core|plugins)\// && /(memcmp|strn?cmp)[ \t]*\([^)]*(secret|password|mac|digest|fingerprint)/'

unlisted() {
	local file
	while read -r file; do
		ls "${file%/*}"/*.c >/dev/null 2>&1 || continue
		grep -qF "$file" "${file%/*}"/local.mk core/local.mk "$(dirname "${file%/*}")"/local.mk 2>/dev/null || echo "$file"
	done < <(grep -E '^(core|plugins|emactl|emad|devidp)/' "$work/files")
}
ok "each file stands in a local.mk" none <(unlisted)
ok "no file is called util, helper, common, misc, manager or base" none \
	<(grep -E '/(utils?|helpers?|common|misc|manager|base)\.[ch]$' "$work/files")
long() { xargs awk 'FNR == 1 && seen > 800 { print name ": " seen " lines" } { seen = FNR; name = FILENAME } END { if (seen > 800) print name }' \
	< <(grep -v 'core/codes.c' "$work/files"); }
ok "no file is too long to read" none <(long)

# What core reports outside of decisions is explained to who reads the records.
untold() {
	local kind
	find core -name '*.c' -exec cat {} + | tr '\n' ' ' | grep -oE 'notice_tell\([^"]*"[a-z-]+"' | sed 's/.*"\(.*\)"/\1/' | sort -u |
		while read -r kind; do grep -qE "^\.It Cm (.*, )?$kind( ,|\$)" man/ema-audit.7 || echo "$kind"; done
}
ok "ema-audit(7) has each kind of record that core makes of a notice" none <(untold)

# A slip of the shell leaves files at the top, and "git add -A" takes them.
if git -c safe.directory="$PWD" ls-files >"$work/tracked" 2>/dev/null && [ -s "$work/tracked" ]; then
	printf '%s\n' .ci .gitignore HACKING.md LICENSE Makefile.am NEWS README README.md SECURITY.md autogen.sh bench configure.ac core devidp \
		emacore-plugin.pc.in emacore.pc.in emactl emad etc examples fuzz include m4 man plugins run.in scripts tests | LC_ALL=C sort >"$work/belongs"
	ok "what git tracks at the top is what belongs there" diff "$work/belongs" <(cut -d/ -f1 "$work/tracked" | LC_ALL=C sort -u)
else
	skip "what git tracks at the top" "no git, or not a clone"
fi

mkdir "$work/codes"
scripts/codes "$work/codes"
ok "ema/codes.h is made of codes.tab" cmp "$work/codes/codes.h" include/ema/codes.h
ok "codes.c is made of codes.tab" cmp "$work/codes/codes.c" core/codes.c

if command -v mandoc >/dev/null; then
	while read -r page; do ok "mandoc has no complaint: $page" mandoc -Tlint -W warning "$page"; done \
		< <(find man plugins -name '*.[1-8]' | LC_ALL=C sort)
else
	skip "manual pages" "no mandoc"
fi
plan
