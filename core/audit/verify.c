/* Reads what the file sink wrote, and says for each writer whether its chain holds. */
#define _GNU_SOURCE
#include <dirent.h>
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
#include "inside.h"
#include "json.h"
#include "ocsf.h"
#include "secret.h"

#define WRITERS_MOST 1024
#define FINDINGS_MOST 100 /* that are written out */
#define GAPS_MOST 64      /* of a writer, that wait for the record which declares them */
#define STATES_MOST 64
#define HEADS_MOST 65536
#define UNSEALED_MOST (16 * CHECKPOINT_RECORDS) /* in a row: a checkpoint waits behind what is in the spool when it is due */

struct gap {
	uint64_t first, last, line;
	struct writer *by; /* whose record declares it; NULL: none does */
	char sink[64];     /* of which that one says so, */
	int shown;         /* under a seal or a head */
};

struct writer {
	char name[CHAIN_WRITER];
	unsigned char hash[CHAIN_HASH];
	uint64_t number, records, checkpoints, sealed; /* sealed: count of the last checkpoint that was checked */
	uint64_t unsealed, loose; /* since the last seal or head that shows what was before it; and in front of gaps, that none can show */
	int shown;
	struct gap gaps[GAPS_MOST];
	size_t gap_count;
};

struct state {
	const char *folder;
	unsigned char key[32];
	char key_id[CHAIN_KEY_ID];
};

/* As it was before the files were read: what it counts is in them, and more may be by now. */
struct head {
	const char *folder;
	char writer[CHAIN_WRITER], hash[CHAIN_TEXT], saved[CLOCK_TEXT];
	uint64_t number; /* 0: nothing yet */
	int met, differs;
};

struct verify {
	struct buffer *report;
	const char *sink; /* of which a gap is declared; NULL: of any */
	EVP_MD *sha256;
	struct state states[STATES_MOST];
	size_t state_count;
	struct head *heads;
	size_t head_count;
	struct writer *writers;
	size_t writer_count;
	char earliest[CLOCK_TEXT]; /* when a record here was written; "": none */
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
	if (v->line)
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

static int is_within(const struct gap *gap, int64_t first, int64_t last)
{
	return !gap->by && gap->first >= (uint64_t)first && gap->last <= (uint64_t)last;
}

/*
 * A gap that a later record of the chain declares is known; one that nobody declared is a finding at the end. What a record declares it
 * counts, too: that one of ten was lost takes no nine others out.
 */
static void declare(struct verify *v, struct writer *by, const struct json *json)
{
	const int64_t first = number_at(json, "/first"), last = number_at(json, "/last"), lost = number_at(json, "/lost");
	struct writer *of = *text_at(json, "/of") ? writer_of(v, text_at(json, "/of")) : NULL;
	uint64_t missing = 0;
	if (!of || first <= 0 || lost < 0 || (v->sink && strcmp(text_at(json, "/sink"), v->sink)))
		return;
	for (size_t i = 0; i < of->gap_count; i++)
		if (is_within(&of->gaps[i], first, last))
			missing += of->gaps[i].last - of->gaps[i].first + 1;
	for (size_t i = 0; i < of->gap_count && missing <= (uint64_t)lost; i++)
		if (is_within(&of->gaps[i], first, last)) {
			of->gaps[i].by = by;
			snprintf(of->gaps[i].sink, sizeof of->gaps[i].sink, "%s", text_at(json, "/sink"));
		}
}

static void note_gap(struct verify *v, const struct writer *writer, const struct gap *gap)
{
	buffer_printf(v->report, "note: records %" PRIu64 " to %" PRIu64 " of %s are missing here, and a later record says so of the sink %s\n",
	              gap->first, gap->last, writer->name, gap->sink);
}

/* Those that are known wait for nothing more. */
static void drop_known_gaps(struct verify *v, struct writer *writer)
{
	size_t kept = 0;
	for (size_t k = 0; k < writer->gap_count; k++)
		if (writer->gaps[k].by && (!v->state_count || writer->gaps[k].shown))
			note_gap(v, writer, &writer->gaps[k]);
		else
			writer->gaps[kept++] = writer->gaps[k];
	writer->gap_count = kept;
}

/* What the writer wrote up to here, and since the last gap, is what a seal or a head says: also which gaps there are. */
static void show(struct verify *v, struct writer *writer)
{
	writer->shown = 1;
	writer->unsealed = 0;
	for (size_t i = 0; i < v->writer_count; i++)
		for (size_t k = 0; k < v->writers[i].gap_count; k++)
			v->writers[i].gaps[k].shown |= v->writers[i].gaps[k].by == writer;
}

/* What comes behind a gap shows nothing of what was before it. */
static void end_stretch(struct verify *v, struct writer *writer)
{
	if (v->state_count && writer->unsealed > UNSEALED_MOST)
		finding(v, "%" PRIu64 " records of %s up to %" PRIu64 " are under no seal, and one is due after every %d", writer->unsealed, writer->name,
		        writer->number, CHECKPOINT_RECORDS);
	writer->loose += writer->unsealed;
	writer->unsealed = 0;
	for (size_t i = 0; i < v->writer_count; i++)
		for (size_t k = 0; k < v->writers[i].gap_count; k++)
			if (v->state_count && v->writers[i].gaps[k].by == writer && !v->writers[i].gaps[k].shown)
				v->writers[i].gaps[k].by = NULL; /* whoever can write the file can say so */
}

static void meet_heads(struct verify *v, struct writer *writer, uint64_t number, const char *hash)
{
	for (size_t i = 0; i < v->head_count; i++) {
		struct head *head = &v->heads[i];
		if (head->number != number || strcmp(head->writer, writer->name))
			continue;
		if (strcmp(head->hash, hash)) {
			head->differs = 1;
		} else {
			head->met = 1;
			show(v, writer);
		}
	}
}

static void check_seal(struct verify *v, struct writer *writer, const struct json *json)
{
	char seal[CHAIN_TEXT];
	const struct state *state = NULL;
	const char *said = text_at(json, "/seal"), *key = text_at(json, "/seal_key");
	int64_t count = number_at(json, "/count");
	writer->checkpoints++;
	if (count < 0 || (uint64_t)count + 1 != (uint64_t)number_at(json, "/seq")) {
		finding(v, "the checkpoint of %s counts %" PRId64 " records", writer->name, count);
		return;
	}
	for (size_t i = 0; i < v->state_count && !state; i++)
		state = strcmp(key, v->states[i].key_id) ? NULL : &v->states[i];
	if (!state && v->state_count)
		finding(v, "this checkpoint of %s was sealed with another key: it is of another state_dir, which must be given, too, or of somebody else",
		        writer->name);
	if (!state)
		return;
	if (chain_seal(state->key, writer->name, (uint64_t)count, text_at(json, "/prev"), seal) || strlen(said) != strlen(seal) ||
	    !secret_same(said, seal, strlen(seal))) {
		finding(v, "the seal of this checkpoint of %s was not made with the key of %s/audit", writer->name, state->folder);
		return;
	}
	writer->sealed = (uint64_t)count;
	show(v, writer);
	writer->unsealed = 1; /* itself */
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
	char before[CHAIN_TEXT], here[CHAIN_TEXT];
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
	const int follows = writer->records && number == writer->number + 1;
	const char *when = text_at(&json, *text_at(&json, "/logged") ? "/logged" : "/time");
	if (strlen(when) == CLOCK_TEXT - 1 && (!*v->earliest || strcmp(when, v->earliest) < 0))
		memcpy(v->earliest, when, CLOCK_TEXT);
	if (!follows)
		end_stretch(v, writer);
	if (!writer->records && number > 1)
		buffer_printf(v->report, "%s:%" PRIu64 ": note: the first record of %s is number %" PRIu64 "; what came before is not in these files\n", v->file,
		              v->line, writer->name, number);
	if (!writer->records) {
		if ((number == 1) != !strcmp(prev, "none"))
			finding(v, "record 1 of %s alone follows none", writer->name);
	} else if (follows) {
		base64url_encode(writer->hash, CHAIN_HASH, before);
		if (strcmp(prev, before))
			finding(v, "record %" PRIu64 " of %s does not follow the record before it: that one was changed, or this one", number, writer->name);
	} else if (number == 1 && !strcmp(prev, "none")) {
		finding(v, "a new chain of %s begins here after record %" PRIu64 ": its state was lost or removed", writer->name, writer->number);
	} else if (number <= writer->number) {
		finding(v, "record %" PRIu64 " of %s stands after record %" PRIu64 ": swapped, inserted or repeated", number, writer->name, writer->number);
	} else if (writer->gap_count < GAPS_MOST || (drop_known_gaps(v, writer), writer->gap_count < GAPS_MOST)) {
		writer->gaps[writer->gap_count++] = (struct gap){ .first = writer->number + 1, .last = number - 1, .line = v->line };
	} else {
		finding(v, "records %" PRIu64 " to %" PRIu64 " of %s are missing", writer->number + 1, number - 1, writer->name);
	}
	if (chain_step(v->sha256, number == 1 ? (const unsigned char[CHAIN_HASH]){ 0 } : writer->hash, line, length, writer->hash))
		finding(v, "SHA-256 cannot be had");
	/* After a gap, or at the start of what is here, only the record itself says what came before it. */
	if (number != 1 && !follows) {
		unsigned char said[64];
		if (base64url_decode(prev, strlen(prev) == 43 ? 43 : 0, said) == CHAIN_HASH && chain_step(v->sha256, said, line, length, writer->hash))
			finding(v, "SHA-256 cannot be had");
	}
	writer->number = number;
	writer->records++;
	writer->unsealed++;
	if (!strcmp(kind, "audit-gap"))
		declare(v, writer, &json);
	if (!strcmp(kind, "checkpoint"))
		check_seal(v, writer, &json);
	base64url_encode(writer->hash, CHAIN_HASH, here);
	meet_heads(v, writer, number, here);
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

static void check_gaps(struct verify *v, const struct writer *writer)
{
	for (size_t k = 0; k < writer->gap_count; k++) {
		const struct gap *gap = &writer->gaps[k];
		if (gap->by) {
			note_gap(v, writer, gap);
		} else {
			v->line = gap->line;
			finding(v, "records %" PRIu64 " to %" PRIu64 " of %s are missing before this one", gap->first, gap->last, writer->name);
			v->line = 0;
		}
	}
}

static void check_known(struct verify *v, const struct writer *writer)
{
	int has_head = 0;
	for (size_t i = 0; i < v->head_count; i++)
		has_head |= !strcmp(v->heads[i].writer, writer->name);
	if (!writer->shown)
		finding(v, "no seal and no head shows that %s wrote what is here: it is of another state_dir, which must be given, too, or began a "
		        "moment ago, or was made up", writer->name);
	else if (!has_head)
		buffer_printf(v->report, "note: there is no head of %s: whether its end was cut off is not known\n", writer->name);
}

/* Against what the writer's state_dir says of its end. */
static void check_head(struct verify *v, const struct head *head)
{
	const struct writer *writer = NULL;
	for (size_t i = 0; i < v->writer_count && !writer; i++)
		if (v->writers[i].records && !strcmp(v->writers[i].name, head->writer))
			writer = &v->writers[i];
	if (!head->number || head->met)
		return;
	if (!writer && *v->earliest && strcmp(head->saved, v->earliest) < 0)
		buffer_printf(v->report, "note: %s wrote %" PRIu64 " records, the last before %s: before what is here begins\n", head->writer, head->number,
		              head->saved);
	else if (!writer)
		finding(v, "%s wrote %" PRIu64 " records, and none is here: they were removed, or are in other files (also rotated or compressed ones), "
		        "which must be given, too", head->writer, head->number);
	else if (head->differs)
		finding(v, "record %" PRIu64 " of %s was changed, or one before it: %s/audit knows it otherwise", head->number, head->writer, head->folder);
	else if (head->number > writer->number)
		finding(v, "%s wrote %" PRIu64 " records, and the last one here is %" PRIu64 ": the end was cut off, or is in other files, which must be "
		        "given, too", writer->name, head->number, writer->number);
	else if (writer->sealed < head->number)
		finding(v, "record %" PRIu64 " of %s, which %s/audit knows, is not here, and no seal shows what came after it: the files before must be "
		        "given, too", head->number, writer->name, head->folder);
}

static void check_end(struct verify *v)
{
	v->line = 0;
	for (size_t i = 0; i < v->writer_count; i++)
		end_stretch(v, &v->writers[i]);
	for (size_t i = 0; i < v->writer_count; i++) {
		struct writer *writer = &v->writers[i];
		char here[CHAIN_TEXT];
		check_gaps(v, writer);
		if (!writer->records)
			continue; /* others name it */
		if (v->state_count)
			check_known(v, writer);
		base64url_encode(writer->hash, CHAIN_HASH, here);
		buffer_printf(v->report, "%s: %" PRIu64 " records, the last is %" PRIu64 ", %" PRIu64 " checkpoint%s", writer->name, writer->records, writer->number,
		              writer->checkpoints, writer->checkpoints == 1 ? "" : "s");
		if (writer->sealed)
			buffer_printf(v->report, ", sealed up to %" PRIu64, writer->sealed);
		if (v->state_count && writer->loose)
			buffer_printf(v->report, ", %" PRIu64 " that no seal and no head shows", writer->loose);
		buffer_printf(v->report, "; head %s\n", here);
	}
	for (size_t i = 0; i < v->head_count; i++)
		check_head(v, &v->heads[i]);
}

static int no_memory(struct verify *v)
{
	buffer_text(v->report, "no memory\n");
	return EMA_OUT_OF_MEMORY;
}

static int add_head(struct verify *v, const char *folder, const char *path, const char *name, size_t length)
{
	struct head head = { .folder = folder };
	struct stat is;
	if (v->head_count == HEADS_MOST)
		return EMA_TOO_LARGE;
	if (!(v->head_count & (v->head_count - 1))) { /* a power of two is full */
		struct head *longer = reallocarray(v->heads, v->head_count ? 2 * v->head_count : 1, sizeof *longer);
		if (!longer)
			return no_memory(v);
		v->heads = longer;
	}
	memcpy(head.writer, name, length);
	if (lstat(path, &is))
		return EMA_OK; /* gone again */
	clock_text((int64_t)is.st_mtim.tv_sec * 1000 + is.st_mtim.tv_nsec / 1000000, head.saved);
	if (chain_head(folder, head.writer, &head.number, head.hash) && is.st_size)
		finding(v, "%s cannot be read, or is no head of a chain", path);
	v->heads[v->head_count++] = head;
	return EMA_OK;
}

static int read_state(struct verify *v, const char *folder)
{
	struct state *state = &v->states[v->state_count];
	char path[PATH_MAX];
	struct dirent *entry;
	int result = EMA_OK;
	state->folder = folder;
	if (chain_key(folder, "key", state->key) || chain_key_id(v->sha256, state->key, state->key_id)) {
		buffer_printf(v->report, "%s/audit/key: %s; it is the key of the checkpoints: 32 bytes, which others may not read\n", folder,
		              errno == EINVAL ? "cannot be used" : strerror(errno));
		return EMA_CONFIG;
	}
	v->state_count++;
	snprintf(path, sizeof path, "%s/audit", folder); /* shorter than the key's */
	DIR *dir = opendir(path);
	if (!dir) {
		buffer_printf(v->report, "%s: %s\n", path, strerror(errno));
		return EMA_CONFIG;
	}
	while (result == EMA_OK && (entry = readdir(dir))) {
		size_t length = strlen(entry->d_name);
		if (length <= 5 || strcmp(entry->d_name + length - 5, ".head") || length - 5 >= CHAIN_WRITER)
			continue;
		if ((size_t)snprintf(path, sizeof path, "%s/audit/%s", folder, entry->d_name) < sizeof path)
			result = add_head(v, folder, path, entry->d_name, length - 5);
	}
	closedir(dir);
	return result;
}

/* With those that it was rotated to, but for what was found by a path before it. */
static int read_files(struct verify *v, const char *const *paths, size_t which)
{
	struct files files;
	int result = EMA_OK;
	files_find(paths[which], &files);
	for (size_t i = 0; i < files.count && result == EMA_OK; i++) {
		const char *file = files.list[i];
		int again = 0;
		for (size_t k = 0; k < which; k++) {
			size_t length = strlen(paths[k]);
			again |= !strncmp(file, paths[k], length) && (!file[length] || file[length] == '.');
		}
		if (again)
			continue;
		if (files_compressed(file)) {
			buffer_printf(v->report, "note: %s is compressed and was not read\n", file);
		} else if (check_file(v, file)) {
			buffer_printf(v->report, "%s: %s\n", file, strerror(errno));
			result = EMA_CONFIG;
		}
	}
	files_free(&files);
	return result;
}

int audit_verify(const char *const *paths, const char *const *state_dirs, const char *sink, struct buffer *report)
{
	struct verify v = { .report = report, .sink = sink };
	int result = EMA_OK;
	for (size_t i = 0; paths[i]; i++)
		if (access(paths[i], R_OK)) {
			buffer_printf(report, "%s: %s\n", paths[i], strerror(errno));
			return EMA_CONFIG;
		}
	v.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	v.writers = calloc(WRITERS_MOST, sizeof *v.writers);
	if (!v.sha256 || !v.writers)
		result = no_memory(&v);
	for (size_t i = 0; result == EMA_OK && state_dirs && state_dirs[i]; i++)
		result = i < STATES_MOST ? read_state(&v, state_dirs[i]) : EMA_TOO_LARGE;
	if (result == EMA_TOO_LARGE)
		buffer_printf(report, "more than %d state_dirs, or %d heads in them\n", STATES_MOST, HEADS_MOST);
	for (size_t i = 0; result == EMA_OK && paths[i]; i++)
		result = read_files(&v, paths, i);
	if (result != EMA_OK)
		goto done;
	check_end(&v);
	if (v.findings > FINDINGS_MOST)
		buffer_printf(report, "... and %" PRIu64 " more\n", v.findings - FINDINGS_MOST);
	if (v.findings)
		buffer_printf(report, "%" PRIu64 " records read: the chain does not hold (%" PRIu64 " findings)\n", v.records, v.findings);
	else if (!v.records)
		buffer_text(report, "no records: nothing could be checked\n");
	else if (!v.state_count)
		buffer_printf(report, "%" PRIu64 " records read: every chain holds by itself; that nobody who can write here made it anew, cut its end "
		              "off or took all records of a writer away is not known without the state_dir of the writers\n", v.records);
	else
		buffer_printf(report, "%" PRIu64 " records read: every chain holds\n", v.records);
	result = v.findings || !v.records ? EMA_DENIED : EMA_OK;
done:
	secret_wipe(v.states, sizeof v.states);
	EVP_MD_free(v.sha256);
	free(v.heads);
	free(v.writers);
	return result == EMA_TOO_LARGE ? EMA_CONFIG : result;
}
