# Each folder is a library of its own, compiled with the include paths of the folders above it and no others:
# what is to the right in the order of the house cannot be included by accident.
TOP_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/core
JOSE_CPPFLAGS = $(TOP_CPPFLAGS) -I$(top_srcdir)/core/jose
TRUST_CPPFLAGS = $(JOSE_CPPFLAGS) -I$(top_srcdir)/core/trust
STATE_CPPFLAGS = $(TRUST_CPPFLAGS) -I$(top_srcdir)/core/state
CONF_CPPFLAGS = $(STATE_CPPFLAGS) -I$(top_srcdir)/core/conf
HOST_CPPFLAGS = $(CONF_CPPFLAGS) -I$(top_srcdir)/core/plugin
IDENTITY_CPPFLAGS = $(HOST_CPPFLAGS) -I$(top_srcdir)/core/identity
POLICY_CPPFLAGS = $(IDENTITY_CPPFLAGS) -I$(top_srcdir)/core/policy
MCP_CPPFLAGS = $(POLICY_CPPFLAGS) -I$(top_srcdir)/core/mcp
TOKEN_CPPFLAGS = $(MCP_CPPFLAGS) -I$(top_srcdir)/core/token
AUDIT_CPPFLAGS = $(TOKEN_CPPFLAGS) -I$(top_srcdir)/core/audit
CONTEXT_CPPFLAGS = $(AUDIT_CPPFLAGS) -I$(top_srcdir)/core/context
ENDPOINT_CPPFLAGS = $(CONTEXT_CPPFLAGS) -I$(top_srcdir)/core/endpoint

# Plain archives, of code that can be in a shared library: through libtool a build took half as long again.
CORE_CFLAGS = $(AM_CFLAGS) -fPIC -fvisibility=hidden
CORE_FOLDERS =
noinst_LIBRARIES += core/libtop.a
core_libtop_a_CPPFLAGS = $(TOP_CPPFLAGS)
core_libtop_a_CFLAGS = $(CORE_CFLAGS)
core_libtop_a_SOURCES = \
	core/arena.c core/arena.h \
	core/buffer.c core/buffer.h \
	core/clock.c core/clock.h \
	core/codes.c core/codes.h \
	core/descriptor.c core/descriptor.h \
	core/failure.c core/failure.h \
	core/log.c core/log.h \
	core/notice.c core/notice.h \
	core/origin.c core/origin.h \
	core/published.c core/published.h \
	core/resource.c core/resource.h \
	core/secret.c core/secret.h
CORE_FOLDERS += core/libtop.a
EXTRA_DIST += core/codes.tab core/libemacore.map

include core/jose/local.mk
include core/trust/local.mk
include core/state/local.mk
include core/conf/local.mk
include core/plugin/local.mk
include core/identity/local.mk
include core/policy/local.mk
include core/mcp/local.mk
include core/token/local.mk
include core/audit/local.mk
include core/context/local.mk
include core/endpoint/local.mk

CORE_LIBS = $(CRYPTO_LIBS) $(CURL_LIBS) $(CONFIG_LIBS)

# Everything, with its private functions: what the unit tests link. The order of its parts is no matter then.
INTERNAL = core/libinternal.a $(CORE_LIBS)
noinst_DATA += core/libinternal.a
CLEANFILES += core/libinternal.a
core/libinternal.a: $(CORE_FOLDERS)
	$(AM_V_AR)rm -f $@ && { echo "create $@"; for folder in $(CORE_FOLDERS); do echo "addlib $$folder"; done; echo save; echo end; } | $(AR) -M

# The public functions are visible; the map says which of them.
noinst_LIBRARIES += core/libpublic.a
core_libpublic_a_SOURCES = core/ema.c core/operator.c
core_libpublic_a_CPPFLAGS = $(ENDPOINT_CPPFLAGS)
core_libpublic_a_CFLAGS = $(AM_CFLAGS) -fPIC
WHOLE = core/libpublic.a $(INTERNAL)

lib_LTLIBRARIES += core/libemacore.la
core_libemacore_la_SOURCES =
core_libemacore_la_LIBADD = $(CORE_LIBS)
core_libemacore_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -no-undefined $(CORE_WHOLE) \
	-Wl,--version-script=$(top_srcdir)/core/libemacore.map
core_libemacore_la_DEPENDENCIES = core/libpublic.a core/libinternal.a core/libemacore.map
