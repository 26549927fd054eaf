# One misbehaving plugin per file. An rpath makes libtool build a module of what is not installed.
EXTRA_DIST += tests/plugin/bad/bad.h
BAD_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath $(plugindir)

check_LTLIBRARIES += tests/plugin/bad/entered_twice.la
tests_plugin_bad_entered_twice_la_SOURCES = tests/plugin/bad/entered_twice.c
tests_plugin_bad_entered_twice_la_CFLAGS = $(MODULE_CFLAGS)
tests_plugin_bad_entered_twice_la_LDFLAGS = $(BAD_LDFLAGS)

check_LTLIBRARIES += tests/plugin/bad/entry_elsewhere.la
tests_plugin_bad_entry_elsewhere_la_SOURCES = tests/plugin/bad/entry_elsewhere.c
tests_plugin_bad_entry_elsewhere_la_CFLAGS = $(MODULE_CFLAGS)
tests_plugin_bad_entry_elsewhere_la_LDFLAGS = $(BAD_LDFLAGS)
tests_plugin_bad_entry_elsewhere_la_LDFLAGS += -Wl,-rpath,$(abs_top_builddir)/tests/plugin/bad/.libs -Wl,--no-as-needed
tests_plugin_bad_entry_elsewhere_la_LIBADD = tests/plugin/bad/good.la

check_LTLIBRARIES += tests/plugin/bad/fetches_in_open.la
tests_plugin_bad_fetches_in_open_la_SOURCES = tests/plugin/bad/fetches_in_open.c
tests_plugin_bad_fetches_in_open_la_CFLAGS = $(MODULE_CFLAGS)
tests_plugin_bad_fetches_in_open_la_LDFLAGS = $(BAD_LDFLAGS)

check_LTLIBRARIES += tests/plugin/bad/foreign_code.la
tests_plugin_bad_foreign_code_la_SOURCES = tests/plugin/bad/foreign_code.c
tests_plugin_bad_foreign_code_la_CFLAGS = $(MODULE_CFLAGS)
tests_plugin_bad_foreign_code_la_LDFLAGS = $(BAD_LDFLAGS)

check_LTLIBRARIES += tests/plugin/bad/forks.la
tests_plugin_bad_forks_la_SOURCES = tests/plugin/bad/forks.c
tests_plugin_bad_forks_la_CFLAGS = $(MODULE_CFLAGS)
tests_plugin_bad_forks_la_LDFLAGS = $(BAD_LDFLAGS)

check_LTLIBRARIES += tests/plugin/bad/good.la
tests_plugin_bad_good_la_SOURCES = tests/plugin/bad/good.c
tests_plugin_bad_good_la_CFLAGS = $(MODULE_CFLAGS)
tests_plugin_bad_good_la_LDFLAGS = $(BAD_LDFLAGS)

check_LTLIBRARIES += tests/plugin/bad/huge_kind.la
tests_plugin_bad_huge_kind_la_SOURCES = tests/plugin/bad/huge_kind.c
tests_plugin_bad_huge_kind_la_CFLAGS = $(MODULE_CFLAGS)
tests_plugin_bad_huge_kind_la_LDFLAGS = $(BAD_LDFLAGS)

check_LTLIBRARIES += tests/plugin/bad/huge_size.la
tests_plugin_bad_huge_size_la_SOURCES = tests/plugin/bad/huge_size.c
tests_plugin_bad_huge_size_la_CFLAGS = $(MODULE_CFLAGS)
tests_plugin_bad_huge_size_la_LDFLAGS = $(BAD_LDFLAGS)

check_LTLIBRARIES += tests/plugin/bad/keeps_call.la
tests_plugin_bad_keeps_call_la_SOURCES = tests/plugin/bad/keeps_call.c
tests_plugin_bad_keeps_call_la_CFLAGS = $(MODULE_CFLAGS)
tests_plugin_bad_keeps_call_la_LDFLAGS = $(BAD_LDFLAGS)

check_LTLIBRARIES += tests/plugin/bad/keeps_response.la
tests_plugin_bad_keeps_response_la_SOURCES = tests/plugin/bad/keeps_response.c
tests_plugin_bad_keeps_response_la_CFLAGS = $(MODULE_CFLAGS)
tests_plugin_bad_keeps_response_la_LDFLAGS = $(BAD_LDFLAGS)

check_LTLIBRARIES += tests/plugin/bad/leaks_thread.la
tests_plugin_bad_leaks_thread_la_SOURCES = tests/plugin/bad/leaks_thread.c
tests_plugin_bad_leaks_thread_la_CFLAGS = $(MODULE_CFLAGS)
tests_plugin_bad_leaks_thread_la_LDFLAGS = $(BAD_LDFLAGS)

check_LTLIBRARIES += tests/plugin/bad/newer.la
tests_plugin_bad_newer_la_SOURCES = tests/plugin/bad/newer.c
tests_plugin_bad_newer_la_CFLAGS = $(MODULE_CFLAGS)
tests_plugin_bad_newer_la_LDFLAGS = $(BAD_LDFLAGS)

check_LTLIBRARIES += tests/plugin/bad/no_entry.la
tests_plugin_bad_no_entry_la_SOURCES = tests/plugin/bad/no_entry.c
tests_plugin_bad_no_entry_la_CFLAGS = $(MODULE_CFLAGS)
tests_plugin_bad_no_entry_la_LDFLAGS = $(BAD_LDFLAGS)

check_LTLIBRARIES += tests/plugin/bad/no_function.la
tests_plugin_bad_no_function_la_SOURCES = tests/plugin/bad/no_function.c
tests_plugin_bad_no_function_la_CFLAGS = $(MODULE_CFLAGS)
tests_plugin_bad_no_function_la_LDFLAGS = $(BAD_LDFLAGS)

check_LTLIBRARIES += tests/plugin/bad/no_kind.la
tests_plugin_bad_no_kind_la_SOURCES = tests/plugin/bad/no_kind.c
tests_plugin_bad_no_kind_la_CFLAGS = $(MODULE_CFLAGS)
tests_plugin_bad_no_kind_la_LDFLAGS = $(BAD_LDFLAGS)

check_LTLIBRARIES += tests/plugin/bad/no_name.la
tests_plugin_bad_no_name_la_SOURCES = tests/plugin/bad/no_name.c
tests_plugin_bad_no_name_la_CFLAGS = $(MODULE_CFLAGS)
tests_plugin_bad_no_name_la_LDFLAGS = $(BAD_LDFLAGS)

check_LTLIBRARIES += tests/plugin/bad/null_everywhere.la
tests_plugin_bad_null_everywhere_la_SOURCES = tests/plugin/bad/null_everywhere.c
tests_plugin_bad_null_everywhere_la_CFLAGS = $(MODULE_CFLAGS)
tests_plugin_bad_null_everywhere_la_LDFLAGS = $(BAD_LDFLAGS)

check_LTLIBRARIES += tests/plugin/bad/null_table.la
tests_plugin_bad_null_table_la_SOURCES = tests/plugin/bad/null_table.c
tests_plugin_bad_null_table_la_CFLAGS = $(MODULE_CFLAGS)
tests_plugin_bad_null_table_la_LDFLAGS = $(BAD_LDFLAGS)

check_LTLIBRARIES += tests/plugin/bad/ok_without_vouching.la
tests_plugin_bad_ok_without_vouching_la_SOURCES = tests/plugin/bad/ok_without_vouching.c
tests_plugin_bad_ok_without_vouching_la_CFLAGS = $(MODULE_CFLAGS)
tests_plugin_bad_ok_without_vouching_la_LDFLAGS = $(BAD_LDFLAGS)

check_LTLIBRARIES += tests/plugin/bad/open_fails.la
tests_plugin_bad_open_fails_la_SOURCES = tests/plugin/bad/open_fails.c
tests_plugin_bad_open_fails_la_CFLAGS = $(MODULE_CFLAGS)
tests_plugin_bad_open_fails_la_LDFLAGS = $(BAD_LDFLAGS)

check_LTLIBRARIES += tests/plugin/bad/open_says_why.la
tests_plugin_bad_open_says_why_la_SOURCES = tests/plugin/bad/open_says_why.c
tests_plugin_bad_open_says_why_la_CFLAGS = $(MODULE_CFLAGS)
tests_plugin_bad_open_says_why_la_LDFLAGS = $(BAD_LDFLAGS)

check_LTLIBRARIES += tests/plugin/bad/other_name.la
tests_plugin_bad_other_name_la_SOURCES = tests/plugin/bad/other_name.c
tests_plugin_bad_other_name_la_CFLAGS = $(MODULE_CFLAGS)
tests_plugin_bad_other_name_la_LDFLAGS = $(BAD_LDFLAGS)

check_LTLIBRARIES += tests/plugin/bad/returns_42000.la
tests_plugin_bad_returns_42000_la_SOURCES = tests/plugin/bad/returns_42000.c
tests_plugin_bad_returns_42000_la_CFLAGS = $(MODULE_CFLAGS)
tests_plugin_bad_returns_42000_la_LDFLAGS = $(BAD_LDFLAGS)

check_LTLIBRARIES += tests/plugin/bad/says_nothing.la
tests_plugin_bad_says_nothing_la_SOURCES = tests/plugin/bad/says_nothing.c
tests_plugin_bad_says_nothing_la_CFLAGS = $(MODULE_CFLAGS)
tests_plugin_bad_says_nothing_la_LDFLAGS = $(BAD_LDFLAGS)

check_LTLIBRARIES += tests/plugin/bad/sets_a_person.la
tests_plugin_bad_sets_a_person_la_SOURCES = tests/plugin/bad/sets_a_person.c
tests_plugin_bad_sets_a_person_la_CFLAGS = $(MODULE_CFLAGS)
tests_plugin_bad_sets_a_person_la_LDFLAGS = $(BAD_LDFLAGS)

check_LTLIBRARIES += tests/plugin/bad/short_kind.la
tests_plugin_bad_short_kind_la_SOURCES = tests/plugin/bad/short_kind.c
tests_plugin_bad_short_kind_la_CFLAGS = $(MODULE_CFLAGS)
tests_plugin_bad_short_kind_la_LDFLAGS = $(BAD_LDFLAGS)

check_LTLIBRARIES += tests/plugin/bad/short_table.la
tests_plugin_bad_short_table_la_SOURCES = tests/plugin/bad/short_table.c
tests_plugin_bad_short_table_la_CFLAGS = $(MODULE_CFLAGS)
tests_plugin_bad_short_table_la_LDFLAGS = $(BAD_LDFLAGS)

check_LTLIBRARIES += tests/plugin/bad/sleeps.la
tests_plugin_bad_sleeps_la_SOURCES = tests/plugin/bad/sleeps.c
tests_plugin_bad_sleeps_la_CFLAGS = $(MODULE_CFLAGS)
tests_plugin_bad_sleeps_la_LDFLAGS = $(BAD_LDFLAGS)

check_LTLIBRARIES += tests/plugin/bad/vouches_then_fails.la
tests_plugin_bad_vouches_then_fails_la_SOURCES = tests/plugin/bad/vouches_then_fails.c
tests_plugin_bad_vouches_then_fails_la_CFLAGS = $(MODULE_CFLAGS)
tests_plugin_bad_vouches_then_fails_la_LDFLAGS = $(BAD_LDFLAGS)

check_LTLIBRARIES += tests/plugin/bad/vouches_twice.la
tests_plugin_bad_vouches_twice_la_SOURCES = tests/plugin/bad/vouches_twice.c
tests_plugin_bad_vouches_twice_la_CFLAGS = $(MODULE_CFLAGS)
tests_plugin_bad_vouches_twice_la_LDFLAGS = $(BAD_LDFLAGS)

check_LTLIBRARIES += tests/plugin/bad/wrong_abi.la
tests_plugin_bad_wrong_abi_la_SOURCES = tests/plugin/bad/wrong_abi.c
tests_plugin_bad_wrong_abi_la_CFLAGS = $(MODULE_CFLAGS)
tests_plugin_bad_wrong_abi_la_LDFLAGS = $(BAD_LDFLAGS)
