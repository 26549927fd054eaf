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

shown() { "$builddir/run" man "$@" | tr -d '\b' | grep -q "plugin of EMA"; }
if command -v man >/dev/null || command -v mandoc >/dev/null; then
	ok "a page of the tree is read out of an uninstalled build" shown ema-plugin
	ok "by its section too" shown 7 ema-plugin
else
	skip "a page of the tree is read out of an uninstalled build" "neither man nor mandoc is here"
fi
plan
