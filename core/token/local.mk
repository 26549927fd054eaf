noinst_LIBRARIES += core/token/libtoken.a
core_token_libtoken_a_CPPFLAGS = $(TOKEN_CPPFLAGS)
core_token_libtoken_a_CFLAGS = $(CORE_CFLAGS)
core_token_libtoken_a_SOURCES = \
	core/token/access.c core/token/access.h core/token/access_read.c \
	core/token/assertion.c \
	core/token/authenticate.c \
	core/token/base64.c core/token/base64.h \
	core/token/binding.c \
	core/token/certificate.c core/token/certificate.h \
	core/token/cimd.c core/token/cimd.h \
	core/token/client.c core/token/client.h core/token/clients.h \
	core/token/document.c core/token/document.h \
	core/token/dpop.c core/token/dpop.h \
	core/token/form.c core/token/form.h \
	core/token/key_set.c core/token/key_set.h \
	core/token/keyfolder.c core/token/keyfolder.h \
	core/token/keyring.c core/token/keyring.h
CORE_FOLDERS += core/token/libtoken.a
