/* What is served for a service, held against its configuration: for `emactl check --live`. */
#include <stdlib.h>
#include <string.h>

#include "admin.h"
#include "buffer.h"
#include "discovery.h"
#include "resource.h"

#define REPORT_MOST (64 * 1024)
#define PROBE_MS 10000
#define HOST_ROOM 256

struct probe {
	struct ema_context *context;
	const struct conf *conf;
	struct buffer report;
	int code; /* the first that was not EMA_OK; what is wrong wins over what is not there */
};

static void judge(struct probe *probe, int code)
{
	int away = probe->code == EMA_UNAVAILABLE || probe->code == EMA_TIMEOUT;
	if (!probe->code || (away && code))
		probe->code = code;
}

/* The operator wrote these URLs, so that their hosts may have private addresses. */
static void host_of(const char *url, char host[HOST_ROOM])
{
	const char *from = strstr(url, "://");
	from = from ? from + 3 : url;
	size_t length = *from == '[' ? strcspn(++from, "]") : strcspn(from, ":/?#");
	if (length >= HOST_ROOM)
		length = 0;
	memcpy(host, from, length);
	host[length] = 0;
}

/* 1 if there is a JSON object to be compared; free it with json_free(). */
static int fetched(struct probe *probe, const char *url, struct json *json)
{
	char host[HOST_ROOM];
	const char *hosts[] = { host };
	const struct conf *conf = probe->conf;
	struct fetch_rules rules = conf_fetch_rules(&conf->fetch);
	const struct fetch_request request = { .url = url, .max_bytes = DISCOVERY_BYTES_MOST, .deadline_ms = PROBE_MS };
	struct fetch_answer answer = { 0 };
	struct failure failure = FAILURE_INIT;
	host_of(url, host);
	rules.insecure_http = conf->insecure_http;
	rules.internal_hosts = hosts;
	rules.internal_host_count = 1;
	buffer_printf(&probe->report, "  GET %s\n", url);
	int code = trust_fetch(probe->context->trust, &rules, &request, &answer, &failure);
	if (!code && answer.status != 200) {
		buffer_printf(&probe->report, "    HTTP status %d: it is not served there\n", answer.status);
		code = EMA_UNAVAILABLE;
	} else if (!code) {
		code = json_parse(answer.body, answer.length, &json_limits_document, json, &failure);
		if (code)
			buffer_printf(&probe->report, "    wrong: %s\n", failure.text);
	} else {
		buffer_printf(&probe->report, "    failed: %s\n", failure.text);
	}
	free(answer.body);
	judge(probe, code);
	return !code;
}

static void compare(struct probe *probe, const struct json *json, const char *name, const char *wanted)
{
	char difference[512];
	const char *got = json_string(json_member(json, json_root(json), name));
	if (got && !strcmp(got, wanted)) {
		buffer_printf(&probe->report, "    %s: identical, byte for byte\n", name);
		return;
	}
	if (got)
		discovery_difference(wanted, got, difference, sizeof difference);
	buffer_printf(&probe->report, "    wrong: %s: %s\n", name, got ? difference : "it is no string, or not there");
	judge(probe, EMA_BAD_CLAIM);
}

static void compare_list(struct probe *probe, const struct json *json, const char *name, const char *wanted)
{
	const struct json_node *list = json_member(json, json_root(json), name);
	for (const struct json_node *item = json_first(json, list); item; item = json_next(json, item))
		if (json_string(item) && !strcmp(json_string(item), wanted)) {
			buffer_printf(&probe->report, "    %s: has it, byte for byte\n", name);
			return;
		}
	buffer_printf(&probe->report, "    wrong: %s: does not have \"%.300s\"\n", name, wanted);
	judge(probe, EMA_BAD_CLAIM);
}

static void probe_issuer(struct probe *probe, const char *issuer)
{
	char *urls[DISCOVERY_PLACES] = { NULL };
	struct json json = { 0 };
	size_t count = discovery_urls(issuer, NULL, urls);
	buffer_printf(&probe->report, "authorization server %s, the audience of assertions\n", issuer);
	if (!count)
		judge(probe, EMA_OUT_OF_MEMORY);
	else if (fetched(probe, urls[0], &json))
		compare(probe, &json, "issuer", issuer);
	json_free(&json);
	for (size_t i = 0; i < count; i++)
		free(urls[i]);
}

static void probe_resource(struct probe *probe, const char *resource, const char *issuer)
{
	char *url = resource_metadata_url(resource);
	struct json json = { 0 };
	buffer_printf(&probe->report, "resource %s\n", resource);
	if (!url) {
		judge(probe, EMA_OUT_OF_MEMORY);
	} else if (fetched(probe, url, &json)) {
		compare(probe, &json, "resource", resource);
		compare_list(probe, &json, "authorization_servers", issuer);
	}
	json_free(&json);
	free(url);
}

int admin_service_probe(struct ema_context *context, const char *id, char **out)
{
	struct probe probe = { .context = context, .report = BUFFER_INIT(REPORT_MOST), .code = EMA_CONFIG };
	struct snapshot *snapshot = context ? context_snapshot(context) : NULL;
	probe.conf = snapshot ? snapshot->conf : NULL;
	for (size_t i = 0; probe.conf && i < probe.conf->service_count; i++) {
		const struct conf_service *service = &probe.conf->services[i];
		if (strcmp(service->id, id))
			continue;
		probe.code = EMA_OK;
		probe_issuer(&probe, service->issuer);
		probe_resource(&probe, service->resource, service->issuer);
	}
	snapshot_release(snapshot);
	*out = buffer_take(&probe.report);
	return *out ? probe.code : EMA_OUT_OF_MEMORY;
}
