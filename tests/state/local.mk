# Tests of state.
check_PROGRAMS += tests/state/test_store tests/state/test_replay
TESTS += tests/state/test_store tests/state/test_replay
tests_state_test_store_SOURCES = tests/state/test_store.c tests/state/store_suite.c tests/state/store_suite.h
tests_state_test_store_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_state_test_store_LDADD = $(UNIT_LDADD)
tests_state_test_replay_SOURCES = tests/state/test_replay.c tests/state/store_suite.c tests/state/store_suite.h
tests_state_test_replay_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_state_test_replay_LDADD = $(UNIT_LDADD)
check_PROGRAMS += tests/state/test_marks
TESTS += tests/state/test_marks
tests_state_test_marks_SOURCES = tests/state/test_marks.c tests/state/store_suite.c tests/state/store_suite.h
tests_state_test_marks_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_state_test_marks_LDADD = $(UNIT_LDADD)
