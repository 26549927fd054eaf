# Tests of programs.
PROGRAM_TESTS = tests/programs/audit.sh tests/programs/company.sh tests/programs/devidp.sh \
	tests/programs/emactl.sh tests/programs/emad.sh tests/programs/embedders.sh tests/programs/failover.sh tests/programs/faults.sh \
	tests/programs/image.sh tests/programs/kill.sh \
	tests/programs/policy.sh tests/programs/policy_table.sh tests/programs/revoke.sh \
	tests/programs/server.sh tests/programs/soak.sh tests/programs/tools.sh \
	tests/programs/who_can.sh
TESTS += $(PROGRAM_TESTS)
EXTRA_DIST += $(PROGRAM_TESTS) tests/programs/alone.sh tests/programs/clients.py tests/programs/redemptions.sh
check_PROGRAMS += tests/programs/load
tests_programs_load_SOURCES = tests/programs/load.c
tests_programs_load_CPPFLAGS = $(UNIT_CPPFLAGS) $(CURL_CFLAGS)
tests_programs_load_LDADD = $(WHOLE) $(CURL_LIBS)
check_PROGRAMS += tests/programs/test_taking
TESTS += tests/programs/test_taking
tests_programs_test_taking_SOURCES = tests/programs/test_taking.c emad/acceptor.c emad/connections.c emad/emad.h emad/say.c
tests_programs_test_taking_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)/include
tests_programs_test_taking_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) $(MICROHTTPD_CFLAGS)
tests_programs_test_taking_LDADD = $(WHOLE) $(CMOCKA_LIBS)
check_PROGRAMS += tests/programs/embedder
tests_programs_embedder_SOURCES = tests/programs/embedder.c
tests_programs_embedder_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/include
tests_programs_embedder_LDADD = $(WHOLE)
# A library to preload. An rpath makes libtool build one of what is not installed.
check_LTLIBRARIES += tests/programs/clock.la
tests_programs_clock_la_SOURCES = tests/programs/clock.c
tests_programs_clock_la_LDFLAGS = -module -avoid-version -shared -rpath $(plugindir)
