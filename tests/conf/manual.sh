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
plan
