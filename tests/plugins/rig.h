/* One instance of a built plugin behind the real host, and tokens signed for it with a key that it was given inline. */
#ifndef TESTS_RIG_H
#define TESTS_RIG_H

#include "test.h"

#include <stdatomic.h>

#include "buffer.h"
#include "host.h"

#define RIG_NOW INT64_C(1795435200) /* seconds: 2026-11-23 */

struct rig_member {
	const char *name, *json; /* json NULL: dropped */
};

struct rig {
	struct conf *conf;
	struct trust *trust;
	struct plugin *plugin;
	struct instance *instance;
	struct findings findings;
	struct clock clock;
	int64_t wall;    /* milliseconds */
	atomic_int changed; /* calls of directory_changed, by any thread */
	char log[4096];
	int quiet;       /* log and changes are not kept: threads would meet there */
};

/* Opens a provider or directory with these settings. 0, or -1: findings say why. */
int rig_open(struct rig *rig, const char *plugin, enum plugin_kind kind, const char *settings);
/* Of all findings, one has this text. */
int rig_says(const struct rig *rig, const char *text);
void rig_close(struct rig *rig);

/* Member "issuer" of the key that rigs are opened with; NULL: none. */
extern const char *rig_key_issuer;
/* Where plugins are. */
extern const char *rig_folder;

struct rig_answer {
	int code;
	struct failure failure;
	struct ema_call *call;
	const struct call_result *result;
};

struct rig_token {
	uint32_t kind;
	const char *type;                /* NULL: no typ */
	const char *header;              /* more of the header, "" or ",\"x\":1" */
	const struct rig_member *base;   /* ends with a NULL name */
	const struct rig_member *change; /* may be NULL */
	const char *audience, *client;   /* that the service demands */
	const char *issuer;              /* item EMA_ITEM_ISSUER; NULL: not given */
	int forged;                      /* signed with another key */
};

/* rig_answer_free() ends the answer. */
void rig_identify(struct rig *rig, const struct rig_token *token, struct rig_answer *out);
/* items by EMA_ITEM_*, 16 of them. */
void rig_lookup(struct rig *rig, const char *const items[16], struct rig_answer *out);
/* Who is the person of that id? */
void rig_person(struct rig *rig, const char *id, struct rig_answer *out);
void rig_answer_free(struct rig_answer *answer);
int rig_has(const struct call_list *list, const char *text);

/* A row of a table: what a token that differs so comes to. */
struct rig_case {
	const char *name;
	struct rig_member change[5];
	int code;
	const char *text;  /* that the failure has in it; NULL: any */
	const char *type, *header;
};
void rig_cases(struct rig *rig, const struct rig_token *good, const struct rig_case *cases, size_t count);
/* A file of the source tree; free() it. */
char *rig_source(const char *name);
/* A row of settings that do not load. */
struct rig_setting {
	const char *settings, *text;
};
void rig_refused(const char *plugin, enum plugin_kind kind, const struct rig_setting *settings, size_t count);

#endif
