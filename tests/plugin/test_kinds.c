/* Directories, guards, stores and sinks: what they may say, and what the settings come to. */
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "lent.h"
#include "rig.h"
#include "store.h"

static int run(struct rig *rig, struct ema_call **call, struct failure *failure)
{
	struct call_settings settings;
	rig_call(rig, &settings);
	settings.kind = 0;
	return call_run(&settings, call, failure);
}

static void each_kind_answers_in_its_own_codes(void **state)
{
	static const struct {
		enum plugin_kind kind;
		const char *text;
		int code;
		const char *says;
	} cases[] = {
		{ PLUGIN_DIRECTORY, "", EMA_OK, "" },
		{ PLUGIN_DIRECTORY, "code = \"unknown_subject\"; text = \"nobody of that name\";", EMA_UNKNOWN_SUBJECT, "nobody of that name" },
		{ PLUGIN_DIRECTORY, "code = \"directory_stale\";", EMA_DIRECTORY_STALE, "" },
		{ PLUGIN_DIRECTORY, "code = \"expired\";", EMA_INTERNAL, "its kind may not" },
		{ PLUGIN_DIRECTORY, "misbehave = \"vouch_in_vain\";", EMA_INTERNAL, "called vouch" },
		{ PLUGIN_GUARD, "", EMA_OK, "" },
		{ PLUGIN_GUARD, "code = \"denied\";", EMA_DENIED, "was told to" },
		{ PLUGIN_GUARD, "code = \"bad_signature\";", EMA_INTERNAL, "its kind may not" },
		{ PLUGIN_GUARD, "misbehave = \"vouch_in_vain\";", EMA_INTERNAL, "called vouch" },
		{ PLUGIN_GUARD, "misbehave = \"unknown_code\";", EMA_INTERNAL, "its kind may not" },
		{ PLUGIN_GUARD, "misbehave = \"other_thread\";", EMA_OK, "" },
		{ PLUGIN_STORE, "", EMA_INTERNAL, "not called this way" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct rig rig = { .conf = NULL };
		struct ema_call *call = NULL;
		struct failure failure = FAILURE_INIT;
		assert_int_equal(rig_open(&rig, "fault", cases[i].kind, cases[i].text), EMA_OK);
		int code = run(&rig, &call, &failure);
		if (code != cases[i].code || !strstr(failure.text, cases[i].says))
			fail_msg("case %zu: %d %s", i, code, failure.text);
		call_free(call);
		rig_close(&rig);
	}
}

static void a_directory_tells_what_it_knows(void **state)
{
	struct rig rig = { .conf = NULL };
	struct ema_call *call = NULL;
	(void)state;
	assert_int_equal(rig_open(&rig, "fault", PLUGIN_DIRECTORY,
	                          "person = \"p1\"; active = false; groups = [\"a\", \"b\"]; roles = (\"r\"); accounts = [\"github=octo\"]; max_age = \"5m\";"), EMA_OK);
	assert_int_equal(run(&rig, &call, NULL), EMA_OK);
	const struct call_result *r = call_result(call);
	assert_string_equal(r->person, "p1");
	assert_false(r->person_active);
	assert_int_equal(r->groups.count, 2);
	assert_string_equal(r->roles.list[0], "r");
	assert_string_equal(r->accounts.list[0], "github=octo");
	assert_int_equal(r->max_age_ms, 300000);
	call_free(call);
	rig_close(&rig);
}

/* Every mistake in a setting is a finding that says what to write, and the instance does not open. */
static void wrong_settings_are_findings(void **state)
{
	static const struct {
		const char *text, *id, *says;
	} cases[] = {
		{ "code = 5;", "E-TYPE", "write it as a string" },
		{ "delay = \"5\";", "E-VALUE", "no time with a unit" },
		{ "delay = 5;", "E-TYPE", "as in \"5m\"" },
		{ "groups = \"a\";", "E-TYPE", "write it as a list" },
		{ "groups = (\"a\", 5);", "E-TYPE", "only strings" },
		{ "grups = [\"a\"];", "E-UNKNOWN", "did you mean \"groups\"" },
		{ "code = \"deny\";", "E-VALUE", "no such name" },
		{ "misbehave = \"unasked_key\"; text = \"x\";", "E-UNKNOWN", "unknown key \"text\"" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct rig rig = { .conf = NULL };
		assert_int_equal(rig_open(&rig, "fault", PLUGIN_GUARD, cases[i].text), EMA_CONFIG);
		if (!rig_found(&rig, cases[i].id, cases[i].says))
			fail_msg("case %zu", i);
		assert_true(rig.findings.list[0].line > 0);
		assert_null(rig.instance);
		rig_close(&rig);
	}
}

/* A secret comes from a file, a descriptor or a credential, never from ema.conf itself. */
static void a_secret_is_never_written_inline(void **state)
{
	char path[] = "/tmp/ema-secret-XXXXXX", text[256];
	int fd = mkstemp(path);
	(void)state;
	assert_true(fd > 2);
	assert_int_equal(write(fd, "hunter2\n", 8), 8);
	static const struct {
		const char *text; /* %s: the file; %d: its descriptor */
		mode_t mode;
		int code;
		const char *id, *says;
	} cases[] = {
		{ "secret = { file = \"%s\"; }; expect = \"hunter2\"; # %d", 0600, EMA_OK, NULL, NULL },
		{ "secret = { fd = %2$d; }; expect = \"hunter2\"; # %1$s", 0600, EMA_OK, NULL, NULL },
		{ "secret = { file = \"%s\"; }; # %d", 0644, EMA_CONFIG, "E-PERMS", "" },
		{ "secret = { file = \"%s.no\"; }; # %d", 0600, EMA_CONFIG, "E-FILE", "" },
		{ "secret = \"hunter2\"; # %s %d", 0600, EMA_CONFIG, "E-VALUE", "never written here" },
		{ "secret = { value = \"hunter2\"; }; # %s %d", 0600, EMA_CONFIG, "E-VALUE", "never written here" },
		{ "secret = { fd = 1; }; # %s %d", 0600, EMA_CONFIG, "E-VALUE", "no open file" },
		{ "secret = { credential = \"../x\"; }; # %s %d", 0600, EMA_CONFIG, "E-VALUE", "LoadCredential=" },
		{ "secret = { credential = \"ema-test-absent\"; }; # %s %d", 0600, EMA_CONFIG, "E-FILE", "" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct rig rig = { .conf = NULL };
		struct ema_call *call = NULL;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(text, sizeof text, cases[i].text, path, fd);
#pragma GCC diagnostic pop
		assert_int_equal(fchmod(fd, cases[i].mode), 0);
		int code = rig_open(&rig, "fault", PLUGIN_GUARD, text);
		if (code != cases[i].code || (cases[i].id && !rig_found(&rig, cases[i].id, cases[i].says)))
			fail_msg("case %zu: %d", i, code);
		for (size_t f = 0; f < rig.findings.count; f++)
			assert_null(strstr(rig.findings.list[f].text, "hunter2"));
		if (!code) {
			assert_int_equal(run(&rig, &call, NULL), EMA_OK);
			call_free(call);
		}
		rig_close(&rig);
	}
	close(fd);
	unlink(path);
}

static void *serve_once(void *data)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nstaff";
	char request[2048];
	int fd = accept(*(int *)data, NULL, NULL);
	if (fd < 0)
		return NULL;
	if (read(fd, request, sizeof request) > 0)
		(void)!write(fd, answer, sizeof answer - 1);
	close(fd);
	return NULL;
}

/* The port of one that answers once; fd and thread are the caller's. */
static int server_start(int *fd, pthread_t *thread)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof address;
	*fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(*fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(*fd, 1), 0);
	assert_int_equal(getsockname(*fd, (struct sockaddr *)&address, &size), 0);
	assert_int_equal(pthread_create(thread, NULL, serve_once, fd), 0);
	return ntohs(address.sin_port);
}

/* A plugin fetches by the host's rules alone. */
static void a_fetch_keeps_the_rules(void **state)
{
	static const struct {
		enum plugin_kind kind;
		const char *url; /* %d: the port */
		int trust, insecure, code;
		const char *says;
	} cases[] = {
		{ PLUGIN_DIRECTORY, "https://idp.example/%d", 0, 0, EMA_UNAVAILABLE, "nothing can be fetched here" },
		{ PLUGIN_DIRECTORY, "http://127.0.0.1:%d/", 1, 0, EMA_CONFIG, "http" },
		{ PLUGIN_DIRECTORY, "https://127.0.0.1:%d/", 1, 0, EMA_CONFIG, "internal_hosts" },
		{ PLUGIN_DIRECTORY, "file:///etc/passwd?%d", 1, 0, EMA_CONFIG, "https" },
		{ PLUGIN_IDENTITY, "http://127.0.0.1:%d/", 1, 1, EMA_OK, "" },
	};
	pthread_t server;
	int fd, port = server_start(&fd, &server);
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		static const char *const internal[] = { "127.0.0.1" };
		struct conf_provider provider = { .insecure_http = cases[i].insecure, .internal_hosts = { internal, 1 }, .skew = 30, .longest = 300 };
		struct trust_settings settings = { .clock = &clock_system, .passive = 1 };
		struct failure failure = FAILURE_INIT;
		struct rig rig = { .provider = cases[i].insecure ? &provider : NULL };
		struct ema_call *call = NULL;
		char text[256], url[128];
		struct trust *trust = cases[i].trust ? trust_new(&settings, &failure) : NULL;
		rig.trust = trust;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(url, sizeof url, cases[i].url, port);
#pragma GCC diagnostic pop
		snprintf(text, sizeof text, "fetch = \"%s\";%s", url, cases[i].kind == PLUGIN_IDENTITY ? " audience = [\"" RIG_AUDIENCE "\"];" : "");
		assert_int_equal(rig_open(&rig, "fault", cases[i].kind, text), EMA_OK);
		struct call_settings settings_of_call;
		rig_call(&rig, &settings_of_call);
		int code = call_run(&settings_of_call, &call, &failure);
		if (code != cases[i].code || !strstr(failure.text, cases[i].says))
			fail_msg("case %zu: %d %s", i, code, failure.text);
		if (!code)
			assert_string_equal(call_result(call)->groups.list[0], "staff");
		call_free(call);
		rig_close(&rig);
		trust_free(trust);
	}
	pthread_join(server, NULL);
	close(fd);
}

/* What was fetched is gone with its call: a plugin that kept it reads nothing, also while a later call has the same ticket. */
static void a_response_ends_with_its_call(void **state)
{
	static const char *const internal[] = { "127.0.0.1" };
	struct conf_provider provider = { .insecure_http = 1, .internal_hosts = { internal, 1 }, .skew = 30, .longest = 300 };
	struct trust_settings settings = { .clock = &clock_system, .passive = 1 };
	struct failure failure = FAILURE_INIT;
	struct trust *trust = trust_new(&settings, &failure);
	struct rig rig = { .provider = &provider, .trust = trust };
	pthread_t server;
	int fd, port = server_start(&fd, &server);
	char text[64];
	(void)state;
	assert_non_null(trust);
	snprintf(text, sizeof text, "url = \"http://127.0.0.1:%d/\";", port);
	assert_int_equal(rig_open(&rig, "keeps_response", PLUGIN_IDENTITY, text), EMA_OK);
	for (int again = 0; again < 3; again++) {
		struct call_settings of_call;
		struct ema_call *call = NULL;
		rig_call(&rig, &of_call);
		assert_int_equal(call_run(&of_call, &call, &failure), EMA_OK);
		call_free(call);
	}
	rig_close(&rig);
	trust_free(trust);
	pthread_join(server, NULL);
	close(fd);
}

/* What a provider says of fetches holds, and so does that it follows none where the global settings follow some. */
static void a_fetch_of_a_provider_has_its_settings(void **state)
{
	struct conf_provider provider = { .fetch = { .connect_ms = 7, .total_ms = 9 } };
	struct rig rig = { .provider = &provider };
	struct fetch_rules rules;
	(void)state;
	assert_int_equal(rig_open(&rig, "good", PLUGIN_IDENTITY, ""), EMA_OK);
	rig.conf->fetch = (struct conf_fetch){ .connect_ms = 70, .total_ms = 90, .redirects = 2 };
	lent_fetch_rules(rig.instance, &rules);
	assert_int_equal(rules.connect_ms, 7);
	assert_int_equal(rules.total_ms, 9);
	assert_int_equal(rules.redirects, 0);
	rig_close(&rig);
}

/* A store's entries that are none. */
static const struct { size_t key, value; int no_key, no_value; } odd_entries[] = { { 3, 5, 1, 0 }, { 256, 5, 0, 0 }, { 3, 4097, 0, 0 }, { 3, 5, 0, 1 } };
static size_t odd_entry;

static int put_nothing(ema_instance *self, const char *quota, const char *key, size_t key_length, const char *value, size_t value_length, int64_t expires,
                       int64_t limit, int64_t ms)
{
	(void)self, (void)quota, (void)key, (void)key_length, (void)value, (void)value_length, (void)expires, (void)limit, (void)ms;
	return EMA_OK;
}

static int list_oddly(ema_instance *self, const char *prefix, size_t prefix_length, ema_feed *feed, int64_t ms)
{
	static const char bytes[4097] = "m";
	(void)self, (void)prefix, (void)prefix_length, (void)ms;
	plugin_host()->feed(feed, odd_entries[odd_entry].no_key ? NULL : bytes, odd_entries[odd_entry].key, odd_entries[odd_entry].no_value ? NULL : bytes,
	                    odd_entries[odd_entry].value, 5000);
	return EMA_OK;
}

static int take_any(void *data, const void *key, size_t key_length, const void *value, size_t value_length, int64_t expires)
{
	(void)data, (void)key, (void)key_length, (void)value, (void)value_length, (void)expires;
	return EMA_OK;
}

/* An entry may be a revocation: what is wrong with one is no secret of the plugin's, which goes on as if nothing were. */
static void no_entry_is_lost_in_silence(void **state)
{
	static const struct ema_store_ops ops = { .size = sizeof ops, .put_if_absent = put_nothing, .list = list_oddly };
	struct store *store = NULL;
	(void)state;
	assert_int_equal(store_plugin(&ops, NULL, &store, NULL), EMA_OK);
	for (odd_entry = 0; odd_entry < sizeof odd_entries / sizeof *odd_entries; odd_entry++)
		assert_int_equal(store_list(store, "m", 1, take_any, NULL, 1000), EMA_INTERNAL);
	store_free(store);
}

static void a_plugin_of_another_kind_is_refused(void **state)
{
	struct rig rig = { .conf = NULL };
	(void)state;
	assert_int_equal(rig_open(&rig, "good", PLUGIN_GUARD, ""), EMA_CONFIG);
	assert_true(rig_found(&rig, "E-ROLE", "is no guard plugin"));
	rig_close(&rig);
}

struct crowd {
	struct rig *rig;
	int failed;
};

static void *call_often(void *data)
{
	struct crowd *crowd = data;
	for (int i = 0; i < 100; i++) {
		struct ema_call *call = NULL;
		struct call_settings settings;
		rig_call(crowd->rig, &settings);
		settings.deadline += 60000;
		int code = call_run(&settings, &call, NULL);
		if (code || strcmp(call_result(call)->subject, "alice"))
			__atomic_store_n(&crowd->failed, 1, __ATOMIC_RELAXED);
		call_free(call);
	}
	return NULL;
}

/* Serial and parallel instances, called by many threads at once. */
static void many_threads_call_one_instance(void **state)
{
	static const struct {
		const char *name, *text;
	} cases[] = { { "good", "" }, { "fault", "audience = [\"" RIG_AUDIENCE "\"];" } };
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct rig rig = { .conf = NULL };
		struct crowd crowd = { &rig, 0 };
		pthread_t threads[8];
		assert_int_equal(rig_open(&rig, cases[i].name, PLUGIN_IDENTITY, cases[i].text), EMA_OK);
		for (size_t t = 0; t < 8; t++)
			assert_int_equal(pthread_create(&threads[t], NULL, call_often, &crowd), 0);
		for (size_t t = 0; t < 8; t++)
			pthread_join(threads[t], NULL);
		assert_false(crowd.failed);
		rig_close(&rig);
	}
}

static void count_found(void *data, const char *name, const char *path, const struct plugin *plugin, const struct failure *failure)
{
	int *counts = data;
	assert_non_null(name);
	assert_int_equal(*path, '/');
	assert_true((plugin == NULL) == (failure != NULL));
	counts[plugin ? 0 : 1]++;
}

static void each_plugin_is_listed(void **state)
{
	int counts[2] = { 0, 0 };
	(void)state;
	plugin_each(&rig_search, count_found, counts);
	assert_true(counts[0] >= 15);
	assert_true(counts[1] >= 10);
}

/* A plugin that others may write is not loaded, nor is one in a folder that they may. */
static void what_others_may_write_is_not_loaded(void **state)
{
	char folder[] = "/tmp/ema-load-XXXXXX", path[64];
	struct plugin *plugin = NULL;
	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/good.so", folder);
	FILE *in = fopen(BUILDDIR "/tests/plugin/bad/.libs/good.so", "rb"), *out = fopen(path, "wb");
	assert_true(in && out);
	for (int c; (c = getc(in)) != EOF;)
		putc(c, out);
	fclose(in);
	fclose(out);
	static const struct {
		mode_t file, folder;
		int code;
	} cases[] = { { 0644, 0755, EMA_OK }, { 0664, 0755, EMA_DENIED }, { 0646, 0755, EMA_DENIED }, { 0644, 0777, EMA_DENIED }, { 0644, 0775, EMA_DENIED } };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct failure failure = FAILURE_INIT;
		chmod(path, cases[i].file);
		chmod(folder, cases[i].folder);
		assert_int_equal(plugin_open(&rig_search, path, &plugin, &failure), cases[i].code);
		if (!cases[i].code)
			plugin_close(plugin);
		else
			assert_non_null(strstr(failure.text, "writable"));
	}
	unlink(path);
	rmdir(folder);
}

/* A host as 1.0 had it: a plugin that needs more says so, one that does not runs. */
static void an_older_host_is_told_apart(void **state)
{
	struct ema_host old = *plugin_host(), cut = old; /* the same one is not asked about twice */
	struct plugin_search search = rig_search;
	struct plugin *plugin = NULL;
	struct failure failure = FAILURE_INIT;
	(void)state;
	search.host = &cut;
	cut.size = offsetof(struct ema_host, set_max_age);
	assert_int_equal(plugin_open(&search, "fault", &plugin, &failure), EMA_CONFIG);
	assert_non_null(strstr(failure.text, "newer EMA"));
	search.host = &old;
	old.size = offsetof(struct ema_host, add_subject) + sizeof old.add_subject; /* the last member of 1.0 */
	assert_int_equal(plugin_open(&search, "fault", &plugin, &failure), EMA_OK);
	plugin_close(plugin);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_answers_in_its_own_codes),
		cmocka_unit_test(a_directory_tells_what_it_knows),
		cmocka_unit_test(wrong_settings_are_findings),
		cmocka_unit_test(a_secret_is_never_written_inline),
		cmocka_unit_test(a_fetch_keeps_the_rules),
		cmocka_unit_test(a_response_ends_with_its_call),
		cmocka_unit_test(a_fetch_of_a_provider_has_its_settings),
		cmocka_unit_test(no_entry_is_lost_in_silence),
		cmocka_unit_test(a_plugin_of_another_kind_is_refused),
		cmocka_unit_test(many_threads_call_one_instance),
		cmocka_unit_test(each_plugin_is_listed),
		cmocka_unit_test(what_others_may_write_is_not_loaded),
		cmocka_unit_test(an_older_host_is_told_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
