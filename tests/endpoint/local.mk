# Tests of the HTTP endpoints, without a network.
ENDPOINT_TESTS = tests/endpoint/test_authzen tests/endpoint/test_check tests/endpoint/test_decision tests/endpoint/test_once tests/endpoint/test_pages tests/endpoint/test_properties tests/endpoint/test_tenants tests/endpoint/test_token \
	tests/endpoint/test_torture
check_PROGRAMS += $(ENDPOINT_TESTS)
TESTS += $(ENDPOINT_TESTS)
tests_endpoint_test_check_CPPFLAGS = $(UNIT_CPPFLAGS) $(JSONC_CFLAGS)
tests_endpoint_test_check_LDADD = $(CONTEXT_TEST_LDADD)
tests_endpoint_test_authzen_CPPFLAGS = $(UNIT_CPPFLAGS) $(JSONC_CFLAGS)
tests_endpoint_test_authzen_LDADD = $(CONTEXT_TEST_LDADD)
tests_endpoint_test_decision_CPPFLAGS = $(UNIT_CPPFLAGS) $(JSONC_CFLAGS)
tests_endpoint_test_decision_LDADD = $(CONTEXT_TEST_LDADD)
tests_endpoint_test_token_SOURCES = tests/endpoint/test_token.c tests/token/issue.c tests/token/issue.h
tests_endpoint_test_token_CPPFLAGS = $(UNIT_CPPFLAGS) $(JSONC_CFLAGS)
tests_endpoint_test_token_LDADD = $(CONTEXT_TEST_LDADD)
tests_endpoint_test_pages_CPPFLAGS = $(UNIT_CPPFLAGS) $(JSONC_CFLAGS)
tests_endpoint_test_pages_LDADD = $(CONTEXT_TEST_LDADD)
tests_endpoint_test_torture_SOURCES = tests/endpoint/test_torture.c tests/context/torture.h
tests_endpoint_test_torture_CPPFLAGS = $(UNIT_CPPFLAGS) $(JSONC_CFLAGS)
tests_endpoint_test_torture_LDFLAGS = $(AM_LDFLAGS) $(TORTURE_WRAP)
tests_endpoint_test_torture_LDADD = $(CONTEXT_TEST_LDADD)
tests_endpoint_test_once_CPPFLAGS = $(UNIT_CPPFLAGS) $(JSONC_CFLAGS)
tests_endpoint_test_once_LDADD = $(CONTEXT_TEST_LDADD)
tests_endpoint_test_properties_SOURCES = tests/endpoint/test_properties.c tests/policy/slow_policy.c tests/policy/slow_policy.h
tests_endpoint_test_properties_CPPFLAGS = $(UNIT_CPPFLAGS) $(JSONC_CFLAGS)
tests_endpoint_test_properties_LDADD = $(CONTEXT_TEST_LDADD)
tests_endpoint_test_tenants_CPPFLAGS = $(UNIT_CPPFLAGS) $(JSONC_CFLAGS)
tests_endpoint_test_tenants_LDADD = $(CONTEXT_TEST_LDADD)
