# Tests of context: whole decisions.
CONTEXT_TESTS = tests/context/test_decide tests/context/test_near tests/context/test_threads tests/context/test_flow \
	tests/context/test_lint tests/context/test_audit_path \
	tests/context/test_torture tests/context/test_reload tests/context/test_revoke tests/context/test_standing
check_PROGRAMS += $(CONTEXT_TESTS)
TESTS += $(CONTEXT_TESTS)
# The world that they decide in, and the desk that tests of the endpoints ask.
check_LIBRARIES += tests/libworld.a
tests_libworld_a_SOURCES = tests/context/world.c tests/context/world.h tests/endpoint/desk.c tests/endpoint/desk.h
tests_libworld_a_CPPFLAGS = $(UNIT_CPPFLAGS) $(JSONC_CFLAGS)
CONTEXT_TEST_LDADD = tests/libworld.a $(WHOLE) $(CMOCKA_LIBS) $(JSONC_LIBS)
tests_context_test_decide_CPPFLAGS = $(UNIT_CPPFLAGS) $(JSONC_CFLAGS)
tests_context_test_decide_LDADD = $(CONTEXT_TEST_LDADD)
tests_context_test_near_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_context_test_near_LDADD = $(CONTEXT_TEST_LDADD)
tests_context_test_threads_SOURCES = tests/context/test_threads.c tests/trust/server.c tests/trust/server.h
tests_context_test_threads_CPPFLAGS = $(UNIT_CPPFLAGS) $(JSONC_CFLAGS) $(MICROHTTPD_CFLAGS)
tests_context_test_threads_LDADD = $(CONTEXT_TEST_LDADD) $(MICROHTTPD_LIBS)
tests_context_test_flow_CPPFLAGS = $(UNIT_CPPFLAGS) $(JSONC_CFLAGS)
tests_context_test_flow_LDADD = $(CONTEXT_TEST_LDADD)
tests_context_test_lint_CPPFLAGS = $(UNIT_CPPFLAGS) $(JSONC_CFLAGS)
tests_context_test_lint_LDFLAGS = $(AM_LDFLAGS) -export-dynamic
tests_context_test_lint_LDADD = $(CONTEXT_TEST_LDADD)
tests_context_test_audit_path_CPPFLAGS = $(UNIT_CPPFLAGS) $(JSONC_CFLAGS)
tests_context_test_audit_path_LDADD = $(CONTEXT_TEST_LDADD)
tests_context_test_torture_SOURCES = tests/context/test_torture.c tests/context/torture.h tests/context/wrap.h
tests_context_test_torture_CPPFLAGS = $(UNIT_CPPFLAGS) $(JSONC_CFLAGS)
TORTURE_WRAP = -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc -Wl,--wrap=reallocarray -Wl,--wrap=aligned_alloc \
	-Wl,--wrap=strdup -Wl,--wrap=strndup -Wl,--wrap=asprintf -Wl,--wrap=vasprintf -Wl,--wrap=__asprintf_chk
tests_context_test_torture_LDFLAGS = $(AM_LDFLAGS) $(TORTURE_WRAP)
tests_context_test_torture_LDADD = $(CONTEXT_TEST_LDADD)
tests_context_test_reload_CPPFLAGS = $(UNIT_CPPFLAGS) $(JSONC_CFLAGS)
tests_context_test_reload_LDADD = $(CONTEXT_TEST_LDADD)
tests_context_test_revoke_CPPFLAGS = $(UNIT_CPPFLAGS) $(JSONC_CFLAGS)
tests_context_test_revoke_LDADD = $(CONTEXT_TEST_LDADD)
tests_context_test_standing_SOURCES = tests/context/test_standing.c tests/trust/server.c tests/trust/server.h
tests_context_test_standing_CPPFLAGS = $(UNIT_CPPFLAGS) $(JSONC_CFLAGS) $(MICROHTTPD_CFLAGS)
tests_context_test_standing_LDADD = $(CONTEXT_TEST_LDADD) $(MICROHTTPD_LIBS)
