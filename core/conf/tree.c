#include "tree.h"

#include <string.h>

const struct conf_node *conf_child(const struct conf_node *group, const char *name)
{
	for (size_t i = 0; group && group->kind == CONF_GROUP && i < group->count; i++)
		if (!strcmp(group->children[i].name, name))
			return &group->children[i];
	return NULL;
}

const char *conf_kind_name(enum conf_kind kind)
{
	static const char *const names[] = { "true or false", "a number", "a number with a point", "a string", "an array [ ]",
					     "a list ( )", "a group { }" };
	return (size_t)kind < sizeof names / sizeof *names ? names[kind] : "something";
}

#define NEAREST_MOST 64

static char lower(char c)
{
	return c == '-' ? '_' : c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Optimal string alignment: one edit is a letter more, less, changed, or two that changed places. */
static size_t edits(const char *a, size_t la, const char *b, size_t lb)
{
	size_t rows[3][NEAREST_MOST + 1];
	for (size_t j = 0; j <= lb; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t *now = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
		now[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t change = last[j - 1] + (lower(a[i - 1]) != lower(b[j - 1]));
			size_t best = last[j] + 1 < now[j - 1] + 1 ? last[j] + 1 : now[j - 1] + 1;
			best = change < best ? change : best;
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]) &&
			    before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			now[j] = best;
		}
	}
	return rows[la % 3][lb];
}

void conf_nearest_offer(struct conf_nearest *nearest, const char *name)
{
	const size_t length = strlen(nearest->wrong), other = strlen(name);
	if (!length || length > NEAREST_MOST || other > NEAREST_MOST)
		return;
	size_t distance = edits(nearest->wrong, length, name, other);
	/* A third of the letters may be wrong; or one of the two begins with all of the other ("group", "groups_"). */
	const size_t shorter = length < other ? length : other;
	if (shorter >= 4 && !strncmp(nearest->wrong, name, shorter) && distance > 2)
		distance = 2;
	if (distance <= (shorter + 2) / 3 && (!nearest->name || distance < nearest->distance)) {
		nearest->name = name;
		nearest->distance = distance;
	}
}

const char *conf_nearest(const char *wrong, const char *const *names)
{
	struct conf_nearest nearest = { .wrong = wrong };
	for (; *names; names++)
		conf_nearest_offer(&nearest, *names);
	return nearest.name;
}

const char *conf_text_at(const struct conf_node *node, size_t i)
{
	const struct conf_node *at = !node ? NULL : node->kind == CONF_STRING ? (i ? NULL : node) : i < node->count ? &node->children[i] : NULL;
	return at && at->kind == CONF_STRING ? at->string : NULL;
}

int conf_same(const struct conf_node *a, const struct conf_node *b)
{
	if (!a || !b)
		return a == b;
	if (a->kind != b->kind || a->count != b->count || a->integer != b->integer || !(a->real <= b->real && a->real >= b->real))
		return 0;
	if (!a->name != !b->name || (a->name && strcmp(a->name, b->name)) || (a->kind == CONF_STRING && strcmp(a->string, b->string)))
		return 0;
	for (size_t i = 0; i < a->count; i++)
		if (!conf_same(&a->children[i], &b->children[i]))
			return 0;
	return 1;
}
