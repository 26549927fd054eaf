#include "when.h"

#include <string.h>

#include "authority.h"

#define DAY 86400
#define THURSDAY 3 /* 1970-01-01, days counted from Monday 0 */

/* until is not part of it; one that ends at or before its beginning goes over midnight and belongs to the day it began. */
static int window_has(const struct conf_window *window, int64_t now)
{
	int64_t local = now + (int64_t)window->offset * 60;
	int64_t day = local / DAY - (local % DAY < 0);
	int minute = (int)((local - day * DAY) / 60);
	int week = (int)(((day + THURSDAY) % 7 + 7) % 7);
	int today = window->days >> (week + 1) & 1, yesterday = window->days >> ((week + 6) % 7 + 1) & 1;
	if (window->from < window->until)
		return today && minute >= window->from && minute < window->until;
	return (today && minute >= window->from) || (yesterday && minute < window->until);
}

static int time_matches(const struct conf_when *when, int64_t now)
{
	if ((when->not_before && now < when->not_before) || (when->not_after && now >= when->not_after))
		return 0;
	for (size_t i = 0; i < when->window_count; i++)
		if (window_has(&when->windows[i], now))
			return 1;
	return !when->window_count;
}

int when_before(const struct conf_when *when, const struct when_facts *facts)
{
	return conf_takes(&when->clients, facts->client) &&
	       (!when->tenants.count || !facts->tenant || conf_has_string(&when->tenants, facts->tenant)) && time_matches(when, facts->now);
}

int when_after(const struct conf_when *when, const struct when_facts *facts)
{
	if (!conf_takes(&when->tenants, facts->tenant))
		return 0;
	if (!when->email_domains.count)
		return 1;
	char address[AUTHORITY_ADDRESS + 1];
	return facts->email && authority_address(facts->email, address) && conf_has_string(&when->email_domains, strrchr(address, '@') + 1);
}
