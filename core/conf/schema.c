#include "schema.h"

#include "ema/plugin.h"
#include "jwk.h"
#include "jwt.h"

#define AT(type, member) offsetof(struct type, member), sizeof(((struct type *)0)->member)
#define NOWHERE 0, 0
#define SECTION(name, text, open) const struct conf_section section_##name = { text, name##_keys, sizeof name##_keys / sizeof *name##_keys, open }

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define MIB INT64_C(1048576)

static const char *const accepts_words[] = { "id_jag", "access_token", NULL };
static const char *const guests_words[] = { "refuse", "allow", NULL };
static const char *const replay_words[] = { "single-use", "same-client-reuse", NULL };
static const char *const scope_rule_words[] = { "strict", "narrow", NULL };
static const char *const algorithm_words[] = { "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519", NULL };
const char *const token_words[] = { "ES256", "RS256", "PS256", "Ed25519", NULL };
static const char *const directory_failure_words[] = { "deny", "last_known", NULL };
static const char *const store_loss_words[] = { "deny", "last_known", NULL };
static const char *const sink_failure_words[] = { "deny", "continue", NULL };
static const char *const durability_words[] = { "process", "disk", NULL };
static const char *const mode_words[] = { "enforce", "shadow", NULL };
static const char *const binding_words[] = { "optional", "required", NULL };
static const char *const revision_words[] = { "2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", NULL }; /* enum mcp_revision in its order */
static const char *const unseen_words[] = { "mcp", "connect", NULL };
static const char *const enforcer_words[] = { "proxy", "server", NULL };
static const char *const original_words[] = { "X-Original", "X-Forwarded", "request", NULL };
static const char *const access_words[] = { "read", "write", NULL };
static const char *const auth_words[] = { "private_key_jwt", "client_secret_basic", "client_secret_post", "tls_client_auth", "self_signed_tls_client_auth", "none", NULL };
static const char *const caller_auth_words[] = { "private_key_jwt", "client_secret_basic", "client_secret_post", "tls_client_auth", "self_signed_tls_client_auth", NULL };
static const char *const grant_words[] = { "jwt-bearer", "none", NULL };
static const char *const purpose_words[] = { "introspection", "authzen", "metrics", NULL }; /* CALLER_ bits */
static const char *const proof_words[] = { "optional", "required", NULL };
static const char *const serve_words[] = { "token", "metadata", "introspection", "health", "metrics", "decision", "authzen", NULL }; /* EMA_SERVE_* in their order */

static const struct conf_key fetch_keys[] = {
	{ "proxy", KEY_STRING, FORM_URL, 0, AT(conf_fetch, proxy), 0, 0, NULL, NULL, NULL, "HTTP proxy, as http://HOST:PORT; none is taken from the environment" },
	{ "ca_file", KEY_STRING, FORM_FILE, 0, AT(conf_fetch, ca_file), 0, 0, NULL, NULL, NULL, "certificate authorities instead of the system's, PEM" },
	{ "connect", KEY_DURATION, FORM_ANY, 0, AT(conf_fetch, connect_ms), 100, 30 * SECOND, "2s", NULL, NULL, "time to connect" },
	{ "total", KEY_DURATION, FORM_ANY, 0, AT(conf_fetch, total_ms), 100, 60 * SECOND, "5s", NULL, NULL, "time for all of a fetch" },
	{ "redirects", KEY_INT, FORM_ANY, 0, AT(conf_fetch, redirects), 0, 2, "0", NULL, NULL, "redirects to follow, https to https on the same host" },
};
SECTION(fetch, "fetch", 0);

static const struct conf_key provider_keys[] = {
	{ "id", KEY_STRING, FORM_ID, 1, AT(conf_provider, instance.id), 0, 0, NULL, NULL, NULL, "the name that rules, grants and audit use" },
	{ "plugin", KEY_STRING, FORM_ANY, 1, AT(conf_provider, instance.plugin), 0, 0, NULL, NULL, NULL, "identity plugin: its name, or an absolute path" },
	{ "authority", KEY_STRINGS, FORM_DOMAIN, 0, AT(conf_provider, authority), 0, 0, NULL, NULL, NULL, "e-mail domains that this provider alone may assert" },
	{ "accepts", KEY_WORDS, FORM_ANY, 0, AT(conf_provider, accepts), 0, 0, NULL, accepts_words, NULL, "kinds of credential; default: what the plugin can read" },
	{ "guests", KEY_WORD, FORM_ANY, 0, AT(conf_provider, guests), 0, 0, "refuse", guests_words, NULL, "people with an address of another provider's authority" },
	{ "replay", KEY_WORD, FORM_ANY, 0, AT(conf_provider, replay), 0, 0, "single-use", replay_words, NULL, "how often an assertion may be redeemed" },
	{ "replay_uses", KEY_INT, FORM_ANY, 0, AT(conf_provider, replay_uses), 1, 1000, "10", NULL, NULL, "with same-client-reuse: how many times at most" },
	{ "scope_rule", KEY_WORD, FORM_ANY, 0, AT(conf_provider, scope_rule), 0, 0, "strict", scope_rule_words, NULL, "whether a request may ask for fewer scopes than the assertion has" },
	{ "drop_unknown_scopes", KEY_BOOL, FORM_ANY, 0, AT(conf_provider, drop_unknown_scopes), 0, 0, "false", NULL, NULL, "drop scopes that the service does not have, instead of refusing" },
	{ "algorithms", KEY_WORDS, FORM_ANY, 0, AT(conf_provider, algorithms), JOSE_RS256, 0, "RS256 PS256 ES256 EdDSA Ed25519", algorithm_words, NULL, "signature algorithms that are taken" },
	{ "skew", KEY_SECONDS, FORM_ANY, 0, AT(conf_provider, skew), 0, JWT_SKEW_MOST, "30s", NULL, NULL, "difference of clocks that is borne" },
	{ "max_lifetime", KEY_SECONDS, FORM_ANY, 0, AT(conf_provider, longest), 1, 3600, "300s", NULL, NULL, "longest lifetime of an ID-JAG (exp - iat)" },
	{ "max_age", KEY_SECONDS, FORM_ANY, 0, AT(conf_provider, oldest), 0, 86400, "0s", NULL, NULL, "oldest ID-JAG by its iat; 0s: any" },
	{ "stale_keys", KEY_DURATION, FORM_ANY, 0, AT(conf_provider, stale_ms), 0, 30 * DAY, "24h", NULL, NULL, "keys are served so long while the provider is away" },
	{ "read_only_after", KEY_DURATION, FORM_ANY, 0, AT(conf_provider, read_only_ms), 0, 30 * DAY, "0s", NULL, NULL, "after this time of stale keys, reading scopes alone; 0s: never" },
	{ "cooldown", KEY_DURATION, FORM_ANY, 0, AT(conf_provider, cooldown_ms), 60 * SECOND, HOUR, "60s", NULL, NULL, "least time between two fetches for a key id that is unknown or of another kind, or a bad signature" },
	{ "kidless_keys", KEY_INT, FORM_ANY, 0, AT(conf_provider, kidless_most), 1, 8, "1", NULL, NULL, "keys to try for a token that names none" },
	{ "jwks_url", KEY_STRING, FORM_URL, 0, AT(conf_provider, jwks_url), 0, 0, NULL, NULL, NULL, "where the keys are, instead of where the plugin or discovery says" },
	{ "jwks_file", KEY_STRING, FORM_FILE, 0, AT(conf_provider, jwks_file), 0, 0, NULL, NULL, NULL, "keys in a file, instead of fetched ones" },
	{ "jwks", KEY_STRING, FORM_ANY, 0, AT(conf_provider, jwks), 0, 0, NULL, NULL, NULL, "the same, written here" },
	{ "jwks_hosts", KEY_STRINGS, FORM_HOST, 0, AT(conf_provider, jwks_hosts), 0, 0, NULL, NULL, NULL, "other hosts that a discovery document may send to for keys" },
	{ "internal_hosts", KEY_STRINGS, FORM_HOST, 0, AT(conf_provider, internal_hosts), 0, 0, NULL, NULL, NULL, "hosts that may have private addresses" },
	{ "fetch", KEY_GROUP, FORM_ANY, 0, AT(conf_provider, fetch), 0, 0, NULL, NULL, &section_fetch, "as the global one, for this provider" },
	{ "insecure_http", KEY_BOOL, FORM_ANY, 0, AT(conf_provider, insecure_http), 0, 0, "false", NULL, NULL, "plain http, on loopback alone" },
	{ "aud_tenants", KEY_STRINGS, FORM_ANY, 0, AT(conf_provider, aud_tenants), 0, 0, NULL, NULL, NULL, "tenants of ours that its assertions may name (aud_tenant)" },
	{ "actor_required", KEY_BOOL, FORM_ANY, 0, AT(conf_provider, actor_required), 0, 0, "false", NULL, NULL, "an assertion must name an actor (act)" },
	{ "actors", KEY_STRINGS, FORM_ANY, 0, AT(conf_provider, actors), 0, 0, NULL, NULL, NULL, "subjects that may act; default: any" },
	{ "actor_depth", KEY_INT, FORM_ANY, 0, AT(conf_provider, actor_depth), 1, 8, "1", NULL, NULL, "how deep actors may be nested" },
	{ "clients", KEY_STRINGS, FORM_ANY, 0, AT(conf_provider, clients), 0, 0, NULL, NULL, NULL, "client ids that may come with its assertions; default: any" },
	{ "public_clients", KEY_BOOL, FORM_ANY, 0, AT(conf_provider, public_clients), 0, 0, "false", NULL, NULL, "clients with auth = \"none\" may come with its assertions" },
	{ "monthly_quota", KEY_INT, FORM_ANY, 0, AT(conf_provider, monthly_quota), 0, 1000000, "0", NULL, NULL, "ID-JAGs that it gives a person a month and issuer of ours; 0: no bound" },
};
SECTION(provider, "provider", 1);

static const struct conf_key directory_keys[] = {
	{ "id", KEY_STRING, FORM_ID, 1, AT(conf_directory, instance.id), 0, 0, NULL, NULL, NULL, "the name that services use" },
	{ "plugin", KEY_STRING, FORM_ANY, 1, AT(conf_directory, instance.plugin), 0, 0, NULL, NULL, NULL, "directory plugin: its name, or an absolute path" },
	{ "max_age", KEY_DURATION, FORM_ANY, 0, AT(conf_directory, max_age_ms), 0, 30 * DAY, "5m", NULL, NULL, "how long an answer is believed, if the plugin does not say" },
	{ "on_failure", KEY_WORD, FORM_ANY, 0, AT(conf_directory, last_known), 0, 0, "deny", directory_failure_words, NULL, "what counts while it does not answer" },
};
SECTION(directory, "directory", 1);

static const struct conf_key guard_keys[] = {
	{ "id", KEY_STRING, FORM_ID, 1, AT(conf_guard, instance.id), 0, 0, NULL, NULL, NULL, "the name that services use" },
	{ "plugin", KEY_STRING, FORM_ANY, 1, AT(conf_guard, instance.plugin), 0, 0, NULL, NULL, NULL, "guard plugin: its name, or an absolute path" },
};
SECTION(guard, "guard", 1);

static const struct conf_key audit_keys[] = {
	{ "id", KEY_STRING, FORM_ID, 0, AT(conf_sink, instance.id), 0, 0, NULL, NULL, NULL, "a name for messages; default: the plugin's, numbered" },
	{ "plugin", KEY_STRING, FORM_ANY, 1, AT(conf_sink, instance.plugin), 0, 0, NULL, NULL, NULL, "audit plugin: its name, or an absolute path" },
	{ "on_failure", KEY_WORD, FORM_ANY, 0, AT(conf_sink, on_failure), 0, 0, "deny", sink_failure_words, NULL, "what happens to decisions while the sink fails" },
};
SECTION(audit, "audit", 1);

static const struct conf_key token_keys[] = {
	{ "algorithm", KEY_WORD, FORM_ANY, 0, AT(conf_token, algorithm), 0, 0, "ES256", token_words, NULL, "what new keys are for; another one is a rotation" },
	{ "lifetime", KEY_SECONDS, FORM_ANY, 0, AT(conf_token, lifetime), 60, 86400, "1h", NULL, NULL, "lifetime of our access tokens" },
	{ "rotate_after", KEY_DURATION, FORM_ANY, 0, AT(conf_token, rotate_after_ms), DAY, 365 * DAY, "30d", NULL, NULL, "a key signs for so long" },
	{ "publish_before", KEY_DURATION, FORM_ANY, 0, AT(conf_token, publish_before_ms), SECOND, 7 * DAY, "1h", NULL, NULL, "a key is published for so long before it signs" },
};
SECTION(token, "token", 0);

static const struct conf_key store_keys[] = {
	{ "id", KEY_STRING, FORM_ID, 0, AT(conf, store.id), 0, 0, "store", NULL, NULL, "a name for messages" },
	{ "plugin", KEY_STRING, FORM_ANY, 0, AT(conf, store.plugin), 0, 0, "memory", NULL, NULL, "memory, or a store plugin: its name, or an absolute path" },
};
SECTION(store, "store", 1);

static const struct conf_key store_memory_keys[] = {
	{ "id", KEY_STRING, FORM_ID, 0, AT(conf, store.id), 0, 0, "store", NULL, NULL, "a name for messages" },
	{ "plugin", KEY_STRING, FORM_ANY, 0, AT(conf, store.plugin), 0, 0, "memory", NULL, NULL, "memory, or a store plugin: its name, or an absolute path" },
	{ "entries", KEY_INT, FORM_ANY, 0, AT(conf, store_entries), 1000, 100000000, "1000000", NULL, NULL, "entries of the memory store" },
	{ "size", KEY_SIZE, FORM_ANY, 0, AT(conf, store_bytes), MIB, 65536 * MIB, "256MiB", NULL, NULL, "bytes of the memory store" },
	{ "quota", KEY_INT, FORM_ANY, 0, AT(conf, store_quota), 0, 100000000, "0", NULL, NULL, "entries of the memory store that one provider may fill; 0: a quarter" },
};
SECTION(store_memory, "memory store", 0);

/* What a credential may be called, conf_secret() says: it reads those of plugins too. */
#define SECRET_KEYS \
	{ "file", KEY_STRING, FORM_PATH, 0, NOWHERE, 0, 0, NULL, NULL, NULL, "a file that nobody but its owner may read" }, \
	{ "fd", KEY_INT, FORM_ANY, 0, NOWHERE, 3, 65535, NULL, NULL, NULL, "a descriptor that the process was started with" }, \
	{ "credential", KEY_STRING, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, NULL, "a systemd credential, by name" }

static const struct conf_key secret_keys[] = { SECRET_KEYS };
SECTION(secret, "secret", 0);

#define VALIDITY_KEYS(type) \
	{ "not_before", KEY_DATE, FORM_ANY, 0, AT(type, not_before), 0, 0, NULL, NULL, NULL, "it counts from then on" }, \
	{ "not_after", KEY_DATE, FORM_ANY, 0, AT(type, not_after), 0, 0, NULL, NULL, NULL, "it counts until then" }

static const struct conf_key client_secret_keys[] = { SECRET_KEYS, VALIDITY_KEYS(conf_credential) };
SECTION(client_secret, "secret of a client", 0);

#define JWKS_KEYS(type, member) \
	{ "jwks_file", KEY_STRING, FORM_FILE, 0, AT(type, member jwks_file), 0, 0, NULL, NULL, NULL, "its public keys, for private_key_jwt" }, \
	{ "jwks_url", KEY_STRING, FORM_URL, 0, AT(type, member jwks_url), 0, 0, NULL, NULL, NULL, "where its public keys are, for private_key_jwt" }, \
	{ "jwks", KEY_STRING, FORM_ANY, 0, AT(type, member jwks), 0, 0, NULL, NULL, NULL, "its public keys, written here" }

static const struct conf_key client_key_keys[] = {
	JWKS_KEYS(conf_credential, ),
	VALIDITY_KEYS(conf_credential),
};
SECTION(client_key, "keys of a client", 0);

#define CLIENT_KEYS(words, services_meaning) \
	{ "id", KEY_STRING, FORM_ANY, 1, AT(conf_client, id), 0, 0, NULL, NULL, NULL, "client_id" }, \
	{ "auth", KEY_WORD, FORM_ANY, 1, AT(conf_client, auth), 0, 0, NULL, words, NULL, "how it proves who it is" }, \
	JWKS_KEYS(conf_client, only.), \
	{ "keys", KEY_LIST, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, &section_client_key, "several sources of its public keys, with the dates between which they count" }, \
	{ "secret", KEY_SECRET, FORM_ANY, 0, AT(conf_client, only.secret), 0, 0, NULL, NULL, &section_secret, "its secret, for client_secret_basic and client_secret_post" }, \
	{ "secrets", KEY_LIST, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, &section_client_secret, "several secrets, with the dates between which they count" }, \
	{ "certificate_file", KEY_STRING, FORM_FILE, 0, AT(conf_client, certificate_file), 0, 0, NULL, NULL, NULL, "its certificates, for self_signed_tls_client_auth" }, \
	{ "subject_dn", KEY_STRING, FORM_ANY, 0, AT(conf_client, subject_dn), 0, 0, NULL, NULL, NULL, "for tls_client_auth: the subject of its certificate, as RFC 4514 writes it," }, \
	{ "san_dns", KEY_STRING, FORM_ANY, 0, AT(conf_client, san_dns), 0, 0, NULL, NULL, NULL, "or a DNS name," }, \
	{ "san_uri", KEY_STRING, FORM_ANY, 0, AT(conf_client, san_uri), 0, 0, NULL, NULL, NULL, "or a URI," }, \
	{ "san_ip", KEY_STRING, FORM_ANY, 0, AT(conf_client, san_ip), 0, 0, NULL, NULL, NULL, "or an IP address," }, \
	{ "san_email", KEY_STRING, FORM_ANY, 0, AT(conf_client, san_email), 0, 0, NULL, NULL, NULL, "or an e-mail address of its subjectAltName; one of the five" }, \
	{ "algorithms", KEY_WORDS, FORM_ANY, 0, AT(conf_client, algorithms), JOSE_RS256, 0, "RS256 PS256 ES256 EdDSA Ed25519", algorithm_words, NULL, "signature algorithms of its assertions" }, \
	{ "internal_hosts", KEY_STRINGS, FORM_HOST, 0, AT(conf_client, internal_hosts), 0, 0, NULL, NULL, NULL, "hosts of jwks_url that may have private addresses" }, \
	{ "insecure_http", KEY_BOOL, FORM_ANY, 0, AT(conf_client, insecure_http), 0, 0, "false", NULL, NULL, "plain http, on loopback alone" }, \
	{ "services", KEY_STRINGS, FORM_ANY, 0, AT(conf_client, services), 0, 0, NULL, NULL, NULL, services_meaning }

#define CLIENT_TOKEN_KEYS(type, member) \
	{ "scopes", KEY_STRINGS, FORM_SCOPE, 0, AT(type, member scopes), 0, 0, NULL, NULL, NULL, "scopes that it may have; default: any" }, \
	{ "token_lifetime", KEY_SECONDS, FORM_ANY, 0, AT(type, member token_lifetime), 60, 86400, NULL, NULL, NULL, "longest lifetime of the access tokens that it gets; default: the service's" }, \
	{ "dpop", KEY_WORD, FORM_ANY, 0, AT(type, member proof_required), 0, 0, "optional", proof_words, NULL, "whether it gets tokens without a DPoP proof" }

static const struct conf_key client_keys[] = {
	CLIENT_KEYS(auth_words, "services that it may reach; default: all"),
	CLIENT_TOKEN_KEYS(conf_client, ),
	{ "grants", KEY_WORDS, FORM_ANY, 0, AT(conf_client, grants), 0, 0, "jwt-bearer", grant_words, NULL, "grants that it may use; none: it gets no more tokens" },
	{ "certificate_bound", KEY_BOOL, FORM_ANY, 0, AT(conf_client, certificate_bound), 0, 0, "false", NULL, NULL, "its tokens are bound to its TLS certificate" },
};
SECTION(client, "client", 0);

static const struct conf_key caller_keys[] = {
	CLIENT_KEYS(caller_auth_words, "services that it speaks for; none are wanted for metrics alone"),
	{ "purposes", KEY_WORDS, FORM_ANY, 0, AT(conf_client, purposes), 0, 0, "introspection authzen", purpose_words, NULL, "what it may ask for" },
};
SECTION(caller, "caller", 0);

static const struct conf_key documents_keys[] = {
	{ "hosts", KEY_STRINGS, FORM_HOST, 0, AT(conf_documents, hosts), 0, 0, NULL, NULL, NULL, "hosts any URL of which may be a client id" },
	{ "urls", KEY_STRINGS, FORM_URL, 0, AT(conf_documents, urls), 0, 0, NULL, NULL, NULL, "URLs that are client ids" },
	{ "internal_hosts", KEY_STRINGS, FORM_HOST, 0, AT(conf_documents, internal_hosts), 0, 0, NULL, NULL, NULL, "hosts that may have private addresses" },
	{ "insecure_http", KEY_BOOL, FORM_ANY, 0, AT(conf_documents, insecure_http), 0, 0, "false", NULL, NULL, "plain http, on loopback alone" },
	{ "strict", KEY_BOOL, FORM_ANY, 0, AT(conf_documents, strict), 0, 0, "false", NULL, NULL, "refuse a document that lists the id-jag profile and lacks its grant types" },
	{ "public", KEY_BOOL, FORM_ANY, 0, AT(conf_documents, public), 0, 0, "false", NULL, NULL, "take documents without keys; their tokens are always bound to a DPoP key" },
	{ "services", KEY_STRINGS, FORM_ANY, 0, AT(conf_documents, client.services), 0, 0, NULL, NULL, NULL, "services that these clients may reach; default: all" },
	CLIENT_TOKEN_KEYS(conf_documents, client.),
};
SECTION(documents, "client_documents", 0);

static const struct conf_key stack_keys[] = {
	{ "id", KEY_STRING, FORM_ID, 1, AT(conf_stack, id), 0, 0, NULL, NULL, NULL, "the name that rules use" },
	{ "rules", KEY_LIST, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, &section_rule, "identity rules, as those of a service" },
};
SECTION(stack, "stack", 0);

static const struct conf_key rule_keys[] = {
	{ "control", KEY_NODE, FORM_ANY, 1, NOWHERE, 0, 0, NULL, NULL, NULL, "required, requisite, sufficient, optional, or { CODE = \"ACTION\"; ... }" },
	{ "provider", KEY_STRING, FORM_ID, 0, NOWHERE, 0, 0, NULL, NULL, NULL, "who is asked: a provider," },
	{ "stack", KEY_STRING, FORM_ID, 0, NOWHERE, 0, 0, NULL, NULL, NULL, "or a stack," },
	{ "guard", KEY_STRING, FORM_ID, 0, NOWHERE, 0, 0, NULL, NULL, NULL, "or, in guards, a guard" },
	{ "when", KEY_GROUP, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, &section_rule_when, "the rule is for these alone; for others it answers not_mine, and a guard passes" },
};
SECTION(rule, "rule", 0);

static const struct conf_key window_keys[] = {
	{ "days", KEY_WORDS, FORM_ANY, 0, AT(conf_window, days), 1, 0, "mon tue wed thu fri sat sun",
	  (const char *const[]){ "mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL }, NULL, "days of the week" },
	{ "from", KEY_NODE, FORM_ANY, 0, NOWHERE, 0, 0, "00:00", NULL, NULL, "time of day at which it begins" },
	{ "until", KEY_NODE, FORM_ANY, 0, NOWHERE, 0, 0, "24:00", NULL, NULL, "time of day at which it ends; earlier than from: on the next day" },
	{ "zone", KEY_NODE, FORM_ANY, 0, NOWHERE, 0, 0, "UTC", NULL, NULL, "UTC, or a fixed offset, +01:00" },
};
SECTION(window, "time window", 0);

static const struct conf_key rule_when_keys[] = {
	{ "tenant", KEY_STRINGS, FORM_ANY, 0, AT(conf_when, tenants), 0, 0, NULL, NULL, NULL, "tenants of the provider" },
	{ "client", KEY_STRINGS, FORM_ANY, 0, AT(conf_when, clients), 0, 0, NULL, NULL, NULL, "client ids" },
	{ "email_domain", KEY_STRINGS, FORM_DOMAIN, 0, AT(conf_when, email_domains), 0, 0, NULL, NULL, NULL, "domains of the e-mail address" },
	{ "time", KEY_LIST, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, &section_window, "time windows, one of which must be open" },
	{ "not_before", KEY_DATE, FORM_ANY, 0, AT(conf_when, not_before), 0, 0, NULL, NULL, NULL, "from this date on" },
	{ "not_after", KEY_DATE, FORM_ANY, 0, AT(conf_when, not_after), 0, 0, NULL, NULL, NULL, "until this date" },
};
SECTION(rule_when, "when", 0);

static const struct conf_key audience_keys[] = {
	{ "provider", KEY_STRING, FORM_ID, 1, AT(conf_audience, provider), 0, 0, NULL, NULL, NULL, "whose access tokens" },
	{ "is", KEY_STRINGS, FORM_ANY, 1, AT(conf_audience, is), 0, 0, NULL, NULL, NULL, "audiences (aud), any of which will do" },
	{ "clients", KEY_STRINGS, FORM_ANY, 1, AT(conf_audience, clients), 0, 0, NULL, NULL, NULL, "client ids (azp, appid) that may come" },
	{ "scope_map", KEY_NODE, FORM_ANY, 1, AT(conf_audience, scope_map), 0, 0, NULL, NULL, &section_scope_map, "which of its scopes are which of ours; \"any\": the grants alone limit" },
};
SECTION(audience, "audience", 0);

static const struct conf_key scope_map_keys[] = {
	{ "from", KEY_STRING, FORM_SCOPE, 1, NOWHERE, 0, 0, NULL, NULL, NULL, "a scope of the provider's token" },
	{ "to", KEY_STRINGS, FORM_SCOPE, 1, NOWHERE, 0, 0, NULL, NULL, NULL, "scopes of the service" },
};
SECTION(scope_map, "scope map", 0);

static const struct conf_key service_directory_keys[] = {
	{ "id", KEY_STRING, FORM_ID, 1, AT(conf_service_directory, id), 0, 0, NULL, NULL, NULL, "which directory" },
	{ "for", KEY_STRINGS, FORM_ID, 1, AT(conf_service_directory, providers), 0, 0, NULL, NULL, NULL, "providers for whose subjects it speaks" },
	{ "required", KEY_BOOL, FORM_ANY, 0, AT(conf_service_directory, required), 0, 0, "false", NULL, NULL, "who is absent from it is refused" },
};
SECTION(service_directory, "directory of a service", 0);

static const struct conf_key scope_keys[] = {
	{ "name", KEY_STRING, FORM_SCOPE, 1, AT(conf_scope, name), 0, 0, NULL, NULL, NULL, "as tokens have it" },
	{ "access", KEY_WORD, FORM_ANY, 1, AT(conf_scope, writes), 0, 0, NULL, access_words, NULL, "whether what it opens reads or writes" },
	{ "tools", KEY_STRINGS, FORM_ANY, 0, AT(conf_scope, tools), 0, 0, NULL, NULL, NULL, "tools that it opens, as patterns" },
	{ "prompts", KEY_STRINGS, FORM_ANY, 0, AT(conf_scope, prompts), 0, 0, NULL, NULL, NULL, "prompts that it opens, as patterns" },
	{ "uris", KEY_STRINGS, FORM_ANY, 0, AT(conf_scope, uris), 0, 0, NULL, NULL, NULL, "URIs of MCP resources that it opens, as patterns" },
	{ "includes", KEY_STRINGS, FORM_SCOPE, 0, AT(conf_scope, includes), 0, 0, NULL, NULL, NULL, "narrower scopes: whoever has this one has them too" },
};
SECTION(scope, "scope", 0);

#define GRANT_KEYS(provider_required, scopes_required) \
	{ "provider", KEY_STRING, FORM_ANY, provider_required, AT(conf_grant, provider), 0, 0, NULL, NULL, NULL, "whose subjects; \"*\": any provider's" }, \
	{ "from", KEY_STRINGS, FORM_ID, 0, AT(conf_grant, from), 0, 0, NULL, NULL, NULL, "where the group or role comes from: claims, or a directory" }, \
	{ "tenant", KEY_STRINGS, FORM_ANY, 0, AT(conf_grant, tenants), 0, 0, NULL, NULL, NULL, "tenants of the provider" }, \
	{ "group", KEY_STRINGS, FORM_ANY, 0, AT(conf_grant, groups), 0, 0, NULL, NULL, NULL, "groups" }, \
	{ "role", KEY_STRINGS, FORM_ANY, 0, AT(conf_grant, roles), 0, 0, NULL, NULL, NULL, "roles" }, \
	{ "subject", KEY_STRINGS, FORM_ANY, 0, AT(conf_grant, subjects), 0, 0, NULL, NULL, NULL, "subjects (sub)" }, \
	{ "client", KEY_STRINGS, FORM_ANY, 0, AT(conf_grant, clients), 0, 0, NULL, NULL, NULL, "client ids" }, \
	{ "scopes", KEY_STRINGS, FORM_SCOPE, scopes_required, AT(conf_grant, scopes), 0, 0, NULL, NULL, NULL, "scopes of the service" }, \
	{ "tools", KEY_STRINGS, FORM_ANY, 0, AT(conf_grant, tools), 0, 0, NULL, NULL, NULL, "these tools alone, as patterns" }, \
	{ "prompts", KEY_STRINGS, FORM_ANY, 0, AT(conf_grant, prompts), 0, 0, NULL, NULL, NULL, "these prompts alone, as patterns" }, \
	{ "uris", KEY_STRINGS, FORM_ANY, 0, AT(conf_grant, uris), 0, 0, NULL, NULL, NULL, "these URIs alone, as patterns" }, \
	{ "mode", KEY_WORD, FORM_ANY, 0, AT(conf_grant, shadow), 0, 0, "enforce", mode_words, NULL, "shadow: it does not count, and audit says what it would have done" }, \
	{ "when", KEY_GROUP, FORM_ANY, 0, AT(conf_grant, when), 0, 0, NULL, NULL, &section_grant_when, "under these conditions alone" }

static const struct conf_key grant_keys[] = { GRANT_KEYS(1, 1) };
SECTION(grant, "grant", 0);
static const struct conf_key deny_keys[] = { GRANT_KEYS(0, 0) };
SECTION(deny, "deny", 0);

static const struct conf_key grant_when_keys[] = {
	{ "args", KEY_LIST, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, &section_argument, "conditions on the arguments, all of which must hold" },
	{ "acr", KEY_STRINGS, FORM_ANY, 0, AT(conf_conditions, acr), 0, 0, NULL, NULL, NULL, "authentication contexts, one of which is wanted" },
	{ "amr", KEY_STRINGS, FORM_ANY, 0, AT(conf_conditions, amr), 0, 0, NULL, NULL, NULL, "authentication methods, all of which are wanted" },
	{ "max_age", KEY_SECONDS, FORM_ANY, 0, AT(conf_conditions, max_age), 1, 31536000, NULL, NULL, NULL, "longest time since the login (auth_time)" },
	{ "time", KEY_LIST, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, &section_window, "time windows, one of which must be open" },
	{ "not_before", KEY_DATE, FORM_ANY, 0, AT(conf_conditions, time.not_before), 0, 0, NULL, NULL, NULL, "from this date on" },
	{ "not_after", KEY_DATE, FORM_ANY, 0, AT(conf_conditions, time.not_after), 0, 0, NULL, NULL, NULL, "until this date" },
};
SECTION(grant_when, "when", 0);

static const struct conf_key argument_keys[] = {
	{ "at", KEY_STRING, FORM_POINTER, 1, AT(conf_argument, at), 0, 0, NULL, NULL, NULL, "JSON pointer into the arguments" },
	{ "equals", KEY_NODE, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, NULL, "a string, a number, true or false" },
	{ "like", KEY_STRING, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, NULL, "a pattern" },
	{ "in", KEY_NODE, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, NULL, "an array of strings or numbers" },
	{ "less", KEY_INT, FORM_ANY, 0, AT(conf_argument, less), INT64_MIN, INT64_MAX, NULL, NULL, NULL, "a number that it must be below" },
	{ "greater", KEY_INT, FORM_ANY, 0, AT(conf_argument, greater), INT64_MIN, INT64_MAX, NULL, NULL, NULL, "a number that it must be above" },
	{ "absent", KEY_BOOL, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, NULL, "true: it must not be there" },
};
SECTION(argument, "argument condition", 0);

static const struct conf_key permissions_keys[] = {
	{ "mode", KEY_WORD, FORM_ANY, 1, NOWHERE, 0, 0, NULL, mode_words, NULL, "shadow: what no grant gives is allowed, and audit says what would have been denied" },
	{ "until", KEY_DATE, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, NULL, "when shadow ends; at most 30 days ahead" },
};
SECTION(permissions, "permissions", 0);

static const struct conf_key decision_keys[] = {
	{ "without_body", KEY_WORD, FORM_ANY, 0, AT(conf_decision, without_body), 0, 0, "mcp", unseen_words, NULL, "what is decided where the proxy does not send the message: mcp, by its headers; connect, whether the token may connect" },
	{ "enforced_by", KEY_WORD, FORM_ANY, 0, AT(conf_decision, enforced_by), 0, 0, "proxy", enforcer_words, NULL, "with connect: server, if the MCP server itself asks EMA about each message" },
	{ "original", KEY_WORD, FORM_ANY, 0, AT(conf_decision, original), 0, 0, "X-Original", original_words, NULL, "headers by which the proxy tells method and URI: X-Original-Method and X-Original-URI, X-Forwarded-Method and X-Forwarded-Uri, or the request's own" },
};
SECTION(decision, "decision", 0);

static const struct conf_key former_issuer_keys[] = {
	{ "issuer", KEY_STRING, FORM_ISSUER, 1, NOWHERE, 0, 0, NULL, NULL, NULL, "an issuer that the service had before" },
	{ "until", KEY_DATE, FORM_ANY, 1, NOWHERE, 0, 0, NULL, NULL, NULL, "it is taken as aud until then" },
};
SECTION(former_issuer, "former issuer", 0);

static const struct conf_key service_keys[] = {
	{ "id", KEY_STRING, FORM_ID, 1, AT(conf_service, id), 0, 0, NULL, NULL, NULL, "the name that programs, messages and audit use" },
	{ "resource", KEY_STRING, FORM_RESOURCE, 1, AT(conf_service, resource), 0, 0, NULL, NULL, NULL, "its resource identifier (RFC 9728)" },
	{ "issuer", KEY_STRING, FORM_ISSUER, 0, AT(conf_service, issuer), 0, 0, NULL, NULL, NULL, "an issuer of its own; default: the global one" },
	{ "former_issuers", KEY_LIST, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, &section_former_issuer, "issuers that are still taken as aud" },
	{ "name", KEY_STRING, FORM_ANY, 0, AT(conf_service, name), 0, 0, NULL, NULL, NULL, "its name for people, in its metadata (resource_name)" },
	{ "interactive", KEY_STRING, FORM_ISSUER, 0, AT(conf_service, interactive), 0, 0, NULL, NULL, NULL, "another authorization server, for clients that do not speak EMA" },
	{ "binding", KEY_WORD, FORM_ANY, 0, AT(conf_service, binding), 0, 0, "optional", binding_words, NULL, "whether its access tokens must be bound to a key or certificate of the client" },
	{ "origins", KEY_STRINGS, FORM_ANY, 0, AT(conf_service, origins), 0, 0, NULL, NULL, NULL, "origins of web pages that may come (Origin); default: none" },
	{ "revisions", KEY_WORDS, FORM_ANY, 0, AT(conf_service, revisions), 0, 0, "2026-07-28 2025-11-25", revision_words, NULL, "revisions of MCP that are taken" },
	{ "decision", KEY_GROUP, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, &section_decision, "what reverse proxies are answered" },
	{ "tenants", KEY_STRINGS, FORM_ANY, 0, AT(conf_service, tenants), 0, 0, NULL, NULL, NULL, "tenants that it serves; default: all of its providers'" },
	{ "identity", KEY_LIST, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, &section_rule, "identity rules: a list of providers, or of rules" },
	{ "guards", KEY_LIST, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, &section_rule, "guards: a list of guards, or of rules" },
	{ "audience", KEY_LIST, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, &section_audience, "access tokens of providers that are taken at a request" },
	{ "insecure_shared_audience", KEY_BOOL, FORM_ANY, 0, AT(conf_service, insecure_shared_audience), 0, 0, "false", NULL, NULL, "another service may take the same audience" },
	{ "directory", KEY_LIST, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, &section_service_directory, "directories that are asked" },
	{ "scopes", KEY_LIST, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, &section_scope, "what each scope opens" },
	{ "tools_file", KEY_STRING, FORM_FILE, 0, AT(conf_service, tools_file), 0, 0, NULL, NULL, NULL, "the server's tools, of which those that are accepted are open" },
	{ "default_scopes", KEY_STRINGS, FORM_SCOPE, 0, AT(conf_service, default_scopes), 0, 0, NULL, NULL, NULL, "scopes when neither assertion nor request names any; default: refuse" },
	{ "grants", KEY_LIST, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, &section_grant, "who gets which scopes" },
	{ "denies", KEY_LIST, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, &section_deny, "what is refused, whatever is granted" },
	{ "permissions", KEY_GROUP, FORM_ANY, 0, AT(conf_service, permissions), 0, 0, NULL, NULL, &section_permissions, "shadow mode of the default deny" },
	{ "token_lifetime", KEY_SECONDS, FORM_ANY, 0, AT(conf_service, token_lifetime), 60, 86400, NULL, NULL, NULL, "lifetime of its access tokens; default: the global one" },
	{ "deadline", KEY_DURATION, FORM_ANY, 0, AT(conf_service, deadline_ms), 10, 60 * SECOND, "5s", NULL, NULL, "time for one decision" },
};
SECTION(service, "service", 0);

static const struct conf_key rates_keys[] = {
	{ "address", KEY_INT, FORM_ANY, 0, AT(conf_rates, address), 0, 1000000, "600", NULL, NULL, "requests a minute from one address; 0: any number" },
	{ "subject", KEY_INT, FORM_ANY, 0, AT(conf_rates, subject), 0, 1000000, "60", NULL, NULL, "redemptions a minute by one client for one subject; 0: any number" },
	{ "failure_cost", KEY_INT, FORM_ANY, 0, AT(conf_rates, failure_cost), 1, 1000, "10", NULL, NULL, "what a failure counts" },
};
SECTION(rates, "rates", 0);

static const struct conf_key certificates_keys[] = {
	{ "header", KEY_STRING, FORM_ANY, 0, AT(conf_certificates, header), 0, 0, NULL, NULL, NULL, "where a proxy of ours puts the client's certificate; default: nowhere" },
	{ "verified", KEY_BOOL, FORM_ANY, 0, AT(conf_certificates, verified), 0, 0, "false", NULL, NULL, "the proxy verified its chain, or there is none in the header" },
};
SECTION(certificates, "client_certificates", 0);
static const struct conf_key listen_keys[] = {
	{ "address", KEY_STRING, FORM_ANY, 1, AT(conf_listener, address), 0, 0, NULL, NULL, NULL, "an address and port, \"127.0.0.1:8080\" or \"[::1]:8080\"; \"unix:PATH\"; or \"systemd:NAME\", a socket of systemd by its FileDescriptorName" },
	{ "serve", KEY_WORDS, FORM_ANY, 0, AT(conf_listener, serve), 0, 0, "token metadata", serve_words, NULL, "endpoints that are served there" },
	{ "tls", KEY_GROUP, FORM_ANY, 0, AT(conf_listener, tls), 0, 0, NULL, NULL, &section_tls, "certificate and key; default: clear text, for loopback and unix sockets, or between named proxies and emad" },
	{ "mode", KEY_STRING, FORM_ANY, 0, AT(conf_listener, mode_text), 0, 0, "0600", NULL, NULL, "mode of a unix socket" },
	{ "group", KEY_STRING, FORM_ANY, 0, AT(conf_listener, group), 0, 0, NULL, NULL, NULL, "group of a unix socket; default: emad's" },
};
SECTION(listen, "listener", 0);

static const struct conf_key tls_keys[] = {
	{ "certificate", KEY_STRING, FORM_PATH, 1, AT(conf_listener, certificate), 0, 0, NULL, NULL, NULL, "certificate and what leads to its authority, PEM" },
	{ "key", KEY_STRING, FORM_PATH, 1, AT(conf_listener, key), 0, 0, NULL, NULL, NULL, "its key, PEM, in a file that nobody but its owner may read" },
	{ "client_ca_file", KEY_STRING, FORM_PATH, 0, AT(conf_listener, client_ca_file), 0, 0, NULL, NULL, NULL, "authorities whose certificates may name clients, PEM; clients are asked for a certificate" },
	{ "client_certificates", KEY_BOOL, FORM_ANY, 0, AT(conf_listener, client_certificates), 0, 0, "false", NULL, NULL, "ask clients for a certificate without client_ca_file too, for those that are known by the certificate itself" },
};
SECTION(tls, "tls", 0);

static const struct conf_key limits_keys[] = {
	{ "connections", KEY_INT, FORM_ANY, 0, AT(conf_limits, connections), 16, 1000000, "10000", NULL, NULL, "connections in all; above it the one that has been idle longest is closed" },
	{ "per_address", KEY_INT, FORM_ANY, 0, AT(conf_limits, per_address), 1, 1000000, "256", NULL, NULL, "connections of one address (of IPv6: of one /64) that is no proxy" },
	{ "header_timeout", KEY_DURATION, FORM_ANY, 0, AT(conf_limits, header_ms), 100, 5 * MINUTE, "10s", NULL, NULL, "time for all of a request's header" },
	{ "body_timeout", KEY_DURATION, FORM_ANY, 0, AT(conf_limits, body_ms), 100, 5 * MINUTE, "10s", NULL, NULL, "time for all of a request's body, and for the client to take the answer" },
	{ "idle_timeout", KEY_DURATION, FORM_ANY, 0, AT(conf_limits, idle_ms), 100, HOUR, "60s", NULL, NULL, "time between two requests" },
	{ "header_size", KEY_SIZE, FORM_ANY, 0, AT(conf_limits, header_bytes), 4096, 65536, "16KiB", NULL, NULL, "a request's line and header" },
	{ "body_size", KEY_SIZE, FORM_ANY, 0, AT(conf_limits, body_bytes), 1024, 4 * MIB, "64KiB", NULL, NULL, "a request's body" },
};
SECTION(limits, "limits", 0);

static const struct conf_key top_keys[] = {
	{ "issuer", KEY_STRING, FORM_ISSUER, 0, AT(conf, issuer), 0, 0, NULL, NULL, NULL, "this authorization server; may be left out where each service has its own" },
	{ "authorization_endpoint", KEY_STRING, FORM_ENDPOINT, 0, AT(conf, authorization_endpoint), 0, 0, NULL, NULL, NULL, "an authorization endpoint for the metadata, as some clients take none without it" },
	{ "state_dir", KEY_STRING, FORM_PATH, 0, AT(conf, state_dir), 0, 0, NULL, NULL, NULL, "keys, cache and spool; default: none, all is in memory" },
	{ "publish", KEY_STRING, FORM_PATH, 0, AT(conf, publish), 0, 0, NULL, NULL, NULL, "folder in which this authorization server hands keys and revocations to programs of other users; default: none" },
	{ "published", KEY_STRING, FORM_PATH, 0, AT(conf, published.path), 0, 0, NULL, NULL, NULL, "folder of an emad of this host, from which keys and revocations are taken; default: none" },
	{ "published_by", KEY_STRING, FORM_ANY, 0, AT(conf, published_by), 0, 0, "root", NULL, NULL, "user of that emad" },
	{ "owner", KEY_STRING, FORM_ANY, 0, AT(conf, owner), 0, 0, NULL, NULL, NULL, "user besides root that may own files which the configuration names; default: none" },
	{ "insecure_http", KEY_BOOL, FORM_ANY, 0, AT(conf, insecure_http), 0, 0, "false", NULL, NULL, "issuers and resources of ours may be plain http, on loopback alone" },
	{ "fetch", KEY_GROUP, FORM_ANY, 0, AT(conf, fetch), 0, 0, NULL, NULL, &section_fetch, "how discovery documents and keys are fetched" },
	{ "client_certificates", KEY_GROUP, FORM_ANY, 0, AT(conf, client_certificates), 0, 0, NULL, NULL, &section_certificates, "certificates of clients that proxies hand on" },
	{ "rates", KEY_GROUP, FORM_ANY, 0, AT(conf, rates), 0, 0, NULL, NULL, &section_rates, "how often the token endpoint may be asked" },
	{ "token", KEY_GROUP, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, &section_token, "access tokens of ours and the keys that sign them" },
	{ "spool_size", KEY_SIZE, FORM_ANY, 0, AT(conf, spool_bytes), MIB, 1024 * MIB, "8MiB", NULL, NULL, "audit records that wait for their sinks" },
	{ "durability", KEY_WORD, FORM_ANY, 0, AT(conf, durability_disk), 0, 0, "process", durability_words, NULL, "what an audit record survives before the answer leaves" },
	{ "pseudonym_period", KEY_DURATION, FORM_ANY, 0, AT(conf, pseudonym_period), DAY, 3660 * DAY, NULL, NULL, NULL, "time after which audit makes pseudonyms with a new salt; default: never" },
	{ "providers", KEY_LIST, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, &section_provider, "identity providers" },
	{ "directories", KEY_LIST, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, &section_directory, "directories" },
	{ "guards", KEY_LIST, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, &section_guard, "guards" },
	{ "audit", KEY_LIST, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, &section_audit, "audit sinks" },
	{ "store", KEY_GROUP, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, &section_store_memory, "replay, revocation and epochs" },
	{ "on_store_loss", KEY_WORD, FORM_ANY, 0, AT(conf, store_last_known), 0, 0, "deny", store_loss_words, NULL, "what counts once the store was away for store_loss_after: nothing, or the revocations that were known" },
	{ "store_loss_after", KEY_DURATION, FORM_ANY, 0, AT(conf, store_loss_ms), SECOND, DAY, "60s", NULL, NULL, "how long revocations that are known count while the store is away" },
	{ "clients", KEY_LIST, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, &section_client, "OAuth clients of the token endpoint" },
	{ "client_documents", KEY_GROUP, FORM_ANY, 0, AT(conf, documents.node), 0, 0, NULL, NULL, &section_documents, "clients whose id is a URL: where their metadata documents may be; default: there are none" },
	{ "callers", KEY_LIST, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, &section_caller, "resource servers and gateways, who may ask about tokens and decisions" },
	{ "stacks", KEY_LIST, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, &section_stack, "named stacks of identity rules" },
	{ "services", KEY_LIST, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, &section_service, "MCP servers" },
	{ "listen", KEY_LIST, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, &section_listen, "where emad listens" },
	{ "proxies", KEY_STRINGS, FORM_ANY, 0, AT(conf, proxies), 0, 0, NULL, NULL, NULL, "peers whose forwarding headers are believed: addresses, networks (\"10.1.0.0/16\"), or \"unix\"; default: none" },
	{ "user", KEY_STRING, FORM_ANY, 0, AT(conf, user), 0, 0, NULL, NULL, NULL, "user that emad becomes when it was started by root; default: it stays who it is" },
	{ "group", KEY_STRING, FORM_ANY, 0, AT(conf, group), 0, 0, NULL, NULL, NULL, "its group; default: that of user" },
	{ "admin_socket", KEY_STRING, FORM_PATH, 0, AT(conf, admin_socket), 0, 0, NULL, NULL, NULL, "where emactl finds emad; default: emad.sock in state_dir" },
	{ "threads", KEY_INT, FORM_ANY, 0, AT(conf, threads), 0, 1024, "0", NULL, NULL, "threads of a listener; 0: two for each processor, at least 16" },
	{ "limits", KEY_GROUP, FORM_ANY, 0, NOWHERE, 0, 0, NULL, NULL, &section_limits, "what clients may take of emad" },
};
SECTION(top, "ema.conf", 0);

const struct conf_section *const sections[] = {
	&section_top, &section_fetch, &section_rates, &section_certificates, &section_token,
	&section_provider, &section_directory, &section_guard, &section_audit,
	&section_store, &section_store_memory, &section_secret,
	&section_client, &section_client_secret, &section_client_key, &section_caller, &section_documents,
	&section_stack, &section_service, &section_former_issuer, &section_rule,
	&section_rule_when, &section_window, &section_audience, &section_scope_map, &section_service_directory, &section_scope,
	&section_grant, &section_deny, &section_grant_when, &section_argument, &section_permissions, &section_decision, &section_listen,
	&section_tls, &section_limits, NULL
};

static const char *const provider_names[] = {
	"id", "plugin", "authority", "accepts", "guests", "replay", "replay_uses", "scope_rule", "drop_unknown_scopes", "algorithms",
	"skew", "max_lifetime", "max_age", "stale_keys", "read_only_after", "cooldown", "kidless_keys", "jwks_url", "jwks_file", "jwks",
	"jwks_hosts", "internal_hosts", "fetch", "insecure_http", "aud_tenants", "actor_required", "actors", "actor_depth", "clients",
	"public_clients", "monthly_quota", NULL
};
static const char *const directory_names[] = { "id", "plugin", "max_age", "on_failure", NULL };
static const char *const guard_names[] = { "id", "plugin", NULL };
static const char *const audit_names[] = { "id", "plugin", "on_failure", NULL };

const char *const *conf_core_keys(enum conf_instance_kind kind)
{
	static const char *const *const names[] = { provider_names, directory_names, guard_names, audit_names, guard_names };
	return names[kind];
}
