plugin_LTLIBRARIES += plugins/okta_xaa.la
plugins_okta_xaa_la_SOURCES = plugins/okta_xaa/okta_xaa.c
plugins_okta_xaa_la_CPPFLAGS = $(MODULE_CPPFLAGS)
plugins_okta_xaa_la_CFLAGS = $(MODULE_CFLAGS)
plugins_okta_xaa_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_okta_xaa_la_LIBADD =
