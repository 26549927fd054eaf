/* The public functions of ema/admin.h that answer questions of operators: compiled with visible symbols, as ema.c is. */
#include <stdlib.h>
#include <string.h>

#include "admin.h"
#include "again.h"
#include "assume.h"
#include "context.h"
#include "ema/admin.h"
#include "survey.h"
#include "toolset.h"

#define TEXT_MOST (1024 * 1024) /* of a tools_file, and of a request */

int ema_who_can(ema_context *context, const char *service, const char *method, const char *target, int64_t now, ema_survey **out)
{
	if (!context || !service || !method || !target || !*target || !out)
		return EMA_BAD_REQUEST;
	*out = NULL;
	return context_is_alive(context) ? survey_who(context, service, method, target, now, out) : EMA_AFTER_FORK;
}

int ema_what_can(ema_context *context, const char *subject, const char *email, const char *const *groups, const char *const *roles, int64_t now, ema_survey **out)
{
	struct survey_claims claims = { .email = email, .groups = groups, .roles = roles };
	if (!context || !subject || !out)
		return EMA_BAD_REQUEST;
	*out = NULL;
	while (groups && groups[claims.group_count])
		claims.group_count++;
	while (roles && roles[claims.role_count])
		claims.role_count++;
	return context_is_alive(context) ? survey_what(context, subject, &claims, now, out) : EMA_AFTER_FORK;
}

void ema_survey_free(ema_survey *survey)
{
	survey_free(survey);
}

const char *ema_survey_text(const ema_survey *survey, size_t index, const char *name)
{
	const struct survey_row *row = survey && index < survey->count ? &survey->rows[index] : NULL;
	const struct {
		const char *name, *value;
	} texts[] = { { "kind", row ? row->kind : NULL }, { "service", row ? row->service : NULL }, { "who", row ? row->who : NULL },
		      { "what", row ? row->what : NULL }, { "rule", row ? row->rule : NULL }, { "text", row ? row->text : NULL } };
	for (size_t i = 0; row && name && i < sizeof texts / sizeof *texts; i++)
		if (!strcmp(texts[i].name, name))
			return texts[i].value;
	return NULL;
}

int ema_survey_code(const ema_survey *survey, size_t index)
{
	return survey && index < survey->count ? survey->rows[index].code : -1;
}

int ema_tools_import(const char *answer, size_t length, const char *old, size_t old_length, const char *const *accept, char **file, char **report)
{
	struct buffer text = BUFFER_INIT(TEXT_MOST), said = BUFFER_INIT(TEXT_MOST);
	struct failure failure = FAILURE_INIT;
	if (!file || !report || (!answer && !old))
		return EMA_BAD_REQUEST;
	*file = *report = NULL;
	int code = toolset_import(answer, length, old, old_length, accept, &text, &said, &failure);
	if (text.failed == BUFFER_FULL) {
		failure_clear(&failure);
		code = failure_set(&failure, EMA_TOO_LARGE, "the tools_file would have more than %d bytes, with which none loads: the server has too many tools for "
		                   "one service, or too many names of arguments", TEXT_MOST);
	}
	if (code == EMA_OK || code == EMA_DENIED) {
		*file = buffer_take(&text);
		*report = buffer_take(&said);
		if (!*file || !*report)
			code = EMA_OUT_OF_MEMORY;
	} else {
		*report = strdup(failure.text);
	}
	buffer_free(&text);
	buffer_free(&said);
	return code;
}

int ema_test(ema_context *context, const char *path, ema_findings **out)
{
	if (!context || !path || !out)
		return EMA_BAD_REQUEST;
	ema_findings *findings = calloc(1, sizeof *findings);
	if (!findings)
		return EMA_OUT_OF_MEMORY;
	*out = findings;
	return context_is_alive(context) ? context_expect(context, path, &findings->found) : EMA_AFTER_FORK;
}

int ema_audit_request(const char *line, size_t length, char **out)
{
	struct again again;
	struct failure failure = FAILURE_INIT;
	struct buffer text = BUFFER_INIT(TEXT_MOST);
	if (!line || !out)
		return EMA_BAD_REQUEST;
	int code = again_read(line, length, &again, &failure);
	if (!code)
		again_print(&again, &text);
	else
		buffer_text(&text, failure.text);
	again_clear(&again);
	*out = buffer_take(&text);
	return *out ? code : EMA_OUT_OF_MEMORY;
}

int ema_audit_again(ema_context *context, const char *line, size_t length, const char *state_dir, ema_decision **out, char **why)
{
	struct again again;
	struct failure failure = FAILURE_INIT;
	if (!context || !line || !out || !why)
		return EMA_BAD_REQUEST;
	*out = NULL;
	*why = NULL;
	if (!context_is_alive(context))
		return EMA_AFTER_FORK;
	int code = again_read(line, length, &again, &failure);
	if (!code)
		code = again_decide(context, &again, state_dir, out, &failure);
	again_clear(&again);
	if (!*out && !(*why = strdup(failure.text)))
		code = EMA_OUT_OF_MEMORY;
	return code;
}
