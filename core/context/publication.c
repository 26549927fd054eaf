#define _GNU_SOURCE /* asprintf */
#include "publication.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "context.h"
#include "keyset.h"
#include "publish.h"

static const struct conf_node *node_of(const struct conf *conf, const char *key)
{
	const struct conf_node *node = conf_child(conf->root, key);
	return node ? node : conf->root;
}

/* What the kernel shows of users that a user namespace does not have. */
#define OVERFLOW_USER 65534

/* As the one who publishes will find it; of whom it is, the program that looks need not know. */
static void lint_publish(const struct conf *conf, struct findings *findings)
{
	struct failure failure = FAILURE_INIT;
	struct stat st;
	struct published folder = { conf->publish, geteuid() };
	if (!lstat(conf->publish, &st))
		folder.owner = st.st_uid;
	int fd = published_open(&folder, &failure);
	if (fd >= 0)
		close(fd);
	if (fd < 0 && failure.code == EMA_DENIED)
		finding_node(findings, "E-PERMS", node_of(conf, "publish"), "%s", failure.text);
	finding_node(findings, "N-PUBLISHED", node_of(conf, "publish"), "emad publishes keys and revocations in %s: every user who may read there sees "
	             "them, and nobody but the user of emad and root may write there", conf->publish);
}

static void lint_keeping(const struct ema_context *context, const struct conf *conf, int look, struct findings *findings)
{
	const int server = context->server || (look && conf->listener_count);
	if (server && conf_store_in_memory(conf) && !conf->state_dir && !conf->publish && !conf->published.path)
		finding_node(findings, "W-STORE-MEMORY", conf->store.node ? conf->store.node : conf->root, "revocations and blocks are lost when emad ends: the store is "
		             "its memory, and there is no place to keep them: write state_dir = \"/var/lib/ema\";, or name a store that outlives it");
}

void publication_lint(const struct ema_context *context, const struct conf *conf, int look, struct findings *findings)
{
	const struct published *from = &conf->published;
	const int server = context->server;
	struct failure failure = FAILURE_INIT;
	const struct conf_node *share = conf->store.node ? conf_child(conf->store.node, "share") : NULL;
	if (look && share)
		finding_node(findings, "N-SHARE", share, "all processes that use this store are one trust domain: what one of them redeems or revokes counts in all, and "
		             "each can forget for all");
	if (server && from->path)
		finding_node(findings, "E-PUBLISHED", node_of(conf, "published"), "an authorization server publishes keys and revocations and takes them from nobody: "
		             "published is for programs that decide alone");
	lint_keeping(context, conf, look, findings);
	if (!from->path) {
		if (look && conf->publish)
			lint_publish(conf, findings);
		else if (conf->publish && !server && !context->observer && !context->operator)
			finding_node(findings, "N-PUBLISHED", node_of(conf, "publish"), "publish is for emad: this program publishes nothing");
		return;
	}
	if (!conf_store_in_memory(conf))
		finding_node(findings, "W-PUBLISHED", node_of(conf, "published"), "what is revoked is taken from %s alone: what others revoke in the store does not count "
		             "here", from->path);
	if (from->owner == OVERFLOW_USER)
		finding_node(findings, "W-PUBLISHED", node_of(conf, "published_by"), "user %s is the one that stands for all unknown ones in a user namespace "
		             "(PrivateUsers=, a container without root): there files of every such user would count", conf->published_by);
	int fd = published_open(from, &failure);
	if (fd >= 0)
		close(fd);
	/* Whoever could write there would say who may come in. What is not there yet is waited for. */
	if (fd < 0 && failure.code == EMA_DENIED)
		finding_node(findings, "E-PERMS", node_of(conf, "published"), "%s", failure.text);
	else if (fd < 0 && look)
		finding_node(findings, "W-PUBLISHED", node_of(conf, "published"), "%s; until emad publishes there (\"publish\" in its ema.conf), every request is "
		             "answered with 503", failure.text);
	if (look)
		finding_node(findings, "N-PUBLISHED", node_of(conf, "published"), "keys and revocations are taken from %s: user %s, and root, decide who may come in here",
		             from->path, conf->published_by);
}

static int make_one(const char *path, struct failure *failure)
{
	int fd = published_make(path, failure);
	if (fd >= 0)
		close(fd);
	return fd < 0;
}

char *publication_cache(const struct conf *conf, int server, struct trust_settings *settings, char **kept, struct failure *failure)
{
	char *cache = NULL;
	const char *publish = server ? conf->publish : NULL, *from = server ? NULL : conf->published.path;
	const char *of = publish ? publish : from ? from : conf->state_dir;
	*kept = NULL;
	if (!of || (publish && make_one(publish, failure)))
		return NULL;
	if (asprintf(&cache, "%s/" PUBLISHED_CACHE, of) < 0) {
		failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
		return NULL;
	}
	if (publish && make_one(cache, failure))
		goto failed;
	/* /run is emptied with each start of the machine: what is there does not help through an outage behind it. */
	if (publish && conf->state_dir && asprintf(kept, "%s/" PUBLISHED_CACHE, conf->state_dir) < 0) {
		*kept = NULL;
		failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
		goto failed;
	}
	settings->kept_folder = *kept;
	settings->publishes = publish != NULL;
	settings->published = from != NULL;
	settings->cache_owner = from ? conf->published.owner : 0;
	return cache;
failed:
	free(cache);
	return NULL;
}

static int open_publisher(struct ema_context *context, const char *folder, int keeps, int private, struct publisher **out, struct failure *failure)
{
	const struct publisher_settings settings = { context->marks, folder, &context->clock, context->log, context->notice, keeps, private };
	int code = publisher_new(&settings, out, failure);
	return code == EMA_OK ? publisher_start(*out, failure) : code;
}

/* Else the signing keys would outlive what was revoked. Of an authorization server alone: of others, several may share a state_dir. */
static int open_keeper(struct ema_context *context, const struct conf *conf, struct failure *failure)
{
	char *folder = NULL;
	if (asprintf(&folder, "%s/marks", conf->state_dir) < 0)
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
	int code = open_publisher(context, folder, 1, 1, &context->keeper, failure);
	free(folder);
	return code;
}

int publication_marks(struct ema_context *context, const struct conf *conf, struct failure *failure)
{
	/* With a store in memory nobody else revokes. */
	const int one_way = !context->server && conf->published.path, alone = !one_way && conf_store_in_memory(conf);
	int code = EMA_OK;
	if (one_way && !context->published)
		code = store_published(&conf->published, &context->clock, context->log, &context->published, failure);
	if (code != EMA_OK)
		return code;
	/* A store in memory would have each of them once more, for nobody. */
	struct marks_settings settings = { .store = one_way ? context->published : alone ? NULL : context->store, .clock = &context->clock, .log = context->log,
		                           .alone = alone, .one_way = one_way };
	code = marks_new(&settings, &context->marks, failure);
	if (code == EMA_OK && !alone)
		code = marks_follow(context->marks, failure);
	const int keeps = alone && context->server && conf->state_dir;
	if (code == EMA_OK && keeps)
		code = open_keeper(context, conf, failure);
	if (code == EMA_OK && context->server && conf->publish)
		code = open_publisher(context, conf->publish, alone && !keeps, 0, &context->publisher, failure);
	return code;
}

void publication_stop(struct ema_context *context)
{
	publisher_free(context->publisher);
	context->publisher = NULL;
	publisher_free(context->keeper);
	context->keeper = NULL;
}

void publication_close(struct ema_context *context)
{
	marks_free(context->marks); /* its thread follows the store */
	context->marks = NULL;
	if (context->published)
		store_free(context->published);
	context->published = NULL;
}
