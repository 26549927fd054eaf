/*
 * Who is connected, and for how long. libmicrohttpd has a time for silence alone: a client that drips a byte a second is never
 * silent. Here each part of a request has its time as a whole, and a thread ends what exceeds it by shutdown(2), which the
 * owner of the descriptor then notices; a descriptor stands here until that owner is about to close it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>
#include <sys/resource.h>

#include "emad.h"

#define TICK_MS 100
#define BUCKETS 4096
#define FILES_RESERVED 256 /* descriptors for everything but clients */
#define STUCK_MS 20        /* a thread that is so long at one request is given no other connection, if there is another thread */
#define TAKEN_MS 60000     /* a connection of which no thread has heard so long was never one */

struct peer {
	LIST_ENTRY(peer) link;
	unsigned char address[16];
	size_t count;
};

struct connection {
	TAILQ_ENTRY(connection) link;
	TAILQ_ENTRY(connection) turn;    /* in the list of those that may have to make room, */
	uint64_t number;                 /* by this */
	struct connections *all;
	const struct face *face;         /* where it came; for as long as no thread has heard of it */
	struct worker *worker;
	struct peer *peer;               /* NULL: not counted */
	int fd;
	int is_tls;
	enum phase phase;
	int ended;                       /* was shut down */
	int64_t deadline;
	struct limits limits;
	char remote[INET6_ADDRSTRLEN];
};

TAILQ_HEAD(connection_list, connection);
LIST_HEAD(peer_list, peer);

struct connections {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	int stopping, leave;
	size_t most, count, ended, taken;
	uint64_t seed, numbers;
	struct connection_list list;
	/* Who may have to make room and was not ended, the longest there first: who waits for a request, and who is within one.
	   A client that means well is through with its header before anybody else is in want of its place. */
	struct connection_list waiting, asking;
	struct peer_list buckets[BUCKETS];
};

/* ---- Peers ---- */

/* A network of IPv6 is one customer's: its /64. 0: not one to count. */
static int peer_key(const struct sockaddr *address, unsigned char key[16])
{
	const struct sockaddr_in *v4 = (const void *)address;
	const struct sockaddr_in6 *v6 = (const void *)address;
	memset(key, 0, 16);
	if (address && address->sa_family == AF_INET) {
		key[10] = key[11] = 0xff;
		memcpy(key + 12, &v4->sin_addr, 4);
		return 1;
	}
	if (address && address->sa_family == AF_INET6) {
		memcpy(key, &v6->sin6_addr, IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) ? 16 : 8);
		return 1;
	}
	return 0;
}

void peer_text(const struct sockaddr *address, char out[INET6_ADDRSTRLEN])
{
	const struct sockaddr_in6 *v6 = (const void *)address;
	const struct sockaddr_in *v4 = (const void *)address;
	const char *text = "unix";
	if (address && address->sa_family == AF_INET)
		text = inet_ntop(AF_INET, &v4->sin_addr, out, INET6_ADDRSTRLEN);
	else if (address && address->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		text = inet_ntop(AF_INET, v6->sin6_addr.s6_addr + 12, out, INET6_ADDRSTRLEN);
	else if (address && address->sa_family == AF_INET6)
		text = inet_ntop(AF_INET6, &v6->sin6_addr, out, INET6_ADDRSTRLEN);
	if (text != out)
		snprintf(out, INET6_ADDRSTRLEN, "%s", text ? text : "?");
}

static struct peer *peer_find(struct connections *all, const unsigned char key[16], int make)
{
	uint64_t hash = all->seed;
	struct peer *peer;
	for (int i = 0; i < 16; i++) {
		hash = (hash ^ key[i]) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 29;
	}
	LIST_FOREACH(peer, &all->buckets[hash % BUCKETS], link)
		if (!memcmp(peer->address, key, 16))
			return peer;
	peer = make ? calloc(1, sizeof *peer) : NULL;
	if (peer) {
		memcpy(peer->address, key, 16);
		LIST_INSERT_HEAD(&all->buckets[hash % BUCKETS], peer, link);
	}
	return peer;
}

/* ---- Ending ---- */

static struct connection_list *turns(struct connection *connection)
{
	return connection->ended ? NULL : connection->phase == PHASE_WAITING ? &connection->all->waiting :
	       connection->phase == PHASE_HEADER || connection->phase == PHASE_BODY ? &connection->all->asking : NULL;
}

static void turn_leave(struct connection *connection)
{
	struct connection_list *list = turns(connection);
	if (list)
		TAILQ_REMOVE(list, connection, turn);
}

/* Mostly at the end: but threads hear of connections in another order than they came in. */
static void turn_insert(struct connection *connection)
{
	struct connection_list *list = turns(connection);
	struct connection *before = list ? TAILQ_LAST(list, connection_list) : NULL;
	while (before && before->number > connection->number)
		before = TAILQ_PREV(before, connection_list, turn);
	if (before)
		TAILQ_INSERT_AFTER(list, before, connection, turn);
	else if (list)
		TAILQ_INSERT_HEAD(list, connection, turn);
}

static void turn_take(struct connection *connection)
{
	connection->number = ++connection->all->numbers;
	turn_insert(connection);
}

static void end(struct connection *connection, int how)
{
	if (connection->ended)
		return;
	turn_leave(connection);
	connection->ended = 1;
	connection->all->ended++;
	shutdown(connection->fd, how);
}

static void refuse(struct connection *connection, int status)
{
	char text[256];
	const char *why = status == 408 ? "Request Timeout" : "Content Too Large";
	int length = snprintf(text, sizeof text, "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Type: application/json\r\n"
	                      "Cache-Control: no-store\r\nContent-Length: 27\r\n\r\n{\"error\":\"invalid_request\"}", status, why);
	/* Into a TLS connection nobody but its session can write. */
	if (!connection->ended && !connection->is_tls && send(connection->fd, text, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		say(SAY_DEBUG, "an answer could not be sent: %s", strerror(errno));
	end(connection, SHUT_RDWR);
}

/* Whoever waits for the longest goes, else who is longest within a request. 0: there is nobody. */
static int make_room(struct connections *all)
{
	struct connection *oldest = TAILQ_FIRST(&all->waiting);
	oldest = oldest ? oldest : TAILQ_FIRST(&all->asking);
	if (oldest)
		end(oldest, SHUT_RDWR);
	return oldest != NULL;
}

static void leave(struct connection *connection)
{
	struct connections *all = connection->all;
	turn_leave(connection);
	all->ended -= (size_t)connection->ended;
	all->taken -= connection->phase == PHASE_TAKEN;
	all->count--;
	connection->worker->count--;
	TAILQ_REMOVE(&all->list, connection, link);
	if (connection->peer && !--connection->peer->count) {
		LIST_REMOVE(connection->peer, link);
		free(connection->peer);
	}
	free(connection);
}

static void *watch(void *data)
{
	struct connections *all = data;
	pthread_mutex_lock(&all->lock);
	while (!all->leave) {
		struct timespec until;
		int64_t now = now_ms();
		for (struct connection *connection = TAILQ_FIRST(&all->list), *next; connection; connection = next) {
			next = TAILQ_NEXT(connection, link);
			if (connection->ended || !connection->deadline || connection->deadline > now)
				continue;
			/* Who waits between two requests has asked for nothing; an answer could be taken for that to the next. */
			if (connection->phase == PHASE_TAKEN)
				leave(connection);
			else if (connection->phase == PHASE_HEADER || connection->phase == PHASE_BODY)
				refuse(connection, 408);
			else
				end(connection, SHUT_RDWR);
		}
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += TICK_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&all->wake, &all->lock, &until);
	}
	pthread_mutex_unlock(&all->lock);
	return NULL;
}

/* ---- All ---- */

struct connections *connections_new(void)
{
	struct connections *all = calloc(1, sizeof *all);
	pthread_condattr_t attributes;
	if (!all || getrandom(&all->seed, sizeof all->seed, 0) != sizeof all->seed) {
		free(all);
		return NULL;
	}
	TAILQ_INIT(&all->list);
	TAILQ_INIT(&all->waiting);
	TAILQ_INIT(&all->asking);
	pthread_mutex_init(&all->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&all->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	if (pthread_create(&all->thread, NULL, watch, all)) {
		pthread_cond_destroy(&all->wake);
		pthread_mutex_destroy(&all->lock);
		free(all);
		return NULL;
	}
	return all;
}

void connections_free(struct connections *all)
{
	if (!all)
		return;
	pthread_mutex_lock(&all->lock);
	all->leave = 1;
	pthread_cond_signal(&all->wake);
	pthread_mutex_unlock(&all->lock);
	pthread_join(all->thread, NULL);
	/* Those that no thread heard of before it ended. */
	while (!TAILQ_EMPTY(&all->list))
		leave(TAILQ_FIRST(&all->list));
	pthread_cond_destroy(&all->wake);
	pthread_mutex_destroy(&all->lock);
	free(all);
}

/* How many connections there are descriptors for. */
static size_t raise_files(size_t wanted)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files))
		return wanted;
	rlim_t need = (rlim_t)wanted + FILES_RESERVED;
	if (files.rlim_cur < need && files.rlim_cur != RLIM_INFINITY) {
		rlim_t before = files.rlim_cur;
		files.rlim_cur = files.rlim_max == RLIM_INFINITY || files.rlim_max > need ? need : files.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &files))
			files.rlim_cur = before;
	}
	if (files.rlim_cur == RLIM_INFINITY || files.rlim_cur >= need)
		return wanted;
	size_t can = files.rlim_cur > 2 * FILES_RESERVED ? (size_t)files.rlim_cur - FILES_RESERVED : (size_t)files.rlim_cur / 2;
	say(SAY_WARNING, "limits.connections is %zu, but the process may open %llu files: %zu connections (LimitNOFILE=, ulimit -n)", wanted,
	    (unsigned long long)files.rlim_cur, can);
	return can;
}

void connections_limit(struct connections *all, size_t most)
{
	most = raise_files(most);
	pthread_mutex_lock(&all->lock);
	all->most = most;
	pthread_mutex_unlock(&all->lock);
}

/* Whoever has the fewest, of those that come to it: what waits for a key set or a store holds up its thread. */
static struct worker *deal(const struct face *face, int64_t now)
{
	struct worker *best = face->workers;
	int best_stuck = 1;
	for (unsigned i = 0; i < face->worker_count; i++) {
		struct worker *worker = &face->workers[i];
		const int stuck = worker->since && now - worker->since >= STUCK_MS;
		if (stuck < best_stuck || (stuck == best_stuck && worker->count < best->count)) {
			best = worker;
			best_stuck = stuck;
		}
	}
	return best;
}

uint64_t connections_admit(struct connections *all, int fd, const struct sockaddr *address, int limited, const struct face *face,
                           struct worker **worker)
{
	const int64_t now = now_ms();
	unsigned char key[16];
	struct connection *connection = calloc(1, sizeof *connection);
	if (!connection)
		return 0;
	*connection = (struct connection){ .all = all, .face = face, .fd = fd, .is_tls = face->tls != NULL, .phase = PHASE_TAKEN, .limits = face->limits };
	peer_text(address, connection->remote);
	pthread_mutex_lock(&all->lock);
	connection->peer = limited && peer_key(address, key) ? peer_find(all, key, 1) : NULL;
	int yes = !all->stopping && (!connection->peer || connection->peer->count < face->limits.per_address);
	/* Those that were ended are soon closed, and those that were taken soon heard of; how many may be still about to be is bounded too. */
	if (yes && all->count - all->ended >= all->most)
		yes = (make_room(all) || all->taken) && all->ended + all->taken <= all->most / 4 + 64;
	if (connection->peer)
		connection->peer->count++;
	connection->deadline = now + TAKEN_MS;
	connection->worker = *worker = deal(face, now);
	connection->worker->count++;
	const uint64_t number = connection->number = ++all->numbers;
	all->count++;
	all->taken++;
	TAILQ_INSERT_TAIL(&all->list, connection, link);
	if (!yes)
		leave(connection);
	pthread_mutex_unlock(&all->lock);
	return yes ? number : 0;
}

/* The newest: who had the descriptor before is gone. */
static struct connection *taken_find(const struct connections *all, int fd)
{
	struct connection *connection;
	TAILQ_FOREACH_REVERSE(connection, &all->list, connection_list, link)
		if (connection->phase == PHASE_TAKEN && connection->fd == fd)
			return connection;
	return NULL;
}

/* Not by its descriptor: that is closed, and may be another one's already, which came from somewhere else. */
void connections_lost(struct connections *all, uint64_t number)
{
	pthread_mutex_lock(&all->lock);
	struct connection *connection = TAILQ_LAST(&all->list, connection_list);
	while (connection && (connection->phase != PHASE_TAKEN || connection->number != number))
		connection = TAILQ_PREV(connection, connection_list, link);
	if (connection)
		leave(connection);
	pthread_mutex_unlock(&all->lock);
}

size_t connections_taken(struct connections *all, const struct face *face, int forget)
{
	size_t count = 0;
	pthread_mutex_lock(&all->lock);
	for (struct connection *connection = TAILQ_FIRST(&all->list), *next; connection; connection = next) {
		next = TAILQ_NEXT(connection, link);
		if (connection->face != face)
			continue;
		count++;
		if (forget)
			leave(connection);
	}
	pthread_mutex_unlock(&all->lock);
	return count;
}

static int64_t phase_ms(const struct connection *connection, enum phase phase)
{
	const struct limits *limits = &connection->limits;
	return phase == PHASE_WAITING ? limits->idle_ms : phase == PHASE_HEADER ? limits->header_ms : phase == PHASE_WORK ? 0 : limits->body_ms;
}

struct connection *connection_open(struct connections *all, int fd)
{
	pthread_mutex_lock(&all->lock);
	struct connection *connection = taken_find(all, fd);
	if (connection) {
		all->taken--;
		while (all->count - all->taken - all->ended > all->most && make_room(all))
			;
		connection->phase = PHASE_WAITING;
		connection->face = NULL;
		/* The first request has to come at once: who connects wants something. */
		connection->deadline = now_ms() + connection->limits.header_ms;
		turn_insert(connection);
		if (all->stopping)
			end(connection, SHUT_RD);
	}
	pthread_mutex_unlock(&all->lock);
	return connection;
}

void connection_close(struct connection *connection)
{
	struct connections *all = connection->all;
	pthread_mutex_lock(&all->lock);
	leave(connection);
	pthread_mutex_unlock(&all->lock);
}

void connection_phase(struct connection *connection, enum phase phase)
{
	struct connections *all = connection->all;
	int64_t time = phase_ms(connection, phase), now = now_ms();
	pthread_mutex_lock(&all->lock);
	turn_leave(connection);
	connection->phase = phase;
	connection->deadline = time ? now + time : 0;
	connection->worker->since = phase == PHASE_WORK ? now : 0;
	turn_take(connection);
	if (phase == PHASE_WAITING && all->stopping)
		end(connection, SHUT_RD);
	pthread_mutex_unlock(&all->lock);
}

const char *connection_remote(const struct connection *connection)
{
	return connection->remote;
}

void connection_refuse(struct connection *connection, int status)
{
	pthread_mutex_lock(&connection->all->lock);
	refuse(connection, status);
	pthread_mutex_unlock(&connection->all->lock);
}

void connections_stop(struct connections *all)
{
	struct connection *connection;
	pthread_mutex_lock(&all->lock);
	all->stopping = 1;
	/* What has come already is still read, and answered. */
	while ((connection = TAILQ_FIRST(&all->waiting)))
		end(connection, SHUT_RD);
	pthread_mutex_unlock(&all->lock);
}

size_t connections_busy(struct connections *all)
{
	size_t busy = 0;
	const struct connection *connection;
	pthread_mutex_lock(&all->lock);
	TAILQ_FOREACH(connection, &all->list, link)
		busy += connection->phase != PHASE_WAITING && connection->phase != PHASE_TAKEN;
	pthread_mutex_unlock(&all->lock);
	return busy;
}

size_t connections_count(struct connections *all)
{
	pthread_mutex_lock(&all->lock);
	size_t count = all->count;
	pthread_mutex_unlock(&all->lock);
	return count;
}
