#!/bin/bash
# What libemacore and the plugins export, and that libemacore keeps no state of its own.
. "${srcdir:-.}/tests/lib.sh"
cd "$srcdir" || exit 99
library=$builddir/core/.libs/libemacore.so
[ -f "$library" ] || { echo "1..0 # SKIP no shared library was built"; exit 0; }
[ -z "${SANITIZER-}" ] || { echo "1..0 # SKIP sanitizers add symbols"; exit 0; }

same() { diff "$1" "$2"; }
sed -n 's/^[[:space:]]*\(ema_[a-z0-9_]*\);.*/\1/p' core/libemacore.map | LC_ALL=C sort >"$work/map"
nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | LC_ALL=C sort >"$work/exported"
awk -f tests/tree/code.awk include/ema/ema.h include/ema/admin.h | cut -d: -f3- | grep -v '^typedef' |
	grep -oE 'ema_[a-z0-9_]+\(' | tr -d '(* ' | LC_ALL=C sort -u >"$work/declared"
sed -n 's/^\.F[no] \(ema_[a-z0-9_]*\).*/\1/p' man/libemacore.3 man/ema-admin.3 2>/dev/null | LC_ALL=C sort -u >"$work/documented"

ok "libemacore exports what its map names, and nothing else" same "$work/map" "$work/exported"
if grep -qx ema_decide "$work/map"; then ok "the map names what ema.h and admin.h declare" same "$work/declared" "$work/map"
else ok "the map names nothing but what ema.h and admin.h declare" test -z "$(comm -13 "$work/declared" "$work/map")"; fi
if [ -f man/libemacore.3 ]; then ok "the manual describes what ema.h and admin.h declare" same "$work/declared" "$work/documented"; fi
# Not the compiler's and the linker's own, nor the one exception of HACKING.md.
stateless() { ! state | grep .; }
state() { objdump -t "$library" | grep -E '[[:space:]]\.(data|bss|tdata|tbss)[[:space:]]' | grep -vE 'completed\.[0-9]+$|__TMC_END__|__dso_handle|[[:space:]]plugin_entries$|[[:space:]](_edata|_end|__bss_start)$| \.[a-z]+$'; }
ok "libemacore has no global mutable state but for the entries that it called" stateless

# What cannot fail is not made to: what frees, looks at a number, or marks the queue of errors.
unfaulted() {
	nm -u "$builddir"/core/jose/*.o | awk '$2 ~ /^(ASN1|BIO|BN|CRYPTO|EVP|OPENSSL|OSSL|PEM|RAND|X509|d2i|i2d)_/ { print $2 }' | sort -u |
		grep -vE '_free$|^BN_(num_bits|is_odd|get_word)$|^EVP_sha256$' |
		while read -r call; do grep -qE "[ (*]${call}[,(]" tests/jose/faults.c || echo "$call"; done | grep .
}
ok "each call of OpenSSL in core/jose can be made to fail by tests/jose/faults.c" test -z "$(unfaulted)"

for plugin in "$builddir"/plugins/.libs/*.so "$builddir"/plugins/*/.libs/*.so; do
	[ -f "$plugin" ] || continue
	ok "the entry point alone: ${plugin##*/}" test "$(nm -D --defined-only "$plugin" | awk '{ print $3 }')" = ema_plugin_entry
	ok "links to nothing of ours: ${plugin##*/}" test -z "$(objdump -p "$plugin" | grep 'NEEDED.*ema')"
done
plan
