/* A configuration in the place of another: what goes on, what ends, what is in force at once. */
#define _GNU_SOURCE
#include "world.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define SINK(file) "audit = ( { id = \"trail\"; plugin = \"file\"; path = \"%FOLDER%/" file "\"; } );\n"
#define HEAD "issuer = \"" OURS "\";\n"
#define IDP "{ id = \"idp\"; plugin = \"oidc\"; issuer = \"" ISSUER "\"; jwks = \"%JWKS%\"; accepts = [\"id_jag\"]; }"
#define SLOW "{ id = \"slow\"; plugin = \"fault\"; issuer = \"https://slow.example\"; delay = \"400ms\"; audience = [\"" OURS "\"]; }"
#define SVC(more) "services = ( { id = \"svc\"; resource = \"https://mcp.example/svc\"; " \
	"default_scopes = [\"read\"]; scopes = ( { name = \"read\"; access = \"read\"; tools = [\"*\"]; } ); " more " } );\n"

static char *decide_id(struct world *world, const char *changes, int code)
{
	ema_decision *decision = NULL;
	int got = world_decide(world, "svc", world_token(world, changes), &decision);
	if (got != code)
		fail_msg("%s: %s, expected %s: %s", changes, ema_code_name(got), ema_code_name(code), ema_decision_operator_line(decision));
	char *id = strdup(ema_decision_id(decision));
	ema_decision_free(decision);
	return id;
}

static void load(struct world *world, const char *conf)
{
	if (world_load(world, conf))
		fail_msg("%s", ema_error(world->context));
}

/* AUD-38: a sink that did not change goes on with its chain, one that did is flushed before its successor begins; a configuration that
   does not load takes none away. */
static void sinks_go_on(void **state)
{
	static const char first[] = HEAD "providers = ( " IDP " );\n" SINK("a.jsonl") SVC("identity = [\"idp\"];");
	static const char same[] = HEAD "\n\nproviders = ( " IDP " );\n" SINK("a.jsonl") SVC("identity = [\"idp\"]; deadline = \"4s\";");
	static const char second[] = HEAD "providers = ( " IDP " );\n" SINK("b.jsonl") SVC("identity = [\"idp\"];");
	static const char wrong[] = HEAD "providers = ( " IDP " );\naudit = ( { id = \"trail\"; plugin = \"file\"; path = \"%FOLDER%/c.jsonl\"; }, { plugin = \"nosuch\"; } );\n"
				    SVC("identity = [\"idp\"];");
	struct world world;
	char *ids[5];
	(void)state;
	world_open(&world);
	load(&world, first);
	ids[0] = decide_id(&world, "{}", EMA_OK);
	load(&world, same);
	ids[1] = decide_id(&world, "{}", EMA_OK);
	assert_int_equal(world_load(&world, wrong), EMA_CONFIG);
	ids[2] = decide_id(&world, "{}", EMA_OK);
	load(&world, second);
	ids[3] = decide_id(&world, "{}", EMA_OK);
	load(&world, first);
	ids[4] = decide_id(&world, "{\"exp\":1}", EMA_EXPIRED);
	ema_free(world.context);
	world.context = NULL;
	char *a = world_read(&world, "a.jsonl"), *b = world_read(&world, "b.jsonl"), *c = world_read(&world, "c.jsonl");
	/* What was still on its way when the sinks changed is in the new one, and nothing is in both. */
	for (int i = 0; i < 5; i++)
		assert_int_equal(!!strstr(a, ids[i]) + !!strstr(b, ids[i]), 1);
	assert_non_null(strstr(a, ids[4]));
	assert_string_equal(c, "");
	assert_true(strstr(a, "\"kind\":\"config-refused\"") || strstr(b, "\"kind\":\"config-refused\""));
	for (int i = 0; i < 5; i++)
		free(ids[i]);
	free(a);
	free(b);
	free(c);
	world_close(&world);
}

/* JAG-37 JAG-51 JAG-107: what a reload takes away is gone with the next decision; what was used up stays so; keys that cannot be had are our
   outage, not the bearer's fault. */
static void in_force_at_once(void **state)
{
	static const char both[] = HEAD "providers = ( " IDP ", { id = \"far\"; plugin = \"oidc\"; issuer = \"https://127.0.0.1:1\"; accepts = [\"id_jag\"]; } );\n"
				   SINK("a.jsonl") SVC("identity = [\"idp\", \"far\"];");
	static const char shut[] = HEAD "providers = ( " IDP " );\nguards = ( { id = \"shut\"; plugin = \"fault\"; code = \"denied\"; } );\n"
				   SINK("a.jsonl") SVC("identity = [\"idp\"]; guards = [\"shut\"];");
	static const char people[] = HEAD "providers = ( " IDP " );\ndirectories = ( { id = \"people\"; plugin = \"file\"; path = \"people.conf\"; } );\n"
				     SINK("a.jsonl") SVC("identity = [\"idp\"]; directory = ( { id = \"people\"; for = [\"idp\"]; required = true; } );");
	struct world world;
	(void)state;
	world_open(&world);
	load(&world, both);
	free(decide_id(&world, "{\"jti\":\"one\"}", EMA_OK));
	free(decide_id(&world, "{\"iss\":\"https://127.0.0.1:1\"}", EMA_KEYS_UNAVAILABLE));
	load(&world, shut);
	free(decide_id(&world, "{}", EMA_DENIED));
	free(decide_id(&world, "{\"iss\":\"https://127.0.0.1:1\"}", EMA_UNKNOWN_ISSUER));
	world_file(&world, "people.conf", "people = ( { id = \"ada\"; subjects = [\"idp/-/ada\"]; } );\n");
	load(&world, people);
	free(decide_id(&world, "{\"jti\":\"one\"}", EMA_REPLAYED));
	free(decide_id(&world, "{}", EMA_OK));
	world_file(&world, "people.conf", "people = ( { id = \"ada\"; subjects = [\"idp/-/ada\"]; active = false; } );\n");
	assert_int_equal(ema_reload(world.context), EMA_OK);
	free(decide_id(&world, "{}", EMA_DISABLED));
	world_file(&world, "people.conf", "people = ( { id = \"bob\"; subjects = [\"idp/-/bob\"]; } );\n");
	assert_int_equal(ema_reload(world.context), EMA_OK);
	free(decide_id(&world, "{}", EMA_UNKNOWN_SUBJECT));
	world_file(&world, "people.conf", "people = ( nonsense");
	assert_int_equal(ema_reload(world.context), EMA_CONFIG);
	assert_non_null(strstr(ema_error(world.context), "people.conf:1"));
	world_close(&world);
}

/* AUD-02: a plugin that verifies in its own way vouches for somebody whom the record names as any other. */
static void who_is_vouched_for_is_named(void **state)
{
	static const char conf[] = HEAD "providers = ( { id = \"own\"; plugin = \"fault\"; issuer = \"https://own.example\"; subject = \"carol\"; audience = [\"" OURS "\"]; } );\n"
				   SINK("a.jsonl") SVC("identity = [\"own\"]; grants = ( { provider = \"own\"; scopes = [\"read\"]; } );");
	struct world world;
	(void)state;
	world_open(&world);
	load(&world, conf);
	world_next_second();
	free(decide_id(&world, "{\"iss\":\"https://own.example\"}", EMA_OK));
	ema_free(world.context);
	world.context = NULL;
	char *trail = world_read(&world, "a.jsonl"), *line = strstr(trail, "\"kind\":\"decision\"");
	assert_non_null(line);
	assert_non_null(strstr(line, "\"subject\":\""));
	assert_non_null(strstr(line, "\"token_client\":\"app\""));
	free(trail);
	world_close(&world);
}

/* What is opened once is not changed by a reload, and it says so. */
static void a_restart_is_asked_for(void **state)
{
#define WITH(key) HEAD key "\nproviders = ( " IDP " );\n" SINK("a.jsonl") SVC("identity = [\"idp\"];")
	static const char *const confs[] = { WITH(""), WITH("spool_size = \"16MiB\";"), WITH("durability = \"disk\";"), WITH("pseudonym_period = \"1d\";") };
	struct world world;
	(void)state;
	world_open(&world);
	for (size_t i = 0; i < sizeof confs / sizeof *confs; i++) {
		assert_int_equal(world_load(&world, confs[i]), i ? EMA_CONFIG : EMA_OK);
		if (i)
			assert_non_null(strstr(ema_error(world.context), "E-RESTART"));
	}
	world_close(&world);
}

/* What is accepted in a tools_file changes decisions, so it changes the name of the configuration. */
static void tools_are_configuration(void **state)
{
	static const char conf[] = HEAD "providers = ( " IDP " );\n" SINK("a.jsonl") SVC("identity = [\"idp\"]; tools_file = \"tools\";");
	static const char file[] = "{\"tools\":[{\"name\":\"get_x\",\"sha256\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"accepted\":%s}]}";
	struct world world;
	char text[256], digest[3][80];
	(void)state;
	world_open(&world);
	for (int i = 0; i < 3; i++) {
		snprintf(text, sizeof text, file, i == 1 ? "true" : "false");
		world_file(&world, "tools", text);
		load(&world, conf);
		snprintf(digest[i], sizeof digest[i], "%s", ema_config_digest(world.context));
	}
	assert_string_not_equal(digest[0], digest[1]);
	assert_string_equal(digest[0], digest[2]);
	world_close(&world);
}

struct late {
	struct world *world;
	char *token;
	int code;
};

static void *decide_slowly(void *data)
{
	struct late *late = data;
	late->code = world_decide(late->world, "svc", late->token, NULL);
	return NULL;
}

/* A decision that is under way ends with the configuration that it began with, also when its provider is gone meanwhile. */
static void under_way(void **state)
{
	static const char before[] = HEAD "providers = ( " IDP ", " SLOW " );\n" SINK("a.jsonl") SVC("identity = [\"idp\", \"slow\"]; deadline = \"30s\";");
	static const char after[] = HEAD "providers = ( " IDP " );\n" SINK("a.jsonl") SVC("identity = [\"idp\"];");
	struct world world;
	pthread_t thread;
	(void)state;
	world_open(&world);
	load(&world, before);
	world_next_second();
	struct late late = { &world, world_token(&world, "{\"iss\":\"https://slow.example\"}"), -1 };
	assert_int_equal(pthread_create(&thread, NULL, decide_slowly, &late), 0);
	nanosleep(&(struct timespec){ .tv_nsec = 150000000 }, NULL);
	load(&world, after);
	free(decide_id(&world, "{\"iss\":\"https://slow.example\"}", EMA_UNKNOWN_ISSUER));
	pthread_join(thread, NULL);
	if (late.code != EMA_OK && late.code != EMA_UNKNOWN_ISSUER) /* the second if this machine took its time to begin */
		fail_msg("%s", ema_code_name(late.code));
	world_close(&world);
}

/* JAG-57: a provider that fills its part of the store is refused; the others are not. */
static void a_full_store(void **state)
{
	static const char conf[] = HEAD "providers = ( " IDP ", { id = \"two\"; plugin = \"oidc\"; issuer = \"https://two.example\"; jwks = \"%JWKS%\"; accepts = [\"id_jag\"]; } );\n"
				   "store = { plugin = \"memory\"; entries = 1000; quota = 5; };\n" SINK("a.jsonl") SVC("identity = [\"idp\", \"two\"];");
	struct world world;
	(void)state;
	world_open(&world);
	load(&world, conf);
	for (int i = 0; i < 5; i++)
		free(decide_id(&world, "{}", EMA_OK));
	free(decide_id(&world, "{}", EMA_STORE_FULL));
	free(decide_id(&world, "{\"iss\":\"https://two.example\"}", EMA_OK));
	world_close(&world);
}

/* JAG-56: a store that does not answer grants nothing, and says that it is our outage. */
static void a_store_that_fails(void **state)
{
	static const struct {
		const char *settings;
		int code;
	} rows[] = {
		{ "code = \"unavailable\";", EMA_STORE_UNAVAILABLE }, { "code = \"store_unavailable\";", EMA_STORE_UNAVAILABLE }, { "code = \"exists\";", EMA_REPLAYED },
		{ "code = \"store_full\";", EMA_STORE_FULL }, { "misbehave = \"unknown_code\";", -1 }, { "code = \"absent\";", -1 }, { "", EMA_OK },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct world world;
		char *conf = NULL;
		ema_decision *decision = NULL;
		world_open(&world);
		assert_true(asprintf(&conf, "%s%s};\n%s", HEAD "providers = ( " IDP " );\nstore = { plugin = \"fault\"; ", rows[i].settings,
		                     SINK("a.jsonl") SVC("identity = [\"idp\"];")) > 0);
		load(&world, conf);
		int code = world_decide_known(&world, "svc", rows[i].code < 0 ? EMA_STORE_UNAVAILABLE : rows[i].code, &decision);
		if (rows[i].code < 0 ? code == EMA_OK : code != rows[i].code)
			fail_msg("%s: %s: %s", rows[i].settings, ema_code_name(code), ema_decision_operator_line(decision));
		ema_decision_free(decision);
		free(conf);
		world_close(&world);
	}
}

static void count_line(void *data, int level, const char *text)
{
	(void)level;
	(void)text;
	atomic_fetch_add((atomic_int *)data, 1);
}

/* AUD-42: a sink that hangs can be taken out of the configuration, and the context freed, while its plugin is in a call; that one touches
   nothing of either, nor of the program's log, when it comes back. */
static void a_sink_that_hangs(void **state)
{
	static const char with[] = HEAD "providers = ( " IDP " );\naudit = ( { id = \"trail\"; plugin = \"file\"; path = \"%FOLDER%/a.jsonl\"; },\n"
				   "{ plugin = \"fault\"; on_failure = \"continue\"; hold = \"%FOLDER%/hold\"; } );\n" SVC("identity = [\"idp\"];");
	static const char without[] = HEAD "providers = ( " IDP " );\n" SINK("a.jsonl") SVC("identity = [\"idp\"];");
	(void)state;
	const int before = test_threads();
	for (int reload = 0; reload < 2; reload++) {
		struct world world;
		atomic_int *lines = calloc(1, sizeof *lines);
		char hold[128], *ids[2] = { NULL };
		assert_non_null(lines);
		world_open(&world);
		ema_set_log(world.context, count_line, lines);
		load(&world, with);
		ids[0] = decide_id(&world, "{}", EMA_OK);
		snprintf(hold, sizeof hold, "%s/hold", world.folder);
		for (int i = 0; i < 6000 && access(hold, F_OK); i++)
			nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
		assert_int_equal(access(hold, F_OK), 0);
		if (reload)
			load(&world, without);
		ids[1] = decide_id(&world, "{}", EMA_OK);
		ema_free(world.context);
		world.context = NULL;
		free(lines);
		char *a = world_read(&world, "a.jsonl");
		for (int i = 0; i < 2; i++) {
			assert_non_null(strstr(a, ids[i]));
			free(ids[i]);
		}
		free(a);
		assert_true(test_threads() > before);
		assert_int_equal(unlink(hold), 0);
		for (int i = 0; i < 6000 && test_threads() > before; i++)
			nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
		assert_int_equal(test_threads(), before);
		world_close(&world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sinks_go_on),
		cmocka_unit_test(a_sink_that_hangs),
		cmocka_unit_test(in_force_at_once),
		cmocka_unit_test(who_is_vouched_for_is_named),
		cmocka_unit_test(a_restart_is_asked_for),
		cmocka_unit_test(tools_are_configuration),
		cmocka_unit_test(under_way),
		cmocka_unit_test(a_full_store),
		cmocka_unit_test(a_store_that_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
