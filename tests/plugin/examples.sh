# The examples build with what is installed, by pkg-config alone, and a plugin built with the 1.0 header runs today.
. "${srcdir:-.}/tests/lib.sh"
load=$builddir/tests/plugin/load_plugin
command -v pkg-config >/dev/null || { skip "examples build out of tree" "no pkg-config here"; plan; exit; }
case ${SANITIZER:-} in ?*) skip "examples build out of tree" "a sanitizer's library would have to come first"; plan; exit ;; esac

# What make install puts there, without relinking what other tests use at the same time.
prefix=$work/prefix
installs() {
	unset MAKEFLAGS MFLAGS
	make -s -C "$builddir" install-pkgincludeHEADERS install-pkgconfigDATA DESTDIR= prefix="$prefix" exec_prefix="$prefix" \
		libdir="$prefix/lib" includedir="$prefix/include" &&
		sed -i "s|^prefix=.*|prefix=$prefix|; s|^exec_prefix=.*|exec_prefix=$prefix|; s|^libdir=.*|libdir=$prefix/lib|; s|^includedir=.*|includedir=$prefix/include|" \
			"$prefix/lib/pkgconfig/emacore-plugin.pc"
}
ok "headers and .pc files are installed into an empty prefix" installs
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
plugindir=$(pkg-config --variable=plugindir emacore-plugin)

build() { cp -r "$srcdir/examples/$1" "$work/$1" && chmod -R u+w "$work/$1" && make -C "$work/$1" CC="${CC:-cc}" CXX="${CXX:-c++}" && make -C "$work/$1" install; }
one_symbol() { [ "$(nm -D --defined-only "$1" | grep -cE ' [TDRB] ')" = 1 ] && nm -D --defined-only "$1" | grep -q ' T ema_plugin_entry$'; }
for example in plugin-c:acme plugin-cxx:acmexx guard:hours; do
	name=${example#*:}
	ok "examples/${example%:*} builds by pkg-config alone" build "${example%:*}"
	ok "$name exports its entry alone" one_symbol "$plugindir/$name.so"
done

echo 'url = "https://idp.acme.example"; groups = "departments";' >"$work/acme.conf"
echo 'url = "https://idp.acme.example"; departments = ( { name = "R&D"; group = "engineering"; } );' >"$work/acmexx.conf"
echo 'from = 0; until = 24;' >"$work/hours.conf"
echo 'from = 23; until = 1;' >"$work/wrong.conf"
echo 'from = 0; untill = 24;' >"$work/typo.conf"
ok "acme is loaded and called" "$load" "$plugindir/acme.so" identity "$work/acme.conf"
says "malformed"
ok "acmexx is loaded and called" "$load" "$plugindir/acmexx.so" identity "$work/acmexx.conf"
ok "hours is loaded and called" "$load" "$plugindir/hours.so" guard "$work/hours.conf" "$work/wrong.conf" "$work/typo.conf"
says "ok"
says "until: must be later than from"
says 'did you mean "until"?'

lists() { EMA_PLUGIN_PATH=$plugindir emactl plugins >"$work/listed" && grep -q acme "$work/listed" && grep -q acmexx "$work/listed" && grep -q hours "$work/listed"; }
if [ -x "$builddir/emactl/emactl" ]; then ok "emactl lists them" lists; else skip "emactl lists them" "emactl is not built"; fi

old() { ${CC:-cc} -fPIC -shared -I"$srcdir/tests/plugin/abi-1.0" -o "$work/$1.so" "$2"; }
ok "the example builds with the 1.0 header" old acme "$srcdir/examples/plugin-c/acme.c"
ok "and is run by this core" "$load" "$work/acme.so" identity "$work/acme.conf"
says "malformed"
ok "and by a core that lends no more than 1.0 did" "$load" -1 "$work/acme.so" identity "$work/acme.conf"
says "malformed"
plan
