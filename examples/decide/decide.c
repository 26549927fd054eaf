/*
 * What an MCP server does with libemacore: one context for the process, one call for each credential.
 *
 *     decide EMA.CONF SERVICE
 *
 * reads lines "id_jag CLIENT CREDENTIAL" or "access_token CLIENT CREDENTIAL", decides for real (an ID-JAG is used up, audit is
 * written), and answers each with a line of fields separated by tabs:
 *
 *     CODE  CORRELATION-ID  SUBJECT  GROUPS  LINE-FOR-THE-USER  LINE-FOR-THE-OPERATOR
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ema/ema.h>

static const char *or_dash(const char *text)
{
	return text && *text ? text : "-";
}

static void answer(const ema_decision *decision)
{
	const char *group;

	printf("%s\t%s\t%s\t", ema_code_name(ema_decision_code(decision)), ema_decision_id(decision), or_dash(ema_decision_subject(decision)));
	for (size_t i = 0; (group = ema_decision_group(decision, i)); i++)
		printf("%s%s", i ? "," : "", group);
	if (!ema_decision_group(decision, 0))
		putchar('-');
	printf("\t%s\t%s\n", or_dash(ema_decision_user_line(decision)), or_dash(ema_decision_operator_line(decision)));
}

static int decide(ema_context *context, const char *service, const char *kind, const char *client, const char *credential)
{
	ema_request *request = ema_request_new();
	ema_decision *decision = NULL;
	int code = EMA_OUT_OF_MEMORY;

	if (!request)
		return code;
	/* The client is the one that your server or token endpoint has authenticated, never what the credential says. */
	code = ema_request_set(request, EMA_REQUEST_CLIENT_ID, client);
	if (code == EMA_OK)
		code = ema_request_credential(request, strcmp(kind, "id_jag") ? EMA_CREDENTIAL_ACCESS_TOKEN : EMA_CREDENTIAL_ID_JAG,
		                              credential, strlen(credential));
	if (code == EMA_OK) {
		code = ema_decide(context, service, request, &decision);
		if (decision)
			answer(decision);
	}
	if (!decision) /* it never came to a decision: that is a no */
		printf("%s\t-\t-\t-\t-\t-\n", ema_code_name(code == EMA_OK ? EMA_INTERNAL : code));
	fflush(stdout);
	ema_decision_free(decision);
	ema_request_free(request);
	return code;
}

static void log_line(void *data, int level, const char *text)
{
	(void)data;
	if (level <= 2)
		fprintf(stderr, "ema: %s\n", text);
}

int main(int argc, char **argv)
{
	static char line[70000];
	ema_context *context = NULL;
	int status = 1;

	if (argc != 3) {
		fputs("usage: decide EMA.CONF SERVICE <LINES\n", stderr);
		return 2;
	}
	if (!(context = ema_new())) {
		fputs("decide: no memory\n", stderr);
		return 1;
	}
	ema_set_log(context, log_line, NULL);
	if (getenv("EMA_PLUGIN_PATH")) /* plugins of an uninstalled build */
		ema_set_plugin_path(context, getenv("EMA_PLUGIN_PATH"));
	if (ema_load(context, argv[1]) != EMA_OK) {
		fprintf(stderr, "%s\n", ema_error(context));
		goto done;
	}
	while (fgets(line, sizeof line, stdin)) {
		char *client = NULL, *credential = NULL;
		line[strcspn(line, "\n")] = 0;
		if ((client = strchr(line, ' ')))
			*client++ = 0;
		if (client && (credential = strchr(client, ' ')))
			*credential++ = 0;
		if (!credential) {
			fputs("decide: a line is KIND CLIENT CREDENTIAL\n", stderr);
			goto done;
		}
		decide(context, argv[2], line, client, credential);
	}
	status = 0;
done:
	ema_free(context);
	return status;
}
