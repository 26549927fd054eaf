/* Any bytes as the headers of an HTTP answer, a line each: whatever they say, it is fresh for a time within our bounds. */
#include <stdlib.h>
#include <string.h>

#include "freshness.h"

#define ANSWER_NOW INT64_C(1800000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fetch_reply reply = { .status = 200, .body = NULL };
	struct failure failure = FAILURE_INIT;
	char *const fields[] = { reply.cache_control, reply.expires, reply.date, reply.age, reply.last_modified, reply.content_type };
	size_t field = 0, at = 0;
	for (size_t i = 0; i < size && field < sizeof fields / sizeof *fields; i++) {
		if (data[i] == '\n') {
			field++;
			at = 0;
		} else if (at < FETCH_HEADER_MOST - 1) {
			fields[field][at++] = (char)data[i];
		}
	}
	int64_t fresh = freshness(&reply, ANSWER_NOW);
	if (fresh < FRESHNESS_LEAST || fresh > FRESHNESS_MOST)
		abort();
	if (fetch_is_json(&reply, "https://idp.example/keys", &failure) != failure.code)
		abort();
	return 0;
}
