/* How emad takes connections, where no client can bring it about. */
#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../emad/emad.h"

#define FD 9 /* nothing is done to it */

static struct worker two[2], one;
static const struct face here = { .workers = two, .worker_count = 2,
	                           .limits = { .connections = 4, .per_address = 2, .header_ms = 60000, .body_ms = 60000, .idle_ms = 60000 } };
static const struct face there = { .workers = &one, .worker_count = 1,
	                            .limits = { .connections = 4, .per_address = 2, .header_ms = 60000, .body_ms = 60000, .idle_ms = 60000 } };

static struct worker *dealt_to;

static uint64_t admit(struct connections *all, const struct face *face, const char *address)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
	} from = { .v4 = { .sin_family = AF_INET } };
	assert_int_equal(inet_pton(AF_INET, address, &from.v4.sin_addr), 1);
	return connections_admit(all, FD, &from.any, 1, face, &dealt_to);
}

static struct connections *connections_for(size_t most)
{
	struct connections *all = connections_new();
	assert_non_null(all);
	connections_limit(all, most);
	return all;
}

/* A descriptor that was closed is the next one's at once: whoever comes by that has his own address, and no one's place. */
static void the_lost_one_is_forgotten_and_no_other(void **state)
{
	(void)state;
	struct connections *all = connections_for(4);
	uint64_t lost = admit(all, &here, "192.0.2.1"), next = admit(all, &there, "192.0.2.2");
	assert_true(lost && next && lost != next);
	connections_lost(all, lost);
	struct connection *connection = connection_open(all, FD);
	assert_non_null(connection);
	assert_string_equal(connection_remote(connection), "192.0.2.2");
	assert_int_equal(connections_count(all), 1);
	assert_null(connection_open(all, FD));
	connection_close(connection);
	connections_lost(all, next); /* was heard of */
	assert_int_equal(connections_count(all), 0);
	connections_free(all);
}

/* A face that takes no more waits for those of which no thread has heard, and for no other's; they end with it. */
static void what_was_taken_belongs_to_its_face(void **state)
{
	(void)state;
	struct connections *all = connections_for(4);
	assert_true(admit(all, &here, "192.0.2.1") && admit(all, &here, "192.0.2.1") && admit(all, &there, "192.0.2.2"));
	assert_int_equal(admit(all, &there, "192.0.2.1"), 0); /* both count for the address */
	assert_int_equal(connections_taken(all, &here, 0), 2);
	struct connection *connection = connection_open(all, FD);
	assert_string_equal(connection_remote(connection), "192.0.2.2");
	assert_int_equal(connections_taken(all, &there, 0), 0);
	assert_int_equal(connections_taken(all, &here, 1), 2);
	assert_int_equal(connections_taken(all, &here, 0), 0);
	assert_int_equal(connections_count(all), 1);
	assert_true(admit(all, &there, "192.0.2.1") != 0);
	connection_close(connection);
	connections_free(all);
}

/* Threads have as many connections as others; one that is at a request for long gets no more until it has answered. */
static void connections_go_to_threads_that_can(void **state)
{
	(void)state;
	struct connections *all = connections_for(16);
	struct connection *busy, *other;
	assert_true(admit(all, &here, "192.0.2.1") != 0);
	struct worker *first = dealt_to;
	busy = connection_open(all, FD);
	assert_true(admit(all, &here, "192.0.2.1") != 0);
	assert_ptr_not_equal(dealt_to, first);
	other = connection_open(all, FD);
	connection_close(other);
	connection_phase(busy, PHASE_WORK);
	for (int64_t from = now_ms(); now_ms() - from < 100;)
		usleep(1000);
	for (int i = 2; i < 6; i++) {
		char address[20];
		snprintf(address, sizeof address, "192.0.2.%d", i);
		assert_true(admit(all, &here, address) != 0);
		assert_ptr_not_equal(dealt_to, first);
		connection_open(all, FD);
	}
	connection_phase(busy, PHASE_ANSWER);
	assert_true(admit(all, &here, "192.0.2.7") != 0);
	assert_ptr_equal(dealt_to, first);
	connections_free(all);
	assert_int_equal(two[0].count + two[1].count, 0);
}

static int listener;
static union {
	struct sockaddr any;
	struct sockaddr_in v4;
} at = { .v4 = { .sin_family = AF_INET } };

static int come(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, &at.any, sizeof at.v4), 0);
	return fd;
}

/* While it takes one, the next one comes. */
static void take_and_come(void *data, int fd, const struct sockaddr *address, socklen_t length)
{
	(void)address, (void)length;
	close(come());
	close(fd);
	__atomic_add_fetch((int *)data, 1, __ATOMIC_RELAXED);
}

/* A crowd that comes as fast as it is taken does not keep emad from its end, nor from a new configuration. */
static void a_crowd_without_end_can_be_left(void **state)
{
	(void)state;
	socklen_t length = sizeof at.v4;
	int taken = 0;
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	at.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, &at.any, sizeof at.v4), 0);
	assert_int_equal(listen(listener, 16), 0);
	assert_int_equal(getsockname(listener, &at.any, &length), 0);
	struct acceptor *acceptor = acceptor_start(listener, take_and_come, &taken);
	assert_non_null(acceptor);
	/* Who comes before it may begin waits at the socket. */
	close(come());
	usleep(20000);
	assert_int_equal(__atomic_load_n(&taken, __ATOMIC_RELAXED), 0);
	acceptor_begin(acceptor);
	while (__atomic_load_n(&taken, __ATOMIC_RELAXED) < 100)
		usleep(1000);
	acceptor_stop(acceptor);
	assert_true(taken >= 100);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_lost_one_is_forgotten_and_no_other),
		cmocka_unit_test(what_was_taken_belongs_to_its_face),
		cmocka_unit_test(connections_go_to_threads_that_can),
		cmocka_unit_test(a_crowd_without_end_can_be_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
