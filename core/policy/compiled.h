/* A policy as it is looked up. Seen by core/policy alone. */
#ifndef POLICY_COMPILED_H
#define POLICY_COMPILED_H

#include "arena.h"
#include "pattern.h"
#include "policy.h"

#define POLICY_KINDS 3     /* tools, prompts, URIs */
#define POLICY_HEAD_MOST 128 /* bytes of a pattern that it is found by */

enum policy_name_kind { NAME_ANYBODY, NAME_PROVIDER, NAME_GROUP, NAME_ROLE, NAME_SUBJECT, NAME_CLIENT, NAME_SCOPE };
#define NO_NUMBER UINT32_MAX

struct numbers {
	uint32_t *list;
	uint32_t count;
};

/* A name that rules are found by. */
struct policy_name {
	enum policy_name_kind kind;
	const char *text;
	uint32_t first;      /* place in policy->uses, UINT32_MAX: none; of NAME_SCOPE the scope's number */
	uint32_t sources;    /* of a group or role: place in policy->sources of the first from which a rule takes it; UINT32_MAX: none */
};

struct name_source {
	const char *from;    /* NULL: whichever it is */
	uint32_t next;       /* UINT32_MAX: none */
};

struct name_use {
	uint32_t rule, next; /* next: UINT32_MAX: none */
};

struct argument_step { /* of a JSON pointer */
	const char *name;
	uint32_t length;
	uint32_t index;      /* as an element's; UINT32_MAX: none */
};

struct argument {
	const struct conf_argument *conf;
	struct argument_step *steps;
	size_t step_count;
	struct pattern like;
	struct pattern like_uri; /* if that is a URI of a known scheme, in the one form of it; else text is NULL */
};

struct rule {
	const struct conf_grant *conf;
	const struct conf_conditions *when; /* NULL: none */
	struct argument *args;              /* when->arg_count of them */
	struct numbers scopes;              /* of a grant also those that they include, behind them */
	struct numbers targets;             /* patterns of its tools, prompts and uris */
	int deny;
	int asks;                           /* 0: nothing, 1: of login or time, 2: of arguments too */
};

struct pattern_row {
	struct pattern pattern;
	enum policy_kind kind;
	struct numbers scopes; /* that have it */
	size_t scope_room;
	uint32_t next;         /* the next pattern with the same head (or tail); UINT32_MAX: none */
};

/* Numbers of patterns by a hash of their text, or of what they begin or end with. */
struct pattern_table {
	uint32_t *slots; /* UINT32_MAX: free */
	size_t mask;
	uint64_t lengths[POLICY_HEAD_MOST / 64 + 1]; /* bits: how many bytes the heads (or tails) have */
	size_t longest;
};

struct policy {
	const struct conf_service *conf;
	struct arena arena;
	uint64_t *included;  /* for each scope a row of bits: those that whoever has it has too, itself among them; NULL: no scope includes one */
	size_t words;        /* of a row; 0 without rows */
	struct rule *rules;  /* grants, then denies */
	size_t grant_count, rule_count;
	struct policy_name *names;
	size_t name_count;
	uint32_t *name_slots;
	size_t name_mask;
	struct name_use *uses;
	size_t use_count;
	struct name_source *sources;
	size_t source_count;
	struct pattern_row *patterns;
	size_t pattern_count;
	/* Of each kind: all by their whole text; those that are more than a literal by what they begin or, if that is longer, end with. */
	struct pattern_table whole[POLICY_KINDS], heads[POLICY_KINDS], tails[POLICY_KINDS];
	const char *pointers[POLICY_POINTERS_MOST];
	size_t pointer_count; /* one more than that: there are more */
	unsigned wants, deny_wants;
	char deny_view[17];
	char *view, *arguments_view; /* policy_view(), policy_arguments_view() */
};

/* Where a principal's rules are found: 0 is all there is, then the scopes, then the patterns. */
static inline uint32_t way_scope(size_t scope) { return (uint32_t)(1 + scope); }
static inline uint32_t way_pattern(const struct policy *policy, size_t pattern) { return (uint32_t)(1 + policy->conf->scope_count + pattern); }

/* A rule on the way of a request: tests/policy/test_looks.c counts them. */
#ifndef RULE_LOOKED_AT
#define RULE_LOOKED_AT() ((void)0)
#endif
static inline const struct rule *rule_at(const struct policy *policy, uint32_t number)
{
	RULE_LOOKED_AT();
	return &policy->rules[number];
}

struct way {
	uint32_t key;
	uint32_t rule : 31;
	uint32_t weak : 1; /* acr or amr is not what the rule asks for; of a deny: is known not to be */
};

struct policy_principal {
	const struct policy *policy;
	struct pattern_values values;
	int64_t auth_time;
	uint64_t *scopes, *registered; /* bits: in the token; that the client may have */
	struct way *grants, *denies; /* sorted by key, then how little they ask, then place */
	size_t grant_count, deny_count;
};

/* table.c: what is in the tables; filled by policy.c. */
struct policy_name *policy_name(const struct policy *policy, enum policy_name_kind kind, const char *text);
/* Adds it if it is not there; the tables have room. */
struct policy_name *policy_name_add(struct policy *policy, enum policy_name_kind kind, const char *text);
int policy_table_room(struct policy *policy, struct pattern_table *table, size_t patterns);
uint32_t policy_pattern_add(struct policy *policy, enum policy_kind kind, const struct pattern *pattern);
/* The patterns that match, MAYBE in those that only a deny may take for a match. SIZE_MAX: more than POLICY_MATCHES_MOST.
   values NULL: those that match for whomever, see pattern_match(). */
#define MAYBE UINT32_C(0x80000000)
/* Of a template: some expansions match, which opens it, and perhaps not all, as a deny would need. */
#define SOME UINT32_C(0x40000000)
size_t policy_matches(const struct policy *policy, enum policy_kind kind, const char *text, size_t length, const struct pattern_values *values,
                      uint32_t out[POLICY_MATCHES_MOST]);

/* prepare.c */
int rule_names(const struct rule *rule, const struct policy_who *who);
/* What of it the principal is not: POLICY_OTHER_ bits. */
unsigned rule_strange(const struct rule *rule, const struct policy_who *who);
/* acr and amr: of a grant, is something lacking; of a deny, is it known that they are not those that it is for. */
int rule_weak(const struct rule *rule, const struct policy_who *who);

/* view.c: which groups, roles and arguments rules look at. How many of the first two there may be of one rule; its own; all of them, when the rules are there: 0, or -1 without memory. */
size_t view_room(const struct conf_grant *conf);
void view_add(struct policy *policy, const struct conf_grant *conf);
int view_make(struct policy *policy);

/* The node of one of the strings of a list, for its line. */
const struct conf_node *policy_string_node(const struct conf_node *group, const char *key, size_t number);
/* lint.c: rules without effect, and what the tools_file shows of them. */
void rules_lint(const struct conf *conf, const struct policy *policy, struct findings *findings);

/* condition.c */
enum condition { CONDITION_NO, CONDITION_YES, CONDITION_UNKNOWN };
/* All of them: NO if one is not met, else UNKNOWN if one cannot be judged: something is not there, or not of the type. */
enum condition arguments_judge(const struct rule *rule, const struct policy_target *target, const struct pattern_values *values);
/* Those that keep the rule from counting: the first POLICY_FAILED_MOST, into the stand. */
void arguments_failed(const struct rule *rule, const struct policy_target *target, const struct pattern_values *values, struct policy_stand *out);
/* 1 if a server that reads it as a path or URL could see another one; text has a NUL behind. No pattern with stars judges it. */
int text_devious(const char *text, size_t length);
/* NULL, or what is wrong with it; out->steps is NULL without memory. */
const char *argument_compile(struct policy *policy, const struct conf_argument *conf, struct argument *out);

#endif
