#include "rig.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], path[128];

static const char two[] =
	"people = (\n"
	"  { id = \"ada\"; subjects = [\"okta/-/00u1\", \"contractors/6bab/o%2f1\"]; email = \"Ada@ACME.example\"; groups = [\"eng\", \"ops\"];\n"
	"    roles = [\"lead\"]; accounts = { github = \"ada-l\"; }; },\n"
	"  { id = \"bob\"; subjects = [\"okta/-/00u2\"]; name_ids = [\"http%3A%2F%2Fwww.okta.com%2Fexk1/bob%40acme.example\"]; active = false; }\n"
	");\n";

static void write_people(const char *text)
{
	char fresh[160];
	snprintf(fresh, sizeof fresh, "%s.new", path);
	FILE *file = fopen(fresh, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(fresh, 0644), 0);
	assert_int_equal(rename(fresh, path), 0);
}

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/ema-people-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/people.conf", folder);
	write_people(two);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static int open_people(struct rig *rig, const char *more)
{
	char settings[256];
	snprintf(settings, sizeof settings, "path = \"%s\"; %s", path, more);
	return rig_open(rig, "file", PLUGIN_DIRECTORY, settings);
}

static int look_up(struct rig *rig, const char *provider, const char *tenant, const char *subject, const char *email, const char *name_id,
                   struct rig_answer *answer)
{
	const char *items[16] = { NULL };
	items[EMA_ITEM_PROVIDER] = provider;
	items[EMA_ITEM_TENANT] = tenant;
	items[EMA_ITEM_SUBJECT] = subject;
	items[EMA_ITEM_EMAIL] = email;
	items[EMA_ITEM_NAME_ID] = name_id;
	rig_lookup(rig, items, answer);
	return answer->code;
}

/* JAG-78 JAG-79 JAG-83 JAG-84 JAG-85 JAG-87 JAG-89: by subject, address or SAML name, and by nothing else */
static void finds_people(void **state)
{
	(void)state;
	static const struct {
		const char *provider, *tenant, *subject, *email, *name_id;
		int code;
		const char *person;
	} rows[] = {
		{ "okta", NULL, "00u1", NULL, NULL, EMA_OK, "ada" },
		{ "contractors", "6bab", "o/1", NULL, NULL, EMA_OK, "ada" },
		{ "okta", "6bab", "00u1", NULL, NULL, EMA_UNKNOWN_SUBJECT, NULL },
		{ "okta", "-", "00u1", NULL, NULL, EMA_UNKNOWN_SUBJECT, NULL },
		{ "contractors", NULL, "00u1", NULL, NULL, EMA_UNKNOWN_SUBJECT, NULL },
		{ "contractors", NULL, "6bab/o%2f1", NULL, NULL, EMA_UNKNOWN_SUBJECT, NULL },
		{ "okta", NULL, "00U1", NULL, NULL, EMA_UNKNOWN_SUBJECT, NULL },
		{ "okta", NULL, "new", "Ada@acme.EXAMPLE", NULL, EMA_OK, "ada" },
		{ "okta", NULL, "new", "ada@acme.example", NULL, EMA_UNKNOWN_SUBJECT, NULL },
		{ "okta", NULL, "Ada@acme.example", NULL, NULL, EMA_UNKNOWN_SUBJECT, NULL },
		{ "okta", NULL, "ada", NULL, NULL, EMA_UNKNOWN_SUBJECT, NULL },
		{ "okta", NULL, "00u1", "Ada@acme.example", NULL, EMA_OK, "ada" },
		{ "okta", NULL, "00u2", NULL, NULL, EMA_DISABLED, NULL },
		{ "okta", NULL, "new", NULL, "http%3A%2F%2Fwww.okta.com%2Fexk1/bob%40acme.example", EMA_DISABLED, NULL },
		{ "okta", NULL, "00u2", "Ada@acme.example", NULL, EMA_SUBJECT_CONFLICT, NULL },
	};
	struct rig rig;
	assert_int_equal(open_people(&rig, ""), 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig_answer answer;
		look_up(&rig, rows[i].provider, rows[i].tenant, rows[i].subject, rows[i].email, rows[i].name_id, &answer);
		if (answer.code != rows[i].code)
			fail_msg("row %zu: %d, expected %d: %s", i, answer.code, rows[i].code, answer.failure.text);
		if (rows[i].person) {
			assert_string_equal(answer.result->person, rows[i].person);
			assert_int_equal(answer.result->person_active, 1);
			assert_int_equal(answer.result->groups.count, 2);
			assert_true(rig_has(&answer.result->groups, "ops"));
			assert_true(rig_has(&answer.result->roles, "lead"));
			assert_true(rig_has(&answer.result->accounts, "github=ada-l"));
		}
		rig_answer_free(&answer);
	}
	rig_close(&rig);
}

/* REV-16: who somebody is, so that all that they are can be revoked: also of whom may not come in any more. */
static void names_persons(void **state)
{
	struct rig rig;
	struct rig_answer answer;
	(void)state;
	assert_int_equal(open_people(&rig, ""), 0);
	rig_person(&rig, "ada", &answer);
	assert_int_equal(answer.code, EMA_OK);
	assert_string_equal(answer.result->person, "ada");
	assert_int_equal(answer.result->subjects.count, 2);
	assert_true(rig_has(&answer.result->subjects, "okta/-/00u1"));
	assert_true(rig_has(&answer.result->subjects, "contractors/6bab/o%2F1"));
	rig_answer_free(&answer);
	rig_person(&rig, "bob", &answer);
	assert_int_equal(answer.code, EMA_OK);
	assert_int_equal(answer.result->person_active, 0);
	assert_int_equal(answer.result->subjects.count, 1);
	rig_answer_free(&answer);
	rig_person(&rig, "okta/-/00u1", &answer);
	assert_int_equal(answer.code, EMA_UNKNOWN_SUBJECT);
	rig_answer_free(&answer);
	rig_close(&rig);
}

static void the_example_loads(void **state)
{
	(void)state;
	struct rig rig;
	struct rig_answer answer;
	char *text = rig_source("etc/examples/people.conf");
	write_people(text);
	free(text);
	assert_int_equal(open_people(&rig, ""), 0);
	assert_int_equal(look_up(&rig, "okta", NULL, "00u1abcdEFGH", NULL, NULL, &answer), EMA_OK);
	rig_answer_free(&answer);
	rig_close(&rig);
	write_people(two);
}

static void refuses_wrong_files(void **state)
{
	(void)state;
	static const struct {
		const char *file, *text;
	} rows[] = {
		{ "", "people = (" },
		{ "people = ( {", "people.conf:1" },
		{ "persons = ();", "unknown key \"persons\"" },
		{ "people = ();\nmore = 1;", "unknown key \"more\"" },
		{ "people = (\n \"ada\" );", "list of groups" },
		{ "people = ( { subjects = [\"okta/-/1\"]; } );", "without id" },
		{ "people = ( { id = \"a\"; } );", "never be found" },
		{ "people = ( { id = \"a\"; subjects = [\"00u1\"]; } );", "provider/tenant/sub" },
		{ "people = ( { id = \"a\"; subjects = [\"okta/-/00u1/x\"]; } );", "provider/tenant/sub" },
		{ "people = ( { id = \"a\"; subjects = [\"okta//00u1\"]; } );", "provider/tenant/sub" },
		{ "people = ( { id = \"a\"; subjects = [\"okta/-/%0\"]; } );", "provider/tenant/sub" },
		{ "people = ( { id = \"a\"; subjects = [\"okta/-/%00\"]; } );", "provider/tenant/sub" },
		{ "people = ( { id = \"a\"; subjects = [\"okta/-/1\"]; },\n { id = \"b\"; subjects = [\"okta/%2D/1\"]; },\n { id = \"c\"; subjects = [\"okt%61/-/1\"]; } );", ":3: " },
		{ "people = ( { id = \"a\"; email = \"a@x.example\"; }, { id = \"b\"; email = \"a@X.example\"; } );", "stands twice" },
		{ "people = ( { id = \"a\"; email = \"a@x.example\"; }, { id = \"a\"; email = \"b@x.example\"; } );", "stands twice" },
		{ "people = ( { id = \"a\"; email = \"nobody\"; } );", "one address" },
		{ "people = ( { id = \"a\"; email = \"a@x.example\"; group = [\"eng\"]; } );", "unknown key \"group\"" },
		{ "people = ( { id = \"a\"; email = \"a@x.example\"; groups = \"eng\"; } );", "groups = [" },
		{ "people = ( { id = \"a\"; email = \"a@x.example\"; groups = [1]; } );", "strings" },
		{ "people = ( { id = \"a\"; email = \"a@x.example\"; active = 0; } );", "true or false" },
		{ "people = ( { id = \"a\"; email = \"a@x.example\"; accounts = [\"x\"]; } );", "github" },
		{ "people = ();\n  @include \"/etc/passwd\"\n", ":2: @include" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig rig;
		write_people(rows[i].file);
		if (open_people(&rig, "") == 0 || !rig_says(&rig, rows[i].text))
			fail_msg("%s: \"%s\", expected \"%s\"", rows[i].file, rig.findings.count ? rig.findings.list[0].text : "loaded", rows[i].text);
		rig_close(&rig);
	}
	write_people(two);
}

/* A change counts at once; a broken or missing file leaves what was there until it is too old. */
static void follows_the_file(void **state)
{
	(void)state;
	struct rig rig;
	struct rig_answer answer;
	write_people(two);
	assert_int_equal(open_people(&rig, "max_age = \"1h\"; "), 0);
	write_people("people = ( { id = \"eve\"; subjects = [\"okta/-/00u9\"]; } );");
	assert_int_equal(look_up(&rig, "okta", NULL, "00u9", NULL, NULL, &answer), EMA_UNKNOWN_SUBJECT);
	rig_answer_free(&answer);
	rig.wall += 1000;
	assert_int_equal(look_up(&rig, "okta", NULL, "00u9", NULL, NULL, &answer), EMA_OK);
	assert_true(answer.result->max_age_ms <= 1000);
	rig_answer_free(&answer);
	assert_int_equal(rig.changed, 1);
	assert_int_equal(look_up(&rig, "okta", NULL, "00u1", NULL, NULL, &answer), EMA_UNKNOWN_SUBJECT);
	rig_answer_free(&answer);

	for (int away = 0; away < 3; away++) {
		if (away == 0)
			write_people("people = ( {\n");
		else if (away == 1)
			unlink(path);
		else
			write_people(two), chmod(path, 0666);
		rig.log[0] = '\0';
		for (int i = 0; i < 3; i++) {
			rig.wall += 1000;
			assert_int_equal(look_up(&rig, "okta", NULL, "00u9", NULL, NULL, &answer), EMA_OK);
			rig_answer_free(&answer);
		}
		/* Said once, and where. */
		const char *said = strstr(rig.log, away == 0 ? "people.conf:2: " : away == 1 ? "No such file" : "chmod go-w");
		assert_non_null(said);
		assert_null(strstr(said + 1, "stays\n") ? strstr(strstr(said + 1, "stays\n") + 1, "stays\n") : NULL);
		rig.wall += 3600 * 1000;
		assert_int_equal(look_up(&rig, "okta", NULL, "00u9", NULL, NULL, &answer), EMA_DIRECTORY_STALE);
		rig_answer_free(&answer);
		write_people("people = ( { id = \"eve\"; subjects = [\"okta/-/00u9\"]; } );");
		rig.wall += 1000;
		assert_int_equal(look_up(&rig, "okta", NULL, "00u9", NULL, NULL, &answer), EMA_OK);
		rig_answer_free(&answer);
		/* A file that nobody had to touch for a year is not stale. */
		rig.wall += INT64_C(365) * 86400 * 1000;
		assert_int_equal(look_up(&rig, "okta", NULL, "00u9", NULL, NULL, &answer), EMA_OK);
		rig_answer_free(&answer);
	}
	rig_close(&rig);
	write_people(two);
	assert_int_equal(open_people(&rig, "max_file_age = \"1h\"; "), 0);
	struct stat now;
	assert_int_equal(stat(path, &now), 0);
	rig.wall = ((int64_t)now.st_mtim.tv_sec + 60) * 1000;
	assert_int_equal(look_up(&rig, "okta", NULL, "00u1", NULL, NULL, &answer), EMA_OK);
	rig_answer_free(&answer);
	rig.wall += 3600 * 1000;
	assert_int_equal(look_up(&rig, "okta", NULL, "00u1", NULL, NULL, &answer), EMA_DIRECTORY_STALE);
	rig_answer_free(&answer);
	rig_close(&rig);
}

static unsigned times_said(const struct rig *rig, const char *what)
{
	unsigned times = 0;
	for (const char *at = rig->log; (at = strstr(at, what)); at++)
		times++;
	return times;
}

/* JAG-89: who the new file disables is out once its folder is safe, although nothing of the file itself changed then. */
static void a_folder_that_was_mended_counts(void **state)
{
	(void)state;
	struct rig rig;
	struct rig_answer answer;
	write_people(two);
	assert_int_equal(open_people(&rig, ""), 0);
	assert_int_equal(chmod(folder, 0777), 0);
	write_people("people = ( { id = \"ada\"; subjects = [\"okta/-/00u1\"]; active = false; } );");
	for (int second = 1; second <= 61; second++) {
		rig.wall += 1000;
		assert_int_equal(look_up(&rig, "okta", NULL, "00u1", NULL, NULL, &answer), EMA_OK);
		rig_answer_free(&answer);
		assert_int_equal(times_said(&rig, "chmod go-w"), second <= 60 ? 1 : 2);
	}
	assert_int_equal(chmod(folder, 0700), 0);
	rig.wall += 1000;
	assert_int_equal(look_up(&rig, "okta", NULL, "00u1", NULL, NULL, &answer), EMA_DISABLED);
	rig_answer_free(&answer);
	assert_int_equal(rig.changed, 1);
	/* What its text is refused for is read and said once. */
	write_people("people = ( {\n");
	for (int second = 1; second <= 121; second++) {
		rig.wall += 1000;
		look_up(&rig, "okta", NULL, "00u1", NULL, NULL, &answer);
		rig_answer_free(&answer);
	}
	assert_int_equal(times_said(&rig, "people.conf:2: "), 1);
	rig_close(&rig);
	write_people(two);
}

static void *look_often(void *data)
{
	struct rig *rig = data;
	for (int i = 0; i < 200; i++) {
		struct rig_answer answer;
		int code = look_up(rig, "okta", NULL, "00u1", NULL, NULL, &answer);
		rig_answer_free(&answer);
		if (code != EMA_OK)
			return rig;
	}
	return NULL;
}

static int64_t ticks; /* moved by the clock below: each look is due */

static int64_t ticking(void *data)
{
	(void)data;
	return RIG_NOW * 1000 + 1001 * __atomic_add_fetch(&ticks, 1, __ATOMIC_RELAXED);
}

static void many_threads_while_it_changes(void **state)
{
	(void)state;
	struct rig rig;
	pthread_t threads[4];
	write_people(two);
	assert_int_equal(open_people(&rig, ""), 0);
	rig.clock.wall = ticking;
	rig.quiet = 1;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, look_often, &rig), 0);
	for (int i = 0; i < 50; i++)
		write_people(two);
	for (int i = 0; i < 4; i++) {
		void *failed = NULL;
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_people),
		cmocka_unit_test(names_persons),
		cmocka_unit_test(the_example_loads),
		cmocka_unit_test(refuses_wrong_files),
		cmocka_unit_test(follows_the_file),
		cmocka_unit_test(a_folder_that_was_mended_counts),
		cmocka_unit_test(many_threads_while_it_changes),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
