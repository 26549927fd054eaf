noinst_LTLIBRARIES += core/context/libcontext.la
core_context_libcontext_la_CPPFLAGS = $(CONTEXT_CPPFLAGS)
core_context_libcontext_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden
core_context_libcontext_la_SOURCES =
CORE_FOLDERS += core/context/libcontext.la
