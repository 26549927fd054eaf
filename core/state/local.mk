noinst_LTLIBRARIES += core/state/libstate.la
core_state_libstate_la_CPPFLAGS = $(STATE_CPPFLAGS)
core_state_libstate_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden
core_state_libstate_la_SOURCES = core/state/digest.c core/state/digest.h core/state/feed.h core/state/follow.c \
	core/state/horizon.c core/state/horizon.h \
	core/state/mark_table.c core/state/mark_table.h core/state/marks.c core/state/marks.h core/state/marks_inside.h \
	core/state/memory.c core/state/publish.c core/state/publish.h core/state/replay.c core/state/replay.h core/state/store.c core/state/store.h \
	core/state/store_kind.h core/state/store_plugin.c core/state/store_published.c
CORE_FOLDERS += core/state/libstate.la
