/* RFC 5424: the header, structured data, and the text. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ema/version.h"
#include "syslog.h"

#define BOM "\xef\xbb\xbf"
#define SD_NAME 32
#define MARK_ROOM 32

struct out {
	char *text;
	size_t length, most;
	int full; /* something did not fit */
};

static void put(struct out *out, const char *text, size_t length)
{
	if (length > out->most - out->length) {
		out->full = 1;
		return;
	}
	memcpy(out->text + out->length, text, length);
	out->length += length;
}

static void put_text(struct out *out, const char *text)
{
	put(out, text, strlen(text));
}

/* Printable ASCII without spaces, at most so many; "-" for nothing (6.2.4 to 6.2.7). */
static void put_word(struct out *out, const char *text, size_t most)
{
	char word[256];
	size_t n = 0;
	for (; text && text[n] && n < most && n < sizeof word; n++)
		word[n] = text[n] > 32 && text[n] < 127 ? text[n] : '_';
	if (n)
		put(out, word, n);
	else
		put_text(out, "-");
}

static size_t utf8_length(const unsigned char *c)
{
	static const struct { unsigned char first, mask, least, most; size_t length; } forms[] = {
		{ 0x00, 0x80, 0, 0, 1 },          { 0xc0, 0xe0, 0x80, 0xbf, 2 }, { 0xe0, 0xf0, 0x80, 0xbf, 3 }, { 0xf0, 0xf8, 0x80, 0xbf, 4 },
	};
	for (size_t i = 0; i < 4; i++) {
		if ((c[0] & forms[i].mask) != forms[i].first)
			continue;
		for (size_t k = 1; k < forms[i].length; k++)
			if ((c[k] & 0xc0) != 0x80)
				return 0;
		if (c[0] == 0xc0 || c[0] == 0xc1 || c[0] > 0xf4 || (c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) ||
		    (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f))
			return 0;
		return forms[i].length;
	}
	return 0;
}

/* Bidirectional controls and line separators could make a record look like another one. */
static int misleading(const unsigned char *c, size_t n)
{
	return (n == 2 && c[0] == 0xc2 && c[1] < 0xa0) || (n == 2 && c[0] == 0xd8 && c[1] == 0x9c) ||
	       (n == 3 && c[0] == 0xe2 && c[1] == 0x80 && (c[2] == 0x8e || c[2] == 0x8f || (c[2] >= 0xa8 && c[2] <= 0xae))) ||
	       (n == 3 && c[0] == 0xe2 && c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9) || (n == 3 && c[0] == 0xef && c[1] == 0xbb && c[2] == 0xbf);
}

/* UTF-8 with a '\' before each of these; what is neither text nor UTF-8 becomes '?'. */
static void put_escaped(struct out *out, const char *text, const char *escaped)
{
	const unsigned char *c = (const unsigned char *)text;
	while (*c) {
		size_t n = utf8_length(c);
		if (!n || *c < 0x20 || *c == 0x7f || misleading(c, n)) {
			put_text(out, "?");
			c += n ? n : 1;
			continue;
		}
		if (strchr(escaped, *c))
			put_text(out, "\\");
		put(out, (const char *)c, n);
		c += n;
	}
}

/* A value of structured data (6.3.3). */
static void put_value(struct out *out, const char *text)
{
	put_escaped(out, text, "\"\\]");
}

/* A whole parameter or none of it. */
static void put_parameter(struct out *out, const char *name, const char *value)
{
	struct out before = *out;
	char clean[SD_NAME + 1];
	size_t n = 0;
	if (!value || !*name)
		return;
	for (; n < SD_NAME && name[n]; n++)
		clean[n] = name[n] > 32 && name[n] < 127 && !strchr("=]\"", name[n]) ? name[n] : '_';
	clean[n] = 0;
	put_text(out, " ");
	put_text(out, clean);
	put_text(out, "=\"");
	put_value(out, value);
	put_text(out, "\"");
	if (out->full)
		*out = before;
}

/* The first are the last to go: of a record, and then what an event of OCSF has in their place. */
static const char *const ids[] = { "id", "writer", "seq", "time", "kind", "verdict", "code", "request", "client", "token_client", "subject", "service",
	                           "rule", "provider", "token_id", "jti" };
static const char *const event_ids[] = { "metadata", "class_uid", "activity_id", "type_uid", "category_uid", "severity_id", "status_id", "status_code",
	                                 "action_id", "disposition_id", "actor" };

#define IDS (sizeof ids / sizeof *ids)
#define EVENT_IDS (sizeof event_ids / sizeof *event_ids)
#define NO_ID (IDS + EVENT_IDS)

static int is_name(const char *name, const char *at, size_t length)
{
	return !strncmp(name, at, length) && !name[length];
}

/* Its place, or NO_ID. */
static size_t rank_of(const char *at, size_t length)
{
	for (size_t i = 0; i < IDS; i++)
		if (is_name(ids[i], at, length))
			return i;
	for (size_t i = 0; i < EVENT_IDS; i++)
		if (is_name(event_ids[i], at, length))
			return IDS + i;
	return NO_ID;
}

static void put_structured(ema_instance *self, const ema_event *event, struct out *out)
{
	const struct ema_host *host = self->host;
	const char *seq = host->event_field(event, "seq");
	char text[64];
	uint64_t number = seq ? strtoull(seq, NULL, 10) : 0;
	snprintf(text, sizeof text, "[meta sequenceId=\"%" PRIu64 "\"]", number ? (number - 1) % 2147483647 + 1 : 1);
	put_text(out, text);
	put_text(out, "[timeQuality tzKnown=\"1\"]");
	if (!self->enterprise)
		return;
	snprintf(text, sizeof text, "[ema@%" PRId64, self->enterprise);
	if (out->most - out->length < strlen(text) + 1)
		return;
	put_text(out, text);
	out->most -= 1; /* for the bracket */
	for (size_t i = 0; i < IDS; i++)
		put_parameter(out, ids[i], host->event_field(event, ids[i]));
	const char *name;
	for (size_t i = 0; (name = host->event_name(event, i)); i++)
		if (rank_of(name, strlen(name)) >= IDS && strcmp(name, "v"))
			put_parameter(out, name, host->event_field(event, name));
	out->most += 1;
	put_text(out, "]");
}

/* Between two UTF-8 characters, at most at. */
static size_t message_cut(const char *text, size_t at)
{
	while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80)
		at--;
	return at;
}

/* One line for people. */
static void put_line(ema_instance *self, const ema_event *event, struct out *out)
{
	static const char *const parts[] = { "verdict", "service", "code", "reason" };
	const char *kind = self->host->event_field(event, "kind"), *text;
	put_value(out, kind ? kind : "event");
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if ((text = self->host->event_field(event, parts[i]))) {
			put_text(out, " ");
			put_value(out, text);
		}
}

/* ---- CEF ---- */

/* A field behind another one, whole or not at all; with a label for the custom ones. from: where the fields begin. */
static void put_field(struct out *out, size_t from, const char *key, const char *label, const char *value)
{
	struct out before = *out;
	if (!value || !*value)
		return;
	if (out->length > from)
		put_text(out, " ");
	if (label) {
		put_text(out, key);
		put_text(out, "Label=");
		put_text(out, label);
		put_text(out, " ");
	}
	put_text(out, key);
	put_text(out, "=");
	put_escaped(out, value, "\\=");
	if (out->full)
		*out = before;
}

/* A URL without its query (AUD-11). */
static void put_url(struct out *out, size_t from, const char *key, const char *url)
{
	char text[1024];
	size_t length = url ? strcspn(url, "?#") : 0;
	if (!length || length >= sizeof text)
		return;
	memcpy(text, url, length);
	text[length] = 0;
	put_field(out, from, key, NULL, text);
}

/* Of the words that CEF has; the rest of the record is in the structured data. */
static void put_cef(ema_instance *self, const ema_event *event, struct out *out)
{
	static const char *const severities[8] = { "10", "10", "9", "8", "6", "4", "3", "1" };
	const struct ema_host *host = self->host;
	const char *kind = host->event_field(event, "kind"), *verdict = host->event_field(event, "verdict"), *remote = host->event_field(event, "remote");
	struct in_addr address;
	char time[24];
	put_text(out, "CEF:0|EMA|EMA|" EMA_VERSION "|");
	put_escaped(out, kind ? kind : "event", "\\|");
	put_text(out, "|");
	put_escaped(out, kind ? kind : "event", "\\|");
	if (verdict) {
		put_text(out, " ");
		put_escaped(out, verdict, "\\|");
	}
	put_text(out, "|");
	put_text(out, severities[host->event_severity(event) & 7]);
	put_text(out, "|");
	size_t from = out->length;
	snprintf(time, sizeof time, "%" PRId64, host->event_time(event));
	put_field(out, from, "externalId", NULL, host->event_field(event, "id"));
	put_field(out, from, "rt", NULL, time);
	put_field(out, from, "act", NULL, verdict);
	put_field(out, from, "outcome", NULL, !verdict ? NULL : !strcmp(verdict, "permit") ? "success" : "failure");
	put_field(out, from, "reason", NULL, host->event_field(event, "code"));
	put_field(out, from, "suser", NULL, host->event_field(event, "subject"));
	put_field(out, from, "duser", NULL, host->event_field(event, "person"));
	put_field(out, from, "cs1", "service", host->event_field(event, "service"));
	put_field(out, from, "cs2", "provider", host->event_field(event, "provider"));
	const char *client = host->event_field(event, "client");
	put_field(out, from, "cs3", "client", client ? client : host->event_field(event, "token_client"));
	put_field(out, from, "cs4", "correlation", host->event_field(event, "request"));
	/* A pseudonym is no address. */
	if (remote && inet_pton(AF_INET, remote, &address) == 1)
		put_field(out, from, "src", NULL, remote);
	else
		put_field(out, from, "cs5", "remote", remote);
	put_field(out, from, "cs6", "target", host->event_field(event, "target"));
	put_url(out, from, "request", host->event_field(event, "resource"));
	put_field(out, from, "msg", NULL, host->event_field(event, "reason"));
}

/* The text where it is not the record. */
static void put_told(ema_instance *self, const ema_event *event, struct out *out)
{
	(self->cef ? put_cef : put_line)(self, event, out);
}

size_t message_text(ema_instance *self, const ema_event *event)
{
	struct out out = { .text = self->message, .most = MESSAGE_DEFAULT };
	put_told(self, event, &out);
	self->message[out.length] = 0;
	return out.length;
}

/* ---- JSON that does not fit ---- */

#define MEMBERS_MOST 128
#define CUT_ROOM (sizeof ",\"cut\":\"...[cut 18446744073709551615]\"")

struct member {
	const char *at;
	size_t length, rank;
	int gone;
};

/* Behind the string that begins here; NULL: it does not end. */
static const char *behind_string(const char *c, const char *end)
{
	for (c++; c < end && *c != '"'; c++)
		c += *c == '\\';
	return c < end ? c + 1 : NULL;
}

/* At the ',' or '}' behind the value that begins here; NULL: there is none. */
static const char *behind_value(const char *c, const char *end)
{
	for (int depth = 0; c && c < end; c = *c == '"' ? behind_string(c, end) : c + 1) {
		if (!depth && (*c == ',' || *c == '}'))
			return c;
		depth += (*c == '{' || *c == '[') - (*c == '}' || *c == ']');
	}
	return NULL;
}

/* The members of an object that we wrote, without white space. How many; 0: none, too many, or it is not that. */
static size_t members_of(const char *text, size_t length, struct member list[MEMBERS_MOST])
{
	const char *c = text, *end = text + length;
	size_t count = 0;
	if (!length || *c++ != '{')
		return 0;
	for (;;) {
		const char *at = c;
		if (count == MEMBERS_MOST || c >= end || *c != '"' || !(c = behind_string(c, end)))
			return 0;
		const size_t rank = rank_of(at + 1, (size_t)(c - at) - 2);
		if (!(c = behind_value(c, end)))
			return 0;
		list[count++] = (struct member){ at, (size_t)(c - at), rank, 0 };
		if (*c++ == '}')
			return c == end ? count : 0;
	}
}

/* The longest of what is no id; else the id that matters least. */
static struct member *least(struct member *list, size_t count)
{
	struct member *found = NULL;
	for (size_t i = 0; i < count; i++) {
		struct member *m = &list[i];
		if (!m->gone && (!found || m->rank > found->rank || (m->rank == found->rank && m->length > found->length)))
			found = m;
	}
	return found;
}

/* A caller may make a value long: that one goes, not what stands behind it. Whole members alone, so it is JSON still. 0 or -1: not even so. */
static int put_members(struct out *out, const char *text, size_t length)
{
	struct member list[MEMBERS_MOST];
	const size_t count = members_of(text, length, list), room = out->most - out->length;
	size_t size = length + CUT_ROOM, lost = 0;
	char mark[CUT_ROOM];
	while (size > room) {
		struct member *gone = least(list, count);
		if (!gone)
			return -1;
		gone->gone = 1;
		lost += gone->length;
		size -= gone->length + 1;
	}
	const char *before = "{";
	for (size_t i = 0; i < count; i++)
		if (!list[i].gone) {
			put_text(out, before);
			put(out, list[i].at, list[i].length);
			before = ",";
		}
	put_text(out, before);
	snprintf(mark, sizeof mark, "\"cut\":\"...[cut %zu]\"}", lost);
	put_text(out, mark);
	return 0;
}

/* Before what begins there, if it is not plain ASCII. */
static void put_bom(struct out *out, size_t from)
{
	for (size_t i = from; i < out->length; i++)
		if ((unsigned char)out->text[i] >= 0x80 && out->most - out->length >= strlen(BOM)) {
			memmove(out->text + from + strlen(BOM), out->text + from, out->length - from);
			memcpy(out->text + from, BOM, strlen(BOM));
			out->length += strlen(BOM);
			return;
		}
}

static int is_ascii(const char *text, size_t length)
{
	size_t i = 0;
	while (i < length && (unsigned char)text[i] < 0x80)
		i++;
	return i == length;
}

static void put_message(ema_instance *self, const ema_event *event, struct out *out)
{
	size_t length = 0;
	const size_t from = out->length, most = out->most;
	const char *text = self->form ? self->host->event_render(event, self->form, &length) : NULL;
	char mark[MARK_ROOM];
	if (self->bom && !(text && is_ascii(text, length)) && most - from > strlen(BOM))
		out->most -= strlen(BOM);
	const size_t room = out->most - from;
	if (!text) {
		put_told(self, event, out);
	} else if (length <= room) {
		put(out, text, length);
	} else if (put_members(out, text, length)) {
		size_t kept = room > MARK_ROOM ? message_cut(text, room - MARK_ROOM) : 0;
		put(out, text, kept);
		snprintf(mark, sizeof mark, "...[cut %zu]", length - kept);
		put_text(out, mark);
	}
	out->most = most;
	if (self->bom)
		put_bom(out, from);
}

size_t message_make(ema_instance *self, const ema_event *event, size_t most)
{
	struct out out = { .text = self->message, .most = most };
	const char *time = self->host->event_field(event, "time");
	char head[16];
	snprintf(head, sizeof head, "<%d>1 ", self->facility * 8 + (self->host->event_severity(event) & 7));
	put_text(&out, head);
	put_word(&out, time, 32);
	put_text(&out, " ");
	put_word(&out, self->hostname, 255);
	put_text(&out, " ");
	put_word(&out, self->app, 48);
	put_text(&out, " ");
	put_word(&out, self->process, 128);
	put_text(&out, " ");
	put_word(&out, self->host->event_field(event, "kind"), 32);
	put_text(&out, " ");
	/* The ids come first; what is in the JSON text is there twice, so the structured data gives way. */
	size_t length = 0;
	if (self->form)
		self->host->event_render(event, self->form, &length);
	size_t half = most / 2 > out.length + MESSAGE_LEAST / 2 ? most / 2 : most - MARK_ROOM;
	out.most = self->cef ? half : !self->form ? most : most - out.length > 2 * (length + 8) ? most - length - 8 : half;
	put_structured(self, event, &out);
	out.most = most;
	put_text(&out, " ");
	put_message(self, event, &out);
	self->message[out.length] = 0;
	return out.length;
}
