#define _GNU_SOURCE /* asprintf */
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "../conf/show.h"
#include "buffer.h"
#include "cimd.h"
#include "client.h"
#include "jws.h"
#include "server.h"

#define ISSUER "https://auth.acme.example"
#define URN "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#define ROOM 16384
#define MINUTE 60000

/* A clock that runs, and can be moved on. */
static atomic_llong moved;
static int64_t later_wall(void *data)
{
	(void)data;
	return clock_wall(&clock_system) + atomic_load(&moved);
}
static int64_t later_monotonic(void *data)
{
	(void)data;
	return clock_monotonic(&clock_system) + atomic_load(&moved);
}
static const struct clock test_clock = { later_wall, later_monotonic, NULL };

struct rig {
	struct server *server;
	struct trust *trust;
	struct store *store;
	struct cimd *cimd;
	struct conf *conf;
	struct clients *clients;
	struct jwk *key, *next;
	char url[128];  /* of the document at /client */
	char folder[64]; /* where keys are kept: never a client's */
	char told[8192];
	int changed, limited;
	int drip; /* milliseconds that each byte of the document takes */
};

static void hear(void *data, const char *kind, int severity, const struct notice_field *fields, int count)
{
	struct rig *rig = data;
	(void)severity;
	rig->changed += !strcmp(kind, "client-document-changed");
	rig->limited += !strcmp(kind, "client-document-limited");
	if (!strcmp(kind, "client-document-changed"))
		for (int i = 0; i < count; i++)
			snprintf(rig->told + strlen(rig->told), sizeof rig->told - strlen(rig->told), "%s=%.300s;", fields[i].name, fields[i].value);
}

/* Anew with other settings, as a reload does; %s in them is the server's origin. */
static void configure(struct rig *rig, const char *documents)
{
	struct findings findings = { NULL, 0, 0, 0 };
	struct buffer text = BUFFER_INIT((size_t)ROOM);
	const char *mark = strstr(documents, "%s");
	clients_free(rig->clients);
	conf_free(rig->conf);
	rig->clients = NULL;
	buffer_text(&text, "client_documents = { ");
	buffer_append(&text, documents, mark ? (size_t)(mark - documents) : strlen(documents));
	if (mark)
		buffer_printf(&text, "%s%s", server_origin(rig->server), mark + 2);
	buffer_text(&text, " };");
	rig->conf = conf_read_text(text.data, text.length, "/tmp/ema.conf", &findings);
	if (!rig->conf)
		show_all(&findings);
	assert_non_null(rig->conf);
	struct clients_settings settings = { .conf = rig->conf, .trust = rig->trust, .clock = &test_clock, .documents = rig->cimd };
	assert_int_equal(clients_open(&settings, &findings, &rig->clients), EMA_OK);
	findings_free(&findings);
	buffer_free(&text);
}

static int rig_begin(void **state)
{
	struct rig *rig = calloc(1, sizeof *rig);
	struct trust_settings trust = { .clock = &test_clock, .cache_folder = rig ? rig->folder : NULL };
	struct memory_settings memory = { &test_clock, 1000, 0, 0 };
	assert_non_null(rig);
	snprintf(rig->folder, sizeof rig->folder, "/tmp/ema-cimd-XXXXXX");
	assert_non_null(mkdtemp(rig->folder));
	atomic_store(&moved, 0);
	rig->server = server_start(NULL, NULL);
	assert_non_null(rig->server);
	rig->trust = trust_new(&trust, NULL);
	assert_non_null(rig->trust);
	assert_int_equal(store_memory(&memory, &rig->store, NULL), EMA_OK);
	assert_int_equal(cimd_new(rig->trust, &test_clock, (struct log){ NULL, NULL }, (struct notice){ hear, rig }, &rig->cimd, NULL), EMA_OK);
	assert_int_equal(jwk_generate(JOSE_ES256, &rig->key, NULL), EMA_OK);
	assert_int_equal(jwk_generate(JOSE_ES256, &rig->next, NULL), EMA_OK);
	snprintf(rig->url, sizeof rig->url, "%s/client", server_origin(rig->server));
	configure(rig, "hosts = \"127.0.0.1\"; insecure_http = true;");
	*state = rig;
	return 0;
}

static int rig_end(void **state)
{
	struct rig *rig = *state;
	clients_free(rig->clients);
	cimd_free(rig->cimd);
	conf_free(rig->conf);
	trust_free(rig->trust);
	store_free(rig->store);
	server_stop(rig->server);
	jwk_free(rig->key);
	jwk_free(rig->next);
	assert_int_equal(rmdir(rig->folder), 0); /* so it is empty */
	free(rig);
	return 0;
}

/* The document at /client: its client_id and these members, in which "@" stands for the public key. */
static void publish(struct rig *rig, const struct jwk *key, const char *members)
{
	struct buffer text = BUFFER_INIT((size_t)ROOM);
	char *public = jwk_print(key, 0);
	buffer_printf(&text, "{\"client_id\":\"%s\"", rig->url);
	for (; *members; members++)
		if (*members == '@')
			buffer_text(&text, public);
		else
			buffer_char(&text, *members);
	buffer_char(&text, '}');
	server_answer(rig->server, "/client", &(struct server_answer){ .body = text.data, .drip = rig->drip });
	buffer_free(&text);
	free(public);
}

#define KEYS ",\"jwks\":{\"keys\":[@]}"

static int get_within(struct rig *rig, const char *url, int64_t ms, struct failure *failure)
{
	const struct cimd_document *document = NULL;
	int code = cimd_get(rig->cimd, rig->conf, url, clock_monotonic(&test_clock) + ms, &document, failure);
	if (!code)
		cimd_release(document);
	return code;
}

static int get(struct rig *rig, const char *url, struct failure *failure)
{
	return get_within(rig, url, 5000, failure);
}

/* JAG-27, JAG-29, JAG-33: which URLs may be client ids; none of the others is fetched. */
static void urls(void **state)
{
	struct rig *rig = *state;
	static const char *const bad[] = {
		"https://client.example/x",         /* not listed */
		"https://listed.example",           /* no path */
		"https://listed.example/a?b",       /* query */
		"https://listed.example?b=/",
		"https://listed.example/a#b",       /* fragment */
		"https://user@listed.example/a", "https://user:p@listed.example/a", "https://listed.example@evil.example/a",
		"https://listed.example/./a", "https://listed.example/a/..", "https://listed.example/a/../b", "https://listed.example/%2e/a",
		"https://listed.example/a/.%2E/b", "https://listed.example/%2e%2e",
		"https://listed.example:8443/a",    /* another port */
		"https://sub.listed.example/a", "https://listed.example.evil.example/a",
		"http://listed.example/a", "ftp://listed.example/a",
		"https://127.0.0.1/a", "https://localhost/a", "https://[::1]/a", "https://169.254.169.254/latest", "https://10.0.0.1/a", "https://192.168.1.1/a",
		"https://[::ffff:127.0.0.1]/a", "https://0x7f000001/a", "https://2130706433/a",
		"https://", "https:///a", "https://listed.example/a b",
	};
	configure(rig, "hosts = [\"listed.example\", \"127.0.0.1\", \"localhost\", \"169.254.169.254\", \"10.0.0.1\", \"192.168.1.1\", \"2130706433\", \"0x7f000001\"];");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (get(rig, bad[i], NULL) != EMA_UNKNOWN_CLIENT)
			fail_msg("%s is taken", bad[i]);
	/* Without a word of it, loopback is no place for a client. */
	assert_int_equal(get(rig, rig->url, NULL), EMA_UNKNOWN_CLIENT);
	char large[700];
	memset(large, 'a', sizeof large);
	memcpy(large, "https://listed.example/", 23);
	large[sizeof large - 1] = 0;
	assert_int_equal(get(rig, large, NULL), EMA_UNKNOWN_CLIENT);
	assert_int_equal(server_count(rig->server, NULL), 0);
	/* A single URL, and no other of its host. */
	configure(rig, "urls = \"%s/client\"; insecure_http = true;");
	publish(rig, rig->key, KEYS);
	assert_int_equal(get(rig, rig->url, NULL), EMA_OK);
	char other[160];
	snprintf(other, sizeof other, "%s2", rig->url);
	assert_int_equal(get(rig, other, NULL), EMA_UNKNOWN_CLIENT);
	assert_int_equal(server_count(rig->server, NULL), 1);
}

/* JAG-30, JAG-31, JAG-135: what a document may say. Each row at a time of its own. */
static void documents(void **state)
{
	struct rig *rig = *state;
	static const struct {
		const char *settings; /* besides hosts */
		const char *members;
		int code;
		const char *says;
	} rows[] = {
		{ "", KEYS, EMA_OK, NULL },
		{ "", KEYS ",\"token_endpoint_auth_method\":\"private_key_jwt\",\"client_name\":\"x\",\"redirect_uris\":[]", EMA_OK, NULL },
		{ "", ",\"jwks_uri\":\"http://127.0.0.1:1/keys\"", EMA_CLIENT_REFUSED, "another host" },
		{ "", ",\"jwks_uri\":\"https://elsewhere.example/keys\"", EMA_CLIENT_REFUSED, "another host" },
		{ "", ",\"jwks_uri\":\"https://10.0.0.1/keys\"", EMA_CLIENT_REFUSED, "private network" },
		{ "", ",\"jwks_uri\":7", EMA_CLIENT_REFUSED, "jwks_uri" },
		{ "", KEYS ",\"jwks_uri\":\"https://elsewhere.example/keys\"", EMA_CLIENT_REFUSED, "one of them" },
		{ "", KEYS ",\"token_endpoint_auth_method\":\"client_secret_basic\"", EMA_CLIENT_REFUSED, "neither" },
		{ "", KEYS ",\"token_endpoint_auth_method\":\"client_secret_jwt\"", EMA_CLIENT_REFUSED, "neither" },
		{ "", KEYS ",\"token_endpoint_auth_method\":\"tls_client_auth\"", EMA_CLIENT_REFUSED, "neither" },
		{ "", KEYS ",\"token_endpoint_auth_method\":null", EMA_CLIENT_REFUSED, "neither" },
		{ "", KEYS ",\"token_endpoint_auth_method\":\"none\"", EMA_CLIENT_REFUSED, "keys and" },
		{ "", ",\"token_endpoint_auth_method\":\"private_key_jwt\"", EMA_CLIENT_REFUSED, "neither jwks" },
		{ "", KEYS ",\"client_secret\":\"x\"", EMA_CLIENT_REFUSED, "secret" },
		{ "", KEYS ",\"client_secret_expires_at\":0", EMA_CLIENT_REFUSED, "secret" },
		{ "", KEYS ",\"client_id\":\"x\"", EMA_CLIENT_REFUSED, "twice" },
		{ "", ",\"jwks\":{\"keys\":[]}", EMA_CLIENT_REFUSED, "no usable key" },
		{ "", ",\"jwks\":[]", EMA_CLIENT_REFUSED, "jwks" },
		{ "", ",\"jwks\":{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}", EMA_CLIENT_REFUSED, "jwks" },
		{ "", ",\"jwks\":{\"keys\":[@,{\"kty\":\"EC\",\"crv\":\"P-256\",\"d\":\"AAAA\"}]}", EMA_CLIENT_REFUSED, "private key" },
		{ "", "", EMA_CLIENT_METHOD, "public" },
		{ "", ",\"token_endpoint_auth_method\":\"none\"", EMA_CLIENT_METHOD, "public" },
		{ "public = true;", "", EMA_OK, NULL },
		{ "", KEYS ",\"grant_types\":\"x\"", EMA_CLIENT_REFUSED, "list of strings" },
		{ "", KEYS ",\"grant_types\":[7]", EMA_CLIENT_REFUSED, "list of strings" },
		{ "", KEYS ",\"authorization_grant_profiles_supported\":[\"urn:ietf:params:oauth:grant-profile:id-jag\"]", EMA_OK, NULL },
		{ "strict = true;", KEYS ",\"authorization_grant_profiles_supported\":[\"urn:ietf:params:oauth:grant-profile:id-jag\"]", EMA_CLIENT_REFUSED, "id-jag" },
		{ "strict = true;", KEYS ",\"authorization_grant_profiles_supported\":[\"urn:ietf:params:oauth:grant-profile:id-jag\"],\"grant_types\":"
		  "[\"urn:ietf:params:oauth:grant-type:token-exchange\",\"urn:ietf:params:oauth:grant-type:jwt-bearer\"]", EMA_OK, NULL },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct failure failure = FAILURE_INIT;
		char settings[128];
		atomic_fetch_add(&moved, 25LL * 60 * MINUTE);
		snprintf(settings, sizeof settings, "hosts = \"127.0.0.1\"; insecure_http = true; %s", rows[i].settings);
		configure(rig, settings);
		publish(rig, rig->key, rows[i].members);
		int code = get(rig, rig->url, &failure);
		if (code != rows[i].code || (rows[i].says && !strstr(failure.text, rows[i].says)))
			fail_msg("row %zu: %d %s", i, code, failure.text);
	}
	/* Its name is its URL, byte for byte. */
	static const char *const names[] = { "{\"client_id\":\"http://127.0.0.1/client\"" , "{\"x\":1", "{\"client_id\":7" };
	for (size_t i = 0; i < 3; i++) {
		char text[256];
		atomic_fetch_add(&moved, 25LL * 60 * MINUTE);
		snprintf(text, sizeof text, "%s,\"jwks\":{}}", names[i]);
		server_json(rig->server, "/client", text);
		assert_int_equal(get(rig, rig->url, NULL), EMA_CLIENT_REFUSED);
	}
	server_json(rig->server, "/client", "[]");
	assert_int_equal(get(rig, rig->url, NULL), EMA_CLIENT_REFUSED);
}

/* JAG-28: redirects, statuses, sizes, time. */
static void answers(void **state)
{
	struct rig *rig = *state;
	static char large[CIMD_BYTES_MOST + 2];
	memset(large, ' ', sizeof large - 1);
	/* Those of 400 and more that are the stranger's fault come first. */
	const size_t absent = 4;
	const struct server_answer bad[] = {
		{ .status = 404 }, { .status = 400 }, { .status = 403, .body = "{}" }, { .status = 410 },
		{ .status = 408 }, { .status = 425 }, { .status = 429 }, { .status = 503 },
		{ .status = 301, .headers = { { "Location", "/other" } } },
		{ .status = 302, .headers = { { "Location", "https://elsewhere.example/" } } },
		{ .status = 500 }, { .status = 204 },
		{ .body = large },
		{ .body = "{}", .type = "text/html" }, { .body = "{}", .type = "" },
		{ .body = "{\"client_id\":\"x\"}", .drip = 2000 },
	};
	server_json(rig->server, "/other", "{}");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const struct cimd_document *document = NULL;
		server_answer(rig->server, "/client", &bad[i]);
		atomic_fetch_add(&moved, MINUTE);
		int code = cimd_get(rig->cimd, rig->conf, rig->url, clock_monotonic(&test_clock) + (bad[i].drip ? 1000 : 20000), &document, NULL);
		if (code != (i < absent ? EMA_CLIENT_REFUSED : EMA_CLIENT_UNAVAILABLE))
			fail_msg("answer %zu: %d", i, code);
	}
	assert_int_equal(server_count(rig->server, "/other"), 0);
	/* No time, no fetch. */
	unsigned before = server_count(rig->server, NULL);
	const struct cimd_document *document = NULL;
	assert_int_equal(cimd_get(rig->cimd, rig->conf, rig->url, clock_monotonic(&test_clock), &document, NULL), EMA_CLIENT_UNAVAILABLE);
	assert_int_equal(server_count(rig->server, NULL), before);
}

/* JAG-32: good documents are kept within bounds, errors are not; a host is asked so many times. */
static void caching(void **state)
{
	struct rig *rig = *state;
	server_answer(rig->server, "/client", &(struct server_answer){ .status = 500 });
	assert_int_equal(get(rig, rig->url, NULL), EMA_CLIENT_UNAVAILABLE);
	publish(rig, rig->key, KEYS);
	for (int i = 0; i < 50; i++)
		assert_int_equal(get(rig, rig->url, NULL), EMA_OK);
	assert_int_equal(server_count(rig->server, "/client"), 2);
	atomic_fetch_add(&moved, 14LL * MINUTE);
	assert_int_equal(get(rig, rig->url, NULL), EMA_OK);
	assert_int_equal(server_count(rig->server, "/client"), 2);
	atomic_fetch_add(&moved, 2LL * MINUTE);
	assert_int_equal(get(rig, rig->url, NULL), EMA_OK);
	assert_int_equal(server_count(rig->server, "/client"), 3);
	/* URLs made up on a listed host: so many a minute, told once. */
	char other[160];
	int code = EMA_OK;
	struct failure failure = FAILURE_INIT;
	for (int i = 0; i < 100; i++) {
		snprintf(other, sizeof other, "%s%d", rig->url, i);
		failure = (struct failure)FAILURE_INIT;
		code = get(rig, other, &failure);
		assert_int_equal(code, i < CIMD_FETCHES_MOST ? EMA_CLIENT_REFUSED : EMA_CLIENT_UNAVAILABLE);
	}
	assert_non_null(strstr(failure.text, "in a minute"));
	assert_int_equal(server_count(rig->server, NULL), 3 + CIMD_FETCHES_MOST);
	assert_int_equal(rig->limited, 1);
	/* What is known goes on, and is renewed; after the minute the others may. */
	assert_int_equal(get(rig, rig->url, NULL), EMA_OK);
	atomic_fetch_add(&moved, 16LL * MINUTE);
	for (int i = 0; i < CIMD_FETCHES_MOST; i++)
		assert_int_equal(get(rig, other, NULL), EMA_CLIENT_REFUSED);
	assert_int_equal(get(rig, other, NULL), EMA_CLIENT_UNAVAILABLE);
	assert_int_equal(get(rig, rig->url, NULL), EMA_OK);
	assert_int_equal(server_count(rig->server, "/client"), 4);
	atomic_fetch_add(&moved, MINUTE);
	unsigned before = server_count(rig->server, NULL);
	assert_int_equal(get(rig, other, NULL), EMA_CLIENT_REFUSED);
	assert_int_equal(server_count(rig->server, NULL), before + 1);
	/* A URL that is listed by itself has fetches of its own. */
	configure(rig, "hosts = \"127.0.0.1\"; urls = \"%s/client\"; insecure_http = true;");
	for (int i = 0; i < 20; i++)
		assert_int_not_equal(get(rig, other, NULL), EMA_OK);
	atomic_fetch_add(&moved, 15LL * MINUTE);
	for (int i = 0; i < 20; i++)
		get(rig, other, NULL);
	assert_int_equal(get(rig, rig->url, NULL), EMA_OK);
	/* What ema.conf no longer lists is over at once. */
	configure(rig, "hosts = \"other.example\"; insecure_http = true;");
	assert_int_equal(get(rig, rig->url, NULL), EMA_UNKNOWN_CLIENT);
}

static void publish_for(struct rig *rig, const char *cache_control)
{
	char *public = jwk_print(rig->key, 0), *text = NULL;
	assert_true(asprintf(&text, "{\"client_id\":\"%s\",\"jwks\":{\"keys\":[%s]}}", rig->url, public) > 0);
	server_answer(rig->server, "/client", &(struct server_answer){ .body = text, .headers = { { "Cache-Control", cache_control } } });
	free(text);
	free(public);
}

/* JAG-32: a document is kept for as long as it says, within our bounds; one that is no good is not kept at all. */
static void as_long_as_it_says(void **state)
{
	static const struct {
		const char *says;
		int64_t minutes;
	} rows[] = { { "max-age=3600", 60 }, { "max-age=1", 5 }, { "no-cache", 5 }, { "max-age=8640000", 24 * 60 } };
	struct rig *rig = *state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		publish_for(rig, rows[i].says);
		atomic_fetch_add(&moved, 25LL * 60 * MINUTE);
		assert_int_equal(get(rig, rig->url, NULL), EMA_OK);
		const unsigned before = server_count(rig->server, "/client");
		atomic_fetch_add(&moved, (rows[i].minutes - 1) * MINUTE);
		assert_int_equal(get(rig, rig->url, NULL), EMA_OK);
		assert_int_equal(server_count(rig->server, "/client"), before);
		atomic_fetch_add(&moved, 2LL * MINUTE);
		assert_int_equal(get(rig, rig->url, NULL), EMA_OK);
		assert_int_equal(server_count(rig->server, "/client"), before + 1);
	}
	atomic_fetch_add(&moved, 25LL * 60 * MINUTE);
	server_answer(rig->server, "/client", &(struct server_answer){ .body = "[]", .headers = { { "Cache-Control", "max-age=3600" } } });
	assert_int_equal(get(rig, rig->url, NULL), EMA_CLIENT_REFUSED);
	publish_for(rig, "max-age=3600");
	assert_int_equal(get(rig, rig->url, NULL), EMA_OK);
}

/* JAG-34: other keys are told, with the old and the new thumbprints; the same ones are not. */
static void changes(void **state)
{
	struct rig *rig = *state;
	publish(rig, rig->key, KEYS);
	assert_int_equal(get(rig, rig->url, NULL), EMA_OK);
	atomic_fetch_add(&moved, 16LL * MINUTE);
	publish(rig, rig->key, KEYS ",\"client_name\":\"new\"");
	assert_int_equal(get(rig, rig->url, NULL), EMA_OK);
	assert_int_equal(rig->changed, 0);
	atomic_fetch_add(&moved, 16LL * MINUTE);
	publish(rig, rig->next, KEYS);
	assert_int_equal(get(rig, rig->url, NULL), EMA_OK);
	assert_int_equal(rig->changed, 1);
	assert_non_null(strstr(rig->told, jwk_thumbprint(rig->key)));
	assert_non_null(strstr(rig->told, jwk_thumbprint(rig->next)));
	assert_non_null(strstr(rig->told, rig->url));
}

static int authenticate(struct rig *rig, const struct jwk *key, const char *jti, const char *more, struct client_found *found, struct failure *failure)
{
	char payload[1024], body[ROOM], *token = NULL;
	struct form form = { .count = 0 };
	int64_t now = clock_wall(&test_clock) / 1000;
	struct client_request request = { .form = &form, .issuer = ISSUER, .store = rig->store, .now = now, .skew = 30,
	                                  .deadline = clock_monotonic(&test_clock) + 5000, .store_ms = 1000 };
	snprintf(payload, sizeof payload, "{\"iss\":\"%s\",\"sub\":\"%s\",\"aud\":\"" ISSUER "\",\"exp\":%lld,\"jti\":\"%s\"}", rig->url, rig->url,
	         (long long)now + 60, jti);
	if (key)
		assert_int_equal(jws_sign(key, JOSE_ES256, NULL, "", payload, strlen(payload), &token, NULL), EMA_OK);
	snprintf(body, sizeof body, "client_id=%s%s%s%s", rig->url, key ? "&client_assertion_type=" URN "&client_assertion=" : "", key ? token : "", more);
	assert_int_equal(form_parse(body, strlen(body), &form, NULL), EMA_OK);
	int code = client_authenticate(rig->clients, &request, found, failure);
	form_free(&form);
	free(token);
	return code;
}

/* JAG-31, JAG-22, JAG-27: such a client, as the token endpoint sees it. */
static void clients_by_document(void **state)
{
	struct rig *rig = *state;
	struct client_found found;
	char keys[ROOM], members[256], *public = jwk_print(rig->next, 0);
	publish(rig, rig->key, KEYS);
	assert_int_equal(authenticate(rig, rig->key, "1", "", &found, NULL), EMA_OK);
	assert_string_equal(found.id, rig->url);
	assert_string_equal(found.key, jwk_thumbprint(rig->key));
	assert_true(client_may_redeem(&found) && !found.public && !found.needs_proof);
	assert_int_equal(found.conf->token_lifetime, 0); /* as the service has it */
	assert_int_equal(authenticate(rig, rig->key, "1", "", &found, NULL), EMA_CLIENT_REPLAYED);
	assert_int_equal(authenticate(rig, rig->next, "2", "", &found, NULL), EMA_CLIENT_REFUSED);
	assert_int_equal(authenticate(rig, NULL, "", "", &found, NULL), EMA_CLIENT_METHOD);
	assert_int_equal(authenticate(rig, NULL, "", "&client_secret=0123456789abcdef", &found, NULL), EMA_CLIENT_METHOD);
	/* Keys at a URL of their own. */
	atomic_fetch_add(&moved, 25LL * 60 * MINUTE);
	snprintf(keys, sizeof keys, "{\"keys\":[%s]}", public);
	server_json(rig->server, "/keys", keys);
	snprintf(members, sizeof members, ",\"jwks_uri\":\"%s/keys\",\"grant_types\":[\"authorization_code\"]", server_origin(rig->server));
	publish(rig, rig->key, members);
	assert_int_equal(authenticate(rig, rig->next, "3", "", &found, NULL), EMA_OK);
	assert_false(client_may_redeem(&found));
	assert_int_equal(authenticate(rig, rig->key, "4", "", &found, NULL), EMA_CLIENT_REFUSED);
	/* Without keys, if that is asked for: bound, always. */
	atomic_fetch_add(&moved, 25LL * 60 * MINUTE);
	publish(rig, rig->key, "");
	assert_int_equal(authenticate(rig, NULL, "", "", &found, NULL), EMA_CLIENT_METHOD);
	configure(rig, "hosts = \"127.0.0.1\"; insecure_http = true; public = true;");
	assert_int_equal(authenticate(rig, NULL, "", "", &found, NULL), EMA_OK);
	assert_true(found.public && found.needs_proof);
	assert_int_equal(clients_methods(rig->clients), AUTH_BIT(AUTH_PRIVATE_KEY_JWT) | AUTH_BIT(AUTH_NONE));
	free(public);
}

/* JAG-26, JAG-32: keys that stand in the document may change before it has run out; looking for them costs one fetch a minute. */
static void keys_in_it_change(void **state)
{
	struct rig *rig = *state;
	struct client_found found;
	struct failure failure = FAILURE_INIT;
	char keys[ROOM], members[256], *public = jwk_print(rig->next, 0), jti[16];
	publish(rig, rig->key, KEYS);
	assert_int_equal(authenticate(rig, rig->key, "1", "", &found, NULL), EMA_OK);
	publish(rig, rig->next, KEYS);
	assert_int_equal(authenticate(rig, rig->next, "2", "", &found, NULL), EMA_CLIENT_REFUSED); /* it was asked for just now */
	atomic_fetch_add(&moved, MINUTE);
	assert_int_equal(authenticate(rig, rig->next, "3", "", &found, NULL), EMA_OK);
	assert_string_equal(found.key, jwk_thumbprint(rig->next));
	assert_int_equal(server_count(rig->server, "/client"), 2);
	assert_int_equal(rig->changed, 1);
	atomic_fetch_add(&moved, MINUTE);
	for (int i = 0; i < 30; i++) {
		snprintf(jti, sizeof jti, "old%d", i);
		assert_int_equal(authenticate(rig, rig->key, jti, "", &found, NULL), EMA_CLIENT_REFUSED);
		assert_int_equal(authenticate(rig, rig->next, jti, "", &found, NULL), EMA_OK);
	}
	assert_int_equal(server_count(rig->server, "/client"), 3);
	/* Nor more if the host does not answer, which is our outage, or has it no more: the client's keys go on until it has run out. */
	for (int i = 0; i < 2; i++) {
		server_answer(rig->server, "/client", &(struct server_answer){ .status = i ? 404 : 500 });
		atomic_fetch_add(&moved, MINUTE);
		snprintf(jti, sizeof jti, "away%d", i);
		assert_int_equal(authenticate(rig, rig->key, jti, "", &found, NULL), i ? EMA_CLIENT_REFUSED : EMA_CLIENT_UNAVAILABLE);
		assert_int_equal(authenticate(rig, rig->key, jti, "", &found, NULL), EMA_CLIENT_REFUSED);
		assert_int_equal(authenticate(rig, rig->next, jti, "", &found, NULL), EMA_OK);
		assert_int_equal(server_count(rig->server, "/client"), 4 + (unsigned)i);
	}
	/* From keys in it to keys elsewhere, and back to none. */
	snprintf(keys, sizeof keys, "{\"keys\":[%s]}", public);
	server_json(rig->server, "/keys", keys);
	snprintf(members, sizeof members, ",\"jwks_uri\":\"%s/keys\"", server_origin(rig->server));
	atomic_fetch_add(&moved, 25LL * 60 * MINUTE);
	publish(rig, rig->key, KEYS);
	assert_int_equal(authenticate(rig, rig->key, "4", "", &found, NULL), EMA_OK);
	publish(rig, rig->key, members);
	atomic_fetch_add(&moved, MINUTE);
	assert_int_equal(authenticate(rig, rig->next, "5", "", &found, NULL), EMA_OK);
	configure(rig, "hosts = \"127.0.0.1\"; insecure_http = true; public = true;");
	atomic_fetch_add(&moved, 25LL * 60 * MINUTE);
	publish(rig, rig->key, KEYS);
	assert_int_equal(authenticate(rig, rig->key, "6", "", &found, NULL), EMA_OK);
	publish(rig, rig->key, "");
	atomic_fetch_add(&moved, MINUTE);
	assert_int_equal(authenticate(rig, rig->next, "7", "", &found, &failure), EMA_CLIENT_REFUSED);
	assert_non_null(strstr(failure.text, "no keys any more"));
	/* What stands there now is no document: its keys are over at once, and not when they would have run out. */
	atomic_fetch_add(&moved, 25LL * 60 * MINUTE);
	publish(rig, rig->key, KEYS);
	assert_int_equal(authenticate(rig, rig->key, "8", "", &found, NULL), EMA_OK);
	publish(rig, rig->key, ",\"jwks\":{\"keys\":[@,{\"kty\":\"EC\",\"crv\":\"P-256\",\"d\":\"AAAA\"}]}");
	atomic_fetch_add(&moved, MINUTE);
	assert_int_equal(authenticate(rig, rig->next, "9", "", &found, NULL), EMA_CLIENT_REFUSED);
	assert_int_equal(authenticate(rig, rig->key, "10", "", &found, NULL), EMA_CLIENT_REFUSED);
	free(public);
}

struct race {
	struct rig *rig;
	int64_t ms;
	atomic_int good, crowded;
};

static void *get_there(void *data)
{
	struct race *race = data;
	struct failure failure = FAILURE_INIT;
	if (get_within(race->rig, race->rig->url, race->ms, &failure) == EMA_OK)
		atomic_fetch_add(&race->good, 1);
	else if (strstr(failure.text, "others wait"))
		atomic_fetch_add(&race->crowded, 1);
	return NULL;
}

/* JAG-32: those who come together cause one fetch. */
static void together(void **state)
{
	struct race race = { *state, 5000, 0, 0 };
	pthread_t threads[8];
	publish(race.rig, race.rig->key, KEYS);
	for (int i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, get_there, &race), 0);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&race.good), 8);
	assert_int_equal(server_count(race.rig->server, NULL), 1);
}

/* RFC 9111 4.2.3: a document that was under way while time went by is as old as the request for it. */
static void a_document_is_as_old_as_its_request(void **state)
{
	struct race race = { *state, 5000, 0, 0 };
	struct rig *rig = race.rig;
	pthread_t thread;
	rig->drip = 1;
	publish(rig, rig->key, KEYS);
	assert_int_equal(pthread_create(&thread, NULL, get_there, &race), 0);
	for (int left = 1000; !server_count(rig->server, NULL) && left; left--)
		usleep(10000);
	atomic_fetch_add(&moved, 16LL * MINUTE);
	pthread_join(thread, NULL);
	assert_int_equal(atomic_load(&race.good), 1);
	assert_int_equal(get(rig, rig->url, NULL), EMA_OK);
	assert_int_equal(server_count(rig->server, NULL), 2);
}

static void *come_with_new_key(void *data)
{
	struct race *race = data;
	struct client_found found;
	char jti[40];
	snprintf(jti, sizeof jti, "together%d", atomic_fetch_add(&race->crowded, 1));
	if (authenticate(race->rig, race->rig->next, jti, "", &found, NULL) == EMA_OK)
		atomic_fetch_add(&race->good, 1);
	return NULL;
}

/* JAG-26, JAG-32: and those who come together with a key that is new in the document. */
static void together_with_new_keys(void **state)
{
	struct race race = { *state, 5000, 0, 0 };
	struct client_found found;
	pthread_t threads[4];
	publish(race.rig, race.rig->key, KEYS);
	assert_int_equal(authenticate(race.rig, race.rig->key, "1", "", &found, NULL), EMA_OK);
	publish(race.rig, race.rig->next, KEYS);
	atomic_fetch_add(&moved, MINUTE);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, come_with_new_key, &race), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&race.good), 4);
	assert_int_equal(server_count(race.rig->server, NULL), 2);
}

static void *come_in_vain(void *data)
{
	struct race *race = data;
	struct client_found found;
	char jti[40];
	snprintf(jti, sizeof jti, "vain%d", atomic_fetch_add(&race->crowded, 1));
	/* Counts as come back if it was refused. */
	if (authenticate(race->rig, race->rig->next, jti, "", &found, NULL))
		atomic_fetch_add(&race->good, 1);
	return NULL;
}

/* Whoever signs with any key in the name of a client whose host is slow holds some threads, and not those that other documents need. */
static void in_the_name_of_a_slow_host(void **state)
{
	struct race race = { *state, 5000, 0, 0 };
	struct rig *rig = race.rig;
	struct client_found found;
	pthread_t threads[12];
	char other[128];
	publish(rig, rig->key, KEYS);
	assert_int_equal(authenticate(rig, rig->key, "1", "", &found, NULL), EMA_OK);
	atomic_fetch_add(&moved, MINUTE);
	server_answer(rig->server, "/client", &(struct server_answer){ .body = "{}", .drip = 2000 });
	for (int i = 0; i < 12; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, come_in_vain, &race), 0);
	for (int left = 1000; atomic_load(&race.good) < 8 && left; left--)
		usleep(10000);
	snprintf(other, sizeof other, "%s/none", server_origin(rig->server));
	assert_int_equal(get(rig, other, NULL), EMA_CLIENT_REFUSED);
	for (int i = 0; i < 12; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&race.good), 12);
}

/* JAG-32: a host that does not answer holds a few threads, and not all that there are. */
static void a_slow_host(void **state)
{
	struct race race = { *state, 1500, 0, 0 };
	pthread_t threads[12];
	struct server_answer slow = { .body = "{}", .drip = 2000 };
	server_answer(race.rig->server, "/client", &slow);
	for (int i = 0; i < 12; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, get_there, &race), 0);
	for (int i = 0; i < 12; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&race.good), 0);
	assert_true(atomic_load(&race.crowded) >= 1);
}

/* JAG-32: nor do URLs whose host is slow keep a document that is known from being renewed. */
static void a_slow_host_and_a_known_document(void **state)
{
	struct race race = { *state, 5000, 0, 0 };
	struct rig *rig = race.rig;
	pthread_t threads[12];
	char known[128];
	publish(rig, rig->key, KEYS);
	assert_int_equal(get(rig, rig->url, NULL), EMA_OK);
	snprintf(known, sizeof known, "%s", rig->url);
	atomic_fetch_add(&moved, 16LL * MINUTE);
	snprintf(rig->url, sizeof rig->url, "%s/slow", server_origin(rig->server));
	server_answer(rig->server, "/slow", &(struct server_answer){ .body = "{}", .drip = 2000 });
	for (int i = 0; i < 12; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, get_there, &race), 0);
	for (int left = 1000; atomic_load(&race.crowded) < 4 && left; left--)
		usleep(10000);
	assert_int_equal(atomic_load(&race.crowded), 4);
	assert_int_equal(get(rig, known, NULL), EMA_OK);
	for (int i = 0; i < 12; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&race.good), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(urls, rig_begin, rig_end),
		cmocka_unit_test_setup_teardown(documents, rig_begin, rig_end),
		cmocka_unit_test_setup_teardown(answers, rig_begin, rig_end),
		cmocka_unit_test_setup_teardown(caching, rig_begin, rig_end),
		cmocka_unit_test_setup_teardown(as_long_as_it_says, rig_begin, rig_end),
		cmocka_unit_test_setup_teardown(changes, rig_begin, rig_end),
		cmocka_unit_test_setup_teardown(clients_by_document, rig_begin, rig_end),
		cmocka_unit_test_setup_teardown(keys_in_it_change, rig_begin, rig_end),
		cmocka_unit_test_setup_teardown(together, rig_begin, rig_end),
		cmocka_unit_test_setup_teardown(a_document_is_as_old_as_its_request, rig_begin, rig_end),
		cmocka_unit_test_setup_teardown(together_with_new_keys, rig_begin, rig_end),
		cmocka_unit_test_setup_teardown(in_the_name_of_a_slow_host, rig_begin, rig_end),
		cmocka_unit_test_setup_teardown(a_slow_host, rig_begin, rig_end),
		cmocka_unit_test_setup_teardown(a_slow_host_and_a_known_document, rig_begin, rig_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
