noinst_LIBRARIES += core/jose/libjose.a
core_jose_libjose_a_CPPFLAGS = $(JOSE_CPPFLAGS)
core_jose_libjose_a_CFLAGS = $(CORE_CFLAGS) $(CRYPTO_CFLAGS)
core_jose_libjose_a_SOURCES = \
	core/jose/algorithm.h \
	core/jose/base64url.c core/jose/base64url.h \
	core/jose/canonical.c core/jose/canonical.h \
	core/jose/json.c core/jose/json.h \
	core/jose/jwk.c core/jose/jwk.h \
	core/jose/jws.c core/jose/jws.h \
	core/jose/jwt.c core/jose/jwt.h \
	core/jose/key.c \
	core/jose/seen.c core/jose/seen.h
CORE_FOLDERS += core/jose/libjose.a
