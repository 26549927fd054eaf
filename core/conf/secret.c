/* Secrets, which never stand in ema.conf: from a file, a descriptor, or systemd. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf.h"
#include "secret.h"

#define SECRET_MOST 65536
/* systemd hands a unit its credentials there; a name without a slash is one of emad's. */
#define SECRET_CREDENTIALS "/run/credentials/"
#define SECRET_UNIT "emad.service/"

/* A file that this process holds open; -1: none. */
static int secret_open(const struct conf_node *node, struct stat *now)
{
	int fd = node->integer > 2 && node->integer < 65536 ? (int)node->integer : -1;
	return fd < 0 || fstat(fd, now) || !S_ISREG(now->st_mode) ? -1 : fd;
}

/* Always from the beginning, so that a reload reads it again. */
static char *secret_descriptor(const struct conf_node *node, size_t *length, struct findings *findings)
{
	struct stat now;
	int fd = secret_open(node, &now);
	size_t used = 0;
	if (fd < 0) {
		finding_node(findings, "E-VALUE", node, "fd is no open file of this process (3 or more; a file or a memfd, not a pipe)");
		return NULL;
	}
	if (now.st_size < 0 || now.st_size > SECRET_MOST) {
		finding_node(findings, "E-VALUE", node, "the file of fd is over %d bytes", SECRET_MOST);
		return NULL;
	}
	char *text = malloc((size_t)now.st_size + 1);
	if (!text) {
		findings->out_of_memory = 1;
		return NULL;
	}
	while (used < (size_t)now.st_size) {
		ssize_t got = pread(fd, text + used, (size_t)now.st_size - used, (off_t)used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			finding_node(findings, "E-VALUE", node, "fd cannot be read: %s", got ? strerror(errno) : "it became shorter");
			secret_wipe(text, used);
			free(text);
			return NULL;
		}
		used += (size_t)got;
	}
	text[used] = 0;
	*length = used;
	return text;
}

static int secret_credential(const struct conf_node *node, char *path, size_t room, struct findings *findings)
{
	const char *name = node->string;
	size_t slashes = 0, bad = !*name || *name == '/' || strstr(name, "..") || strlen(name) > 200;
	for (const char *c = name; *c; c++) {
		slashes += *c == '/';
		bad |= !(isascii((unsigned char)*c) && (isalnum((unsigned char)*c) || strchr("._-@:/", *c)));
	}
	if (bad || slashes > 1) {
		finding_node(findings, "E-VALUE", node, "credential is the name that LoadCredential= gave it, or UNIT/NAME for one of another unit than emad.service");
		return -1;
	}
	snprintf(path, room, "%s%s%s", SECRET_CREDENTIALS, slashes ? "" : SECRET_UNIT, name);
	return 0;
}

/* Was it handed to emad, and not to the process that looks? */
static int secret_unseen(const struct conf *conf, const struct conf_node *fd, const char *credential)
{
	struct stat now;
	if (conf->reader == READER_SERVES)
		return 0;
	return fd ? conf->reader == READER_MAY_BE_ANOTHER || secret_open(fd, &now) < 0 : credential && access(credential, R_OK);
}

char *conf_secret(const struct conf *conf, const struct conf_node *group, const char *key, size_t *length, struct findings *findings)
{
	int is_group = group->kind == CONF_GROUP;
	const struct conf_node *file = is_group ? conf_child(group, "file") : NULL, *fd = is_group ? conf_child(group, "fd") : NULL,
	                       *credential = is_group ? conf_child(group, "credential") : NULL;
	char path[256], *text = NULL;
	size_t bytes = 0;
	if ((file != NULL) + (fd != NULL) + (credential != NULL) != 1 || (file && file->kind != CONF_STRING) || (fd && fd->kind != CONF_INT) ||
	    (credential && credential->kind != CONF_STRING)) {
		finding_node(findings, "E-VALUE", group, "%s is a secret, which is never written here; write %s = { file = \"/path\"; }, { fd = 3; } or { credential = \"name\"; }",
		             key, key);
		return NULL;
	}
	if (credential && secret_credential(credential, path, sizeof path, findings))
		return NULL;
	if (secret_unseen(conf, fd, credential ? path : NULL)) {
		finding_node(findings, "N-UNSEEN", group, "not looked at: %s, which emad is handed when it is started", key);
		return NULL;
	}
	if (file)
		text = conf_file(conf, file, file->string, SECRET_MOST, 1, &bytes, findings);
	else if (fd)
		text = secret_descriptor(fd, &bytes, findings);
	else
		/* systemd guards these by an access list, which shows as a mode for the group. */
		text = conf_file(conf, credential, path, SECRET_MOST, 0, &bytes, findings);
	if (!text)
		return NULL;
	/* An editor's end of line is no part of it. */
	if (bytes && text[bytes - 1] == '\n')
		bytes--;
	if (bytes && text[bytes - 1] == '\r')
		bytes--;
	text[bytes] = 0;
	if (!bytes) {
		finding_node(findings, "E-VALUE", group, "%s is empty", key);
		free(text);
		return NULL;
	}
	*length = bytes;
	return text;
}
