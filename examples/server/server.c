/*
 * An MCP server with one tool, and what it does with libemacore: one check for each request, before anything is served.
 *
 *     server EMA.CONF SERVICE [TOOLS]
 *
 * reads one HTTP request from its standard input and answers on its standard output, as a program of inetd's would. Your server
 * has an HTTP library in the place of read_request() and answer(); check() is the part to copy. A real one makes its context
 * once, and keeps it. TOOLS is a file with the server's answer to tools/list, instead of the one tool below.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ema/ema.h>

#define BODY_MOST (1024 * 1024)

static void answer(int status, const char *id, const char *challenge, const char *body)
{
	printf("HTTP/1.1 %d -\r\nContent-Type: application/json\r\nCache-Control: no-store\r\nConnection: close\r\nX-Request-ID: %s\r\n", status, id);
	if (challenge)
		printf("WWW-Authenticate: %s\r\n", challenge);
	printf("Content-Length: %zu\r\n\r\n%s", strlen(body), body);
}

/* All that the check looks at: method, URL, headers and body as they came. Your server adds the peer's address and certificate. */
static int read_request(ema_request *request, char *body, size_t *length)
{
	static char line[65536];
	char *url, *end;
	int code;

	if (!fgets(line, sizeof line, stdin) || !(url = strchr(line, ' ')))
		return EMA_BAD_REQUEST;
	*url++ = 0;
	if ((end = strchr(url, ' ')))
		*end = 0;
	if ((code = ema_request_set(request, EMA_REQUEST_METHOD, line)) || (code = ema_request_set(request, EMA_REQUEST_URL, url)))
		return code;
	while (fgets(line, sizeof line, stdin)) {
		char *value = strchr(line, ':');
		line[strcspn(line, "\r\n")] = 0;
		if (!*line)
			break;
		if (!value)
			return EMA_BAD_REQUEST;
		*value++ = 0;
		if ((code = ema_request_header(request, line, value)))
			return code;
	}
	*length = fread(body, 1, BODY_MOST, stdin);
	return ema_request_body(request, body, *length);
}

/* EMA_OK: serve it. Else it was answered. */
static int check(ema_context *context, const char *service, const ema_request *request, ema_decision **decision)
{
	int code = ema_check_mcp(context, service, request, decision);
	const char *error = ema_decision_rpc_error(*decision);
	if (code != EMA_OK)
		answer(ema_decision_status(*decision), ema_decision_id(*decision), ema_decision_challenge(*decision), error ? error : "");
	return code;
}

/* What the server is for. This one looks for the method in the text; yours has a JSON library. */
static void serve(const ema_decision *decision, const char *body, const char *tools, size_t tools_length)
{
	static const char own[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[{\"name\":\"get_time\",\"inputSchema\":{\"type\":\"object\"}},"
	                           "{\"name\":\"put_time\",\"inputSchema\":{\"type\":\"object\"}}]}}";
	const char *id = ema_decision_id(decision), *list = tools_length ? tools : own;
	char *mine = NULL;

	if (!strstr(body, "\"tools/list\"")) {
		/* ema_decision_subject() is the key of the user's account here, and what the server does is done in their name. */
		answer(200, id, NULL, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"done\"}]}}");
		return;
	}
	/* The tools that this user could call. If that fails nothing is sent. */
	if (ema_filter_list(decision, list, tools_length ? tools_length : sizeof own - 1, &mine) == EMA_OK)
		answer(200, id, NULL, mine);
	else
		answer(503, id, NULL, "");
	ema_text_free(mine);
}

static void log_line(void *data, int level, const char *text)
{
	(void)data;
	if (level <= 2)
		fprintf(stderr, "ema: %s\n", text);
}

int main(int argc, char **argv)
{
	static char body[BODY_MOST + 1];
	static char tools[BODY_MOST + 1];
	size_t length = 0, tools_length = 0;
	FILE *file;
	ema_decision *decision = NULL;
	ema_request *request = NULL;
	ema_context *context = NULL;
	int status = 1;

	if (argc != 3 && argc != 4) {
		fputs("usage: server EMA.CONF SERVICE [TOOLS] <REQUEST\n", stderr);
		return 2;
	}
	if (argc == 4) {
		if (!(file = fopen(argv[3], "r"))) {
			perror(argv[3]);
			return 2;
		}
		tools_length = fread(tools, 1, BODY_MOST, file);
		fclose(file);
	}
	if (!(context = ema_new()) || !(request = ema_request_new())) {
		fputs("server: no memory\n", stderr);
		goto done;
	}
	ema_set_log(context, log_line, NULL);
	if (getenv("EMA_PLUGIN_PATH")) /* plugins of an uninstalled build */
		ema_set_plugin_path(context, getenv("EMA_PLUGIN_PATH"));
	if (ema_load(context, argv[1]) != EMA_OK) {
		fprintf(stderr, "%s\n", ema_error(context));
		goto done;
	}
	if (read_request(request, body, &length) != EMA_OK)
		answer(400, "-", NULL, "");
	else if (check(context, argv[2], request, &decision) == EMA_OK)
		serve(decision, body, tools, tools_length);
	status = 0;
done:
	ema_decision_free(decision); /* before the context */
	ema_request_free(request);
	ema_free(context);
	return status;
}
