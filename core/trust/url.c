#include "url.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "address.h"

int url_host_listed(const char *host, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcasecmp(host, list[i]))
			return 1;
	return 0;
}

int url_same_origin(const struct url *a, const struct url *b)
{
	return a->http == b->http && a->port == b->port && !strcmp(a->host, b->host);
}

/* Names that never leave the machine (RFC 6761 6.3), whatever a resolver or a proxy makes of them. */
static int is_localhost(const char *host)
{
	size_t length = strlen(host);
	if (length && host[length - 1] == '.')
		length--;
	return (length == 9 && !strncmp(host, "localhost", 9)) || (length > 10 && !strncmp(host + length - 10, ".localhost", 10));
}

static int copy_host(const char *host, char out[URL_HOST_MOST + 1])
{
	size_t length = strlen(host);
	if (length && host[0] == '[') {
		host++;
		length -= 2;
	}
	if (!length || length > URL_HOST_MOST)
		return -1;
	for (size_t i = 0; i < length; i++)
		out[i] = host[i] >= 'A' && host[i] <= 'Z' ? (char)(host[i] + 32) : host[i];
	out[length] = 0;
	return 0;
}

static int check_host(const struct url *url, const struct fetch_rules *rules, const char *what, struct failure *failure)
{
	int literal = 0;
	enum address_kind kind = address_kind_text(url->host, &literal);
	if (!literal && is_localhost(url->host))
		kind = ADDRESS_LOOPBACK;
	if (url->http) {
		if (kind == ADDRESS_LOOPBACK)
			return EMA_OK;
		return failure_set(failure, EMA_CONFIG, "%s: http is for loopback only; host %s needs https", what, url->host);
	}
	if (kind == ADDRESS_PUBLIC)
		return EMA_OK;
	if (kind != ADDRESS_NEVER && url_host_listed(url->host, rules->internal_hosts, rules->internal_host_count))
		return EMA_OK;
	return failure_set(failure, EMA_CONFIG, "%s: host %s is %s; %s", what, url->host,
	                   kind == ADDRESS_NEVER ? "a special-use address" : "on this machine or a private network",
	                   kind == ADDRESS_NEVER ? "no key server can be there" : "list it in internal_hosts if it is meant");
}

int url_read(const char *text, const struct fetch_rules *rules, const char *what, struct url *out, struct failure *failure)
{
	CURLU *handle = NULL;
	char *host = NULL, *port = NULL;
	struct url url = { 0, 0, "" };
	int code = EMA_OK;
	size_t length = strlen(text);

	if (length > URL_MOST)
		return failure_set(failure, EMA_CONFIG, "%s: longer than %d bytes", what, URL_MOST);
	for (size_t i = 0; i < length; i++)
		if (text[i] <= ' ' || text[i] >= 0x7f || strchr("\"<>\\^`{|}", text[i]))
			return failure_set(failure, EMA_CONFIG, "%s: byte %zu is no character of a URL", what, i + 1);
	if (!strncmp(text, "http://", 7)) {
		if (!rules->insecure_http)
			return failure_set(failure, EMA_CONFIG, "%s: http is refused; write https (insecure_http allows http on loopback)", what);
		url.http = 1;
	} else if (strncmp(text, "https://", 8)) {
		return failure_set(failure, EMA_CONFIG, "%s: must begin with https://", what);
	}
	if (strchr(text, '#'))
		return failure_set(failure, EMA_CONFIG, "%s: must have no fragment (#)", what);
	size_t authority = strcspn(text + (url.http ? 7 : 8), "/?");
	if (!authority)
		return failure_set(failure, EMA_CONFIG, "%s: has no host", what);
	if (memchr(text + (url.http ? 7 : 8), '@', authority))
		return failure_set(failure, EMA_CONFIG, "%s: must have no user or password", what);

	handle = curl_url();
	if (!handle)
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
	if (curl_url_set(handle, CURLUPART_URL, text, 0) || curl_url_get(handle, CURLUPART_HOST, &host, 0) ||
	    curl_url_get(handle, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) || copy_host(host, url.host)) {
		code = failure_set(failure, EMA_CONFIG, "%s: is not a URL with a host", what);
		goto end;
	}
	url.port = (int)strtol(port, NULL, 10);
	code = check_host(&url, rules, what, failure);
	if (code == EMA_OK)
		*out = url;
end:
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(handle);
	return code;
}

int url_issuer(const char *text, const struct fetch_rules *rules, struct failure *failure)
{
	if (strlen(text) > URL_MOST)
		return failure_set(failure, EMA_CONFIG, "issuer: longer than %d bytes", URL_MOST);
	if (strncmp(text, "https://", 8) && !(rules->insecure_http && !strncmp(text, "http://", 7)))
		return failure_set(failure, EMA_CONFIG, "issuer %.200s: must begin with https:// (insecure_http allows http)", text);
	for (const char *c = text; *c; c++)
		if (*c <= ' ' || *c >= 0x7f || *c == '?' || *c == '#')
			return failure_set(failure, EMA_CONFIG, "issuer %.200s: byte %d: an issuer has no query, fragment or white space", text,
			                   (int)(c - text) + 1);
	return EMA_OK;
}
