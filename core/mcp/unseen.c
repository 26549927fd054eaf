/* A message that is not seen: what the headers which copy it say of it. */
#include <stdlib.h>
#include <string.h>

#include "header.h"
#include "message.h"
#include "method.h"

#define RPC_METHOD (-32601)

static int fail(struct mcp_error *error, int code, int status, int rpc, const char *text)
{
	error->code = code;
	error->status = status;
	error->rpc = rpc;
	error->text = text;
	return code;
}

static int bad(struct mcp_error *error, const char *text)
{
	return fail(error, EMA_BAD_MESSAGE, 400, MCP_RPC_MISMATCH, text);
}

static int revision_check(const char *version, unsigned allowed, struct mcp_error *error)
{
	if (!version)
		return bad(error, "the header MCP-Protocol-Version is missing, and the body is not seen here");
	if (!strcmp(version, mcp_revision_name(MCP_2026_07_28)) && allowed & MCP_2026_07_28)
		return EMA_OK;
	mcp_error_revision(error, version, allowed & MCP_2026_07_28);
	return fail(error, EMA_BAD_MESSAGE, 400, MCP_RPC_VERSION, "the body is not seen here, and servers of this revision do not hold the headers against it");
}

int mcp_parse_headers(const struct mcp_header *headers, size_t header_count, const struct mcp_settings *settings, struct mcp_message *out,
                      struct mcp_error *error)
{
	struct mcp_headers read;
	*out = (struct mcp_message){ 0 };
	*error = (struct mcp_error){ .text = "" };
	const char *wrong = mcp_headers_read(headers, header_count, &read);
	if (wrong)
		return bad(error, wrong);
	int code = revision_check(read.version, settings->revisions ? settings->revisions : MCP_REVISIONS_DEFAULT, error);
	if (code)
		return code;
	if (!read.method)
		return bad(error, "the header Mcp-Method is missing");
	const struct mcp_method *method = mcp_method(read.method, MCP_2026_07_28);
	if (!method)
		return fail(error, EMA_BAD_MESSAGE, 404, RPC_METHOD, "there is no such method in this revision");
	if (method->form == FORM_REF || method->form == FORM_LISTEN)
		return bad(error, "what this method is about stands in the body alone, and the body is not seen here");
	const int named = method->key != NULL;
	if (named != (read.name && *read.name))
		return bad(error, named ? "the header Mcp-Name is missing" : "Mcp-Name names something, and the method is about nothing by name");
	mcp_call_only(out, method->name, &(struct policy_target){ .kind = method->kind, .json = &out->json, .unseen = method->form == FORM_NAME });
	out->revision = MCP_2026_07_28;
	out->text = malloc(named ? strlen(read.name) + 1 : 1);
	if (!out->text) {
		mcp_clear(out);
		return fail(error, EMA_OUT_OF_MEMORY, 503, -32603, "no memory");
	}
	if (!named)
		return EMA_OK;
	long length = mcp_header_decode(read.name, out->text);
	if (length < 1) {
		mcp_clear(out);
		return bad(error, "the header Mcp-Name is not in canonical base64, or hides a NUL");
	}
	out->its.name = out->text;
	out->its.length = (size_t)length;
	return EMA_OK;
}
