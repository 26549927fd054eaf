/* Any bytes as JSON; what is taken is walked through from end to end. */
#include <stdlib.h>
#include <string.h>

#include "json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json json = { 0 };
	struct failure failure = FAILURE_INIT;
	if (json_parse((const char *)data, size, &json_limits_document, &json, &failure)) {
		if (!failure.code || !failure.text[0])
			abort();
		return 0;
	}
	uint32_t seen = 1;
	for (uint32_t i = 0; i < json.count; i++) {
		const struct json_node *node = &json.nodes[i];
		int64_t number = 0;
		uint32_t children = 0;
		for (const struct json_node *n = json_first(&json, node); n; n = json_next(&json, n)) {
			/* a name finds its own member and no other */
			if (node->type == JSON_OBJECT && json_member(&json, node, n->name) != n)
				abort();
			children++;
		}
		if (children != node->count || (node->text && strlen(node->text) != node->length))
			abort();
		if (json_integer(node, &number)) {
			int64_t date = 0;
			if (!json_date(node, &date) || date != number)
				abort();
		}
		seen += children;
	}
	if (seen != json.count)
		abort();
	json_free(&json);
	return 0;
}
