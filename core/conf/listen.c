/* Where emad listens, whom it believes, and what refuses to be served in clear text. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "ema/ema.h"
#include "schema.h"

#define LISTENERS_MOST 64
/* What tells no secret and proves nothing: probes may come in clear text from elsewhere. Who reads metrics brings a secret. */
#define SERVE_HARMLESS EMA_SERVE_HEALTH

int conf_address(const char *text, size_t length, unsigned char out[16])
{
	static const unsigned char mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	char copy[INET6_ADDRSTRLEN];
	if (length >= sizeof copy)
		return -1;
	memcpy(copy, text, length);
	copy[length] = 0;
	if (inet_pton(AF_INET, copy, out + 12) == 1) {
		memcpy(out, mapped, sizeof mapped);
		return 4;
	}
	return inet_pton(AF_INET6, copy, out) == 1 ? 6 : -1;
}

static int net_number(const char *text, unsigned most, unsigned *out)
{
	unsigned value = 0;
	size_t length = strlen(text);
	if (!length || length > 5 || (length > 1 && text[0] == '0') || strspn(text, "0123456789") != length)
		return -1;
	for (; *text; text++)
		value = value * 10 + (unsigned)(*text - '0');
	if (value > most)
		return -1;
	*out = value;
	return 0;
}

static int net_parse(const char *text, struct conf_net *out)
{
	const char *slash = strchr(text, '/');
	int family = conf_address(text, slash ? (size_t)(slash - text) : strlen(text), out->bytes);
	unsigned width = family == 4 ? 32 : 128;
	out->bits = width;
	if (family < 0 || (slash && net_number(slash + 1, width, &out->bits)))
		return -1;
	out->bits += 128 - width;
	/* 10.1.2.3/8 means one thing to one reader and another to the next. */
	for (unsigned i = out->bits; i < 128; i++)
		if (out->bytes[i / 8] & (0x80u >> i % 8))
			return -2;
	return 0;
}

static int net_has(const struct conf_net *net, const unsigned char address[16])
{
	for (unsigned i = 0; i < net->bits; i++)
		if ((net->bytes[i / 8] ^ address[i / 8]) & (0x80u >> i % 8))
			return 0;
	return 1;
}

int conf_is_proxy(const struct conf *conf, const char *peer)
{
	unsigned char address[16];
	if (!strcmp(peer, "unix"))
		return conf->proxy_unix;
	if (conf_address(peer, strlen(peer), address) < 0)
		return 0;
	for (size_t i = 0; i < conf->proxy_net_count; i++)
		if (net_has(&conf->proxy_nets[i], address))
			return 1;
	return 0;
}

static void proxies_read(struct reader *reader)
{
	struct conf *conf = reader->conf;
	const struct conf_node *node = conf_child(conf->root, "proxies");
	char shown[96];
	conf->proxy_nets = conf->proxies.count ? arena_get(reader->arena, conf->proxies.count, sizeof *conf->proxy_nets) : NULL;
	for (size_t i = 0; conf->proxy_nets && i < conf->proxies.count; i++) {
		const char *text = conf->proxies.list[i];
		int wrong = strcmp(text, "unix") ? net_parse(text, &conf->proxy_nets[conf->proxy_net_count]) : 1;
		conf->proxy_unix |= wrong == 1;
		conf->proxy_net_count += !wrong;
		if (wrong < 0)
			finding_node(reader->findings, "E-VALUE", node, "proxies: \"%s\" %s", value_show(text, shown),
				     wrong == -2 ? "has bits behind the length of its prefix: write the network itself, \"10.0.0.0/8\"" :
						   "is no address: write \"192.0.2.1\", \"2001:db8::1\", \"10.1.0.0/16\" or \"unix\"");
	}
}

/* NULL, or what is wrong. */
static const char *address_wrong(struct conf_listener *listener)
{
	static const unsigned char loopback6[16] = { [15] = 1 };
	const char *text = listener->address, *colon = strrchr(text, ':');
	unsigned char bytes[16];
	unsigned port = 0;
	if (!strncmp(text, "unix:", 5)) {
		listener->kind = LISTEN_UNIX;
		return text[5] != '/' ? "wants a path that begins with \"/\"" :
		       strlen(text + 5) >= sizeof((struct sockaddr_un *)0)->sun_path ? "has a path too long for a socket" : NULL;
	}
	if (!strncmp(text, "systemd:", 8)) {
		listener->kind = LISTEN_SYSTEMD;
		return !text[8] || strlen(text + 8) > 255 || strpbrk(text + 8, ": \t") ? "wants the FileDescriptorName of a .socket unit" : NULL;
	}
	listener->kind = LISTEN_TCP;
	size_t length = colon ? (size_t)(colon - text) : 0;
	int bracket = length > 2 && text[0] == '[' && text[length - 1] == ']';
	int family = !length ? -1 : bracket ? conf_address(text + 1, length - 2, bytes) : conf_address(text, length, bytes);
	if (family != (bracket ? 6 : 4))
		return "is no address with a port: write \"127.0.0.1:8080\", \"[::1]:8080\", \"0.0.0.0:443\", \"unix:PATH\" or \"systemd:NAME\" "
		       "(names of hosts are not looked up)";
	if (net_number(colon + 1, 65535, &port))
		return "has a wrong port";
	listener->loopback = family == 4 ? bytes[12] == 127 : !memcmp(bytes, loopback6, sizeof bytes);
	return NULL;
}

static void mode_read(struct reader *reader, struct conf_listener *listener)
{
	const char *text = listener->mode_text;
	const struct conf_node *mode = conf_child(listener->node, "mode"), *group = conf_child(listener->node, "group");
	for (const char *at = text; *at >= '0' && *at <= '7' && at < text + 4; at++)
		listener->mode = listener->mode * 8 + (unsigned)(*at - '0');
	/* A socket without the right to write cannot be connected to: what else there is of a mode says nothing. */
	if (strlen(text) < 3 || strlen(text) > 4 || strspn(text, "01234567") != strlen(text) || listener->mode > 0777 || !(listener->mode & 0200))
		finding_node(reader->findings, "E-VALUE", mode ? mode : listener->node, "mode: write \"0600\", \"0660\" or \"0666\"");
	if (listener->kind != LISTEN_UNIX && (mode || group))
		finding_node(reader->findings, "E-VALUE", mode ? mode : group, "mode and group are for \"unix:PATH\" alone");
}

static void listener_read(struct reader *reader, const struct conf_node *node, struct conf_listener *listener)
{
	const struct conf *conf = reader->conf;
	char shown[96];
	listener->node = node;
	section_read(reader, &section_listen, node, listener, 1);
	if (listener->serve & EMA_SERVE_DECISION && !conf->proxies.count)
		finding_node(reader->findings, "E-MISSING", conf_child(node, "serve"),
			     "decisions are for proxies, and none are named: write proxies = [\"unix\"] or their addresses");
	if (listener->tls)
		section_read(reader, &section_tls, listener->tls, listener, 1);
	listener->client_certificates |= listener->client_ca_file != NULL;
	if (!listener->address)
		return;
	const char *wrong = address_wrong(listener);
	if (wrong && !strncmp(listener->address, "localhost:", 10)) {
		finding_node(reader->findings, "E-VALUE", node, "address: \"%s\": names are not looked up: write \"127.0.0.1%.8s\"",
			     value_show(listener->address, shown), listener->address + 9);
		return;
	}
	if (wrong) {
		finding_node(reader->findings, "E-VALUE", node, "address: \"%s\" %s", value_show(listener->address, shown), wrong);
		return;
	}
	mode_read(reader, listener);
	/* That of systemd's sockets is seen when they are there. JAG-07. */
	if (listener->kind == LISTEN_TCP && !listener->tls && !listener->loopback && !conf->proxies.count && listener->serve & ~SERVE_HARMLESS)
		finding_node(reader->findings, "E-CLEARTEXT", node,
			     "\"%s\" would be served in clear text to other hosts: give it tls = { ... }, listen on loopback or a unix socket, or name "
			     "the proxies that end TLS before it in \"proxies\"", listener->address);
}

/* Where emad is told what to do: it would not start without. Who has no listeners, or takes what an emad publishes, is none. */
static void admin_read(struct reader *reader)
{
	const struct conf *conf = reader->conf;
	const char *folder = conf->admin_socket ? conf->admin_socket : conf->state_dir, *name = conf->admin_socket ? "" : "/emad.sock";
	const struct conf_node *node = conf_child(conf->root, conf->admin_socket ? "admin_socket" : "state_dir");
	char path[sizeof((struct sockaddr_un *)0)->sun_path];
	if (!folder || !conf->listener_count || conf->published.path)
		return;
	int length = snprintf(path, sizeof path, "%s%s", folder, name);
	if (length < 0 || (size_t)length >= sizeof path) {
		finding_node(reader->findings, "E-VALUE", node, "emad's admin socket would be %.200s%s, a path too long for a socket, which has %zu bytes at most: %s",
			     folder, name, sizeof path - 1, conf->admin_socket ? "name a shorter one" : "name a shorter one with admin_socket");
		return;
	}
	for (size_t i = 0; i < conf->listener_count; i++)
		if (conf->listeners[i].kind == LISTEN_UNIX && !strcmp(conf->listeners[i].address + 5, path))
			finding_node(reader->findings, "E-DUPLICATE", conf->listeners[i].node, "\"unix:%s\" is emad's admin socket, by %s in line %d: name another one", path,
				     conf->admin_socket ? "admin_socket" : "state_dir", node->line);
}

void listen_read(struct reader *reader)
{
	struct conf *conf = reader->conf;
	const struct conf_node *list = conf_child(conf->root, "listen");
	size_t count = value_groups(reader, list);
	section_read(reader, &section_limits, conf_child(conf->root, "limits"), &conf->limits, 1);
	proxies_read(reader);
	if (count > LISTENERS_MOST) {
		finding_node(reader->findings, "E-SIZE", list, "listen: more than %d listeners", LISTENERS_MOST);
		return;
	}
	conf->listeners = count ? arena_get(reader->arena, count, sizeof *conf->listeners) : NULL;
	conf->listener_count = conf->listeners ? count : 0;
	for (size_t i = 0; i < conf->listener_count; i++) {
		listener_read(reader, &list->children[i], &conf->listeners[i]);
		for (size_t j = 0; j < i && conf->listeners[i].address; j++)
			if (conf->listeners[j].address && !strcmp(conf->listeners[i].address, conf->listeners[j].address))
				finding_node(reader->findings, "E-DUPLICATE", conf->listeners[i].node, "\"%.64s\" is listened on by line %d already",
					     conf->listeners[i].address, conf->listeners[j].node->line);
	}
	admin_read(reader);
}
