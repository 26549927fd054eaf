#include "trust.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"

#define PLUGIN_BYTES_MOST 1048576
#define PLUGIN_BYTES_DEFAULT 65536

struct trust *trust_new(const struct trust_settings *settings, struct failure *failure)
{
	pthread_condattr_t attributes;
	/* Counted inside of curl and taken back in trust_free(): it sets up curl alone, nothing that a program could notice. */
	if (curl_global_init(CURL_GLOBAL_DEFAULT)) {
		failure_set(failure, EMA_INTERNAL, "libcurl cannot be initialised");
		return NULL;
	}
	struct trust *trust = calloc(1, sizeof *trust);
	char *folder = settings->cache_folder ? strdup(settings->cache_folder) : NULL, *kept = settings->kept_folder ? strdup(settings->kept_folder) : NULL;
	if (!trust || (settings->cache_folder && !folder) || (settings->kept_folder && !kept)) {
		free(folder);
		free(kept);
		free(trust);
		curl_global_cleanup();
		failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
		return NULL;
	}
	trust->clock = settings->clock ? settings->clock : &clock_system;
	trust->passive = settings->passive;
	trust->log = settings->log;
	trust->publishes = settings->publishes;
	trust->published = settings->published;
	trust->cache = (struct cache){ folder, settings->cache_owner, settings->log, settings->publishes };
	trust->kept = (struct cache){ .folder = kept, .log = settings->log };
	trust->notice = settings->notice;
	pthread_mutex_init(&trust->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&trust->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	return trust;
}

void trust_free(struct trust *trust)
{
	if (!trust)
		return;
	refresh_stop(trust);
	pthread_cond_destroy(&trust->changed);
	pthread_mutex_destroy(&trust->lock);
	free((void *)(uintptr_t)trust->cache.folder);
	free((void *)(uintptr_t)trust->kept.folder);
	free(trust);
	curl_global_cleanup();
}

int trust_fetch(struct trust *trust, const struct fetch_rules *rules, const struct fetch_request *request, struct fetch_answer *out,
                struct failure *failure)
{
	struct fetch_reply reply = { 0 };
	struct fetch_request bounded = *request;
	struct fetch_stop stop = { &trust->stopping, NULL };
	if (!bounded.max_bytes)
		bounded.max_bytes = PLUGIN_BYTES_DEFAULT;
	if (bounded.max_bytes > PLUGIN_BYTES_MOST)
		bounded.max_bytes = PLUGIN_BYTES_MOST;
	int code = fetch(rules, &bounded, stop, &reply, failure);
	if (code == EMA_OK)
		*out = (struct fetch_answer){ reply.status, reply.body, reply.length };
	return code;
}
