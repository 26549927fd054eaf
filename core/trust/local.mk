noinst_LTLIBRARIES += core/trust/libtrust.la
core_trust_libtrust_la_CPPFLAGS = $(TRUST_CPPFLAGS)
core_trust_libtrust_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden
core_trust_libtrust_la_SOURCES =
CORE_FOLDERS += core/trust/libtrust.la
