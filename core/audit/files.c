#include "files.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* audit.jsonl.2 is older than audit.jsonl.1; with dates, names sort as they are. The one without a suffix is the newest. */
static int older_first(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;
	size_t same = 0;
	while (x[same] && x[same] == y[same])
		same++;
	if (!x[same] || !y[same])
		return x[same] ? -1 : y[same] ? 1 : 0;
	const char *p = strrchr(x, '.'), *q = strrchr(y, '.');
	char *p_end = NULL, *q_end = NULL;
	unsigned long m = p ? strtoul(p + 1, &p_end, 10) : 0, n = q ? strtoul(q + 1, &q_end, 10) : 0;
	if (p && q && !*p_end && !*q_end && p_end != p + 1 && q_end != q + 1 && m < 100000 && n < 100000)
		return m > n ? -1 : m < n ? 1 : 0;
	return strcmp(x, y);
}

void files_find(const char *path, struct files *out)
{
	char pattern[PATH_MAX];
	size_t n = 0;
	*out = (struct files){ .count = 0 };
	for (const char *c = path; *c && n + 4 < sizeof pattern; c++) {
		if (strchr("*?[\\", *c))
			pattern[n++] = '\\';
		pattern[n++] = *c;
	}
	memcpy(pattern + n, ".*", 3);
	out->list[out->count++] = (char *)(uintptr_t)path;
	if (!glob(pattern, GLOB_NOSORT, NULL, &out->found))
		for (size_t i = 0; i < out->found.gl_pathc && out->count < FILES_MOST; i++)
			out->list[out->count++] = out->found.gl_pathv[i];
	qsort(out->list, out->count, sizeof *out->list, older_first);
}

void files_free(struct files *files)
{
	globfree(&files->found);
}

int files_compressed(const char *name)
{
	size_t length = strlen(name);
	return length > 3 && (!strcmp(name + length - 3, ".gz") || !strcmp(name + length - 3, ".xz"));
}
