/* The native protocol of journald: NAME=value lines in one datagram, or in a sealed memory file that is passed. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "syslog.h"

#define JOURNAL_MOST (4 * 1024 * 1024)
#define NAME_MOST 64

struct text {
	char *data;
	size_t length, room;
	int failed;
};

static void put(struct text *text, const void *data, size_t length)
{
	if (text->failed || length > JOURNAL_MOST - text->length) {
		text->failed = 1;
		return;
	}
	if (text->length + length > text->room) {
		size_t room = 2 * (text->length + length) + 1024;
		char *more = realloc(text->data, room);
		if (!more) {
			text->failed = 1;
			return;
		}
		text->data = more;
		text->room = room;
	}
	memcpy(text->data + text->length, data, length);
	text->length += length;
}

/* With a line feed or another control in it, a value goes with its length before it. */
static void put_field(struct text *text, const char *name, const char *value, size_t length)
{
	int plain = 1;
	for (size_t i = 0; i < length; i++)
		plain &= (unsigned char)value[i] >= 0x20 || value[i] == '\t';
	put(text, name, strlen(name));
	if (plain) {
		put(text, "=", 1);
	} else {
		unsigned char count[8];
		for (int i = 0; i < 8; i++)
			count[i] = (unsigned char)((uint64_t)length >> (8 * i));
		put(text, "\n", 1);
		put(text, count, sizeof count);
	}
	put(text, value, length);
	put(text, "\n", 1);
}

static void put_text(struct text *text, const char *name, const char *value)
{
	put_field(text, name, value, strlen(value));
}

/* EMA_ and the name in capitals. */
static void field_name(const char *name, char out[NAME_MOST + 1])
{
	size_t n = 4;
	memcpy(out, "EMA_", 4);
	for (; *name && n < NAME_MOST; name++)
		out[n++] = (char)(isalnum((unsigned char)*name) && (unsigned char)*name < 128 ? toupper((unsigned char)*name) : '_');
	out[n] = 0;
}

/* The same for the same kind, for ever: SHA-256 of "ema:" and the kind, its first half. */
static void message_id(const char *kind, char out[33])
{
	char text[64];
	unsigned char hash[EVP_MAX_MD_SIZE] = { 0 };
	int n = snprintf(text, sizeof text, "ema:%s", kind);
	EVP_Digest(text, n < (int)sizeof text ? (size_t)n : sizeof text - 1, hash, NULL, EVP_sha256(), NULL);
	for (int i = 0; i < 16; i++)
		snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

static int send_file(ema_instance *self, const struct text *text)
{
	int fd = memfd_create("ema-audit", MFD_CLOEXEC | MFD_ALLOW_SEALING), code = EMA_UNAVAILABLE;
	size_t done = 0;
	for (ssize_t n = 1; fd >= 0 && done < text->length && n > 0; done += n > 0 ? (size_t)n : 0)
		n = write(fd, text->data + done, text->length - done);
	if (fd >= 0 && done == text->length && !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL))
		code = transport_pass(self, fd);
	else
		sink_failed(self, "a record that is too large for a datagram finds no memory", strerror(errno));
	if (fd >= 0)
		close(fd);
	return code;
}

int journal_send(ema_instance *self, const ema_event *event)
{
	const struct ema_host *host = self->host;
	struct text text = { .data = NULL };
	char name[NAME_MOST + 1], number[16], id[33];
	const char *kind = host->event_field(event, "kind"), *field;
	size_t length = 0;
	kind = kind ? kind : "event";
	put_field(&text, "MESSAGE", self->message, message_text(self, event));
	snprintf(number, sizeof number, "%d", host->event_severity(event) & 7);
	put_text(&text, "PRIORITY", number);
	snprintf(number, sizeof number, "%d", self->facility);
	put_text(&text, "SYSLOG_FACILITY", number);
	put_text(&text, "SYSLOG_IDENTIFIER", self->app);
	message_id(kind, id);
	put_text(&text, "MESSAGE_ID", id);
	for (size_t i = 0; (field = host->event_name(event, i)); i++) {
		const char *value = host->event_field(event, field);
		field_name(field, name);
		if (value)
			put_text(&text, name, value);
	}
	const char *line = self->form ? host->event_render(event, self->form, &length) : NULL;
	if (line)
		put_field(&text, "EMA_RECORD", line, length);
	int code = text.failed ? EMA_OUT_OF_MEMORY : transport_send(self, text.data, text.length);
	if (code == EMA_TOO_LARGE)
		code = send_file(self, &text);
	free(text.data);
	return code;
}
