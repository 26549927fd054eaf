noinst_LIBRARIES += core/endpoint/libendpoint.a
core_endpoint_libendpoint_a_CPPFLAGS = $(ENDPOINT_CPPFLAGS)
core_endpoint_libendpoint_a_CFLAGS = $(CORE_CFLAGS)
core_endpoint_libendpoint_a_SOURCES = \
	core/endpoint/authzen.c \
	core/endpoint/decision.c \
	core/endpoint/exchange.h \
	core/endpoint/health.c \
	core/endpoint/http.c core/endpoint/http.h \
	core/endpoint/introspect.c \
	core/endpoint/metadata.c \
	core/endpoint/query.c core/endpoint/query.h \
	core/endpoint/response.c core/endpoint/response.h \
	core/endpoint/revoke.c \
	core/endpoint/route.c \
	core/endpoint/sender.c \
	core/endpoint/token.c
CORE_FOLDERS += core/endpoint/libendpoint.a
