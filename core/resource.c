#include "resource.h"

#include <string.h>
#include <strings.h>

#include "buffer.h"

/* What stands behind the host; a slash alone is nothing. */
static const char *tail(const char *text)
{
	return !strcmp(text, "/") ? "" : text;
}

int resource_same(const char *a, const char *b)
{
	const char *sa = strstr(a, "://"), *sb = strstr(b, "://");
	if (!sa || !sb)
		return !strcmp(a, b);
	size_t head_a = (size_t)(sa - a) + 3, head_b = (size_t)(sb - b) + 3;
	size_t host_a = head_a + strcspn(a + head_a, "/?#"), host_b = head_b + strcspn(b + head_b, "/?#");
	if (strcmp(tail(a + host_a), tail(b + host_b)))
		return 0;
	const char *port = !strncasecmp(a, "https:", 6) ? ":443" : !strncasecmp(a, "http:", 5) ? ":80" : NULL;
	size_t room = port ? strlen(port) : 0;
	if (room && host_a - head_a > room && !strncmp(a + host_a - room, port, room))
		host_a -= room;
	if (room && host_b - head_b > room && !strncmp(b + host_b - room, port, room))
		host_b -= room;
	return host_a == host_b && !strncasecmp(a, b, host_a);
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
