# Tests of the token endpoint's parts.
TOKEN_TESTS = tests/token/test_form
check_PROGRAMS += $(TOKEN_TESTS)
TESTS += $(TOKEN_TESTS)
tests_token_test_form_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_token_test_form_LDADD = $(UNIT_LDADD)
