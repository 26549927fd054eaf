pkgincludedir = $(includedir)/ema
pkginclude_HEADERS = \
	include/ema/admin.h \
	include/ema/codes.h \
	include/ema/ema.h \
	include/ema/plugin.h \
	include/ema/version.h
