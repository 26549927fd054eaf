/* One call of a plugin, and what its answer is worth. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jwt.h"
#include "lent.h"

static struct ema_call *ticket_take(struct instance *instance)
{
	pthread_mutex_lock(&instance->lock);
	struct ema_call *call = instance->spare;
	if (call)
		instance->spare = call->next;
	pthread_mutex_unlock(&instance->lock);
	if (!call && (call = calloc(1, sizeof *call)))
		call->instance = instance;
	return call;
}

void call_free(struct ema_call *call)
{
	if (!call)
		return;
	struct instance *instance = call->instance;
	for (size_t i = 0; i < call->response_count; i++) {
		free(call->responses[i].body);
		/* A plugin may have kept this, too: it is of no call now. */
		call->responses[i] = (struct ema_response){ NULL, 0, NULL, 0 };
	}
	json_free(&call->result.claims);
	jws_free(&call->jws);
	room_free(&call->room);
	/* owner and instance stay as they are: a plugin may have kept the pointer. */
	call->settings = NULL;
	call->response_count = 0;
	memset(&call->result, 0, sizeof call->result);
	memset(&call->jws, 0, sizeof call->jws);
	pthread_mutex_lock(&instance->lock);
	call->next = instance->spare;
	instance->spare = call;
	pthread_mutex_unlock(&instance->lock);
}

const struct call_result *call_result(const struct ema_call *call)
{
	return &call->result;
}

static void call_begin(struct ema_call *call, const struct call_settings *settings)
{
	call->settings = settings;
	call->now = settings->now ? settings->now : clock_wall(call->instance->settings.clock) / 1000;
	call->claims.call = call;
	call->read = 0;
	call->not_before = JWT_ABSENT;
	call->ruined = EMA_OK;
	failure_clear(&call->failure);
	call->result = (struct call_result){ .expires = JWT_ABSENT, .issued = JWT_ABSENT, .auth_time = JWT_ABSENT, .max_age_ms = -1 };
}

typedef int call_fn(ema_instance *self, ema_call *call);

static call_fn *kind_call(const struct instance *instance, int *who)
{
	const struct ema_plugin *d = plugin_description(instance->plugin);
	switch (instance->settings.kind) {
	case PLUGIN_IDENTITY:
		*who = CODE_IDENTITY;
		return d->identity->identify;
	case PLUGIN_DIRECTORY:
		*who = CODE_DIRECTORY;
		return d->directory->lookup;
	case PLUGIN_GUARD:
		*who = CODE_GUARD;
		return d->guard->admit;
	case PLUGIN_STORE:
	case PLUGIN_AUDIT:
		break;
	}
	return NULL;
}

static int broke(struct ema_call *call, const char *how)
{
	failure_clear(&call->failure);
	return failure_set(&call->failure, EMA_INTERNAL, "the plugin \"%s\" %s", plugin_description(call->instance->plugin)->name, how);
}

/* A plugin that verified otherwise has one issuer without saying it, if it declared but one. */
static void default_issuer(struct ema_call *call)
{
	const struct declared *declared = call->settings->declared;
	if (!declared && call->instance->declared_count == 1)
		declared = &call->instance->declared[0]->declared;
	if (!call->result.issuer && declared && declared->name_count == 1)
		call->result.issuer = room_text(&call->room, declared->names[0].issuer);
}

static int judge(struct ema_call *call, int code, int who)
{
	const struct code_row *row = code_row(code);
	int identity = call->instance->settings.kind == PLUGIN_IDENTITY && !call->settings->unjudged;
	if (!row || !(row->who & who))
		return broke(call, "answered with a code that its kind may not answer");
	if (call->ruined)
		return call->ruined;
	if (code != EMA_OK) {
		if (identity && call->result.vouched)
			return broke(call, "vouched and answered with a failure");
		if (call->failure.code != code) {
			char text[FAILURE_TEXT];
			memcpy(text, call->failure.text, sizeof text);
			failure_clear(&call->failure);
			failure_set(&call->failure, code, "%s", *text ? text : row->meaning);
		}
		return code;
	}
	if (!identity)
		return EMA_OK;
	if (!call->result.vouched)
		return broke(call, "answered ok and vouched for nobody");
	if (call->result.vouched_differently)
		return broke(call, "vouched for two different subjects");
	failure_clear(&call->failure);
	if (call->result.bound)
		return call_demands(call);
	/* It verified otherwise, and must have said what the core could not read. */
	default_issuer(call);
	if (call->result.expires == JWT_ABSENT || !call->result.audience.count || !call->result.issuer ||
	    (call->settings->kind == EMA_ID_JAG && (!call->result.jti || call->result.issued == JWT_ABSENT || !call->result.client_id)))
		return broke(call, "vouched without jwt_verify(), and did not say all of issuer, audience and times (for an ID-JAG: jti and client too)");
	if (!call->result.tenant && call->settings->name_tenant && !(call->result.tenant = room_text(&call->room, call->settings->name_tenant)))
		return failure_set(&call->failure, EMA_OUT_OF_MEMORY, "no memory");
	return call_demands(call);
}

static int call_now(struct ema_call *call)
{
	const struct call_settings *settings = call->settings;
	struct instance *instance = call->instance;
	int who = 0;
	call_fn *fn = kind_call(instance, &who);
	if (!fn)
		return failure_set(&call->failure, EMA_INTERNAL, "this kind of plugin is not called this way");
	if (settings->person && (instance->settings.kind != PLUGIN_DIRECTORY || !plugin_description(instance->plugin)->directory->person))
		return failure_set(&call->failure, EMA_ABSENT, "the plugin \"%s\" cannot say who a person is", plugin_description(instance->plugin)->name);
	if (instance_enter(instance, settings->deadline))
		return failure_set(&call->failure, EMA_TIMEOUT, "\"%s\" was busy until the deadline: it takes one call at a time", instance->id);
	if (clock_monotonic(instance->settings.clock) >= settings->deadline) {
		instance_leave(instance);
		return failure_set(&call->failure, EMA_TIMEOUT, "the deadline had passed before \"%s\" was asked", instance->id);
	}
	pid_t process = getpid();
	atomic_store(&call->owner, lent_thread());
	int code = settings->person ? plugin_description(instance->plugin)->directory->person(instance->self, call, settings->person) : fn(instance->self, call);
	atomic_store(&call->owner, 0);
	instance_leave(instance);
	if (getpid() != process) {
		broke(call, "forked and let the child go on");
		call->failure.code = EMA_AFTER_FORK;
		return EMA_AFTER_FORK;
	}
	if (clock_monotonic(instance->settings.clock) > settings->deadline) {
		failure_clear(&call->failure);
		return failure_set(&call->failure, EMA_TIMEOUT, "\"%s\" answered after the deadline", instance->id);
	}
	return judge(call, code, who);
}

int call_run(const struct call_settings *settings, struct ema_call **out, struct failure *failure)
{
	struct ema_call *call = ticket_take(settings->instance);
	*out = call;
	if (!call)
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for a call");
	call_begin(call, settings);
	int code = call_now(call);
	call->settings = NULL;
	if (code)
		failure_set(failure, code, "%s", call->failure.text);
	return code;
}
