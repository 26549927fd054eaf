/* keyset_open: an instance declares whose tokens it can read, and where their keys are. */
#include <stdio.h>
#include <string.h>

#include "lent.h"

/* Copies what the plugin wrote, as far as its own header knows it. */
static struct ema_issuer issuer_copy(const struct ema_issuer *issuer)
{
	struct ema_issuer copy;
	memset(&copy, 0, sizeof copy);
	size_t size = issuer->size < sizeof copy ? issuer->size : sizeof copy;
	memcpy(&copy, issuer, size);
	return copy;
}

static char *text_or_null(struct room *room, const char *text, int *failed)
{
	char *copy = text ? room_text(room, text) : NULL;
	*failed |= text && !copy;
	return copy;
}

static int declaration_copy(struct instance *instance, const struct ema_issuer *issuer, struct ema_keyset *keyset)
{
	struct room *room = &instance->room;
	struct ema_issuer_name *names = room_take(room, issuer->name_count * sizeof *names);
	const char **tenants = room_take(room, (issuer->tenant_count + 1) * sizeof *tenants);
	int failed = !names || !tenants;
	for (size_t i = 0; !failed && i < issuer->name_count; i++) {
		names[i].issuer = text_or_null(room, issuer->names[i].issuer, &failed);
		names[i].tenant = text_or_null(room, issuer->names[i].tenant, &failed);
	}
	for (size_t i = 0; !failed && i < issuer->tenant_count; i++)
		tenants[i] = text_or_null(room, issuer->tenants[i], &failed);
	keyset->discovery_issuer = text_or_null(room, issuer->discovery_issuer, &failed);
	keyset->flags = issuer->flags;
	keyset->declared = (struct declared){
		.names = names, .name_count = issuer->name_count,
		.tenant_claim = text_or_null(room, issuer->tenant_claim, &failed),
		.tenants = tenants, .tenant_count = issuer->tenant_count,
		.kinds = issuer->kinds,
	};
	return failed ? EMA_OUT_OF_MEMORY : EMA_OK;
}

/* NULL: fine. */
static const char *declaration_fault(const struct instance *instance, const struct ema_issuer *issuer)
{
	if (!issuer->names || !issuer->name_count || issuer->name_count > LENT_NAMES_MOST || issuer->tenant_count > LENT_NAMES_MOST ||
	    (issuer->tenant_count && !issuer->tenants))
		return "a key set needs 1 to 4096 issuer names, and at most 4096 tenants";
	if (!(issuer->kinds & (EMA_ID_JAG | EMA_ACCESS_TOKEN)) || issuer->kinds & ~(EMA_ID_JAG | EMA_ACCESS_TOKEN))
		return "a key set must say which kinds of credentials it is for";
	if (instance->declared_count == LENT_DECLARED_MOST)
		return "too many key sets";
	for (size_t i = 0; i < issuer->name_count; i++) {
		const char *tenant = NULL;
		if (!lent_text_fits(issuer->names[i].issuer, LENT_TEXT_MOST) || (issuer->names[i].tenant && !lent_text_fits(issuer->names[i].tenant, LENT_TEXT_MOST)))
			return "the name of an issuer, or its tenant, is empty, too long or no text";
		if (instance_for_issuer(instance, issuer->names[i].issuer, &tenant))
			return "an issuer is declared twice";
	}
	for (size_t i = 0; i < issuer->tenant_count; i++)
		if (!lent_text_fits(issuer->tenants[i], LENT_TEXT_MOST))
			return "the name of a tenant is empty, too long or no text";
	return NULL;
}

void lent_fetch_rules(const struct instance *instance, struct fetch_rules *out)
{
	const struct conf *conf = instance->settings.conf;
	const struct conf_provider *provider = instance->settings.provider;
	memset(out, 0, sizeof *out);
	if (conf)
		*out = conf_fetch_rules(&conf->fetch);
	if (!provider)
		return;
	if (provider->fetch.proxy)
		out->proxy = provider->fetch.proxy;
	if (provider->fetch.ca_file)
		out->ca_file = provider->fetch.ca_file;
	if (provider->fetch.connect_ms)
		out->connect_ms = provider->fetch.connect_ms;
	if (provider->fetch.total_ms)
		out->total_ms = provider->fetch.total_ms;
	/* None is a number, too; what the provider leaves out came from the global one when it was read. */
	out->redirects = provider->fetch.redirects;
	out->insecure_http = provider->insecure_http;
	out->internal_hosts = provider->internal_hosts.list;
	out->internal_host_count = provider->internal_hosts.count;
	out->jwks_hosts = provider->jwks_hosts.list;
	out->jwks_host_count = provider->jwks_hosts.count;
}

/* The host of a URL, without port and brackets; NULL: it has none. */
static char *url_host(struct room *room, const char *url)
{
	const char *host = url ? strstr(url, "://") : NULL;
	if (!host)
		return NULL;
	host += 3;
	return *host == '[' ? room_copy(room, host + 1, strcspn(host + 1, "]")) : room_copy(room, host, strcspn(host, ":/?#"));
}

/* Hosts that the operator wrote, in the provider's settings, may have private addresses; those of documents and tokens may not. */
static int open_keys(struct instance *instance, const struct ema_issuer *issuer, struct ema_keyset *keyset, struct failure *failure)
{
	const struct conf_provider *provider = instance->settings.provider;
	struct keyset_settings settings = {
		.id = instance->id,
		.issuer = issuer->discovery_issuer ? issuer->discovery_issuer : issuer->names[0].issuer,
		.jwks_url = issuer->jwks_url, .discovery_url = issuer->discovery_url,
	};
	lent_fetch_rules(instance, &settings.fetch);
	if (provider) {
		if (provider->jwks_url || provider->jwks_file || provider->jwks)
			settings.jwks_url = provider->jwks_url;
		settings.jwks_file = provider->jwks_file;
		settings.jwks_text = provider->jwks;
		settings.stale_ms = provider->stale_ms;
		settings.read_only_ms = provider->read_only_ms;
		settings.cooldown_ms = provider->cooldown_ms;
		settings.kidless_most = provider->kidless_most;
	} else {
		settings.stale_ms = INT64_C(86400000);
	}
	const char *urls[] = { settings.jwks_url, settings.discovery_url, settings.issuer };
	size_t count = settings.fetch.internal_host_count, most = count + sizeof urls / sizeof *urls;
	const char **hosts = room_take(&instance->room, most * sizeof *hosts);
	if (!hosts)
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
	if (count)
		memcpy(hosts, settings.fetch.internal_hosts, count * sizeof *hosts);
	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		char *host = url_host(&instance->room, urls[i]);
		if (host)
			hosts[count++] = host;
	}
	settings.fetch.internal_hosts = hosts;
	settings.fetch.internal_host_count = count;
	return keyset_open(instance->settings.trust, &settings, &keyset->declared.keyset, failure);
}

int host_keyset_open(ema_conf *conf, const struct ema_issuer *theirs, ema_keyset **out)
{
	struct instance *instance = conf ? conf->instance : NULL;
	struct failure failure = FAILURE_INIT;
	struct ema_keyset *keyset = NULL;
	if (!instance || atomic_load(&instance->opener) != lent_thread())
		return EMA_INTERNAL;
	const struct conf_provider *provider = instance->settings.provider;
	if (!theirs || !out || theirs->size < offsetof(struct ema_issuer, tenant_claim) || theirs->size > 4096 || instance->settings.kind != PLUGIN_IDENTITY)
		return host_conf_fail(conf, NULL, "keyset_open was called wrongly, or by another kind than identity");
	struct ema_issuer issuer = issuer_copy(theirs);
	const char *fault = declaration_fault(instance, &issuer);
	if (fault)
		return host_conf_fail(conf, NULL, fault);
	if (!(keyset = room_take(&instance->room, sizeof *keyset)) || declaration_copy(instance, &issuer, keyset)) {
		instance->findings->out_of_memory = 1;
		instance->conf_failed = 1;
		return EMA_OUT_OF_MEMORY;
	}
	if (provider && provider->accepts)
		keyset->declared.kinds &= provider->accepts;
	if (!keyset->declared.kinds) {
		char text[160];
		snprintf(text, sizeof text, "the plugin \"%.64s\", as it is set up here, reads \"%s\" alone", plugin_description(instance->plugin)->name,
		         issuer.kinds & EMA_ID_JAG ? "id_jag" : "access_token");
		return host_conf_fail(conf, "accepts", text);
	}
	if (!(issuer.flags & EMA_ISSUER_NO_KEYS)) {
		if (!instance->settings.trust)
			return host_conf_fail(conf, NULL, "no keys can be had here");
		int code = open_keys(instance, &issuer, keyset, &failure);
		if (code) {
			instance->findings->out_of_memory |= code == EMA_OUT_OF_MEMORY;
			host_conf_fail(conf, NULL, failure.text);
			return code;
		}
	}
	instance->declared[instance->declared_count++] = keyset;
	*out = keyset;
	return EMA_OK;
}
