#include "tools.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ema/codes.h"
#include "json.h"

static const struct json_limits tools_limits = { TOOLS_FILE_MOST, 8, 65536, 4096 };

static int order(const void *a, const void *b)
{
	const struct conf_tool *x = a, *y = b;
	return strcmp(x->name, y->name);
}

static int is_digest(const char *text)
{
	return text && strlen(text) == TOOL_DIGEST - 1 && strspn(text, "0123456789abcdef") == TOOL_DIGEST - 1;
}

/* true or false; -1: neither. */
static int truth(const struct json_node *node)
{
	return json_is(node, JSON_TRUE) ? 1 : json_is(node, JSON_FALSE) ? 0 : -1;
}

int tools_header_name(const char *name)
{
	size_t length = strlen(name);
	return length && length <= TOOL_HEADER_MOST &&
	       strspn(name, "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == length;
}

/* {"Region": "/region"}: names of headers, each with the argument that it copies. */
static int parse_headers(const struct json *json, const struct json_node *node, struct arena *arena, struct conf_tool *out, struct failure *failure)
{
	struct conf_tool_header *list;
	size_t count = 0;
	if (!node)
		return EMA_OK;
	if (!json_is(node, JSON_OBJECT) || node->count > TOOL_HEADERS_MOST)
		return failure_set(failure, EMA_CONFIG, "headers of the tool \"%.128s\" are no object of at most %d names", out->name, TOOL_HEADERS_MOST);
	list = arena_get(arena, (size_t)node->count + 1, sizeof *list);
	for (const struct json_node *at = list ? json_first(json, node) : NULL; at; at = json_next(json, at), count++) {
		const char *pointer = json_string(at);
		char whole[sizeof TOOL_ARGUMENTS + TOOL_POINTER_MOST];
		if (!tools_header_name(at->name) || !pointer || *pointer != '/' || strlen(pointer) > TOOL_POINTER_MOST)
			return failure_set(failure, EMA_CONFIG, "headers of the tool \"%.128s\" are not names of headers, each with the JSON pointer of an argument", out->name);
		snprintf(whole, sizeof whole, TOOL_ARGUMENTS "%s", pointer);
		list[count] = (struct conf_tool_header){ arena_copy(arena, at->name), arena_copy(arena, whole) };
	}
	out->headers = list;
	out->header_count = count;
	return list && !arena->failed ? EMA_OK : failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
}

/* ["repo", "path"] */
static int parse_arguments(const struct json *json, const struct json_node *node, struct arena *arena, struct conf_tool *out, struct failure *failure)
{
	const char **list;
	size_t count = 0;
	if (!node)
		return EMA_OK;
	if (!json_is(node, JSON_ARRAY) || node->count > TOOL_ARGUMENTS_MOST)
		return failure_set(failure, EMA_CONFIG, "arguments of the tool \"%.128s\" are no list of at most %d names", out->name, TOOL_ARGUMENTS_MOST);
	list = arena_get(arena, (size_t)node->count + 1, sizeof *list);
	for (const struct json_node *at = list ? json_first(json, node) : NULL; at; at = json_next(json, at)) {
		if (!json_string(at) || strlen(at->text) > TOOL_ARGUMENT_MOST)
			return failure_set(failure, EMA_CONFIG, "arguments of the tool \"%.128s\" are not names of at most %d bytes", out->name, TOOL_ARGUMENT_MOST);
		list[count++] = arena_copy(arena, at->text);
	}
	out->arguments_known = 1;
	out->arguments = (struct conf_strings){ list, count };
	return list && !arena->failed ? EMA_OK : failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
}

static int parse_tool(const struct json *json, const struct json_node *node, struct arena *arena, struct conf_tool *out, struct failure *failure)
{
	const char *name = json_string(json_member(json, node, "name")), *digest = json_string(json_member(json, node, "sha256"));
	const int accepted = truth(json_member(json, node, "accepted"));
	const struct json_node *member;
	if (!json_is(node, JSON_OBJECT) || !name || !*name || strlen(name) > TOOL_NAME_MOST || !is_digest(digest) || accepted < 0)
		return failure_set(failure, EMA_CONFIG, "each of tools is an object with name, sha256 and accepted");
	*out = (struct conf_tool){ arena_copy(arena, name), arena_copy(arena, digest), accepted, truth(json_member(json, node, "readOnlyHint")),
		                   truth(json_member(json, node, "destructiveHint")), NULL, 0, 0, { NULL, 0 } };
	for (member = json_first(json, node); member; member = json_next(json, member))
		if (strcmp(member->name, "name") && strcmp(member->name, "sha256") && strcmp(member->name, "accepted") && strcmp(member->name, "headers") &&
		    strcmp(member->name, "arguments") &&
		    ((strcmp(member->name, "readOnlyHint") && strcmp(member->name, "destructiveHint")) || truth(member) < 0))
			return failure_set(failure, EMA_CONFIG, "a tool has a member that is none of name, sha256, accepted, arguments, headers, readOnlyHint and destructiveHint, or of another type");
	if (!out->name || !out->digest)
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
	int code = parse_headers(json, json_member(json, node, "headers"), arena, out, failure);
	return code ? code : parse_arguments(json, json_member(json, node, "arguments"), arena, out, failure);
}

int tools_parse(const char *text, size_t length, struct arena *arena, struct conf_tools *out, struct failure *failure)
{
	struct json json = { .nodes = NULL };
	struct conf_tool *list = NULL;
	size_t count = 0;
	int code = json_parse(text, length, &tools_limits, &json, failure);
	if (code)
		return code;
	const struct json_node *root = json_root(&json), *tools = json_member(&json, root, "tools");
	if (!json_is(tools, JSON_ARRAY) || root->count != 1)
		code = failure_set(failure, EMA_CONFIG, "it is no object with tools alone, as `emactl tools import` writes it");
	else if (tools->count > TOOLS_MOST)
		code = failure_set(failure, EMA_TOO_LARGE, "it has more than %d tools", TOOLS_MOST);
	else if (!(list = arena_get(arena, (size_t)tools->count + 1, sizeof *list)))
		code = failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
	for (const struct json_node *at = code ? NULL : json_first(&json, tools); at && !code; at = json_next(&json, at))
		code = parse_tool(&json, at, arena, &list[count++], failure);
	json_free(&json);
	if (code)
		return code;
	qsort(list, count, sizeof *list, order);
	for (size_t i = 1; i < count; i++)
		if (!strcmp(list[i - 1].name, list[i].name))
			return failure_set(failure, EMA_CONFIG, "it has the tool \"%.128s\" twice", list[i].name);
	*out = (struct conf_tools){ list, count };
	return EMA_OK;
}

const struct conf_tool *tools_find(const struct conf_tools *tools, const char *name, size_t length)
{
	size_t low = 0, high = tools->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const char *at = tools->list[middle].name;
		size_t n = strlen(at);
		int order = memcmp(at, name, n < length ? n : length);
		if (!order && n == length)
			return &tools->list[middle];
		if (order < 0 || (!order && n < length))
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}
