#include "test.h"

#include <stdint.h>

#include "arena.h"
#include "clock.h"
#include "codes.h"
#include "failure.h"
#include "notice.h"
#include "secret.h"

static void codes_have_names_both_ways(void **state)
{
	(void)state;
	for (int i = 0; i < EMA_CODES; i++)
		assert_int_equal(code_by_name(code_name(i)), i);
	assert_int_equal(code_by_name("no such"), -1);
	assert_null(code_row(EMA_CODES));
	assert_null(code_row(-1));
	assert_string_equal(code_name(12345), "internal");
}

/* JWT-83: our own outage is 503 and never 401; json-rpc codes stay out of the reserved range. */
static void codes_keep_the_rules(void **state)
{
	(void)state;
	for (int i = 0; i < EMA_CODES; i++) {
		const struct code_row *row = code_row(i);
		if (strstr(row->name, "unavailable") || !strcmp(row->name, "timeout") || !strcmp(row->name, "store_full")) {
			assert_int_equal(row->request_status, 503);
			assert_int_equal(row->token_status, 503);
			assert_true(row->retry);
		}
		assert_false(row->rpc <= -32000 && row->rpc >= -32768);
		int status = row->token_status;
		assert_true(status == 200 || status == 400 || status == 401 || status == 429 || status == 500 || status == 503);
		/* RFC 6749 5.2: 401 is for the client that did not prove who it is */
		assert_int_equal(status == 401, row->oauth && !strcmp(row->oauth, "invalid_client"));
		assert_int_equal(row->oauth == NULL, i == EMA_OK);
	}
}

/* JAG-106: no other error is on the wire. server_error is RFC 6749's (4.1.2.1), for our own mistakes; unsupported_token_type is RFC 7009's, of revocation. */
static void errors_are_a_closed_set(void **state)
{
	static const char *const known[] = {
		"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope", "invalid_target",
		"invalid_authorization_details", "invalid_dpop_proof", "use_dpop_nonce", "insufficient_user_authentication", "temporarily_unavailable",
		"server_error", "unsupported_token_type",
	};
	(void)state;
	for (int i = EMA_OK + 1; i < EMA_CODES; i++) {
		const char *error = code_row(i)->oauth;
		size_t k = 0;
		while (k < sizeof known / sizeof *known && strcmp(known[k], error))
			k++;
		if (k == sizeof known / sizeof *known)
			fail_msg("%s is %s", code_name(i), error);
		assert_int_equal(!strcmp(error, "server_error"), code_row(i)->token_status == 500);
		assert_int_equal(!strcmp(error, "unsupported_token_type"), i == EMA_BAD_TOKEN_TYPE);
	}
}

static void arena_gives_and_ends(void **state)
{
	(void)state;
	struct { _Alignas(max_align_t) char bytes[256]; } lent;
	struct arena arena;
	memset(&lent, 'x', sizeof lent);
	arena_begin(&arena, &lent, sizeof lent);
	char *text = arena_copy(&arena, "abc");
	assert_in_range((uintptr_t)text, (uintptr_t)&lent, (uintptr_t)&lent + sizeof lent - 4);
	uint64_t *numbers = arena_get(&arena, 4, sizeof *numbers);
	assert_int_equal((uintptr_t)numbers % _Alignof(max_align_t), 0);
	assert_true((char *)numbers >= text + 4);
	assert_int_equal(numbers[0] | numbers[1] | numbers[2] | numbers[3], 0);
	char *more = arena_bytes(&arena, 1000), *again = arena_bytes(&arena, 1000);
	memset(more, 1, 1000);
	memset(again, 2, 1000);
	assert_int_equal(more[999], 1);
	assert_string_equal(text, "abc");
	char *large = arena_get(&arena, 1, 1 << 20);
	assert_int_equal(large[0] | large[(1 << 20) - 1], 0);
	assert_non_null(arena_get(&arena, 0, 8));
	size_t room = 0;
	int *list = arena_grown(&arena, NULL, 0, sizeof *list, &room, 4);
	assert_int_equal(room, 4);
	list[3] = 7;
	list = arena_grown(&arena, list, 4, sizeof *list, &room, 4);
	assert_int_equal(room, 8);
	assert_int_equal(list[3], 7);
	assert_int_equal(list[7], 0);
	assert_null(arena_get(&arena, SIZE_MAX / 4, 8));
	assert_true(arena.failed);
	assert_null(arena_copy(&arena, "no more"));
	assert_null(arena_grown(&arena, list, 8, sizeof *list, &room, 4));
	assert_int_equal(room, 8);
	arena_wipe(&arena);
	assert_int_equal(text[0] | text[1] | text[2], 0);
	assert_non_null(arena_copy(&arena, "anew"));
	arena_free(&arena);
}

static void failure_keeps_the_first_and_cuts(void **state)
{
	(void)state;
	struct failure f = FAILURE_INIT;
	assert_int_equal(failure_set(&f, EMA_EXPIRED, "a\nb"), EMA_EXPIRED);
	assert_int_equal(failure_set(&f, EMA_DENIED, "later"), EMA_EXPIRED);
	assert_string_equal(f.text, "a?b");
	failure_clear(&f);
	/* An issuer of a token that nobody signed may hold what moves a terminal (CSI in C1), or turns a line around. */
	failure_set(&f, EMA_DENIED, "a\xc2\x9b" "31m\xe2\x80\xae%.2sz\xc3\xa9", "\xe2\x82\xac");
	assert_string_equal(f.text, "a??31m?????z\xc3\xa9");
	failure_clear(&f);
	char text[2 * FAILURE_TEXT];
	memset(text, 'x', sizeof text);
	memcpy(text + FAILURE_TEXT - 6, "\xe2\x82\xac\xe2\x82\xac", 6);
	text[sizeof text - 1] = 0;
	failure_set(&f, EMA_DENIED, "%s", text);
	assert_true(strlen(f.text) < FAILURE_TEXT);
	assert_string_equal(f.text + FAILURE_TEXT - 6, "...");
	assert_int_equal(failure_set(NULL, EMA_DENIED, "x"), EMA_DENIED);
}

/* AUD-45: upper case, milliseconds, and nothing that RFC 3339 does not have: the text of a time that cannot be written is "-". */
static void clock_writes_rfc3339(void **state)
{
	(void)state;
	char text[CLOCK_TEXT];
	clock_text(INT64_C(1795434033123), text);
	assert_string_equal(text, "2026-11-23T11:40:33.123Z");
	clock_text(0, text);
	assert_string_equal(text, "1970-01-01T00:00:00.000Z");
	clock_text(INT64_C(1483228799999), text); /* the last that is not a leap second */
	assert_string_equal(text, "2016-12-31T23:59:59.999Z");
	clock_text(INT64_C(1483228800000), text);
	assert_string_equal(text, "2017-01-01T00:00:00.000Z");
	clock_text(INT64_C(253402300799999), text);
	assert_string_equal(text, "9999-12-31T23:59:59.999Z");
	clock_text(INT64_C(253402300800000), text);
	assert_string_equal(text, "-");
	clock_text(-1, text);
	assert_string_equal(text, "-");
	clock_text(INT64_MAX, text);
	assert_string_equal(text, "-");
	assert_true(clock_wall(&clock_system) > CLOCK_LEAST);
}

/* JWT-30 JWT-84 */
static void secrets_compare_and_go(void **state)
{
	(void)state;
	char a[] = "secret", b[] = "secreT";
	assert_true(secret_same(a, "secret", 6));
	assert_false(secret_same(a, b, 6));
	secret_wipe(a, 6);
	assert_memory_equal(a, "\0\0\0\0\0\0", 6);
}

static void count_fields(void *data, const char *kind, int severity, const struct notice_field *fields, int count)
{
	assert_string_equal(kind, "k");
	assert_int_equal(severity, NOTICE_INFO);
	assert_string_equal(fields[1].value, "3");
	*(int *)data = count;
}

static void notice_leaves_out_what_is_not_there(void **state)
{
	(void)state;
	int count = 0;
	struct notice notice = { count_fields, &count };
	notice_tell(&notice, "k", NOTICE_INFO, "a", "1", "b", NULL, "c", "3", NULL);
	assert_int_equal(count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_have_names_both_ways),
		cmocka_unit_test(codes_keep_the_rules),
		cmocka_unit_test(errors_are_a_closed_set),
		cmocka_unit_test(arena_gives_and_ends),
		cmocka_unit_test(failure_keeps_the_first_and_cuts),
		cmocka_unit_test(clock_writes_rfc3339),
		cmocka_unit_test(secrets_compare_and_go),
		cmocka_unit_test(notice_leaves_out_what_is_not_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
