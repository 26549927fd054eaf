#include "resource.h"

#include <string.h>
#include <strings.h>

#include "buffer.h"

/* What stands behind the host; a slash alone is nothing. */
static const char *tail(const char *text)
{
	return !strcmp(text, "/") ? "" : text;
}

/* How long the part is that has no case, without a default port; 0: no scheme, so that all of it counts as it is. */
static size_t head(const char *text, const char **rest)
{
	const char *scheme = strstr(text, "://");
	*rest = text;
	if (!scheme)
		return 0;
	size_t from = (size_t)(scheme - text) + 3, length = from + strcspn(text + from, "/?#");
	*rest = tail(text + length);
	const char *port = !strncasecmp(text, "https:", 6) ? ":443" : !strncasecmp(text, "http:", 5) ? ":80" : NULL;
	size_t room = port ? strlen(port) : 0;
	return room && length - from > room && !strncmp(text + length - room, port, room) ? length - room : length;
}

int resource_same(const char *a, const char *b)
{
	const char *rest_a, *rest_b;
	size_t length = head(a, &rest_a);
	return head(b, &rest_b) == length && !strcmp(rest_a, rest_b) && !strncasecmp(a, b, length);
}

size_t resource_normal(const char *resource, char *out)
{
	const char *rest;
	size_t length = head(resource, &rest);
	for (size_t i = 0; i < length; i++)
		out[i] = resource[i] >= 'A' && resource[i] <= 'Z' ? (char)(resource[i] - 'A' + 'a') : resource[i];
	size_t more = strlen(rest);
	memcpy(out + length, rest, more + 1);
	return length + more;
}

char *resource_metadata_url(const char *resource)
{
	static const char known[] = "/.well-known/oauth-protected-resource";
	const char *host = strstr(resource, "://");
	struct buffer url = BUFFER_INIT(8192);
	if (!host)
		return NULL;
	const char *path = host + 3 + strcspn(host + 3, "/");
	buffer_append(&url, resource, (size_t)(path - resource));
	buffer_text(&url, known);
	/* A slash alone behind the host goes. */
	if (strcmp(path, "/"))
		buffer_text(&url, path);
	char *taken = buffer_take(&url);
	buffer_free(&url);
	return taken;
}
