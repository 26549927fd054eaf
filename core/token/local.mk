noinst_LTLIBRARIES += core/token/libtoken.la
core_token_libtoken_la_CPPFLAGS = $(TOKEN_CPPFLAGS)
core_token_libtoken_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden
core_token_libtoken_la_SOURCES = \
	core/token/certificate.h \
	core/token/client.h \
	core/token/dpop.h \
	core/token/form.c core/token/form.h
CORE_FOLDERS += core/token/libtoken.la
