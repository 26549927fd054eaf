# ema.conf(5) explains each finding that the code makes.
. "${srcdir:-.}/tests/lib.sh"

explained() {
	local id lacking=0
	for id in $(grep -rhoE --include='*.c' '"[EWN]-[A-Z]+(-[A-Z]+)*"' "$srcdir/core" | tr -d '"' | sort -u); do
		grep -q "^\.It Li .*$id" "$srcdir/man/ema.conf.5" || { echo "ema.conf(5) lacks $id"; lacking=1; }
	done
	return $lacking
}
ok "each finding is explained" explained

# The core knows which presets of the plugin oidc read neither groups nor roles, and which read groups alone.
presets() {
	awk -v want="$1" '/^\t\{ \.name = "/ { split($0, part, "\""); list[++n] = part[2] } /\.groups = / { groups[list[n]] = 1 } /\.roles = / { roles[list[n]] = 1 }
		END { for (i = 1; i <= n; i++) if (!roles[list[i]] && !groups[list[i]] == (want == "bare")) print list[i] }' "$srcdir/plugins/oidc/preset.c" | sort
}
known() { sed -n "s/.*const $1\[\] = {\(.*\), NULL };/\1/p" "$srcdir/core/conf/supply.c" | tr -d ' "' | tr ',' '\n' | sort; }
for list in bare groups_alone; do
	ok "the presets of oidc: $list" test -n "$(presets $list)" -a "$(presets $list)" = "$(known $list)"
done

shown() { "$builddir/run" man "$@" | tr -d '\b' | grep -q "plugin of EMA"; }
if command -v man >/dev/null || command -v mandoc >/dev/null; then
	ok "a page of the tree is read out of an uninstalled build" shown ema-plugin
	ok "by its section too" shown 7 ema-plugin
else
	skip "a page of the tree is read out of an uninstalled build" "neither man nor mandoc is here"
fi
plan
