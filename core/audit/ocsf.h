/* A record as an event of the Open Cybersecurity Schema Framework, 1.8.0. */
#ifndef AUDIT_OCSF_H
#define AUDIT_OCSF_H

#include <stddef.h>

#include "buffer.h"

#define OCSF_LINE (2u * 1024 * 1024) /* it has the record twice: in parts, and as raw_data */

/* Of a record's line, made by this version of EMA; the same for the same line. EMA_OK, EMA_BAD_JSON, EMA_OUT_OF_MEMORY. */
int ocsf_render(const char *line, size_t length, struct buffer *out);

#endif
