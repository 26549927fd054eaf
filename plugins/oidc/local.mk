plugin_LTLIBRARIES += plugins/oidc.la
plugins_oidc_la_SOURCES = plugins/oidc/oidc.c plugins/oidc/oidc.h plugins/oidc/preset.c
plugins_oidc_la_CPPFLAGS = $(MODULE_CPPFLAGS)
plugins_oidc_la_CFLAGS = $(MODULE_CFLAGS)
plugins_oidc_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_oidc_la_LIBADD =
