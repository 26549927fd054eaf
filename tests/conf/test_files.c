/* Where a configuration comes from: owners and modes, includes, ema.d, sizes. The folder that is not /tmp is made by mkdtemp. */
#define _GNU_SOURCE
#include "test.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf.h"
#include "show.h"

#define STRANGER 65534

static char work[64];

static const char *at(const char *name)
{
	static char paths[4][256];
	static int next;
	char *path = paths[next++ % 4];
	snprintf(path, 256, "%s/%s", work, name);
	return path;
}

static void put(const char *name, const void *text, size_t length)
{
	FILE *file = fopen(at(name), "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(at(name), 0644), 0);
}

static void text(const char *name, const char *content)
{
	put(name, content, strlen(content));
}

static int setup(void **state)
{
	(void)state;
	strcpy(work, "/tmp/ema-conf-XXXXXX");
	umask(022);
	return mkdtemp(work) ? 0 : -1;
}

static int gone(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status; (void)kind; (void)walk;
	return remove(path);
}

static int teardown(void **state)
{
	(void)state;
	return nftw(work, gone, 16, FTW_DEPTH | FTW_PHYS);
}

static struct conf *read_ok(const char *name)
{
	struct findings findings = { NULL, 0, 0, 0 };
	struct conf *conf = conf_read(at(name), &findings);
	if (!conf)
		show_all(&findings);
	assert_non_null(conf);
	findings_free(&findings);
	return conf;
}

static void read_bad(const char *name, const char *id, const char *where, int line, const char *fragment)
{
	struct findings findings = { NULL, 0, 0, 0 };
	struct conf *conf = conf_read(at(name), &findings);
	int found = show_find(&findings, id, line, fragment), there = 0;
	for (size_t i = 0; i < findings.count; i++)
		there |= !where || !strcmp(findings.list[i].file, at(where));
	if (conf || !found || !there) {
		show_all(&findings);
		fail_msg("%s: no %s at %s:%d with \"%s\"", name, id, where ? where : "?", line, fragment);
	}
	findings_free(&findings);
}

static void includes_keep_file_and_line(void **state)
{
	(void)state;
	text("ema.conf", "# main\n@include \"sub/one.conf\";\nproviders = ( { id = \"a\"; plugin = \"x\"; } );\n");
	mkdir(at("sub"), 0755);
	text("sub/one.conf", "providers = ( { id = \"b\"; plugin = \"x\"; jwks_file = \"keys.jwks\"; } );\n");
	text("sub/keys.jwks", "{}");
	struct conf *conf = read_ok("ema.conf");
	assert_int_equal(conf->provider_count, 2);
	assert_string_equal(conf->providers[0].instance.id, "a");
	assert_string_equal(conf->providers[1].instance.id, "b");
	assert_string_equal(conf->providers[1].instance.node->file, at("sub/one.conf"));
	assert_int_equal(conf->providers[0].instance.node->line, 3);
	assert_ptr_equal(conf->providers[0].instance.node->children[0].parent, conf->providers[0].instance.node);
	/* A relative name begins at the file in which it stands. */
	assert_string_equal(conf->providers[1].jwks_file, at("sub/keys.jwks"));
	assert_int_equal(strlen(conf->digest), 64);
	conf_free(conf);
	text("sub/one.conf", "\nprovider = ( );\n");
	read_bad("ema.conf", "E-UNKNOWN", "sub/one.conf", 2, "\"providers\"");
	text("sub/one.conf", "issuer = \"https://a.example\";\n");
	text("ema.conf", "\nissuer = \"https://b.example\";\n@include \"sub/one.conf\"\n");
	read_bad("ema.conf", "E-DUPLICATE", "sub/one.conf", 1, "ema.conf:2 already");
	/* Whose files are good is read before any other file is: it would not count there, and is not half taken. */
	struct findings findings = { NULL, 0, 0, 0 };
	text("ema.conf", "\n@include \"sub/one.conf\"\n");
	text("sub/one.conf", "\nowner = \"nobody\";\n");
	conf = conf_read(at("ema.conf"), &findings);
	assert_non_null(conf);
	assert_null(conf->owner);
	if (!show_find(&findings, "W-UNUSED", 2, "owner counts in the main file"))
		fail_msg("no finding");
	conf_free(conf);
	findings_free(&findings);
	text("ema.conf", "owner = \"nobody\";\n");
	conf = read_ok("ema.conf");
	assert_string_equal(conf->owner, "nobody");
	conf_free(conf);
	text("ema.conf", "\n@include \"sub/none.conf\"\n");
	read_bad("ema.conf", "E-FILE", "ema.conf", 2, "no such file");
	text("ema.conf", "\n@include \"sub\"\n");
	read_bad("ema.conf", "E-FILE", "ema.conf", 2, "not a regular file");
	text("ema.conf", "/* @include \"sub/none.conf\"\n@include \"none\" */ x = \"@include\";\n");
	read_bad("ema.conf", "E-UNKNOWN", "ema.conf", 2, "unknown key \"x\"");
}

/* A file that holds no certificate is told where it is named, not by each fetch. */
static void authorities_are_certificates(void **state)
{
	(void)state;
	text("ema.conf", "\nfetch = { ca_file = \"ca.pem\"; };\n");
	text("ca.pem", "0\202\003\017 what DER looks like");
	read_bad("ema.conf", "E-FILE", "ema.conf", 2, "has no certificate in PEM");
	text("ca.pem", "");
	read_bad("ema.conf", "E-FILE", "ema.conf", 2, "has no certificate in PEM");
	text("ca.pem", "-----BEGIN PRIVATE KEY-----\n");
	read_bad("ema.conf", "E-FILE", "ema.conf", 2, "has no certificate in PEM");
	text("ca.pem", "Our own\n-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n");
	conf_free(read_ok("ema.conf"));
}

static void cycles_end(void **state)
{
	(void)state;
	char name[32], line[64];
	text("ema.conf", "@include \"a.conf\"\n");
	text("a.conf", "\n@include \"b.conf\"\n");
	text("b.conf", "@include \"a.conf\"\n");
	read_bad("ema.conf", "E-INCLUDE", "b.conf", 1, "includes itself");
	text("ema.conf", "@include \"ema.conf\"\n");
	read_bad("ema.conf", "E-INCLUDE", "ema.conf", 1, "includes itself");
	for (int i = 0; i < 12; i++) {
		snprintf(name, sizeof name, "c%d.conf", i);
		snprintf(line, sizeof line, "@include \"c%d.conf\"\n", i + 1);
		text(name, line);
	}
	text("c12.conf", "");
	read_bad("c0.conf", "E-INCLUDE", NULL, 0, "8 deep");
	/* Two roads to one file, doubled nine times: bounded by the number of files. */
	for (int i = 0; i < 8; i++) {
		snprintf(name, sizeof name, "d%d.conf", i);
		snprintf(line, sizeof line, "@include \"d%d.conf\"\n@include \"d%d.conf\"\n", i + 1, i + 1);
		text(name, line);
	}
	text("d8.conf", "");
	read_bad("d0.conf", "E-SIZE", NULL, 0, "256 files");
}

static void folder_is_read_in_order(void **state)
{
	(void)state;
	mkdir(at("ema.d"), 0755);
	text("ema.conf", "providers = ( { id = \"main\"; plugin = \"x\"; } );\n");
	text("ema.d/20.conf", "providers = ( { id = \"second\"; plugin = \"x\"; } );\n");
	text("ema.d/10.conf", "providers = ( { id = \"first\"; plugin = \"x\"; } ); issuer = \"https://a.example\";\n");
	text("ema.d/30.conf~", "nonsense");
	text("ema.d/.40.conf", "nonsense");
	struct conf *conf = read_ok("ema.conf");
	char digest[65];
	memcpy(digest, conf->digest, sizeof digest);
	assert_int_equal(conf->provider_count, 3);
	assert_string_equal(conf->providers[0].instance.id, "main");
	assert_string_equal(conf->providers[1].instance.id, "first");
	assert_string_equal(conf->providers[2].instance.id, "second");
	assert_string_equal(conf->issuer, "https://a.example");
	conf_free(conf);
	text("ema.d/20.conf", "providers = ( { id = \"third\"; plugin = \"x\"; } );\n");
	conf = read_ok("ema.conf");
	assert_string_not_equal(conf->digest, digest);
	conf_free(conf);
	text("ema.d/20.conf", "\nissuer = \"https://b.example\";\n");
	read_bad("ema.conf", "E-DUPLICATE", "ema.d/20.conf", 2, "ema.d/10.conf:1 already");
	text("ema.d/20.conf", "\nproviders = ( { id = \"main\"; plugin = \"x\"; } );\n");
	read_bad("ema.conf", "E-DUPLICATE", "ema.d/20.conf", 2, "ema.conf:1 already");
	unlink(at("ema.d/20.conf"));
	chmod(at("ema.d"), 0777);
	if (geteuid() == 0)
		read_bad("ema.conf", "E-PERMS", "ema.conf", 1, "chmod go-w");
	chmod(at("ema.d"), 0755);
	assert_int_equal(nftw(at("ema.d"), gone, 16, FTW_DEPTH | FTW_PHYS), 0);
	conf_free(read_ok("ema.conf"));
	/* What cannot be looked at is not "not there". */
	assert_int_equal(symlink("nowhere", at("ema.d")), 0);
	read_bad("ema.conf", "E-FILE", "ema.conf", 1, "no such file");
	unlink(at("ema.d"));
}

static void sizes_are_bounded(void **state)
{
	(void)state;
	char *big = malloc(1048577);
	assert_non_null(big);
	memset(big, ' ', 1048577);
	put("ema.conf", big, 1048577);
	read_bad("ema.conf", "E-SIZE", "ema.conf", 0, "1048576");
	put("ema.conf", big, 1048576);
	conf_free(read_ok("ema.conf"));
	/* Sixteen files of 1 MiB are 16 MiB; one byte more is too much. */
	FILE *main_file = fopen(at("main.conf"), "w");
	assert_non_null(main_file);
	for (int i = 0; i < 16; i++)
		fputs("@include \"ema.conf\"\n", main_file);
	fclose(main_file);
	read_bad("main.conf", "E-SIZE", NULL, 0, "16 MiB");
	free(big);
}

static void strangers_cannot_change_it(void **state)
{
	(void)state;
	if (geteuid() != 0)
		test_skip("only root can give files away");
	mkdir(at("d"), 0755);
	text("d/ema.conf", "issuer = \"https://a.example\";\n@include \"more.conf\"\n");
	text("d/more.conf", "");
	conf_free(read_ok("d/ema.conf"));
	chmod(at("d/ema.conf"), 0666);
	read_bad("d/ema.conf", "E-PERMS", "d/ema.conf", 0, "everybody");
	chmod(at("d/ema.conf"), 0664);
	read_bad("d/ema.conf", "E-PERMS", "d/ema.conf", 0, "its group");
	chmod(at("d/ema.conf"), 0644);
	assert_int_equal(chown(at("d/ema.conf"), STRANGER, 0), 0);
	read_bad("d/ema.conf", "E-PERMS", "d/ema.conf", 0, "user 65534");
	/* The main file cannot make its own owner a good one. */
	text("d/ema.conf", "owner = \"nobody\";\n@include \"more.conf\"\n");
	assert_int_equal(chown(at("d/ema.conf"), STRANGER, 0), 0);
	read_bad("d/ema.conf", "E-PERMS", "d/ema.conf", 0, "user 65534");
	assert_int_equal(chown(at("d/ema.conf"), 0, 0), 0);
	assert_int_equal(chown(at("d/more.conf"), STRANGER, 0), 0);
	conf_free(read_ok("d/ema.conf"));
	text("d/ema.conf", "\n@include \"more.conf\"\n");
	read_bad("d/ema.conf", "E-PERMS", "d/ema.conf", 2, "user 65534");
	assert_int_equal(chown(at("d/more.conf"), 0, 0), 0);
	chmod(at("d/more.conf"), 0602);
	read_bad("d/ema.conf", "E-PERMS", "d/ema.conf", 2, "everybody");
	chmod(at("d/more.conf"), 0600);
	/* Folders count: whoever can write one replaces what lies in it. */
	chmod(at("d"), 0777);
	read_bad("d/ema.conf", "E-PERMS", "d/ema.conf", 0, "the folder d");
	chmod(at("d"), 01777);
	conf_free(read_ok("d/ema.conf"));
	chmod(at("d"), 0755);
	assert_int_equal(chown(at("d"), STRANGER, 0), 0);
	read_bad("d/ema.conf", "E-PERMS", "d/ema.conf", 0, "the folder d");
	assert_int_equal(chown(at("d"), 0, 0), 0);
	/* A link is as good as the folder in which it lies. */
	mkdir(at("e"), 0755);
	assert_int_equal(symlink("../d/ema.conf", at("e/ema.conf")), 0);
	text("e/more.conf", "");
	conf_free(read_ok("e/ema.conf"));
	chmod(at("e"), 0777);
	read_bad("e/ema.conf", "E-PERMS", "e/ema.conf", 0, "the folder e");
	chmod(at("e"), 0755);
	assert_int_equal(symlink("loop", at("loop")), 0);
	read_bad("loop", "E-FILE", NULL, 0, "cannot be read");
	assert_int_equal(mkfifo(at("fifo"), 0600), 0);
	read_bad("fifo", "E-FILE", NULL, 0, "not a regular file");
	read_bad("d/ema.conf/x", "E-FILE", NULL, 0, "not a folder");
}

static void named_files_and_secrets(void **state)
{
	(void)state;
	static const struct { mode_t mode; gid_t group; int secret, good; } rows[] = {
		{ 0644, 0, 0, 1 }, { 0600, 0, 1, 1 }, { 0400, 0, 1, 1 }, { 0440, 0, 1, 1 }, { 0440, 12, 1, 0 }, { 0604, 0, 1, 0 },
		{ 0644, 0, 1, 0 }, { 0660, 0, 0, 0 }, { 0646, 0, 0, 0 },
	};
	if (geteuid() != 0)
		test_skip("only root can give files away");
	text("ema.conf", "issuer = \"https://a.example\";\n");
	text("named", "hello");
	struct conf *conf = read_ok("ema.conf");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct findings findings = { NULL, 0, 0, 0 };
		size_t length = 0;
		assert_int_equal(chown(at("named"), 0, rows[i].group), 0);
		assert_int_equal(chmod(at("named"), rows[i].mode), 0);
		char *content = conf_file(conf, &conf->root->children[0], "named", 5, rows[i].secret, &length, &findings);
		if (!!content != rows[i].good)
			fail_msg("row %zu", i);
		if (content)
			assert_string_equal(content, "hello");
		else
			assert_true(show_find(&findings, "E-PERMS", 1, "named"));
		free(content);
		findings_free(&findings);
	}
	struct findings findings = { NULL, 0, 0, 0 };
	size_t length = 0;
	assert_int_equal(chmod(at("named"), 0600), 0);
	assert_null(conf_file(conf, &conf->root->children[0], "named", 4, 0, &length, &findings));
	assert_true(show_find(&findings, "E-SIZE", 1, "4 bytes"));
	findings_free(&findings);
	conf_free(conf);
}

static void data_is_not_judged(void **state)
{
	(void)state;
	struct findings findings = { NULL, 0, 0, 0 };
	text("people.conf", "people = ( { subject = \"x\"; groups = [\"a\", \"b\"]; active = true; } );\n");
	struct conf *conf = conf_read_data(at("people.conf"), &findings);
	assert_non_null(conf);
	const struct conf_node *people = conf_child(conf->root, "people");
	assert_non_null(people);
	assert_int_equal(people->children[0].count, 3);
	assert_int_equal(conf->nodes, 8);
	conf_free(conf);
	assert_int_equal(findings.count, 0);
	text("people.conf", "people = 5000000000;\n");
	assert_null(conf_read_data(at("people.conf"), &findings));
	assert_int_equal(findings.errors, 1);
	findings_free(&findings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(authorities_are_certificates),
		cmocka_unit_test(includes_keep_file_and_line),
		cmocka_unit_test(cycles_end),
		cmocka_unit_test(folder_is_read_in_order),
		cmocka_unit_test(sizes_are_bounded),
		cmocka_unit_test(strangers_cannot_change_it),
		cmocka_unit_test(named_files_and_secrets),
		cmocka_unit_test(data_is_not_judged),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
