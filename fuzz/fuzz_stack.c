/* Any bytes as lists of rules with tables of their own, one within another: the walker and the slow evaluator of the tests agree. */
#include <stdlib.h>
#include <string.h>

#include "codes.h"
#include "slow_stack.h"
#include "stack.h"

#define LISTS 3
#define TABLES 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char subjects[4];

struct pair {
	struct stack_list fast;
	struct slow_list slow;
	struct stack_rule rules[SLOW_RULES];
};

static void run(void *data, const struct stack_rule *rule, int depth, struct stack_answer *answer)
{
	const struct slow_rule *const *modules = data;
	(void)depth;
	answer->code = modules[rule->module / SLOW_RULES][rule->module % SLOW_RULES].code;
	char subject = modules[rule->module / SLOW_RULES][rule->module % SLOW_RULES].subject;
	answer->vouching = subject ? &subjects[(unsigned char)subject] : NULL;
}

static int same(void *data, const void *a, const void *b)
{
	(void)data;
	return a == b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum slow_word ok_words[] = { SLOW_IGNORE, SLOW_OK, SLOW_DONE }, words[] = { SLOW_IGNORE, SLOW_BAD, SLOW_DIE };
	static const unsigned char actions[] = { [SLOW_IGNORE] = ACTION_IGNORE, [SLOW_OK] = ACTION_OK, [SLOW_DONE] = ACTION_DONE,
		                                 [SLOW_BAD] = ACTION_BAD, [SLOW_DIE] = ACTION_DIE };
	enum slow_word slow_tables[TABLES][EMA_CODES];
	unsigned char fast_tables[TABLES][EMA_CODES];
	struct pair lists[LISTS];
	const struct slow_rule *modules[LISTS];
	uint8_t bytes[1 + TABLES * 8 + LISTS * (1 + 4 * SLOW_RULES)] = { 0 }, *at = bytes;
	memset(lists, 0, sizeof lists);
	memcpy(bytes, data, size < sizeof bytes ? size : sizeof bytes);
	int identity = *at++ & 1;
	for (size_t t = 0; t < TABLES; t++, at += 8)
		for (int code = 0; code < EMA_CODES; code++) {
			slow_tables[t][code] = code == EMA_OK ? ok_words[at[0] % 3] : words[at[1 + code % 7] % 3];
			fast_tables[t][code] = actions[slow_tables[t][code]];
		}
	/* from the innermost one, which has modules alone */
	for (size_t l = LISTS; l-- > 0; ) {
		struct pair *pair = &lists[l];
		pair->slow.count = pair->fast.count = *at++ % (SLOW_RULES + 1);
		pair->fast.rules = pair->rules;
		modules[l] = pair->slow.rules;
		for (size_t i = 0; i < SLOW_RULES; i++, at += 4) {
			size_t inner = at[3] % LISTS;
			const struct pair *stack = inner > l ? &lists[inner] : NULL;
			int code = at[1] % (EMA_CODES + 2); /* and two that are none */
			pair->rules[i] = (struct stack_rule){ fast_tables[at[0] % TABLES], stack ? &stack->fast : NULL, l * SLOW_RULES + i, NULL };
			pair->slow.rules[i] = (struct slow_rule){ slow_tables[at[0] % TABLES], code > EMA_CODES ? -1 : code, (char)(at[2] % 3),
				                                  stack ? &stack->slow : NULL };
		}
	}
	struct stack_ops ops = { .run = run, .same = identity ? same : NULL, .data = modules };
	struct stack_result fast;
	(identity ? stack_identity : stack_guards)(&lists[0].fast, &ops, &fast);
	struct slow_result slow = (identity ? slow_identity : slow_guards)(&lists[0].slow);
	const void *subject = slow.subject ? &subjects[(unsigned char)slow.subject] : NULL;
	if (fast.code != slow.code || fast.ran != slow.ran || fast.vouching != subject || (fast.code != EMA_OK && fast.vouching))
		abort();
	return 0;
}
