/* emad(8): from start to end. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "emad.h"

#define LISTENERS_MOST 64
#define DRAIN_MS 10000       /* for requests in flight, at the end */
#define TICK_MS 1000

static const char usage_text[] =
	"usage: emad [-c FILE] [-t] [-v] [--foreground]\n\n"
	"  -c, --config FILE   the configuration (" EMA_CONFIG_FILE ")\n"
	"  -t, --test          check it, and what it names, and exit\n"
	"  -v, --verbose       a line for each request: method, path, status and id\n"
	"      --foreground    as always: emad does not put itself in the background\n"
	"      --version       the version\n\n"
	"The authorization server of EMA. See emad(8).\n";

/* ---- Before anything is served ---- */

static void close_to_others(void)
{
	struct rlimit none = { 0, 0 };
	umask(077);
	if (setrlimit(RLIMIT_CORE, &none))
		say(SAY_WARNING, "core dumps could not be turned off: %s", strerror(errno));
}

/*
 * Not the folder itself, which everybody may open, and could hold the lock of. A file that was there may be a link to one of root's,
 * set by who owns the folder: it is opened, never given away.
 */
static int open_lock(const char *path, const struct identity *identity)
{
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int lock = folder < 0 ? -1 : openat(folder, "lock", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (lock >= 0 && identity->change && fchown(lock, identity->uid, identity->gid)) {
		close(lock);
		lock = -1;
	} else if (folder >= 0 && lock < 0 && errno == EEXIST) {
		lock = openat(folder, "lock", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	}
	int why = errno;
	if (folder >= 0)
		close(folder);
	errno = why;
	return lock;
}

/* One emad for one state_dir: with a store in memory a second one would not know what the first one has redeemed. */
static int lock_state(struct server *server)
{
	const char *path = ema_daemon_text(server->settings->daemon, "state_dir"), *store = ema_daemon_text(server->settings->daemon, "store");
	if (!path)
		return 0;
	if (!mkdir(path, 0755)) {
		/* jwks.json is for everybody; what is not has folders of its own. */
		if (chmod(path, 0755) || (server->identity.change && chown(path, server->identity.uid, server->identity.gid))) {
			say(SAY_ERROR, "state_dir %s: %s", path, strerror(errno));
			return -1;
		}
	} else if (errno != EEXIST) {
		say(SAY_ERROR, "state_dir %s cannot be made: %s", path, strerror(errno));
		return -1;
	}
	server->state_fd = open_lock(path, &server->identity);
	if (server->state_fd < 0) {
		say(SAY_ERROR, "state_dir %s: its file \"lock\" cannot be opened: %s", path, strerror(errno));
		return -1;
	}
	if (!flock(server->state_fd, LOCK_EX | LOCK_NB))
		return 0;
	if (errno != EWOULDBLOCK)
		say(SAY_ERROR, "state_dir %s cannot be locked: %s", path, strerror(errno));
	else if (store && !strcmp(store, "memory"))
		say(SAY_ERROR, "E-STORE-LOCAL: another emad runs on state_dir %s, and with a store in memory neither would know what the other has "
		    "redeemed: stop it, or give this one a state_dir of its own and both a store that they share", path);
	else
		say(SAY_ERROR, "another emad runs on state_dir %s: stop it, or give this one a state_dir of its own", path);
	return -1;
}

static void end_tls(struct tls **tls)
{
	for (size_t i = 0; i < LISTENERS_MOST; i++)
		tls_release(tls[i]);
}

static int read_tls(const ema_daemon *daemon, struct tls **tls)
{
	int bad = 0;
	for (size_t i = 0; i < LISTENERS_MOST && ema_listener_text(daemon, i, "address"); i++) {
		char error[512] = "";
		if (tls_read(daemon, i, &tls[i], error, sizeof error)) {
			say(SAY_ERROR, "%s: %s", ema_listener_text(daemon, i, "address"), error);
			bad = -1;
		}
	}
	return bad;
}

static ema_context *make_context(void)
{
	ema_context *context = ema_new();
	if (!context || ema_set_plugin_path(context, getenv("EMA_PLUGIN_PATH"))) {
		say(SAY_ERROR, "no memory");
		ema_free(context);
		return NULL;
	}
	ema_set_log(context, say_log, NULL);
	ema_set_server(context);
	return context;
}

/* Whether files can be made in a folder that is there; why not is said. */
static int may_write(const char *path, const char *what)
{
	if (!faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) || errno == ENOENT || errno == ENOTDIR)
		return 1;
	say(SAY_ERROR, "%s: in %s nothing can be made: %s", what, path, strerror(errno));
	return 0;
}

static int may_make(const char *path, const char *what)
{
	char *copy = strdup(path);
	int may = copy && may_write(dirname(copy), what);
	free(copy);
	return may;
}

/* As they would be made: before emad becomes its user. */
static int may_start(const ema_daemon *daemon)
{
	const char *state_dir = ema_daemon_text(daemon, "state_dir"), *address;
	int may = !state_dir || !access(state_dir, F_OK) || may_make(state_dir, "state_dir");
	for (size_t i = 0; (address = ema_listener_text(daemon, i, "address")); i++)
		may &= strncmp(address, "unix:", 5) || may_make(address + 5, address);
	return may;
}

/* -t: as a start, but that nothing is made, and what can be seen as the user that emad becomes is looked at as that. */
static int test(const char *config)
{
	ema_daemon *daemon = NULL;
	ema_findings *findings = NULL;
	struct tls *tls[LISTENERS_MOST] = { NULL };
	struct identity identity;
	int bad = 0;
	/* What it finds, ema_lint() finds again. */
	if (!ema_daemon_read(config, &daemon, &findings)) {
		const char *state_dir = ema_daemon_text(daemon, "state_dir");
		bad |= read_tls(daemon, tls) != 0;
		bad |= !may_start(daemon);
		if (!ema_listener_text(daemon, 0, "address")) {
			say(SAY_ERROR, "%s: \"listen\" is not set: there is nothing to serve", config);
			bad = 1;
		}
		bad |= identity_find(daemon, &identity) || identity_become(&identity) || (state_dir && !may_write(state_dir, "state_dir"));
	}
	ema_findings_free(findings);
	findings = NULL;
	ema_context *context = make_context();
	bad |= !context || ema_lint(context, config, &findings) != EMA_OK;
	say_findings(findings);
	ema_findings_free(findings);
	end_tls(tls);
	ema_daemon_free(daemon);
	ema_free(context);
	say(bad ? SAY_ERROR : SAY_INFO, bad ? "%s would not be served" : "%s is fine", config);
	return bad;
}

/* ---- What is served and trusted ---- */

static void introduce(struct server *server)
{
	ema_context *context = server->context;
	const char *store = ema_daemon_text(server->settings->daemon, "store"), *state_dir = ema_daemon_text(server->settings->daemon, "state_dir");
	char sinks[256] = "";
	for (const struct face *face = server->faces; face; face = face->next) {
		json_object *names = serve_names(face->serve);
		say(SAY_INFO, "serves %s on %s%s", names ? json_object_to_json_string_ext(names, JSON_C_TO_STRING_PLAIN) : "", face->address,
		    face->tls ? " (TLS)" : face->proxies_only ? " (clear text, for the proxies alone)" : " (clear text)");
		json_object_put(names);
	}
	for (size_t i = 0; i < server->sockets.handed_count; i++) {
		size_t j = 0;
		while (j < server->sockets.count && strcmp(server->sockets.list[j].address, server->sockets.handed[i].address))
			j++;
		if (j == server->sockets.count)
			say(SAY_WARNING, "systemd hands over %s, which \"listen\" does not name: who connects there waits for nothing",
			    server->sockets.handed[i].address);
	}
	for (size_t i = 0; ema_service_id(context, i); i++)
		say(SAY_INFO, "service %s: %s, issuer %s", ema_service_id(context, i), ema_service_fact(context, ema_service_id(context, i), "resource"),
		    ema_service_fact(context, ema_service_id(context, i), "issuer"));
	for (size_t i = 0; ema_provider_id(context, i); i++) {
		const char *issuer = ema_provider_fact(context, ema_provider_id(context, i), "issuer");
		say(SAY_INFO, "trusts provider %s: %s", ema_provider_id(context, i), issuer ? issuer : "-");
	}
	for (size_t i = 0, used = 0; ema_sink_id(context, i) && used < sizeof sinks; i++)
		used += (size_t)snprintf(sinks + used, sizeof sinks - used, "%s%s", i ? ", " : "", ema_sink_id(context, i));
	say(SAY_INFO, "state in %s, store %s, audit to %s", state_dir ? state_dir : "memory alone", store, sinks[0] ? sinks : "nothing");
}

/* ---- Serving ---- */

static void hang_up(struct server *server)
{
	char state[64];
	json_object *report = NULL;
	snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)now_ms() * 1000);
	notify_systemd(state);
	reload(server, &report);
	json_object_put(report);
	notify_systemd("READY=1");
}

static int64_t sooner(int64_t a, int64_t b)
{
	return b >= 0 && b < a ? b : a;
}

/* Until a signal says that it is enough. */
static void serve(struct server *server, int signals)
{
	int watchdog = notify_watchdog_ms();
	int64_t next = now_ms();
	for (;;) {
		struct pollfd wait[2] = { { .fd = signals, .events = POLLIN }, { .fd = server->admin, .events = POLLIN } };
		if (watchdog >= 0 && now_ms() >= next) {
			notify_systemd("WATCHDOG=1");
			next = now_ms() + watchdog;
		}
		faces_reap(server, 0);
		int64_t time = server->retired ? TICK_MS : 3600 * 1000;
		if (poll(wait, 2, (int)sooner(time, watchdog < 0 ? -1 : next > now_ms() ? next - now_ms() : 0)) <= 0)
			continue;
		if (wait[1].revents)
			control_serve(server);
		struct signalfd_siginfo signal;
		if (!(wait[0].revents & POLLIN) || read(signals, &signal, sizeof signal) != sizeof signal)
			continue;
		if (signal.ssi_signo != SIGHUP)
			return;
		hang_up(server);
	}
}

/* Accept no more, finish what is in flight, within bounds. */
static void finish(struct server *server)
{
	notify_systemd("STOPPING=1");
	int64_t until = now_ms() + DRAIN_MS;
	faces_retire(server, server->faces);
	server->faces = NULL;
	sockets_close(&server->sockets, NULL);
	connections_stop(server->connections);
	while (connections_count(server->connections) && now_ms() < until)
		poll(NULL, 0, 20);
	if (connections_busy(server->connections))
		say(SAY_WARNING, "%zu requests were not finished in time", connections_busy(server->connections));
	faces_reap(server, 1);
}

/* A store in memory takes nothing that was issued in the second in which it began: nobody who comes with something fresh is to
   hear of that. */
static void begin_a_second(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	poll(NULL, 0, (int)((1000000000 - now.tv_nsec) / 1000000) + 1);
}

static int open_sockets(struct server *server, const ema_daemon *daemon)
{
	char error[512] = "";
	if (!sockets_open(&server->sockets, daemon, &server->identity, error, sizeof error) && !faces_lint(server, daemon, error, sizeof error))
		return 0;
	say(SAY_ERROR, "%s", error);
	return -1;
}

static int start(struct server *server, struct tls **tls)
{
	const ema_daemon *daemon = server->settings->daemon;
	char error[512] = "";
	if (identity_find(daemon, &server->identity) || read_tls(daemon, tls) || lock_state(server) || sockets_inherit(&server->sockets) ||
	    open_sockets(server, daemon) || identity_become(&server->identity))
		return -1;
	server->context = make_context();
	server->connections = connections_new();
	if (!server->context || !server->connections) {
		say(SAY_ERROR, "no memory");
		return -1;
	}
	connections_limit(server->connections, (size_t)ema_daemon_number(daemon, "connections"));
	/* Its log has told the findings. */
	if (ema_load(server->context, server->config)) {
		say(SAY_ERROR, "%s was not loaded; `emactl check` says more", server->config);
		return -1;
	}
	if (strcmp(ema_config_digest(server->context), ema_daemon_text(daemon, "digest"))) {
		say(SAY_ERROR, "%s changed while it was read", server->config);
		return -1;
	}
	if (control_open(server))
		return -1;
	if (!strcmp(ema_daemon_text(daemon, "store"), "memory"))
		begin_a_second();
	server->faces = faces_start(server, server->settings, tls, error, sizeof error);
	if (!server->faces) {
		say(SAY_ERROR, "%s", error);
		return -1;
	}
	faces_begin(server->faces);
	return 0;
}

static int run(const char *config)
{
	struct server server = { .config = config, .admin = -1, .state_fd = -1, .started = time(NULL), .loaded = time(NULL), .started_ms = now_ms() };
	struct tls *tls[LISTENERS_MOST] = { NULL };
	ema_daemon *daemon = NULL;
	ema_findings *findings = NULL;
	sigset_t set;
	int status = 1, signals = -1;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	close_to_others();
	notify_begin();
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	int code = ema_daemon_read(config, &daemon, &findings);
	if (code)
		say_findings(findings);
	ema_findings_free(findings);
	if (code || signals < 0 || !(server.settings = settings_new(daemon))) {
		say(SAY_ERROR, "%s was not loaded; `emactl check` says more", config);
		ema_daemon_free(daemon);
		goto out;
	}
	if (!start(&server, tls)) {
		introduce(&server);
		notify_systemd("READY=1");
		serve(&server, signals);
		finish(&server);
		status = 0;
	}
out:
	end_tls(tls);
	control_close(&server);
	sockets_close(&server.sockets, NULL);
	connections_free(server.connections);
	ema_free(server.context); /* audit reaches its sinks */
	settings_release(server.settings);
	if (server.state_fd >= 0)
		close(server.state_fd);
	if (signals >= 0)
		close(signals);
	if (!status)
		say(SAY_INFO, "ended");
	return status;
}

int main(int count, char **words)
{
	enum { FOREGROUND = 256, VERSION };
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' }, { "test", no_argument, NULL, 't' },  { "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },         { "foreground", no_argument, NULL, FOREGROUND },
		{ "version", no_argument, NULL, VERSION },  { NULL, 0, NULL, 0 },
	};
	const char *config = EMA_CONFIG_FILE;
	int only_test = 0;
	for (int option; (option = getopt_long(count, words, "c:tvh", longs, NULL)) != -1;) {
		switch (option) {
		case 'c': config = optarg; break;
		case 't': only_test = 1; break;
		case 'v': say_verbose(); break;
		case 'h': fputs(usage_text, stdout); return 0;
		case FOREGROUND: break;
		case VERSION: printf("emad %s\n", ema_version()); return 0;
		default: fputs(usage_text, stderr); return 2;
		}
	}
	if (optind < count) {
		fprintf(stderr, "emad: \"%s\" is no option\n%s", words[optind], usage_text);
		return 2;
	}
	return only_test ? test(config) : run(config);
}
