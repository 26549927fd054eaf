/*
 * A letter, then any bytes as something that is read back from a disk or a server: 'm' published marks, 'l' their "alive", 'j' what
 * changed since they were written, 'r' a record of a store, 'c' a key cache's file, 'k' a signing key's, 't' a tools_file, 's' changes to
 * an audit spool, 'b' a record in it, 'w' the head of a chain, 'v' an audit trail, 'a' a line of one, 'u' one that is searched, 'h' the
 * horizon. Damaged, it is an error or a value within its bounds; where it has a check sum, nothing is taken unless that holds, so 'M' and
 * 'C' are what follows a right one.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "again.h"
#include "audit.h"
#include "buffer.h"
#include "cache.h"
#include "chain.h"
#include "horizon.h"
#include "jwk.h"
#include "keyfolder.h"
#include "marks_inside.h"
#include "ocsf.h"
#include "publish.h"
#include "record.h"
#include "spool.h"
#include "tools.h"

#define FUZZ_NOW INT64_C(1800000000000)
#define FUZZ_MOST 65536
#define SOURCE "https://idp.example"
#define WRITER "emad"
#define RECORDS_MOST 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char fuzz_folder[64];
static char cache_name[64], key_name[KEYFOLDER_NAME];
static const char *const fuzz_names[] = { "spool", "horizon", "trail", "audit/" WRITER ".head", "audit/key", cache_name, key_name };

static int64_t fuzz_time(void *data)
{
	(void)data;
	return FUZZ_NOW;
}

static const struct clock fuzz_clock = { fuzz_time, fuzz_time, NULL };

static void fuzz_empty(void)
{
	char path[256];
	for (size_t i = 0; i < sizeof fuzz_names / sizeof *fuzz_names; i++) {
		snprintf(path, sizeof path, "%s/%s", fuzz_folder, fuzz_names[i]);
		unlink(path);
		snprintf(path, sizeof path, "%s/%s.bad", fuzz_folder, fuzz_names[i]);
		unlink(path);
	}
}

static void fuzz_end(void)
{
	char path[256];
	fuzz_empty();
	snprintf(path, sizeof path, "%s/audit", fuzz_folder);
	rmdir(path);
	rmdir(fuzz_folder);
}

/* A folder of our own, in memory where there is such a file system. */
static void fuzz_begin(void)
{
	static const char key_text[] = "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
	                               "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"; /* RFC 7515 A.3 */
	struct json json = { 0 };
	struct jwk *key = NULL;
	char hex[PUBLISH_HEX + 1], path[256];
	if (json_parse(key_text, strlen(key_text), &json_limits_document, &json, NULL) || jwk_parse(&json, json_root(&json), &key, NULL) ||
	    publish_digest(SOURCE, strlen(SOURCE), hex))
		abort();
	keyfolder_name(jwk_thumbprint(key), key_name);
	snprintf(cache_name, sizeof cache_name, "%.32s.keys", hex);
	jwk_free(key);
	json_free(&json);
	snprintf(fuzz_folder, sizeof fuzz_folder, "%s/ema-fuzz-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	if (!mkdtemp(fuzz_folder) || atexit(fuzz_end))
		abort();
	snprintf(path, sizeof path, "%s/audit", fuzz_folder);
	if (mkdir(path, 0700))
		abort();
}

static void fuzz_write(const char *name, const void *data, size_t size)
{
	char path[256];
	snprintf(path, sizeof path, "%s/%s", fuzz_folder, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size || close(fd))
		abort();
}

/* What the check sum of the magic's line says of what follows it is so. */
static int is_sealed(const char *text, size_t length, const char *magic)
{
	char hex[PUBLISH_HEX + 1];
	const size_t first = strlen(magic) + PUBLISH_HEX + 1;
	return length >= first && !memcmp(text, magic, strlen(magic)) && !publish_digest(text + first, length - first, hex) &&
	       !memcmp(text + strlen(magic), hex, PUBLISH_HEX);
}

static void seal(struct buffer *out, const char *magic, const char *text, size_t length)
{
	char hex[PUBLISH_HEX + 1];
	if (publish_digest(text, length, hex))
		abort();
	buffer_printf(out, "%s%s\n", magic, hex);
	buffer_append(out, text, length);
	if (out->failed)
		abort();
}

/* ---- Marks ---- */

static int look_at_mark(void *data, const struct mark_entry *entry)
{
	(void)data;
	for (const char *c = entry->label; c && *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			abort();
	if ((int)entry->kind < 0 || entry->kind >= MARK_KINDS || strlen(entry->digest) != 64 || (entry->epoch != MARKS_NEVER && entry->epoch < 0) ||
	    entry->blocked < 0)
		abort();
	return EMA_OK;
}

static struct marks *no_marks(void)
{
	const struct marks_settings settings = { .clock = &fuzz_clock, .alone = 1, .entries_most = 64 };
	struct marks *marks = NULL;
	if (marks_new(&settings, &marks, NULL))
		abort();
	return marks;
}

static void read_marks(const char *text, size_t length)
{
	struct marks *marks = no_marks();
	int64_t sequence = -1;
	if (!publish_marks_read(text, length, 0, &sequence, mark_take, marks) &&
	    (!is_sealed(text, length, PUBLISH_MAGIC) || sequence < 0 || sequence > PUBLISH_SEQUENCE_MOST))
		abort();
	marks_list(marks, look_at_mark, NULL);
	marks_free(marks);
}

/* As emad writes them, for which a line is enough to tell. */
static int has_lines(const char *text, size_t length)
{
	for (size_t i = PUBLISH_FIRST; i < length; i++)
		if (text[i - 1] == '\n' && text[i] != '{' && text[i] != '[')
			return 0;
	return 1;
}

/* Two bytes: how many that follow are whole; then what is behind them, by which no more is lost than by the end of the file. */
static void read_changes(const char *bytes, size_t length)
{
	struct marks *marks = no_marks(), *first = no_marks();
	struct buffer text = BUFFER_INIT(2 * FUZZ_MOST);
	int64_t sequence = -1, alone = -1;
	const size_t head = length < 2 ? length : 2, left = length - head;
	size_t whole = 0, many = head == 2 ? (unsigned char)bytes[0] | (size_t)(unsigned char)bytes[1] << 8 : 0;
	many = many < left ? many : left;
	seal(&text, PUBLISH_MAGIC, bytes + head, many);
	const size_t sealed = text.length;
	buffer_append(&text, bytes + head + many, left - many);
	const int is_text = !publish_marks_read(text.data, sealed, 0, &alone, mark_take, first) && has_lines(text.data, sealed);
	const int goes_on = left > many && (bytes[head + many] == '{' || bytes[head + many] == '[');
	const int code = publish_changes_read(text.data, text.length, &whole, &sequence, mark_take, marks);
	if (whole > text.length || (is_text && !goes_on && !code && whole < sealed))
		abort();
	if (is_text && left == many && (code || whole != sealed || sequence != alone))
		abort();
	marks_list(marks, look_at_mark, NULL);
	marks_free(marks);
	marks_free(first);
	buffer_free(&text);
}

static void read_alive(const char *text, size_t length)
{
	struct publish_alive alive;
	if (!publish_alive_read(text, length, &alive) && (alive.marks < 0 || alive.marks > alive.sequence || alive.sequence > PUBLISH_SEQUENCE_MOST || alive.written < 0))
		abort();
}

/* A byte: the length of the key; when it expires; the key; the value. */
static void read_record(const char *bytes, size_t length)
{
	struct marks *marks = no_marks();
	int64_t expires = 0;
	if (length > sizeof expires + 1) {
		size_t key = (unsigned char)bytes[0], left = length - 1 - sizeof expires;
		memcpy(&expires, bytes + 1, sizeof expires);
		key = key < left ? key : left;
		mark_take(marks, bytes + 1 + sizeof expires, key, bytes + 1 + sizeof expires + key, left - key, expires);
	}
	marks_list(marks, look_at_mark, NULL);
	marks_free(marks);
}

/* ---- Keys ---- */

static void read_cache(const char *text, size_t length)
{
	const struct cache cache = { .folder = fuzz_folder, .owner = geteuid() };
	struct cache_entry entry = { 0 };
	struct jwks *keys = NULL;
	fuzz_write(cache_name, text, length);
	if (!cache_load(&cache, SOURCE, &entry))
		return;
	if (!is_sealed(text, length, "ema-keys 1 ") || !entry.jwks_uri || entry.length >= length || entry.keys[entry.length] ||
	    memcmp(entry.keys, text + length - entry.length, entry.length) != 0 || !memchr(entry.etag, 0, sizeof entry.etag) ||
	    !memchr(entry.last_modified, 0, sizeof entry.last_modified))
		abort();
	if (!jwks_parse(entry.keys, entry.length, &keys, NULL))
		jwks_free(keys);
	cache_entry_free(&entry);
}

static void read_key(const char *text, size_t length)
{
	struct failure failure = FAILURE_INIT;
	struct signing_key *key = NULL;
	int folder = open(fuzz_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fuzz_write(key_name, text, length);
	int code = keyfolder_read(folder, key_name, &key, &failure);
	/* The name is the key's thumbprint, which stands for a check sum. */
	if (code != failure.code || (code && key) ||
	    (!code && (!strstr(key_name, key->kid) || strcmp(key->kid, jwk_thumbprint(key->jwk)) != 0 || key->published <= 0 || key->signs_from < key->published)))
		abort();
	signing_key_release(key);
	close(folder);
}

/* ---- Others ---- */

static void read_tools(const char *text, size_t length)
{
	struct failure failure = FAILURE_INIT;
	struct arena arena = { .failed = 0 };
	struct conf_tools tools = { NULL, 0 };
	int code = tools_parse(text, length, &arena, &tools, &failure);
	if (code != failure.code || (code && tools.count) || tools.count > TOOLS_MOST)
		abort();
	for (size_t i = 0; i < tools.count; i++) {
		const struct conf_tool *tool = &tools.list[i];
		if (tools_find(&tools, tool->name, strlen(tool->name)) != tool || strlen(tool->digest) != TOOL_DIGEST - 1 || tool->header_count > TOOL_HEADERS_MOST ||
		    tool->arguments.count > TOOL_ARGUMENTS_MOST)
			abort();
	}
	arena_free(&arena);
}

static size_t walk_spool(struct spool *spool)
{
	static char record[SPOOL_RECORD];
	size_t count = 0;
	uint64_t at = spool->next, end = at;
	if (spool_used(spool) > spool->room)
		abort();
	while (count < RECORDS_MOST && spool_peek(spool, at, spool->write, record, sizeof record, &end)) {
		if (end <= at || end > spool->write)
			abort();
		at = end;
		count++;
	}
	for (size_t i = 0; i < SPOOL_MERGED; i++)
		if (strlen(spool_merged(spool)[i].kind) >= sizeof spool_merged(spool)[i].kind)
			abort();
	return count;
}

static struct spool *open_spool(void)
{
	struct spool *spool = NULL;
	if (spool_open(fuzz_folder, SPOOL_LEAST, 1, &spool, NULL))
		abort(); /* what is damaged is begun anew */
	return spool;
}

/* Eight bytes: where the cursor is. Then changes to a good file: three bytes for where, one for how many, and these. */
static void read_spool(const char *bytes, size_t length)
{
	struct spool_cursor cursor = { 0, 1, { 0 } };
	char path[256];
	struct spool *spool = open_spool();
	memcpy(&cursor.offset, bytes, length < 8 ? length : 8);
	for (int i = 0; i < 8; i++)
		if (spool_append(spool, "a record, and another one that is longer", i % 2 ? 40 : 8))
			abort();
	spool_commit(spool, &cursor);
	spool_close(spool);
	snprintf(path, sizeof path, "%s/spool", fuzz_folder);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	for (size_t at = 8; at + 4 < length;) {
		const unsigned char *change = (const unsigned char *)bytes + at;
		size_t where = change[0] | (size_t)change[1] << 8 | (size_t)change[2] << 16, left = length - at - 4;
		size_t many = change[3] < left ? change[3] : left;
		if (pwrite(fd, bytes + at + 4, many, (off_t)(where % 400000)) != (ssize_t)many)
			abort();
		at += 4 + many;
	}
	close(fd);
	spool = open_spool();
	const size_t count = walk_spool(spool);
	const int room = spool_cost(8) <= spool->room - spool_used(spool);
	if ((spool_append(spool, "one more", 8) == 0) != room || walk_spool(spool) != count + (count < RECORDS_MOST && room))
		abort();
	spool_close(spool);
	spool = open_spool();
	if (walk_spool(spool) != count + (count < RECORDS_MOST && room))
		abort();
	spool_close(spool);
}

static void read_head(const char *text, size_t length)
{
	char hash[CHAIN_TEXT];
	uint64_t number = 0;
	fuzz_write("audit/" WRITER ".head", text, length);
	if (!chain_head(fuzz_folder, WRITER, &number, hash) && strlen(hash) >= sizeof hash)
		abort();
}

static void read_trail(const char *text, size_t length)
{
	struct buffer report = BUFFER_INIT(1 << 20);
	char path[256];
	snprintf(path, sizeof path, "%s/trail", fuzz_folder);
	fuzz_write("trail", text, length);
	fuzz_write("audit/key", "thirty-two bytes for the fuzzer.", 32);
	int code = audit_verify((const char *const[]){ path, NULL }, (const char *const[]){ fuzz_folder, NULL }, NULL, &report);
	if ((code != EMA_OK && code != EMA_DENIED) || !report.length)
		abort();
	buffer_free(&report);
}

static const struct json_limits record_limits = { OCSF_LINE, 40, 65536, OCSF_LINE };

static void be_strict(const char *text, size_t length, struct json *json)
{
	if (json_parse(text, length, &record_limits, json, NULL) || !json_is(json_root(json), JSON_OBJECT))
		abort();
}

static void read_line(const char *text, size_t length)
{
	struct again again;
	struct failure failure = FAILURE_INIT;
	struct buffer out = BUFFER_INIT(2 * OCSF_LINE);
	struct json json = { 0 };
	int code = again_read(text, length, &again, &failure);
	if (code == EMA_OK) {
		again_print(&again, &out);
		be_strict(out.data, out.length, &json);
		json_free(&json);
	} else if (code != EMA_ABSENT && code != failure.code) {
		abort();
	}
	again_clear(&again);
	buffer_free(&out);
}

static void render_event(const struct rendered *record)
{
	struct json json = { 0 };
	size_t length = 0;
	const char *text = record->event.render(&record->event, "ocsf", &length);
	if (!text && record->event.length < 8192)
		abort(); /* longer ones may have more items than it takes */
	if (!text)
		return;
	be_strict(text, length, &json);
	const char *raw = json_string(json_at(&json, "/raw_data"));
	if (!raw || strcmp(raw, record->event.line) != 0)
		abort();
	json_free(&json);
}

static void is_said(const struct json *json, const char *name, const char *value)
{
	const struct json_node *node = json_member(json, json_root(json), name);
	if (!node || (!json_is(node, JSON_ARRAY) && strcmp(node->text, value) != 0))
		abort();
}

/* Whatever its fields are, it is a line of JSON with the place in its chain that it has. */
static void read_spooled(const char *bytes, size_t length)
{
	static struct rendering *rendering;
	const struct keys keys = { .seal_id = "seal" };
	const struct chain chain = { .keys = &keys, .writer = WRITER, .cursor = { .number = 6 } };
	struct json json = { 0 };
	if (!rendering && !(rendering = rendering_new()))
		abort();
	length = length < sizeof rendering->bytes ? length : sizeof rendering->bytes;
	memcpy(rendering->bytes, bytes, length);
	struct rendered *record = record_render(rendering, &chain, length);
	if (!record)
		abort(); /* there is nothing that is no record */
	be_strict(record->event.line, record->event.length, &json);
	is_said(&json, "writer", WRITER);
	is_said(&json, "seq", "7");
	is_said(&json, "prev", record->event.values[4]);
	for (size_t i = 0; i < record->event.count; i++)
		is_said(&json, record->event.names[i], record->event.values[i]);
	if (json_root(&json)->count != record->event.count)
		abort();
	json_free(&json);
	read_line(record->event.line, record->event.length);
	render_event(record);
	rendered_free(record);
}

static int look_at_line(void *data, const char *line, size_t length)
{
	(void)data;
	if (memchr(line, '\n', length))
		abort();
	return 0;
}

static void search_trail(const char *text, size_t length)
{
	struct buffer report = BUFFER_INIT(1 << 20);
	char path[256];
	snprintf(path, sizeof path, "%s/trail", fuzz_folder);
	fuzz_write("trail", text, length);
	if (audit_subject(path, fuzz_folder, "idp/-/ada", look_at_line, NULL, &report))
		abort();
	buffer_free(&report);
}

static void read_horizon(const char *bytes, size_t length)
{
	struct horizon *horizon = NULL;
	int64_t latest = 0;
	fuzz_write("horizon", bytes, length);
	if (horizon_open(fuzz_folder, FUZZ_NOW / 1000, &horizon, NULL))
		abort();
	/* Of this machine's byte order. */
	if (length == 16 && !memcmp(bytes, "EMAHORZ1", 8))
		memcpy(&latest, bytes + 8, 8);
	else
		latest = length ? FUZZ_NOW / 1000 + HORIZON_AHEAD : INT64_MIN;
	if (horizon_before(horizon) != latest)
		abort();
	horizon_raise(horizon, FUZZ_NOW / 1000);
	horizon_close(horizon);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct {
		char letter;
		void (*read)(const char *text, size_t length);
		const char *magic; /* NULL: as it is */
	} kinds[] = {
		{ 'm', read_marks, NULL }, { 'M', read_marks, PUBLISH_MAGIC }, { 'l', read_alive, NULL }, { 'j', read_changes, NULL }, { 'r', read_record, NULL },
		{ 'c', read_cache, NULL }, { 'C', read_cache, "ema-keys 1 " }, { 'k', read_key, NULL }, { 't', read_tools, NULL },
		{ 's', read_spool, NULL }, { 'b', read_spooled, NULL }, { 'a', read_line, NULL }, { 'u', search_trail, NULL },
		{ 'w', read_head, NULL }, { 'v', read_trail, NULL }, { 'h', read_horizon, NULL },
	};
	if (!fuzz_folder[0])
		fuzz_begin();
	for (size_t i = 0; size && size < FUZZ_MOST && i < sizeof kinds / sizeof *kinds; i++) {
		struct buffer sealed = BUFFER_INIT(2 * FUZZ_MOST);
		if (data[0] != kinds[i].letter)
			continue;
		if (kinds[i].magic)
			seal(&sealed, kinds[i].magic, (const char *)data + 1, size - 1);
		/* A copy, as long as it is: a sanitizer sees a read past its end. */
		const size_t length = kinds[i].magic ? sealed.length : size - 1;
		char *text = malloc(length ? length : 1);
		if (!text)
			abort();
		memcpy(text, kinds[i].magic ? sealed.data : (const char *)data + 1, length);
		kinds[i].read(text, length);
		free(text);
		buffer_free(&sealed);
		fuzz_empty();
	}
	return 0;
}
