/* Who follows marks that another one publishes. */
#define _GNU_SOURCE /* memmem */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json.h"
#include "marks_inside.h"
#include "publish.h"
#include "store_kind.h"

#define LOOK_EACH_MS INT64_C(100)
#define LOOK_FIRST_MS INT64_C(5000) /* so long ago may have been written what is read first; else it must be seen to be written */
#define LINE_MOST 1024

static const struct json_limits line_limits = { LINE_MOST, 2, 8, 512 };

/* One reader, the follower's thread. */
struct published_store {
	struct store store;
	struct published folder; /* its path is ours */
	const struct clock *clock;
	struct log log;
	int64_t sequence;        /* of the last "alive"; -1: none yet */
	int64_t marks;           /* of the last "marks" that were taken; -1: none yet */
	int64_t beat;            /* monotonic: when "alive" was seen to be new; INT64_MIN: never */
	char complaint[FAILURE_TEXT];
};

/* ---- The files ---- */

static int is_number(const struct json *json, const struct json_node *root, const char *name, int64_t *out)
{
	return json_integer(json_member(json, root, name), out) && *out >= 0 && *out <= PUBLISH_SEQUENCE_MOST;
}

int publish_alive_read(const char *text, size_t length, struct publish_alive *out)
{
	struct json json = { 0 };
	struct publish_alive alive;
	if (json_parse(text, length, &line_limits, &json, NULL) != EMA_OK)
		return -1;
	const struct json_node *root = json_root(&json);
	int fine = is_number(&json, root, "sequence", &alive.sequence) && is_number(&json, root, "marks", &alive.marks) &&
	           is_number(&json, root, "written", &alive.written) && alive.marks <= alive.sequence;
	json_free(&json);
	if (!fine)
		return -1;
	*out = alive;
	return 0;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int read_digest(const char *hex, unsigned char out[DIGEST_BYTES])
{
	for (int i = 0; i < 2 * DIGEST_BYTES; i += 2) {
		int high = hex_digit(hex[i]), low = high < 0 ? -1 : hex_digit(hex[i + 1]);
		if (low < 0)
			return -1;
		out[i / 2] = (unsigned char)(high << 4 | low);
	}
	return hex[2 * DIGEST_BYTES] ? -1 : 0;
}

/* ["s","e","2c26...",1764130000000,1764302800000,""]: as the store would have it. */
static int read_line(const char *line, size_t length, store_entry_fn *entry, void *data)
{
	struct json json = { 0 };
	unsigned char key[MARK_KEY_MOST], value[STORE_MARK];
	const char *texts[4] = { NULL };
	int64_t numbers[2] = { 0, 0 };
	int code = json_parse(line, length, &line_limits, &json, NULL);
	if (code != EMA_OK)
		return code == EMA_OUT_OF_MEMORY ? code : EMA_BAD_JSON;
	const struct json_node *root = json_root(&json), *node = json_is(root, JSON_ARRAY) && root->count == 6 ? json_first(&json, root) : NULL;
	int fine = node != NULL;
	for (int i = 0; i < 6 && fine; i++, node = json_next(&json, node)) {
		if (i == 3 || i == 4)
			fine = json_integer(node, &numbers[i - 3]) && numbers[i - 3] >= (i == 4);
		else
			fine = (texts[i < 3 ? i : 3] = json_string(node)) != NULL;
	}
	const size_t label = fine ? strlen(texts[3]) : 0;
	fine = fine && strlen(texts[0]) == 1 && strlen(texts[1]) == 1 && label <= MARK_LABEL_MOST && !read_digest(texts[2], key + MARK_HEAD - DIGEST_BYTES);
	if (fine) {
		memcpy(key, MARK_PREFIX, MARK_PREFIX_LENGTH);
		key[MARK_PREFIX_LENGTH] = (unsigned char)texts[0][0];
		key[MARK_PREFIX_LENGTH + 1] = (unsigned char)texts[1][0];
		memcpy(key + MARK_HEAD, texts[3], label);
		store_mark_write(numbers[0], value);
		code = entry(data, key, MARK_HEAD + label, value, sizeof value, numbers[1]);
	} else {
		code = EMA_BAD_JSON;
	}
	json_free(&json);
	return code;
}

/* EMA_BAD_JSON: it is not; EMA_OUT_OF_MEMORY. */
static int check_whole(const char *text, size_t length)
{
	char hex[PUBLISH_HEX + 1];
	if (length < PUBLISH_FIRST || memcmp(text, PUBLISH_MAGIC, PUBLISH_MAGIC_LENGTH) || text[PUBLISH_FIRST - 1] != '\n' || text[length - 1] != '\n')
		return EMA_BAD_JSON;
	if (publish_digest(text + PUBLISH_FIRST, length - PUBLISH_FIRST, hex))
		return EMA_OUT_OF_MEMORY;
	return memcmp(text + PUBLISH_MAGIC_LENGTH, hex, PUBLISH_HEX) ? EMA_BAD_JSON : EMA_OK;
}

/* Where it ends before the last line does, the digest has told. */
int publish_marks_read(const char *text, size_t length, int64_t least, int64_t *sequence, store_entry_fn *entry, void *data)
{
	struct json json = { 0 };
	int code = check_whole(text, length);
	if (code != EMA_OK)
		return code;
	const char *line = text + PUBLISH_FIRST, *end = text + length, *next = memchr(line, '\n', (size_t)(end - line));
	if (!next)
		return EMA_BAD_JSON;
	code = json_parse(line, (size_t)(next - line), &line_limits, &json, NULL);
	if (code == EMA_OK && !is_number(&json, json_root(&json), "sequence", sequence))
		code = EMA_BAD_JSON;
	json_free(&json);
	if (code == EMA_TOO_LARGE || code == EMA_DUPLICATE_MEMBER)
		code = EMA_BAD_JSON;
	if (!entry || (code == EMA_OK && *sequence < least))
		return code;
	for (line = next + 1; code == EMA_OK && line < end; line = next + 1) {
		next = memchr(line, '\n', (size_t)(end - line));
		code = next ? read_line(line, (size_t)(next - line), entry, data) : EMA_BAD_JSON;
	}
	return code;
}

/* Up to the first line that is none of its own: whatever a write that was cut off left behind it. */
static size_t text_length(const char *text, size_t length)
{
	const char *at = text, *end = text + length;
	while ((at = memchr(at, '\n', (size_t)(end - at))) && ++at < end && (*at == '{' || *at == '['))
		;
	return at ? (size_t)(at - text) : length;
}

/* The first line of a text: nothing in another one has its end. */
static int has_text(const char *text, size_t length)
{
	for (const char *at; (at = memmem(text, length, PUBLISH_MAGIC, PUBLISH_MAGIC_LENGTH)) && (size_t)(text + length - at) >= PUBLISH_FIRST;) {
		size_t i = PUBLISH_MAGIC_LENGTH;
		while (i < PUBLISH_FIRST - 1 && hex_digit(at[i]) >= 0)
			i++;
		if (i == PUBLISH_FIRST - 1 && at[i] == '\n')
			return 1;
		length -= (size_t)(at + 1 - text);
		text = at + 1;
	}
	return 0;
}

/* Nothing is written behind one that is not whole. */
int publish_changes_read(const char *text, size_t length, size_t *whole, int64_t *sequence, store_entry_fn *entry, void *data)
{
	int code = EMA_OK;
	for (*whole = 0; code == EMA_OK && *whole < length;) {
		const char *from = text + *whole;
		const size_t left = length - *whole, size = text_length(from, left);
		code = check_whole(from, size);
		if (code == EMA_BAD_JSON && !has_text(from + 1, left - 1))
			return EMA_OK;
		if (code == EMA_OK)
			code = publish_marks_read(from, size, 0, sequence, entry, data);
		*whole += size;
	}
	return code;
}

static int complain(struct published_store *store, int code, const struct failure *why)
{
	if (why->text[0] && strcmp(why->text, store->complaint))
		log_printf(&store->log, LOG_LEVEL_ERROR, "revocations: %s", why->text);
	memcpy(store->complaint, why->text, sizeof store->complaint);
	return code;
}

static int damaged(const struct published_store *store, const char *name, struct failure *why)
{
	return failure_set(why, EMA_UNAVAILABLE, "%.300s/%s: not used, because it is damaged, or of another version of EMA", store->folder.path, name);
}

static int older(const struct published_store *store, const char *name, struct failure *why)
{
	return failure_set(why, EMA_UNAVAILABLE, "%.300s/%s: not used, because it is older than what was read there before. If its sequence was begun anew on "
	                   "purpose, restart this program", store->folder.path, name);
}

/* ---- Following ---- */

static int look_marks(struct published_store *store, int64_t least, store_entry_fn *entry, void *data, struct failure *why)
{
	char *text = NULL;
	size_t length = 0;
	int64_t sequence = -1;
	if (least < store->marks)
		least = store->marks;
	int code = published_read(&store->folder, PUBLISH_MARKS, PUBLISH_MARKS_MOST, NULL, &text, &length, why);
	if (code != EMA_OK)
		return code;
	code = publish_marks_read(text, length, least, &sequence, entry, data);
	free(text);
	if (code == EMA_BAD_JSON)
		return damaged(store, PUBLISH_MARKS, why);
	if (code != EMA_OK)
		return failure_set(why, code, "%.300s/" PUBLISH_MARKS ": what is there cannot be taken", store->folder.path);
	if (sequence < least)
		return older(store, PUBLISH_MARKS, why);
	store->marks = sequence;
	return EMA_OK;
}

/* all: also if they were taken before. */
static int look(struct published_store *store, int all, store_entry_fn *entry, void *data, int *told)
{
	struct failure why = FAILURE_INIT;
	struct publish_alive alive;
	char *text = NULL;
	size_t length = 0;
	int code = published_read(&store->folder, PUBLISH_ALIVE, PUBLISH_ALIVE_MOST, NULL, &text, &length, &why);
	if (code == EMA_OK && publish_alive_read(text, length, &alive))
		code = damaged(store, PUBLISH_ALIVE, &why);
	if (code == EMA_OK && alive.sequence < store->sequence)
		code = older(store, PUBLISH_ALIVE, &why);
	free(text);
	if (code == EMA_OK && (all || alive.marks > store->marks)) {
		code = look_marks(store, alive.marks, entry, data, &why);
		*told = code == EMA_OK;
	}
	if (code != EMA_OK)
		return complain(store, code, &why);
	int64_t now = clock_monotonic(store->clock), age = clock_wall(store->clock) - alive.written;
	/* Of the first that is seen, its time must say that somebody writes it; then that it changes does, whatever the clock. */
	if (store->sequence < 0 ? age >= -LOOK_FIRST_MS && age <= LOOK_FIRST_MS : alive.sequence > store->sequence)
		store->beat = now;
	store->sequence = alive.sequence;
	if (store->beat == INT64_MIN || now - store->beat > PUBLISH_LATE_MS) {
		code = failure_set(&why, EMA_UNAVAILABLE, "%.300s: nothing is written there any more: emad does not run, or its own store is away", store->folder.path);
		return all ? EMA_OK : complain(store, code, &why);
	}
	store->complaint[0] = 0;
	return EMA_OK;
}

static void sleep_ms(int64_t ms)
{
	struct timespec t = { (time_t)(ms / 1000), (long)(ms % 1000 * 1000000) };
	nanosleep(&t, NULL);
}

static int published_changes(struct store *base, store_entry_fn *entry, void *data, int64_t ms)
{
	struct published_store *store = (struct published_store *)base;
	const int64_t until = clock_monotonic(&clock_system) + (ms > 0 ? ms : 0);
	for (;;) {
		int told = 0, code = look(store, 0, entry, data, &told);
		int64_t left = until - clock_monotonic(&clock_system);
		if (code != EMA_OK || told || left <= 0)
			return code;
		sleep_ms(left < LOOK_EACH_MS ? left : LOOK_EACH_MS);
	}
}

/* Everything that is there is a mark. */
static int published_list(struct store *base, const void *prefix, size_t prefix_length, store_entry_fn *entry, void *data, int64_t ms)
{
	int told = 0;
	(void)prefix, (void)prefix_length, (void)ms;
	return look((struct published_store *)base, 1, entry, data, &told);
}

/* ---- What it does not do ---- */

static int published_put(struct store *base, const char *quota, const void *key, size_t key_length, const void *value, size_t value_length,
                         int64_t expires, int64_t limit, int64_t ms)
{
	(void)base, (void)quota, (void)key, (void)key_length, (void)value, (void)value_length, (void)expires, (void)limit, (void)ms;
	return EMA_UNAVAILABLE;
}

static int published_get(struct store *base, const void *key, size_t key_length, void *out, size_t *length, int64_t ms)
{
	(void)base, (void)key, (void)key_length, (void)out, (void)length, (void)ms;
	return EMA_UNAVAILABLE;
}

static int published_remove(struct store *base, const void *key, size_t key_length, int64_t ms)
{
	(void)base, (void)key, (void)key_length, (void)ms;
	return EMA_UNAVAILABLE;
}

static int published_raise(struct store *base, const void *key, size_t key_length, int64_t mark, int64_t expires, int64_t *now, int64_t ms)
{
	(void)base, (void)key, (void)key_length, (void)mark, (void)expires, (void)now, (void)ms;
	return EMA_UNAVAILABLE;
}

static int published_since(struct store *base, int64_t *since)
{
	(void)base, (void)since;
	return EMA_UNAVAILABLE;
}

static void published_free(struct store *base)
{
	struct published_store *store = (struct published_store *)base;
	free((void *)(uintptr_t)store->folder.path);
	free(store);
}

static const struct store_kind published_kind = {
	published_free, published_put, published_get, published_remove, published_raise, published_list, published_changes, published_since,
};

int store_published(const struct published *folder, const struct clock *clock, struct log log, struct store **out, struct failure *failure)
{
	struct published_store *store = calloc(1, sizeof *store);
	char *path = strdup(folder->path);
	if (!store || !path) {
		free(store);
		free(path);
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for what is published");
	}
	int code = store_begin(&store->store, &published_kind, failure);
	if (code != EMA_OK) {
		free(store);
		free(path);
		return code;
	}
	store->folder.path = path;
	store->folder.owner = folder->owner;
	store->clock = clock;
	store->log = log;
	store->sequence = store->marks = -1;
	store->beat = INT64_MIN;
	*out = &store->store;
	return EMA_OK;
}
