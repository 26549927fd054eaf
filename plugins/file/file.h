/* The two halves of the plugin file: an audit sink and a directory. */
#ifndef FILE_FILE_H
#define FILE_FILE_H

#include "ema/plugin.h"

extern const struct ema_host *file_host;
extern const struct ema_audit_ops file_audit;
extern const struct ema_directory_ops file_directory;

#endif
