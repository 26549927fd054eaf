/* emactl who-can and what-can: the answers of a configuration and its directories, without a token. */
#include <stdio.h>
#include <string.h>

#include "emactl.h"

static const char *text(const ema_survey *survey, size_t index, const char *name)
{
	const char *value = ema_survey_text(survey, index, name);
	return value ? value : "";
}

static struct json_object *as_json(const ema_survey *survey)
{
	static const char *const names[] = { "kind", "service", "who", "what", "rule", "text" };
	struct json_object *list = must(json_object_new_array());
	for (size_t i = 0; ema_survey_text(survey, i, "kind"); i++) {
		struct json_object *one = must(json_object_new_object());
		for (size_t k = 0; k < sizeof names / sizeof *names; k++)
			json_add(one, names[k], text(survey, i, names[k]));
		json_add(one, "code", ema_code_name(ema_survey_code(survey, i)));
		json_object_array_add(list, one);
	}
	return list;
}

static void print_row(const ema_survey *survey, size_t i, const char *first)
{
	const char *why = text(survey, i, "text"), *rule = text(survey, i, "rule");
	int code = ema_survey_code(survey, i);
	printf("    %s%s%s", colour(code ? COLOUR_BAD : COLOUR_GOOD), code ? "no  " : "yes ", colour_off());
	print_plain(first);
	if (code)
		printf("  %s", ema_code_name(code));
	fputs(*rule ? "  " : "", stdout);
	print_plain(rule);
	fputs(*why ? ": " : "", stdout);
	print_plain(why);
	putchar('\n');
}

static void print_rules(const ema_survey *survey, const char *service, const char *kind, const char *title, const char *first)
{
	int begun = 0;
	for (size_t i = 0; ema_survey_text(survey, i, "kind"); i++) {
		const char *why = text(survey, i, "text");
		if (strcmp(text(survey, i, "kind"), kind) || strcmp(text(survey, i, "service"), service))
			continue;
		if (!begun++)
			printf("  %s\n", title);
		printf("    ");
		print_plain(text(survey, i, "rule"));
		fputs(": ", stdout);
		print_plain(text(survey, i, first));
		fputs(*why ? " " : "", stdout);
		print_plain(why);
		putchar('\n');
	}
}

/* What is so for everybody, of one service or of all. 1 if there is such a row. */
static int print_for_all(const ema_survey *survey, const char *service, const char *kind)
{
	int some = 0;
	for (size_t i = 0; ema_survey_text(survey, i, "kind"); i++) {
		if (strcmp(text(survey, i, "kind"), kind) || strcmp(text(survey, i, "service"), service))
			continue;
		printf("  %s", colour(COLOUR_WARN));
		print_plain(text(survey, i, "rule"));
		fputs(": ", stdout);
		print_plain(text(survey, i, "text"));
		printf("%s\n", colour_off());
		some = 1;
	}
	return some;
}

static int is_closed(const ema_survey *survey)
{
	for (size_t i = 0; ema_survey_text(survey, i, "kind"); i++)
		if (!strcmp(text(survey, i, "kind"), "closed"))
			return 1;
	return 0;
}

static void print_notes(const ema_survey *survey)
{
	for (size_t i = 0; ema_survey_text(survey, i, "kind"); i++)
		if (!strcmp(text(survey, i, "kind"), "note")) {
			printf("  %snote%s: ", colour(COLOUR_WARN), colour_off());
			print_plain(text(survey, i, "text"));
			putchar('\n');
		}
}

/* Those that may; with -v those that may not, too. */
static int print_people(const ema_survey *survey, int all)
{
	int can = 0, cannot = 0;
	for (size_t i = 0; ema_survey_text(survey, i, "kind"); i++) {
		if (strcmp(text(survey, i, "kind"), "person"))
			continue;
		int refused = ema_survey_code(survey, i) != EMA_OK;
		if (!can && !cannot)
			printf("  people of the directories\n");
		can += !refused;
		cannot += refused;
		if (!refused || all)
			print_row(survey, i, text(survey, i, "who"));
	}
	if (can + cannot)
		printf("    %d can, %d cannot%s\n", can, cannot, cannot && !all ? " (-v shows them)" : "");
	return can;
}

int command_who_can(const struct options *options, int count, char **words)
{
	static const struct {
		const char *kind, *method;
	} kinds[] = { { "tool", "tools/call" }, { "prompt", "prompts/get" }, { "uri", "resources/read" } };
	ema_survey *survey = NULL;
	const char *method = kinds[0].method, *target = count ? words[count - 1] : NULL;
	int64_t now = 0;
	int known = count == 1, grants = 0;
	for (size_t i = 0; count == 2 && i < sizeof kinds / sizeof *kinds; i++)
		if (!strcmp(words[0], kinds[i].kind)) {
			method = kinds[i].method;
			known = 1;
		}
	if (!known)
		return complain("who-can takes the name of a tool, or \"tool\", \"prompt\" or \"uri\" and a name");
	if (!options->service)
		return complain("--service is missing: of which service?");
	if ((now = parse_now(options)) < 0)
		return STATUS_USAGE;
	ema_context *context = context_loaded(options);
	if (!context)
		return STATUS_USAGE;
	int code = ema_who_can(context, options->service, method, target, now, &survey), status = STATUS_USAGE;
	for (size_t i = 0; !code && ema_survey_text(survey, i, "kind"); i++)
		grants += !strcmp(text(survey, i, "kind"), "grant");
	if (code == EMA_UNKNOWN_SERVICE) {
		complain("%s", text(survey, 0, "text"));
		list_services(context);
	} else if (code) {
		complain("%s: %s", target, code == EMA_BAD_REQUEST ? "a name of this form is refused to everybody" : ema_code_meaning(code));
	} else if (options->json) {
		struct json_object *all = must(json_object_new_object());
		json_add(all, "service", options->service);
		json_add(all, "method", method);
		json_add(all, "target", target);
		json_object_object_add(all, "rows", as_json(survey));
		status = print_json(all) ? STATUS_USAGE : grants && !is_closed(survey) ? STATUS_FINE : STATUS_DENY;
	} else {
		printf("%swho can %s ", colour(COLOUR_BOLD), method);
		print_plain(target);
		printf(" of %s%s\n", options->service, colour_off());
		int closed = print_for_all(survey, options->service, "closed"), shadow = !closed && print_for_all(survey, options->service, "shadow");
		print_rules(survey, options->service, "grant", closed ? "grants that would open it" : "grants that open it", "who");
		print_rules(survey, options->service, "deny", "denies, which win", "who");
		if (!grants)
			printf("  no grant opens it: %s\n", shadow ? "shadow mode alone lets in whom no deny refuses" : "nobody can");
		print_people(survey, options->verbose);
		print_notes(survey);
		status = grants && !closed ? STATUS_FINE : STATUS_DENY;
	}
	ema_survey_free(survey);
	ema_free(context);
	return status;
}

int command_what_can(const struct options *options, int count, char **words)
{
	ema_survey *survey = NULL;
	int64_t now = 0;
	/* An address alone is a subject by itself. */
	const char *subject = count ? words[0] : options->email, *email = count ? options->email : NULL;
	int grants = 0, status = STATUS_USAGE, hint = 0;
	if (count > 1 || !subject)
		return complain("what-can takes one word: provider/tenant/sub, or a person of a directory by id or e-mail address");
	if ((now = parse_now(options)) < 0)
		return STATUS_USAGE;
	ema_context *context = context_loaded(options);
	if (!context)
		return STATUS_USAGE;
	int code = ema_what_can(context, subject, email, options->groups, options->roles, now, &survey);
	if (code == EMA_UNKNOWN_SUBJECT)
		complain("%s is neither provider/tenant/sub of a provider of the configuration, nor a person whom a directory lists, nor an e-mail address "
		         "for which one provider alone has the authority", subject);
	else if (code == EMA_WRONG_PROVIDER)
		complain("--email %s: the provider of %s has no authority for that domain, so that its tokens' address does not count", email, subject);
	else if (code == EMA_BAD_REQUEST)
		complain("--email takes an e-mail address, that of a SUBJECT which is provider/tenant/sub");
	else if (code)
		complain("%s", ema_code_meaning(code));
	for (size_t i = 0; !code && ema_survey_text(survey, i, "kind"); i++)
		grants += !strcmp(text(survey, i, "kind"), "grant");
	if (!code && options->json) {
		struct json_object *all = must(json_object_new_object());
		json_add(all, "subject", subject);
		json_object_object_add(all, "rows", as_json(survey));
		status = print_json(all) ? STATUS_USAGE : grants ? STATUS_FINE : STATUS_DENY;
	} else if (!code) {
		for (size_t i = 0; ema_survey_text(survey, i, "kind"); i++) {
			const char *kind = text(survey, i, "kind"), *why = text(survey, i, "text");
			if (!strcmp(kind, "service")) {
				int refused = ema_survey_code(survey, i);
				printf("%s", colour(COLOUR_BOLD));
				print_plain(text(survey, i, "who"));
				printf(" at %s%s%s%s\n", text(survey, i, "service"), colour_off(), refused ? ": nothing, " : "", refused ? ema_code_name(refused) : "");
				if (refused && *why) {
					printf("    ");
					print_plain(text(survey, i, "rule"));
					fputs(*text(survey, i, "rule") ? ": " : "", stdout);
					print_plain(why);
					putchar('\n');
				}
				if (!refused)
					print_for_all(survey, text(survey, i, "service"), "shadow");
				hint |= refused == EMA_UNKNOWN_SUBJECT && strchr(subject, '/') && !email;
			} else if (!strcmp(kind, "tool")) {
				print_row(survey, i, text(survey, i, "what"));
			} else if (!strcmp(kind, "grant") || !strcmp(kind, "deny")) {
				printf("    %s%s%s ", colour(strcmp(kind, "deny") ? COLOUR_GOOD : COLOUR_BAD), strcmp(kind, "deny") ? "may" : "may not", colour_off());
				print_plain(text(survey, i, "what"));
				fputs(*why ? " " : "", stdout);
				print_plain(why);
				printf("  (");
				print_plain(text(survey, i, "rule"));
				printf(")\n");
			}
		}
		print_notes(survey);
		if (hint)
			puts("  where the directory knows people by e-mail address: say which one the token has, with --email");
		status = grants ? STATUS_FINE : STATUS_DENY;
	}
	ema_survey_free(survey);
	ema_free(context);
	return status;
}
