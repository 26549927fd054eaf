/*
 * Written as the definition reads: first what each rule would answer, then which rules are reached, then what follows from
 * those. Nothing is carried along.
 */
#include "slow_stack.h"

#include "ema/codes.h"

struct seen {
	int code;
	char subject;
	enum slow_word word;
	int broken;
	size_t ran;
};

static int counts(enum slow_word word)
{
	return word == SLOW_OK || word == SLOW_DONE;
}

static int fails(enum slow_word word)
{
	return word == SLOW_BAD || word == SLOW_DIE;
}

static struct seen look(const struct slow_rule *rule, int identity)
{
	struct seen seen = { rule->code, rule->subject, SLOW_DIE, 0, 1 };
	if (rule->list) {
		struct slow_result inner = identity ? slow_identity(rule->list) : slow_guards(rule->list);
		seen = (struct seen){ inner.code, inner.subject, SLOW_DIE, inner.broken, inner.ran };
	}
	if (seen.broken)
		return seen;
	if (seen.code < 0 || seen.code >= EMA_CODES) {
		seen.broken = 1;
		return seen;
	}
	seen.word = rule->words[seen.code];
	if (!identity)
		return seen;
	if (counts(rule->words[EMA_OK]) && (seen.code == EMA_OK) != (seen.subject != 0))
		seen.broken = 1;
	return seen;
}

static int any_failed(const struct seen *seen, size_t upto)
{
	for (size_t i = 0; i < upto; i++)
		if (fails(seen[i].word))
			return 1;
	return 0;
}

/* Two that count, up to and with this one, are for two subjects. */
static int quarrel(const struct seen *seen, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (counts(seen[i].word) && counts(seen[at].word) && seen[i].subject != seen[at].subject)
			return 1;
	return 0;
}

static int ends(const struct seen *seen, size_t at, int identity)
{
	if (seen[at].broken || seen[at].word == SLOW_DIE)
		return 1;
	return identity && (quarrel(seen, at) || (seen[at].word == SLOW_DONE && !any_failed(seen, at + 1)));
}

static struct slow_result slow(const struct slow_list *list, int identity)
{
	struct seen seen[SLOW_RULES];
	size_t reached = 0;
	for (size_t i = 0; i < list->count; i++)
		seen[i] = look(&list->rules[i], identity);
	while (reached < list->count && (reached == 0 || !ends(seen, reached - 1, identity)))
		reached++;

	struct slow_result result = { EMA_INTERNAL, 0, 0, 0 };
	for (size_t i = 0; i < reached; i++)
		result.ran += seen[i].ran;
	for (size_t i = 0; i < reached; i++)
		if (seen[i].broken || (identity && quarrel(seen, i))) {
			result.broken = 1;
			return result;
		}
	for (size_t i = 0; i < reached; i++)
		if (fails(seen[i].word)) {
			result.code = seen[i].code;
			return result;
		}
	if (!identity) {
		result.code = EMA_OK;
		return result;
	}
	for (size_t i = 0; i < reached; i++)
		if (counts(seen[i].word)) {
			result.code = EMA_OK;
			result.subject = seen[i].subject;
			return result;
		}
	size_t strangers = 0, outages = 0;
	for (size_t i = 0; i < reached; i++) {
		strangers += seen[i].code == EMA_NOT_MINE;
		outages += seen[i].word == SLOW_IGNORE && (seen[i].code == EMA_UNAVAILABLE || seen[i].code == EMA_TIMEOUT);
	}
	result.code = list->count == 0 ? EMA_NO_RULES : strangers == list->count ? EMA_NOT_MINE : outages ? EMA_UNAVAILABLE : EMA_NOT_GRANTED;
	return result;
}

struct slow_result slow_identity(const struct slow_list *list)
{
	return slow(list, 1);
}

struct slow_result slow_guards(const struct slow_list *list)
{
	return slow(list, 0);
}
