#include "scan.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SCAN_FINDINGS_MOST 20
#define SCAN_KEYS_MOST 512 /* of groups that are open; more are left to libconfig, which does not say where the first one stands */

enum scan_token { SCAN_NONE, SCAN_NAME, SCAN_ASSIGN, SCAN_STRING, SCAN_NUMBER, SCAN_BOOL, SCAN_OPEN, SCAN_CLOSE, SCAN_COMMA, SCAN_SEMICOLON };

struct scan_key {
	size_t begin, length;
	int line, depth;
};

struct scan_state {
	char *text;
	size_t length, at;
	const char *file;
	int line;
	struct scan *scan;
	struct findings *findings;
	int count; /* findings of this file */
	enum scan_token last;
	size_t last_begin, last_length;
	int last_line;
	int depth;
	char open[SCAN_DEPTH_MOST + 1];
	int open_line[SCAN_DEPTH_MOST + 1];
	struct scan_key keys[SCAN_KEYS_MOST];
	size_t key_count;
};

#define scan_fail(s, line, ...) ((s)->count++ < SCAN_FINDINGS_MOST ? finding_add((s)->findings, "E-SYNTAX", (s)->file, line, __VA_ARGS__) : (void)0)

static int scan_name_first(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int scan_name_more(char c)
{
	return scan_name_first(c) || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static int scan_hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* How many bytes the UTF-8 sequence has (RFC 3629), 0 if it is none. */
static size_t scan_utf8(const unsigned char *text, size_t length)
{
	size_t n = text[0] < 0x80 ? 1 : text[0] >= 0xc2 && text[0] < 0xe0 ? 2 : (text[0] & 0xf0) == 0xe0 ? 3 : text[0] >= 0xf0 && text[0] < 0xf5 ? 4 : 0;
	if (n > length)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	if ((n == 3 && text[0] == 0xe0 && text[1] < 0xa0) || (n == 3 && text[0] == 0xed && text[1] >= 0xa0) ||
	    (n == 4 && text[0] == 0xf0 && text[1] < 0x90) || (n == 4 && text[0] == 0xf4 && text[1] >= 0x90))
		return 0;
	return n;
}

/* Bytes that no part of a file may have. */
static int scan_bytes(struct scan_state *s)
{
	int line = 1;
	for (size_t i = 0; i < s->length;) {
		unsigned char c = (unsigned char)s->text[i];
		size_t n = scan_utf8((const unsigned char *)s->text + i, s->length - i);
		if (!c) {
			scan_fail(s, line, "a NUL byte: this is no text file");
			return -1;
		}
		if (!n) {
			scan_fail(s, line, "byte 0x%02x is not UTF-8: save the file as UTF-8", c);
			return -1;
		}
		if ((c < 0x20 && c != '\n' && c != '\t' && c != '\r') || c == 0x7f) {
			scan_fail(s, line, "control character 0x%02x: take it away", c);
			return -1;
		}
		line += c == '\n';
		i += n;
	}
	return 0;
}

static int scan_in_group(const struct scan_state *s)
{
	return !s->depth || s->open[s->depth] == '{';
}

/* 1 if a value may stand here; else says why not. */
static int scan_value(struct scan_state *s, const char *what)
{
	switch (s->last) {
	case SCAN_ASSIGN:
		return 1;
	case SCAN_OPEN:
	case SCAN_COMMA:
		if (!scan_in_group(s))
			return 1;
		break;
	case SCAN_STRING:
	case SCAN_NUMBER:
	case SCAN_BOOL:
	case SCAN_CLOSE:
		if (!scan_in_group(s)) {
			scan_fail(s, s->line, "a comma is missing before %s", what);
			return 0;
		}
		break;
	default:
		break;
	}
	if (s->last == SCAN_NAME)
		scan_fail(s, s->line, "\"=\" is missing between \"%.*s\" and %s", (int)(s->last_length > 64 ? 64 : s->last_length),
			  s->text + s->last_begin, what);
	else
		scan_fail(s, s->line, "%s stands where a key is expected: write key = value; (keys are not quoted)", what);
	return 0;
}

static int scan_string(struct scan_state *s)
{
	int good = 1;
	size_t i = s->at + 1;
	for (; i < s->length && s->text[i] != '"'; i++) {
		char c = s->text[i];
		if (c == '\n') {
			scan_fail(s, s->line, "the string that begins here has no closing quote in its line");
			return -1;
		}
		if (c != '\\')
			continue;
		c = i + 1 < s->length ? s->text[++i] : 0;
		if (c == 'x' || c == 'X') {
			int high = i + 2 < s->length ? scan_hex(s->text[i + 1]) : -1, low = high < 0 ? -1 : scan_hex(s->text[i + 2]);
			int value = high < 0 || low < 0 ? -1 : high * 16 + low;
			if (value < 0x20 || value > 0x7e) {
				scan_fail(s, s->line, "\\x in a string may stand for a printable ASCII character alone, \\x20 to \\x7e; write "
						      "other characters as they are, in UTF-8");
				good = 0;
			}
		} else if (!c || !strchr("\\\"ntrf", c)) {
			scan_fail(s, s->line, "an unknown escape in a string: write \\\\ for a backslash");
			good = 0;
			if (c == '\n')
				i--;
		}
	}
	if (i >= s->length) {
		scan_fail(s, s->line, "the string that begins here has no closing quote");
		return -1;
	}
	if (s->last == SCAN_STRING)
		scan_fail(s, s->line, "two strings in a row: a comma (or a semicolon) is missing between them");
	else if (good)
		scan_value(s, "a string");
	s->at = i + 1;
	s->last = SCAN_STRING;
	return 0;
}

/* libconfig wraps what does not fit and knows no octal: what it would read otherwise than a person is refused. */
static void scan_number(struct scan_state *s)
{
	const char *t = s->text;
	size_t begin = s->at, i = begin, digits;
	int hex = 0, real = 0, wide = 0, fits = 1;
	unsigned long long value = 0;
	if (t[i] == '-' || t[i] == '+')
		i++;
	if (i + 1 < s->length && t[i] == '0' && (t[i + 1] == 'x' || t[i + 1] == 'X')) {
		hex = 1;
		i += 2;
	}
	for (digits = i; i < s->length && (hex ? scan_hex(t[i]) : t[i] >= '0' && t[i] <= '9' ? t[i] - '0' : -1) >= 0; i++) {
		unsigned base = hex ? 16 : 10, digit = (unsigned)scan_hex(t[i]);
		if (value > (0x7fffffffffffffffull - digit) / base)
			fits = 0;
		else
			value = value * base + digit;
	}
	digits = i - digits;
	int octal = !hex && digits > 1 && t[i - digits] == '0';
	if (!hex && i < s->length && (t[i] == '.' || t[i] == 'e' || t[i] == 'E')) {
		real = 1;
		while (i < s->length && ((t[i] >= '0' && t[i] <= '9') || strchr(".eE+-", t[i])))
			i++;
	}
	for (; i < s->length && t[i] == 'L' && wide < 2; i++)
		wide++;
	int shown = (int)(i - begin > 40 ? 40 : i - begin);
	if ((!digits && !real) || (hex && begin + 2 + digits + (size_t)wide != i)) {
		scan_fail(s, s->line, "\"%.*s\" is not a number", shown, t + begin);
	} else if (i < s->length && scan_name_more(t[i])) {
		while (i < s->length && scan_name_more(t[i]))
			i++;
		shown = (int)(i - begin > 40 ? 40 : i - begin);
		scan_fail(s, s->line, "\"%.*s\" is not a number: a duration, size or name stands in quotes, \"%.*s\"", shown, t + begin, shown,
			  t + begin);
	} else if (octal && !real) {
		scan_fail(s, s->line, "the number %.*s begins with 0: write it without, there are no octal numbers", shown, t + begin);
	} else if (!real && (!fits || (!wide && value > 0x7fffffffull))) {
		scan_fail(s, s->line, "the number %.*s is too large: at most %s (sizes and durations are strings with a unit)", shown,
			  t + begin, wide ? "9223372036854775807L" : "2147483647, or with L behind it 9223372036854775807L");
	} else {
		scan_value(s, "a number");
	}
	s->at = i;
	s->last = SCAN_NUMBER;
}

static int scan_same(const struct scan_state *s, size_t begin, size_t length, const char *word)
{
	return strlen(word) == length && !strncasecmp(s->text + begin, word, length);
}

static void scan_key(struct scan_state *s, const struct scan_key *key)
{
	for (size_t i = s->key_count; i-- && s->keys[i].depth == key->depth;)
		if (s->keys[i].length == key->length && !memcmp(s->text + s->keys[i].begin, s->text + key->begin, key->length)) {
			scan_fail(s, key->line, "\"%.*s\" stands in this group already, in line %d", (int)(key->length > 64 ? 64 : key->length), s->text + key->begin,
				  s->keys[i].line);
			return;
		}
	if (s->key_count < SCAN_KEYS_MOST)
		s->keys[s->key_count++] = *key;
}

/* -1: what follows would be misread. */
static int scan_name(struct scan_state *s)
{
	size_t begin = s->at, i = begin;
	while (i < s->length && scan_name_more(s->text[i]))
		i++;
	size_t length = i - begin;
	int shown = (int)(length > 64 ? 64 : length);
	const char *word = s->text + begin;
	int value_place = s->last == SCAN_ASSIGN || (!scan_in_group(s) && (s->last == SCAN_OPEN || s->last == SCAN_COMMA));
	s->at = i;
	if (scan_same(s, begin, length, "true") || scan_same(s, begin, length, "false")) {
		scan_value(s, "true or false");
		s->last = SCAN_BOOL;
		return 0;
	}
	while (i < s->length && (s->text[i] == ' ' || s->text[i] == '\t'))
		i++;
	/* In a list, a name with "=" behind it is a key without its group. */
	if (value_place && (s->last == SCAN_ASSIGN || i >= s->length || s->text[i] != '=')) {
		if (scan_same(s, begin, length, "yes") || scan_same(s, begin, length, "on"))
			scan_fail(s, s->line, "\"%.*s\" is no value: write true", shown, word);
		else if (scan_same(s, begin, length, "no") || scan_same(s, begin, length, "off"))
			scan_fail(s, s->line, "\"%.*s\" is no value: write false", shown, word);
		else
			scan_fail(s, s->line, "the value %.*s stands without quotes: write \"%.*s\"", shown, word, shown, word);
		s->last = SCAN_STRING;
		return 0;
	}
	if (!scan_in_group(s)) {
		scan_fail(s, s->line, "\"%.*s\" is a key inside of the %s that begins in line %d: close that before it, or write { %.*s = ...; }", shown, word,
			  s->open[s->depth] == '(' ? "list ( )" : "array [ ]", s->open_line[s->depth], shown, word);
		return -1;
	}
	if (s->last == SCAN_NAME)
		scan_fail(s, s->line, "\"=\" is missing after \"%.*s\"", (int)(s->last_length > 64 ? 64 : s->last_length),
			  s->text + s->last_begin);
	scan_key(s, &(struct scan_key){ begin, length, s->line, s->depth });
	s->last = SCAN_NAME;
	s->last_begin = begin;
	s->last_length = length;
	s->last_line = s->line;
	return 0;
}

static int scan_open(struct scan_state *s, char c)
{
	if (c == '{' && s->depth && s->open[s->depth] == '[')
		scan_fail(s, s->line, "groups { } stand in a list ( ), not in an array [ ]");
	else
		scan_value(s, c == '{' ? "a group" : c == '(' ? "a list" : "an array");
	if (s->depth == SCAN_DEPTH_MOST) {
		scan_fail(s, s->line, "nested deeper than %d", SCAN_DEPTH_MOST);
		return -1;
	}
	s->depth++;
	s->open[s->depth] = c;
	s->open_line[s->depth] = s->line;
	s->last = SCAN_OPEN;
	s->at++;
	return 0;
}

static int scan_close(struct scan_state *s, char c)
{
	char wanted = !s->depth ? 0 : s->open[s->depth] == '{' ? '}' : s->open[s->depth] == '(' ? ')' : ']';
	if (c != wanted) {
		if (s->depth)
			scan_fail(s, s->line, "\"%c\" closes nothing: the \"%c\" of line %d wants \"%c\" first", c, s->open[s->depth],
				  s->open_line[s->depth], wanted);
		else
			scan_fail(s, s->line, "\"%c\" closes nothing: nothing is open here", c);
		return -1;
	}
	if (s->last == SCAN_NAME || s->last == SCAN_ASSIGN)
		scan_fail(s, s->line, "a value is missing before \"%c\"", c);
	if (s->last == SCAN_COMMA && c != '}')
		scan_fail(s, s->line, "the comma before \"%c\" is one too many: take it away", c);
	while (s->key_count && s->keys[s->key_count - 1].depth == s->depth)
		s->key_count--;
	s->depth--;
	s->last = SCAN_CLOSE;
	s->at++;
	return 0;
}

static int scan_include(struct scan_state *s)
{
	static const char word[] = "@include";
	size_t begin = s->at, i = begin + sizeof word - 1;
	if (i > s->length || memcmp(s->text + begin, word, sizeof word - 1)) {
		scan_fail(s, s->line, "\"@\" begins nothing but @include \"FILE\"; a stack is named in quotes, \"@name\"");
		return -1;
	}
	if (s->depth || s->last == SCAN_NAME || s->last == SCAN_ASSIGN) {
		scan_fail(s, s->line, "@include stands at the top level alone, not inside of a list or group%s",
			  s->depth ? ": for rules that several services share, make a stack and name it with stack = \"NAME\"" : "");
		return -1;
	}
	while (i < s->length && (s->text[i] == ' ' || s->text[i] == '\t'))
		i++;
	size_t from = i + 1, to = from;
	if (i >= s->length || s->text[i] != '"') {
		scan_fail(s, s->line, "@include wants a file name in quotes: @include \"FILE\"");
		return -1;
	}
	while (to < s->length && s->text[to] != '"' && s->text[to] != '\n' && s->text[to] != '\\')
		to++;
	if (to >= s->length || s->text[to] != '"' || to == from || to - from > 4000) {
		scan_fail(s, s->line, "@include wants a file name in quotes, without a backslash: @include \"FILE\"");
		return -1;
	}
	if (s->scan->count == SCAN_INCLUDES_MOST) {
		scan_fail(s, s->line, "more than %d @include in a file", SCAN_INCLUDES_MOST);
		return -1;
	}
	struct scan_include *list = realloc(s->scan->includes, (s->scan->count + 1) * sizeof *list);
	char *path = strndup(s->text + from, to - from);
	if (list)
		s->scan->includes = list;
	if (!list || !path) {
		free(path);
		s->findings->out_of_memory = 1;
		scan_fail(s, s->line, "no memory");
		return -1;
	}
	list[s->scan->count++] = (struct scan_include){ path, s->line };
	memset(s->text + begin, ' ', to + 1 - begin);
	s->at = to + 1;
	/* What ends it, if anything does, would be a setting without a name to libconfig. */
	for (i = s->at; i < s->length && (s->text[i] == ' ' || s->text[i] == '\t'); i++)
		;
	if (i < s->length && s->text[i] == ';')
		s->text[i] = ' ';
	s->last = SCAN_NONE;
	return 0;
}

/* 1: a comment was passed; 0: there is none; -1: it has no end. */
static int scan_comment(struct scan_state *s)
{
	const char *t = s->text + s->at;
	size_t left = s->length - s->at;
	if (*t == '#' || (left > 1 && t[0] == '/' && t[1] == '/')) {
		while (s->at < s->length && s->text[s->at] != '\n')
			s->at++;
		return 1;
	}
	if (left < 2 || t[0] != '/' || t[1] != '*')
		return 0;
	int begin = s->line;
	for (s->at += 2; s->at + 1 < s->length; s->at++) {
		if (s->text[s->at] == '*' && s->text[s->at + 1] == '/') {
			s->at += 2;
			return 1;
		}
		s->line += s->text[s->at] == '\n';
	}
	scan_fail(s, begin, "the comment that begins here has no end \"*/\"");
	return -1;
}

static int scan_token(struct scan_state *s)
{
	char c = s->text[s->at];
	int comment = scan_comment(s);
	if (comment)
		return comment < 0 ? -1 : 0;
	switch (c) {
	case '\n':
		s->line++;
		s->at++;
		return 0;
	case ' ': case '\t': case '\r':
		s->at++;
		return 0;
	case '"':
		return scan_string(s);
	case '{': case '(': case '[':
		return scan_open(s, c);
	case '}': case ')': case ']':
		return scan_close(s, c);
	case '=': case ':':
		if (s->last != SCAN_NAME)
			scan_fail(s, s->line, "\"%c\" without a key before it (keys are not quoted: letters, digits, _ and -)", c);
		s->last = SCAN_ASSIGN;
		s->at++;
		return 0;
	case ',': case ';':
		if (s->last == SCAN_NAME || s->last == SCAN_ASSIGN)
			scan_fail(s, s->line, "a value is missing before \"%c\"", c);
		else if (s->last == SCAN_NONE || s->last == SCAN_OPEN || s->last == SCAN_COMMA || s->last == SCAN_SEMICOLON)
			scan_fail(s, s->line, "\"%c\" is one too many: take it away", c);
		else if (!scan_in_group(s) && c == ';')
			scan_fail(s, s->line, "\";\" inside of the %s that begins in line %d: its entries are separated by commas", s->open[s->depth] == '(' ? "list ( )" : "array [ ]",
				  s->open_line[s->depth]);
		s->last = c == ',' ? SCAN_COMMA : SCAN_SEMICOLON;
		s->at++;
		return 0;
	case '@':
		return scan_include(s);
	case '\'':
		scan_fail(s, s->line, "strings stand in double quotes, \"...\"");
		return -1;
	default:
		break;
	}
	if (scan_name_first(c))
		return scan_name(s);
	if ((c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.') {
		size_t before = s->at;
		scan_number(s);
		return s->at > before ? 0 : -1;
	}
	if (c > ' ' && c < 0x7f)
		scan_fail(s, s->line, "\"%c\" means nothing here; strings stand in double quotes", c);
	else
		scan_fail(s, s->line, "a character that is not ASCII stands outside of quotes");
	return -1;
}

int scan_text(char *text, size_t length, const char *file, struct scan *scan, struct findings *findings)
{
	struct scan_state s = { .text = text, .length = length, .file = file, .line = 1, .scan = scan, .findings = findings };
	*scan = (struct scan){ NULL, 0 };
	if (scan_bytes(&s))
		return -1;
	/* A byte order mark of an editor. */
	if (length >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		memset(text, ' ', 3);
	while (s.at < length)
		if (scan_token(&s))
			return -1;
	if (s.last == SCAN_NAME || s.last == SCAN_ASSIGN)
		scan_fail(&s, s.last_line ? s.last_line : s.line, "the file ends before the value of \"%.*s\"",
			  (int)(s.last_length > 64 ? 64 : s.last_length), text + s.last_begin);
	else if (s.depth)
		scan_fail(&s, s.open_line[s.depth], "the \"%c\" that stands here is never closed", s.open[s.depth]);
	return s.count ? -1 : 0;
}

void scan_free(struct scan *scan)
{
	for (size_t i = 0; i < scan->count; i++)
		free(scan->includes[i].path);
	free(scan->includes);
	*scan = (struct scan){ NULL, 0 };
}
