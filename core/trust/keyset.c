#include "keyset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "selection.h"
#include "settings.h"
#include "trust.h"

#define LOOK_AGAIN_MS 100
#define COOLDOWN_MS 60000
#define COOLDOWNS_REFUSED 2 /* a kid that was not there is not asked for again for so many cool-downs */
/* Threads of requests that fetches hold at a time, of one key set and of all; the others are answered at once. Whoever brings tokens of
   an issuer that does not answer must not hold all threads of a server; and whoever names himself has others' threads left for providers. */
#define WAITING_MOST 4
#define HELD_MOST 8
#define HELD_PASSING_MOST (HELD_MOST / 2)
#define WAIT_STEP_MS 100

struct keys *keys_new(struct jwks *set)
{
	struct keys *keys = calloc(1, sizeof *keys);
	if (keys) {
		atomic_init(&keys->references, 1);
		keys->set = set;
	}
	return keys;
}

void keys_release(struct keys *keys)
{
	if (keys && atomic_fetch_sub(&keys->references, 1) == 1) {
		jwks_free(keys->set);
		free(keys);
	}
}

void keyset_free(struct keyset *keyset)
{
	if (!keyset)
		return;
	keys_release(keyset->keys);
	settings_free(&keyset->settings);
	pthread_cond_destroy(&keyset->landed);
	pthread_mutex_destroy(&keyset->lock);
	free(keyset->identity);
	free(keyset->source);
	free(keyset->body);
	free(keyset->jwks_uri);
	free(keyset);
}

static int adopt_fixed(struct keyset *keyset, const char *text, size_t length, struct failure *failure)
{
	struct jwks *set = NULL;
	struct failure why = FAILURE_INIT;
	const char *where = keyset->settings.jwks_file ? keyset->settings.jwks_file : "jwks";
	int code = jwks_parse(text, length, &set, &why);
	if (code == EMA_OUT_OF_MEMORY)
		return failure_set(failure, code, "no memory");
	if (code != EMA_OK)
		return failure_set(failure, EMA_CONFIG, "%.200s: %.280s", where, why.text);
	if (!set->count) {
		code = failure_set(failure, EMA_CONFIG, "%.200s: the key set has no usable key%s%.200s", where, set->skipped ? ": " : "",
		                   set->skipped ? set->skipped_why : "");
		jwks_free(set);
		return code;
	}
	if (set->skipped)
		log_printf(&keyset->trust->log, LOG_LEVEL_WARNING, "%s %s: %s: %zu keys skipped: %s", trust_whose(&keyset->settings), keyset->settings.id, where, set->skipped,
		           set->skipped_why);
	keyset->keys = keys_new(set);
	if (!keyset->keys) {
		jwks_free(set);
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
	}
	keyset->keys->generation = atomic_fetch_add(&keyset->trust->generation, 1) + 1;
	keyset->fetched = clock_wall(keyset->trust->clock);
	return EMA_OK;
}

static struct keyset *make(struct trust *trust, const struct keyset_settings *settings, struct failure *failure)
{
	pthread_condattr_t attributes;
	struct keyset *keyset = calloc(1, sizeof *keyset);
	if (!keyset) {
		failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
		return NULL;
	}
	keyset->trust = trust;
	pthread_mutex_init(&keyset->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&keyset->landed, &attributes);
	pthread_condattr_destroy(&attributes);
	keyset->fixed = settings->jwks_file || settings->jwks_text;
	keyset->late = -1;
	keyset->due = keyset->forced_from = clock_monotonic(trust->clock);
	char *file = NULL;
	const char *text = settings->jwks_text;
	size_t length = text ? strlen(text) : 0;
	int code = EMA_OK;
	if (settings->jwks_file) {
		file = settings_read_file(settings->jwks_file, &length, failure);
		if (!file)
			goto bad;
		text = file;
	}
	if (settings_copy(settings, &keyset->settings) || !(keyset->identity = settings_identity(settings, text)) ||
	    !(keyset->source = settings_source(settings))) {
		failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
		goto bad;
	}
	if (!keyset->settings.cooldown_ms)
		keyset->settings.cooldown_ms = COOLDOWN_MS;
	if (!keyset->settings.kidless_most)
		keyset->settings.kidless_most = 1;
	if (keyset->fixed)
		code = adopt_fixed(keyset, text, length, failure);
	if (code != EMA_OK)
		goto bad;
	free(file);
	return keyset;
bad:
	free(file);
	keyset_free(keyset);
	return NULL;
}

int keyset_open(struct trust *trust, const struct keyset_settings *settings, struct keyset **out, struct failure *failure)
{
	struct failure why = FAILURE_INIT;
	struct keyset *keyset = NULL, *same = NULL;
	int code = settings_check(settings, &why);
	if (code == EMA_OK && !(keyset = make(trust, settings, &why)))
		code = why.code;
	if (code != EMA_OK)
		return failure_set(failure, code, "%s", why.text);
	pthread_mutex_lock(&trust->lock);
	for (same = trust->first; same && strcmp(same->identity, keyset->identity);)
		same = same->next;
	if (!same) {
		if (!keyset->fixed) {
			code = refresh_start(trust, failure);
			if (code == EMA_OK)
				refresh_load(keyset);
		}
		if (code == EMA_OK) {
			keyset->next = trust->first;
			trust->first = same = keyset;
			keyset = NULL;
		}
	}
	if (code == EMA_OK) {
		same->opened++;
		*out = same;
	}
	pthread_mutex_unlock(&trust->lock);
	keyset_free(keyset);
	refresh_wake(trust);
	return code;
}

const struct keyset_settings *keyset_settings_of(const struct keyset *keyset)
{
	return &keyset->settings;
}

void keyset_close(struct keyset *keyset)
{
	if (!keyset)
		return;
	struct trust *trust = keyset->trust;
	int last = 0;
	pthread_mutex_lock(&trust->lock);
	if (!--keyset->opened) {
		struct keyset **at = &trust->first;
		while (*at != keyset)
			at = &(*at)->next;
		*at = keyset->next;
		atomic_store(&keyset->closing, 1);
		last = !keyset->held;
	}
	pthread_mutex_unlock(&trust->lock);
	if (last)
		keyset_free(keyset);
}

/* The keys that may be used now, counted, and what is to be said of them; NULL: none. */
static struct keys *hold(struct keyset *keyset, struct keyset_verdict *verdict, unsigned *failing)
{
	struct keys *keys = NULL;
	*verdict = (struct keyset_verdict){ 0 };
	int64_t since = 0;
	pthread_mutex_lock(&keyset->lock);
	enum keyset_standing standing = refresh_standing(keyset, &since);
	if (standing != KEYSET_UNAVAILABLE) {
		keys = keyset->keys;
		atomic_fetch_add(&keys->references, 1);
		verdict->generation = keys->generation;
		verdict->stale = standing == KEYSET_STALE || standing == KEYSET_READ_ONLY;
		verdict->read_only = standing == KEYSET_READ_ONLY;
		verdict->stale_since = since;
	}
	*failing = keyset->failing;
	pthread_mutex_unlock(&keyset->lock);
	return keys;
}

/* Waits for the end of the flight that is under way. Under keyset->lock. 0, or -1 at the deadline. */
static int await_landing(struct keyset *keyset, int64_t deadline)
{
	uint64_t flights = keyset->flights;
	while (keyset->in_flight && keyset->flights == flights) {
		int64_t left = deadline - clock_monotonic(keyset->trust->clock);
		if (left <= 0)
			return -1;
		/* The deadline is of a clock that may be a test's. */
		const struct timespec until = clock_from_now(left > WAIT_STEP_MS ? WAIT_STEP_MS : left);
		pthread_cond_timedwait(&keyset->landed, &keyset->lock, &until);
	}
	return 0;
}

/* Whether the caller may be held. Under keyset->lock; then hold_end(), too. */
static int hold_begin(struct keyset *keyset)
{
	struct trust *trust = keyset->trust;
	const int passing = keyset->settings.passing;
	if (keyset->waiting >= WAITING_MOST)
		return 0;
	if (passing && atomic_fetch_add(&trust->held_passing, 1) >= HELD_PASSING_MOST) {
		atomic_fetch_sub(&trust->held_passing, 1);
		return 0;
	}
	if (atomic_fetch_add(&trust->held, 1) >= HELD_MOST) {
		atomic_fetch_sub(&trust->held, 1);
		if (passing)
			atomic_fetch_sub(&trust->held_passing, 1);
		return 0;
	}
	keyset->waiting++;
	return 1;
}

static void hold_end(struct keyset *keyset)
{
	keyset->waiting--;
	atomic_fetch_sub(&keyset->trust->held, 1);
	if (keyset->settings.passing)
		atomic_fetch_sub(&keyset->trust->held_passing, 1);
}

/* The caller fetches by itself: a slow issuer that the thread is busy with does not hold up another issuer. Takes and returns
   with keyset->lock. */
static void fly_here(struct keyset *keyset, int64_t deadline)
{
	keyset->in_flight = 1;
	pthread_mutex_unlock(&keyset->lock);
	refresh_run(keyset, deadline - clock_monotonic(keyset->trust->clock));
	refresh_wake(keyset->trust);
	pthread_mutex_lock(&keyset->lock);
}

/* There are no keys to use. After it there may be. */
static int first_fetch(struct keyset *keyset, int64_t deadline, struct failure *failure)
{
	int code = EMA_OK;
	pthread_mutex_lock(&keyset->lock);
	if (clock_monotonic(keyset->trust->clock) >= deadline)
		code = failure_set(failure, EMA_KEYS_UNAVAILABLE, "%s %.64s: there are no keys yet, and no time to wait for them", trust_whose(&keyset->settings), keyset->settings.id);
	else if (!hold_begin(keyset))
		code = failure_set(failure, EMA_KEYS_UNAVAILABLE, "%s %.64s: there are no keys yet, and others wait for them already", trust_whose(&keyset->settings), keyset->settings.id);
	else {
		if (keyset->in_flight && await_landing(keyset, deadline))
			code = failure_set(failure, EMA_KEYS_UNAVAILABLE, "%s %.64s: keys did not come in time", trust_whose(&keyset->settings), keyset->settings.id);
		else if (!keyset->in_flight && (!keyset->flights || refresh_is_due(keyset)))
			fly_here(keyset, deadline); /* unless somebody has the next one begun by now */
		hold_end(keyset);
	}
	pthread_mutex_unlock(&keyset->lock);
	return code;
}

static int is_refused(const struct keyset *keyset, const char *kid, int64_t tick)
{
	for (size_t i = 0; kid && i < KEYSET_REFUSED_KIDS; i++)
		if (tick < keyset->refused[i].until && !strcmp(keyset->refused[i].kid, kid))
			return 1;
	return 0;
}

/*
 * The token may be signed by a key that is newer than ours. 1: look again. At most one fetch a cool-down, whatever comes of it,
 * and never one that the thread's own plan would have had: who sends tokens cannot spend that.
 */
static int forced_fetch(struct keyset *keyset, const char *kid, uint64_t generation, int64_t deadline, int *late)
{
	int again = 0;
	pthread_mutex_lock(&keyset->lock);
	int64_t tick = clock_monotonic(keyset->trust->clock);
	if (keyset->fixed) {
		;
	} else if (keyset->keys && keyset->keys->generation != generation) {
		again = 1;
	} else if (is_refused(keyset, kid, tick)) {
		;
	} else if (keyset->in_flight || (tick >= keyset->forced_from && tick < deadline)) {
		/* Who may not wait does not know whether the key is there by now: that is not the token's fault. */
		*late = !hold_begin(keyset);
		if (!*late) {
			if (keyset->in_flight) {
				*late = await_landing(keyset, deadline) != 0;
			} else {
				/* A look at a file costs no issuer anything. */
				keyset->forced_from = tick + (keyset->trust->published ? LOOK_AGAIN_MS : keyset->settings.cooldown_ms);
				fly_here(keyset, deadline);
			}
			hold_end(keyset);
			again = !*late;
		}
	}
	pthread_mutex_unlock(&keyset->lock);
	return again;
}

static void refuse_kid(struct keyset *keyset, const char *kid)
{
	pthread_mutex_lock(&keyset->lock);
	int64_t tick = clock_monotonic(keyset->trust->clock);
	if (!is_refused(keyset, kid, tick)) {
		struct refused_kid *slot = &keyset->refused[keyset->refused_at++ % KEYSET_REFUSED_KIDS];
		slot->until = tick + COOLDOWNS_REFUSED * keyset->settings.cooldown_ms;
		snprintf(slot->kid, sizeof slot->kid, "%s", kid);
	}
	pthread_mutex_unlock(&keyset->lock);
}

static int unavailable(struct keyset *keyset, struct failure *failure)
{
	char last[FAILURE_TEXT], since[CLOCK_TEXT];
	pthread_mutex_lock(&keyset->lock);
	snprintf(last, sizeof last, "%s", keyset->last_failure[0] ? keyset->last_failure : "not fetched yet");
	clock_text(keyset->fetched, since);
	int had = keyset->keys != NULL;
	pthread_mutex_unlock(&keyset->lock);
	return failure_set(failure, EMA_KEYS_UNAVAILABLE, "%s %.64s: no keys%s%s: %.380s", trust_whose(&keyset->settings), keyset->settings.id,
	                   had ? " that are young enough; the last came at " : "", had ? since : "", last);
}

int keyset_verify(struct keyset *keyset, const struct jws *jws, unsigned allowed, const char *key_issuer, const char *tenant,
                  int64_t deadline, struct keyset_verdict *verdict, struct failure *failure)
{
	int asked = 0, looked = 0, late = 0;
	for (;;) {
		struct keyset_verdict found;
		struct failure why = FAILURE_INIT;
		const struct jwk *key = NULL;
		unsigned failing = 0;
		struct keys *keys = hold(keyset, &found, &failing);
		if (!keys) {
			int code = looked++ ? EMA_KEYS_UNAVAILABLE : first_fetch(keyset, deadline, failure);
			if (code == EMA_OK)
				continue;
			return unavailable(keyset, failure);
		}
		int code = selection_verify(keys->set, jws, allowed, key_issuer, tenant, keyset->settings.kidless_most, &key, &why);
		if (code == EMA_OK) {
			const char *kid = jwk_kid(key);
			snprintf(found.kid, sizeof found.kid, "%s", kid ? kid : "");
			snprintf(found.thumbprint, sizeof found.thumbprint, "%s", jwk_thumbprint(key));
			*verdict = found;
		}
		keys_release(keys);
		if (code == EMA_OK)
			return EMA_OK;
		/* Under that kid there may be a key of another type by now: where it is the key that does not fit, and not what is allowed. */
		const int other_type = code == EMA_BAD_ALGORITHM && jws->algorithm != JOSE_NONE && (allowed & JOSE_BIT(jws->algorithm));
		if (code != EMA_UNKNOWN_KEY && code != EMA_BAD_SIGNATURE && !other_type)
			return failure_set(failure, code, "%s %.64s: %s", trust_whose(&keyset->settings), keyset->settings.id, why.text);
		if (!asked && forced_fetch(keyset, jws->kid, found.generation, deadline, &late)) {
			asked = 1;
			continue;
		}
		if (late)
			return failure_set(failure, EMA_TIMEOUT, "%s %.64s: its keys did not come in time", trust_whose(&keyset->settings), keyset->settings.id);
		if (code == EMA_UNKNOWN_KEY && (failing || found.stale))
			/* Perhaps the issuer has that key by now: that we cannot ask is our outage, not the token's fault. */
			return failure_set(failure, EMA_KEYS_UNAVAILABLE, "%s %.64s: %s, and the issuer cannot be asked", trust_whose(&keyset->settings), keyset->settings.id, why.text);
		if (code == EMA_UNKNOWN_KEY && asked && jws->kid)
			refuse_kid(keyset, jws->kid);
		return failure_set(failure, code, "%s %.64s: %s", trust_whose(&keyset->settings), keyset->settings.id, why.text);
	}
}

const char *keyset_standing_name(enum keyset_standing standing)
{
	static const char *const names[] = { [KEYSET_FIXED] = "fixed", [KEYSET_FRESH] = "fresh", [KEYSET_STALE] = "stale", [KEYSET_READ_ONLY] = "read_only",
		                             [KEYSET_UNAVAILABLE] = "unavailable" };
	return names[standing];
}

int keyset_has(struct keyset *keyset, const char *thumbprint)
{
	int has = 0;
	pthread_mutex_lock(&keyset->lock);
	for (size_t i = 0; keyset->keys && i < keyset->keys->set->count && !has; i++)
		has = !strcmp(jwk_thumbprint(keyset->keys->set->keys[i]), thumbprint);
	pthread_mutex_unlock(&keyset->lock);
	return has;
}

void keyset_state(struct keyset *keyset, struct keyset_state *out)
{
	int64_t since = 0;
	pthread_mutex_lock(&keyset->lock);
	enum keyset_standing standing = refresh_standing(keyset, &since);
	*out = (struct keyset_state){
		.standing = standing,
		.since = since,
		.keys = keyset->keys ? keyset->keys->set->count : 0,
		.fetched = keyset->fetched,
		.fresh_until = keyset->fresh_until,
		.stale_since = keyset->keys ? since : 0,
		.generation = keyset->keys ? keyset->keys->generation : 0,
		.fetches = keyset->fetches,
		.failures = keyset->failures,
	};
	snprintf(out->last_failure, sizeof out->last_failure, "%.255s", keyset->last_failure);
	pthread_mutex_unlock(&keyset->lock);
}
