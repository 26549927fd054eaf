/* One request: its bytes to libemacore's ema_http(), and the answer's back. What would leave two readers in doubt where a
   request ends is refused, and ends the connection. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "emad.h"

#define URL_BYTES_MOST 4096
/* So much of a body that is too large is read, so that its sender comes to read the answer. */
#define DISCARD_BYTES_MOST ((uint64_t)1048576)

struct visit {
	char *url;                /* as the request line has it */
	int seen;                 /* the header is complete */
	int status;               /* of a refusal; 0: none */
	int too_long;             /* the URL */
	ema_request *request;
	char *body;
	size_t length, room;
	uint64_t discarded;
};

struct head {
	struct visit *visit;
	const struct face *face;
	int hosts, lengths, encodings, status, expects;
	size_t bytes;
	uint64_t length;
};

static struct connection *connection_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	return info ? info->socket_context : NULL;
}

static void visit_free(struct visit *visit)
{
	ema_request_free(visit->request);
	if (visit->body)
		explicit_bzero(visit->body, visit->room);
	if (visit->url)
		explicit_bzero(visit->url, strlen(visit->url)); /* where a mistaken client put its token */
	free(visit->body);
	free(visit->url);
	free(visit);
}

void *answer_begin(void *data, const char *uri, struct MHD_Connection *mhd)
{
	struct visit *visit = calloc(1, sizeof *visit);
	struct connection *connection = connection_of(mhd);
	(void)data;
	if (connection)
		connection_phase(connection, PHASE_HEADER);
	if (!visit)
		return NULL;
	visit->too_long = strnlen(uri, URL_BYTES_MOST + 1) > URL_BYTES_MOST;
	visit->url = strndup(uri, URL_BYTES_MOST);
	visit->request = ema_request_new();
	if (!visit->url || !visit->request) {
		visit_free(visit);
		return NULL;
	}
	return visit;
}

/* Anybody's bytes, before they come to a terminal: a path has others than these percent-encoded (RFC 3986 2). */
static void make_plain(char *text)
{
	for (; *text; text++)
		if (*text < 0x21 || *text > 0x7e)
			*text = '?';
}

/* Method and path alone: a query may hold what no log may. */
static void tell(const struct visit *visit, const char *method, int status, const char *id, int code)
{
	char path[200], verb[17];
	size_t length = visit->url ? strcspn(visit->url, "?#") : 0;
	if (!says_debug())
		return;
	snprintf(path, sizeof path, "%.*s", (int)(length < sizeof path ? length : sizeof path - 1), visit->url ? visit->url : "");
	snprintf(verb, sizeof verb, "%.16s", method);
	make_plain(verb);
	make_plain(path);
	say(SAY_DEBUG, "%s %s %d %s %s", verb, path, status, id, code ? ema_code_name(code) : "");
}

/* An answer of emad itself; it ends the connection. */
static enum MHD_Result refuse(struct MHD_Connection *mhd, const struct visit *visit, const char *method, int status)
{
	/* A proxy hands it on to a client of MCP. */
	const int is_message = status == 413 && visit->url && strstr(visit->url, "/decision/");
	const char *text = is_message ? "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":\"the message is too long\"}}" :
			   status == 413 ? "{\"error\":\"invalid_request\",\"error_description\":\"the body is too large\"}" :
			   status == 414 ? "{\"error\":\"invalid_request\",\"error_description\":\"the URL is too long\"}" :
			   status == 431 ? "{\"error\":\"invalid_request\",\"error_description\":\"the header is too large\"}" :
			   status == 503 ? "{\"error\":\"temporarily_unavailable\"}" :
					   "{\"error\":\"invalid_request\",\"error_description\":\"this is no request of HTTP\"}";
	struct connection *connection = connection_of(mhd);
	struct MHD_Response *response = MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);
	if (!response)
		return MHD_NO;
	if (connection)
		connection_phase(connection, PHASE_ANSWER);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	enum MHD_Result result = MHD_queue_response(mhd, (unsigned)status, response);
	MHD_destroy_response(response);
	tell(visit, method, status, "-", 0);
	return result;
}

static int is_name(const char *name, size_t length)
{
	static const char marks[] = "!#$%&'*+-.^_`|~";
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)name[i];
		if (!((c | 32) >= 'a' && (c | 32) <= 'z') && !(c >= '0' && c <= '9') && !(c && strchr(marks, c)))
			return 0;
	}
	return length > 0;
}

static int is_number(const char *text, uint64_t *out)
{
	size_t length = strlen(text);
	if (!length || length > 18 || strspn(text, "0123456789") != length)
		return 0;
	*out = strtoull(text, NULL, 10);
	return 1;
}

static enum MHD_Result header(void *data, enum MHD_ValueKind kind, const char *name, size_t name_length, const char *value, size_t value_length)
{
	struct head *head = data;
	(void)kind;
	head->bytes += name_length + value_length + 4;
	/* A value that had a NUL ends there for libmicrohttpd 0.9.75, and nothing is left of it to see; a name can be seen. */
	if (!is_name(name, name_length) || !value || strlen(value) != value_length) {
		head->status = 400;
		return MHD_NO;
	}
	if (!strcasecmp(name, "Host")) {
		head->hosts++;
	} else if (!strcasecmp(name, "Content-Length")) {
		head->lengths++;
		head->status = is_number(value, &head->length) ? 0 : 400;
	} else if (!strcasecmp(name, "Transfer-Encoding")) {
		head->encodings++;
		head->status = strcasecmp(value, "chunked") ? 400 : 0;
	} else if (!strcasecmp(name, "Expect")) {
		head->expects = 1;
	}
	int code = head->status ? EMA_OK : ema_request_header(head->visit->request, name, value);
	if (code)
		head->status = code == EMA_TOO_LARGE ? 431 : code == EMA_OUT_OF_MEMORY ? 503 : 400;
	return head->status ? MHD_NO : MHD_YES;
}

/* What is wrong with the header; 0: nothing. A body that is too large but not beyond bearing is read to its end first. */
static int head_status(struct visit *visit, const struct face *face, struct MHD_Connection *mhd, const char *version)
{
	struct head head = { .visit = visit, .face = face };
	if (visit->too_long)
		return 414;
	MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, header, &head);
	if (head.status)
		return head.status;
	/* RFC 9112 6.3: what could be read in two ways is read in none. */
	if (head.hosts > 1 || head.lengths > 1 || head.encodings > 1 || (head.lengths && head.encodings) ||
	    (head.encodings && strcmp(version, MHD_HTTP_VERSION_1_1)) || (!head.hosts && !strcmp(version, MHD_HTTP_VERSION_1_1)))
		return 400;
	if (head.bytes + strlen(visit->url) > face->limits.header_bytes)
		return 431;
	if (head.length > face->limits.body_bytes) {
		if (head.expects || head.length > DISCARD_BYTES_MOST)
			return 413;
		visit->status = 413;
	}
	return 0;
}

static int take_body(struct visit *visit, const struct face *face, const char *bytes, size_t length)
{
	if (visit->status || length > face->limits.body_bytes - visit->length) {
		visit->status = visit->status ? visit->status : 413;
		visit->discarded += length;
		return visit->discarded > DISCARD_BYTES_MOST ? -1 : 0;
	}
	if (length > visit->room - visit->length) {
		size_t room = visit->length + length > 2 * visit->room ? visit->length + length : 2 * visit->room;
		char *bigger = malloc(room);
		if (!bigger) {
			visit->status = 503;
			return 0;
		}
		if (visit->body) {
			memcpy(bigger, visit->body, visit->length);
			explicit_bzero(visit->body, visit->room);
			free(visit->body);
		}
		visit->body = bigger;
		visit->room = room;
	}
	memcpy(visit->body + visit->length, bytes, length);
	visit->length += length;
	return 0;
}

static int fill(struct visit *visit, const struct face *face, struct MHD_Connection *mhd, const struct connection *connection, const char *method)
{
	int trusted = 0;
	char *certificate = face->tls && face->tls->ask ? tls_peer(mhd, &trusted) : NULL;
	int bad = ema_request_set(visit->request, EMA_REQUEST_METHOD, method) || ema_request_set(visit->request, EMA_REQUEST_URL, visit->url) ||
		  ema_request_set(visit->request, EMA_REQUEST_REMOTE, connection_remote(connection)) ||
		  (certificate && ema_request_set(visit->request, EMA_REQUEST_CERTIFICATE, certificate)) ||
		  (trusted && ema_request_set(visit->request, EMA_REQUEST_CERTIFICATE_TRUSTED, "1")) ||
		  ema_request_body(visit->request, visit->body, visit->length);
	free(certificate);
	return bad ? 400 : 0;
}

static void response_end(void *response)
{
	ema_response_free(response);
}

static enum MHD_Result respond(struct visit *visit, const struct face *face, struct MHD_Connection *mhd, struct connection *connection,
                               const char *method)
{
	ema_response *made = NULL;
	const char *name, *value = NULL, *id = "-";
	size_t length = 0;
	int status = visit->status ? visit->status : fill(visit, face, mhd, connection, method);
	if (status)
		return refuse(mhd, visit, method, status);
	connection_phase(connection, PHASE_WORK);
	int code = ema_http(face->server->context, visit->request, face->serve, &made);
	if (!made)
		return refuse(mhd, visit, method, 503);
	const char *body = ema_response_body(made, &length);
	struct MHD_Response *response =
		MHD_create_response_from_buffer_with_free_callback_cls(length, (void *)(uintptr_t)body, response_end, made);
	if (!response) {
		ema_response_free(made);
		return refuse(mhd, visit, method, 503);
	}
	for (size_t i = 0; (name = ema_response_header(made, i, &value)); i++) {
		/* An answer without one of its headers, a Cache-Control perhaps, is not that answer. */
		/* libmicrohttpd sends no empty value; blanks before one are not part of it (RFC 9110 5.5). */
		if (MHD_add_response_header(response, name, *value ? value : " ") != MHD_YES) {
			MHD_destroy_response(response);
			return refuse(mhd, visit, method, 503);
		}
		if (!strcasecmp(name, "X-Request-ID"))
			id = value;
	}
	if (face->closing)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	status = ema_response_status(made);
	connection_phase(connection, PHASE_ANSWER);
	tell(visit, method, status, id, code);
	enum MHD_Result result = MHD_queue_response(mhd, (unsigned)status, response);
	MHD_destroy_response(response);
	return result;
}

enum MHD_Result answer(void *data, struct MHD_Connection *mhd, const char *path, const char *method, const char *version,
                       const char *upload, size_t *upload_size, void **own)
{
	const struct face *face = data;
	struct connection *connection = connection_of(mhd);
	struct visit *visit = *own;
	(void)path;
	if (!visit || !connection || face->ending)
		return MHD_NO;
	if (!visit->seen) {
		visit->seen = 1;
		int status = head_status(visit, face, mhd, version);
		/* Queued in this first call, a response ends the connection, which is what is wanted. */
		if (status)
			return refuse(mhd, visit, method, status);
		connection_phase(connection, PHASE_BODY);
		return MHD_YES;
	}
	if (*upload_size) {
		if (take_body(visit, face, upload, *upload_size)) {
			connection_refuse(connection, 413);
			return MHD_NO;
		}
		*upload_size = 0;
		return MHD_YES;
	}
	return respond(visit, face, mhd, connection, method);
}

void answer_end(void *data, struct MHD_Connection *mhd, void **own, enum MHD_RequestTerminationCode code)
{
	struct connection *connection = connection_of(mhd);
	(void)data, (void)code;
	if (*own)
		visit_free(*own);
	*own = NULL;
	if (connection)
		connection_phase(connection, PHASE_WAITING);
}
