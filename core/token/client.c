/* The clients of a configuration: their secrets, keys and certificates, read when it is loaded. */
#include "client.h"

#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "clients.h"
#include "secret.h"

#define CLIENT_CERTIFICATES_MOST 16
#define CLIENT_FILE_MOST ((size_t)CLIENT_CERTIFICATES_MOST * CERTIFICATE_BYTES_MOST)

struct client_opening {
	struct clients *clients;
	struct findings *findings;
};

int clients_hash(const struct clients *clients, const char *secret, size_t length, unsigned char out[CLIENT_HASH])
{
	unsigned size = 0;
	unsigned char mac[EVP_MAX_MD_SIZE];
	int done = HMAC(EVP_sha256(), clients->salt, sizeof clients->salt, (const unsigned char *)secret, length, mac, &size) && size == CLIENT_HASH;
	if (done)
		memcpy(out, mac, CLIENT_HASH);
	secret_wipe(mac, sizeof mac);
	return done ? 0 : -1;
}

int clients_counts(const struct conf_credential *credential, int64_t now)
{
	return (!credential->not_before || now >= credential->not_before) && (!credential->not_after || now < credential->not_after);
}

static void secret_open(struct client_opening *o, const struct conf_client *conf, const struct conf_credential *credential, struct client_secret *out)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.~-";
	size_t length = 0;
	char *text = conf_secret(o->clients->settings.conf, credential->secret, "secret", &length, o->findings);
	const char *wrong = NULL;
	if (!text)
		return;
	out->conf = credential;
	if (length < CLIENT_SECRET_LEAST || length > CLIENT_SECRET_MOST)
		wrong = "it has not 16 to 512 characters: make one with `openssl rand -hex 32`";
	else if (conf->auth == AUTH_SECRET_BASIC && strspn(text, plain) != length)
		wrong = "with client_secret_basic it can have letters, digits and _ . ~ - alone, since clients do not agree on how others are encoded: "
			"make one with `openssl rand -hex 32`";
	for (size_t i = 0; i < length && !wrong; i++)
		if (text[i] < ' ' || text[i] > '~')
			wrong = "it has a character that is no printable ASCII, or a second line";
	if (wrong)
		finding_node(o->findings, "E-VALUE", credential->secret, "the secret of client \"%.64s\": %s", conf->id, wrong);
	else if (clients_hash(o->clients, text, length, out->hash))
		o->findings->out_of_memory = 1;
	secret_wipe(text, length);
	free(text);
}

static void keys_open(struct client_opening *o, const struct conf_client *conf, const struct conf_credential *credential, struct client_keys *out)
{
	const struct conf *all = o->clients->settings.conf;
	struct failure failure = FAILURE_INIT;
	struct keyset_settings settings = {
		.id = conf->id,
		.whose = o->clients->settings.which == CLIENTS_CALLERS ? "caller" : "client",
		.issuer = conf->id,
		.jwks_url = credential->jwks_url,
		.jwks_file = credential->jwks_file,
		.jwks_text = credential->jwks,
		.fetch = conf_fetch_rules(&all->fetch),
		.stale_ms = INT64_C(24) * 3600 * 1000,
	};
	settings.fetch.insecure_http = conf->insecure_http;
	settings.fetch.internal_hosts = conf->internal_hosts.list;
	settings.fetch.internal_host_count = conf->internal_hosts.count;
	out->conf = credential;
	int code = keyset_open(o->clients->settings.trust, &settings, &out->keyset, &failure);
	if (code == EMA_OUT_OF_MEMORY)
		o->findings->out_of_memory = 1;
	else if (code)
		finding_node(o->findings, "E-VALUE", credential->node, "%s", failure.text);
}

/* PEM, one certificate after the other. */
static void certificates_open(struct client_opening *o, struct client *client)
{
	static const char end[] = "-----END CERTIFICATE-----";
	const struct conf_client *conf = client->conf;
	const struct conf_node *node = conf_child(conf->node, "certificate_file");
	size_t length = 0;
	char *text = conf_file(o->clients->settings.conf, node, conf->certificate_file, CLIENT_FILE_MOST, 0, &length, o->findings);
	if (!text)
		return;
	client->certificates = calloc(CLIENT_CERTIFICATES_MOST, sizeof(struct certificate *));
	if (!client->certificates)
		o->findings->out_of_memory = 1;
	char *at = text;
	for (char *next; client->certificates && (next = strstr(at, end)); at = next) {
		struct failure failure = FAILURE_INIT;
		next += sizeof end - 1;
		if (client->certificate_count == CLIENT_CERTIFICATES_MOST) {
			finding_node(o->findings, "E-VALUE", node, "certificate_file has over %d certificates", CLIENT_CERTIFICATES_MOST);
			break;
		}
		int code = certificate_read(at, (size_t)(next - at), &client->certificates[client->certificate_count], &failure);
		if (code == EMA_OUT_OF_MEMORY)
			o->findings->out_of_memory = 1;
		else if (code)
			finding_node(o->findings, "E-VALUE", node, "certificate_file: number %zu: %s", client->certificate_count + 1, failure.text);
		if (code)
			break;
		client->certificate_count++;
	}
	if (client->certificates && !client->certificate_count && !o->findings->errors)
		finding_node(o->findings, "E-VALUE", node, "certificate_file has no certificate in PEM");
	free(text);
}

static void tls_open(struct client_opening *o, struct client *client)
{
	const struct conf_client *conf = client->conf;
	if (conf->san_ip && !certificate_is_address(conf->san_ip))
		finding_node(o->findings, "E-VALUE", conf_child(conf->node, "san_ip"), "san_ip is no IP address");
	if (conf->san_email && !strchr(conf->san_email, '@'))
		finding_node(o->findings, "E-VALUE", conf_child(conf->node, "san_email"), "san_email is no e-mail address");
	if (!conf->subject_dn)
		return;
	client->dn = malloc(CERTIFICATE_DN_MOST);
	if (!client->dn)
		o->findings->out_of_memory = 1;
	else if (certificate_dn(conf->subject_dn, client->dn))
		finding_node(o->findings, "E-VALUE", conf_child(conf->node, "subject_dn"),
			     "subject_dn is no distinguished name: write it as `openssl x509 -noout -subject -nameopt RFC2253,-esc_msb` does, \"CN=vscode,O=Acme\"");
}

static void client_open(struct client_opening *o, const struct conf_client *conf, struct client *client)
{
	client->conf = conf;
	switch (conf->auth) {
	case AUTH_SECRET_BASIC:
	case AUTH_SECRET_POST:
		client->secrets = calloc(conf->credential_count, sizeof *client->secrets);
		client->count = client->secrets ? conf->credential_count : 0;
		for (size_t i = 0; i < client->count; i++)
			secret_open(o, conf, &conf->credentials[i], &client->secrets[i]);
		break;
	case AUTH_PRIVATE_KEY_JWT:
		client->keys = calloc(conf->credential_count, sizeof *client->keys);
		client->count = client->keys ? conf->credential_count : 0;
		for (size_t i = 0; i < client->count; i++)
			keys_open(o, conf, &conf->credentials[i], &client->keys[i]);
		break;
	case AUTH_TLS:
		tls_open(o, client);
		return;
	case AUTH_TLS_SELF_SIGNED:
		certificates_open(o, client);
		return;
	case AUTH_NONE:
		return;
	}
	if (!client->count)
		o->findings->out_of_memory = 1;
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct client *)a)->conf->id, ((const struct client *)b)->conf->id);
}

int clients_open(const struct clients_settings *settings, struct findings *findings, struct clients **out)
{
	int callers = settings->which == CLIENTS_CALLERS, before = findings->errors;
	const struct conf_client *list = callers ? settings->conf->callers : settings->conf->clients;
	size_t count = callers ? settings->conf->caller_count : settings->conf->client_count;
	struct clients *clients = calloc(1, sizeof *clients);
	if (!clients || !(clients->list = calloc(count ? count : 1, sizeof *clients->list)) || RAND_priv_bytes(clients->salt, sizeof clients->salt) != 1) {
		findings->out_of_memory = 1;
		clients_free(clients);
		return EMA_OUT_OF_MEMORY;
	}
	clients->settings = *settings;
	if (callers || !settings->conf->documents.node)
		clients->settings.documents = NULL;
	struct client_opening opening = { clients, findings };
	for (; clients->count < count; clients->count++) {
		client_open(&opening, &list[clients->count], &clients->list[clients->count]);
		clients->methods |= AUTH_BIT(list[clients->count].auth);
		clients->certificates |= list[clients->count].certificate_bound;
	}
	clients->certificates |= (clients->methods & (AUTH_BIT(AUTH_TLS) | AUTH_BIT(AUTH_TLS_SELF_SIGNED))) != 0;
	if (clients->settings.documents)
		clients->methods |= AUTH_BIT(AUTH_PRIVATE_KEY_JWT) | (settings->conf->documents.public ? AUTH_BIT(AUTH_NONE) : 0);
	if (findings->errors != before || findings->out_of_memory) {
		clients_free(clients);
		return findings->out_of_memory ? EMA_OUT_OF_MEMORY : EMA_CONFIG;
	}
	qsort(clients->list, clients->count, sizeof *clients->list, by_id);
	*out = clients;
	return EMA_OK;
}

void clients_free(struct clients *clients)
{
	if (!clients)
		return;
	for (size_t i = 0; i < clients->count; i++) {
		struct client *client = &clients->list[i];
		for (size_t j = 0; client->keys && j < client->count; j++)
			keyset_close(client->keys[j].keyset);
		for (size_t j = 0; j < client->certificate_count; j++)
			certificate_close(client->certificates[j]);
		if (client->secrets)
			secret_wipe(client->secrets, client->count * sizeof *client->secrets);
		free(client->secrets);
		free(client->keys);
		free(client->certificates);
		free(client->dn);
	}
	free(clients->list);
	secret_wipe(clients, sizeof *clients);
	free(clients);
}

const struct client *clients_find(const struct clients *clients, const char *id)
{
	size_t low = 0, high = clients->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(id, clients->list[middle].conf->id);
		if (!order)
			return &clients->list[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

unsigned clients_methods(const struct clients *clients)
{
	return clients->methods;
}

int clients_certificates(const struct clients *clients)
{
	return clients->certificates;
}

int client_may_reach(const struct client_found *found, const char *service)
{
	const struct conf_strings *services = &found->conf->services;
	/* All of them for clients alone: a caller speaks for those that it names. */
	return conf_has_string(services, service) || (!services->count && !found->conf->purposes);
}

int client_may_redeem(const struct client_found *found)
{
	return (found->grants & GRANT_JWT_BEARER) != 0;
}
