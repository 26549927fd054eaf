/*
 * An MCP server, and what it does with libemacore: one check for each request, before anything is served.
 *
 *     server EMA.CONF SERVICE [THINGS]
 *
 * reads one HTTP request from its standard input and answers on its standard output, as a program of inetd's would. Your server
 * has an HTTP library in the place of read_request() and answer(); check() and listed() are the parts to copy. A real one makes
 * its context once, and keeps it. THINGS is a file that says what the server has, { "tools": [...], "resources": [...] } as lists
 * of MCP have them, instead of the two tools below.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <json-c/json.h>

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
	size_t expected = 0;
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
		if (!strcasecmp(line, "Content-Length"))
			expected = strtoul(value, NULL, 10);
		if ((code = ema_request_header(request, line, value)))
			return code;
	}
	if (expected > BODY_MOST)
		return EMA_TOO_LARGE;
	*length = fread(body, 1, expected, stdin);
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

/* The answer to a list: the entries that this user could use. If that fails nothing is sent. */
static void listed(const ema_decision *decision, const char *list)
{
	char *mine = NULL;
	if (ema_filter_list(decision, list, strlen(list), &mine) == EMA_OK)
		answer(200, ema_decision_id(decision), NULL, mine);
	else
		answer(503, ema_decision_id(decision), NULL, "");
	ema_text_free(mine);
}

static int is_list(const char *method)
{
	return !strcmp(method, "tools/list") || !strcmp(method, "resources/list") || !strcmp(method, "prompts/list");
}

static void add_text(struct json_object *object, const char *name, const char *text)
{
	json_object_object_add(object, name, json_object_new_string(text ? text : ""));
}

/* { "LIST": [ { "NAME": "VALUE", "text": "TEXT" } ] } */
static struct json_object *content(const char *list, const char *name, const char *value, const char *text)
{
	struct json_object *result = json_object_new_object(), *entries = json_object_new_array(), *entry = json_object_new_object();
	add_text(entry, name, value);
	add_text(entry, "text", text);
	json_object_array_add(entries, entry);
	json_object_object_add(result, list, entries);
	return result;
}

/* What a request is answered with; NULL: there is no such method here. */
static struct json_object *result_of(const ema_decision *decision, const char *method, struct json_object *params, struct json_object *things)
{
	/* The key of the user's account here: what the server does is done in their name. */
	const char *subject = ema_decision_subject(decision);
	struct json_object *result = NULL;
	if (!strcmp(method, "tools/call"))
		return content("content", "type", "text", subject);
	if (!strcmp(method, "resources/read"))
		return content("contents", "uri", json_object_get_string(json_object_object_get(params, "uri")), subject);
	if (!strcmp(method, "ping"))
		return json_object_new_object();
	if (!strcmp(method, "initialize")) {
		result = json_tokener_parse("{\"capabilities\":{\"tools\":{},\"resources\":{}},\"serverInfo\":{\"name\":\"example\",\"version\":\"1\"}}");
		json_object_object_add(result, "protocolVersion", json_object_get(json_object_object_get(params, "protocolVersion")));
	}
	if (is_list(method)) {
		/* "tools/list" is of what stands behind "tools". */
		char name[16] = "";
		struct json_object *list;
		memcpy(name, method, strcspn(method, "/"));
		list = json_object_object_get(things, name);
		result = json_object_new_object();
		json_object_object_add(result, name, list ? json_object_get(list) : json_object_new_array());
	}
	return result;
}

/* What the server is for, after the check. The body is strict JSON, and a message of MCP: that was checked, too. */
static void serve(const ema_decision *decision, const char *body, struct json_object *things)
{
	struct json_object *message = json_tokener_parse(body), *id = NULL, *response = json_object_new_object();
	const char *method = json_object_get_string(json_object_object_get(message, "method"));
	if (!method || !response) {
		answer(503, ema_decision_id(decision), NULL, "");
	} else if (!json_object_object_get_ex(message, "id", &id)) {
		answer(202, ema_decision_id(decision), NULL, "");
	} else {
		struct json_object *result = result_of(decision, method, json_object_object_get(message, "params"), things);
		add_text(response, "jsonrpc", "2.0");
		json_object_object_add(response, "id", json_object_get(id));
		json_object_object_add(response, result ? "result" : "error",
		                       result ? result : json_tokener_parse("{\"code\":-32601,\"message\":\"no such method\"}"));
		const char *text = json_object_to_json_string(response);
		if (is_list(method))
			listed(decision, text);
		else
			answer(200, ema_decision_id(decision), NULL, text);
	}
	json_object_put(response);
	json_object_put(message);
}

static void log_line(void *data, int level, const char *text)
{
	(void)data;
	if (level <= 2)
		fprintf(stderr, "ema: %s\n", text);
}

int main(int argc, char **argv)
{
	static const char own[] = "{\"tools\":[{\"name\":\"get_time\",\"inputSchema\":{\"type\":\"object\"}},{\"name\":\"put_time\",\"inputSchema\":{\"type\":\"object\"}}]}";
	static char body[BODY_MOST + 1];
	size_t length = 0;
	struct json_object *things = NULL;
	ema_decision *decision = NULL;
	ema_request *request = NULL;
	ema_context *context = NULL;
	int status = 1;

	if (argc != 3 && argc != 4) {
		fputs("usage: server EMA.CONF SERVICE [THINGS] <REQUEST\n", stderr);
		return 2;
	}
	if (!(things = argc == 4 ? json_object_from_file(argv[3]) : json_tokener_parse(own))) {
		fprintf(stderr, "server: %s", argc == 4 ? json_util_get_last_err() : "no memory\n");
		return 2;
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
		serve(decision, body, things);
	status = 0;
done:
	ema_decision_free(decision); /* before the context */
	ema_request_free(request);
	ema_free(context);
	json_object_put(things);
	return status;
}
