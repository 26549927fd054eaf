/* ema.conf as it was written: values with the file and line that they stand at. libconfig is not seen outside of conf. */
#ifndef CONF_TREE_H
#define CONF_TREE_H

#include <stddef.h>
#include <stdint.h>

enum conf_kind { CONF_BOOL, CONF_INT, CONF_FLOAT, CONF_STRING, CONF_ARRAY, CONF_LIST, CONF_GROUP };

struct conf_node {
	enum conf_kind kind;
	const char *name;  /* NULL for an element of an array or list */
	const char *file;  /* as in messages */
	int line;
	int64_t integer;   /* CONF_INT and CONF_BOOL */
	double real;       /* CONF_FLOAT */
	const char *string; /* CONF_STRING */
	const struct conf_node *children; /* count of them */
	size_t count;
	const struct conf_node *parent;
	size_t number;     /* of all nodes of the tree, for marks beside the tree; the tree itself never changes */
};

const struct conf_node *conf_child(const struct conf_node *group, const char *name); /* NULL: absent */
/* Of a string, or a list of them, the i-th; NULL behind the last, and of a node that is NULL. */
const char *conf_text_at(const struct conf_node *node, size_t i);
/* Equal but for where they stand. Either may be NULL. */
int conf_same(const struct conf_node *a, const struct conf_node *b);
/* "a string", "a list", ... for messages. */
const char *conf_kind_name(enum conf_kind kind);
/* Of names that are offered one after another, the nearest to a wrong one; name stays NULL while none is near. */
struct conf_nearest {
	const char *wrong, *name;
	size_t distance;
};
void conf_nearest_offer(struct conf_nearest *nearest, const char *name);
/* The same of a list that ends with NULL. */
const char *conf_nearest(const char *wrong, const char *const *names);

/* Units: "250ms", "30s", "5m", "1h", "24h", "7d", ...; "16KiB", "1MiB", "512". 0, or -1 if it is none or does not fit. */
int conf_duration(const char *text, int64_t *milliseconds);
int conf_size(const char *text, int64_t *bytes);

#endif
