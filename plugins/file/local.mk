plugin_LTLIBRARIES += plugins/file.la
plugins_file_la_SOURCES = plugins/file/plugin.c plugins/file/file.h plugins/file/audit.c \
	plugins/file/directory.c plugins/file/people.c plugins/file/people.h
plugins_file_la_CPPFLAGS = $(MODULE_CPPFLAGS) -D_GNU_SOURCE
plugins_file_la_CFLAGS = $(MODULE_CFLAGS) $(CONFIG_CFLAGS)
plugins_file_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_file_la_LIBADD = $(CONFIG_LIBS)
