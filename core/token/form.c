#include "form.h"

#include <stdlib.h>
#include <string.h>

#include "secret.h"

#define FORM_NAME_MOST 128

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

long form_decode(char *text, size_t length)
{
	size_t to = 0;
	for (size_t from = 0; from < length; from++) {
		char c = text[from];
		if (c == '+') {
			c = ' ';
		} else if (c == '%') {
			int high = from + 2 < length ? hex_digit(text[from + 1]) : -1, low = high < 0 ? -1 : hex_digit(text[from + 2]);
			if (low < 0)
				return -1;
			c = (char)(high << 4 | low);
			from += 2;
		}
		if ((unsigned char)c < 0x20 || c == 0x7f)
			return -1;
		text[to++] = c;
	}
	return (long)to;
}

static int is_name(const char *text)
{
	return *text && strlen(text) <= FORM_NAME_MOST && !text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-~:/")];
}

static int form_add(struct form *form, char *name, char *value, struct failure *failure)
{
	/* A name from elsewhere is shown only if it is one. */
	const char *shown = is_name(name) ? name : "(no name)";
	for (size_t i = 0; i < form->count; i++)
		if (!strcmp(form->fields[i].name, name) && strcmp(name, "resource"))
			return failure_set(failure, EMA_BAD_REQUEST, "the parameter %s stands twice", shown);
	if (form->count == FORM_FIELDS_MOST)
		return failure_set(failure, EMA_TOO_LARGE, "the body has over %d parameters", FORM_FIELDS_MOST);
	form->fields[form->count++] = (struct form_field){ name, value };
	return EMA_OK;
}

/* One NAME=VALUE, whose length takes in the byte behind it, which becomes a NUL. */
static int form_pair(struct form *form, char *pair, size_t length, struct failure *failure)
{
	char *equals = memchr(pair, '=', length), *value = equals ? equals + 1 : pair + length;
	long name_length = form_decode(pair, equals ? (size_t)(equals - pair) : length);
	long value_length = form_decode(value, (size_t)(pair + length - value));
	if (name_length < 0 || value_length < 0)
		return failure_set(failure, EMA_BAD_REQUEST, "the body is not form-encoded: a broken percent sign or a control character");
	pair[name_length] = 0;
	value[value_length] = 0;
	/* Also those without a value count for what may stand twice. */
	return name_length ? form_add(form, pair, value, failure) : EMA_OK;
}

int form_parse(const char *text, size_t length, struct form *out, struct failure *failure)
{
	struct form form = { .count = 0 };
	int code = EMA_OK;
	if (length > FORM_BYTES_MOST)
		return failure_set(failure, EMA_TOO_LARGE, "the body is over %d bytes", FORM_BYTES_MOST);
	form.length = length + 1;
	form.text = malloc(form.length);
	if (!form.text)
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
	if (length)
		memcpy(form.text, text, length);
	form.text[length] = 0;
	for (size_t at = 0; at < length && code == EMA_OK;) {
		const char *and = memchr(form.text + at, '&', length - at);
		size_t pair = and ? (size_t)(and - form.text) - at : length - at;
		code = pair ? form_pair(&form, form.text + at, pair, failure) : EMA_OK;
		at += pair + 1;
	}
	if (code) {
		form_free(&form);
		return code;
	}
	*out = form;
	return EMA_OK;
}

void form_free(struct form *form)
{
	if (!form->text)
		return;
	secret_wipe(form->text, form->length);
	free(form->text);
	*form = (struct form){ .count = 0 };
}

const char *form_value_at(const struct form *form, const char *name, size_t index)
{
	for (size_t i = 0; i < form->count; i++)
		if (*form->fields[i].value && !strcmp(form->fields[i].name, name) && !index--)
			return form->fields[i].value;
	return NULL;
}

const char *form_value(const struct form *form, const char *name)
{
	return form_value_at(form, name, 0);
}
