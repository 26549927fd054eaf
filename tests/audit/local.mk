check_PROGRAMS += tests/audit/test_audit
TESTS += tests/audit/test_audit
tests_audit_test_audit_SOURCES = tests/audit/test_audit.c tests/audit/sinks.h
tests_audit_test_audit_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_audit_test_audit_LDADD = $(UNIT_LDADD)
