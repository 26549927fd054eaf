# Tests of mcp.
check_PROGRAMS += tests/mcp/test_message
TESTS += tests/mcp/test_message
tests_mcp_test_message_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_mcp_test_message_LDADD = $(UNIT_LDADD)
