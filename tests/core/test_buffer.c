#include "test.h"

#include "buffer.h"

static void grows_to_its_maximum(void **state)
{
	(void)state;
	struct buffer b = BUFFER_INIT(5);
	assert_int_equal(buffer_text(&b, "hello"), 0);
	assert_int_equal(buffer_char(&b, '!'), -1);
	assert_string_equal(b.data, "hello");
	assert_int_equal(b.failed, BUFFER_FULL);
	buffer_free(&b);
	assert_int_equal(buffer_printf(&b, "%s", "hello!"), -1);
	assert_int_equal(b.failed, BUFFER_FULL);
	buffer_free(&b);
}

static void json_cannot_forge_a_record(void **state)
{
	(void)state;
	static const struct {
		const char *in, *out;
		size_t length;
	} cases[] = {
		{ "plain", "\"plain\"", 5 },
		{ "a\nb\rc\"d\\e", "\"a\\u000ab\\u000dc\\\"d\\\\e\"", 9 },
		{ "a\0b", "\"a\\u0000b\"", 3 },
		{ "\xc3\xa9", "\"\xc3\xa9\"", 2 },
		{ "\xff\xc0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"", 3 },
		{ "\xe2\x80\xae" "x", "\"\xef\xbf\xbdx\"", 4 }, /* right-to-left override */
		{ "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"", 3 }, /* surrogate */
		{ "\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\"", 4 },
		{ "\xf0\x9f\x98", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"", 3 },
		{ "\x7f\xc2\x85", "\"\\u007f\\u0085\"", 3 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buffer b = BUFFER_INIT(256);
		buffer_json(&b, cases[i].in, cases[i].length);
		assert_string_equal(b.data, cases[i].out);
		buffer_free(&b);
	}
}

static void clean_text_cannot_mislead(void **state)
{
	(void)state;
	static const struct { const char *in, *out; size_t length; } cases[] = {
		{ "a\n\"b\\", "a\n\"b\\", 5 },
		{ "a\0b\x7f", "a\xef\xbf\xbd" "b\xef\xbf\xbd", 4 },
		{ "\xc2\x9b" "1m\xe2\x80\xae\xff", "\xef\xbf\xbd" "1m\xef\xbf\xbd\xef\xbf\xbd", 8 },
		{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", 4 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buffer b = BUFFER_INIT(256);
		assert_int_equal(buffer_clean(&b, cases[i].in, cases[i].length), 0);
		assert_string_equal(b.data, cases[i].out);
		buffer_free(&b);
	}
}

/* Each byte at each place of a text that is read in words, beside one that stands for itself or does not. */
static void printable_ends_where_it_should(void **state)
{
	(void)state;
	static const char others[] = " ~!#[]\x7f\"\\\n\x80\xff";
	for (size_t other = 0; other < sizeof others; other++)
		for (int byte = 0; byte < 256; byte++)
			for (size_t at = 0; at < 19; at++) {
				char text[20];
				size_t want = 0;
				memset(text, 'x', sizeof text);
				text[at] = (char)byte;
				text[at + 1] = others[other];
				while (want < 20 && text[want] >= 0x20 && text[want] < 0x7f && !strchr("\"\\", text[want]))
					want++;
				assert_int_equal(buffer_printable(text, 20), want);
				assert_int_equal(buffer_printable(text, at), at);
			}
}

static void percent_keeps_the_unreserved(void **state)
{
	(void)state;
	struct buffer b = BUFFER_INIT(64);
	buffer_percent(&b, "a/b c~%\xff", 8);
	assert_string_equal(b.data, "a%2Fb%20c~%25%FF");
	buffer_free(&b);
}

static void hex_of_bytes(void **state)
{
	(void)state;
	char text[7] = "......";
	buffer_hex(text, "\x00\x9a\xff", 3);
	assert_string_equal(text, "009aff");
	buffer_hex(text, "", 0);
	assert_string_equal(text, "");
}

static void take_gives_the_bytes_once(void **state)
{
	(void)state;
	struct buffer b = BUFFER_INIT(64);
	buffer_printf(&b, "%d-%s", 7, "x");
	char *text = buffer_take(&b);
	assert_string_equal(text, "7-x");
	free(text);
	assert_null(b.data);
	text = buffer_take(&b);
	assert_string_equal(text, "");
	free(text);
}

/* In memory of its maker's as long as that is enough; what it leaves there is wiped. */
static void begins_on_an_array(void **state)
{
	(void)state;
	char room[16];
	struct buffer b;
	buffer_on(&b, room, sizeof room, 64);
	assert_string_equal(b.data, "");
	assert_int_equal(buffer_text(&b, "fifteen bytes.."), 0);
	assert_ptr_equal(b.data, room);
	char *text = buffer_take(&b);
	assert_string_equal(text, "fifteen bytes..");
	assert_null(b.data);
	free(text);
	for (size_t i = 0; i < sizeof room; i++)
		assert_int_equal(room[i], 0);
	buffer_on(&b, room, sizeof room, 64);
	assert_int_equal(buffer_text(&b, "and now more than sixteen"), 0);
	assert_ptr_not_equal(b.data, room);
	assert_string_equal(b.data, "and now more than sixteen");
	assert_int_equal(buffer_text(&b, "a text that is longer than all that it may have, by far"), -1);
	assert_string_equal(b.data, "and now more than sixteen");
	assert_null(buffer_more(&b, 1));
	buffer_free(&b);
	buffer_on(&b, room, sizeof room, 8);
	assert_int_equal(buffer_text(&b, "too long for it"), -1);
	assert_null(buffer_take(&b));
	buffer_on(&b, room, sizeof room, 64);
	memcpy(buffer_more(&b, 3), "abc", 3);
	assert_string_equal(b.data, "abc");
	buffer_free(&b);
	assert_int_equal(room[0], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_to_its_maximum),
		cmocka_unit_test(json_cannot_forge_a_record),
		cmocka_unit_test(clean_text_cannot_mislead),
		cmocka_unit_test(printable_ends_where_it_should),
		cmocka_unit_test(percent_keeps_the_unreserved),
		cmocka_unit_test(hex_of_bytes),
		cmocka_unit_test(take_gives_the_bytes_once),
		cmocka_unit_test(begins_on_an_array),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
