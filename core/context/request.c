#include "request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "buffer.h"
#include "ema/ema.h"
#include "secret.h"

#define ITEM_BYTES_MOST 4096
#define CERTIFICATE_BYTES_MOST 16384
#define CREDENTIAL_BYTES_MOST 65536

#define ROOM 3072 /* what most requests need */
#define ITEM_LEAST 32

struct whole {
	struct ema_request request;
	_Alignas(max_align_t) char room[ROOM];
};

struct ema_request *request_new(void)
{
	struct whole *whole = malloc(sizeof *whole);
	if (!whole)
		return NULL;
	memset(&whole->request, 0, sizeof whole->request);
	arena_begin(&whole->request.memory, whole->room, sizeof whole->room);
	return &whole->request;
}

/* A new string with a NUL behind, for what may be a secret. */
static char *copy_bytes(const void *bytes, size_t length)
{
	char *copy = malloc(length + 1);
	if (copy) {
		if (length)
			memcpy(copy, bytes, length);
		copy[length] = 0;
	}
	return copy;
}

static void drop(char *text, size_t length)
{
	secret_wipe(text, length);
	free(text);
}

void request_free(struct ema_request *request)
{
	if (!request)
		return;
	drop(request->credential, request->length);
	drop(request->body, request->body_length);
	arena_wipe(&request->memory); /* Authorization is there */
	free(request);
}

static int hexadecimal(const char *text, size_t length)
{
	size_t zeros = 0;
	for (size_t i = 0; i < length; i++) {
		if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
			return 0;
		zeros += text[i] == '0';
	}
	return zeros < length;
}

/* Version 00 with ids that are not all zero (W3C Trace Context 3.2). */
static int is_traceparent(const char *text)
{
	return strlen(text) == 55 && !strncmp(text, "00-", 3) && text[35] == '-' && text[52] == '-' && hexadecimal(text + 3, 32) &&
	       hexadecimal(text + 36, 16) && (hexadecimal(text + 53, 2) || !strcmp(text + 53, "00"));
}

int request_set(struct ema_request *request, int item, const char *value)
{
	if (item < 0 || item >= REQUEST_ITEMS)
		return EMA_BAD_REQUEST;
	size_t most = item == EMA_REQUEST_CERTIFICATE ? CERTIFICATE_BYTES_MOST : ITEM_BYTES_MOST;
	if (value && (strlen(value) > most || (item == EMA_REQUEST_TRACEPARENT && !is_traceparent(value))))
		return EMA_BAD_REQUEST;
	const size_t size = value ? strlen(value) + 1 : 0;
	size_t room = request->rooms[item].size;
	if (size > room) {
		/* Twice as much each time, so that whoever sets it again and again comes to an end of it. */
		for (room = room ? room : ITEM_LEAST; room < size;)
			room *= 2;
		char *at = arena_bytes(&request->memory, room);
		if (!at)
			return EMA_OUT_OF_MEMORY;
		request->rooms[item].at = at;
		request->rooms[item].size = room;
	}
	request->items[item] = value ? memmove(request->rooms[item].at, value, size) : NULL;
	return EMA_OK;
}

int request_credential(struct ema_request *request, int kind, const char *credential, size_t length)
{
	if (kind != EMA_CREDENTIAL_ID_JAG && kind != EMA_CREDENTIAL_ACCESS_TOKEN)
		return EMA_BAD_REQUEST;
	if (length > CREDENTIAL_BYTES_MOST)
		return EMA_TOO_LARGE;
	char *copy = copy_bytes(credential, length);
	if (!copy)
		return EMA_OUT_OF_MEMORY;
	drop(request->credential, request->length);
	request->credential = copy;
	request->length = length;
	request->kind = kind;
	return EMA_OK;
}

/* RFC 9110 5.6.2. */
static int is_token(const char *text)
{
	const char *c = text;
	while ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || (*c && strchr("!#$%&'*+-.^_`|~", *c)))
		c++;
	return c > text && !*c;
}

/* RFC 9110 5.1, 5.5: a token, and no control character but the tab. */
static int is_header(const char *name, const char *value, size_t length)
{
	if (!is_token(name))
		return 0;
	for (const char *c = value + buffer_printable(value, length); *c; c++)
		if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f)
			return 0;
	return 1;
}

static int fits(const struct ema_request *request, size_t size)
{
	return request->header_count < REQUEST_HEADERS_MOST && size <= REQUEST_HEADER_BYTES_MOST - request->header_bytes;
}

int request_lend_header(struct ema_request *request, const struct request_header *header)
{
	const size_t size = strlen(header->name) + strlen(header->value) + 2;
	if (!fits(request, size))
		return EMA_TOO_LARGE;
	if (request->header_count == request->header_room) {
		struct request_header *grown =
			arena_grown(&request->memory, request->headers, request->header_count, sizeof *grown, &request->header_room, 16);
		if (!grown)
			return EMA_OUT_OF_MEMORY;
		request->headers = grown;
	}
	request->headers[request->header_count++] = *header;
	request->header_bytes += size;
	return EMA_OK;
}

int request_add_header(struct ema_request *request, const char *name, const char *value)
{
	/* RFC 9110 5.5: blanks around the value are not part of it. */
	value += strspn(value, " \t");
	size_t name_size = strlen(name) + 1, value_size = strlen(value) + 1;
	while (value_size > 1 && (value[value_size - 2] == ' ' || value[value_size - 2] == '\t'))
		value_size--;
	if (!is_header(name, value, value_size - 1))
		return EMA_BAD_REQUEST;
	if (!fits(request, name_size + value_size))
		return EMA_TOO_LARGE;
	char *copy = arena_bytes(&request->memory, name_size + value_size);
	if (!copy)
		return EMA_OUT_OF_MEMORY;
	memcpy(copy, name, name_size);
	memcpy(copy + name_size, value, value_size - 1);
	copy[name_size + value_size - 1] = 0;
	return request_lend_header(request, &(struct request_header){ copy, copy + name_size });
}

int request_body(struct ema_request *request, const void *body, size_t length)
{
	if (length > REQUEST_BODY_MOST)
		return EMA_TOO_LARGE;
	char *copy = copy_bytes(body, length);
	if (!copy)
		return EMA_OUT_OF_MEMORY;
	drop(request->body, request->body_length);
	request->body = copy;
	request->body_length = length;
	return EMA_OK;
}

const char *request_header(const struct ema_request *request, const char *name, size_t index)
{
	for (size_t i = 0; i < request->header_count; i++)
		if (!strcasecmp(request->headers[i].name, name) && !index--)
			return request->headers[i].value;
	return NULL;
}

const char *request_traceparent(const struct ema_request *request)
{
	const char *set = request->items[EMA_REQUEST_TRACEPARENT], *header = set ? NULL : request_header(request, "traceparent", 0);
	return header && is_traceparent(header) && !request_header(request, "traceparent", 1) ? header : set;
}
