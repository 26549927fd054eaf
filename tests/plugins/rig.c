#include "rig.h"

#include <stdio.h>

#include "jws.h"

static struct jwk *key, *other;
const char *rig_key_issuer;
const char *rig_folder = BUILDDIR "/plugins/.libs";

static int64_t rig_wall(void *data)
{
	return ((struct rig *)data)->wall;
}

static int64_t rig_monotonic(void *data)
{
	(void)data;
	return clock_monotonic(&clock_system);
}

static void rig_log(void *data, int level, const char *text)
{
	struct rig *rig = data;
	(void)level;
	if (rig->quiet)
		return;
	size_t used = strlen(rig->log);
	snprintf(rig->log + used, sizeof rig->log - used, "%s\n", text);
}

static void rig_changed(void *data)
{
	struct rig *rig = data;
	rig->changed += !rig->quiet;
}

static void rig_keys(void)
{
	struct failure failure = FAILURE_INIT;
	if (!key)
		assert_int_equal(jwk_generate(JOSE_ES256, &key, &failure), EMA_OK);
	if (!other)
		assert_int_equal(jwk_generate(JOSE_ES256, &other, &failure), EMA_OK);
}

/* The key set as a string of ema.conf. */
static void rig_jwks(struct buffer *out)
{
	char *jwk = jwk_print(key, 0);
	assert_non_null(jwk);
	buffer_text(out, "jwks = \"{\\\"keys\\\":[{");
	if (rig_key_issuer)
		buffer_printf(out, "\\\"issuer\\\":\\\"%s\\\",", rig_key_issuer);
	for (const char *c = jwk + 1; *c; c++)
		buffer_text(out, *c == '"' ? "\\\"" : (char[]){ *c, 0 });
	buffer_text(out, "]}\"; ");
	free(jwk);
}

static int rig_failed(struct rig *rig)
{
	rig_close(rig);
	return -1;
}

int rig_open(struct rig *rig, const char *plugin, enum plugin_kind kind, const char *settings)
{
	static const char *const core_keys[] = { "id", "plugin", "jwks", "insecure_http", "authority", NULL };
	struct failure failure = FAILURE_INIT;
	struct buffer text = BUFFER_INIT(65536);
	int provider = kind == PLUGIN_IDENTITY;
	memset(rig, 0, sizeof *rig);
	rig->wall = RIG_NOW * 1000;
	rig->clock = (struct clock){ rig_wall, rig_monotonic, rig };
	rig_keys();
	buffer_text(&text, "issuer = \"https://auth.acme.example\";\nproviders = (\n");
	buffer_printf(&text, "{ id = \"p\"; plugin = \"%s\"; ", provider ? plugin : "oidc");
	rig_jwks(&text);
	buffer_printf(&text, "%s } );\n", provider ? settings : "issuer = \"https://idp.example\";");
	if (!provider)
		buffer_printf(&text, "directories = ( { id = \"d\"; plugin = \"%s\"; %s } );\n", plugin, settings);
	buffer_text(&text, "services = ( { id = \"s\"; resource = \"https://mcp.acme.example/s\"; identity = [\"p\"]; } );\n");
	assert_false(text.failed);
	rig->conf = conf_read_text(text.data, text.length, "ema.conf", &rig->findings);
	buffer_free(&text);
	if (!rig->conf)
		return rig_failed(rig);
	struct plugin_search search = { .folders = rig_folder };
	if (plugin_open(&search, plugin, &rig->plugin, &failure) != EMA_OK) {
		finding_add(&rig->findings, "E-PLUGIN", "", 0, "%s", failure.text);
		return rig_failed(rig);
	}
	struct trust_settings trust = { .clock = &rig->clock, .passive = 1 };
	rig->trust = trust_new(&trust, &failure);
	assert_non_null(rig->trust);
	struct instance_settings what = {
		.plugin = rig->plugin, .kind = kind, .id = provider ? "p" : "d", .conf = rig->conf,
		.node = provider ? rig->conf->providers[0].instance.node : rig->conf->directories[0].instance.node,
		.core_keys = core_keys, .clock = &rig->clock, .log = { rig_log, rig },
		.trust = provider ? rig->trust : NULL, .provider = provider ? &rig->conf->providers[0] : NULL,
		.changed = rig_changed, .changed_data = rig,
	};
	int errors = rig->findings.errors;
	if (instance_open(&what, &rig->instance, &rig->findings) != EMA_OK)
		return rig_failed(rig);
	assert_int_equal(rig->findings.errors, errors);
	return 0;
}

int rig_says(const struct rig *rig, const char *text)
{
	for (size_t i = 0; i < rig->findings.count; i++)
		if (strstr(rig->findings.list[i].text, text))
			return 1;
	return 0;
}

static void rig_show(const struct rig *rig)
{
	for (size_t i = 0; i < rig->findings.count; i++)
		print_message("# %s:%d: %s: %s\n", rig->findings.list[i].file ? rig->findings.list[i].file : "", rig->findings.list[i].line,
		              rig->findings.list[i].id, rig->findings.list[i].text);
}

/* What was found stays until rig_close() is called for a rig that is closed. */
void rig_close(struct rig *rig)
{
	int open = rig->instance || rig->conf;
	instance_close(rig->instance);
	if (rig->trust)
		trust_free(rig->trust);
	if (rig->plugin)
		plugin_close(rig->plugin);
	conf_free(rig->conf);
	rig->instance = NULL;
	rig->trust = NULL;
	rig->plugin = NULL;
	rig->conf = NULL;
	if (!open || !rig->findings.errors)
		findings_free(&rig->findings);
}

static char *rig_payload(const struct rig_member *base, const struct rig_member *change)
{
	struct buffer out = BUFFER_INIT(JWS_PAYLOAD_MOST);
	const char *comma = "{";
	for (const struct rig_member *m = base; m->name; m++) {
		const char *json = m->json;
		for (const struct rig_member *c = change; c && c->name; c++)
			if (strcmp(c->name, m->name) == 0)
				json = c->json;
		if (json)
			buffer_printf(&out, "%s\"%s\":%s", comma, m->name, json), comma = ",";
	}
	for (const struct rig_member *c = change; c && c->name; c++) {
		const struct rig_member *m = base;
		while (m->name && strcmp(m->name, c->name) != 0)
			m++;
		if (!m->name && c->json)
			buffer_printf(&out, "%s\"%s\":%s", comma, c->name, c->json), comma = ",";
	}
	buffer_text(&out, "}");
	assert_false(out.failed);
	return buffer_take(&out);
}

void rig_identify(struct rig *rig, const struct rig_token *token, struct rig_answer *out)
{
	struct failure failure = FAILURE_INIT;
	char *text = NULL, *payload = rig_payload(token->base, token->change);
	const char *audiences[] = { token->audience }, *clients[] = { token->client };
	struct call_demand demand = { audiences, 1, clients, token->kind == EMA_ACCESS_TOKEN };
	memset(out, 0, sizeof *out);
	assert_int_equal(jws_sign(token->forged ? other : key, JOSE_ES256, token->type, token->header, payload, strlen(payload), &text, &failure), EMA_OK);
	struct call_settings settings = {
		.instance = rig->instance, .kind = token->kind, .credential = text, .credential_length = strlen(text), .demand = &demand,
		.deadline = clock_monotonic(&rig->clock) + 5000, .now = RIG_NOW,
	};
	settings.items[EMA_ITEM_PROVIDER] = "p";
	settings.items[EMA_ITEM_CLIENT_ID] = token->client;
	settings.items[EMA_ITEM_ISSUER] = token->issuer;
	out->code = call_run(&settings, &out->call, &out->failure);
	out->result = out->call ? call_result(out->call) : NULL;
	free(text);
	free(payload);
}

void rig_lookup(struct rig *rig, const char *const items[16], struct rig_answer *out)
{
	struct call_settings settings = { .instance = rig->instance, .deadline = clock_monotonic(&rig->clock) + 5000, .now = RIG_NOW };
	memset(out, 0, sizeof *out);
	memcpy(settings.items, items, sizeof settings.items);
	out->code = call_run(&settings, &out->call, &out->failure);
	out->result = out->call ? call_result(out->call) : NULL;
}

void rig_person(struct rig *rig, const char *id, struct rig_answer *out)
{
	struct call_settings settings = { .instance = rig->instance, .deadline = clock_monotonic(&rig->clock) + 5000, .person = id };
	memset(out, 0, sizeof *out);
	out->code = call_run(&settings, &out->call, &out->failure);
	out->result = out->call ? call_result(out->call) : NULL;
}

void rig_answer_free(struct rig_answer *answer)
{
	call_free(answer->call);
	answer->call = NULL;
}

int rig_has(const struct call_list *list, const char *text)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->list[i], text) == 0)
			return 1;
	return 0;
}

void rig_cases(struct rig *rig, const struct rig_token *good, const struct rig_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct rig_case *c = &cases[i];
		struct rig_token token = *good;
		struct rig_answer answer;
		token.change = c->change;
		if (c->type)
			token.type = c->type;
		if (c->header)
			token.header = c->header;
		rig_identify(rig, &token, &answer);
		if (answer.code != c->code || (c->text && !strstr(answer.failure.text, c->text)))
			fail_msg("%s: code %d, expected %d, text \"%s\", expected \"%s\"", c->name, answer.code, c->code, answer.failure.text, c->text ? c->text : "");
		assert_true(answer.code == EMA_OK || !answer.result->vouched);
		rig_answer_free(&answer);
	}
}

void rig_refused(const char *plugin, enum plugin_kind kind, const struct rig_setting *settings, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct rig rig;
		int code = rig_open(&rig, plugin, kind, settings[i].settings);
		if (code == 0 || !rig_says(&rig, settings[i].text)) {
			rig_show(&rig);
			fail_msg("%s: %s, expected \"%s\"", settings[i].settings, code ? "refused otherwise" : "loaded", settings[i].text);
		}
		rig_close(&rig);
	}
}

char *rig_source(const char *name)
{
	char path[512], *text = calloc(1, 16384);
	snprintf(path, sizeof path, SRCDIR "/%s", name);
	FILE *file = fopen(path, "r");
	assert_non_null(text);
	assert_non_null(file);
	size_t length = fread(text, 1, 16383, file);
	assert_true(length > 0 && length < 16383);
	fclose(file);
	return text;
}
