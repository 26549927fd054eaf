#!/bin/bash
# JWT-82: what other implementations of JOSE make of our tokens and keys, good and malformed. No part of "make check", as it fetches
# them: jose and jsonwebtoken with npm, PyJWT and jwcrypto with apt-get (or as they are installed). It needs two of the four, and says
# so where it cannot get them. Each difference must stand in differences.tab, and none may be a token that EMA alone takes.
. "${srcdir:-$(dirname "$0")/../..}/tests/lib.sh"
here=$srcdir/tests/interop corpus=$builddir/tests/interop/corpus
[ -x "$corpus" ] || { echo "1..0 # SKIP tests/interop/corpus is not built (make check TESTS=)"; exit 0; }
python=/usr/bin/python3 # Debian's, which knows Debian's packages
[ -x "$python" ] || python=python3
polite() { timeout 180 nice "$@" </dev/null >>"$work/fetch.log" 2>&1; }

# The same versions each time: what they take changes.
mkdir "$work/npm" "$work/apt"
echo '{ "private": true }' >"$work/npm/package.json"
npm=0 apt=0
command -v node >/dev/null && command -v npm >/dev/null && (cd "$work/npm" &&
	polite npm install --ignore-scripts --no-audit --no-fund jose@6.2.18 jsonwebtoken@9.0.3) && npm=1
imports() { PYTHONPATH=$work/apt/usr/lib/python3/dist-packages "$python" -c "import $1" 2>/dev/null; }
if ! { imports jwt && imports jwcrypto; } && command -v apt-get >/dev/null; then
	(cd "$work/apt" && polite apt-get -q download python3-jwt python3-jwcrypto python3-deprecated python3-wrapt &&
		for package in *.deb; do dpkg -x "$package" . || exit 1; done)
fi
imports jwt && apt=$((apt + 1))
imports jwcrypto && apt=$((apt + 1))
if [ $((2 * npm + apt)) -lt 2 ]; then
	tail -n 5 "$work/fetch.log" | sed 's/^/# /'
	echo "1..0 # SKIP no two other implementations could be fetched"
	exit 0
fi

ok "the corpus is made" "$corpus"
cp "$work/.out" "$work/corpus"
: >"$work/verdicts"
# judged COMMAND...: its verdicts, which must have some of each kind, as one that takes or refuses all was set up wrongly.
judged() {
	"$@" <"$work/corpus" >"$work/some" && cat "$work/some" >>"$work/verdicts" &&
		awk -F'\t' '{ seen[$2, $3]++; names[$2] } END { for (n in names) if (seen[n, "takes"] < 40 || seen[n, "refuses"] < 40) exit 1 }' "$work/some"
}
[ "$npm" -eq 0 ] || ok "jose and jsonwebtoken judge it" judged env -C "$work/npm" node "$here/judge.mjs"
[ "$apt" -eq 0 ] || ok "what there is of PyJWT and jwcrypto judges it" \
	judged env PYTHONPATH="$work/apt/usr/lib/python3/dist-packages" "$python" "$here/judge.py"

# CASE, implementation, 1 if EMA takes it: where the two differ.
"$python" - "$work/corpus" "$work/verdicts" >"$work/differ" <<'END'
import json
import sys
corpus = [json.loads(line) for line in open(sys.argv[1])]
differ = set()
for line in open(sys.argv[2]):
    number, name, verdict = line.rstrip("\n").split("\t")
    entry = corpus[int(number) - 1]
    if (verdict == "takes") != bool(entry["ema"]):
        differ.add((entry["case"], name, str(entry["ema"])))
for row in sorted(differ):
    print(*row, sep="\t")
END
awk -F'\t' '
	FNR == NR { if ($0 !~ /^#/) { n = split($2, who, " "); for (i = 1; i <= n; i++) why[$1, who[i]] = $3 } next }
	$3 == 0 && ($1, $2) in why { print "# " $2 " takes \"" $1 "\", EMA does not: " why[$1, $2]; next }
	{ print "# " ($3 == 1 ? "EMA takes \"" $1 "\", " $2 " does not" : $2 " takes \"" $1 "\", EMA does not: it stands not in differences.tab") > "/dev/stderr" }
	' "$here/differences.tab" "$work/differ" >"$work/explained" 2>"$work/unexplained"
cat "$work/explained"
echo "# $(wc -l <"$work/corpus") tokens, $(wc -l <"$work/verdicts") verdicts of $(cut -f2 "$work/verdicts" | sort -u | tr '\n' ' ')"
none() { ! grep . "$1"; }
ok "EMA takes nothing that another one refuses, and each difference is explained" none "$work/unexplained"
plan
