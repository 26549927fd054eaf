#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "discovery.h"
#include "freshness.h"
#include "settings.h"
#include "trust.h"

/* What the clocks are apart, as far as a header with seconds can tell. */
static void tell_clock(const struct fetch_reply *reply, const struct clock *clock, struct buffer *report)
{
	int64_t date = freshness_date(reply->date);
	if (date < 0)
		buffer_text(report, "    clock: the answer has no Date header to compare with\n");
	else
		buffer_printf(report, "    clock: ours minus theirs is %lld s\n", (long long)(clock_wall(clock) / 1000 - date));
}

static int probe_get(const struct keyset_settings *settings, const struct clock *clock, const char *url, size_t most,
                     struct fetch_reply *reply, struct buffer *report, struct failure *why)
{
	struct fetch_request request = { .url = url, .max_bytes = most, .deadline_ms = 10000 };
	int code = fetch(&settings->fetch, &request, (struct fetch_stop){ NULL, NULL }, reply, why);
	if (code != EMA_OK) {
		buffer_printf(report, "  GET %s\n    failed: %s\n", url, why->text);
		return code;
	}
	buffer_printf(report, "  GET %s\n    HTTP status %d, %zu bytes, %s\n", url, reply->status, reply->length,
	              reply->content_type[0] ? reply->content_type : "no content type");
	tell_clock(reply, clock, report);
	code = fetch_is_json(reply, url, why);
	if (code != EMA_OK)
		buffer_printf(report, "    not used: %s\n", why->text);
	return code;
}

static int probe_discovery(const struct keyset_settings *settings, const struct clock *clock, char **jwks_uri, struct buffer *report,
                           struct failure *failure)
{
	char *urls[DISCOVERY_PLACES] = { NULL };
	size_t count = discovery_urls(settings->issuer, settings->discovery_url, urls);
	int code = count ? EMA_OK : failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
	struct failure worst = FAILURE_INIT;
	buffer_printf(report, "discovery of %s\n", settings->issuer);
	for (size_t i = 0; i < count; i++) {
		struct fetch_reply reply = { 0 };
		struct failure why = FAILURE_INIT;
		code = probe_get(settings, clock, urls[i], DISCOVERY_BYTES_MOST, &reply, report, &why);
		if (code == EMA_OK) {
			code = discovery_read(reply.body, reply.length, urls[i], settings, jwks_uri, &why);
			if (code == EMA_OK)
				buffer_printf(report, "    issuer: identical, byte for byte\n    jwks_uri: %s\n", *jwks_uri);
			else
				buffer_printf(report, "    wrong: %s\n", why.text);
		}
		free(reply.body);
		if (code == EMA_OK)
			break;
		if (worst.code == EMA_OK || (worst.code == EMA_UNAVAILABLE && code != EMA_UNAVAILABLE))
			worst = why;
	}
	for (size_t i = 0; i < count; i++)
		free(urls[i]);
	return code == EMA_OK ? code : failure_set(failure, worst.code, "%s", worst.text);
}

static int probe_keys(const char *text, size_t length, const char *where, struct buffer *report, struct failure *failure)
{
	struct jwks *set = NULL;
	struct failure why = FAILURE_INIT;
	int code = jwks_parse(text, length, &set, &why);
	if (code != EMA_OK) {
		buffer_printf(report, "    wrong: %s\n", why.text);
		return failure_set(failure, code, "%.200s: %.280s", where, why.text);
	}
	for (size_t i = 0; i < set->count; i++) {
		const struct jwk *key = set->keys[i];
		static const char *const types[] = { "?", "RSA", "EC", "OKP" };
		const char *kid = jwk_kid(key);
		buffer_text(report, "    key ");
		buffer_json(report, kid ? kid : "(no kid)", kid ? strlen(kid) : 8);
		buffer_printf(report, " %s, alg %s, thumbprint %s\n", types[jwk_type(key)],
		              jwk_algorithm(key) == JOSE_NONE ? "not said" : jose_algorithm_name(jwk_algorithm(key)), jwk_thumbprint(key));
	}
	if (set->skipped)
		buffer_printf(report, "    %zu skipped; the first: %s\n", set->skipped, set->skipped_why);
	if (set->had_private)
		buffer_text(report, "    ALARM: a private key is published there; tell the provider\n");
	if (!set->count)
		code = failure_set(failure, EMA_BAD_CLAIM, "%.200s: the key set has no usable key", where);
	jwks_free(set);
	return code;
}

int keyset_probe(const struct keyset_settings *settings, const struct clock *clock, struct buffer *report, struct failure *failure)
{
	struct fetch_reply reply = { 0 };
	struct failure why = FAILURE_INIT;
	char *jwks_uri = NULL, *file = NULL;
	size_t length = 0;
	int code = settings_check(settings, &why), has_curl = 0;
	if (code != EMA_OK) {
		buffer_printf(report, "  wrong: %s\n", why.text);
		goto end;
	}
	if (settings->jwks_file || settings->jwks_text) {
		const char *where = settings->jwks_file ? settings->jwks_file : "jwks";
		buffer_printf(report, "keys of %s: %s, no network\n", settings->issuer, where);
		if (settings->jwks_file && !(file = settings_read_file(settings->jwks_file, &length, &why)))
			code = why.code;
		else
			code = probe_keys(file ? file : settings->jwks_text, file ? length : strlen(settings->jwks_text), where, report, &why);
		goto end;
	}
	if (curl_global_init(CURL_GLOBAL_DEFAULT)) {
		code = failure_set(&why, EMA_INTERNAL, "libcurl cannot be initialised");
		goto end;
	}
	has_curl = 1;
	if (!settings->jwks_url)
		code = probe_discovery(settings, clock, &jwks_uri, report, &why);
	if (code != EMA_OK)
		goto end;
	const char *url = settings->jwks_url ? settings->jwks_url : jwks_uri;
	buffer_printf(report, "keys of %s\n", settings->issuer);
	code = probe_get(settings, clock, url, KEYSET_BODY_MOST, &reply, report, &why);
	if (code == EMA_OK) {
		buffer_printf(report, "    fresh for %lld s\n", (long long)(freshness(&reply, clock_wall(clock)) / 1000));
		code = probe_keys(reply.body, reply.length, url, report, &why);
	}
end:
	free(reply.body);
	free(jwks_uri);
	free(file);
	if (has_curl)
		curl_global_cleanup();
	return code == EMA_OK ? code : failure_set(failure, code, "%s", why.text);
}
