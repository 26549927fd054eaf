#include "method.h"

#include <string.h>

#define NEW MCP_2026_07_28
#define SINCE_TASKS (MCP_2026_07_28 | MCP_2025_11_25)
#define OLD (MCP_2025_11_25 | MCP_2025_06_18 | MCP_2025_03_26)
#define ALL (NEW | OLD)

static const struct mcp_method methods[] = {
	{ "server/discover", NEW, FORM_SERVER, POLICY_SERVER, NULL, 0 },
	{ "tools/list", ALL, FORM_LIST, POLICY_LIST, NULL, 0 },
	{ "tools/call", ALL, FORM_NAME, POLICY_TOOL, "name", 1 },
	{ "resources/list", ALL, FORM_LIST, POLICY_LIST, NULL, 0 },
	{ "resources/templates/list", ALL, FORM_LIST, POLICY_LIST, NULL, 0 },
	{ "resources/read", ALL, FORM_URI, POLICY_URI, "uri", 1 },
	{ "prompts/list", ALL, FORM_LIST, POLICY_LIST, NULL, 0 },
	{ "prompts/get", ALL, FORM_NAME, POLICY_PROMPT, "name", 1 },
	{ "completion/complete", ALL, FORM_REF, POLICY_SERVER, NULL, 0 },
	{ "subscriptions/listen", NEW, FORM_LISTEN, POLICY_LIST, NULL, 0 },
	{ "tasks/get", SINCE_TASKS, FORM_TASK, POLICY_TASK, "taskId", 0 },
	{ "tasks/update", NEW, FORM_TASK, POLICY_TASK, "taskId", 0 },
	{ "tasks/cancel", SINCE_TASKS, FORM_TASK, POLICY_TASK, "taskId", 0 },
	{ "tasks/result", MCP_2025_11_25, FORM_TASK, POLICY_TASK, "taskId", 0 },
	{ "tasks/list", MCP_2025_11_25, FORM_LIST, POLICY_LIST, NULL, 0 },
	{ "initialize", OLD, FORM_SERVER, POLICY_SERVER, NULL, 0 },
	{ "ping", OLD, FORM_SERVER, POLICY_SERVER, NULL, 0 },
	{ "logging/setLevel", OLD, FORM_SERVER, POLICY_SERVER, NULL, 0 },
	{ "resources/subscribe", OLD, FORM_URI, POLICY_URI, "uri", 0 },
	{ "resources/unsubscribe", OLD, FORM_URI, POLICY_URI, "uri", 0 },
	{ "notifications/cancelled", ALL, FORM_SERVER, POLICY_SERVER, NULL, 0 },
	{ "notifications/progress", ALL, FORM_SERVER, POLICY_SERVER, NULL, 0 },
	{ "notifications/initialized", OLD, FORM_SERVER, POLICY_SERVER, NULL, 0 },
	{ "notifications/roots/list_changed", OLD, FORM_SERVER, POLICY_SERVER, NULL, 0 },
	{ "notifications/tasks/status", MCP_2025_11_25, FORM_SERVER, POLICY_SERVER, NULL, 0 },
	{ MCP_RESPONSE, OLD, FORM_RESPONSE, POLICY_SERVER, NULL, 0 },
};

const struct mcp_method *mcp_method(const char *name, unsigned revision)
{
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		if (methods[i].revisions & revision && !strcmp(methods[i].name, name))
			return &methods[i];
	return NULL;
}

int mcp_is_notification(const char *name)
{
	return !strncmp(name, "notifications/", strlen("notifications/"));
}
