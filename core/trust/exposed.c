#include "exposed.h"

#include <stdio.h>
#include <string.h>

static int exposed_find(const struct exposed *exposed, const char *thumbprint)
{
	for (size_t i = 0; i < exposed->count; i++)
		if (!strcmp(exposed->thumbprints[i], thumbprint))
			return 1;
	return 0;
}

size_t exposed_note(struct exposed *exposed, const void *thumbprints, size_t count)
{
	size_t news = 0;
	for (size_t i = 0; i < count; i++) {
		const char *one = (const char *)thumbprints + i * JWK_THUMBPRINT;
		if (exposed_find(exposed, one))
			continue;
		if (exposed->count == EXPOSED_MOST)
			memmove(exposed->thumbprints, exposed->thumbprints + 1, --exposed->count * sizeof *exposed->thumbprints);
		memcpy(exposed->thumbprints[exposed->count++], one, JWK_THUMBPRINT);
		news++;
	}
	return news;
}

int exposed_has(const struct exposed *exposed, const struct jwks *set)
{
	for (size_t i = 0; i < set->count; i++)
		if (exposed_find(exposed, jwk_thumbprint(set->keys[i])))
			return 1;
	return 0;
}

void exposed_drop(const struct exposed *exposed, struct jwks *set)
{
	for (size_t i = 0; i < exposed->count; i++) {
		size_t dropped = jwks_drop(set, exposed->thumbprints[i]);
		if (dropped && !set->skipped)
			snprintf(set->skipped_why, sizeof set->skipped_why, "the private half of %s was published before", exposed->thumbprints[i]);
		set->skipped += dropped;
	}
}

void exposed_print(const struct exposed *exposed, char out[EXPOSED_TEXT])
{
	size_t at = 0;
	out[0] = 0;
	for (size_t i = 0; i < exposed->count; i++)
		at += (size_t)snprintf(out + at, EXPOSED_TEXT - at, "%s%s", i ? " " : "", exposed->thumbprints[i]);
}

int exposed_read(struct exposed *exposed, const char *text)
{
	char one[JWK_THUMBPRINT] = "";
	exposed->count = 0;
	while (*text) {
		size_t length = strcspn(text, " ");
		if (length != JWK_THUMBPRINT - 1 || exposed->count == EXPOSED_MOST)
			return -1;
		memcpy(one, text, length);
		exposed_note(exposed, one, 1);
		text += length + (text[length] == ' ');
	}
	return 0;
}
