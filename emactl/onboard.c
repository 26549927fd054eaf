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

struct facts {
	const char *service, *issuer, *resource, *provider_issuer, *scopes;
};

static void okta(struct sheet *sheet, const struct facts *facts)
{
	*sheet = (struct sheet){
		.title = "Okta: Cross App Access, the resource application of this service",
		.where = "Admin Console, Applications, the MCP server's app, Manage Connections",
		.values = {
			{ "Issuer URL of the resource's authorization server", facts->issuer, "it becomes the aud of each ID-JAG, byte for byte" },
			{ "Resource identifier", facts->resource, "where the console asks for one" },
			{ "Scopes", facts->scopes, "only these; openid, profile and email are refused as scopes" },
			{ "Client ID at the resource", "the client's id in clients = ( ... ) of ema.conf", "the client_id claim is compared with it" },
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
			{ "Scopes", facts->scopes, "Expose an API, Add a scope" },
			{ "requestedAccessTokenVersion", "2", "Manifest; with null the tokens are of version 1 and have another issuer" },
			{ "Authorized client applications", "the client ids of audience = ( { clients = [ ... ]; } )", "Expose an API" },
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

static void client(struct sheet *sheet, const char *title, const char *where, const struct facts *facts)
{
	*sheet = (struct sheet){
		.title = title,
		.where = where,
		.values = {
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
} clients[] = {
	{ "claude", "Claude: a connector for the organisation", "Admin settings, Connectors, Add custom connector" },
	{ "claude-code", "Claude Code: an MCP server over HTTP", "claude mcp add --transport http NAME URL" },
	{ "vscode", "VS Code: an MCP server over HTTP", "mcp.json, { \"servers\": { NAME: { \"type\": \"http\", \"url\": URL } } }" },
};

static int make_sheet(ema_context *context, const char *who, const struct facts *facts, struct sheet *sheet)
{
	const char *plugin = ema_provider_fact(context, who, "plugin");
	for (size_t i = 0; !plugin && i < sizeof clients / sizeof *clients; i++)
		if (!strcmp(who, clients[i].name)) {
			client(sheet, clients[i].title, clients[i].where, facts);
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
	char scopes[2048] = "";
	if (count != 1 || !options->service)
		return complain("onboard takes a PROVIDER or CLIENT and --service S; see `emactl --help`");
	ema_context *context = context_loaded(options);
	if (!context)
		return STATUS_USAGE;
	struct facts facts = { options->service, ema_service_fact(context, options->service, "issuer"),
		               ema_service_fact(context, options->service, "resource"), ema_provider_fact(context, words[0], "issuer"), scopes };
	int status = STATUS_USAGE;
	if (!facts.issuer) {
		complain("the configuration has no service \"%s\"", options->service);
	} else {
		for (size_t i = 0, used = 0; ema_service_scope(context, options->service, i) && used < sizeof scopes; i++)
			used += (size_t)snprintf(scopes + used, sizeof scopes - used, "%s%s", i ? " " : "", ema_service_scope(context, options->service, i));
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
