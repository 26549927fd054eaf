/* Any bytes as ema.conf: read, or refused with an error that names a line. No control turns a failure into success, or the other way round. */
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

static void check_rules(const struct conf_rules *rules)
{
	for (size_t i = 0; i < rules->count; i++) {
		const unsigned char *action = rules->list[i].control.action;
		if (action[EMA_OK] != ACTION_OK && action[EMA_OK] != ACTION_DONE && action[EMA_OK] != ACTION_IGNORE)
			abort();
		for (int code = EMA_OK + 1; code < EMA_CODES; code++)
			if (action[code] != ACTION_IGNORE && action[code] != ACTION_BAD && action[code] != ACTION_DIE)
				abort();
			else if (action[EMA_OK] != ACTION_IGNORE && action[EMA_DENIED] == ACTION_IGNORE && !rules->list[i].control.keyword)
				abort(); /* who can vouch cannot be passed over when it refuses */
	}
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
	for (size_t i = 0; conf && i < conf->service_count; i++) {
		check_rules(&conf->services[i].identity);
		check_rules(&conf->services[i].guards);
	}
	for (size_t i = 0; conf && i < conf->stack_count; i++)
		check_rules(&conf->stacks[i].rules);
	conf_free(conf);
	findings_free(&findings);
	return 0;
}
