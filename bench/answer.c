/* answer PORT THREADS: libmicrohttpd, as emad sets it up, that answers 204 and does nothing: what emad's answers are held against. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <arpa/inet.h>
#include <microhttpd.h>

static struct MHD_Response *nothing;

static enum MHD_Result handle(void *data, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
                              const char *upload, size_t *upload_size, void **own)
{
	static int seen;
	(void)data, (void)url, (void)method, (void)version, (void)upload;
	/* At its first call it would close the connection. */
	if (!*own) {
		*own = &seen;
		return MHD_YES;
	}
	*upload_size = 0;
	return MHD_queue_response(connection, MHD_HTTP_NO_CONTENT, nothing);
}

int main(int argc, char **argv)
{
	sigset_t signals;
	int number;
	if (argc != 3)
		return 2;
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])),
		                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const unsigned threads = (unsigned)atoi(argv[2]);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	nothing = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC, 0, NULL, NULL, handle, NULL,
		MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address, threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, threads, MHD_OPTION_END);
	if (!daemon || !nothing) {
		perror("answer");
		return 1;
	}
	puts("listening");
	fflush(stdout);
	sigwait(&signals, &number);
	MHD_stop_daemon(daemon);
	MHD_destroy_response(nothing);
	return 0;
}
