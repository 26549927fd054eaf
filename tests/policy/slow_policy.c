#include "slow_policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "codes.h"
#include "when.h"

enum tri { NO, YES, PERHAPS };

static int listed(const struct conf_strings *strings, const char *text)
{
	for (size_t i = 0; i < strings->count; i++)
		if (text && !strcmp(strings->list[i], text))
			return 1;
	return 0;
}

static int same(const char *a, const char *b)
{
	return (!a && !b) || (a && b && !strcmp(a, b));
}

/* ---- Patterns: straight from their text, by trying everything ---- */

static const char *value_of(const struct policy_who *who, const char *word, size_t *length)
{
	*length = strcspn(word, "}") + 1;
	return !strncmp(word, "{tenant}", 8) ? who->tenant : !strncmp(word, "{subject}", 9) ? who->sub : who->email;
}

static int usable(const char *value)
{
	return value && *value && !strpbrk(value, "/\\%*?#") && strcmp(value, ".") && strcmp(value, "..");
}

/* perhaps: a value that is not usable stands for anything, and then a star does too. BEGIN with it: as the text may go on. */
#define BEGIN 4
static int fits(const char *pattern, const char *text, const struct policy_who *who, int uri, int perhaps)
{
	size_t length = 0;
	if (perhaps & BEGIN && !*text)
		return 1;
	if (!*pattern)
		return !*text;
	if (*pattern == '*') {
		int many = pattern[1] == '*' || !uri || perhaps & 2;
		const char *rest = pattern + strspn(pattern, "*");
		for (const char *at = text;; at++) {
			if (fits(rest, at, who, uri, perhaps))
				return 1;
			if (!*at || (!many && strchr("/?#", *at)))
				return 0;
		}
	}
	if (*pattern == '{') {
		const char *value = value_of(who, pattern, &length);
		if (usable(value) && perhaps & BEGIN && !strncmp(text, value, strlen(text)))
			return 1;
		if (usable(value))
			return !strncmp(text, value, strlen(value)) && fits(pattern + length, text + strlen(value), who, uri, perhaps);
		for (const char *at = text; perhaps & 2; at++) {
			if (fits(pattern + length, at, who, uri, perhaps))
				return 1;
			if (!*at)
				return 0;
		}
		return 0;
	}
	return *pattern == *text && fits(pattern + 1, text + 1, who, uri, perhaps);
}

static int lacks_value(const char *pattern, const struct policy_who *who)
{
	size_t length = 0;
	for (; *pattern; pattern++)
		if (*pattern == '{' && !usable(value_of(who, pattern, &length)))
			return 1;
	return 0;
}

static int plain_name(const char *name)
{
	return strlen(name) <= 128 && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") == strlen(name);
}

static const char *const known[][2] = { { "http:", "80" }, { "https:", "443" }, { "file:", "" } };

/* Which of the known schemes it has, from 1 on; 0: another. */
static int scheme_of(const char *text)
{
	for (int i = 0; i < 3; i++)
		if (!strncasecmp(text, known[i][0], strlen(known[i][0])))
			return i + 1;
	return 0;
}

/* The host, and its port if there is one, of a known scheme, by cutting it to pieces. */
static int normal_host(char *host, int scheme)
{
	char *port = strchr(host, ':');
	int is_file = scheme == 3;
	long number = 0;
	for (char *c = host; *c; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
	if (port) {
		*port++ = 0;
		if (strspn(port, "0123456789") != strlen(port))
			return 0;
		number = strtol(port, NULL, 10);
		if (*port && (number < 1 || number > 65535 || is_file))
			return 0;
	}
	if (*host && host[strlen(host) - 1] == '.')
		host[strlen(host) - 1] = 0;
	if ((!*host && !is_file) || (*host && host[strlen(host) - 1] == '.'))
		return 0;
	if (is_file && !strcmp(host, "localhost"))
		*host = 0;
	if (number && number != strtol(known[scheme - 1][1], NULL, 10))
		snprintf(host + strlen(host), 8, ":%ld", number);
	return 1;
}

/*
 * URIs and patterns are generated so that hosts and ports, dot segments and %61 are all that there is to normalise, and so that of
 * a doubled slash or ".." only what is refused.
 */
static int normal(const char *text, char *out)
{
	char host[256] = "";
	int scheme = scheme_of(text);
	const char *rest = strchr(text, ':');
	char *to = out, *found = NULL;
	if (!rest)
		return 0;
	rest++;
	for (const char *c = text; c < rest; c++)
		*to++ = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
	int authority = !strncmp(rest, "//", 2);
	if (scheme && !authority && (scheme != 3 || *rest != '/'))
		return 0;
	if (authority) {
		rest += 2;
		size_t length = strcspn(rest, "/?#");
		memcpy(host, rest, length);
		host[length] = 0;
		rest += length;
		if (strchr(host, '@') || (scheme && !normal_host(host, scheme)) || (!scheme && *host && strchr(".:", host[strlen(host) - 1])))
			return 0;
	}
	if (authority || scheme)
		to += snprintf(to, 256, "//%s", host);
	char *root = to;
	if (scheme && *rest != '/')
		*to++ = '/';
	for (const char *c = rest; *c; c++) {
		int encoded = !strncmp(c, "%61", 3);
		*to++ = encoded ? 'a' : *c;
		c += encoded ? 2 : 0;
	}
	*to = 0;
	if (strstr(root, "//"))
		return 0;
	while ((found = strstr(root, "/../"))) {
		char *before = found;
		if (found == root)
			return 0;
		while (*--before != '/')
			;
		memmove(before, found + 3, strlen(found + 3) + 1);
	}
	return 1;
}

static int is_template(const struct policy_target *target)
{
	return target->is_template && strchr(target->name, '{');
}

/* The form of the target, or what that of each expansion begins with. Templates are generated without %, and dots before a brace. */
static int form_of(const struct policy_target *target, char *out)
{
	char text[256] = "";
	if (!is_template(target))
		return normal(target->name, out);
	memcpy(text, target->name, strcspn(target->name, "{"));
	char *host = strstr(text, "://");
	*out = 0;
	if (!strchr(text, ':'))
		return 1;
	if (host ? strchr(host + 3, '/') != NULL : strlen(strchr(text, ':')) > 2)
		return normal(text, out);
	for (size_t i = 0, end = (size_t)((host ? host + 3 : strchr(text, ':') + 1) - text); i < end; i++) {
		*out++ = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]);
		*out = 0;
	}
	return 1;
}

/* Of a template a grant opens what could be something of it, and a deny needs that all is. */
static int matches(const char *pattern, const char *name, const struct policy_who *who, const struct policy_target *target, int deny)
{
	int perhaps = lacks_value(pattern, who) ? 2 : 0;
	size_t length = strlen(pattern);
	if (!is_template(target))
		return fits(pattern, name, who, target->kind == POLICY_URI, perhaps);
	if (!deny)
		return !perhaps && fits(pattern, name, who, 1, BEGIN);
	return length > 1 && !strcmp(pattern + length - 2, "**") && fits(pattern, name, who, 1, perhaps);
}

static enum tri opened(const struct conf_strings *patterns, const struct policy_who *who, const struct policy_target *target, const char *name, int deny)
{
	enum tri result = NO;
	for (size_t i = 0; i < patterns->count; i++) {
		char form[4096];
		const char *pattern = patterns->list[i];
		int lacks = lacks_value(pattern, who);
		if (target->kind == POLICY_URI && strcmp(pattern, "**"))
			pattern = normal(pattern, form) ? form : NULL;
		if (!pattern)
			abort();
		if (!matches(pattern, name, who, target, deny))
			continue;
		if (lacks || (target->kind == POLICY_TOOL && strchr(pattern, '*') && !plain_name(name)))
			result = result == YES ? YES : PERHAPS;
		else
			result = YES;
	}
	return result;
}

static const struct conf_strings *of_kind(const struct conf_strings *tools, const struct conf_strings *prompts, const struct conf_strings *uris,
                                          enum policy_kind kind)
{
	return kind == POLICY_TOOL ? tools : kind == POLICY_PROMPT ? prompts : uris;
}

/* ---- Who, and under which conditions ---- */

static int has(const struct conf_grant *grant, const struct conf_strings *wanted, const struct principal_name *names, size_t count, const struct policy_who *who)
{
	for (size_t i = 0; i < count; i++)
		if (listed(wanted, names[i].name) && same(names[i].tenant, who->tenant) && (!grant->from.count || listed(&grant->from, names[i].source)))
			return 1;
	return !wanted->count;
}

static int names(const struct conf_grant *grant, const struct policy_who *who, int deny)
{
	if (grant->provider && strcmp(grant->provider, "*") && strcmp(grant->provider, who->provider))
		return 0;
	if (grant->tenants.count && !listed(&grant->tenants, who->tenant))
		return 0;
	if (grant->subjects.count && !listed(&grant->subjects, who->sub))
		return 0;
	if (grant->clients.count && !listed(&grant->clients, who->client) && (who->client || !deny))
		return 0;
	return has(grant, &grant->groups, who->groups, who->group_count, who) && has(grant, &grant->roles, who->roles, who->role_count, who);
}

static enum tri value_is(const struct conf_node *value, const struct json_node *node)
{
	int64_t number = 0;
	if (value->kind == CONF_STRING)
		return node->type != JSON_STRING ? PERHAPS : !strcmp(node->text, value->string) ? YES : NO;
	if (value->kind == CONF_INT)
		return !json_integer(node, &number) ? PERHAPS : number == value->integer ? YES : NO;
	return node->type != JSON_TRUE && node->type != JSON_FALSE ? PERHAPS : (node->type == JSON_TRUE) == (value->integer != 0) ? YES : NO;
}

static enum tri fits_value(const char *pattern, const char *text, const struct policy_who *who)
{
	int lacks = lacks_value(pattern, who);
	return !fits(pattern, text, who, 1, lacks ? 2 : 0) ? NO : lacks ? PERHAPS : YES;
}

/* A URI of a known scheme: the pattern and it as they stand must say what their forms say. */
static enum tri fits_argument(const char *pattern, const char *text, const struct policy_who *who)
{
	char form[4096], uri[4096];
	enum tri as_it_stands = strstr(text, "///") && strchr(pattern, '*') ? PERHAPS : fits_value(pattern, text, who);
	if (as_it_stands == PERHAPS)
		return PERHAPS;
	if (!scheme_of(text) || (!scheme_of(pattern) && !strchr(pattern, '*')))
		return as_it_stands;
	if (!normal(text, uri) || (scheme_of(pattern) && !normal(pattern, form)))
		return PERHAPS;
	return fits_value(scheme_of(pattern) ? form : pattern, uri, who) == as_it_stands ? as_it_stands : PERHAPS;
}

/* Arguments are generated flat, with short names, and of slashes none are doubled but at the begin of a URI. */
static enum tri argument(const struct conf_argument *test, const struct policy_who *who, const struct policy_target *target)
{
	const struct json_node *node = target->arguments ? json_member(target->json, target->arguments, test->at + 1) : NULL;
	int64_t number = 0;
	if (test->test == TEST_ABSENT)
		return node ? NO : YES;
	if (!node)
		return PERHAPS;
	if (test->test == TEST_EQUALS)
		return value_is(test->value, node);
	if (test->test == TEST_IN) {
		enum tri last = NO;
		for (size_t i = 0; i < test->value->count && last == NO; i++)
			last = value_is(&test->value->children[i], node);
		return last;
	}
	if (test->test == TEST_LIKE)
		return node->type == JSON_STRING ? fits_argument(test->value->string, node->text, who) : PERHAPS;
	if (!json_integer(node, &number))
		return PERHAPS;
	return (test->test == TEST_GREATER || number < test->less) && (test->test == TEST_LESS || number > test->greater) ? YES : NO;
}

static enum tri arguments(const struct conf_conditions *when, const struct policy_who *who, const struct policy_target *target)
{
	enum tri result = YES;
	for (size_t i = 0; when && i < when->arg_count; i++) {
		enum tri one = argument(&when->args[i], who, target);
		if (one == NO)
			return NO;
		if (one == PERHAPS)
			result = PERHAPS;
	}
	return result;
}

static enum tri login(const struct conf_conditions *when, const struct policy_who *who, int64_t now)
{
	enum tri result = YES;
	if (!when)
		return YES;
	if (when->acr.count && !listed(&when->acr, who->acr)) {
		if (who->acr)
			return NO;
		result = PERHAPS;
	}
	for (size_t i = 0; i < when->amr.count; i++) {
		int found = 0;
		for (size_t j = 0; j < who->amr_count; j++)
			found |= !strcmp(who->amr[j], when->amr.list[i]);
		if (!found && who->amr_count)
			return NO;
		if (!found)
			result = PERHAPS;
	}
	if (when->max_age && (who->auth_time <= 0 || who->auth_time > now + 60))
		result = PERHAPS;
	else if (when->max_age && now - who->auth_time > when->max_age)
		return NO;
	return result;
}

static int in_time(const struct conf_conditions *when, int64_t now)
{
	return !when || when_before(&when->time, &(struct when_facts){ .now = now });
}

/* ---- Scopes within scopes ---- */

static int reaches(const struct conf_service *service, const char *from, const char *to)
{
	if (!strcmp(from, to))
		return 1;
	for (size_t i = 0; i < service->scope_count; i++)
		for (size_t k = 0; !strcmp(service->scopes[i].name, from) && k < service->scopes[i].includes.count; k++)
			if (reaches(service, service->scopes[i].includes.list[k], to))
				return 1;
	return 0;
}

/* ---- Rules ---- */

static int is_named(const struct policy_target *target)
{
	return target->kind <= POLICY_URI;
}

static enum tri in_scopes(const struct conf_service *service, const struct conf_grant *grant, const struct policy_who *who,
                          const struct policy_target *target, const char *name)
{
	enum tri result = NO;
	for (size_t i = 0; i < service->scope_count; i++) {
		const struct conf_scope *scope = &service->scopes[i];
		enum tri one = listed(&grant->scopes, scope->name) ?
		                       opened(of_kind(&scope->tools, &scope->prompts, &scope->uris, target->kind), who, target, name, 1) : NO;
		result = one == YES || result == YES ? YES : one == PERHAPS ? PERHAPS : result;
	}
	return result;
}

static int deny_counts(const struct conf_service *service, const struct conf_grant *deny, const struct policy_who *who,
                       const struct policy_target *target, const char *name, int64_t now)
{
	int narrowed = deny->tools.count || deny->prompts.count || deny->uris.count, listing = target->listing || is_template(target) || !is_named(target);
	if (!names(deny, who, 1))
		return 0;
	if (!is_named(target) && (narrowed || deny->scopes.count))
		return 0;
	if (narrowed && opened(of_kind(&deny->tools, &deny->prompts, &deny->uris, target->kind), who, target, name, 1) == NO)
		return 0;
	if (deny->scopes.count && in_scopes(service, deny, who, target, name) == NO)
		return 0;
	if (!in_time(deny->conditions, now) || login(deny->conditions, who, now) == NO)
		return 0;
	if (listing)
		return !deny->conditions || !deny->conditions->arg_count;
	return arguments(deny->conditions, who, target) != NO;
}

/* What is lacking: 0 nothing, 1 the scope, 2 the login, 3 both, 4 it does not give it at all. */
static int lacks(const struct conf_service *service, const struct conf_grant *grant, const struct conf_scope *scope, const struct policy_who *who,
                 const struct policy_target *target, const char *name, int64_t now)
{
	int narrowed = grant->tools.count || grant->prompts.count || grant->uris.count, held = 0, given = 0, may = !who->registered;
	for (size_t i = 0; i < grant->scopes.count; i++)
		given |= reaches(service, grant->scopes.list[i], scope->name);
	if (!names(grant, who, 0) || !given)
		return 4;
	if (is_named(target)) {
		if (narrowed && opened(of_kind(&grant->tools, &grant->prompts, &grant->uris, target->kind), who, target, name, 0) != YES)
			return 4;
		if (opened(of_kind(&scope->tools, &scope->prompts, &scope->uris, target->kind), who, target, name, 0) != YES)
			return 4;
	}
	if (!in_time(grant->conditions, now))
		return 4;
	if (is_named(target) && !target->listing && !is_template(target) && arguments(grant->conditions, who, target) != YES)
		return 4;
	for (size_t i = 0; i < who->scope_count; i++)
		held |= reaches(service, who->scopes[i], scope->name);
	for (size_t i = 0; !may && i < who->registered_count; i++)
		may |= reaches(service, who->registered[i], scope->name);
	/* The client gets no token with it. */
	if (!held && !may)
		return 4;
	return (held ? 0 : 1) | (login(grant->conditions, who, now) == YES ? 0 : 2);
}

int slow_gives(const struct conf_service *service, const struct conf_grant *grant, const struct conf_scope *scope, const struct policy_who *who,
               const struct policy_target *target, int64_t now)
{
	char name[4096] = "";
	if (target->kind == POLICY_URI && !form_of(target, name))
		return 0;
	return !lacks(service, grant, scope, who, target, target->kind == POLICY_URI ? name : target->name, now);
}

void slow_decide(const struct conf_service *service, const struct policy_who *who, const struct policy_target *target, int64_t now,
                 struct slow_answer *out)
{
	char uri[4096];
	const char *name = target->name;
	int best = 4;
	*out = (struct slow_answer){ 0 };
	if (target->kind == POLICY_URI) {
		if (!form_of(target, uri)) {
			out->code = out->enforced = EMA_BAD_REQUEST;
			return;
		}
		name = uri;
	}
	for (size_t i = service->deny_count; i-- > 0;)
		if (deny_counts(service, &service->denies[i], who, target, name, now))
			*(service->denies[i].shadow ? &out->shadow_deny : &out->deny) = &service->denies[i];
	for (size_t g = 0; target->kind != POLICY_TASK && g < service->grant_count; g++)
		for (size_t s = 0; s < service->scope_count; s++) {
			int one = lacks(service, &service->grants[g], &service->scopes[s], who, target, name, now);
			if (service->grants[g].shadow)
				out->shadow_grant |= !one;
			else if (one < best)
				best = one;
		}
	static const int codes[] = { EMA_OK, EMA_INSUFFICIENT_SCOPE, EMA_WEAK_AUTHENTICATION, EMA_WEAK_AUTHENTICATION, EMA_NOT_GRANTED };
	out->enforced = out->deny ? EMA_DENIED : target->kind == POLICY_SERVER ? EMA_OK : codes[best];
	out->code = out->enforced != EMA_DENIED && now < service->shadow_until ? EMA_OK : out->enforced;
}
