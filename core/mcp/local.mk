noinst_LTLIBRARIES += core/mcp/libmcp.la
core_mcp_libmcp_la_CPPFLAGS = $(MCP_CPPFLAGS)
core_mcp_libmcp_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden
core_mcp_libmcp_la_SOURCES = core/mcp/filter.c core/mcp/header.c core/mcp/header.h core/mcp/message.c core/mcp/message.h \
	core/mcp/method.c core/mcp/method.h core/mcp/unseen.c
CORE_FOLDERS += core/mcp/libmcp.la
