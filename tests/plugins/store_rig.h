/* A built store plugin behind the real host, with a clock of the test's. */
#ifndef TESTS_STORE_RIG_H
#define TESTS_STORE_RIG_H

#include "buffer.h"
#include "host.h"
#include "store.h"
#include "../state/store_suite.h"

struct store_rig {
	struct suite_clock clock;
	struct conf *conf;
	struct findings findings;
	struct plugin *plugin;
	struct instance *instance;
	struct store *store;
	char log[4096];       /* what it logged, cut at its end */
};

/* settings are the plugin's own, as in ema.conf. 0, or -1: findings say why, until store_rig_close(). A clock that is there already
   is kept: begin with store_rig_init(). */
void store_rig_init(struct store_rig *rig);
int store_rig_open(struct store_rig *rig, const char *plugin, const char *settings);
void store_rig_close(struct store_rig *rig);
int store_rig_says(const struct store_rig *rig, const char *text); /* in a finding or the log */
void store_rig_set_clock(struct store_rig *rig, int64_t wall);
/* Where plugins are. */
extern const char *store_rig_folder;
/* The clock goes to then and comes back: what would have ended by then is not taken, and the log says why. */
void store_rig_clock_was_ahead(struct store_rig *rig, int64_t then, const char *why);

#endif
