#include "answers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "buffer.h"

#define ANSWERS_MOST 10000
#define ANSWERS_SLOTS 4096 /* a power of two */
#define KEY_MOST 16384

struct kept {
	struct kept *next;          /* of the slot */
	struct kept *newer, *older; /* by use */
	uint64_t hash;
	char *key;
	size_t key_length;
	uint64_t generation, ticket;
	int64_t expires;            /* monotonic milliseconds */
	struct answer answer;
};

struct answers {
	pthread_mutex_t lock;
	const struct clock *clock;
	size_t most, count;
	uint64_t seed, ticket;
	struct kept *newest, *oldest;
	struct kept *slots[ANSWERS_SLOTS];
};

static void list_clear(struct call_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->list[i]);
	free(list->list);
	*list = (struct call_list){ NULL, 0 };
}

static int list_copy(const struct call_list *from, struct call_list *to)
{
	if (!from->count)
		return 0;
	to->list = calloc(from->count, sizeof *to->list);
	if (!to->list)
		return -1;
	for (; to->count < from->count; to->count++)
		if (!(to->list[to->count] = strdup(from->list[to->count])))
			return -1;
	return 0;
}

void answer_clear(struct answer *answer)
{
	free(answer->person);
	list_clear(&answer->groups);
	list_clear(&answer->roles);
	list_clear(&answer->accounts);
	*answer = (struct answer){ 0 };
}

static int answer_copy(const struct answer *from, struct answer *to)
{
	struct answer copy = { .code = from->code, .active = from->active };
	if ((from->person && !(copy.person = strdup(from->person))) || list_copy(&from->groups, &copy.groups) ||
	    list_copy(&from->roles, &copy.roles) || list_copy(&from->accounts, &copy.accounts)) {
		answer_clear(&copy);
		return -1;
	}
	*to = copy;
	return 0;
}

static void key_part(struct buffer *key, const char *text)
{
	uint64_t length = text ? strlen(text) : UINT64_MAX;
	buffer_append(key, &length, sizeof length);
	if (text)
		buffer_text(key, text);
}

static int key_make(const struct answer_about *about, struct buffer *key)
{
	key_part(key, about->directory);
	key_part(key, about->subject->issuer);
	key_part(key, about->subject->tenant);
	key_part(key, about->subject->sub);
	key_part(key, about->email);
	key_part(key, about->name_id);
	return key->failed ? -1 : 0;
}

static uint64_t key_hash(const struct answers *answers, const struct buffer *key)
{
	uint64_t hash = answers->seed;
	for (size_t i = 0; i < key->length; i++)
		hash = (hash ^ (unsigned char)key->data[i]) * UINT64_C(0x100000001b3);
	return hash ^ hash >> 32;
}

static struct kept **kept_slot(struct answers *answers, uint64_t hash)
{
	return &answers->slots[hash & (ANSWERS_SLOTS - 1)];
}

static struct kept *kept_find(struct answers *answers, uint64_t hash, const struct buffer *key)
{
	struct kept *kept = *kept_slot(answers, hash);
	while (kept && !(kept->hash == hash && kept->key_length == key->length && !memcmp(kept->key, key->data, key->length)))
		kept = kept->next;
	return kept;
}

static void use_leave(struct answers *answers, struct kept *kept)
{
	*(kept->newer ? &kept->newer->older : &answers->newest) = kept->older;
	*(kept->older ? &kept->older->newer : &answers->oldest) = kept->newer;
}

static void use_enter(struct answers *answers, struct kept *kept)
{
	kept->newer = NULL;
	kept->older = answers->newest;
	*(kept->older ? &kept->older->newer : &answers->oldest) = kept;
	answers->newest = kept;
}

static void kept_drop(struct answers *answers, struct kept *kept)
{
	struct kept **at = kept_slot(answers, kept->hash);
	while (*at != kept)
		at = &(*at)->next;
	*at = kept->next;
	use_leave(answers, kept);
	answers->count--;
	answer_clear(&kept->answer);
	free(kept->key);
	free(kept);
}

struct answers *answers_new(const struct clock *clock, size_t most)
{
	struct answers *answers = calloc(1, sizeof *answers);
	if (!answers)
		return NULL;
	if (getrandom(&answers->seed, sizeof answers->seed, 0) != sizeof answers->seed || pthread_mutex_init(&answers->lock, NULL)) {
		free(answers);
		return NULL;
	}
	answers->clock = clock;
	answers->most = most ? most : ANSWERS_MOST;
	return answers;
}

void answers_free(struct answers *answers)
{
	if (!answers)
		return;
	while (answers->oldest)
		kept_drop(answers, answers->oldest);
	pthread_mutex_destroy(&answers->lock);
	free(answers);
}

uint64_t answers_ticket(struct answers *answers)
{
	pthread_mutex_lock(&answers->lock);
	uint64_t ticket = ++answers->ticket;
	pthread_mutex_unlock(&answers->lock);
	return ticket;
}

void answers_put(struct answers *answers, const struct answer_about *about, uint64_t generation, uint64_t ticket,
                 int64_t max_age_ms, const struct answer *answer)
{
	struct buffer key = BUFFER_INIT(KEY_MOST);
	if (key_make(about, &key)) {
		buffer_free(&key);
		return; /* not one that could have been kept before */
	}
	struct kept *kept = calloc(1, sizeof *kept);
	char *bytes = malloc(key.length);
	int made = kept && bytes && !answer_copy(answer, &kept->answer);
	uint64_t hash = key_hash(answers, &key);
	pthread_mutex_lock(&answers->lock);
	struct kept *old = kept_find(answers, hash, &key);
	int later = !old || ticket >= old->ticket;
	if (old && later)
		kept_drop(answers, old);
	if (made && later) {
		memcpy(bytes, key.data, key.length);
		kept->hash = hash;
		kept->key = bytes;
		kept->key_length = key.length;
		kept->generation = generation;
		kept->ticket = ticket;
		int64_t now = clock_monotonic(answers->clock);
		kept->expires = max_age_ms > INT64_MAX - now ? INT64_MAX : now + max_age_ms;
		if (answers->count == answers->most)
			kept_drop(answers, answers->oldest);
		kept->next = *kept_slot(answers, hash);
		*kept_slot(answers, hash) = kept;
		use_enter(answers, kept);
		answers->count++;
		kept = NULL;
		bytes = NULL;
	}
	pthread_mutex_unlock(&answers->lock);
	if (kept)
		answer_clear(&kept->answer);
	free(kept);
	free(bytes);
	buffer_free(&key);
}

int answers_find(struct answers *answers, const struct answer_about *about, uint64_t generation, struct answer *out)
{
	struct buffer key = BUFFER_INIT(KEY_MOST);
	int code = EMA_ABSENT;
	if (key_make(about, &key)) {
		buffer_free(&key);
		return EMA_ABSENT;
	}
	uint64_t hash = key_hash(answers, &key);
	pthread_mutex_lock(&answers->lock);
	struct kept *kept = kept_find(answers, hash, &key);
	if (kept && (kept->generation != generation || kept->expires <= clock_monotonic(answers->clock))) {
		kept_drop(answers, kept);
	} else if (kept) {
		code = answer_copy(&kept->answer, out) ? EMA_OUT_OF_MEMORY : EMA_OK;
		use_leave(answers, kept);
		use_enter(answers, kept);
	}
	pthread_mutex_unlock(&answers->lock);
	buffer_free(&key);
	return code;
}
