if REDIS
plugin_LTLIBRARIES += plugins/redis.la
plugins_redis_la_SOURCES = plugins/redis/plugin.c plugins/redis/redis_store.h plugins/redis/connection.c plugins/redis/script.h \
	plugins/redis/sentinel.c plugins/redis/store.c
plugins_redis_la_CPPFLAGS = $(MODULE_CPPFLAGS) -D_GNU_SOURCE $(HIREDIS_CFLAGS) $(SSL_CFLAGS)
plugins_redis_la_CFLAGS = $(MODULE_CFLAGS)
plugins_redis_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_redis_la_LIBADD = $(HIREDIS_LIBS) $(SSL_LIBS) $(CRYPTO_LIBS)
endif
