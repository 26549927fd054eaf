/* One service: its keys, its rules, its policy. */
#include <string.h>

#include "schema.h"

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

void service_read(struct reader *reader, const struct conf_node *node, struct conf_service *out)
{
	const struct conf_node *identity = conf_child(node, "identity");
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
	policy_read(reader, node, out);
}
