/* Most lock-outs are a mistyped value: here they are, to be copied. */
#include <stdio.h>
#include <string.h>

#include "emactl.h"

struct value {
	const char *field, *text, *note;
};

struct sheet {
	const char *title, *where;
	struct value values[10];
	const char *mistakes[4];
};

#define LIST_ROOM 2048

struct facts {
	const char *service, *issuer, *resource, *provider_issuer;
	/* Words with a space between. */
	char scopes[LIST_ROOM], clients[LIST_ROOM], audiences[LIST_ROOM], audience_clients[LIST_ROOM];
	char to_paste[2 * LIST_ROOM]; /* what a client's own file or command takes */
};

/* A word that does not fit whole is left out. */
static void add_word(char list[LIST_ROOM], const char *word)
{
	size_t used = strlen(list);
	if (used + strlen(word) + 2 <= LIST_ROOM)
		snprintf(list + used, LIST_ROOM - used, "%s%s", used ? " " : "", word);
}

static const char *or_else(const char *list, const char *otherwise)
{
	return *list ? list : otherwise;
}

static void okta(struct sheet *sheet, const struct facts *facts)
{
	*sheet = (struct sheet){
		.title = "Okta: Cross App Access, the resource application of this service",
		.where = "Admin Console, Applications, the MCP server's app, Manage Connections",
		.values = {
			{ "Issuer URL of the resource's authorization server", facts->issuer, "it becomes the aud of each ID-JAG, byte for byte" },
			{ "Resource identifier", facts->resource, "where the console asks for one" },
			{ "Scopes", facts->scopes, "only these; openid, profile and email are refused as scopes" },
			{ "Client ID at the resource", or_else(facts->clients, "the id that the client has in clients = ( ... ) of ema.conf"),
			  "one for each client that connects: the client_id claim is compared with it" },
		},
		.mistakes = { "The issuer cannot be edited after the connection is made: delete the connection and make it anew.",
			      "No slash at the end unless ema.conf has one.",
			      "org in ema.conf is the org's URL, never .../oauth2/default." },
	};
}

static void entra(struct sheet *sheet, const struct facts *facts)
{
	*sheet = (struct sheet){
		.title = "Microsoft Entra ID: an app registration for this service",
		.where = "Entra admin center, App registrations",
		.values = {
			{ "Application ID URI", facts->resource, "Expose an API; what clients send as resource has to be equal to it" },
			{ "aud of its tokens", or_else(facts->audiences, "audience = ( { is = [ ... ]; } ) of the service in ema.conf: not written yet"),
			  "what ema.conf takes; one has to be the Application (client) ID" },
			{ "Scopes", facts->scopes, "Expose an API, Add a scope" },
			{ "requestedAccessTokenVersion", "2", "Manifest; with null the tokens are of version 1 and have another issuer" },
			{ "Authorized client applications",
			  or_else(facts->audience_clients, "the client ids of audience = ( { clients = [ ... ]; } ): not written yet"), "Expose an API" },
		},
		.mistakes = { "Write the Application (client) ID into audience = ( { is = [ ... ]; } ): tokens of version 2 have it as aud.",
			      "Entra issues access tokens here, no ID-JAGs: accepts is [\"access_token\"]." },
	};
}

static void oidc(struct sheet *sheet, const struct facts *facts)
{
	*sheet = (struct sheet){
		.title = "OpenID provider: what it has to put into a token for this service",
		.where = "the provider's client or token-exchange settings",
		.values = {
			{ "aud of an ID-JAG", facts->issuer, "alone, byte for byte" },
			{ "resource", facts->resource, "optional in the token; if it is there, it has to be this" },
			{ "iss", facts->provider_issuer, "what the provider must say; its discovery document too" },
			{ "Scopes", facts->scopes, NULL },
		},
	};
}

enum paste { PASTE_NOTHING, PASTE_COMMAND, PASTE_JSON };

static void client(struct sheet *sheet, const char *title, const char *where, enum paste paste, struct facts *facts)
{
	if (paste == PASTE_COMMAND)
		snprintf(facts->to_paste, sizeof facts->to_paste, "claude mcp add --transport http %s %s", facts->service, facts->resource);
	else if (paste == PASTE_JSON)
		snprintf(facts->to_paste, sizeof facts->to_paste, "{ \"servers\": { \"%s\": { \"type\": \"http\", \"url\": \"%s\" } } }", facts->service, facts->resource);
	*sheet = (struct sheet){
		.title = title,
		.where = where,
		.values = {
			{ paste == PASTE_JSON ? "Whole of mcp.json, or its servers" : paste == PASTE_COMMAND ? "Command" : "Name",
			  paste ? facts->to_paste : facts->service, "the name is free" },
			{ "MCP server URL", facts->resource, "with or without a slash at its end as it stands here" },
			{ "Authorization server", facts->issuer, "found by itself; to compare with what an error message shows" },
			{ "Scopes", facts->scopes, "if it asks for them" },
		},
		.mistakes = { "The administrator connects the organisation's IdP in the client's admin settings first; a user has nothing to type.",
			      "The client's id in ema.conf is the one that the IdP puts into client_id of the ID-JAG." },
	};
}

static const struct {
	const char *name, *title, *where;
	enum paste paste;
} clients[] = {
	{ "claude", "Claude: a connector for the organisation", "Admin settings, Connectors, Add custom connector", PASTE_NOTHING },
	{ "claude-code", "Claude Code: an MCP server over HTTP", "a shell of the user", PASTE_COMMAND },
	{ "vscode", "VS Code: an MCP server over HTTP", ".vscode/mcp.json of a workspace, or `MCP: Open User Configuration`", PASTE_JSON },
};

static int make_sheet(ema_context *context, const char *who, struct facts *facts, struct sheet *sheet)
{
	const char *plugin = ema_provider_fact(context, who, "plugin");
	for (size_t i = 0; !plugin && i < sizeof clients / sizeof *clients; i++)
		if (!strcmp(who, clients[i].name)) {
			client(sheet, clients[i].title, clients[i].where, clients[i].paste, facts);
			return STATUS_FINE;
		}
	if (!plugin) {
		complain("\"%s\" is neither a provider of the configuration nor a client that is known here", who);
		fputs("providers:", stderr);
		for (size_t i = 0; ema_provider_id(context, i); i++)
			fprintf(stderr, " %s", ema_provider_id(context, i));
		fputs("\nclients:", stderr);
		for (size_t i = 0; i < sizeof clients / sizeof *clients; i++)
			fprintf(stderr, " %s", clients[i].name);
		fputc('\n', stderr);
		return STATUS_USAGE;
	}
	(!strcmp(plugin, "okta_xaa") ? okta : !strcmp(plugin, "azure_ad") ? entra : oidc)(sheet, facts);
	return STATUS_FINE;
}

static int print_sheet(const struct sheet *sheet, const struct options *options)
{
	if (options->json) {
		struct json_object *all = must(json_object_new_object()), *values = must(json_object_new_array());
		json_add(all, "title", sheet->title);
		json_add(all, "where", sheet->where);
		for (const struct value *v = sheet->values; v->field; v++) {
			struct json_object *one = must(json_object_new_object());
			json_add(one, "field", v->field);
			json_add(one, "value", v->text);
			json_add(one, "note", v->note);
			json_object_array_add(values, one);
		}
		json_object_object_add(all, "values", values);
		struct json_object *mistakes = must(json_object_new_array());
		for (const char *const *m = sheet->mistakes; *m; m++)
			json_object_array_add(mistakes, must(json_object_new_string(*m)));
		json_object_object_add(all, "mistakes", mistakes);
		return print_json(all);
	}
	printf("%s%s%s\n%s\n\n", colour(COLOUR_BOLD), sheet->title, colour_off(), sheet->where);
	for (const struct value *v = sheet->values; v->field; v++) {
		printf("  %s\n      %s%s%s\n", v->field, colour(COLOUR_GOOD), v->text ? v->text : "(none)", colour_off());
		if (v->note)
			printf("      %s%s%s\n", colour(COLOUR_DIM), v->note, colour_off());
	}
	for (const char *const *m = sheet->mistakes; *m; m++)
		printf("%s  - %s\n", m == sheet->mistakes ? "\n" : "", *m);
	return STATUS_FINE;
}

int command_onboard(const struct options *options, int count, char **words)
{
	struct sheet sheet = { 0 };
	if (count != 1 || !options->service)
		return complain("onboard takes a PROVIDER or CLIENT and --service S; see `emactl --help`");
	ema_context *context = context_loaded(options);
	if (!context)
		return STATUS_USAGE;
	const char *service = options->service, *word;
	struct facts facts = { .service = service, .issuer = ema_service_fact(context, service, "issuer"),
		.resource = ema_service_fact(context, service, "resource"), .provider_issuer = ema_provider_fact(context, words[0], "issuer") };
	int status = STATUS_USAGE;
	if (!facts.issuer) {
		complain("the configuration has no service \"%s\"", service);
		list_services(context);
	} else {
		for (size_t i = 0; (word = ema_service_scope(context, service, i)); i++)
			add_word(facts.scopes, word);
		for (size_t i = 0; (word = ema_client_id(context, i)); i++)
			add_word(facts.clients, word);
		for (size_t i = 0; (word = ema_service_audience(context, service, words[0], "is", i)); i++)
			add_word(facts.audiences, word);
		for (size_t i = 0; (word = ema_service_audience(context, service, words[0], "clients", i)); i++)
			add_word(facts.audience_clients, word);
		status = make_sheet(context, words[0], &facts, &sheet);
		if (status == STATUS_FINE)
			status = print_sheet(&sheet, options);
	}
	ema_free(context);
	return status;
}

/* For bash: the ids of a configuration, a word a line; silent where it does not load. */
int command_complete(const struct options *options, int count, char **words)
{
	ema_context *context = context_for(options);
	if (count == 1 && ema_load(context, options->config) == EMA_OK) {
		const char *(*id)(ema_context *, size_t) = !strcmp(words[0], "services") ? ema_service_id : ema_provider_id;
		for (size_t i = 0; id(context, i); i++)
			puts(id(context, i));
	}
	ema_free(context);
	return STATUS_FINE;
}
