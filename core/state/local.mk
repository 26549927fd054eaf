noinst_LIBRARIES += core/state/libstate.a
core_state_libstate_a_CPPFLAGS = $(STATE_CPPFLAGS)
core_state_libstate_a_CFLAGS = $(CORE_CFLAGS)
core_state_libstate_a_SOURCES = core/state/digest.c core/state/digest.h core/state/feed.h core/state/follow.c \
	core/state/horizon.c core/state/horizon.h \
	core/state/mark_table.c core/state/mark_table.h core/state/marks.c core/state/marks.h core/state/marks_inside.h \
	core/state/memory.c core/state/publish.c core/state/publish.h core/state/replay.c core/state/replay.h core/state/store.c core/state/store.h \
	core/state/store_kind.h core/state/store_plugin.c core/state/store_published.c
CORE_FOLDERS += core/state/libstate.a
