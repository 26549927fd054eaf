noinst_LTLIBRARIES += core/jose/libjose.la
core_jose_libjose_la_CPPFLAGS = $(JOSE_CPPFLAGS)
core_jose_libjose_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden
core_jose_libjose_la_SOURCES =
CORE_FOLDERS += core/jose/libjose.la
