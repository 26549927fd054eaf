# A plugin sees include/ and links to nothing of ours; it exports its entry point alone.
MODULE_CPPFLAGS = -I$(top_srcdir)/include
MODULE_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden
MODULE_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -no-undefined \
	-export-symbols-regex '^ema_plugin_entry$$'

include plugins/azure_ad/local.mk
include plugins/fault/local.mk
include plugins/file/local.mk
include plugins/lmdb/local.mk
include plugins/oidc/local.mk
include plugins/okta_xaa/local.mk
include plugins/redis/local.mk
include plugins/syslog/local.mk
