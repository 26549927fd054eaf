#include "people.h"

#include "codes.h"
#include "ema/plugin.h"

int people_list(struct instance *instance, int64_t deadline, struct ema_people *people)
{
	const struct ema_directory_ops *ops = instance_plugin(instance)->directory;
	if (!ops || !ops->people)
		return EMA_ABSENT;
	if (instance_enter(instance, deadline))
		return EMA_TIMEOUT;
	int code = ops->people(instance_self(instance), people);
	instance_leave(instance);
	if (code && !code_row(code))
		code = EMA_INTERNAL;
	return code ? code : people->code;
}
