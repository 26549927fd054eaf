#include "record.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base64url.h"
#include "canonical.h"
#include "inside.h"
#include "ocsf.h"

#define CUT_MARK "...[cut %zu]"

/* How much of each value is kept: the first row that fits the spool's record. */
static const struct caps { size_t text, items; } caps[] = { { 1024, 64 }, { 256, 32 }, { 64, 8 } };
#define IDS_CAP 512 /* of code, kind and request: never cut below what they are */

static void put_number(struct buffer *out, int64_t number)
{
	buffer_append(out, &number, sizeof number);
}

static void put_bytes(struct buffer *out, const char *text, size_t length)
{
	uint16_t n = (uint16_t)length;
	char *at = buffer_more(out, sizeof n + n);
	if (at)
		memcpy((char *)memcpy(at, &n, sizeof n) + sizeof n, text, n);
}

/* Cut between characters, with a mark that says how many bytes are gone. */
static void put_cut(struct buffer *out, const char *text, size_t most)
{
	size_t length = strlen(text), kept = most;
	char mark[40];
	if (length <= most) {
		put_bytes(out, text, length);
		return;
	}
	while (kept > 0 && ((unsigned char)text[kept] & 0xc0) == 0x80)
		kept--;
	size_t n = (size_t)snprintf(mark, sizeof mark, CUT_MARK, length - kept);
	uint16_t total = (uint16_t)(kept + n);
	buffer_append(out, &total, sizeof total);
	buffer_append(out, text, kept);
	buffer_append(out, mark, n);
}

static void put_value(const struct audit *audit, struct buffer *out, const char *text, int personal, size_t most)
{
	char pseudonym[AUDIT_PSEUDONYM];
	if (!personal) {
		put_cut(out, text, most);
		return;
	}
	salt_pseudonym(&audit->keys, text, pseudonym);
	put_bytes(out, pseudonym, strlen(pseudonym));
}

static int is_id(const char *name)
{
	static const char *const ids[] = { "code", "verdict", "jti", "token_id", "service", "provider", "client", "token_client", "caller" };
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
		if (!strcmp(name, ids[i]))
			return 1;
	return 0;
}

#define NAME_CAP 48

/* A text that needs no cutting, as most: all of the field in one piece. */
static int encode_plain(const struct audit_field *field, const struct caps *cap, struct buffer *out)
{
	const size_t name = strlen(field->name), text = strlen(field->text);
	if (field->personal || name > NAME_CAP || text > cap->text)
		return 0;
	const uint16_t lengths[2] = { (uint16_t)name, (uint16_t)text };
	char *at = buffer_more(out, 1 + 2 * sizeof *lengths + name + text);
	if (!at)
		return 1;
	*at++ = (char)AUDIT_TEXT;
	memcpy(at, &lengths[0], sizeof *lengths);
	memcpy(at += sizeof *lengths, field->name, name);
	memcpy(at += name, &lengths[1], sizeof *lengths);
	memcpy(at + sizeof *lengths, field->text, text);
	return 1;
}

static void encode_field(const struct audit *audit, const struct audit_field *field, const struct caps *cap, struct buffer *out)
{
	unsigned char type = (unsigned char)field->type;
	if (field->type == AUDIT_TEXT && encode_plain(field, cap, out))
		return;
	buffer_append(out, &type, 1);
	put_cut(out, field->name, NAME_CAP);
	switch (field->type) {
	case AUDIT_NUMBER:
		put_number(out, field->number);
		break;
	case AUDIT_TEXT:
		put_value(audit, out, field->text, field->personal, cap->text < IDS_CAP && is_id(field->name) ? IDS_CAP : cap->text);
		break;
	case AUDIT_LIST:
	default: {
		size_t kept = field->list_count < cap->items ? field->list_count : cap->items;
		uint16_t count = (uint16_t)(kept + (kept < field->list_count));
		buffer_append(out, &count, sizeof count);
		for (size_t i = 0; i < kept; i++)
			put_value(audit, out, field->list[i], field->personal, cap->text < 256 ? cap->text : 256);
		if (kept < field->list_count) {
			char mark[40];
			put_bytes(out, mark, (size_t)snprintf(mark, sizeof mark, CUT_MARK, field->list_count - kept));
		}
	}
	}
}

static int left_out(const struct audit_field *field)
{
	return (field->type == AUDIT_TEXT && !field->text) || (field->type == AUDIT_LIST && field->list_count && !field->list);
}

static int encode(const struct audit *audit, const struct audit_event *event, unsigned flags, struct buffer *out)
{
	char id[AUDIT_ID];
	for (size_t row = 0; row < sizeof caps / sizeof *caps; row++) {
		buffer_clear(out);
		unsigned char head[3] = { RECORD_FORM, (unsigned char)(event->severity & 7), (unsigned char)flags };
		buffer_append(out, head, sizeof head);
		put_number(out, event->time);
		put_number(out, clock_wall(audit->clock));
		audit_id(audit->ids, audit->clock, id);
		put_bytes(out, id, strlen(id));
		put_cut(out, event->kind, 64);
		put_cut(out, event->request ? event->request : "", IDS_CAP);
		put_bytes(out, audit->keys.salt_id, strlen(audit->keys.salt_id));
		size_t kept = 0;
		for (size_t i = 0; i < event->field_count && kept < RECORD_FIELDS; i++)
			if (!left_out(&event->fields[i])) {
				encode_field(audit, &event->fields[i], &caps[row], out);
				kept++;
			}
		if (!out->failed)
			return 0;
		if (out->length + 2048 < out->most)
			return -1; /* not the room: the memory */
	}
	return -1;
}

int record_encode(const struct audit *audit, const struct audit_event *event, unsigned flags, struct buffer *out)
{
	if (buffer_expect(out, RECORD_USUAL - 8))
		return -1;
	salt_hold(&audit->keys); /* all pseudonyms of a record are under the salt that it names */
	int result = encode(audit, event, flags, out);
	salt_let_go(&audit->keys);
	return result;
}

/* ---- Out of the spool ---- */

struct reader {
	const unsigned char *at;
	size_t left;
	int bad;
};

static const void *take(struct reader *reader, size_t length)
{
	if (reader->bad || length > reader->left) {
		reader->bad = 1;
		return NULL;
	}
	const void *here = reader->at;
	reader->at += length;
	reader->left -= length;
	return here;
}

static int64_t take_number(struct reader *reader)
{
	int64_t number = 0;
	const void *here = take(reader, sizeof number);
	if (here)
		memcpy(&number, here, sizeof number);
	return number;
}

static size_t take_length(struct reader *reader)
{
	uint16_t length = 0;
	const void *here = take(reader, sizeof length);
	if (here)
		memcpy(&length, here, sizeof length);
	return length;
}

static const char *take_bytes(struct reader *reader, size_t *length)
{
	*length = take_length(reader);
	return take(reader, *length);
}

/* A field may not pass for a member of the frame. */
static int is_frame(const char *name)
{
	static const char *const frame[] = { "v", "id", "writer", "seq", "prev", "time", "logged", "kind", "severity", "request", "salt",
		                             "count", "seal", "seal_key",
		                             "raw_data", "ema_integrity" /* of OCSF */ };
	for (size_t i = 0; i < sizeof frame / sizeof *frame; i++)
		if (*name == *frame[i] && !strcmp(name, frame[i]))
			return 1;
	return 0;
}

static int is_there(const struct rendering *r, const char *name)
{
	for (size_t i = 0; i < r->count; i++)
		if (*name == r->text.data[r->at[2 * i]] && !strcmp(name, r->text.data + r->at[2 * i]))
			return 1;
	return 0;
}

/* A member: its name, and where its value begins in the text and in the parts. Those of the frame have their names to themselves. */
static void member(struct rendering *r, const char *name, size_t length, int frame)
{
	if (r->count >= RECORD_MEMBERS) {
		r->text.failed = 1;
		return;
	}
	size_t from = r->text.length, tries = 0;
	do {
		r->text.length = from;
		for (size_t i = 0; i < tries; i++)
			buffer_text(&r->text, "x_");
		buffer_clean(&r->text, name, length);
		buffer_char(&r->text, 0);
	} while (!r->text.failed && !frame && (is_frame(r->text.data + from) || is_there(r, r->text.data + from)) && tries++ < RECORD_MEMBERS);
	r->at[2 * r->count] = from;
	r->at[2 * r->count + 1] = r->text.length;
	r->part[r->count++] = r->parts.length;
}

/* A value, or an item of one. */
static void value_text(struct rendering *r, const char *text, size_t length)
{
	size_t from = r->text.length;
	if (!buffer_clean(&r->text, text, length))
		canonical_string(&r->parts, r->text.length ? r->text.data + from : "", r->text.length - from);
}

static void frame_text(struct rendering *r, const char *name, const char *text, size_t length)
{
	member(r, name, strlen(name), 1);
	value_text(r, text, length);
	buffer_char(&r->text, 0);
}

/* A number that not every reader of JSON keeps is a string (RFC 8785 6). */
static void value_number(struct rendering *r, int64_t number)
{
	const char *quote = number > CANONICAL_INTEGER || number < -CANONICAL_INTEGER ? "\"" : "";
	buffer_printf(&r->parts, "%s%" PRId64 "%s", quote, number, quote);
	buffer_printf(&r->text, "%" PRId64, number);
	buffer_char(&r->text, 0);
}

static void frame_number(struct rendering *r, const char *name, uint64_t number)
{
	member(r, name, strlen(name), 1);
	value_number(r, (int64_t)number);
}

static void render_field(struct rendering *r, struct reader *reader)
{
	const unsigned char *type = take(reader, 1);
	size_t length = 0;
	const char *name = take_bytes(reader, &length);
	if (!type || !name)
		return;
	member(r, name, length, 0);
	if (*type == AUDIT_NUMBER) {
		value_number(r, take_number(reader));
	} else if (*type == AUDIT_LIST) {
		size_t count = take_length(reader);
		buffer_char(&r->parts, '[');
		for (size_t i = 0; i < count && !reader->bad; i++) {
			const char *item = take_bytes(reader, &length);
			if (!item)
				break;
			if (i) {
				buffer_char(&r->parts, ',');
				buffer_char(&r->text, ',');
			}
			value_text(r, item, length);
		}
		buffer_char(&r->parts, ']');
		buffer_char(&r->text, 0);
	} else {
		const char *text = take_bytes(reader, &length);
		value_text(r, text ? text : "", text ? length : 0);
		buffer_char(&r->text, 0);
	}
}

/* RFC 8785: the members in the order of their names, so that the hash over the line is one over the canonical record. */
static void put_line(struct rendering *r)
{
	unsigned char order[RECORD_MEMBERS];
	size_t count = r->count;
	for (size_t i = 0; i < count; i++) { /* each behind those that are not behind it */
		size_t from = 0, to = i;
		const char *name = r->text.data + r->at[2 * i];
		while (from < to) {
			size_t middle = from + (to - from) / 2;
			const char *other = r->text.data + r->at[2 * (size_t)order[middle]];
			if (canonical_compare(other, strlen(other), name, strlen(name)) <= 0)
				from = middle + 1;
			else
				to = middle;
		}
		memmove(order + from + 1, order + from, i - from);
		order[from] = (unsigned char)i;
	}
	for (size_t i = 0; i < count; i++) {
		const char *name = r->text.data + r->at[2 * (size_t)order[i]];
		size_t from = r->part[order[i]], to = (size_t)order[i] + 1 < count ? r->part[order[i] + 1] : r->parts.length;
		buffer_char(&r->line, i ? ',' : '{');
		canonical_string(&r->line, name, strlen(name));
		buffer_char(&r->line, ':');
		buffer_append(&r->line, r->parts.data + from, to - from);
	}
	buffer_char(&r->line, '}');
}

static void checkpoint(struct rendering *r, const struct chain *chain, const char *before)
{
	char seal[CHAIN_TEXT];
	frame_number(r, "count", chain->cursor.number);
	if (chain_seal(chain->keys->seal, chain->writer, chain->cursor.number, before, seal))
		seal[0] = 0;
	frame_text(r, "seal", seal, strlen(seal));
	frame_text(r, "seal_key", chain->keys->seal_id, strlen(chain->keys->seal_id));
}

/* Several sinks may ask at once: what the first of them made is for all. */
static const char *render(const struct ema_event *event, const char *form, size_t *length)
{
	struct rendered *r = (struct rendered *)((uintptr_t)event - offsetof(struct rendered, event));
	struct buffer *made = atomic_load(&r->ocsf), *none = NULL;
	if (strcmp(form, "ocsf"))
		return NULL;
	if (!made) {
		made = malloc(sizeof *made);
		if (!made)
			return NULL;
		buffer_init(made, OCSF_LINE);
		int result = ocsf_render(event->line, event->length, made);
		if (result != EMA_OK || !atomic_compare_exchange_strong(&r->ocsf, &none, made)) {
			buffer_free(made);
			free(made);
			made = result == EMA_OK ? none : NULL;
		}
	}
	if (made)
		*length = made->length;
	return made ? made->data : NULL;
}

struct rendering *rendering_new(void)
{
	struct rendering *r = malloc(sizeof *r);
	if (!r)
		return NULL;
	buffer_init(&r->line, RECORD_LINE);
	buffer_init(&r->text, RECORD_LINE);
	buffer_init(&r->parts, RECORD_LINE);
	return r;
}

static void empty(struct buffer *buffer)
{
	if (buffer->room > RECORD_ROOM) /* a rare one */
		buffer_free(buffer);
	buffer_clear(buffer);
}

void rendering_free(struct rendering *r)
{
	if (!r)
		return;
	buffer_free(&r->line);
	buffer_free(&r->text);
	buffer_free(&r->parts);
	free(r);
}

/* As large as it must be and in one piece: a queue may hold a thousand. */
static struct rendered *rendered_new(const struct rendering *r)
{
	const size_t members = 2 * r->count * sizeof(const char *), size = sizeof(struct rendered) + members + r->text.length + r->line.length + 1;
	struct rendered *made = malloc(size);
	if (!made)
		return NULL;
	char *text = (char *)made->members + members, *line = text + r->text.length;
	*made = (struct rendered){ .references = 1, .size = size,
	                           .event = { .line = line, .length = r->line.length, .count = r->count, .names = made->members,
	                                      .values = made->members + r->count, .render = render } };
	memcpy(text, r->text.data, r->text.length);
	memcpy(line, r->line.data, r->line.length + 1);
	for (size_t i = 0; i < r->count; i++) {
		made->members[i] = text + r->at[2 * i];
		made->members[r->count + i] = text + r->at[2 * i + 1];
	}
	return made;
}

struct rendered *record_render(struct rendering *r, const struct chain *chain, size_t length)
{
	empty(&r->line);
	empty(&r->text);
	empty(&r->parts);
	r->count = 0;
	struct reader reader = { (const unsigned char *)r->bytes, length, 0 };
	const unsigned char *head = take(&reader, 3);
	char before[CHAIN_TEXT], time[CLOCK_TEXT];
	size_t id_length = 0, kind_length = 0, request_length = 0, salt_length = 0;
	const uint64_t number = chain->cursor.number + 1;
	const int64_t at = take_number(&reader), logged = take_number(&reader);
	const char *id = take_bytes(&reader, &id_length), *kind = take_bytes(&reader, &kind_length), *request = take_bytes(&reader, &request_length);
	const char *salt = take_bytes(&reader, &salt_length);
	if (!head || head[0] != RECORD_FORM || !id || !kind || !request || !salt) {
		reader.bad = 1;
		kind = "unreadable";
		kind_length = strlen(kind);
		id = request = salt = "";
		id_length = request_length = salt_length = 0;
	}
	const int severity = head ? head[1] : 1;
	chain_before(chain, before);
	frame_number(r, "v", RECORD_SCHEMA);
	frame_text(r, "id", id, id_length);
	frame_text(r, "writer", chain->writer, strlen(chain->writer));
	frame_number(r, "seq", number);
	frame_text(r, "prev", before, strlen(before));
	clock_text(at, time);
	frame_text(r, "time", time, strlen(time));
	int64_t apart = logged / 2 - at / 2; /* halves, because the time may be anything */
	if (apart > 500 || apart < -500) {
		clock_text(logged, time);
		frame_text(r, "logged", time, strlen(time));
	}
	frame_text(r, "kind", kind, kind_length);
	frame_number(r, "severity", (uint64_t)severity);
	if (request_length)
		frame_text(r, "request", request, request_length);
	if (head && (head[2] & RECORD_CHECKPOINT))
		checkpoint(r, chain, before);
	for (size_t i = 0; i < RECORD_FIELDS && reader.left && !reader.bad; i++)
		render_field(r, &reader);
	frame_text(r, "salt", salt, salt_length);
	if (!r->text.failed && !r->parts.failed)
		put_line(r);
	struct rendered *made = r->line.failed || r->text.failed || r->parts.failed ? NULL : rendered_new(r);
	if (!made)
		return NULL;
	made->number = number;
	memcpy(made->writer, chain->writer, sizeof made->writer);
	made->event.time = at;
	made->event.severity = severity;
	return made;
}

void rendered_free(struct rendered *rendered)
{
	struct buffer *ocsf = rendered ? atomic_load(&rendered->ocsf) : NULL;
	if (ocsf) {
		buffer_free(ocsf);
		free(ocsf);
	}
	free(rendered);
}
