#include "test.h"

#include <stdio.h>

#include "discovery.h"
#include "freshness.h"
#include "settings.h"
#include "url.h"

/* JWT-54 JWT-55: the places, in their order, for six issuers. */
static void places_are_built(void **state)
{
	(void)state;
#define OAUTH "/.well-known/oauth-authorization-server"
#define OPENID "/.well-known/openid-configuration"
	static const struct {
		const char *issuer, *configured, *urls[DISCOVERY_PLACES];
	} cases[] = {
		{ "https://a.example", NULL, { "https://a.example" OAUTH, "https://a.example" OPENID, NULL } },
		{ "https://a.example/", NULL, { "https://a.example" OAUTH, "https://a.example" OPENID, NULL } },
		{ "https://a.example/t1", NULL, { "https://a.example" OAUTH "/t1", "https://a.example" OPENID "/t1", "https://a.example/t1" OPENID } },
		{ "https://a.example/t1/", NULL, { "https://a.example" OAUTH "/t1", "https://a.example" OPENID "/t1", "https://a.example/t1" OPENID } },
		{ "https://a.example:8443/x/v2.0", NULL, { "https://a.example:8443" OAUTH "/x/v2.0", "https://a.example:8443" OPENID "/x/v2.0", "https://a.example:8443/x/v2.0" OPENID } },
		{ "https://a.example/t", "https://b.example/doc", { "https://b.example/doc", NULL, NULL } },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *urls[DISCOVERY_PLACES] = { NULL };
		size_t count = discovery_urls(cases[i].issuer, cases[i].configured, urls);
		for (size_t j = 0; j < DISCOVERY_PLACES; j++) {
			if (cases[i].urls[j])
				assert_string_equal(urls[j], cases[i].urls[j]);
			assert_int_equal(j < count, cases[i].urls[j] != NULL);
			if (j < count)
				free(urls[j]);
		}
	}
}

/* JWT-53 JWT-56 JWT-57 JWT-58 JWT-59: what of a document is believed. */
static void documents_are_judged(void **state)
{
	(void)state;
	static const char *const hosts[] = { "keys.example" };
	static const struct {
		const char *document;
		int code;
		const char *uri, *says;
	} cases[] = {
		{ "{\"issuer\":\"https://a.example/t\",\"jwks_uri\":\"https://a.example/k\"}", EMA_OK, "https://a.example/k", NULL },
		{ "{\"issuer\":\"https://a.example/t\",\"jwks_uri\":\"https://keys.example/k\"}", EMA_OK, "https://keys.example/k", NULL },
		{ "{\"issuer\":\"https://a.example/t\",\"jwks_uri\":\"https://a.example/k\",\"signed_metadata\":\"eyJ.x.y\",\"id_token_signing_alg_values_supported\":[\"HS256\",\"none\"]}", EMA_OK, "https://a.example/k", NULL },
		{ "{\"issuer\":\"https://a.example/t\",\"jwks_uri\":\"https://evil.example/k\"}", EMA_CONFIG, NULL, "jwks_hosts" },
		{ "{\"issuer\":\"https://a.example/t\",\"jwks_uri\":\"http://a.example/k\"}", EMA_CONFIG, NULL, "https" },
		{ "{\"issuer\":\"https://a.example/t\",\"jwks_uri\":\"https://169.254.169.254/k\"}", EMA_CONFIG, NULL, "special-use" },
		{ "{\"issuer\":\"https://a.example/t\",\"jwks_uri\":\"https://10.1.1.1/k\"}", EMA_CONFIG, NULL, "internal_hosts" },
		{ "{\"issuer\":\"https://a.example/t\",\"jwks_uri\":7}", EMA_BAD_JSON, NULL, "jwks_uri" },
		{ "{\"issuer\":\"https://a.example/t\"}", EMA_BAD_JSON, NULL, "jwks_uri" },
		{ "{\"issuer\":\"https://a.example/t/\",\"jwks_uri\":\"https://a.example/k\"}", EMA_UNKNOWN_ISSUER, NULL, "lacks the slash" },
		{ "{\"issuer\":\"https://a.example\",\"jwks_uri\":\"https://a.example/k\"}", EMA_UNKNOWN_ISSUER, NULL, "byte 18" },
		{ "{\"issuer\":\"https://A.example/t\",\"jwks_uri\":\"https://a.example/k\"}", EMA_UNKNOWN_ISSUER, NULL, "upper and lower case" },
		{ "{\"issuer\":\"https://b.example/t\",\"jwks_uri\":\"https://a.example/k\"}", EMA_UNKNOWN_ISSUER, NULL, "another host" },
		{ "{\"issuer\":\"https://a.example/t/oauth2/default\",\"jwks_uri\":\"https://a.example/k\"}", EMA_UNKNOWN_ISSUER, NULL, "custom authorization server" },
		{ "{\"issuer\":\"https://a.example/t\",\"issuer\":\"https://a.example/t\",\"jwks_uri\":\"https://a.example/k\"}", EMA_DUPLICATE_MEMBER, NULL, "" },
		{ "[]", EMA_BAD_JSON, NULL, "" }, { "", EMA_BAD_JSON, NULL, "" }, { "<html>", EMA_BAD_JSON, NULL, "" },
	};
	struct keyset_settings settings = { .id = "a", .issuer = "https://a.example/t", .fetch = { .jwks_hosts = hosts, .jwks_host_count = 1 } };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct failure failure = FAILURE_INIT;
		char *uri = NULL;
		int code = discovery_read(cases[i].document, strlen(cases[i].document), "https://a.example/doc", &settings, &uri, &failure);
		if (code != cases[i].code || (cases[i].says && !strstr(failure.text, cases[i].says)))
			fail_msg("%s: %d %s", cases[i].document, code, failure.text);
		if (cases[i].uri)
			assert_string_equal(uri, cases[i].uri);
		else
			assert_null(uri);
		free(uri);
	}
}

/* JWT-53: what is an issuer. Where keys are given it may be a name that is not to be found; the id of a client, whose keys are no issuer's, is not asked. */
static void issuers_are_judged(void **state)
{
	(void)state;
	static const struct {
		const char *issuer;
		int http, fine, given;
	} cases[] = {
		{ "https://a.example", 0, 1, 1 }, { "https://a.example/", 0, 1, 1 }, { "https://login.example/{tenantid}/v2.0", 0, 1, 1 },
		{ "https://a.example?x", 0, 0, 0 }, { "https://a.example#x", 0, 0, 0 }, { "http://a.example", 0, 0, 1 }, { "http://127.0.0.1:1", 1, 1, 1 },
		{ "a.example", 0, 0, 1 }, { "https://a.example/ x", 0, 0, 0 }, { "", 0, 0, 0 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct fetch_rules rules = { .insecure_http = cases[i].http };
		struct keyset_settings from[] = { { .jwks_text = "{}" }, { .jwks_file = "/keys" }, { .jwks_url = "https://keys.example/jwks" } };
		assert_int_equal(url_issuer(cases[i].issuer, &rules, NULL) == EMA_OK, cases[i].fine);
		for (size_t k = 0; k < sizeof from / sizeof *from; k++) {
			from[k].id = "id";
			from[k].issuer = cases[i].issuer;
			from[k].fetch = rules;
			if ((settings_check(&from[k], NULL) == EMA_OK) != cases[i].given)
				fail_msg("%s, keys %zu", cases[i].issuer, k);
			from[k].whose = "client";
			assert_int_equal(settings_check(&from[k], NULL), EMA_OK);
		}
	}
}

/* JWT-45: lifetimes by header, within our bounds. */
static void lifetimes_follow_the_headers(void **state)
{
	(void)state;
	const int64_t now = INT64_C(1795435200) * 1000; /* Mon, 23 Nov 2026 12:00:00 GMT */
	static const struct {
		const char *cache_control, *expires, *date, *age;
		int64_t seconds;
	} cases[] = {
		{ "", "", "", "", 900 },
		{ "max-age=3600", "", "", "", 3600 }, { "public, max-age=3600, must-revalidate", "", "", "", 3600 }, { "MAX-AGE=\"3600\"", "", "", "", 3600 },
		{ "max-age=0", "", "", "", 300 }, { "max-age=299", "", "", "", 300 }, { "max-age=301", "", "", "", 301 },
		{ "max-age=86400", "", "", "", 86400 }, { "max-age=86401", "", "", "", 86400 }, { "max-age=99999999999999999999999", "", "", "", 86400 },
		{ "max-age=-1", "", "", "", 300 }, { "max-age=abc", "", "", "", 300 }, { "max-age=3600, max-age=600", "", "", "", 600 },
		{ "no-store", "", "", "", 300 }, { "no-store, max-age=3600", "", "", "", 300 }, { "no-cache", "", "", "", 300 }, { "private", "", "", "", 900 },
		{ "s-maxage=7200", "", "", "", 900 }, { "max-age=3600", "", "", "600", 3000 }, { "max-age=3600", "", "", "9999", 300 }, { "max-age=3600", "", "", "x", 3600 },
		{ "", "Mon, 23 Nov 2026 13:00:00 GMT", "", "", 3600 }, { "", "Mon, 23 Nov 2026 13:00:00 GMT", "Mon, 23 Nov 2026 12:30:00 GMT", "", 1800 },
		/* curl knows years of ten digits */
		{ "", "Mon, 23 Nov 2026 13:00:00 GMT", "Mon, 23 Nov 999999999 12:30:00 GMT", "", 3600 }, { "", "Mon, 23 Nov 999999999 13:00:00 GMT", "", "", 300 },
		{ "", "Mon, 23 Nov 2026 11:00:00 GMT", "", "", 300 }, { "", "0", "", "", 300 }, { "", "-1", "", "", 300 },
		{ "max-age=600", "Mon, 23 Nov 2026 13:00:00 GMT", "", "", 600 }, { "", "Fri, 23 Nov 2029 13:00:00 GMT", "", "", 86400 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct fetch_reply reply = { 0 };
		snprintf(reply.cache_control, sizeof reply.cache_control, "%s", cases[i].cache_control);
		snprintf(reply.expires, sizeof reply.expires, "%s", cases[i].expires);
		snprintf(reply.date, sizeof reply.date, "%s", cases[i].date);
		snprintf(reply.age, sizeof reply.age, "%s", cases[i].age);
		if (freshness(&reply, now) != cases[i].seconds * 1000)
			fail_msg("case %zu: %lld ms", i, (long long)freshness(&reply, now));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_are_built),
		cmocka_unit_test(documents_are_judged),
		cmocka_unit_test(issuers_are_judged),
		cmocka_unit_test(lifetimes_follow_the_headers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
