#include "discovery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "buffer.h"
#include "json.h"
#include "url.h"

#define OAUTH_PLACE "/.well-known/oauth-authorization-server"
#define OPENID_PLACE "/.well-known/openid-configuration"

/* RFC 8414 3.1: between host and path, without a slash at the end. */
static char *inserted(const char *issuer, const char *place)
{
	struct buffer url = BUFFER_INIT(URL_MOST);
	const char *host = strstr(issuer, "://");
	host = host ? host + 3 : issuer;
	size_t before = (size_t)(host - issuer) + strcspn(host, "/");
	size_t length = strlen(issuer);
	if (length > before && issuer[length - 1] == '/')
		length--;
	buffer_append(&url, issuer, before);
	buffer_text(&url, place);
	buffer_append(&url, issuer + before, length - before);
	return buffer_take(&url);
}

static char *appended(const char *issuer, const char *place)
{
	struct buffer url = BUFFER_INIT(URL_MOST);
	size_t length = strlen(issuer);
	if (length && issuer[length - 1] == '/')
		length--;
	buffer_append(&url, issuer, length);
	buffer_text(&url, place);
	return buffer_take(&url);
}

size_t discovery_urls(const char *issuer, const char *configured, char *urls[DISCOVERY_PLACES])
{
	size_t count = configured ? 1 : DISCOVERY_PLACES;
	if (configured) {
		urls[0] = strdup(configured);
	} else {
		urls[0] = inserted(issuer, OAUTH_PLACE);
		urls[1] = inserted(issuer, OPENID_PLACE);
		urls[2] = appended(issuer, OPENID_PLACE);
		if (urls[1] && urls[2] && !strcmp(urls[1], urls[2])) { /* an issuer without a path */
			free(urls[2]);
			count = 2;
		}
	}
	for (size_t i = 0; i < count; i++)
		if (!urls[i]) {
			for (size_t j = 0; j < count; j++)
				free(urls[j]);
			return 0;
		}
	return count;
}

static size_t origin_length(const char *url)
{
	const char *host = strstr(url, "://");
	return host ? (size_t)(host - url) + 3 + strcspn(host + 3, "/") : strlen(url);
}

void discovery_difference(const char *configured, const char *found, char *out, size_t room)
{
	size_t at = 0, a = strlen(configured), b = strlen(found), host = origin_length(configured);
	while (configured[at] && configured[at] == found[at])
		at++;
	const char *mistake = "";
	if ((a == b + 1 && configured[b] == '/' && at == b) || (b == a + 1 && found[a] == '/' && at == a))
		mistake = a > b ? ": the configured one has a slash at its end too many" : ": the configured one lacks the slash at its end";
	else if (!strcasecmp(configured, found))
		mistake = ": they differ in upper and lower case alone";
	else if (!strncmp(configured, found, b) && !strncmp(configured + b, "/oauth2/", 8))
		mistake = ": the configured one is a custom authorization server (/oauth2/...), the document is the organisation's";
	else if (!strncmp(configured, found, a) && !strncmp(found + a, "/oauth2/", 8))
		mistake = ": the document is a custom authorization server's (/oauth2/...), configured is the organisation";
	else if (at < host)
		mistake = ": it is another host";
	snprintf(out, room, "configured \"%.150s\", found \"%.150s\", first difference at byte %zu%s", configured, found, at + 1, mistake);
}

/* The host that the operator or a plugin wrote, or one of those that jwks_uri may name besides. */
static int host_is_fine(const struct url *jwks, const struct keyset_settings *settings)
{
	const char *const written[] = { settings->issuer, settings->discovery_url };
	if (url_host_listed(jwks->host, settings->fetch.jwks_hosts, settings->fetch.jwks_host_count))
		return 1;
	for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
		struct url url;
		if (written[i] && url_read(written[i], &settings->fetch, "URL", &url, NULL) == EMA_OK && !strcmp(url.host, jwks->host))
			return 1;
	}
	return 0;
}

int discovery_read(const char *text, size_t length, const char *url, const struct keyset_settings *settings, char **jwks_uri,
                   struct failure *failure)
{
	struct json json = { 0 };
	struct url jwks;
	struct failure why = FAILURE_INIT;
	char *copy = NULL;
	int code = json_parse(text, length, &json_limits_document, &json, &why);
	if (code != EMA_OK)
		return failure_set(failure, code, "%.200s: %.280s", url, why.text);
	const struct json_node *root = json_root(&json);
	const char *issuer = json_string(json_member(&json, root, "issuer"));
	const char *uri = json_string(json_member(&json, root, "jwks_uri"));
	if (!json_is(root, JSON_OBJECT) || !issuer) {
		code = failure_set(failure, EMA_BAD_JSON, "%.300s: no discovery document (it has no issuer)", url);
	} else if (strcmp(issuer, settings->issuer)) {
		char difference[460];
		discovery_difference(settings->issuer, issuer, difference, sizeof difference);
		code = failure_set(failure, EMA_UNKNOWN_ISSUER, "issuer: %s", difference);
	} else if (!uri) {
		code = failure_set(failure, EMA_BAD_JSON, "%.300s: the document has no jwks_uri", url);
	} else if ((code = url_read(uri, &settings->fetch, "jwks_uri", &jwks, failure)) != EMA_OK) {
		;
	} else if (!host_is_fine(&jwks, settings)) {
		code = failure_set(failure, EMA_CONFIG, "jwks_uri is at host %s, not at the issuer's; list it in jwks_hosts if that is right", jwks.host);
	} else if (!(copy = strdup(uri))) {
		code = failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
	} else {
		*jwks_uri = copy;
	}
	json_free(&json);
	return code;
}
