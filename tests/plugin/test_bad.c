/* Plugins that misbehave, one per file in bad/: none may crash, hang or be allowed what it must not. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

/* Refused before anything of it runs for a decision. */
static void is_not_loaded(void **state)
{
	static const struct {
		const char *name, *says;
	} cases[] = {
		{ "null_table", "needs a newer EMA" },
		{ "short_table", "its description says that it has 24 bytes" },
		{ "huge_size", "1048576 bytes" },
		{ "huge_kind", "its identity table says" },
		{ "short_kind", "its identity table says" },
		{ "wrong_abi", "made for plugin interface 2.0" },
		{ "no_entry", "it has no ema_plugin_entry" },
		{ "entry_elsewhere", "which it depends on" },
		{ "no_function", "its identity table lacks identify" },
		{ "no_kind", "it is of no kind" },
		{ "no_name", "it has no name" },
		{ "other_name", "its file must be good.so" },
		{ "goood", "did you mean \"good\"?" },
		{ "../good", "must be a name or an absolute path" },
		{ "go.od", "letters, digits" },
		{ "", "letters, digits" },
		{ "/nowhere/good.so", "No such file" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct plugin *plugin = NULL;
		struct failure failure = FAILURE_INIT;
		assert_int_equal(plugin_open(&rig_search, cases[i].name, &plugin, &failure), EMA_CONFIG);
		if (!strstr(failure.text, cases[i].says))
			fail_msg("%s: %s", cases[i].name, failure.text);
		assert_null(plugin);
	}
}

/* Half a copy would kill the process that maps it. */
static void a_file_that_is_cut_off(void **state)
{
	char folder[] = "/tmp/ema-cut-XXXXXX", path[64], good[512], bytes[4096];
	struct plugin *plugin = NULL;
	struct failure failure = FAILURE_INIT;
	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/good.so", folder);
	snprintf(good, sizeof good, "%.*s/good.so", (int)strcspn(rig_search.folders, ":"), rig_search.folders);
	for (size_t length = 0; length <= sizeof bytes; length += 512) {
		FILE *from = fopen(good, "r"), *to = fopen(path, "w");
		assert_true(from && to);
		assert_int_equal(fread(bytes, 1, length, from), length);
		assert_int_equal(fwrite(bytes, 1, length, to), length);
		fclose(from);
		fclose(to);
		failure_clear(&failure);
		assert_int_not_equal(plugin_open(&rig_search, path, &plugin, &failure), EMA_OK);
		if (length >= 512 && !strstr(failure.text, "the file is cut off"))
			fail_msg("%zu bytes: %s", length, failure.text);
	}
	unlink(path);
	rmdir(folder);
}

static void is_not_opened(void **state)
{
	static const struct {
		const char *name, *text, *id, *says;
	} cases[] = {
		{ "open_fails", "", "E-PLUGIN", "something that the decision needs did not answer" },
		{ "open_says_why", "colour = \"red\";", "E-VALUE", "colour: must be blue" },
		{ "open_says_why", "colour = \"red\"; color = \"red\";", "E-UNKNOWN", "\"color\" of plugin \"open_says_why\"; did you mean \"colour\"?" },
		{ "fetches_in_open", "", "E-PLUGIN", "without naming it" },
		{ "good", "color = \"red\";", "E-UNKNOWN", "unknown key \"color\"" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct rig rig = { .conf = NULL };
		assert_int_equal(rig_open(&rig, cases[i].name, PLUGIN_IDENTITY, cases[i].text), EMA_CONFIG);
		assert_true(rig_found(&rig, cases[i].id, cases[i].says));
		assert_null(rig.instance);
		rig_close(&rig);
	}
}

/* A key that the plugin finds fault with is one that it knows. */
static void a_wrong_key_is_known(void **state)
{
	(void)state;
	struct rig rig = { .conf = NULL };
	assert_int_equal(rig_open(&rig, "open_says_why", PLUGIN_IDENTITY, "colour = \"red\";"), EMA_CONFIG);
	assert_true(rig_found(&rig, "E-VALUE", "colour: must be blue"));
	assert_int_equal(rig.findings.count, 1);
	rig_close(&rig);
}

static void is_not_believed(void **state)
{
	static const struct {
		const char *name;
		int code;
		const char *says;
	} cases[] = {
		{ "good", EMA_OK, "" },
		{ "newer", EMA_OK, "" },
		{ "null_everywhere", EMA_OK, "" },
		{ "returns_42000", EMA_INTERNAL, "code that its kind may not" },
		{ "foreign_code", EMA_INTERNAL, "code that its kind may not" },
		{ "ok_without_vouching", EMA_INTERNAL, "vouched for nobody" },
		{ "vouches_twice", EMA_INTERNAL, "two different subjects" },
		{ "vouches_then_fails", EMA_INTERNAL, "vouched and answered with a failure" },
		{ "says_nothing", EMA_INTERNAL, "did not say all" },
		{ "sets_a_person", EMA_INTERNAL, "called set_person" },
		{ "keeps_call", EMA_OK, "" },
		{ "leaks_thread", EMA_OK, "" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct rig rig = { .conf = NULL };
		assert_int_equal(rig_open(&rig, cases[i].name, PLUGIN_IDENTITY, ""), EMA_OK);
		for (int again = 0; again < 3; again++) {
			struct call_settings settings;
			struct ema_call *call = NULL;
			struct failure failure = FAILURE_INIT;
			rig_call(&rig, &settings);
			int code = call_run(&settings, &call, &failure);
			if (code != cases[i].code || !strstr(failure.text, cases[i].says))
				fail_msg("%s: %d %s", cases[i].name, code, failure.text);
			assert_int_equal(code, failure.code);
			if (code == EMA_OK)
				assert_string_equal(call_result(call)->subject, "alice");
			call_free(call);
		}
		rig_close(&rig);
	}
	usleep(100000); /* the thread that was left behind ends in code that is still mapped */
}

/* Under a control that ignores ok, a vouching is neither asked for nor judged. */
static void an_ignored_rule_need_not_vouch(void **state)
{
	struct rig rig = { .conf = NULL };
	struct call_settings settings;
	struct ema_call *call = NULL;
	struct failure failure = FAILURE_INIT;
	(void)state;
	assert_int_equal(rig_open(&rig, "ok_without_vouching", PLUGIN_IDENTITY, ""), EMA_OK);
	rig_call(&rig, &settings);
	settings.unjudged = 1;
	assert_int_equal(call_run(&settings, &call, &failure), EMA_OK);
	call_free(call);
	rig_close(&rig);
}

static void an_answer_after_the_deadline_is_a_timeout(void **state)
{
	struct rig rig = { .conf = NULL };
	struct call_settings settings;
	struct ema_call *call = NULL;
	struct failure failure = FAILURE_INIT;
	(void)state;
	assert_int_equal(rig_open(&rig, "sleeps", PLUGIN_IDENTITY, ""), EMA_OK);
	rig_call(&rig, &settings);
	settings.deadline = clock_monotonic(&clock_system) + 50;
	assert_int_equal(call_run(&settings, &call, &failure), EMA_TIMEOUT);
	assert_non_null(strstr(failure.text, "the deadline"));
	call_free(call);
	failure_clear(&failure);
	assert_int_equal(call_run(&settings, &call, &failure), EMA_TIMEOUT); /* it has passed by now */
	call_free(call);
	rig_close(&rig);
}

static atomic_int ran;

static void *run_slowly(void *data)
{
	struct call_settings settings;
	struct ema_call *call = NULL;
	rig_call(data, &settings);
	call_run(&settings, &call, NULL);
	call_free(call);
	atomic_store(&ran, 1);
	return NULL;
}

static void waiting_for_a_busy_instance_ends(void **state)
{
	struct rig rig = { .conf = NULL };
	struct call_settings settings;
	struct ema_call *call = NULL;
	struct failure failure = FAILURE_INIT;
	pthread_t thread;
	(void)state;
	assert_int_equal(rig_open(&rig, "sleeps", PLUGIN_IDENTITY, ""), EMA_OK);
	int busy = 0;
	for (int tries = 0; tries < 20 && !busy; tries++) { /* the other one may be done before this one comes */
		atomic_store(&ran, 0);
		failure_clear(&failure);
		assert_int_equal(pthread_create(&thread, NULL, run_slowly, &rig), 0);
		int entered, over;
		do { /* until it has begun */
			over = atomic_load(&ran);
			entered = instance_enter(rig.instance, 0) == EMA_OK;
			if (entered)
				instance_leave(rig.instance);
		} while (entered && !over);
		rig_call(&rig, &settings);
		settings.deadline = clock_monotonic(&clock_system) + 50;
		assert_int_equal(call_run(&settings, &call, &failure), EMA_TIMEOUT);
		busy = strstr(failure.text, "busy") != NULL;
		call_free(call);
		pthread_join(thread, NULL);
	}
	assert_true(busy);
	rig_close(&rig);
}

#define ENTERED_ROUNDS 200

static void *load_again(void *data)
{
	for (int i = 0; i < ENTERED_ROUNDS; i++) {
		struct plugin *plugin = NULL;
		if (plugin_open(&rig_search, "entered_twice", &plugin, NULL))
			return data;
		plugin_close(plugin);
	}
	return NULL;
}

/* Two threads load, as two contexts or a reload would, while a third one is in calls. The thread sanitizer sees a second entry, too. */
static void an_entry_is_called_once(void **state)
{
	struct rig rig = { .conf = NULL };
	pthread_t threads[2];
	void *failed = NULL;
	(void)state;
	assert_int_equal(rig_open(&rig, "entered_twice", PLUGIN_IDENTITY, ""), EMA_OK);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, load_again, &rig), 0);
	for (int i = 0; i < 5 * ENTERED_ROUNDS; i++) {
		struct call_settings settings;
		struct ema_call *call = NULL;
		rig_call(&rig, &settings);
		assert_int_equal(call_run(&settings, &call, NULL), EMA_OK);
		assert_string_equal(call_result(call)->subject, "alice");
		call_free(call);
	}
	for (size_t i = 0; i < 2; i++) {
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	rig_close(&rig);
}

static void a_forked_child_gets_a_clean_error(void **state)
{
	struct rig rig = { .conf = NULL };
	struct call_settings settings;
	struct ema_call *call = NULL;
	struct failure failure = FAILURE_INIT;
	pid_t self = getpid();
	int status = 0;
	(void)state;
	assert_int_equal(rig_open(&rig, "forks", PLUGIN_IDENTITY, ""), EMA_OK);
	rig_call(&rig, &settings);
	int code = call_run(&settings, &call, &failure);
	if (getpid() != self) {
		call_free(call);
		rig_close(&rig);
		_exit(code == EMA_AFTER_FORK ? 7 : 8);
	}
	assert_int_equal(code, EMA_OK);
	assert_true(wait(&status) > 0);
	assert_int_equal(WEXITSTATUS(status), 7);
	call_free(call);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_not_loaded),
		cmocka_unit_test(a_file_that_is_cut_off),
		cmocka_unit_test(is_not_opened),
		cmocka_unit_test(a_wrong_key_is_known),
		cmocka_unit_test(is_not_believed),
		cmocka_unit_test(an_ignored_rule_need_not_vouch),
		cmocka_unit_test(an_answer_after_the_deadline_is_a_timeout),
		cmocka_unit_test(waiting_for_a_busy_instance_ends),
		cmocka_unit_test(an_entry_is_called_once),
		cmocka_unit_test(a_forked_child_gets_a_clean_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
