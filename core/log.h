/* Lines for the operator, through a callback of the program. Never a token, never a secret. */
#ifndef CORE_LOG_H
#define CORE_LOG_H

enum { LOG_LEVEL_ERROR = 1, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

struct log {
	void (*write)(void *data, int level, const char *text); /* NULL: nobody listens; called by any thread */
	void *data;
};

/* log may be NULL. Control characters in the text become '?'. */
void log_printf(const struct log *log, int level, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
