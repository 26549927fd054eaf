# Files of fuzz/.
# With --enable-fuzzers each is a libFuzzer or AFL++ program ("fuzz/fuzz_json fuzz/corpus/json"); without, it replays the corpus
# of its name in "make check", so that what once was found stays found.
FUZZ_TARGETS = fuzz/fuzz_answer fuzz/fuzz_claims fuzz/fuzz_client fuzz/fuzz_conf fuzz/fuzz_description fuzz/fuzz_discovery \
	fuzz/fuzz_json fuzz/fuzz_jwks fuzz/fuzz_jws fuzz/fuzz_mcp fuzz/fuzz_pattern fuzz/fuzz_policy fuzz/fuzz_stack \
	fuzz/fuzz_store fuzz/fuzz_token
if FUZZERS
noinst_PROGRAMS += $(FUZZ_TARGETS)
FUZZ_MAIN = $(FUZZ_ENGINE)
else
check_PROGRAMS += $(FUZZ_TARGETS)
TESTS += $(FUZZ_TARGETS)
check_LIBRARIES += fuzz/libreplay.a
fuzz_libreplay_a_SOURCES = fuzz/replay.c
fuzz_libreplay_a_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS='"$(abs_top_srcdir)/fuzz/corpus"'
FUZZ_MAIN = fuzz/libreplay.a
endif
EXTRA_DIST += fuzz/corpus fuzz/dict

FUZZ_CPPFLAGS = $(ENDPOINT_CPPFLAGS) -I$(top_srcdir)/tests/identity -I$(top_srcdir)/tests/policy
FUZZ_LDADD = $(FUZZ_MAIN) $(INTERNAL)
fuzz_fuzz_answer_CPPFLAGS = $(FUZZ_CPPFLAGS)
fuzz_fuzz_answer_LDADD = $(FUZZ_LDADD)
fuzz_fuzz_claims_CPPFLAGS = $(FUZZ_CPPFLAGS) $(JSONC_CFLAGS)
fuzz_fuzz_claims_LDADD = $(FUZZ_LDADD) $(JSONC_LIBS)
fuzz_fuzz_client_CPPFLAGS = $(FUZZ_CPPFLAGS)
fuzz_fuzz_client_LDADD = $(FUZZ_LDADD)
fuzz_fuzz_conf_CPPFLAGS = $(FUZZ_CPPFLAGS)
fuzz_fuzz_conf_LDADD = $(FUZZ_LDADD)
fuzz_fuzz_description_CPPFLAGS = $(FUZZ_CPPFLAGS)
fuzz_fuzz_description_LDADD = $(FUZZ_LDADD)
fuzz_fuzz_discovery_CPPFLAGS = $(FUZZ_CPPFLAGS)
fuzz_fuzz_discovery_LDADD = $(FUZZ_LDADD)
fuzz_fuzz_json_CPPFLAGS = $(FUZZ_CPPFLAGS)
fuzz_fuzz_json_LDADD = $(FUZZ_LDADD)
fuzz_fuzz_jwks_CPPFLAGS = $(FUZZ_CPPFLAGS)
fuzz_fuzz_jwks_LDADD = $(FUZZ_LDADD)
fuzz_fuzz_jws_CPPFLAGS = $(FUZZ_CPPFLAGS)
fuzz_fuzz_jws_LDADD = $(FUZZ_LDADD)
fuzz_fuzz_mcp_CPPFLAGS = $(FUZZ_CPPFLAGS)
fuzz_fuzz_mcp_LDADD = $(FUZZ_LDADD)
fuzz_fuzz_pattern_CPPFLAGS = $(FUZZ_CPPFLAGS)
fuzz_fuzz_pattern_LDADD = $(FUZZ_LDADD)
fuzz_fuzz_policy_SOURCES = fuzz/fuzz_policy.c tests/policy/dealt.c tests/policy/dealt.h tests/policy/slow_policy.c tests/policy/slow_policy.h
fuzz_fuzz_policy_CPPFLAGS = $(FUZZ_CPPFLAGS)
fuzz_fuzz_policy_LDADD = $(FUZZ_LDADD)
fuzz_fuzz_stack_SOURCES = fuzz/fuzz_stack.c tests/identity/slow_stack.c tests/identity/slow_stack.h
fuzz_fuzz_stack_CPPFLAGS = $(FUZZ_CPPFLAGS)
fuzz_fuzz_stack_LDADD = $(FUZZ_LDADD)
fuzz_fuzz_store_CPPFLAGS = $(FUZZ_CPPFLAGS)
fuzz_fuzz_store_LDADD = $(FUZZ_LDADD)
fuzz_fuzz_token_CPPFLAGS = $(FUZZ_CPPFLAGS) -DPLUGINS='"$(abs_top_builddir)/plugins/.libs"'
fuzz_fuzz_token_LDADD = $(FUZZ_MAIN) $(WHOLE)
