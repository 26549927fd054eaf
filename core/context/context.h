/* A context: the configuration in place and what outlives it. */
#ifndef CONTEXT_CONTEXT_H
#define CONTEXT_CONTEXT_H

#include <pthread.h>

#include "audit.h"
#include "clock.h"
#include "conf.h"
#include "ema/ema.h"
#include "host.h"
#include "marks.h"
#include "notice.h"
#include "request.h"
#include "snapshot.h"
#include "store.h"

struct sink;
struct answers;

struct ema_context {
	struct clock clock;
	struct log log;
	char *plugin_path;
	int observer;                 /* looks, and serves nothing */
	unsigned char *alive;         /* a page that fork() empties: 1 in the process that made the context */

	pthread_mutex_t load_lock;    /* one load at a time; guards what is below but for snapshot */
	char *path;                   /* of the last ema_load() */
	char *error;
	struct trust *trust;
	struct audit *audit;
	struct notice notice;         /* into audit */
	struct store *store;
	struct marks *marks;          /* revocation; NULL for an observer */
	struct instance *store_instance;
	struct held_conf *store_conf;
	struct sink **sinks;
	size_t sink_count;
	struct answers *answers;      /* of directories */
	uint64_t generation;

	pthread_mutex_t lock;         /* guards snapshot, for as long as a hold takes */
	struct snapshot *snapshot;
};

struct ema_context *context_new(void);
void context_free(struct ema_context *context);
/* 0 in a child of the process that made it: nothing of it may be used there but its memory. */
int context_is_alive(const struct ema_context *context);
/* Reads path, or text if it is not NULL, and puts it in place. EMA_OK, EMA_CONFIG, EMA_OUT_OF_MEMORY. */
int context_load(struct ema_context *context, const char *path, const char *text, size_t length);
/* The same without putting it in place: what was found is in findings. */
int context_lint(struct ema_context *context, const char *path, struct findings *findings);
/* The configuration in place, held for the caller; NULL: none. */
struct snapshot *context_snapshot(struct ema_context *context);
void context_plugin_search(const struct ema_context *context, const struct conf *conf, struct plugin_search *out);

/* Flags of context_decide(). */
enum { DECIDE_DRY = 1 }; /* uses up nothing, writes no record */

/* Decides; *out is never NULL but for no memory. now: seconds since 1970, 0: the clock. Returns the code. */
int context_decide(struct ema_context *context, const char *service, const struct ema_request *request, int flags, int64_t now,
                   struct ema_decision **out);

#endif
