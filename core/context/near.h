/* Why an issuer is nobody's: the nearest one that is configured, and the mistake that lies between. */
#ifndef CONTEXT_NEAR_H
#define CONTEXT_NEAR_H

#include <stddef.h>

#include "snapshot.h"

#define NEAR_TEXT 400

/* What differs between two identifiers, said for a person: the slash, the letter case, the host, the path, the byte. */
void near_difference(const char *got, const char *want, char text[NEAR_TEXT]);

/* The name of the snapshot that is nearest to issuer; NULL: none is near. */
const struct issuer_name *near_issuer(const struct snapshot *snapshot, const char *issuer);

#endif
