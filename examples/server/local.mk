# An MCP server that checks each request: built, not installed; tests run it.
EXTRA_DIST += examples/server/README.md
noinst_PROGRAMS += examples/server/server
examples_server_server_SOURCES = examples/server/server.c examples/server/notes.c examples/server/notes.h
examples_server_server_CPPFLAGS = -I$(top_srcdir)/include $(JSONC_CFLAGS) $(MICROHTTPD_CFLAGS)
examples_server_server_LDADD = core/libemacore.la $(JSONC_LIBS) $(MICROHTTPD_LIBS) -lpthread
