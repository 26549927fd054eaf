noinst_LIBRARIES += core/identity/libidentity.a
core_identity_libidentity_a_CPPFLAGS = $(IDENTITY_CPPFLAGS)
core_identity_libidentity_a_CFLAGS = $(CORE_CFLAGS)
core_identity_libidentity_a_SOURCES = core/identity/answers.c core/identity/answers.h core/identity/authority.c \
	core/identity/authority.h core/identity/principal.c core/identity/principal.h core/identity/stack.c core/identity/stack.h \
	core/identity/subject.c core/identity/subject.h core/identity/when.c core/identity/when.h
CORE_FOLDERS += core/identity/libidentity.a
