#include "header.h"

#include <string.h>
#include <strings.h>

#include "tools.h"

#define SENTINEL "=?base64?"
#define SENTINEL_END "?="
#define PARAM "Mcp-Param-"

static int is_visible(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
			return 0;
	return 1;
}

const char *mcp_headers_read(const struct mcp_header *headers, size_t count, struct mcp_headers *out)
{
	const struct { const char *name; const char **value; } rows[] = {
		{ "MCP-Protocol-Version", &out->version }, { "Mcp-Method", &out->method }, { "Mcp-Name", &out->name },
	};
	*out = (struct mcp_headers){ .all = headers, .count = count };
	for (size_t i = 0; i < count; i++)
		for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
			if (strcasecmp(headers[i].name, rows[r].name))
				continue;
			if (*rows[r].value)
				return "a header that copies the body stands twice";
			if (!is_visible(headers[i].value))
				return "a header that copies the body has a character that it may not have";
			*rows[r].value = headers[i].value;
		}
	return NULL;
}

/* Is the text this value in base64 (RFC 4648 4), in its one canonical form? */
static int is_base64_of(const char *text, size_t length, const char *value, size_t value_length)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	if (length != (value_length + 2) / 3 * 4)
		return 0;
	for (size_t i = 0; i < length; i++) {
		size_t byte = i / 4 * 3;
		unsigned long bits = 0;
		for (size_t k = 0; k < 3; k++)
			bits = bits << 8 | (byte + k < value_length ? (unsigned char)value[byte + k] : 0u);
		char expected = byte + i % 4 > value_length ? '=' : digits[bits >> (18 - 6 * (i % 4)) & 63];
		if (text[i] != expected)
			return 0;
	}
	return 1;
}

static int says(const char *header, const char *value, size_t value_length)
{
	size_t length = strlen(header), begin = strlen(SENTINEL), end = strlen(SENTINEL_END);
	if (length >= begin + end && !strncmp(header, SENTINEL, begin) && !strcmp(header + length - end, SENTINEL_END))
		return is_base64_of(header + begin, length - begin - end, value, value_length);
	return length == value_length && !memcmp(header, value, length);
}

static int digit(char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : c >= '0' && c <= '9' ? c - '0' + 52 : c == '+' ? 62 : c == '/' ? 63 : -1;
}

long mcp_header_decode(const char *header, char *out)
{
	size_t length = strlen(header), begin = strlen(SENTINEL), end = strlen(SENTINEL_END), used = 0;
	if (length < begin + end || strncmp(header, SENTINEL, begin) || strcmp(header + length - end, SENTINEL_END)) {
		memcpy(out, header, length + 1);
		return (long)length;
	}
	const char *text = header + begin;
	length -= begin + end;
	for (size_t i = 0; i + 4 <= length; i += 4) {
		unsigned long bits = 0;
		for (size_t k = 0; k < 4; k++)
			bits = bits << 6 | (unsigned long)(digit(text[i + k]) & 63);
		for (size_t k = 0; k < 3; k++)
			if (text[i + k + 1] != '=')
				out[used++] = (char)(bits >> (16 - 8 * k) & 255);
	}
	out[used] = 0;
	/* What was read is written again: one text for one value, whatever was skipped above. */
	return strlen(out) == used && is_base64_of(text, length, out, used) ? (long)used : -1;
}

/* A whole number as decimal digits, however many zeros stand before it. */
static int says_number(const char *header, const struct json_node *node)
{
	int64_t wanted = 0, value = 0;
	int negative = header[0] == '-';
	if (!json_integer(node, &wanted))
		return says(header, node->text, node->length);
	if (!header[negative])
		return 0;
	for (const char *c = header + negative; *c; c++) {
		if (*c < '0' || *c > '9' || value > INT64_C(9007199254740991) / 10)
			return 0;
		value = value * 10 + (*c - '0');
	}
	return (negative ? -value : value) == wanted;
}

static int says_argument(const char *header, const struct json_node *node)
{
	switch (node->type) {
	case JSON_STRING:
		return says(header, node->text, node->length);
	case JSON_NUMBER:
		return says_number(header, node);
	case JSON_TRUE:
		return !strcmp(header, "true");
	case JSON_FALSE:
		return !strcmp(header, "false");
	case JSON_NULL:
	case JSON_ARRAY:
	case JSON_OBJECT:
		break;
	}
	return 0;
}

const char *mcp_headers_method(const struct mcp_headers *headers, enum mcp_revision revision, const char *method)
{
	if (!headers->method)
		return revision == MCP_2026_07_28 ? "the header Mcp-Method is missing" : NULL;
	return strcmp(headers->method, method) ? "Mcp-Method and the method of the body differ" : NULL;
}

static const char *param_check(const struct mcp_headers *headers, const struct conf_tool_header *param, const struct json_node *argument)
{
	const char *header = NULL;
	size_t prefix = strlen(PARAM);
	for (size_t i = 0; i < headers->count; i++) {
		const char *name = headers->all[i].name;
		if (strncasecmp(name, PARAM, prefix) || strcasecmp(name + prefix, param->name))
			continue;
		if (header)
			return "a header that copies the body stands twice";
		header = headers->all[i].value;
	}
	if (json_is(argument, JSON_NULL))
		argument = NULL;
	if (!header || !argument)
		return header || argument ? "an argument and the header that copies it are not both there" : NULL;
	if (!is_visible(header))
		return "a header that copies the body has a character that it may not have";
	return says_argument(header, argument) ? NULL : "an argument and the header that copies it differ";
}

const char *mcp_headers_names(const struct mcp_headers *headers, enum mcp_revision revision, const struct mcp_method *method,
                              const struct json *json, const struct json_node *params, const struct mcp_settings *settings)
{
	const struct json_node *named = method->key ? json_member(json, params, method->key) : NULL;
	const char *wrong = NULL;
	if (!headers->name && revision == MCP_2026_07_28 && method->named)
		return "the header Mcp-Name is missing";
	if (headers->name && !json_is(named, JSON_STRING))
		return "Mcp-Name names something, and the body nothing";
	if (headers->name && !says(headers->name, named->text, named->length))
		return "Mcp-Name and the name or uri of the body differ";
	if (revision != MCP_2026_07_28 || method->kind != POLICY_TOOL)
		return NULL;
	const struct conf_tool *tool = settings->tools ? tools_find(settings->tools, named->text, named->length) : NULL;
	for (size_t i = 0; tool && i < tool->header_count && !wrong; i++)
		wrong = param_check(headers, &tool->headers[i], json_at(json, tool->headers[i].at));
	return wrong;
}
