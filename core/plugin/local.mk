noinst_LTLIBRARIES += core/plugin/libplugin.la
core_plugin_libplugin_la_CPPFLAGS = $(HOST_CPPFLAGS)
core_plugin_libplugin_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden
core_plugin_libplugin_la_SOURCES =
CORE_FOLDERS += core/plugin/libplugin.la
