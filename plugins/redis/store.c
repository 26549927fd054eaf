#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "redis_store.h"
#include "script.h"

#define PAUSE_LEAST 50
#define PAUSE_MOST 2000
#define ASK_MS 400          /* how often the sentinels are asked */
#define ASK_LEAST 100       /* who has less time left does not ask them */
#define WORD_MS 2000        /* how long what they said counts */
#define REPLICATED_MS 1000  /* for replicas to take a revocation */
#define LATE_MS 60000
#define EXPIRES_MOST INT64_C(9000000000000000) /* whole numbers end there for the server's scripts */
#define PREFIX_MOST 64
#define ARGUMENTS 20
#define SCAN_TURNS 1000000
#define PAGE 256            /* entries that are read at once */

/* ---- A command ---- */

struct command {
	int count;
	const char *arguments[ARGUMENTS];
	size_t lengths[ARGUMENTS];
	char keys[5][PREFIX_MOST + 8 + KEY_MOST];
	char numbers[6][24];
};

static void add(struct command *c, const void *bytes, size_t length)
{
	c->arguments[c->count] = bytes;
	c->lengths[c->count++] = length;
}

static void add_text(struct command *c, const char *text)
{
	add(c, text, strlen(text));
}

static void add_number(struct command *c, int at, int64_t number)
{
	snprintf(c->numbers[at], sizeof c->numbers[at], "%" PRId64, number);
	add_text(c, c->numbers[at]);
}

static void add_key(ema_instance *self, struct command *c, int at, const char *what, const void *key, size_t length)
{
	size_t before = self->prefix_length, name = strlen(what);
	memcpy(c->keys[at], self->prefix, before);
	memcpy(c->keys[at] + before, what, name);
	if (length)
		memcpy(c->keys[at] + before + name, key, length);
	add(c, c->keys[at], before + name + length);
}

static int call(ema_instance *self, const struct command *c, redisReply **out)
{
	return link_call(self, c->count, c->arguments, c->lengths, out);
}

/* ---- Who is there ---- */

/* The value of a line "name:value" of INFO. */
static int info_value(const char *info, const char *name, char *out, size_t room)
{
	size_t length = strlen(name);
	for (const char *line = info; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		if (!strncmp(line, name, length) && line[length] == ':') {
			size_t end = strcspn(line + length + 1, "\r\n");
			if (end >= room)
				return -1;
			memcpy(out, line + length + 1, end);
			out[end] = 0;
			return 0;
		}
	return -1;
}

static int hello(ema_instance *self, const char *identity)
{
	struct command c = { 0 };
	redisReply *reply = NULL;
	int other = self->identity[0] && strcmp(self->identity, identity);
	add_text(&c, "EVAL");
	add_text(&c, SCRIPT_HELLO);
	add_text(&c, "1");
	add_key(self, &c, 0, "about", NULL, 0);
	add_text(&c, identity);
	add_number(&c, 0, self->host->now(self->handle));
	add_text(&c, other ? "1" : "0");
	add_number(&c, 1, self->sentinel_count ? WORD_MS : 0);
	int code = call(self, &c, &reply);
	if (code == EMA_OK && (reply->type != REDIS_REPLY_ARRAY || !reply->elements))
		code = reply_failed(self, reply, "hello");
	if (code == EMA_OK && reply_is(reply->element[0], "format"))
		code = link_failed(self, "the store", "it is of another version of EMA's store (this one makes \"" FORMAT "\"): use that version, or another prefix");
	if (code == EMA_OK && !(reply_is(reply->element[0], "ok") && reply->elements == 2 && reply->element[1]->type == REDIS_REPLY_STRING))
		code = link_failed(self, "hello", "an answer of a form that was not asked for");
	if (code == EMA_OK) {
		int64_t since = strtoll(reply->element[1]->str, NULL, 10), known = __atomic_load_n(&self->since, __ATOMIC_SEQ_CST);
		if (strcmp(self->identity, identity)) {
			if (self->identity[0])
				self->told = -1;
			snprintf(self->identity, sizeof self->identity, "%s", identity);
		}
		/* It never moves back: a record that was lost is no memory regained. */
		if (since > known)
			__atomic_store_n(&self->since, since, __ATOMIC_SEQ_CST);
	}
	freeReplyObject(reply);
	return code;
}

/* The server is a master that drops nothing; its run and its line of replication are what it is known by. */
static int identify(ema_instance *self)
{
	char role[16], run[48], line[48], policy[32], most[32], identity[IDENTITY_MOST];
	struct command c = { 0 };
	redisReply *reply = NULL;
	int code = link_authenticate(self, "the server", self->user, self->password, self->password_length);
	if (code != EMA_OK)
		return code;
	add_text(&c, "INFO");
	code = call(self, &c, &reply);
	if (code != EMA_OK)
		return code;
	if (reply->type != REDIS_REPLY_STRING)
		code = reply_failed(self, reply, "INFO");
	else if (info_value(reply->str, "role", role, sizeof role) || info_value(reply->str, "run_id", run, sizeof run) ||
	         info_value(reply->str, "master_replid", line, sizeof line) || info_value(reply->str, "maxmemory", most, sizeof most) ||
	         info_value(reply->str, "maxmemory_policy", policy, sizeof policy))
		code = link_failed(self, "INFO", "it does not say role, run_id, master_replid, maxmemory and maxmemory_policy: Redis 7 or Valkey is asked for");
	else if (strcmp(role, "master"))
		code = link_failed(self, "the server", "it is a replica: only a master can keep state");
	else if (strcmp(most, "0") && strcmp(policy, "noeviction"))
		code = link_failed(self, "the server", "it drops entries when memory is short: set maxmemory-policy noeviction");
	freeReplyObject(reply);
	if (code != EMA_OK)
		return code;
	snprintf(identity, sizeof identity, "%s:%s", run, line);
	return hello(self, identity);
}

/* Asked behind what is to count, too: by now there may be another master, of which the sentinels were not asked. */
static int still_master(ema_instance *self)
{
	if (!self->sentinel_count || monotonic_ms() < self->asked + WORD_MS)
		return EMA_OK;
	return link_failed(self, "the server", "it took longer than the word of the sentinels is good for");
}

static void answers(ema_instance *self)
{
	if (self->failing)
		self->host->log(self->handle, 3, "redis: the server answers again");
	self->failing = 0;
}

/*
 * A connection that is known to be to a master that remembers. After a failure it is tried again later and later; but that the
 * sentinels cannot be asked now costs nobody the connection, as long as what they said before is good.
 */
static int ready(ema_instance *self, int64_t ms)
{
	int64_t now = monotonic_ms(), word = self->asked + WORD_MS;
	int asks = self->sentinel_count > 0, holds = self->link.fd >= 0 && (!asks || now < word), code = EMA_OK;
	self->until = now + (ms > 0 ? ms : 0);
	if (self->pid != getpid())
		return EMA_UNAVAILABLE; /* the connection is the parent's */
	if (ms <= 0)
		return EMA_TIMEOUT; /* an answer that nobody waits for would cost the connection */
	if (holds && (!asks || now < self->ask_next || ms < ASK_LEAST))
		return EMA_OK;
	if (now < self->next_try)
		return EMA_UNAVAILABLE;
	if (asks && ms < ASK_LEAST)
		return EMA_TIMEOUT;
	if (asks) {
		/* The call itself needs its time, too, and the word may be asked for once more. */
		if (holds)
			self->until = now + (ms < word - now ? ms : word - now) / 2;
		code = sentinels_ask(self);
		self->until = now + ms;
		self->ask_next = monotonic_ms() + ASK_MS;
		if (code != EMA_OK && holds && monotonic_ms() < word)
			return EMA_OK;
	}
	if (code == EMA_OK && self->link.fd < 0) {
		code = link_open(self, asks ? self->address : self->server, self->socket);
		if (code == EMA_OK)
			code = identify(self);
	}
	if (code == EMA_OK)
		code = still_master(self);
	if (code == EMA_OK) {
		answers(self);
		self->pause = 0;
		return EMA_OK;
	}
	link_close(self);
	self->pause = self->pause ? self->pause * 2 : PAUSE_LEAST;
	if (self->pause > PAUSE_MOST)
		self->pause = PAUSE_MOST;
	self->next_try = monotonic_ms() + self->pause;
	return code;
}

/* Logged once until it is over: the server itself is well. */
static int replicas_behind(ema_instance *self, int behind)
{
	if (behind && !self->behind)
		self->host->log(self->handle, 1, "redis: fewer than \"replicas\" have taken what was revoked: it counts, but a change of master could undo it");
	if (!behind && self->behind)
		self->host->log(self->handle, 3, "redis: enough replicas take what is revoked again");
	self->behind = behind;
	return behind ? EMA_UNAVAILABLE : EMA_OK;
}

/* A master that ends may take with it what no replica has. */
static int replicated(ema_instance *self)
{
	struct command c = { 0 };
	redisReply *reply = NULL;
	int64_t left = self->until - monotonic_ms(), wait = left / 2 < REPLICATED_MS ? left / 2 : REPLICATED_MS;
	if (!self->replicas)
		return EMA_OK;
	if (wait <= 0)
		return EMA_TIMEOUT; /* to the server, 0 is for ever */
	add_text(&c, "WAIT");
	add_number(&c, 0, self->replicas);
	add_number(&c, 1, wait);
	int code = call(self, &c, &reply);
	if (code == EMA_OK && reply->type != REDIS_REPLY_INTEGER)
		code = reply_failed(self, reply, "WAIT");
	else if (code == EMA_OK && reply->integer < self->replicas)
		code = replicas_behind(self, 1);
	else if (code == EMA_OK)
		replicas_behind(self, 0);
	freeReplyObject(reply);
	return code;
}

/* ---- Entries ---- */

/* Once a minute: a refusal that lasts as long as a clock was ahead wants its reason. */
static int too_late(ema_instance *self)
{
	if (monotonic_ms() >= self->late_next) {
		self->late_next = monotonic_ms() + LATE_MS;
		self->host->log(self->handle, 1, "redis: nothing is taken that would end before the latest time which a process told the server: it may have been "
		                "forgotten already. The clock of this host, or another's, was ahead, or is behind now");
	}
	return EMA_UNAVAILABLE;
}

/* It stays until somebody takes it away, while all else goes on. */
static int entry_odd(ema_instance *self)
{
	if (monotonic_ms() >= self->odd_next) {
		self->odd_next = monotonic_ms() + LATE_MS;
		self->host->log(self->handle, 1, "redis: an entry is not as this version makes them: another version, or another program, wrote it");
	}
	return EMA_UNAVAILABLE;
}

/* What a script says by the first that it answers. *out is the answer if that is "ok"; else it is freed. */
static int script_said(ema_instance *self, redisReply *reply, redisReply **out)
{
	const redisReply *first = reply->type == REDIS_REPLY_ARRAY && reply->elements ? reply->element[0] : NULL;
	int code;
	if (reply_is(first, "ok")) {
		*out = reply;
		return EMA_OK;
	}
	if (!first)
		code = reply_failed(self, reply, "a script");
	else if (reply_is(first, "exists"))
		code = EMA_EXISTS;
	else if (reply_is(first, "absent"))
		code = EMA_ABSENT;
	else if (reply_is(first, "full"))
		code = EMA_STORE_FULL;
	else if (reply_is(first, "late"))
		code = too_late(self);
	else if (reply_is(first, "odd"))
		code = entry_odd(self);
	else {
		/* "changed": what was here is gone. The next call finds out since when. */
		link_failed(self, "the server", "it has lost what it knew of this store, or its place was taken by another");
		link_close(self);
		code = EMA_UNAVAILABLE;
	}
	freeReplyObject(reply);
	return code;
}

/* Runs a script that begins as all that write do; *out is the array that it answers, of which the first is "ok". */
static int run(ema_instance *self, const char *script, struct command *c, const void *key, size_t length, redisReply **out)
{
	redisReply *reply = NULL;
	struct command whole = { 0 };
	add_text(&whole, "EVAL");
	add_text(&whole, script);
	add_text(&whole, "5");
	add_key(self, &whole, 0, "about", NULL, 0);
	add_key(self, &whole, 1, "e:", key, length);
	add_key(self, &whole, 2, "seq", NULL, 0);
	add_key(self, &whole, 3, "log", NULL, 0);
	add_key(self, &whole, 4, "q:", NULL, 0);
	add_text(&whole, self->identity);
	add_number(&whole, 0, self->host->now(self->handle));
	add(&whole, key, length);
	for (int i = 0; i < c->count; i++)
		add(&whole, c->arguments[i], c->lengths[i]);
	int code = call(self, &whole, &reply);
	if (code == EMA_OK)
		code = script_said(self, reply, out);
	/* What reads alone may do so while no write is taken. */
	if (code == EMA_OK || code == EMA_EXISTS || code == EMA_ABSENT)
		answers(self);
	return code;
}

static int64_t ends(int64_t expires)
{
	return expires < EXPIRES_MOST ? expires : EXPIRES_MOST;
}

static int redis_put_if_absent(ema_instance *self, const char *quota, const char *key, size_t key_length, const char *value,
                               size_t value_length, int64_t expires, int64_t limit, int64_t ms)
{
	struct command c = { 0 };
	char name[258] = "-";
	redisReply *reply = NULL;
	if (quota && (size_t)snprintf(name, sizeof name, "+%s", quota) >= sizeof name)
		return EMA_INTERNAL;
	int64_t since = __atomic_load_n(&self->since, __ATOMIC_SEQ_CST);
	int code = ready(self, ms);
	if (code != EMA_OK)
		return code;
	/* What the host let pass was for the memory that is lost. */
	if (since != INT64_MIN && since != __atomic_load_n(&self->since, __ATOMIC_SEQ_CST))
		return EMA_UNAVAILABLE;
	add_number(&c, 0, ends(expires));
	add_number(&c, 1, limit);
	add(&c, value_length ? value : "", value_length);
	add_text(&c, name);
	add_number(&c, 2, self->quota);
	code = run(self, SCRIPT_PUT, &c, key, key_length, &reply);
	if (code == EMA_OK)
		code = still_master(self);
	freeReplyObject(reply);
	return code;
}

/* As hex digits that sort as the number does. */
static void mark_write(int64_t mark, char hex[17])
{
	snprintf(hex, 17, "%016" PRIx64, (uint64_t)mark ^ UINT64_C(1) << 63);
}

static int mark_read(const redisReply *reply, int64_t *out)
{
	if (reply->type != REDIS_REPLY_STRING || reply->len != 16 || strspn(reply->str, "0123456789abcdef") != 16)
		return -1;
	*out = (int64_t)(strtoull(reply->str, NULL, 16) ^ UINT64_C(1) << 63);
	return 0;
}

static int redis_raise(ema_instance *self, const char *key, size_t key_length, int64_t mark, int64_t expires, int64_t *now, int64_t ms)
{
	struct command c = { 0 };
	char hex[17];
	redisReply *reply = NULL;
	int64_t kept = 0;
	int code = ready(self, ms);
	if (code != EMA_OK)
		return code;
	mark_write(mark, hex);
	add_number(&c, 0, ends(expires));
	add_text(&c, hex);
	code = run(self, SCRIPT_RAISE, &c, key, key_length, &reply);
	if (code == EMA_OK && (reply->elements != 2 || mark_read(reply->element[1], &kept)))
		code = entry_odd(self);
	if (code == EMA_OK)
		code = replicated(self);
	if (code == EMA_OK)
		code = still_master(self);
	if (code == EMA_OK)
		*now = kept;
	freeReplyObject(reply);
	return code;
}

static int redis_remove(ema_instance *self, const char *key, size_t key_length, int64_t ms)
{
	struct command c = { 0 };
	redisReply *reply = NULL;
	int code = ready(self, ms);
	if (code == EMA_OK)
		code = run(self, SCRIPT_REMOVE, &c, key, key_length, &reply);
	freeReplyObject(reply);
	return code;
}

/* Up to PAGE entries at once, by their names in the server. *out is "ok", and what there is of each. */
static int entries_read(ema_instance *self, const char *const *names, const size_t *lengths, size_t count, redisReply **out)
{
	struct command c = { 0 };
	const char *arguments[PAGE + 6];
	size_t sizes[PAGE + 6];
	redisReply *reply = NULL;
	add_text(&c, "EVAL");
	add_text(&c, SCRIPT_READ);
	add_number(&c, 0, (int64_t)count + 1);
	add_key(self, &c, 0, "about", NULL, 0);
	add_text(&c, self->identity);
	add_number(&c, 1, self->host->now(self->handle));
	for (size_t i = 0; i < 4; i++) {
		arguments[i] = c.arguments[i];
		sizes[i] = c.lengths[i];
	}
	memcpy(arguments + 4, names, count * sizeof *names);
	memcpy(sizes + 4, lengths, count * sizeof *lengths);
	for (size_t i = 4; i < 6; i++) {
		arguments[count + i] = c.arguments[i];
		sizes[count + i] = c.lengths[i];
	}
	int code = link_call(self, (int)count + 6, arguments, sizes, &reply);
	if (code == EMA_OK)
		code = script_said(self, reply, &reply);
	if (code == EMA_OK && reply->elements != count + 1) {
		freeReplyObject(reply);
		return link_failed(self, "a script", "an answer of a form that was not asked for");
	}
	if (code == EMA_OK)
		*out = reply;
	return code;
}

/* An entry as it was kept: its value, and when it ends. EMA_ABSENT: there is none. */
static int entry_parse(ema_instance *self, const redisReply *entry, char value[VALUE_MOST], size_t *length, int64_t *expires)
{
	const redisReply *type = entry->type == REDIS_REPLY_ARRAY && entry->elements == 3 ? entry->element[0] : NULL, *data = type ? entry->element[2] : NULL;
	int64_t mark;
	char *end;
	if (entry->type == REDIS_REPLY_ARRAY && entry->elements == 1 && reply_is(entry->element[0], "absent"))
		return EMA_ABSENT;
	int odd = !type || entry->element[1]->type != REDIS_REPLY_STRING || data->type != REDIS_REPLY_STRING || data->len > VALUE_MOST;
	if (!odd) {
		errno = 0;
		*expires = strtoll(entry->element[1]->str, &end, 10);
		odd = errno || *end || end == entry->element[1]->str || *expires <= 0;
	}
	if (!odd && reply_is(type, "e")) {
		memcpy(value, data->str, data->len);
		*length = data->len;
	} else if (!odd && reply_is(type, "m") && !mark_read(data, &mark)) {
		for (int i = 0; i < 8; i++)
			value[i] = (char)((uint64_t)mark >> (56 - 8 * i));
		*length = 8;
	} else {
		return entry_odd(self);
	}
	return EMA_OK;
}

static int entry_get(ema_instance *self, const void *key, size_t key_length, char value[VALUE_MOST], size_t *length, int64_t *expires)
{
	struct command name = { 0 };
	redisReply *reply = NULL;
	add_key(self, &name, 0, "e:", key, key_length);
	int code = entries_read(self, name.arguments, name.lengths, 1, &reply);
	if (code == EMA_OK)
		code = entry_parse(self, reply->element[1], value, length, expires);
	freeReplyObject(reply);
	return code;
}

static int redis_get(ema_instance *self, const char *key, size_t key_length, char *out, size_t *length, int64_t ms)
{
	char value[VALUE_MOST];
	size_t got = 0;
	int64_t expires;
	int code = ready(self, ms);
	if (code == EMA_OK)
		code = entry_get(self, key, key_length, value, &got, &expires);
	if (code == EMA_OK && got > *length)
		code = EMA_INTERNAL;
	if (code != EMA_OK)
		return code;
	memcpy(out, value, got);
	*length = got;
	return EMA_OK;
}

/* Tells each of a page, and what is gone if removed. */
static int entries_tell(ema_instance *self, const char *const *names, const size_t *lengths, size_t count, ema_feed *feed, int removed)
{
	const size_t before = self->prefix_length + 2;
	redisReply *reply = NULL;
	int code = entries_read(self, names, lengths, count, &reply);
	for (size_t i = 0; code == EMA_OK && i < count; i++) {
		const char *key = names[i] + before;
		const size_t length = lengths[i] - before;
		char value[VALUE_MOST];
		size_t got = 0;
		int64_t expires = 0;
		code = entry_parse(self, reply->element[i + 1], value, &got, &expires);
		if (code == EMA_OK)
			code = self->host->feed(feed, key, length, value, got, expires);
		else if (code == EMA_ABSENT)
			code = removed ? self->host->feed(feed, key, length, NULL, 0, 0) : EMA_OK;
	}
	freeReplyObject(reply);
	return code;
}

/* The pattern that matches what begins so: any byte may be one that patterns give a meaning. */
static size_t pattern_make(ema_instance *self, const char *prefix, size_t length, char *out)
{
	size_t n = 0;
	for (size_t i = 0; i < self->prefix_length + 2 + length; i++) {
		char byte = i < self->prefix_length ? self->prefix[i] : i < self->prefix_length + 2 ? "e:"[i - self->prefix_length] : prefix[i - self->prefix_length - 2];
		if (byte && strchr("*?[]^-\\", byte))
			out[n++] = '\\';
		out[n++] = byte;
	}
	out[n++] = '*';
	return n;
}

static int list_all(ema_instance *self, const char *prefix, size_t prefix_length, ema_feed *feed)
{
	char pattern[2 * (PREFIX_MOST + 2 + KEY_MOST) + 1], cursor[24] = "0";
	size_t length = pattern_make(self, prefix, prefix_length, pattern), before = self->prefix_length + 2, count = 0, lengths[PAGE];
	const char *names[PAGE];
	int code = EMA_OK;
	for (int turn = 0; turn < SCAN_TURNS && code == EMA_OK; turn++) {
		struct command c = { 0 };
		redisReply *reply = NULL;
		add_text(&c, "SCAN");
		add_text(&c, cursor);
		add_text(&c, "MATCH");
		add(&c, pattern, length);
		add_text(&c, "COUNT");
		add_text(&c, "1000");
		code = call(self, &c, &reply);
		if (code != EMA_OK)
			return code;
		if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || reply->element[0]->type != REDIS_REPLY_STRING ||
		    reply->element[0]->len >= sizeof cursor || reply->element[1]->type != REDIS_REPLY_ARRAY)
			code = reply_failed(self, reply, "SCAN");
		for (size_t i = 0, all = code == EMA_OK ? reply->element[1]->elements : 0; code == EMA_OK && i < all; i++) {
			const redisReply *key = reply->element[1]->element[i];
			if (key->type != REDIS_REPLY_STRING || key->len <= before || key->len > before + KEY_MOST) {
				code = link_failed(self, "SCAN", "a name that no entry has");
				break;
			}
			names[count] = key->str;
			lengths[count++] = key->len;
			if (count == PAGE || i + 1 == all) {
				code = entries_tell(self, names, lengths, count, feed, 0);
				count = 0;
			}
		}
		if (code == EMA_OK)
			snprintf(cursor, sizeof cursor, "%s", reply->element[0]->str);
		freeReplyObject(reply);
		if (code == EMA_OK && !strcmp(cursor, "0"))
			return EMA_OK;
	}
	return code == EMA_OK ? EMA_TIMEOUT : code;
}

static int redis_list(ema_instance *self, const char *prefix, size_t prefix_length, ema_feed *feed, int64_t ms)
{
	int code = ready(self, ms);
	return code == EMA_OK ? list_all(self, prefix, prefix_length, feed) : code;
}

/* The keys that a list of changes has, from its third on. */
static int changes_tell(ema_instance *self, const redisReply *reply, ema_feed *feed)
{
	const size_t room = self->prefix_length + 2 + KEY_MOST;
	const char *names[PAGE];
	size_t lengths[PAGE], count = 0;
	int code = EMA_OK;
	char *bytes = malloc(PAGE * room);
	if (!bytes)
		return EMA_OUT_OF_MEMORY;
	for (size_t i = 2; code == EMA_OK && i < reply->elements; i++) {
		const redisReply *key = reply->element[i];
		if (key->type != REDIS_REPLY_STRING || !key->len || key->len > KEY_MOST) {
			code = link_failed(self, "the log of changes", "a name that no entry has");
			break;
		}
		char *name = bytes + count * room;
		memcpy(name, self->prefix, self->prefix_length);
		memcpy(name + self->prefix_length, "e:", 2);
		memcpy(name + self->prefix_length + 2, key->str, key->len);
		names[count] = name;
		lengths[count++] = self->prefix_length + 2 + key->len;
		if (count == PAGE || i + 1 == reply->elements) {
			code = entries_tell(self, names, lengths, count, feed, 1);
			count = 0;
		}
	}
	free(bytes);
	return code;
}

/* Does not wait: the host asks a serial plugin again. A call that is given no time takes what the server needs for an answer. */
#define CHANGES_MS 1000
#define TELL_MS 10000

static int redis_changes(ema_instance *self, ema_feed *feed, int64_t ms)
{
	struct command c = { 0 };
	redisReply *reply = NULL;
	char *end = NULL;
	int code = ready(self, ms > CHANGES_MS ? ms : CHANGES_MS);
	if (code != EMA_OK)
		return code;
	add_text(&c, "EVAL");
	add_text(&c, SCRIPT_CHANGES);
	add_text(&c, "3");
	add_key(self, &c, 0, "about", NULL, 0);
	add_key(self, &c, 1, "seq", NULL, 0);
	add_key(self, &c, 2, "log", NULL, 0);
	add_text(&c, self->identity);
	add_number(&c, 0, self->told);
	code = call(self, &c, &reply);
	if (code != EMA_OK)
		return code;
	const redisReply *first = reply->type == REDIS_REPLY_ARRAY && reply->elements ? reply->element[0] : NULL;
	int64_t sequence = first && reply->elements > 1 && reply->element[1]->type == REDIS_REPLY_STRING ? strtoll(reply->element[1]->str, &end, 10) : -1;
	if (!first) {
		code = reply_failed(self, reply, "a script");
	} else if (sequence < 0) {
		code = link_failed(self, "the server", "it has lost what it knew of this store, or its place was taken by another");
		link_close(self);
	}
	if (code == EMA_OK && reply->elements > 2)
		self->until = monotonic_ms() + TELL_MS;
	if (code == EMA_OK)
		code = changes_tell(self, reply, feed);
	if (code == EMA_OK)
		self->told = sequence;
	freeReplyObject(reply);
	return code;
}

static int redis_since(ema_instance *self, int64_t *since)
{
	int64_t known = __atomic_load_n(&self->since, __ATOMIC_SEQ_CST);
	if (known == INT64_MIN)
		return EMA_UNAVAILABLE;
	*since = known;
	return EMA_OK;
}

/* ---- Settings ---- */

static int settings_read(ema_instance *self, ema_conf *conf)
{
	const struct ema_host *host = self->host;
	int code = host->conf_string(conf, "server", &self->server);
	if (code == EMA_OK)
		code = host->conf_path(conf, "socket", &self->socket);
	if (code == EMA_OK)
		code = host->conf_list(conf, "sentinels", &self->sentinels, &self->sentinel_count);
	if (code == EMA_OK)
		code = host->conf_string(conf, "master", &self->master);
	if (code == EMA_OK)
		code = host->conf_string(conf, "user", &self->user);
	if (code == EMA_OK)
		code = host->conf_secret(conf, "password", &self->password, &self->password_length);
	if (code == EMA_OK)
		code = host->conf_string(conf, "sentinel_user", &self->sentinel_user);
	if (code == EMA_OK)
		code = host->conf_secret(conf, "sentinel_password", &self->sentinel_password, &self->sentinel_password_length);
	if (code == EMA_OK)
		code = host->conf_int(conf, "replicas", 0, 16, &self->replicas);
	if (code == EMA_OK)
		code = host->conf_string(conf, "prefix", &self->prefix);
	if (code == EMA_OK)
		code = host->conf_int(conf, "quota", 1, 100000000, &self->quota);
	if (code == EMA_OK)
		code = link_tls(self, conf);
	if (code != EMA_OK)
		return code;
	if ((self->server != NULL) + (self->socket != NULL) + (self->sentinel_count > 0) != 1)
		return host->conf_fail(conf, NULL, "exactly one of server, socket and sentinels says where Redis is");
	if (!self->sentinel_count != !self->master)
		return host->conf_fail(conf, "master", "sentinels and master, the name of what they watch, come together");
	if (self->sentinel_count > SENTINELS_MOST)
		return host->conf_fail(conf, "sentinels", "at most 16");
	/* One of them alone must never be most of them. */
	for (size_t i = 1; i < self->sentinel_count; i++)
		for (size_t k = 0; k < i; k++)
			if (!strcasecmp(self->sentinels[i], self->sentinels[k]))
				return host->conf_fail(conf, "sentinels", "the same one twice");
	if (self->user && !self->password)
		return host->conf_fail(conf, "user", "a user has a password");
	if (self->sentinel_user && !self->sentinel_password)
		return host->conf_fail(conf, "sentinel_user", "a user has a password");
	if (self->sentinel_password && !self->sentinel_count)
		return host->conf_fail(conf, "sentinel_password", "there are no sentinels");
	if (self->replicas < 0)
		self->replicas = self->sentinel_count > 0;
	if (self->socket && self->tls)
		return host->conf_fail(conf, "tls", "tls is for a server or sentinels");
	self->prefix_length = strlen(self->prefix);
	if (!self->prefix_length || self->prefix_length > PREFIX_MOST)
		return host->conf_fail(conf, "prefix", "from 1 to 64 bytes");
	return EMA_OK;
}

static void redis_close(ema_instance *self)
{
	link_close(self);
	SSL_CTX_free(self->tls);
	free(self);
}

/* No network here: the first call connects. */
static int redis_open(const struct ema_host *host, const ema_handle *handle, ema_conf *conf, ema_instance **out)
{
	ema_instance *self = calloc(1, sizeof *self);
	if (!self)
		return EMA_OUT_OF_MEMORY;
	/* What was there before is told, too, with the first changes: by then it may be more than at open. */
	*self = (ema_instance){ .host = host, .handle = handle, .prefix = "ema:", .quota = 250000, .replicas = -1, .link = { .fd = -1 }, .pid = getpid(), .since = INT64_MIN, .told = -1 };
	int code = settings_read(self, conf);
	if (code != EMA_OK) {
		redis_close(self);
		return code;
	}
	*out = self;
	return EMA_OK;
}

const struct ema_store_ops redis_ops = {
	.size = sizeof redis_ops, .open = redis_open, .close = redis_close, .put_if_absent = redis_put_if_absent, .get = redis_get,
	.remove = redis_remove, .raise = redis_raise, .list = redis_list, .changes = redis_changes, .since = redis_since,
};
