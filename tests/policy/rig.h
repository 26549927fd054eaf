/* Policies, principals and targets out of short texts, for the tests of core/policy. */
#ifndef TESTS_POLICY_RIG_H
#define TESTS_POLICY_RIG_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy.h"

#define RIG_NOW INT64_C(1791806400) /* Monday 2026-10-12, 12:00 UTC */

struct rig {
	struct conf *conf;
	struct policy *policy;
	struct findings findings;
};

/* body: the part of a service that is about permissions. policy is NULL if it does not compile. */
static inline struct rig rig_open(const char *body)
{
	struct rig rig = { NULL, NULL, { NULL, 0, 0, 0 } };
	static const char frame[] =
		"issuer = \"https://auth.example\"; "
		"providers = ( { id = \"okta\"; plugin = \"x\"; }, { id = \"azure\"; plugin = \"x\"; } ); "
		"directories = ( { id = \"staff\"; plugin = \"x\"; }, { id = \"hr\"; plugin = \"x\"; } ); "
		"services = ( { id = \"s\"; resource = \"https://mcp.example/s\"; identity = [\"okta\", \"azure\"]; "
		"directory = ( { id = \"staff\"; for = [\"okta\"]; }, { id = \"hr\"; for = [\"azure\"]; } );\n%s } );\n";
	size_t room = sizeof frame + strlen(body);
	char *text = malloc(room);
	int length = text ? snprintf(text, room, frame, body) : 0;
	rig.conf = conf_read_text(text, (size_t)length, "t", &rig.findings);
	if (rig.conf)
		rig.policy = policy_new(rig.conf, &rig.conf->services[0], &rig.findings);
	free(text);
	return rig;
}

static inline void rig_close(struct rig *rig)
{
	policy_free(rig->policy);
	conf_free(rig->conf);
	findings_free(&rig->findings);
}

static inline void rig_show(const struct rig *rig)
{
	for (size_t i = 0; i < rig->findings.count; i++)
		printf("# %d %s %s\n", rig->findings.list[i].line, rig->findings.list[i].id, rig->findings.list[i].text);
}

#define RIG_MOST 64
struct rig_who {
	struct policy_who who;
	char text[2048];
	struct principal_name groups[RIG_MOST], roles[RIG_MOST];
	char *amr[RIG_MOST], *scopes[RIG_MOST], *registered[RIG_MOST];
};

/* Parts of a list "a,b,c"; count of them. */
static inline size_t rig_list(char *text, char **out)
{
	size_t count = 0;
	while (text && *text && count < RIG_MOST) {
		char *comma = strchr(text, ',');
		if (comma)
			*comma = 0;
		out[count++] = text;
		text = comma ? comma + 1 : NULL;
	}
	return count;
}

/* "a@staff" is a's name and source, "a" one of the claims, "a@staff@t" of another tenant. */
static inline size_t rig_names(char *text, char *tenant, struct principal_name *out)
{
	static char claims[] = "claims";
	char *parts[RIG_MOST];
	size_t count = rig_list(text, parts);
	for (size_t i = 0; i < count; i++) {
		char *source = strchr(parts[i], '@'), *own = source ? strchr(source + 1, '@') : NULL;
		out[i] = (struct principal_name){ parts[i], source ? source + 1 : claims, own ? own + 1 : tenant };
		if (source)
			*source = 0;
		if (own)
			*own = 0;
	}
	return count;
}

/* "okta/t1/alice client=c groups=a,b@staff roles=r acr=high amr=mfa,pwd login=NOW-OF-RIG-MINUS email=e scopes=read,write registered=read" */
static inline void rig_who(struct rig_who *room, const char *text)
{
	struct policy_who *who = &room->who;
	char *parts[32], *groups = NULL, *roles = NULL, *own = NULL;
	size_t count = 0;
	memset(room, 0, sizeof *room);
	snprintf(room->text, sizeof room->text, "%s", text);
	for (char *at = room->text; at && *at && count < 32; count++) {
		parts[count] = at;
		at = strchr(at, ' ');
		if (at)
			*at++ = 0;
	}
	for (size_t i = 1; i < count; i++) {
		char *value = strchr(parts[i], '=');
		if (!value)
			continue;
		*value++ = 0;
		if (!strcmp(parts[i], "client"))
			who->client = value;
		else if (!strcmp(parts[i], "groups"))
			groups = value;
		else if (!strcmp(parts[i], "roles"))
			roles = value;
		else if (!strcmp(parts[i], "acr"))
			who->acr = value;
		else if (!strcmp(parts[i], "email"))
			who->email = value;
		else if (!strcmp(parts[i], "login"))
			who->auth_time = RIG_NOW - strtol(value, NULL, 10);
		else if (!strcmp(parts[i], "amr"))
			who->amr_count = rig_list(value, room->amr);
		else if (!strcmp(parts[i], "scopes"))
			who->scope_count = rig_list(value, room->scopes);
		else if (!strcmp(parts[i], "registered"))
			who->registered_count = rig_list(value, room->registered), who->registered = (const char *const *)room->registered;
	}
	char *tenant = strchr(parts[0], '/'), *sub = tenant ? strchr(tenant + 1, '/') : NULL;
	who->provider = parts[0];
	if (tenant && sub) {
		*tenant++ = 0;
		*sub++ = 0;
		who->tenant = own = strcmp(tenant, "-") ? tenant : NULL;
		who->sub = sub;
	}
	who->amr = (const char *const *)room->amr;
	who->scopes = (const char *const *)room->scopes;
	who->groups = room->groups;
	who->roles = room->roles;
	who->group_count = rig_names(groups, own, room->groups);
	who->role_count = rig_names(roles, own, room->roles);
}

/* "tool get_x", "uri x://y", "prompt p", "server", "list", "task id"; json: the arguments, NULL for none. */
static inline struct policy_target rig_target(const char *text, const char *arguments, struct json *json)
{
	static const char *const kinds[] = { "tool", "prompt", "uri", "server", "list", "task" };
	static const struct json_limits limits = { 65536, 32, 4096, 65536 };
	struct policy_target target = { .kind = POLICY_TOOL };
	size_t word = strcspn(text, " ");
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strlen(kinds[i]) == word && !memcmp(text, kinds[i], word))
			target.kind = (enum policy_kind)i;
	if (text[word]) {
		target.name = text + word + 1;
		target.length = strlen(target.name);
	}
	*json = (struct json){ 0 };
	if (arguments && !json_parse(arguments, strlen(arguments), &limits, json, NULL)) {
		target.json = json;
		target.arguments = json_root(json);
	}
	return target;
}

/* All in one; *out keeps. */
static inline int rig_decide(const struct rig *rig, const char *who, const char *target, const char *arguments, int64_t now, struct policy_result *out)
{
	struct rig_who room;
	struct json json;
	rig_who(&room, who);
	struct policy_target what = rig_target(target, arguments, &json);
	struct arena arena = { .failed = 0 };
	struct policy_principal *principal = policy_prepare(rig->policy, &room.who, &arena);
	int code = principal ? policy_decide(rig->policy, principal, &what, now, out) : EMA_OUT_OF_MEMORY;
	arena_free(&arena);
	json_free(&json);
	return code;
}

#endif
