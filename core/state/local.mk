noinst_LTLIBRARIES += core/state/libstate.la
core_state_libstate_la_CPPFLAGS = $(STATE_CPPFLAGS)
core_state_libstate_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden
core_state_libstate_la_SOURCES =
CORE_FOLDERS += core/state/libstate.la
