#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"

#define FINDINGS_MOST 12000 /* more than a table of expectations has cases */
#define FINDING_TEXT_MOST 2048

static void finding_put(struct findings *findings, const char *id, const char *file, int line, const char *format, va_list arguments)
	__attribute__((format(printf, 5, 0)));

static void finding_put(struct findings *findings, const char *id, const char *file, int line, const char *format, va_list arguments)
{
	int error = id[0] == 'E';
	struct finding finding = { NULL, NULL, line, NULL };
	struct buffer text = BUFFER_INIT(FINDING_TEXT_MOST);
	/* Counted first: whatever happens to the text, the configuration is refused. */
	findings->errors += error;
	if (findings->count >= FINDINGS_MOST)
		return;
	if (buffer_vprintf(&text, format, arguments)) {
		buffer_clear(&text);
		buffer_text(&text, "(too long to show)");
	}
	for (size_t i = 0; i < text.length; i++)
		if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f)
			text.data[i] = '?';
	finding.id = strdup(id);
	finding.file = strdup(file ? file : "");
	finding.text = buffer_take(&text);
	struct finding *list = NULL;
	if (finding.id && finding.file && finding.text)
		list = realloc(findings->list, (findings->count + 1) * sizeof *list);
	if (!list) {
		findings->out_of_memory = 1;
		findings->errors += !error;
		free(finding.id);
		free(finding.file);
		free(finding.text);
		return;
	}
	findings->list = list;
	list[findings->count++] = finding;
}

void finding_add(struct findings *findings, const char *id, const char *file, int line, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	finding_put(findings, id, file, line, format, arguments);
	va_end(arguments);
}

void finding_node(struct findings *findings, const char *id, const struct conf_node *node, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	finding_put(findings, id, node ? node->file : "", node ? node->line : 0, format, arguments);
	va_end(arguments);
}

void findings_free(struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		free(findings->list[i].id);
		free(findings->list[i].file);
		free(findings->list[i].text);
	}
	free(findings->list);
	*findings = (struct findings){ NULL, 0, 0, 0 };
}
