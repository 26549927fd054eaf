# Tests of jose.
check_PROGRAMS += tests/jose/test_json tests/jose/test_jws
TESTS += tests/jose/test_json tests/jose/test_jws
tests_jose_test_json_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_jose_test_json_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS)
tests_jose_test_json_LDADD = $(UNIT_LDADD) $(JSONC_LIBS)
tests_jose_test_jws_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_jose_test_jws_LDADD = $(UNIT_LDADD)
