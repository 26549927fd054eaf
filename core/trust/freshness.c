#include "freshness.h"

#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#define AGES (INT64_C(1) << 40) /* seconds; more is as good as this */
#define DATE_MOST INT64_C(253402300799) /* a year has four digits (RFC 9110 5.6.7); curl takes more */

int64_t freshness_date(const char *text)
{
	time_t date = *text ? curl_getdate(text, NULL) : -1;
	return date < 0 || date > DATE_MOST ? -1 : (int64_t)date;
}

/* delta-seconds: digits alone, capped instead of wrapped; -1 if it is none. */
static int64_t seconds(const char *text, size_t length)
{
	int64_t value = 0;
	if (length >= 2 && text[0] == '"' && text[length - 1] == '"') {
		text++;
		length -= 2;
	}
	if (!length)
		return -1;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		value = value * 10 + (text[i] - '0');
		if (value > AGES)
			value = AGES;
	}
	return value;
}

struct directives {
	int no_store;
	int has_max_age;
	int64_t max_age; /* the smallest, and 0 for one that cannot be read: RFC 9111 4.2.1 wants the stale side */
};

static struct directives read_cache_control(const char *text)
{
	struct directives out = { 0, 0, 0 };
	while (*text) {
		text += strspn(text, ", \t");
		size_t length = strcspn(text, ","), end = length;
		while (end && (text[end - 1] == ' ' || text[end - 1] == '\t'))
			end--;
		if ((end == 8 && (!strncasecmp(text, "no-store", 8) || !strncasecmp(text, "no-cache", 8))) ||
		    (end > 9 && !strncasecmp(text, "no-cache=", 9))) {
			out.no_store = 1;
		} else if (end >= 8 && !strncasecmp(text, "max-age=", 8)) {
			int64_t value = seconds(text + 8, end - 8);
			if (value < 0)
				value = 0;
			if (!out.has_max_age || value < out.max_age)
				out.max_age = value;
			out.has_max_age = 1;
		}
		text += length;
	}
	return out;
}

int64_t freshness(const struct fetch_reply *reply, int64_t now)
{
	struct directives directives = read_cache_control(reply->cache_control);
	int64_t life = FRESHNESS_DEFAULT / 1000, age = seconds(reply->age, strlen(reply->age));
	if (directives.no_store) {
		life = 0;
	} else if (directives.has_max_age) {
		life = directives.max_age - (age > 0 ? age : 0);
	} else if (reply->expires[0]) {
		int64_t expires = freshness_date(reply->expires), date = freshness_date(reply->date);
		life = expires < 0 ? 0 : expires - (date < 0 ? now / 1000 : date) - (age > 0 ? age : 0);
	}
	if (life > FRESHNESS_MOST / 1000)
		return FRESHNESS_MOST;
	return life * 1000 < FRESHNESS_LEAST ? FRESHNESS_LEAST : life * 1000;
}
