/* How long a large configuration takes to load, and what a reload of it does to those who ask meanwhile. */
#define _GNU_SOURCE
#include "race.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "buffer.h"
#include "ema/ema.h"

#define PROVIDERS 1000
#define SERVICES 1000
#define GRANTS 10 /* of a service */
#define ROUNDS 5
#define LOAD_MOST 150e6
#define PAUSE_MOST 1e6

static double wall(void)
{
	return race_clock(CLOCK_MONOTONIC);
}

/* Within the megabyte that a file may have. */
static char *configuration(size_t *length)
{
	struct buffer text = BUFFER_INIT(64 << 20);
	buffer_text(&text, "issuer = \"https://auth.example\";\nproviders = (\n");
	for (int i = 0; i < PROVIDERS; i++)
		buffer_printf(&text, "%s{ id = \"idp-%d\"; plugin = \"oidc\"; issuer = \"https://idp-%d.example\"; jwks = \"{\\\"keys\\\":[{\\\"kty\\\":\\\"OKP\\\","
		                     "\\\"crv\\\":\\\"Ed25519\\\",\\\"x\\\":\\\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\\\"}]}\"; }\n", i ? ", " : "", i, i);
	buffer_text(&text, ");\nservices = (\n");
	for (int i = 0; i < SERVICES; i++) {
		buffer_printf(&text, "%s{ id = \"svc-%d\"; resource = \"https://mcp.example/svc-%d\"; identity = [\"idp-%d\"];\n"
		                     "  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; }, { name = \"write\"; access = \"write\"; tools = [\"put_*\"]; } );\n"
		                     "  grants = (", i ? ", " : "", i, i, i % PROVIDERS);
		for (int g = 0; g < GRANTS; g++)
			buffer_printf(&text, "%s{ provider = \"idp-%d\"; group = \"group-%d\"; scopes = \"read\"; }", g ? ", " : "", i % PROVIDERS, g);
		buffer_text(&text, "); }\n");
	}
	buffer_text(&text, ");\n");
	*length = text.length;
	return buffer_take(&text);
}

struct asker {
	ema_context *context;
	atomic_int stop;
	double longest;
	long asked;
};

/* The way of a request that has no token: what a reload could hold up is on it. */
static void *ask(void *data)
{
	struct asker *asker = data;
	while (!atomic_load(&asker->stop)) {
		ema_request *request = ema_request_new();
		ema_decision *decision = NULL;
		double from = wall();
		ema_check(asker->context, "svc-7", request, "tools/list", NULL, &decision);
		double each = wall() - from;
		asker->longest = each > asker->longest ? each : asker->longest;
		asker->asked++;
		ema_decision_free(decision);
		ema_request_free(request);
		struct timespec pause = { 0, 100000 };
		nanosleep(&pause, NULL);
	}
	return NULL;
}

/* The longest answer while it is reloaded, or while nothing happens for as long. */
static double longest(ema_context *context, const char *text, size_t length, int reload, int *bad)
{
	struct asker asker = { .context = context };
	pthread_t id;
	if (pthread_create(&id, NULL, ask, &asker)) {
		*bad = 1;
		return 0;
	}
	struct timespec rest = { 0, 150000000 };
	if (reload)
		*bad |= ema_load_memory(context, text, length, "bench") != EMA_OK;
	else
		nanosleep(&rest, NULL);
	atomic_store(&asker.stop, 1);
	pthread_join(id, NULL);
	*bad |= !asker.asked;
	return asker.longest;
}

int main(void)
{
	size_t length = 0;
	char *text = configuration(&length);
	double first[ROUNDS], again[ROUNDS], quiet[ROUNDS];
	int bad = !text;
	for (int i = 0; i < ROUNDS && !bad; i++) {
		ema_context *context = ema_new();
		double from = wall();
		bad = !context || ema_set_plugin_path(context, getenv("EMA_PLUGIN_PATH")) || ema_load_memory(context, text, length, "bench") != EMA_OK;
		first[i] = wall() - from;
		if (bad && context)
			fprintf(stderr, "it does not load: %s\n", ema_error(context));
		if (!bad) {
			quiet[i] = longest(context, text, length, 0, &bad);
			again[i] = longest(context, text, length, 1, &bad);
		}
		ema_free(context);
	}
	free(text);
	if (bad)
		return 1;
	race_line("1,000 services and providers, 10,000 grants: the load", "150 ms", RACE_WALL, race_median(first, ROUNDS), LOAD_MOST, 1);
	race_line("the same: the longest answer during a reload", "1 ms", RACE_WALL, race_median(again, ROUNDS), PAUSE_MOST, 1);
	race_line("the same: the longest answer without one", "1 ms", RACE_WALL, race_median(quiet, ROUNDS), PAUSE_MOST, 0);
	return 0;
}
