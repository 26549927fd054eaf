/* What was compiled with the frozen 1.0 header runs: a plugin of every kind, each of its members called as the core does. */
#include "rig.h"

#include "event.h"
#include "feed.h"
#include "people.h"
#include "store.h"

#define FROZEN BUILDDIR "/tests/plugin/.libs/every_kind.so"

/* Of today, and one that ends where that of 1.0 did. */
struct hosts { struct ema_host full, cut; };

static struct hosts *frozen_hosts(void)
{
	static struct hosts hosts;
	hosts.full = hosts.cut = *plugin_host();
	hosts.cut.abi = 0x00010000u;
	hosts.cut.size = offsetof(struct ema_host, add_subject) + sizeof hosts.cut.add_subject;
	return &hosts;
}

static int frozen_open(struct rig *rig, const struct ema_host *host, enum plugin_kind kind, const char *settings)
{
	const struct plugin_search search = { .host = host };
	return rig_open_from(rig, &search, FROZEN, kind, settings);
}

static void identity_runs(const struct ema_host *host)
{
	struct rig rig = { .conf = NULL };
	struct trust_settings trust_settings = { .clock = &clock_system, .passive = 1 };
	struct call_settings settings;
	struct ema_call *call = NULL;
	struct failure failure = FAILURE_INIT;
	rig.trust = trust_new(&trust_settings, &failure);
	struct trust *trust = rig.trust;
	assert_non_null(trust);
	assert_int_equal(frozen_open(&rig, host, PLUGIN_IDENTITY, "url = \"https://idp.acme.example\";"), EMA_OK);
	assert_string_equal(instance_declared(rig.instance, 0)->names[0].issuer, "https://idp.acme.example");
	rig_call(&rig, &settings);
	settings.credential = "open";
	settings.credential_length = 4;
	assert_int_equal(call_run(&settings, &call, &failure), EMA_OK);
	assert_string_equal(call_result(call)->subject, "ada");
	assert_string_equal(call_result(call)->email, "ada@acme.example");
	assert_string_equal(call_result(call)->groups.list[0], "engineering");
	assert_string_equal(call_result(call)->roles.list[0], "reader");
	call_free(call);
	settings.credential = "shut";
	assert_int_equal(call_run(&settings, &call, &failure), EMA_DENIED);
	assert_non_null(strstr(failure.text, "it does not say open"));
	call_free(call);
	rig_close(&rig);
	assert_int_equal(frozen_open(&rig, host, PLUGIN_IDENTITY, ""), EMA_CONFIG);
	rig_close(&rig);
	trust_free(trust);
}

static int frozen_person(void *data, const char *person, int active, const char *subject, const char *email)
{
	assert_string_equal(person, "lovelace");
	assert_string_equal(subject, "idp/-/ada");
	assert_null(email);
	++*(int *)data;
	return active ? EMA_OK : EMA_DENIED;
}

static void directory_runs(const struct ema_host *host)
{
	struct rig rig = { .conf = NULL };
	struct call_settings settings;
	struct ema_call *call = NULL;
	int told = 0;
	struct ema_people people = { .take = frozen_person, .data = &told };
	assert_int_equal(frozen_open(&rig, host, PLUGIN_DIRECTORY, "group = \"analysts\";"), EMA_OK);
	rig_call(&rig, &settings);
	settings.kind = 0;
	settings.items[EMA_ITEM_SUBJECT] = "ada";
	assert_int_equal(call_run(&settings, &call, NULL), EMA_OK);
	assert_string_equal(call_result(call)->person, "lovelace");
	assert_string_equal(call_result(call)->groups.list[0], "analysts");
	assert_int_equal(call_result(call)->accounts.count, 1);
	assert_int_equal(call_result(call)->max_age_ms, 1000);
	call_free(call);
	settings.items[EMA_ITEM_SUBJECT] = "bob";
	assert_int_equal(call_run(&settings, &call, NULL), EMA_UNKNOWN_SUBJECT);
	call_free(call);
	settings.person = "lovelace";
	assert_int_equal(call_run(&settings, &call, NULL), EMA_OK);
	assert_string_equal(call_result(call)->subjects.list[0], "idp/-/ada");
	call_free(call);
	assert_int_equal(people_list(rig.instance, settings.deadline, &people), EMA_OK);
	assert_int_equal(told, 1);
	rig_close(&rig);
}

static void guard_runs(const struct ema_host *host)
{
	struct rig rig = { .conf = NULL };
	struct call_settings settings;
	assert_int_equal(frozen_open(&rig, host, PLUGIN_GUARD, ""), EMA_OK);
	rig_call(&rig, &settings);
	settings.kind = 0;
	for (int here = 0; here < 2; here++) {
		struct ema_call *call = NULL;
		settings.items[EMA_ITEM_REMOTE] = here ? "192.0.2.7" : "198.51.100.7";
		assert_int_equal(call_run(&settings, &call, NULL), here ? EMA_OK : EMA_DENIED);
		call_free(call);
	}
	rig_close(&rig);
	assert_int_equal(frozen_open(&rig, host, PLUGIN_GUARD, "gruop = \"analysts\";"), EMA_CONFIG);
	assert_true(rig_found(&rig, "E-UNKNOWN", "did you mean \"group\""));
	rig_close(&rig);
}

static int frozen_entry(void *data, const void *key, size_t key_length, const void *value, size_t value_length, int64_t expires)
{
	assert_int_equal(key_length, 3);
	assert_memory_equal(key, "key", 3);
	assert_int_equal(value_length, 5);
	assert_memory_equal(value, "value", 5);
	assert_int_equal(expires, 5000);
	++*(int *)data;
	return EMA_OK;
}

static void store_runs(const struct ema_host *host)
{
	struct rig rig = { .conf = NULL };
	char value[8];
	size_t length = sizeof value;
	int64_t mark = 0, since = 0;
	int told = 0;
	struct ema_feed feed = { frozen_entry, &told };
	assert_int_equal(frozen_open(&rig, host, PLUGIN_STORE, ""), EMA_OK);
	const struct ema_store_ops *ops = plugin_description(rig.plugin)->store;
	ema_instance *self = instance_self(rig.instance);
	assert_int_equal(ops->put_if_absent(self, "idp", "key", 3, "value", 5, 5000, 1, 1000), EMA_OK);
	assert_int_equal(ops->put_if_absent(self, "idp", "key", 3, "value", 5, 5000, 1, 1000), EMA_EXISTS);
	assert_int_equal(ops->get(self, "key", 3, value, &length, 1000), EMA_OK);
	assert_int_equal(length, 5);
	assert_int_equal(ops->raise(self, "mark", 4, 7, 5000, &mark, 1000), EMA_OK);
	assert_int_equal(ops->raise(self, "mark", 4, 3, 5000, &mark, 1000), EMA_OK);
	assert_int_equal(mark, 7);
	assert_int_equal(ops->list(self, "k", 1, &feed, 1000), EMA_OK);
	assert_int_equal(ops->changes(self, &feed, 1000), EMA_OK);
	assert_int_equal(ops->changes(self, &feed, 1000), EMA_OK);
	assert_int_equal(told, 2);
	assert_int_equal(ops->since(self, &since), EMA_OK);
	assert_true(since > 0);
	assert_int_equal(ops->remove(self, "key", 3, 1000), EMA_OK);
	assert_int_equal(ops->get(self, "key", 3, value, &length, 1000), EMA_ABSENT);
	rig_close(&rig);
}

static void audit_runs(const struct ema_host *host)
{
	static const char line[] = "{\"code\":\"denied\",\"id\":\"1\"}";
	static const char *const names[] = { "code", "id" }, *const values[] = { "denied", "1" };
	const struct ema_event event = { .line = line, .length = sizeof line - 1, .time = 77, .severity = 4, .count = 2, .names = names, .values = values };
	struct rig rig = { .conf = NULL };
	char path[] = "/tmp/ema-frozen-XXXXXX", text[512], got[512] = "";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	snprintf(text, sizeof text, "path = \"%s\";", path);
	assert_int_equal(frozen_open(&rig, host, PLUGIN_AUDIT, text), EMA_OK);
	const struct ema_audit_ops *ops = plugin_description(rig.plugin)->audit;
	ema_instance *self = instance_self(rig.instance);
	assert_int_equal(ops->record(self, &event), EMA_OK);
	assert_int_equal(ops->flush(self, 1000), EMA_OK);
	assert_int_equal(ops->reopen(self), EMA_OK);
	snprintf(text, sizeof text, "denied 4 77 %s\n", line);
	assert_int_equal(read(fd, got, sizeof got - 1), strlen(text));
	assert_string_equal(got, text);
	rig_close(&rig);
	close(fd);
	unlink(path);
}

static void a_plugin_of_the_frozen_header_runs(void **state)
{
	static void (*const kinds[])(const struct ema_host *) = { identity_runs, directory_runs, guard_runs, store_runs, audit_runs };
	struct hosts *hosts = frozen_hosts();
	(void)state;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		kinds[i](&hosts->full);
		kinds[i](&hosts->cut);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plugin_of_the_frozen_header_runs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
