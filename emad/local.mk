# The daemon: sockets around libemacore's ema_http().
sbin_PROGRAMS += emad/emad
emad_emad_SOURCES = \
	emad/acceptor.c \
	emad/answer.c \
	emad/connections.c \
	emad/control.c \
	emad/emad.h \
	emad/faces.c \
	emad/identity.c \
	emad/main.c \
	emad/notify.c \
	emad/reload.c \
	emad/revoke.c \
	emad/say.c \
	emad/sockets.c \
	emad/tls.c
emad_emad_CPPFLAGS = $(AM_CPPFLAGS) -DEMA_CONFIG_FILE='"$(sysconfdir)/ema/ema.conf"'
emad_emad_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) $(MICROHTTPD_CFLAGS) $(GNUTLS_CFLAGS) $(CRYPTO_CFLAGS)
emad_emad_LDADD = core/libemacore.la $(JSONC_LIBS) $(MICROHTTPD_LIBS) $(GNUTLS_LIBS) $(CRYPTO_LIBS)
