noinst_LIBRARIES += core/plugin/libplugin.a
core_plugin_libplugin_a_CPPFLAGS = $(HOST_CPPFLAGS) -DPLUGINDIR='"$(plugindir)"'
core_plugin_libplugin_a_CFLAGS = $(CORE_CFLAGS)
core_plugin_libplugin_a_SOURCES = \
	core/plugin/call.c \
	core/plugin/claims.c \
	core/plugin/declare.c \
	core/plugin/description.c core/plugin/description.h \
	core/plugin/entry.c core/plugin/entry.h \
	core/plugin/event.h \
	core/plugin/host.h \
	core/plugin/instance.c \
	core/plugin/lent.h \
	core/plugin/load.c \
	core/plugin/people.c core/plugin/people.h \
	core/plugin/room.c core/plugin/room.h \
	core/plugin/run.c \
	core/plugin/settings.c \
	core/plugin/table.c \
	core/plugin/verify.c
CORE_FOLDERS += core/plugin/libplugin.a
