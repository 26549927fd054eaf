#include "subject.h"

#include <stdlib.h>
#include <string.h>

#include "ema/codes.h"

static int text_same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

int subject_same(const struct subject *a, const struct subject *b)
{
	return text_same(a->issuer, b->issuer) && text_same(a->tenant, b->tenant) && text_same(a->sub, b->sub);
}

static void tenant_text(struct buffer *text, const char *tenant)
{
	if (!tenant)
		buffer_char(text, '-');
	else if (!strcmp(tenant, "-"))
		buffer_text(text, "%2D"); /* is not the absence of one */
	else
		buffer_percent(text, tenant, strlen(tenant));
}

int subject_write(const struct subject *subject, struct buffer *text)
{
	buffer_percent(text, subject->provider, strlen(subject->provider));
	buffer_char(text, '/');
	tenant_text(text, subject->tenant);
	buffer_char(text, '/');
	return buffer_percent(text, subject->sub, strlen(subject->sub));
}

char *subject_text(const struct subject *subject)
{
	struct buffer text = BUFFER_INIT(SUBJECT_TEXT_MOST);
	subject_write(subject, &text);
	return buffer_take(&text);
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* In place. -1 for a % without two digits, or a NUL. */
static int percent_decode(char *text)
{
	char *to = text;
	for (const char *from = text; *from; from++) {
		if (*from != '%') {
			*to++ = *from;
			continue;
		}
		int high = hex_digit(from[1]), low = high < 0 ? -1 : hex_digit(from[2]);
		if (low < 0 || high * 16 + low == 0)
			return -1;
		*to++ = (char)(high * 16 + low);
		from += 2;
	}
	*to = 0;
	return 0;
}

int subject_parse(const char *text, struct subject *out, char **memory)
{
	if (strlen(text) > SUBJECT_TEXT_MOST)
		return EMA_BAD_REQUEST;
	int code = EMA_BAD_REQUEST;
	char *again = NULL, *parts = strdup(text);
	if (!parts)
		return EMA_OUT_OF_MEMORY;
	char *tenant = strchr(parts, '/'), *sub = tenant ? strchr(tenant + 1, '/') : NULL;
	if (!tenant || !sub)
		goto out;
	*tenant++ = 0;
	*sub++ = 0;
	int no_tenant = !strcmp(tenant, "-");
	if (!*parts || !*tenant || !*sub || percent_decode(parts) || percent_decode(tenant) || percent_decode(sub))
		goto out;
	struct subject subject = { parts, NULL, no_tenant ? NULL : tenant, sub };
	/* One subject has one text: what would be written otherwise is none. */
	again = subject_text(&subject);
	if (!again) {
		code = EMA_OUT_OF_MEMORY;
		goto out;
	}
	if (strcmp(again, text))
		goto out;
	*out = subject;
	*memory = parts;
	parts = NULL;
	code = EMA_OK;
out:
	free(again);
	free(parts);
	return code;
}
