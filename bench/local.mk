# Files of bench/.
# "make bench/jose_verify && bench/jose_verify"; not part of "make" or "make check".
EXTRA_PROGRAMS = bench/jose_verify
CLEANFILES += bench/jose_verify
bench_jose_verify_SOURCES = bench/jose_verify.c
bench_jose_verify_CPPFLAGS = $(JOSE_CPPFLAGS)
bench_jose_verify_LDADD = core/libemacore-internal.la
