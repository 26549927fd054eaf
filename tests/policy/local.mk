# Tests of policy.
check_PROGRAMS += tests/policy/test_looks tests/policy/test_pattern tests/policy/test_policy tests/policy/test_random
TESTS += tests/policy/test_looks tests/policy/test_pattern tests/policy/test_policy tests/policy/test_random
EXTRA_DIST += tests/policy/rig.h
tests_policy_test_looks_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_policy_test_looks_LDADD = $(UNIT_LDADD)
tests_policy_test_pattern_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_policy_test_pattern_LDADD = $(UNIT_LDADD)
tests_policy_test_policy_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_policy_test_policy_LDADD = $(UNIT_LDADD)
tests_policy_test_random_SOURCES = tests/policy/test_random.c tests/policy/dealt.c tests/policy/dealt.h tests/policy/slow_policy.c tests/policy/slow_policy.h
tests_policy_test_random_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_policy_test_random_LDADD = $(UNIT_LDADD)
