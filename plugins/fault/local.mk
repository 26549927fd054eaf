# For tests alone. An rpath makes libtool build a module of what is not installed.
check_LTLIBRARIES += plugins/fault.la
plugins_fault_la_SOURCES = plugins/fault/fault.c
plugins_fault_la_CPPFLAGS = $(MODULE_CPPFLAGS)
plugins_fault_la_CFLAGS = $(MODULE_CFLAGS)
plugins_fault_la_LDFLAGS = $(MODULE_LDFLAGS) -rpath $(plugindir)
