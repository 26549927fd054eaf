/* Any bytes as an MCP message of each revision, and as a list to be filtered. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_parse(const char *text, size_t size, unsigned revisions, const char *header)
{
	const struct mcp_header headers[] = { { "MCP-Protocol-Version", header ? header : "" }, { "Mcp-Method", "tools/call" }, { "Mcp-Name", "=?base64?YQ==?=" } };
	const struct mcp_settings settings = { .revisions = revisions, .http = header != NULL };
	struct mcp_message message;
	struct mcp_error error;
	if (mcp_parse(text, size, headers, header ? 3 : 0, &settings, &message, &error)) {
		if (!error.code || !error.status || !error.rpc || !error.text[0] || message.calls)
			abort();
		mcp_error_clear(&error);
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
	mcp_clear(&message);
}

static int fuzz_keep(void *data, enum policy_kind kind, const char *name, size_t length, int is_template)
{
	(void)data;
	(void)is_template;
	return kind <= POLICY_URI && length && name[0] & 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	fuzz_parse(text, size, 0, NULL);
	fuzz_parse(text, size, MCP_2025_03_26, NULL);
	fuzz_parse(text, size, 0, "2026-07-28");
	fuzz_parse(text, size, 0, "2025-11-25");
	const struct mcp_keep keep = { fuzz_keep, NULL, 1000 };
	struct buffer once = BUFFER_INIT(1 << 22), twice = BUFFER_INIT(1 << 22);
	if (!mcp_filter(text, size, &keep, &once, NULL)) {
		/* What is left is strict JSON, and has nothing more to take away. */
		if (mcp_filter(once.data, once.length, &keep, &twice, NULL) || once.length != twice.length || memcmp(once.data, twice.data, once.length) != 0)
			abort();
	}
	buffer_free(&once);
	buffer_free(&twice);
	return 0;
}
