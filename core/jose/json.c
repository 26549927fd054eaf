#include "json.h"

#include <stdlib.h>
#include <string.h>

#include "secret.h"

#define JSON_DEPTH_MOST 64
#define JSON_PAIRWISE_MOST 16 /* members of an object that are compared each with each; more are sorted */
#define JSON_SAFE INT64_C(9007199254740991) /* RFC 7493 2.2 */

const struct json_limits json_limits_header = { 4096, 16, 256, 4096 };
const struct json_limits json_limits_payload = { 12288, 16, 4096, 12288 };
const struct json_limits json_limits_keys = { 262144, 16, 16384, 65536 };
const struct json_limits json_limits_document = { 65536, 16, 8192, 65536 };
const struct json_limits json_limits_message = { 1048576, 64, 65536, 1048576 };

struct json_reader {
	const unsigned char *text;
	size_t length;
	size_t at;
	const struct json_limits *limits;
	struct json json;
	uint32_t room; /* nodes that json.nodes has memory for */
	char *free;    /* in json.strings */
	struct failure *failure;
};

static int json_bad(struct json_reader *r, const char *what)
{
	return failure_set(r->failure, EMA_BAD_JSON, "not strict JSON at byte %zu: %s", r->at, what);
}

static int json_large(struct json_reader *r, const char *what, size_t most)
{
	return failure_set(r->failure, EMA_TOO_LARGE, "JSON at byte %zu: over %zu %s", r->at, most, what);
}

static void json_space(struct json_reader *r)
{
	while (r->at < r->length) {
		unsigned char c = r->text[r->at];
		if (c != ' ' && c != '\n' && c != '\t' && c != '\r')
			return;
		r->at++;
	}
}

/* The byte that comes next, or 0 at the end: a NUL in the text fits nowhere either. */
static unsigned char json_peek(const struct json_reader *r)
{
	return r->at < r->length ? r->text[r->at] : 0;
}

/* Bytes of a string that stand for themselves. */
static const unsigned char json_plain[256] = {
	[0x20] = 1, 1, [0x23 ... 0x5b] = 1, [0x5d ... 0x7f] = 1,
};

/* Bytes of the well-formed sequence (RFC 3629) that begins with one over 0x7f; 0: none. */
static size_t json_utf8(const unsigned char *s, size_t left)
{
	unsigned char a = s[0];
	if (left >= 2 && a >= 0xc2 && a <= 0xdf)
		return (s[1] & 0xc0) == 0x80 ? 2 : 0;
	if (left >= 3 && (a & 0xf0) == 0xe0) {
		if ((s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80 || (a == 0xe0 && s[1] < 0xa0) || (a == 0xed && s[1] > 0x9f))
			return 0;
		return 3;
	}
	if (left >= 4 && a >= 0xf0 && a <= 0xf4) {
		if ((s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80 || (s[3] & 0xc0) != 0x80 || (a == 0xf0 && s[1] < 0x90) ||
		    (a == 0xf4 && s[1] > 0x8f))
			return 0;
		return 4;
	}
	return 0;
}

/* The four hexadecimal digits at r->at, or -1. */
static int json_hex(struct json_reader *r)
{
	if (r->length - r->at < 4)
		return -1;
	int value = 0;
	for (int i = 0; i < 4; i++) {
		unsigned char c = r->text[r->at + (size_t)i];
		int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	r->at += 4;
	return value;
}

/* At the u of an escape. */
static int json_unicode(struct json_reader *r)
{
	r->at++;
	int first = json_hex(r);
	if (first < 0)
		return json_bad(r, "an escape without four hexadecimal digits");
	unsigned point = (unsigned)first;
	if (point >= 0xd800 && point <= 0xdfff) {
		int second = -1;
		if (point < 0xdc00 && r->length - r->at >= 6 && r->text[r->at] == '\\' && r->text[r->at + 1] == 'u') {
			r->at += 2;
			second = json_hex(r);
		}
		if (second < 0xdc00 || second > 0xdfff)
			return json_bad(r, "half of a surrogate pair");
		point = 0x10000 + ((point - 0xd800) << 10) + ((unsigned)second - 0xdc00);
	}
	if (!point)
		return json_bad(r, "a NUL in a string");
	if (point < 0x80) {
		*r->free++ = (char)point;
	} else if (point < 0x800) {
		*r->free++ = (char)(0xc0 | point >> 6);
		*r->free++ = (char)(0x80 | (point & 0x3f));
	} else if (point < 0x10000) {
		*r->free++ = (char)(0xe0 | point >> 12);
		*r->free++ = (char)(0x80 | (point >> 6 & 0x3f));
		*r->free++ = (char)(0x80 | (point & 0x3f));
	} else {
		*r->free++ = (char)(0xf0 | point >> 18);
		*r->free++ = (char)(0x80 | (point >> 12 & 0x3f));
		*r->free++ = (char)(0x80 | (point >> 6 & 0x3f));
		*r->free++ = (char)(0x80 | (point & 0x3f));
	}
	return EMA_OK;
}

/* At the opening quote. What is written is never longer than what was read, quotes included, so r->free has room. */
static int json_read_string(struct json_reader *r, const char **text, uint32_t *length)
{
	char *begin = r->free;
	r->at++;
	for (;;) {
		size_t start = r->at;
		while (r->at < r->length && json_plain[r->text[r->at]])
			r->at++;
		memcpy(r->free, r->text + start, r->at - start);
		r->free += r->at - start;
		if ((size_t)(r->free - begin) > r->limits->string)
			return json_large(r, "bytes in a string", r->limits->string);
		if (r->at == r->length)
			return json_bad(r, "a string without end");
		unsigned char c = r->text[r->at];
		if (c == '"')
			break;
		if (c < 0x20)
			return json_bad(r, "a control character in a string");
		if (c >= 0x80) {
			size_t n = json_utf8(r->text + r->at, r->length - r->at);
			if (!n)
				return json_bad(r, "invalid UTF-8");
			memcpy(r->free, r->text + r->at, n);
			r->free += n;
			r->at += n;
			continue;
		}
		static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
		r->at++;
		c = json_peek(r);
		const char *escape = c ? strchr(from, c) : NULL;
		if (escape) {
			*r->free++ = to[escape - from];
			r->at++;
		} else if (c != 'u') {
			return json_bad(r, "an escape that JSON does not have");
		} else {
			int code = json_unicode(r);
			if (code)
				return code;
		}
	}
	r->at++;
	*text = begin;
	*length = (uint32_t)(r->free - begin);
	*r->free++ = 0;
	return EMA_OK;
}

static size_t json_digits(struct json_reader *r)
{
	size_t start = r->at;
	while (r->at < r->length && r->text[r->at] >= '0' && r->text[r->at] <= '9')
		r->at++;
	return r->at - start;
}

static int json_read_number(struct json_reader *r, struct json_node *node)
{
	size_t start = r->at;
	if (json_peek(r) == '-')
		r->at++;
	int zero = json_peek(r) == '0';
	size_t digits = json_digits(r);
	if (!digits || (zero && digits > 1))
		return json_bad(r, digits ? "a number with a leading zero" : "a value was expected");
	if (json_peek(r) == '.') {
		r->at++;
		if (!json_digits(r))
			return json_bad(r, "a number without digits after its point");
	}
	if (json_peek(r) == 'e' || json_peek(r) == 'E') {
		r->at++;
		if (json_peek(r) == '+' || json_peek(r) == '-')
			r->at++;
		if (!json_digits(r))
			return json_bad(r, "a number without digits in its exponent");
	}
	size_t length = r->at - start;
	if (length > r->limits->string)
		return json_large(r, "bytes in a number", r->limits->string);
	memcpy(r->free, r->text + start, length);
	node->type = JSON_NUMBER;
	node->text = r->free;
	node->length = (uint32_t)length;
	r->free += length;
	*r->free++ = 0;
	return EMA_OK;
}

static int json_read_word(struct json_reader *r, struct json_node *node)
{
	static const struct {
		const char *word;
		size_t length;
		enum json_type type;
	} words[] = { { "null", 4, JSON_NULL }, { "false", 5, JSON_FALSE }, { "true", 4, JSON_TRUE } };
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (r->length - r->at >= words[i].length && !memcmp(r->text + r->at, words[i].word, words[i].length)) {
			r->at += words[i].length;
			node->type = words[i].type;
			return EMA_OK;
		}
	}
	return json_read_number(r, node);
}

static int json_grow(struct json_reader *r)
{
	if (r->json.count >= r->limits->nodes)
		return json_large(r, "members and elements", r->limits->nodes);
	if (r->json.count < r->room)
		return EMA_OK;
	/* Most texts have far more than a dozen bytes for each value, and then this is the only time. */
	uint32_t room = r->room ? r->room * 2 : (uint32_t)(r->length / 12) + 8;
	struct json_node *nodes = realloc(r->json.nodes, room * sizeof *nodes);
	if (!nodes)
		return failure_set(r->failure, EMA_OUT_OF_MEMORY, "no memory for JSON");
	r->json.nodes = nodes;
	r->room = room;
	return EMA_OK;
}

static int json_by_name(const void *a, const void *b)
{
	const struct json_node *x = *(const struct json_node *const *)a, *y = *(const struct json_node *const *)b;
	if (x->name_length != y->name_length)
		return x->name_length < y->name_length ? -1 : 1;
	return memcmp(x->name, y->name, x->name_length);
}

/* At the end of an object. Sorting keeps a big one from costing the square of its members, and no hash can be attacked. */
static int json_duplicates(struct json_reader *r, const struct json_node *object)
{
	const struct json_node *few[JSON_PAIRWISE_MOST], **members = few, **many = NULL;
	const struct json_node *nodes = r->json.nodes;
	size_t count = 0;
	int twice = 0;
	if (object->count > JSON_PAIRWISE_MOST) {
		members = many = malloc(object->count * sizeof *many);
		if (!many)
			return failure_set(r->failure, EMA_OUT_OF_MEMORY, "no memory for JSON");
	}
	for (uint32_t i = object->child; i; i = nodes[i].next) {
		for (size_t j = 0; !many && j < count; j++)
			twice |= members[j]->name_length == nodes[i].name_length && !memcmp(members[j]->name, nodes[i].name, nodes[i].name_length);
		members[count++] = &nodes[i];
	}
	if (many) {
		qsort(many, count, sizeof *many, json_by_name);
		for (size_t i = 1; i < count; i++)
			twice |= !json_by_name(&many[i - 1], &many[i]);
		free(many);
	}
	if (twice)
		return failure_set(r->failure, EMA_DUPLICATE_MEMBER, "a member name stands twice in the JSON object that ends at byte %zu", r->at);
	return EMA_OK;
}

static int json_read_name(struct json_reader *r, const char **name, uint32_t *length)
{
	json_space(r);
	if (json_peek(r) != '"')
		return json_bad(r, "a member name was expected");
	int code = json_read_string(r, name, length);
	if (code)
		return code;
	json_space(r);
	if (json_peek(r) != ':')
		return json_bad(r, "a colon was expected");
	r->at++;
	return EMA_OK;
}

static int json_read(struct json_reader *r)
{
	uint32_t open[JSON_DEPTH_MOST], last[JSON_DEPTH_MOST]; /* the arrays and objects we are in, and the last child of each */
	uint32_t depth = 0, most = r->limits->depth < JSON_DEPTH_MOST ? r->limits->depth : JSON_DEPTH_MOST;
	int code = EMA_OK;
	for (;;) {
		const char *name = NULL;
		uint32_t name_length = 0;
		if (depth && r->json.nodes[open[depth - 1]].type == JSON_OBJECT && (code = json_read_name(r, &name, &name_length)))
			return code;
		json_space(r);
		if ((code = json_grow(r)))
			return code;
		uint32_t index = r->json.count++;
		struct json_node *node = &r->json.nodes[index];
		*node = (struct json_node){ .type = JSON_NULL, .name = name, .name_length = name_length };
		if (depth) {
			struct json_node *parent = &r->json.nodes[open[depth - 1]];
			if (parent->count++)
				r->json.nodes[last[depth - 1]].next = index;
			else
				parent->child = index;
			last[depth - 1] = index;
		}
		unsigned char c = json_peek(r);
		if (c == '{' || c == '[') {
			if (depth == most)
				return json_large(r, "levels deep", most);
			node->type = c == '{' ? JSON_OBJECT : JSON_ARRAY;
			open[depth++] = index;
			r->at++;
			json_space(r);
			if (json_peek(r) != (c == '{' ? '}' : ']'))
				continue;
		} else if (c == '"') {
			node->type = JSON_STRING;
			code = json_read_string(r, &node->text, &node->length);
		} else {
			code = json_read_word(r, node);
		}
		if (code)
			return code;
		for (;;) {
			json_space(r);
			if (!depth)
				return r->at == r->length ? EMA_OK : json_bad(r, "something after the value");
			const struct json_node *in = &r->json.nodes[open[depth - 1]];
			c = json_peek(r);
			if (c == ',') {
				r->at++;
				break;
			}
			if (c != (in->type == JSON_OBJECT ? '}' : ']'))
				return json_bad(r, in->type == JSON_OBJECT ? "a comma or } was expected" : "a comma or ] was expected");
			r->at++;
			if (in->type == JSON_OBJECT && in->count > 1 && (code = json_duplicates(r, in)))
				return code;
			depth--;
		}
	}
}

int json_parse(const char *text, size_t length, const struct json_limits *limits, struct json *out, struct failure *failure)
{
	struct json_reader r = { .text = (const unsigned char *)text, .length = length, .limits = limits, .failure = failure };
	if (length > limits->bytes || length > UINT32_MAX / 2)
		return failure_set(failure, EMA_TOO_LARGE, "JSON of %zu bytes: over %zu", length, limits->bytes);
	r.json.strings_room = length + 1; /* a number at the very end has its NUL beyond; all else shrinks or stays */
	r.free = r.json.strings = malloc(r.json.strings_room);
	int code = r.free ? json_read(&r) : failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for JSON");
	if (code)
		json_free(&r.json);
	else
		*out = r.json;
	return code;
}

void json_free(struct json *json)
{
	if (json->strings)
		secret_wipe(json->strings, json->strings_room);
	free(json->strings);
	free(json->nodes);
	*json = (struct json){ 0 };
}

void json_forget_nodes(struct json *json)
{
	free(json->nodes);
	json->nodes = NULL;
	json->count = 0;
}

const struct json_node *json_root(const struct json *json)
{
	return json->count ? json->nodes : NULL;
}

const struct json_node *json_first(const struct json *json, const struct json_node *node)
{
	return node && node->child ? &json->nodes[node->child] : NULL;
}

const struct json_node *json_next(const struct json *json, const struct json_node *node)
{
	return node && node->next ? &json->nodes[node->next] : NULL;
}

const struct json_node *json_member(const struct json *json, const struct json_node *node, const char *name)
{
	if (!json_is(node, JSON_OBJECT))
		return NULL;
	size_t length = strlen(name);
	for (const struct json_node *n = json_first(json, node); n; n = json_next(json, n))
		if (n->name_length == length && !memcmp(n->name, name, length))
			return n;
	return NULL;
}

/* The next letter without its case; those beyond ASCII that some take for a letter of it are one, too. */
static unsigned json_fold(const char **at, const char *end)
{
	static const struct {
		const char *bytes;
		unsigned letter;
	} others[] = { { "\xc5\xbf", 's' }, { "\xe2\x84\xaa", 'k' }, { "\xc4\xb0", 'i' }, { "\xc4\xb1", 'i' } };
	for (size_t i = 0; (unsigned char)**at >= 0x80 && i < sizeof others / sizeof *others; i++) {
		const size_t length = strlen(others[i].bytes);
		if ((size_t)(end - *at) >= length && !memcmp(*at, others[i].bytes, length)) {
			*at += length;
			return others[i].letter;
		}
	}
	const unsigned char c = (unsigned char)*(*at)++;
	return c >= 'A' && c <= 'Z' ? c + 32u : c;
}

int json_resembles(const struct json_node *member, const char *name, size_t length)
{
	const char *a = member->name, *b = name, *a_end = a + member->name_length, *b_end = b + length;
	if (member->name_length == length && !memcmp(a, b, length))
		return 0;
	while (a < a_end && b < b_end) {
		/* Nearly always, and what an attacker can send many of. */
		const unsigned char x = (unsigned char)*a, y = (unsigned char)*b;
		if (x < 0x80 && y < 0x80 ? (x ^ y) & ~0x20u : 0)
			return 0;
		if (json_fold(&a, a_end) != json_fold(&b, b_end))
			return 0;
	}
	return a == a_end && b == b_end;
}

const struct json_node *json_member_apart(const struct json *json, const struct json_node *object, const char *name, size_t length, int *resembled)
{
	const struct json_node *found = NULL;
	for (const struct json_node *n = json_first(json, object); n; n = json_next(json, n)) {
		if (n->name_length == length && !memcmp(n->name, name, length))
			found = n;
		else if (json_resembles(n, name, length))
			*resembled = 1;
	}
	return found;
}

/* 1 if the reference token of length bytes, with ~0 and ~1 in it, names this member. */
static int json_token_is(const char *token, size_t length, const struct json_node *member)
{
	size_t at = 0;
	for (size_t i = 0; i < length; i++, at++) {
		char c = token[i];
		if (c == '~') {
			if (i + 1 == length || (token[i + 1] != '0' && token[i + 1] != '1'))
				return 0;
			c = token[++i] == '0' ? '~' : '/';
		}
		if (at >= member->name_length || member->name[at] != c)
			return 0;
	}
	return at == member->name_length;
}

/* The index that the token is (RFC 6901 4: no leading zero), or one that no array has. */
static uint32_t json_token_index(const char *token, size_t length)
{
	uint32_t index = 0;
	if (!length || length > 9 || (token[0] == '0' && length > 1))
		return UINT32_MAX;
	for (size_t i = 0; i < length; i++) {
		if (token[i] < '0' || token[i] > '9')
			return UINT32_MAX;
		index = index * 10 + (uint32_t)(token[i] - '0');
	}
	return index;
}

const struct json_node *json_at(const struct json *json, const char *pointer)
{
	const struct json_node *node = json_root(json);
	while (node && *pointer == '/') {
		const char *token = ++pointer;
		size_t length = strcspn(token, "/");
		pointer += length;
		const struct json_node *child = NULL;
		if (node->type == JSON_OBJECT) {
			for (child = json_first(json, node); child && !json_token_is(token, length, child);)
				child = json_next(json, child);
		} else if (node->type == JSON_ARRAY) {
			uint32_t index = json_token_index(token, length);
			if (index < node->count)
				for (child = json_first(json, node); child && index; index--)
					child = json_next(json, child);
		}
		node = child;
	}
	return *pointer ? NULL : node;
}

const char *json_string(const struct json_node *node)
{
	return json_is(node, JSON_STRING) ? node->text : NULL;
}

int json_is(const struct json_node *node, enum json_type type)
{
	return node && node->type == type;
}

/* 0 once the value would be past what is safe. */
static int json_add_digit(int64_t *value, char digit)
{
	if (*value > (JSON_SAFE - (digit - '0')) / 10)
		return 0;
	*value = *value * 10 + (digit - '0');
	return 1;
}

int json_integer(const struct json_node *node, int64_t *out)
{
	if (!json_is(node, JSON_NUMBER))
		return 0;
	int64_t value = 0;
	int negative = node->text[0] == '-';
	for (const char *c = node->text + negative; *c; c++)
		if (*c < '0' || *c > '9' || !json_add_digit(&value, *c))
			return 0;
	*out = negative ? -value : value;
	return 1;
}

int json_date(const struct json_node *node, int64_t *out)
{
	if (!json_is(node, JSON_NUMBER))
		return 0;
	const char *digits = node->text + (node->text[0] == '-');
	const char *end = digits + strcspn(digits, "eE");
	int64_t exponent = 0;
	if (*end) {
		const char *c = end + 1;
		int negative = *c == '-';
		for (c += *c == '-' || *c == '+'; *c; c++)
			exponent = exponent < 1000000 ? exponent * 10 + (*c - '0') : exponent;
		exponent = negative ? -exponent : exponent;
	}
	/* How many digits of the mantissa, zeros added at its end, stand before the point. */
	const char *point = memchr(digits, '.', (size_t)(end - digits));
	int64_t whole = (point ? point : end) - digits + exponent;
	int64_t value = 0;
	for (const char *c = digits; c < end && whole > 0; c++) {
		if (*c == '.')
			continue;
		if (!json_add_digit(&value, *c))
			return 0;
		whole--;
	}
	for (; value && whole > 0; whole--)
		if (!json_add_digit(&value, '0'))
			return 0;
	*out = node->text[0] == '-' ? -value : value;
	return 1;
}
