/* MCP messages: what they ask for, and every way to be refused. */
#include "test.h"

#include <stdio.h>

#include "codes.h"
#include "message.h"

#define META "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\",\"io.modelcontextprotocol/clientCapabilities\":{}}"
#define NEW(method, rest) "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" method "\",\"params\":{" META rest "}}"
#define OLD(method, params) "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" method "\",\"params\":{" params "}}"

static const struct conf_tool_header copied[] = { { "Region", "/params/arguments/region" }, { "Count", "/params/arguments/count" },
	{ "Force", "/params/arguments/force" }, { "Deep", "/params/arguments/a~1b/deep" } };
static const struct conf_tool tool_list[] = { { "copy", NULL, 1, 0, 0, NULL, 0, 0, { NULL, 0 } }, { "move", NULL, 1, 0, 0, copied, 4, 0, { NULL, 0 } } };
static const struct conf_tools tool_set = { tool_list, 2 };
static const struct mcp_settings http = { .http = 1, .tools = &tool_set };

/* "Name: value\nName: value" */
static size_t headers_of(const char *text, char *room, size_t size, struct mcp_header *out)
{
	size_t count = 0;
	snprintf(room, size, "%s", text);
	for (char *line = room; line && *line; count++) {
		char *end = strchr(line, '\n'), *colon = strstr(line, ": ");
		assert_non_null(colon);
		*colon = 0;
		if (end)
			*end++ = 0;
		out[count] = (struct mcp_header){ line, colon + 2 };
		line = end;
	}
	return count;
}

static int parse(const char *body, const char *headers, const struct mcp_settings *settings, struct mcp_message *message, struct mcp_error *error)
{
	char room[2048];
	struct mcp_header list[16];
	size_t count = headers_of(headers, room, sizeof room, list);
	return mcp_parse(body, strlen(body), list, count, settings, message, error);
}

/* "tool:NAME{}?" for each target; {} where it has arguments, ? for a template. */
static void show(const struct mcp_call *call, char *out, size_t room)
{
	static const char *const kinds[] = { "tool", "prompt", "uri", "server", "list", "task" };
	size_t used = 0;
	out[0] = 0;
	for (size_t i = 0; i < call->target_count && used < room; i++) {
		const struct policy_target *target = &call->targets[i];
		used += (size_t)snprintf(out + used, room - used, "%s%s%s%.*s%s%s", i ? " " : "", kinds[target->kind], target->name ? ":" : "",
		                         (int)target->length, target->name ? target->name : "", target->arguments ? "{}" : "",
		                         target->is_template ? "?" : "");
	}
}

/* MCP-43, MCP-44, MCP-48, MCP-51, MCP-69, AZN-36, AZN-37, AZN-38 */
static void every_method_has_its_targets(void **state)
{
	(void)state;
	static const struct { const char *method, *headers, *body, *targets, *id; int revision; } rows[] = {
		{ "server/discover", "", NEW("server/discover", ""), "server", "1", MCP_2026_07_28 },
		{ "tools/list", "", NEW("tools/list", ",\"cursor\":\"x\""), "list", "1", MCP_2026_07_28 },
		{ "resources/list", "", NEW("resources/list", ""), "list", "1", MCP_2026_07_28 },
		{ "resources/templates/list", "", NEW("resources/templates/list", ""), "list", "1", MCP_2026_07_28 },
		{ "prompts/list", "", NEW("prompts/list", ""), "list", "1", MCP_2026_07_28 },
		{ "tools/call", "\nMcp-Name: get_x", NEW("tools/call", ",\"name\":\"get_x\",\"arguments\":{\"a\":1}"), "tool:get_x{}", "1", MCP_2026_07_28 },
		{ "tools/call", "\nmcp-name: =?base64?w6k=?=", NEW("tools/call", ",\"name\":\"\\u00e9\""), "tool:\xc3\xa9", "1", MCP_2026_07_28 },
		{ "tools/call", "\nMcp-Name: x", NEW("tools/call", ",\"name\":\"x\",\"requestState\":\"s\",\"inputResponses\":{}"), "tool:x", "1", MCP_2026_07_28 },
		{ "resources/read", "\nMcp-Name: x://a/b", NEW("resources/read", ",\"uri\":\"x://a/b\""), "uri:x://a/b", "1", MCP_2026_07_28 },
		{ "prompts/get", "\nMcp-Name: p", NEW("prompts/get", ",\"name\":\"p\",\"arguments\":{}"), "prompt:p{}", "1", MCP_2026_07_28 },
		{ "completion/complete", "", NEW("completion/complete", ",\"ref\":{\"type\":\"ref/prompt\",\"name\":\"p\"},\"argument\":{\"name\":\"a\",\"value\":\"b\"}"), "prompt:p", "1", MCP_2026_07_28 },
		{ "completion/complete", "", NEW("completion/complete", ",\"ref\":{\"type\":\"ref/resource\",\"uri\":\"x://{a}\"}"), "uri:x://{a}?", "1", MCP_2026_07_28 },
		{ "subscriptions/listen", "", NEW("subscriptions/listen", ",\"notifications\":{\"toolsListChanged\":true,\"resourceSubscriptions\":[\"x://a\",\"x://b\"]}"), "list uri:x://a uri:x://b", "1", MCP_2026_07_28 },
		{ "subscriptions/listen", "", NEW("subscriptions/listen", ",\"notifications\":{}"), "list", "1", MCP_2026_07_28 },
		{ "tasks/get", "", NEW("tasks/get", ",\"taskId\":\"t\""), "task:t", "1", MCP_2026_07_28 },
		{ "tasks/update", "\nMcp-Name: t", NEW("tasks/update", ",\"taskId\":\"t\""), "task:t", "1", MCP_2026_07_28 },
		{ "tasks/cancel", "", NEW("tasks/cancel", ",\"taskId\":\"t\""), "task:t", "1", MCP_2026_07_28 },
		{ "notifications/cancelled", "", "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":1}}", "server", NULL, MCP_2026_07_28 },
		{ "tools/list", "", "{\"jsonrpc\":\"2.0\",\"id\":\"a\\\"b\",\"method\":\"tools/list\",\"params\":{" META "}}", "list", "\"a\\\"b\"", MCP_2026_07_28 },
		/* The revision before has no _meta, and other methods. */
		{ NULL, "MCP-Protocol-Version: 2025-11-25", OLD("tools/call", "\"name\":\"get_x\",\"arguments\":{}"), "tool:get_x{}", "1", MCP_2025_11_25 },
		{ NULL, "", OLD("initialize", "\"protocolVersion\":\"2025-06-18\""), "server", "1", MCP_2025_11_25 },
		{ NULL, "MCP-Protocol-Version: 2025-11-25", "{\"jsonrpc\":\"2.0\",\"id\":-7,\"method\":\"ping\"}", "server", "-7", MCP_2025_11_25 },
		{ NULL, "MCP-Protocol-Version: 2025-11-25", OLD("logging/setLevel", "\"level\":\"debug\""), "server", "1", MCP_2025_11_25 },
		{ NULL, "MCP-Protocol-Version: 2025-11-25", OLD("resources/subscribe", "\"uri\":\"x://a\""), "uri:x://a", "1", MCP_2025_11_25 },
		{ NULL, "MCP-Protocol-Version: 2025-11-25", OLD("resources/unsubscribe", "\"uri\":\"x://a\""), "uri:x://a", "1", MCP_2025_11_25 },
		{ NULL, "MCP-Protocol-Version: 2025-11-25", OLD("tasks/result", "\"taskId\":\"t\""), "task:t", "1", MCP_2025_11_25 },
		{ NULL, "MCP-Protocol-Version: 2025-11-25", OLD("tasks/list", ""), "list", "1", MCP_2025_11_25 },
		{ NULL, "MCP-Protocol-Version: 2025-11-25", "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}", "server", NULL, MCP_2025_11_25 },
		{ NULL, "MCP-Protocol-Version: 2025-11-25\nMcp-Session-Id: s", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}", "list", "1", MCP_2025_11_25 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct mcp_message message;
		struct mcp_error error;
		char headers[512], targets[512];
		snprintf(headers, sizeof headers, "%s%s%s", rows[i].method ? "MCP-Protocol-Version: 2026-07-28\nMcp-Method: " : "", rows[i].method ? rows[i].method : "", rows[i].headers);
		if (parse(rows[i].body, headers, &http, &message, &error))
			fail_msg("%s: %s", rows[i].body, error.text);
		show(&message.calls[0], targets, sizeof targets);
		assert_string_equal(targets, rows[i].targets);
		assert_int_equal(message.revision, rows[i].revision);
		assert_int_equal(message.count, 1);
		assert_int_equal(!message.calls[0].id, !rows[i].id);
		if (rows[i].id)
			assert_string_equal(message.calls[0].id, rows[i].id);
		mcp_clear(&message);
	}
}

#define V "MCP-Protocol-Version: 2026-07-28\n"
#define V11 "MCP-Protocol-Version: 2025-11-25"

/* MCP-43, MCP-44, MCP-45, MCP-46, MCP-47, MCP-48, MCP-49, MCP-51, MCP-70, MCP-71 */
static void what_is_refused(void **state)
{
	(void)state;
	static const struct { const char *headers, *body; int status, rpc, code; } rows[] = {
		{ V11, "", 400, -32700, EMA_BAD_JSON },
		{ V11, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"} x", 400, -32700, EMA_BAD_JSON },
		{ V11, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"method\":\"tools/call\"}", 400, -32700, EMA_DUPLICATE_MEMBER },
		{ V11, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"a\",\"n\\u0061me\":\"b\"}}", 400, -32700, EMA_DUPLICATE_MEMBER },
		{ V11, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"x\":\"\xff\"}", 400, -32700, EMA_BAD_JSON },
		{ V11, "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}]", 400, -32600, EMA_BAD_MESSAGE },
		{ V11, "\"tools/list\"", 400, -32600, EMA_BAD_MESSAGE },
		{ V11, "{}", 400, -32600, EMA_BAD_MESSAGE },
		{ V11, "{\"id\":1,\"method\":\"tools/list\"}", 400, -32600, EMA_BAD_MESSAGE },
		{ V11, "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"tools/list\"}", 400, -32600, EMA_BAD_MESSAGE },
		{ V11, "{\"jsonrpc\":2.0,\"id\":1,\"method\":\"tools/list\"}", 400, -32600, EMA_BAD_MESSAGE },
		{ V11, "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"tools/list\"}", 400, -32600, EMA_BAD_MESSAGE },
		{ V11, "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"tools/list\"}", 400, -32600, EMA_BAD_MESSAGE },
		{ V11, "{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"tools/list\"}", 400, -32600, EMA_BAD_MESSAGE },
		{ V11, "{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"tools/list\"}", 400, -32600, EMA_BAD_MESSAGE },
		{ V11, "{\"jsonrpc\":\"2.0\",\"method\":\"tools/call\",\"params\":{\"name\":\"x\"}}", 400, -32600, EMA_BAD_MESSAGE },
		{ V11, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"notifications/initialized\"}", 400, -32600, EMA_BAD_MESSAGE },
		{ V11, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}", 400, -32600, EMA_BAD_MESSAGE },
		{ V11, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":[]}", 400, -32600, EMA_BAD_MESSAGE },
		{ V11, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"error\":{}}", 400, -32600, EMA_BAD_MESSAGE },
		{ V11, OLD("response", ""), 404, -32601, EMA_BAD_MESSAGE },
		/* No responses, of this revision or as they may not be. */
		{ V, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", 400, -32600, EMA_BAD_MESSAGE },
		{ V "Mcp-Method: response", NEW("response", ""), 404, -32601, EMA_BAD_MESSAGE },
		{ "", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", 400, -32602, EMA_BAD_MESSAGE },
		{ V11, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{},\"error\":{}}", 400, -32600, EMA_BAD_MESSAGE },
		{ V11, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":7}", 400, -32600, EMA_BAD_MESSAGE },
		{ V11, "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":null}", 400, -32600, EMA_BAD_MESSAGE },
		{ V11, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{},\"method\":null}", 400, -32600, EMA_BAD_MESSAGE },
		{ V11, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{},\"params\":{}}", 400, -32600, EMA_BAD_MESSAGE },
		{ V11, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{},\"Method\":\"tools/call\"}", 400, -32600, EMA_BAD_MESSAGE },
		{ V11, "{\"jsonrpc\":\"2.0\",\"result\":{}}", 400, -32600, EMA_BAD_MESSAGE },
		{ V11, "{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":{}}", 400, -32600, EMA_BAD_MESSAGE },
		{ V11, "{\"jsonrpc\":\"2.0\",\"id\":[],\"error\":{}}", 400, -32600, EMA_BAD_MESSAGE },
		{ V11, "{\"jsonrpc\":\"1.0\",\"id\":1,\"result\":{}}", 400, -32600, EMA_BAD_MESSAGE },
		{ V11 "\nMcp-Method: response", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", 400, -32020, EMA_BAD_MESSAGE },
		{ V11 "\nMcp-Name: x", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", 400, -32020, EMA_BAD_MESSAGE },
		/* Servers that do not tell case apart would do something else. */
		{ V11, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"METHOD\":\"tools/call\"}", 400, -32600, EMA_BAD_MESSAGE },
		{ V11, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"Params\":{\"name\":\"x\"}}", 400, -32600, EMA_BAD_MESSAGE },
		{ V11, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"param\305\277\":{\"name\":\"x\"}}", 400, -32600, EMA_BAD_MESSAGE },
		{ V11, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"par\\u0061m\\u017f\":{\"name\":\"x\"}}", 400, -32600, EMA_BAD_MESSAGE },
		{ V11, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"get_x\",\"Name\":\"delete_x\"}}", 400, -32600, EMA_BAD_MESSAGE },
		{ V11, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"x\",\"Arguments\":{\"a\":1}}}", 400, -32600, EMA_BAD_MESSAGE },
		{ V11, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"x\",\"reque\\u017ftState\":\"y\"}}", 400, -32600, EMA_BAD_MESSAGE },
		{ V11, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/read\",\"params\":{\"uri\":\"a:b\",\"ur\304\261\":\"a:c\"}}", 400, -32600, EMA_BAD_MESSAGE },
		{ V11, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"completion/complete\",\"params\":{\"ref\":{\"type\":\"ref/prompt\",\"name\":\"x\",\"NAME\":\"y\"}}}", 400, -32600,
		  EMA_BAD_MESSAGE },
		/* Targets. */
		{ V11, OLD("tools/call", ""), 400, -32602, EMA_BAD_MESSAGE },
		{ V11, OLD("tools/call", "\"name\":\"\""), 400, -32602, EMA_BAD_MESSAGE },
		{ V11, OLD("tools/call", "\"name\":[\"x\"]"), 400, -32602, EMA_BAD_MESSAGE },
		{ V11, OLD("tools/call", "\"name\":\"x\",\"arguments\":[]"), 400, -32602, EMA_BAD_MESSAGE },
		{ V11, OLD("tools/call", "\"name\":\"x\",\"arguments\":null"), 400, -32602, EMA_BAD_MESSAGE },
		{ V11, OLD("resources/read", "\"name\":\"x\""), 400, -32602, EMA_BAD_MESSAGE },
		{ V11, OLD("completion/complete", "\"ref\":{\"type\":\"ref/tool\",\"name\":\"x\"}"), 400, -32602, EMA_BAD_MESSAGE },
		{ V11, OLD("completion/complete", ""), 400, -32602, EMA_BAD_MESSAGE },
		{ V11, OLD("tasks/get", ""), 400, -32602, EMA_BAD_MESSAGE },
		{ V "Mcp-Method: subscriptions/listen", NEW("subscriptions/listen", ""), 400, -32602, EMA_BAD_MESSAGE },
		{ V "Mcp-Method: subscriptions/listen", NEW("subscriptions/listen", ",\"notifications\":{\"x\":true}"), 400, -32602, EMA_BAD_MESSAGE },
		{ V "Mcp-Method: subscriptions/listen", NEW("subscriptions/listen", ",\"notifications\":{\"toolsListChanged\":1}"), 400, -32602, EMA_BAD_MESSAGE },
		{ V "Mcp-Method: subscriptions/listen", NEW("subscriptions/listen", ",\"notifications\":{\"resourceSubscriptions\":[7]}"), 400, -32602, EMA_BAD_MESSAGE },
		{ V "Mcp-Method: subscriptions/listen", NEW("subscriptions/listen", ",\"notifications\":{},\"resourceSubscriptions\":[\"x://a\"]"), 400, -32602, EMA_BAD_MESSAGE },
		/* Methods. */
		{ V11, OLD("made/up", ""), 404, -32601, EMA_BAD_MESSAGE },
		{ V11, OLD("Tools/call", "\"name\":\"x\""), 404, -32601, EMA_BAD_MESSAGE },
		{ V11, OLD("server/discover", ""), 404, -32601, EMA_BAD_MESSAGE },
		{ V11, OLD("subscriptions/listen", "\"notifications\":{}"), 404, -32601, EMA_BAD_MESSAGE },
		{ V "Mcp-Method: ping", NEW("ping", ""), 404, -32601, EMA_BAD_MESSAGE },
		{ V "Mcp-Method: initialize", NEW("initialize", ""), 404, -32601, EMA_BAD_MESSAGE },
		{ V11, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/made/up\"}", 404, -32601, EMA_BAD_MESSAGE },
		/* _meta. */
		{ V "Mcp-Method: tools/list", OLD("tools/list", ""), 400, -32602, EMA_BAD_MESSAGE },
		{ V "Mcp-Method: tools/list", OLD("tools/list", "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"}"), 400, -32602, EMA_BAD_MESSAGE },
		{ V "Mcp-Method: tools/list", OLD("tools/list", "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":20260728}"), 400, -32602, EMA_BAD_MESSAGE },
		{ V "Mcp-Method: tools/list", OLD("tools/list", "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\",\"io.modelcontextprotocol/clientCapabilities\":[]}"), 400, -32602, EMA_BAD_MESSAGE },
		{ V "Mcp-Method: tools/list", OLD("tools/list", "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\",\"io.modelcontextprotocol/clientCapabilities\":true}"), 400, -32602, EMA_BAD_MESSAGE },
		{ V "Mcp-Method: tools/list", OLD("tools/list", "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\",\"io.modelcontextprotocol/clientCapabilities\":null}"), 400, -32602, EMA_BAD_MESSAGE },
		{ V "Mcp-Method: tools/list", OLD("tools/list", "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\",\"io.modelcontextprotocol/clientCapabilities\":\"{}\"}"), 400, -32602, EMA_BAD_MESSAGE },
		/* Headers. */
		{ "Mcp-Method: tools/list", NEW("tools/list", ""), 400, -32020, EMA_BAD_MESSAGE },
		{ V11, NEW("tools/list", ""), 400, -32020, EMA_BAD_MESSAGE },
		{ V, NEW("tools/list", ""), 400, -32020, EMA_BAD_MESSAGE },
		{ V "Mcp-Method: tools/list", NEW("tools/call", ",\"name\":\"x\""), 400, -32020, EMA_BAD_MESSAGE },
		{ V "Mcp-Method: tools/call", NEW("tools/call", ",\"name\":\"x\""), 400, -32020, EMA_BAD_MESSAGE },
		{ V "Mcp-Method: tools/call\nMcp-Name: y", NEW("tools/call", ",\"name\":\"x\""), 400, -32020, EMA_BAD_MESSAGE },
		{ V "Mcp-Method: tools/call\nMcp-Name: x\nMcp-Name: x", NEW("tools/call", ",\"name\":\"x\""), 400, -32020, EMA_BAD_MESSAGE },
		{ V "Mcp-Method: tools/call\nMcp-Name: \xc3\xa9", NEW("tools/call", ",\"name\":\"\\u00e9\""), 400, -32020, EMA_BAD_MESSAGE },
		{ V "Mcp-Method: tools/call\nMcp-Name: =?base64?w6l=?=", NEW("tools/call", ",\"name\":\"\\u00e9\""), 400, -32020, EMA_BAD_MESSAGE },
		{ V "Mcp-Method: tools/call\nMcp-Name: =?base64?w6k?=", NEW("tools/call", ",\"name\":\"\\u00e9\""), 400, -32020, EMA_BAD_MESSAGE },
		{ V "Mcp-Method: resources/read\nMcp-Name: x://b", NEW("resources/read", ",\"uri\":\"x://a\""), 400, -32020, EMA_BAD_MESSAGE },
		{ V "Mcp-Method: prompts/get", NEW("prompts/get", ",\"name\":\"x\""), 400, -32020, EMA_BAD_MESSAGE },
		{ V "Mcp-Method: tools/list\nMcp-Name: x", NEW("tools/list", ""), 400, -32020, EMA_BAD_MESSAGE },
		{ V "Mcp-Method: tasks/get\nMcp-Name: u", NEW("tasks/get", ",\"taskId\":\"t\""), 400, -32020, EMA_BAD_MESSAGE },
		{ V11 "\nMcp-Method: tools/list", OLD("tools/call", "\"name\":\"x\""), 400, -32020, EMA_BAD_MESSAGE },
		{ V11 "\nMcp-Name: y", OLD("tools/call", "\"name\":\"x\""), 400, -32020, EMA_BAD_MESSAGE },
		/* Revisions. */
		{ "MCP-Protocol-Version: 2025-06-18", OLD("tools/list", ""), 400, -32022, EMA_BAD_MESSAGE },
		{ "MCP-Protocol-Version: 2099-01-01", OLD("tools/list", ""), 400, -32022, EMA_BAD_MESSAGE },
		{ "", OLD("tools/list", ""), 400, -32602, EMA_BAD_MESSAGE },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct mcp_message message;
		struct mcp_error error;
		int code = parse(rows[i].body, rows[i].headers, &http, &message, &error);
		if (!code)
			fail_msg("%s; %s: taken", rows[i].headers, rows[i].body);
		if (code != rows[i].code || error.code != code || error.status != rows[i].status || error.rpc != rows[i].rpc || !error.text[0])
			fail_msg("%s; %s: %s %d %d %s", rows[i].headers, rows[i].body, code_name(code), error.status, error.rpc, error.text);
		assert_null(message.calls);
		mcp_error_clear(&error);
	}
	/* What goes back to the client. */
	struct mcp_message message;
	struct mcp_error error;
	parse(OLD("made/up", ""), V11, &http, &message, &error);
	assert_string_equal(error.id, "1");
	mcp_error_clear(&error);
	static const struct { const char *version, *requested; } versions[] = {
		{ "2025-06-18", "2025-06-18" }, { "DRAFT-2026-v1", "DRAFT-2026-v1" }, { "2026-07-28.1", "2026-07-28.1" }, { "<b>", "" }, { "2025-06-18\"", "" },
		{ "2025 06", "" }, { "0123456789012345678901234567890", "0123456789012345678901234567890" }, { "01234567890123456789012345678901", "" },
	};
	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++)
		for (int unseen = 0; unseen < 2; unseen++) {
			const struct mcp_header header = { "MCP-Protocol-Version", versions[i].version };
			const char *body = OLD("tools/list", "");
			if (unseen)
				mcp_parse_headers(&header, 1, &http, &message, &error);
			else
				mcp_parse(body, strlen(body), &header, 1, &http, &message, &error);
			assert_int_equal(error.rpc, MCP_RPC_VERSION);
			assert_string_equal(error.requested, versions[i].requested);
			assert_int_equal(error.supported, unseen ? MCP_2026_07_28 : MCP_REVISIONS_DEFAULT);
			mcp_error_clear(&error);
		}
}

/* MCP-47 */
static void arguments_in_headers(void **state)
{
	(void)state;
	static const struct { const char *headers, *arguments; int taken; } rows[] = {
		{ "", "{}", 1 },
		{ "\nMcp-Param-Region: eu", "{\"region\":\"eu\"}", 1 },
		{ "\nmcp-param-region: =?base64?ZXU=?=", "{\"region\":\"eu\"}", 1 },
		{ "\nMcp-Param-Region: us", "{\"region\":\"eu\"}", 0 },
		{ "\nMcp-Param-Region: =?base64?w6k=?=", "{\"region\":\"\xc3\xa9\"}", 1 },
		{ "\nMcp-Param-Region: \xc3\xa9", "{\"region\":\"\xc3\xa9\"}", 0 }, /* a header is ASCII, or base64 */
		{ "\nMcp-Param-Region: eu", "{}", 0 },
		{ "", "{\"region\":\"eu\"}", 0 },
		{ "", "{\"region\":null}", 1 },
		{ "\nMcp-Param-Region: null", "{\"region\":null}", 0 },
		{ "\nMcp-Param-Region: eu\nMcp-Param-Region: eu", "{\"region\":\"eu\"}", 0 },
		{ "\nMcp-Param-Count: 42", "{\"count\":42}", 1 },
		{ "\nMcp-Param-Count: 042", "{\"count\":42}", 1 },
		{ "\nMcp-Param-Count: -1", "{\"count\":-1}", 1 },
		{ "\nMcp-Param-Count: 43", "{\"count\":42}", 0 },
		{ "\nMcp-Param-Count: ", "{\"count\":0}", 0 },
		{ "\nMcp-Param-Count: -", "{\"count\":0}", 0 },
		{ "\nMcp-Param-Count: 4x", "{\"count\":4}", 0 },
		{ "\nMcp-Param-Count: 1.5", "{\"count\":1.5}", 1 },
		{ "\nMcp-Param-Count: 99999999999999999999999999999", "{\"count\":1}", 0 },
		{ "\nMcp-Param-Force: true", "{\"force\":true}", 1 },
		{ "\nMcp-Param-Force: false", "{\"force\":true}", 0 },
		{ "\nMcp-Param-Force: x", "{\"force\":[\"x\"]}", 0 },
		{ "\nMcp-Param-Unknown: x", "{\"unknown\":\"y\"}", 1 },
		{ "\nMcp-Param-Deep: x", "{\"a/b\":{\"deep\":\"x\"}}", 1 },
		{ "\nMcp-Param-Deep: x", "{\"a/b\":{\"deep\":\"y\"}}", 0 },
		{ "\nMcp-Param-Deep: x", "{\"deep\":\"x\"}", 0 },
		{ "", "{\"a/b\":{\"deep\":\"x\"}}", 0 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct mcp_message message;
		struct mcp_error error;
		char headers[512], body[512];
		snprintf(headers, sizeof headers, V "Mcp-Method: tools/call\nMcp-Name: move%s", rows[i].headers);
		snprintf(body, sizeof body, NEW("tools/call", ",\"name\":\"move\",\"arguments\":%s"), rows[i].arguments);
		int code = parse(body, headers, &http, &message, &error);
		if ((code == EMA_OK) != rows[i].taken || (code && error.rpc != -32020))
			fail_msg("%s %s: %s", rows[i].headers, rows[i].arguments, error.text);
		mcp_clear(&message);
		mcp_error_clear(&error);
	}
}

/* MCP-43: in the older revisions clients answer what the server asks them in the midst of a call; a valid token is all that needs. */
static void responses_are_taken(void **state)
{
	(void)state;
	static const struct { const char *headers, *body; unsigned revisions; enum mcp_revision revision; size_t count; } rows[] = {
		{ V11, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", 0, MCP_2025_11_25, 1 },
		{ V11, "{\"id\":\"a\",\"error\":{\"code\":-1,\"message\":\"no\"},\"jsonrpc\":\"2.0\"}", 0, MCP_2025_11_25, 1 },
		{ V11, "{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"method\":\"tools/call\",\"params\":{\"name\":\"x\"}}}", 0, MCP_2025_11_25, 1 },
		/* About a request that could not be read. */
		{ V11, "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32700,\"message\":\"no\"}}", 0, MCP_2025_11_25, 1 },
		{ V11, "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"no\"}}", 0, MCP_2025_11_25, 1 },
		{ "MCP-Protocol-Version: 2025-06-18", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", MCP_2025_06_18, MCP_2025_06_18, 1 },
		{ "", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", MCP_2025_03_26, MCP_2025_03_26, 1 },
		{ "", "[{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}},{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{}}]", MCP_2025_03_26, MCP_2025_03_26, 2 },
		{ NULL, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", 0, MCP_2025_11_25, 1 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct mcp_message message;
		struct mcp_error error;
		char targets[64];
		const struct mcp_settings settings = { .revisions = rows[i].revisions, .http = rows[i].headers != NULL };
		if (parse(rows[i].body, rows[i].headers ? rows[i].headers : "", &settings, &message, &error))
			fail_msg("%s: %s", rows[i].body, error.text);
		assert_int_equal(message.revision, rows[i].revision);
		assert_int_equal(message.count, rows[i].count);
		for (size_t c = 0; c < message.count; c++) {
			show(&message.calls[c], targets, sizeof targets);
			assert_string_equal(targets, "server");
			assert_string_equal(message.calls[c].method, MCP_RESPONSE);
			assert_null(message.calls[c].id);
		}
		mcp_clear(&message);
	}
}

/* MCP-69, MCP-70, MCP-71 */
static void revisions_are_settings(void **state)
{
	(void)state;
	static const char one[] = OLD("tools/list", ""), batch[] = "[" OLD("tools/list", "") "," OLD("tools/call", "\"name\":\"x\"") ",{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\"}]";
	static const struct { unsigned revisions; int stdio; const char *headers, *body; int rpc, revision; size_t count; } rows[] = {
		{ MCP_2026_07_28, 0, V11, one, -32022, 0, 0 },
		{ MCP_2025_11_25, 0, V "Mcp-Method: tools/list", NEW("tools/list", ""), -32022, 0, 0 },
		{ MCP_2026_07_28, 0, "", OLD("initialize", ""), -32602, 0, 0 },
		{ MCP_2025_06_18, 0, "MCP-Protocol-Version: 2025-06-18", one, 0, MCP_2025_06_18, 1 },
		{ MCP_2025_03_26, 0, "", one, 0, MCP_2025_03_26, 1 },
		{ MCP_2025_03_26, 0, "", batch, 0, MCP_2025_03_26, 3 },
		{ MCP_2025_03_26 | MCP_2025_11_25, 0, V11, batch, -32600, 0, 0 },
		{ MCP_2025_03_26, 0, "", "[]", -32600, 0, 0 },
		{ MCP_2025_03_26, 0, "", "[" OLD("tools/list", "") ",7]", -32600, 0, 0 },
		{ MCP_2025_03_26, 0, "", "[" OLD("tools/list", "") "," OLD("made/up", "") "]", -32601, 0, 0 },
		{ MCP_2025_03_26, 0, "", "[[" OLD("tools/list", "") "]]", -32600, 0, 0 },
		{ MCP_2025_03_26, 0, "", "[" OLD("initialize", "") "]", -32600, 0, 0 },
		{ 0, 1, "", one, 0, MCP_2025_11_25, 1 },
		{ 0, 1, "", NEW("tools/call", ",\"name\":\"x\""), 0, MCP_2026_07_28, 1 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct mcp_message message;
		struct mcp_error error;
		const struct mcp_settings settings = { .revisions = rows[i].revisions, .http = !rows[i].stdio };
		int code = parse(rows[i].body, rows[i].headers, &settings, &message, &error);
		if (error.rpc != rows[i].rpc || (!code && ((int)message.revision != rows[i].revision || message.count != rows[i].count)))
			fail_msg("%zu: %s %d", i, error.text, error.rpc);
		mcp_clear(&message);
		mcp_error_clear(&error);
	}
	const char *names[MCP_REVISIONS];
	assert_int_equal(mcp_revision_names(MCP_REVISIONS_DEFAULT, names), 2);
	assert_string_equal(names[0], "2026-07-28");
	assert_string_equal(mcp_revision_name(MCP_2025_11_25), "2025-11-25");
}

/* MCP-45 */
static void sizes_are_bounded(void **state)
{
	(void)state;
	struct mcp_message message;
	struct mcp_error error;
	const struct mcp_settings small = { .most = 64, .http = 0 };
	char deep[512] = OLD("tools/call", "\"name\":\"x\",\"arguments\":{\"a\":");
	assert_int_equal(parse(NEW("tools/list", ""), "", &small, &message, &error), EMA_TOO_LARGE);
	assert_int_equal(error.status, 413);
	size_t at = strlen(deep) - 2;
	memset(deep + at, '[', 70);
	memset(deep + at + 70, ']', 70);
	snprintf(deep + at + 140, sizeof deep - at - 140, "}}}");
	assert_int_equal(parse(deep, V11, &http, &message, &error), EMA_TOO_LARGE);
	size_t length = (1 << 20) + 1;
	char *large = malloc(length);
	memset(large, ' ', length);
	assert_int_equal(mcp_parse(large, length, NULL, 0, &http, &message, &error), EMA_TOO_LARGE);
	free(large);
}

static int keep_a(void *data, enum policy_kind kind, const char *name, size_t length, int is_template)
{
	static const char *const kinds[] = { "tool:", "prompt:", "uri:" };
	char *seen = data;
	snprintf(seen + strlen(seen), 256 - strlen(seen), "%s%.*s %s", kinds[kind], (int)length, name, is_template ? "template " : "");
	return memchr(name, 'a', length) != NULL;
}

/* MCP-60, MCP-61 */
static void lists_are_filtered(void **state)
{
	(void)state;
	static const struct { const char *text, *out, *seen; int64_t ttl; } rows[] = {
		{ "{\"tools\":[{\"name\":\"a\"},{\"name\":\"b\"}]}", "{\"tools\":[{\"name\":\"a\"}],\"cacheScope\":\"private\"}", "tool:a tool:b ", -1 },
		{ " { \"nextCursor\" : \"x\\\"]\" , \"tools\" : [ { \"name\" : \"b\" , \"x\":[{}] } , {\"d\":\"\\\\\",\"name\":\"a\"} ] , \"z\" : 1 } ",
		  " { \"nextCursor\" : \"x\\\"]\" , \"tools\" : [{\"d\":\"\\\\\",\"name\":\"a\"}] , \"z\" : 1,\"cacheScope\":\"private\" } ", "tool:b tool:a ", -1 },
		{ "{\"tools\":[],\"cacheScope\":\"public\",\"ttlMs\":60000}", "{\"tools\":[],\"cacheScope\":\"private\",\"ttlMs\":5000}", "", 5000 },
		{ "{\"tools\":[],\"ttlMs\":4000,\"cacheScope\":{\"x\":[1]}}", "{\"tools\":[],\"ttlMs\":4000,\"cacheScope\":\"private\"}", "", 5000 },
		{ "{\"tools\":[],\"ttlMs\":1e9}", "{\"tools\":[],\"ttlMs\":0,\"cacheScope\":\"private\"}", "", 0 },
		{ "{\"tools\":[],\"ttlMs\":1e9}", "{\"tools\":[],\"ttlMs\":1e9,\"cacheScope\":\"private\"}", "", -1 },
		{ "{\"prompts\":[{\"name\":\"\\u0061\"}]}", "{\"prompts\":[{\"name\":\"\\u0061\"}],\"cacheScope\":\"private\"}", "prompt:a ", -1 },
		{ "{\"resources\":[{\"uri\":\"x://b\",\"name\":\"a\"}],\"_meta\":{\"tools\":[1]}}", "{\"resources\":[],\"_meta\":{\"tools\":[1]},\"cacheScope\":\"private\"}", "uri:x://b ", -1 },
		{ "{\"resourceTemplates\":[{\"uriTemplate\":\"x://{a}\"}]}", "{\"resourceTemplates\":[{\"uriTemplate\":\"x://{a}\"}],\"cacheScope\":\"private\"}", "uri:x://{a} template ", -1 },
		/* What has no name is no entry. */
		{ "{\"tools\":[7,{\"name\":null},\"a\",[],{}]}", "{\"tools\":[],\"cacheScope\":\"private\"}", "", -1 },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[{\"name\":\"b\"},{\"name\":\"ab\"}]} , \"x\":1}",
		  "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[{\"name\":\"ab\"}],\"cacheScope\":\"private\"} , \"x\":1}", "tool:b tool:ab ", -1 },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-1}}", "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-1}}", "", -1 },
		/* Not lists. */
		{ "{\"tools\":{\"name\":\"a\"}}", NULL, "", -1 },
		{ "{\"result\":[]}", NULL, "", -1 },
		{ "{\"content\":[]}", NULL, "", -1 },
		{ "{}", NULL, "", -1 },
		{ "[]", NULL, "", -1 },
		{ "{\"result\":{\"tools\":[]},\"error\":{}}", NULL, "", -1 },
		/* Only what is an error and nothing else goes through as it is. */
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-1},\"tools\":[{\"name\":\"put_x\"}]}",
		  "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-1},\"tools\":[],\"cacheScope\":\"private\"}", "tool:put_x ", -1 },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":null}", NULL, "", -1 },
		{ "{\"error\":{\"code\":-1}}", NULL, "", -1 },
		{ "{\"tools\":[],\"tools\":[{\"name\":\"b\"}]}", NULL, "", -1 },
		{ "{\"tools\":[", NULL, "", -1 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char seen[256] = "";
		struct buffer out = BUFFER_INIT(4096);
		const struct mcp_keep keep = { keep_a, seen, rows[i].ttl };
		struct failure failure = FAILURE_INIT;
		int code = mcp_filter(rows[i].text, strlen(rows[i].text), &keep, &out, &failure);
		if (!rows[i].out != (code != EMA_OK) || (code && !failure.text[0]))
			fail_msg("%s: %s", rows[i].text, failure.text);
		if (rows[i].out) {
			assert_string_equal(out.data, rows[i].out);
			assert_string_equal(seen, rows[i].seen);
		}
		buffer_free(&out);
	}
	struct buffer small = BUFFER_INIT(8);
	char seen[256] = "";
	const struct mcp_keep keep = { keep_a, seen, -1 };
	assert_int_equal(mcp_filter("{\"tools\":[]}", 12, &keep, &small, NULL), EMA_OUT_OF_MEMORY);
	buffer_free(&small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_method_has_its_targets),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(arguments_in_headers),
		cmocka_unit_test(responses_are_taken),
		cmocka_unit_test(revisions_are_settings),
		cmocka_unit_test(sizes_are_bounded),
		cmocka_unit_test(lists_are_filtered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
