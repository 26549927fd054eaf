/* What a tools_file shows of the rules: tools that wait, that nothing opens, and that do more than their scope says. */
#include <string.h>

#include "compiled.h"
#include "tools.h"

#define NAMED_MOST 8 /* tools that a finding names */

/* Names of tools, one after another; the rest is counted. */
struct naming {
	struct buffer text;
	size_t count;
};

static void name(struct naming *naming, const char *tool)
{
	if (naming->count++ < NAMED_MOST)
		buffer_printf(&naming->text, "%s\"%.128s\"", naming->text.length ? ", " : "", tool);
}

static void tell(struct naming *naming, struct findings *findings, const char *id, const struct conf_node *node, const char *what)
{
	if (naming->count && naming->count <= NAMED_MOST)
		finding_node(findings, id, node, "%s: %s", what, naming->text.data);
	else if (naming->count)
		finding_node(findings, id, node, "%s: %s and %zu more", what, naming->text.data, naming->count - NAMED_MOST);
	buffer_free(&naming->text);
	*naming = (struct naming){ .text = BUFFER_INIT(2048) };
}

/* Tools that a scope for reading opens, though their server says that they are not for reading alone. */
static void lint_writing(const struct policy *policy, struct findings *findings)
{
	const struct conf_service *service = policy->conf;
	static const struct pattern_values nothing;
	uint32_t matches[POLICY_MATCHES_MOST];
	struct naming waiting = { .text = BUFFER_INIT(2048) }, unopened = { .text = BUFFER_INIT(2048) };
	for (size_t i = 0; i < service->tools.count; i++) {
		const struct conf_tool *tool = &service->tools.list[i];
		size_t count = policy_matches(policy, POLICY_TOOL, tool->name, strlen(tool->name), &nothing, matches), scopes = 0;
		const struct conf_scope *reading = NULL;
		for (size_t m = 0; count != SIZE_MAX && m < count; m++) {
			const struct numbers *of = &policy->patterns[matches[m] & ~MAYBE].scopes;
			for (size_t s = 0; s < of->count; s++) {
				scopes++;
				if (!service->scopes[of->list[s]].writes)
					reading = &service->scopes[of->list[s]];
			}
		}
		if (!tool->accepted)
			name(&waiting, tool->name);
		else if (!scopes)
			name(&unopened, tool->name);
		if (reading && (tool->read_only == 0 || tool->destructive == 1))
			finding_node(findings, "W-TOOL-WRITES", reading->node, "scope \"%s\" is for reading and opens the tool \"%.128s\", of which the server says that it %s",
			             reading->name, tool->name, tool->destructive == 1 ? "destroys" : "is not for reading alone");
	}
	const struct conf_node *node = conf_child(service->node, "tools_file");
	tell(&waiting, findings, "W-TOOL-WAITS", node, "new or changed tools, closed until they are accepted (emactl tools accept)");
	tell(&unopened, findings, "N-TOOL-UNOPENED", node, "no scope opens these tools of the server");
}

/* Names in full that the server does not have. */
static void lint_absent(const struct policy *policy, struct findings *findings)
{
	const struct conf_service *service = policy->conf;
	struct naming absent = { .text = BUFFER_INIT(2048) };
	for (size_t i = 0; i < service->scope_count; i++) {
		for (size_t k = 0; k < service->scopes[i].tools.count; k++) {
			const char *tool = service->scopes[i].tools.list[k];
			if (!strpbrk(tool, "*{\\") && !tools_find(&service->tools, tool, strlen(tool)))
				name(&absent, tool);
		}
		tell(&absent, findings, "W-TOOL-ABSENT", service->scopes[i].node, "the server has no such tool, by the tools_file");
	}
}

void tools_lint(const struct policy *policy, struct findings *findings)
{
	if (!policy->conf->tools_file)
		return;
	lint_writing(policy, findings);
	lint_absent(policy, findings);
}
