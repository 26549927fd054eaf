# Files of bench/.
# bench/run builds and runs them; not part of "make" or "make check".
EXTRA_DIST += bench/http.sh bench/run
EXTRA_PROGRAMS = bench/answer bench/check bench/jose_verify bench/load bench/pace bench/policy bench/threads
CLEANFILES += $(EXTRA_PROGRAMS)
bench_answer_SOURCES = bench/answer.c
bench_answer_CFLAGS = $(AM_CFLAGS) $(MICROHTTPD_CFLAGS)
bench_answer_LDADD = $(MICROHTTPD_LIBS)
bench_check_SOURCES = bench/check.c bench/digest.h bench/race.h bench/signature.h
bench_check_CPPFLAGS = $(UNIT_CPPFLAGS) $(JSONC_CFLAGS)
bench_check_LDADD = $(CONTEXT_TEST_LDADD)
bench_jose_verify_SOURCES = bench/jose_verify.c bench/digest.h bench/race.h bench/signature.h
bench_jose_verify_CPPFLAGS = $(TOKEN_CPPFLAGS)
bench_jose_verify_LDADD = $(INTERNAL)
bench_load_SOURCES = bench/load.c bench/race.h
bench_load_CPPFLAGS = $(TOP_CPPFLAGS)
bench_load_LDADD = core/libemacore.la $(INTERNAL)
bench_pace_SOURCES = bench/pace.c
bench_policy_SOURCES = bench/policy.c bench/race.h
bench_policy_CPPFLAGS = $(POLICY_CPPFLAGS)
bench_policy_LDADD = $(INTERNAL)
bench_threads_SOURCES = bench/threads.c bench/race.h
bench_threads_CPPFLAGS = $(UNIT_CPPFLAGS) $(JSONC_CFLAGS)
bench_threads_LDADD = $(CONTEXT_TEST_LDADD)
