# Files of bench/.
# "make bench/policy && bench/policy"; not part of "make" or "make check".
EXTRA_PROGRAMS = bench/jose_verify bench/policy
CLEANFILES += bench/jose_verify bench/policy
bench_jose_verify_SOURCES = bench/jose_verify.c
bench_jose_verify_CPPFLAGS = $(JOSE_CPPFLAGS)
bench_jose_verify_LDADD = core/libemacore-internal.la
bench_policy_SOURCES = bench/policy.c
bench_policy_CPPFLAGS = $(POLICY_CPPFLAGS)
bench_policy_LDADD = core/libemacore-internal.la
