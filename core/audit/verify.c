/* Reads what the file sink wrote, and says for each writer whether its chain holds. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit.h"
#include "base64url.h"
#include "buffer.h"
#include "canonical.h"
#include "chain.h"
#include "ema/version.h"
#include "files.h"
#include "json.h"
#include "ocsf.h"
#include "record.h"
#include "secret.h"

#define WRITERS_MOST 1024
#define FINDINGS_MOST 100 /* that are written out */
#define GAPS_MOST 64      /* of a writer, that wait for the record which declares them */

struct gap {
	uint64_t first, last;
	char where[64];
	int declared;
};

struct writer {
	char name[CHAIN_WRITER];
	unsigned char hash[CHAIN_HASH];
	uint64_t number, records, checkpoints, sealed; /* sealed: count of the last checkpoint that was checked */
	struct gap gaps[GAPS_MOST];
	size_t gap_count;
};

struct verify {
	struct buffer *report;
	EVP_MD *sha256;
	const char *folder;
	unsigned char key[32];
	int has_key;
	char key_id[CHAIN_KEY_ID];
	struct writer *writers;
	size_t writer_count;
	uint64_t records, findings;
	const char *file;
	uint64_t line;
};

static void finding(struct verify *v, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void finding(struct verify *v, const char *format, ...)
{
	if (v->findings++ >= FINDINGS_MOST)
		return;
	va_list arguments;
	va_start(arguments, format);
	buffer_printf(v->report, "%s:%" PRIu64 ": ", v->file, v->line);
	buffer_vprintf(v->report, format, arguments);
	buffer_char(v->report, '\n');
	va_end(arguments);
}

static struct writer *writer_of(struct verify *v, const char *name)
{
	for (size_t i = 0; i < v->writer_count; i++)
		if (!strcmp(v->writers[i].name, name))
			return &v->writers[i];
	if (v->writer_count == WRITERS_MOST || strlen(name) >= CHAIN_WRITER)
		return NULL;
	struct writer *writer = &v->writers[v->writer_count++];
	memset(writer, 0, sizeof *writer);
	snprintf(writer->name, sizeof writer->name, "%s", name);
	return writer;
}

static int64_t number_at(const struct json *json, const char *pointer)
{
	int64_t number = -1;
	return json_integer(json_at(json, pointer), &number) ? number : -1;
}

static const char *text_at(const struct json *json, const char *pointer)
{
	const char *text = json_string(json_at(json, pointer));
	return text ? text : "";
}

/* A gap that a later record of the chain declares is known; one that nobody declared is a finding at the end. */
static void declare(struct verify *v, const struct json *json)
{
	int64_t first = number_at(json, "/first"), last = number_at(json, "/last");
	struct writer *of = *text_at(json, "/of") ? writer_of(v, text_at(json, "/of")) : NULL;
	for (size_t i = 0; of && first > 0 && i < of->gap_count; i++)
		if (of->gaps[i].first >= (uint64_t)first && of->gaps[i].last <= (uint64_t)last)
			of->gaps[i].declared = 1;
}

static void check_seal(struct verify *v, struct writer *writer, const struct json *json)
{
	char seal[CHAIN_TEXT];
	int64_t count = number_at(json, "/count");
	writer->checkpoints++;
	if (count < 0 || (uint64_t)count + 1 != (uint64_t)number_at(json, "/seq"))
		finding(v, "the checkpoint of %s counts %" PRId64 " records", writer->name, count);
	if (!v->has_key || strcmp(text_at(json, "/seal_key"), v->key_id))
		return;
	const char *said = text_at(json, "/seal");
	if (chain_seal(v->key, writer->name, (uint64_t)count, text_at(json, "/prev"), seal) || strlen(said) != strlen(seal) ||
	    !secret_same(said, seal, strlen(seal)))
		finding(v, "the seal of this checkpoint of %s was not made with the key of %s/audit", writer->name, v->folder);
	else
		writer->sealed = (uint64_t)count;
}

/* In another form it could mean the same, and its hash would not. */
static void check_form(struct verify *v, const struct json *json, const char *line, size_t length)
{
	struct buffer canonical = BUFFER_INIT(RECORD_LINE);
	if (canonical_json(json, &canonical) != EMA_OK || canonical.length != length || memcmp(canonical.data, line, length))
		finding(v, "this line is not in the form of RFC 8785: it was not written by EMA, or was written anew");
	buffer_free(&canonical);
}

static void check_record(struct verify *v, const char *line, size_t length)
{
	static const struct json_limits limits = { RECORD_LINE, 4, 8192, RECORD_LINE };
	struct json json = { .nodes = NULL };
	struct failure failure = FAILURE_INIT;
	char before[CHAIN_TEXT];
	if (json_parse(line, length, &limits, &json, &failure) != EMA_OK) {
		finding(v, "this line is no record: %s", failure.text);
		return;
	}
	check_form(v, &json, line, length);
	const char *prev = text_at(&json, "/prev"), *kind = text_at(&json, "/kind");
	int64_t seq = number_at(&json, "/seq");
	struct writer *writer = *text_at(&json, "/writer") ? writer_of(v, text_at(&json, "/writer")) : NULL;
	if (!writer || seq < 1 || number_at(&json, "/v") != RECORD_SCHEMA) {
		finding(v, "this line is no record of schema %d: its writer, seq or v is missing", RECORD_SCHEMA);
		goto done;
	}
	uint64_t number = (uint64_t)seq;
	if (!writer->records && number > 1)
		buffer_printf(v->report, "%s:%" PRIu64 ": note: the first record of %s is number %" PRIu64 "; what came before is not in these files\n", v->file,
		              v->line, writer->name, number);
	if (!writer->records) {
		if ((number == 1) != !strcmp(prev, "none"))
			finding(v, "record 1 of %s alone follows none", writer->name);
	} else if (number == writer->number + 1) {
		base64url_encode(writer->hash, CHAIN_HASH, before);
		if (strcmp(prev, before))
			finding(v, "record %" PRIu64 " of %s does not follow the record before it: that one was changed, or this one", number, writer->name);
	} else if (number == 1 && !strcmp(prev, "none")) {
		finding(v, "a new chain of %s begins here after record %" PRIu64 ": its state was lost or removed", writer->name, writer->number);
	} else if (number <= writer->number) {
		finding(v, "record %" PRIu64 " of %s stands after record %" PRIu64 ": swapped, inserted or repeated", number, writer->name, writer->number);
	} else if (writer->gap_count < GAPS_MOST) {
		struct gap *gap = &writer->gaps[writer->gap_count++];
		*gap = (struct gap){ .first = writer->number + 1, .last = number - 1 };
		snprintf(gap->where, sizeof gap->where, "%" PRIu64, v->line);
	} else {
		finding(v, "records %" PRIu64 " to %" PRIu64 " of %s are missing", writer->number + 1, number - 1, writer->name);
	}
	if (chain_step(v->sha256, number == 1 ? (const unsigned char[CHAIN_HASH]){ 0 } : writer->hash, line, length, writer->hash))
		finding(v, "SHA-256 cannot be had");
	/* After a gap, or at the start of what is here, only the record itself says what came before it. */
	if (number != 1 && (!writer->records || number != writer->number + 1)) {
		unsigned char said[64];
		if (base64url_decode(prev, strlen(prev) == 43 ? 43 : 0, said) == CHAIN_HASH && chain_step(v->sha256, said, line, length, writer->hash))
			finding(v, "SHA-256 cannot be had");
	}
	writer->number = number;
	writer->records++;
	if (!strcmp(kind, "checkpoint"))
		check_seal(v, writer, &json);
	if (!strcmp(kind, "audit-gap"))
		declare(v, &json);
	if (!strcmp(kind, "chain-start") && strcmp(text_at(&json, "/state"), "new"))
		finding(v, "%s says that it lost the state of its chain here (%s)", writer->name, text_at(&json, "/state"));
	if (!strcmp(kind, "spool-torn"))
		finding(v, "%s says that its spool was damaged here", writer->name);
done:
	json_free(&json);
}

/* An OCSF event has the record as raw_data, and says the same in its own words: those are made again and compared. */
static void check_line(struct verify *v, const char *line, size_t length)
{
	static const struct json_limits limits = { OCSF_LINE, 8, 16384, OCSF_LINE };
	struct json json = { .nodes = NULL };
	struct failure failure = FAILURE_INIT;
	struct buffer again = BUFFER_INIT(OCSF_LINE);
	v->records++;
	const struct json_node *raw = NULL;
	if (json_parse(line, length, &limits, &json, &failure) == EMA_OK)
		raw = json_at(&json, "/raw_data");
	if (!json_string(raw)) {
		check_record(v, line, length);
		goto done;
	}
	if (!strcmp(text_at(&json, "/metadata/product/version"), EMA_VERSION) &&
	    (ocsf_render(raw->text, raw->length, &again) != EMA_OK || again.length != length || memcmp(again.data, line, length)))
		finding(v, "this event does not say what its raw_data says: it was changed");
	check_record(v, raw->text, raw->length);
done:
	buffer_free(&again);
	json_free(&json);
}

static int check_file(struct verify *v, const char *path)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	if (!file)
		return -1;
	v->file = path;
	v->line = 0;
	for (ssize_t length; (length = getline(&line, &room, file)) >= 0;) {
		v->line++;
		if (line[length - 1] != '\n')
			finding(v, "the last record has no end");
		else if (length > (ssize_t)OCSF_LINE)
			finding(v, "this line is too long for a record");
		else
			check_line(v, line, (size_t)length - 1);
	}
	int bad = ferror(file);
	free(line);
	fclose(file);
	return bad ? -1 : 0;
}

static void check_end(struct verify *v)
{
	v->line = 0;
	for (size_t i = 0; i < v->writer_count; i++) {
		struct writer *writer = &v->writers[i];
		uint64_t number = 0;
		char head[CHAIN_TEXT], here[CHAIN_TEXT];
		for (size_t k = 0; k < writer->gap_count; k++) {
			const struct gap *gap = &writer->gaps[k];
			if (gap->declared) {
				buffer_printf(v->report, "note: records %" PRIu64 " to %" PRIu64 " of %s are missing here, and a later record says so\n", gap->first, gap->last,
				              writer->name);
			} else {
				v->line = strtoull(gap->where, NULL, 10);
				finding(v, "records %" PRIu64 " to %" PRIu64 " of %s are missing before this one", gap->first, gap->last, writer->name);
				v->line = 0;
			}
		}
		base64url_encode(writer->hash, CHAIN_HASH, here);
		if (v->folder && !chain_head(v->folder, writer->name, &number, head)) {
			if (number > writer->number)
				finding(v, "%s wrote %" PRIu64 " records, and the last one here is %" PRIu64 ": the end was cut off", writer->name, number, writer->number);
			else if (number == writer->number && strcmp(head, here))
				finding(v, "the last record of %s (%" PRIu64 ") was changed", writer->name, number);
		}
		buffer_printf(v->report, "%s: %" PRIu64 " records, the last is %" PRIu64 ", %" PRIu64 " checkpoint%s", writer->name, writer->records, writer->number,
		              writer->checkpoints, writer->checkpoints == 1 ? "" : "s");
		if (writer->sealed)
			buffer_printf(v->report, ", sealed up to %" PRIu64, writer->sealed);
		buffer_printf(v->report, "; head %s\n", here);
	}
}

int audit_verify(const char *path, const char *state_dir, struct buffer *report)
{
	struct verify v = { .report = report, .folder = state_dir };
	struct files files;
	int result = EMA_CONFIG;
	if (access(path, R_OK)) {
		buffer_printf(report, "%s: %s\n", path, strerror(errno));
		return EMA_CONFIG;
	}
	files_find(path, &files);
	v.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	v.writers = calloc(WRITERS_MOST, sizeof *v.writers);
	if (!v.sha256 || !v.writers) {
		result = EMA_OUT_OF_MEMORY;
		goto done;
	}
	v.has_key = state_dir && !chain_key(state_dir, "key", v.key) && !chain_key_id(v.sha256, v.key, v.key_id);
	for (size_t i = 0; i < files.count; i++) {
		if (files_compressed(files.list[i])) {
			buffer_printf(report, "note: %s is compressed and was not read\n", files.list[i]);
			continue;
		}
		if (check_file(&v, files.list[i])) {
			buffer_printf(report, "%s: %s\n", files.list[i], strerror(errno));
			goto done;
		}
	}
	check_end(&v);
	if (v.findings > FINDINGS_MOST)
		buffer_printf(report, "... and %" PRIu64 " more\n", v.findings - FINDINGS_MOST);
	buffer_printf(report, "%" PRIu64 " records read: ", v.records);
	if (v.findings)
		buffer_printf(report, "the chain does not hold (%" PRIu64 " findings)\n", v.findings);
	else
		buffer_text(report, "every chain holds\n");
	result = v.findings ? EMA_DENIED : EMA_OK;
done:
	secret_wipe(v.key, sizeof v.key);
	files_free(&files);
	EVP_MD_free(v.sha256);
	free(v.writers);
	return result;
}
