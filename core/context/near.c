#include "near.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Characters of an identifier that are shown; more of it cannot help a person. */
#define SHOWN 100
/* Longer than any issuer that somebody mistyped. */
#define ISSUER_MOST 512

static size_t without_slash(const char *text)
{
	size_t length = strlen(text);
	while (length && text[length - 1] == '/')
		length--;
	return length;
}

/* Where the host begins and how long it is, with its port. */
static const char *host_of(const char *text, size_t *length)
{
	const char *host = strstr(text, "://");
	host = host ? host + 3 : text;
	*length = strcspn(host, "/?#");
	return host;
}

void near_difference(const char *got, const char *want, char text[NEAR_TEXT])
{
	size_t g = without_slash(got), w = without_slash(want), got_host_length, want_host_length;
	const char *got_host = host_of(got, &got_host_length), *want_host = host_of(want, &want_host_length);
	int same_host = got_host_length == want_host_length && !strncasecmp(got_host, want_host, got_host_length);
	size_t same = 0;
	while (got[same] && got[same] == want[same])
		same++;
	if (!strcmp(got, want))
		snprintf(text, NEAR_TEXT, "they are equal");
	else if (g == w && !strncmp(got, want, g))
		snprintf(text, NEAR_TEXT, "the token's has %s slash at its end: they are compared byte for byte", strlen(got) > strlen(want) ? "a" : "no");
	else if (!strcasecmp(got, want))
		snprintf(text, NEAR_TEXT, "they differ in upper and lower case from byte %zu on", same + 1);
	else if (same_host && g > w && !strncmp(got, want, w) && !strncmp(got + w, "/oauth2/", 8))
		snprintf(text, NEAR_TEXT,
		         "the token comes from a custom authorization server (%.60s): ID-JAGs are made by the org's own, without a path", got + w);
	else if (same_host && strncmp(got, want, (size_t)(got_host - got)))
		snprintf(text, NEAR_TEXT, "the scheme differs");
	else if (same_host)
		snprintf(text, NEAR_TEXT, "same host, but the path differs from byte %zu on: \"%.60s\" is not \"%.60s\"", same + 1, got + same, want + same);
	else
		snprintf(text, NEAR_TEXT, "they differ from byte %zu on: \"%.60s\" is not \"%.60s\"", same + 1, got + same, want + same);
}

/* Levenshtein distance up to a bound, over at most SHOWN characters. */
static size_t distance(const char *a, const char *b, size_t bound)
{
	size_t la = strnlen(a, SHOWN), lb = strnlen(b, SHOWN), row[SHOWN + 1];
	if ((la > lb ? la - lb : lb - la) > bound)
		return bound + 1;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t corner = row[0];
		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t best = corner + (a[i - 1] != b[j - 1]);
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			corner = row[j];
			row[j] = best;
		}
	}
	return row[lb];
}

/* Smaller is nearer; 4 is not near. */
static size_t apart(const char *got, const char *want)
{
	size_t g = without_slash(got), w = without_slash(want), got_host_length, want_host_length;
	const char *got_host = host_of(got, &got_host_length), *want_host = host_of(want, &want_host_length);
	if ((g == w && !strncmp(got, want, g)) || !strcasecmp(got, want))
		return 0;
	if (got_host_length == want_host_length && !strncasecmp(got_host, want_host, got_host_length))
		return 1;
	size_t d = distance(got, want, 2);
	return d <= 2 ? d + 1 : 4;
}

const struct issuer_name *near_issuer(const struct snapshot *snapshot, const char *issuer)
{
	const struct issuer_name *nearest = NULL;
	size_t best = 4;
	/* An attacker chooses the issuer: the work is bounded, whatever the configuration has. */
	if (strnlen(issuer, ISSUER_MOST + 1) > ISSUER_MOST)
		return NULL;
	for (size_t i = 0; i < snapshot->name_count && i < 256 && best; i++) {
		size_t d = apart(issuer, snapshot->names[i].issuer);
		if (d < best) {
			best = d;
			nearest = &snapshot->names[i];
		}
	}
	return nearest;
}
