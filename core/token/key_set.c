#include "key_set.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"

#define TEXT_MOST (KEYRING_MOST * 2048)

struct key_set *key_set_new(void)
{
	struct key_set *set = calloc(1, sizeof *set);
	if (set)
		atomic_init(&set->references, 1);
	return set;
}

struct key_set *key_set_keep(struct key_set *set)
{
	atomic_fetch_add(&set->references, 1);
	return set;
}

void key_set_release(struct key_set *set)
{
	if (!set || atomic_fetch_sub(&set->references, 1) != 1)
		return;
	for (size_t i = 0; i < set->count; i++)
		signing_key_release(set->keys[i]);
	free(set->jwks);
	free(set);
}

/* By the time from which they sign, and where that is the same in one order that all replicas know. */
static int is_before(const struct signing_key *a, const struct signing_key *b)
{
	if (a->signs_from != b->signs_from)
		return a->signs_from < b->signs_from;
	if (a->published != b->published)
		return a->published < b->published;
	return strcmp(a->kid, b->kid) < 0;
}

int key_set_add(struct key_set *set, struct signing_key *key)
{
	size_t at = set->count;
	if (at == KEYRING_MOST)
		return -1;
	for (; at > 0 && is_before(key, set->keys[at - 1]); at--)
		set->keys[at] = set->keys[at - 1];
	atomic_fetch_add(&key->references, 1);
	set->keys[at] = key;
	set->count++;
	return 0;
}

struct signing_key *key_set_find(const struct key_set *set, const char *kid)
{
	for (size_t i = 0; i < set->count; i++)
		if (!strcmp(set->keys[i]->kid, kid))
			return set->keys[i];
	return NULL;
}

size_t key_set_current(const struct key_set *set, int64_t now)
{
	/* A clock that was set back must not leave us without one: then it is the first. */
	size_t current = 0;
	for (size_t i = 1; i < set->count; i++)
		if (set->keys[i]->signs_from <= now)
			current = i;
	return current;
}

int64_t key_set_gone_at(const struct key_set *set, size_t index, int64_t keep_after)
{
	return index + 1 < set->count ? set->keys[index + 1]->signs_from + keep_after : 0;
}

int key_set_is_void(const struct key_set *set, const struct signing_key *key)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->keys[i]->alone && set->keys[i]->published > key->published)
			return 1;
	return 0;
}

int key_set_text(struct key_set *set)
{
	struct buffer out = BUFFER_INIT(TEXT_MOST);
	buffer_text(&out, "{\"keys\":[");
	for (size_t i = 0; i < set->count; i++) {
		char *key = jwk_print(set->keys[i]->jwk, 0);
		if (!key || buffer_text(&out, i ? "," : "") || buffer_text(&out, key))
			out.failed = 1;
		free(key);
	}
	buffer_text(&out, "]}\n");
	set->jwks = buffer_take(&out);
	return set->jwks ? 0 : -1;
}

struct key_set *key_set_living(const struct key_set *all, int64_t now, int64_t keep_after)
{
	struct key_set *valid = key_set_new(), *living = key_set_new();
	for (size_t i = 0; valid && i < all->count; i++)
		if (!key_set_is_void(all, all->keys[i]))
			key_set_add(valid, all->keys[i]);
	for (size_t i = 0; valid && living && i < valid->count; i++) {
		int64_t gone_at = key_set_gone_at(valid, i, keep_after);
		if (!gone_at || gone_at > now)
			key_set_add(living, valid->keys[i]);
	}
	if (!valid || !living || key_set_text(living)) {
		key_set_release(living);
		living = NULL;
	}
	key_set_release(valid);
	return living;
}

int key_set_same(const struct key_set *a, const struct key_set *b)
{
	if (a->count != b->count)
		return 0;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->keys[i]->kid, b->keys[i]->kid))
			return 0;
	return 1;
}

const struct signing_key *key_set_next(const struct key_set *set, int64_t now)
{
	/* One that a wrong clock put far ahead does not count: it would hold rotation up for as long. */
	for (size_t i = 0; i < set->count; i++)
		if (set->keys[i]->signs_from > now && set->keys[i]->signs_from - now <= KEYRING_AHEAD_MOST_MS)
			return set->keys[i];
	return NULL;
}

int key_set_due(const struct key_set *set, const struct key_plan *plan, int64_t now, int64_t *at)
{
	*at = now;
	if (!set->count)
		return 1;
	if (key_set_next(set, now))
		return 0;
	const struct signing_key *current = set->keys[key_set_current(set, now)];
	*at = now + plan->publish_before;
	/* Replicas that are configured differently take turns, no faster than keys wait to sign. */
	if (jwk_algorithm(current->jwk) != plan->algorithm)
		return 1;
	return plan->rotate_after && current->signs_from + plan->rotate_after <= *at;
}
