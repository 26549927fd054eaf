/* A strict reader of JSON (RFC 8259, I-JSON): one pass, no recursion, nothing accepted that two readers could see differently. */
#ifndef JOSE_JSON_H
#define JOSE_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "failure.h"

enum json_type { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_node {
	enum json_type type;
	const char *name;    /* member name, NUL-terminated, unescaped; NULL outside of an object */
	const char *text;    /* string unescaped, number as it was written: NUL-terminated */
	uint32_t name_length;
	uint32_t length;     /* of text */
	uint32_t count;      /* of members or elements */
	uint32_t child;      /* index of the first one; 0: none */
	uint32_t next;       /* index of the next sibling; 0: none */
};

/* The nodes of one text: nodes[0] is the value itself. */
struct json {
	struct json_node *nodes;
	uint32_t count;
	char *strings;
	size_t strings_room;
};

struct json_limits {
	size_t bytes;
	uint32_t depth;  /* 16 for tokens */
	uint32_t nodes;  /* members and elements in all */
	uint32_t string; /* bytes in one string */
};

extern const struct json_limits json_limits_header;  /* 4 KiB */
extern const struct json_limits json_limits_payload; /* 12 KiB */
extern const struct json_limits json_limits_keys;    /* 256 KiB */
extern const struct json_limits json_limits_document; /* 64 KiB */
extern const struct json_limits json_limits_message;  /* MCP: 1 MiB, and 64 levels deep */

/*
 * EMA_OK, EMA_TOO_LARGE, EMA_BAD_JSON, EMA_DUPLICATE_MEMBER (at any depth, after unescaping) or EMA_OUT_OF_MEMORY; the text
 * of the failure names the byte and no input. Refuses a BOM, invalid UTF-8, unpaired surrogates, NUL in a string, and
 * anything but white space after the value. text need not live on.
 */
int json_parse(const char *text, size_t length, const struct json_limits *limits, struct json *out, struct failure *failure);
/* Wipes and frees. Fine on a zeroed one. */
void json_free(struct json *json);

/* Gives the nodes back, for who has taken what he wants out of them: the strings stay. */
void json_forget_nodes(struct json *json);

/* NULL where there is none. node may be NULL, and then these give NULL. */
const struct json_node *json_root(const struct json *json);
const struct json_node *json_member(const struct json *json, const struct json_node *node, const char *name);
const struct json_node *json_first(const struct json *json, const struct json_node *node);
const struct json_node *json_next(const struct json *json, const struct json_node *node);
/* As json_member(), of a name of length bytes; *resembled is set to 1 if there is a member that json_resembles() it. Of an object. */
const struct json_node *json_member_apart(const struct json *json, const struct json_node *object, const char *name, size_t length, int *resembled);
/* 1 if readers that do not tell letters of different case apart would take the member's name for this one, and it is another. */
int json_resembles(const struct json_node *member, const char *name, size_t length);
/* RFC 6901: "" is the root; "/a~1b/0". */
const struct json_node *json_at(const struct json *json, const char *pointer);

/* The string, or NULL if node is NULL or no string. */
const char *json_string(const struct json_node *node);
/* 1 and *out if node is an integer within 2^53; "1e3" and "1.0" are no integers. */
int json_integer(const struct json_node *node, int64_t *out);
/* 1 and *out if node is a NumericDate (RFC 7519 2): a finite number within 2^53, a fraction is cut off. */
int json_date(const struct json_node *node, int64_t *out);
int json_is(const struct json_node *node, enum json_type type);

#endif
