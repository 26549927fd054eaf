/* What the directories of the service know of the subject that was vouched for. */
#include <stdlib.h>
#include <string.h>

#include "pipeline.h"

struct asking {
	struct pipeline *pipeline;
	struct ema_call *call;
};

static struct directory *directory_of(const struct pipeline *p, const struct conf_service_directory *entry)
{
	for (size_t i = 0; i < p->service->directory_count; i++)
		if (p->service->directories[i].conf == entry)
			return &p->snapshot->directories[p->service->directories[i].directory];
	return NULL;
}

static int lookup(void *data, const struct conf_service_directory *entry, const struct call_result **found, struct failure *failure)
{
	struct asking *asking = data;
	struct pipeline *p = asking->pipeline;
	const struct directory *directory = directory_of(p, entry);
	struct call_settings settings = { .deadline = p->deadline, .now = p->given_now };
	struct failure why = FAILURE_INIT;
	char place[300];
	if (!directory)
		return failure_set(failure, EMA_INTERNAL, "directory \"%s\" was not resolved", entry->id);
	settings.instance = directory->instance;
	pipeline_request_items(p, settings.items);
	pipeline_subject_items(p, settings.items);
	int code = call_run(&settings, &asking->call, &why);
	if (!code)
		*found = call_result(asking->call);
	pipeline_place(entry->node, place, sizeof place);
	decision_step(p->decision, &(struct decision_step){ .rule = place, .stage = "directory", .name = entry->id,
		                   .control = entry->required ? "required" : NULL, .code = code, .text = why.text });
	return code ? failure_set(failure, code, "%s", why.text) : EMA_OK;
}

static void done(void *data, const struct conf_service_directory *entry)
{
	struct asking *asking = data;
	(void)entry;
	call_free(asking->call);
	asking->call = NULL;
}

static uint64_t generation(void *data, const struct conf_service_directory *entry)
{
	const struct asking *asking = data;
	struct directory *directory = directory_of(asking->pipeline, entry);
	return directory ? atomic_load_explicit(&directory->generation, memory_order_acquire) : 0;
}

int pipeline_directories(struct pipeline *p)
{
	struct asking asking = { p, NULL };
	struct principal_ops ops = { lookup, done, generation, &asking, p->winner->email, p->winner->name_id };
	struct failure why = FAILURE_INIT;
	int code = p->winner->call ? principal_claims(&p->principal, &p->winner->subject, call_result(p->winner->call)) : EMA_OK;
	if (!code)
		code = principal_gather(&p->principal, p->snapshot->conf, p->service->conf, &p->winner->subject, p->context->answers, &ops, &why);
	if (!code)
		return EMA_OK;
	const struct conf_node *node = conf_child(p->service->conf->node, "directory");
	return pipeline_fail(p, code, node ? node : p->service->conf->node, why.text);
}
