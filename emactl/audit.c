#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "emactl.h"

#define LINE_MOST (2 * 1024 * 1024)

static int verify(const struct options *options, const char *const *paths)
{
	char *report = NULL;
	int code = ema_audit_verify(paths, options->states, options->sink, &report);
	must(report);
	if (options->json) {
		struct json_object *all = must(json_object_new_object()), *files = must(json_object_new_array());
		for (size_t i = 0; paths[i]; i++)
			json_object_array_add(files, must(json_object_new_string(paths[i])));
		json_object_object_add(all, "files", files);
		json_object_object_add(all, "holds", must(json_object_new_boolean(code == EMA_OK)));
		json_add(all, "report", report);
		print_json(all);
	} else {
		print_report(report);
	}
	ema_text_free(report);
	return code == EMA_OK ? STATUS_FINE : code == EMA_DENIED ? STATUS_DENY : STATUS_USAGE;
}

static const char *text_of(struct json_object *record, const char *name)
{
	struct json_object *value;
	const char *text = json_object_object_get_ex(record, name, &value) ? json_object_get_string(value) : NULL;
	return text ? text : "";
}

/* The record of a line, which one of OCSF has within it; NULL: it is none. */
static struct json_object *record_of(const char *line)
{
	struct json_object *record = json_tokener_parse(line), *raw = NULL;
	if (json_object_object_get_ex(record, "raw_data", &raw)) {
		struct json_object *inner = json_object_is_type(raw, json_type_string) ? json_tokener_parse(json_object_get_string(raw)) : NULL;
		json_object_put(record);
		record = inner;
	}
	if (json_object_is_type(record, json_type_object))
		return record;
	json_object_put(record);
	return NULL;
}

/* What a check asked, as it could be decided again; NULL: it is no check, or cannot be. */
static struct json_object *request_of(struct json_object *record)
{
	const char *line = json_object_to_json_string_ext(record, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	char *text = NULL;
	int code = ema_audit_request(line, strlen(line), &text);
	struct json_object *request = code == EMA_OK ? json_tokener_parse(text) : NULL;
	ema_text_free(text);
	return request;
}

/* As wide, cut or filled up, with a blank behind it. */
static void print_column(const char *text, size_t width)
{
	char cut[32];
	size_t length = strnlen(text, width);
	while (length && ((unsigned char)text[length] & 0xc0) == 0x80)
		length--; /* within a character */
	snprintf(cut, sizeof cut, "%.*s", (int)length, text);
	print_plain(cut);
	printf("%*s", (int)(width - length + 1), "");
}

enum { TIME, VERDICT, CODE, SERVICE, PROVIDER, CLIENT, SUBJECT, COLUMNS };

/* A terminal that is too narrow for a whole row has it in two lines, of which the first fits into 80 columns. */
#define NARROW 132
static const size_t widths_wide[COLUMNS] = { 24, 7, 18, 14, 14, 12, 12 }, widths_narrow[COLUMNS] = { 19, 7, 18, 12, 9, 8, 12 };

static int is_narrow(void)
{
	struct winsize size;
	return isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col && size.ws_col < NARROW;
}

static void show_titles(int narrow)
{
	static const char *const titles[COLUMNS] = { "TIME", "VERDICT", "CODE", "SERVICE", "PROVIDER", "CLIENT", "SUBJECT" };
	fputs(colour(COLOUR_BOLD), stdout);
	for (size_t i = 0; i < COLUMNS; i++) {
		fputs(narrow && i == SUBJECT ? "\n    " : "", stdout);
		print_column(titles[i], (narrow ? widths_narrow : widths_wide)[i]);
	}
	printf("WHAT, AND WHY%s\n", colour_off());
}

/* What shadow mode kept from happening, or shows of a rule in it. */
static void show_shadow(struct json_object *record, const char *code)
{
	const char *enforced = text_of(record, "enforced"), *rule = text_of(record, "shadow_rule"), *would = text_of(record, "shadow_code");
	if (*enforced && strcmp(enforced, code)) {
		fputs(" [shadow mode: it would be ", stdout);
		print_plain(enforced);
		putchar(']');
	}
	if (*would) {
		fputs(" [in shadow mode: ", stdout);
		print_plain(rule);
		fputs(" would make it ", stdout);
		print_plain(would);
		putchar(']');
	}
}

/* What an operator did: to what, and who says why. */
static void show_act(struct json_object *record)
{
	const char *name = text_of(record, "name"), *person = text_of(record, "person"), *by = text_of(record, "by"), *why = text_of(record, "why");
	print_plain(text_of(record, "what"));
	fputs(*name || *person ? " " : "", stdout);
	print_plain(*name ? name : person);
	fputs(*text_of(record, "block") ? ", blocked" : "", stdout);
	fputs(*by ? ", by " : "", stdout);
	print_plain(by);
	fputs(*why ? ": " : "", stdout);
	print_plain(why);
	fputs(*text_of(record, "reason") ? ": " : "", stdout);
}

/* One record as a row; the reason has the rest of the line, or one of its own. */
static void show_row(struct json_object *record, int narrow)
{
	const size_t *width = narrow ? widths_narrow : widths_wide;
	const char *verdict = text_of(record, "verdict"), *code = text_of(record, "code"), *kind = text_of(record, "kind");
	const int permit = !strcmp(verdict, "permit"), act = *text_of(record, "what") != 0;
	print_column(text_of(record, "time"), width[TIME]);
	fputs(!*verdict ? "" : colour(permit ? COLOUR_GOOD : COLOUR_BAD), stdout);
	print_column(*verdict ? verdict : "-", width[VERDICT]);
	fputs(colour_off(), stdout);
	print_column(*code && !act ? code : kind, width[CODE]);
	print_column(text_of(record, "service"), width[SERVICE]);
	print_column(text_of(record, "provider"), width[PROVIDER]);
	/* Who redeems says so; of a check the token does. */
	print_column(*text_of(record, "client") ? text_of(record, "client") : text_of(record, "token_client"), width[CLIENT]);
	/* Of a check, what was asked for. */
	const char *method = text_of(record, "method"), *target = text_of(record, "target"), *reason = text_of(record, "reason");
	const char *who = text_of(record, "subject"), *rule = text_of(record, "rule");
	struct json_object *request = request_of(record), *arguments = NULL;
	if (narrow && (*who || *method || *target || *reason || act))
		fputs("\n    ", stdout);
	if (!narrow || *who || *method || *target || *reason || act)
		print_column(who, width[SUBJECT]); /* a pseudonym's beginning tells it from others */
	if (act)
		show_act(record);
	print_plain(method);
	fputs(*method && *target ? " " : "", stdout);
	print_plain(target);
	if (request && json_object_object_get_ex(request, "arguments", &arguments)) {
		putchar(' ');
		print_plain(json_object_to_json_string_ext(arguments, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	}
	fputs(*method && (*rule || *reason) ? ": " : "", stdout);
	print_plain(rule);
	fputs(*rule && *reason ? ": " : "", stdout);
	print_plain(reason);
	show_shadow(record, code);
	putchar('\n');
	json_object_put(request);
}

static int take_line(void *data, const char *line, size_t length)
{
	struct json_object *all = data;
	if (!all && !isatty(STDOUT_FILENO))
		return fwrite(line, 1, length, stdout) != length || putchar('\n') == EOF;
	char *text = must(strndup(line, length));
	if (!all) {
		print_plain(text);
		free(text);
		return putchar('\n') == EOF;
	}
	struct json_object *record = json_tokener_parse(text);
	free(text);
	return json_object_array_add(all, must(record));
}

/* The lines as they are, but for a terminal, for whoever asked for what is known of them; what cannot be known goes to standard error. */
static int subject(const struct options *options, const char *who, const char *path)
{
	char *report = NULL;
	if (options->states[0] && options->states[1])
		return complain("audit subject takes one --state: the state_dir of the writer");
	if (!*who)
		return complain("audit subject takes provider/tenant/sub, or a name: this one is empty");
	struct json_object *all = options->json ? must(json_object_new_array()) : NULL;
	int code = ema_audit_subject(path, options->states[0], who, take_line, all, &report);
	must(report);
	if (all) {
		struct json_object *object = must(json_object_new_object());
		json_object_object_add(object, "records", all);
		json_add(object, "report", report);
		print_json(object);
	} else {
		fputs(report, stderr);
	}
	ema_text_free(report);
	return code == EMA_OK && !fflush(stdout) ? STATUS_FINE : STATUS_USAGE;
}

/* Is the record of provider/tenant, "-" for no tenant? Who is shown those of one tenant sees none that names another, or nobody. */
static int is_of(struct json_object *record, const char *tenant)
{
	const char *provider = text_of(record, "provider"), *of = text_of(record, "tenant");
	size_t length = strcspn(tenant, "/");
	return length && !strncmp(provider, tenant, length) && !provider[length] && !strcmp(*of ? of : "-", tenant + length + 1);
}

static int show(const struct options *options, const char *path)
{
	if (options->tenant && !strchr(options->tenant, '/'))
		return complain("--tenant %s: write PROVIDER/TENANT, or PROVIDER/- for what a provider without tenants vouched for", options->tenant);
	FILE *file = !strcmp(path, "-") ? stdin : fopen(path, "re");
	if (!file)
		return complain("%s: %s", path, strerror(errno));
	char *line = must(malloc(LINE_MOST));
	struct json_object *all = options->json ? must(json_object_new_array()) : NULL;
	int status = STATUS_FINE;
	size_t number = 0;
	int narrow = is_narrow();
	if (!all)
		show_titles(narrow);
	while (fgets(line, LINE_MOST, file)) {
		number++;
		struct json_object *record = record_of(line);
		if (!record) {
			complain("%s:%zu: this line is no record; `emactl audit verify` says what is wrong", path, number);
			status = STATUS_DENY;
			continue;
		}
		if (options->tenant && !is_of(record, options->tenant)) {
			json_object_put(record);
		} else if (all) {
			json_object_array_add(all, record);
		} else {
			show_row(record, narrow);
			json_object_put(record);
		}
	}
	if (ferror(file))
		status = complain("%s: %s", path, strerror(errno));
	if (all) {
		struct json_object *object = must(json_object_new_object());
		json_object_object_add(object, "records", all);
		print_json(object);
	}
	if (file != stdin)
		fclose(file);
	free(line);
	return status;
}

int command_audit(const struct options *options, int count, char **words)
{
	if (count >= 2 && !strcmp(words[0], "verify"))
		return verify(options, (const char *const *)(words + 1)); /* of main(): NULL ends them */
	if (count == 2 && !strcmp(words[0], "show"))
		return show(options, words[1]);
	if (count == 3 && !strcmp(words[0], "subject"))
		return subject(options, words[1], words[2]);
	return complain("audit takes `verify FILE...`, `show FILE` or `subject SUBJECT FILE`");
}
