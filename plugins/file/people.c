/* Reads people.conf. libconfig parses it, and is kept from what it does without being asked: files of @include, and NUL. */
#include "people.h"

#include <errno.h>
#include <libconfig.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct person {
	const char *id;
	const config_setting_t *groups, *roles, *accounts, *subjects; /* NULL: none */
	int active;
};

struct people_slot {
	char *key;  /* the kind's letter and the canonical name; NULL: free */
	size_t person;
};

struct people {
	config_t file;        /* owns the strings of the persons */
	struct person *list;
	size_t count;
	struct people_slot *slots;
	size_t room, used;    /* room is a power of two */
};

struct people_reader {
	struct people *people;
	const char *name;
	char *error;
};

/* ---- Names ---- */

static int people_plain(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~", c));
}

static int people_encode(char *out, size_t *used, const char *text, size_t length)
{
	static const char hex[] = "0123456789ABCDEF";
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];
		if (*used + 4 > PEOPLE_KEY_MOST)
			return -1;
		if (people_plain(c)) {
			out[(*used)++] = (char)c;
		} else {
			out[(*used)++] = '%';
			out[(*used)++] = hex[c >> 4];
			out[(*used)++] = hex[c & 15];
		}
	}
	out[*used] = '\0';
	return 0;
}

/* "-" alone stands for no tenant, so a tenant of that name is written otherwise. */
static int people_encode_tenant(char *out, size_t *used, const char *text, size_t length)
{
	if (length != 1 || *text != '-')
		return people_encode(out, used, text, length);
	memcpy(out + *used, "%2D", 4);
	*used += 3;
	return 0;
}

static int people_slash(char *out, size_t *used)
{
	if (*used + 8 > PEOPLE_KEY_MOST)
		return -1;
	out[(*used)++] = '/';
	out[*used] = '\0';
	return 0;
}

int people_subject(const char *provider, const char *tenant, const char *sub, char out[PEOPLE_KEY_MOST])
{
	size_t used = 0;
	if (people_encode(out, &used, provider, strlen(provider)) < 0 || people_slash(out, &used) < 0)
		return -1;
	if (!tenant || !*tenant)
		out[used++] = '-';
	else if (people_encode_tenant(out, &used, tenant, strlen(tenant)) < 0)
		return -1;
	return people_slash(out, &used) < 0 || people_encode(out, &used, sub, strlen(sub)) < 0 ? -1 : 0;
}

static int people_hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes the part up to '/'. -1: a '%' without two digits, NUL in it, or nothing. */
static int people_decode(const char **text, char *out, size_t *length)
{
	const char *c = *text;
	size_t used = 0;
	for (; *c && *c != '/'; c++) {
		if (used == 1024)
			return -1;
		if (*c != '%') {
			out[used++] = *c;
			continue;
		}
		int high = people_hex(c[1]), low = high < 0 ? -1 : people_hex(c[2]);
		if (low < 0 || high * 16 + low == 0)
			return -1;
		out[used++] = (char)(high * 16 + low);
		c += 2;
	}
	*text = c;
	*length = used;
	return used ? 0 : -1;
}

/* The same subject may be written with more or less of it encoded; parts 0: any number. */
static int people_canonical(const char *text, int parts, char out[PEOPLE_KEY_MOST])
{
	char part[1024];
	size_t length, used = 0;
	for (int n = 0;; n++) {
		const char *begin = text;
		if (people_decode(&text, part, &length) < 0 || (n > 0 && people_slash(out, &used) < 0))
			return -1;
		int none = n == 1 && parts && text - begin == 1 && *begin == '-';
		if (none)
			out[used++] = '-', out[used] = '\0';
		else if ((n == 1 && parts ? people_encode_tenant : people_encode)(out, &used, part, length) < 0)
			return -1;
		if (!*text)
			return !parts || n + 1 == parts ? 0 : -1;
		text++;
		if (n == 15)
			return -1;
	}
}

int people_email(const char *address, char out[PEOPLE_KEY_MOST])
{
	const char *at = strrchr(address, '@');
	size_t length = strlen(address);
	if (!at || at == address || !at[1] || length > 320)
		return -1;
	memcpy(out, address, length + 1);
	for (char *c = out + (at - address); *c; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 'a' - 'A') : *c;
	return 0;
}

/* ---- The table ---- */

static uint64_t people_hash(char kind, const char *name)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ (unsigned char)kind;
	for (hash *= UINT64_C(0x100000001b3); *name; name++)
		hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	return hash ^ hash >> 29;
}

static struct people_slot *people_slot(const struct people *people, char kind, const char *name)
{
	size_t at = (size_t)people_hash(kind, name) & (people->room - 1);
	while (people->slots[at].key && (people->slots[at].key[0] != kind || strcmp(people->slots[at].key + 1, name) != 0))
		at = (at + 1) & (people->room - 1);
	return &people->slots[at];
}

static int people_grow(struct people *people)
{
	struct people_slot *old = people->slots;
	size_t room = people->room;
	if (people->used * 2 < room)
		return 0;
	struct people_slot *slots = calloc(room ? room * 2 : 64, sizeof *slots);
	if (!slots)
		return -1;
	people->slots = slots;
	people->room = room ? room * 2 : 64;
	for (size_t i = 0; i < room; i++)
		if (old[i].key)
			*people_slot(people, old[i].key[0], old[i].key + 1) = old[i];
	free(old);
	return 0;
}

const struct person *people_find(const struct people *people, enum people_key kind, const char *name)
{
	const struct people_slot *slot = people_slot(people, (char)kind, name);
	return slot->key ? &people->list[slot->person] : NULL;
}

/* ---- The file ---- */

__attribute__((format(printf, 3, 4))) static int people_wrong(const struct people_reader *reader, const config_setting_t *at,
                                                              const char *format, ...)
{
	va_list arguments;
	int used = snprintf(reader->error, PEOPLE_ERROR, "%.200s:%d: ", reader->name, at ? (int)config_setting_source_line(at) : 0);
	va_start(arguments, format);
	vsnprintf(reader->error + used, PEOPLE_ERROR - (size_t)used, format, arguments);
	va_end(arguments);
	return -1;
}

static int people_no_memory(const struct people_reader *reader)
{
	snprintf(reader->error, PEOPLE_ERROR, "no memory for the people of %.200s", reader->name);
	errno = ENOMEM;
	return -1;
}

static int people_add_key(const struct people_reader *reader, const config_setting_t *at, enum people_key kind, const char *name, size_t person)
{
	struct people *people = reader->people;
	if (people_grow(people) < 0)
		return people_no_memory(reader);
	struct people_slot *slot = people_slot(people, (char)kind, name);
	if (slot->key) {
		const struct person *other = &people->list[slot->person];
		return people_wrong(reader, at, "\"%.100s\" stands twice: with \"%.60s\" too", name, slot->person == person ? "this person" : other->id);
	}
	size_t length = strlen(name);
	char *key = malloc(length + 2);
	if (!key)
		return people_no_memory(reader);
	key[0] = (char)kind;
	memcpy(key + 1, name, length + 1);
	slot->key = key;
	slot->person = person;
	people->used++;
	return 0;
}

static int people_strings(const struct people_reader *reader, const config_setting_t *at)
{
	const char *name = config_setting_name(at);
	if (!config_setting_is_array(at) && !config_setting_is_list(at))
		return people_wrong(reader, at, "%s is a list: write %s = [\"...\"]", name, name);
	for (unsigned i = 0; i < (unsigned)config_setting_length(at); i++) {
		const char *text = config_setting_get_string_elem(at, (int)i);
		if (!text || !*text || strlen(text) > 1024)
			return people_wrong(reader, at, "%s is a list of strings of up to 1,024 bytes", name);
	}
	return 0;
}

static int people_keys(const struct people_reader *reader, const config_setting_t *at, enum people_key kind, size_t person)
{
	char canonical[PEOPLE_KEY_MOST];
	if (people_strings(reader, at) < 0)
		return -1;
	for (unsigned i = 0; i < (unsigned)config_setting_length(at); i++) {
		const char *text = config_setting_get_string_elem(at, (int)i);
		if (people_canonical(text, kind == PEOPLE_SUBJECT ? 3 : 0, canonical) < 0)
			return kind == PEOPLE_SUBJECT ? people_wrong(reader, at, "\"%.100s\" is no subject: write \"provider/tenant/sub\", with - for no tenant "
			                                                         "and each part percent-encoded, as the audit log has it", text)
			                              : people_wrong(reader, at, "\"%.100s\" is no name id: write \"issuer/nameid\", each part percent-encoded", text);
		if (people_add_key(reader, at, kind, canonical, person) < 0)
			return -1;
	}
	return 0;
}

static int people_accounts(const struct people_reader *reader, const config_setting_t *at)
{
	if (!config_setting_is_group(at))
		return people_wrong(reader, at, "accounts is a group: write accounts = { github = \"ada-l\"; }");
	for (unsigned i = 0; i < (unsigned)config_setting_length(at); i++) {
		const config_setting_t *account = config_setting_get_elem(at, i);
		const char *text = config_setting_get_string(account);
		if (!text || !*text || strlen(text) > 1024)
			return people_wrong(reader, account, "an account is a string of up to 1,024 bytes");
	}
	return 0;
}

static int people_person(const struct people_reader *reader, const config_setting_t *at, size_t index)
{
	struct person *person = &reader->people->list[index];
	char canonical[PEOPLE_KEY_MOST];
	int found_by = 0;
	if (!config_setting_is_group(at))
		return people_wrong(reader, at, "people is a list of groups: write ( { id = \"ada\"; subjects = [...]; }, ... )");
	if (config_setting_lookup_string(at, "id", &person->id) != CONFIG_TRUE || !*person->id || strlen(person->id) > 1024)
		return people_wrong(reader, at, "a person without id: write id = \"ada\"");
	if (people_add_key(reader, at, PEOPLE_ID, person->id, index) < 0)
		return -1;
	person->active = 1;
	for (unsigned i = 0; i < (unsigned)config_setting_length(at); i++) {
		const config_setting_t *member = config_setting_get_elem(at, i);
		const char *name = config_setting_name(member);
		int bad = 0;
		if (strcmp(name, "id") == 0) {
			continue;
		} else if (strcmp(name, "subjects") == 0) {
			bad = people_keys(reader, member, PEOPLE_SUBJECT, index);
			person->subjects = member;
			found_by |= config_setting_length(member) > 0;
		} else if (strcmp(name, "name_ids") == 0) {
			bad = people_keys(reader, member, PEOPLE_NAME_ID, index);
			found_by |= config_setting_length(member) > 0;
		} else if (strcmp(name, "email") == 0) {
			const char *text = config_setting_get_string(member);
			if (!text || people_email(text, canonical) < 0)
				return people_wrong(reader, member, "email is one address: write email = \"ada@acme.example\"");
			bad = people_add_key(reader, member, PEOPLE_EMAIL, canonical, index);
			found_by = 1;
		} else if (strcmp(name, "groups") == 0) {
			bad = people_strings(reader, member);
			person->groups = member;
		} else if (strcmp(name, "roles") == 0) {
			bad = people_strings(reader, member);
			person->roles = member;
		} else if (strcmp(name, "accounts") == 0) {
			bad = people_accounts(reader, member);
			person->accounts = member;
		} else if (strcmp(name, "active") == 0) {
			if (config_setting_type(member) != CONFIG_TYPE_BOOL)
				return people_wrong(reader, member, "active is true or false");
			person->active = config_setting_get_bool(member) != 0;
		} else {
			return people_wrong(reader, member, "unknown key \"%.60s\"; a person has id, subjects, email, name_ids, groups, roles, active and accounts", name);
		}
		if (bad < 0)
			return -1;
	}
	return found_by ? 0 : people_wrong(reader, at, "\"%.60s\" can never be found: write subjects, email or name_ids", person->id);
}

/* libconfig would open whatever file an @include names, itself. */
static int people_line_of(const char *text, size_t length, size_t offset)
{
	int line = 1;
	for (size_t i = 0; i < offset && i < length; i++)
		line += text[i] == '\n';
	return line;
}

static int people_refuse_include(const struct people_reader *reader, const char *text, size_t length)
{
	int begins = 1;
	for (size_t i = 0; i < length; i++) {
		if (begins && length - i >= 8 && memcmp(text + i, "@include", 8) == 0) {
			snprintf(reader->error, PEOPLE_ERROR, "%.200s:%d: @include is not for this file; make a directory for each file", reader->name,
			         people_line_of(text, length, i));
			return -1;
		}
		begins = text[i] == '\n' || text[i] == '\r' || (begins && (text[i] == ' ' || text[i] == '\t' || text[i] == '\f' || text[i] == '\v'));
	}
	return 0;
}

struct people *people_read(const char *name, const char *text, size_t length, char error[PEOPLE_ERROR])
{
	struct people_reader reader = { .name = name, .error = error };
	const config_setting_t *root, *list;
	char *copy = NULL;
	int done = -1;
	error[0] = '\0';
	struct people *people = reader.people = calloc(1, sizeof *people);
	if (!people) {
		people_no_memory(&reader);
		return NULL;
	}
	config_init(&people->file);
	const char *nul = length ? memchr(text, 0, length) : NULL;
	if (length > PEOPLE_FILE_MOST) {
		snprintf(error, PEOPLE_ERROR, "%.200s: larger than 1 MiB", name);
		goto end;
	}
	if (nul) {
		snprintf(error, PEOPLE_ERROR, "%.200s:%d: a NUL byte", name, people_line_of(text, length, (size_t)(nul - text)));
		goto end;
	}
	if (people_refuse_include(&reader, text, length) < 0)
		goto end;
	copy = malloc(length + 1);
	if (!copy) {
		people_no_memory(&reader);
		goto end;
	}
	if (length)
		memcpy(copy, text, length);
	copy[length] = '\0';
	if (config_read_string(&people->file, copy) != CONFIG_TRUE) {
		snprintf(error, PEOPLE_ERROR, "%.200s:%d: %.100s", name, config_error_line(&people->file),
		         config_error_text(&people->file) ? config_error_text(&people->file) : "no configuration");
		goto end;
	}
	root = config_root_setting(&people->file);
	list = config_setting_get_member(root, "people");
	for (unsigned i = 0; i < (unsigned)config_setting_length(root); i++)
		if (config_setting_get_elem(root, i) != list) {
			people_wrong(&reader, config_setting_get_elem(root, i), "unknown key \"%.60s\"; the file has one: people = ( ... );",
			             config_setting_name(config_setting_get_elem(root, i)));
			goto end;
		}
	if (!list || !config_setting_is_list(list)) {
		people_wrong(&reader, list, "write people = ( { id = \"ada\"; subjects = [\"okta/-/00u1\"]; }, ... );");
		goto end;
	}
	people->count = (size_t)config_setting_length(list);
	if (people->count > PEOPLE_MOST) {
		people_wrong(&reader, list, "more than %d people", PEOPLE_MOST);
		goto end;
	}
	people->list = calloc(people->count + 1, sizeof *people->list);
	if (!people->list || people_grow(people) < 0) {
		people_no_memory(&reader);
		goto end;
	}
	done = 0;
	for (size_t i = 0; i < people->count && done == 0; i++)
		done = people_person(&reader, config_setting_get_elem(list, (unsigned)i), i);
end:
	free(copy);
	if (done == 0)
		return people;
	people_free(people);
	return NULL;
}

void people_free(struct people *people)
{
	if (!people)
		return;
	for (size_t i = 0; i < people->room; i++)
		free(people->slots[i].key);
	free(people->slots);
	free(people->list);
	config_destroy(&people->file);
	free(people);
}

size_t people_count(const struct people *people)
{
	return people->count;
}

int people_each(const struct people *people, int (*tell)(void *data, const struct person *person, enum people_key kind, const char *name), void *data)
{
	int code = 0;
	for (size_t i = 0; i < people->room && !code; i++)
		if (people->slots[i].key)
			code = tell(data, &people->list[people->slots[i].person], (enum people_key)people->slots[i].key[0], people->slots[i].key + 1);
	return code;
}

/* ---- A person ---- */

const char *person_id(const struct person *person)
{
	return person->id;
}

int person_active(const struct person *person)
{
	return person->active;
}

static const char *person_string(const config_setting_t *list, unsigned index)
{
	return list && index < (unsigned)config_setting_length(list) ? config_setting_get_string_elem(list, (int)index) : NULL;
}

const char *person_group(const struct person *person, unsigned index)
{
	return person_string(person->groups, index);
}

const char *person_role(const struct person *person, unsigned index)
{
	return person_string(person->roles, index);
}

int person_subject(const struct person *person, unsigned index, char out[PEOPLE_KEY_MOST])
{
	const char *text = person->subjects ? config_setting_get_string_elem(person->subjects, (int)index) : NULL;
	return text && people_canonical(text, 3, out) == 0;
}

const char *person_account(const struct person *person, unsigned index, const char **system)
{
	if (!person->accounts || index >= (unsigned)config_setting_length(person->accounts))
		return NULL;
	const config_setting_t *account = config_setting_get_elem(person->accounts, index);
	*system = config_setting_name(account);
	return config_setting_get_string(account);
}
