if LMDB
plugin_LTLIBRARIES += plugins/lmdb.la
plugins_lmdb_la_SOURCES = plugins/lmdb/plugin.c plugins/lmdb/lmdb_store.h plugins/lmdb/file.c plugins/lmdb/store.c
plugins_lmdb_la_CPPFLAGS = $(MODULE_CPPFLAGS) -D_GNU_SOURCE $(LMDB_CFLAGS)
plugins_lmdb_la_CFLAGS = $(MODULE_CFLAGS)
plugins_lmdb_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_lmdb_la_LIBADD = $(LMDB_LIBS)
endif
