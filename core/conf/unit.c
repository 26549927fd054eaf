/* Durations and sizes: a whole number and its unit, nothing between, before or behind. */
#include <string.h>

#include "tree.h"

struct unit {
	const char *name;
	int64_t factor;
};

static int unit_read(const char *text, const struct unit *units, int64_t *out)
{
	int64_t value = 0;
	const char *at = text;
	for (; *at >= '0' && *at <= '9'; at++) {
		if (value > (INT64_MAX - (*at - '0')) / 10)
			return -1;
		value = value * 10 + (*at - '0');
	}
	if (at == text)
		return -1;
	for (; units->name; units++)
		if (!strcmp(at, units->name)) {
			if (value > INT64_MAX / units->factor)
				return -1;
			*out = value * units->factor;
			return 0;
		}
	return -1;
}

int conf_duration(const char *text, int64_t *milliseconds)
{
	static const struct unit units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "min", 60000 }, { "h", 3600000 },
					     { "d", 86400000 }, { "w", 604800000 }, { NULL, 0 } };
	if (!strcmp(text, "0")) {
		*milliseconds = 0;
		return 0;
	}
	return unit_read(text, units, milliseconds);
}

int conf_size(const char *text, int64_t *bytes)
{
	static const struct unit units[] = { { "", 1 }, { "B", 1 }, { "KiB", 1024 }, { "MiB", 1048576 }, { "GiB", 1073741824 },
					     { "TiB", INT64_C(1099511627776) }, { "kB", 1000 }, { "MB", 1000000 },
					     { "GB", 1000000000 }, { NULL, 0 } };
	return unit_read(text, units, bytes);
}
