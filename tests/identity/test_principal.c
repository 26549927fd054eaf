#include "test.h"

#include <pthread.h>
#include <stdio.h>

#include "principal.h"

static int64_t now_ms;

static int64_t test_time(void *data)
{
	(void)data;
	return now_ms;
}

static const struct clock test_clock = { test_time, test_time, NULL };

static char all[] = "all", eng[] = "eng", lead[] = "lead", github_ann[] = "github=ann", github_other[] = "github=other", jira_ann[] = "jira=ann",
            slack_ann[] = "slack=ann", git_ann[] = "git=ann", person_ann[] = "Ann", person_smith[] = "A. Smith";
static char *staff_groups[] = { eng, all }, *hr_groups[] = { eng }, *roles[] = { lead };
static char *staff_accounts[] = { github_ann, jira_ann }, *hr_accounts[] = { github_other, slack_ann, git_ann };

/* What a directory does next. */
struct script {
	int code;
	struct call_result result;
	uint64_t generation;
	int asked;
};

struct world {
	struct script scripts[2];
	int open; /* lookups without done */
	const char *name_id;
};

static struct script *script_of(struct world *world, const struct conf_service_directory *entry)
{
	return &world->scripts[strcmp(entry->id, "staff") != 0];
}

static int world_lookup(void *data, const struct conf_service_directory *entry, const struct call_result **found, struct failure *failure)
{
	struct world *world = data;
	struct script *script = script_of(world, entry);
	(void)failure;
	script->asked++;
	world->open++;
	if (script->code == EMA_OK)
		*found = &script->result;
	return script->code;
}

static void world_done(void *data, const struct conf_service_directory *entry)
{
	(void)entry;
	((struct world *)data)->open--;
}

static uint64_t world_generation(void *data, const struct conf_service_directory *entry)
{
	return script_of(data, entry)->generation;
}

static const char *const okta[] = { "okta" }, *const both[] = { "okta", "azure" };
static struct conf_service_directory entries[] = { { .id = "staff", .providers = { okta, 1 } }, { .id = "hr", .providers = { both, 2 } } };
static struct conf_directory directories[] = { { .instance = { .id = "staff" }, .max_age_ms = 1000 }, { .instance = { .id = "hr" }, .max_age_ms = 1000 } };
static const struct conf conf = { .directories = directories, .directory_count = 2 };
static const struct conf_service service = { .id = "files", .directories = entries, .directory_count = 2 };
static const struct subject ann = { "okta", "https://okta.example", "t1", "ann" };

static struct world world_new(void)
{
	struct world world = { .scripts = {
		{ EMA_OK, { .person = person_ann, .person_active = 1, .max_age_ms = -1, .groups = { staff_groups, 2 }, .accounts = { staff_accounts, 2 } }, 1, 0 },
		{ EMA_OK, { .person = person_smith, .person_active = 1, .max_age_ms = -1, .groups = { hr_groups, 1 }, .roles = { roles, 1 },
		            .accounts = { hr_accounts, 3 } }, 1, 0 },
	} };
	for (int i = 0; i < 2; i++)
		entries[i].required = directories[i].last_known = 0;
	return world;
}

static int gather(struct world *world, const struct subject *subject, struct answers *answers, struct principal *out, struct failure *failure)
{
	struct principal_ops ops = { world_lookup, world_done, world_generation, world, NULL, world->name_id };
	int code = principal_gather(out, &conf, &service, subject, answers, &ops, failure);
	assert_int_equal(world->open, 0);
	return code;
}

static int ask(struct world *world, struct answers *answers)
{
	struct principal principal = { 0 };
	struct failure failure = FAILURE_INIT;
	int code = gather(world, &ann, answers, &principal, &failure);
	assert_int_equal(failure.code, code);
	principal_clear(&principal);
	return code;
}

/* JAG-79 JAG-93: groups keep their source and tenant, those of claims too. */
static void groups_keep_their_source(void **state)
{
	(void)state;
	static char *claim_groups[] = { eng };
	static const struct { const char *name, *source; } expected[] = { { "eng", "claims" }, { "eng", "staff" }, { "all", "staff" }, { "eng", "hr" } };
	static const char *const accounts[] = { "github=ann", "jira=ann", "slack=ann", "git=ann" };
	struct call_result claims = { .groups = { claim_groups, 1 } };
	struct principal principal = { 0 };
	struct world world = world_new();
	assert_int_equal(principal_claims(&principal, &ann, &claims), EMA_OK);
	assert_int_equal(gather(&world, &ann, NULL, &principal, NULL), EMA_OK);
	assert_int_equal(principal.group_count, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_string_equal(principal.groups[i].name, expected[i].name);
		assert_string_equal(principal.groups[i].source, expected[i].source);
		assert_string_equal(principal.groups[i].tenant, "t1");
	}
	assert_int_equal(principal.role_count, 1);
	assert_string_equal(principal.roles[0].source, "hr");
	assert_string_equal(principal.person, "Ann");
	assert_int_equal(principal.accounts.count, 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(principal.accounts.list[i], accounts[i]);
	principal_clear(&principal);
	principal_clear(&principal);
}

/* A directory is asked for the providers that it speaks for alone. */
static void asks_who_speaks_for_the_provider(void **state)
{
	(void)state;
	static const struct { const char *provider; int staff, hr; } cases[] = { { "okta", 1, 1 }, { "azure", 0, 1 }, { "other", 0, 0 }, { "okt", 0, 0 } };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct world world = world_new();
		struct principal principal = { 0 };
		struct subject subject = { cases[i].provider, "i", NULL, "s" };
		entries[0].required = entries[1].required = 1;
		assert_int_equal(gather(&world, &subject, NULL, &principal, NULL), EMA_OK);
		assert_int_equal(world.scripts[0].asked, cases[i].staff);
		assert_int_equal(world.scripts[1].asked, cases[i].hr);
		principal_clear(&principal);
	}
}

/* JAG-89: disabled and unknown are refusals; an outage is neither "no groups" nor a refusal of the person. */
static void fails_closed(void **state)
{
	(void)state;
	static const struct { int said, required, code; } cases[] = {
		{ EMA_OK, 0, EMA_OK }, { EMA_OK, 1, EMA_OK },
		{ EMA_UNKNOWN_SUBJECT, 0, EMA_OK }, { EMA_UNKNOWN_SUBJECT, 1, EMA_UNKNOWN_SUBJECT },
		{ EMA_NOT_MINE, 0, EMA_OK }, { EMA_NOT_MINE, 1, EMA_UNKNOWN_SUBJECT },
		{ EMA_DISABLED, 0, EMA_DISABLED }, { EMA_DISABLED, 1, EMA_DISABLED },
		{ EMA_DIRECTORY_UNAVAILABLE, 0, EMA_DIRECTORY_UNAVAILABLE }, { EMA_UNAVAILABLE, 0, EMA_DIRECTORY_UNAVAILABLE },
		{ EMA_TIMEOUT, 1, EMA_DIRECTORY_UNAVAILABLE }, { EMA_DIRECTORY_STALE, 0, EMA_DIRECTORY_STALE },
		{ EMA_INTERNAL, 0, EMA_INTERNAL }, { EMA_DENIED, 0, EMA_DENIED }, { EMA_GROUP_OVERAGE, 0, EMA_GROUP_OVERAGE },
		{ EMA_OUT_OF_MEMORY, 0, EMA_OUT_OF_MEMORY },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct world world = world_new();
		world.scripts[1].code = cases[i].said;
		entries[1].required = cases[i].required;
		if (ask(&world, NULL) != cases[i].code)
			fail_msg("case %zu", i);
	}
	struct world world = world_new();
	world.scripts[0].result.person_active = 0;
	assert_int_equal(ask(&world, NULL), EMA_DISABLED);
	world.scripts[0].result.person = NULL;
	assert_int_equal(ask(&world, NULL), EMA_INTERNAL);
}

/* JAG-89: the last known answer stands in for max_age, until the directory says that it changed, refusals as well. */
static void last_known_stands_in(void **state)
{
	(void)state;
	struct answers *answers = answers_new(&test_clock, 0);
	struct world world = world_new();
	now_ms = 1000;
	directories[0].last_known = 1;
	assert_int_equal(ask(&world, answers), EMA_OK);
	world.scripts[0].code = EMA_DIRECTORY_UNAVAILABLE;
	struct principal principal = { 0 };
	assert_int_equal(gather(&world, &ann, answers, &principal, NULL), EMA_OK);
	assert_int_equal(principal.group_count, 3);
	principal_clear(&principal);
	struct subject other = ann;
	other.tenant = "t2";
	assert_int_equal(gather(&world, &other, answers, &principal, NULL), EMA_DIRECTORY_UNAVAILABLE);
	principal_clear(&principal);
	now_ms = 1999;
	assert_int_equal(ask(&world, answers), EMA_OK);
	now_ms = 2000;
	assert_int_equal(ask(&world, answers), EMA_DIRECTORY_UNAVAILABLE);
	/* The directory's own max_age counts. */
	world.scripts[0].code = EMA_OK;
	world.scripts[0].result.max_age_ms = 10;
	assert_int_equal(ask(&world, answers), EMA_OK);
	world.scripts[0].code = EMA_TIMEOUT;
	now_ms = 2009;
	assert_int_equal(ask(&world, answers), EMA_OK);
	now_ms = 2010;
	assert_int_equal(ask(&world, answers), EMA_DIRECTORY_UNAVAILABLE);
	/* directory_changed ends it. */
	world.scripts[0].code = EMA_OK;
	assert_int_equal(ask(&world, answers), EMA_OK);
	world.scripts[0].code = EMA_DIRECTORY_STALE;
	assert_int_equal(ask(&world, answers), EMA_OK);
	world.scripts[0].generation++;
	assert_int_equal(ask(&world, answers), EMA_DIRECTORY_STALE);
	/* What it says of somebody by one name stands for no other: that nobody is known by that takes no group away. */
	world.scripts[0].code = EMA_OK;
	assert_int_equal(ask(&world, answers), EMA_OK);
	world.name_id = "ann of before";
	world.scripts[0].code = EMA_UNKNOWN_SUBJECT;
	assert_int_equal(ask(&world, answers), EMA_OK);
	world.scripts[0].code = EMA_UNAVAILABLE;
	assert_int_equal(ask(&world, answers), EMA_OK); /* as nobody, as it was said */
	world.name_id = NULL;
	struct principal known = { 0 };
	struct failure failure = FAILURE_INIT;
	assert_int_equal(gather(&world, &ann, answers, &known, &failure), EMA_OK);
	assert_int_equal(known.persons.count, 2);
	principal_clear(&known);
	/* Who was shut out stays out. */
	world.scripts[0].code = EMA_OK;
	assert_int_equal(ask(&world, answers), EMA_OK);
	world.scripts[0].code = EMA_DISABLED;
	assert_int_equal(ask(&world, answers), EMA_DISABLED);
	world.scripts[0].code = EMA_UNAVAILABLE;
	assert_int_equal(ask(&world, answers), EMA_DISABLED);
	answers_free(answers);
}

static void put_answer(struct answers *answers, const char *sub, uint64_t ticket, int code)
{
	struct subject subject = { "p", "i", NULL, sub };
	answers_put(answers, &(struct answer_about){ "d", &subject, NULL, NULL }, 1, ticket, 1000, &(struct answer){ .code = code });
}

static int find_answer(struct answers *answers, const char *sub)
{
	struct subject subject = { "p", "i", NULL, sub };
	struct answer out = { 0 };
	int code = answers_find(answers, &(struct answer_about){ "d", &subject, NULL, NULL }, 1, &out);
	int said = out.code;
	answer_clear(&out);
	return code == EMA_OK ? said : code;
}

static void answers_are_bounded_and_in_order(void **state)
{
	(void)state;
	struct answers *answers = answers_new(&test_clock, 3);
	now_ms = 0;
	put_answer(answers, "a", answers_ticket(answers), EMA_OK);
	put_answer(answers, "b", answers_ticket(answers), EMA_OK);
	put_answer(answers, "c", answers_ticket(answers), EMA_OK);
	assert_int_equal(find_answer(answers, "a"), EMA_OK);
	put_answer(answers, "d", answers_ticket(answers), EMA_OK);
	assert_int_equal(find_answer(answers, "b"), EMA_ABSENT);
	assert_int_equal(find_answer(answers, "a"), EMA_OK);
	/* One that was asked for earlier and comes later changes nothing. */
	uint64_t early = answers_ticket(answers), late = answers_ticket(answers);
	put_answer(answers, "a", late, EMA_DISABLED);
	put_answer(answers, "a", early, EMA_OK);
	assert_int_equal(find_answer(answers, "a"), EMA_DISABLED);
	answers_free(answers);
	answers_free(NULL);
}

static void *hammer(void *data)
{
	char sub[16];
	for (int i = 0; i < 2000; i++) {
		snprintf(sub, sizeof sub, "%d", i % 50);
		put_answer(data, sub, answers_ticket(data), EMA_OK);
		find_answer(data, sub);
	}
	return NULL;
}

static void answers_are_for_all_threads(void **state)
{
	(void)state;
	struct answers *answers = answers_new(&test_clock, 20);
	pthread_t threads[4];
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, answers), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	put_answer(answers, "x", answers_ticket(answers), EMA_OK);
	assert_int_equal(find_answer(answers, "x"), EMA_OK);
	answers_free(answers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_keep_their_source),
		cmocka_unit_test(asks_who_speaks_for_the_provider),
		cmocka_unit_test(fails_closed),
		cmocka_unit_test(last_known_stands_in),
		cmocka_unit_test(answers_are_bounded_and_in_order),
		cmocka_unit_test(answers_are_for_all_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
