/* What every unit test includes first. */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Ends a test that this machine cannot run. (skip() of cmocka 1.1.5 says "not ok" in TAP, which counts as a failure.) */
#define test_skip(why)                                  \
	do {                                            \
		print_message("# not run: %s\n", why);  \
		return;                                 \
	} while (0)

/* 0 in a user namespace without the user to whom "/" belongs: there no folder could be trusted, a test's own neither. */
static inline int test_knows_users(void)
{
	struct stat st;
	return !stat("/", &st) && (st.st_uid == 0 || st.st_uid == geteuid());
}
#define NEED_USERS                                                                              \
	do {                                                                                    \
		(void)state;                                                                    \
		if (!test_knows_users())                                                        \
			test_skip("the user to whom / belongs is not known in this namespace"); \
	} while (0)

/* How many threads there are; to be compared, not counted. */
static inline int test_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	int count = 0;
	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/* The file of these lines, without those that are NULL. */
static inline void test_write_lines(const char *path, char *const *lines, size_t count)
{
	FILE *out = fopen(path, "we");
	assert_non_null(out);
	for (size_t i = 0; i < count; i++)
		if (lines[i])
			fprintf(out, "%s\n", lines[i]);
	fclose(out);
}

/* The end of a forked child. By exec, since valgrind would count what the child shares with its parent as leaked. */
static inline void test_child_ends(int well)
{
	execl(well ? "/bin/true" : "/bin/false", well ? "true" : "false", (char *)NULL);
	_exit(1);
}

#endif
