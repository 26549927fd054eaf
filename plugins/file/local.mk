plugin_LTLIBRARIES += plugins/file.la
plugins_file_la_SOURCES = plugins/file/plugin.c plugins/file/file.h plugins/file/audit.c
plugins_file_la_CPPFLAGS = $(MODULE_CPPFLAGS) -D_GNU_SOURCE
plugins_file_la_CFLAGS = $(MODULE_CFLAGS)
plugins_file_la_LDFLAGS = $(MODULE_LDFLAGS)
