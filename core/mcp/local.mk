noinst_LIBRARIES += core/mcp/libmcp.a
core_mcp_libmcp_a_CPPFLAGS = $(MCP_CPPFLAGS)
core_mcp_libmcp_a_CFLAGS = $(CORE_CFLAGS)
core_mcp_libmcp_a_SOURCES = core/mcp/filter.c core/mcp/header.c core/mcp/header.h core/mcp/message.c core/mcp/message.h \
	core/mcp/method.c core/mcp/method.h core/mcp/unseen.c
CORE_FOLDERS += core/mcp/libmcp.a
