/* The headers that copy what the body says: intermediaries look at them, so they must agree with it (MCP-47). */
#ifndef MCP_HEADER_H
#define MCP_HEADER_H

#include "method.h"

#define MCP_RPC_MISMATCH (-32020)

struct mcp_headers {
	const char *version, *method, *name; /* NULL: not there */
	const struct mcp_header *all;
	size_t count;
};

/* These give NULL, or what is wrong. */
const char *mcp_headers_read(const struct mcp_header *headers, size_t count, struct mcp_headers *out);
const char *mcp_headers_method(const struct mcp_headers *headers, enum mcp_revision revision, const char *method);
const char *mcp_headers_names(const struct mcp_headers *headers, enum mcp_revision revision, const struct mcp_method *method,
                              const struct json *json, const struct json_node *params, const struct mcp_settings *settings);
/* What a header says, decoded if it is in base64 form, with a NUL behind: its length, or -1 if the form is not the canonical one or
   hides a NUL. out has the room of the header and its NUL. */
long mcp_header_decode(const char *header, char *out);

#endif
