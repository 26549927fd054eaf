check_PROGRAMS += tests/core/test_buffer tests/core/test_small
TESTS += tests/core/test_buffer tests/core/test_small
tests_core_test_buffer_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_core_test_buffer_LDADD = $(UNIT_LDADD)
tests_core_test_small_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_core_test_small_LDADD = $(UNIT_LDADD)
EXTRA_DIST += tests/test.h
