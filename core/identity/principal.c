#include "principal.h"

#include <stdlib.h>
#include <string.h>

static void names_clear(struct principal_name **names, size_t *count)
{
	for (size_t i = 0; i < *count; i++) {
		free((*names)[i].name);
		free((*names)[i].source);
		free((*names)[i].tenant);
	}
	free(*names);
	*names = NULL;
	*count = 0;
}

void principal_clear(struct principal *principal)
{
	free(principal->person);
	for (size_t i = 0; i < principal->persons.count; i++)
		free(principal->persons.list[i]);
	free(principal->persons.list);
	names_clear(&principal->groups, &principal->group_count);
	names_clear(&principal->roles, &principal->role_count);
	for (size_t i = 0; i < principal->accounts.count; i++)
		free(principal->accounts.list[i]);
	free(principal->accounts.list);
	*principal = (struct principal){ 0 };
}

int principal_add_name(struct principal_name *names, size_t *count, const char *name, const char *source, const char *tenant)
{
	struct principal_name made = { strdup(name), strdup(source), tenant ? strdup(tenant) : NULL };
	if (!made.name || !made.source || (tenant && !made.tenant)) {
		free(made.name);
		free(made.source);
		free(made.tenant);
		return -1;
	}
	names[(*count)++] = made;
	return 0;
}

static int names_add(struct principal_name **names, size_t *count, const struct call_list *from, const char *source, const char *tenant)
{
	int lost = 0;
	if (!from->count)
		return 0;
	struct principal_name *more = realloc(*names, (*count + from->count) * sizeof *more);
	if (!more)
		return -1;
	*names = more;
	for (size_t i = 0; i < from->count && !lost; i++)
		lost = principal_add_name(more, count, from->list[i], source, tenant);
	return lost;
}

static int add_known(struct principal *principal, const struct subject *subject, const char *source, const struct call_list *groups,
                     const struct call_list *roles)
{
	return names_add(&principal->groups, &principal->group_count, groups, source, subject->tenant) ||
	       names_add(&principal->roles, &principal->role_count, roles, source, subject->tenant) ? EMA_OUT_OF_MEMORY : EMA_OK;
}

int principal_claims(struct principal *principal, const struct subject *subject, const struct call_result *found)
{
	return add_known(principal, subject, PRINCIPAL_CLAIMS, &found->groups, &found->roles);
}

/* An account of a system that an earlier directory named is left out. */
static int accounts_add(struct call_list *accounts, const struct call_list *from)
{
	if (!from->count)
		return EMA_OK;
	char **more = realloc(accounts->list, (accounts->count + from->count) * sizeof *more);
	if (!more)
		return EMA_OUT_OF_MEMORY;
	accounts->list = more;
	size_t before = accounts->count;
	for (size_t i = 0; i < from->count; i++) {
		size_t system = strcspn(from->list[i], "="), k = 0;
		while (k < before && !(strcspn(more[k], "=") == system && !memcmp(more[k], from->list[i], system)))
			k++;
		if (k < before)
			continue;
		char *account = strdup(from->list[i]);
		if (!account)
			return EMA_OUT_OF_MEMORY;
		more[accounts->count++] = account;
	}
	return EMA_OK;
}

int principal_asks(const struct conf_service_directory *entry, const char *provider)
{
	for (size_t i = 0; i < entry->providers.count; i++)
		if (!strcmp(entry->providers.list[i], provider))
			return 1;
	return 0;
}

static const struct conf_directory *directory_of(const struct conf *conf, const char *id)
{
	for (size_t i = 0; i < conf->directory_count; i++)
		if (!strcmp(conf->directories[i].instance.id, id))
			return &conf->directories[i];
	return NULL;
}

static int is_outage(int code)
{
	return code == EMA_UNAVAILABLE || code == EMA_TIMEOUT || code == EMA_DIRECTORY_UNAVAILABLE || code == EMA_DIRECTORY_STALE;
}

static int persons_add(struct call_list *persons, const char *person)
{
	char **more = realloc(persons->list, (persons->count + 1) * sizeof *more);
	if (!more)
		return EMA_OUT_OF_MEMORY;
	persons->list = more;
	if (!(more[persons->count] = strdup(person)))
		return EMA_OUT_OF_MEMORY;
	persons->count++;
	return EMA_OK;
}

/* What a directory that answered said of the subject. */
static int answer_take(struct principal *principal, const struct conf_service_directory *entry, const struct subject *subject,
                       const struct answer *answer, struct failure *failure)
{
	if (answer->code == EMA_UNKNOWN_SUBJECT || answer->code == EMA_NOT_MINE)
		return entry->required ? failure_set(failure, EMA_UNKNOWN_SUBJECT, "directory \"%s\" does not know the subject, and is required",
		                                     entry->id) : EMA_OK;
	if (answer->code == EMA_DISABLED || (answer->code == EMA_OK && answer->person && !answer->active))
		return failure_set(failure, EMA_DISABLED, "directory \"%s\" says that the account is disabled", entry->id);
	if (answer->code != EMA_OK)
		return failure_set(failure, answer->code, "directory \"%s\": %s", entry->id,
		                   code_row(answer->code) ? code_row(answer->code)->meaning : "a code that is none");
	if (!answer->person)
		return failure_set(failure, EMA_INTERNAL, "directory \"%s\" answered ok without set_person(): its plugin has an error", entry->id);
	int code = EMA_OK;
	if (!principal->person && !(principal->person = strdup(answer->person)))
		code = EMA_OUT_OF_MEMORY;
	if (code == EMA_OK)
		code = persons_add(&principal->persons, answer->person);
	if (code == EMA_OK)
		code = add_known(principal, subject, entry->id, &answer->groups, &answer->roles);
	if (code == EMA_OK)
		code = accounts_add(&principal->accounts, &answer->accounts);
	return code == EMA_OK ? EMA_OK : failure_set(failure, code, "no memory for the groups of a subject");
}

/* Asks one directory; what cannot be had from it is looked up among its last answers if that is allowed. */
static int directory_ask(struct principal *principal, const struct conf_directory *directory, const struct conf_service_directory *entry,
                         const struct subject *subject, struct answers *answers, const struct principal_ops *ops, struct failure *failure)
{
	const struct call_result *found = NULL;
	const struct answer_about about = { entry->id, subject, ops->email, ops->name_id };
	struct failure said = FAILURE_INIT;
	int keep = directory->last_known && answers != NULL;
	/* Before it is asked: a change on the way makes the answer old. */
	uint64_t generation = keep ? ops->generation(ops->data, entry) : 0;
	uint64_t ticket = keep ? answers_ticket(answers) : 0;
	int code = ops->lookup(ops->data, entry, &found, &said);
	int result;
	if (is_outage(code)) {
		struct answer last = { 0 };
		int kept = keep ? answers_find(answers, &about, generation, &last) : EMA_ABSENT;
		int stale = code == EMA_DIRECTORY_STALE;
		if (kept == EMA_OK)
			result = answer_take(principal, entry, subject, &last, failure);
		else if (kept == EMA_OUT_OF_MEMORY)
			result = failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for a directory's answer");
		else
			result = failure_set(failure, stale ? EMA_DIRECTORY_STALE : EMA_DIRECTORY_UNAVAILABLE, "directory \"%s\": %s", entry->id,
			                     said.text[0] ? said.text : code_row(code)->meaning);
		answer_clear(&last);
	} else if (code == EMA_OK && !found) {
		result = failure_set(failure, EMA_INTERNAL, "directory \"%s\" answered ok with nothing", entry->id);
	} else {
		struct answer answer = { .code = code };
		if (code == EMA_OK)
			answer = (struct answer){ EMA_OK, found->person, found->person_active, found->groups, found->roles, found->accounts };
		/* Refusals are kept as well: an outage must not bring back whom the directory had shut out. */
		if (keep)
			answers_put(answers, &about, generation, ticket,
			            code == EMA_OK && found->max_age_ms >= 0 ? found->max_age_ms : directory->max_age_ms, &answer);
		if (code != EMA_OK && said.text[0] && code != EMA_UNKNOWN_SUBJECT && code != EMA_NOT_MINE)
			result = failure_set(failure, code, "directory \"%s\": %s", entry->id, said.text);
		else
			result = answer_take(principal, entry, subject, &answer, failure);
	}
	if (ops->done)
		ops->done(ops->data, entry);
	return result;
}

int principal_gather(struct principal *principal, const struct conf *conf, const struct conf_service *service, const struct subject *subject,
                     struct answers *answers, const struct principal_ops *ops, struct failure *failure)
{
	for (size_t i = 0; i < service->directory_count; i++) {
		const struct conf_service_directory *entry = &service->directories[i];
		if (!principal_asks(entry, subject->provider))
			continue;
		const struct conf_directory *directory = directory_of(conf, entry->id);
		if (!directory)
			return failure_set(failure, EMA_CONFIG, "service \"%s\" names a directory \"%s\" that there is not", service->id, entry->id);
		int code = directory_ask(principal, directory, entry, subject, answers, ops, failure);
		if (code != EMA_OK)
			return code;
	}
	return EMA_OK;
}
