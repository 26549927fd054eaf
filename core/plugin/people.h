/* A directory's list of people: filled in by the host's add_person(), for operators' tools. */
#ifndef PLUGIN_PEOPLE_H
#define PLUGIN_PEOPLE_H

#include "host.h"

#define PEOPLE_NAMES_MOST 200000 /* of a directory */

struct ema_people {
	/* subject or email is NULL, or both. Not 0: no more are wanted. */
	int (*take)(void *data, const char *person, int active, const char *subject, const char *email);
	void *data;
	size_t count;
	int code; /* of the first that failed */
};

/* EMA_ABSENT: the plugin cannot list its people. The others as the plugin's, or take()'s. */
int people_list(struct instance *instance, int64_t deadline, struct ema_people *people);

#endif
