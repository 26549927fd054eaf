#include "test.h"

#include <stdio.h>

/* json-c has an enum of the same name. */
#define json_type jsonc_type
#include <json-c/json.h>
#undef json_type

#include "base64url.h"
#include "buffer.h"
#include "json.h"

static int parse_bytes(const char *text, size_t length)
{
	struct json json = { 0 };
	/* A copy of the exact size, so that a sanitizer sees a read past its end. */
	char *copy = malloc(length ? length : 1);
	memcpy(copy, text, length);
	int code = json_parse(copy, length, &json_limits_payload, &json, NULL);
	free(copy);
	json_free(&json);
	return code;
}

static int parse_code(const char *text)
{
	return parse_bytes(text, strlen(text));
}

/* JWT-02 JWT-03: the canonical form alone is taken, and what is taken is what would be written. */
static void base64url_is_canonical(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		long length;
	} cases[] = {
		{ "", 0 }, { "QQ", 1 }, { "QR", -1 }, { "QUE", 2 }, { "QUF", -1 }, { "QUFB", 3 }, { "Q", -1 }, { "QUFBQ", -1 }, { "QQ==", -1 },
		{ "QUE=", -1 }, { "Q Q", -1 }, { "QQ\n", -1 }, { "-_-_", 3 }, { "+/+/", -1 }, { "QU.B", -1 }, { "QUFBQR", -1 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		unsigned char out[8];
		char again[12];
		assert_int_equal(base64url_decode(cases[i].text, strlen(cases[i].text), out), cases[i].length);
		if (cases[i].length >= 0) {
			base64url_encode(out, (size_t)cases[i].length, again);
			assert_string_equal(again, cases[i].text);
		}
	}
	for (int c = 0; c < 256; c++) {
		int letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
		for (int at = 0; at < 4; at++) {
			char text[4] = { 'Q', 'Q', 'Q', 'Q' };
			unsigned char out[3];
			text[at] = (char)c;
			assert_int_equal(base64url_decode(text, 4, out), letter ? 3 : -1);
		}
	}
}

/* JWT-05 JWT-07 JWT-08: what is JSON and what is not, to the byte. */
static void grammar_is_strict(void **state)
{
	(void)state;
	static const char *const good[] = {
		"{}", "[]", "null", "true", "false", "0", "-0", "1.5", "1e400", "-12.5E-3", "\"\"", " {\"a\" : [ 1 , {} , \"x\" ] }\r\n\t",
		"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\"", "\"\x7f\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\xf4\x8f\xbf\xbf\"", "\"\xed\x9f\xbf\"",
		"{\"a\":{\"a\":{\"a\":1}}}", "{\"iss\":1,\"Iss\":2}", "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]",
	};
	static const char *const bad[] = {
		"", " ", "{", "}", "[", "]", "{}x", "{} {}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "[1,]", "[,1]", "{,}", "[1 2]", "{1:2}", "{a:1}",
		"'a'", "nul", "nulll", "True", "NaN", "Infinity", "-Infinity", "-", "+1", ".5", "1.", "1.e1", "01", "-01", "00", "1e", "1e+", "0x10",
		"1_0", "\"", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\u0000\"", "\"\\ud800\"", "\"\\ud800x\"", "\"\\ud800\\ud800\"",
		"\"\\udc00\"", "\"\\udc00\\ud800\"", "\"\\ud83d\\n\"", "\"\n\"", "\"\t\"", "\"\x01\"", "\xef\xbb\xbf{}", "\"\xc0\x80\"", "\"\xc1\xbf\"",
		"\"\xe0\x80\x80\"", "\"\xe0\x9f\xbf\"", "\"\xed\xa0\x80\"", "\"\xf0\x8f\xbf\xbf\"", "\"\xf4\x90\x80\x80\"", "\"\xf5\x80\x80\x80\"",
		"\"\x80\"", "\"\xff\"", "\"\xe2\x82\"", "\"\xf0\x9f\x98\"", "\"\xc3\"", "{}/**/", "//\n{}", "[1}", "{\"a\":1]", "{\"a\" 1}", "\xc2\xa0{}",
	};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_int_equal(parse_code(good[i]), EMA_OK);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (parse_code(bad[i]) != EMA_BAD_JSON)
			fail_msg("taken: %s", bad[i]);
	}
	assert_int_equal(parse_bytes("{}\0", 3), EMA_BAD_JSON);
	assert_int_equal(parse_bytes("\"a\0b\"", 5), EMA_BAD_JSON);
	assert_int_equal(parse_bytes("{\0\"\0", 4), EMA_BAD_JSON); /* UTF-16 */
}

/* JWT-06 JWT-09: at any depth, in any spelling, in small and in big objects. */
static void names_stand_once(void **state)
{
	(void)state;
	static const char *const twice[] = {
		"{\"iss\":1,\"iss\":2}", "{\"iss\":1,\"\\u0069ss\":2}", "{\"a\":[{\"b\":1,\"c\":{},\"b\":1}]}", "{\"\":1,\"\":1}",
		"{\"\xc3\xa9\":1,\"\\u00E9\":1}", "{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":1}",
	};
	for (size_t i = 0; i < sizeof twice / sizeof *twice; i++)
		assert_int_equal(parse_code(twice[i]), EMA_DUPLICATE_MEMBER);
	assert_int_equal(parse_code("{\"\xc3\xa9\":1,\"e\\u0301\":1}"), EMA_OK); /* no normalisation */
	for (int members = 2; members < 400; members += 7) {
		for (int same = 0; same < 2; same++) {
			struct buffer b = BUFFER_INIT(12000);
			for (int i = 0; i < members; i++)
				buffer_printf(&b, "%c\"m%d\":{}", i ? ',' : '{', same && i == members - 1 ? members / 2 - 1 : i);
			buffer_char(&b, '}');
			assert_false(b.failed);
			assert_int_equal(parse_code(b.data), same ? EMA_DUPLICATE_MEMBER : EMA_OK);
			buffer_free(&b);
		}
	}
}

/* JWT-04 JWT-07 JWT-84: one over each limit is refused, and depth costs no stack. */
static void limits_hold(void **state)
{
	(void)state;
	const struct json_limits limits = { 100, 3, 5, 10 };
	static const struct {
		const char *text;
		int code;
	} cases[] = {
		{ "[[[]]]", EMA_OK }, { "[[[[]]]]", EMA_TOO_LARGE }, { "[1,2,3,4]", EMA_OK }, { "[1,2,3,4,5]", EMA_TOO_LARGE },
		{ "\"1234567890\"", EMA_OK }, { "\"12345678901\"", EMA_TOO_LARGE }, { "{\"12345678901\":1}", EMA_TOO_LARGE },
		{ "1234567890", EMA_OK }, { "12345678901", EMA_TOO_LARGE }, { "\"\\u0041234567890\"", EMA_OK },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct json json = { 0 };
		struct failure failure = FAILURE_INIT;
		assert_int_equal(json_parse(cases[i].text, strlen(cases[i].text), &limits, &json, &failure), cases[i].code);
		assert_int_equal(failure.code, cases[i].code);
		json_free(&json);
	}
	char spaces[101];
	memset(spaces, ' ', sizeof spaces);
	spaces[0] = '1';
	struct json json = { 0 };
	assert_int_equal(json_parse(spaces, 100, &limits, &json, NULL), EMA_OK);
	json_free(&json);
	assert_int_equal(json_parse(spaces, 101, &limits, &json, NULL), EMA_TOO_LARGE);
	char deep[12000];
	memset(deep, '[', sizeof deep);
	assert_int_equal(parse_bytes(deep, sizeof deep), EMA_TOO_LARGE);
	assert_int_equal(parse_code("[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]"), EMA_TOO_LARGE); /* 17 */
	static const struct json_limits wide = { 2000000, 16, 50000, 1000 };
	struct buffer b = BUFFER_INIT(2000000);
	for (int i = 0; i < 100000; i++)
		buffer_printf(&b, "%c\"%d\":0", i ? ',' : '{', i);
	buffer_char(&b, '}');
	assert_int_equal(json_parse(b.data, b.length, &wide, &json, NULL), EMA_TOO_LARGE);
	buffer_free(&b);
}

/* JWT-08: integers and dates, without a locale and without a double. */
static void numbers_are_exact(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int integer, date;
		int64_t value;
	} cases[] = {
		{ "0", 1, 1, 0 }, { "-0", 1, 1, 0 }, { "1.5", 0, 1, 1 }, { "-1.5", 0, 1, -1 }, { "1.0", 0, 1, 1 }, { "1e3", 0, 1, 1000 },
		{ "1.7e9", 0, 1, 1700000000 }, { "1234E-2", 0, 1, 12 }, { "1e-400", 0, 1, 0 }, { "0e999999999", 0, 1, 0 }, { "1e400", 0, 0, 0 },
		{ "1e15", 0, 1, INT64_C(1000000000000000) }, { "1e16", 0, 0, 0 }, { "9007199254740991", 1, 1, INT64_C(9007199254740991) },
		{ "9007199254740992", 0, 0, 0 }, { "9007199254740993", 0, 0, 0 }, { "-9007199254740991", 1, 1, -INT64_C(9007199254740991) },
		{ "99999999999999999999", 0, 0, 0 }, { "0.00000000000000000000001e23", 0, 1, 1 }, { "1e99999999999999999999", 0, 0, 0 },
		{ "12345.6789e2", 0, 1, 1234567 }, { "\"5\"", 0, 0, 0 }, { "true", 0, 0, 0 }, { "null", 0, 0, 0 }, { "[5]", 0, 0, 0 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct json json = { 0 };
		int64_t value = 0;
		assert_int_equal(json_parse(cases[i].text, strlen(cases[i].text), &json_limits_header, &json, NULL), EMA_OK);
		assert_int_equal(json_integer(json_root(&json), &value), cases[i].integer);
		if (cases[i].integer)
			assert_int_equal(value, cases[i].value);
		if (json_date(json_root(&json), &value) != cases[i].date)
			fail_msg("%s", cases[i].text);
		if (cases[i].date)
			assert_int_equal(value, cases[i].value);
		json_free(&json);
	}
}

/* The table of RFC 6901 5, and what is no pointer. */
static void pointers_find(void **state)
{
	(void)state;
	static const char text[] = "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8}";
	static const struct {
		const char *pointer, *text;
	} cases[] = {
		{ "/foo/0", "bar" }, { "/foo/1", "baz" }, { "/", "0" }, { "/a~1b", "1" }, { "/c%d", "2" }, { "/e^f", "3" }, { "/g|h", "4" },
		{ "/i\\j", "5" }, { "/k\"l", "6" }, { "/ ", "7" }, { "/m~0n", "8" }, { "/foo/2", NULL }, { "/foo/00", NULL }, { "/foo/-", NULL },
		{ "/foo/", NULL }, { "foo", NULL }, { "/foo/0/x", NULL }, { "/m~n", NULL }, { "/m~2n", NULL }, { "/foo/4294967296", NULL }, { "/fo", NULL },
		{ "/fooo", NULL },
	};
	struct json json = { 0 };
	assert_int_equal(json_parse(text, sizeof text - 1, &json_limits_header, &json, NULL), EMA_OK);
	assert_ptr_equal(json_at(&json, ""), json_root(&json));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct json_node *node = json_at(&json, cases[i].pointer);
		if (cases[i].text)
			assert_string_equal(node->text, cases[i].text);
		else
			assert_null(node);
	}
	assert_null(json_member(&json, NULL, "x"));
	assert_null(json_string(json_member(&json, json_root(&json), "a/b")));
	json_free(&json);
	assert_null(json_root(&json));
}

static int same_value(const struct json *json, const struct json_node *node, struct json_object *other)
{
	switch (node->type) {
	case JSON_NULL:
		return other == NULL;
	case JSON_FALSE:
	case JSON_TRUE:
		return json_object_is_type(other, json_type_boolean) && json_object_get_boolean(other) == (node->type == JSON_TRUE);
	case JSON_NUMBER:
		return (json_object_is_type(other, json_type_int) || json_object_is_type(other, json_type_double)) &&
		       json_object_get_double(other) == strtod(node->text, NULL);
	case JSON_STRING:
		return json_object_is_type(other, json_type_string) && (size_t)json_object_get_string_len(other) == node->length &&
		       !memcmp(json_object_get_string(other), node->text, node->length);
	case JSON_ARRAY: {
		if (!json_object_is_type(other, json_type_array) || json_object_array_length(other) != node->count)
			return 0;
		size_t i = 0;
		for (const struct json_node *n = json_first(json, node); n; n = json_next(json, n))
			if (!same_value(json, n, json_object_array_get_idx(other, i++)))
				return 0;
		return i == node->count;
	}
	case JSON_OBJECT: {
		if (!json_object_is_type(other, json_type_object) || (uint32_t)json_object_object_length(other) != node->count)
			return 0;
		for (const struct json_node *n = json_first(json, node); n; n = json_next(json, n)) {
			struct json_object *member = NULL;
			if (!json_object_object_get_ex(other, n->name, &member) || !same_value(json, n, member))
				return 0;
		}
		return 1;
	}
	}
	return 0;
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 16;
}

static void write_random(struct buffer *b, uint32_t *seed, int depth)
{
	static const char *const atoms[] = {
		"null", "true", "false", "0", "-1", "12", "1.25", "3e2", "\"\"", "\"abc\"", "\"\\u00e9\\n\"", "\"\xc3\xa9\"", "\"\\ud83d\\ude00\"", "1700000000",
	};
	uint32_t kind = next_random(seed) % 4, count = next_random(seed) % 6;
	if (kind > 1 || depth > 6) {
		buffer_text(b, atoms[next_random(seed) % (sizeof atoms / sizeof *atoms)]);
		return;
	}
	buffer_char(b, kind ? '{' : '[');
	for (uint32_t i = 0; i < count; i++) {
		buffer_text(b, i ? ", " : " ");
		if (kind)
			buffer_printf(b, "\"n%u\":", i);
		write_random(b, seed, depth + 1);
	}
	buffer_char(b, kind ? '}' : ']');
}

/* JWT-82: what json-c, strict, refuses is refused; where both take a text they see the same value. */
static void agrees_with_json_c(void **state)
{
	(void)state;
	static const char marks[] = "{}[],:\"\\019eE+-.tnu \x01\xc3\xff";
	uint32_t seed = 7;
	int taken = 0, refused = 0;
	for (int round = 0; round < 20000; round++) {
		struct buffer b = BUFFER_INIT(8192);
		buffer_char(&b, '[');
		write_random(&b, &seed, 0);
		buffer_char(&b, ']');
		assert_false(b.failed);
		if (round % 2)
			b.data[next_random(&seed) % b.length] = marks[next_random(&seed) % (sizeof marks - 1)];
		struct json json = { 0 };
		int code = json_parse(b.data, b.length, &json_limits_payload, &json, NULL);
		struct json_tokener *tokener = json_tokener_new();
		json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
		struct json_object *other = json_tokener_parse_ex(tokener, b.data, (int)b.length);
		int other_ok = json_tokener_get_error(tokener) == json_tokener_success && json_tokener_get_parse_end(tokener) == b.length;
		if (round % 2 == 0)
			assert_int_equal(code, EMA_OK);
		if (code == EMA_OK) {
			taken++;
			if (!other_ok || !same_value(&json, json_root(&json), other))
				fail_msg("json-c sees another value: %s", b.data);
		} else {
			refused++;
		}
		json_object_put(other);
		json_tokener_free(tokener);
		json_free(&json);
		buffer_free(&b);
	}
	assert_true(taken > 10000 && refused > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64url_is_canonical), cmocka_unit_test(grammar_is_strict), cmocka_unit_test(names_stand_once),
		cmocka_unit_test(limits_hold),            cmocka_unit_test(numbers_are_exact), cmocka_unit_test(pointers_find),
		cmocka_unit_test(agrees_with_json_c),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
