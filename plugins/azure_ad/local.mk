plugin_LTLIBRARIES += plugins/azure_ad.la
plugins_azure_ad_la_SOURCES = plugins/azure_ad/azure_ad.c
plugins_azure_ad_la_CPPFLAGS = $(MODULE_CPPFLAGS)
plugins_azure_ad_la_CFLAGS = $(MODULE_CFLAGS)
plugins_azure_ad_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_azure_ad_la_LIBADD =
