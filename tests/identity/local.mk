# Tests of identity.
check_PROGRAMS += tests/identity/test_stack
TESTS += tests/identity/test_stack
tests_identity_test_stack_SOURCES = tests/identity/test_stack.c tests/identity/slow_stack.c tests/identity/slow_stack.h
tests_identity_test_stack_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_identity_test_stack_LDADD = $(UNIT_LDADD)
EXTRA_DIST += tests/identity/truth-table.txt
check_PROGRAMS += tests/identity/test_subject
TESTS += tests/identity/test_subject
tests_identity_test_subject_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_identity_test_subject_LDADD = $(UNIT_LDADD)
check_PROGRAMS += tests/identity/test_principal
TESTS += tests/identity/test_principal
tests_identity_test_principal_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_identity_test_principal_LDADD = $(UNIT_LDADD)
