/* people.conf: who is there, by whatever a provider may know them. Immutable once read. */
#ifndef FILE_PEOPLE_H
#define FILE_PEOPLE_H

#include <stddef.h>

#define PEOPLE_FILE_MOST 1048576
#define PEOPLE_MOST 100000
#define PEOPLE_KEY_MOST 9300 /* three parts of 1,024 bytes, percent-encoded */
#define PEOPLE_ERROR 512

struct people;
struct person;

/* What a person is found by. */
enum people_key { PEOPLE_SUBJECT = 's', PEOPLE_EMAIL = 'e', PEOPLE_NAME_ID = 'n', PEOPLE_ID = 'i' };

/* NULL: error says file, line and what to write instead; without memory it says so, and errno is ENOMEM. name is for messages. */
struct people *people_read(const char *name, const char *text, size_t length, char error[PEOPLE_ERROR]);
void people_free(struct people *people);
size_t people_count(const struct people *people);

/* The canonical text of a subject, "provider/tenant/sub"; tenant NULL or "" stands for none. -1: too long. */
int people_subject(const char *provider, const char *tenant, const char *sub, char out[PEOPLE_KEY_MOST]);
/* Domain in lower case, local part as it is (RFC 5321 2.4). -1: no address. */
int people_email(const char *address, char out[PEOPLE_KEY_MOST]);
/* NULL: nobody. name is canonical. */
const struct person *people_find(const struct people *people, enum people_key kind, const char *name);

/* Each name that a person is found by, in no order, until tell() answers other than 0, which is returned. */
int people_each(const struct people *people, int (*tell)(void *data, const struct person *person, enum people_key kind, const char *name), void *data);

const char *person_id(const struct person *person);
int person_active(const struct person *person);
/* NULL at the end. */
const char *person_group(const struct person *person, unsigned index);
const char *person_role(const struct person *person, unsigned index);
/* 1: its index'th subject in canonical text; 0: it has no more. */
int person_subject(const struct person *person, unsigned index, char out[PEOPLE_KEY_MOST]);
const char *person_account(const struct person *person, unsigned index, const char **system);

#endif
