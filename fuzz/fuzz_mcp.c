/*
 * Any bytes as an MCP message of each revision, and as a list to be filtered; behind a NUL, lines of headers that come with it. Those
 * that copy the body agree with it in what is taken, read the slow way; and what they say by themselves is what the body says.
 */
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "message.h"
#include "tools.h"

#define HEADERS_MOST 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Where its header "Mcp-Param-Region" copies an argument. */
static const char fuzz_tools[] = "{\"tools\":[{\"name\":\"put_a\",\"sha256\":\"0000000000000000000000000000000000000000000000000000000000000000\","
                                 "\"accepted\":true,\"arguments\":[\"region\"],\"headers\":{\"Region\":\"/region\"}}]}";

static const struct conf_tools *known_tools(void)
{
	static struct conf_tools tools;
	static struct arena arena;
	if (!tools.count && tools_parse(fuzz_tools, strlen(fuzz_tools), &arena, &tools, NULL))
		abort();
	return &tools;
}

/* Is what the header says this? */
static int says(const char *header, const char *text)
{
	static const char begin[] = "=?base64?", end[] = "?=";
	const size_t length = strlen(header), around = strlen(begin) + strlen(end), size = strlen(text);
	if (length < around || strncmp(header, begin, strlen(begin)) != 0 || strcmp(header + length - strlen(end), end) != 0)
		return !strcmp(header, text);
	char *again = malloc(2 * size + 8);
	EVP_EncodeBlock((unsigned char *)again, (const unsigned char *)text, (int)size);
	const int same = strlen(again) == length - around && !memcmp(again, header + strlen(begin), strlen(again));
	free(again);
	return same;
}

/* The one header of that name; NULL: there is none. Two are refused, if they say something of the body. */
static const char *header_of(const struct mcp_header *headers, size_t count, const char *name)
{
	const char *value = NULL;
	for (size_t i = 0; i < count; i++)
		if (!strcasecmp(headers[i].name, name)) {
			if (value)
				abort();
			value = headers[i].value;
		}
	return value;
}

static void check_headers(const struct mcp_message *message, const struct mcp_header *headers, size_t count)
{
	const struct mcp_call *call = message->calls;
	const struct policy_target *target = call->targets;
	const char *method = header_of(headers, count, "Mcp-Method"), *name = header_of(headers, count, "Mcp-Name");
	const int named = !strcmp(call->method, "tools/call") || !strcmp(call->method, "prompts/get") || !strcmp(call->method, "resources/read");
	if (!method || strcmp(method, call->method) || (named && !name) || (name && target->name && call->target_count == 1 && !says(name, target->name)))
		abort();
	if (strcmp(call->method, "tools/call") || strcmp(target->name, "put_a"))
		return;
	const struct json_node *region = json_at(&message->json, "/params/arguments/region");
	const char *said = header_of(headers, count, "Mcp-Param-Region");
	if (!said != (!region || json_is(region, JSON_NULL)) || (said && json_is(region, JSON_STRING) && !says(said, json_string(region))))
		abort();
}

/* The body, and its headers without it. */
static void check_unseen(const struct mcp_message *seen, const struct mcp_header *headers, size_t count, const struct mcp_settings *settings)
{
	struct mcp_message message;
	struct mcp_error error;
	if (mcp_parse_headers(headers, count, settings, &message, &error)) {
		mcp_error_clear(&error);
		return;
	}
	const struct policy_target *a = message.calls->targets, *b = seen ? seen->calls->targets : a;
	if (message.count != 1 || message.calls->target_count != 1 ||
	    (seen && (seen->count != 1 || seen->calls->target_count != 1 || seen->revision != message.revision || strcmp(seen->calls->method, message.calls->method) != 0 ||
	              a->kind != b->kind || !a->name != !b->name || (a->name && strcmp(a->name, b->name) != 0))))
		abort();
	mcp_clear(&message);
}

/* Answers to the server are of older revisions, and have no method, but a result or an error. */
static int is_response(const struct mcp_message *message, size_t number)
{
	const struct json *json = &message->json;
	const struct json_node *node = json_root(json);
	for (node = message->batch ? json_first(json, node) : node; number--;)
		node = json_next(json, node);
	return message->revision != MCP_2026_07_28 && !json_member(json, node, "method") && (json_member(json, node, "id") || json_member(json, node, "error")) &&
	       !json_member(json, node, "result") != !json_member(json, node, "error");
}

static void fuzz_parse(const char *text, size_t size, unsigned revisions, const struct mcp_header *headers, size_t count)
{
	const struct mcp_settings settings = { .revisions = revisions, .http = headers != NULL, .tools = known_tools() };
	struct mcp_message message;
	struct mcp_error error;
	if (mcp_parse(text, size, headers, count, &settings, &message, &error)) {
		if (!error.code || !error.status || !error.rpc || !error.text[0] || message.calls)
			abort();
		mcp_error_clear(&error);
		if (headers)
			check_unseen(NULL, headers, count, &settings);
		return;
	}
	for (size_t i = 0; i < message.count; i++) {
		const struct mcp_call *call = &message.calls[i];
		const int response = call->method && !strcmp(call->method, MCP_RESPONSE);
		if (!call->target_count || !call->method || (!call->id && !response && strncmp(call->method, "notifications/", 14)))
			abort();
		if (response && (call->id || call->target_count != 1 || call->targets->kind != POLICY_SERVER || !is_response(&message, i)))
			abort();
		for (size_t t = 0; t < call->target_count; t++)
			if (call->targets[t].name && strlen(call->targets[t].name) != call->targets[t].length)
				abort();
	}
	if (headers && message.count == 1 && message.revision == MCP_2026_07_28) {
		check_headers(&message, headers, count);
		check_unseen(&message, headers, count, &settings);
	}
	mcp_clear(&message);
}

/* Lines of "Name: value"; text is changed. */
static size_t read_headers(char *text, struct mcp_header headers[HEADERS_MOST])
{
	size_t count = 0;
	for (char *line; count < HEADERS_MOST && (line = strsep(&text, "\n"));) {
		char *colon = strstr(line, ": ");
		if (!colon)
			continue;
		*colon = 0;
		headers[count++] = (struct mcp_header){ line, colon + 2 };
	}
	return count;
}

static int fuzz_keep(void *data, enum policy_kind kind, const char *name, size_t length, int is_template)
{
	(void)data;
	(void)is_template;
	return kind <= POLICY_URI && length && name[0] & 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mcp_header newest[] = { { "MCP-Protocol-Version", "2026-07-28" }, { "Mcp-Method", "tools/call" }, { "Mcp-Name", "=?base64?YQ==?=" } },
	                               older[] = { { "MCP-Protocol-Version", "2025-11-25" } };
	const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
	struct mcp_header headers[HEADERS_MOST];
	const size_t rest = nul ? size - (size_t)(nul - data) - 1 : 0;
	size -= nul ? rest + 1 : 0;
	/* The body is as long as it is: a sanitizer sees a read past its end. */
	char *text = malloc(size ? size : 1), *lines = calloc(1, rest + 1);
	if (!text || !lines)
		abort();
	if (size)
		memcpy(text, data, size);
	if (nul) {
		memcpy(lines, nul + 1, rest);
		const size_t count = read_headers(lines, headers);
		fuzz_parse(text, size, 0, headers, count);
		fuzz_parse(text, size, MCP_2026_07_28 | MCP_2025_06_18, headers, count);
	}
	fuzz_parse(text, size, 0, NULL, 0);
	fuzz_parse(text, size, MCP_2025_03_26, NULL, 0);
	fuzz_parse(text, size, 0, newest, 3);
	fuzz_parse(text, size, 0, older, 1);
	const struct mcp_keep keep = { fuzz_keep, NULL, 1000 };
	struct buffer once = BUFFER_INIT(1 << 22), twice = BUFFER_INIT(1 << 22);
	if (!mcp_filter(text, size, &keep, &once, NULL)) {
		/* What is left is strict JSON, and has nothing more to take away. */
		if (mcp_filter(once.data, once.length, &keep, &twice, NULL) || once.length != twice.length || memcmp(once.data, twice.data, once.length) != 0)
			abort();
	}
	buffer_free(&once);
	buffer_free(&twice);
	free(text);
	free(lines);
	return 0;
}
