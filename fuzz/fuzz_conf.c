/* Any bytes as ema.conf: read, or refused with an error that names a line. */
#include <stdlib.h>
#include <string.h>

#include "conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t nodes(const struct conf_node *node)
{
	size_t count = 1;
	for (size_t i = 0; i < node->count; i++) {
		if (node->children[i].parent != node || (node->kind == CONF_GROUP) != (node->children[i].name != NULL))
			abort();
		count += nodes(&node->children[i]);
	}
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct findings findings = { NULL, 0, 0, 0 };
	struct conf *conf = conf_read_text((const char *)data, size, "/nowhere/ema.conf", &findings);
	if (conf ? findings.errors || nodes(conf->root) != conf->nodes : !findings.errors)
		abort();
	for (size_t i = 0; i < findings.count; i++)
		if (!findings.list[i].text[0] || (findings.list[i].line < 1 && findings.list[i].id[0] == 'E'))
			abort();
	conf_free(conf);
	findings_free(&findings);
	return 0;
}
