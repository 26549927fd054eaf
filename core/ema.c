/* The public functions, and nothing else: with operator.c the one file of the library that is compiled with visible symbols. */
#include "ema/ema.h"

#include <stdlib.h>
#include <string.h>

#include "admin.h"
#include "codes.h"
#include "context.h"
#include "daemon.h"
#include "decision.h"
#include "ema/admin.h"
#include "http.h"
#include "response.h"
#include "revocation.h"
#include "secret.h"
#include "status.h"

/* ---- Context ---- */

ema_context *ema_new(void)
{
	return context_new();
}

void ema_free(ema_context *context)
{
	context_free(context);
}

void ema_set_log(ema_context *context, ema_log_fn *log, void *data)
{
	context->log = (struct log){ log, data };
}

void ema_set_server(ema_context *context)
{
	context->server = 1;
}

int ema_set_plugin_path(ema_context *context, const char *folders)
{
	char *copy = folders ? strdup(folders) : NULL;
	if (folders && !copy)
		return EMA_OUT_OF_MEMORY;
	free(context->plugin_path);
	context->plugin_path = copy;
	return EMA_OK;
}

int ema_load(ema_context *context, const char *path)
{
	if (!context || !path)
		return EMA_BAD_REQUEST;
	return context_is_alive(context) ? context_load(context, path, NULL, 0, NULL, NULL) : EMA_AFTER_FORK;
}

int ema_load_memory(ema_context *context, const char *text, size_t length, const char *name)
{
	if (!context || !text)
		return EMA_BAD_REQUEST;
	return context_is_alive(context) ? context_load(context, name ? name : "ema.conf", text, length, NULL, NULL) : EMA_AFTER_FORK;
}

int ema_reload(ema_context *context)
{
	if (!context || !context_is_alive(context))
		return context ? EMA_AFTER_FORK : EMA_BAD_REQUEST;
	pthread_mutex_lock(&context->load_lock);
	char *path = context->path ? strdup(context->path) : NULL;
	if (!context->path) {
		struct findings findings = { 0 };
		finding_add(&findings, "E-FILE", "ema.conf", 0, "nothing was loaded from a file, so that there is none to read again");
		context_keep_error(context, &findings);
		findings_free(&findings);
	}
	pthread_mutex_unlock(&context->load_lock);
	int code = path ? context_load(context, path, NULL, 0, NULL, NULL) : EMA_BAD_REQUEST;
	free(path);
	return code;
}

const char *ema_error(const ema_context *context)
{
	if (context && !context_is_alive(context))
		return code_row(EMA_AFTER_FORK)->meaning;
	return context && context->error ? context->error : "";
}

/* ---- Request ---- */

ema_request *ema_request_new(void)
{
	return request_new();
}

void ema_request_free(ema_request *request)
{
	request_free(request);
}

int ema_request_set(ema_request *request, int item, const char *value)
{
	return request && item != REQUEST_CALLER ? request_set(request, item, value) : EMA_BAD_REQUEST;
}

int ema_request_credential(ema_request *request, int kind, const char *credential, size_t length)
{
	return request && credential ? request_credential(request, kind, credential, length) : EMA_BAD_REQUEST;
}

int ema_request_header(ema_request *request, const char *name, const char *value)
{
	return request && name && value ? request_add_header(request, name, value) : EMA_BAD_REQUEST;
}

int ema_request_body(ema_request *request, const void *body, size_t length)
{
	return request && (body || !length) ? request_body(request, body, length) : EMA_BAD_REQUEST;
}

/* ---- HTTP ---- */

int ema_http(ema_context *context, const ema_request *request, uint32_t serve, ema_response **out)
{
	if (!out)
		return EMA_BAD_REQUEST;
	*out = NULL;
	return context && request ? http_answer(context, request, serve, out) : EMA_BAD_REQUEST;
}

void ema_response_free(ema_response *response)
{
	response_free(response);
}

int ema_response_status(const ema_response *response)
{
	return response ? response->status : 500;
}

const char *ema_response_header(const ema_response *response, size_t index, const char **value)
{
	if (!response || index >= response->header_count)
		return NULL;
	if (value)
		*value = response->headers[index].value;
	return response->headers[index].name;
}

const char *ema_response_body(const ema_response *response, size_t *length)
{
	if (length)
		*length = response ? response->body.length : 0;
	return response && response->body.data ? response->body.data : "";
}

/* ---- Decision ---- */

static int decide(ema_context *context, const char *service, const ema_request *request, int flags, int64_t now, ema_decision **out)
{
	ema_decision *decision = NULL;
	if (!context || !request || !service)
		return EMA_BAD_REQUEST;
	int code = context_decide(context, service, request, flags, now, &decision);
	if (out)
		*out = decision;
	else
		decision_free(decision);
	return code;
}

int ema_decide(ema_context *context, const char *service, const ema_request *request, ema_decision **out)
{
	if (out)
		*out = NULL;
	return decide(context, service, request, 0, 0, out);
}

int ema_explain(ema_context *context, const char *service, const ema_request *request, int64_t now, ema_decision **out)
{
	ema_decision *decision = NULL;
	if (out)
		*out = NULL;
	if (!request || !request->body_length)
		return decide(context, service, request, DECIDE_DRY, now, out);
	if (!context || !service)
		return EMA_BAD_REQUEST;
	int code = context_explain(context, service, request, now, &decision);
	if (out)
		*out = decision;
	else
		decision_free(decision);
	return code;
}

static int check(ema_context *context, const char *service, const ema_request *request, const char *method, const char *target, ema_decision **out)
{
	ema_decision *decision = NULL;
	if (out)
		*out = NULL;
	if (!context || !request || !service)
		return EMA_BAD_REQUEST;
	int code = context_check(context, service, request, method, target, &decision);
	if (out)
		*out = decision;
	else
		decision_free(decision);
	return code;
}

int ema_check_mcp(ema_context *context, const char *service, const ema_request *request, ema_decision **out)
{
	return check(context, service, request, NULL, NULL, out);
}

int ema_check(ema_context *context, const char *service, const ema_request *request, const char *method, const char *target, ema_decision **out)
{
	/* Without a method it would be the other function. */
	return check(context, service, request, method ? method : "", target, out);
}

int ema_decision_status(const ema_decision *decision)
{
	return decision && decision->status ? decision->status : code_row(ema_decision_code(decision))->request_status;
}

const char *ema_decision_challenge(const ema_decision *decision)
{
	return decision ? decision->challenge : NULL;
}

const char *ema_decision_rpc_error(const ema_decision *decision)
{
	return decision ? decision->rpc_error : NULL;
}

int64_t ema_decision_renew(const ema_decision *decision)
{
	return decision ? decision->renew : 0;
}

int ema_decision_still(const ema_decision *decision)
{
	return decision ? context_still(decision) : EMA_BAD_REQUEST;
}

int ema_filter_list(const ema_decision *decision, const char *result, size_t length, char **out)
{
	return decision && result && out ? context_filter(decision, result, length, out) : EMA_BAD_REQUEST;
}

void ema_decision_free(ema_decision *decision)
{
	decision_free(decision);
}

int ema_decision_code(const ema_decision *decision)
{
	return decision ? decision->code : EMA_OUT_OF_MEMORY;
}

const char *ema_decision_id(const ema_decision *decision)
{
	return decision ? decision->id : "";
}

const char *ema_decision_user_line(const ema_decision *decision)
{
	return decision && decision->user_line ? decision->user_line : code_row(ema_decision_code(decision))->user;
}

const char *ema_decision_operator_line(const ema_decision *decision)
{
	return decision ? decision->operator_line : "no memory";
}

#define GETTER(name)                                                      \
	const char *ema_decision_##name(const ema_decision *decision)     \
	{                                                                 \
		return decision ? decision->name : NULL;                  \
	}
GETTER(subject)
GETTER(provider)
GETTER(issuer)
GETTER(tenant)
GETTER(sub)
GETTER(client)
GETTER(email)
GETTER(person)
GETTER(actor)
GETTER(resource)

int64_t ema_decision_expires(const ema_decision *decision)
{
	return decision ? decision->expires : 0;
}

static const char *listed(const struct decision_list *list, size_t index)
{
	return index < list->count ? list->list[index] : NULL;
}

const char *ema_decision_group(const ema_decision *decision, size_t index)
{
	return decision ? listed(&decision->groups, index) : NULL;
}

const char *ema_decision_role(const ema_decision *decision, size_t index)
{
	return decision ? listed(&decision->roles, index) : NULL;
}

const char *ema_decision_scope(const ema_decision *decision, size_t index)
{
	return decision ? listed(&decision->scopes, index) : NULL;
}

const char *ema_decision_account(const ema_decision *decision, size_t index)
{
	return decision ? listed(&decision->accounts, index) : NULL;
}

static const struct decision_step *step_at(const ema_decision *decision, size_t index)
{
	return decision && index < decision->step_count ? &decision->steps[index] : NULL;
}

#define STEP(function, member)                                                     \
	const char *function(const ema_decision *decision, size_t index)           \
	{                                                                          \
		const struct decision_step *step = step_at(decision, index);       \
		return step ? step->member : NULL;                                 \
	}
STEP(ema_decision_trace, line)
STEP(ema_step_rule, rule)
STEP(ema_step_stage, stage)
STEP(ema_step_name, name)
STEP(ema_step_control, control)
STEP(ema_step_action, action)
STEP(ema_step_text, text)

int ema_step_code(const ema_decision *decision, size_t index)
{
	const struct decision_step *step = step_at(decision, index);
	return step ? step->code : -1;
}

int ema_step_depth(const ema_decision *decision, size_t index)
{
	const struct decision_step *step = step_at(decision, index);
	return step ? step->depth : -1;
}

/* ---- Revocation ---- */

#define REVOKE_REPORT_MOST (64 * 1024)

static int revocation(ema_context *context, const struct ema_revocation *asked, char **out,
                      int (*run)(struct ema_context *context, const struct ema_revocation *asked, struct buffer *report))
{
	struct buffer report = BUFFER_INIT(REVOKE_REPORT_MOST);
	if (out)
		*out = NULL;
	if (!context || !asked)
		return EMA_BAD_REQUEST;
	int code = context_is_alive(context) ? run(context, asked, &report) : EMA_AFTER_FORK;
	if (out && !report.length)
		buffer_text(&report, code_row(code)->meaning);
	report.failed = 0; /* as much of it as there was room for */
	if (out)
		*out = buffer_take(&report);
	buffer_free(&report);
	return code;
}

int ema_revoke(ema_context *context, const struct ema_revocation *asked, char **out)
{
	return revocation(context, asked, out, revocation_set);
}

int ema_unblock(ema_context *context, const struct ema_revocation *asked, char **out)
{
	return revocation(context, asked, out, revocation_lift);
}

int ema_revoked(ema_context *context, const char *kind, const char *name, ema_marks **out)
{
	if (!context || !out)
		return EMA_BAD_REQUEST;
	*out = calloc(1, sizeof **out);
	if (!*out)
		return EMA_OUT_OF_MEMORY;
	return context_is_alive(context) ? revocation_list(context, kind, name, *out) : EMA_AFTER_FORK;
}

void ema_marks_free(ema_marks *marks)
{
	revocation_list_free(marks);
}

const char *ema_marks_error(const ema_marks *marks)
{
	return marks && marks->error ? marks->error : "";
}

const char *ema_mark_kind(const ema_marks *marks, size_t index)
{
	return marks && index < marks->count ? marks->list[index].kind : NULL;
}

const char *ema_mark_name(const ema_marks *marks, size_t index)
{
	return marks && index < marks->count ? marks->list[index].name : NULL;
}

int64_t ema_mark_before(const ema_marks *marks, size_t index)
{
	return marks && index < marks->count ? marks->list[index].epoch / 1000 : 0;
}

int64_t ema_mark_blocked(const ema_marks *marks, size_t index)
{
	return marks && index < marks->count ? marks->list[index].blocked / 1000 : 0;
}

/* ---- Codes ---- */

const char *ema_version(void)
{
	return EMA_VERSION;
}

const char *ema_code_name(int code)
{
	return code_name(code);
}

const char *ema_code_meaning(int code)
{
	const struct code_row *row = code_row(code);
	return row ? row->meaning : code_row(EMA_INTERNAL)->meaning;
}

/* ---- Operators' tools ---- */

void ema_set_observer(ema_context *context)
{
	context->observer = 1;
}

void ema_set_operator(ema_context *context)
{
	context->operator = 1;
}

int ema_lint(ema_context *context, const char *path, ema_findings **out)
{
	if (!context || !path || !out)
		return EMA_BAD_REQUEST;
	ema_findings *findings = calloc(1, sizeof *findings);
	if (!findings)
		return EMA_OUT_OF_MEMORY;
	*out = findings;
	return context_is_alive(context) ? context_lint(context, path, &findings->found) : EMA_AFTER_FORK;
}

static int load_found(ema_context *context, const char *path, const char *digest, ema_findings **out)
{
	if (!context || !path || !out)
		return EMA_BAD_REQUEST;
	ema_findings *findings = calloc(1, sizeof *findings);
	if (!findings)
		return EMA_OUT_OF_MEMORY;
	*out = findings;
	return context_is_alive(context) ? context_load(context, path, NULL, 0, digest, &findings->found) : EMA_AFTER_FORK;
}

int ema_load_found(ema_context *context, const char *path, ema_findings **out)
{
	return load_found(context, path, NULL, out);
}

int ema_load_same(ema_context *context, const char *path, const char *digest, ema_findings **out)
{
	return load_found(context, path, digest ? digest : "", out);
}

void ema_load_refused(ema_context *context, const char *path, const ema_findings *findings, const char *reason)
{
	if (context && path && context_is_alive(context))
		context_load_refused(context, path, findings ? &findings->found : NULL, reason);
}

void ema_findings_free(ema_findings *findings)
{
	if (findings)
		findings_free(&findings->found);
	free(findings);
}

static const struct finding *finding_at(const ema_findings *findings, size_t index)
{
	return findings && index < findings->found.count ? &findings->found.list[index] : NULL;
}

const char *ema_finding_id(const ema_findings *findings, size_t index)
{
	const struct finding *finding = finding_at(findings, index);
	return finding ? finding->id : NULL;
}

const char *ema_finding_file(const ema_findings *findings, size_t index)
{
	const struct finding *finding = finding_at(findings, index);
	return finding ? finding->file : NULL;
}

int ema_finding_line(const ema_findings *findings, size_t index)
{
	const struct finding *finding = finding_at(findings, index);
	return finding ? finding->line : 0;
}

const char *ema_finding_text(const ema_findings *findings, size_t index)
{
	const struct finding *finding = finding_at(findings, index);
	return finding ? finding->text : NULL;
}

int ema_plugins_list(ema_context *context, ema_plugins **out)
{
	if (!context || !out)
		return EMA_BAD_REQUEST;
	return plugins_list(context, out);
}

void ema_plugins_free(ema_plugins *plugins)
{
	plugins_free(plugins);
}

#define PLUGIN(member)                                                                              \
	const char *ema_plugins_##member(const ema_plugins *plugins, size_t index)                  \
	{                                                                                           \
		return plugins && index < plugins->count ? plugins->list[index].member : NULL;      \
	}
PLUGIN(name)
PLUGIN(path)
PLUGIN(version)
PLUGIN(summary)
PLUGIN(kinds)
PLUGIN(threads)
PLUGIN(abi)
PLUGIN(error)

const char *ema_provider_id(ema_context *context, size_t index)
{
	const struct conf *conf = admin_conf(context);
	return conf && index < conf->provider_count ? conf->providers[index].instance.id : NULL;
}

const char *ema_service_id(ema_context *context, size_t index)
{
	const struct conf *conf = admin_conf(context);
	return conf && index < conf->service_count ? conf->services[index].id : NULL;
}

const char *ema_provider_fact(ema_context *context, const char *id, const char *fact)
{
	return id && fact ? admin_provider_fact(context, id, fact) : NULL;
}

const char *ema_service_fact(ema_context *context, const char *id, const char *fact)
{
	return id && fact ? admin_service_fact(context, id, fact) : NULL;
}

const char *ema_service_scope(ema_context *context, const char *id, size_t index)
{
	const struct conf *conf = admin_conf(context);
	for (size_t i = 0; conf && id && i < conf->service_count; i++)
		if (!strcmp(conf->services[i].id, id) && index < conf->services[i].scope_count)
			return conf->services[i].scopes[index].name;
	return NULL;
}

const char *ema_service_audience(ema_context *context, const char *id, const char *provider, const char *what, size_t index)
{
	return id && provider && what ? admin_service_audience(context, id, provider, what, index) : NULL;
}

const char *ema_client_id(ema_context *context, size_t index)
{
	const struct conf *conf = admin_conf(context);
	return conf && index < conf->client_count ? conf->clients[index].id : NULL;
}

int ema_service_probe(ema_context *context, const char *id, char **out)
{
	return id && out ? admin_service_probe(context, id, out) : EMA_BAD_REQUEST;
}

int ema_provider_probe(ema_context *context, const char *id, char **out)
{
	return id && out ? admin_probe(context, id, out) : EMA_BAD_REQUEST;
}

int ema_keys_list(ema_context *context, const char *path, ema_keys **out)
{
	return context && path && out ? admin_keys_list(context, path, out) : EMA_BAD_REQUEST;
}

int ema_keys_rotate(ema_context *context, const char *path, int now)
{
	return context && path ? admin_keys_rotate(context, path, now) : EMA_BAD_REQUEST;
}

void ema_keys_free(ema_keys *keys)
{
	free(keys);
}

static const struct keyring_entry *key_at(const ema_keys *keys, size_t index)
{
	return keys && index < keys->count ? &keys->list[index] : NULL;
}

const char *ema_key_id(const ema_keys *keys, size_t index)
{
	const struct keyring_entry *key = key_at(keys, index);
	return key ? key->kid : NULL;
}

const char *ema_key_algorithm(const ema_keys *keys, size_t index)
{
	const struct keyring_entry *key = key_at(keys, index);
	return key ? jose_algorithm_name(key->algorithm) : NULL;
}

const char *ema_key_state(const ema_keys *keys, size_t index)
{
	const struct keyring_entry *key = key_at(keys, index);
	return key ? keyring_state_name(key->state) : NULL;
}

int64_t ema_key_time(const ema_keys *keys, size_t index, const char *what)
{
	const struct keyring_entry *key = key_at(keys, index);
	int64_t time = !key || !what ? 0 : !strcmp(what, "published") ? key->published : !strcmp(what, "signs_from") ? key->signs_from :
	               !strcmp(what, "gone_at") ? key->gone_at : 0;
	return time / 1000;
}

int ema_status(ema_context *context, char **out)
{
	struct buffer status = BUFFER_INIT(4 * 1024 * 1024);
	if (!context || !out)
		return EMA_BAD_REQUEST;
	int code = context_is_alive(context) ? status_json(context, &status) : EMA_AFTER_FORK;
	char *taken = code ? NULL : buffer_take(&status);
	buffer_free(&status);
	if (!code && !taken)
		code = EMA_OUT_OF_MEMORY;
	if (!code)
		*out = taken;
	return code;
}

void ema_text_free(char *text)
{
	if (text)
		secret_wipe(text, strlen(text));
	free(text);
}

int ema_audit_verify(const char *const *paths, const char *const *state_dirs, const char *sink, char **out)
{
	if (!paths || !*paths || !out)
		return EMA_BAD_REQUEST;
	struct buffer report = BUFFER_INIT(1024 * 1024);
	int code = audit_verify(paths, state_dirs, sink, &report);
	*out = buffer_take(&report);
	return *out ? code : EMA_OUT_OF_MEMORY;
}

int ema_audit_subject(const char *path, const char *state_dir, const char *subject, int (*take)(void *data, const char *line, size_t length),
                      void *data, char **out)
{
	if (!path || !subject || !*subject || !take || !out)
		return EMA_BAD_REQUEST;
	struct buffer report = BUFFER_INIT(1024 * 1024);
	int code = audit_subject(path, state_dir, subject, take, data, &report);
	*out = buffer_take(&report);
	return *out ? code : EMA_OUT_OF_MEMORY;
}

/* ---- emad ---- */

int ema_daemon_read(const char *path, ema_daemon **out, ema_findings **found)
{
	if (!path || !out || !found)
		return EMA_BAD_REQUEST;
	*out = NULL;
	ema_findings *findings = calloc(1, sizeof *findings);
	if (!findings)
		return EMA_OUT_OF_MEMORY;
	*found = findings;
	return daemon_read(path, out, &findings->found);
}

int ema_daemon_socket(const char *path, char **out)
{
	if (!path || !out)
		return EMA_BAD_REQUEST;
	*out = NULL;
	return daemon_socket(path, out);
}

void ema_daemon_free(ema_daemon *daemon)
{
	daemon_free(daemon);
}

const char *ema_daemon_text(const ema_daemon *daemon, const char *name)
{
	return daemon && name ? daemon_text(daemon, name) : NULL;
}

int64_t ema_daemon_number(const ema_daemon *daemon, const char *name)
{
	return daemon && name ? daemon_number(daemon, name) : 0;
}

int ema_daemon_is_proxy(const ema_daemon *daemon, const char *peer)
{
	return daemon && peer ? conf_is_proxy(daemon->conf, peer) : 0;
}

const char *ema_listener_text(const ema_daemon *daemon, size_t index, const char *name)
{
	return daemon && name ? daemon_listener_text(daemon, index, name) : NULL;
}

int64_t ema_listener_number(const ema_daemon *daemon, size_t index, const char *name)
{
	return daemon && name ? daemon_listener_number(daemon, index, name) : 0;
}

int ema_listener_file(const ema_daemon *daemon, size_t index, const char *name, char **out, ema_findings **found)
{
	if (!daemon || !name || !out || !found)
		return EMA_BAD_REQUEST;
	*out = NULL;
	ema_findings *findings = calloc(1, sizeof *findings);
	if (!findings)
		return EMA_OUT_OF_MEMORY;
	*found = findings;
	return daemon_listener_file(daemon, index, name, out, &findings->found);
}

const char *ema_config_digest(ema_context *context)
{
	const struct conf *conf = admin_conf(context);
	return conf ? conf->digest : NULL;
}

const char *ema_sink_id(ema_context *context, size_t index)
{
	const struct conf *conf = admin_conf(context);
	return conf && index < conf->sink_count ? conf->sinks[index].instance.id : NULL;
}
