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

static void check_headers(const struct mcp_message *message, const struct mcp_header *headers, size_t count)
{
	const struct mcp_call *call = message->calls;
	const struct policy_target *target = call->targets;
	for (size_t i = 0; i < count; i++) {
		if (!strcasecmp(headers[i].name, "Mcp-Method") && strcmp(headers[i].value, call->method) != 0)
			abort();
		if (!strcasecmp(headers[i].name, "Mcp-Name") && target->name && call->target_count == 1 && !says(headers[i].value, target->name))
			abort();
		if (!strcasecmp(headers[i].name, "Mcp-Param-Region") && !strcmp(call->method, "tools/call") && !strcmp(target->name, "put_a")) {
			const struct json_node *region = json_at(&message->json, "/params/arguments/region");
			if (!region || (json_is(region, JSON_STRING) && !says(headers[i].value, json_string(region))))
				abort();
		}
	}
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
		if (!call->target_count || !call->method || (!call->id && strncmp(call->method, "notifications/", 14)))
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
	char *text = malloc(size + 1);
	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = 0;
	if (nul) {
		const size_t count = read_headers(text + (nul - data) + 1, headers);
		size = (size_t)(nul - data);
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
	return 0;
}
