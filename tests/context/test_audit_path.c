/* From a decision to its record: what must never be in it, and what must never be missing. */
#define _GNU_SOURCE
#include "world.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base64url.h"
#include "buffer.h"

/* ---- Everything that was said, in one text ---- */

static void hear_decision(struct ears *ears, const ema_decision *decision)
{
	const char *line;
	ears_hear(ears, 0, ema_decision_user_line(decision));
	ears_hear(ears, 0, ema_decision_operator_line(decision));
	for (size_t i = 0; (line = ema_decision_trace(decision, i)); i++)
		ears_hear(ears, 0, line);
}

/* ---- What is fed ---- */

static char *forge(const char *header, const char *payload)
{
	char *parts[2] = { NULL, NULL }, *token = NULL;
	struct buffer text = BUFFER_INIT(200000);
	const char *in[2] = { header, payload };
	for (int i = 0; i < 2; i++) {
		parts[i] = malloc(strlen(in[i]) * 2 + 8);
		assert_non_null(parts[i]);
		base64url_encode(in[i], strlen(in[i]), parts[i]);
	}
	buffer_printf(&text, "%s.%s.c2lnbmF0dXJl", parts[0], parts[1]);
	token = buffer_take(&text);
	free(parts[0]);
	free(parts[1]);
	return token;
}

static void feed(struct world *world, struct ears *ears, const char *service, char *token, size_t length, int code)
{
	ema_request *request = ema_request_new();
	ema_decision *decision = NULL;
	assert_int_equal(ema_request_set(request, EMA_REQUEST_CLIENT_ID, "app"), EMA_OK);
	int got = ema_request_credential(request, EMA_CREDENTIAL_ID_JAG, token, length);
	if (!got)
		got = ema_decide(world->context, service, request, &decision);
	if (decision)
		hear_decision(ears, decision);
	if (code >= 0 && got != code)
		fail_msg("%s: %s, expected %s: %s", service, ema_code_name(got), ema_code_name(code), ema_decision_operator_line(decision));
	assert_true(code >= 0 || got != EMA_OK);
	pthread_mutex_lock(&ears->lock);
	assert_int_equal(ears->heard.failed, 0);
	nothing_leaks("what was said", ears->heard.data ? ears->heard.data : "", length == strlen(token) ? token : NULL, 8);
	buffer_clear(&ears->heard);
	pthread_mutex_unlock(&ears->lock);
	ema_decision_free(decision);
	ema_request_free(request);
}

/* AUD-09 AUD-10 AUD-15 JAG-123 JAG-124: no token, no secret and no claim that is not meant to be shown is in a sink, in the log at its
   lowest level, or in what a decision says. */
static void nothing_is_told(void **state)
{
	static const char conf[] =
		"issuer = \"" OURS "\"; state_dir = \"%FOLDER%/state\";\n"
		"providers = ( { id = \"idp\"; plugin = \"oidc\"; issuer = \"" ISSUER "\"; jwks = \"%JWKS%\"; accepts = [\"id_jag\"]; } );\n"
		"guards = ( { id = \"safe\"; plugin = \"fault\"; secret = { file = \"secret\"; }; expect = \"other\"; },\n"
		"  { id = \"shut\"; plugin = \"fault\"; code = \"denied\"; } );\n"
		"audit = ( { id = \"trail\"; plugin = \"file\"; path = \"%FOLDER%/audit.jsonl\"; }, { id = \"copy\"; plugin = \"file\"; path = \"%FOLDER%/copy.jsonl\"; on_failure = \"continue\"; } );\n"
		"services = ( { id = \"svc\"; resource = \"https://mcp.example/svc\"; identity = [\"idp\"]; scopes = ( { name = \"read\"; access = \"read\"; tools = [\"*\"]; } ); },\n"
		"  { id = \"safe\"; resource = \"https://mcp.example/safe\"; identity = [\"idp\"]; guards = [\"safe\"]; scopes = ( { name = \"read\"; access = \"read\"; tools = [\"*\"]; } ); },\n"
		"  { id = \"shut\"; resource = \"https://mcp.example/shut\"; identity = [\"idp\"]; guards = [\"shut\"]; scopes = ( { name = \"read\"; access = \"read\"; tools = [\"*\"]; } ); } );\n";
#define HIDDEN "\"nonce\":\"" CANARY "\",\"address\":{\"street\":\"" CANARY "\"},\"phone_number\":\"" CANARY "\",\"name\":\"" CANARY "\",\"email\":\"" CANARY "@x.example\",\"jti\":\"" CANARY "-%d\""
	static const struct {
		const char *service, *more;
		int code;
	} rows[] = {
		{ "svc", "", EMA_OK }, { "safe", "", EMA_DENIED }, { "shut", "", EMA_DENIED }, { "none", "", EMA_UNKNOWN_SERVICE },
		{ "svc", ",\"exp\":1", EMA_EXPIRED }, { "svc", ",\"exp\":\"" CANARY "\"", EMA_BAD_CLAIM }, { "svc", ",\"sub\":7", EMA_BAD_CLAIM },
		{ "svc", ",\"sub\":{\"" CANARY "\":1}", EMA_BAD_CLAIM }, { "svc", ",\"aud\":{\"" CANARY "\":\"" CANARY "\"}", EMA_BAD_CLAIM },
		{ "svc", ",\"client_id\":\"x\"", EMA_WRONG_CLIENT }, { "svc", ",\"scope\":\"read \\\"" CANARY "\"", EMA_BAD_SCOPE },
		{ "svc", ",\"cnf\":{\"jkt\":\"" CANARY "\"}", EMA_BOUND_TOKEN }, { "svc", ",\"authorization_details\":[{\"type\":\"" CANARY "\"}]", EMA_UNSUPPORTED_DETAILS },
		{ "svc", ",\"act\":{\"sub\":\"a\",\"act\":{\"sub\":\"" CANARY "\"}}", EMA_ACTOR_REFUSED }, { "svc", ",\"act\":\"" CANARY "\"", EMA_BAD_CLAIM },
		{ "svc", ",\"resource\":\"" CANARY " not a URI\"", EMA_BAD_CLAIM }, { "svc", ",\"iss\":[\"" CANARY "\"]", EMA_BAD_CLAIM },
		{ "svc", ",\"" CANARY "\":\"" CANARY "\",\"exp\":null", EMA_MISSING_CLAIM },
	};
	static const struct {
		const char *header, *payload;
	} forged[] = {
		{ "{\"alg\":\"none\"}", "{\"iss\":\"" ISSUER "\",\"x\":\"" CANARY "\"}" },
		{ "{\"alg\":\"" CANARY "\"}", "{}" },
		{ "{\"alg\":\"HS256\",\"" CANARY "\":\"" CANARY "\"}", "{\"iss\":\"" ISSUER "\"}" },
		{ "{\"alg\":\"ES256\",\"crit\":[\"" CANARY "\"]}", "{}" },
		{ "{\"alg\":\"ES256\",\"typ\":\"" CANARY " x\"}", "{}" },
		{ "{\"alg\":\"ES256\",\"cty\":{\"" CANARY "\":1}}", "{}" },
		{ "{\"alg\":\"ES256\",\"alg\":\"" CANARY "\"}", "{}" },
		{ "{\"alg\":\"ES256\",\"jwk\":{\"d\":\"" CANARY "\"}}", "{\"iss\":\"" ISSUER "\",\"secret\":\"" CANARY "\"}" },
		{ "{\"alg\":\"ES256\", " CANARY "}", "{}" },
		{ "{\"alg\":\"ES256\"}", "{\"iss\":\"" ISSUER "\", " CANARY " }" },
		{ "{\"alg\":\"ES256\"}", "{\"iss\":\"" ISSUER "\",\"" CANARY "\":1,\"" CANARY "\":2}" },
		{ "{\"alg\":\"ES256\"}", "{\"" CANARY "\":\"" CANARY "\"}" },
		{ "{\"alg\":\"ES256\"}", "\"" CANARY "\"" },
		{ "{\"alg\":\"ES256\"}", "{\"iss\":{\"" CANARY "\":\"" CANARY "\"}}" },
		{ "[\"" CANARY "\"]", "{}" },
		{ CANARY CANARY CANARY, CANARY CANARY CANARY },
	};
	static const char *const raw[] = { CANARY, CANARY "." CANARY "." CANARY, CANARY "." CANARY "." CANARY "." CANARY "." CANARY, "Bearer " CANARY,
		                           "{\"" CANARY "\":1}", CANARY "\r\n" CANARY, CANARY "\xff\xfe" CANARY "." CANARY "." CANARY, "." CANARY "." };
	struct world world;
	struct ears ears = { PTHREAD_MUTEX_INITIALIZER, BUFFER_INIT(16 * 1024 * 1024) };
	char path[128], *tokens[sizeof rows / sizeof *rows];
	(void)state;
	world_open(&world);
	ema_set_log(world.context, ears_hear, &ears);
	snprintf(path, sizeof path, "%s/state", world.folder);
	assert_int_equal(mkdir(path, 0700), 0);
	world_file(&world, "secret", CANARY "-secret");
	snprintf(path, sizeof path, "%s/secret", world.folder);
	assert_int_equal(chmod(path, 0600), 0);
	if (world_load(&world, conf))
		fail_msg("%s", ema_error(world.context));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char changes[1024], hidden[512];
		snprintf(hidden, sizeof hidden, HIDDEN, (int)i);
		snprintf(changes, sizeof changes, "{%s%s}", hidden, rows[i].more);
		tokens[i] = world_token(&world, changes);
		feed(&world, &ears, rows[i].service, tokens[i], strlen(tokens[i]), rows[i].code);
	}
	feed(&world, &ears, "svc", tokens[0], strlen(tokens[0]), EMA_REPLAYED);
	char *other = world_sign(&world, world.other, "oauth-id-jag+jwt", "{\"x\":\"" CANARY "\"}");
	feed(&world, &ears, "svc", other, strlen(other), EMA_UNKNOWN_KEY);
	for (size_t i = 0; i < sizeof forged / sizeof *forged; i++) {
		char *token = forge(forged[i].header, forged[i].payload);
		feed(&world, &ears, "svc", token, strlen(token), -1);
		free(token);
	}
	for (size_t i = 0; i < sizeof raw / sizeof *raw; i++) {
		char *token = strdup(raw[i]);
		feed(&world, &ears, "svc", token, strlen(token), -1);
		free(token);
	}
	/* Cut anywhere, and with a NUL in it. */
	char *whole = tokens[0];
	for (size_t n = 0; n < strlen(whole); n += 7)
		feed(&world, &ears, "svc", whole, n, -1);
	static char nul[] = CANARY "\0" CANARY "." CANARY "." CANARY;
	feed(&world, &ears, "svc", nul, sizeof nul - 1, -1);
	/* Huge: as large as may be given, and larger. */
	char *huge = malloc(65538);
	assert_non_null(huge);
	for (size_t i = 0; i < 65537; i++)
		huge[i] = CANARY[i % strlen(CANARY)];
	huge[65537] = 0;
	feed(&world, &ears, "svc", huge, 65537, EMA_TOO_LARGE);
	huge[65536] = 0;
	feed(&world, &ears, "svc", huge, 65536, -1);
	memcpy(huge + 3000, ".", 1);
	memcpy(huge + 9000, ".", 1);
	feed(&world, &ears, "svc", huge, 12000, -1);
	free(huge);
	/* A configuration that does not load says nothing of its secrets either. */
	char *broken = NULL;
	assert_true(asprintf(&broken, "%s\nnonsense = 1;\n", conf) > 0);
	assert_int_equal(world_load(&world, broken), EMA_CONFIG);
	ears_hear(&ears, 0, ema_error(world.context));
	free(broken);
	ema_free(world.context);
	world.context = NULL;
	nothing_leaks("the log", ears.heard.data, NULL, 8);
	assert_non_null(strstr(ears.heard.data, "nonsense"));
	static const char *const sinks[] = { "audit.jsonl", "copy.jsonl" };
	for (size_t s = 0; s < sizeof sinks / sizeof *sinks; s++) {
		char *trail = world_read(&world, sinks[s]);
		assert_non_null(strstr(trail, "\"code\":\"replayed\""));
		assert_non_null(strstr(trail, "\"code\":\"bad_json\""));
		assert_non_null(strstr(trail, "\"verdict\":\"permit\""));
		nothing_leaks(sinks[s], trail, other, 8);
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
			nothing_leaks(sinks[s], trail, tokens[i], 8);
		free(trail);
	}
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		free(tokens[i]);
	free(other);
	buffer_free(&ears.heard);
	world_close(&world);
}

/* ---- A full disk ---- */

static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
}

static int decide_once(struct world *world, struct buffer *granted)
{
	ema_decision *decision = NULL;
	int code = world_decide(world, "svc", world_token(world, "{}"), &decision);
	if (!code)
		buffer_printf(granted, "%s\n", ema_decision_id(decision));
	ema_decision_free(decision);
	return code;
}

/* No file may grow over so many bytes: what a full disk is to a program. 0: as large as they like. */
static void limit_files(rlim_t most)
{
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = most ? most : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void each_is_recorded(const struct world *world, const char *ids, const char *file)
{
	char *trail = world_read(world, file), id[37];
	for (const char *at = ids; at && strlen(at) >= 37; at += 37) {
		snprintf(id, sizeof id, "%.36s", at);
		if (!strstr(trail, id))
			fail_msg("%s has no record of the decision %s", file, id);
	}
	free(trail);
}

static void fill_disk(int deny)
{
	struct world world;
	struct buffer granted = BUFFER_INIT(1024 * 1024);
	struct stat is;
	char path[128], *text = NULL, *report = NULL;
	int code = EMA_OK;
	world_open(&world);
	const char *mark = strstr(world_plain, "audit.jsonl\";") + strlen("audit.jsonl\";");
	assert_true(asprintf(&text, "%.*s on_failure = \"%s\";%s", (int)(mark - world_plain), world_plain, deny ? "deny" : "continue", mark) > 0);
	if (world_load(&world, text))
		fail_msg("%s", ema_error(world.context));
	free(text);
	snprintf(path, sizeof path, "%s/audit.jsonl", world.folder);
	assert_int_equal(decide_once(&world, &granted), EMA_OK);
	for (int i = 0; i < 500 && (stat(path, &is) || is.st_size < 100); i++)
		nap();
	limit_files((rlim_t)is.st_size + 10);
	/* What is granted before the sink is seen to fail waits in the spool. */
	for (int i = 0; i < 500 && (code = decide_once(&world, &granted)) == EMA_OK && (deny || i < 50); i++)
		nap();
	assert_int_equal(code, deny ? EMA_AUDIT_UNAVAILABLE : EMA_OK);
	for (int i = 0; deny && i < 20; i++)
		assert_int_equal(decide_once(&world, &granted), EMA_AUDIT_UNAVAILABLE);
	limit_files(0);
	/* It recovers by itself. */
	for (int i = 0; i < 1000 && (code = decide_once(&world, &granted)) != EMA_OK; i++)
		nap();
	assert_int_equal(code, EMA_OK);
	for (int i = 0; i < 1000; i++) { /* the last one is in the file: so is what came before it */
		char *trail = world_read(&world, "audit.jsonl");
		char id[37];
		snprintf(id, sizeof id, "%.36s", granted.data + granted.length - 37);
		int there = strstr(trail, id) != NULL && (!deny || strstr(trail, "\"kind\":\"audit-gap\""));
		free(trail);
		if (there)
			break;
		nap();
	}
	ema_free(world.context);
	world.context = NULL;
	each_is_recorded(&world, granted.data, "audit.jsonl");
	text = world_read(&world, "audit.jsonl");
	if (deny) {
		assert_non_null(strstr(text, "\"kind\":\"sink-failed\""));
		assert_non_null(strstr(text, "\"kind\":\"audit-gap\""));
	}
	free(text);
	assert_int_equal(ema_audit_verify((const char *const[]){ path, NULL }, NULL, NULL, &report), EMA_OK);
	ema_text_free(report);
	buffer_free(&granted);
	world_close(&world);
}

/* AUD-39 AUD-40: a full disk refuses, nothing that was granted lacks its record, and when there is room again a record tells the gap. */
static void full_disk_denies(void **state)
{
	(void)state;
	fill_disk(1);
}

/* AUD-39 AUD-42: with on_failure = "continue" decisions go on, and what was decided meanwhile is written when it can be. */
static void full_disk_and_on(void **state)
{
	(void)state;
	fill_disk(0);
}

/* ---- A kill ---- */

static const char kill_conf[] =
	"issuer = \"" OURS "\"; state_dir = \"%FOLDER%/state\";\n"
	"providers = ( { id = \"idp\"; plugin = \"oidc\"; issuer = \"" ISSUER "\"; jwks = \"%JWKS%\"; accepts = [\"id_jag\"]; } );\n"
	"audit = ( { id = \"trail\"; plugin = \"file\"; path = \"%FOLDER%/audit.jsonl\"; } );\n"
	"services = ( { id = \"svc\"; resource = \"https://mcp.example/svc\"; identity = [\"idp\"]; scopes = ( { name = \"read\"; access = \"read\"; tools = [\"*\"]; } ); } );\n";

static void decide_for_ever(struct world *world, int out)
{
	world->context = ema_new();
	if (!world->context || ema_set_plugin_path(world->context, BUILDDIR "/plugins/.libs"))
		_exit(1);
	char path[128];
	snprintf(path, sizeof path, "%s/ema.conf", world->folder);
	if (ema_load(world->context, path))
		_exit(2);
	for (int i = 0;; i++) {
		ema_decision *decision = NULL;
		int code = world_decide(world, "svc", world_token(world, i % 3 ? "{}" : "{\"exp\":1}"), &decision);
		if (code != (i % 3 ? EMA_OK : EMA_EXPIRED) || write(out, ema_decision_id(decision), 36) != 36 || write(out, "\n", 1) != 1)
			_exit(3);
		ema_decision_free(decision);
	}
}

/* AUD-35 AUD-41: a process that is killed between two decisions loses no record of those that it answered. */
static void a_kill_loses_nothing(void **state)
{
	struct world world;
	char path[128], *report = NULL;
	struct buffer ids = BUFFER_INIT(16 * 1024 * 1024);
	(void)state;
	world_open(&world);
	ema_free(world.context);
	world.context = NULL;
	snprintf(path, sizeof path, "%s/state", world.folder);
	assert_int_equal(mkdir(path, 0700), 0);
	world_file(&world, "ema.conf", kill_conf);
	for (int round = 0; round < 5; round++) {
		int ends[2], status = 0;
		char bytes[3700];
		size_t answered = 0, wanted = 37 * (size_t)(20 + 40 * round);
		world.serial = (round + 1) * 1000000;
		/* Later than what the killed one redeemed, which its successor does not take. */
		int64_t last = world.now;
		world_refresh(&world);
		world.now = world.now > last ? world.now : last + 1;
		assert_int_equal(pipe(ends), 0);
		pid_t child = fork();
		assert_true(child >= 0);
		if (!child) {
			close(ends[0]);
			alarm(120);
			decide_for_ever(&world, ends[1]);
		}
		close(ends[1]);
		for (ssize_t n; (n = read(ends[0], bytes, sizeof bytes)) > 0;) {
			buffer_append(&ids, bytes, (size_t)n);
			answered += (size_t)n;
			if (answered >= wanted)
				kill(child, SIGKILL);
		}
		close(ends[0]);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		ids.length -= ids.length % 37;
	}
	buffer_char(&ids, 0);
	/* The next one to start delivers what was left. */
	world.context = ema_new();
	assert_int_equal(ema_set_plugin_path(world.context, BUILDDIR "/plugins/.libs"), EMA_OK);
	assert_int_equal(world_load(&world, kill_conf), EMA_OK);
	ema_free(world.context);
	world.context = NULL;
	each_is_recorded(&world, ids.data, "audit.jsonl");
	snprintf(path, sizeof path, "%s/audit.jsonl", world.folder);
	int code = ema_audit_verify((const char *const[]){ path, NULL }, NULL, NULL, &report);
	if (code)
		fail_msg("%s", report);
	ema_text_free(report);
	buffer_free(&ids);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_told),
		cmocka_unit_test(full_disk_denies),
		cmocka_unit_test(full_disk_and_on),
		cmocka_unit_test(a_kill_loses_nothing),
	};
	signal(SIGXFSZ, SIG_IGN); /* as any program that has a full disk in mind */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
