/* An event as bytes in the spool, and as the JSON line that sinks are given. */
#ifndef AUDIT_RECORD_H
#define AUDIT_RECORD_H

#include "audit.h"
#include "buffer.h"
#include "chain.h"
#include "event.h"
#include "spool.h"

#define RECORD_SCHEMA 1
#define RECORD_FORM 2              /* of the bytes in the spool */
#define RECORD_USUAL 2048          /* bytes in the spool: most are shorter */
#define RECORD_FIELDS 64           /* of an event; what is more is left out, and said */
#define RECORD_MEMBERS (RECORD_FIELDS + 20)
#define RECORD_LINE (512 * 1024)   /* escaping may make six bytes of one */
#define RECORD_ROOM (64 * 1024)    /* that is kept for the next line */

#define RECORD_CHECKPOINT 1u       /* the chain's count and seal are added when it is rendered */

/* Length caps, pseudonyms and the id are made here, so that the spool holds no name that the record does not. */
int record_encode(const struct audit *audit, const struct audit_event *event, unsigned flags, struct buffer *out);

/* What it takes to render records, one after the other. */
struct rendering {
	struct buffer line, text, parts; /* parts: the values as JSON */
	size_t at[2 * RECORD_MEMBERS], part[RECORD_MEMBERS], count;
	char bytes[SPOOL_RECORD]; /* one, out of the spool */
};

/* NULL: no memory. */
struct rendering *rendering_new(void);
void rendering_free(struct rendering *rendering);

/* Counted, so that several sinks may hold it. */
struct rendered {
	atomic_int references;
	uint64_t number;
	char writer[CHAIN_WRITER];
	struct place after;        /* where whoever took it is */
	size_t size;               /* of all of this */
	struct ema_event event;
	struct buffer *_Atomic ocsf; /* made by the first sink that asks */
	const char *members[];     /* names, then values */
};

/* Of so many of the bytes. NULL: no memory. Bytes that cannot be read as an event become a record that says so. Does not advance the chain. */
struct rendered *record_render(struct rendering *rendering, const struct chain *chain, size_t length);
void rendered_free(struct rendered *rendered);

#endif
