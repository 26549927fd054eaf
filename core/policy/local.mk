noinst_LIBRARIES += core/policy/libpolicy.a
core_policy_libpolicy_a_CPPFLAGS = $(POLICY_CPPFLAGS)
core_policy_libpolicy_a_CFLAGS = $(CORE_CFLAGS)
core_policy_libpolicy_a_SOURCES = core/policy/compiled.h core/policy/condition.c core/policy/decide.c core/policy/lint.c core/policy/pattern.c \
	core/policy/pattern.h core/policy/policy.c core/policy/policy.h core/policy/prepare.c core/policy/table.c \
	core/policy/uri.c core/policy/uri.h core/policy/view.c
CORE_FOLDERS += core/policy/libpolicy.a
