/* Of groups, roles and arguments, those at which the rules look: the record of a check has these, and says which they could be. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compiled.h"

#define DIGEST 16 /* hexadecimal digits */
#define SHOWN UINT64_C(0xffffffffffff) /* of a name's hash */

static uint64_t hash_name(int role, const char *from, const char *name)
{
	return policy_hash_text(policy_hash_text(policy_hash_text(POLICY_HASH, role ? "r" : "g"), from ? from : ""), name);
}

size_t view_room(const struct conf_grant *conf)
{
	return (conf->groups.count + conf->roles.count) * (conf->from.count ? conf->from.count : 1);
}

static int same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static void add_source(struct policy *policy, struct policy_name *name, const char *from)
{
	uint32_t at = name->sources;
	while (at != NO_NUMBER && !same(policy->sources[at].from, from))
		at = policy->sources[at].next;
	if (at != NO_NUMBER)
		return;
	policy->sources[policy->source_count] = (struct name_source){ from, name->sources };
	name->sources = (uint32_t)policy->source_count++;
}

void view_add(struct policy *policy, const struct conf_grant *conf)
{
	const struct conf_strings *names[] = { &conf->groups, &conf->roles };
	for (int role = 0; role < 2; role++)
		for (size_t i = 0; i < names[role]->count; i++) {
			struct policy_name *name = policy_name_add(policy, role ? NAME_ROLE : NAME_GROUP, names[role]->list[i]);
			for (size_t k = 0; k < conf->from.count; k++)
				add_source(policy, name, conf->from.list[k]);
			if (!conf->from.count)
				add_source(policy, name, NULL);
		}
}

static int hash_order(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static uint64_t hash_pointer(const char *pointer)
{
	return policy_hash_text(policy_hash_text(POLICY_HASH, "a"), pointer);
}

static void write_view(char *view, uint64_t *hashes, size_t count)
{
	uint64_t digest = POLICY_HASH;
	size_t used = DIGEST;
	qsort(hashes, count, sizeof *hashes, hash_order);
	for (size_t i = 0; i < count; i++)
		for (int shift = 0; shift < 64; shift += 8)
			digest = policy_hash_byte(digest, hashes[i] >> shift & 0xff);
	snprintf(view, DIGEST + 1, "%016" PRIx64, digest);
	if (count && count <= POLICY_VIEW_NAMES)
		view[used++] = ' ';
	for (size_t i = 0; i < count && count <= POLICY_VIEW_NAMES; i++, used += POLICY_VIEW_NAME)
		snprintf(view + used, POLICY_VIEW_NAME + 1, "%012" PRIx64, hashes[i] & SHOWN);
}

int view_make(struct policy *policy)
{
	const size_t room = DIGEST + 2 + (size_t)POLICY_VIEW_NAMES * POLICY_VIEW_NAME;
	uint64_t *hashes = calloc(policy->source_count + POLICY_POINTERS_MOST, sizeof *hashes);
	size_t count = 0;
	policy->view = arena_get(&policy->arena, room, 1);
	policy->arguments_view = arena_get(&policy->arena, room, 1);
	if (!hashes || !policy->view || !policy->arguments_view) {
		free(hashes);
		return -1;
	}
	for (size_t i = 0; i < policy->name_count; i++) {
		const struct policy_name *name = &policy->names[i];
		for (uint32_t at = name->sources; at != NO_NUMBER; at = policy->sources[at].next)
			hashes[count++] = hash_name(name->kind == NAME_ROLE, policy->sources[at].from, name->text);
	}
	write_view(policy->view, hashes, count);
	for (count = 0; count < policy->pointer_count && count < POLICY_POINTERS_MOST; count++)
		hashes[count] = hash_pointer(policy->pointers[count]);
	/* Of more it is not known which they are. */
	if (policy->pointer_count <= POLICY_POINTERS_MOST)
		write_view(policy->arguments_view, hashes, count);
	free(hashes);
	return 0;
}

const char *policy_arguments_view(const struct policy *policy)
{
	return policy->arguments_view;
}

const char *policy_view(const struct policy *policy)
{
	return policy->view;
}

int policy_wants_name(const struct policy *policy, int role, const char *name, const char *source)
{
	const struct policy_name *found = policy_name(policy, role ? NAME_ROLE : NAME_GROUP, name);
	uint32_t at = found ? found->sources : NO_NUMBER;
	while (at != NO_NUMBER && policy->sources[at].from && strcmp(policy->sources[at].from, source))
		at = policy->sources[at].next;
	return at != NO_NUMBER;
}

/* Of a view that a record cut, what is left. */
static int shows(const char *view, uint64_t hash)
{
	char text[POLICY_VIEW_NAME + 1];
	snprintf(text, sizeof text, "%012" PRIx64, hash & SHOWN);
	size_t length = strlen(view);
	for (size_t at = DIGEST + 1; at + POLICY_VIEW_NAME <= length; at += POLICY_VIEW_NAME)
		if (!memcmp(view + at, text, POLICY_VIEW_NAME))
			return 1;
	return 0;
}

int policy_arguments_seen(const struct policy *policy, const char *view, const char *pointer)
{
	return (*policy->arguments_view && strlen(view) >= DIGEST && !strncmp(view, policy->arguments_view, DIGEST)) || shows(view, hash_pointer(pointer));
}

static const char *rule_lacks(const struct conf_grant *conf, const char *view)
{
	const struct conf_strings *names[] = { &conf->groups, &conf->roles };
	for (int role = 0; role < 2; role++)
		for (size_t i = 0; i < names[role]->count; i++) {
			const char *name = names[role]->list[i];
			int seen = shows(view, hash_name(role, NULL, name));
			size_t k = 0;
			while (!seen && k < conf->from.count && shows(view, hash_name(role, conf->from.list[k], name)))
				k++;
			if (!seen && (k < conf->from.count || !conf->from.count))
				return name;
		}
	return NULL;
}

const char *policy_view_lacks(const struct policy *policy, const char *view, const char *provider, const char *tenant)
{
	const char *lacks = NULL;
	if (strlen(view) >= DIGEST && !strncmp(view, policy->view, DIGEST))
		return NULL;
	for (size_t i = 0; i < policy->rule_count && !lacks; i++) {
		const struct conf_grant *conf = policy->rules[i].conf;
		if ((!conf->provider || !strcmp(conf->provider, "*") || !strcmp(conf->provider, provider)) && (!conf->tenants.count || conf_has_string(&conf->tenants, tenant)))
			lacks = rule_lacks(conf, view);
	}
	return lacks;
}
