/* The public functions, and nothing else. */
#include "ema/ema.h"

#include "codes.h"

const char *ema_version(void)
{
	return EMA_VERSION;
}

const char *ema_code_name(int code)
{
	return code_name(code);
}

const char *ema_code_meaning(int code)
{
	const struct code_row *row = code_row(code);
	return row ? row->meaning : code_row(EMA_INTERNAL)->meaning;
}
