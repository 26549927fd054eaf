noinst_LTLIBRARIES += core/endpoint/libendpoint.la
core_endpoint_libendpoint_la_CPPFLAGS = $(ENDPOINT_CPPFLAGS)
core_endpoint_libendpoint_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden
core_endpoint_libendpoint_la_SOURCES = \
	core/endpoint/http.c core/endpoint/http.h \
	core/endpoint/response.c core/endpoint/response.h
CORE_FOLDERS += core/endpoint/libendpoint.la
