noinst_LTLIBRARIES += core/identity/libidentity.la
core_identity_libidentity_la_CPPFLAGS = $(IDENTITY_CPPFLAGS)
core_identity_libidentity_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden
core_identity_libidentity_la_SOURCES = core/identity/answers.c core/identity/answers.h core/identity/authority.c \
	core/identity/authority.h core/identity/principal.c core/identity/principal.h core/identity/stack.c core/identity/stack.h \
	core/identity/subject.c core/identity/subject.h core/identity/when.c core/identity/when.h
CORE_FOLDERS += core/identity/libidentity.la
