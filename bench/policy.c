/* What a decision costs with ten grants and with ten thousand, for a subject of twenty groups. Prints nanoseconds each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "buffer.h"
#include "policy.h"

#define ROUNDS 500000
#define GROUPS 20
#define NOW 1791806400

static double bench_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Two thirds of the grants are for other groups, the rest for tools of their own, which the subject's groups have. */
static struct conf *bench_conf(size_t grants)
{
	struct buffer text = BUFFER_INIT(16 << 20);
	struct findings findings = { NULL, 0, 0, 0 };
	buffer_text(&text, "issuer = \"https://auth.example\"; providers = ( { id = \"okta\"; plugin = \"x\"; } );"
	                   "services = ( { id = \"s\"; resource = \"https://mcp.example/s\"; identity = [\"okta\"];"
	                   "scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\", \"list_*\", \"search_*\"]; uris = \"repo://{tenant}/**\"; },"
	                   "{ name = \"write\"; access = \"write\"; tools = [\"create_*\", \"update_*\", \"tool_*\"]; } );"
	                   "grants = ( { provider = \"okta\"; group = \"group-3\"; scopes = [\"read\", \"write\"]; }");
	for (size_t i = 1; i < grants; i++)
		if (i % 3)
			buffer_printf(&text, ", { provider = \"okta\"; group = \"other-%zu\"; scopes = [\"read\", \"write\"]; }", i);
		else
			buffer_printf(&text, ", { provider = \"okta\"; group = \"group-%zu\"; scopes = \"write\"; tools = \"tool_%zu_*\"; }", i % GROUPS, i);
	buffer_text(&text, " ); denies = ( { tools = \"delete_*\"; }, { group = \"group-5\"; tools = \"update_secret\"; } ); } );");
	struct conf *conf = text.failed ? NULL : conf_read_text(text.data, text.length, "bench", &findings);
	for (size_t i = 0; !conf && i < findings.count; i++)
		if (findings.list[i].id[0] == 'E')
			fprintf(stderr, "%d %s\n", findings.list[i].line, findings.list[i].text);
	buffer_free(&text);
	findings_free(&findings);
	return conf;
}

static int bench_one(const struct policy *policy, const struct policy_principal *principal, enum policy_kind kind, const char *name, int code, double *each)
{
	struct policy_target target = { .kind = kind, .name = name, .length = strlen(name) };
	struct policy_result out;
	int good = 1;
	double start = bench_now();
	for (int i = 0; i < ROUNDS; i++)
		good &= policy_decide(policy, principal, &target, NOW, &out) == code;
	*each = (bench_now() - start) / ROUNDS;
	return good;
}

int main(void)
{
	static const size_t sizes[] = { 10, 100, 1000, 10000 };
	static const struct { const char *title, *name; enum policy_kind kind; int code; } rows[] = {
		{ "a tool", "get_issue", POLICY_TOOL, EMA_OK }, { "a tool of its own", "tool_9_x", POLICY_TOOL, EMA_OK },
		{ "a tool that is denied", "delete_issue", POLICY_TOOL, EMA_DENIED }, { "a tool that nobody has", "merge_issue", POLICY_TOOL, EMA_NOT_GRANTED },
		{ "a URI", "repo://acme/web/readme", POLICY_URI, EMA_OK },
	};
	static char names[GROUPS][16], source[] = "claims", tenant[] = "acme";
	struct principal_name groups[GROUPS];
	const char *const scopes[] = { "read", "write" };
	double first[sizeof rows / sizeof *rows] = { 0 };
	int good = 1;
	for (size_t i = 0; i < GROUPS; i++) {
		snprintf(names[i], sizeof names[i], "group-%zu", i);
		groups[i] = (struct principal_name){ names[i], source, tenant };
	}
	struct policy_who who = { .provider = "okta", .tenant = "acme", .sub = "alice", .groups = groups, .group_count = GROUPS, .scopes = scopes, .scope_count = 2 };
	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		struct conf *conf = bench_conf(sizes[s]);
		struct policy *policy = conf ? policy_new(conf, &conf->services[0], NULL) : NULL;
		double start = bench_now();
		struct policy_principal *principal = policy ? policy_prepare(policy, &who) : NULL;
		double prepared = bench_now() - start;
		if (!principal)
			return 1;
		printf("%zu grants; to prepare a principal %.0f ns\n", sizes[s], prepared);
		for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
			double each = 0;
			good &= bench_one(policy, principal, rows[r].kind, rows[r].name, rows[r].code, &each);
			first[r] = s ? first[r] : each;
			printf("  %-24s %6.0f ns  %4.2f times that of %zu\n", rows[r].title, each, each / first[r], sizes[0]);
		}
		policy_principal_free(principal);
		policy_free(policy);
		conf_free(conf);
	}
	return !good;
}
