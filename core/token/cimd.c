#include "cimd.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client.h"
#include "document.h"
#include "fetch.h"
#include "freshness.h"
#include "url.h"

#define CIMD_LIMITS (128 + CIMD_DOCUMENTS_MOST)
#define CIMD_BLOCKED_MOST 8 /* threads that fetch or wait at a time, of all hosts: emad has more, which go on for others */
#define CIMD_BLOCKED_KNOWN 2 /* and so many more for documents that are known and have run out: strangers whose URLs are slow keep none from it */
#define CIMD_RENEWED_MOST (CIMD_BLOCKED_MOST / 2) /* that wait for one that has not, whose keys may be others by now; for more it is as it is known */
#define CIMD_WAIT_STEP_MS 100
#define CIMD_STALE_KEYS_MS (INT64_C(24) * 3600 * 1000)

/* Counted: by the cache, and by each attempt that looks at it. */
struct cimd_entry {
	struct cimd_document document; /* first: what users see */
	atomic_uint holders;
	struct document read;
	char *url;
	int64_t fresh_until, used;     /* monotonic */
	int64_t asked;                 /* monotonic: when it was fetched, or last was to be */
	int renewing;
};

/* How often a host, or a URL that ema.conf lists by itself or whose document is known, was asked: so that URLs that a stranger makes up on a
   listed host cannot spend what these have. */
struct cimd_limit {
	char *name;       /* NULL: free */
	int64_t since;    /* monotonic */
	unsigned fetches;
	int in_flight, told;
};

struct cimd {
	struct trust *trust;
	const struct clock *clock;
	struct log log;
	struct notice notice;
	pthread_mutex_t lock; /* the rest */
	pthread_cond_t landed;
	unsigned blocked, renewed; /* threads that fetch or wait; and of these, for a document that has not run out */
	struct cimd_entry *entries[CIMD_DOCUMENTS_MOST];
	struct cimd_limit limits[CIMD_LIMITS];
};

int cimd_new(struct trust *trust, const struct clock *clock, struct log log, struct notice notice, struct cimd **out, struct failure *failure)
{
	pthread_condattr_t attributes;
	struct cimd *cimd = calloc(1, sizeof *cimd);
	if (!cimd)
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
	cimd->trust = trust;
	cimd->clock = clock;
	cimd->log = log;
	cimd->notice = notice;
	pthread_mutex_init(&cimd->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&cimd->landed, &attributes);
	pthread_condattr_destroy(&attributes);
	*out = cimd;
	return EMA_OK;
}

static void entry_release(struct cimd_entry *entry)
{
	if (!entry || atomic_fetch_sub(&entry->holders, 1) != 1)
		return;
	keyset_close(entry->document.keyset);
	document_free(&entry->read);
	free(entry->url);
	free(entry);
}

void cimd_release(const struct cimd_document *document)
{
	entry_release((struct cimd_entry *)(uintptr_t)document);
}

void cimd_free(struct cimd *cimd)
{
	if (!cimd)
		return;
	for (size_t i = 0; i < CIMD_DOCUMENTS_MOST; i++)
		entry_release(cimd->entries[i]);
	for (size_t i = 0; i < CIMD_LIMITS; i++)
		free(cimd->limits[i].name);
	pthread_cond_destroy(&cimd->landed);
	pthread_mutex_destroy(&cimd->lock);
	free(cimd);
}

int cimd_is_url(const char *text)
{
	return !strncasecmp(text, "https://", 8) || !strncasecmp(text, "http://", 7);
}

/* ---- Which URLs may be asked ---- */

static struct fetch_rules rules_of(const struct conf *conf)
{
	struct fetch_rules rules = conf_fetch_rules(&conf->fetch);
	rules.redirects = 0;
	rules.insecure_http = conf->documents.insecure_http;
	rules.internal_hosts = conf->documents.internal_hosts.list;
	rules.internal_host_count = conf->documents.internal_hosts.count;
	return rules;
}

/* 1 if a segment is "." or "..", its dots written in any way. */
static int has_dots(const char *path)
{
	while (*path == '/') {
		size_t dots = 0, others = 0;
		for (path++; *path && *path != '/'; path++) {
			if (*path == '.') {
				dots++;
			} else if (!strncasecmp(path, "%2e", 3)) {
				dots++;
				path += 2;
			} else {
				others++;
			}
		}
		if (!others && (dots == 1 || dots == 2))
			return 1;
	}
	return 0;
}

/* EMA_OK and what its fetches are counted by; a pointer into conf, or into host. */
static int judge(const struct conf *conf, const char *text, struct url *url, const char **counted, struct failure *failure)
{
	struct fetch_rules rules = rules_of(conf);
	struct failure why = FAILURE_INIT;
	const struct conf_documents *documents = &conf->documents;
	if (strlen(text) > CLIENT_ID_MOST)
		return failure_set(failure, EMA_UNKNOWN_CLIENT, "the client's id is a URL of over %d characters", CLIENT_ID_MOST);
	int code = url_read(text, &rules, "client_id", url, &why);
	if (code)
		return failure_set(failure, code == EMA_OUT_OF_MEMORY ? code : EMA_UNKNOWN_CLIENT, "%s", why.text);
	const char *path = strstr(text, "://") + 3;
	path += strcspn(path, "/?");
	if (*path != '/' || strchr(path, '?') || has_dots(path))
		return failure_set(failure, EMA_UNKNOWN_CLIENT, "client_id: a URL that is one has a path, no query, and no dot segments");
	for (size_t i = 0; i < documents->urls.count; i++)
		if (!strcmp(documents->urls.list[i], text)) {
			*counted = documents->urls.list[i];
			return EMA_OK;
		}
	/* Another port may be another's. */
	if ((url->http || url->port == 443) && url_host_listed(url->host, documents->hosts.list, documents->hosts.count)) {
		*counted = url->host;
		return EMA_OK;
	}
	return failure_set(failure, EMA_UNKNOWN_CLIENT, "client_id is a URL that client_documents does not list, by hosts or urls");
}

int cimd_lists(const struct conf *conf, const char *id)
{
	struct url url;
	const char *counted;
	return judge(conf, id, &url, &counted, NULL) == EMA_OK;
}

static int keys_allowed(const struct conf *conf, const struct url *url, const char *jwks_uri, struct failure *failure)
{
	struct fetch_rules rules = rules_of(conf);
	struct url keys;
	int code = url_read(jwks_uri, &rules, "jwks_uri", &keys, failure);
	if (!code && !url_same_origin(&keys, url) && !(keys.port == 443 && url_host_listed(keys.host, conf->documents.hosts.list, conf->documents.hosts.count)))
		code = failure_set(failure, EMA_CONFIG, "jwks_uri is on another host than the document, which hosts of client_documents does not list");
	return code;
}

/* ---- What is known. Under the lock ---- */

static struct cimd_entry **entry_find(struct cimd *cimd, const char *url)
{
	for (size_t i = 0; i < CIMD_DOCUMENTS_MOST; i++)
		if (cimd->entries[i] && !strcmp(cimd->entries[i]->url, url))
			return &cimd->entries[i];
	return NULL;
}

/* A free place, or that of the one that was used longest ago. */
static struct cimd_entry **entry_place(struct cimd *cimd)
{
	struct cimd_entry **oldest = &cimd->entries[0];
	for (size_t i = 0; i < CIMD_DOCUMENTS_MOST; i++) {
		if (!cimd->entries[i])
			return &cimd->entries[i];
		if (cimd->entries[i]->used < (*oldest)->used)
			oldest = &cimd->entries[i];
	}
	return oldest;
}

/* NULL: no room, since so many hosts were asked in this minute, or no memory. */
static struct cimd_limit *limit_of(struct cimd *cimd, const char *name, int64_t now)
{
	struct cimd_limit *place = NULL;
	for (size_t i = 0; i < CIMD_LIMITS; i++) {
		struct cimd_limit *limit = &cimd->limits[i];
		int over = !limit->name || (!limit->in_flight && now - limit->since >= CIMD_FETCHES_MS);
		if (limit->name && !strcmp(limit->name, name)) {
			if (over) {
				limit->since = now;
				limit->fetches = 0;
				limit->told = 0;
			}
			return limit;
		}
		if (over && !place)
			place = limit;
	}
	char *copy = place ? strdup(name) : NULL;
	if (!copy)
		return NULL;
	free(place->name);
	*place = (struct cimd_limit){ .name = copy, .since = now };
	return place;
}

/* Waits for the fetch that is under way. 0, or -1: no time. */
static int await_landing(struct cimd *cimd, const struct cimd_limit *limit, int64_t deadline)
{
	int late = 0;
	cimd->blocked++;
	while (limit->in_flight && !late) {
		int64_t left = deadline - clock_monotonic(cimd->clock);
		late = left <= 0;
		if (late)
			break;
		/* The deadline is of a clock that may be a test's. */
		const struct timespec until = clock_from_now(left > CIMD_WAIT_STEP_MS ? CIMD_WAIT_STEP_MS : left);
		pthread_cond_timedwait(&cimd->landed, &cimd->lock, &until);
	}
	cimd->blocked--;
	return late ? -1 : 0;
}

/* ---- Fetching ---- */

static int open_keys(struct cimd *cimd, const struct conf *conf, const struct url *url, struct cimd_entry *entry, struct failure *failure)
{
	struct keyset_settings settings = { .id = entry->url, .whose = "client", .issuer = entry->url, .jwks_url = entry->read.jwks_uri,
	                                    .fetch = rules_of(conf), .stale_ms = CIMD_STALE_KEYS_MS, .passing = 1 };
	struct failure why = FAILURE_INIT;
	int code = keys_allowed(conf, url, entry->read.jwks_uri, &why);
	if (!code)
		code = keyset_open(cimd->trust, &settings, &entry->document.keyset, &why);
	return code ? failure_set(failure, code == EMA_OUT_OF_MEMORY ? code : EMA_CLIENT_REFUSED, "%.200s: %.280s", entry->url, why.text) : EMA_OK;
}

/* The host says that it is not there, and not that it is to be asked later: whoever made the URL up is not told to try again. */
static int is_absent(int status)
{
	return status >= 400 && status < 500 && status != 408 && status != 425 && status != 429;
}

/* Without the lock. */
static int entry_fetch(struct cimd *cimd, const struct conf *conf, const char *text, const struct url *url, int64_t deadline, struct cimd_entry **out,
                       int *came, struct failure *failure)
{
	struct fetch_rules rules = rules_of(conf);
	struct fetch_request request = { .url = text, .max_bytes = CIMD_BYTES_MOST, .deadline_ms = deadline - clock_monotonic(cimd->clock) };
	struct fetch_reply reply = { 0 };
	struct failure why = FAILURE_INIT;
	struct cimd_entry *entry = calloc(1, sizeof *entry);
	/* It is as old as the request for it (RFC 9111 4.2.3). */
	const int64_t asked = clock_monotonic(cimd->clock), asked_wall = clock_wall(cimd->clock);
	int code;
	if (!entry || !(entry->url = strdup(text))) {
		free(entry);
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
	}
	atomic_init(&entry->holders, 1);
	code = fetch(&rules, &request, (struct fetch_stop){ NULL, NULL }, &reply, &why);
	if (!code && is_absent(reply.status)) {
		code = failure_set(failure, EMA_CLIENT_REFUSED, "client document: %.300s: HTTP status %d: there is none", text, reply.status);
		goto end;
	}
	if (!code)
		code = fetch_is_json(&reply, text, &why);
	if (code) {
		code = failure_set(failure, code == EMA_OUT_OF_MEMORY ? code : EMA_CLIENT_UNAVAILABLE, "client document: %.440s", why.text);
		goto end;
	}
	*came = 1;
	code = document_read(reply.body, reply.length, text, &entry->read, failure);
	if (!code && entry->read.jwks_uri)
		code = open_keys(cimd, conf, url, entry, failure);
	if (code)
		goto end;
	entry->document.auth = entry->read.auth;
	entry->document.keys = entry->read.keys;
	entry->document.grants = entry->read.grants;
	entry->document.inconsistent = entry->read.inconsistent;
	entry->used = clock_monotonic(cimd->clock);
	entry->asked = asked;
	entry->fresh_until = asked + freshness(&reply, asked_wall);
	*out = entry;
	entry = NULL;
end:
	free(reply.body);
	entry_release(entry);
	return code;
}

/* Keeps a fetched one in the place of what was there. */
static void entry_keep(struct cimd *cimd, struct cimd_entry *entry)
{
	struct cimd_entry **place = entry_find(cimd, entry->url), *before;
	int known = place != NULL;
	if (!known)
		place = entry_place(cimd);
	before = *place;
	*place = entry;
	pthread_mutex_unlock(&cimd->lock);
	if (known && strcmp(before->read.identity, entry->read.identity)) {
		notice_tell(&cimd->notice, "client-document-changed", NOTICE_WARNING, "client", entry->url, "before", before->read.identity,
		            "now", entry->read.identity, NULL);
		log_printf(&cimd->log, LOG_LEVEL_WARNING, "client %s: its keys or its way to authenticate changed", entry->url);
	}
	if (entry->read.inconsistent)
		log_printf(&cimd->log, LOG_LEVEL_WARNING, "client %s: it lists the id-jag profile, and not both token-exchange and jwt-bearer in grant_types", entry->url);
	entry_release(before);
	pthread_mutex_lock(&cimd->lock);
}

/* Takes and returns with the lock. */
static int fetch_counted(struct cimd *cimd, const struct conf *conf, const char *text, const struct url *url, struct cimd_limit *limit, int64_t deadline,
                         struct cimd_entry **out, struct failure *failure)
{
	struct cimd_entry *entry = NULL, **known;
	int came = 0;
	if (limit->fetches >= CIMD_FETCHES_MOST) {
		int tell = !limit->told;
		limit->told = 1;
		pthread_mutex_unlock(&cimd->lock);
		if (tell)
			notice_tell(&cimd->notice, "client-document-limited", NOTICE_WARNING, "client", text, "host", url->host, NULL);
		pthread_mutex_lock(&cimd->lock);
		return failure_set(failure, EMA_CLIENT_UNAVAILABLE, "client document: %s was asked %d times in a minute; no more", url->host, CIMD_FETCHES_MOST);
	}
	if ((known = entry_find(cimd, text))) {
		(*known)->asked = clock_monotonic(cimd->clock);
		(*known)->renewing = 1;
	}
	limit->fetches++;
	limit->in_flight = 1;
	cimd->blocked++;
	pthread_mutex_unlock(&cimd->lock);
	int code = entry_fetch(cimd, conf, text, url, deadline, &entry, &came, failure);
	pthread_mutex_lock(&cimd->lock);
	limit->in_flight = 0;
	cimd->blocked--;
	pthread_cond_broadcast(&cimd->landed);
	if ((known = entry_find(cimd, text))) {
		(*known)->renewing = 0;
		/* What stands there now is no document: what stood there before counts no more, though it may be fresh. */
		if (code == EMA_CLIENT_REFUSED && came)
			(*known)->fresh_until = clock_monotonic(cimd->clock);
	}
	if (code)
		return code;
	atomic_fetch_add(&entry->holders, 1);
	entry_keep(cimd, entry);
	*out = entry;
	return EMA_OK;
}

/* What ema.conf says may have changed since it was fetched. */
static int usable(const struct conf *conf, const struct url *url, const struct cimd_entry *entry, struct failure *failure)
{
	struct failure why = FAILURE_INIT;
	int code = entry->read.jwks_uri ? keys_allowed(conf, url, entry->read.jwks_uri, &why) : EMA_OK;
	if (code)
		return failure_set(failure, code == EMA_OUT_OF_MEMORY ? code : EMA_CLIENT_REFUSED, "client document: %.440s", why.text);
	if (entry->document.auth == AUTH_NONE && !conf->documents.public)
		return failure_set(failure, EMA_CLIENT_METHOD, "client document: it has no keys, and client_documents does not have public = true");
	if (entry->document.inconsistent && conf->documents.strict)
		return failure_set(failure, EMA_CLIENT_REFUSED, "client document: it lists the id-jag profile, and not both token-exchange and jwt-bearer in grant_types");
	return EMA_OK;
}

/* before: NULL, or the document that is to be another one. */
static int get(struct cimd *cimd, const struct conf *conf, const char *text, const struct cimd_document *before, int64_t deadline,
               const struct cimd_document **out, struct failure *failure)
{
	struct cimd_entry *entry = NULL;
	const char *counted = NULL;
	struct url url;
	int waited = 0, code = judge(conf, text, &url, &counted, failure);
	if (code)
		return code;
	pthread_mutex_lock(&cimd->lock);
	while (!entry && !code) {
		int64_t now = clock_monotonic(cimd->clock);
		struct cimd_entry **known = entry_find(cimd, text);
		const int fresh = known && now < (*known)->fresh_until;
		/* At most so often, whatever comes of it: strangers can ask for it. Who comes meanwhile waits, if there are not many. */
		const int renews = known && before == &(*known)->document &&
		                   ((*known)->renewing ? cimd->renewed < CIMD_RENEWED_MOST : now - (*known)->asked >= CIMD_FETCHES_MS);
		if (fresh && !renews) {
			entry = *known;
			entry->used = now;
			atomic_fetch_add(&entry->holders, 1);
			break;
		}
		struct cimd_limit *limit = limit_of(cimd, known ? (*known)->url : counted, now);
		cimd->renewed += fresh;
		if (!limit)
			code = failure_set(failure, EMA_CLIENT_UNAVAILABLE, "client document: too many hosts were asked in a minute");
		else if (now >= deadline)
			code = failure_set(failure, EMA_CLIENT_UNAVAILABLE, "client document: there is no time to fetch it");
		else if (cimd->blocked >= CIMD_BLOCKED_MOST + (known && !fresh ? CIMD_BLOCKED_KNOWN : 0))
			code = failure_set(failure, EMA_CLIENT_UNAVAILABLE, "client document: %d others wait for documents already", CIMD_BLOCKED_MOST);
		else if (!limit->in_flight)
			code = fetch_counted(cimd, conf, text, &url, limit, deadline, &entry, failure);
		else if (waited++ == CIMD_BLOCKED_MOST || await_landing(cimd, limit, deadline))
			code = failure_set(failure, EMA_CLIENT_UNAVAILABLE, "client document: %s is being asked by others", url.host);
		cimd->renewed -= fresh;
	}
	pthread_mutex_unlock(&cimd->lock);
	if (!code)
		code = usable(conf, &url, entry, failure);
	if (code)
		entry_release(entry);
	else
		*out = &entry->document;
	return code;
}

int cimd_get(struct cimd *cimd, const struct conf *conf, const char *url, int64_t deadline, const struct cimd_document **out,
             struct failure *failure)
{
	return get(cimd, conf, url, NULL, deadline, out, failure);
}

int cimd_renew(struct cimd *cimd, const struct conf *conf, const struct cimd_document *document, int64_t deadline, const struct cimd_document **out,
               struct failure *failure)
{
	const struct cimd_entry *entry = (const struct cimd_entry *)document;
	return get(cimd, conf, entry->url, document, deadline, out, failure);
}
