# Tests of the HTTP endpoints, without a network.
ENDPOINT_TESTS = tests/endpoint/test_check tests/endpoint/test_once tests/endpoint/test_pages tests/endpoint/test_token \
	tests/endpoint/test_torture
check_PROGRAMS += $(ENDPOINT_TESTS)
TESTS += $(ENDPOINT_TESTS)
DESK_SOURCES = tests/endpoint/desk.c tests/endpoint/desk.h tests/context/world.c tests/context/world.h
tests_endpoint_test_check_SOURCES = tests/endpoint/test_check.c $(DESK_SOURCES)
tests_endpoint_test_check_CPPFLAGS = $(UNIT_CPPFLAGS) $(JSONC_CFLAGS)
tests_endpoint_test_check_LDADD = $(CONTEXT_TEST_LDADD)
tests_endpoint_test_token_SOURCES = tests/endpoint/test_token.c tests/token/issue.c tests/token/issue.h $(DESK_SOURCES)
tests_endpoint_test_token_CPPFLAGS = $(UNIT_CPPFLAGS) $(JSONC_CFLAGS)
tests_endpoint_test_token_LDADD = $(CONTEXT_TEST_LDADD)
tests_endpoint_test_pages_SOURCES = tests/endpoint/test_pages.c $(DESK_SOURCES)
tests_endpoint_test_pages_CPPFLAGS = $(UNIT_CPPFLAGS) $(JSONC_CFLAGS)
tests_endpoint_test_pages_LDADD = $(CONTEXT_TEST_LDADD)
tests_endpoint_test_torture_SOURCES = tests/endpoint/test_torture.c tests/context/torture.h $(DESK_SOURCES)
tests_endpoint_test_torture_CPPFLAGS = $(UNIT_CPPFLAGS) $(JSONC_CFLAGS)
tests_endpoint_test_torture_LDFLAGS = $(AM_LDFLAGS) $(TORTURE_WRAP)
tests_endpoint_test_torture_LDADD = $(CONTEXT_TEST_LDADD)
tests_endpoint_test_once_SOURCES = tests/endpoint/test_once.c $(DESK_SOURCES)
tests_endpoint_test_once_CPPFLAGS = $(UNIT_CPPFLAGS) $(JSONC_CFLAGS)
tests_endpoint_test_once_LDADD = $(CONTEXT_TEST_LDADD)
