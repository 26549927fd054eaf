/* Names and patterns by hash, so that what is found does not cost more where there are more rules. */
#include <string.h>

#include "compiled.h"

/* FNV-1a. Only the operator's own words are in the tables, so nobody can choose what collides. */
#define HASH_SEED UINT64_C(0xcbf29ce484222325)

static uint64_t hash_byte(uint64_t hash, unsigned char byte)
{
	return (hash ^ byte) * UINT64_C(0x100000001b3);
}

static size_t hash_end(uint64_t hash)
{
	hash = (hash ^ hash >> 32) * UINT64_C(0x9e3779b97f4a7c15);
	return (size_t)(hash >> 20);
}

static uint64_t hash_text(uint64_t hash, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		hash = hash_byte(hash, (unsigned char)text[i]);
	return hash;
}

/* The slot of the name, or the free one where it would stand. There is always a free one. */
static uint32_t *name_slot(const struct policy *policy, enum policy_name_kind kind, const char *text)
{
	uint64_t hash = hash_text(hash_byte(HASH_SEED, (unsigned char)kind), text, strlen(text));
	for (size_t at = hash_end(hash);; at++) {
		uint32_t *slot = &policy->name_slots[at & policy->name_mask];
		if (*slot == NO_NUMBER || (policy->names[*slot].kind == kind && !strcmp(policy->names[*slot].text, text)))
			return slot;
	}
}

struct policy_name *policy_name(const struct policy *policy, enum policy_name_kind kind, const char *text)
{
	uint32_t number = *name_slot(policy, kind, text);
	return number == NO_NUMBER ? NULL : &policy->names[number];
}

struct policy_name *policy_name_add(struct policy *policy, enum policy_name_kind kind, const char *text)
{
	uint32_t *slot = name_slot(policy, kind, text);
	if (*slot == NO_NUMBER) {
		*slot = (uint32_t)policy->name_count;
		policy->names[policy->name_count++] = (struct policy_name){ .kind = kind, .text = text, .first = NO_NUMBER, .sources = NO_NUMBER };
	}
	return &policy->names[*slot];
}

int policy_table_room(struct policy *policy, struct pattern_table *table, size_t patterns)
{
	size_t slots = 4;
	while (slots < patterns * 2)
		slots *= 2;
	table->slots = arena_get(&policy->arena, slots, sizeof *table->slots);
	table->mask = slots - 1;
	for (size_t i = 0; table->slots && i < slots; i++)
		table->slots[i] = NO_NUMBER;
	return table->slots ? 0 : -1;
}

static int is_literal(const struct pattern *pattern)
{
	return pattern->head == pattern->length;
}

/* Bytes that a pattern is found by, and from where on they stand in it. */
static size_t key_of(const struct pattern *pattern, int tail, const char **key)
{
	size_t length = tail ? pattern->tail : pattern->head;
	length = length < POLICY_HEAD_MOST ? length : POLICY_HEAD_MOST;
	*key = tail ? pattern->text + pattern->length - length : pattern->text;
	return length;
}

/* The slot of patterns with this key: hashed from the outside in, so that it grows with the text that is looked up. */
static uint32_t *key_slot(const struct policy *policy, const struct pattern_table *table, int tail, uint64_t hash, const char *key, size_t length)
{
	for (size_t at = hash_end(hash);; at++) {
		uint32_t *slot = &table->slots[at & table->mask];
		const char *other = NULL;
		if (*slot == NO_NUMBER || (key_of(&policy->patterns[*slot].pattern, tail, &other) == length && !memcmp(other, key, length)))
			return slot;
	}
}

static uint32_t *whole_slot(const struct policy *policy, const struct pattern_table *table, const char *text, size_t length)
{
	for (size_t at = hash_end(hash_text(HASH_SEED, text, length));; at++) {
		uint32_t *slot = &table->slots[at & table->mask];
		const struct pattern *other = *slot == NO_NUMBER ? NULL : &policy->patterns[*slot].pattern;
		if (!other || (other->length == length && !memcmp(other->text, text, length)))
			return slot;
	}
}

uint32_t policy_pattern_add(struct policy *policy, enum policy_kind kind, const struct pattern *pattern)
{
	uint32_t number = (uint32_t)policy->pattern_count;
	uint32_t *slot = whole_slot(policy, &policy->whole[kind], pattern->text, pattern->length);
	if (*slot != NO_NUMBER)
		return *slot;
	struct pattern_row *row = &policy->patterns[number];
	*row = (struct pattern_row){ .pattern = *pattern, .kind = kind, .next = NO_NUMBER };
	row->pattern.text = arena_copy(&policy->arena, pattern->text);
	if (!row->pattern.text)
		return NO_NUMBER;
	policy->pattern_count++;
	*slot = number;
	if (is_literal(pattern)) {
		struct pattern_table *whole = &policy->whole[kind];
		whole->longest = pattern->length > whole->longest ? pattern->length : whole->longest;
		return number;
	}
	int tail = pattern->tail > pattern->head;
	struct pattern_table *table = tail ? &policy->tails[kind] : &policy->heads[kind];
	const char *key = NULL;
	size_t length = key_of(&row->pattern, tail, &key);
	uint64_t hash = HASH_SEED;
	for (size_t i = 0; i < length; i++)
		hash = hash_byte(hash, (unsigned char)key[tail ? length - 1 - i : i]);
	slot = key_slot(policy, table, tail, hash, key, length);
	row->next = *slot;
	*slot = number;
	table->lengths[length / 64] |= UINT64_C(1) << length % 64;
	table->longest = length > table->longest ? length : table->longest;
	return number;
}

/* The characters that MCP has for the names of tools. A tool whose name has others, or is longer, is opened by its literal name alone (MCP-52). */
static int is_plain_tool(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		char c = text[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.'))
			return 0;
	}
	return length && length <= 128;
}

struct search {
	const struct policy *policy;
	const char *text;
	size_t length;
	const struct pattern_values *values;
	int plain; /* -1: not looked at yet */
	enum policy_kind kind;
	uint32_t *out;
	size_t count;
};

static void search_add(struct search *s, uint32_t number)
{
	if (s->count < POLICY_MATCHES_MOST)
		s->out[s->count] = number;
	s->count++;
}

static void search_chain(struct search *s, uint32_t number)
{
	for (; number != NO_NUMBER; number = s->policy->patterns[number].next) {
		const struct pattern *pattern = &s->policy->patterns[number].pattern;
		int sure = pattern_match(pattern, s->text, s->length, s->values, 0);
		if (!sure && !(s->values && pattern->values && pattern_match(pattern, s->text, s->length, s->values, 1)))
			continue;
		if (s->kind == POLICY_TOOL && s->plain < 0)
			s->plain = is_plain_tool(s->text, s->length);
		if (s->kind == POLICY_TOOL && pattern->stars && !s->plain)
			sure = 0;
		search_add(s, sure ? number : number | MAYBE);
	}
}

static void search_keys(struct search *s, const struct pattern_table *table, int tail)
{
	uint64_t hash = HASH_SEED;
	for (size_t n = 0; n <= table->longest && n <= s->length; n++) {
		if (table->lengths[n / 64] >> n % 64 & 1)
			search_chain(s, *key_slot(s->policy, table, tail, hash, tail ? s->text + s->length - n : s->text, n));
		if (n < s->length)
			hash = hash_byte(hash, (unsigned char)s->text[tail ? s->length - 1 - n : n]);
	}
}

size_t policy_matches(const struct policy *policy, enum policy_kind kind, const char *text, size_t length, const struct pattern_values *values,
                      uint32_t out[POLICY_MATCHES_MOST])
{
	struct search s = { policy, text, length, values, -1, kind, out, 0 };
	const struct pattern_table *whole = &policy->whole[kind];
	if (length <= whole->longest) {
		uint32_t number = *whole_slot(policy, whole, text, length);
		/* A text may have the very bytes that a star became. */
		if (number != NO_NUMBER && is_literal(&policy->patterns[number].pattern))
			search_add(&s, number);
	}
	search_keys(&s, &policy->heads[kind], 0);
	search_keys(&s, &policy->tails[kind], 1);
	return s.count <= POLICY_MATCHES_MOST ? s.count : SIZE_MAX;
}
