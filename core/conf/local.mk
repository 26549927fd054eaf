noinst_LTLIBRARIES += core/conf/libconf.la
core_conf_libconf_la_CPPFLAGS = $(CONF_CPPFLAGS)
core_conf_libconf_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden
core_conf_libconf_la_SOURCES =
CORE_FOLDERS += core/conf/libconf.la
