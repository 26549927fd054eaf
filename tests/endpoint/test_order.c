/* What is asked first, of a check and of a redemption: with several faults at once, the answer names that which comes first. */
#define _GNU_SOURCE /* asprintf */
#include "desk.h"

#include <stdio.h>
#include <time.h>

#include "access.h"
#include "jwt.h"
#include "marks.h"

#define ONE "https://mcp.example/one"

/* In the order in which they are looked at. A redemption has no MESSAGE; a check has no SCOPES apart from GRANTS, nor a REPLAY. */
enum { TOKEN = 1, REVOKED = 2, BINDING = 4, DIRECTORY = 8, MESSAGE = 16, GUARD = 32, SCOPES = 64, GRANTS = 128, REPLAY = 256, FAULTS = 512 };

static const struct {
	int fault, redeemed, checked; /* codes; EMA_OK: it has none such */
	const char *stage;            /* of the last step of the trace */
} order[] = {
	{ TOKEN, EMA_EXPIRED, EMA_EXPIRED, "token" },
	{ REVOKED, EMA_REVOKED, EMA_REVOKED, "revocation" },
	{ BINDING, EMA_PROOF_MISSING, EMA_PROOF_MISSING, "binding" },
	{ DIRECTORY, EMA_DISABLED, EMA_DISABLED, "directory" },
	{ MESSAGE, EMA_OK, EMA_BAD_MESSAGE, "message" },
	{ GUARD, EMA_ACTOR_REFUSED, EMA_ACTOR_REFUSED, "guard" },
	{ SCOPES, EMA_UNKNOWN_SCOPE, EMA_OK, "scope" },
	{ GRANTS, EMA_NOT_GRANTED, EMA_FORBIDDEN, "permission" },
	{ REPLAY, EMA_REPLAYED, EMA_OK, "replay" },
};
#define COUNT (sizeof order / sizeof *order)

static char permissions[80]; /* of the service */

static void load(struct desk *desk, int faults)
{
	static const char form[] =
		"directories = ( { id = \"staff\"; plugin = \"fault\"; groups = [\"dev\"]; active = %s; } );\n"
		"guards = ( { id = \"door\"; plugin = \"fault\"; code = \"%s\"; } );\n"
		"SERVICES:, { id = \"one\"; resource = \"" ONE "\"; binding = \"%s\"; directory = ( { id = \"staff\"; for = [\"idp\"]; } ); guards = [\"door\"];\n"
		"  identity = ( { control = \"sufficient\"; provider = \"idp\"; }, { control = \"required\"; provider = \"never\"; } );\n"
		"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; } ); grants = ( { provider = \"idp\"; group = \"%s\"; scopes = [\"read\"]; } ); %s }\n"
		"PROVIDER: }, { id = \"never\"; plugin = \"fault\"; issuer = \"https://never.example\"; code = \"denied\";";
	char *extra = NULL;
	assert_true(asprintf(&extra, form, faults & DIRECTORY ? "false" : "true", faults & GUARD ? "actor_refused" : "ok",
	                     faults & BINDING ? "required" : "optional", faults & GRANTS ? "none" : "dev", permissions) > 0);
	if (desk_load(desk, extra, NULL))
		fail_msg("%s", ema_error(desk->world.context));
	free(extra);
}

static void revoke_subject(struct desk *desk, int faults)
{
	const struct mark_target ada = { MARK_SUBJECT, ISSUER, NULL, "ada" };
	struct failure failure = FAILURE_INIT;
	if (faults & REVOKED)
		assert_int_equal(marks_revoke(desk->world.context->marks, &ada, (clock_wall(&clock_system) / 1000 - 2) * 1000, 0, 1000, &failure), EMA_OK);
}

/* A token of ours, issued before whatever is revoked. */
static char *make(struct desk *desk, int faults)
{
	struct failure failure = FAILURE_INIT;
	const char *scope = "read";
	char *token = NULL;
	const struct access_claims claims = {
		.issuer = OURS, .audience = ONE, .client_id = "app", .jti = "made", .issued = desk->world.now - 600,
		.expires = desk->world.now + (faults & TOKEN ? -300 : 300), .scopes = &scope, .scope_count = 1, .provider = "idp", .sub = "ada", .auth_time = JWT_ABSENT,
	};
	assert_int_equal(access_mint(desk->world.context->keyring, &claims, &token, &failure), EMA_OK);
	return token;
}

/* The first deny ends it: nothing is told of what comes after. */
static void ends_with(struct desk *desk, const char *stage)
{
	const char *last = desk_audited(desk, "/trace/0");
	char pointer[32], told[256] = "";
	for (int i = 1; *last; i++) {
		snprintf(told, sizeof told, "%s", last);
		snprintf(pointer, sizeof pointer, "/trace/%d", i);
		last = desk_audited(desk, pointer);
	}
	if (!strstr(told, stage))
		fail_msg("the trace ends with \"%s\", not with the stage %s", told, stage);
}

static int check(int faults, const char *stage)
{
	struct desk desk;
	desk_open(&desk, NULL, NULL);
	load(&desk, faults);
	revoke_subject(&desk, faults);
	char *token = make(&desk, faults);
	int code = desk_check(&desk, "one", token, faults & MESSAGE ? "tools/none" : "tools/call", "get_a", NULL, NULL);
	if (code)
		ends_with(&desk, stage);
	assert_string_equal(desk_audited(&desk, "/code"), ema_code_name(code));
	free(token);
	desk_close(&desk);
	return code;
}

static int redeem(int faults, const char *stage)
{
	struct desk desk;
	char changes[160];
	desk_open(&desk, NULL, NULL);
	if (faults & REPLAY) {
		load(&desk, 0);
		desk_redeem(&desk, world_token(&desk.world, "{\"jti\":\"once\"}"), NULL, ONE);
		assert_int_equal(desk.status, 200);
	}
	load(&desk, faults);
	revoke_subject(&desk, faults);
	snprintf(changes, sizeof changes, "{\"jti\":\"once\",\"scope\":\"%s\"%s}", faults & SCOPES ? "admin" : "read", faults & TOKEN ? ",\"exp\":1" : "");
	desk_redeem(&desk, world_token(&desk.world, changes), NULL, ONE);
	int code = desk.code;
	if (code)
		ends_with(&desk, stage);
	assert_string_equal(desk_audited(&desk, "/code"), ema_code_name(code));
	desk_close(&desk);
	return code;
}

/* AZN-54: each fault alone, with each that comes after it, and with all of these. */
static void the_first_deny_is_the_answer(void **state)
{
	(void)state;
	assert_int_equal(check(0, NULL), EMA_OK);
	assert_int_equal(redeem(0, NULL), EMA_OK);
	for (size_t i = 0; i < COUNT; i++)
		for (size_t k = i; k <= COUNT; k++) {
			const int faults = order[i].fault | (k < COUNT ? order[k].fault : FAULTS - order[i].fault);
			const size_t both = k < COUNT ? k : i;
			if (order[i].redeemed && order[both].redeemed) {
				int code = redeem(faults, i ? order[i].stage : "identity");
				if (code != order[i].redeemed)
					fail_msg("faults %x of a redemption: %s, not %s", (unsigned)faults, ema_code_name(code), ema_code_name(order[i].redeemed));
			}
			if (order[i].checked && order[both].checked) {
				int code = check(faults, order[i].stage);
				if (code != order[i].checked)
					fail_msg("faults %x of a check: %s, not %s", (unsigned)faults, ema_code_name(code), ema_code_name(order[i].checked));
			}
		}
}

/* AZN-53: an identity rule that is sufficient spares the rules behind it, and nothing that is not in their list. */
static void sufficient_spares_its_list_alone(void **state)
{
	(void)state;
	assert_int_equal(redeem(0, NULL), EMA_OK); /* the rule behind it would refuse */
	for (size_t i = 0; i < COUNT; i++)
		if (order[i].redeemed)
			assert_int_equal(redeem(order[i].fault, i ? order[i].stage : "identity"), order[i].redeemed);
	struct desk desk;
	desk_open(&desk, NULL, NULL);
	load(&desk, 0);
	desk_redeem(&desk, world_token(&desk.world, "{\"aud\":\"https://x.example\"}"), NULL, ONE);
	assert_int_equal(desk.code, EMA_WRONG_AUDIENCE);
	desk_redeem(&desk, world_sign(&desk.world, desk.world.other, "oauth-id-jag+jwt", "{}"), NULL, ONE);
	assert_int_equal(desk.code, EMA_UNKNOWN_KEY);
	char *token = make(&desk, 0);
	assert_int_equal(desk_check(&desk, "svc", token, "tools/call", "get_a", NULL, NULL), EMA_WRONG_AUDIENCE);
	free(token);
	desk_close(&desk);
}

/* AZN-57: shadow mode is of grants and denies; no other check is in it. */
static void shadow_mode_is_of_permissions_alone(void **state)
{
	(void)state;
	const time_t end = time(NULL) + 20 * 86400;
	struct tm parts;
	gmtime_r(&end, &parts);
	assert_true(strftime(permissions, sizeof permissions, "permissions = { mode = \"shadow\"; until = \"%Y-%m-%d\"; };", &parts) > 0);
	for (size_t i = 0; i < COUNT; i++) {
		const int open = order[i].fault == GRANTS;
		if (order[i].checked)
			assert_int_equal(check(order[i].fault, order[i].stage), open ? EMA_OK : order[i].checked);
		if (order[i].redeemed)
			assert_int_equal(redeem(order[i].fault, i ? order[i].stage : "identity"), open ? EMA_OK : order[i].redeemed);
	}
	*permissions = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_deny_is_the_answer),
		cmocka_unit_test(sufficient_spares_its_list_alone),
		cmocka_unit_test(shadow_mode_is_of_permissions_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
