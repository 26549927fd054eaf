/* The methods that there are; what is not here is refused. */
#ifndef MCP_METHOD_H
#define MCP_METHOD_H

#include "message.h"

/* From where in params the targets come. */
enum mcp_form { FORM_SERVER, FORM_LIST, FORM_NAME, FORM_URI, FORM_REF, FORM_LISTEN, FORM_TASK, FORM_RESPONSE };

struct mcp_method {
	const char *name;
	unsigned revisions;
	enum mcp_form form;
	enum policy_kind kind; /* of FORM_NAME and FORM_URI */
	const char *key;       /* the member of params that Mcp-Name copies; NULL: none */
	int named;             /* and the header must be there */
};

/* NULL: the revision has no such method. A method is a notification by its name. */
const struct mcp_method *mcp_method(const char *name, unsigned revision);
int mcp_is_notification(const char *name);

#endif
