# Tests of jose.
JOSE_TESTS = tests/jose/test_json tests/jose/test_jwk tests/jose/test_jws tests/jose/test_jwt
check_PROGRAMS += $(JOSE_TESTS)
TESTS += $(JOSE_TESTS)
tests_jose_test_json_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_jose_test_json_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS)
tests_jose_test_json_LDADD = $(UNIT_LDADD) $(JSONC_LIBS)
tests_jose_test_jwk_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_jose_test_jwk_LDADD = $(UNIT_LDADD)
tests_jose_test_jws_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_jose_test_jws_LDADD = $(UNIT_LDADD)
tests_jose_test_jwt_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_jose_test_jwt_LDADD = $(UNIT_LDADD)
