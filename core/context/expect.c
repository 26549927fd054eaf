/* Tables of expectations, held against the configuration that is in place. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assume.h"
#include "codes.h"
#include "jwt.h"
#include "subject.h"
#include "table.h"
#include "tools.h"

#define CASES_MOST 10000

struct expecting {
	struct ema_context *context;
	struct snapshot *snapshot;
	const struct conf_table *table;
	struct findings *findings;
	size_t cases;
	int failed;
};

static int known_scope(const struct conf_service *service, const char *name)
{
	for (size_t i = 0; i < service->scope_count; i++)
		if (!strcmp(service->scopes[i].name, name))
			return 1;
	return 0;
}

/* ---- Names that nobody has, for which each refusal would hold ---- */

/* Names in full, without patterns. */
static void offer_full(struct conf_nearest *nearest, const struct conf_strings *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (!strpbrk(list->list[i], "*{"))
			conf_nearest_offer(nearest, list->list[i]);
}

static const struct conf_strings *of_kind(const struct conf_strings *tools, const struct conf_strings *prompts, int tool)
{
	return tool ? tools : prompts;
}

/* The grants, then the denies. */
static const struct conf_grant *rule_of(const struct conf_service *service, size_t i)
{
	return i < service->grant_count ? &service->grants[i] : &service->denies[i - service->grant_count];
}

/* Of what the service calls its tools (or prompts), the nearest: those of the tools_file, or else of its scopes and rules. NULL: none. */
static const char *nearest_name(const struct conf_service *service, int tool, const char *wrong)
{
	struct conf_nearest nearest = { .wrong = wrong };
	const int file = tool && service->tools_file;
	for (size_t i = 0; file && i < service->tools.count; i++)
		conf_nearest_offer(&nearest, service->tools.list[i].name);
	for (size_t i = 0; !file && i < service->scope_count; i++)
		offer_full(&nearest, of_kind(&service->scopes[i].tools, &service->scopes[i].prompts, tool));
	for (size_t i = 0; !file && i < service->grant_count + service->deny_count; i++)
		offer_full(&nearest, of_kind(&rule_of(service, i)->tools, &rule_of(service, i)->prompts, tool));
	return nearest.name;
}

/* "" or what may be meant. */
#define HINT_ROOM (TOOL_NAME_MOST + 32)
static const char *hint_of(const char *nearest, char hint[HINT_ROOM])
{
	hint[0] = 0;
	if (nearest)
		snprintf(hint, HINT_ROOM, "; did you mean \"%.*s\"?", TOOL_NAME_MOST, nearest);
	return hint;
}

/* A tool (or prompt) that the server has not, or of which no rule says a word. */
static void expect_name(const struct expecting *x, const struct service *service, const struct conf_node *node, int tool, const char *name)
{
	const struct conf_service *conf = service->conf;
	const unsigned mentions = policy_mentions(service->policy, tool ? POLICY_TOOL : POLICY_PROMPT, name);
	const int file = tool && conf->tools_file, absent = file && !tools_find(&conf->tools, name, strlen(name));
	if (file ? !absent : mentions)
		return;
	const char *nearest = nearest_name(conf, tool, name);
	char hint[HINT_ROOM];
	hint_of(nearest, hint);
	if (absent && !(mentions & POLICY_REFUSED))
		finding_node(x->findings, "E-UNKNOWN", node, "the server of service \"%s\" has no tool \"%.128s\", by the tools_file%s", conf->id, name, hint);
	else if (absent && nearest && !(mentions & POLICY_REFUSED_BY_NAME))
		finding_node(x->findings, "W-EXPECTED", node, "the server of service \"%s\" has no tool \"%.128s\", by the tools_file, which a deny refuses%s", conf->id,
		             name, hint);
	else if (!absent)
		finding_node(x->findings, "W-EXPECTED", node,
		             "no scope of service \"%s\" opens a %s \"%.128s\", and no deny names it: the answer is the same however it is spelt%s", conf->id,
		             tool ? "tool" : "prompt", name, hint);
}

static void expect_uris(const struct expecting *x, const struct service *service, const struct conf_expectation *test)
{
	const struct conf_node *list = conf_child(test->node, "uri");
	for (size_t i = 0; i < test->uris.count && !test->may; i++)
		/* A way out of a folder is meant to lead nowhere. */
		if (!strstr(test->uris.list[i], "/.") && !policy_mentions(service->policy, POLICY_URI, test->uris.list[i]))
			finding_node(x->findings, "W-EXPECTED", i < list->count ? &list->children[i] : list,
			             "no scope of service \"%s\" opens a URI \"%.128s\", and no deny names it: the answer is the same however it is spelt", service->conf->id,
			             test->uris.list[i]);
}

/* Some tool of the expectation may have the argument. */
static int has_argument(const struct conf_tools *tools, const struct conf_strings *names, const char *argument)
{
	for (size_t i = 0; i < names->count; i++) {
		const struct conf_tool *tool = tools_find(tools, names->list[i], strlen(names->list[i]));
		if (!tool || !tool->arguments_known || conf_has_string(&tool->arguments, argument))
			return 1;
	}
	return !names->count;
}

/* NULL: none. */
static const char *nearest_of(const struct conf_strings *strings, const char *wrong)
{
	struct conf_nearest nearest = { .wrong = wrong };
	for (size_t i = 0; i < strings->count; i++)
		conf_nearest_offer(&nearest, strings->list[i]);
	return nearest.name;
}

/* Arguments that none of the tools has, by the tools_file. What is no JSON fails the case. */
static void expect_arguments(const struct expecting *x, const struct service *service, const struct conf_expectation *test)
{
	const struct conf_tools *tools = &service->conf->tools;
	const struct conf_node *node = conf_child(test->node, "arguments");
	struct json json = { 0 };
	struct failure failure;
	if (!service->conf->tools_file || !test->arguments || !test->tools.count)
		return;
	const int code = json_parse(test->arguments, strlen(test->arguments), &json_limits_message, &json, &failure);
	if (code == EMA_OUT_OF_MEMORY)
		x->findings->out_of_memory = 1;
	for (const struct json_node *at = code ? NULL : json_first(&json, json_root(&json)); at && at->name; at = json_next(&json, at)) {
		const char *tool = test->tools.list[0];
		char hint[HINT_ROOM];
		if (has_argument(tools, &test->tools, at->name))
			continue;
		const struct conf_node *place = node->kind == CONF_GROUP ? conf_child(node, at->name) : NULL;
		finding_node(x->findings, "W-EXPECTED", place ? place : node, "the tool \"%.128s\" has no argument \"%.128s\", by the tools_file of service \"%s\"%s", tool,
		             at->name, service->conf->id, hint_of(nearest_of(&tools_find(tools, tool, strlen(tool))->arguments, at->name), hint));
	}
	json_free(&json);
}

static void expect_names(const struct expecting *x, const struct service *service, const struct conf_expectation *test)
{
	for (int tool = 0; tool < 2; tool++) {
		const struct conf_strings *names = of_kind(&test->tools, &test->prompts, tool);
		const struct conf_node *list = conf_child(test->node, tool ? "tool" : "prompt");
		for (size_t i = 0; i < names->count; i++)
			expect_name(x, service, i < list->count ? &list->children[i] : list, tool, names->list[i]);
	}
}

/* What a table cannot know by itself: 0, or -1 with a finding. */
static int expect_known(const struct expecting *x, const struct conf_expectation *test)
{
	const struct service *service = snapshot_service(x->snapshot, test->service);
	const int before = x->findings->errors;
	const struct conf_node *node = test->node;
	struct failure unknown = FAILURE_INIT;
	if (!service && snapshot_no_service(x->snapshot, test->service, &unknown))
		finding_node(x->findings, "E-UNKNOWN", conf_child(node, "service"), "%s", unknown.text);
	for (size_t i = 0; service && i < test->scopes.count; i++)
		if (!known_scope(service->conf, test->scopes.list[i]))
			finding_node(x->findings, "E-UNKNOWN", conf_child(node, "scopes"), "service \"%s\" has no scope \"%.100s\"", test->service, test->scopes.list[i]);
	if (test->code && code_by_name(test->code) <= EMA_OK)
		finding_node(x->findings, "E-UNKNOWN", conf_child(node, "code"), "there is no reason \"%.64s\" for a refusal: see ema.conf(5)", test->code);
	if (service) {
		expect_names(x, service, test);
		expect_uris(x, service, test);
		expect_arguments(x, service, test);
	}
	return x->findings->errors == before && !x->findings->out_of_memory ? 0 : -1;
}

enum said { SAID_GROUP, SAID_ROLE, SAID_ACR };

static const struct conf_strings *asks_for(const struct conf_grant *rule, enum said said)
{
	static const struct conf_strings nothing;
	if (said == SAID_ACR)
		return rule->conditions ? &rule->conditions->acr : &nothing;
	return said == SAID_ROLE ? &rule->roles : &rule->groups;
}

/* Is it what some rule asks for? If not, nearest has what is. */
static int in_rules(const struct conf *conf, enum said said, struct conf_nearest *nearest)
{
	for (size_t s = 0; s < conf->service_count; s++)
		for (size_t r = 0; r < conf->services[s].grant_count + conf->services[s].deny_count; r++) {
			const struct conf_strings *strings = asks_for(rule_of(&conf->services[s], r), said);
			if (conf_has_string(strings, nearest->wrong))
				return 1;
			for (size_t i = 0; i < strings->count; i++)
				conf_nearest_offer(nearest, strings->list[i]);
		}
	return 0;
}

/* Groups and roles that the provider's tokens cannot have, and those of which neither a rule nor another person says a word. */
static void person_groups(const struct expecting *x, const struct conf_person *person, const struct conf_provider *provider)
{
	for (int role = 0; role < 2; role++) {
		const struct conf_strings *list = role ? &person->roles : &person->groups;
		const struct conf_node *node = conf_child(person->node, role ? "role" : "group");
		if (list->count && !conf_claims_supply(provider, role))
			finding_node(x->findings, "W-EXPECTED", node,
			             "provider \"%s\" reads no %ss from tokens, so that nobody has them by one: write %s there, or leave them to the service's "
			             "directories, which are asked", provider->instance.id, role ? "role" : "group", conf_claims_advice(provider, role));
		for (size_t i = 0; i < list->count; i++) {
			struct conf_nearest nearest = { .wrong = list->list[i] };
			int known = in_rules(x->snapshot->conf, role ? SAID_ROLE : SAID_GROUP, &nearest);
			for (size_t p = 0; p < x->table->person_count && !known; p++)
				known = &x->table->people[p] != person && conf_has_string(role ? &x->table->people[p].roles : &x->table->people[p].groups, list->list[i]);
			char hint[HINT_ROOM];
			if (!known)
				finding_node(x->findings, "W-EXPECTED", i < node->count ? &node->children[i] : node,
				             "no grant or deny names a %s \"%.128s\", and nobody else of the table has it: the answer is the same however it is spelt%s",
				             role ? "role" : "group", list->list[i], hint_of(nearest.name, hint));
		}
	}
}

static int denies_by_acr(const struct conf *conf)
{
	for (size_t s = 0; s < conf->service_count; s++)
		for (size_t r = 0; r < conf->services[s].deny_count; r++)
			if (asks_for(&conf->services[s].denies[r], SAID_ACR)->count)
				return 1;
	return 0;
}

/* A context of the login that neither a rule nor another person has. */
static void person_acr(const struct expecting *x, const struct conf_person *person)
{
	struct conf_nearest nearest = { .wrong = person->acr };
	int known = !person->acr || in_rules(x->snapshot->conf, SAID_ACR, &nearest);
	for (size_t p = 0; p < x->table->person_count && !known; p++)
		known = &x->table->people[p] != person && x->table->people[p].acr && !strcmp(x->table->people[p].acr, person->acr);
	char hint[HINT_ROOM];
	/* A deny by another one is not met by this, and would be without any: it has to be written. */
	if (!known && (nearest.name || !denies_by_acr(x->snapshot->conf)))
		finding_node(x->findings, "W-EXPECTED", conf_child(person->node, "acr"),
		             "no grant or deny asks for an acr \"%.128s\", and nobody else of the table has it: the answer is the same however it is spelt%s",
		             person->acr, hint_of(nearest.name, hint));
}

/* Whether a token may be for this client, or the configuration cannot know. If not, nearest has one for which it may be. */
static int is_client(const struct conf *conf, const struct provider *provider, struct conf_nearest *nearest)
{
	const char *id = nearest->wrong;
	/* It may have a document of its own, or an entry in the configuration that tokens are issued by. */
	int known = strstr(id, "://") || (provider->accepts & EMA_ID_JAG && (!conf->client_count || conf->published.path));
	for (size_t i = 0; i < conf->client_count && !known; i++) {
		known = !strcmp(conf->clients[i].id, id);
		conf_nearest_offer(nearest, conf->clients[i].id);
	}
	for (size_t s = 0; s < conf->service_count && !known; s++) {
		const struct conf_audience *audience = conf_audience_of(&conf->services[s], provider->conf->instance.id);
		if (!audience || !(provider->accepts & EMA_ACCESS_TOKEN))
			continue;
		known = conf_takes(&audience->clients, id);
		for (size_t i = 0; i < audience->clients.count; i++)
			conf_nearest_offer(nearest, audience->clients.list[i]);
	}
	return known;
}

static void person_client(const struct expecting *x, const struct conf_person *person, const struct provider *provider)
{
	struct conf_nearest nearest = { .wrong = person->client };
	char hint[HINT_ROOM];
	if (person->client && !is_client(x->snapshot->conf, provider, &nearest))
		finding_node(x->findings, "W-EXPECTED", conf_child(person->node, "client"),
		             "there is no client \"%.128s\": no token of a subject of provider \"%s\" is for it%s", person->client, provider->conf->instance.id,
		             hint_of(nearest.name, hint));
}

static int person_known(const struct expecting *x, const struct conf_person *person)
{
	struct subject subject;
	char *memory = NULL;
	const int before = x->findings->errors;
	size_t number;
	if (subject_parse(person->subject, &subject, &memory)) {
		finding_node(x->findings, "E-VALUE", conf_child(person->node, "subject"),
		             "subject = \"%.100s\" is no subject: write provider/tenant/sub, percent-encoded, - for no tenant", person->subject);
	} else if ((number = snapshot_provider(x->snapshot, subject.provider)) == SIZE_MAX) {
		finding_node(x->findings, "E-UNKNOWN", conf_child(person->node, "subject"), "the configuration has no provider \"%.64s\"", subject.provider);
	} else {
		const struct provider *provider = &x->snapshot->providers[number];
		person_groups(x, person, provider->conf);
		person_acr(x, person);
		person_client(x, person, provider);
	}
	free(memory);
	return x->findings->errors == before ? 0 : -1;
}

static struct access_name *names_of(const struct conf_strings *list, const char *tenant)
{
	struct access_name *names = calloc(list->count + 1, sizeof *names);
	for (size_t i = 0; names && i < list->count; i++)
		names[i] = (struct access_name){ list->list[i], PRINCIPAL_CLAIMS, tenant };
	return names;
}

/* Whether the answer is the one that was expected. */
static int holds(const struct conf_expectation *test, int code)
{
	if (test->may || code == EMA_OK)
		return test->may && code == EMA_OK;
	/* That the subject is not even known, or a directory away, is no rule: whoever means it writes it. */
	return test->code ? code == code_by_name(test->code) : assume_is_answer(code);
}

/* What would have to change, in the words of the explanation. */
static const struct decision_step *advice_of(const struct ema_decision *decision)
{
	for (size_t i = 0; i < decision->step_count; i++)
		if (!strcmp(decision->steps[i].stage, "change"))
			return &decision->steps[i];
	return NULL;
}

static void tell(struct expecting *x, const struct conf_expectation *test, const char *who, const char *target, const struct ema_decision *decision)
{
	const char *rule = assume_rule(decision);
	const struct decision_step *advice = test->may ? advice_of(decision) : NULL;
	const int good = holds(test, decision->code);
	if (decision->code == EMA_OK)
		finding_node(x->findings, good ? "N-HOLDS" : "E-EXPECTED", test->node, "%.64s may %.160s of %.64s%s; permitted by %s%s%.400s", who, target,
		             test->service, good ? "" : ", and should not", *rule ? rule : "no rule", decision->shadow ? ": " : "", decision->shadow ? decision->shadow : "");
	else
		finding_node(x->findings, good ? "N-HOLDS" : "E-EXPECTED", test->node, "%.64s may not %.160s of %.64s%s; %s: %.300s%s%s%s%.400s", who, target,
		             test->service, good ? "" : test->may ? ", and should" : test->code ? ", as expected, but for another reason" :
		             ", as expected, but not by a rule: write code = \"...\" if that is meant", code_name(decision->code), decision->operator_line,
		             advice ? "; for a permit: " : "", advice ? advice->rule : "", advice && *advice->rule ? ": " : "", advice ? advice->text : "");
	x->failed += !good;
}

static int expect_case(struct expecting *x, const struct conf_expectation *test, const struct conf_person *person, const char *method, const char *target)
{
	struct subject subject;
	char *memory = NULL, what[200];
	struct ema_decision *decision = NULL;
	int code = subject_parse(person->subject, &subject, &memory);
	if (code)
		return code;
	struct access_name *groups = names_of(&person->groups, subject.tenant), *roles = names_of(&person->roles, subject.tenant);
	int64_t now = test->at ? test->at : clock_wall(&x->context->clock) / 1000;
	const struct assumption assumed = {
		.service = test->service, .method = method, .target = target, .arguments = test->arguments, .every_scope = !test->scopes.count, .now = now,
		.claims = {
			.provider = subject.provider, .tenant = subject.tenant, .sub = subject.sub, .client_id = person->client, .email = person->email,
			.acr = person->acr, .amr = person->amr.list, .amr_count = person->amr.count, .auth_time = person->login ? now - person->login : JWT_ABSENT,
			.groups = groups, .group_count = person->groups.count, .roles = roles, .role_count = person->roles.count,
			.scopes = test->scopes.list, .scope_count = test->scopes.count,
		},
	};
	code = EMA_OUT_OF_MEMORY;
	if (groups && roles && ++x->cases <= CASES_MOST) {
		context_assume(x->context, &assumed, &decision);
		snprintf(what, sizeof what, "%s%s%.120s", method, target ? " " : "", target ? target : "");
		if (decision)
			tell(x, test, person->id, what, decision);
		code = decision ? EMA_OK : EMA_OUT_OF_MEMORY;
	}
	decision_free(decision);
	free(groups);
	free(roles);
	free(memory);
	return code;
}

static int expect_all(struct expecting *x, const struct conf_expectation *test)
{
	const struct {
		const char *method;
		const struct conf_strings *targets;
	} kinds[] = { { "tools/call", &test->tools }, { "prompts/get", &test->prompts }, { "resources/read", &test->uris } };
	int code = EMA_OK;
	for (size_t i = 0; !code && i < test->who.count; i++) {
		const struct conf_person *person = conf_table_person(x->table, test->who.list[i]);
		if (test->method)
			code = expect_case(x, test, person, test->method, NULL);
		for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
			for (size_t t = 0; !code && t < kinds[k].targets->count; t++)
				code = expect_case(x, test, person, kinds[k].method, kinds[k].targets->list[t]);
	}
	return code;
}

int context_expect(struct ema_context *context, const char *path, struct findings *findings)
{
	struct conf_table *table = conf_table_read(path, findings);
	struct expecting x = { .context = context, .snapshot = context_snapshot(context), .table = table, .findings = findings };
	int code = EMA_OK, unknown = 0;
	size_t cases = 0;
	if (!table || !x.snapshot) {
		code = findings->out_of_memory ? EMA_OUT_OF_MEMORY : EMA_CONFIG;
		goto out;
	}
	for (size_t i = 0; i < table->person_count; i++)
		unknown |= person_known(&x, &table->people[i]);
	for (size_t i = 0; i < table->count; i++) {
		const struct conf_expectation *test = &table->list[i];
		unknown |= expect_known(&x, test);
		cases += test->who.count * (test->tools.count + test->prompts.count + test->uris.count + (test->method != NULL));
	}
	if (cases > CASES_MOST) {
		finding_add(findings, "E-VALUE", path, 1, "the table has %zu cases, and %d are the most: make two of it", cases, CASES_MOST);
		unknown = 1;
	}
	for (size_t i = 0; !unknown && !code && i < table->count; i++)
		code = expect_all(&x, &table->list[i]);
	if (unknown || findings->errors > x.failed)
		code = EMA_CONFIG;
	else if (!code && x.failed)
		code = EMA_DENIED;
out:
	snapshot_release(x.snapshot);
	conf_table_free(table);
	return code;
}
