/* From a path to the issuer or resource that it belongs to. A host counts only where paths do not tell two of them apart. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "exchange.h"
#include "pipeline.h"

const char *route_path(const char *url, size_t *length)
{
	const char *host = strstr(url, "://");
	const char *path = host ? host + 3 + strcspn(host + 3, "/") : url;
	*length = strlen(path);
	while (*length && path[*length - 1] == '/')
		--*length;
	return path;
}

static int at_host(const char *url, const char *host)
{
	const char *at = strstr(url, "://");
	size_t length = at ? strcspn(at + 3, "/") : 0;
	if (!at || !host)
		return 0;
	if (strlen(host) == length && !strncasecmp(at + 3, host, length))
		return 1;
	/* A default port may be written out. */
	const char *port = !strncmp(url, "https:", 6) ? ":443" : ":80";
	size_t room = strlen(port), given = strlen(host);
	return given == length + room && !strncasecmp(at + 3, host, length) && !strcmp(host + length, port);
}

struct choice {
	const char *url;
	const void *found;
	int there, several;
};

/* Takes an entry into account: the one at this host, else the only one. */
static void choose(struct choice *choice, const char *url, const void *found, const char *host)
{
	int there = at_host(url, host);
	if (choice->url && !strcmp(choice->url, url))
		return;
	if (!choice->url || (there && !choice->there)) {
		choice->url = url;
		choice->found = found;
		choice->several = 0;
		choice->there = there;
	} else if (there == choice->there) {
		choice->several = 1;
	}
}

static int same_path(const char *url, const char *path, size_t length)
{
	size_t own;
	const char *at = route_path(url, &own);
	return own == length && !memcmp(at, path, length);
}

const char *route_issuer(const struct exchange *x, const char *path, size_t length)
{
	const struct conf *conf = x->snapshot ? x->snapshot->conf : NULL;
	struct choice choice = { 0 };
	for (size_t i = 0; conf && i < conf->service_count; i++)
		if (same_path(conf->services[i].issuer, path, length))
			choose(&choice, conf->services[i].issuer, &conf->services[i], x->host);
	/* One that was may be another spelling of what is: it counts where it is at this host and that is not. */
	const int now = choice.url != NULL, here = choice.there;
	for (size_t i = 0; conf && i < conf->service_count && !here; i++) {
		const struct conf_service *service = &conf->services[i];
		for (size_t k = 0; k < service->former_issuers.count; k++)
			if (x->now < service->former_until[k] && same_path(service->former_issuers.list[k], path, length) &&
			    (!now || at_host(service->former_issuers.list[k], x->host)))
				choose(&choice, service->former_issuers.list[k], service, x->host);
	}
	return choice.several ? NULL : choice.url;
}

const struct service *route_resource(const struct exchange *x, const char *path)
{
	struct choice choice = { 0 };
	for (size_t i = 0; x->snapshot && i < x->snapshot->conf->service_count; i++) {
		const struct service *service = &x->snapshot->services[i];
		const char *host = strstr(service->conf->resource, "://");
		const char *own = host ? host + 3 + strcspn(host + 3, "/") : "";
		/* RFC 9728 3.1: a slash alone after the host is taken away, any other counts. */
		if (!strcmp(own, path) || (!strcmp(own, "/") && !*path))
			choose(&choice, service->conf->resource, service, x->host);
	}
	return choice.several ? NULL : choice.found;
}

char *route_url(const char *issuer, const char *below)
{
	struct buffer url = BUFFER_INIT(8192);
	size_t length = strlen(issuer);
	while (length && issuer[length - 1] == '/')
		length--;
	buffer_append(&url, issuer, length);
	buffer_text(&url, below);
	return buffer_take(&url);
}
