/* Settings of a key set: checked, copied, and as one string to compare. */
#ifndef TRUST_SETTINGS_H
#define TRUST_SETTINGS_H

#include "failure.h"
#include "keyset.h"

/* EMA_OK, or EMA_CONFIG with what is wrong. No network. */
int settings_check(const struct keyset_settings *settings, struct failure *failure);
/* 0, or -1 without memory; then settings_free() is fine all the same. */
int settings_copy(const struct keyset_settings *from, struct keyset_settings *to);
void settings_free(struct keyset_settings *settings);
/* New strings, NULL without memory. keys: what is in jwks_file or jwks_text. */
char *settings_identity(const struct keyset_settings *settings, const char *keys);
char *settings_source(const struct keyset_settings *settings);
/* The file named by jwks_file: a new string. */
char *settings_read_file(const char *path, size_t *length, struct failure *failure);

#endif
