/* Memory that nobody else may learn of. */
#ifndef CORE_SECRET_H
#define CORE_SECRET_H

#include <stddef.h>

/* Not optimised away. */
void secret_wipe(void *memory, size_t length);
/* 1 if equal, in a time that does not depend on the contents. */
int secret_same(const void *a, const void *b, size_t length);

#endif
