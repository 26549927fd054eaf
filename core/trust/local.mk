noinst_LIBRARIES += core/trust/libtrust.a
core_trust_libtrust_a_CPPFLAGS = $(TRUST_CPPFLAGS) $(CURL_CFLAGS) $(CRYPTO_CFLAGS)
core_trust_libtrust_a_CFLAGS = $(CORE_CFLAGS)
core_trust_libtrust_a_SOURCES = \
	core/trust/address.c core/trust/address.h \
	core/trust/cache.c core/trust/cache.h \
	core/trust/discovery.c core/trust/discovery.h \
	core/trust/exposed.c core/trust/exposed.h \
	core/trust/fetch.c core/trust/fetch.h \
	core/trust/freshness.c core/trust/freshness.h \
	core/trust/keyset.c core/trust/keyset.h \
	core/trust/probe.c \
	core/trust/refresh.c \
	core/trust/selection.c core/trust/selection.h \
	core/trust/settings.c core/trust/settings.h \
	core/trust/trust.c core/trust/trust.h \
	core/trust/url.c core/trust/url.h
CORE_FOLDERS += core/trust/libtrust.a
