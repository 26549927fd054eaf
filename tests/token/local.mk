# Tests of the token endpoint's parts.
TOKEN_TESTS = tests/token/test_access tests/token/test_form tests/token/test_keyring
check_PROGRAMS += $(TOKEN_TESTS)
TESTS += $(TOKEN_TESTS)
tests_token_test_access_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_token_test_access_LDADD = $(UNIT_LDADD)
tests_token_test_form_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_token_test_form_LDADD = $(UNIT_LDADD)
tests_token_test_keyring_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_token_test_keyring_LDADD = $(UNIT_LDADD)
