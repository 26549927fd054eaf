/* The table that plugins are lent. */
#include <string.h>

#include "event.h"
#include "feed.h"
#include "lent.h"
#include "people.h"
#include "secret.h"

static void host_log(const ema_handle *handle, int level, const char *text)
{
	if (!handle || !text)
		return;
	const struct instance *instance = handle->instance;
	level = level < LOG_LEVEL_ERROR ? LOG_LEVEL_ERROR : level > LOG_LEVEL_DEBUG ? LOG_LEVEL_DEBUG : level;
	log_printf(&instance->settings.log, level, "%s: %.900s", instance->id, text);
}

static void host_wipe(void *memory, size_t length)
{
	secret_wipe(memory, length);
}

static int host_same(const void *a, const void *b, size_t length)
{
	return !length || (a && b && secret_same(a, b, length));
}

static int64_t host_now(const ema_handle *handle)
{
	return clock_wall(handle ? handle->instance->settings.clock : &clock_system);
}

static void host_directory_changed(const ema_handle *handle)
{
	const struct instance *instance = handle ? handle->instance : NULL;
	if (instance && instance->settings.kind == PLUGIN_DIRECTORY && instance->settings.changed)
		instance->settings.changed(instance->settings.changed_data);
}

static int host_feed(ema_feed *feed, const char *key, size_t key_length, const char *value, size_t value_length, int64_t expires)
{
	if (!feed || !feed->entry)
		return EMA_INTERNAL;
	/* One of a wrong size is its reader's to refuse, which notes it: the plugin may go on as if nothing were. */
	return feed->entry(feed->data, key, key_length, value, value_length, expires);
}

static const char *host_event_line(const ema_event *event, size_t *length)
{
	if (length)
		*length = event ? event->length : 0;
	return event ? event->line : NULL;
}

static const char *host_event_name(const ema_event *event, size_t index)
{
	return event && index < event->count ? event->names[index] : NULL;
}

static const char *host_event_field(const ema_event *event, const char *name)
{
	for (size_t i = 0; event && name && i < event->count; i++)
		if (!strcmp(event->names[i], name))
			return event->values[i];
	return NULL;
}

static int64_t host_event_time(const ema_event *event)
{
	return event ? event->time : 0;
}

static int host_event_severity(const ema_event *event)
{
	return event ? event->severity : 7;
}

static const char *host_event_render(const ema_event *event, const char *form, size_t *length)
{
	size_t unasked = 0;
	size_t *to = length ? length : &unasked;
	*to = 0;
	if (!event || !form)
		return NULL;
	if (!strcmp(form, "ema"))
		return host_event_line(event, to);
	return event->render ? event->render(event, form, to) : NULL;
}

static int host_add_person(ema_people *people, const char *person, int active, const char *subject, const char *email)
{
	if (!people || !person)
		return EMA_BAD_REQUEST;
	if (!lent_text_fits(person, LENT_TEXT_MOST) || (subject && !lent_text_fits(subject, LENT_SUBJECT_MOST)) || (email && !lent_text_fits(email, 320)))
		return EMA_BAD_CLAIM;
	if (!people->code && ++people->count > PEOPLE_NAMES_MOST)
		people->code = EMA_TOO_LARGE;
	if (!people->code)
		people->code = people->take(people->data, person, active, subject, email);
	return people->code;
}

const struct ema_host *plugin_host(void)
{
	static const struct ema_host host = {
		.size = sizeof host, .abi = EMA_ABI,
		.log = host_log, .wipe = host_wipe, .same = host_same, .now = host_now, .directory_changed = host_directory_changed,
		.conf_string = host_conf_string, .conf_int = host_conf_int, .conf_bool = host_conf_bool, .conf_duration = host_conf_duration,
		.conf_size = host_conf_size, .conf_list = host_conf_list, .conf_path = host_conf_path, .conf_secret = host_conf_secret,
		.conf_group = host_conf_group, .conf_item = host_conf_item, .conf_key = host_conf_key, .conf_fail = host_conf_fail,
		.conf_file = host_conf_file,
		.keyset_open = host_keyset_open,
		.item = host_item, .credential = host_credential, .deadline = host_deadline, .fail = host_fail,
		.jwt_verify = host_jwt_verify,
		.claim_string = host_claim_string, .claim_int = host_claim_int, .claim_bool = host_claim_bool, .claim_item = host_claim_item,
		.claim_key = host_claim_key, .claim_header = host_claim_header,
		.vouch = host_vouch, .add_group = host_add_group, .add_role = host_add_role, .set_email = host_set_email,
		.set_value = host_set_value, .set_number = host_set_number, .add_account = host_add_account, .set_person = host_set_person,
		.set_max_age = host_set_max_age,
		.fetch = host_fetch, .response = host_response,
		.feed = host_feed,
		.event_line = host_event_line, .event_field = host_event_field, .event_name = host_event_name, .event_time = host_event_time,
		.event_severity = host_event_severity,
		.conf_claims = host_conf_claims, .conf_url = host_conf_url, .add_groups = host_add_groups, .add_roles = host_add_roles,
		.event_render = host_event_render,
		.add_person = host_add_person, .add_subject = host_add_subject,
	};
	return &host;
}
