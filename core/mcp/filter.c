/* Lists are filtered in their own text: what is not taken away stays as the server wrote it. */
#include <string.h>

#include "message.h"

#define FILTER_MOST (8u << 20)

static const struct json_limits filter_limits = { FILTER_MOST, 64, 524288, 1048576 };

static const struct { const char *list, *name; enum policy_kind kind; int is_template; } lists[] = {
	{ "tools", "name", POLICY_TOOL, 0 }, { "prompts", "name", POLICY_PROMPT, 0 },
	{ "resources", "uri", POLICY_URI, 0 }, { "resourceTemplates", "uriTemplate", POLICY_URI, 1 },
};

/* The text, walked beside its nodes. It was read as strict JSON before, so a quote ends what a quote began. */
struct filter {
	const char *text;
	size_t length, at;
	const struct json *json;
	const struct mcp_keep *keep;
	struct buffer *out;
	int found; /* a list was there */
};

static void skip_space(struct filter *f)
{
	while (f->at < f->length && strchr(" \t\r\n", f->text[f->at]))
		f->at++;
}

static void skip_string(struct filter *f)
{
	for (f->at++; f->at < f->length && f->text[f->at] != '"'; f->at++)
		if (f->text[f->at] == '\\')
			f->at++;
	f->at++;
}

/* Past the value that begins here. */
static void skip_value(struct filter *f)
{
	int depth = 0;
	do {
		char c = f->text[f->at];
		if (c == '"') {
			skip_string(f);
			continue;
		}
		depth += c == '{' || c == '[';
		depth -= c == '}' || c == ']';
		f->at++;
	} while (f->at < f->length && (depth || !strchr(" \t\r\n,:}]\"", f->text[f->at])));
}

static void copy(struct filter *f, size_t from)
{
	buffer_append(f->out, f->text + from, f->at - from);
}

/* At the bracket of a list; behind it after. */
static void filter_list(struct filter *f, const struct json_node *node, size_t list)
{
	int kept = 0;
	f->at++;
	buffer_char(f->out, '[');
	for (const struct json_node *entry = json_first(f->json, node); entry; entry = json_next(f->json, entry)) {
		const struct json_node *name = json_member(f->json, entry, lists[list].name);
		skip_space(f);
		size_t from = f->at;
		skip_value(f);
		size_t end = f->at;
		skip_space(f);
		f->at += f->text[f->at] == ',';
		if (!json_is(name, JSON_STRING) || !f->keep->keep(f->keep->data, lists[list].kind, name->text, name->length, lists[list].is_template))
			continue;
		if (kept++)
			buffer_char(f->out, ',');
		buffer_append(f->out, f->text + from, end - from);
	}
	skip_space(f);
	f->at++;
	buffer_char(f->out, ']');
	f->found = 1;
}

/* The value of a member of the result, from its first byte on. 0, or -1 if it is not what it must be. */
static int filter_member(struct filter *f, const struct json_node *node, int *scoped)
{
	int64_t ttl = 0;
	size_t from = f->at;
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		if (!strcmp(node->name, lists[i].list)) {
			if (node->type != JSON_ARRAY)
				return -1;
			filter_list(f, node, i);
			return 0;
		}
	skip_value(f);
	if (!strcmp(node->name, "cacheScope")) {
		*scoped = 1;
		buffer_text(f->out, "\"private\"");
	} else if (!strcmp(node->name, "ttlMs") && f->keep->ttl_ms >= 0 && (!json_integer(node, &ttl) || ttl > f->keep->ttl_ms)) {
		buffer_printf(f->out, "%lld", (long long)f->keep->ttl_ms);
	} else {
		copy(f, from);
	}
	return 0;
}

/* At the brace of the result; behind it after. */
static int filter_result(struct filter *f, const struct json_node *result)
{
	int scoped = 0;
	size_t from = f->at++;
	for (const struct json_node *node = json_first(f->json, result); node; node = json_next(f->json, node)) {
		skip_space(f);
		skip_string(f);
		skip_space(f);
		f->at++;
		skip_space(f);
		copy(f, from);
		if (filter_member(f, node, &scoped))
			return -1;
		from = f->at;
		skip_space(f);
		f->at += f->text[f->at] == ',';
	}
	skip_space(f);
	/* An empty result is no list, and is refused after. */
	if (!scoped)
		buffer_text(f->out, ",\"cacheScope\":\"private\"");
	f->at++;
	copy(f, from);
	return 0;
}

/* A JSON-RPC response that has nothing to be filtered. What is more than that may be read as a list. */
static int is_error(const struct json *json, const struct json_node *root)
{
	int has_list = json_member(json, root, "result") != NULL;
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		has_list |= json_member(json, root, lists[i].list) != NULL;
	return !has_list && json_string(json_member(json, root, "jsonrpc")) && json_is(json_member(json, root, "error"), JSON_OBJECT);
}

int mcp_filter(const char *text, size_t length, const struct mcp_keep *keep, struct buffer *out, struct failure *failure)
{
	struct json json = { 0 };
	struct filter f = { text, length, 0, &json, keep, out, 0 };
	int code = json_parse(text, length, &filter_limits, &json, failure), wrong = 0;
	if (code)
		return code;
	const struct json_node *root = json_root(&json), *result = json_member(&json, root, "result");
	skip_space(&f);
	if (is_error(&json, root)) {
		buffer_append(out, text, length);
		f.found = 1;
	} else if (!json_is(root, JSON_OBJECT) || (result && result->type != JSON_OBJECT) || (result && json_member(&json, root, "error"))) {
		wrong = 1;
	} else if (!result) {
		buffer_append(out, text, f.at);
		wrong = filter_result(&f, root);
		buffer_append(out, text + f.at, length - f.at);
	} else {
		f.at++;
		for (const struct json_node *node = json_first(&json, root); node != result; node = json_next(&json, node)) {
			skip_space(&f);
			skip_string(&f);
			skip_space(&f);
			f.at++;
			skip_space(&f);
			skip_value(&f);
			skip_space(&f);
			f.at++;
		}
		skip_space(&f);
		skip_string(&f);
		skip_space(&f);
		f.at++;
		skip_space(&f);
		buffer_append(out, text, f.at);
		wrong = filter_result(&f, result);
		buffer_append(out, text + f.at, length - f.at);
	}
	json_free(&json);
	if (wrong || !f.found)
		return failure_set(failure, EMA_BAD_REQUEST, "the server's answer is not a list that can be filtered");
	if (out->failed)
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for a list, or it is longer than the buffer may be");
	return EMA_OK;
}
