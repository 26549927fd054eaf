/* A pattern, a line feed, a text: of names, of URIs, of values. What is brought into one form stays as it is. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char room[PATTERN_TEXT], form[URI_MOST + 1], again[URI_MOST + 1];
	const char *all = (const char *)data, *line = memchr(all, '\n', size);
	size_t head = line ? (size_t)(line - all) : size, length = 0, same = 0;
	const char *text = line ? line + 1 : all;
	size_t text_length = line ? size - head - 1 : 0;
	char *pattern_text = calloc(1, head + 1);
	struct pattern_values values = { .usable = 0 };
	if (!pattern_text || size > 20000) {
		free(pattern_text);
		return 0;
	}
	memcpy(pattern_text, all, head);
	pattern_value(&values, OP_SUBJECT, "alice");
	if (!uri_template(text, text_length, form, &length) && strlen(form) != length)
		abort();
	if (!uri_normal(text, text_length, 0, form, &length) &&
	    (strlen(form) != length || uri_normal(form, length, 0, again, &same) || same != length || memcmp(form, again, length) != 0))
		abort();
	for (int kind = PATTERN_NAME; kind <= PATTERN_LIKE_URI; kind++) {
		struct pattern pattern;
		if (pattern_compile((enum pattern_kind)kind, pattern_text, room, &pattern))
			continue;
		int sure = pattern_match(&pattern, text, text_length, &values, 0);
		/* What surely matches may match. */
		if (sure && !pattern_match(&pattern, text, text_length, &values, 1))
			abort();
		/* It reaches what it matches from wherever that begins, and matches what it covers. */
		for (size_t begin = 0; begin <= text_length; begin += text_length / 7 + 1)
			if ((sure && !pattern_reaches(&pattern, text, begin, &values, 0)) || (!sure && pattern_covers(&pattern, text, begin, &values, 0)))
				abort();
	}
	free(pattern_text);
	return 0;
}
