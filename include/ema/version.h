/* The version of EMA that these headers belong to. */
#ifndef EMA_VERSION_H
#define EMA_VERSION_H

#define EMA_VERSION_MAJOR 0
#define EMA_VERSION_MINOR 1
#define EMA_VERSION_PATCH 0
#define EMA_VERSION "0.1.0"

#endif
