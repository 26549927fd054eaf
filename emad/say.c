#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "emad.h"

#define LINE_BYTES 2048

/* Both are set before there are threads. */
static int verbose;

void say_verbose(void)
{
	verbose = 1;
}

int says_debug(void)
{
	return verbose;
}

/* The journal takes the level from a prefix; a person reads a word. */
static const char *prefix(int level)
{
	static const char *const numbers[] = { "", "<3>", "<4>", "<6>", "<7>" }, *const words[] = { "", "error: ", "warning: ", "", "debug: " };
	return (getenv("JOURNAL_STREAM") && !isatty(STDERR_FILENO) ? numbers : words)[level >= SAY_ERROR && level <= SAY_DEBUG ? level : 0];
}

void say(int level, const char *format, ...)
{
	char line[LINE_BYTES];
	va_list arguments;
	if (level == SAY_DEBUG && !verbose)
		return;
	int begin = snprintf(line, sizeof line, "%semad: ", prefix(level));
	va_start(arguments, format);
	int length = vsnprintf(line + begin, sizeof line - (size_t)begin - 1, format, arguments);
	va_end(arguments);
	size_t end = length < 0 ? (size_t)begin : (size_t)(begin + length) < sizeof line - 1 ? (size_t)(begin + length) : sizeof line - 2;
	for (size_t i = (size_t)begin; i < end; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[end++] = '\n';
	/* In one piece, so that lines of several threads do not mix. Where nobody takes it there is nobody to tell. */
	if (write(STDERR_FILENO, line, end) < 0)
		return;
}

void say_log(void *data, int level, const char *text)
{
	(void)data;
	say(level, "%s", text);
}

void say_findings(const ema_findings *findings)
{
	for (size_t i = 0; ema_finding_id(findings, i); i++) {
		const char *id = ema_finding_id(findings, i);
		say(id[0] == 'E' ? SAY_ERROR : id[0] == 'W' ? SAY_WARNING : SAY_INFO, "%s%s:%d: %s: %s", id[0] == 'N' ? "note: " : "",
		    ema_finding_file(findings, i), ema_finding_line(findings, i), id, ema_finding_text(findings, i));
	}
}

int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
