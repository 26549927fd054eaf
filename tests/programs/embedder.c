/*
 * embedder: an MCP server that has libemacore in its own process, without the server.
 *
 *   embedder EMA.CONF SERVICE TOKENS RESULT
 *
 * Checks each token that is a file in the folder TOKENS, again and again, until it is ended, and writes a line "FILE CODE" for each
 * into RESULT, which is renamed into place when all were checked.
 */
#include <dirent.h>
#include <errno.h>
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

int main(int argc, char **argv)
{
	const struct timespec pause = { 0, ROUND_NS };
	ema_context *context = ema_new();
	if (argc != 5 || !context)
		return 2;
	ema_set_log(context, log_line, NULL);
	if (getenv("EMA_PLUGIN_PATH"))
		ema_set_plugin_path(context, getenv("EMA_PLUGIN_PATH"));
	if (ema_load(context, argv[1]) != EMA_OK) {
		fprintf(stderr, "%s\n", ema_error(context));
		ema_free(context);
		return 1;
	}
	while (!round_of(context, argv[2], argv[3], argv[4]))
		nanosleep(&pause, NULL);
	ema_free(context);
	return 1;
}
