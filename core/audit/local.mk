noinst_LIBRARIES += core/audit/libaudit.a
core_audit_libaudit_a_CPPFLAGS = $(AUDIT_CPPFLAGS)
core_audit_libaudit_a_CFLAGS = $(CORE_CFLAGS)
core_audit_libaudit_a_SOURCES = \
	core/audit/audit.c core/audit/audit.h core/audit/inside.h \
	core/audit/chain.c core/audit/chain.h \
	core/audit/deliver.c \
	core/audit/exchange.c \
	core/audit/files.c core/audit/files.h \
	core/audit/id.c \
	core/audit/ocsf.c core/audit/ocsf.h \
	core/audit/record.c core/audit/record.h \
	core/audit/salt.c \
	core/audit/spool.c core/audit/spool.h \
	core/audit/subject.c \
	core/audit/verify.c
CORE_FOLDERS += core/audit/libaudit.a
