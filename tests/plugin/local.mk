# Tests of plugin.
EXTRA_DIST += tests/plugin/rig.h
include tests/plugin/bad/local.mk

check_PROGRAMS += tests/plugin/test_bad
TESTS += tests/plugin/test_bad
tests_plugin_test_bad_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_plugin_test_bad_LDADD = $(UNIT_LDADD)
check_PROGRAMS += tests/plugin/test_kinds
TESTS += tests/plugin/test_kinds
tests_plugin_test_kinds_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_plugin_test_kinds_LDADD = $(UNIT_LDADD)
check_PROGRAMS += tests/plugin/test_verify
TESTS += tests/plugin/test_verify
tests_plugin_test_verify_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_plugin_test_verify_LDADD = $(UNIT_LDADD)
# Compiled with the frozen header, and with nothing of include/.
check_LTLIBRARIES += tests/plugin/every_kind.la
tests_plugin_every_kind_la_SOURCES = tests/plugin/abi-1.0/every_kind.c
tests_plugin_every_kind_la_CPPFLAGS = -I$(top_srcdir)/tests/plugin/abi-1.0
tests_plugin_every_kind_la_CFLAGS = $(MODULE_CFLAGS)
tests_plugin_every_kind_la_LDFLAGS = $(BAD_LDFLAGS)
check_PROGRAMS += tests/plugin/test_frozen
TESTS += tests/plugin/test_frozen
tests_plugin_test_frozen_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_plugin_test_frozen_LDADD = $(UNIT_LDADD)
check_PROGRAMS += tests/plugin/load_plugin
tests_plugin_load_plugin_CPPFLAGS = $(CONTEXT_CPPFLAGS)
tests_plugin_load_plugin_LDADD = $(INTERNAL)

TESTS += tests/plugin/headers.sh tests/plugin/examples.sh
EXTRA_DIST += tests/plugin/headers.sh tests/plugin/examples.sh tests/plugin/reference.c tests/plugin/abi-asserts tests/plugin/abi_1_0.c \
	tests/plugin/abi-1.0/SHA256SUMS tests/plugin/abi-1.0/ema/codes.h tests/plugin/abi-1.0/ema/plugin.h
