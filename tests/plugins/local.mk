# Tests of plugins: the built shared objects behind the real host.
PLUGIN_TESTS = tests/plugins/test_okta tests/plugins/test_azure tests/plugins/test_oidc tests/plugins/test_directory
check_PROGRAMS += $(PLUGIN_TESTS)
TESTS += $(PLUGIN_TESTS)
tests_plugins_test_okta_SOURCES = tests/plugins/test_okta.c tests/plugins/rig.c tests/plugins/rig.h
tests_plugins_test_okta_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_plugins_test_okta_LDADD = $(UNIT_LDADD)
tests_plugins_test_azure_SOURCES = tests/plugins/test_azure.c tests/plugins/rig.c tests/plugins/rig.h
tests_plugins_test_azure_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_plugins_test_azure_LDADD = $(UNIT_LDADD)
tests_plugins_test_oidc_SOURCES = tests/plugins/test_oidc.c tests/plugins/rig.c tests/plugins/rig.h
tests_plugins_test_oidc_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_plugins_test_oidc_LDADD = $(UNIT_LDADD)
tests_plugins_test_directory_SOURCES = tests/plugins/test_directory.c tests/plugins/rig.c tests/plugins/rig.h
tests_plugins_test_directory_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_plugins_test_directory_LDADD = $(UNIT_LDADD)
check_PROGRAMS += tests/plugins/test_file tests/plugins/test_file_calls
TESTS += tests/plugins/test_file tests/plugins/test_file_calls
tests_plugins_test_file_SOURCES = tests/plugins/test_file.c tests/plugins/fakehost.h tests/audit/sinks.h
tests_plugins_test_file_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_plugins_test_file_LDADD = $(UNIT_LDADD)
tests_plugins_test_file_calls_SOURCES = tests/plugins/test_file_calls.c tests/plugins/fakehost.h tests/audit/sinks.h
tests_plugins_test_file_calls_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_plugins_test_file_calls_LDFLAGS = $(AM_LDFLAGS) -export-dynamic
tests_plugins_test_file_calls_LDADD = tests/libcalls.a $(UNIT_LDADD)
check_PROGRAMS += tests/plugins/test_syslog tests/plugins/test_syslog_calls
TESTS += tests/plugins/test_syslog tests/plugins/test_syslog_calls
tests_plugins_test_syslog_SOURCES = tests/plugins/test_syslog.c tests/plugins/fakehost.h tests/audit/sinks.h
tests_plugins_test_syslog_CPPFLAGS = $(UNIT_CPPFLAGS) $(SSL_CFLAGS)
tests_plugins_test_syslog_LDADD = $(UNIT_LDADD) $(SSL_LIBS)
tests_plugins_test_syslog_calls_SOURCES = tests/plugins/test_syslog_calls.c tests/plugins/fakehost.h tests/audit/sinks.h
tests_plugins_test_syslog_calls_CPPFLAGS = $(UNIT_CPPFLAGS) $(SSL_CFLAGS)
tests_plugins_test_syslog_calls_LDFLAGS = $(AM_LDFLAGS) -export-dynamic
tests_plugins_test_syslog_calls_LDADD = tests/libcalls.a $(UNIT_LDADD) $(SSL_LIBS)
STORE_RIG = tests/plugins/store_rig.c tests/plugins/store_rig.h tests/state/store_suite.c tests/state/store_suite.h
if LMDB
check_PROGRAMS += tests/plugins/test_lmdb
TESTS += tests/plugins/test_lmdb
endif
tests_plugins_test_lmdb_SOURCES = tests/plugins/test_lmdb.c $(STORE_RIG)
tests_plugins_test_lmdb_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_plugins_test_lmdb_LDADD = $(UNIT_LDADD)
REDIS_RIG = tests/plugins/redis_server.c tests/plugins/redis_server.h $(STORE_RIG)
if REDIS
check_PROGRAMS += tests/plugins/test_redis tests/plugins/test_redis_links tests/plugins/test_redis_calls
TESTS += tests/plugins/test_redis tests/plugins/test_redis_links tests/plugins/test_redis_calls
endif
tests_plugins_test_redis_SOURCES = tests/plugins/test_redis.c $(REDIS_RIG)
tests_plugins_test_redis_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_plugins_test_redis_LDADD = $(UNIT_LDADD)
tests_plugins_test_redis_links_SOURCES = tests/plugins/test_redis_links.c $(REDIS_RIG)
tests_plugins_test_redis_links_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_plugins_test_redis_links_LDADD = $(UNIT_LDADD)
tests_plugins_test_redis_calls_SOURCES = tests/plugins/test_redis_calls.c $(REDIS_RIG)
tests_plugins_test_redis_calls_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_plugins_test_redis_calls_LDFLAGS = $(AM_LDFLAGS) -export-dynamic
tests_plugins_test_redis_calls_LDADD = tests/libcalls.a $(UNIT_LDADD)
# Each plugin once more, of the same objects, so that a program says which of its allocations fail.
TORTURE_LDFLAGS = $(MODULE_LDFLAGS) $(TORTURE_WRAP) -rpath $(plugindir)
check_LTLIBRARIES += tests/plugins/torture/azure_ad.la tests/plugins/torture/file.la tests/plugins/torture/oidc.la tests/plugins/torture/okta_xaa.la \
	tests/plugins/torture/syslog.la
tests_plugins_torture_azure_ad_la_SOURCES = tests/plugins/torture/wrap.c tests/context/wrap.h
tests_plugins_torture_azure_ad_la_LDFLAGS = $(TORTURE_LDFLAGS)
tests_plugins_torture_azure_ad_la_LIBADD = $(plugins_azure_ad_la_OBJECTS) $(plugins_azure_ad_la_LIBADD)
tests_plugins_torture_file_la_SOURCES = tests/plugins/torture/wrap.c tests/context/wrap.h
tests_plugins_torture_file_la_LDFLAGS = $(TORTURE_LDFLAGS)
tests_plugins_torture_file_la_LIBADD = $(plugins_file_la_OBJECTS) $(plugins_file_la_LIBADD)
tests_plugins_torture_oidc_la_SOURCES = tests/plugins/torture/wrap.c tests/context/wrap.h
tests_plugins_torture_oidc_la_LDFLAGS = $(TORTURE_LDFLAGS)
tests_plugins_torture_oidc_la_LIBADD = $(plugins_oidc_la_OBJECTS) $(plugins_oidc_la_LIBADD)
tests_plugins_torture_okta_xaa_la_SOURCES = tests/plugins/torture/wrap.c tests/context/wrap.h
tests_plugins_torture_okta_xaa_la_LDFLAGS = $(TORTURE_LDFLAGS)
tests_plugins_torture_okta_xaa_la_LIBADD = $(plugins_okta_xaa_la_OBJECTS) $(plugins_okta_xaa_la_LIBADD)
tests_plugins_torture_syslog_la_SOURCES = tests/plugins/torture/wrap.c tests/context/wrap.h
tests_plugins_torture_syslog_la_LDFLAGS = $(TORTURE_LDFLAGS)
tests_plugins_torture_syslog_la_LIBADD = $(plugins_syslog_la_OBJECTS) $(plugins_syslog_la_LIBADD)
if LMDB
check_LTLIBRARIES += tests/plugins/torture/lmdb.la
endif
tests_plugins_torture_lmdb_la_SOURCES = tests/plugins/torture/wrap.c tests/context/wrap.h
tests_plugins_torture_lmdb_la_LDFLAGS = $(TORTURE_LDFLAGS)
tests_plugins_torture_lmdb_la_LIBADD = $(plugins_lmdb_la_OBJECTS) $(plugins_lmdb_la_LIBADD)
if REDIS
check_LTLIBRARIES += tests/plugins/torture/redis.la
endif
tests_plugins_torture_redis_la_SOURCES = tests/plugins/torture/wrap.c tests/context/wrap.h
tests_plugins_torture_redis_la_LDFLAGS = $(TORTURE_LDFLAGS)
tests_plugins_torture_redis_la_LIBADD = $(plugins_redis_la_OBJECTS) $(plugins_redis_la_LIBADD)
check_PROGRAMS += tests/plugins/test_torture
TESTS += tests/plugins/test_torture
tests_plugins_test_torture_SOURCES = tests/plugins/test_torture.c tests/plugins/rig.c tests/plugins/rig.h tests/plugins/fakehost.h tests/audit/sinks.h \
	tests/context/torture.h $(STORE_RIG)
tests_plugins_test_torture_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_plugins_test_torture_LDFLAGS = $(AM_LDFLAGS) -export-dynamic
tests_plugins_test_torture_LDADD = $(UNIT_LDADD)
