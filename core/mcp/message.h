/*
 * An MCP message: what it asks for, out of its body alone (MCP-48). The headers that copy the body are held against it. What this
 * takes is what the server may be given, byte for byte: strict JSON that two readers cannot see differently.
 */
#ifndef MCP_MESSAGE_H
#define MCP_MESSAGE_H

#include <stddef.h>

#include "buffer.h"
#include "json.h"
#include "policy.h"

enum mcp_revision { MCP_2026_07_28 = 1, MCP_2025_11_25 = 2, MCP_2025_06_18 = 4, MCP_2025_03_26 = 8 };
#define MCP_REVISIONS_DEFAULT (MCP_2026_07_28 | MCP_2025_11_25)
#define MCP_REVISIONS 4

#define MCP_TARGETS_MOST 256  /* of one request */
#define MCP_BATCH_MOST 64     /* requests of a batch (2025-03-26 alone) */
#define MCP_RPC_VERSION (-32022) /* the revision is not taken here */
#define MCP_RESPONSE "response" /* what the method is called of an answer to a request of the server's (before 2026-07-28 alone) */

struct mcp_header {
	const char *name, *value; /* as HTTP had them, without the blanks around the value */
};

struct mcp_settings {
	unsigned revisions;       /* those that are taken; 0: MCP_REVISIONS_DEFAULT */
	int http;                 /* 0: there are no headers (stdio), and none are asked for */
	size_t most;              /* bytes of a body; 0: 1 MiB, which is also the most */
	const struct conf_tools *tools; /* whose headers copy arguments; NULL: not known */
};

struct mcp_call {
	char *id;                 /* JSON text, for an answer; NULL: a notification or a response */
	const char *method;       /* or MCP_RESPONSE */
	struct policy_target *targets; /* at least one; permitted is what has all of them permitted */
	size_t target_count;
};

struct mcp_message {
	enum mcp_revision revision;
	int batch;                /* an array: the answers are one too */
	struct mcp_call *calls;
	size_t count;
	struct json json;         /* what names and arguments point into */
	char *text;               /* the same, of a message that was not seen; NULL else */
	/* Where the one call of most messages is, and its one target: a message stays where it was made. */
	struct mcp_call only;
	struct policy_target its;
};

/* What the client is told if the message is not taken. Nothing of the message is in it but id and requested. */
struct mcp_error {
	int code;                 /* of codes.tab: BAD_MESSAGE, TOO_LARGE, BAD_JSON, DUPLICATE_MEMBER, OUT_OF_MEMORY */
	int status;               /* HTTP */
	int rpc;                  /* JSON-RPC */
	const char *text;         /* static */
	char detail[200];         /* text and where it is, for the operator; "": there is no place */
	unsigned supported;       /* with MCP_RPC_VERSION, data.supported */
	char requested[32];       /* and data.requested; "": it is not to be told back */
	char *id;                 /* JSON text if the message had a good one; mcp_error_clear() frees it */
};

/*
 * EMA_OK, and the message, to be cleared; or error->code. The text need not live on. headers may be NULL where there are none.
 * A retry that answers an input_required result is a request like any other: its requestState is the server's to judge.
 */
int mcp_parse(const char *body, size_t length, const struct mcp_header *headers, size_t header_count, const struct mcp_settings *settings,
              struct mcp_message *out, struct mcp_error *error);
/*
 * The same for who does not see the body: what the headers say of it. That can be believed of a revision alone whose servers must
 * hold them against the body (MCP-47, MCP-48), and of a method whose target they name. The arguments are unseen.
 */
int mcp_parse_headers(const struct mcp_header *headers, size_t header_count, const struct mcp_settings *settings, struct mcp_message *out,
                      struct mcp_error *error);
/* Gives an empty message its one call, about one target. */
void mcp_call_only(struct mcp_message *message, const char *method, const struct policy_target *target);
/* What an error with MCP_RPC_VERSION says. The name goes back alone if it is short and could be one of a draft ("DRAFT-2026-v1"). */
void mcp_error_revision(struct mcp_error *error, const char *requested, unsigned supported);
void mcp_clear(struct mcp_message *message);
void mcp_error_clear(struct mcp_error *error);

/* "2026-07-28". */
const char *mcp_revision_name(enum mcp_revision revision);
/* The names of a set, newest first; how many. For data.supported. */
size_t mcp_revision_names(unsigned revisions, const char *out[MCP_REVISIONS]);

/*
 * A list's result (or the whole response with it), without the entries that keep() does not want; all else stays byte for byte, but
 * cacheScope, which becomes "private", and ttlMs, which is at most ttl_ms (under 0: as it is). An entry without a name is dropped;
 * a response with an error is as it was. EMA_OK; EMA_BAD_JSON and the like; EMA_BAD_REQUEST: not a list; EMA_OUT_OF_MEMORY.
 */
struct mcp_keep {
	/* kind: TOOL, PROMPT, or URI: ask policy_decide() with listing set. 1: keep. */
	int (*keep)(void *data, enum policy_kind kind, const char *name, size_t length, int is_template);
	void *data;
	int64_t ttl_ms;
};
int mcp_filter(const char *text, size_t length, const struct mcp_keep *keep, struct buffer *out, struct failure *failure);

#endif
