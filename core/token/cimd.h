/* Clients whose id is the URL of a document that says what their keys are (OAuth Client ID Metadata Documents). */
#ifndef TOKEN_CIMD_H
#define TOKEN_CIMD_H

#include <stdint.h>

#include "clock.h"
#include "conf.h"
#include "failure.h"
#include "keyset.h"
#include "log.h"
#include "notice.h"

#define CIMD_BYTES_MOST 5120
#define CIMD_DOCUMENTS_MOST 256
#define CIMD_FETCHES_MOST 10 /* of one host, or of one URL that ema.conf lists or whose document is known, in CIMD_FETCHES_MS */
#define CIMD_FETCHES_MS 60000

/* The documents that are known, and how often their hosts were asked. One a context; thread-safe. */
struct cimd;

int cimd_new(struct trust *trust, const struct clock *clock, struct log log, struct notice notice, struct cimd **out, struct failure *failure);
/* Every document must have been released; before the trust. */
void cimd_free(struct cimd *cimd);

/* Read alone, until it is released. */
struct cimd_document {
	enum conf_auth auth;        /* AUTH_PRIVATE_KEY_JWT or AUTH_NONE */
	const struct jwks *keys;    /* what stands in the document, or NULL and */
	struct keyset *keyset;      /* what its jwks_uri names */
	unsigned grants;            /* GRANT_ bits */
	int inconsistent;           /* JAG-135: it lists the id-jag profile and lacks its grant types */
};

/* 1 if text begins as such a client id does. */
int cimd_is_url(const char *text);
/* 1 if ema.conf lists it, as a URL or by its host. */
int cimd_lists(const struct conf *conf, const char *id);
/*
 * EMA_OK and the document, from what is known or by a fetch until deadline (monotonic ms). EMA_UNKNOWN_CLIENT: no URL that
 * may be a client id, or one that ema.conf does not list: nothing is fetched. EMA_CLIENT_UNAVAILABLE: no answer, or too many
 * fetches. EMA_CLIENT_REFUSED: the host has none there, or no document that can be taken. EMA_OUT_OF_MEMORY.
 */
int cimd_get(struct cimd *cimd, const struct conf *conf, const char *url, int64_t deadline, const struct cimd_document **out,
             struct failure *failure);
/*
 * The same for one that was got, whose keys may be others by now: as it is known, or by a fetch if it was asked for longer ago than
 * CIMD_FETCHES_MS. It may be the same one again, counted once more.
 */
int cimd_renew(struct cimd *cimd, const struct conf *conf, const struct cimd_document *document, int64_t deadline, const struct cimd_document **out,
               struct failure *failure);
void cimd_release(const struct cimd_document *document);

#endif
