#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache.h"

static char folder[64];

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/ema-cache-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

/* How many files there are; path of the last one. */
static int files(char path[512])
{
	int count = 0;
	DIR *open = opendir(folder);
	for (struct dirent *entry; open && (entry = readdir(open));)
		if (entry->d_name[0] != '.') {
			snprintf(path, 512, "%s/%s", folder, entry->d_name);
			count++;
		}
	if (open)
		closedir(open);
	return count;
}

static int teardown(void **state)
{
	char path[512];
	(void)state;
	while (files(path) && !unlink(path))
		;
	return rmdir(folder);
}

static int64_t now = 4000;

static void store(const struct cache *cache, const char *source, int64_t fetched, const char *keys)
{
	char uri[] = "https://a.example/\"k", text[64];
	snprintf(text, sizeof text, "%s", keys);
	struct cache_entry entry = { .fetched = fetched, .fresh_until = fetched + 1000, .jwks_uri = uri, .etag = "\"e\"", .keys = text, .length = strlen(text) };
	assert_int_equal(cache_store(cache, source, &entry, now, NULL), EMA_OK);
}

static int load(const struct cache *cache, const char *source, char keys[64])
{
	struct cache_entry entry;
	if (!cache_load(cache, source, &entry))
		return 0;
	assert_string_equal(entry.jwks_uri, "https://a.example/\"k");
	assert_string_equal(entry.etag, "\"e\"");
	assert_int_equal(entry.fresh_until, entry.fetched + 1000);
	snprintf(keys, 64, "%s", entry.keys);
	cache_entry_free(&entry);
	return 1;
}

/* JWT-40: on disk, too, an older key set never replaces a newer one. */
static void older_never_replaces_newer(void **state)
{
	struct cache cache = { .folder = folder };
	char keys[64];
	(void)state;
	store(&cache, "a", 2000, "two");
	store(&cache, "a", 1000, "one");
	assert_int_equal(load(&cache, "a", keys), 1);
	assert_string_equal(keys, "two");
	store(&cache, "a", 3000, "three\nlines\n");
	assert_int_equal(load(&cache, "a", keys), 1);
	assert_string_equal(keys, "three\nlines\n");
	assert_int_equal(load(&cache, "b", keys), 0);
	/* Who publishes is alone: a newer one is of his own clock when that was ahead, and would keep a withdrawn key for as long. */
	struct cache published = { .folder = folder, .publishes = 1 };
	store(&published, "a", 2500, "now");
	assert_int_equal(load(&published, "a", keys), 1);
	assert_string_equal(keys, "now");
	/* Who is not alone knows it by the time: nothing was fetched later than now. */
	now = 2400;
	store(&cache, "a", 2300, "then");
	assert_int_equal(load(&cache, "a", keys), 1);
	assert_string_equal(keys, "then");
	now = 4000;
}

/* JWT-50: which keys do not count is kept with them, as many as there may be; what is no such list damages the file. */
static void exposed_keys_are_kept(void **state)
{
	struct cache cache = { .folder = folder };
	struct cache_entry entry = { .fetched = 5000, .keys = (char[]){ "k" }, .length = 1 }, back;
	char text[EXPOSED_TEXT];
	(void)state;
	for (size_t i = 0; i < EXPOSED_MOST + 1; i++) {
		char one[1][JWK_THUMBPRINT];
		snprintf(one[0], sizeof one[0], "%043zu", i);
		assert_int_equal(exposed_note(&entry.exposed, one, 1), 1);
		assert_int_equal(exposed_note(&entry.exposed, one, 1), 0);
	}
	assert_int_equal(entry.exposed.count, EXPOSED_MOST);
	assert_string_equal(entry.exposed.thumbprints[0], "0000000000000000000000000000000000000000001");
	assert_int_equal(cache_store(&cache, "exposed", &entry, 6000, NULL), EMA_OK);
	assert_int_equal(cache_load(&cache, "exposed", &back), 1);
	assert_int_equal(back.exposed.count, EXPOSED_MOST);
	assert_memory_equal(back.exposed.thumbprints, entry.exposed.thumbprints, sizeof entry.exposed.thumbprints);
	cache_entry_free(&back);
	/* Of two processes one alone saw a private half; whoever writes, and has the newer keys, none of it is lost. */
	struct cache_entry theirs = { .fetched = 7000, .keys = (char[]){ "t" }, .length = 1 };
	entry.exposed.count = 1;
	assert_int_equal(cache_store(&cache, "two", &entry, 6000, NULL), EMA_OK);
	for (size_t i = 1; i < 3; i++) {
		assert_int_equal(cache_store(&cache, "two", i == 1 ? &theirs : &entry, 8000, NULL), EMA_OK);
		assert_int_equal(cache_load(&cache, "two", &back), 1);
		assert_int_equal(back.fetched, 7000);
		assert_memory_equal(back.keys, "t", 1);
		assert_int_equal(back.exposed.count, i);
		cache_entry_free(&back);
		snprintf(text, sizeof text, "%043d", 9);
		exposed_note(&entry.exposed, text, 1);
	}
	exposed_print(&entry.exposed, text);
	assert_int_equal(exposed_read(&entry.exposed, text), 0);
	text[0] = ' ';
	assert_int_equal(exposed_read(&entry.exposed, text), -1);
	assert_int_equal(exposed_read(&entry.exposed, "short"), -1);
	assert_int_equal(exposed_read(&entry.exposed, ""), 0);
	assert_int_equal(entry.exposed.count, 0);
}

/* JWT-50: the keys of one issuer are not those of another, though somebody renames the files. */
static void a_file_knows_whose_it_is(void **state)
{
	struct cache cache = { .folder = folder };
	char keys[64], first[512], second[512];
	(void)state;
	store(&cache, "a", 2000, "a");
	assert_int_equal(files(first), 1);
	char aside[600];
	snprintf(aside, sizeof aside, "%s/x", folder);
	assert_int_equal(rename(first, aside), 0);
	store(&cache, "b", 2000, "b");
	DIR *open = opendir(folder);
	second[0] = 0;
	for (struct dirent *entry; open && (entry = readdir(open));)
		if (strstr(entry->d_name, ".keys"))
			snprintf(second, sizeof second, "%s/%s", folder, entry->d_name);
	closedir(open);
	assert_int_equal(rename(aside, second), 0);
	assert_int_equal(load(&cache, "b", keys), 0);
}

static void note(void *data, int level, const char *text)
{
	(void)level;
	snprintf(data, 64, "%s", text);
}

/* The first keys make the folder; a look into one that is not there yet makes nothing, and is nothing to warn of. */
static void the_folder_is_made(void **state)
{
	char path[64], keys[64], warned[64] = "";
	struct cache cache = { .folder = path, .log = { note, warned } };
	struct stat st;
	(void)state;
	assert_true(snprintf(path, sizeof path, "%.40s/cache", folder) < (int)sizeof path);
	assert_int_equal(load(&cache, "a", keys), 0);
	assert_int_equal(stat(path, &st), -1);
	store(&cache, "a", 2000, "a");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777 & ~0755, 0);
	assert_int_equal(load(&cache, "a", keys), 1);
	assert_string_equal(warned, "");
	char outer[64], file[512];
	memcpy(outer, folder, sizeof outer);
	memcpy(folder, path, sizeof folder);
	while (files(file) && !unlink(file))
		;
	memcpy(folder, outer, sizeof outer);
	assert_int_equal(rmdir(path), 0);
}

/* JWT-50: a file of another user is not believed, unless that user publishes the cache. */
static void the_owner_matters(void **state)
{
	struct cache cache = { .folder = folder }, published = { .folder = folder, .owner = 12345 };
	char keys[64], path[512];
	(void)state;
	if (geteuid() != 0 || !test_knows_users())
		test_skip("only root can give files away");
	store(&cache, "a", 2000, "a");
	assert_int_equal(files(path), 1);
	assert_int_equal(chown(path, 12345, 12345), 0);
	assert_int_equal(load(&published, "a", keys), 1);
	assert_int_equal(load(&cache, "a", keys), 0);
	assert_int_equal(load(&published, "a", keys), 0); /* it was set aside */
}

/* A file that is cut, grown or changed at any byte is no file; nothing is read over its end. */
static void no_damage_goes_unseen(void **state)
{
	struct cache cache = { .folder = folder };
	char keys[64], path[512], bytes[4096];
	(void)state;
	store(&cache, "a", 2000, "{\"keys\":[]}");
	assert_int_equal(files(path), 1);
	int fd = open(path, O_RDONLY);
	ssize_t length = read(fd, bytes, sizeof bytes);
	close(fd);
	assert_true(length > 80);
	for (ssize_t i = 0; i < 2 * length; i++) {
		char bent[4096];
		size_t cut = i < length ? (size_t)length : (size_t)(i - length);
		memcpy(bent, bytes, (size_t)length);
		if (i < length)
			bent[i] ^= 1;
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
		assert_int_equal(write(fd, bent, cut), (ssize_t)cut);
		close(fd);
		if (load(&cache, "a", keys))
			fail_msg("damage %zd was not seen", i);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(older_never_replaces_newer),
		TEST(exposed_keys_are_kept),
		TEST(a_file_knows_whose_it_is),
		TEST(the_folder_is_made),
		TEST(the_owner_matters),
		TEST(no_damage_goes_unseen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
