/* emactl tools: a service's tools_file, out of what its server answers to tools/list. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "emactl.h"

#define ANSWER_MOST (8 * 1024 * 1024)
#define FILE_MOST (1024 * 1024)

/* Who could read the old file, emad's group before all, must be able to read the new one. There may be no old one. */
static int take_over(int file, const struct stat *was)
{
	struct stat is;
	/* A change of owner or group may take from the mode, and the mode must not be for another group. */
	if (was && (fstat(file, &is) || ((is.st_uid != was->st_uid || is.st_gid != was->st_gid) && fchown(file, was->st_uid, was->st_gid))))
		return -1;
	return fchmod(file, was ? was->st_mode & 07777 : 0640);
}

/* A new file in the place of the old one, with its mode, owner and group, or 0640. A link to it stays one. */
static int replace(const char *named, const char *text)
{
	char *behind = realpath(named, NULL);
	const char *path = behind ? behind : named;
	const size_t room = strlen(path) + sizeof ".XXXXXX";
	char *aside = must(malloc(room));
	struct stat was;
	int there = stat(path, &was) == 0, file = -1;
	snprintf(aside, room, "%s.XXXXXX", path);
	file = mkstemp(aside);
	FILE *out = file < 0 ? NULL : fdopen(file, "w");
	if (!out) {
		complain("%s: no new file can be made beside it: %s", path, strerror(errno));
		if (file >= 0) {
			close(file);
			unlink(aside);
		}
		free(behind);
		free(aside);
		return STATUS_USAGE;
	}
	int bad = fputs(text, out) == EOF || fflush(out) == EOF || take_over(file, there ? &was : NULL) || fsync(file);
	bad |= fclose(out) == EOF;
	bad = bad || rename(aside, path);
	if (bad) {
		complain("%s: %s%s", path, strerror(errno), errno == EPERM ? ": its owner and group must stay, and root alone can give it to another" : "");
		unlink(aside);
	}
	free(behind);
	free(aside);
	return bad ? STATUS_USAGE : STATUS_FINE;
}

static int work(const struct options *options, const char *path, const char *answer, const char *const *accept)
{
	char *old = NULL, *file = NULL, *report = NULL, nothing;
	int status = STATUS_USAGE;
	if (access(path, F_OK) == 0 && !(old = read_word(path, FILE_MOST)))
		return STATUS_USAGE;
	if (!old && readlink(path, &nothing, 1) >= 0)
		return complain("%s: a link to a file that is not there", path);
	if (!old && !answer)
		return complain("%s: %s", path, strerror(errno));
	int code = ema_tools_import(answer, answer ? strlen(answer) : 0, old, old ? strlen(old) : 0, accept, &file, &report);
	if (code != EMA_OK && code != EMA_DENIED) {
		complain("%s", report ? report : ema_code_meaning(code));
	} else if (!replace(path, file)) {
		/* What waits is closed already; that it is, is written all the same. */
		status = code == EMA_OK ? STATUS_FINE : STATUS_DENY;
		if (options->json) {
			struct json_object *all = must(json_object_new_object());
			json_add(all, "file", path);
			json_object_object_add(all, "all_accepted", must(json_object_new_boolean(code == EMA_OK)));
			json_add(all, "report", report);
			if (print_json(all))
				status = STATUS_USAGE;
		} else {
			print_report(report);
			if (code == EMA_DENIED)
				printf("what waits stays closed: look at it, then `emactl tools accept %s NAME...`\n", path);
		}
	}
	ema_text_free(file);
	ema_text_free(report);
	free(old);
	return status;
}

int command_tools(const struct options *options, int count, char **words)
{
	static const char *const all[] = { "*", NULL };
	char *answer = NULL;
	int status;
	if (count == 3 && !strcmp(words[0], "import")) {
		answer = read_word(words[2], ANSWER_MOST);
		if (!answer)
			return STATUS_USAGE;
		status = work(options, words[1], answer, options->accept ? all : NULL);
		free(answer);
		return status;
	}
	if (count >= 3 && !strcmp(words[0], "accept"))
		return work(options, words[1], NULL, (const char *const *)(words + 2)); /* words end with NULL, as argv does */
	return complain("tools takes `import FILE ANSWER` or `accept FILE NAME...`");
}
