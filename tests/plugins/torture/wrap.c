/* Part of a plugin for tests, whose program says which allocations fail. */
#include "../../context/wrap.h"
