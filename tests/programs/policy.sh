#!/usr/bin/env bash
# The configurations in ema-policy(7) load, and what is wrong with a pattern is said where it stands.
. "${srcdir:-$(dirname "$0")/../..}/tests/lib.sh"

awk -v folder="$work" '
	/^\.Sh TESTS/ { exit }
	/^\.Bd/ { inside = 1; count++; file = folder "/example-" count ".conf"; next }
	/^\.Ed/ { inside = 0; close(file) }
	inside { gsub(/\\e/, "\\"); print >file }' "$srcdir/man/ema-policy.7"
# The groups of the recipes, as a directory says them.
echo 'people = ( { id = "ada"; subjects = ["okta/-/00u1abcdEFGH"]; groups = ["engineering"]; } );' >"$work/people.conf"
chmod 0640 "$work"/example-*.conf "$work/people.conf"
ok "there are six recipes" test "$(find "$work" -name 'example-*.conf' | wc -l)" -eq 6
loads() { emactl -c "$1" check --json >"$work/checked"; grep -q '"loads": true' "$work/checked" && ! grep -q '"E-' "$work/checked" || { cat "$work/checked"; return 1; }; }
# W-UNSCOPED-TOOL among them: a recipe has no rule without effect, but for the tool that is not there yet.
quiet() { ! grep -oE '"W-[A-Z-]+"' "$work/checked" | grep -vE '"W-(NO-AUDIT|UNSCOPED-TOOL)"'; }
for file in "$work"/example-*.conf; do
	ok "$(basename "$file" .conf) loads" loads "$file"
	ok "$(basename "$file" .conf) has no other warning" quiet
done

awk '/^\.Sh TESTS/ { here = 1 } /^\.Ed/ { inside = 0 } inside { print } here && /^\.Bd/ { inside = 1 }' "$srcdir/man/ema-policy.7" >"$work/table"
chmod 0640 "$work/table"
ok "the table holds against the recipe for contractors" emactl -c "$work/example-3.conf" test "$work/table"
says "4 expectations, 0 failed"
# Without the directory, nobody can be in a group of Okta's.
sed '/for = \["okta"\]/d' "$work/example-3.conf" >"$work/nowhere.conf"
chmod 0640 "$work/nowhere.conf"
fails 1 "a recipe without the directory" emactl -c "$work/nowhere.conf" check
says "W-NO-SOURCE: nothing says which groups the subjects of provider \"okta\" have"

sed 's/repo:\/\/acme\/\*\*/repo:\/\/acme**/' "$work/example-1.conf" >"$work/bad.conf"
chmod 0640 "$work/bad.conf"
fails 1 "a pattern that does not compile" emactl -c "$work/bad.conf" check
says "E-PATTERN"
says "bad.conf:15"
plan
