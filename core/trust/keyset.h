/* An issuer's keys: found, fetched, cached, refreshed ahead of need, served stale for a bounded time. */
#ifndef TRUST_KEYSET_H
#define TRUST_KEYSET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "clock.h"
#include "failure.h"
#include "jwk.h"
#include "jws.h"
#include "log.h"
#include "notice.h"

/* One a context: the thread that refreshes, the cache folder, what all fetches share. */
struct trust;

struct trust_settings {
	const struct clock *clock;
	struct log log;
	struct notice notice;
	const char *cache_folder; /* NULL: memory alone. Files there are owner-checked; a corrupt one is set aside. */
	int passive;              /* looks at settings alone: no thread, and so no fetch that nobody asked for */
	const char *kept_folder;  /* with publishes: keys are kept there, too; NULL: not */
	int publishes;            /* the folder is for all to read, and keys are fetched as often as who reads there may need */
	int published;            /* the folder is another's, who fetches: it is read again and again, and nothing is fetched */
	uid_t cache_owner;        /* of published: whose files count, besides root's and those of the user that we run as */
};

struct trust *trust_new(const struct trust_settings *settings, struct failure *failure);
/* Ends the thread; a fetch under way is cut off. All key sets must be closed. */
void trust_free(struct trust *trust);

struct fetch_rules {
	const char *proxy;    /* NULL: none; never taken from the environment */
	const char *ca_file;  /* NULL: the system's */
	int64_t connect_ms;   /* 0: 2,000 */
	int64_t total_ms;     /* 0: 5,000 */
	int insecure_http;    /* http is fine, on loopback alone */
	int redirects;        /* 0, or at most 2, https to https on the same host */
	const char *const *internal_hosts; /* that may have private addresses: those that the operator wrote */
	size_t internal_host_count;
	const char *const *jwks_hosts;     /* other hosts that jwks_uri may name */
	size_t jwks_host_count;
};

struct keyset_settings {
	const char *id;            /* for messages */
	const char *whose;         /* what has that id, for messages: a literal; NULL: "provider" */
	const char *issuer;        /* that the discovery document must name */
	const char *jwks_url;      /* where the keys are; NULL: where discovery says */
	const char *discovery_url; /* the one place; NULL: OAuth inserted, OpenID inserted, OpenID appended */
	const char *jwks_file;     /* static keys instead of fetched ones */
	const char *jwks_text;     /* the same, inline */
	struct fetch_rules fetch;
	int64_t stale_ms;          /* served while the issuer is away; default 24 h in conf */
	int64_t read_only_ms;      /* 0: no such bound */
	int64_t cooldown_ms;       /* 0: 60,000: between two fetches for an unknown kid or a bad signature */
	unsigned kidless_most;     /* keys to try for a token without kid; 0: 1 */
	int passing;               /* of whoever names himself, as clients by their documents do: not kept on disk, and fetched behind the others */
};

struct keyset;

/* No network. The same settings as one that is open give the same key set (counted), so that a reload keeps its keys.
   EMA_CONFIG for a bad URL or file. */
int keyset_open(struct trust *trust, const struct keyset_settings *settings, struct keyset **out, struct failure *failure);
void keyset_close(struct keyset *keyset);

/* What it was opened with; lives as long as the key set. */
const struct keyset_settings *keyset_settings_of(const struct keyset *keyset);

struct keyset_verdict {
	int stale;              /* the keys are served although the issuer is away */
	int read_only;          /* and read_only_ms has passed */
	int64_t stale_since;    /* milliseconds since 1970; 0: not stale */
	uint64_t generation;    /* of the keys; rises with each change */
	char kid[JWS_KID_MOST + 1];
	char thumbprint[44];
};

/*
 * Verifies jws with a key of this set, waiting for a first or a forced fetch until deadline (monotonic ms of the clock).
 * key_issuer: NULL, or what the member "issuer" of the key must be, after "{tenantid}" in the key's is replaced by tenant.
 * EMA_OK; EMA_UNKNOWN_KEY, EMA_BAD_SIGNATURE, EMA_BAD_ALGORITHM; EMA_KEYS_UNAVAILABLE; EMA_TIMEOUT.
 */
int keyset_verify(struct keyset *keyset, const struct jws *jws, unsigned allowed, const char *key_issuer, const char *tenant,
                  int64_t deadline, struct keyset_verdict *verdict, struct failure *failure);

/* Is a key with this thumbprint (RFC 7638) among those held now? */
int keyset_has(struct keyset *keyset, const char *thumbprint);

enum keyset_standing {
	KEYSET_FIXED,       /* of the configuration: never fetched */
	KEYSET_FRESH,
	KEYSET_STALE,       /* served although the issuer is away */
	KEYSET_READ_ONLY,   /* and read_only_ms has passed */
	KEYSET_UNAVAILABLE  /* and stale_ms has, or there never were any */
};
/* "fresh", "read_only", ... */
const char *keyset_standing_name(enum keyset_standing standing);

struct keyset_state {
	enum keyset_standing standing;
	int64_t since;        /* when the trouble began, milliseconds since 1970; 0: there is none, or it was not seen yet */
	size_t keys;
	int64_t fetched;      /* last good fetch, milliseconds since 1970; 0: never */
	int64_t fresh_until;
	int64_t stale_since;  /* 0: not stale */
	uint64_t generation;
	uint64_t fetches, failures;
	char last_failure[256];
};
void keyset_state(struct keyset *keyset, struct keyset_state *out);

/* Fetches now, whatever is cached, and tells each step into report (a struct buffer *): for `emactl check --live`. */
struct buffer;
int keyset_probe(const struct keyset_settings *settings, const struct clock *clock, struct buffer *report, struct failure *failure);

/* One safe fetch on behalf of a plugin. The body is a new string. */
struct fetch_request {
	const char *url, *method, *body;
	size_t body_length;
	const char *const *headers;
	size_t header_count;
	size_t max_bytes;
	int64_t deadline_ms; /* that are left */
};
struct fetch_answer {
	int status;
	char *body;
	size_t length;
};
int trust_fetch(struct trust *trust, const struct fetch_rules *rules, const struct fetch_request *request, struct fetch_answer *out,
                struct failure *failure);

#endif
