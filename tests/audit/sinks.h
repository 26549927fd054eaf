/* A sink that keeps the lines, and can be told to fail or to stall; and a scratch folder. */
#ifndef TESTS_AUDIT_SINKS_H
#define TESTS_AUDIT_SINKS_H

#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "audit.h"
#include "buffer.h"
#include "event.h"
#include "json.h"

struct kept {
	pthread_mutex_t lock;
	pthread_cond_t go;
	int answer, stall, released, flushed, reopened;
	const char *form; /* NULL: the record's own */
	struct buffer lines;
	size_t count;
	uint64_t last; /* the last seq that was taken */
};

__attribute__((unused)) static void kept_init(struct kept *kept)
{
	memset(kept, 0, sizeof *kept);
	pthread_mutex_init(&kept->lock, NULL);
	pthread_cond_init(&kept->go, NULL);
	buffer_init(&kept->lines, 256u * 1024 * 1024);
}

__attribute__((unused)) static void kept_free(struct kept *kept)
{
	buffer_free(&kept->lines);
	pthread_mutex_destroy(&kept->lock);
	pthread_cond_destroy(&kept->go);
}

__attribute__((unused)) static int kept_record(void *data, const ema_event *event)
{
	struct kept *kept = data;
	pthread_mutex_lock(&kept->lock);
	while (kept->stall)
		pthread_cond_wait(&kept->go, &kept->lock);
	int answer = kept->answer;
	if (answer == EMA_OK) {
		size_t length = event->length;
		const char *line = kept->form ? event->render(event, kept->form, &length) : event->line;
		buffer_append(&kept->lines, line, length);
		buffer_char(&kept->lines, '\n');
		kept->count++;
		for (size_t i = 0; i < event->count; i++)
			if (!strcmp(event->names[i], "seq"))
				kept->last = strtoull(event->values[i], NULL, 10);
	}
	pthread_mutex_unlock(&kept->lock);
	return answer;
}

__attribute__((unused)) static int kept_flush(void *data, int64_t ms)
{
	struct kept *kept = data;
	(void)ms;
	pthread_mutex_lock(&kept->lock);
	kept->flushed++;
	pthread_mutex_unlock(&kept->lock);
	return EMA_OK;
}

__attribute__((unused)) static int kept_reopen(void *data)
{
	struct kept *kept = data;
	pthread_mutex_lock(&kept->lock);
	kept->reopened++;
	pthread_mutex_unlock(&kept->lock);
	return EMA_OK;
}

__attribute__((unused)) static void kept_release(void *data)
{
	struct kept *kept = data;
	pthread_mutex_lock(&kept->lock);
	kept->released++;
	pthread_mutex_unlock(&kept->lock);
}

__attribute__((unused)) static void kept_set(struct kept *kept, int answer, int stall)
{
	pthread_mutex_lock(&kept->lock);
	kept->answer = answer;
	kept->stall = stall;
	pthread_cond_broadcast(&kept->go);
	pthread_mutex_unlock(&kept->lock);
}

__attribute__((unused)) static int kept_has(struct kept *kept, const char *text)
{
	pthread_mutex_lock(&kept->lock);
	int found = kept->lines.data && strstr(kept->lines.data, text) != NULL;
	pthread_mutex_unlock(&kept->lock);
	return found;
}

__attribute__((unused)) static inline struct audit_sink sink_of(const char *id, struct kept *kept, int must)
{
	return (struct audit_sink){ .id = id, .must = must, .record = kept_record, .flush = kept_flush, .reopen = kept_reopen,
		                    .release = kept_release, .data = kept };
}

__attribute__((unused)) static int64_t soon(int64_t ms)
{
	return clock_monotonic(&clock_system) + ms;
}

__attribute__((unused)) static void pause_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
	nanosleep(&t, NULL);
}

__attribute__((unused)) static int remove_one(const char *path, const struct stat *is, int flag, struct FTW *ftw)
{
	(void)is;
	(void)flag;
	(void)ftw;
	return remove(path);
}

__attribute__((unused)) static void remove_tree(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

__attribute__((unused)) static void make_scratch(char *path, size_t room)
{
	const char *tmp = getenv("TMPDIR");
	snprintf(path, room, "%s/ema-audit-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(path))
		abort();
}

__attribute__((unused)) static int append_text(struct audit *audit, const char *name, const char *value, int authenticated, int64_t ms)
{
	struct audit_field fields[] = { { .name = "code", .type = AUDIT_TEXT, .text = "denied" }, { .name = name, .type = AUDIT_TEXT, .text = value } };
	struct audit_event event = { .kind = "decision", .time = clock_wall(&clock_system), .severity = 6, .request = "r1", .fields = fields, .field_count = 2 };
	return audit_append(audit, &event, authenticated, soon(ms), NULL);
}

/* Sanitizers make each round slow. */
__attribute__((unused)) static int rounds(int all)
{
	const char *sanitizer = getenv("SANITIZER");
	return sanitizer && *sanitizer ? all / 10 : all;
}

/* This program again, in a new process: a fork alone has no threads of its own under the thread sanitizer. */
__attribute__((unused)) static pid_t start_again(const char *what, const char *folder, int out)
{
	char number[12], self[4096];
	ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1); /* not executed as such: valgrind has another one */
	if (length < 0)
		return -1;
	self[length] = 0;
	snprintf(number, sizeof number, "%d", out);
	pid_t child = fork();
	if (!child) {
		execl(self, self, what, folder, number, (char *)NULL);
		_exit(127);
	}
	return child;
}

#endif
