/* A second evaluator of stacks, slow and plain, to compare the real one with. */
#ifndef TESTS_SLOW_STACK_H
#define TESTS_SLOW_STACK_H

#include <stddef.h>

#define SLOW_RULES 4

enum slow_word { SLOW_IGNORE, SLOW_OK, SLOW_DONE, SLOW_BAD, SLOW_DIE };

struct slow_rule {
	const enum slow_word *words;   /* by code */
	int code;                      /* of a module */
	char subject;                  /* of a module: whom it vouches for; 0: nobody */
	const struct slow_list *list;  /* a stack instead of a module */
};

struct slow_list {
	struct slow_rule rules[SLOW_RULES];
	size_t count;
};

struct slow_result {
	int code;
	char subject;
	size_t ran;
	int broken;
};

struct slow_result slow_identity(const struct slow_list *list);
struct slow_result slow_guards(const struct slow_list *list);

#endif
