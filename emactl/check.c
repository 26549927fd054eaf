#include <stdio.h>
#include <string.h>

#include "emactl.h"

static void for_person(const ema_findings *findings)
{
	for (size_t i = 0; ema_finding_id(findings, i); i++) {
		const char *id = ema_finding_id(findings, i);
		printf("%s:%d: %s%s%s: ", ema_finding_file(findings, i), ema_finding_line(findings, i),
		       colour(id[0] == 'E' ? COLOUR_BAD : id[0] == 'W' ? COLOUR_WARN : COLOUR_DIM), id, colour_off());
		print_plain(ema_finding_text(findings, i));
		putchar('\n');
	}
}

struct json_object *findings_json(const ema_findings *findings)
{
	struct json_object *list = must(json_object_new_array());
	for (size_t i = 0; ema_finding_id(findings, i); i++) {
		struct json_object *one = must(json_object_new_object());
		json_add(one, "id", ema_finding_id(findings, i));
		json_add(one, "file", ema_finding_file(findings, i));
		json_object_object_add(one, "line", must(json_object_new_int(ema_finding_line(findings, i))));
		json_add(one, "text", ema_finding_text(findings, i));
		json_object_array_add(list, one);
	}
	return list;
}

/* The report of a probe, which it frees. */
static void tell_probe(const char *kind, const char *id, int code, enum colour how, const char *said, char *report, struct json_object *list)
{
	must(report);
	if (list) {
		struct json_object *one = must(json_object_new_object());
		json_add(one, kind, id);
		json_add(one, "code", ema_code_name(code));
		json_add(one, "report", report);
		json_object_array_add(list, one);
	} else {
		printf("\n%s%s %s%s: %s%s%s\n", colour(COLOUR_BOLD), kind, id, colour_off(), colour(how), said, colour_off());
		print_report(report);
	}
	ema_text_free(report);
}

/* Asks every provider for its keys, and looks at what is served for every service. How many did not answer well; -1: the
   configuration was not loaded. */
static int probe_all(const struct options *options, struct json_object *list)
{
	int bad = 0;
	ema_context *context = context_loaded(options);
	if (!context)
		return -1;
	for (size_t i = 0; ema_provider_id(context, i); i++) {
		char *report = NULL;
		int code = ema_provider_probe(context, ema_provider_id(context, i), &report);
		bad += code != EMA_OK;
		tell_probe("provider", ema_provider_id(context, i), code, code ? COLOUR_BAD : COLOUR_GOOD, code ? ema_code_name(code) : "keys fetched",
		           report, list);
	}
	for (size_t i = 0; ema_service_id(context, i); i++) {
		char *report = NULL;
		int code = ema_service_probe(context, ema_service_id(context, i), &report);
		int away = code == EMA_UNAVAILABLE || code == EMA_TIMEOUT; /* a service that is not live yet is no mistake */
		bad += code != EMA_OK && !away;
		tell_probe("service", ema_service_id(context, i), code, away ? COLOUR_WARN : code ? COLOUR_BAD : COLOUR_GOOD,
		           away ? "not served, as seen from here" : code ? "differs from what is served" : "served as configured", report, list);
	}
	ema_free(context);
	return bad;
}

int command_check(const struct options *options, int count, char **words)
{
	ema_findings *findings = NULL;
	struct json_object *live = options->json && options->live ? must(json_object_new_array()) : NULL;
	int errors = 0, warnings = 0, bad = 0;
	(void)words;
	if (count)
		return complain("check takes no words; the file is named with -c FILE");
	ema_context *context = context_for(options);
	int code = ema_lint(context, options->config, &findings);
	must(findings);
	for (size_t i = 0; ema_finding_id(findings, i); i++)
		switch (ema_finding_id(findings, i)[0]) {
		case 'E': errors++; break;
		case 'W': warnings++; break;
		default: break; /* a note */
		}
	if (!options->json)
		for_person(findings);
	if (options->live && code == EMA_OK)
		bad = probe_all(options, live);
	if (options->json) {
		struct json_object *all = must(json_object_new_object());
		json_add(all, "file", options->config);
		json_object_object_add(all, "loads", must(json_object_new_boolean(code == EMA_OK)));
		json_object_object_add(all, "findings", findings_json(findings));
		if (live)
			json_object_object_add(all, "live", live);
		if (print_json(all))
			code = EMA_INTERNAL;
	} else {
		printf("%s%s%s: %s%s, %d error%s, %d warning%s\n", options->live ? "\n" : "", colour(code ? COLOUR_BAD : COLOUR_GOOD), options->config,
		       code ? "would not load" : "loads", colour_off(), errors, errors == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
	}
	ema_findings_free(findings);
	ema_free(context);
	if (code != EMA_OK && code != EMA_CONFIG)
		return STATUS_USAGE;
	return errors || warnings || bad ? STATUS_DENY : STATUS_FINE;
}
