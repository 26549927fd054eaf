#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "jws.h"
#include "keyfolder.h"
#include "keyring.h"

#define MINUTE (INT64_C(60) * 1000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define START INT64_C(1780272000000)

static _Atomic int64_t now_ms;

static int64_t now_read(void *data)
{
	(void)data;
	return atomic_load(&now_ms);
}

static const struct clock test_clock = { now_read, now_read, NULL };

struct fixture {
	char folder[64], keys[80], public[80];
	char said[4096];
	char heard[8192]; /* of what audit is told: "CHANGE KID\n" */
};

static void listen_log(void *data, int level, const char *text)
{
	struct fixture *f = data;
	if (level > LOG_LEVEL_ERROR)
		return;
	size_t length = strlen(f->said);
	snprintf(f->said + length, sizeof f->said - length, "%s\n", text);
}

static void hear(void *data, const char *kind, int severity, const struct notice_field *fields, int count)
{
	struct fixture *f = data;
	const char *change = "", *kid = "";
	for (int i = 0; i < count; i++) {
		if (!strcmp(fields[i].name, "change"))
			change = fields[i].value;
		if (!strcmp(fields[i].name, "kid"))
			kid = fields[i].value;
	}
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of several keyrings */
	pthread_mutex_lock(&lock);
	size_t length = strlen(f->heard);
	if (!strcmp(kind, "signing-key") && severity == NOTICE_WARNING && length < sizeof f->heard - 100)
		snprintf(f->heard + length, sizeof f->heard - length, "%s %s\n", change, kid);
	pthread_mutex_unlock(&lock);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	snprintf(f->folder, sizeof f->folder, "/tmp/ema-keyring-XXXXXX");
	if (!mkdtemp(f->folder))
		return -1;
	snprintf(f->keys, sizeof f->keys, "%s/keys", f->folder);
	snprintf(f->public, sizeof f->public, "%s/jwks.json", f->folder);
	atomic_store(&now_ms, START);
	*state = f;
	return 0;
}

/* Calls each for every name; NULL removes all. How many there were whose names end so. */
static int walk(const char *folder, const char *end, char first[128])
{
	DIR *dir = opendir(folder);
	int count = 0;
	for (const struct dirent *e; dir && (e = readdir(dir));) {
		size_t length = strlen(e->d_name);
		if (e->d_name[0] == '.' && (!e->d_name[1] || (e->d_name[1] == '.' && !e->d_name[2])))
			continue;
		if (!end)
			unlinkat(dirfd(dir), e->d_name, 0);
		else if (length >= strlen(end) && !strcmp(e->d_name + length - strlen(end), end)) {
			if (first)
				snprintf(first, 128, "%.127s", e->d_name);
			count++;
		}
	}
	if (dir)
		closedir(dir);
	return count;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	walk(f->keys, NULL, NULL);
	rmdir(f->keys);
	walk(f->folder, NULL, NULL);
	rmdir(f->folder);
	free(f);
	return 0;
}

static struct keyring_settings settings_of(struct fixture *f, enum keyring_mode mode)
{
	return (struct keyring_settings){ .clock = &test_clock, .log = { listen_log, f }, .mode = mode, .folder = mode == KEYRING_PUBLIC ? NULL : f->keys,
	                                  .public_file = f->public, .algorithm = JOSE_ES256, .rotate_after_ms = 3 * DAY, .publish_before_ms = 3 * HOUR, .notice = { hear, f } };
}

static struct keyring *open_mode(struct fixture *f, enum keyring_mode mode)
{
	struct keyring *keyring = NULL;
	struct failure failure = FAILURE_INIT;
	struct keyring_settings settings = settings_of(f, mode);
	int code = keyring_open(&settings, &keyring, &failure);
	if (code)
		print_error("%s\n", failure.text);
	assert_int_equal(code, EMA_OK);
	return keyring;
}

static char *sign(struct keyring *keyring)
{
	char *token = NULL;
	assert_int_equal(keyring_sign(keyring, "at+jwt", "{}", 2, &token, NULL), EMA_OK);
	return token;
}

static int verify(struct keyring *keyring, const char *token)
{
	struct jws jws;
	assert_int_equal(jws_parse(token, strlen(token), &jws, NULL), EMA_OK);
	int code = keyring_verify(keyring, &jws, NULL);
	jws_free(&jws);
	return code;
}

static void current_kid(struct keyring *keyring, char kid[44])
{
	struct keyring_entry list[KEYRING_MOST];
	size_t count = keyring_list(keyring, list);
	kid[0] = 0;
	for (size_t i = 0; i < count; i++)
		if (list[i].state == KEYRING_CURRENT)
			memcpy(kid, list[i].kid, 44);
	assert_int_equal(strlen(kid), 43);
}

static char *file_text(const char *path)
{
	static char text[16384];
	FILE *file = fopen(path, "r");
	size_t length = file ? fread(text, 1, sizeof text - 1, file) : 0;
	text[length] = 0;
	if (file)
		fclose(file);
	return text;
}

/* JWT-79: no token fails before its time while keys come and go, here or at a reader of jwks.json that looks every two hours. */
static void drill(void **state)
{
	struct fixture *f = *state;
	struct keyring *keyring = open_mode(f, KEYRING_SERVE), *reader = open_mode(f, KEYRING_PUBLIC);
	enum { LIVING = 12 }; /* a token lives for 24 h, a step is 2 h */
	char *tokens[LIVING] = { NULL }, kid[44], before[44] = "";
	int changes = 0;
	for (int step = 0; step < 10 * 12; step++) {
		keyring_tick(keyring);
		current_kid(keyring, kid);
		changes += strcmp(kid, before) != 0;
		memcpy(before, kid, sizeof kid);
		free(tokens[step % LIVING]);
		tokens[step % LIVING] = sign(keyring);
		for (int i = 0; i < LIVING && tokens[i]; i++) {
			assert_int_equal(verify(keyring, tokens[i]), EMA_OK);
			assert_int_equal(verify(reader, tokens[i]), EMA_OK);
		}
		keyring_tick(reader);
		char *jwks = keyring_jwks(keyring), *read = keyring_jwks(reader);
		assert_string_equal(jwks, file_text(f->public));
		assert_string_equal(jwks, read);
		free(jwks);
		free(read);
		atomic_fetch_add(&now_ms, 2 * HOUR);
	}
	assert_int_equal(changes, 4);
	/* The first ones are gone from disk, too. */
	assert_int_equal(walk(f->keys, ".jwk", NULL), 2);
	for (int i = 0; i < LIVING; i++)
		free(tokens[i]);
	keyring_close(reader);
	keyring_close(keyring);
	assert_string_equal(f->said, "");
}

/* JWT-80: private keys are in files of their owner's alone, and in nothing that is public. */
static void nothing_private(void **state)
{
	struct fixture *f = *state;
	static const enum jose_algorithm algorithms[] = { JOSE_ES256, JOSE_RS256, JOSE_PS256, JOSE_ED25519 };
	for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
		struct keyring *keyring = NULL;
		struct keyring_settings settings = settings_of(f, KEYRING_SERVE);
		char name[128] = "", path[256];
		struct stat st;
		settings.algorithm = algorithms[i];
		assert_int_equal(keyring_open(&settings, &keyring, NULL), EMA_OK);
		char *jwks = keyring_jwks(keyring), *token = sign(keyring);
		static const char *const private[] = { "\"d\"", "\"p\"", "\"q\"", "\"dp\"", "\"dq\"", "\"qi\"", "\"k\"" };
		for (size_t j = 0; j < sizeof private / sizeof *private; j++) {
			assert_null(strstr(jwks, private[j]));
			assert_null(strstr(file_text(f->public), private[j]));
		}
		assert_non_null(strstr(jwks, jose_algorithm_name(algorithms[i])));
		assert_int_equal(verify(keyring, token), EMA_OK);
		assert_int_equal(walk(f->keys, ".jwk", name), 1);
		snprintf(path, sizeof path, "%s/%s", f->keys, name);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
		assert_int_equal(stat(f->keys, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0700);
		assert_int_equal(stat(f->public, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0644);
		assert_non_null(strstr(file_text(path), "\"d\""));
		free(token);
		free(jwks);
		keyring_close(keyring);
		walk(f->keys, NULL, NULL);
	}
}

/* A key verifies by its own kid and its own algorithm. */
static void which_key(void **state)
{
	struct fixture *f = *state;
	struct keyring *keyring = open_mode(f, KEYRING_SERVE);
	struct jwk *other = NULL;
	struct jws jws;
	char *token = sign(keyring), *foreign = NULL;
	assert_int_equal(jwk_generate(JOSE_ES256, &other, NULL), EMA_OK);
	assert_int_equal(jws_sign(other, JOSE_ES256, "at+jwt", NULL, "{}", 2, &foreign, NULL), EMA_OK);
	assert_int_equal(verify(keyring, foreign), EMA_UNKNOWN_KEY);
	assert_int_equal(jws_parse(token, strlen(token), &jws, NULL), EMA_OK);
	jws.algorithm = JOSE_RS256;
	assert_int_equal(keyring_verify(keyring, &jws, NULL), EMA_BAD_ALGORITHM);
	jws.algorithm = JOSE_ES256;
	jws.signature[3] ^= 1;
	assert_int_equal(keyring_verify(keyring, &jws, NULL), EMA_BAD_SIGNATURE);
	jws.kid = NULL;
	assert_int_equal(keyring_verify(keyring, &jws, NULL), EMA_UNKNOWN_KEY);
	jws_free(&jws);
	jwk_free(other);
	free(foreign);
	free(token);
	keyring_close(keyring);
}

/* JWT-80: a file that cannot be trusted is never used, and never written over in silence. */
static void bad_files(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *what;
		int with_other; /* a usable key is there, too */
		int code;
		const char *says;
	} rows[] = {
		{ "mode", 0, EMA_CONFIG, "mode 0640" },
		{ "mode", 1, EMA_CONFIG, "mode 0640" },
		{ "folder", 0, EMA_CONFIG, "mode 0700" },
		{ "symlink", 1, EMA_CONFIG, "symbolic link" },
		{ "hardlink", 1, EMA_CONFIG, "hard link" },
		{ "owner", 1, EMA_CONFIG, "of user 12345" },
		{ "empty", 0, EMA_CONFIG, "rotate --now" },
		{ "half", 0, EMA_CONFIG, "backup" },
		{ "last", 0, EMA_CONFIG, "damaged" },
		{ "flip", 0, EMA_CONFIG, "damaged" },
		{ "large", 0, EMA_CONFIG, "damaged" },
		{ "name", 0, EMA_CONFIG, "damaged" },
		{ "empty", 1, EMA_OK, "set aside" },
		{ "half", 1, EMA_OK, "set aside" },
		{ "flip", 1, EMA_OK, "set aside" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char name[128] = "", path[256], aside[256], kid[44];
		struct keyring_settings settings = settings_of(f, KEYRING_SERVE);
		struct failure failure = FAILURE_INIT;
		struct keyring *keyring = open_mode(f, KEYRING_SERVE), *again = NULL;
		walk(f->keys, ".jwk", name);
		current_kid(keyring, kid);
		if (rows[i].with_other)
			assert_int_equal(keyring_rotate(keyring, 0, NULL), EMA_OK);
		keyring_close(keyring);
		snprintf(path, sizeof path, "%s/%s", f->keys, name);
		snprintf(aside, sizeof aside, "%s/aside", f->folder);
		char *text = file_text(path);
		size_t length = strlen(text);
		const char *what = rows[i].what;
		if (!strcmp(what, "mode"))
			assert_int_equal(chmod(path, 0640), 0);
		else if (!strcmp(what, "folder"))
			assert_int_equal(chmod(f->keys, 0750), 0);
		else if (!strcmp(what, "owner") && chown(path, 12345, (gid_t)-1))
			goto next; /* only root can give a file away */
		else if (!strcmp(what, "symlink"))
			assert_true(!rename(path, aside) && !symlink(aside, path));
		else if (!strcmp(what, "hardlink"))
			assert_int_equal(link(path, aside), 0);
		else if (!strcmp(what, "empty"))
			assert_int_equal(truncate(path, 0), 0);
		else if (!strcmp(what, "half"))
			assert_int_equal(truncate(path, (off_t)length / 2), 0);
		else if (!strcmp(what, "last"))
			assert_int_equal(truncate(path, (off_t)length - 2), 0);
		else if (!strcmp(what, "large"))
			assert_int_equal(truncate(path, 1 << 20), 0);
		else if (!strcmp(what, "name")) {
			char other[256];
			snprintf(other, sizeof other, "%s/key-%043d.jwk", f->keys, 0);
			assert_int_equal(rename(path, other), 0);
			snprintf(path, sizeof path, "%s", other);
		} else if (!strcmp(what, "flip")) {
			char *x = strstr(text, "\"x\":\"");
			x[8] = x[8] == 'A' ? 'B' : 'A';
			FILE *file = fopen(path, "w");
			fputs(text, file);
			fclose(file);
		}
		f->said[0] = 0;
		int code = keyring_open(&settings, &again, &failure);
		assert_int_equal(code, rows[i].code);
		if (!strstr(code ? failure.text : f->said, rows[i].says))
			fail_msg("row %zu: %s", i, code ? failure.text : f->said);
		keyring_close(again);
		/* What was there is there: under its name, or set aside. */
		assert_int_equal(walk(f->keys, ".jwk", NULL), code ? 1 + rows[i].with_other : 1);
		assert_int_equal(walk(f->keys, ".bad", NULL), code ? 0 : 1);
		if (code && strcmp(what, "folder")) {
			settings.recover = 1;
			failure_clear(&failure);
			assert_int_equal(keyring_open(&settings, &again, &failure), EMA_OK);
			assert_int_equal(keyring_rotate(again, 1, NULL), EMA_OK);
			char made[44];
			current_kid(again, made);
			assert_string_not_equal(made, kid);
			assert_int_equal(walk(f->keys, ".jwk", NULL), 1);
			assert_int_equal(walk(f->keys, ".bad", NULL), 1);
			keyring_close(again);
		}
next:
		chmod(f->keys, 0700);
		walk(f->keys, NULL, NULL);
		unlink(aside);
	}
}

/* A bad file that comes later is said and not used; what is served goes on. */
static void bad_file_later(void **state)
{
	struct fixture *f = *state;
	struct keyring *keyring = open_mode(f, KEYRING_SERVE);
	char *token = sign(keyring), path[256], made[256];
	uint64_t generation = keyring_generation(keyring);
	snprintf(path, sizeof path, "%s/key-%043d.jwk", f->keys, 1);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	keyring_tick(keyring);
	assert_non_null(strstr(f->said, "set aside"));
	assert_int_equal(walk(f->keys, ".bad", NULL), 1);
	f->said[0] = 0;
	close(open(path, O_CREAT | O_WRONLY, 0644));
	assert_int_equal(chmod(path, 0644), 0);
	keyring_tick(keyring);
	assert_non_null(strstr(f->said, "not used"));
	f->said[0] = 0;
	keyring_tick(keyring);
	assert_string_equal(f->said, ""); /* said once a minute */
	assert_int_equal(unlink(path), 0);
	/* A leftover of a writer that died goes with the next one that writes. */
	snprintf(made, sizeof made, "%s/.new-x", f->keys);
	close(open(made, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(keyring_generation(keyring), generation);
	assert_int_equal(keyring_rotate(keyring, 0, NULL), EMA_OK);
	assert_true(keyring_generation(keyring) > generation);
	assert_int_not_equal(access(made, F_OK), 0);
	/* All files away: they are not made anew under those that run. */
	f->said[0] = 0;
	walk(f->keys, NULL, NULL);
	keyring_tick(keyring);
	assert_non_null(strstr(f->said, "no key is left"));
	assert_int_equal(verify(keyring, token), EMA_OK);
	assert_int_equal(walk(f->keys, ".jwk", NULL), 0);
	free(token);
	keyring_close(keyring);
}

/* JWT-79: by hand; --now ends every token that was signed before, at the replica too. AUD-05: and each change has its record. */
static void by_hand(void **state)
{
	struct fixture *f = *state;
	struct keyring *a = open_mode(f, KEYRING_SERVE), *b = open_mode(f, KEYRING_SERVE), *look = open_mode(f, KEYRING_LOOK);
	struct keyring_entry list[KEYRING_MOST];
	struct failure failure = FAILURE_INIT;
	char first[44], kid[44], *token = sign(a), *refused = NULL, expected[512];
	current_kid(a, first);
	snprintf(expected, sizeof expected, "made %s\n", first);
	assert_string_equal(f->heard, expected);
	assert_int_equal(keyring_rotate(a, 0, NULL), EMA_OK);
	assert_int_equal(keyring_rotate(b, 0, &failure), EMA_EXISTS);
	assert_int_equal(keyring_list(b, list), 2);
	assert_int_equal(list[0].state, KEYRING_CURRENT);
	assert_int_equal(list[1].state, KEYRING_NEXT);
	assert_true(list[1].signs_from == START + 3 * HOUR);
	current_kid(a, kid);
	assert_string_equal(kid, first);
	atomic_fetch_add(&now_ms, 3 * HOUR);
	/* By time alone, without a tick. */
	current_kid(a, kid);
	assert_string_equal(kid, list[1].kid);
	assert_int_equal(keyring_list(a, list), 2);
	assert_int_equal(list[0].state, KEYRING_PREVIOUS);
	assert_true(list[0].gone_at == START + 3 * HOUR + KEYRING_KEEP_MS);
	assert_int_equal(verify(b, token), EMA_OK);
	char *other = sign(b);
	assert_int_equal(keyring_rotate(a, 1, NULL), EMA_OK);
	snprintf(expected, sizeof expected, "made %s\nmade %s\n", first, kid);
	assert_int_equal(strncmp(f->heard, expected, strlen(expected)), 0);
	snprintf(expected, sizeof expected, "dropped %s\n", first);
	assert_non_null(strstr(f->heard, expected));
	snprintf(expected, sizeof expected, "dropped %s\n", kid);
	assert_non_null(strstr(f->heard, expected));
	assert_int_equal(verify(a, token), EMA_UNKNOWN_KEY);
	assert_int_equal(verify(a, other), EMA_UNKNOWN_KEY);
	/* AUD-05: who serves tells what another one did. */
	assert_null(strstr(f->heard, "gone "));
	keyring_tick(b);
	keyring_tick(look);
	snprintf(expected, sizeof expected, "gone %s\n", kid);
	assert_non_null(strstr(f->heard, expected));
	current_kid(a, kid);
	snprintf(expected, sizeof expected, "found %s\n", kid);
	assert_non_null(strstr(f->heard, expected));
	assert_int_equal(verify(b, token), EMA_UNKNOWN_KEY);
	assert_int_equal(verify(look, other), EMA_UNKNOWN_KEY);
	assert_int_equal(walk(f->keys, ".jwk", NULL), 1);
	free(other);
	other = sign(a);
	assert_int_equal(verify(b, other), EMA_OK);
	assert_int_equal(verify(look, other), EMA_OK);
	assert_int_equal(keyring_sign(look, "at+jwt", "{}", 2, &refused, NULL), EMA_KEYS_UNAVAILABLE);
	assert_int_equal(keyring_rotate(look, 0, NULL), EMA_BAD_REQUEST);
	free(token);
	free(other);
	keyring_close(look);
	keyring_close(b);
	keyring_close(a);
}

/* A file of a dropped key that comes back from a backup is void: the key that stands alone says so. */
static void dropped_stays_dropped(void **state)
{
	struct fixture *f = *state;
	struct keyring *keyring = open_mode(f, KEYRING_SERVE);
	char *token = sign(keyring), name[128], path[256];
	walk(f->keys, ".jwk", name);
	snprintf(path, sizeof path, "%s/%s", f->keys, name);
	char *text = strdup(file_text(path));
	assert_int_equal(keyring_rotate(keyring, 1, NULL), EMA_OK);
	FILE *file = fopen(path, "w");
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(path, 0600), 0);
	keyring_tick(keyring);
	assert_int_equal(verify(keyring, token), EMA_UNKNOWN_KEY);
	assert_int_equal(walk(f->keys, ".jwk", NULL), 1);
	free(text);
	free(token);
	keyring_close(keyring);
}

/* Another algorithm in ema.conf is a rotation. */
static void other_algorithm(void **state)
{
	struct fixture *f = *state;
	struct keyring *keyring = open_mode(f, KEYRING_SERVE);
	struct keyring_entry list[KEYRING_MOST];
	char *token = sign(keyring);
	keyring_configure(keyring, JOSE_ED25519, 3 * DAY, 3 * HOUR);
	for (int i = 0; i < 5; i++)
		keyring_tick(keyring);
	assert_int_equal(keyring_list(keyring, list), 2);
	assert_int_equal(list[0].state, KEYRING_CURRENT);
	assert_int_equal(list[1].algorithm, JOSE_ED25519);
	atomic_fetch_add(&now_ms, 3 * HOUR);
	keyring_tick(keyring);
	char *next = sign(keyring);
	assert_int_equal(strncmp(next, "eyJhbGciOiJFZDI1NTE5Ii", 20), 0); /* {"alg":"Ed25519" */
	assert_int_equal(verify(keyring, token), EMA_OK);
	assert_int_equal(verify(keyring, next), EMA_OK);
	assert_int_equal(keyring_list(keyring, list), 2);
	free(next);
	free(token);
	keyring_close(keyring);
}

/* Without state_dir; and with a clock that is wrong. */
static void in_memory(void **state)
{
	struct fixture *f = *state;
	struct keyring_settings settings = settings_of(f, KEYRING_SERVE);
	struct keyring *keyring = NULL;
	struct failure failure = FAILURE_INIT;
	settings.folder = settings.public_file = NULL;
	atomic_store(&now_ms, 1000);
	assert_int_equal(keyring_open(&settings, &keyring, &failure), EMA_CLOCK_WRONG);
	atomic_store(&now_ms, START);
	assert_int_equal(keyring_open(&settings, &keyring, NULL), EMA_OK);
	char *token = sign(keyring);
	atomic_fetch_add(&now_ms, 3 * DAY - 3 * HOUR);
	keyring_tick(keyring);
	atomic_fetch_add(&now_ms, 3 * HOUR + KEYRING_KEEP_MS - 1);
	keyring_tick(keyring);
	assert_int_equal(verify(keyring, token), EMA_OK);
	atomic_fetch_add(&now_ms, 1);
	keyring_tick(keyring);
	assert_int_equal(verify(keyring, token), EMA_UNKNOWN_KEY);
	free(token);
	/* Set back before all of them: there is still one to sign with, and nothing is made. */
	uint64_t generation = keyring_generation(keyring);
	atomic_store(&now_ms, START);
	keyring_tick(keyring);
	assert_int_equal(keyring_generation(keyring), generation);
	free(sign(keyring));
	keyring_close(keyring);
	assert_int_equal(walk(f->folder, "", NULL), 0);
	settings.mode = KEYRING_LOOK;
	assert_int_equal(keyring_open(&settings, &keyring, NULL), EMA_CONFIG);
}

/* A program without private keys waits for jwks.json, and does not believe one that others can write. */
static void public_alone(void **state)
{
	struct fixture *f = *state;
	struct keyring *reader = open_mode(f, KEYRING_PUBLIC), *keyring = open_mode(f, KEYRING_SERVE), *again = NULL;
	struct keyring_settings settings = settings_of(f, KEYRING_PUBLIC);
	char *token = sign(keyring), *refused = NULL;
	assert_int_equal(verify(reader, token), EMA_KEYS_UNAVAILABLE);
	keyring_tick(reader);
	assert_int_equal(verify(reader, token), EMA_OK);
	assert_int_equal(keyring_sign(reader, "at+jwt", "{}", 2, &refused, NULL), EMA_KEYS_UNAVAILABLE);
	assert_int_equal(chmod(f->public, 0666), 0);
	assert_int_equal(keyring_open(&settings, &again, NULL), EMA_DENIED);
	assert_int_equal(chmod(f->public, 0644), 0);
	FILE *file = fopen(f->public, "w");
	fputs("{\"keys\":[]}", file);
	fclose(file);
	assert_int_equal(keyring_open(&settings, &again, NULL), EMA_UNAVAILABLE);
	keyring_tick(reader);
	assert_int_equal(verify(reader, token), EMA_OK); /* nothing that is empty replaces what is there */
	assert_non_null(strstr(f->said, "no key of ours"));
	free(token);
	keyring_close(reader);
	keyring_close(keyring);
}

/* JWT-50: the keys are published for other users, too, who take them from the one who publishes alone, and notice what is new. */
static void published_for_others(void **state)
{
	NEED_USERS;
	struct fixture *f = *state;
	char folder[96], file[128];
	struct stat st;
	snprintf(folder, sizeof folder, "%s/public", f->folder);
	snprintf(file, sizeof file, "%s/" PUBLISHED_KEYS, folder);
	const struct published from = { folder, geteuid() };
	struct keyring_settings writes = settings_of(f, KEYRING_SERVE), reads = settings_of(f, KEYRING_PUBLIC);
	struct keyring *reader = NULL, *keyring = NULL, *again = NULL;
	assert_int_equal(mkdir(folder, 0755), 0);
	const mode_t mask = umask(077);
	writes.publish = folder;
	reads.public_file = NULL;
	reads.published = &from;
	assert_int_equal(keyring_open(&reads, &reader, NULL), EMA_OK); /* nothing there yet */
	assert_int_equal(keyring_open(&writes, &keyring, NULL), EMA_OK);
	char *token = sign(keyring);
	keyring_tick(reader);
	assert_int_equal(verify(reader, token), EMA_OK);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	assert_int_equal(keyring_rotate(keyring, 1, NULL), EMA_OK);
	keyring_tick(reader);
	assert_int_equal(verify(reader, token), EMA_UNKNOWN_KEY);
	free(token);
	token = sign(keyring);
	assert_int_equal(verify(reader, token), EMA_OK);
	/* A folder that others can write to is none, though the file is right; what is known stays. */
	assert_int_equal(chmod(folder, 0777), 0);
	keyring_tick(reader);
	assert_non_null(strstr(f->said, "chmod go-w"));
	assert_int_equal(verify(reader, token), EMA_OK);
	assert_int_equal(keyring_open(&reads, &again, NULL), EMA_DENIED);
	assert_int_equal(chmod(folder, 0755), 0);
	assert_int_equal(truncate(file, KEYFOLDER_PUBLIC_MOST + 1), 0);
	keyring_tick(reader);
	assert_int_equal(verify(reader, token), EMA_OK);
	keyring_close(reader);
	keyring_close(keyring);
	umask(mask);
	free(token);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(rmdir(folder), 0);
}

/* JWT-40: keys that cannot be read any more may have been withdrawn, so they count for a time alone; what can be read again counts again. */
static void unread_keys_grow_old(void **state)
{
	NEED_USERS;
	struct fixture *f = *state;
	static const struct { int last_known; int64_t loss, most; } cases[] = {
		{ 0, MINUTE, MINUTE }, { 0, 1000, 10000 }, { 1, MINUTE, KEYRING_KEEP_MS },
	};
	char folder[96], file[128];
	snprintf(folder, sizeof folder, "%s/public", f->folder);
	snprintf(file, sizeof file, "%s/" PUBLISHED_KEYS, folder);
	const struct published from = { folder, geteuid() };
	struct keyring_settings writes = settings_of(f, KEYRING_SERVE), reads = settings_of(f, KEYRING_PUBLIC);
	struct keyring *reader = NULL, *keyring = NULL;
	writes.publish = folder;
	reads.public_file = NULL;
	reads.published = &from;
	assert_int_equal(mkdir(folder, 0755), 0);
	assert_int_equal(keyring_open(&writes, &keyring, NULL), EMA_OK);
	assert_int_equal(keyring_open(&reads, &reader, NULL), EMA_OK);
	char *token = sign(keyring);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		keyring_on_loss(reader, cases[i].last_known, cases[i].loss);
		/* One that is as it was is read, however old. */
		atomic_fetch_add(&now_ms, 3 * KEYRING_KEEP_MS);
		keyring_tick(reader);
		assert_int_equal(verify(reader, token), EMA_OK);
		assert_int_equal(chmod(folder, 0777), 0);
		atomic_fetch_add(&now_ms, cases[i].most);
		keyring_tick(reader);
		assert_int_equal(verify(reader, token), EMA_OK);
		f->said[0] = 0;
		atomic_fetch_add(&now_ms, 1);
		keyring_tick(reader);
		assert_int_equal(verify(reader, token), EMA_KEYS_UNAVAILABLE);
		assert_non_null(strstr(f->said, "none of ours is used any more"));
		assert_int_equal(chmod(folder, 0755), 0);
		keyring_tick(reader);
		assert_int_equal(verify(reader, token), EMA_OK);
	}
	free(token);
	keyring_close(reader);
	keyring_close(keyring);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(rmdir(folder), 0);
}

/* The same of the file in state_dir, beside the one who signs. */
static void unread_keys_of_a_state_dir_grow_old(void **state)
{
	NEED_USERS;
	struct fixture *f = *state;
	struct keyring *keyring = open_mode(f, KEYRING_SERVE), *reader = open_mode(f, KEYRING_PUBLIC);
	char *stolen = sign(keyring), away[128];
	snprintf(away, sizeof away, "%s.away", f->public);
	keyring_on_loss(reader, 0, MINUTE);
	assert_int_equal(rename(f->public, away), 0);
	atomic_fetch_add(&now_ms, MINUTE);
	keyring_tick(reader);
	assert_int_equal(verify(reader, stolen), EMA_OK);
	atomic_fetch_add(&now_ms, 1);
	keyring_tick(reader);
	assert_int_equal(verify(reader, stolen), EMA_KEYS_UNAVAILABLE);
	assert_int_equal(rename(away, f->public), 0);
	keyring_tick(reader);
	assert_int_equal(verify(reader, stolen), EMA_OK);
	free(stolen);
	keyring_close(reader);
	keyring_close(keyring);
}

/* The file is whole, for all to read, and no other one than the keyring's. */
static void is_shown(struct fixture *f, struct keyring *keyring, const char *file)
{
	struct stat st;
	char *jwks = keyring_jwks(keyring);
	assert_string_equal(file_text(file), jwks);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	assert_string_equal(f->said, "");
	free(jwks);
}

/* JWT-40: what is published is looked after: a file that went, and one from before with a key that is gone, is as it should be with the next tick. */
static void what_is_published_stays(void **state)
{
	NEED_USERS;
	struct fixture *f = *state;
	char folder[96], file[128], before[128];
	struct stat st, again;
	snprintf(folder, sizeof folder, "%s/public", f->folder);
	snprintf(file, sizeof file, "%s/" PUBLISHED_KEYS, folder);
	snprintf(before, sizeof before, "%s/before", f->folder);
	const struct published from = { folder, geteuid() };
	for (int in_memory = 0; in_memory < 2; in_memory++) {
		struct keyring_settings writes = settings_of(f, KEYRING_SERVE), reads = settings_of(f, KEYRING_PUBLIC);
		struct keyring *reader = NULL, *keyring = NULL;
		writes.publish = folder;
		if (in_memory)
			writes.folder = writes.public_file = NULL;
		reads.public_file = NULL;
		reads.published = &from;
		assert_int_equal(mkdir(folder, 0755), 0);
		assert_int_equal(keyring_open(&writes, &keyring, NULL), EMA_OK);
		assert_int_equal(keyring_open(&reads, &reader, NULL), EMA_OK);
		char *stolen = sign(keyring);
		assert_int_equal(verify(reader, stolen), EMA_OK);
		assert_int_equal(stat(file, &st), 0);
		keyring_tick(keyring);
		assert_int_equal(stat(file, &again), 0);
		assert_int_equal(again.st_ino, st.st_ino); /* nothing is written without a reason */
		assert_int_equal(link(file, before), 0);
		assert_int_equal(keyring_rotate(keyring, 1, NULL), EMA_OK);
		char *token = sign(keyring);
		assert_int_equal(rename(before, file), 0);
		keyring_tick(reader);
		assert_int_equal(verify(reader, stolen), EMA_OK); /* until the one who publishes looks */
		keyring_tick(keyring);
		is_shown(f, keyring, file);
		keyring_tick(reader);
		assert_int_equal(verify(reader, stolen), EMA_UNKNOWN_KEY);
		assert_int_equal(verify(reader, token), EMA_OK);
		assert_int_equal(chmod(file, 0600), 0);
		keyring_tick(keyring);
		is_shown(f, keyring, file);
		assert_int_equal(unlink(file), 0);
		keyring_tick(keyring);
		is_shown(f, keyring, file);
		assert_int_equal(unlink(file), 0);
		assert_int_equal(rmdir(folder), 0);
		keyring_tick(keyring);
		assert_int_equal(mkdir(folder, 0755), 0);
		keyring_tick(keyring);
		is_shown(f, keyring, file);
		keyring_close(reader);
		keyring_close(keyring);
		free(token);
		free(stolen);
		assert_int_equal(unlink(file), 0);
		assert_int_equal(rmdir(folder), 0);
	}
}

/*
 * JWT-40, JWT-79: what emactl rotates while emad does not run is published, too, by root for the user of emad. The folder is emad's to make: one of
 * root's would shut it out.
 */
static void rotated_for_the_owner(void **state)
{
	NEED_USERS;
	struct fixture *f = *state;
	char folder[96], file[128];
	struct stat st;
	snprintf(folder, sizeof folder, "%s/public", f->folder);
	snprintf(file, sizeof file, "%s/" PUBLISHED_KEYS, folder);
	const struct published from = { folder, 12345 };
	struct conf conf = { .state_dir = f->folder, .publish = folder };
	struct keyring_paths paths;
	struct keyring_settings writes = settings_of(f, KEYRING_SERVE), reads = settings_of(f, KEYRING_PUBLIC);
	struct keyring *reader = NULL, *keyring = NULL;
	conf.token.algorithm = JOSE_ES256;
	assert_int_equal(keyring_settings_from(&conf, KEYRING_LOOK, &paths, &writes, NULL), EMA_OK);
	assert_null(writes.publish);
	assert_int_equal(keyring_settings_from(&conf, KEYRING_SERVE, &paths, &writes, NULL), EMA_OK);
	assert_string_equal(writes.publish, folder);
	reads.public_file = NULL;
	reads.published = &from;
	assert_int_equal(mkdir(folder, 0755), 0);
	assert_int_equal(keyring_open(&writes, &keyring, NULL), EMA_OK); /* emad was here */
	const int given = !geteuid() && !chown(f->keys, 12345, 12345) && !chown(folder, 12345, 12345);
	for (int there = 1; given && there >= 0; there--) {
		char *stolen = sign(keyring);
		keyring_close(keyring);
		keyring = NULL;
		if (there) {
			assert_int_equal(keyring_open(&reads, &reader, NULL), EMA_OK);
			assert_int_equal(verify(reader, stolen), EMA_OK);
		} else {
			assert_int_equal(unlink(file), 0);
			assert_int_equal(rmdir(folder), 0);
		}
		assert_int_equal(keyring_open(&writes, &keyring, NULL), EMA_OK);
		assert_int_equal(keyring_rotate(keyring, 1, NULL), EMA_OK);
		assert_int_equal(verify(keyring, stolen), EMA_UNKNOWN_KEY);
		assert_int_equal(stat(folder, &st), there ? 0 : -1);
		if (there) {
			assert_int_equal(st.st_uid, 12345);
			keyring_tick(reader);
			assert_int_equal(verify(reader, stolen), EMA_UNKNOWN_KEY);
		}
		free(stolen);
	}
	assert_string_equal(f->said, "");
	/* A stolen key is out of use also where the folder cannot be written, which is said. */
	struct failure failure = FAILURE_INIT;
	char *stolen = sign(keyring);
	keyring_close(keyring);
	keyring = NULL;
	snprintf(folder, sizeof folder, "%s/public", f->folder);
	rmdir(folder);
	FILE *in_its_place = fopen(folder, "we");
	if (in_its_place) {
		fclose(in_its_place);
		writes.recover = 1;
		assert_int_equal(keyring_open(&writes, &keyring, &failure), EMA_OK);
		assert_int_not_equal(keyring_rotate(keyring, 1, &failure), EMA_OK);
		assert_non_null(strstr(failure.text, "public"));
		keyring_close(keyring);
		writes.publish = NULL;
		assert_int_equal(keyring_open(&writes, &keyring, NULL), EMA_OK);
		assert_int_equal(verify(keyring, stolen), EMA_UNKNOWN_KEY);
		unlink(folder);
	}
	free(stolen);
	keyring_close(reader);
	keyring_close(keyring);
	if (!given) {
		assert_int_equal(unlink(file), 0);
		assert_int_equal(rmdir(folder), 0);
		skip();
	}
}

struct worker {
	struct keyring *keyring;
	atomic_int *stop;
	pthread_rwlock_t *time;
	int bad;
	long rounds;
};

static void *use(void *data)
{
	struct worker *w = data;
	do {
		char *token = NULL;
		struct jws jws;
		pthread_rwlock_rdlock(w->time); /* days must not pass between the two */
		w->bad += keyring_sign(w->keyring, "at+jwt", "{}", 2, &token, NULL) != EMA_OK;
		if (token && !jws_parse(token, strlen(token), &jws, NULL)) {
			w->bad += keyring_verify(w->keyring, &jws, NULL) != EMA_OK;
			jws_free(&jws);
		}
		pthread_rwlock_unlock(w->time);
		free(token);
		w->rounds++;
	} while (!atomic_load(w->stop));
	return NULL;
}

static void *ticks(void *data)
{
	struct worker *w = data;
	for (int i = 0; i < 20; i++)
		keyring_tick(w->keyring);
	return NULL;
}

/* JWT-79: two replicas, their ticks at the same time: there is one next key, and who signs and verifies meanwhile sees no gap. */
static void two_replicas(void **state)
{
	struct fixture *f = *state;
	struct keyring *a = open_mode(f, KEYRING_SERVE), *b = open_mode(f, KEYRING_SERVE);
	atomic_int stop = 0;
	pthread_rwlock_t time;
	pthread_rwlockattr_t attributes;
	pthread_rwlockattr_init(&attributes);
	pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&time, &attributes);
	struct worker users[2] = { { a, &stop, &time, 0, 0 }, { b, &stop, &time, 0, 0 } }, tickers[2] = { { .keyring = a }, { .keyring = b } };
	pthread_t using[2], ticking[2];
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&using[i], NULL, use, &users[i]), 0);
	for (int round = 0; round < 4; round++) {
		struct keyring_entry one[KEYRING_MOST], other[KEYRING_MOST];
		pthread_rwlock_wrlock(&time);
		atomic_fetch_add(&now_ms, 3 * DAY - 3 * HOUR);
		pthread_rwlock_unlock(&time);
		for (int i = 0; i < 2; i++)
			assert_int_equal(pthread_create(&ticking[i], NULL, ticks, &tickers[i]), 0);
		for (int i = 0; i < 2; i++)
			pthread_join(ticking[i], NULL);
		keyring_tick(a);
		keyring_tick(b);
		size_t count = keyring_list(a, one);
		assert_int_equal(count, 2); /* current and next: those before are gone */
		assert_int_equal(keyring_list(b, other), count);
		for (size_t i = 0; i < count; i++)
			assert_string_equal(one[i].kid, other[i].kid);
		pthread_rwlock_wrlock(&time);
		atomic_fetch_add(&now_ms, 3 * HOUR);
		pthread_rwlock_unlock(&time);
	}
	atomic_store(&stop, 1);
	for (int i = 0; i < 2; i++) {
		pthread_join(using[i], NULL);
		assert_int_equal(users[i].bad, 0);
		assert_true(users[i].rounds > 0);
	}
	pthread_rwlock_destroy(&time);
	pthread_rwlockattr_destroy(&attributes);
	keyring_close(a);
	keyring_close(b);
}

/* Processes that start at once over an empty folder have one first key. */
static void processes(void **state)
{
	struct fixture *f = *state;
	enum { CHILDREN = 4 };
	int pipes[2];
	char kids[CHILDREN][44];
	pid_t children[CHILDREN];
	assert_int_equal(pipe(pipes), 0);
	for (int i = 0; i < CHILDREN; i++)
		if (!(children[i] = fork())) {
			struct keyring_settings settings = settings_of(f, KEYRING_SERVE);
			struct keyring *keyring = NULL;
			struct keyring_entry list[KEYRING_MOST];
			int fine = !keyring_open(&settings, &keyring, NULL);
			atomic_fetch_add(&now_ms, 3 * DAY - HOUR);
			for (int j = 0; fine && j < 20; j++)
				keyring_tick(keyring);
			fine = fine && keyring_list(keyring, list) >= 1 && write(pipes[1], list[0].kid, 44) == 44;
			keyring_close(keyring);
			test_child_ends(fine);
		}
	for (int i = 0; i < CHILDREN; i++) {
		int status = 0;
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
		assert_int_equal(read(pipes[0], kids[i], 44), 44);
		assert_string_equal(kids[i], kids[0]);
	}
	assert_int_equal(walk(f->keys, ".jwk", NULL), 2);
	close(pipes[0]);
	close(pipes[1]);
}

/* Killed anywhere: there is always a whole key, and the next start works. */
static void killed(void **state)
{
	struct fixture *f = *state;
	keyring_close(open_mode(f, KEYRING_SERVE));
	for (int i = 0; i < 20; i++) {
		pid_t child = fork();
		if (!child) {
			struct keyring_settings settings = settings_of(f, KEYRING_SERVE);
			struct keyring *keyring = NULL;
			settings.log.write = NULL;
			if (keyring_open(&settings, &keyring, NULL))
				test_child_ends(0);
			for (;;)
				keyring_rotate(keyring, 1, NULL);
		}
		nanosleep(&(struct timespec){ 0, 1000000L * (3 + 7 * (i % 6)) }, NULL);
		kill(child, SIGKILL);
		int status = 0;
		waitpid(child, &status, 0);
		assert_true(WIFSIGNALED(status));
		struct keyring *keyring = open_mode(f, KEYRING_SERVE);
		char *token = sign(keyring);
		assert_int_equal(verify(keyring, token), EMA_OK);
		char *jwks = keyring_jwks(keyring);
		assert_string_equal(jwks, file_text(f->public));
		free(jwks);
		free(token);
		keyring_close(keyring);
		assert_int_equal(walk(f->keys, ".bad", NULL), 0);
	}
}

/* A disk that is full at the n-th byte: the keys that are there go on serving, and it is done when there is room. */
static void disk_full(void **state)
{
	struct fixture *f = *state;
	static const struct {
		rlim_t room;
		int now;
	} rows[] = { { 0, 0 }, { 1, 0 }, { 100, 0 }, { 250, 0 }, { 400, 0 }, { 0, 1 }, { 1, 1 }, { 100, 1 }, { 250, 1 } };
	struct rlimit limit, was;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct keyring *keyring = open_mode(f, KEYRING_SERVE);
		struct keyring_entry list[KEYRING_MOST];
		char *token = sign(keyring), *before = keyring_jwks(keyring);
		struct failure failure = FAILURE_INIT;
		if (!rows[i].now)
			atomic_fetch_add(&now_ms, 3 * DAY - 3 * HOUR);
		f->said[0] = 0;
		limit = was;
		limit.rlim_cur = rows[i].room;
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		int code = rows[i].now ? keyring_rotate(keyring, 1, &failure) : EMA_OK;
		keyring_tick(keyring);
		size_t count = keyring_list(keyring, list);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
		assert_int_equal(code, rows[i].now ? EMA_UNAVAILABLE : EMA_OK);
		assert_non_null(strstr(code ? failure.text : f->said, "cannot be written"));
		assert_int_equal(count, 1);
		assert_int_equal(walk(f->keys, ".jwk", NULL), 1);
		assert_int_equal(verify(keyring, token), EMA_OK);
		assert_string_equal(before, file_text(f->public));
		/* Room again. */
		keyring_tick(keyring);
		if (rows[i].now)
			assert_int_equal(keyring_rotate(keyring, 1, NULL), EMA_OK);
		assert_int_equal(keyring_list(keyring, list), rows[i].now ? 1 : 2);
		assert_int_equal(verify(keyring, token), rows[i].now ? EMA_UNKNOWN_KEY : EMA_OK);
		char *jwks = keyring_jwks(keyring);
		assert_string_equal(jwks, file_text(f->public));
		free(jwks);
		free(before);
		free(token);
		keyring_close(keyring);
		walk(f->keys, NULL, NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(drill, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_private, set_up, tear_down),
		cmocka_unit_test_setup_teardown(which_key, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bad_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bad_file_later, set_up, tear_down),
		cmocka_unit_test_setup_teardown(by_hand, set_up, tear_down),
		cmocka_unit_test_setup_teardown(dropped_stays_dropped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(other_algorithm, set_up, tear_down),
		cmocka_unit_test_setup_teardown(in_memory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(public_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(published_for_others, set_up, tear_down),
		cmocka_unit_test_setup_teardown(unread_keys_grow_old, set_up, tear_down),
		cmocka_unit_test_setup_teardown(unread_keys_of_a_state_dir_grow_old, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_published_stays, set_up, tear_down),
		cmocka_unit_test_setup_teardown(rotated_for_the_owner, set_up, tear_down),
		cmocka_unit_test_setup_teardown(two_replicas, set_up, tear_down),
		cmocka_unit_test_setup_teardown(processes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(killed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(disk_full, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
