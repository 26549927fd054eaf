#include "rates.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Who asks is chosen by strangers. So the table has one size, a bucket's place is drawn by a keyed hash, and where there is
   no room the bucket that misses least makes way: it says nearly nothing. */
#define LIMITS_SETS 8192
#define LIMITS_WAYS 8
#define LIMITS_LOCKS 64
#define LIMITS_MINUTE 60000

struct limits_bucket {
	uint64_t print;   /* 0: free */
	int64_t missing;  /* of a thousandth of a request: taken, and not come back yet */
	int64_t at;       /* monotonic ms of missing */
	int64_t most;
};

struct limits {
	const struct clock *clock;
	EVP_MD *sha256;
	unsigned char secret[16];
	pthread_mutex_t locks[LIMITS_LOCKS];
	struct limits_bucket buckets[LIMITS_SETS][LIMITS_WAYS];
};

struct limits *limits_new(const struct clock *clock)
{
	struct limits *limits = calloc(1, sizeof *limits);
	if (!limits)
		return NULL;
	limits->clock = clock;
	limits->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (!limits->sha256 || RAND_bytes(limits->secret, sizeof limits->secret) != 1) {
		EVP_MD_free(limits->sha256);
		free(limits);
		return NULL;
	}
	for (int i = 0; i < LIMITS_LOCKS; i++)
		pthread_mutex_init(&limits->locks[i], NULL);
	return limits;
}

void limits_free(struct limits *limits)
{
	if (!limits)
		return;
	for (int i = 0; i < LIMITS_LOCKS; i++)
		pthread_mutex_destroy(&limits->locks[i]);
	EVP_MD_free(limits->sha256);
	free(limits);
}

static int place(const struct limits *limits, const char *name, uint64_t *print, size_t *set)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	int done = context && EVP_DigestInit_ex(context, limits->sha256, NULL) && EVP_DigestUpdate(context, limits->secret, sizeof limits->secret) &&
	           EVP_DigestUpdate(context, name, strlen(name)) && EVP_DigestFinal_ex(context, digest, NULL);
	EVP_MD_CTX_free(context);
	if (!done)
		return -1;
	memcpy(print, digest, sizeof *print);
	*print |= 1;
	*set = (size_t)(digest[8] | digest[9] << 8) % LIMITS_SETS;
	return 0;
}

/* What is missing now, in thousandths of one request. */
static int64_t missing(const struct limits_bucket *bucket, int64_t now)
{
	int64_t passed = now - bucket->at, back = passed < 0 ? 0 : passed > LIMITS_MINUTE ? LIMITS_MINUTE : passed;
	int64_t left = bucket->missing - back * bucket->most * 1000 / LIMITS_MINUTE;
	return left > 0 ? left : 0;
}

static struct limits_bucket *find(struct limits *limits, uint64_t print, size_t set, int64_t now)
{
	struct limits_bucket *least = NULL;
	int64_t least_missing = 0;
	for (int i = 0; i < LIMITS_WAYS; i++) {
		struct limits_bucket *bucket = &limits->buckets[set][i];
		int64_t is = missing(bucket, now);
		if (bucket->print == print)
			return bucket;
		if (!least || !bucket->print || (least->print && is < least_missing)) {
			least = bucket;
			least_missing = is;
		}
	}
	*least = (struct limits_bucket){ .print = print, .at = now };
	return least;
}

static int64_t take(struct limits *limits, const char *name, int64_t most, int64_t cost, int anyway)
{
	uint64_t print;
	size_t set;
	if (most <= 0)
		return 0;
	/* Without a hash there is nothing to count by; what could not be counted is not let through. */
	if (place(limits, name, &print, &set))
		return 1;
	int64_t now = clock_monotonic(limits->clock), wait = 0;
	pthread_mutex_t *lock = &limits->locks[set % LIMITS_LOCKS];
	pthread_mutex_lock(lock);
	struct limits_bucket *bucket = find(limits, print, set, now);
	int64_t is = missing(bucket, now), then = is + cost * 1000;
	if (then > most * 1000 && !anyway) {
		/* A cost that never fits is let through when the bucket is full. */
		int64_t over = cost > most ? is : then - most * 1000;
		wait = (over * LIMITS_MINUTE / 1000 / most + 999) / 1000;
	}
	if (!wait)
		*bucket = (struct limits_bucket){ print, then < most * 2000 ? then : most * 2000, now, most };
	pthread_mutex_unlock(lock);
	return wait;
}

int64_t limits_take(struct limits *limits, const char *name, int64_t most, int64_t cost)
{
	return take(limits, name, most, cost, 0);
}

void limits_charge(struct limits *limits, const char *name, int64_t most, int64_t cost)
{
	take(limits, name, most, cost, 1);
}
