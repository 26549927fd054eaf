/*
 * Eight threads ask all that may be asked, while configurations, revocations, our own keys and an issuer's come and go: each answer is the
 * one that is right while nothing that it depends on changes, and else one of those before and after.
 */
#define _GNU_SOURCE
#include "desk.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "keyring.h"

#include "../trust/server.h"

#define THREADS 8
#define ROUNDS (getenv("VALGRIND") ? 4 : 12) /* of which each fourth ends in the same way; valgrind runs one thread at a time, slowly */
#define ROUNDS_MOST 12
#define COOLDOWN_MS 61000
#define SVC "https://mcp.example/svc"
#define REMOTE "https://remote.example"
#define GATEWAY "Basic Z2F0ZXdheTpjb3JyZWN0LWhvcnNlLWJhdHRlcnktc3RhcGxl"
#define NO (-1) /* a refusal that does not say which */

/* What is asked of the token that is revoked in a while; then of each thread's own, and of an issuer's. */
enum question { CHECK, MESSAGE, STILL, LIST, INTROSPECTION, AUTHZEN, PROXY, OWN, FAR, QUESTIONS };

struct victim {
	char subject[32];
	char *token;
	int is;       /* what a check of it answers: EMA_OK, then EMA_BLOCKED, EMA_REVOKED or EMA_UNKNOWN_KEY, and never EMA_OK again */
	int changing; /* it is becoming another */
};

/* Each counts up with a change: odd while it is under way. */
struct facts {
	struct victim *victim, now; /* now: as it was then */
	int conf, keys, remote, moves;
};

struct crowd {
	struct desk desk;
	struct server *server;
	char extra[1024];
	pthread_mutex_t lock;
	/* Under lock. */
	struct facts facts;
	struct victim victims[ROUNDS_MOST];
	char *remotes[ROUNDS_MOST + 1]; /* signed with the key that the issuer has since that many rotations */
	int answered[QUESTIONS]; /* rightly, where one answer alone was right, since the last change */
	char wrong[512];         /* the first answer that was not right */
	atomic_int stop, begun;
};

/* ---- What is right ---- */

static struct facts look(struct crowd *crowd, struct victim *victim)
{
	pthread_mutex_lock(&crowd->lock);
	struct facts facts = crowd->facts;
	if (victim)
		facts.victim = victim;
	facts.now = *facts.victim;
	pthread_mutex_unlock(&crowd->lock);
	return facts;
}

static void __attribute__((format(printf, 2, 3))) is_wrong(struct crowd *crowd, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	pthread_mutex_lock(&crowd->lock);
	if (!*crowd->wrong)
		vsnprintf(crowd->wrong, sizeof crowd->wrong, format, arguments);
	pthread_mutex_unlock(&crowd->lock);
	va_end(arguments);
	atomic_store(&crowd->stop, 1);
}

static int stood(int before, int after)
{
	return before == after && !(before & 1);
}

/* The time of a call that is under way is over when the clock is moved on. */
static int ran_out(const struct facts *before, const struct facts *after, int code)
{
	return code == EMA_TIMEOUT && !stood(before->moves, after->moves);
}

/* Every other configuration denies get_b. */
static int denies(int conf)
{
	return conf >> 1 & 1;
}

static int matches(int code, int expected)
{
	return code == expected || (code == NO && expected);
}

/* Of a call that began with these facts; denied: of get_b. */
static void judge(struct crowd *crowd, enum question question, const struct facts *before, int code, int denied)
{
	const struct facts after = look(crowd, before->victim);
	const int was = before->now.is, conf = stood(before->conf, after.conf);
	const int one = was == after.now.is && !before->now.changing && !after.now.changing;
	int right = 0;
	if (was == EMA_OK) /* it is, or was when the call began */
		right = denied && conf ? matches(code, denies(before->conf) ? EMA_FORBIDDEN : EMA_OK) : code == EMA_OK || (denied && matches(code, EMA_FORBIDDEN));
	else if (one)
		right = matches(code, was);
	if (!one)
		right |= matches(code, EMA_BLOCKED) || matches(code, EMA_REVOKED) || matches(code, EMA_UNKNOWN_KEY);
	if (!right && !ran_out(before, &after, code))
		is_wrong(crowd, "question %d about %s was answered %s, which was %s and is %s (changing: %d, %d); configuration %d, %d", (int)question,
		         before->now.subject, code == NO ? "no" : ema_code_name(code), ema_code_name(was), ema_code_name(after.now.is), before->now.changing,
		         after.now.changing, before->conf, after.conf);
	pthread_mutex_lock(&crowd->lock);
	crowd->answered[question] += right && one && (conf || !denied) && before->victim == crowd->facts.victim && was == crowd->facts.victim->is;
	pthread_mutex_unlock(&crowd->lock);
}

/* ---- The eight ---- */

struct one {
	struct crowd *crowd;
	struct desk desk;
	pthread_t thread;
	char sub[16];
	struct victim *victim; /* of the decision that is kept */
	ema_decision *kept;    /* a permit, to ask of it still */
};

static ema_request *request_of(const char *token, const char *body)
{
	char *value = NULL;
	ema_request *request = ema_request_new();
	if (asprintf(&value, "Bearer %s", token) < 0)
		abort();
	ema_request_header(request, "Authorization", value);
	ema_request_header(request, "MCP-Protocol-Version", "2025-11-25");
	ema_request_body(request, body, strlen(body));
	free(value);
	return request;
}

static void is_of(struct crowd *crowd, const struct facts *before, const char *subject)
{
	if (strcmp(subject ? subject : "", before->now.subject))
		is_wrong(crowd, "a permit for %s says %s", before->now.subject, subject ? subject : "nobody");
}

static void check(struct one *one)
{
	const struct facts before = look(one->crowd, NULL);
	ema_decision *decision = NULL;
	int code = desk_check(&one->desk, "svc", before.now.token, "tools/call", "get_a", NULL, &decision);
	judge(one->crowd, CHECK, &before, code, 0);
	if (!code)
		is_of(one->crowd, &before, ema_decision_subject(decision));
	if (!code && one->victim != before.victim) {
		ema_decision_free(one->kept);
		one->kept = decision;
		one->victim = before.victim;
		decision = NULL;
	}
	ema_decision_free(decision);
}

static void check_message(struct one *one)
{
	const struct facts before = look(one->crowd, NULL);
	ema_request *request = request_of(before.now.token, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\","
	                                                    "\"params\":{\"name\":\"get_b\",\"arguments\":{}}}");
	ema_decision *decision = NULL;
	int code = ema_check_mcp(one->desk.world.context, "svc", request, &decision);
	judge(one->crowd, MESSAGE, &before, code, 1);
	if (!code)
		is_of(one->crowd, &before, ema_decision_subject(decision));
	ema_decision_free(decision);
	ema_request_free(request);
}

static void ask_still(struct one *one)
{
	if (!one->kept)
		return;
	const struct facts before = look(one->crowd, one->victim);
	judge(one->crowd, STILL, &before, ema_decision_still(one->kept), 0);
}

static void filter(struct one *one)
{
	static const char list[] = "{\"tools\":[{\"name\":\"get_a\"},{\"name\":\"get_b\"},{\"name\":\"drop_a\"}]}";
	const struct facts before = look(one->crowd, NULL);
	ema_request *request = request_of(before.now.token, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}");
	ema_decision *decision = NULL;
	char *out = NULL;
	int code = ema_check_mcp(one->desk.world.context, "svc", request, &decision), filtered = ema_filter_list(decision, list, strlen(list), &out);
	judge(one->crowd, LIST, &before, code, 0);
	if (filtered != code || (out == NULL) != (code != EMA_OK) || (out && (!strstr(out, "get_a") || strstr(out, "drop_a"))))
		is_wrong(one->crowd, "a list of %s, %s, is filtered: %s: %s", before.now.subject, ema_code_name(code), ema_code_name(filtered),
		         out ? out : "nothing");
	const struct facts after = look(one->crowd, NULL);
	if (out && stood(before.conf, after.conf) && (strstr(out, "get_b") == NULL) != denies(before.conf))
		is_wrong(one->crowd, "configuration %d: %s", before.conf, out);
	ema_text_free(out);
	ema_decision_free(decision);
	ema_request_free(request);
}

/* Yes, no, or an error of ours. */
static int answer_of(const struct desk *desk, int yes)
{
	return desk->status >= 500 ? desk->code ? desk->code : EMA_INTERNAL : yes ? EMA_OK : NO;
}

static void introspect(struct one *one)
{
	const struct facts before = look(one->crowd, NULL);
	desk_form(&one->desk, "/introspect", GATEWAY, "token", before.now.token, NULL);
	int code = answer_of(&one->desk, json_is(json_at(&one->desk.json, "/active"), JSON_TRUE));
	judge(one->crowd, INTROSPECTION, &before, code, 0);
	if (!code)
		is_of(one->crowd, &before, desk_text(&one->desk, "/sub"));
}

static void ask_authzen(struct one *one)
{
	const struct facts before = look(one->crowd, NULL);
	int64_t status = 0;
	char *body = NULL;
	if (asprintf(&body, "{\"subject\":{\"type\":\"identity\",\"id\":\"%s\"},\"action\":{\"name\":\"tools/call\"},"
	             "\"resource\":{\"type\":\"tool\",\"id\":\"" SVC "#get_b\"},\"context\":{\"access_token\":\"%s\"}}", before.now.subject, before.now.token) < 0)
		abort();
	desk_request(&one->desk, "POST", "/access/v1/evaluation", body, "Authorization: " GATEWAY, "Content-Type: application/json", NULL);
	json_integer(json_at(&one->desk.json, "/context/http_status"), &status);
	int code = answer_of(&one->desk, json_is(json_at(&one->desk.json, "/decision"), JSON_TRUE));
	judge(one->crowd, AUTHZEN, &before, status == 503 ? EMA_TIMEOUT : code, 1);
	free(body);
}

static void ask_as_proxy(struct one *one)
{
	const struct facts before = look(one->crowd, NULL);
	char *header = NULL;
	if (asprintf(&header, "Authorization: Bearer %s", before.now.token) < 0)
		abort();
	desk_request(&one->desk, "GET", "/decision/svc", NULL, header, "X-Original-Method: POST", "X-Original-URI: /", "MCP-Protocol-Version: 2026-07-28",
	             "Mcp-Method: tools/call", "Mcp-Name: get_a", NULL);
	int code = answer_of(&one->desk, one->desk.status == 200);
	judge(one->crowd, PROXY, &before, code, 0);
	if (!code)
		is_of(one->crowd, &before, desk_header(&one->desk, "X-EMA-Subject"));
	free(header);
}

static void is_answered(struct crowd *crowd, enum question question)
{
	pthread_mutex_lock(&crowd->lock);
	crowd->answered[question]++;
	pthread_mutex_unlock(&crowd->lock);
}

/* A code of a token that was redeemed at before; ours: what it is if no key of ours went. */
static void judge_own(struct one *one, const struct facts *before, const char *what, int code, int ours)
{
	const struct facts after = look(one->crowd, NULL);
	if (code != ours && !ran_out(before, &after, code) && (code != EMA_UNKNOWN_KEY || stood(before->keys, after.keys)))
		is_wrong(one->crowd, "%s, which should be %s: %s (%d %s)", what, ema_code_name(ours), ema_code_name(code), one->desk.status, one->desk.body);
}

/* A life of a token: redeemed, once alone, used, given back, of no use. */
static void redeem_and_give_back(struct one *one)
{
	struct desk *desk = &one->desk;
	const struct facts before = look(one->crowd, NULL);
	char changes[64], *client;
	ema_decision *decision = NULL;
	world_refresh(&desk->world);
	snprintf(changes, sizeof changes, "{\"sub\":\"%s\"}", one->sub);
	char *assertion = world_token(&desk->world, changes), *same = strdup(assertion);
	desk_redeem(desk, assertion, NULL, SVC);
	judge_own(one, &before, "an assertion", desk->code, EMA_OK);
	char *token = strdup(desk_text(desk, "/access_token"));
	const int redeemed = desk->status == 200;
	desk_redeem(desk, same, NULL, SVC);
	if (redeemed) {
		judge_own(one, &before, "the assertion again", desk->code, EMA_REPLAYED);
		judge_own(one, &before, "the token", desk_check(desk, "svc", token, "tools/call", "get_a", NULL, &decision), EMA_OK);
		client = desk_assertion(desk, "");
		desk_form(desk, "/revoke", NULL, "token", token, "client_assertion_type", CLIENT_ASSERTION, "client_assertion", client, NULL);
		free(client);
		judge_own(one, &before, "giving it back", desk->code, EMA_OK);
		if (desk->status == 200) {
			judge_own(one, &before, "the token that was given back", desk_check(desk, "svc", token, "tools/call", "get_a", NULL, NULL), EMA_REVOKED);
			if (!ema_decision_code(decision)) {
				judge_own(one, &before, "what it was used for", ema_decision_still(decision), EMA_REVOKED);
				is_answered(one->crowd, OWN);
			}
		}
	}
	ema_decision_free(decision);
	free(token);
}

static int explain(ema_context *context, const char *token, ema_decision **out)
{
	ema_request *request = ema_request_new();
	ema_request_set(request, EMA_REQUEST_CLIENT_ID, "app");
	ema_request_credential(request, EMA_CREDENTIAL_ID_JAG, token, strlen(token));
	int code = ema_explain(context, "far", request, 0, out);
	ema_request_free(request);
	return code;
}

/* Between a rotation and the fetch that brings the new key, the issuer's tokens have an unknown one. */
static int is_of_the_rotation(int code)
{
	return code == EMA_UNKNOWN_KEY || code == EMA_KEYS_UNAVAILABLE;
}

/* Of the issuer's token, or the one before. While a key is not there a fetch may be under way, and few may wait for it. */
static int is_right(int code, int back, int stands)
{
	if (code == EMA_TIMEOUT)
		return back || !stands;
	return code == (back ? EMA_UNKNOWN_KEY : EMA_OK) || ((back || !stands) && is_of_the_rotation(code));
}

static void ask_of_the_remote(struct one *one)
{
	struct crowd *crowd = one->crowd;
	const struct facts before = look(crowd, NULL);
	for (int back = 0; back < 2 && back <= before.remote / 2; back++) {
		ema_decision *decision = NULL;
		int code = explain(one->desk.world.context, crowd->remotes[before.remote / 2 - back], &decision);
		const struct facts after = look(crowd, NULL);
		const int stands = stood(before.remote, after.remote);
		if (!is_right(code, back, stands) && !ran_out(&before, &after, code))
			is_wrong(crowd, "the issuer's token %d of %d, %d: %s", before.remote / 2 - back, before.remote, after.remote, ema_code_name(code));
		if (!code && strcmp(ema_decision_subject(decision), "remote/-/bob"))
			is_wrong(crowd, "a permit for bob says %s", ema_decision_subject(decision));
		if (!code && stands)
			is_answered(crowd, FAR);
		ema_decision_free(decision);
	}
}

static void look_around(struct one *one)
{
	ema_context *context = one->desk.world.context;
	ema_marks *marks = NULL;
	char *status = NULL;
	int code = ema_status(context, &status);
	if (!code)
		code = ema_revoked(context, NULL, NULL, &marks);
	if (code)
		is_wrong(one->crowd, "a look at what there is: %s", ema_code_name(code));
	ema_marks_free(marks);
	ema_text_free(status);
}

static void *ask_all(void *data)
{
	static void (*const ways[])(struct one *one) = { check, check_message, ask_still, filter, introspect, ask_authzen, ask_as_proxy, redeem_and_give_back,
		                                         ask_of_the_remote, look_around };
	struct one *one = data;
	/* Not all at the same. */
	for (size_t i = (size_t)atomic_fetch_add(&one->crowd->begun, 1); !atomic_load(&one->crowd->stop); i++)
		ways[i % (sizeof ways / sizeof *ways)](one);
	return NULL;
}

/* ---- The one that changes ---- */

static void set(struct crowd *crowd, int *fact, int value)
{
	pthread_mutex_lock(&crowd->lock);
	*fact = value;
	memset(crowd->answered, 0, sizeof crowd->answered);
	pthread_mutex_unlock(&crowd->lock);
}

/* Each question was answered as it should be now. */
static void settle(struct crowd *crowd)
{
	int missing = QUESTIONS;
	for (int tries = 0; missing && tries < 60000 && !atomic_load(&crowd->stop); tries++) {
		if (tries)
			usleep(1000);
		missing = 0;
		pthread_mutex_lock(&crowd->lock);
		for (int i = 0; i < QUESTIONS; i++)
			missing += !crowd->answered[i];
		pthread_mutex_unlock(&crowd->lock);
	}
	if (missing)
		fail_msg("%s", *crowd->wrong ? crowd->wrong : "the threads do not answer");
}

static void load(struct crowd *crowd)
{
	static const char *const services[] = { "deadline = \"60s\";", "deadline = \"60s\"; guards = [\"open\"]; denies = ( { tools = [\"get_b\"]; } );" };
	const int conf = crowd->facts.conf;
	set(crowd, &crowd->facts.conf, conf + 1);
	if (desk_load(&crowd->desk, crowd->extra, services[denies(conf + 2)]))
		fail_msg("%s", ema_error(crowd->desk.world.context));
	set(crowd, &crowd->facts.conf, conf + 2);
}

static void next_victim(struct crowd *crowd, int round)
{
	struct victim *victim = &crowd->victims[round];
	char changes[64];
	snprintf(victim->subject, sizeof victim->subject, "idp/-/v%d", round);
	snprintf(changes, sizeof changes, "{\"sub\":\"v%d\"}", round);
	world_refresh(&crowd->desk.world);
	desk_redeem(&crowd->desk, world_token(&crowd->desk.world, changes), NULL, SVC);
	if (crowd->desk.status != 200)
		fail_msg("%d %s", crowd->desk.status, crowd->desk.body);
	victim->token = strdup(desk_text(&crowd->desk, "/access_token"));
	pthread_mutex_lock(&crowd->lock);
	crowd->facts.victim = victim;
	memset(crowd->answered, 0, sizeof crowd->answered);
	pthread_mutex_unlock(&crowd->lock);
}

/* The remote issuer signs with a new key and publishes nothing else: the one before verifies nothing any more once that was fetched. */
static void rotate_the_issuer(struct crowd *crowd)
{
	struct jwk *key = NULL;
	char *set_of_keys = NULL;
	const int number = crowd->remotes[0] ? crowd->facts.remote / 2 + 1 : 0;
	assert_int_equal(jwk_generate(JOSE_ES256, &key, NULL), EMA_OK);
	char *public = jwk_print(key, 0);
	assert_true(asprintf(&set_of_keys, "{\"keys\":[%s]}", public) > 0);
	char *token = world_sign(&crowd->desk.world, key, "oauth-id-jag+jwt", "{\"iss\":\"" REMOTE "\",\"sub\":\"bob\"}");
	if (number)
		set(crowd, &crowd->facts.remote, 2 * number - 1);
	server_json(crowd->server, "/keys", set_of_keys);
	int code = EMA_UNKNOWN_KEY;
	for (int tries = 0; code && tries < 6000; tries++) {
		if (is_of_the_rotation(code)) {
			set(crowd, &crowd->facts.moves, crowd->facts.moves + 1);
			atomic_fetch_add(&world_moved, COOLDOWN_MS); /* so that there may be another fetch */
			set(crowd, &crowd->facts.moves, crowd->facts.moves + 1);
		} else {
			usleep(10000);
		}
		code = explain(crowd->desk.world.context, token, NULL);
		assert_true(!code || code == EMA_TIMEOUT || is_of_the_rotation(code));
	}
	assert_int_equal(code, EMA_OK);
	pthread_mutex_lock(&crowd->lock);
	crowd->remotes[number] = token;
	pthread_mutex_unlock(&crowd->lock);
	set(crowd, &crowd->facts.remote, 2 * number);
	free(public);
	free(set_of_keys);
	jwk_free(key);
}

static void revoke_subject(struct crowd *crowd, int (*call)(ema_context *context, const struct ema_revocation *what, char **out), int block)
{
	const struct ema_revocation what = { .size = sizeof what, .kind = "subject", .name = crowd->facts.victim->subject, .block = block };
	char *text = NULL;
	if (call(crowd->desk.world.context, &what, &text))
		fail_msg("%s", text);
	ema_text_free(text);
}

static void give_back(struct crowd *crowd)
{
	char *client = desk_assertion(&crowd->desk, "");
	desk_form(&crowd->desk, "/revoke", NULL, "token", crowd->facts.victim->token, "client_assertion_type", CLIENT_ASSERTION, "client_assertion", client,
	          NULL);
	free(client);
	assert_int_equal(crowd->desk.status, 200);
}

static void rotate(struct crowd *crowd, int now)
{
	char path[128];
	snprintf(path, sizeof path, "%s/ema.conf", crowd->desk.world.folder);
	if (now)
		set(crowd, &crowd->facts.keys, crowd->facts.keys + 1);
	assert_int_equal(ema_keys_rotate(crowd->desk.world.context, path, now), EMA_OK);
	keyring_tick(crowd->desk.world.context->keyring);
	if (now)
		set(crowd, &crowd->facts.keys, crowd->facts.keys + 1);
}

/* The last victim, or all there were. */
static struct victim *first_of(struct crowd *crowd, int all)
{
	return all ? crowd->victims : crowd->facts.victim;
}

static void begin_to_change(struct crowd *crowd, int all)
{
	for (struct victim *victim = first_of(crowd, all); victim <= crowd->facts.victim; victim++)
		set(crowd, &victim->changing, 1);
}

static void become(struct crowd *crowd, int all, int is)
{
	for (struct victim *victim = first_of(crowd, all); victim <= crowd->facts.victim; victim++) {
		set(crowd, &victim->is, is);
		set(crowd, &victim->changing, 0);
	}
	settle(crowd);
}

/* What ends the victim's token. */
static void end(struct crowd *crowd, int how)
{
	static const int becomes[] = { EMA_REVOKED, EMA_BLOCKED, EMA_REVOKED, EMA_UNKNOWN_KEY };
	begin_to_change(crowd, how == 3);
	if (how == 2)
		give_back(crowd);
	else if (how == 3)
		rotate(crowd, 1);
	else
		revoke_subject(crowd, ema_revoke, how);
	become(crowd, how == 3, becomes[how]);
	if (how != 1)
		return;
	begin_to_change(crowd, 0);
	revoke_subject(crowd, ema_unblock, 0);
	become(crowd, 0, EMA_REVOKED);
}

static void open_crowd(struct crowd *crowd)
{
	struct desk *desk = &crowd->desk;
	char state[128];
	pthread_mutex_init(&crowd->lock, NULL);
	assert_non_null(crowd->server = server_start(NULL, NULL));
	desk_open(desk, NULL, NULL);
	ema_free(desk->world.context);
	desk->world.context = ema_new();
	assert_non_null(desk->world.context);
	ema_set_server(desk->world.context);
	desk->world.context->clock = world_clock;
	assert_int_equal(ema_set_plugin_path(desk->world.context, BUILDDIR "/plugins/.libs"), EMA_OK);
	snprintf(state, sizeof state, "%s/state", desk->world.folder);
	assert_int_equal(mkdir(state, 0700), 0);
	snprintf(crowd->extra, sizeof crowd->extra,
	         "state_dir = \"%%FOLDER%%/state\"; store = { plugin = \"memory\"; entries = 4000000; }; rates = { address = 0; subject = 0; };\n"
	         "proxies = [\"192.0.2.7\"]; guards = ( { id = \"open\"; plugin = \"fault\"; } );\n"
	         "PROVIDER:}, { id = \"remote\"; plugin = \"oidc\"; issuer = \"" REMOTE "\"; jwks_url = \"%s/keys\"; insecure_http = true; accepts = [\"id_jag\"];\n"
	         "SERVICES:, { id = \"far\"; resource = \"https://mcp.example/far\"; identity = [\"remote\"]; deadline = \"60s\";\n"
	         "  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; } ); grants = ( { provider = \"remote\"; scopes = [\"read\"]; } ); }",
	         server_origin(crowd->server));
	load(crowd);
	rotate_the_issuer(crowd);
	next_victim(crowd, 0);
}

/* MCP-30, REV-06, REV-11 */
static void each_answer_is_right(void **state)
{
	static struct crowd crowd;
	static struct one ones[THREADS];
	const int rounds = ROUNDS;
	(void)state;
	open_crowd(&crowd);
	for (int i = 0; i < THREADS; i++) {
		struct one *one = &ones[i];
		one->crowd = &crowd;
		one->desk = crowd.desk;
		one->desk.response = NULL;
		one->desk.json = (struct json){ .count = 0 };
		one->desk.world.serial = (i + 1) * 1000000;
		snprintf(one->sub, sizeof one->sub, "u%d", i);
		assert_int_equal(pthread_create(&one->thread, NULL, ask_all, one), 0);
	}
	for (int round = 0; round < rounds; round++) {
		if (round)
			next_victim(&crowd, round);
		settle(&crowd);
		load(&crowd);
		settle(&crowd);
		/* What changes no answer about the victim. */
		assert_int_equal(ema_load_memory(crowd.desk.world.context, "broken = ;", 10, "broken.conf"), EMA_CONFIG);
		if (round % 4 == 1)
			rotate(&crowd, 0);
		rotate_the_issuer(&crowd);
		settle(&crowd);
		load(&crowd);
		end(&crowd, round % 4);
	}
	atomic_store(&crowd.stop, 1);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(ones[i].thread, NULL);
		ema_decision_free(ones[i].kept);
		ema_response_free(ones[i].desk.response);
		json_free(&ones[i].desk.json);
	}
	if (*crowd.wrong)
		fail_msg("%s", crowd.wrong);
	for (int i = 0; i < rounds; i++)
		free(crowd.victims[i].token);
	for (int i = 0; i <= rounds; i++)
		free(crowd.remotes[i]);
	pthread_mutex_destroy(&crowd.lock);
	desk_close(&crowd.desk);
	server_stop(crowd.server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_answer_is_right),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
