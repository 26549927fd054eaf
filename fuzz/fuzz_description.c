/* Any bytes as what a plugin says of itself. What is taken is whole: a name, a kind, and every function that the kind must have. */
#include <stdlib.h>
#include <string.h>

#include "description.h"

#define ROOM (2 * DESCRIPTION_SIZE_MOST)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A struct as a plugin would have it in its memory: as long as it says, if that can be, and filled with what comes. */
static void *table(const uint8_t **data, size_t *left, uint8_t kind)
{
	size_t said = 0;
	if (!(kind & 1) || *left < 2)
		return NULL;
	said = (size_t)((*data)[0] | (*data)[1] << 8);
	*data += 2;
	*left -= 2;
	size_t room = said < sizeof said ? sizeof said : said > ROOM ? sizeof said : said, length = room < *left ? room : *left;
	uint8_t *made = calloc(1, room);
	if (!made)
		return NULL;
	memcpy(made, *data, length);
	*data += length;
	*left -= length;
	if (kind & 2)
		said = (size_t)-1 - said;
	memcpy(made, &said, sizeof said);
	return made;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct description out;
	struct failure failure = FAILURE_INIT;
	void *tables[5] = { NULL };
	char name[80] = "";
	memset(&out, 0, sizeof out);
	if (size < 8)
		return 0;
	uint8_t kinds[6];
	memcpy(kinds, data, sizeof kinds);
	size_t name_length = data[6] % (sizeof name - 1), left = size - 7;
	data += 7;
	memcpy(name, data, name_length < left ? name_length : left);
	data += name_length < left ? name_length : left;
	left -= name_length < left ? name_length : left;
	struct ema_plugin *theirs = table(&data, &left, kinds[5]);
	for (size_t i = 0; i < 5; i++)
		tables[i] = table(&data, &left, kinds[i]);
	size_t said = 0;
	if (theirs)
		memcpy(&said, theirs, sizeof said);
	/* What its pointers point at is the plugin's to get right. */
	if (said <= ROOM && said >= sizeof *theirs) {
		theirs->name = kinds[5] & 4 ? NULL : name;
		theirs->version = theirs->summary = NULL;
		theirs->identity = tables[0];
		theirs->directory = tables[1];
		theirs->guard = tables[2];
		theirs->store = tables[3];
		theirs->audit = tables[4];
	} else if (said <= ROOM && said >= offsetof(struct ema_plugin, identity)) {
		theirs->name = name;
		theirs->version = theirs->summary = NULL;
		memset((uint8_t *)theirs + offsetof(struct ema_plugin, identity), 0, said - offsetof(struct ema_plugin, identity));
	}
	int code = description_take("/nowhere/it.so", theirs, &out, &failure);
	if (code != failure.code || (code != EMA_OK) != (failure.text[0] != 0))
		abort();
	const struct ema_plugin *d = &out.plugin;
	if (code == EMA_OK && (d->size != sizeof *d || d->abi >> 16 != EMA_ABI_MAJOR || !description_name(d->name) || !d->version || !d->summary ||
	                       d->threads > EMA_THREADS_PARALLEL || !(d->identity || d->directory || d->guard || d->store || d->audit) ||
	                       (d->identity && (d->identity != &out.identity || d->identity->size != sizeof out.identity || !d->identity->identify)) ||
	                       (d->audit && (d->audit != &out.audit || !d->audit->record || !d->audit->flush)) || (d->store && !d->store->changes)))
		abort();
	free(theirs);
	for (size_t i = 0; i < 5; i++)
		free(tables[i]);
	return 0;
}
