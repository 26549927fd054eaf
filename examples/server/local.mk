# An MCP server that checks each request: built, not installed; a test runs it.
noinst_PROGRAMS += examples/server/server
examples_server_server_SOURCES = examples/server/server.c
examples_server_server_CPPFLAGS = -I$(top_srcdir)/include $(JSONC_CFLAGS)
examples_server_server_LDADD = core/libemacore.la $(JSONC_LIBS)
