noinst_LIBRARIES += core/conf/libconf.a
core_conf_libconf_a_CPPFLAGS = $(CONF_CPPFLAGS)
core_conf_libconf_a_CFLAGS = $(CORE_CFLAGS)
core_conf_libconf_a_SOURCES = \
	core/conf/clients.c \
	core/conf/conf.c core/conf/conf.h \
	core/conf/file.c core/conf/file.h \
	core/conf/finding.c \
	core/conf/lint.c \
	core/conf/listen.c \
	core/conf/policy.c \
	core/conf/rules.c \
	core/conf/scan.c core/conf/scan.h \
	core/conf/schema.c core/conf/schema.h \
	core/conf/secret.c \
	core/conf/service.c \
	core/conf/supply.c \
	core/conf/table.c core/conf/table.h \
	core/conf/tools.c core/conf/tools.h \
	core/conf/tree.c core/conf/tree.h \
	core/conf/unit.c \
	core/conf/value.c
CORE_FOLDERS += core/conf/libconf.a
