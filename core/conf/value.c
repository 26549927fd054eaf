#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "schema.h"

#define VALUE_NAMES_MOST 64
#define AUTHORITIES_MOST ((size_t)4 << 20) /* of a file of certificates: all that a system has are 200 KiB */

const char *value_show(const char *text, char out[96])
{
	size_t n = 0;
	for (; *text && n < 64; text++)
		out[n++] = (unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text;
	while (*text && n && ((unsigned char)out[n - 1] & 0x80))
		n--;
	snprintf(out + n, 96 - n, "%s", *text ? "..." : "");
	return out;
}

int conf_has_string(const struct conf_strings *strings, const char *text)
{
	for (size_t i = 0; text && i < strings->count; i++)
		if (!strcmp(strings->list[i], text))
			return 1;
	return 0;
}

int conf_takes(const struct conf_strings *strings, const char *text)
{
	return !strings->count || conf_has_string(strings, text);
}

const char *value_hint(const char *wrong, const char *const *names, char out[128])
{
	const char *nearest = conf_nearest(wrong, names);
	char shown[96];
	out[0] = 0;
	if (nearest)
		snprintf(out, 128, ": did you mean \"%s\"?", value_show(nearest, shown));
	return out;
}

const char *value_offer(const char *wrong, const char *const *names, const char *list, char out[256])
{
	char shown[96];
	value_hint(wrong, names, out);
	if (*out)
		return out;
	size_t used = (size_t)snprintf(out, 256, ": %s has %s", list, names[0] ? "" : "none");
	for (size_t i = 0; names[i]; i++) {
		/* With room for what stands for the rest. */
		if (used + strlen(value_show(names[i], shown)) + 12 > 256) {
			snprintf(out + used, 256 - used, ", ...");
			break;
		}
		used += (size_t)snprintf(out + used, 256 - used, "%s\"%s\"", i ? ", " : "", shown);
	}
	return out;
}

static const char *value_key(const struct conf_node *node)
{
	while (node && !node->name)
		node = node->parent;
	return node && node->name ? node->name : "the file";
}

int value_is(struct reader *reader, const struct conf_node *node, enum conf_kind kind)
{
	if (node->kind == kind)
		return 1;
	finding_node(reader->findings, "E-TYPE", node, "%s: %s is wanted here, not %s", value_key(node), conf_kind_name(kind),
		     conf_kind_name(node->kind));
	return 0;
}

size_t value_groups(struct reader *reader, const struct conf_node *node)
{
	if (!node)
		return 0;
	if (node->kind != CONF_LIST && !(node->kind == CONF_ARRAY && !node->count)) {
		finding_node(reader->findings, "E-TYPE", node, "%s: a list of groups is wanted here, not %s: write %s = ( { ... } );",
			     value_key(node), conf_kind_name(node->kind), value_key(node));
		return 0;
	}
	for (size_t i = 0; i < node->count; i++)
		if (!value_is(reader, &node->children[i], CONF_GROUP))
			return 0;
	return node->count;
}

static int digits(const char *text, int count, int *out)
{
	int value = 0;
	for (int i = 0; i < count; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		value = value * 10 + (text[i] - '0');
	}
	*out = value;
	return 0;
}

int value_date(const char *text, int64_t *seconds)
{
	static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year, month, day, hour = 0, minute = 0, second = 0;
	size_t length = strlen(text);
	if ((length != 10 && length != 20) || digits(text, 4, &year) || text[4] != '-' || digits(text + 5, 2, &month) || text[7] != '-' ||
	    digits(text + 8, 2, &day))
		return -1;
	if (length == 20 && (text[10] != 'T' || digits(text + 11, 2, &hour) || text[13] != ':' || digits(text + 14, 2, &minute) ||
			     text[16] != ':' || digits(text + 17, 2, &second) || text[19] != 'Z'))
		return -1;
	int leap = (year % 4 == 0 && year % 100) || year % 400 == 0;
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > lengths[month - 1] + (month == 2 && leap) || hour > 23 ||
	    minute > 59 || second > 59)
		return -1;
	int64_t before = year - 1, days = 365 * (before - 1969) + before / 4 - 492 - (before / 100 - 19) + (before / 400 - 4);
	for (int i = 1; i < month; i++)
		days += lengths[i - 1] + (i == 2 && leap);
	*seconds = ((days + day - 1) * 24 + hour) * 3600 + minute * 60 + second;
	return 0;
}

static int loopback(const char *host, size_t length)
{
	static const char *const names[] = { "localhost", "127.0.0.1", "[::1]" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strlen(names[i]) == length && !strncasecmp(host, names[i], length))
			return 1;
	return 0;
}

/* NULL if it is a URL of the form, else what is wrong with it. */
static const char *url_wrong(const char *url, enum key_form form, int http)
{
	size_t scheme = !strncmp(url, "https://", 8) ? 8 : !strncmp(url, "http://", 7) ? 7 : 0;
	if (!scheme)
		return http == 2 ? "wants a URL, as in \"http://proxy.acme.example:3128\"" : "wants a URL that begins with https://";
	const char *host = url + scheme;
	size_t authority = strcspn(host, "/?#"), length = authority;
	for (const char *at = url; *at; at++)
		if (*at <= ' ' || *at >= 0x7f || strchr("\"<>\\^`{|}", *at))
			return "has a character that a URL cannot have";
	if (memchr(host, '@', authority))
		return "has a user name or password in its URL: take it away";
	const char *colon = host[0] == '[' ? memchr(host, ']', authority) : host;
	colon = colon ? memchr(colon, ':', authority - (size_t)(colon - host)) : NULL;
	if (colon)
		length = (size_t)(colon - host);
	if (!length || (colon && (strspn(colon + 1, "0123456789") != authority - length - 1 || authority - length - 1 > 5)))
		return "has no host, or a wrong port";
	if (scheme == 7 && !http)
		return "is plain http: write https:// (insecure_http = true allows http, on loopback alone)";
	if (scheme == 7 && http == 1 && !loopback(host, length))
		return "is plain http to another host: insecure_http is for loopback alone (localhost, 127.0.0.1, [::1])";
	if (form != FORM_URL && strchr(url, '#'))
		return "has a fragment (#...): take it away";
	if (form == FORM_ISSUER && strchr(url, '?'))
		return "has a query (?...): an issuer has none";
	/* RFC 9728 1.2; its metadata would be where nobody finds it. */
	if (form == FORM_RESOURCE && strchr(url, '?'))
		return "has a query (?...): take it away, clients ask for the metadata by the path alone";
	return NULL;
}

static const char *id_wrong(const char *text)
{
	size_t length = strlen(text);
	if (!length || length > 64)
		return "wants a name of 1 to 64 characters";
	for (size_t i = 0; i < length; i++)
		if (!((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z') || (text[i] >= '0' && text[i] <= '9') ||
		      (i && (text[i] == '.' || text[i] == '_' || text[i] == '-'))))
			return "is no name: write letters, digits, '.', '_' and '-', and a letter or digit first";
	return NULL;
}

static const char *host_wrong(const char *text, int domain)
{
	size_t length = strlen(text), label = 0, labels = 1;
	if (strchr(text, '@'))
		return domain ? "has an \"@\": write the domain alone" : "has an \"@\": write the host alone";
	if (strstr(text, "://"))
		return "is a URL: write its host alone";
	/* A port would never be compared, so that the entry would stand for nothing. */
	const char *colon = domain || text[0] == '[' ? NULL : strchr(text, ':');
	if (strstr(text, "]:") || (colon && !strchr(colon + 1, ':')))
		return "has a port: write the host alone";
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c == '.') {
			if (!label)
				return "has an empty label";
			label = 0;
			labels++;
			continue;
		}
		label++;
		if (!((c | 32) >= 'a' && (c | 32) <= 'z') && !(c >= '0' && c <= '9') && c != '-' && !(!domain && strchr("[]:_", c)))
			return c >= 0x80 ? "has a character that is not ASCII: write the xn-- form" :
			       domain && c == '*' ? "has a pattern: domains are written out" : "has a character that a host name cannot have";
	}
	if (!length || length > 253 || !label)
		return "is empty, too long, or ends with a dot";
	return domain && labels < 2 ? "wants a whole domain, such as \"acme.example\"" : NULL;
}

static const char *pointer_wrong(const char *text)
{
	if (text[0] != '/')
		return "is no JSON pointer: it begins with \"/\", as in \"/repo\" or \"/owner/name\"";
	for (; *text; text++)
		if (*text == '~' && text[1] != '0' && text[1] != '1')
			return "has a \"~\": in a JSON pointer \"~\" is written \"~0\" and \"/\" in a name \"~1\"";
	return NULL;
}

static const char *scope_wrong(const char *text)
{
	if (!*text || strlen(text) > 256)
		return "wants a scope of 1 to 256 characters";
	for (; *text; text++)
		if (*text <= ' ' || *text >= 0x7f || *text == '"' || *text == '\\')
			return "is one scope: no blanks, quotes or backslashes (RFC 6749 3.3)";
	return NULL;
}

/* Certificates in another form would be told by each fetch alone, as something that is wrong with the provider. */
static int certificates_there(struct reader *reader, const struct conf_node *node, const char *path)
{
	size_t length = 0;
	char *text = file_read(&reader->trust, path, AUTHORITIES_MOST, 0, node->file, node->line, &length, reader->findings);
	const char *at = text ? strstr(text, "-----BEGIN ") : NULL;
	int there = at && strstr(at, "CERTIFICATE-----");
	if (text && !there)
		finding_node(reader->findings, "E-FILE", node, "%s has no certificate in PEM (\"-----BEGIN CERTIFICATE-----\"); "
			     "`openssl x509 -inform DER` makes one of a certificate in DER", path);
	free(text);
	return there;
}

/* The string as the struct keeps it; NULL: a finding was added. */
static const char *value_string(struct reader *reader, const struct conf_key *key, const struct conf_node *node)
{
	const char *wrong = NULL, *text = node->string;
	char *copy = NULL, *absolute = NULL;
	char shown[96];
	int http = reader->conf->insecure_http;
	/* What has no name is of an array, or of a list. */
	const struct conf_node *group = node->parent && !node->name ? node->parent->parent : node->parent;
	switch (key->form) {
	case FORM_ID:
		wrong = id_wrong(text);
		break;
	case FORM_URL:
		/* A proxy is spoken to in plain http; what goes through it is TLS. */
		if (!strcmp(key->name, "proxy")) {
			http = 2;
		} else {
			/* Beside it, or beside the list in whose group it stands; the one at the top is for our own URLs. */
			const struct conf_node *insecure = conf_child(group, "insecure_http"), *outer = group && group->parent ? group->parent->parent : NULL;
			if (!insecure && outer && outer->parent)
				insecure = conf_child(outer, "insecure_http");
			http = insecure && insecure->kind == CONF_BOOL && insecure->integer;
		}
		wrong = url_wrong(text, key->form, http);
		break;
	case FORM_ISSUER:
	case FORM_RESOURCE:
	case FORM_ENDPOINT:
		wrong = url_wrong(text, key->form, http);
		break;
	case FORM_HOST:
	case FORM_DOMAIN:
		wrong = host_wrong(text, key->form == FORM_DOMAIN);
		break;
	case FORM_POINTER:
		wrong = pointer_wrong(text);
		break;
	case FORM_SCOPE:
		wrong = scope_wrong(text);
		break;
	case FORM_ANY:
	case FORM_FILE:
	case FORM_PATH:
		wrong = *text ? NULL : "is empty";
		break;
	}
	if (wrong) {
		finding_node(reader->findings, "E-VALUE", node, "%s: \"%s\" %s", value_key(node), value_show(text, shown), wrong);
		return NULL;
	}
	if (key->form != FORM_DOMAIN && key->form != FORM_FILE && key->form != FORM_PATH)
		return text;
	if (key->form == FORM_DOMAIN) {
		copy = arena_copy(reader->arena, text);
		for (char *at = copy; at && *at; at++)
			if (*at >= 'A' && *at <= 'Z')
				*at = (char)(*at - 'A' + 'a');
		return copy;
	}
	absolute = conf_path(node, text);
	copy = absolute ? arena_copy(reader->arena, absolute) : NULL;
	free(absolute);
	if (!copy) {
		reader->findings->out_of_memory = 1;
		return NULL;
	}
	if (key->form == FORM_FILE && !strcmp(key->name, "ca_file"))
		return certificates_there(reader, node, copy) ? copy : NULL;
	if (key->form == FORM_FILE) {
		int fd = file_open(&reader->trust, copy, 0, 0, node->file, node->line, reader->findings);
		if (fd < 0)
			return NULL;
		close(fd);
	}
	return copy;
}

static void put(void *out, const struct conf_key *key, int64_t value)
{
	if (key->size == sizeof(int)) {
		int narrow = (int)value;
		memcpy((char *)out + key->offset, &narrow, sizeof narrow);
	} else if (key->size == sizeof value) {
		memcpy((char *)out + key->offset, &value, sizeof value);
	}
}

static int word_place(const char *const *words, const char *word)
{
	for (int i = 0; words[i]; i++)
		if (!strcmp(words[i], word))
			return i;
	return -1;
}

static void words_text(const char *const *words, char *out, size_t room)
{
	size_t n = 0;
	out[0] = 0;
	for (size_t i = 0; words[i] && n < room; i++)
		n += (size_t)snprintf(out + n, room - n, "%s\"%s\"", !i ? "" : words[i + 1] ? ", " : " or ", words[i]);
}

/* A word of the key's; -1: a finding was added. */
static int value_word(struct reader *reader, const struct conf_key *key, const struct conf_node *node)
{
	char shown[96], hint[128], words[256];
	if (!value_is(reader, node, CONF_STRING))
		return -1;
	int place = word_place(key->words, node->string);
	if (place < 0) {
		words_text(key->words, words, sizeof words);
		value_hint(node->string, key->words, hint);
		finding_node(reader->findings, "E-UNKNOWN", node, "%s = \"%s\" is unknown%s%s write %s", value_key(node),
			     value_show(node->string, shown), hint, hint[0] ? "" : ":", words);
	}
	return place;
}

static void value_strings(struct reader *reader, const struct conf_key *key, const struct conf_node *node, void *out)
{
	int single = node->kind == CONF_STRING;
	size_t count = single ? 1 : node->count, good = 0;
	if (!single && node->kind != CONF_ARRAY && node->kind != CONF_LIST) {
		finding_node(reader->findings, "E-TYPE", node, "%s: an array of strings is wanted here, not %s: write %s = [\"...\"];",
			     value_key(node), conf_kind_name(node->kind), value_key(node));
		return;
	}
	/* Empty could mean "nobody" to one reader and "anybody" to the next. */
	if (!count) {
		finding_node(reader->findings, "E-VALUE", node, "%s is empty: name something, or take the key away", value_key(node));
		return;
	}
	const char **list = arena_get(reader->arena, count, sizeof *list);
	for (size_t i = 0; list && i < count; i++) {
		const struct conf_node *element = single ? node : &node->children[i];
		const char *text = value_is(reader, element, CONF_STRING) ? value_string(reader, key, element) : NULL;
		if (text)
			list[good++] = text;
	}
	struct conf_strings strings = { list, list ? good : 0 };
	if (key->size == sizeof strings)
		memcpy((char *)out + key->offset, &strings, sizeof strings);
}

static void value_secret(struct reader *reader, const struct conf_key *key, const struct conf_node *node, void *out)
{
	if (node->kind != CONF_GROUP) {
		finding_node(reader->findings, "E-VALUE", node,
			     "%s: a secret never stands in the configuration: write %s = { file = \"PATH\"; }, { fd = N; } or "
			     "{ credential = \"NAME\"; }", value_key(node), value_key(node));
		return;
	}
	section_read(reader, key->section, node, NULL, 0);
	if (node->count != 1)
		finding_node(reader->findings, "E-VALUE", node, "%s: one of file, fd and credential is wanted", value_key(node));
	if (key->size == sizeof node)
		memcpy((char *)out + key->offset, &node, sizeof node);
}

/* As one writes it, with the largest unit that leaves nothing over. */
static const char *number_text(enum key_type type, int64_t value, char out[32])
{
	static const struct unit {
		const char *name;
		int64_t of;
	} times[] = { { "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 } },
	  sizes[] = { { "GiB", 1 << 30 }, { "MiB", 1 << 20 }, { "KiB", 1 << 10 }, { "B", 1 } }, none[] = { { "", 1 } };
	const struct unit *unit = type == KEY_SECONDS || type == KEY_DURATION ? times : type == KEY_SIZE ? sizes : none;
	if (type == KEY_SECONDS)
		value = value > INT64_MAX / 1000 ? INT64_MAX : value * 1000;
	while (unit->of > 1 && (!value || value % unit->of))
		unit++;
	snprintf(out, 32, "%s%lld%s%s", unit == none ? "" : "\"", (long long)(value / unit->of), value ? unit->name : "", unit == none ? "" : "\"");
	return out;
}

static void value_number(struct reader *reader, const struct conf_key *key, const struct conf_node *node, void *out)
{
	int64_t value = 0;
	char shown[96];
	if (key->type != KEY_INT && node->kind == CONF_INT) {
		char text[32];
		const int fits = node->integer > 0 && node->integer < INT64_MAX / 1000;
		number_text(key->type == KEY_SIZE ? KEY_SIZE : KEY_SECONDS, fits ? node->integer : 60, text);
		finding_node(reader->findings, "E-TYPE", node, "%s: a string with a number and its unit is wanted here, not a number: write %s",
			     value_key(node), text);
		return;
	}
	if (!value_is(reader, node, key->type == KEY_INT ? CONF_INT : CONF_STRING))
		return;
	if (key->type == KEY_INT) {
		value = node->integer;
	} else if (key->type == KEY_SIZE ? conf_size(node->string, &value) : conf_duration(node->string, &value)) {
		finding_node(reader->findings, "E-VALUE", node, "%s = \"%s\" is no %s", value_key(node), value_show(node->string, shown),
			     key->type == KEY_SIZE ? "size: write a number and B, KiB, MiB or GiB, \"16KiB\"" :
						     "duration: write a number and ms, s, m, h, d or w, \"5m\"");
		return;
	}
	if (key->type == KEY_SECONDS) {
		if (value % 1000) {
			finding_node(reader->findings, "E-VALUE", node, "%s = \"%s\": whole seconds are wanted", value_key(node), node->string);
			return;
		}
		value /= 1000;
	}
	if (value < key->least || value > key->most) {
		char text[3][32];
		finding_node(reader->findings, "E-VALUE", node, "%s is %s, outside of %s to %s", value_key(node), number_text(key->type, value, text[0]),
			     number_text(key->type, key->least, text[1]), number_text(key->type, key->most, text[2]));
		return;
	}
	put(out, key, value);
}

/* The group's own struct stands in that of its parent; others leave their node there. */
static int group_in_place(const struct conf_key *key)
{
	return key->type == KEY_GROUP && key->section && key->size > sizeof(struct conf_node *);
}

static void value_read(struct reader *reader, const struct conf_key *key, const struct conf_node *node, void *out, int defaults)
{
	char shown[96];
	const char *text = NULL;
	int64_t value = 0;
	switch (key->type) {
	case KEY_STRING:
		text = value_is(reader, node, CONF_STRING) ? value_string(reader, key, node) : NULL;
		if (text && key->size == sizeof text)
			memcpy((char *)out + key->offset, &text, sizeof text);
		return;
	case KEY_STRINGS:
		value_strings(reader, key, node, out);
		return;
	case KEY_BOOL:
		if (value_is(reader, node, CONF_BOOL))
			put(out, key, node->integer);
		return;
	case KEY_INT:
	case KEY_DURATION:
	case KEY_SECONDS:
	case KEY_SIZE:
		value_number(reader, key, node, out);
		return;
	case KEY_WORD:
		value = value_word(reader, key, node);
		if (value >= 0)
			put(out, key, value);
		return;
	case KEY_WORDS: {
		int single = node->kind == CONF_STRING;
		if (!single && !value_is(reader, node, CONF_ARRAY))
			return;
		if (!single && !node->count) {
			finding_node(reader->findings, "E-VALUE", node, "%s is empty: name something, or take the key away", value_key(node));
			return;
		}
		for (size_t i = 0; i < (single ? 1 : node->count); i++) {
			int place = value_word(reader, key, single ? node : &node->children[i]);
			value |= place < 0 ? 0 : INT64_C(1) << (place + key->least);
		}
		put(out, key, value);
		return;
	}
	case KEY_DATE:
		if (!value_is(reader, node, CONF_STRING))
			return;
		if (value_date(node->string, &value))
			finding_node(reader->findings, "E-VALUE", node, "%s = \"%s\" is no date: write \"2027-02-01\" or \"2027-02-01T08:00:00Z\"",
				     value_key(node), value_show(node->string, shown));
		else
			put(out, key, value);
		return;
	case KEY_SECRET:
		value_secret(reader, key, node, out);
		return;
	case KEY_GROUP:
		if (!value_is(reader, node, CONF_GROUP))
			return;
		if (group_in_place(key))
			section_read(reader, key->section, node, (char *)out + key->offset, defaults && reader->conf == out);
		break;
	case KEY_LIST:
	case KEY_NODE:
		break;
	}
	if (key->size == sizeof node)
		memcpy((char *)out + key->offset, &node, sizeof node);
}

/* What the table says that an absent key is. */
static void value_default(const struct conf_key *key, void *out)
{
	int64_t value = 0;
	const char *text = key->fallback;
	if (!key->size)
		return;
	switch (key->type) {
	case KEY_STRING:
		memcpy((char *)out + key->offset, &text, sizeof text);
		return;
	case KEY_BOOL:
		value = !strcmp(text, "true");
		break;
	case KEY_INT:
		value = strtoll(text, NULL, 10);
		break;
	case KEY_SIZE:
		if (conf_size(text, &value))
			return;
		break;
	case KEY_DURATION:
	case KEY_SECONDS:
		if (conf_duration(text, &value))
			return;
		value /= key->type == KEY_SECONDS ? 1000 : 1;
		break;
	case KEY_WORD:
		value = word_place(key->words, text);
		break;
	case KEY_WORDS:
		for (int i = 0; key->words[i]; i++) {
			size_t length = strlen(key->words[i]);
			for (const char *at = text; *at; at += strcspn(at, " "), at += *at == ' ')
				if (strcspn(at, " ") == length && !strncmp(at, key->words[i], length))
					value |= INT64_C(1) << (i + key->least);
		}
		break;
	default:
		return;
	}
	put(out, key, value);
}

/* Keys of other programs, and near misses that no spelling explains. */
static const char *key_advice(const char *name)
{
	static const struct { const char *name, *advice; } rows[] = {
		{ "secret_file", "write secret = { file = \"PATH\"; }" },
		{ "client_secret", "write secret = { file = \"PATH\"; }" },
		{ "include", "there is no include: name a stack with stack = \"NAME\", or put @include \"FILE\" at the top level" },
		{ "substack", "write stack = \"NAME\"" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (!strcmp(rows[i].name, name))
			return rows[i].advice;
	return NULL;
}

void section_read(struct reader *reader, const struct conf_section *section, const struct conf_node *node, void *out, int defaults)
{
	const char *names[VALUE_NAMES_MOST + 1];
	char hint[128];
	size_t count = section->count < VALUE_NAMES_MOST ? section->count : VALUE_NAMES_MOST;
	/* A list, say: who reads the key says that it is none, and its children have no names. */
	if (node && node->kind != CONF_GROUP)
		node = NULL;
	for (size_t i = 0; i < count; i++)
		names[i] = section->keys[i].name;
	names[count] = NULL;
	for (size_t i = 0; node && !section->open && i < node->count; i++) {
		const struct conf_node *child = &node->children[i];
		if (word_place(names, child->name) >= 0)
			continue;
		value_hint(child->name, names, hint);
		const char *advice = key_advice(child->name);
		finding_node(reader->findings, "E-UNKNOWN", child, "unknown key \"%.64s\" in %s%s%s", child->name, section->name,
			     advice ? ": " : hint, advice ? advice : "");
	}
	for (size_t i = 0; i < section->count; i++) {
		const struct conf_key *key = &section->keys[i];
		const struct conf_node *child = node ? conf_child(node, key->name) : NULL;
		/* The default first, so that a wrong value leaves a sane one behind for the checks that go on. */
		if (out && defaults && key->fallback)
			value_default(key, out);
		if (child)
			value_read(reader, key, child, out, defaults);
		else if (key->required)
			finding_node(reader->findings, "E-MISSING", node, "%s lacks the key \"%s\": %s", section->name, key->name, key->doc);
		else if (out && defaults && group_in_place(key) && reader->conf == out)
			section_read(reader, key->section, NULL, (char *)out + key->offset, 1);
	}
}
