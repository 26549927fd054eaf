/* A service's tools_file: the tools that its server has, as `emactl tools import` wrote them, and which of them are accepted. */
#ifndef CONF_TOOLS_H
#define CONF_TOOLS_H

#include "arena.h"
#include "conf.h"
#include "failure.h"

#define TOOLS_FILE_MOST (1024u * 1024)
#define TOOLS_MOST 4096
#define TOOL_NAME_MOST 128 /* characters of a name (MCP) */
#define TOOL_DIGEST 65     /* SHA-256, hexadecimal, with its NUL */
#define TOOL_HEADERS_MOST 32
#define TOOL_HEADER_MOST 64    /* characters of a name */
#define TOOL_POINTER_MOST 256  /* of where the argument is */
#define TOOL_ARGUMENTS_MOST 256
#define TOOL_ARGUMENT_MOST 256 /* bytes of a name; a tool with a longer one has names that are not known */
#define TOOL_ARGUMENTS "/params/arguments"

/* Sorted by name. EMA_OK; EMA_BAD_JSON, EMA_TOO_LARGE and the like; EMA_CONFIG for JSON of another form. Copies what it keeps. */
int tools_parse(const char *text, size_t length, struct arena *arena, struct conf_tools *out, struct failure *failure);
/* May a header's name end so? RFC 9110 5.6.2 */
int tools_header_name(const char *name);
/* NULL: there is no such tool. */
const struct conf_tool *tools_find(const struct conf_tools *tools, const char *name, size_t length);

#endif
