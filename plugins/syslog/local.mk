plugin_LTLIBRARIES += plugins/syslog.la
plugins_syslog_la_SOURCES = \
	plugins/syslog/plugin.c plugins/syslog/syslog.h \
	plugins/syslog/journal.c \
	plugins/syslog/message.c \
	plugins/syslog/tls.c \
	plugins/syslog/transport.c
plugins_syslog_la_CPPFLAGS = $(MODULE_CPPFLAGS) -D_GNU_SOURCE $(SSL_CFLAGS)
plugins_syslog_la_CFLAGS = $(MODULE_CFLAGS)
plugins_syslog_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_syslog_la_LIBADD = $(SSL_LIBS) $(CRYPTO_LIBS)
