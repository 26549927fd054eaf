/* What a configuration says to emad. */
#ifndef CONTEXT_DAEMON_H
#define CONTEXT_DAEMON_H

#include <stddef.h>
#include <stdint.h>

#include "conf.h"

struct ema_daemon {
	struct conf *conf;
};

int daemon_read(const char *path, struct ema_daemon **out, struct findings *findings);
void daemon_free(struct ema_daemon *daemon);
const char *daemon_text(const struct ema_daemon *daemon, const char *name);
int64_t daemon_number(const struct ema_daemon *daemon, const char *name);
const char *daemon_listener_text(const struct ema_daemon *daemon, size_t index, const char *name);
int64_t daemon_listener_number(const struct ema_daemon *daemon, size_t index, const char *name);
int daemon_listener_file(const struct ema_daemon *daemon, size_t index, const char *name, char **out, struct findings *findings);

#endif
