/* emactl test: a table of expectations against a configuration. */
#include <stdio.h>
#include <string.h>

#include "emactl.h"

static void for_person(const ema_findings *findings, int all)
{
	for (size_t i = 0; ema_finding_id(findings, i); i++) {
		const char *id = ema_finding_id(findings, i);
		if (!all && !strcmp(id, "N-HOLDS"))
			continue;
		printf("%s:%d: %s%s%s: ", ema_finding_file(findings, i), ema_finding_line(findings, i),
		       colour(id[0] == 'E' ? COLOUR_BAD : id[0] == 'W' ? COLOUR_WARN : COLOUR_GOOD), id, colour_off());
		print_plain(ema_finding_text(findings, i));
		putchar('\n');
	}
}

int command_test(const struct options *options, int count, char **words)
{
	ema_findings *findings = NULL;
	int held = 0, failed = 0, warnings = 0, status = STATUS_USAGE;
	if (count != 1)
		return complain("test takes one word: the file with the table of expectations");
	ema_context *context = context_loaded(options);
	if (!context)
		return STATUS_USAGE;
	int code = ema_test(context, words[0], &findings);
	must(findings);
	for (size_t i = 0; ema_finding_id(findings, i); i++) {
		held += !strcmp(ema_finding_id(findings, i), "N-HOLDS");
		failed += !strcmp(ema_finding_id(findings, i), "E-EXPECTED");
		warnings += ema_finding_id(findings, i)[0] == 'W';
	}
	status = code == EMA_OK ? STATUS_FINE : code == EMA_DENIED ? STATUS_DENY : STATUS_USAGE;
	if (options->json) {
		struct json_object *all = must(json_object_new_object());
		json_add(all, "file", words[0]);
		json_object_object_add(all, "holds", must(json_object_new_boolean(code == EMA_OK)));
		json_object_object_add(all, "held", must(json_object_new_int(held)));
		json_object_object_add(all, "failed", must(json_object_new_int(failed)));
		json_object_object_add(all, "findings", findings_json(findings));
		if (print_json(all))
			status = STATUS_USAGE;
	} else {
		for_person(findings, options->verbose);
		if (status == STATUS_USAGE)
			printf("%s%s%s: cannot be held against %s", colour(COLOUR_BAD), words[0], colour_off(), options->config);
		else
			printf("%s%s%s: %d expectation%s, %d failed", colour(failed ? COLOUR_BAD : warnings ? COLOUR_WARN : COLOUR_GOOD), words[0], colour_off(),
			       held + failed, held + failed == 1 ? "" : "s", failed);
		if (warnings)
			printf(", %d warning%s", warnings, warnings == 1 ? "" : "s");
		putchar('\n');
	}
	ema_findings_free(findings);
	ema_free(context);
	return status;
}
