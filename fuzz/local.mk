# Files of fuzz/.
# With --enable-fuzzers each is a libFuzzer program ("fuzz/fuzz_json fuzz/corpus/json"); without, it replays its corpus in
# "make check", so that what once was found stays found.
FUZZ_TARGETS = fuzz/fuzz_answer fuzz/fuzz_client fuzz/fuzz_conf fuzz/fuzz_description fuzz/fuzz_discovery \
	fuzz/fuzz_json fuzz/fuzz_jwks fuzz/fuzz_jws fuzz/fuzz_mcp fuzz/fuzz_pattern fuzz/fuzz_stack
FUZZ_CORPUS = -DCORPUS='"$(abs_top_srcdir)/fuzz/corpus/
fuzz_fuzz_answer_SOURCES = fuzz/fuzz_answer.c
fuzz_fuzz_client_SOURCES = fuzz/fuzz_client.c
fuzz_fuzz_conf_SOURCES = fuzz/fuzz_conf.c
fuzz_fuzz_description_SOURCES = fuzz/fuzz_description.c
fuzz_fuzz_discovery_SOURCES = fuzz/fuzz_discovery.c
fuzz_fuzz_json_SOURCES = fuzz/fuzz_json.c
fuzz_fuzz_jwks_SOURCES = fuzz/fuzz_jwks.c
fuzz_fuzz_jws_SOURCES = fuzz/fuzz_jws.c
fuzz_fuzz_client_CPPFLAGS = $(TOKEN_CPPFLAGS) $(FUZZ_CORPUS)client"'
fuzz_fuzz_stack_SOURCES = fuzz/fuzz_stack.c tests/identity/slow_stack.c tests/identity/slow_stack.h
fuzz_fuzz_answer_CPPFLAGS = $(TRUST_CPPFLAGS) $(FUZZ_CORPUS)answer"'
fuzz_fuzz_mcp_SOURCES = fuzz/fuzz_mcp.c
fuzz_fuzz_pattern_SOURCES = fuzz/fuzz_pattern.c
fuzz_fuzz_conf_CPPFLAGS = $(CONF_CPPFLAGS) $(FUZZ_CORPUS)conf"'
fuzz_fuzz_description_CPPFLAGS = $(HOST_CPPFLAGS) $(FUZZ_CORPUS)description"'
fuzz_fuzz_discovery_CPPFLAGS = $(TRUST_CPPFLAGS) $(FUZZ_CORPUS)discovery"'
fuzz_fuzz_json_CPPFLAGS = $(JOSE_CPPFLAGS) $(FUZZ_CORPUS)json"'
fuzz_fuzz_jwks_CPPFLAGS = $(JOSE_CPPFLAGS) $(FUZZ_CORPUS)jwks"'
fuzz_fuzz_jws_CPPFLAGS = $(JOSE_CPPFLAGS) $(FUZZ_CORPUS)jws"'
fuzz_fuzz_client_LDADD = $(INTERNAL)
fuzz_fuzz_stack_CPPFLAGS = $(IDENTITY_CPPFLAGS) -I$(top_srcdir)/tests/identity $(FUZZ_CORPUS)stack"'
fuzz_fuzz_answer_LDADD = $(INTERNAL)
fuzz_fuzz_mcp_CPPFLAGS = $(MCP_CPPFLAGS) $(FUZZ_CORPUS)mcp"'
fuzz_fuzz_pattern_CPPFLAGS = $(POLICY_CPPFLAGS) $(FUZZ_CORPUS)pattern"'
fuzz_fuzz_conf_LDADD = $(INTERNAL)
fuzz_fuzz_description_LDADD = $(INTERNAL)
fuzz_fuzz_discovery_LDADD = $(INTERNAL)
fuzz_fuzz_json_LDADD = $(INTERNAL)
fuzz_fuzz_jwks_LDADD = $(INTERNAL)
fuzz_fuzz_jws_LDADD = $(INTERNAL)
fuzz_fuzz_stack_LDADD = $(INTERNAL)
fuzz_fuzz_mcp_LDADD = $(INTERNAL)
fuzz_fuzz_pattern_LDADD = $(INTERNAL)
if FUZZERS
noinst_PROGRAMS += $(FUZZ_TARGETS)
fuzz_fuzz_client_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_fuzz_answer_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_fuzz_conf_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_fuzz_description_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_fuzz_discovery_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_fuzz_json_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_fuzz_jwks_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_fuzz_jws_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_fuzz_stack_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_fuzz_mcp_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_fuzz_pattern_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
else
check_PROGRAMS += $(FUZZ_TARGETS)
TESTS += $(FUZZ_TARGETS)
fuzz_fuzz_client_SOURCES += fuzz/replay.c
fuzz_fuzz_answer_SOURCES += fuzz/replay.c
fuzz_fuzz_conf_SOURCES += fuzz/replay.c
fuzz_fuzz_description_SOURCES += fuzz/replay.c
fuzz_fuzz_discovery_SOURCES += fuzz/replay.c
fuzz_fuzz_json_SOURCES += fuzz/replay.c
fuzz_fuzz_jwks_SOURCES += fuzz/replay.c
fuzz_fuzz_jws_SOURCES += fuzz/replay.c
fuzz_fuzz_stack_SOURCES += fuzz/replay.c
fuzz_fuzz_mcp_SOURCES += fuzz/replay.c
fuzz_fuzz_pattern_SOURCES += fuzz/replay.c
endif
EXTRA_DIST += fuzz/replay.c fuzz/corpus
