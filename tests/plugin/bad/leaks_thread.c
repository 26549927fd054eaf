/* Leaves a thread behind, with a destructor that runs when the plugin should be gone; and calls the host from it. */
#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

#include "bad.h"

static pthread_key_t key;
static sem_t called;

static void destroy(void *value)
{
	free(value);
}

static void *stay(void *call)
{
	pthread_setspecific(key, malloc(1));
	if (host->vouch(call, NULL, "mallory") != EMA_INTERNAL)
		abort();
	sem_post(&called);
	usleep(50000);
	return NULL;
}

static int identify(ema_instance *self, ema_call *call)
{
	pthread_t thread;
	pthread_key_create(&key, destroy);
	sem_init(&called, 0, 0);
	if (pthread_create(&thread, NULL, stay, call))
		return EMA_OUT_OF_MEMORY;
	pthread_detach(thread);
	while (sem_wait(&called))
		;
	bad_say(self, call);
	host->vouch(call, NULL, "alice");
	return EMA_OK;
}

BAD_PLUGIN("leaks_thread", bad_open, identify)
