/* Findings, looked through by the tests of conf. */
#ifndef TESTS_CONF_SHOW_H
#define TESTS_CONF_SHOW_H

#include <stdio.h>
#include <string.h>

#include "conf.h"

/* 1 if a finding has this id, line (0: any) and a text with this fragment. */
static inline int show_find(const struct findings *findings, const char *id, int line, const char *fragment)
{
	for (size_t i = 0; i < findings->count; i++)
		if (!strcmp(findings->list[i].id, id) && (!line || findings->list[i].line == line) && strstr(findings->list[i].text, fragment))
			return 1;
	return 0;
}

static inline void show_all(const struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++)
		fprintf(stderr, "# %s:%d %s %s\n", findings->list[i].file, findings->list[i].line, findings->list[i].id, findings->list[i].text);
}

#endif
