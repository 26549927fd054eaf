/*
 * embedder: an MCP server that has libemacore in its own process, without the server.
 *
 *   embedder EMA.CONF SERVICE TOKENS RESULT
 *
 * Checks each token that is a file in the folder TOKENS, again and again, until it is ended, and writes a line "FILE CODE" for each
 * into RESULT, which is renamed into place when all were checked.
 *
 *   embedder --decide EMA.CONF SERVICE FOLDER
 *
 * Decides on each line of FOLDER/asked, an ID-JAG of the client "app", from the first on. A line "NUMBER REQUEST" in FOLDER/decided, at
 * once, says which of them were let in. Goes on with what is added, until there is FOLDER/enough.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ema/codes.h"
#include "ema/ema.h"

#define TOKEN_MOST 20000
#define ROUND_NS 50000000L

static void log_line(void *data, int level, const char *text)
{
	(void)data;
	if (level <= 3)
		fprintf(stderr, "%s\n", text);
}

static int check(ema_context *context, const char *service, const char *token)
{
	char header[TOKEN_MOST + 16];
	ema_request *request = ema_request_new();
	int code = EMA_OUT_OF_MEMORY;
	snprintf(header, sizeof header, "Bearer %s", token);
	if (request && !ema_request_set(request, EMA_REQUEST_METHOD, "POST") && !ema_request_header(request, "Authorization", header))
		code = ema_check(context, service, request, "tools/call", "get_it", NULL);
	ema_request_free(request);
	return code;
}

/* The token in a file; 0: there is none yet. */
static int read_token(const char *folder, const char *name, char token[TOKEN_MOST])
{
	char path[1024];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *file = fopen(path, "r");
	size_t length = file ? fread(token, 1, TOKEN_MOST - 1, file) : 0;
	if (file)
		fclose(file);
	token[length] = 0;
	return length > 0;
}

static int round_of(ema_context *context, const char *service, const char *folder, const char *result)
{
	char aside[1024], token[TOKEN_MOST];
	snprintf(aside, sizeof aside, "%s.new", result);
	DIR *dir = opendir(folder);
	FILE *out = fopen(aside, "w");
	if (!dir || !out) {
		fprintf(stderr, "embedder: %s: %s\n", dir ? aside : folder, strerror(errno));
		return 1;
	}
	for (const struct dirent *entry; (entry = readdir(dir));)
		if (entry->d_name[0] != '.' && read_token(folder, entry->d_name, token))
			fprintf(out, "%s %s\n", entry->d_name, ema_code_name(check(context, service, token)));
	closedir(dir);
	return fclose(out) || rename(aside, result);
}

/* 0 when it was answered: our own outage is no answer. */
static int decide(ema_context *context, const char *service, const char *assertion, long number, int out)
{
	const struct timespec pause = { 0, ROUND_NS };
	char line[128];
	for (int i = 0; i < 6000; i++) {
		ema_decision *decision = NULL;
		ema_request *request = ema_request_new();
		if (!request || ema_request_set(request, EMA_REQUEST_CLIENT_ID, "app") ||
		    ema_request_credential(request, EMA_CREDENTIAL_ID_JAG, assertion, strlen(assertion)))
			return 1;
		int code = ema_decide(context, service, request, &decision), again = !decision || ema_decision_status(decision) == 503;
		int length = snprintf(line, sizeof line, "%ld %s\n", number, decision ? ema_decision_id(decision) : "");
		ema_decision_free(decision);
		ema_request_free(request);
		if (code == EMA_OK)
			return write(out, line, (size_t)length) != length;
		if (!again)
			return 0;
		nanosleep(&pause, NULL);
	}
	return 1;
}

static int decide_all(ema_context *context, const char *service, const char *folder)
{
	const struct timespec moment = { 0, 1000000 };
	char path[1024], line[TOKEN_MOST];
	snprintf(path, sizeof path, "%s/decided", folder);
	int out = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600), failed = 0;
	snprintf(path, sizeof path, "%s/asked", folder);
	FILE *asked = fopen(path, "re");
	snprintf(path, sizeof path, "%s/enough", folder);
	for (long number = 1; asked && out >= 0 && !failed;) {
		/* Looked at before the end is: what was there by then is not left out. */
		int enough = !access(path, F_OK);
		long at = ftell(asked);
		if (fgets(line, sizeof line, asked) && strchr(line, '\n')) {
			line[strcspn(line, "\n")] = 0;
			failed = decide(context, service, line, number++, out);
			continue;
		}
		if (enough)
			break;
		fseek(asked, at, SEEK_SET);
		nanosleep(&moment, NULL);
	}
	failed |= !asked || out < 0;
	if (asked)
		fclose(asked);
	if (out >= 0)
		close(out);
	return failed;
}

int main(int argc, char **argv)
{
	const struct timespec pause = { 0, ROUND_NS };
	ema_context *context = ema_new();
	if (argc != 5 || !context)
		return 2;
	const int decides = !strcmp(argv[1], "--decide");
	ema_set_log(context, log_line, NULL);
	if (getenv("EMA_PLUGIN_PATH"))
		ema_set_plugin_path(context, getenv("EMA_PLUGIN_PATH"));
	if (ema_load(context, argv[1 + decides]) != EMA_OK) {
		fprintf(stderr, "%s\n", ema_error(context));
		ema_free(context);
		return 1;
	}
	if (decides) {
		int failed = decide_all(context, argv[3], argv[4]);
		ema_free(context);
		return failed;
	}
	while (!round_of(context, argv[2], argv[3], argv[4]))
		nanosleep(&pause, NULL);
	ema_free(context);
	return 1;
}
