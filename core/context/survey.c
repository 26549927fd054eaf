#include "survey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assume.h"
#include "authority.h"
#include "check.h"
#include "describe.h"
#include "jwt.h"
#include "people.h"
#include "pipeline.h"
#include "subject.h"
#include "tools.h"

#define LIST_MS 5000         /* that a directory may take to list its people */
#define TEXT_MOST 2048
#define NAMES_MOST 65536     /* of people, in all directories of the services that are looked at */

/* A name of a person of a directory. */
struct named {
	const char *directory, *person, *subject, *email;
	int active;
};

struct surveying {
	struct ema_context *context;
	struct snapshot *snapshot;
	struct ema_survey *survey;
	const struct service *service;
	const char *who;              /* of the rows that rules make */
	int names_subject;            /* those alone that name the subject */
	int64_t now;
	const struct survey_claims *claims;
	struct named *names;
	size_t name_count, name_room;
	const char *directory;        /* that is listed */
	struct policy_stand *told;    /* the rules that were told; NULL: nobody asks */
	size_t told_count;
};

/* ---- Rows ---- */

static const char *keep(struct ema_survey *survey, const char *text)
{
	const char *kept = text ? arena_copy(&survey->arena, text) : "";
	if (!kept)
		survey->broken = 1;
	return kept ? kept : "";
}

static void set_row(struct surveying *s, struct survey_row *to, const struct survey_row *row)
{
	struct ema_survey *survey = s->survey;
	*to = (struct survey_row){ row->kind, keep(survey, row->service), keep(survey, row->who), keep(survey, row->what), keep(survey, row->rule),
		                   keep(survey, row->text), row->code };
}

static void add_row(struct surveying *s, const struct survey_row *row)
{
	struct ema_survey *survey = s->survey;
	if (survey->count == survey->room) {
		size_t room = survey->room ? survey->room * 2 : 32;
		struct survey_row *grown = reallocarray(survey->rows, room, sizeof *grown);
		if (!grown) {
			survey->broken = 1;
			return;
		}
		survey->rows = grown;
		survey->room = room;
	}
	set_row(s, &survey->rows[survey->count++], row);
}

static void put_strings(struct buffer *out, const char *what, const struct conf_strings *list)
{
	for (size_t i = 0; i < list->count; i++)
		buffer_printf(out, "%s%s%.120s", i ? ", " : out->length ? "; " : "", i ? "" : what, list->list[i]);
}

static void put_about(struct buffer *out, const struct conf_grant *rule)
{
	put_strings(out, "scopes ", &rule->scopes);
	put_strings(out, "tools ", &rule->tools);
	put_strings(out, "prompts ", &rule->prompts);
	put_strings(out, "uris ", &rule->uris);
	if (!out->length)
		buffer_text(out, "everything");
}

/* A rule that is about what is looked at, in a row of its own. */
static void take_rule(void *data, const struct policy_stand *stand)
{
	struct surveying *s = data;
	struct buffer who = BUFFER_INIT(TEXT_MOST), what = BUFFER_INIT(TEXT_MOST), text = BUFFER_INIT(TEXT_MOST);
	char place[300];
	if (s->names_subject && stand->lacks & POLICY_LACKS_WHO)
		return;
	if (s->told)
		s->told[s->told_count++] = *stand;
	describe_who(stand->rule, &who);
	put_about(&what, stand->rule);
	/* Whose it is: nobody was asked about. */
	if (stand->values) {
		buffer_text(&text, "where ");
		describe_values(stand->values, &text);
		buffer_printf(&text, " %s the subject's own%s", stand->values & (stand->values - 1) ? "are" : "is", stand->rule->conditions ? " " : "");
	}
	describe_when(stand->rule->conditions, &text);
	if (stand->lacks & POLICY_LACKS_TIME)
		buffer_text(&text, " (not now)");
	if (stand->rule->shadow)
		buffer_text(&text, " (mode = \"shadow\": it decides nothing)");
	pipeline_place(stand->rule->node, place, sizeof place);
	add_row(s, &(struct survey_row){ stand->deny ? "deny" : "grant", s->service->conf->id, s->who ? s->who : who.data, what.data, place, text.data,
	                                 stand->deny ? EMA_DENIED : EMA_OK });
	s->survey->broken |= who.failed || what.failed || text.failed;
	buffer_free(&who);
	buffer_free(&what);
	buffer_free(&text);
}

/* What is so for everybody: permissions in shadow mode. */
static void add_shadow(struct surveying *s)
{
	const struct conf_service *conf = s->service->conf;
	char place[300], text[160], until[CLOCK_TEXT];
	if (conf->shadow_until <= (s->now ? s->now : clock_wall(&s->context->clock) / 1000))
		return;
	clock_text(conf->shadow_until * 1000, until);
	pipeline_place(conf->permissions, place, sizeof place);
	snprintf(text, sizeof text, "permissions are in shadow mode until %s: what no grant gives is allowed too", until);
	add_row(s, &(struct survey_row){ .kind = "shadow", .service = conf->id, .rule = place, .text = text });
}

/* And a tool that the tools_file keeps from all of them. */
static void add_closed(struct surveying *s, const struct policy_target *target)
{
	const struct conf_service *conf = s->service->conf;
	char place[300], text[FAILURE_TEXT];
	if (!policy_closed(s->service->policy, target))
		return;
	struct conf_nearest like = { .wrong = target->name };
	for (size_t i = 0; i < conf->tools.count; i++)
		conf_nearest_offer(&like, conf->tools.list[i].name);
	snprintf(text, sizeof text, "the tool is not in tools_file, and closed to everybody until `emactl tools import` has it and it is accepted%s%.128s%s",
	         like.name ? " (did you mean \"" : "", like.name ? like.name : "", like.name ? "\"?)" : "");
	pipeline_place(conf_child(conf->node, "tools_file"), place, sizeof place);
	add_row(s, &(struct survey_row){ .kind = "closed", .service = conf->id, .what = target->name, .rule = place, .code = EMA_FORBIDDEN,
	                                 .text = tools_find(&conf->tools, target->name, target->length) ?
	                                         "the tool waits in tools_file, closed to everybody until `emactl tools accept` takes it" : text });
}

/* ---- Denies that leave nobody ---- */

/* Whoever has one of the grant's names has one of the deny's. */
static int within(const struct conf_strings *deny, const struct conf_strings *grant)
{
	for (size_t i = 0; deny->count && i < grant->count; i++) {
		size_t k = 0;
		while (k < deny->count && strcmp(deny->list[k], grant->list[i]))
			k++;
		if (k == deny->count)
			return 0;
	}
	return !deny->count || grant->count;
}

/* Does the deny refuse it to all whom the grant names, whatever they send and whenever? */
static int keeps_out(const struct policy_stand *deny, const struct conf_grant *grant)
{
	const struct conf_grant *rule = deny->rule;
	return deny->deny && !rule->shadow && !rule->conditions && !deny->values &&
	       (!rule->provider || !strcmp(rule->provider, "*") || (grant->provider && !strcmp(rule->provider, grant->provider))) &&
	       within(&rule->from, &grant->from) && within(&rule->tenants, &grant->tenants) && within(&rule->groups, &grant->groups) &&
	       within(&rule->roles, &grant->roles) && within(&rule->subjects, &grant->subjects) && within(&rule->clients, &grant->clients);
}

static int is_grant(const struct policy_stand *told)
{
	return !told->deny && !told->rule->shadow;
}

/* Where denies refuse it to all whom the grants let in, they are told as what closes it. */
static void add_denied(struct surveying *s)
{
	static const struct conf_grant anybody = { .provider = NULL };
	const int shadow = s->service->conf->shadow_until > (s->now ? s->now : clock_wall(&s->context->clock) / 1000);
	size_t let_in = 0, kept_out = 0, count = shadow ? 1 : s->told_count;
	for (size_t g = 0; g < count; g++) {
		size_t d = 0;
		if (!shadow && !is_grant(&s->told[g]))
			continue;
		while (d < s->told_count && !keeps_out(&s->told[d], shadow ? &anybody : s->told[g].rule))
			d++;
		let_in++;
		kept_out += d < s->told_count;
	}
	for (size_t d = 0; let_in && kept_out == let_in && d < s->told_count; d++) {
		char place[300];
		size_t g = 0;
		while (g < count && !((shadow || is_grant(&s->told[g])) && keeps_out(&s->told[d], shadow ? &anybody : s->told[g].rule)))
			g++;
		if (g == count)
			continue;
		pipeline_place(s->told[d].rule->node, place, sizeof place);
		add_row(s, &(struct survey_row){ .kind = "closed", .service = s->service->conf->id, .rule = place, .code = EMA_DENIED,
		                                 .text = "this deny has no conditions, and keeps out whom the grants let in" });
	}
}

/* ---- People of directories ---- */

static int take_name(void *data, const char *person, int active, const char *subject, const char *email)
{
	struct surveying *s = data;
	if (s->name_count == NAMES_MOST)
		return EMA_TOO_LARGE;
	if (s->name_count == s->name_room) {
		size_t room = s->name_room ? s->name_room * 2 : 64;
		struct named *grown = reallocarray(s->names, room, sizeof *grown);
		if (!grown)
			return EMA_OUT_OF_MEMORY;
		s->names = grown;
		s->name_room = room;
	}
	s->names[s->name_count++] = (struct named){ keep(s->survey, s->directory), keep(s->survey, person), subject ? keep(s->survey, subject) : NULL,
		                                    email ? keep(s->survey, email) : NULL, active };
	return EMA_OK;
}

static int name_order(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int order = strcmp(x->person, y->person);
	if (!order)
		order = !x->subject - !y->subject; /* subjects first: an address of the same provider is then one of those */
	return order ? order : strcmp(x->subject ? x->subject : x->email ? x->email : "", y->subject ? y->subject : y->email ? y->email : "");
}

/* All people of the directories that speak in these services; service NULL: in any. A directory that cannot say is a note. */
static int list_people(struct surveying *s, const struct service *service)
{
	for (size_t d = 0; d < s->snapshot->conf->directory_count; d++) {
		const struct directory *directory = &s->snapshot->directories[d];
		int speaks = !service;
		for (size_t i = 0; service && i < service->directory_count && !speaks; i++)
			speaks = service->directories[i].directory == d;
		if (!speaks)
			continue;
		struct ema_people people = { .take = take_name, .data = s };
		s->directory = directory->conf->instance.id;
		int code = people_list(directory->instance, clock_monotonic(&s->context->clock) + LIST_MS, &people);
		if (code == EMA_OUT_OF_MEMORY)
			return code;
		if (code) {
			char text[200];
			snprintf(text, sizeof text, "directory \"%.64s\" %s: its people are not looked at", s->directory,
			         code == EMA_ABSENT ? "cannot be listed" : code == EMA_TOO_LARGE ? "has too many people" : "could not be listed now");
			add_row(s, &(struct survey_row){ "note", service ? service->conf->id : NULL, NULL, s->directory, NULL, text, code });
		}
	}
	qsort(s->names, s->name_count, sizeof *s->names, name_order);
	return EMA_OK;
}

/* ---- Subjects ---- */

/* The provider that has the authority for an address, if it is one for which the directory speaks; NULL: none. */
static const char *provider_of(const struct surveying *s, const struct conf_service_directory *entry, const char *email)
{
	for (size_t i = 0; i < entry->providers.count; i++) {
		size_t number = snapshot_provider(s->snapshot, entry->providers.list[i]);
		if (number != SIZE_MAX && authority_has(s->snapshot->providers[number].conf, email))
			return s->snapshot->providers[number].conf->instance.id;
	}
	return NULL;
}

/* The answer of the rules for one subject, as a row. */
static int ask(struct surveying *s, const char *kind, const char *who, const struct subject *subject, const char *email, const char *method, const char *target,
               void (*told)(void *data, const struct policy_stand *stand), struct access_name *groups, size_t group_count, struct access_name *roles, size_t role_count)
{
	struct ema_decision *decision = NULL;
	const struct assumption assumed = {
		.service = s->service->conf->id, .method = method, .target = target, .every_scope = 1, .listing = 1, .now = s->now, .told = told, .told_data = s,
		.claims = { .provider = subject->provider, .tenant = subject->tenant, .sub = subject->sub, .email = email, .auth_time = JWT_ABSENT,
		            .groups = groups, .group_count = group_count, .roles = roles, .role_count = role_count },
	};
	/* Its row stands before those of the rules that come on the way. */
	size_t place = s->survey->count;
	add_row(s, &(struct survey_row){ .kind = kind, .code = EMA_INTERNAL });
	context_assume(s->context, &assumed, &decision);
	if (!decision || s->survey->broken) {
		decision_free(decision);
		return EMA_OUT_OF_MEMORY;
	}
	/* The conditions of the grant that gives it, or what a permit would need. */
	const char *rule = assume_rule(decision), *text = decision->shadow;
	for (size_t i = 0; i < decision->step_count && !text; i++) {
		const struct decision_step *step = &decision->steps[i];
		if (decision->code ? strcmp(step->stage, "change") : strcmp(step->stage, "grant") || strcmp(step->rule, rule) || step->code)
			continue;
		text = step->text;
		rule = *step->rule ? step->rule : rule;
	}
	set_row(s, &s->survey->rows[place], &(struct survey_row){ kind, s->service->conf->id, who, target, rule, assume_is_answer(decision->code) && text ? text :
	        decision->code ? decision->operator_line : "", decision->code });
	decision_free(decision);
	return EMA_OK;
}

static int ask_named(struct surveying *s, const struct named *name, const char *method, const char *target, const char **last)
{
	struct subject subject = { NULL, NULL, NULL, NULL };
	char *memory = NULL, who[600];
	int code = EMA_OK;
	for (size_t i = 0; i < s->service->directory_count && !code; i++) {
		const struct conf_service_directory *entry = s->service->directories[i].conf;
		if (strcmp(entry->id, name->directory))
			continue;
		if (name->subject) {
			if (subject_parse(name->subject, &subject, &memory) || !principal_asks(entry, subject.provider))
				subject.provider = NULL;
		} else if (name->email) {
			subject = (struct subject){ provider_of(s, entry, name->email), NULL, NULL, "" };
			/* Whoever has a subject of that provider was asked about by it. */
			if (subject.provider && *last && !strcmp(*last, name->person))
				subject.provider = NULL;
		}
		if (subject.provider) {
			snprintf(who, sizeof who, "%.200s (%.300s)", name->person, name->subject ? name->subject : name->email);
			code = ask(s, "person", who, &subject, name->email, method, target, NULL, NULL, 0, NULL, 0);
			*last = name->subject ? name->person : *last;
		}
		free(memory);
		memory = NULL;
	}
	return code;
}

/* ---- Who can ---- */

static int begin(struct surveying *s, struct ema_survey **out)
{
	*out = s->survey = calloc(1, sizeof *s->survey);
	s->snapshot = context_snapshot(s->context);
	return !s->survey ? EMA_OUT_OF_MEMORY : s->snapshot ? EMA_OK : EMA_CONFIG;
}

static int finish(struct surveying *s, int code)
{
	free(s->names);
	snapshot_release(s->snapshot);
	return !code && s->survey->broken ? EMA_OUT_OF_MEMORY : code;
}

int survey_who(struct ema_context *context, const char *service, const char *method, const char *target, int64_t now, struct ema_survey **out)
{
	struct surveying s = { .context = context, .now = now };
	const char *last = NULL;
	int code = begin(&s, out);
	if (!code && !(s.service = snapshot_service(s.snapshot, service))) {
		struct failure failure = FAILURE_INIT;
		code = snapshot_no_service(s.snapshot, service, &failure);
		add_row(&s, &(struct survey_row){ .kind = "note", .service = service, .text = failure.text, .code = code });
	}
	if (code)
		return finish(&s, code);
	/* All rules that are about it; whom they name is not asked. */
	const struct policy_who who = { .provider = "", .sub = "" };
	const struct policy_target about = { .kind = !strcmp(method, "prompts/get") ? POLICY_PROMPT : !strcmp(method, "resources/read") ? POLICY_URI : POLICY_TOOL,
		                             .name = target, .length = strlen(target), .listing = 1 };
	add_closed(&s, &about);
	add_shadow(&s);
	s.told = calloc(s.service->conf->grant_count + s.service->conf->deny_count + 1, sizeof *s.told);
	code = !s.told ? EMA_OUT_OF_MEMORY : policy_explain(s.service->policy, &who, &about, now ? now : clock_wall(&context->clock) / 1000, take_rule, &s);
	if (!code)
		add_denied(&s);
	free(s.told);
	s.told = NULL;
	if (!code)
		code = list_people(&s, s.service);
	for (size_t i = 0; i < s.name_count && !code; i++)
		code = ask_named(&s, &s.names[i], method, target, &last);
	return finish(&s, code);
}

/* ---- What can ---- */

static int is_literal(const char *pattern)
{
	return !strpbrk(pattern, "*{");
}

static int ask_tools(struct surveying *s, const char *who, const struct subject *subject, const char *email, struct access_name *groups, struct access_name *roles)
{
	const struct conf_service *conf = s->service->conf;
	int code = EMA_OK;
	for (size_t i = 0; i < conf->tools.count && !code; i++)
		code = ask(s, "tool", who, subject, email, "tools/call", conf->tools.list[i].name, NULL, groups, s->claims->group_count, roles, s->claims->role_count);
	for (size_t i = 0; !conf->tools_file && i < conf->scope_count; i++)
		for (size_t k = 0; k < conf->scopes[i].tools.count && !code; k++) {
			const char *tool = conf->scopes[i].tools.list[k];
			int seen = !is_literal(tool);
			/* Once, though two scopes have it. */
			for (size_t j = 0; j < i && !seen; j++)
				for (size_t n = 0; n < conf->scopes[j].tools.count && !seen; n++)
					seen = !strcmp(conf->scopes[j].tools.list[n], tool);
			if (!seen)
				code = ask(s, "tool", who, subject, email, "tools/call", tool, NULL, groups, s->claims->group_count, roles, s->claims->role_count);
		}
	return code;
}

static struct access_name *claimed(const char *const *list, size_t count, const char *tenant)
{
	struct access_name *names = calloc(count + 1, sizeof *names);
	for (size_t i = 0; names && i < count; i++)
		names[i] = (struct access_name){ list[i], PRINCIPAL_CLAIMS, tenant };
	return names;
}

static int ask_services(struct surveying *s, const char *who, const struct subject *subject, const char *email)
{
	struct access_name *groups = claimed(s->claims->groups, s->claims->group_count, subject->tenant);
	struct access_name *roles = claimed(s->claims->roles, s->claims->role_count, subject->tenant);
	int code = groups && roles ? EMA_OK : EMA_OUT_OF_MEMORY;
	s->who = who;
	s->names_subject = 1;
	for (size_t i = 0; i < s->snapshot->conf->service_count && !code; i++) {
		s->service = &s->snapshot->services[i];
		if (!conf_has_provider(s->snapshot->conf, s->service->conf, subject->provider))
			continue;
		add_shadow(s);
		code = ask(s, "service", who, subject, email, "tools/list", NULL, take_rule, groups, s->claims->group_count, roles, s->claims->role_count);
		if (!code)
			code = ask_tools(s, who, subject, email, groups, roles);
	}
	free(groups);
	free(roles);
	return code;
}

/* SIZE_MAX: none has the authority for the address, or more than one. */
static size_t speaker_of(const struct surveying *s, const char *address)
{
	size_t speaker = SIZE_MAX;
	for (size_t i = 0; i < s->snapshot->conf->provider_count; i++) {
		if (!authority_has(s->snapshot->providers[i].conf, address))
			continue;
		if (speaker != SIZE_MAX)
			return SIZE_MAX;
		speaker = i;
	}
	return speaker;
}

int survey_what(struct ema_context *context, const char *text, const struct survey_claims *claims, int64_t now, struct ema_survey **out)
{
	struct surveying s = { .context = context, .now = now, .claims = claims };
	struct subject subject;
	char *memory = NULL, address[AUTHORITY_ADDRESS + 1];
	size_t found = 0, number;
	int code = begin(&s, out);
	if (!code && claims->email && !authority_address(claims->email, address))
		code = EMA_BAD_REQUEST;
	if (code)
		return finish(&s, code);
	if (subject_parse(text, &subject, &memory) == EMA_OK) {
		number = snapshot_provider(s.snapshot, subject.provider);
		if (number == SIZE_MAX)
			code = EMA_UNKNOWN_SUBJECT;
		else if (claims->email && !authority_has(s.snapshot->providers[number].conf, address))
			code = EMA_WRONG_PROVIDER;
		else
			code = ask_services(&s, text, &subject, claims->email ? address : NULL);
		free(memory);
		return finish(&s, code);
	}
	/* The address of a person says it all. */
	if (claims->email)
		return finish(&s, EMA_BAD_REQUEST);
	code = list_people(&s, NULL);
	for (size_t i = 0; i < s.name_count && !code; i++) {
		const struct named *name = &s.names[i];
		const char *provider = NULL;
		char who[600];
		if (strcmp(name->person, text) && !(name->email && !strcmp(name->email, text)))
			continue;
		snprintf(who, sizeof who, "%.200s (%.300s)", name->person, name->subject ? name->subject : name->email ? name->email : "");
		if (name->subject && subject_parse(name->subject, &subject, &memory) == EMA_OK) {
			if (snapshot_provider(s.snapshot, subject.provider) != SIZE_MAX && ++found)
				code = ask_services(&s, who, &subject, NULL);
			free(memory);
			continue;
		}
		for (size_t k = 0; name->email && k < s.snapshot->conf->service_count && !provider; k++)
			for (size_t d = 0; d < s.snapshot->services[k].directory_count && !provider; d++)
				if (!strcmp(s.snapshot->services[k].directories[d].conf->id, name->directory))
					provider = provider_of(&s, s.snapshot->services[k].directories[d].conf, name->email);
		if (provider && ++found) {
			subject = (struct subject){ provider, NULL, NULL, "" };
			code = ask_services(&s, who, &subject, name->email);
		}
	}
	/* Nobody whom a directory lists: whoever comes with the address, by the one provider that speaks for it. */
	number = !code && !found && authority_address(text, address) ? speaker_of(&s, address) : SIZE_MAX;
	if (number != SIZE_MAX && ++found) {
		subject = (struct subject){ s.snapshot->providers[number].conf->instance.id, NULL, NULL, "" };
		code = ask_services(&s, address, &subject, address);
	}
	return finish(&s, code ? code : found ? EMA_OK : EMA_UNKNOWN_SUBJECT);
}

void survey_free(struct ema_survey *survey)
{
	if (!survey)
		return;
	arena_free(&survey->arena);
	free(survey->rows);
	free(survey);
}
