# Tests of the token endpoint's parts.
TOKEN_TESTS = tests/token/test_certificate tests/token/test_cimd tests/token/test_client tests/token/test_dpop tests/token/test_form
check_PROGRAMS += $(TOKEN_TESTS)
TESTS += $(TOKEN_TESTS)
tests_token_test_certificate_SOURCES = tests/token/test_certificate.c tests/token/issue.c tests/token/issue.h
tests_token_test_certificate_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_token_test_certificate_LDADD = $(UNIT_LDADD)
tests_token_test_cimd_SOURCES = tests/token/test_cimd.c tests/trust/server.c tests/trust/server.h
tests_token_test_cimd_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)/tests/trust $(MICROHTTPD_CFLAGS)
tests_token_test_cimd_LDADD = $(UNIT_LDADD) $(MICROHTTPD_LIBS)
tests_token_test_client_SOURCES = tests/token/test_client.c tests/token/issue.c tests/token/issue.h
tests_token_test_client_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_token_test_client_LDADD = $(UNIT_LDADD)
tests_token_test_dpop_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_token_test_dpop_LDADD = $(UNIT_LDADD)
tests_token_test_form_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_token_test_form_LDADD = $(UNIT_LDADD)
