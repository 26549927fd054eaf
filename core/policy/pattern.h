/* Patterns of names, URIs and argument values. They match all of a text or nothing. */
#ifndef POLICY_PATTERN_H
#define POLICY_PATTERN_H

#include <stddef.h>

#include "uri.h"

enum pattern_kind {
	PATTERN_NAME,  /* '*': any run of bytes */
	PATTERN_URI,   /* '*': any run within a segment; a whole segment '**': any run. Both sides in the form of uri_normal() */
	PATTERN_VALUE, /* as PATTERN_URI, of a string that is no URI */
	PATTERN_LIKE_URI /* both: of a value that was brought into that form */
};

struct pattern {
	enum pattern_kind kind;
	const char *text;    /* with OP_ bytes */
	size_t length;
	unsigned values;     /* bits of the values that it needs, 1 << OP_ */
	unsigned host, query; /* of these, those that stand in a host; in a query */
	int stars;
	size_t head, tail;   /* bytes before the first OP_ and behind the last one; head is all of it where there is none */
};

#define PATTERN_TEXT (URI_MOST + 1)

/* What is filled in for {tenant}, {subject} and {email}; index OP_. */
struct pattern_values {
	const char *text[OP_EMAIL + 1];
	size_t length[OP_EMAIL + 1];
	unsigned usable; /* 1 << OP_: there, and nothing in it that could mean more than itself */
	unsigned no_host; /* in a host, the one form of URIs has it otherwise, or as something else */
	unsigned no_query; /* in a query, it would split it */
	unsigned any;    /* of these, whose value may be any one */
};

/* Takes one value in; text may be NULL. Bounded by what a subject may be. */
void pattern_value(struct pattern_values *values, int op, const char *text);

/* NULL, or what is wrong. out->text is room, which has PATTERN_TEXT bytes. */
const char *pattern_compile(enum pattern_kind kind, const char *text, char *room, struct pattern *out);

/*
 * 1 if the text matches. A value that is not usable matches nothing; with maybe, for denies, it matches whatever stands there.
 * Without values each of them is any one value, as '*' is, as are those of values->any: for those who ask what a pattern is about,
 * whoever it is for.
 * The time is bounded by length of text times length of pattern.
 */
int pattern_match(const struct pattern *pattern, const char *text, size_t length, const struct pattern_values *values, int maybe);
/* Does it match some text that begins with this one? */
int pattern_reaches(const struct pattern *pattern, const char *text, size_t length, const struct pattern_values *values, int maybe);
/* Does it match every one? Never said in error, but 0 may be. */
int pattern_covers(const struct pattern *pattern, const char *text, size_t length, const struct pattern_values *values, int maybe);

#endif
