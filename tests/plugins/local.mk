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
