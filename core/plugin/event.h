/* An audit record as a sink sees it: filled in by core/audit, read by plugins through the host's event_* functions. */
#ifndef PLUGIN_EVENT_H
#define PLUGIN_EVENT_H

#include <stddef.h>
#include <stdint.h>

struct ema_event {
	const char *line;          /* the JSON line, without its newline */
	size_t length;
	int64_t time;              /* milliseconds since 1970 */
	int severity;              /* of syslog */
	size_t count;
	const char *const *names;  /* of all members of the line: those of every record first */
	const char *const *values; /* as text; a list's items are separated by commas */
	/* The line in another form, which lives as long as the event; NULL: no such form, or no memory. May be NULL. */
	const char *(*render)(const struct ema_event *event, const char *form, size_t *length);
};

#endif
