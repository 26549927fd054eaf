/* What a configuration says to emad. */
#ifndef CONTEXT_DAEMON_H
#define CONTEXT_DAEMON_H

#include <stddef.h>
#include <stdint.h>

#include "client.h"
#include "conf.h"

struct ema_daemon {
	struct conf *conf;
};

int daemon_read(const char *path, struct ema_daemon **out, struct findings *findings);
void daemon_free(struct ema_daemon *daemon);
int daemon_socket(const char *path, char **out);
const char *daemon_text(const struct ema_daemon *daemon, const char *name);
int64_t daemon_number(const struct ema_daemon *daemon, const char *name);
const char *daemon_listener_text(const struct ema_daemon *daemon, size_t index, const char *name);
int64_t daemon_listener_number(const struct ema_daemon *daemon, size_t index, const char *name);
int daemon_listener_file(const struct ema_daemon *daemon, size_t index, const char *name, char **out, struct findings *findings);
/* What emad reads when it starts, and nothing else does: secrets, keys and certificates of clients and callers, and, if another user
   looks, of listeners; and whether state_dir and unix sockets can be made. Opens to read alone. */
void daemon_lint(struct conf *conf, const struct clients_settings *clients, enum conf_reader reader, struct findings *findings);

#endif
