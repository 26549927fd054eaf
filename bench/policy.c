/* What a decision costs with ten thousand grants, next to ten, for a subject of twenty groups. A line for bench/run each. */
#include "race.h"

#include <string.h>

#include "buffer.h"
#include "policy.h"

#define TIMES 20000
#define SIZES 2
#define GROUPS 20
#define NOW 1791806400

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

struct bench {
	const struct policy *policy;
	const struct policy_principal *principal;
	struct policy_target target;
	int code;
};

static int decide(void *data, int times)
{
	struct bench *b = data;
	struct policy_result out;
	int good = 1;
	for (int i = 0; i < times; i++)
		good &= policy_decide(b->policy, b->principal, &b->target, NOW, &out) == b->code;
	return !good;
}

int main(void)
{
	static const size_t sizes[SIZES] = { 10, 10000 };
	static const struct { const char *title, *name; enum policy_kind kind; int code; } rows[] = {
		{ "the decision alone, 10,000 grants: a tool", "get_issue", POLICY_TOOL, EMA_OK },
		{ "the same: a tool of its own", "tool_9_x", POLICY_TOOL, EMA_OK },
		{ "the same: a tool that is denied", "delete_issue", POLICY_TOOL, EMA_DENIED },
		{ "the same: a tool that nobody has", "merge_issue", POLICY_TOOL, EMA_NOT_GRANTED },
		{ "the same: a URI", "repo://acme/web/readme", POLICY_URI, EMA_OK },
	};
	static char names[GROUPS][16], source[] = "claims", tenant[] = "acme";
	struct principal_name groups[GROUPS];
	const char *const scopes[] = { "read", "write" };
	struct conf *conf[SIZES] = { NULL };
	struct policy *policy[SIZES] = { NULL };
	struct policy_principal *principal[SIZES] = { NULL };
	struct arena arena = { .failed = 0 };
	int bad = 0;
	for (size_t i = 0; i < GROUPS; i++) {
		snprintf(names[i], sizeof names[i], "group-%zu", i);
		groups[i] = (struct principal_name){ names[i], source, tenant };
	}
	struct policy_who who = { .provider = "okta", .tenant = "acme", .sub = "alice", .groups = groups, .group_count = GROUPS, .scopes = scopes, .scope_count = 2 };
	for (size_t s = 0; s < SIZES; s++) {
		conf[s] = bench_conf(sizes[s]);
		policy[s] = conf[s] ? policy_new(conf[s], &conf[s]->services[0], NULL) : NULL;
		principal[s] = policy[s] ? policy_prepare(policy[s], &who, &arena) : NULL;
		bad |= !principal[s];
	}
	for (size_t r = 0; !bad && r < sizeof rows / sizeof *rows; r++) {
		struct bench of[SIZES];
		for (size_t s = 0; s < SIZES; s++)
			of[s] = (struct bench){ policy[s], principal[s], { .kind = rows[r].kind, .name = rows[r].name, .length = strlen(rows[r].name) }, rows[r].code };
		const struct race race = { rows[r].title, "with 10 grants", decide, decide, &of[1], &of[0], TIMES, TIMES, 2 };
		bad = race_print(&race);
	}
	arena_free(&arena);
	for (size_t s = 0; s < SIZES; s++) {
		policy_free(policy[s]);
		conf_free(conf[s]);
	}
	return bad != 0;
}
