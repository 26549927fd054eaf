#include "canonical.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CANONICAL_DEPTH 32

int canonical_string(struct buffer *out, const char *text, size_t length)
{
	static const char named[] = "\b\t\n\f\r\"\\", letters[] = "btnfr\"\\";
	size_t plain = 0;
	buffer_char(out, '"');
	for (size_t i = buffer_printable(text, length); i < length && !out->failed; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		const char *name = c ? memchr(named, c, sizeof named - 1) : NULL;
		buffer_append(out, text + plain, i - plain);
		plain = i + 1;
		if (name) {
			buffer_char(out, '\\');
			buffer_char(out, letters[name - named]);
		} else {
			buffer_printf(out, "\\u%04x", c);
		}
	}
	buffer_append(out, text + plain, length - plain);
	return buffer_char(out, '"');
}

/* Beyond the basic plane there are surrogates in UTF-16, D800 to DFFF, which come before E000 to FFFF: EE and EF in UTF-8. */
static int unit_rank(unsigned char c)
{
	return c >= 0xf0 ? 0xee : c >= 0xee ? 0xf0 + c : c;
}

int canonical_compare(const char *a, size_t a_length, const char *b, size_t b_length)
{
	size_t n = a_length < b_length ? a_length : b_length;
	for (size_t i = 0; i < n; i++) {
		unsigned char x = (unsigned char)a[i], y = (unsigned char)b[i];
		if (x != y)
			return unit_rank(x) != unit_rank(y) ? unit_rank(x) - unit_rank(y) : x - y;
	}
	return a_length < b_length ? -1 : a_length > b_length;
}

static int node_compare(const void *a, const void *b)
{
	const struct json_node *x = *(const struct json_node *const *)a, *y = *(const struct json_node *const *)b;
	return canonical_compare(x->name, x->name_length, y->name, y->name_length);
}

static int write_node(const struct json *json, const struct json_node *node, unsigned depth, struct buffer *out);

static int write_members(const struct json *json, const struct json_node *node, unsigned depth, struct buffer *out)
{
	int result = EMA_OK;
	size_t count = 0;
	const struct json_node **members = calloc(node->count + 1, sizeof *members);
	if (!members)
		return EMA_OUT_OF_MEMORY;
	for (const struct json_node *member = json_first(json, node); member && count < node->count; member = json_next(json, member))
		members[count++] = member;
	qsort(members, count, sizeof *members, node_compare);
	buffer_char(out, '{');
	for (size_t i = 0; i < count && result == EMA_OK; i++) {
		if (i)
			buffer_char(out, ',');
		canonical_string(out, members[i]->name, members[i]->name_length);
		buffer_char(out, ':');
		result = write_node(json, members[i], depth, out);
	}
	buffer_char(out, '}');
	free(members);
	return result;
}

static int write_node(const struct json *json, const struct json_node *node, unsigned depth, struct buffer *out)
{
	static const char *const words[] = { [JSON_NULL] = "null", [JSON_FALSE] = "false", [JSON_TRUE] = "true" };
	int64_t number = 0;
	int result = EMA_OK;
	if (depth > CANONICAL_DEPTH)
		return EMA_TOO_LARGE;
	switch (node->type) {
	case JSON_OBJECT:
		return write_members(json, node, depth + 1, out);
	case JSON_ARRAY:
		buffer_char(out, '[');
		for (const struct json_node *item = json_first(json, node); item && result == EMA_OK; item = json_next(json, item)) {
			if (item != json_first(json, node))
				buffer_char(out, ',');
			result = write_node(json, item, depth + 1, out);
		}
		buffer_char(out, ']');
		return result;
	case JSON_STRING:
		canonical_string(out, node->text, node->length);
		return EMA_OK;
	case JSON_NUMBER:
		if (!json_integer(node, &number) || number > CANONICAL_INTEGER || number < -CANONICAL_INTEGER)
			return EMA_BAD_JSON;
		buffer_printf(out, "%" PRId64, number); /* and -0 is 0 (3.2.2.3) */
		return EMA_OK;
	case JSON_NULL:
	case JSON_FALSE:
	case JSON_TRUE:
	default:
		buffer_text(out, words[node->type]);
		return EMA_OK;
	}
}

int canonical_json(const struct json *json, struct buffer *out)
{
	const struct json_node *root = json_root(json);
	int result = root ? write_node(json, root, 0, out) : EMA_BAD_JSON;
	if (result == EMA_OK && out->failed)
		result = out->length + 64 >= out->most ? EMA_TOO_LARGE : EMA_OUT_OF_MEMORY;
	return result;
}
