/* What happened outside of a decision and must be in the audit trail: a callback, so that any folder can report it. */
#ifndef CORE_NOTICE_H
#define CORE_NOTICE_H

struct notice_field {
	const char *name;
	const char *value;
};

struct notice {
	/* Called by any thread; kind is a short name such as "keys-fetched". What it is given lives until it returns. */
	void (*tell)(void *data, const char *kind, int severity, const struct notice_field *fields, int count);
	void *data;
};

/* Severities of syslog that are used. */
enum { NOTICE_ALERT = 1, NOTICE_ERROR = 3, NOTICE_WARNING = 4, NOTICE_INFO = 6 };

/* notice may be NULL. The arguments after severity are names and values in pairs, then NULL; a NULL value is left out. */
void notice_tell(const struct notice *notice, const char *kind, int severity, ...) __attribute__((sentinel));

#endif
