/* All records of one person: by their pseudonyms under each salt that is still there. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit.h"
#include "buffer.h"
#include "chain.h"
#include "files.h"
#include "json.h"
#include "ocsf.h"
#include "secret.h"
#include "subject.h"

#define SALTS_MOST 1000

struct known {
	char id[CHAIN_KEY_ID], pseudonym[SALT_PSEUDONYM];
};

struct search {
	struct subject who;      /* provider and tenant: NULL for any */
	int whole;               /* SUBJECT was provider/tenant/sub */
	struct known *salts;
	size_t salt_count;
	int (*take)(void *data, const char *line, size_t length);
	void *data;
	uint64_t records, found, lost, bad; /* lost: under a salt that is gone */
};

static void read_salts(struct search *s, const char *state_dir)
{
	char path[PATH_MAX];
	unsigned char salt[32];
	EVP_MD *sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	DIR *folder = NULL;
	if (sha256 && (size_t)snprintf(path, sizeof path, "%s/audit", state_dir) < sizeof path)
		folder = opendir(path);
	for (struct dirent *entry; folder && s->salt_count < SALTS_MOST && (entry = readdir(folder));) {
		struct known *known = &s->salts[s->salt_count];
		if (strncmp(entry->d_name, "salt", 4) || (entry->d_name[4] && entry->d_name[4] != '.') || chain_key(state_dir, entry->d_name, salt))
			continue;
		if (!chain_id_of(sha256, "ema salt ", salt, known->id) && !salt_pseudonym_of(salt, s->who.sub, known->pseudonym))
			s->salt_count++;
	}
	if (folder)
		closedir(folder);
	secret_wipe(salt, sizeof salt);
	EVP_MD_free(sha256);
}

static const char *text_in(const struct json *json, const char *name)
{
	const char *text = json_string(json_member(json, json_root(json), name));
	return text ? text : "";
}

/* A pseudonym is nobody else's, wherever it stands; a plain name counts where persons are named. */
static int names(const struct json *json, const char *name, const char *plain, const char *pseudonym)
{
	static const char *const persons[] = { "subject", "person", "actor", "email", "user" };
	const struct json_node *node = json_member(json, json_root(json), name);
	const char *text = json_string(node);
	int person = 0;
	for (size_t i = 0; i < sizeof persons / sizeof *persons; i++)
		person |= !strcmp(name, persons[i]);
	if (text)
		return (pseudonym && !strcmp(text, pseudonym)) || (person && !strcmp(text, plain));
	for (const struct json_node *item = json_is(node, JSON_ARRAY) ? json_first(json, node) : NULL; item; item = json_next(json, item))
		if (json_string(item) && ((pseudonym && !strcmp(json_string(item), pseudonym)) || (person && !strcmp(json_string(item), plain))))
			return 1;
	return 0;
}

static int is_of(struct search *s, const struct json *json)
{
	const char *salt = text_in(json, "salt"), *pseudonym = NULL;
	for (size_t i = 0; i < s->salt_count && !pseudonym; i++)
		if (!strcmp(s->salts[i].id, salt))
			pseudonym = s->salts[i].pseudonym;
	if (!pseudonym)
		s->lost++;
	if (s->whole) {
		const char *tenant = s->who.tenant ? s->who.tenant : "";
		return !strcmp(text_in(json, "provider"), s->who.provider) && !strcmp(text_in(json, "tenant"), tenant) &&
		       names(json, "subject", s->who.sub, pseudonym);
	}
	for (const struct json_node *node = json_first(json, json_root(json)); node; node = json_next(json, node))
		if (names(json, node->name, s->who.sub, pseudonym))
			return 1;
	return 0;
}

static int search_line(struct search *s, const char *line, size_t length)
{
	static const struct json_limits limits = { OCSF_LINE, 8, 16384, OCSF_LINE };
	struct json json = { .nodes = NULL }, inner = { .nodes = NULL };
	struct failure failure = FAILURE_INIT;
	int result = 0;
	s->records++;
	const struct json_node *raw = NULL;
	const struct json *record = &json;
	int code = json_parse(line, length, &limits, &json, &failure);
	if (code == EMA_OK && json_string(raw = json_at(&json, "/raw_data"))) {
		code = json_parse(raw->text, raw->length, &limits, &inner, &failure);
		record = &inner;
	}
	if (code != EMA_OK || !json_is(json_root(record), JSON_OBJECT)) {
		s->bad++;
	} else if (is_of(s, record)) {
		s->found++;
		result = s->take(s->data, line, length);
	}
	json_free(&inner);
	json_free(&json);
	return result;
}

static int search_file(struct search *s, const char *path)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	int result = 0;
	if (!file)
		return -1;
	for (ssize_t length; !result && (length = getline(&line, &room, file)) > 0;) {
		if (line[length - 1] == '\n')
			length--;
		result = search_line(s, line, (size_t)length);
	}
	if (ferror(file))
		result = -1;
	free(line);
	fclose(file);
	return result;
}

int audit_subject(const char *path, const char *state_dir, const char *subject, int (*take)(void *data, const char *line, size_t length), void *data,
                  struct buffer *report)
{
	struct search s = { .take = take, .data = data };
	struct files files;
	char *memory = NULL;
	int result = EMA_CONFIG;
	files_find(path, &files);
	s.whole = subject_parse(subject, &s.who, &memory) == EMA_OK;
	if (!s.whole)
		s.who = (struct subject){ .sub = subject };
	s.salts = calloc(SALTS_MOST, sizeof *s.salts);
	if (!s.salts) {
		result = EMA_OUT_OF_MEMORY;
		goto done;
	}
	if (access(path, R_OK)) {
		buffer_printf(report, "%s: %s\n", path, strerror(errno));
		goto done;
	}
	if (state_dir) {
		read_salts(&s, state_dir);
		if (!s.salt_count)
			buffer_printf(report, "note: no salt can be read in %s/audit: only plain names are found\n", state_dir);
	}
	for (size_t i = 0; i < files.count; i++) {
		if (files_compressed(files.list[i])) {
			buffer_printf(report, "note: %s is compressed and was not read\n", files.list[i]);
			continue;
		}
		int failed = search_file(&s, files.list[i]);
		if (failed < 0)
			buffer_printf(report, "%s: %s\n", files.list[i], strerror(errno));
		if (failed)
			goto done;
	}
	if (s.bad)
		buffer_printf(report, "note: %" PRIu64 " lines are no records\n", s.bad);
	if (s.lost)
		buffer_printf(report, "note: %" PRIu64 " records have pseudonyms under a salt that is not there: whom they name cannot be said\n", s.lost);
	buffer_printf(report, "%" PRIu64 " records read, %" PRIu64 " of this subject\n", s.records, s.found);
	result = EMA_OK;
done:
	files_free(&files);
	secret_wipe(s.salts, s.salts ? SALTS_MOST * sizeof *s.salts : 0);
	free(s.salts);
	free(memory);
	return result;
}
