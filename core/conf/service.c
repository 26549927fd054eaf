/* One service: its keys, its rules, its policy. */
#include <stdlib.h>
#include <string.h>

#include "schema.h"
#include "tools.h"

static void formers_read(struct reader *reader, const struct conf_node *node, struct conf_service *out)
{
	size_t count = value_groups(reader, node), good = 0;
	const char **list = count ? arena_get(reader->arena, count, sizeof *list) : NULL;
	int64_t *until = count ? arena_get(reader->arena, count, sizeof *until) : NULL;
	for (size_t i = 0; list && until && i < count; i++) {
		const struct conf_node *issuer = conf_child(&node->children[i], "issuer"), *end = conf_child(&node->children[i], "until");
		section_read(reader, &section_former_issuer, &node->children[i], NULL, 0);
		if (!issuer || issuer->kind != CONF_STRING || !end || end->kind != CONF_STRING || value_date(end->string, &until[good]))
			continue;
		list[good++] = issuer->string;
	}
	out->former_issuers = (struct conf_strings){ list, good };
	out->former_until = until;
}

/* "https://app.example:8443", as browsers write it (RFC 6454 6.2), or "null". */
static int is_origin(const char *text)
{
	const char *host = strstr(text, "://");
	size_t scheme = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789+.-");
	return !strcmp(text, "null") || (host && host == text + scheme && scheme && host[3] && !host[3 + strcspn(host + 3, "/?#@* ABCDEFGHIJKLMNOPQRSTUVWXYZ")]);
}

static void origins_check(struct reader *reader, const struct conf_service *service)
{
	const struct conf_node *node = conf_child(service->node, "origins");
	char shown[96];
	for (size_t i = 0; i < service->origins.count; i++)
		if (!is_origin(service->origins.list[i]))
			finding_node(reader->findings, "E-VALUE", node, "origins: \"%s\" is no origin: write \"https://app.example\", in lower case, without a path",
				     value_show(service->origins.list[i], shown));
}

/* The first rule about something that a proxy does not see. */
static const struct conf_node *targeted(const struct conf_service *service)
{
	if (service->scope_count)
		return service->scopes[0].node;
	for (size_t i = 0; i < service->deny_count; i++) {
		const struct conf_grant *deny = &service->denies[i];
		if (deny->tools.count || deny->prompts.count || deny->uris.count || (deny->conditions && deny->conditions->arg_count))
			return deny->node;
	}
	return NULL;
}

/* MCP-48 */
static void decision_check(struct reader *reader, const struct conf_service *service)
{
	const struct conf_decision *decision = &service->decision;
	const struct conf_node *group = conf_child(service->node, "decision"), *rule = targeted(service);
	const struct conf_node *node = group && conf_child(group, "without_body") ? conf_child(group, "without_body") : group;
	if (!group || group->kind != CONF_GROUP)
		return;
	if (decision->enforced_by == ENFORCED_BY_SERVER && decision->without_body != UNSEEN_CONNECT)
		finding_node(reader->findings, "E-VALUE", conf_child(group, "enforced_by"), "enforced_by is for without_body = \"connect\" alone");
	if (decision->without_body != UNSEEN_CONNECT)
		return;
	if (rule && decision->enforced_by != ENFORCED_BY_SERVER)
		finding_node(reader->findings, "E-CONNECT", node, "connect lets every tool, prompt and URI through, and line %d has rules about them: let the proxy send "
			     "the message, write \"mcp\", or enforced_by = \"server\" if the MCP server itself asks EMA about each message", rule->line);
	else
		finding_node(reader->findings, "W-CONNECT", node, "where a proxy does not send the message, it lets in whoever has a valid token for the service: "
			     "tools, prompts, URIs and arguments are not looked at there%s", rule ? ", and the MCP server must" : "");
}

/* A file that cannot be read opens nothing: the configuration is not loaded. */
static void tools_read(struct reader *reader, const struct conf_node *node, struct conf_service *out)
{
	struct failure failure = FAILURE_INIT;
	size_t length = 0;
	char *text = out->tools_file ? conf_file(reader->conf, node, out->tools_file, TOOLS_FILE_MOST, 0, &length, reader->findings) : NULL;
	/* AZN-56: records name the configuration by it, and what is accepted there changes decisions. */
	if (text)
		reader_digest(reader, text, length);
	if (text && tools_parse(text, length, reader->arena, &out->tools, &failure))
		finding_node(reader->findings, "E-TOOLS", node, "tools_file %.200s: %s", out->tools_file, failure.text);
	free(text);
}

void service_read(struct reader *reader, const struct conf_node *node, struct conf_service *out)
{
	const struct conf_node *identity = conf_child(node, "identity"), *group = conf_child(node, "decision");
	out->node = node;
	section_read(reader, &section_service, node, out, 1);
	if (!out->issuer)
		out->issuer = reader->conf->issuer;
	if (!out->issuer)
		finding_node(reader->findings, "E-MISSING", node, "the service has no issuer, and there is no global one: write issuer = \"https://...\"");
	formers_read(reader, conf_child(node, "former_issuers"), out);
	if (identity)
		rules_read(reader, identity, 0, "the service", &out->identity);
	else
		finding_node(reader->findings, "E-EMPTY", node, "the service has no identity rules: write identity = [\"PROVIDER\"];");
	rules_read(reader, conf_child(node, "guards"), 1, "the service", &out->guards);
	tools_read(reader, conf_child(node, "tools_file"), out);
	policy_read(reader, node, out);
	section_read(reader, &section_decision, group && group->kind == CONF_GROUP ? group : NULL, &out->decision, 1);
	origins_check(reader, out);
	decision_check(reader, out);
	for (size_t i = 2; i < 4; i++)
		if (out->revisions >> i & 1)
			finding_node(reader->findings, "W-REVISION", conf_child(node, "revisions"), "a revision of MCP before 2025-11-25: turn it off when its clients are gone");
}
