/*
 * Who is the master. Replication is no agreement: for a while after a change of master the old one takes writes, too, of whoever
 * still talks to it. So a connection is good for as long as the word of most sentinels, and what a new master remembers begins
 * when no word for the old one can be left: no two masters can each take the same assertion.
 */
#include <stdio.h>
#include <string.h>

#include "redis_store.h"

#define SENTINEL_MS 1000 /* for one of them; what all say is good for longer */
#define LATE_MS 200      /* who takes longer comes last, too */

static int sentinel_ask(ema_instance *self, const char *sentinel, char address[ADDRESS_MOST])
{
	const char *const arguments[] = { "SENTINEL", "get-master-addr-by-name", self->master };
	const size_t lengths[] = { 8, 23, strlen(self->master) };
	redisReply *reply = NULL;
	int code = link_open(self, sentinel, NULL);
	if (code == EMA_OK)
		code = link_authenticate(self, sentinel, self->sentinel_user, self->sentinel_password, self->sentinel_password_length);
	if (code == EMA_OK)
		code = link_call(self, 3, arguments, lengths, &reply);
	if (code != EMA_OK)
		return code;
	if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 && reply->element[0]->type == REDIS_REPLY_STRING &&
	    reply->element[1]->type == REDIS_REPLY_STRING && reply->element[0]->len < 256 && reply->element[1]->len < 8)
		snprintf(address, ADDRESS_MOST, strchr(reply->element[0]->str, ':') ? "[%s]:%s" : "%s:%s", reply->element[0]->str, reply->element[1]->str);
	else
		code = reply->type == REDIS_REPLY_ERROR ? reply_failed(self, reply, sentinel) : link_failed(self, sentinel, "this sentinel does not know the master");
	freeReplyObject(reply);
	return code;
}

int sentinels_ask(ema_instance *self)
{
	char told[SENTINELS_MOST][ADDRESS_MOST];
	size_t count = self->sentinel_count, most = count / 2 + 1, answers = 0;
	int64_t until = self->until, began = monotonic_ms(), left = (int64_t)count;
	uint32_t mute = self->mute;
	int failing = self->failing;
	const char *named = NULL;
	struct link server = self->link;
	self->link = (struct link){ .fd = -1 };
	/* Who gave no answer in good time when asked last comes last: it could cost each call its time. */
	for (size_t turn = 0; turn < 2 * count && !named; turn++) {
		size_t i = turn % count, same = 1;
		uint32_t bit = UINT32_C(1) << i;
		int64_t now = monotonic_ms();
		if ((turn >= count) != !!(mute & bit))
			continue;
		int64_t share = until > now ? (until - now) / left-- : 0;
		self->until = now + (share < SENTINEL_MS ? share : SENTINEL_MS);
		self->mute |= bit;
		if (sentinel_ask(self, self->sentinels[i], told[answers]) != EMA_OK)
			continue;
		if (monotonic_ms() < now + LATE_MS)
			self->mute &= ~bit;
		for (size_t k = 0; k < answers; k++)
			same += !strcmp(told[k], told[answers]);
		if (same >= most)
			named = told[answers];
		answers++;
	}
	link_close(self);
	self->link = server;
	self->until = until;
	self->failing = failing;
	if (!named)
		return link_failed(self, "the sentinels", answers >= most ? "they do not agree on the master: it changes" :
		                   "most of them must say who the master is, and too few answer");
	self->asked = began;
	if (strcmp(self->address, named)) {
		link_close(self);
		snprintf(self->address, sizeof self->address, "%s", named);
	}
	return EMA_OK;
}
