# An IdP to try and test with. It may use core/jose, and is never a library.
bin_PROGRAMS += devidp/devidp
devidp_devidp_SOURCES = \
	devidp/devidp.h \
	devidp/exchange.c \
	devidp/main.c \
	devidp/order.c \
	devidp/people.c \
	devidp/server.c \
	devidp/sign.c \
	devidp/state.c
devidp_devidp_CPPFLAGS = $(JOSE_CPPFLAGS) $(JSONC_CFLAGS) $(MICROHTTPD_CFLAGS)
devidp_devidp_LDADD = core/jose/libjose.a core/libtop.a $(JSONC_LIBS) $(MICROHTTPD_LIBS) $(CRYPTO_LIBS)
