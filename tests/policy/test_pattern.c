/* Patterns and the one form of URIs, by tables. */
#include "test.h"

#include "pattern.h"

/* MCP-54 */
static void uris_have_one_form(void **state)
{
	(void)state;
	static const struct { const char *text, *normal, *wrong; } rows[] = {
		{ "file:///a/b", "file:///a/b", NULL },
		{ "FILE:///A/b", "file:///A/b", NULL },
		{ "repo://Acme.Example/X", "repo://acme.example/X", NULL },
		{ "file:///a/../b", "file:///b", NULL },
		{ "file:///a/./b", "file:///a/b", NULL },
		{ "file:///a/b/..", "file:///a/", NULL },
		{ "file:///a/b/.", "file:///a/b/", NULL },
		{ "file:///a/b/../../c", "file:///c", NULL },
		{ "file:///a/%2e%2e/b", "file:///b", NULL },
		{ "file:///a/%2E./b", "file:///b", NULL },
		{ "file:///a/...", "file:///a/...", NULL },
		{ "file:///a/.b", "file:///a/.b", NULL },
		{ "file:///a//b", "file:///a/b", NULL },
		{ "file:////a", "file:///a", NULL },
		{ "file:///a///b", "file:///a/b", NULL },
		{ "file:/a", "file:///a", NULL },
		{ "file://LocalHost/a", "file:///a", NULL },
		{ "file://localhost./a", "file:///a", NULL },
		{ "file://localhost:/a", NULL, "has a port, which a file has not" },
		{ "file://c:/x", NULL, "has a port, which a file has not" },
		{ "file:///c|/x", NULL, "is a file with a |, which some read as a drive's colon" },
		{ "file://local%68ost", "file:///", NULL },
		{ "file://Server/a", "file://server/a", NULL },
		{ "file:/", "file:///", NULL },
		{ "https://h:443/x", "https://h/x", NULL },
		{ "HTTPS://h:0443/x", "https://h/x", NULL },
		{ "https://h:/x", "https://h/x", NULL },
		{ "https://h./x", "https://h/x", NULL },
		{ "https://h%2E:443/x", "https://h/x", NULL },
		{ "https://h", "https://h/", NULL },
		{ "https://h?a", "https://h/?a", NULL },
		{ "https://h#a", "https://h/", NULL },
		{ "https://h/a/secret#", "https://h/a/secret", NULL },
		{ "https://h/a#b/../c d", "https://h/a", NULL },
		{ "x://h/a#b", "x://h/a#b", NULL },
		{ "https://h/q?u=a%40b%2Fc%26d%2B", "https://h/q?u=a@b%2Fc%26d%2B", NULL },
		{ "https://h/a ", NULL, "ends with a blank, which some readers cut off" },
		{ "https://h/a #b", NULL, "ends with a blank, which some readers cut off" },
		{ "note:///t1/.. ", NULL, "ends with a blank, which some readers cut off" },
		{ "x:/a b/c", "x:/a%20b/c", NULL },
		{ "http://[::ffff:169.254.169.254]/", NULL, "has an IPv4 address in the form of IPv6: write its four decimal numbers" },
		{ "http://[0:0:0:0:0:ffff:a9fe:a9fe]/", NULL, "has an IPv4 address in the form of IPv6: write its four decimal numbers" },
		{ "postgres://db:05432/t", NULL, "has a port that begins with a zero" },
		{ "postgres://db:5432/t", "postgres://db:5432/t", NULL },
		{ "x://[0::1]/t", NULL, "has an IPv6 address in another form than the usual one" },
		{ "x://[::1]:80/t", "x://[::1]:80/t", NULL },
		{ "x://[::ffff:10.0.0.1]/t", NULL, "has an IPv4 address in the form of IPv6: write its four decimal numbers" },
		{ "http://[::10.0.0.1]/", NULL, "has an IPv4 address in the form of IPv6: write its four decimal numbers" },
		{ "http://[64:ff9b::a00:1]/", NULL, "has an IPv4 address in the form of IPv6: write its four decimal numbers" },
		{ "http://[::]/", "http://[::]/", NULL },
		{ "https://h/a?", "https://h/a", NULL },
		{ "https://h/a?#x", "https://h/a", NULL },
		{ "https://h/a?b?", "https://h/a?b%3F", NULL },
		{ "x://h/a?", "x://h/a?", NULL },
		{ "https://h:80/x", "https://h:80/x", NULL },
		{ "https://h:08443/x", "https://h:8443/x", NULL },
		{ "https://h:65535/x", "https://h:65535/x", NULL },
		{ "http://h:80/x", "http://h/x", NULL },
		{ "http://h:443/x", "http://h:443/x", NULL },
		{ "ws://h:80/x", "ws://h/x", NULL },
		{ "wss://h:443/x", "wss://h/x", NULL },
		{ "ftp://h:21/x", "ftp://h/x", NULL },
		{ "httpsx://h:443/x", "httpsx://h:443/x", NULL },
		{ "http://127.0.0.1/x", "http://127.0.0.1/x", NULL },
		{ "http://1.2.3.example/x", "http://1.2.3.example/x", NULL },
		{ "http://[0:0::1]:80/x", "http://[::1]/x", NULL },
		{ "http://[2001:DB8::0]:81/x", "http://[2001:db8::]:81/x", NULL },
		{ "x://h:0443/a", NULL, "has a port that begins with a zero" },
		{ "file:///%61%7E%2d", "file:///a~-", NULL },
		{ "file:///a%3ab%40", "file:///a:b@", NULL },
		{ "file:///a%3fb", "file:///a%3Fb", NULL },
		{ "x:///a?b=%2f&c=../d", "x:///a?b=%2F&c=..%2Fd", NULL },
		{ "file:///a?b", NULL, "is a file with a query or a fragment: in its name, ? is written %3F and # %23" },
		{ "file:///a#b", NULL, "is a file with a query or a fragment: in its name, ? is written %3F and # %23" },
		{ "file:///a b", "file:///a%20b", NULL },
		{ "file:///\xc3\xa9", "file:///%C3%A9", NULL },
		{ "file:///%c3%a9", "file:///%C3%A9", NULL },
		{ "file:///a%25zb", "file:///a%25zb", NULL },
		{ "urn:example:a", "urn:example:a", NULL },
		{ "note:a/b", "note:a/b", NULL },
		{ "x://[::1]/a", "x://[::1]/a", NULL },
		{ "x:", "x:", NULL },
		{ "note:a/../b", NULL, "has a dot segment" },
		{ "note://north/../south/x", NULL, "has a .. that leads above its root" },
		{ "note://north/%2e%2E/south/x", NULL, "has a .. that leads above its root" },
		{ "note://north/.%2e", NULL, "has a .. that leads above its root" },
		{ "note://north/a/../../south/x", NULL, "has a .. that leads above its root" },
		{ "note://north/./../south", NULL, "has a .. that leads above its root" },
		{ "note://north//../south/x", NULL, "has a .. that leads above its root" },
		{ "note:/../a", NULL, "has a .. that leads above its root" },
		{ "file:///../../a", NULL, "has a .. that leads above its root" },
		{ "file:/../a", NULL, "has a .. that leads above its root" },
		{ "file:///a///../b", NULL, "has a .. behind a doubled slash" },
		{ "file:///a//b/../c", NULL, "has a .. behind a doubled slash" },
		{ "file:a/b", NULL, "is a file without a full path: write file:///" },
		{ "file:", NULL, "is a file without a full path: write file:///" },
		{ "file://127.0.0.1/a", NULL, "names this machine by its address: write file:///" },
		{ "file://127.9.0.1/a", NULL, "names this machine by its address: write file:///" },
		{ "file://[::1]/a", NULL, "names this machine by its address: write file:///" },
		{ "file://localhost:80/a", NULL, "has a port, which a file has not" },
		{ "file://./a", NULL, "has no host: it stands behind \"//\"" },
		{ "https:/h/x", NULL, "has no host: it stands behind \"//\"" },
		{ "https:h/x", NULL, "has no host: it stands behind \"//\"" },
		{ "https:", NULL, "has no host: it stands behind \"//\"" },
		{ "https:\\\\h/x", NULL, "has no host: it stands behind \"//\"" },
		{ "https:///h/x", NULL, "has no host: it stands behind \"//\"" },
		{ "https://:443/x", NULL, "has no host: it stands behind \"//\"" },
		{ "https://./x", NULL, "has no host: it stands behind \"//\"" },
		{ "https://h../x", NULL, "has more than one dot at the end of its host" },
		{ "https://u@h/x", NULL, "has user information before its host" },
		{ "https://h:a/x", NULL, "has a port that is no number" },
		{ "https://h:-443/x", NULL, "has a port that is no number" },
		{ "https://h:0/x", NULL, "has a port that is no number from 1 to 65535" },
		{ "https://h:65536/x", NULL, "has a port that is no number from 1 to 65535" },
		{ "https://h:100443/x", NULL, "has a port that is no number from 1 to 65535" },
		{ "https://h:443:443/x", NULL, "has a bracket or a colon in its host" },
		{ "https://h]/x", NULL, "has a bracket or a colon in its host" },
		{ "https://[h]/x", NULL, "has a host in brackets that is no IPv6 address" },
		{ "https://[]/x", NULL, "has a host in brackets that is no IPv6 address" },
		{ "https://[/x", NULL, "has a bracket or a colon in its host" },
		{ "https://[::1%25lo]/x", NULL, "has a host that is not in ASCII, or encoded: such a name begins with xn--" },
		{ "https://[::1]443/x", NULL, "has something between its host and its port" },
		{ "https://\xef\xbd\x89ntern/x", NULL, "has a host that is not in ASCII, or encoded: such a name begins with xn--" },
		{ "https://h%20/x", NULL, "has a host that is not in ASCII, or encoded: such a name begins with xn--" },
		{ "http://127.1/x", NULL, "has a number as its host: write an address as four decimal numbers without leading zeros" },
		{ "http://127.0.0.01/x", NULL, "has a number as its host: write an address as four decimal numbers without leading zeros" },
		{ "http://2130706433/x", NULL, "has a number as its host: write an address as four decimal numbers without leading zeros" },
		{ "http://0x7f.0.0.1.x.0x1/x", NULL, "has a number as its host: write an address as four decimal numbers without leading zeros" },
		{ "http://0x7F000001/x", NULL, "has a number as its host: write an address as four decimal numbers without leading zeros" },
		{ "x://h./a", NULL, "has a dot or a colon at the end of its host" },
		{ "x://h:/a", NULL, "has a dot or a colon at the end of its host" },
		{ "x://user@host/a", NULL, "has user information before its host" },
		{ "x://us%65r:p@host/", NULL, "has user information before its host" },
		{ "file:///a\\b", NULL, "has a backslash" },
		{ "file:///a%5cb", NULL, "has an encoded slash or backslash" },
		{ "file:///a%2Fb", NULL, "has an encoded slash or backslash" },
		{ "x://a%2fb/", NULL, "has an encoded slash or backslash" },
		{ "file:///a%00", NULL, "has an encoded control character" },
		{ "file:///a\n", NULL, "has a control character" },
		{ "file:///a\x05", NULL, "has a control character" },
		{ "file:///a\x7f", NULL, "has a control character" },
		{ "file:///a%2", NULL, "has a % without two hexadecimal digits" },
		{ "file:///a%zz", NULL, "has a % without two hexadecimal digits" },
		{ "file:///a%252e", NULL, "is encoded twice" },
		{ "file:///a%25%32%65", NULL, "is encoded twice" },
		{ "file:///a%25a%62", NULL, "is encoded twice" },
		{ "file:///%c0%ae", NULL, "has an overlong encoding" },
		{ "file:///%e0%80%af", NULL, "has an overlong encoding" },
		{ "file:///%f0%80%80%af", NULL, "has an overlong encoding" },
		{ "/a/b", NULL, "has no scheme" },
		{ "a", NULL, "has no scheme" },
		{ "1a:b", NULL, "has no scheme" },
		{ "a b:c", NULL, "has no scheme" },
		{ "", NULL, "has no scheme" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char out[URI_MOST + 1] = "";
		size_t length = 0;
		const char *wrong = uri_normal(rows[i].text, strlen(rows[i].text), 0, out, &length);
		if (rows[i].wrong) {
			if (!wrong || strcmp(wrong, rows[i].wrong))
				fail_msg("\"%s\": %s", rows[i].text, wrong ? wrong : out);
			continue;
		}
		if (wrong || strcmp(out, rows[i].normal) || length != strlen(out))
			fail_msg("\"%s\": %s", rows[i].text, wrong ? wrong : out);
		/* Once more changes nothing. */
		char again[URI_MOST + 1];
		assert_null(uri_normal(out, length, 0, again, &length));
		assert_string_equal(out, again);
	}
	char longest[URI_MOST + 8], out[URI_MOST + 1];
	size_t length = 0;
	memset(longest, 'a', sizeof longest);
	memcpy(longest, "x:/", 3);
	assert_null(uri_normal(longest, URI_MOST, 0, out, &length));
	assert_string_equal(uri_normal(longest, URI_MOST + 1, 0, out, &length), "is too long");
}

static const struct pattern_values nobody = { .usable = 0 };

static int matches(enum pattern_kind kind, const char *text, const char *target, const struct pattern_values *values, int maybe)
{
	char room[PATTERN_TEXT], uri[URI_MOST + 1];
	struct pattern pattern;
	size_t length = strlen(target);
	const char *wrong = pattern_compile(kind, text, room, &pattern);
	if (wrong)
		fail_msg("\"%s\" %s", text, wrong);
	if (kind == PATTERN_URI || kind == PATTERN_LIKE_URI) {
		wrong = uri_normal(target, length, 0, uri, &length);
		if (wrong)
			fail_msg("\"%s\" %s", target, wrong);
		target = uri;
	}
	return pattern_match(&pattern, target, length, values, maybe);
}

/* MCP-53, MCP-54 */
static void patterns_match_whole_texts(void **state)
{
	(void)state;
	static const struct { enum pattern_kind kind; const char *pattern, *target; int is; } rows[] = {
		{ PATTERN_NAME, "get", "get", 1 },
		{ PATTERN_NAME, "get", "get_x", 0 },
		{ PATTERN_NAME, "get", "Get", 0 },
		{ PATTERN_NAME, "get_*", "get_", 1 },
		{ PATTERN_NAME, "get_*", "get_x", 1 },
		{ PATTERN_NAME, "get_*", "forget_x", 0 },
		{ PATTERN_NAME, "*", "anything", 1 },
		{ PATTERN_NAME, "*_x", "a_x", 1 },
		{ PATTERN_NAME, "*_x", "a_xy", 0 },
		{ PATTERN_NAME, "a*b*c", "aXbXbXc", 1 },
		{ PATTERN_NAME, "a*b*c", "acb", 0 },
		{ PATTERN_NAME, "a**c", "abc", 1 },
		{ PATTERN_NAME, "a*", "a/b", 1 },
		{ PATTERN_NAME, "a?c", "abc", 0 },
		{ PATTERN_NAME, "a?c", "a?c", 1 },
		{ PATTERN_URI, "file:///a/*", "file:///a/b", 1 },
		{ PATTERN_URI, "file:///a/*", "file:///a/", 1 },
		{ PATTERN_URI, "file:///a/*", "file:///a/b/c", 0 },
		{ PATTERN_URI, "x:///a/*", "x:///a/b?c", 0 },
		{ PATTERN_URI, "x:///a/**", "x:///a/b/c?d", 1 },
		{ PATTERN_URI, "file:///a/**", "file:///ab", 0 },
		{ PATTERN_URI, "file:///a/**", "file:///a", 0 },
		{ PATTERN_URI, "file:///a", "file:///ab", 0 },
		{ PATTERN_URI, "file:///a/**", "file:///a/../b", 0 },
		{ PATTERN_URI, "file:///a/**", "file:///a/%2e%2e/b", 0 },
		{ PATTERN_URI, "file:///a/*", "file:///a/b/../c", 1 },
		{ PATTERN_URI, "file:///*/c", "file:///a/c", 1 },
		{ PATTERN_URI, "file:///*/c", "file:///a/b/c", 0 },
		{ PATTERN_URI, "file:///**/c", "file:///a/b/c", 1 },
		{ PATTERN_URI, "file:///**/c", "file:///a/bc", 0 },
		{ PATTERN_URI, "file:///**/b*d/e", "file:///a/bXd/f/bYd/e", 1 },
		{ PATTERN_URI, "file:///a*b", "file:///aXbXb", 1 },
		{ PATTERN_URI, "FILE:///%61", "file:///a", 1 },
		{ PATTERN_URI, "repo://ACME/x", "repo://acme/x", 1 },
		{ PATTERN_URI, "repo://*/x", "repo://acme/x", 1 },
		{ PATTERN_URI, "repo://**", "repo://acme/x/y", 1 },
		{ PATTERN_URI, "repo://**", "repos://acme/x/y", 0 },
		{ PATTERN_URI, "**", "any:thing/at?all", 1 },
		{ PATTERN_URI, "https://h:443/**", "https://h/x", 1 },
		{ PATTERN_URI, "https://h/**", "https://h:0443/x", 1 },
		{ PATTERN_URI, "https://h./**", "https://h", 1 },
		{ PATTERN_URI, "https://h", "https://h/", 1 },
		{ PATTERN_URI, "https://*", "https://h.example", 1 },
		{ PATTERN_URI, "https://*/**", "https://h.example:8443/x", 1 },
		{ PATTERN_URI, "https://*.example:443/**", "https://h.example./x", 1 },
		{ PATTERN_URI, "https://10.0.0.*/**", "https://10.0.0.1/x", 1 },
		{ PATTERN_URI, "https://**", "https://h/x/y", 1 },
		{ PATTERN_URI, "https://h/**", "http://h/x", 0 },
		{ PATTERN_URI, "https://h/**", "https://h:8443/x", 0 },
		{ PATTERN_URI, "file:/a/**", "file:///a/b", 1 },
		{ PATTERN_URI, "file://localhost/a/**", "file:/a/b", 1 },
		{ PATTERN_URI, "file:///a/**", "file://localhost/a/b", 1 },
		{ PATTERN_URI, "file:///a/**", "file://server/a/b", 0 },
		{ PATTERN_URI, "file://*/a/**", "file:/a/b", 1 },
		{ PATTERN_LIKE_URI, "HTTPS://h:443/a*", "https://h/ab?c", 1 },
		{ PATTERN_LIKE_URI, "https://h/a*", "https://h/ab/c", 0 },
		{ PATTERN_URI, "x:/a%2Ab", "x:/a*b", 1 },
		{ PATTERN_URI, "x:/a%2Ab", "x:/aXb", 0 },
		{ PATTERN_VALUE, "acme/public-*", "acme/public-web", 1 },
		{ PATTERN_VALUE, "acme/public-*", "acme/public-web/x", 0 },
		{ PATTERN_VALUE, "acme/*", "acme/a\\b", 0 },
		{ PATTERN_VALUE, "**", "", 1 },
		{ PATTERN_VALUE, "**", "a/b", 1 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (matches(rows[i].kind, rows[i].pattern, rows[i].target, &nobody, 0) != rows[i].is)
			fail_msg("\"%s\" and \"%s\"", rows[i].pattern, rows[i].target);
}

static void patterns_that_do_not_compile(void **state)
{
	(void)state;
	static const struct { enum pattern_kind kind; const char *pattern, *wrong; } rows[] = {
		{ PATTERN_NAME, "", "is empty" },
		{ PATTERN_NAME, "a\x01", "has a control character" },
		{ PATTERN_NAME, "get_{user}", "has braces: {tenant}, {subject} and {email} are all that may stand in them" },
		{ PATTERN_NAME, "get_{tenant", "has braces: {tenant}, {subject} and {email} are all that may stand in them" },
		{ PATTERN_URI, "a/b", "has no scheme" },
		{ PATTERN_URI, "*://a", "has no scheme" },
		{ PATTERN_URI, "*", "has no scheme" },
		{ PATTERN_URI, "{tenant}://a", "has no scheme" },
		{ PATTERN_URI, "x:/a**", "has a ** that is not a whole segment: write \"/**\"" },
		{ PATTERN_URI, "x:/**a", "has a ** that is not a whole segment: write \"/**\"" },
		{ PATTERN_URI, "x:/***", "has a ** that is not a whole segment: write \"/**\"" },
		{ PATTERN_URI, "x:/a/../b", "has a dot segment" },
		{ PATTERN_URI, "x://a@b/c", "has user information before its host" },
		{ PATTERN_URI, "x:/%2f", "has an encoded slash or backslash" },
		{ PATTERN_URI, "https:/h/**", "has no host: it stands behind \"//\"" },
		{ PATTERN_URI, "https:///**", "has no host: it stands behind \"//\"" },
		{ PATTERN_URI, "https://h:*/**", "has a port that is no number: a pattern names its port, or none for the scheme's own" },
		{ PATTERN_URI, "https://h:{tenant}/**", "has a port that is no number: a pattern names its port, or none for the scheme's own" },
		{ PATTERN_URI, "file:a/**", "is a file without a full path: write file:///" },
		{ PATTERN_URI, "x://h./**", "has a dot or a colon at the end of its host" },
		{ PATTERN_LIKE_URI, "https://u@h/**", "has user information before its host" },
		{ PATTERN_VALUE, "a**", "has a ** that is not a whole segment: write \"/**\"" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char room[PATTERN_TEXT];
		struct pattern pattern;
		const char *wrong = pattern_compile(rows[i].kind, rows[i].pattern, room, &pattern);
		if (!wrong || strcmp(wrong, rows[i].wrong))
			fail_msg("\"%s\": %s", rows[i].pattern, wrong ? wrong : "compiles");
	}
}

static void values_are_literals(void **state)
{
	(void)state;
	static const struct { enum pattern_kind kind; const char *pattern, *tenant, *target; int sure, maybe; } rows[] = {
		{ PATTERN_URI, "x:/{tenant}/**", "acme", "x:/acme/a", 1, 1 },
		{ PATTERN_URI, "x:/{tenant}/**", "acme", "x:/acme2/a", 0, 0 },
		{ PATTERN_URI, "x:/{tenant}/**", "a b", "x:/a b/a", 1, 1 },
		{ PATTERN_URI, "x:/{tenant}/**", "a b", "x:/a%20b/a", 1, 1 },
		{ PATTERN_URI, "x:/{tenant}/**", "\xc3\xa9", "x:/%c3%a9/a", 1, 1 },
		{ PATTERN_URI, "x:/{tenant}/**", "a@b", "x:/a%40b/a", 1, 1 },
		{ PATTERN_URI, "x://{tenant}/**", "acme", "x://ACME/a", 1, 1 },
		/* A host has no upper case, and two tenants may differ in nothing else. */
		{ PATTERN_URI, "x://{tenant}/**", "Acme", "x://acme/a", 0, 1 },
		{ PATTERN_URI, "x:/{tenant}/**", "Acme", "x:/acme/a", 0, 0 },
		/* Nor what the one form takes away, or for a port. */
		{ PATTERN_URI, "https://{tenant}/**", "acme.", "https://acme./a", 0, 1 },
		{ PATTERN_URI, "repo://{tenant}/**", "t[1", "repo://t[1/x", 0, 1 },
		{ PATTERN_URI, "x:/p?u=http://{tenant}/", "ACME", "x:/p?u=http:%2F%2FACME%2F", 1, 1 },
		{ PATTERN_URI, "x://h/#{tenant}", "a&b", "x://h/#a&b", 0, 1 },
		/* Nor what splits a query. */
		{ PATTERN_URI, "https://s/q?user={tenant}", "a@b", "https://s/q?user=a%40b", 1, 1 },
		{ PATTERN_URI, "https://s/q?user={tenant}", "a&b", "https://s/q?user=a&b", 0, 1 },
		{ PATTERN_URI, "https://s/q?user={tenant}", "a+b", "https://s/q?user=a+b", 0, 1 },
		{ PATTERN_URI, "https://s/q?user={tenant}", "a b", "https://s/q?user=a%20b", 0, 1 },
		{ PATTERN_URI, "https://s/{tenant}/q?x", "a+b", "https://s/a+b/q?x", 1, 1 },
		{ PATTERN_URI, "https://{tenant}/**", "acme:443", "https://acme/a", 0, 1 },
		{ PATTERN_URI, "file://{tenant}/**", "localhost", "file:///a", 0, 1 },
		{ PATTERN_URI, "x://{tenant}/**", "a@b", "x://a%40b/a", 0, 1 },
		{ PATTERN_URI, "https://{tenant}:443/**", "acme", "https://acme/a", 1, 1 },
		{ PATTERN_URI, "x:/{tenant}/**", "acme.", "x:/acme./a", 1, 1 },
		{ PATTERN_LIKE_URI, "https://h/{tenant}/*", "a b", "https://h/a%20b/c", 1, 1 },
		{ PATTERN_URI, "x:/{tenant}/**", NULL, "x:/acme/a", 0, 1 },
		{ PATTERN_URI, "x:/{tenant}/**", "", "x:/acme/a", 0, 1 },
		{ PATTERN_URI, "x:/{tenant}/**", "*", "x:/acme/a", 0, 1 },
		{ PATTERN_URI, "x:/{tenant}/**", "..", "x:/acme/a", 0, 1 },
		{ PATTERN_URI, "x:/{tenant}/**", ".", "x:/acme/a", 0, 1 },
		{ PATTERN_URI, "x:/{tenant}/**", "a/b", "x:/a/b/c", 0, 1 },
		{ PATTERN_URI, "x:/{tenant}/**", "a%2fb", "x:/a/b", 0, 1 },
		{ PATTERN_URI, "x:/{tenant}/**", "a?", "x:/a/b", 0, 1 },
		{ PATTERN_URI, "x:/{tenant}/**", "a#", "x:/a/b", 0, 1 },
		{ PATTERN_URI, "x:/{tenant}/**", "a\x05", "x:/a/b", 0, 1 },
		{ PATTERN_URI, "x:/{tenant}/**", "a\\b", "x:/a/b", 0, 1 },
		{ PATTERN_URI, "x:/{tenant}/**", "*", "y:/acme/a", 0, 0 },
		{ PATTERN_URI, "x:/{tenant}/*c", NULL, "x:/a/b/c", 0, 1 },
		{ PATTERN_NAME, "get_{tenant}", "acme", "get_acme", 1, 1 },
		{ PATTERN_NAME, "get_{tenant}_*", "acme", "get_acme_x", 1, 1 },
		{ PATTERN_NAME, "get_{tenant}", "{subject}", "get_{subject}", 1, 1 },
		{ PATTERN_NAME, "get_{tenant}", "{subject}", "get_x", 0, 0 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pattern_values values = nobody;
		pattern_value(&values, OP_TENANT, rows[i].tenant);
		pattern_value(&values, OP_SUBJECT, "x");
		if (matches(rows[i].kind, rows[i].pattern, rows[i].target, &values, 0) != rows[i].sure ||
		    matches(rows[i].kind, rows[i].pattern, rows[i].target, &values, 1) != rows[i].maybe)
			fail_msg("\"%s\" of \"%s\" and \"%s\"", rows[i].pattern, rows[i].tenant ? rows[i].tenant : "(none)", rows[i].target);
	}
}

/* Who asks whom a pattern is for has no values: each word is any one. */
static void any_one_value(void **state)
{
	(void)state;
	static const struct { enum pattern_kind kind; const char *pattern, *target; int matches; } rows[] = {
		{ PATTERN_URI, "x:/{tenant}/**", "x:/acme/a/b", 1 },
		{ PATTERN_URI, "x:/{tenant}/**", "x:/a b/c", 1 },
		{ PATTERN_URI, "x:/{tenant}/a", "x:/acme/b/a", 0 },
		{ PATTERN_URI, "x:/{tenant}/**", "y:/acme/a", 0 },
		{ PATTERN_URI, "x:/{tenant}-{subject}/*c", "x:/a-b/bc", 1 },
		{ PATTERN_URI, "x:/{tenant}-{subject}/*c", "x:/ab/bc", 0 },
		{ PATTERN_URI, "x://{tenant}/**", "x://ACME/a", 1 },
		{ PATTERN_NAME, "get_{email}", "get_a@b", 1 },
		{ PATTERN_NAME, "get_{email}", "put_a@b", 0 },
		{ PATTERN_VALUE, "/{tenant}/**", "/acme/x", 1 },
		{ PATTERN_VALUE, "/{tenant}/*", "/acme/x/y", 0 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (matches(rows[i].kind, rows[i].pattern, rows[i].target, NULL, 0) != rows[i].matches)
			fail_msg("\"%s\" and \"%s\"", rows[i].pattern, rows[i].target);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(uris_have_one_form),
		cmocka_unit_test(patterns_match_whole_texts),
		cmocka_unit_test(patterns_that_do_not_compile),
		cmocka_unit_test(values_are_literals),
		cmocka_unit_test(any_one_value),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
