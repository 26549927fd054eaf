/* What a good configuration comes to; units and spellings; the table, etc/ema.conf and ema.conf(5) in step; damaged files. */
#include "test.h"

#include <stdio.h>
#include <unistd.h>

#include "codes.h"
#include "conf.h"
#include "ema/plugin.h"
#include "jwk.h"
#include "schema.h"
#include "show.h"

static const char company[] =
	"issuer = \"https://auth.acme.example\";\n"
	"fetch = { total = \"9s\"; redirects = 1; };\n"
	"providers = (\n"
	"  { id = \"okta\"; plugin = \"okta_xaa\"; org = \"https://acme.okta.com\"; authority = [\"Acme.Example\"]; fetch = { connect = \"1s\"; }; },\n"
	"  { id = \"contractors\"; plugin = \"azure_ad\"; tenant = \"t\"; accepts = [\"access_token\"]; skew = \"1m\"; algorithms = [\"ES512\", \"RS256\"]; } );\n"
	"directories = ( { id = \"staff\"; plugin = \"file\"; path = \"people.conf\"; on_failure = \"last_known\"; } );\n"
	"guards = ( { id = \"hours\"; plugin = \"hours\"; } );\n"
	"audit = ( { plugin = \"file\"; }, { plugin = \"/x/file\"; }, { plugin = \"file\"; path = \"x\"; on_failure = \"continue\"; } );\n"
	"clients = ( { id = \"vscode\"; auth = \"client_secret_post\"; secret = { credential = \"vscode\"; }; services = \"github\"; token_lifetime = \"10m\"; } );\n"
	"stacks = ( { id = \"all\"; rules = [\"@okta-only\", \"contractors\"]; }, { id = \"okta-only\"; rules = [\"okta\"]; } );\n"
	"services = (\n"
	"  { id = \"github\";\n"
	"    resource = \"https://mcp.acme.example/github\";\n"
	"    former_issuers = ( { issuer = \"https://old.example\"; until = \"2027-01-01\"; } );\n"
	"    identity = ( \"okta\", { control = \"required\"; stack = \"all\"; when = { client = \"vscode\"; email_domain = \"ACME.example\";\n"
	"      time = ( { days = [\"mon\", \"sun\"]; from = \"22:00\"; until = \"06:30\"; zone = \"-02:30\"; } ); not_before = \"2026-02-28T01:02:03Z\"; }; },\n"
	"      { control = { ok = \"done\"; not_mine = \"ignore\"; default = \"die\"; }; provider = \"contractors\"; } );\n"
	"    guards = [\"hours\"];\n"
	"    audience = ( { provider = \"contractors\"; is = [\"a\", \"b\"]; clients = \"c\"; scope_map = \"any\"; } );\n"
	"    directory = ( { id = \"staff\"; for = [\"okta\"]; required = true; } );\n"
	"    scopes = ( { name = \"r\"; access = \"read\"; tools = [\"get_*\"]; }, { name = \"w\"; access = \"write\"; tools = \"put_?\"; includes = [\"r\"]; } );\n"
	"    grants = ( { provider = \"okta\"; group = \"eng\"; scopes = [\"w\"]; mode = \"shadow\"; when = { args = ( { at = \"/repo\"; like = \"x\"; } ); }; } );\n"
	"    denies = ( { tools = [\"*_x\"]; } );\n"
	"    deadline = \"250ms\";\n"
	"  } );\n";

static struct conf *read_text(const char *text, struct findings *findings)
{
	struct conf *conf = conf_read_text(text, strlen(text), "/nowhere/ema.conf", findings);
	if (!conf)
		show_all(findings);
	assert_non_null(conf);
	return conf;
}

/* JAG-118: what a provider's entry does not say is the strict way. */
static void typed_values(void **state)
{
	(void)state;
	struct findings findings = { NULL, 0, 0, 0 };
	struct conf *conf = read_text(company, &findings);
	const struct conf_provider *okta = &conf->providers[0], *contractors = &conf->providers[1];
	const struct conf_service *service = &conf->services[0];
	assert_string_equal(okta->instance.plugin, "okta_xaa");
	assert_string_equal(conf_child(okta->instance.node, "org")->string, "https://acme.okta.com");
	assert_string_equal(okta->authority.list[0], "acme.example");
	assert_int_equal(okta->accepts, 0);
	assert_int_equal(okta->fetch.connect_ms, 1000);
	assert_int_equal(okta->fetch.total_ms, 9000);
	assert_int_equal(okta->fetch.redirects, 1);
	assert_int_equal(okta->algorithms, JOSE_DEFAULT_SET);
	assert_int_equal(okta->skew, 30);
	assert_int_equal(okta->longest, 300);
	assert_int_equal(okta->oldest, 0);
	assert_int_equal(okta->stale_ms, 86400000);
	assert_int_equal(okta->cooldown_ms, 60000);
	assert_int_equal(okta->kidless_most, 1);
	assert_int_equal(okta->actor_depth, 1);
	assert_int_equal(okta->replay, REPLAY_SINGLE_USE);
	assert_int_equal(okta->scope_rule, SCOPE_STRICT);
	assert_int_equal(okta->guests, GUESTS_REFUSE);
	assert_false(okta->public_clients || okta->drop_unknown_scopes || okta->insecure_http || okta->read_only_ms || okta->jwks_hosts.count ||
	             okta->internal_hosts.count);
	assert_int_equal(contractors->accepts, EMA_ACCESS_TOKEN);
	assert_int_equal(contractors->skew, 60);
	assert_int_equal(contractors->algorithms, JOSE_BIT(JOSE_ES512) | JOSE_BIT(JOSE_RS256));
	assert_int_equal(contractors->fetch.connect_ms, 2000);
	assert_true(conf->directories[0].last_known);
	assert_int_equal(conf->directories[0].max_age_ms, 300000);
	assert_string_equal(conf->sinks[0].instance.id, "file");
	assert_string_equal(conf->sinks[2].instance.id, "file-3");
	assert_int_equal(conf->sinks[0].on_failure, FAILURE_DENY);
	assert_int_equal(conf->sinks[2].on_failure, FAILURE_CONTINUE);
	assert_string_equal(conf->store.plugin, "memory");
	assert_int_equal(conf->store_entries, 1000000);
	assert_int_equal(conf->store_bytes, 268435456);
	assert_int_equal(conf->spool_bytes, 8388608);
	assert_int_equal(conf->clients[0].auth, AUTH_SECRET_POST);
	assert_int_equal(conf->clients[0].token_lifetime, 600);
	assert_int_equal(conf->token.algorithm, JOSE_ES256);
	assert_int_equal(conf->token.lifetime, 3600);
	assert_true(conf->token.rotate_after_ms == INT64_C(2592000000) && conf->token.publish_before_ms == 3600000);
	/* JAG-109: the shortest of those that are written, and the client's only shortens. */
	struct conf_service short_lived = { .token_lifetime = 300 }, plain = { .token_lifetime = 0 };
	struct conf_client longer = { .token_lifetime = 7200 };
	assert_int_equal(conf_token_lifetime(conf, &plain, NULL), 3600);
	assert_int_equal(conf_token_lifetime(conf, &plain, &conf->clients[0]), 600);
	assert_int_equal(conf_token_lifetime(conf, &plain, &longer), 3600);
	assert_int_equal(conf_token_lifetime(conf, &short_lived, &conf->clients[0]), 300);
	assert_non_null(conf->clients[0].credentials[0].secret);
	assert_int_equal(conf->stacks[0].rules.count, 2);
	assert_true(conf->stacks[0].rules.list[0].is_stack);
	assert_string_equal(conf->stacks[0].rules.list[0].target, "okta-only");

	assert_string_equal(service->issuer, "https://auth.acme.example");
	assert_string_equal(service->former_issuers.list[0], "https://old.example");
	assert_int_equal(service->former_until[0], 1798761600);
	assert_int_equal(service->identity.count, 3);
	assert_string_equal(service->identity.list[0].control.keyword, "sufficient");
	const struct conf_rule *rule = &service->identity.list[1];
	assert_true(rule->is_stack);
	assert_string_equal(rule->when->email_domains.list[0], "acme.example");
	assert_int_equal(rule->when->not_before, 1772240523);
	assert_int_equal(rule->when->windows[0].days, 1 << 1 | 1 << 7);
	assert_int_equal(rule->when->windows[0].from, 22 * 60);
	assert_int_equal(rule->when->windows[0].until, 6 * 60 + 30);
	assert_int_equal(rule->when->windows[0].offset, -150);
	rule = &service->identity.list[2];
	assert_null(rule->control.keyword);
	assert_int_equal(rule->control.action[EMA_OK], ACTION_DONE);
	assert_int_equal(rule->control.action[EMA_NOT_MINE], ACTION_IGNORE);
	for (int i = EMA_INTERNAL; i < 64; i++)
		assert_int_equal(rule->control.action[i], i == EMA_NOT_MINE ? ACTION_IGNORE : ACTION_DIE);
	assert_string_equal(service->guards.list[0].control.keyword, "required");
	assert_int_equal(service->audiences[0].is.count, 2);
	assert_true(service->audiences[0].scope_any);
	assert_true(service->directories[0].required);
	assert_false(service->scopes[0].writes);
	assert_true(service->scopes[1].writes);
	assert_string_equal(service->scopes[1].includes.list[0], "r");
	assert_true(service->grants[0].shadow);
	assert_non_null(service->grants[0].when);
	assert_string_equal(service->denies[0].tools.list[0], "*_x");
	assert_int_equal(service->deadline_ms, 250);
	assert_int_equal(service->shadow_until, 0);
	conf_free(conf);
	findings_free(&findings);
}

/* JWT-43: the bounds of a fetch where nobody wrote any. */
static void bounds_of_a_fetch(void **state)
{
	(void)state;
	struct findings findings = { NULL, 0, 0, 0 };
	struct conf *conf = read_text("issuer = \"https://auth.acme.example\";\n"
	                              "providers = ( { id = \"okta\"; plugin = \"okta_xaa\"; org = \"https://acme.okta.com\"; } );\n", &findings);
	assert_int_equal(conf->fetch.connect_ms, 2000);
	assert_int_equal(conf->fetch.total_ms, 5000);
	assert_int_equal(conf->providers[0].fetch.connect_ms, 2000);
	assert_int_equal(conf->providers[0].fetch.total_ms, 5000);
	conf_free(conf);
	findings_free(&findings);
}

static void controls(void **state)
{
	(void)state;
	static const struct { const char *word; int ok, not_mine, other; } rows[] = {
		{ "required", ACTION_OK, ACTION_BAD, ACTION_BAD },
		{ "requisite", ACTION_OK, ACTION_DIE, ACTION_DIE },
		{ "sufficient", ACTION_DONE, ACTION_IGNORE, ACTION_BAD },
		{ "optional", ACTION_IGNORE, ACTION_IGNORE, ACTION_IGNORE },
	};
	for (size_t i = 0; i < 4; i++) {
		const struct conf_control *control = conf_keyword(rows[i].word);
		assert_non_null(control);
		for (int code = 0; code < 64; code++)
			assert_int_equal(control->action[code], code == EMA_OK ? rows[i].ok : code == EMA_NOT_MINE ? rows[i].not_mine : rows[i].other);
	}
	assert_null(conf_keyword("Required"));
	assert_null(conf_keyword("include"));
}

static void units(void **state)
{
	(void)state;
	static const struct { const char *text; int64_t value; } durations[] = {
		{ "0", 0 }, { "0s", 0 }, { "250ms", 250 }, { "30s", 30000 }, { "5m", 300000 }, { "5min", 300000 }, { "24h", 86400000 },
		{ "7d", 604800000 }, { "1w", 604800000 }, { "", -1 }, { "5", -1 }, { "s", -1 }, { "5 m", -1 }, { "-5s", -1 }, { "+5s", -1 },
		{ "1.5h", -1 }, { "5S", -1 }, { "5ss", -1 }, { "9223372036854775807ms", INT64_MAX }, { "9223372036854775808ms", -1 },
		{ "9223372036854775807s", -1 }, { "99999999999999999999s", -1 }, { " 5s", -1 }, { "0x5s", -1 },
	}, sizes[] = {
		{ "0", 0 }, { "512", 512 }, { "512B", 512 }, { "16KiB", 16384 }, { "1MiB", 1048576 }, { "2GiB", 2147483648 }, { "1kB", 1000 },
		{ "1MB", 1000000 }, { "1KB", -1 }, { "1M", -1 }, { "1 MiB", -1 }, { "8388608TiB", -1 }, { "8388607TiB", INT64_C(9223370937343148032) },
		{ "-1", -1 }, { "", -1 }, { "KiB", -1 },
	};
	for (size_t i = 0; i < sizeof durations / sizeof *durations; i++) {
		int64_t value = -1;
		assert_int_equal(conf_duration(durations[i].text, &value), durations[i].value < 0 ? -1 : 0);
		assert_int_equal(value, durations[i].value);
	}
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		int64_t value = -1;
		assert_int_equal(conf_size(sizes[i].text, &value), sizes[i].value < 0 ? -1 : 0);
		assert_int_equal(value, sizes[i].value);
	}
}

static void dates(void **state)
{
	(void)state;
	static const struct { const char *text; int64_t value; } rows[] = {
		{ "1970-01-01", 0 }, { "1972-03-01", 68256000 }, { "2000-02-29", 951782400 }, { "2024-02-29", 1709164800 }, { "2026-11-23", 1795392000 },
		{ "2026-11-23T11:40:33Z", 1795434033 }, { "2100-03-01", 4107542400 }, { "2026-02-29", -1 }, { "2026-13-01", -1 }, { "2026-1-1", -1 },
		{ "2026-11-23T24:00:00Z", -1 }, { "2026-11-23T11:40:33", -1 }, { "", -1 }, { "2026-11-23 11:40:33Z", -1 }, { "1969-12-31", -1 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t value = -1;
		assert_int_equal(value_date(rows[i].text, &value), rows[i].value < 0 ? -1 : 0);
		assert_int_equal(value, rows[i].value);
	}
}

static void nearest(void **state)
{
	(void)state;
	static const char *const names[] = { "providers", "provider", "issuer", "required", "requisite", "id", NULL };
	static const struct { const char *wrong, *right; } rows[] = {
		{ "provders", "providers" }, { "provdier", "provider" }, { "Issuer", "issuer" }, { "isuser", "issuer" }, { "requierd", "required" },
		{ "ids", "id" }, { "zebra", NULL }, { "", NULL },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *name = conf_nearest(rows[i].wrong, names);
		if (rows[i].right)
			assert_string_equal(name, rows[i].right);
		else
			assert_null(name);
	}
}

static char *slurp(const char *path)
{
	FILE *file = fopen(path, "r");
	if (!file)
		return NULL;
	char *content = calloc(1, 262144);
	assert_non_null(content);
	assert_true(fread(content, 1, 262143, file) > 0);
	fclose(file);
	return content;
}

static int has(const char *text, const char *before, const char *key, const char *after)
{
	char want[128];
	snprintf(want, sizeof want, "%s%s%s", before, key, after);
	return strstr(text, want) != NULL;
}

static void table_example_and_manual_are_in_step(void **state)
{
	(void)state;
	char *example = slurp(SRCDIR "/etc/ema.conf"), *manual = slurp(SRCDIR "/man/ema.conf.5");
	static const struct { const struct conf_section *section; enum conf_instance_kind kind; } open[] = {
		{ &section_provider, CONF_PROVIDER }, { &section_directory, CONF_DIRECTORY }, { &section_guard, CONF_GUARD },
		{ &section_audit, CONF_AUDIT }, { &section_store, CONF_STORE },
	};
	assert_non_null(example);
	assert_non_null(manual);
	for (const struct conf_section *const *section = sections; *section; section++)
		for (size_t i = 0; i < (*section)->count; i++) {
			const struct conf_key *key = &(*section)->keys[i];
			if (!has(example, "", key->name, " = "))
				fail_msg("etc/ema.conf lacks %s of %s", key->name, (*section)->name);
			if (!has(manual, ".It Ic ", key->name, "\n") && !has(manual, ".It Ic ", key->name, " "))
				fail_msg("ema.conf(5) lacks %s of %s", key->name, (*section)->name);
			/* The example shows the default; words stand there as an array. */
			if (key->fallback && key->type != KEY_WORDS && key->type != KEY_NODE) {
				int quoted = key->type != KEY_BOOL && key->type != KEY_INT;
				char value[128];
				snprintf(value, sizeof value, " = %s%s%s;", quoted ? "\"" : "", key->fallback, quoted ? "\"" : "");
				if (!has(example, "", key->name, value))
					fail_msg("etc/ema.conf shows %s of %s with another value than %s", key->name, (*section)->name, value);
			}
		}
	for (size_t i = 0; i < sizeof open / sizeof *open; i++) {
		const char *const *names = conf_core_keys(open[i].kind);
		for (size_t j = 0; j < open[i].section->count; j++)
			assert_string_equal(names[j], open[i].section->keys[j].name);
		assert_null(names[open[i].section->count]);
	}
	free(example);
	free(manual);
}

/* Takes the "#" from each line that is a setting. */
static char *uncommented(void)
{
	char *text = slurp(SRCDIR "/etc/ema.conf");
	assert_non_null(text);
	for (char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (line[0] == '#' && line[1] != '#' && line[1] != ' ' && line[1] != '\n')
			line[0] = ' ';
	return text;
}

static void the_example_loads(void **state)
{
	(void)state;
	char folder[] = "/tmp/ema-example-XXXXXX", path[64];
	static const char *const files[] = { "company-ca.pem", "okta.jwks", "vscode.jwks", "github.tools" };
	struct findings findings = { NULL, 0, 0, 0 };
	char *shipped = slurp(SRCDIR "/etc/ema.conf"), *all = uncommented();
	struct conf *conf = read_text(shipped, &findings);
	conf_free(conf);
	findings_free(&findings);
	assert_non_null(mkdtemp(folder));
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, files[i]);
		FILE *file = fopen(path, "w");
		assert_non_null(file);
		fputs(i ? "{ \"tools\": [] }\n" : "-----BEGIN CERTIFICATE-----\n", file);
		fclose(file);
	}
	snprintf(path, sizeof path, "%s/ema.conf", folder);
	conf = conf_read_text(all, strlen(all), path, &findings);
	if (!conf || findings.count)
		show_all(&findings);
	assert_non_null(conf);
	assert_int_equal(findings.count, 0);
	assert_int_equal(conf->service_count, 1);
	conf_free(conf);
	findings_free(&findings);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, files[i]);
		unlink(path);
	}
	rmdir(folder);
	free(shipped);
	free(all);
}

static uint32_t dice(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* Damaged on purpose, the same way each time: read or refused with a finding, never a crash. */
static void damage_is_refused_or_read(void **state)
{
	(void)state;
	static const char spice[] = "\"\"(){}[];,=@#/*\\0xL\n'.-\xff";
	char *all = uncommented();
	size_t length = strlen(all);
	char *copy = malloc(length + 1);
	uint32_t seed = 20261123;
	assert_non_null(copy);
	for (int round = 0; round < 1500; round++) {
		struct findings findings = { NULL, 0, 0, 0 };
		const char *from = round % 2 ? company : all;
		size_t size = strlen(from);
		memcpy(copy, from, size + 1);
		for (uint32_t hits = 1 + dice(&seed) % 6; hits; hits--) {
			size_t place = dice(&seed) % size, other = dice(&seed) % size, run = dice(&seed) % 24;
			switch (dice(&seed) % 4) {
			case 0: copy[place] = spice[dice(&seed) % (sizeof spice - 1)]; break;
			case 1: copy[place] = (char)dice(&seed); break;
			case 2: memmove(copy + place, copy + other, size - (place > other ? place : other) < run ? 1 : run); break;
			default: size = size > 100 ? size - dice(&seed) % 8 : size; break;
			}
		}
		struct conf *conf = conf_read_text(copy, size, "/nowhere/ema.conf", &findings);
		assert_true(conf ? !findings.errors : findings.errors > 0);
		conf_free(conf);
		findings_free(&findings);
	}
	free(copy);
	free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(typed_values),
		cmocka_unit_test(bounds_of_a_fetch),
		cmocka_unit_test(controls),
		cmocka_unit_test(units),
		cmocka_unit_test(dates),
		cmocka_unit_test(nearest),
		cmocka_unit_test(table_example_and_manual_are_in_step),
		cmocka_unit_test(the_example_loads),
		cmocka_unit_test(damage_is_refused_or_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
