#include <errno.h>
#include <openssl/rand.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "discovery.h"
#include "freshness.h"
#include "trust.h"

#define REDISCOVER_MS (INT64_C(24) * 60 * 60 * 1000)
#define BACKOFF_FIRST_MS 1000
#define BACKOFF_MOST_MS 60000
#define FLIGHT_MS 20000 /* of a fetch in the background, discovery with it */
#define FAKE_CLOCK_POLL_MS 20
#define LOOK_MS 1000 /* between two looks at what another one publishes */
/* By then a refresh has failed, whose pauses are shorter: who did not see it, with a machine that slept or a process that began
   later, counts from the time when it was due at the latest. */
#define LATE_MOST_MS (INT64_C(2) * 60 * 1000)
#define WAKE_MS INT64_C(60000)  /* the thread looks so often anyway */
#define AHEAD_SECONDS 300       /* an issuer's clock may be so far ahead */

/* What a flight found before it is adopted. */
struct landing {
	struct fetch_reply reply;
	struct jwks *set;
	char *jwks_uri;   /* newly discovered; NULL: as before */
	int unchanged;    /* 304 */
	/* When the keys were asked for, by both clocks. What was on its way for long, with a sleep of the machine in between, is as old as that
	   (RFC 9111 4.2.3). */
	int64_t asked, asked_tick;
};

static int64_t random_below(int64_t bound)
{
	uint32_t value = 0;
	if (bound <= 0 || RAND_bytes((unsigned char *)&value, sizeof value) != 1)
		return 0;
	return (int64_t)(value % (uint64_t)bound);
}

/* The digits of a time in a notice. */
static const char *number(int64_t value, char text[24])
{
	snprintf(text, 24, "%lld", (long long)value);
	return text;
}

static int get(struct keyset *keyset, const char *url, size_t most, const char *etag, int64_t until, struct fetch_reply *out, struct failure *failure)
{
	char condition[FETCH_HEADER_MOST + 20];
	const char *headers[1] = { condition };
	struct fetch_request request = { .url = url, .max_bytes = most, .deadline_ms = until - clock_monotonic(&clock_system) };
	struct fetch_stop stop = { &keyset->trust->stopping, &keyset->closing };
	if (etag && *etag) {
		snprintf(condition, sizeof condition, "If-None-Match: %s", etag);
		request.headers = headers;
		request.header_count = 1;
	}
	return fetch(&keyset->settings.fetch, &request, stop, out, failure);
}

/* JWT-55: the first valid document wins; one that names another issuer is an invalid one, and an alarm. */
static int discover(struct keyset *keyset, int64_t until, char **jwks_uri, struct failure *failure)
{
	const struct keyset_settings *settings = &keyset->settings;
	char *urls[DISCOVERY_PLACES] = { NULL };
	size_t count = discovery_urls(settings->issuer, settings->discovery_url, urls);
	struct failure worst = FAILURE_INIT;
	int code = count ? EMA_UNAVAILABLE : failure_set(&worst, EMA_OUT_OF_MEMORY, "no memory");
	for (size_t i = 0; i < count; i++) {
		struct fetch_reply reply = { 0 };
		struct failure why = FAILURE_INIT;
		code = get(keyset, urls[i], DISCOVERY_BYTES_MOST, NULL, until, &reply, &why);
		if (code == EMA_OK)
			code = fetch_is_json(&reply, urls[i], &why);
		if (code == EMA_OK)
			code = discovery_read(reply.body, reply.length, urls[i], settings, jwks_uri, &why);
		free(reply.body);
		if (code == EMA_OK)
			break;
		/* As in note_failure(): the first time, and then at the powers of two. */
		if (code == EMA_UNKNOWN_ISSUER && !(keyset->failing & (keyset->failing - 1))) {
			notice_tell(&keyset->trust->notice, "issuer-mismatch", NOTICE_ALERT, trust_whose(settings), settings->id, "issuer", settings->issuer,
			            "url", urls[i], "reason", why.text, NULL);
			log_printf(&keyset->trust->log, LOG_LEVEL_ERROR, "%s %s: %s: %s", trust_whose(settings), settings->id, urls[i], why.text);
		}
		/* Of several failures the operator wants the one that says most: not "404" but what is wrong in a document. */
		if (worst.code == EMA_OK || ((worst.code == EMA_UNAVAILABLE || worst.code == EMA_TIMEOUT) && code != EMA_UNAVAILABLE && code != EMA_TIMEOUT))
			worst = why;
	}
	for (size_t i = 0; i < count; i++)
		free(urls[i]);
	if (code != EMA_OK)
		code = failure_set(failure, worst.code, "discovery: %s", worst.text);
	return code;
}

static int has_same_key(const struct jwks *set, const struct jwk *key)
{
	for (size_t i = 0; i < set->count; i++)
		if (jwk_same(set->keys[i], key))
			return 1;
	return 0;
}

static int same_keys(const struct jwks *a, const struct jwks *b)
{
	if (a->count != b->count)
		return 0;
	for (size_t i = 0; i < b->count; i++)
		/* Both ways: where one key stands twice, the other set may have one that is withdrawn. */
		if (!has_same_key(a, b->keys[i]) || !has_same_key(b, a->keys[i]))
			return 0;
	return 1;
}

/*
 * JWT-40: a copy that a cache on the way kept from before must not bring a withdrawn key back. A date that is still to come says nothing
 * (RFC 9110 8.8.2.1); and where ours may not be used any more, there is nothing that an older set could bring back.
 */
static int is_rollback(const struct keyset *keyset, const struct landing *landing)
{
	int64_t held = freshness_date(keyset->last_modified), came = freshness_date(landing->reply.last_modified), since;
	/* Without these what tells is when each was made; the clocks of an issuer's machines may differ a little. */
	if (held < 0 || came < 0) {
		held = keyset->date - AHEAD_SECONDS;
		came = freshness_date(landing->reply.date);
	}
	return keyset->keys && held >= 0 && came >= 0 && came < held && held <= clock_wall(keyset->trust->clock) / 1000 + AHEAD_SECONDS &&
	       !same_keys(keyset->keys->set, landing->set) && refresh_standing(keyset, &since) != KEYSET_UNAVAILABLE;
}

static void store(struct keyset *keyset, const struct cache_entry *entry)
{
	struct failure failure = FAILURE_INIT;
	const struct cache *const caches[] = { &keyset->trust->cache, &keyset->trust->kept };
	for (int i = 0; i < 2 && !keyset->settings.passing; i++)
		if (caches[i]->folder && cache_store(caches[i], keyset->source, entry, clock_wall(keyset->trust->clock), &failure) != EMA_OK)
			log_printf(&keyset->trust->log, LOG_LEVEL_WARNING, "%s %s: keys not kept on disk: %s", trust_whose(&keyset->settings), keyset->settings.id, failure.text);
}

/* What is held, for the disk. It has pointers into the key set. */
static struct cache_entry entry_of(const struct keyset *keyset)
{
	struct cache_entry entry = { .fetched = keyset->fetched, .fresh_until = keyset->fresh_until, .jwks_uri = keyset->jwks_uri,
	                             .keys = keyset->body, .length = keyset->length, .exposed = keyset->exposed };
	memcpy(entry.etag, keyset->etag, sizeof entry.etag);
	memcpy(entry.last_modified, keyset->last_modified, sizeof entry.last_modified);
	return entry;
}

/* What is held ceases to verify by keys that are exposed; if it cannot be read again without them, by any. */
static void withdraw(struct keyset *keyset)
{
	struct jwks *set = NULL;
	struct keys *rest = NULL, *old = keyset->keys;
	if (!old || !exposed_has(&keyset->exposed, old->set))
		return;
	if (keyset->body && jwks_parse(keyset->body, keyset->length, &set, NULL) == EMA_OK) {
		exposed_drop(&keyset->exposed, set);
		if (set->count && (rest = keys_new(set))) {
			rest->generation = atomic_fetch_add(&keyset->trust->generation, 1) + 1;
			set = NULL;
		}
	}
	jwks_free(set);
	pthread_mutex_lock(&keyset->lock);
	keyset->keys = rest;
	pthread_mutex_unlock(&keyset->lock);
	keys_release(old);
}

/* Keys whose private half came: they verify nothing any more, also if no key is left, and after a restart. */
static void expose(struct keyset *keyset, struct landing *landing, const char *url)
{
	struct jwks *set = landing->set;
	struct buffer thumbprints = BUFFER_INIT(EXPOSED_TEXT);
	size_t news = exposed_note(&keyset->exposed, set->exposed, set->exposed_count);
	for (size_t i = 0; i < set->exposed_count; i++)
		buffer_printf(&thumbprints, "%s%s", i ? " " : "", set->exposed[i]);
	/* As in note_failure(). */
	if (set->had_private && (news || !(keyset->failing & (keyset->failing - 1))))
		notice_tell(&keyset->trust->notice, "keys-private-member", NOTICE_ALERT, trust_whose(&keyset->settings), keyset->settings.id, "issuer",
		            keyset->settings.issuer, "url", url, "thumbprints", thumbprints.data, "reason",
		            "a private key was published: the key is not used any more, with or without its private half; its owner must replace it", NULL);
	buffer_free(&thumbprints);
	exposed_drop(&keyset->exposed, set);
	if (!news)
		return;
	withdraw(keyset);
	struct cache_entry entry = entry_of(keyset);
	if (!keyset->body) {
		entry.keys = landing->reply.body;
		entry.length = landing->reply.length;
		entry.fetched = entry.fresh_until = clock_wall(keyset->trust->clock);
	}
	store(keyset, &entry);
}

/* Only who set in_flight reads jwks_uri, etag and discovered without the lock: nobody else writes them. */
static int fly(struct keyset *keyset, int64_t until, struct landing *landing, struct failure *failure)
{
	const struct keyset_settings *settings = &keyset->settings;
	const char *url = settings->jwks_url ? settings->jwks_url : keyset->jwks_uri;
	int64_t tick = clock_monotonic(keyset->trust->clock);
	if (!settings->jwks_url && (!url || keyset->failing || tick - keyset->discovered >= REDISCOVER_MS)) {
		struct failure why = FAILURE_INIT;
		int code = discover(keyset, until, &landing->jwks_uri, &why);
		/* A discovery server that is away is no reason against keys that are where they were. */
		if (code != EMA_OK && (!url || (code != EMA_UNAVAILABLE && code != EMA_TIMEOUT)))
			return failure_set(failure, code, "%s", why.text);
		if (code == EMA_OK)
			url = landing->jwks_uri;
	}
	const char *etag = keyset->keys && (!landing->jwks_uri || (keyset->jwks_uri && !strcmp(url, keyset->jwks_uri))) ? keyset->etag : NULL;
	landing->asked = clock_wall(keyset->trust->clock);
	landing->asked_tick = clock_monotonic(keyset->trust->clock);
	int code = get(keyset, url, KEYSET_BODY_MOST, etag, until, &landing->reply, failure);
	if (code != EMA_OK)
		return code;
	if (landing->reply.status == 304 && etag && *etag) {
		landing->unchanged = 1;
		return EMA_OK;
	}
	code = fetch_is_json(&landing->reply, url, failure);
	if (code != EMA_OK)
		return code;
	struct failure why = FAILURE_INIT;
	code = jwks_parse(landing->reply.body, landing->reply.length, &landing->set, &why);
	if (code != EMA_OK)
		return failure_set(failure, code, "%.200s: %.280s", url, why.text);
	expose(keyset, landing, url);
	if (!landing->set->count)
		return failure_set(failure, EMA_BAD_CLAIM, "%.200s: the key set has no usable key%s%.200s", url,
		                   landing->set->skipped ? ": " : "", landing->set->skipped ? landing->set->skipped_why : "");
	if (is_rollback(keyset, landing))
		return failure_set(failure, EMA_BAD_CLAIM, "%.200s: the key set is older (Last-Modified, or Date) than the one that is held", url);
	return EMA_OK;
}

static void describe(const struct jwks *set, struct buffer *kids, struct buffer *thumbprints)
{
	for (size_t i = 0; i < set->count; i++) {
		const char *kid = jwk_kid(set->keys[i]);
		buffer_printf(kids, "%s%.64s", i ? " " : "", kid ? kid : "-");
		buffer_printf(thumbprints, "%s%s", i ? " " : "", jwk_thumbprint(set->keys[i]));
	}
}

static void tell_fetched(struct keyset *keyset, const struct keys *keys, const char *url)
{
	struct buffer kids = BUFFER_INIT(8192), thumbprints = BUFFER_INIT(8192);
	char generation[24];
	describe(keys->set, &kids, &thumbprints);
	notice_tell(&keyset->trust->notice, "keys-fetched", NOTICE_INFO, trust_whose(&keyset->settings), keyset->settings.id, "issuer", keyset->settings.issuer,
	            "url", url, "kids", kids.data, "thumbprints", thumbprints.data, "generation", number((int64_t)keys->generation, generation), NULL);
	log_printf(&keyset->trust->log, LOG_LEVEL_INFO, "%s %s: %zu keys from %s%s%s", trust_whose(&keyset->settings), keyset->settings.id, keys->set->count, url,
	           keys->set->skipped ? "; one or more skipped: " : "", keys->set->skipped ? keys->set->skipped_why : "");
	buffer_free(&kids);
	buffer_free(&thumbprints);
}

/* What is on the disk; what is published again from what was kept. */
static int load(struct keyset *keyset, struct cache_entry *out)
{
	struct trust *trust = keyset->trust;
	struct cache_entry kept = { 0 };
	struct failure failure = FAILURE_INIT;
	int found = cache_load(&trust->cache, keyset->source, out);
	if (!trust->kept.folder || !cache_load(&trust->kept, keyset->source, &kept))
		return found;
	/* One that was fetched later than now was fetched by a clock that was ahead, and what was published since by one that was right. */
	if (found && (out->fetched >= kept.fetched || kept.fetched > clock_wall(trust->clock))) {
		cache_entry_free(&kept);
		return 1;
	}
	if (found)
		cache_entry_free(out);
	*out = kept;
	if (cache_store(&trust->cache, keyset->source, out, clock_wall(trust->clock), &failure) != EMA_OK)
		log_printf(&trust->log, LOG_LEVEL_WARNING, "%s %s: keys not published: %s", trust_whose(&keyset->settings), keyset->settings.id, failure.text);
	return 1;
}

static void plan(struct keyset *keyset, int64_t tick)
{
	/* Who reads what is published cannot have it fetched for a kid that he does not know: so it is not long until it is anyway. */
	int64_t life = keyset->trust->publishes && keyset->life > FRESHNESS_LEAST ? FRESHNESS_LEAST : keyset->life;
	/* Ahead of need, and not all of the world at once: between 70 and 80 % of the time that the keys are fresh. */
	keyset->due = tick + life * 8 / 10 - random_below(life / 10);
}

static int adopt(struct keyset *keyset, struct landing *landing, struct failure *failure)
{
	struct trust *trust = keyset->trust;
	struct keys *fresh = NULL, *old = NULL;
	char *old_uri = NULL, *body = NULL;
	int changed = 0, moved = 0, back = 0;

	if (landing->set) {
		fresh = keys_new(landing->set);
		if (!fresh)
			return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
		landing->set = NULL;
	}
	pthread_mutex_lock(&keyset->lock);
	if (fresh) {
		changed = !keyset->keys || !same_keys(keyset->keys->set, fresh->set);
		if (changed) {
			fresh->generation = atomic_fetch_add(&trust->generation, 1) + 1;
			old = keyset->keys;
			keyset->keys = fresh;
			memset(keyset->refused, 0, sizeof keyset->refused);
		} else {
			old = fresh;
		}
		body = keyset->body;
		keyset->body = landing->reply.body;
		keyset->length = landing->reply.length;
		landing->reply.body = NULL;
		memcpy(keyset->etag, landing->reply.etag, sizeof keyset->etag);
		memcpy(keyset->last_modified, landing->reply.last_modified, sizeof keyset->last_modified);
	}
	if (landing->jwks_uri) {
		moved = keyset->jwks_uri && strcmp(keyset->jwks_uri, landing->jwks_uri);
		old_uri = keyset->jwks_uri;
		keyset->jwks_uri = landing->jwks_uri;
		landing->jwks_uri = NULL;
		keyset->discovered = landing->asked_tick;
	}
	back = keyset->told > KEYSET_FRESH || keyset->failing;
	/* That of a 304 may be its cache's; after a restart there is no other. */
	if (fresh || keyset->date <= 0)
		keyset->date = freshness_date(landing->reply.date);
	keyset->life = freshness(&landing->reply, landing->asked);
	keyset->fetched = landing->asked;
	keyset->fetched_tick = landing->asked_tick;
	keyset->fresh_until = landing->asked + keyset->life;
	keyset->failing = 0;
	keyset->failing_since = 0;
	keyset->late = -1;
	keyset->told = KEYSET_FRESH;
	keyset->last_failure[0] = 0;
	plan(keyset, landing->asked_tick);
	pthread_mutex_unlock(&keyset->lock);

	/* in_flight is still ours: keys, body and jwks_uri cannot change under us. */
	const char *url = keyset->settings.jwks_url ? keyset->settings.jwks_url : keyset->jwks_uri;
	if (moved)
		notice_tell(&trust->notice, "jwks-uri-changed", NOTICE_WARNING, trust_whose(&keyset->settings), keyset->settings.id, "issuer", keyset->settings.issuer,
		            "before", old_uri, "now", url, NULL);
	if (changed)
		tell_fetched(keyset, keyset->keys, url);
	if (back)
		notice_tell(&trust->notice, "keys-back", NOTICE_INFO, trust_whose(&keyset->settings), keyset->settings.id, "issuer", keyset->settings.issuer, NULL);
	struct cache_entry entry = entry_of(keyset);
	store(keyset, &entry);
	keys_release(old);
	free(old_uri);
	free(body);
	return EMA_OK;
}

/* Milliseconds since the keys ceased to be fresh, 0 or less: they are fresh. */
static int64_t overdue_of(const struct keyset *keyset)
{
	int64_t by_wall = clock_wall(keyset->trust->clock) - keyset->fresh_until;
	int64_t by_tick = clock_monotonic(keyset->trust->clock) - keyset->fetched_tick - keyset->life;
	return by_wall > by_tick ? by_wall : by_tick;
}

enum keyset_standing refresh_standing(const struct keyset *keyset, int64_t *since)
{
	*since = 0;
	if (keyset->fixed)
		return KEYSET_FIXED;
	if (!keyset->keys) {
		*since = keyset->failing_since;
		return KEYSET_UNAVAILABLE;
	}
	int64_t overdue = overdue_of(keyset), late = keyset->late > 0 ? keyset->late : 0;
	if (overdue <= 0)
		return KEYSET_FRESH;
	*since = keyset->fresh_until + late;
	if (!keyset->settings.stale_ms || overdue - late > keyset->settings.stale_ms)
		return KEYSET_UNAVAILABLE;
	return keyset->settings.read_only_ms > 0 && overdue - late >= keyset->settings.read_only_ms ? KEYSET_READ_ONLY : KEYSET_STALE;
}

/* Each step of an outage once. */
static void tell_standing(struct keyset *keyset, enum keyset_standing standing, int64_t since, const char *why)
{
	static const char *const kinds[] = { [KEYSET_STALE] = "keys-stale", [KEYSET_READ_ONLY] = "keys-read-only", [KEYSET_UNAVAILABLE] = "keys-unavailable" };
	char text[CLOCK_TEXT];
	clock_text(since, text);
	notice_tell(&keyset->trust->notice, kinds[standing], standing == KEYSET_UNAVAILABLE ? NOTICE_ERROR : NOTICE_WARNING, trust_whose(&keyset->settings),
	            keyset->settings.id, "issuer", keyset->settings.issuer, "since", since ? text : NULL, "reason", why, NULL);
}

static void note_failure(struct keyset *keyset, const struct failure *failure)
{
	struct trust *trust = keyset->trust;
	char count[24];
	int64_t since = 0;
	pthread_mutex_lock(&keyset->lock);
	unsigned failing = ++keyset->failing;
	if (failing == 1)
		keyset->failing_since = clock_wall(trust->clock);
	keyset->failures++;
	snprintf(keyset->last_failure, sizeof keyset->last_failure, "%s", failure->text);
	int64_t wait = trust->published ? LOOK_MS : failing > 6 ? BACKOFF_MOST_MS : (int64_t)BACKOFF_FIRST_MS << (failing - 1);
	keyset->due = clock_monotonic(trust->clock) + wait + random_below(wait / 4);
	if (keyset->keys && keyset->late < 0 && overdue_of(keyset) > 0)
		keyset->late = overdue_of(keyset) < LATE_MOST_MS ? overdue_of(keyset) : LATE_MOST_MS;
	enum keyset_standing standing = refresh_standing(keyset, &since);
	int news = standing > keyset->told && standing > KEYSET_FRESH;
	if (news)
		keyset->told = standing;
	pthread_mutex_unlock(&keyset->lock);
	/* The first, and then the powers of two: an outage of a night is no flood in the audit trail. */
	if (!(failing & (failing - 1))) {
		notice_tell(&trust->notice, "keys-failed", NOTICE_ERROR, trust_whose(&keyset->settings), keyset->settings.id, "issuer", keyset->settings.issuer,
		            "reason", failure->text, "failures", number(failing, count), NULL);
		log_printf(&trust->log, LOG_LEVEL_ERROR, "%s %s: keys not fetched: %s", trust_whose(&keyset->settings), keyset->settings.id, failure->text);
	}
	if (news)
		tell_standing(keyset, standing, since, failure->text);
}

/* ---- What another one published ---- */

/* Its times, as far as they can be so: what can be wrong is on the side of fetching again soon. */
static int64_t entry_life(struct cache_entry *entry, int64_t now)
{
	int64_t life = entry->fresh_until > entry->fetched ? entry->fresh_until - entry->fetched : 0;
	if (entry->fetched > now)
		entry->fetched = now; /* a clock that was set */
	return life > FRESHNESS_MOST ? 0 : life;
}

/* JWT-40: no older one replaces a newer one, unless that was fetched by a clock that was wrong. */
static int entry_keys(struct keyset *keyset, struct cache_entry *entry, int64_t now, struct keys **out, struct failure *failure)
{
	const char *folder = keyset->trust->cache.folder;
	struct jwks *set = NULL;
	struct failure why = FAILURE_INIT;
	if (entry->fetched < keyset->published && keyset->published <= now)
		return failure_set(failure, EMA_BAD_CLAIM, "%.300s: the keys there are older than those that were taken from there before", folder);
	int code = jwks_parse(entry->keys, entry->length, &set, &why);
	if (code != EMA_OK)
		return failure_set(failure, code, "%.200s: %.280s", folder, why.text);
	exposed_note(&keyset->exposed, entry->exposed.thumbprints, entry->exposed.count);
	exposed_note(&keyset->exposed, set->exposed, set->exposed_count);
	exposed_drop(&keyset->exposed, set);
	if (set->count)
		*out = keys_new(set);
	if (*out)
		return EMA_OK;
	if (set->count)
		code = failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
	else
		code = failure_set(failure, EMA_BAD_CLAIM, "%.200s: the key set has no usable key%s%.200s", folder, set->skipped ? ": " : "",
		                   set->skipped ? set->skipped_why : "");
	jwks_free(set);
	return code;
}

static int take_entry(struct keyset *keyset, struct cache_entry *entry, const struct published_stamp *stamp, struct failure *failure)
{
	struct trust *trust = keyset->trust;
	struct keys *fresh = NULL, *old = NULL;
	int64_t now = clock_wall(trust->clock), tick = clock_monotonic(trust->clock), said = entry->fetched;
	int changed, code = entry_keys(keyset, entry, now, &fresh, failure);
	if (code != EMA_OK) {
		withdraw(keyset);
		return code;
	}
	pthread_mutex_lock(&keyset->lock);
	changed = !keyset->keys || !same_keys(keyset->keys->set, fresh->set);
	old = changed ? keyset->keys : fresh;
	if (changed) {
		fresh->generation = atomic_fetch_add(&trust->generation, 1) + 1;
		keyset->keys = fresh;
		memset(keyset->refused, 0, sizeof keyset->refused);
	}
	keyset->life = entry_life(entry, now);
	keyset->fetched = entry->fetched;
	keyset->fetched_tick = tick - (now - entry->fetched);
	keyset->fresh_until = entry->fetched + keyset->life;
	keyset->published = said;
	keyset->stamp = *stamp;
	pthread_mutex_unlock(&keyset->lock);
	if (changed)
		tell_fetched(keyset, keyset->keys, trust->cache.folder);
	keys_release(old);
	return EMA_OK;
}

/* Takes what is new there. What is not right leaves the keys as they are, which then grow old. */
static int look(struct keyset *keyset, struct failure *failure)
{
	struct trust *trust = keyset->trust;
	struct published_stamp stamp = keyset->stamp;
	struct cache_entry entry = { 0 };
	struct failure why = FAILURE_INIT;
	int changed = 0, back = 0;
	int code = cache_look(&trust->cache, keyset->source, &stamp, &changed, &entry, &why);
	if (code == EMA_ABSENT)
		return failure_set(failure, EMA_UNAVAILABLE, "emad has not published them: it must run, and have this issuer with the same settings (%.300s)", why.text);
	if (code == EMA_OK && changed)
		code = take_entry(keyset, &entry, &stamp, &why);
	cache_entry_free(&entry);
	if (code != EMA_OK)
		return failure_set(failure, code, "%s", why.text);
	pthread_mutex_lock(&keyset->lock);
	if (overdue_of(keyset) > 0) {
		code = EMA_UNAVAILABLE;
	} else {
		back = keyset->told > KEYSET_FRESH || keyset->failing;
		keyset->failing = 0;
		keyset->failing_since = 0;
		keyset->late = -1;
		keyset->told = KEYSET_FRESH;
		keyset->last_failure[0] = 0;
		keyset->due = clock_monotonic(trust->clock) + LOOK_MS;
	}
	pthread_mutex_unlock(&keyset->lock);
	if (code != EMA_OK)
		return failure_set(failure, code, "emad has not fetched them anew: it does not run, or the issuer does not answer it");
	if (back)
		notice_tell(&trust->notice, "keys-back", NOTICE_INFO, trust_whose(&keyset->settings), keyset->settings.id, "issuer", keyset->settings.issuer, NULL);
	return EMA_OK;
}

/* ---- When ---- */

void refresh_run(struct keyset *keyset, int64_t wait_ms)
{
	struct landing landing = { .unchanged = 0 };
	struct failure failure = FAILURE_INIT;
	const int published = keyset->trust->published;
	int code = published ? look(keyset, &failure)
	                     : fly(keyset, clock_monotonic(&clock_system) + (wait_ms < FLIGHT_MS ? wait_ms : FLIGHT_MS), &landing, &failure);
	if (code == EMA_OK && !published)
		code = adopt(keyset, &landing, &failure);
	/* Cut off from outside: nothing was learnt of the issuer. */
	if (code != EMA_OK && !atomic_load(&keyset->closing) && !atomic_load(&keyset->trust->stopping))
		note_failure(keyset, &failure);
	jwks_free(landing.set);
	free(landing.reply.body);
	free(landing.jwks_uri);
	pthread_mutex_lock(&keyset->lock);
	keyset->fetches += !published;
	keyset->flights++;
	keyset->in_flight = 0;
	pthread_cond_broadcast(&keyset->landed);
	pthread_mutex_unlock(&keyset->lock);
}

void refresh_load(struct keyset *keyset)
{
	struct trust *trust = keyset->trust;
	struct cache_entry entry = { 0 };
	struct jwks *set = NULL;
	/* What is published is looked at as soon as the thread runs. */
	if (!trust->cache.folder || trust->published || keyset->settings.passing || !load(keyset, &entry))
		return;
	int64_t now = clock_wall(trust->clock), tick = clock_monotonic(trust->clock), life = entry_life(&entry, now);
	keyset->exposed = entry.exposed;
	if (now - entry.fetched > life + keyset->settings.stale_ms)
		goto end;
	if (jwks_parse(entry.keys, entry.length, &set, NULL) != EMA_OK)
		goto end;
	exposed_note(&keyset->exposed, set->exposed, set->exposed_count);
	exposed_drop(&keyset->exposed, set);
	if (!set->count)
		goto end;
	keyset->keys = keys_new(set);
	if (!keyset->keys)
		goto end;
	set = NULL;
	keyset->keys->generation = atomic_fetch_add(&trust->generation, 1) + 1;
	keyset->body = entry.keys;
	keyset->length = entry.length;
	entry.keys = NULL;
	if (!keyset->settings.jwks_url && *entry.jwks_uri) {
		keyset->jwks_uri = entry.jwks_uri;
		entry.jwks_uri = NULL;
		keyset->discovered = tick - REDISCOVER_MS; /* the document is read again with the first fetch */
	}
	memcpy(keyset->etag, entry.etag, sizeof keyset->etag);
	memcpy(keyset->last_modified, entry.last_modified, sizeof keyset->last_modified);
	keyset->fetched = entry.fetched;
	keyset->life = life;
	keyset->fresh_until = entry.fetched + life;
	keyset->fetched_tick = tick - (now - entry.fetched);
	plan(keyset, keyset->fetched_tick);
	log_printf(&trust->log, LOG_LEVEL_INFO, "%s %s: %zu keys from the cache on disk", trust_whose(&keyset->settings), keyset->settings.id, keyset->keys->set->count);
end:
	jwks_free(set);
	cache_entry_free(&entry);
}

/* In monotonic milliseconds. */
static int64_t due_of(const struct keyset *keyset, int64_t tick)
{
	const int found_old = keyset->keys && !keyset->failing && !keyset->trust->published && keyset->due > tick && overdue_of(keyset) > 0;
	return found_old && tick - keyset->fetched_tick >= keyset->settings.cooldown_ms ? tick : keyset->due;
}

int refresh_is_due(const struct keyset *keyset)
{
	const int64_t tick = clock_monotonic(keyset->trust->clock);
	return due_of(keyset, tick) <= tick;
}

/* Of two that are due the one that the operator wrote; else the one that is so first. */
static int goes_before(const struct keyset *a, int64_t a_due, const struct keyset *b, int64_t b_due, int64_t tick)
{
	if (a_due <= tick && b_due <= tick && a->settings.passing != b->settings.passing)
		return b->settings.passing;
	return a_due < b_due;
}

/* The key set that is due first. Under trust->lock. */
static struct keyset *most_due(struct trust *trust, int64_t *due)
{
	struct keyset *first = NULL;
	const int64_t tick = clock_monotonic(trust->clock);
	for (struct keyset *keyset = trust->first; keyset; keyset = keyset->next) {
		if (keyset->fixed || atomic_load(&keyset->closing))
			continue;
		pthread_mutex_lock(&keyset->lock);
		const int64_t own = due_of(keyset, tick);
		if (!keyset->in_flight && (!first || goes_before(keyset, own, first, *due, tick))) {
			first = keyset;
			*due = own;
		}
		pthread_mutex_unlock(&keyset->lock);
	}
	return first;
}

static void sleep_until(struct trust *trust, int64_t wait)
{
	/* A clock of a test moves without telling. */
	if (trust->clock->monotonic != clock_system.monotonic && (wait < 0 || wait > FAKE_CLOCK_POLL_MS))
		wait = FAKE_CLOCK_POLL_MS;
	if (wait < 0) {
		pthread_cond_wait(&trust->changed, &trust->lock);
		return;
	}
	/* The other clock moves without telling, too. */
	const struct timespec until = clock_from_now(wait < WAKE_MS ? wait : WAKE_MS);
	pthread_cond_timedwait(&trust->changed, &trust->lock, &until);
}

/* Takes the flight if nobody has it, or had it since it was found to be due. */
static int take_off(struct keyset *keyset)
{
	pthread_mutex_lock(&keyset->lock);
	const int ours = !keyset->in_flight && refresh_is_due(keyset);
	if (ours)
		keyset->in_flight = 1;
	pthread_mutex_unlock(&keyset->lock);
	return ours;
}

static void *run(void *data)
{
	struct trust *trust = data;
	pthread_mutex_lock(&trust->lock);
	while (!atomic_load(&trust->stopping)) {
		int64_t due = 0;
		struct keyset *keyset = most_due(trust, &due);
		int64_t wait = keyset ? due - clock_monotonic(trust->clock) : 1000;
		if (!keyset && !trust->first)
			wait = -1;
		if (!keyset || wait > 0) {
			sleep_until(trust, wait);
			continue;
		}
		if (!take_off(keyset))
			continue;
		keyset->held++;
		pthread_mutex_unlock(&trust->lock);
		refresh_run(keyset, FLIGHT_MS);
		pthread_mutex_lock(&trust->lock);
		if (!--keyset->held && !keyset->opened)
			keyset_free(keyset); /* closed meanwhile; it is in no list any more */
	}
	pthread_mutex_unlock(&trust->lock);
	return NULL;
}

int refresh_start(struct trust *trust, struct failure *failure)
{
	sigset_t all, old;
	if (trust->has_thread || trust->passive)
		return EMA_OK;
	sigfillset(&all); /* the program's signals are the program's */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int error = pthread_create(&trust->thread, NULL, run, trust);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error)
		return failure_set(failure, EMA_OUT_OF_MEMORY, "the thread that fetches keys cannot be started: %s", strerror(error));
	trust->has_thread = 1;
	return EMA_OK;
}

void refresh_wake(struct trust *trust)
{
	pthread_mutex_lock(&trust->lock);
	pthread_cond_signal(&trust->changed);
	pthread_mutex_unlock(&trust->lock);
}

void refresh_stop(struct trust *trust)
{
	pthread_mutex_lock(&trust->lock);
	atomic_store(&trust->stopping, 1);
	pthread_cond_signal(&trust->changed);
	pthread_mutex_unlock(&trust->lock);
	if (trust->has_thread)
		pthread_join(trust->thread, NULL);
}
