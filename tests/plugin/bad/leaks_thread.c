/* Leaves a thread behind, with a destructor that runs when the plugin should be gone; and calls the host from it. */
#include <pthread.h>
#include <unistd.h>

#include "bad.h"

static pthread_key_t key;

static void destroy(void *value)
{
	free(value);
}

static void *stay(void *call)
{
	pthread_setspecific(key, malloc(1));
	if (host->vouch(call, NULL, "mallory") != EMA_INTERNAL)
		abort();
	usleep(50000);
	return NULL;
}

static int identify(ema_instance *self, ema_call *call)
{
	pthread_t thread;
	pthread_key_create(&key, destroy);
	if (!pthread_create(&thread, NULL, stay, call))
		pthread_detach(thread);
	usleep(20000);
	bad_say(self, call);
	host->vouch(call, NULL, "alice");
	return EMA_OK;
}

BAD_PLUGIN("leaks_thread", bad_open, identify)
