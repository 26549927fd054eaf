# Other implementations beside ours: slower, and in need of them, so no part of "make check" but for what it compiles.
check_PROGRAMS += tests/interop/corpus
tests_interop_corpus_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_interop_corpus_LDADD = $(INTERNAL)
EXTRA_DIST += tests/interop/apache.sh tests/interop/differences.tab tests/interop/differential.sh tests/interop/judge.mjs tests/interop/judge.py \
	tests/interop/desk.mjs tests/interop/echo.py tests/interop/emad.sh tests/interop/idp.mjs tests/interop/mcp.mjs tests/interop/oauth.mjs tests/interop/op.mjs tests/interop/proxies.sh tests/interop/tools.mjs tests/interop/vendors.mjs
