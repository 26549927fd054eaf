#include "dealt.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *pick(const char *const *from, unsigned count)
{
	return from[dice(count)];
}
#define PICK(list) pick(list, sizeof(list) / sizeof *(list))

static const char *const tool_patterns[] = { "get_a", "get_b", "get_*", "*_a", "*", "g*_*", "put_*", "put_a", "odd a", "get_{tenant}", "{subject}_*", "*_{email}" };
static const char *const prompt_patterns[] = { "ask", "a*", "*", "ask {subject}" };
static const char *const uri_patterns[] = { "x:/a/*", "x:/a/**", "x:/**", "**", "x:/a/b", "x:/{tenant}/**", "x:/{subject}/*", "x://h/**/b", "x:/*/b", "x:/{email}/b*",
	"https://h/**", "https://H.:0443/a*", "https://*/a", "https://{tenant}/**", "http://h:8080/*", "file:/a/**", "file://localhost/*/b", "file:///{subject}/**", "file://h/**" };
static const char *const tools[] = { "get_a", "get_b", "put_a", "put_c", "odd a", "get_t1", "al_a", "zz", "get_a b", "get_*", "x_me" };
static const char *const prompts[] = { "ask", "ask al", "b" };
static const char *const uris[] = { "x:/a/b", "x:/a/b/c", "x:/a/%61", "x:/a/../t1/b", "x:/t1/z", "x:/al/b", "x://h/a/b", "x:/me/bc", "y:/a", "x://u@h/a/b", "x:/t2/../a/b", "x:/a/b?c",
	"x:/../a/b", "x://h/../a/b", "x:/a/../../t1/b", "x://h./a/b", "x:/a//../b",
	"https://h/a", "HTTPS://H:443/a", "https://h:/a", "https://h./ab", "https://h:00443/a", "https:/h/a", "https:h/a", "https:///h/a", "https://u@h/a", "https://h:4x/a",
	"https://h", "https://h.?a", "https://h:8443/a", "http://h:8080/x", "http://h:443/a", "http://h:80/a", "https://T1.:443/a/b", "https://t1../a", "https://h:70000/a",
	"file:/a/b", "file:///a/b", "file://LocalHost/a/b", "file://localhost./a/b/c", "file:a/b", "file:/al/z", "file://h/a/b", "file://h:1/a", "file://", "file:/../a/b",
	"x:/a/{b}", "x:{+a}", "X:/{+a}", "x:/t{a}/b", "x://h/a/{b}", "x:/al/{b}", "x:/me/b{c}", "x:/../{a}", "{+a}", "https://H:443/a{b}", "https://{h}/a", "https://u@h/{a}", "http://h:8080/{a}",
	"file:/a/{b}", "file:{+a}", "file://localhost/a/b{c}", "y:/a/{b}" };
static const char *const arguments[] = { NULL, "{}", "{\"p\":\"a\"}", "{\"p\":\"b\",\"n\":3}", "{\"n\":7,\"p\":1}", "{\"n\":\"7\"}", "{\"p\":\"al\",\"n\":null}", "{\"f\":true,\"p\":\"ab\"}", "{\"f\":false,\"n\":5}",
	"{\"u\":\"https://h/a\"}", "{\"u\":\"HTTPS://h/a\"}", "{\"u\":\"https://h:443/a\"}", "{\"u\":\"https://u@h/a\"}", "{\"u\":\"https://h\"}", "{\"u\":\"https://t1:0443/a\"}",
	"{\"u\":\"https:/h/a\"}", "{\"u\":\"file:/a/b\"}", "{\"u\":\"file:///a/b\"}", "{\"u\":\"https://h.\"}", "{\"u\":\"h/a\"}" };
static const char *const argument_tests[] = { "{ at = \"/p\"; equals = \"a\"; }", "{ at = \"/p\"; like = \"a*\"; }", "{ at = \"/p\"; like = \"{subject}\"; }",
	"{ at = \"/p\"; like = \"{email}*\"; }", "{ at = \"/n\"; in = [3, 5]; }", "{ at = \"/p\"; in = [\"a\", \"b\"]; }", "{ at = \"/n\"; less = 5; }", "{ at = \"/n\"; greater = 2; less = 6; }",
	"{ at = \"/n\"; absent = true; }", "{ at = \"/f\"; equals = true; }", "{ at = \"/n\"; equals = 7; }",
	"{ at = \"/u\"; like = \"https://h/**\"; }", "{ at = \"/u\"; like = \"https://H:443/a\"; }", "{ at = \"/u\"; like = \"https://{tenant}/*\"; }", "{ at = \"/u\"; like = \"*://h/**\"; }",
	"{ at = \"/u\"; like = \"file:/a/*\"; }", "{ at = \"/u\"; like = \"**\"; }" };
static const char *const logins[] = { "acr = \"high\";", "amr = [\"mfa\", \"hwk\"];", "max_age = \"10m\";", "time = ( { days = \"mon\"; until = \"13:00\"; } );", "not_after = \"2026-10-12T12:30:00Z\";" };
static const char *const scopes[] = { "r", "s", "w" };
static const char *const groups[] = { "a", "b", "c" };
static const char *const froms[] = { "claims", "staff", "hr" };
static const char *const tenants[] = { "t1", "t2" };
static const char *const subjects[] = { "al", "bo", "*", "..", "a/b" };
static const char *const clients[] = { "c1", "c2" };

struct text {
	char *at;
	size_t left;
};

static void say(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct text *text, const char *format, ...)
{
	va_list values;
	va_start(values, format);
	int n = vsnprintf(text->at, text->left, format, values);
	va_end(values);
	if (n < 0 || (size_t)n >= text->left)
		abort();
	text->at += n;
	text->left -= (size_t)n;
}

static void say_list(struct text *text, const char *key, const char *const *from, unsigned count)
{
	say(text, " %s = [", key);
	for (unsigned i = 0, n = 1 + dice(2); i < n; i++)
		say(text, i ? ", \"%s\"" : "\"%s\"", pick(from, count));
	say(text, "%s", "];");
}
#define SAY_LIST(text, key, list) say_list(text, key, list, sizeof(list) / sizeof *(list))

static void say_rule(struct text *text, int deny)
{
	static const char *const providers[] = { "okta", "azure", "*" };
	say(text, "%s", "{");
	if (!deny || !dice(3))
		say(text, " provider = \"%s\";", PICK(providers));
	if (!dice(4))
		SAY_LIST(text, "tenant", tenants);
	if (!dice(2)) {
		SAY_LIST(text, "group", groups);
		if (!dice(4))
			SAY_LIST(text, "role", groups);
		SAY_LIST(text, "from", froms);
	}
	if (!dice(8))
		SAY_LIST(text, "subject", subjects);
	if (!dice(8))
		SAY_LIST(text, "client", clients);
	if (!deny || !dice(3))
		SAY_LIST(text, "scopes", scopes);
	if (dice(3) == 0 || deny)
		SAY_LIST(text, "tools", tool_patterns);
	if (!dice(6))
		SAY_LIST(text, "prompts", prompt_patterns);
	if (!dice(4))
		SAY_LIST(text, "uris", uri_patterns);
	if (!dice(6))
		say(text, "%s", " mode = \"shadow\";");
	if (!dice(2)) {
		say(text, "%s", " when = {");
		unsigned which = dice(3);
		if (which != 1) {
			say(text, " args = ( %s", PICK(argument_tests));
			if (!dice(2))
				say(text, ", %s", PICK(argument_tests));
			say(text, "%s", " );");
		}
		if (which)
			say(text, " %s", PICK(logins));
		say(text, "%s", " };");
	}
	say(text, "%s", " }");
}

void deal_policy(char *out, size_t room)
{
	struct text text = { out, room };
	say(&text, "%s", "scopes = (");
	for (size_t i = 0; i < 3; i++) {
		say(&text, i ? ", { name = \"%s\"; access = \"read\";" : " { name = \"%s\"; access = \"read\";", scopes[i]);
		SAY_LIST(&text, "tools", tool_patterns);
		if (dice(2))
			SAY_LIST(&text, "prompts", prompt_patterns);
		if (dice(2))
			SAY_LIST(&text, "uris", uri_patterns);
		/* Of those after it, so that it never comes back to itself. */
		if (i < 2 && !dice(3))
			say(&text, " includes = \"%s\";", scopes[i + 1 + dice((unsigned)(2 - i))]);
		say(&text, "%s", " }");
	}
	say(&text, "%s", " );\ngrants = ( ");
	for (unsigned i = 0, n = 1 + dice(6); i < n; i++) {
		say(&text, "%s", i ? ",\n" : "");
		say_rule(&text, 0);
	}
	say(&text, "%s", " );\ndenies = ( ");
	for (unsigned i = 0, n = dice(4); i < n; i++) {
		say(&text, "%s", i ? ",\n" : "");
		say_rule(&text, 1);
	}
	say(&text, "%s", " );\n");
}

void deal_who(char *out, size_t room)
{
	static const char *const sources[] = { "claims", "staff", "hr", "claims@t1", "claims@t2" };
	static const char *const starts[] = { "okta/-/", "azure/t1/", "azure/t2/", "okta/t1/", "azure/-/", "azure/../", "okta/*/" };
	struct text text = { out, room };
	say(&text, "%s", PICK(starts));
	say(&text, "%s", PICK(subjects));
	for (unsigned kind = 0; kind < 2; kind++) {
		say(&text, "%s", kind ? " roles=" : " groups=");
		for (unsigned i = 0, n = dice(4); i < n; i++) {
			say(&text, i ? ",%s" : "%s", PICK(groups));
			if (dice(2))
				say(&text, "@%s", PICK(sources));
		}
	}
	if (dice(2))
		say(&text, " client=%s", PICK(clients));
	if (dice(2))
		say(&text, " acr=%s", dice(2) ? "high" : "low");
	if (dice(2))
		say(&text, " amr=%s", dice(2) ? "hwk,mfa" : "mfa");
	if (dice(2))
		say(&text, " login=%s", dice(2) ? "100" : dice(2) ? "700" : "-100");
	if (dice(2))
		say(&text, " email=%s", dice(2) ? "me" : "a*");
	say(&text, "%s", " scopes=");
	for (unsigned i = 0, n = dice(4); i < n; i++)
		say(&text, i ? ",%s" : "%s", PICK(scopes));
	if (!dice(3))
		say(&text, dice(2) ? " registered=%s" : " registered=%s,elsewhere", dice(4) ? PICK(scopes) : "another");
}

const char *deal_target(char *out, size_t room)
{
	struct text text = { out, room };
	unsigned kind = dice(10);
	if (kind < 5)
		say(&text, "tool %s", PICK(tools));
	else if (kind < 6)
		say(&text, "prompt %s", PICK(prompts));
	else if (kind < 9)
		say(&text, "uri %s", PICK(uris));
	else
		say(&text, "%s", dice(3) ? "list" : "server");
	return out;
}

const char *deal_arguments(void)
{
	return PICK(arguments);
}
