#include "test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "jws.h"
#include "seen.h"

#define MOST 64

static void digest_of(unsigned number, unsigned char out[SEEN_DIGEST])
{
	/* Spread as a digest is, and no two alike. */
	for (size_t i = 0; i < SEEN_DIGEST; i++)
		out[i] = (unsigned char)((number * 2654435761u + (unsigned)i * 40503u) >> (i % 4 * 8));
	memcpy(out + 8, &number, sizeof number);
}

static int verify(struct seen *seen, const char *token, size_t length, const struct jwk *key, unsigned allowed)
{
	struct jws jws;
	int code = jws_parse(token, length, &jws, NULL);
	if (code)
		return code;
	jws.seen = seen;
	code = jws_verify(&jws, key, allowed, NULL);
	jws_free(&jws);
	return code;
}

static void counted(const struct seen *seen, uint64_t hits, uint64_t added)
{
	uint64_t got[2];
	seen_counts(seen, &got[0], &got[1]);
	assert_int_equal(got[0], hits);
	assert_int_equal(got[1], added);
}

/* JWT-10 JWT-11 JWT-12: a token that is known spares its signature; another byte, another key or an algorithm not allowed is never taken for it. */
static void nothing_else_is_spared(void **state)
{
	(void)state;
	static const enum jose_algorithm made[] = { JOSE_ES256, JOSE_ED25519, JOSE_RS256 };
	for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
		struct seen *seen = seen_new(MOST, 0);
		struct jwk *key = NULL, *other = NULL;
		char *token = NULL;
		assert_int_equal(jwk_generate(made[i], &key, NULL), EMA_OK);
		assert_int_equal(jwk_generate(made[i], &other, NULL), EMA_OK);
		assert_int_equal(jws_sign(key, made[i], "at+jwt", "", "{\"a\":1}", 7, &token, NULL), EMA_OK);
		size_t length = strlen(token);
		unsigned allowed = JOSE_BIT(made[i]);
		assert_int_equal(verify(seen, token, length, key, allowed), EMA_OK);
		counted(seen, 0, 1);
		assert_int_equal(verify(seen, token, length, key, allowed), EMA_OK);
		counted(seen, 1, 1);
		assert_int_equal(verify(seen, token, length, other, allowed), EMA_BAD_SIGNATURE);
		assert_int_equal(verify(seen, token, length, other, allowed), EMA_BAD_SIGNATURE);
		assert_int_equal(verify(seen, token, length, key, ~allowed), EMA_BAD_ALGORITHM);
		counted(seen, 1, 1);
		for (size_t at = 0; at < length; at++)
			for (int round = 0; round < 2; round++) {
				char kept = token[at];
				token[at] = kept == 'A' ? 'B' : 'A';
				assert_int_not_equal(verify(seen, token, length, key, ~0u), EMA_OK);
				token[at] = kept;
			}
		assert_int_not_equal(verify(seen, token, length - 1, key, allowed), EMA_OK);
		counted(seen, 1, 1);
		free(token);
		jwk_free(key);
		jwk_free(other);
		seen_free(seen);
	}
}

/* One that differs in any single byte is another one, in a place, and at the front that both would have. */
static void whole_digests(void **state)
{
	(void)state;
	struct seen *seen = seen_new(8, 0); /* one place */
	unsigned char digest[SEEN_DIGEST];
	digest_of(1, digest);
	seen_add(seen, digest, 0, NULL);
	for (int at_front = 0; at_front < 2; at_front++) {
		for (size_t at = 0; at < SEEN_DIGEST; at++) {
			digest[at] ^= 0x80;
			if (seen_has(seen, digest, 0, NULL))
				fail_msg("byte %zu is not compared (%d)", at, at_front);
			digest[at] ^= 0x80;
		}
		for (int k = 0; k < 3; k++)
			assert_true(seen_has(seen, digest, 0, NULL));
	}
	seen_free(seen);
}

/* It has an end, and those asked for lately stay. */
static void bounded(void **state)
{
	(void)state;
	struct seen *seen = seen_new(MOST, 0);
	unsigned char digest[SEEN_DIGEST], kept[SEEN_DIGEST];
	unsigned there = 0;
	digest_of(0, kept);
	seen_add(seen, kept, 0, NULL);
	for (unsigned i = 1; i <= 10 * MOST; i++) {
		digest_of(i, digest);
		assert_false(seen_has(seen, digest, 0, NULL));
		seen_add(seen, digest, 0, NULL);
		assert_true(seen_has(seen, digest, 0, NULL));
		assert_true(seen_has(seen, kept, 0, NULL));
	}
	for (unsigned i = 0; i <= 10 * MOST; i++) {
		digest_of(i, digest);
		there += (unsigned)seen_has(seen, digest, 0, NULL);
	}
	assert_in_range(there, MOST / 2, MOST);
	/* One added again takes no second place. */
	for (int i = 0; i < MOST; i++)
		seen_add(seen, kept, 0, NULL);
	assert_true(seen_has(seen, digest, 0, NULL));
	seen_free(seen);
	assert_null(seen_new(7, 0));
}

static void add_many(struct seen *seen, unsigned from, unsigned to, uint64_t share)
{
	unsigned char digest[SEEN_DIGEST];
	for (unsigned i = from; i < to; i++) {
		digest_of(i, digest);
		seen_add(seen, digest, share, NULL);
	}
}

static unsigned count_of(struct seen *seen, unsigned from, unsigned to)
{
	unsigned char digest[SEEN_DIGEST];
	unsigned there = 0;
	for (unsigned i = from; i < to; i++) {
		digest_of(i, digest);
		there += (unsigned)seen_has(seen, digest, 0, NULL);
	}
	return there;
}

/* However many tokens of one issuer come, those of others stay; and who is alone has all of the room. */
static void shared(void **state)
{
	(void)state;
	struct seen *seen = seen_new(8, 0); /* one place */
	add_many(seen, 100, 108, 1);
	assert_int_equal(count_of(seen, 100, 108), 8);
	add_many(seen, 200, 204, 2);
	add_many(seen, 1000, 2000, 1);
	assert_int_equal(count_of(seen, 200, 204), 4);
	assert_int_equal(count_of(seen, 1996, 2000), 4);
	add_many(seen, 300, 302, 3);
	add_many(seen, 2000, 3000, 1);
	assert_int_equal(count_of(seen, 200, 204), 3);
	assert_int_equal(count_of(seen, 300, 302), 2);
	assert_int_equal(count_of(seen, 2997, 3000), 3);
	seen_free(seen);
}

struct thing {
	struct seen_value value;
	struct thing *origin; /* of a view */
	unsigned number;
};

static atomic_int things; /* that are there */

static void thing_free(struct seen_value *value)
{
	struct thing *thing = (struct thing *)(void *)value;
	atomic_fetch_sub(&things, 1);
	if (thing->origin)
		seen_release(&thing->origin->value);
	thing->number = 0;
	free(thing);
}

static struct seen_value *thing_view(struct seen_value *value)
{
	struct thing *thing = (struct thing *)(void *)value, *view = malloc(sizeof *view);
	assert_non_null(view);
	*view = (struct thing){ { .size = value->size, .version = value->version, .free = thing_free }, thing, thing->number };
	atomic_init(&view->value.references, 1);
	atomic_fetch_add(&value->references, 1);
	atomic_fetch_add(&things, 1);
	return &view->value;
}

static void add_thing_of(struct seen *seen, unsigned number, uint64_t share, size_t size, uint64_t version, struct seen_value *(*view)(struct seen_value *))
{
	unsigned char digest[SEEN_DIGEST];
	struct thing *thing = calloc(1, sizeof *thing);
	assert_non_null(thing);
	*thing = (struct thing){ { .size = size, .version = version, .free = thing_free, .view = view }, NULL, number };
	atomic_init(&thing->value.references, 1);
	atomic_fetch_add(&things, 1);
	digest_of(number, digest);
	seen_add(seen, digest, share, &thing->value);
	seen_release(&thing->value);
}

static void add_thing(struct seen *seen, unsigned number, size_t size)
{
	add_thing_of(seen, number, 0, size, 0, NULL);
}

/* Not inlined: a thread's desk goes by the page of the stack, which must be the same one each time. */
static __attribute__((noinline)) struct thing *thing_in(struct seen *seen, unsigned number, uint64_t version)
{
	unsigned char digest[SEEN_DIGEST];
	struct seen_value *value = NULL;
	digest_of(number, digest);
	return seen_has(seen, digest, version, &value) ? (struct thing *)(void *)value : NULL;
}

static struct thing *thing_of(struct seen *seen, unsigned number)
{
	return thing_in(seen, number, 0);
}

/* Values have an end in bytes, too; who holds one keeps it, and all are given back. */
static void values(void **state)
{
	(void)state;
	struct seen *seen = seen_new(8, 1000); /* one place */
	for (unsigned i = 1; i <= 8; i++)
		add_thing(seen, i, 100);
	assert_int_equal(things, 8);
	struct thing *held = thing_of(seen, 3);
	assert_int_equal(held->number, 3);
	/* Exchanged: what was held is as it was, */
	add_thing(seen, 3, 100);
	assert_int_equal(things, 9);
	assert_int_equal(held->number, 3);
	struct thing *other = thing_of(seen, 3);
	assert_ptr_not_equal(other, held);
	seen_release(&held->value);
	seen_release(&other->value);
	assert_int_equal(things, 8);
	/* what is large takes the place of the oldest ones, and of no more than it needs; */
	seen_release(&thing_of(seen, 1)->value);
	add_thing(seen, 9, 400);
	assert_int_equal(things, 7);
	assert_null(thing_of(seen, 2));
	assert_null(thing_of(seen, 4));
	seen_release(&thing_of(seen, 1)->value);
	/* no more than 1000 bytes whatever comes, and nothing that is larger alone. */
	for (unsigned i = 11; i < 2000; i++) {
		add_thing(seen, i, i % 7 * 50);
		seen_release(&thing_of(seen, i)->value);
		assert_in_range(things, 1, 8);
	}
	add_thing(seen, 5000, 1001);
	assert_null(thing_of(seen, 5000));
	unsigned bytes = 0;
	for (unsigned i = 1; i < 2000; i++) {
		struct thing *thing = thing_of(seen, i);
		if (!thing)
			continue;
		assert_int_equal(thing->number, i);
		bytes += (unsigned)thing->value.size;
		seen_release(&thing->value);
	}
	assert_in_range(bytes, 300, 1000);
	/* However many come of one issuer, another's stays. */
	add_thing_of(seen, 6000, 1, 300, 0, NULL);
	for (unsigned i = 6001; i < 6100; i++)
		add_thing(seen, i, 400);
	struct thing *other_share = thing_of(seen, 6000);
	assert_non_null(other_share);
	seen_release(&other_share->value);
	seen_free(seen);
	assert_int_equal(things, 0);
}

/* What is asked for again and again is a thread's own, counts for its place all the same, and is never of another version. */
static void views(void **state)
{
	(void)state;
	struct seen *seen = seen_new(8, 1000); /* one place */
	add_thing_of(seen, 1, 0, 100, 7, thing_view);
	struct thing *first = thing_in(seen, 1, 7), *second = thing_in(seen, 1, 7), *third = thing_in(seen, 1, 7);
	assert_ptr_equal(first, second);
	assert_ptr_not_equal(first, third);
	assert_ptr_equal(third->origin, first);
	assert_int_equal(things, 2);
	seen_release(&second->value);
	const int references = atomic_load(&first->value.references);
	for (int i = 0; i < 10; i++) {
		struct thing *again = thing_in(seen, 1, 7);
		assert_ptr_equal(again, third);
		assert_int_equal(again->number, 1);
		assert_int_equal(atomic_load(&first->value.references), references);
		seen_release(&again->value);
	}
	assert_null(thing_in(seen, 1, 6));
	assert_null(thing_in(seen, 1, 8));
	/* Others come, one for each round in which it is asked for often: it stays in its place. */
	for (unsigned i = 2; i < 40; i++) {
		add_thing(seen, i, 10);
		for (int k = 0; k < 70; k++)
			seen_release(&thing_in(seen, 1, 7)->value);
	}
	assert_int_equal(atomic_load(&first->value.references), references);
	seen_release(&first->value);
	/* One of another version in its stead is what comes from now on, and at the front, too. */
	add_thing_of(seen, 1, 0, 100, 8, thing_view);
	for (int i = 0; i < 5; i++) {
		struct thing *newer = thing_in(seen, 1, 8);
		assert_non_null(newer);
		assert_int_equal(newer->value.version, 8);
		assert_int_equal(newer->origin != NULL, i > 0);
		seen_release(&newer->value);
	}
	assert_null(thing_in(seen, 1, 7));
	/* Who holds one keeps it. */
	assert_int_equal(third->origin->number, 1);
	seen_release(&third->value);
	seen_free(seen);
	assert_int_equal(things, 0);
}

struct crowd {
	struct seen *seen;
	int wrong;
};

static void *things_work(void *data)
{
	struct crowd *crowd = data;
	for (unsigned i = 0; i < 5000; i++) {
		/* Each of a hundred four times in a row, in one of two versions. */
		const unsigned number = i / 4 % 100, version = i / 1000 % 2;
		struct thing *thing = thing_in(crowd->seen, number, version);
		if (!thing) {
			add_thing_of(crowd->seen, number, number % 3, 100, version, thing_view);
			continue;
		}
		crowd->wrong |= thing->number != number || thing->value.version != version;
		seen_release(&thing->value);
	}
	return NULL;
}

static void *crowd_work(void *data)
{
	struct crowd *crowd = data;
	unsigned char digest[SEEN_DIGEST];
	for (unsigned i = 0; i < 20000; i++) {
		digest_of(i % 200, digest);
		if (i % 200 < 100)
			seen_add(crowd->seen, digest, 0, NULL);
		else
			crowd->wrong |= seen_has(crowd->seen, digest, 0, NULL); /* nobody adds these */
	}
	return NULL;
}

static void threads_run(struct seen *seen, void *(*work)(void *))
{
	pthread_t ids[8];
	struct crowd crowds[8];
	for (int i = 0; i < 8; i++) {
		crowds[i] = (struct crowd){ .seen = seen };
		assert_int_equal(pthread_create(&ids[i], NULL, work, &crowds[i]), 0);
	}
	for (int i = 0; i < 8; i++) {
		pthread_join(ids[i], NULL);
		assert_false(crowds[i].wrong);
	}
}

static void threads(void **state)
{
	(void)state;
	struct seen *seen = seen_new(MOST, 4000);
	threads_run(seen, crowd_work);
	threads_run(seen, things_work);
	seen_free(seen);
	assert_int_equal(things, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_else_is_spared),
		cmocka_unit_test(whole_digests),
		cmocka_unit_test(bounded),
		cmocka_unit_test(shared),
		cmocka_unit_test(values),
		cmocka_unit_test(views),
		cmocka_unit_test(threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
