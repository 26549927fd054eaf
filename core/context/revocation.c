#define _GNU_SOURCE /* asprintf */
#include "revocation.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "context.h"
#include "principal.h"

#define REVOKE_MS 5000        /* for all of the store's work */
#define REVOKE_DIRECTORY_MS 2000
#define REVOKE_NAME_MOST 9300 /* a subject: three parts of 1,024 bytes, each of them %XX */
#define REVOKE_WORD_MOST 200  /* by, reason: more is refused, not cut */
#define REVOKE_NAMES_SHOWN 20
#define REVOKE_WAIT_MS 20

struct revocation {
	struct ema_context *context;
	struct snapshot *snapshot;
	const char *kind, *name;
	struct buffer *report;
	struct mark_target *targets;
	size_t count;
	char **memory; /* what targets point into */
	size_t memory_count;
	/* For the record. */
	const char *provider, *tenant, *sub;
	int64_t until; /* monotonic milliseconds */
	int silent;    /* a directory did not say whether it knows the person */
};

__attribute__((format(printf, 3, 4))) static int refuse(struct revocation *r, int code, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	buffer_vprintf(r->report, format, arguments);
	va_end(arguments);
	return code;
}

static int no_memory(struct revocation *r)
{
	return refuse(r, EMA_OUT_OF_MEMORY, "no memory");
}

static int target_add(struct revocation *r, struct mark_target target)
{
	struct mark_target *more = reallocarray(r->targets, r->count + 1, sizeof *more);
	if (!more)
		return no_memory(r);
	r->targets = more;
	r->targets[r->count++] = target;
	return EMA_OK;
}

/* memory is freed with the rest, also if this fails. */
static int memory_keep(struct revocation *r, char *memory)
{
	char **more = reallocarray(r->memory, r->memory_count + 1, sizeof *more);
	if (!more) {
		free(memory);
		return no_memory(r);
	}
	r->memory = more;
	r->memory[r->memory_count++] = memory;
	return EMA_OK;
}

static int64_t left(const struct revocation *r)
{
	int64_t ms = r->until - clock_monotonic(&r->context->clock);
	return ms > 0 ? ms : 0;
}

/* ---- What a name stands for ---- */

/* "; there are: a, b" of what ema.conf has. */
static void show_name(struct revocation *r, size_t *shown, const char *name)
{
	if (*shown < REVOKE_NAMES_SHOWN)
		buffer_printf(r->report, "%s%s", *shown ? ", " : "; there are: ", name);
	else if (*shown == REVOKE_NAMES_SHOWN)
		buffer_text(r->report, ", ...");
	++*shown;
}

static int unknown_provider(struct revocation *r, const char *id)
{
	size_t shown = 0;
	refuse(r, EMA_ABSENT, "ema.conf has no provider \"%.200s\"", id);
	for (size_t i = 0; i < r->snapshot->conf->provider_count; i++)
		show_name(r, &shown, r->snapshot->conf->providers[i].instance.id);
	return EMA_ABSENT;
}

static int resolve_everything(struct revocation *r)
{
	if (r->name && *r->name)
		return refuse(r, EMA_BAD_REQUEST, "everything has no name");
	return target_add(r, (struct mark_target){ .kind = MARK_EVERYTHING });
}

static int resolve_provider(struct revocation *r)
{
	r->provider = r->name;
	if (snapshot_provider(r->snapshot, r->name) == SIZE_MAX)
		return unknown_provider(r, r->name);
	return target_add(r, (struct mark_target){ .kind = MARK_PROVIDER, .name = r->name });
}

static int resolve_service(struct revocation *r)
{
	const struct conf *conf = r->snapshot->conf;
	size_t shown = 0;
	if (snapshot_service(r->snapshot, r->name))
		return target_add(r, (struct mark_target){ .kind = MARK_SERVICE, .name = r->name });
	refuse(r, EMA_ABSENT, "ema.conf has no service \"%.200s\"", r->name);
	for (size_t i = 0; i < conf->service_count; i++)
		show_name(r, &shown, conf->services[i].id);
	return EMA_ABSENT;
}

static int is_client(const struct conf *conf, const char *id)
{
	for (size_t i = 0; i < conf->client_count; i++)
		if (!strcmp(conf->clients[i].id, id))
			return 1;
	for (size_t i = 0; i < conf->service_count; i++)
		for (size_t k = 0; k < conf->services[i].audience_count; k++)
			if (conf_has_string(&conf->services[i].audiences[k].clients, id))
				return 1;
	return 0;
}

/* One that was taken out of ema.conf may still have tokens, and one with a document is nowhere in it: marked, but not in silence. */
static int resolve_client(struct revocation *r)
{
	const struct conf *conf = r->snapshot->conf;
	size_t shown = 0;
	if (!is_client(conf, r->name)) {
		buffer_printf(r->report, "note: ema.conf names no client \"%.200s\": marked all the same, for tokens that it may have had before", r->name);
		for (size_t i = 0; i < conf->client_count; i++)
			show_name(r, &shown, conf->clients[i].id);
		buffer_char(r->report, '\n');
	}
	return target_add(r, (struct mark_target){ .kind = MARK_CLIENT, .name = r->name });
}

static void show_tenants(struct revocation *r, size_t provider)
{
	const struct instance *instance = r->snapshot->providers[provider].instance;
	size_t shown = 0;
	for (size_t d = 0; d < instance_declared_count(instance); d++) {
		const struct declared *declared = instance_declared(instance, d);
		for (size_t i = 0; i < declared->tenant_count; i++)
			show_name(r, &shown, declared->tenants[i]);
		for (size_t i = 0; i < declared->name_count; i++)
			if (declared->names[i].tenant && (!i || !declared->names[i - 1].tenant || strcmp(declared->names[i - 1].tenant, declared->names[i].tenant)))
				show_name(r, &shown, declared->names[i].tenant);
	}
	if (!shown)
		buffer_text(r->report, ": it has no tenants, for which '-' stands");
}

/* Provider and tenant of a subject; *provider is its number. */
static int place_check(struct revocation *r, const struct subject *subject, size_t *provider)
{
	*provider = snapshot_provider(r->snapshot, subject->provider);
	if (*provider == SIZE_MAX)
		return unknown_provider(r, subject->provider);
	int has = subject->tenant ? snapshot_tenant(r->snapshot, *provider, subject->tenant) : snapshot_issuer(r->snapshot, *provider, NULL) ? 1 : 0;
	if (!has) {
		if (subject->tenant)
			refuse(r, EMA_ABSENT, "provider \"%.200s\" has no tenant \"%.200s\"", subject->provider, subject->tenant);
		else
			refuse(r, EMA_ABSENT, "a subject of provider \"%.200s\" has a tenant", subject->provider);
		show_tenants(r, *provider);
		return EMA_ABSENT;
	}
	if (has < 0)
		buffer_printf(r->report, "note: provider \"%.200s\" takes any tenant: whether there is \"%.200s\" is not known\n", subject->provider,
		              subject->tenant);
	return EMA_OK;
}

static int resolve_tenant(struct revocation *r)
{
	struct subject subject;
	char *whole = NULL, *memory = NULL;
	size_t provider;
	if (asprintf(&whole, "%s/x", r->name) < 0)
		return no_memory(r);
	int code = subject_parse(whole, &subject, &memory);
	free(whole);
	if (code == EMA_OUT_OF_MEMORY)
		return no_memory(r);
	if (code || !subject.tenant) {
		free(memory);
		return refuse(r, EMA_BAD_REQUEST, "a tenant is named PROVIDER/TENANT, each part percent-encoded");
	}
	code = memory_keep(r, memory);
	if (!code)
		code = place_check(r, &subject, &provider);
	if (code)
		return code;
	r->provider = subject.provider;
	r->tenant = subject.tenant;
	return target_add(r, (struct mark_target){ .kind = MARK_TENANT, .tenant = subject.tenant, .name = subject.provider });
}

/* Under each name of its issuer, and under the provider's: that names in ema.conf change or go gives nobody back to it. */
static int subject_add(struct revocation *r, const char *text, struct subject *subject)
{
	char *memory = NULL;
	const char *issuer;
	struct issuer_walk walk = { 0, 0 };
	size_t provider;
	int code = subject_parse(text, subject, &memory);
	if (code == EMA_OUT_OF_MEMORY)
		return no_memory(r);
	if (code)
		return refuse(r, EMA_BAD_REQUEST, "a subject is named PROVIDER/TENANT/SUB as records have it: each part percent-encoded, '-' for no tenant");
	code = memory_keep(r, memory);
	if (!code)
		code = place_check(r, subject, &provider);
	while (!code && (issuer = snapshot_issuer_next(r->snapshot, provider, subject->tenant, &walk)))
		code = target_add(r, (struct mark_target){ .kind = MARK_SUBJECT, .issuer = issuer, .tenant = subject->tenant, .name = subject->sub });
	/* No URL, so it is nobody else's. */
	if (!code)
		code = target_add(r, (struct mark_target){ .kind = MARK_SUBJECT, .issuer = subject->provider, .tenant = subject->tenant, .name = subject->sub });
	return code;
}

static int resolve_subject(struct revocation *r)
{
	struct subject subject;
	int code = subject_add(r, r->name, &subject);
	if (code)
		return code;
	r->provider = subject.provider;
	r->tenant = subject.tenant;
	r->sub = subject.sub;
	buffer_text(r->report, "note: no list of subjects is kept: whether there is this one is not known\n");
	return EMA_OK;
}

/* A directory is believed about those providers alone for which a service asks it; of one that none asks, the operator knows why. */
static int speaks_for(const struct conf *conf, const char *directory, const char *subject)
{
	char provider[256];
	int asked = 0;
	snprintf(provider, sizeof provider, "%.*s", (int)strcspn(subject, "/"), subject);
	for (size_t i = 0; i < conf->service_count; i++)
		for (size_t k = 0; k < conf->services[i].directory_count; k++) {
			const struct conf_service_directory *entry = &conf->services[i].directories[k];
			if (strcmp(entry->id, directory))
				continue;
			asked = 1;
			if (principal_asks(entry, provider))
				return 1;
		}
	return !asked;
}

/* A subject that the directory has for a provider which is gone, or for another one's place, holds nobody up. */
static int person_subjects(struct revocation *r, const char *directory, const struct call_list *subjects)
{
	int code = EMA_OK;
	for (size_t i = 0; i < subjects->count && code != EMA_OUT_OF_MEMORY; i++) {
		struct subject subject;
		size_t before = r->report->length;
		if (!speaks_for(r->snapshot->conf, directory, subjects->list[i])) {
			buffer_printf(r->report, "note: directory \"%s\" has the subject \"%.200s\", and is asked about that provider by no service: it is left out\n",
			              directory, subjects->list[i]);
			continue;
		}
		code = subject_add(r, subjects->list[i], &subject);
		if (code && code != EMA_OUT_OF_MEMORY) {
			char *why = r->report->length > before ? strdup(r->report->data + before) : NULL;
			r->report->length = before;
			buffer_printf(r->report, "note: directory \"%s\" has the subject \"%.200s\", which is none: %s\n", directory, subjects->list[i], why ? why : "");
			free(why);
		}
	}
	return code == EMA_OUT_OF_MEMORY ? code : EMA_OK;
}

/* The person as directories call it from now on, and those of its subjects that they can name, also where no directory is asked. */
static int resolve_person(struct revocation *r)
{
	const struct conf *conf = r->snapshot->conf;
	int known = 0, code = target_add(r, (struct mark_target){ .kind = MARK_PERSON, .name = r->name });
	for (size_t i = 0; i < conf->directory_count && !code; i++) {
		struct ema_call *call = NULL;
		struct failure why = FAILURE_INIT;
		const struct call_settings settings = { .instance = r->snapshot->directories[i].instance, .person = r->name,
			                                .deadline = clock_monotonic(&r->context->clock) + REVOKE_DIRECTORY_MS };
		int found = call_run(&settings, &call, &why);
		known |= found == EMA_OK;
		if (found == EMA_OK) {
			code = person_subjects(r, conf->directories[i].instance.id, &call_result(call)->subjects);
		} else if (found != EMA_UNKNOWN_SUBJECT) {
			r->silent = 1;
			buffer_printf(r->report, "note: directory \"%s\" did not say who that is: %s\n", conf->directories[i].instance.id, why.text);
		}
		call_free(call);
	}
	/* What directories took is not taken from the store. */
	r->until = clock_monotonic(&r->context->clock) + REVOKE_MS;
	if (code || known || r->silent)
		return code;
	refuse(r, EMA_ABSENT, "no directory knows a person \"%.200s\"%s", r->name, conf->directory_count ? "; asked: " : "; ema.conf has none");
	for (size_t i = 0; i < conf->directory_count; i++)
		buffer_printf(r->report, "%sdirectory %s", i ? ", " : "", conf->directories[i].instance.id);
	return EMA_ABSENT;
}

static int resolve_token(struct revocation *r)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	int fits = strlen(r->name) == sizeof form - 1;
	for (size_t i = 0; fits && form[i]; i++)
		fits = form[i] == 'x' ? isxdigit((unsigned char)r->name[i]) && !isupper((unsigned char)r->name[i]) : r->name[i] == form[i];
	if (!fits)
		return refuse(r, EMA_BAD_REQUEST, "no token of ours has such an id: it is the jti of the token, and token_id in records; never the token itself");
	return target_add(r, (struct mark_target){ .kind = MARK_TOKEN, .name = r->name });
}

static const struct revocation_kind {
	const char *name;
	int (*resolve)(struct revocation *r);
} kinds[] = {
	{ "subject", resolve_subject },   { "person", resolve_person },   { "client", resolve_client }, { "provider", resolve_provider },
	{ "tenant", resolve_tenant },     { "service", resolve_service }, { "token", resolve_token },   { "everything", resolve_everything },
};

static int resolve(struct revocation *r)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (!r->kind || strcmp(kinds[i].name, r->kind))
			continue;
		if (kinds[i].resolve == resolve_everything || (r->name && *r->name && strlen(r->name) <= REVOKE_NAME_MOST))
			return kinds[i].resolve(r);
		return refuse(r, EMA_BAD_REQUEST, "a %s needs its name, of at most %d bytes", r->kind, REVOKE_NAME_MOST);
	}
	return refuse(r, EMA_BAD_REQUEST, "what is to be revoked is a subject, person, client, provider, tenant, service, token, or everything");
}

static int begin(struct revocation *r, struct ema_context *context, const char *kind, const char *name, struct buffer *report)
{
	*r = (struct revocation){ .context = context, .kind = kind, .name = name, .report = report,
		                  .until = clock_monotonic(&context->clock) + REVOKE_MS };
	r->snapshot = context_snapshot(context);
	if (!r->snapshot || !context->marks)
		return refuse(r, EMA_CONFIG, "no configuration is in place to revoke by");
	return EMA_OK;
}

static void end(struct revocation *r)
{
	for (size_t i = 0; i < r->memory_count; i++)
		free(r->memory[i]);
	free(r->memory);
	free(r->targets);
	snapshot_release(r->snapshot);
}

/* What the store has must be known here first: of a block, whether there is one. A thread reads it. */
static int await_known(struct revocation *r)
{
	const struct timespec pause = { .tv_nsec = REVOKE_WAIT_MS * 1000000L };
	for (;;) {
		struct failure failure = FAILURE_INIT;
		int code = marks_known(r->context->marks, &failure);
		if (code != EMA_STORE_UNAVAILABLE)
			return code;
		if (!left(r))
			return refuse(r, code, "%s", failure.text);
		nanosleep(&pause, NULL);
	}
}

/* ---- The record ---- */

static int record(struct revocation *r, const char *what, const struct ema_revocation *asked, int code, const char *reason)
{
	char before[CLOCK_TEXT], uid[32], id[AUDIT_ID];
	const int person = !strcmp(r->kind, "person"), named = !person && strcmp(r->kind, "subject") && strcmp(r->kind, "everything");
	clock_text(asked->before * 1000, before);
	snprintf(uid, sizeof uid, "uid %lu", (unsigned long)getuid());
	const struct audit_field fields[] = {
		{ .name = "verdict", .text = code ? "deny" : "permit" },
		{ .name = "code", .text = code_name(code) },
		{ .name = "reason", .text = reason },
		{ .name = "by", .text = asked->by ? asked->by : uid },
		{ .name = "why", .text = asked->reason },
		{ .name = "what", .text = r->kind },
		{ .name = "before", .text = asked->before ? before : NULL },
		{ .name = "block", .text = asked->block ? "yes" : NULL },
		{ .name = "name", .text = named ? r->name : NULL },
		{ .name = "provider", .text = r->provider },
		{ .name = "tenant", .text = r->tenant },
		{ .name = "subject", .text = r->sub, .personal = 1 },
		{ .name = "person", .text = person ? r->name : NULL, .personal = 1 },
		{ .name = "config", .text = r->snapshot->conf->digest },
	};
	audit_id(&r->context->ids, &r->context->clock, id);
	struct audit_event event = { .kind = what, .time = clock_wall(&r->context->clock), .severity = code ? NOTICE_ERROR : NOTICE_WARNING,
		                     .request = id, .fields = fields, .field_count = sizeof fields / sizeof *fields };
	if (r->context->audit && !audit_append(r->context->audit, &event, 1, clock_monotonic(&r->context->clock) + 1000, NULL))
		return EMA_OK;
	return EMA_AUDIT_UNAVAILABLE;
}

static int word_fits(const char *text)
{
	return !text || (*text && strlen(text) <= REVOKE_WORD_MOST);
}

static int asked_fits(const struct ema_revocation *asked, struct buffer *report)
{
	if (asked->size < sizeof *asked)
		buffer_text(report, "the size of the revocation is not that of its struct");
	else if (!word_fits(asked->by) || !word_fits(asked->reason))
		buffer_printf(report, "who revokes, and why, are texts of 1 to %d bytes", REVOKE_WORD_MOST);
	else if (asked->before < 0 || asked->before > INT64_MAX / 1000 || (asked->before && asked->block))
		buffer_text(report, "before is a time in seconds since 1970; a block begins now");
	else
		return 1;
	return 0;
}

/* What has no name that somebody could have been meant by is no revocation, and has no record. */
static int conclude(struct revocation *r, const char *what, const struct ema_revocation *asked, int code, const struct failure *failure)
{
	if (code)
		buffer_text(r->report, failure->text);
	int written = record(r, code ? "revoke-failed" : what, asked, code, code ? failure->text : NULL);
	if (code || !written)
		return code;
	buffer_text(r->report, "note: it is in force, but the audit record of it could not be written\n");
	return written;
}

/* ---- Setting and lifting ---- */

/* From when on what identity providers issue is good again, in seconds; 0: from now on. Their clocks may be ahead, and a mark takes a
   moment to be everywhere: see pipeline_marks(). */
static int64_t good_from(const struct revocation *r, const struct ema_revocation *asked, int64_t *skew)
{
	const struct conf *conf = r->snapshot->conf;
	const int64_t now = clock_wall(&r->context->clock), epoch = asked->before ? asked->before * 1000 : now;
	*skew = 0;
	for (size_t i = 0; i < conf->provider_count && strcmp(asked->kind, "token"); i++)
		if ((!r->provider || !strcmp(r->provider, conf->providers[i].instance.id)) && conf->providers[i].skew > *skew)
			*skew = conf->providers[i].skew;
	const int64_t from = (epoch + MARKS_CARE_MS) / 1000 + *skew + 1;
	return *skew && from * 1000 > now ? from : 0;
}

int revocation_set(struct ema_context *context, const struct ema_revocation *asked, struct buffer *report)
{
	struct revocation r;
	struct failure failure = FAILURE_INIT;
	size_t done = 0;
	if (!asked_fits(asked, report))
		return EMA_BAD_REQUEST;
	int code = begin(&r, context, asked->kind, asked->name, report);
	if (!code)
		code = resolve(&r);
	if (code)
		goto out;
	if (asked->block && !strcmp(asked->kind, "token")) {
		code = refuse(&r, EMA_BAD_REQUEST, "a single token is revoked, not blocked");
		goto out;
	}
	for (; done < r.count && !code; done += !code)
		code = asked->block ? marks_block(context->marks, &r.targets[done], left(&r), &failure)
		                    : marks_revoke(context->marks, &r.targets[done], asked->before * 1000, 0, left(&r), &failure);
	if (!code)
		code = marks_kept(context->marks, left(&r), &failure);
	if (!code && r.silent)
		code = failure_set(&failure, EMA_DIRECTORY_UNAVAILABLE, "it is in force where directories are asked; one that did not answer may know subjects "
		                   "of the person: repeat it when it does");
	else if (code && done && done < r.count)
		buffer_printf(report, "note: %zu of %zu marks were set before this; the rest was not\n", done, r.count);
	code = conclude(&r, "revoked", asked, code, &failure);
	if (code)
		goto out;
	if (context->store && conf_store_in_memory(r.snapshot->conf) && !context->keeper && !context->publisher)
		buffer_text(report, "note: the store is the memory of this process, which keeps this nowhere else: it is forgotten when the process ends\n");
	buffer_printf(report, "revoked: %s%s%s", asked->kind, asked->name && *asked->name ? " " : "", asked->name ? asked->name : "");
	int64_t skew, from = good_from(&r, asked, &skew);
	char text[CLOCK_TEXT];
	clock_text(from * 1000, text);
	if (asked->block)
		buffer_text(report, "; nothing new either until it is lifted");
	else if (!from)
		buffer_text(report, "; what is issued from now on is good");
	else
		buffer_printf(report, "; what emad issues from now on is good, what an identity provider issues from %.19sZ on, since its clock may be "
		              "ahead (skew, %lld s)", text, (long long)skew);
out:
	end(&r);
	return code;
}

int revocation_lift(struct ema_context *context, const struct ema_revocation *whole, struct buffer *report)
{
	struct revocation r;
	struct failure failure = FAILURE_INIT;
	size_t lifted = 0;
	if (whole->size < sizeof *whole)
		return asked_fits(whole, report) ? EMA_INTERNAL : EMA_BAD_REQUEST;
	const struct ema_revocation lift = { .size = sizeof lift, .kind = whole->kind, .name = whole->name, .by = whole->by, .reason = whole->reason };
	const struct ema_revocation *asked = &lift;
	if (!asked_fits(asked, report))
		return EMA_BAD_REQUEST;
	int code = begin(&r, context, asked->kind, asked->name, report);
	if (!code)
		code = resolve(&r);
	if (!code)
		code = await_known(&r);
	if (code)
		goto out;
	for (size_t i = 0; i < r.count && !code; i++) {
		struct failure why = FAILURE_INIT;
		code = marks_lift(context->marks, &r.targets[i], left(&r), &why);
		lifted += code == EMA_OK;
		/* Of some names, or subjects of a person, there may be none. */
		if (code == EMA_ABSENT)
			code = EMA_OK;
		else if (code)
			failure = why;
	}
	if (!code && !lifted) {
		code = refuse(&r, EMA_ABSENT, "there is no block on it");
		goto out;
	}
	if (!code)
		code = marks_kept(context->marks, left(&r), &failure);
	code = conclude(&r, "unblocked", asked, code, &failure);
	if (!code)
		buffer_printf(report, "unblocked: %s%s%s; what was issued before it was revoked stays refused", asked->kind,
		              asked->name && *asked->name ? " " : "", asked->name ? asked->name : "");
out:
	end(&r);
	return code;
}

/* ---- Looking ---- */

static int list_add(struct ema_marks *marks, const char *name, const struct mark_entry *entry)
{
	struct mark_listed *more = reallocarray(marks->list, marks->count + 1, sizeof *more);
	if (!more)
		return EMA_OUT_OF_MEMORY;
	marks->list = more;
	more += marks->count;
	*more = (struct mark_listed){ mark_kind_name((int)entry->kind), strdup(name), entry->epoch == MARKS_NEVER ? 0 : entry->epoch, entry->blocked };
	if (!more->name)
		return EMA_OUT_OF_MEMORY;
	marks->count++;
	return EMA_OK;
}

static int take_entry(void *data, const struct mark_entry *entry)
{
	char name[80];
	if (!entry->label && entry->kind != MARK_EVERYTHING)
		snprintf(name, sizeof name, "sha256:%.64s", entry->digest);
	return list_add(data, entry->label ? entry->label : entry->kind == MARK_EVERYTHING ? "" : name, entry);
}

static int newest_first(const void *a, const void *b)
{
	const struct mark_listed *x = a, *y = b;
	int64_t left = x->blocked > x->epoch ? x->blocked : x->epoch, right = y->blocked > y->epoch ? y->blocked : y->epoch;
	return left < right ? 1 : left > right ? -1 : strcmp(x->name, y->name);
}

/* Of one thing; of a subject with several names that which is worst. */
static int list_one(struct revocation *r, struct ema_marks *out)
{
	struct mark_entry worst = { .epoch = MARKS_NEVER };
	int any = 0;
	/* Of a person its own mark: a subject of theirs may have been revoked alone. */
	for (size_t i = 0; i < r->count && !(i && r->targets[0].kind == MARK_PERSON); i++) {
		struct mark_entry entry;
		struct failure failure = FAILURE_INIT;
		int code = marks_find(r->context->marks, &r->targets[i], &entry, &failure);
		if (code == EMA_ABSENT)
			continue;
		if (code)
			return refuse(r, code, "%s", failure.text);
		if (!any++) {
			worst = entry;
			continue;
		}
		if (entry.epoch > worst.epoch)
			worst.epoch = entry.epoch;
		if (entry.blocked > worst.blocked)
			worst.blocked = entry.blocked;
	}
	if (!any)
		return EMA_OK;
	worst.kind = r->targets[0].kind;
	return list_add(out, r->name ? r->name : "", &worst);
}

int revocation_list(struct ema_context *context, const char *kind, const char *name, struct ema_marks *out)
{
	struct revocation r;
	struct buffer why = BUFFER_INIT(8192);
	int code = begin(&r, context, kind, name, &why);
	if (!code && kind)
		code = resolve(&r);
	if (!code) {
		buffer_clear(&why);
		code = await_known(&r);
	}
	if (!code)
		code = kind ? list_one(&r, out) : marks_list(context->marks, take_entry, out);
	if (!code && out->count)
		qsort(out->list, out->count, sizeof *out->list, newest_first);
	if (code)
		out->error = buffer_take(&why);
	buffer_free(&why);
	end(&r);
	return code;
}

void revocation_list_free(struct ema_marks *marks)
{
	for (size_t i = 0; marks && i < marks->count; i++)
		free(marks->list[i].name);
	if (marks) {
		free(marks->list);
		free(marks->error);
	}
	free(marks);
}
