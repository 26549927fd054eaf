#include "table.h"

#include <stdlib.h>
#include <string.h>

#include "schema.h"

#define AT(type, member) offsetof(struct type, member), sizeof(((struct type *)0)->member)
#define NOWHERE 0, 0
#define SECTION(name, text) static const struct conf_section section_##name = { text, name##_keys, sizeof name##_keys / sizeof *name##_keys, 0 }
#define ARGUMENTS_MOST 65536

static const struct conf_key person_keys[] = {
	{ "id", KEY_STRING, FORM_ID, 1, AT(conf_person, id), 0, 0, NULL, NULL, NULL, "the name that tests use" },
	{ "subject", KEY_STRING, FORM_ANY, 1, AT(conf_person, subject), 0, 0, NULL, NULL, NULL, "provider/tenant/sub, percent-encoded, - for no tenant" },
	{ "email", KEY_STRING, FORM_ANY, 0, AT(conf_person, email), 0, 0, NULL, NULL, NULL, "address that the provider has the authority for" },
	{ "client", KEY_STRING, FORM_ANY, 0, AT(conf_person, client), 0, 0, NULL, NULL, NULL, "client that the token is for" },
	{ "acr", KEY_STRING, FORM_ANY, 0, AT(conf_person, acr), 0, 0, NULL, NULL, NULL, "authentication context" },
	{ "amr", KEY_STRINGS, FORM_ANY, 0, AT(conf_person, amr), 0, 0, NULL, NULL, NULL, "authentication methods" },
	{ "login", KEY_SECONDS, FORM_ANY, 0, AT(conf_person, login), 1, 31536000, NULL, NULL, NULL, "how long ago the login was; not known" },
	{ "group", KEY_STRINGS, FORM_ANY, 0, AT(conf_person, groups), 0, 0, NULL, NULL, NULL, "groups that the provider's token has" },
	{ "role", KEY_STRINGS, FORM_ANY, 0, AT(conf_person, roles), 0, 0, NULL, NULL, NULL, "roles that the provider's token has" },
};
SECTION(person, "person");

static const struct conf_key expectation_keys[] = {
	{ "who", KEY_STRINGS, FORM_ANY, 1, AT(conf_expectation, who), 0, 0, NULL, NULL, NULL, "ids of people" },
	{ "service", KEY_STRING, FORM_ANY, 1, AT(conf_expectation, service), 0, 0, NULL, NULL, NULL, "id of the service" },
	{ "tool", KEY_STRINGS, FORM_ANY, 0, AT(conf_expectation, tools), 0, 0, NULL, NULL, NULL, "tools that are called" },
	{ "prompt", KEY_STRINGS, FORM_ANY, 0, AT(conf_expectation, prompts), 0, 0, NULL, NULL, NULL, "prompts" },
	{ "uri", KEY_STRINGS, FORM_ANY, 0, AT(conf_expectation, uris), 0, 0, NULL, NULL, NULL, "URIs that are read" },
	{ "method", KEY_STRING, FORM_ANY, 0, AT(conf_expectation, method), 0, 0, NULL, NULL, NULL, "a method of MCP without a target" },
	{ "arguments", KEY_NODE, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, NULL, "a group, or JSON in a string" },
	{ "scopes", KEY_STRINGS, FORM_ANY, 0, AT(conf_expectation, scopes), 0, 0, NULL, NULL, NULL, "scopes of the token; all of the service's" },
	{ "at", KEY_DATE, FORM_ANY, 0, AT(conf_expectation, at), 0, 0, NULL, NULL, NULL, "time at which it is asked; now" },
	{ "may", KEY_BOOL, FORM_ANY, 1, AT(conf_expectation, may), 0, 0, NULL, NULL, NULL, "what is expected" },
	{ "code", KEY_STRING, FORM_ANY, 0, AT(conf_expectation, code), 0, 0, NULL, NULL, NULL, "reason of the refusal; one of the rules'" },
};
SECTION(expectation, "test");

static const struct conf_key table_keys[] = {
	{ "people", KEY_LIST, FORM_ANY, 1, NOWHERE, 0, 0, NULL, NULL, &section_person, "of whom the table speaks" },
	{ "tests", KEY_LIST, FORM_ANY, 1, NOWHERE, 0, 0, NULL, NULL, &section_expectation, "what is expected" },
};
SECTION(table, "table");

/* A value as JSON; the reader of the file bounds its depth. */
static void put_json(struct buffer *out, const struct conf_node *node)
{
	const int object = node->kind == CONF_GROUP;
	switch (node->kind) {
	case CONF_BOOL:
		buffer_text(out, node->integer ? "true" : "false");
		return;
	case CONF_INT:
		buffer_printf(out, "%lld", (long long)node->integer);
		return;
	case CONF_FLOAT:
		buffer_printf(out, "%.17g", node->real);
		return;
	case CONF_STRING:
		buffer_json(out, node->string, strlen(node->string));
		return;
	case CONF_ARRAY:
	case CONF_LIST:
	case CONF_GROUP:
		break;
	}
	buffer_char(out, object ? '{' : '[');
	for (size_t i = 0; i < node->count; i++) {
		if (i)
			buffer_char(out, ',');
		if (object) {
			buffer_json(out, node->children[i].name, strlen(node->children[i].name));
			buffer_char(out, ':');
		}
		put_json(out, &node->children[i]);
	}
	buffer_char(out, object ? '}' : ']');
}

static void read_arguments(struct reader *reader, struct conf_expectation *out)
{
	const struct conf_node *node = conf_child(out->node, "arguments");
	struct buffer text = BUFFER_INIT(ARGUMENTS_MOST);
	if (!node)
		return;
	if (node->kind == CONF_STRING) {
		out->arguments = node->string;
	} else if (node->kind == CONF_GROUP) {
		put_json(&text, node);
		out->arguments = text.failed ? NULL : arena_copy(reader->arena, text.data);
		if (text.failed)
			finding_node(reader->findings, "E-VALUE", node, "arguments are longer than 64 KiB");
	} else {
		finding_node(reader->findings, "E-TYPE", node, "arguments: a group is wanted here, arguments = { repo = \"acme/x\"; }, or JSON in a string, not %s",
		             conf_kind_name(node->kind));
	}
	buffer_free(&text);
}

static void read_expectation(struct reader *reader, const struct conf_table *table, struct conf_expectation *out)
{
	const char **names = arena_get(reader->arena, table->person_count + 1, sizeof *names);
	char hint[128], shown[96];
	section_read(reader, &section_expectation, out->node, out, 1);
	read_arguments(reader, out);
	size_t kinds = (out->tools.count > 0) + (out->prompts.count > 0) + (out->uris.count > 0) + (out->method != NULL);
	if (kinds != 1)
		finding_node(reader->findings, "E-VALUE", out->node, "a test is about one of tool, prompt, uri and method; this has %zu", kinds);
	if (out->arguments && !out->tools.count && !out->prompts.count)
		finding_node(reader->findings, "E-VALUE", conf_child(out->node, "arguments"), "arguments are of tools and prompts");
	if (out->code && out->may)
		finding_node(reader->findings, "E-VALUE", conf_child(out->node, "code"), "code is for may = false: what is permitted has no reason");
	for (size_t i = 0, used = 0; names && i < table->person_count; i++)
		if (table->people[i].id)
			names[used++] = table->people[i].id;
	for (size_t i = 0; names && i < out->who.count; i++)
		if (!conf_table_person(table, out->who.list[i]))
			finding_node(reader->findings, "E-UNKNOWN", conf_child(out->node, "who"), "who: there is no \"%s\" among the people of the table%s",
			             value_show(out->who.list[i], shown), value_hint(out->who.list[i], names, hint));
}

const struct conf_person *conf_table_person(const struct conf_table *table, const char *id)
{
	for (size_t i = 0; i < table->person_count; i++)
		if (table->people[i].id && !strcmp(table->people[i].id, id))
			return &table->people[i];
	return NULL;
}

struct conf_table *conf_table_read(const char *path, struct findings *findings)
{
	const int before = findings->errors;
	struct conf_table *table = calloc(1, sizeof *table);
	if (!table) {
		findings->out_of_memory = 1;
		return NULL;
	}
	table->file = conf_read_data(path, findings);
	if (!table->file) {
		free(table);
		return NULL;
	}
	struct conf_memory *memory = table->file->memory;
	struct reader reader = { .conf = table->file, .arena = &memory->arena, .findings = findings };
	const struct conf_node *root = table->file->root, *list;
	section_read(&reader, &section_table, root, table, 1);
	if ((list = conf_child(root, "people")))
		table->person_count = value_groups(&reader, list);
	table->people = arena_get(&memory->arena, table->person_count + 1, sizeof *table->people);
	for (size_t i = 0; table->people && i < table->person_count; i++) {
		table->people[i].node = &list->children[i];
		section_read(&reader, &section_person, &list->children[i], &table->people[i], 1);
		for (size_t k = 0; k < i; k++)
			conf_unique(&reader, table->people[i].id, table->people[i].node, table->people[k].id, table->people[k].node);
	}
	table->count = (list = conf_child(root, "tests")) ? value_groups(&reader, list) : 0;
	table->list = arena_get(&memory->arena, table->count + 1, sizeof *table->list);
	for (size_t i = 0; table->people && table->list && i < table->count; i++) {
		table->list[i].node = &list->children[i];
		read_expectation(&reader, table, &table->list[i]);
	}
	if (memory->arena.failed)
		findings->out_of_memory = 1;
	if (findings->errors != before || findings->out_of_memory) {
		conf_table_free(table);
		return NULL;
	}
	return table;
}

void conf_table_free(struct conf_table *table)
{
	if (!table)
		return;
	conf_free(table->file);
	free(table);
}
