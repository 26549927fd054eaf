/* Policies, people and questions as dice, or the bytes of a fuzzer, have it. */
#ifndef TESTS_POLICY_DEALT_H
#define TESTS_POLICY_DEALT_H

#include <stddef.h>

/* The user's own: one of 0 to sides - 1. */
unsigned dice(unsigned sides);

#define DEALT_POLICY 16384
#define DEALT_WHO 1024
#define DEALT_TARGET 256

void deal_policy(char *out, size_t room);                /* for rig_open() */
void deal_who(char *out, size_t room);                   /* for rig_who() */
const char *deal_target(char *out, size_t room);         /* for rig_target(), as are the arguments */
const char *deal_arguments(void);

#endif
