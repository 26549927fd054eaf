/* Rules without effect; and what a tools_file shows: tools that wait, that nothing opens, and that do more than their scope says. */
#include <stdlib.h>
#include <string.h>

#include "compiled.h"
#include "subject.h"
#include "tools.h"

#define NAMED_MOST 8 /* tools that a finding names */
#define MEET_MOST 256 /* bytes of a pattern that is held against others byte by byte */

static int is_run(char c)
{
	return (unsigned char)c <= OP_LAST;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* 1 if some text fits both patterns, where stars and values may be any run: what is said to be without effect is. */
static int patterns_meet(const struct pattern *a, const struct pattern *b)
{
	const size_t la = a->length, lb = b->length, tail = least(a->tail, b->tail);
	unsigned char meet[2][MEET_MOST + 1];
	if (a->head == la && b->head == lb)
		return la == lb && !memcmp(a->text, b->text, la);
	if (memcmp(a->text, b->text, least(a->head, b->head)) || memcmp(a->text + la - tail, b->text + lb - tail, tail))
		return 0;
	if (la > MEET_MOST || lb > MEET_MOST)
		return 1;
	for (size_t i = 0; i <= la; i++) {
		unsigned char *now = meet[i % 2], *last = meet[(i + 1) % 2];
		for (size_t j = 0; j <= lb; j++) {
			int both = i && j, any_a = i && is_run(a->text[i - 1]), any_b = j && is_run(b->text[j - 1]);
			now[j] = (unsigned char)((!i && !j) || (any_a && (last[j] || (j && now[j - 1]))) || (any_b && (now[j - 1] || (i && last[j]))) ||
			                         (both && !any_a && !any_b && last[j - 1] && a->text[i - 1] == b->text[j - 1]));
		}
	}
	return meet[la % 2][lb];
}

static int among(const struct numbers *numbers, uint32_t number)
{
	for (uint32_t i = 0; i < numbers->count; i++)
		if (numbers->list[i] == number)
			return 1;
	return 0;
}

static int is_scoped(const struct rule *rule, const struct numbers *scopes)
{
	int scoped = !rule->scopes.count;
	for (uint32_t i = 0; i < scopes->count && !scoped; i++)
		scoped = among(&rule->scopes, scopes->list[i]);
	return scoped;
}

/* By one of the rule's scopes, where it names some. */
static int is_opened(const struct policy *policy, const struct rule *rule, const struct pattern_row *row)
{
	int opened = 0;
	/* Those of scopes are the first. */
	for (const struct pattern_row *scoped = policy->patterns; !opened && scoped < policy->patterns + policy->pattern_count && scoped->scopes.count; scoped++)
		opened = scoped->kind == row->kind && is_scoped(rule, &scoped->scopes) && (scoped == row || patterns_meet(&row->pattern, &scoped->pattern));
	return opened;
}

/* Targets of a rule that its scopes do not open: a grant cannot give them, and a deny is not about them, or refuses what nobody has. */
static void lint_unscoped(const struct policy *policy, const struct rule *rule, struct findings *findings)
{
	static const struct { const char *key, *id, *what; } kinds[POLICY_KINDS] = {
		[POLICY_TOOL] = { "tools", "W-UNSCOPED-TOOL", "tool" }, [POLICY_PROMPT] = { "prompts", "W-UNSCOPED-PROMPT", "prompt" },
		[POLICY_URI] = { "uris", "W-UNSCOPED-URI", "URI" },
	};
	const struct conf_strings *strings[POLICY_KINDS] = { &rule->conf->tools, &rule->conf->prompts, &rule->conf->uris };
	size_t target = 0;
	for (size_t k = 0; k < POLICY_KINDS; k++)
		for (size_t i = 0; i < strings[k]->count; i++)
			if (!is_opened(policy, rule, &policy->patterns[rule->targets.list[target++]]))
				finding_node(findings, kinds[k].id, policy_string_node(rule->conf->node, kinds[k].key, i),
				             "%s opens a %s \"%.128s\": this has no effect",
				             rule->scopes.count ? "none of the scopes of this rule" : "no scope of the service", kinds[k].what, strings[k]->list[i]);
}

/* Names of tools, one after another; the rest is counted. */
struct naming {
	struct buffer text;
	size_t count;
};

static void name(struct naming *naming, const char *tool)
{
	if (naming->count++ < NAMED_MOST)
		buffer_printf(&naming->text, "%s\"%.128s\"", naming->text.length ? ", " : "", tool);
}

static void tell(struct naming *naming, struct findings *findings, const char *id, const struct conf_node *node, const char *what)
{
	if (naming->count && naming->count <= NAMED_MOST)
		finding_node(findings, id, node, "%s: %s", what, naming->text.data);
	else if (naming->count)
		finding_node(findings, id, node, "%s: %s and %zu more", what, naming->text.data, naming->count - NAMED_MOST);
	buffer_free(&naming->text);
	*naming = (struct naming){ .text = BUFFER_INIT(2048) };
}

/* Tools that a scope for reading opens, though their server says that they are not for reading alone, or does not say that they are. */
static void lint_writing(const struct policy *policy, struct findings *findings)
{
	const struct conf_service *service = policy->conf;
	static const struct pattern_values nothing;
	uint32_t matches[POLICY_MATCHES_MOST];
	struct naming waiting = { .text = BUFFER_INIT(2048) }, unopened = { .text = BUFFER_INIT(2048) }, unsaid = { .text = BUFFER_INIT(2048) };
	for (size_t i = 0; i < service->tools.count; i++) {
		const struct conf_tool *tool = &service->tools.list[i];
		size_t count = policy_matches(policy, POLICY_TOOL, tool->name, strlen(tool->name), &nothing, matches), scopes = 0;
		const struct conf_scope *reading = NULL;
		if (count == SIZE_MAX)
			finding_node(findings, "E-VALUE", service->node, "over %d patterns match the tool \"%.128s\": each check of it would be refused",
			             POLICY_MATCHES_MOST, tool->name);
		for (size_t m = 0; count != SIZE_MAX && m < count; m++) {
			const struct numbers *of = &policy->patterns[matches[m] & ~MAYBE].scopes;
			for (size_t s = 0; s < of->count; s++) {
				scopes++;
				if (!service->scopes[of->list[s]].writes)
					reading = &service->scopes[of->list[s]];
			}
		}
		if (!tool->accepted)
			name(&waiting, tool->name);
		else if (!scopes)
			name(&unopened, tool->name);
		if (reading && (tool->read_only == 0 || tool->destructive == 1))
			finding_node(findings, "W-TOOL-WRITES", reading->node, "scope \"%s\" is for reading and opens the tool \"%.128s\", of which the server says that it %s",
			             reading->name, tool->name, tool->destructive == 1 ? "destroys" : "is not for reading alone");
		else if (reading && tool->accepted && tool->read_only < 0)
			name(&unsaid, tool->name);
	}
	const struct conf_node *node = conf_child(service->node, "tools_file");
	tell(&waiting, findings, "W-TOOL-WAITS", node, "new or changed tools, closed until they are accepted (emactl tools accept)");
	tell(&unopened, findings, "N-TOOL-UNOPENED", node, "no scope opens these tools of the server");
	/* MCP-57: what is not said is the cautious value. A note, as most servers say nothing. */
	tell(&unsaid, findings, "N-TOOL-UNSAID", node, "a scope for reading opens these tools, of which the server does not say that they are for reading alone, "
	     "and then they may write (readOnlyHint)");
}

/* Names in full that the server does not have. What a deny refuses may be the server's one day: it is one of its tools, misspelt, if one has nearly the name. */
static void names_absent(const struct policy *policy, const struct conf_strings *tools, int deny, const struct conf_node *node, struct findings *findings)
{
	const struct conf_tools *known = &policy->conf->tools;
	struct naming absent = { .text = BUFFER_INIT(2048) };
	int misspelt = !deny;
	for (size_t i = 0; i < tools->count; i++) {
		struct conf_nearest nearest = { .wrong = tools->list[i] };
		if (strpbrk(nearest.wrong, "*{\\") || tools_find(known, nearest.wrong, strlen(nearest.wrong)))
			continue;
		name(&absent, nearest.wrong);
		for (size_t t = 0; !misspelt && t < known->count; t++)
			conf_nearest_offer(&nearest, known->list[t].name);
		misspelt |= nearest.name != NULL;
	}
	tell(&absent, findings, misspelt ? "W-TOOL-ABSENT" : "N-TOOL-ABSENT", node, "the server has no such tool, by the tools_file");
}

static void lint_absent(const struct policy *policy, struct findings *findings)
{
	for (size_t i = 0; i < policy->conf->scope_count; i++)
		names_absent(policy, &policy->conf->scopes[i].tools, 0, policy->conf->scopes[i].node, findings);
	for (size_t i = 0; i < policy->rule_count; i++)
		names_absent(policy, &policy->rules[i].conf->tools, policy->rules[i].deny, policy->rules[i].conf->node, findings);
}

/* The first step of a JSON pointer, unescaped: the name of an argument. */
static size_t argument_of(const char *at, char *out, size_t room)
{
	size_t used = 0;
	for (const char *c = at + (*at == '/'); *c && *c != '/' && used + 1 < room; c++)
		out[used++] = *c != '~' ? *c : *++c == '1' ? '/' : '~';
	out[used] = 0;
	return used;
}

/* Pointers as RFC 6901 has them which lead nowhere in what a client sends: NULL, or what is the matter. */
static const char *pointer_odd(const struct conf_service *service, const char *at)
{
	static const char whole[] = "/params/arguments", part[] = "/arguments/";
	const size_t outside = sizeof whole - 1;
	if (!strncmp(at, whole, outside) && (!at[outside] || at[outside] == '/'))
		return "begins at the message, and the arguments are where a pointer begins";
	/* A tool may have an argument of that name: its tools_file says so, and a list is likelier than an object. */
	if (!service->tools_file && !strncmp(at, part, sizeof part - 1) && !strchr("0123456789", at[sizeof part - 1]))
		return "begins at what the message calls \"arguments\", and a pointer begins inside of it";
	while (*at) {
		const size_t length = strcspn(++at, "/");
		if (!length)
			return "has a slash too many: between two, and behind the last one, stands a name";
		if (length == 1 && strchr("*-", *at))
			return "stands for no element of a list: elements are named by their number, from 0 on";
		if (*at == ' ' || at[length - 1] == ' ')
			return "has a blank at the end of a name";
		at += length;
	}
	return NULL;
}

/* What it means for a rule that a condition's argument is never there. */
static const char *never_there(const struct rule *rule, const struct conf_argument *condition)
{
	return rule->deny ? ": a deny takes what is absent for met, and refuses these calls whatever they say" :
	       condition->test == TEST_ABSENT ? ": it is always absent, and the condition limits nothing" : ": the condition never holds";
}

/* Has every text that the pattern stands for what text_devious() refuses? What a star or a value stands for may be a scheme. */
static int never_like(const char *pattern)
{
	char text[PATTERN_TEXT];
	size_t used = 0;
	for (const char *c = pattern; *c && used + 2 < sizeof text; c++) {
		text[used++] = *c;
		if ((*c == '*' || *c == '}') && c[1] == '/')
			text[used++] = ':';
	}
	text[used] = 0;
	return text_devious(text, used);
}

static void lint_pointers(const struct policy *policy, struct findings *findings)
{
	for (size_t i = 0; i < policy->rule_count; i++)
		for (size_t a = 0; policy->rules[i].when && a < policy->rules[i].when->arg_count; a++) {
			const struct conf_argument *condition = &policy->rules[i].when->args[a];
			const char *odd = pointer_odd(policy->conf, condition->at);
			if (condition->test == TEST_LIKE && policy->rules[i].args[a].like.stars && never_like(condition->value->string))
				finding_node(findings, "W-ARGUMENT", condition->value, "like = \"%.100s\" has a dot segment, a doubled slash, or an encoded dot or slash: "
				             "no argument with such a thing can be judged by a pattern with stars%s", condition->value->string,
				             policy->rules[i].deny ? ", and a deny refuses all that have one" : ": the condition never holds");
			if (odd)
				finding_node(findings, "W-ARGUMENT", condition->node, "at = \"%.100s\" %s%s", condition->at, odd, never_there(&policy->rules[i], condition));
		}
}

/* Is the rule about the tool that these patterns match? One that names no targets is about what its scopes open, or about all. */
static int is_about(const struct policy *policy, const struct rule *rule, const uint32_t *matches, size_t count)
{
	int about = !rule->targets.count && !rule->scopes.count;
	for (size_t m = 0; m < count && !about; m++) {
		const uint32_t number = matches[m] & ~MAYBE;
		const struct numbers *opens = &policy->patterns[number].scopes;
		about = rule->targets.count ? among(&rule->targets, number) : 0;
		for (uint32_t s = 0; s < opens->count && !rule->targets.count && !about; s++)
			about = among(&rule->scopes, opens->list[s]);
	}
	return about;
}

enum { CONCERNS = 1, MAY_HAVE = 2 }; /* a tool; one that has the argument, or whose arguments are not known */

/*
 * Conditions on arguments that no tool has which the rule is about: of a grant, an "absent" then always holds, and all others never do; of
 * a deny all do.
 */
static void lint_conditions(const struct policy *policy, struct findings *findings)
{
	const struct conf_tools *tools = &policy->conf->tools;
	static const struct pattern_values nothing;
	uint32_t matches[POLICY_MATCHES_MOST];
	size_t conditions = 0, at = 0;
	for (size_t i = 0; i < policy->rule_count; i++)
		conditions += policy->rules[i].when ? policy->rules[i].when->arg_count : 0;
	unsigned char *states = conditions ? calloc(conditions, 1) : NULL;
	for (size_t t = 0; states && t < tools->count; t++) {
		const char *tool = tools->list[t].name;
		const size_t count = policy_matches(policy, POLICY_TOOL, tool, strlen(tool), &nothing, matches);
		at = 0;
		for (size_t i = 0; count != SIZE_MAX && i < policy->rule_count; i++) {
			const struct rule *rule = &policy->rules[i];
			const size_t args = rule->when ? rule->when->arg_count : 0;
			for (size_t a = 0, about = args && is_about(policy, rule, matches, count); a < args && about; a++) {
				char argument[TOOL_ARGUMENT_MOST + 1];
				argument_of(rule->when->args[a].at, argument, sizeof argument);
				states[at + a] |= CONCERNS | (!tools->list[t].arguments_known || conf_has_string(&tools->list[t].arguments, argument) ? MAY_HAVE : 0);
			}
			at += args;
		}
	}
	at = 0;
	for (size_t i = 0; states && i < policy->rule_count; i++)
		for (size_t a = 0; policy->rules[i].when && a < policy->rules[i].when->arg_count; a++, at++) {
			const struct conf_argument *condition = &policy->rules[i].when->args[a];
			char argument[TOOL_ARGUMENT_MOST + 1];
			argument_of(condition->at, argument, sizeof argument);
			if (states[at] == CONCERNS && !pointer_odd(policy->conf, condition->at))
				finding_node(findings, "W-ARGUMENT", condition->node ? condition->node : policy->rules[i].conf->node,
				             "no tool that the rule is about has an argument \"%.100s\", by the tools_file%s", argument, never_there(&policy->rules[i], condition));
		}
	free(states);
}

/* The form that audit and emactl know a subject by, where the sub alone is wanted. A sub may have slashes: it begins with a provider's id. */
static void lint_subjects(const struct conf *conf, const struct conf_grant *rule, struct findings *findings)
{
	for (size_t i = 0; i < rule->subjects.count; i++) {
		struct subject subject;
		char *memory = NULL;
		const int code = subject_parse(rule->subjects.list[i], &subject, &memory);
		int known = 0;
		for (size_t p = 0; !code && p < conf->provider_count; p++)
			known |= !strcmp(conf->providers[p].instance.id, subject.provider);
		if (code == EMA_OUT_OF_MEMORY)
			findings->out_of_memory = 1;
		if (known)
			finding_node(findings, "W-SUBJECT", policy_string_node(rule->node, "subject", i),
			             "subject = \"%.128s\" is nobody's sub: write provider = \"%.64s\"; %s%.64s%ssubject = \"%.128s\"", rule->subjects.list[i],
			             subject.provider, subject.tenant ? "tenant = \"" : "", subject.tenant ? subject.tenant : "", subject.tenant ? "\"; " : "", subject.sub);
		free(memory);
	}
}

/* A name that too many patterns match is refused each time. Names are not known here: those that patterns are without their stars are tried. */
static void lint_crowds(const struct policy *policy, struct findings *findings)
{
	static const struct pattern_values nothing;
	uint32_t matches[POLICY_MATCHES_MOST];
	char name[PATTERN_TEXT];
	for (size_t i = 0; policy->pattern_count > POLICY_MATCHES_MOST && i < policy->pattern_count; i++) {
		const struct pattern_row *row = &policy->patterns[i];
		size_t length = 0;
		for (size_t k = 0; k < row->pattern.length; k++)
			if ((unsigned char)row->pattern.text[k] > OP_LAST)
				name[length++] = row->pattern.text[k];
		name[length] = 0;
		if (length && policy_matches(policy, row->kind, name, length, &nothing, matches) == SIZE_MAX) {
			finding_node(findings, "E-VALUE", policy->conf->node, "over %d patterns match names like \"%.128s\": each check of one would be refused",
			             POLICY_MATCHES_MOST, name);
			return;
		}
	}
}

void rules_lint(const struct conf *conf, const struct policy *policy, struct findings *findings)
{
	/* Permissions in shadow mode let in what no scope opens, but for what a deny refuses that names no scopes. */
	for (size_t i = 0; i < policy->rule_count; i++)
		if (!policy->rules[i].deny || policy->rules[i].scopes.count || !policy->conf->shadow_until)
			lint_unscoped(policy, &policy->rules[i], findings);
	for (size_t i = 0; i < policy->rule_count; i++)
		lint_subjects(conf, policy->rules[i].conf, findings);
	lint_pointers(policy, findings);
	lint_crowds(policy, findings);
	if (!policy->conf->tools_file)
		return;
	lint_writing(policy, findings);
	lint_absent(policy, findings);
	lint_conditions(policy, findings);
}
