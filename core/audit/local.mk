noinst_LTLIBRARIES += core/audit/libaudit.la
core_audit_libaudit_la_CPPFLAGS = $(AUDIT_CPPFLAGS)
core_audit_libaudit_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden
core_audit_libaudit_la_SOURCES =
CORE_FOLDERS += core/audit/libaudit.la
