# Unit tests speak TAP through cmocka; tests of programs are shell scripts that source tests/lib.sh.
# Each folder of core has its tests in tests/FOLDER, listed in tests/FOLDER/local.mk.
EXTRA_DIST += tests/lib.sh
UNIT_CPPFLAGS = $(ENDPOINT_CPPFLAGS) -I$(top_srcdir)/tests $(CMOCKA_CFLAGS) -DSRCDIR='"$(abs_top_srcdir)"' -DBUILDDIR='"$(abs_top_builddir)"'
UNIT_LDADD = $(INTERNAL) $(CMOCKA_LIBS)
# Calls of the system that fail. A sanitizer makes some before it is there: what stands for them must do without it.
check_LIBRARIES += tests/libcalls.a
tests_libcalls_a_SOURCES = tests/calls.c tests/calls.h
tests_libcalls_a_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_libcalls_a_CFLAGS = $(AM_CFLAGS) -fno-sanitize=all

include tests/core/local.mk
include tests/interop/local.mk
include tests/jose/local.mk
include tests/trust/local.mk
include tests/state/local.mk
include tests/conf/local.mk
include tests/plugin/local.mk
include tests/identity/local.mk
include tests/policy/local.mk
include tests/mcp/local.mk
include tests/token/local.mk
include tests/audit/local.mk
include tests/context/local.mk
include tests/endpoint/local.mk
include tests/plugins/local.mk
include tests/programs/local.mk
include tests/tree/local.mk
