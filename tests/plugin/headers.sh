# The headers stand alone in every dialect, keep what was promised, and name nothing that the manual does not.
. "${srcdir:-.}/tests/lib.sh"
of_sources
compilers() { for c in "$@"; do command -v "$c" >/dev/null && echo "$c"; done; }

alone() { # COMPILER LANGUAGE DIALECT
	local header
	for header in "$srcdir"/include/ema/*.h; do
		printf '#include "ema/%s"\nextern int alone;\n' "${header##*/}" >"$work/alone.$2"
		"$1" "-std=$3" -pedantic-errors -Wall -Wextra -Werror -I"$srcdir/include" -fsyntax-only "$work/alone.$2" || return
	done
}
for cc in $(compilers gcc clang); do
	for std in c90 c99 c11 c17; do ok "$cc -std=$std takes each public header alone" alone "$cc" c $std; done
done
for cxx in $(compilers g++ clang++); do
	for std in c++98 c++11 c++14 c++17 c++20; do ok "$cxx -std=$std takes each public header alone" alone "$cxx" cc $std; done
done

# What was promised is not renewed: whoever changes both header and copy is told here.
unchanged() { (cd "$1" && sha256sum -c SHA256SUMS); }
same_asserts() { CC=${CC:-cc} sh "$srcdir/tests/plugin/abi-asserts" "$1" | cmp - "$2"; }
newest=0
for frozen in "$srcdir"/tests/plugin/abi-1.*; do
	[ -d "$frozen" ] || continue
	minor=${frozen##*abi-1.} asserts=$srcdir/tests/plugin/abi_1_${frozen##*abi-1.}.c
	[ "$minor" -le "$newest" ] || newest=$minor
	ok "1.$minor: the frozen header and its plugin are what they were" unchanged "$frozen"
	for cc in $(compilers gcc clang); do
		ok "1.$minor, $cc: each member is where it was, of the same type" "$cc" -Wall -Wextra -Werror -I"$srcdir/include" -fsyntax-only "$asserts"
	done
	ok "1.$minor: the assertions are those of the frozen header" same_asserts "$frozen" "$asserts"
done
frozen=$srcdir/tests/plugin/abi-1.$newest
minor=$(sed -n 's/^#define EMA_ABI_MINOR //p' "$srcdir/include/ema/plugin.h")

# A number has what its frozen header has; what is appended needs the next one, a "since" and a line of the manual's.
declared() { ${CC:-cc} -E -P -I"$1" "$1/ema/plugin.h" && sed -nE 's|^(#define EMA_[A-Z0-9_]+ +[^ /]+).*|\1|p' "$1/ema/plugin.h"; }
numbered() {
	local n
	grep -q "^#define EMA_ABI $(printf '0x%08xu' $((65536 + minor)))\$" "$srcdir/include/ema/plugin.h" || { echo "EMA_ABI is not that of 1.$minor"; return 1; }
	for ((n = 1; n <= minor; n++)); do
		grep -q "^\\.It 1\\.$n\$" "$srcdir/man/ema-plugin.7" || { echo "ema-plugin(7) does not tell what 1.$n changed"; return 1; }
		grep -q "since 1\\.$n" "$srcdir/include/ema/plugin.h" || { echo "ema/plugin.h marks nothing as since 1.$n"; return 1; }
	done
	[ "$minor" -gt "$newest" ] || { declared "$frozen" >"$work/frozen" && declared "$srcdir/include" >"$work/today" && diff "$work/frozen" "$work/today"; }
}
ok "what was appended has a minor number of its own" numbered

# What the asserts cannot see would show here: all types that a plugin reaches, old header against new.
reference() { # NAME INCLUDE
	${CC:-cc} -g -O0 -fPIC -shared -I"$2" -o "$work/$1.so" "$srcdir/tests/plugin/reference.c"
}
abi_same() { reference old "$frozen" && reference new "$srcdir/include" && abidiff "$work/old.so" "$work/new.so"; }
abidiff_title="abidiff sees no difference in a plugin built with either header"
if [ "$minor" -gt "$newest" ]; then skip "$abidiff_title" "1.$minor is being made"
elif command -v abidiff >/dev/null; then ok "$abidiff_title" abi_same
else skip "$abidiff_title" "no abidiff here (Debian: abigail-tools)"; fi

named() { # every member of a struct and every constant of plugin.h stands in the manual
	local missing=0 word
	for word in $(sh "$srcdir/tests/plugin/abi-asserts" "$srcdir/include" | sed -n 's/^SAME_PLACE([a-z_]*, \([a-z_]*\),.*/\1/p' | sort -u) \
		$(grep -oE '^#define EMA_[A-Z0-9_]+' "$srcdir/include/ema/plugin.h" | sed 's/#define //' | grep -vE 'EMA_PLUGIN_H|EMA_EXPORT' | sort -u); do
		grep -qE "(^|[^a-zA-Z_])$word([^a-zA-Z_]|\$)" "$srcdir/man/ema-plugin.7" || { echo "ema-plugin(7) does not name $word"; missing=1; }
	done
	return $missing
}
ok "ema-plugin(7) names each member and constant of ema/plugin.h" named

# The first example of the manual is a whole plugin.
example() {
	awk '/^\.Bd/ { inside = 1; next } /^\.Ed/ { exit } inside' "$srcdir/man/ema-plugin.7" | sed 's/\\e/\\/g' >"$work/here.c"
	${CC:-cc} -Wall -Wextra -Werror -Wno-unused-parameter -fPIC -shared -I"$srcdir/include" -o "$work/here.so" "$work/here.c"
}
ok "the plugin in the manual compiles" example
lint() { mandoc -Tlint -W warning "$srcdir/man/ema-plugin.7"; }
if command -v mandoc >/dev/null; then ok "mandoc finds nothing in the manual" lint; else skip "mandoc finds nothing in the manual" "no mandoc here"; fi
plan
