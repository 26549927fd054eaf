#include "test.h"

#include "clock.h"
#include "jwt.h"

#define NOW INT64_C(1800000000)

/* JWT-64 JWT-65: each edge, a second to either side. */
static void edges(void **state)
{
	(void)state;
	static const struct jwt_times plain = { .now = NOW, .skew = 30, .expires = NOW + 100, .issued = NOW - 10, .not_before = JWT_ABSENT };
	static const struct {
		const char *what;
		size_t field;
		int64_t value;
		int code;
	} cases[] = {
#define FIELD(name) #name, offsetof(struct jwt_times, name)
		{ FIELD(expires), NOW - 29, EMA_OK }, { FIELD(expires), NOW - 30, EMA_EXPIRED }, { FIELD(expires), JWT_ABSENT, EMA_MISSING_CLAIM },
		{ FIELD(expires), INT64_MAX, EMA_BAD_CLAIM }, { FIELD(expires), 0, EMA_EXPIRED }, { FIELD(expires), -5, EMA_EXPIRED },
		{ FIELD(not_before), NOW + 30, EMA_OK }, { FIELD(not_before), NOW + 31, EMA_NOT_YET_VALID }, { FIELD(not_before), INT64_MAX, EMA_BAD_CLAIM },
		{ FIELD(issued), NOW + 30, EMA_OK }, { FIELD(issued), NOW + 31, EMA_ISSUED_IN_FUTURE }, { FIELD(issued), JWT_ABSENT, EMA_OK },
		{ FIELD(issued), INT64_MIN + 1, EMA_BAD_CLAIM },
		{ FIELD(longest), 80, EMA_OK }, { FIELD(longest), 79, EMA_LIFETIME_TOO_LONG },
		{ FIELD(oldest), 1, EMA_OK }, { FIELD(skew), 600, EMA_OK }, { FIELD(skew), -600, EMA_OK },
		{ FIELD(now), CLOCK_LEAST / 1000 - 1, EMA_CLOCK_WRONG }, { FIELD(now), 0, EMA_CLOCK_WRONG }, { FIELD(now), -1, EMA_CLOCK_WRONG },
		{ FIELD(now), INT64_MAX, EMA_CLOCK_WRONG },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct jwt_times times = plain;
		struct failure failure = FAILURE_INIT;
		memcpy((char *)&times + cases[i].field, &cases[i].value, sizeof cases[i].value);
		int code = jwt_check_times(&times, &failure);
		if (code != cases[i].code || failure.code != code)
			fail_msg("%s %lld: %d", cases[i].what, (long long)cases[i].value, code);
	}
	struct jwt_times times = plain;
	times.skew = 600; /* is 60 */
	times.expires = NOW - 60;
	assert_int_equal(jwt_check_times(&times, NULL), EMA_EXPIRED);
	times = plain;
	times.oldest = 100;
	times.issued = NOW - 130;
	assert_int_equal(jwt_check_times(&times, NULL), EMA_OK);
	times.issued--;
	assert_int_equal(jwt_check_times(&times, NULL), EMA_EXPIRED);
	times.issued = JWT_ABSENT;
	assert_int_equal(jwt_check_times(&times, NULL), EMA_MISSING_CLAIM);
	times = plain;
	times.need_issued = 1;
	times.issued = JWT_ABSENT;
	assert_int_equal(jwt_check_times(&times, NULL), EMA_MISSING_CLAIM);
	times.need_issued = 0;
	times.longest = 69; /* what is left is 100, the skew 30 */
	assert_int_equal(jwt_check_times(&times, NULL), EMA_LIFETIME_TOO_LONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(edges) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
