#include "toolset.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "canonical.h"
#include "ema/codes.h"
#include "json.h"
#include "tools.h"

#define ANSWER_MOST (8u << 20)
#define DEFINITION_MOST (1u << 20)

static const struct json_limits answer_limits = { ANSWER_MOST, 64, 524288, 1048576 };

/* ---- The digest of a definition: over its canonical form, so that order and blanks do not count ---- */

static int by_name(const void *a, const void *b)
{
	const struct json_node *const *x = a, *const *y = b;
	return canonical_compare((*x)->name, (*x)->name_length, (*y)->name, (*y)->name_length);
}

static void put_value(struct buffer *out, const struct json *json, const struct json_node *node);

static void put_object(struct buffer *out, const struct json *json, const struct json_node *node)
{
	const struct json_node **members = calloc((size_t)node->count + 1, sizeof(const struct json_node *));
	size_t count = 0;
	if (!members) {
		out->failed = 1;
		return;
	}
	for (const struct json_node *at = json_first(json, node); at; at = json_next(json, at))
		members[count++] = at;
	qsort(members, count, sizeof *members, by_name);
	buffer_char(out, '{');
	for (size_t i = 0; i < count; i++) {
		if (i)
			buffer_char(out, ',');
		canonical_string(out, members[i]->name, members[i]->name_length);
		buffer_char(out, ':');
		put_value(out, json, members[i]);
	}
	buffer_char(out, '}');
	free(members);
}

/* The reader bounds the depth. A number stays as it was written: 1 and 1.0 are two. */
static void put_value(struct buffer *out, const struct json *json, const struct json_node *node)
{
	int first = 1;
	switch (node->type) {
	case JSON_NULL:
		buffer_text(out, "null");
		return;
	case JSON_FALSE:
	case JSON_TRUE:
		buffer_text(out, node->type == JSON_TRUE ? "true" : "false");
		return;
	case JSON_NUMBER:
		buffer_append(out, node->text, node->length);
		return;
	case JSON_STRING:
		canonical_string(out, node->text, node->length);
		return;
	case JSON_OBJECT:
		put_object(out, json, node);
		return;
	case JSON_ARRAY:
		break;
	}
	buffer_char(out, '[');
	for (const struct json_node *at = json_first(json, node); at; at = json_next(json, at)) {
		if (!first)
			buffer_char(out, ',');
		first = 0;
		put_value(out, json, at);
	}
	buffer_char(out, ']');
}

static int digest_of(const struct json *json, const struct json_node *tool, char out[TOOL_DIGEST])
{
	struct buffer text = BUFFER_INIT(DEFINITION_MOST);
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	put_value(&text, json, tool);
	int good = !text.failed && EVP_Digest(text.data, text.length, digest, &size, EVP_sha256(), NULL) && size * 2 == TOOL_DIGEST - 1;
	buffer_hex(out, digest, good ? size : 0);
	buffer_free(&text);
	return good ? 0 : -1;
}

/* ---- The answer ---- */

static int truth(const struct json *json, const struct json_node *tool, const char *name)
{
	const struct json_node *hint = json_member(json, json_member(json, tool, "annotations"), name);
	return json_is(hint, JSON_TRUE) ? 1 : json_is(hint, JSON_FALSE) ? 0 : -1;
}

/* The way to an argument, as a JSON pointer, and what its tool has of headers so far. */
struct headers {
	struct arena *arena;
	struct conf_tool_header list[TOOL_HEADERS_MOST];
	size_t count;
	const char *wrong;
};

/* RFC 6901 3 */
static void put_step(struct buffer *at, const char *name)
{
	buffer_char(at, '/');
	for (; *name; name++)
		buffer_text(at, *name == '~' ? "~0" : *name == '/' ? "~1" : (char[]){ *name, 0 });
}

static void take_header(struct headers *h, const struct json *json, const struct json_node *schema, const struct buffer *at)
{
	const char *name = json_string(json_member(json, schema, "x-mcp-header")), *type = json_string(json_member(json, schema, "type"));
	if (!name || !tools_header_name(name))
		h->wrong = "has an x-mcp-header that is no name of a header";
	else if (!type || (strcmp(type, "string") && strcmp(type, "integer") && strcmp(type, "boolean") && strcmp(type, "number")))
		h->wrong = "has an x-mcp-header at what is no string, number or boolean";
	else if (h->count == TOOL_HEADERS_MOST)
		h->wrong = "has too many x-mcp-header";
	for (size_t i = 0; !h->wrong && i < h->count; i++)
		if (!strcasecmp(h->list[i].name, name))
			h->wrong = "has an x-mcp-header twice";
	if (!h->wrong)
		h->list[h->count++] = (struct conf_tool_header){ arena_copy(h->arena, name), arena_copy(h->arena, at->data) };
}

/* What stands anywhere but behind properties alone is nowhere in the arguments for certain. The reader bounds the depth. */
static void find_headers(struct headers *h, const struct json *json, const struct json_node *schema, const struct buffer *above)
{
	const struct json_node *properties = json_member(json, schema, "properties");
	for (const struct json_node *at = json_is(properties, JSON_OBJECT) ? json_first(json, properties) : NULL; at && !h->wrong; at = json_next(json, at)) {
		struct buffer pointer = BUFFER_INIT(sizeof TOOL_ARGUMENTS + TOOL_POINTER_MOST);
		buffer_text(&pointer, above ? above->data : TOOL_ARGUMENTS);
		put_step(&pointer, at->name);
		if (json_member(json, at, "x-mcp-header")) {
			if (pointer.failed)
				h->wrong = "has an x-mcp-header too deep within";
			else
				take_header(h, json, at, &pointer);
		} else if (!pointer.failed) {
			find_headers(h, json, at, &pointer);
		}
		buffer_free(&pointer);
	}
}

/*
 * The names at the top, if the schema has no other way to say what may come. Most do not forbid that more comes, and mean that there is
 * no more.
 */
static void find_arguments(struct arena *arena, const struct json *json, const struct json_node *schema, struct conf_tool *out)
{
	static const char *const ways[] = { "$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "if", "patternProperties", "dependentSchemas", "unevaluatedProperties" };
	const struct json_node *properties = json_member(json, schema, "properties"), *more = json_member(json, schema, "additionalProperties");
	const char **list = NULL;
	size_t count = 0;
	if (!json_is(properties, JSON_OBJECT) || properties->count > TOOL_ARGUMENTS_MOST || json_is(more, JSON_OBJECT) || json_is(more, JSON_TRUE))
		return;
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
		if (json_member(json, schema, ways[i]))
			return;
	list = arena_get(arena, (size_t)properties->count + 1, sizeof *list);
	for (const struct json_node *at = list ? json_first(json, properties) : NULL; at; at = json_next(json, at)) {
		if (at->name_length > TOOL_ARGUMENT_MOST || strlen(at->name) != at->name_length)
			return;
		list[count++] = arena_copy(arena, at->name);
	}
	out->arguments_known = list != NULL;
	out->arguments = (struct conf_strings){ list, count };
}

static int by_tool(const void *a, const void *b)
{
	const struct conf_tool *x = a, *y = b;
	return strcmp(x->name, y->name);
}

static void say(struct buffer *report, const char *what, const char *name, const char *more);

static int read_answer(const char *text, size_t length, struct arena *arena, struct conf_tools *out, struct buffer *report, struct failure *failure)
{
	struct json json = { .nodes = NULL };
	struct conf_tool *list = NULL;
	size_t count = 0;
	int code = json_parse(text, length, &answer_limits, &json, failure);
	if (code)
		return code;
	const struct json_node *root = json_root(&json), *result = json_member(&json, root, "result");
	const struct json_node *tools = json_member(&json, result ? result : root, "tools"), *more = json_member(&json, result ? result : root, "nextCursor");
	if (!json_is(tools, JSON_ARRAY))
		code = failure_set(failure, EMA_BAD_REQUEST, "the answer has no list of tools: it should be what the server says to tools/list");
	else if (more)
		code = failure_set(failure, EMA_BAD_REQUEST, "the answer is one page of several (nextCursor): join them into one list of tools");
	else if (tools->count > TOOLS_MOST)
		code = failure_set(failure, EMA_TOO_LARGE, "the answer has more than %d tools", TOOLS_MOST);
	else if (!(list = arena_get(arena, (size_t)tools->count + 1, sizeof *list)))
		code = failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
	for (const struct json_node *at = code ? NULL : json_first(&json, tools); at && !code; at = json_next(&json, at)) {
		const char *name = json_string(json_member(&json, at, "name"));
		struct headers headers = { .arena = arena };
		char digest[TOOL_DIGEST];
		if (!name || !*name || strlen(name) > TOOL_NAME_MOST)
			code = failure_set(failure, EMA_BAD_REQUEST, "the answer has a tool without a name of 1 to %d characters", TOOL_NAME_MOST);
		else if (digest_of(&json, at, digest))
			code = failure_set(failure, EMA_TOO_LARGE, "the definition of \"%.128s\" is too large", name);
		if (code)
			break;
		find_headers(&headers, &json, json_member(&json, at, "inputSchema"), NULL);
		/* Clients leave such a tool out; what its headers copy is not known. */
		if (headers.wrong)
			say(report, "odd", name, headers.wrong);
		struct conf_tool_header *copied = arena_get(arena, headers.count + 1, sizeof *copied);
		for (size_t i = 0; copied && i < headers.count; i++)
			copied[i] = headers.list[i];
		list[count] = (struct conf_tool){ arena_copy(arena, name), arena_copy(arena, digest), 0, truth(&json, at, "readOnlyHint"),
			                          truth(&json, at, "destructiveHint"), copied, headers.wrong ? 0 : headers.count, 0, { NULL, 0 } };
		find_arguments(arena, &json, json_member(&json, at, "inputSchema"), &list[count++]);
	}
	json_free(&json);
	if (!code && arena->failed)
		code = failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
	if (code)
		return code;
	qsort(list, count, sizeof *list, by_tool);
	for (size_t i = 1; i < count; i++)
		if (!strcmp(list[i - 1].name, list[i].name))
			return failure_set(failure, EMA_BAD_REQUEST, "the answer has the tool \"%.128s\" twice", list[i].name);
	*out = (struct conf_tools){ list, count };
	return EMA_OK;
}

/* ---- The file ---- */

static int named(const char *const *names, const char *name)
{
	for (; names && *names; names++)
		if (!strcmp(*names, "*") || !strcmp(*names, name))
			return 1;
	return 0;
}

static int is_same(const char *a, const char *b)
{
	return !strcmp(a, b);
}

static void put_tool(struct buffer *out, const struct conf_tool *tool, int accepted, int last)
{
	buffer_text(out, "  { \"name\": ");
	buffer_json(out, tool->name, strlen(tool->name));
	buffer_printf(out, ", \"accepted\": %s", accepted ? "true" : "false");
	if (tool->read_only >= 0)
		buffer_printf(out, ", \"readOnlyHint\": %s", tool->read_only ? "true" : "false");
	if (tool->destructive >= 0)
		buffer_printf(out, ", \"destructiveHint\": %s", tool->destructive ? "true" : "false");
	for (size_t i = 0; i < tool->header_count; i++) {
		const char *at = tool->headers[i].at + strlen(TOOL_ARGUMENTS);
		buffer_text(out, i ? ", " : ", \"headers\": { ");
		buffer_json(out, tool->headers[i].name, strlen(tool->headers[i].name));
		buffer_text(out, ": ");
		buffer_json(out, at, strlen(at));
		buffer_text(out, i + 1 == tool->header_count ? " }" : "");
	}
	if (tool->arguments_known) {
		buffer_text(out, ", \"arguments\": [");
		for (size_t i = 0; i < tool->arguments.count; i++) {
			buffer_text(out, i ? ", " : "");
			buffer_json(out, tool->arguments.list[i], strlen(tool->arguments.list[i]));
		}
		buffer_char(out, ']');
	}
	buffer_printf(out, ", \"sha256\": \"%s\" }%s\n", tool->digest, last ? "" : ",");
}

/* A name of the server's in a line for a person. */
static void say(struct buffer *report, const char *what, const char *name, const char *more)
{
	buffer_printf(report, "%s: ", what);
	buffer_clean(report, name, strlen(name));
	buffer_printf(report, "%s%s\n", *more ? " " : "", more);
}

int toolset_import(const char *answer, size_t length, const char *old, size_t old_length, const char *const *accept, struct buffer *file,
                   struct buffer *report, struct failure *failure)
{
	struct arena arena = { .failed = 0 };
	struct conf_tools before = { NULL, 0 }, after = { NULL, 0 };
	size_t waiting = 0;
	int code = old ? tools_parse(old, old_length, &arena, &before, failure) : EMA_OK;
	if (!code && answer)
		code = read_answer(answer, length, &arena, &after, report, failure);
	else
		after = before;
	for (const char *const *name = accept; !code && name && *name; name++)
		if (strcmp(*name, "*") && !tools_find(&after, *name, strlen(*name)))
			code = failure_set(failure, EMA_ABSENT, "there is no tool \"%.128s\" to accept", *name);
	if (code)
		goto out;
	buffer_text(file, "{ \"tools\": [\n");
	for (size_t i = 0; i < after.count; i++) {
		const struct conf_tool *tool = &after.list[i], *was = tools_find(&before, tool->name, strlen(tool->name));
		const int same = was && is_same(was->digest, tool->digest), kept = same && was->accepted, now = named(accept, tool->name);
		if (!same)
			say(report, was ? "changed" : "new", tool->name, "");
		if (!kept)
			say(report, now ? "accepted" : "waits", tool->name, "");
		waiting += !kept && !now;
		put_tool(file, tool, kept || now, i + 1 == after.count);
	}
	for (size_t i = 0; i < before.count; i++)
		if (!tools_find(&after, before.list[i].name, strlen(before.list[i].name)))
			say(report, "gone", before.list[i].name, "");
	buffer_text(file, "] }\n");
	buffer_text(report, "");
	if (file->failed || report->failed)
		code = failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
	else if (waiting)
		code = EMA_DENIED;
out:
	arena_free(&arena);
	return code;
}
