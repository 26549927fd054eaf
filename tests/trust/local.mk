TRUST_TESTS = tests/trust/test_address tests/trust/test_discovery
check_PROGRAMS += $(TRUST_TESTS)
TESTS += $(TRUST_TESTS)
tests_trust_test_address_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_trust_test_address_LDADD = $(UNIT_LDADD)
tests_trust_test_discovery_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_trust_test_discovery_LDADD = $(UNIT_LDADD)
