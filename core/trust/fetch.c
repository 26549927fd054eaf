#include "fetch.h"

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "address.h"
#include "buffer.h"
#include "url.h"

#define REDIRECTS_MOST 2
#define HEADERS_BYTES_MOST 32768
#define HEADERS_SENT_MOST 32
#define IDLE_SECONDS 2L
#define CONNECT_MS 2000
#define TOTAL_MS 5000

struct exchange {
	const struct fetch_rules *rules;
	struct url url;
	struct fetch_stop stop;
	struct buffer body;
	struct fetch_reply reply;
	size_t header_bytes;
	int encoded;          /* Content-Encoding other than identity */
	int by_proxy;
	int refused;          /* an address that the rules do not allow was resolved */
	int too_large;
};

static curl_socket_t open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct exchange *exchange = data;
	/* This is the address that will be connected to: a name that is resolved again between a check and its use, DNS
	   rebinding, has no room here. The operator wrote the proxy himself. */
	if (purpose == CURLSOCKTYPE_IPCXN && !exchange->by_proxy) {
		enum address_kind kind = address_kind(&address->addr);
		const struct fetch_rules *rules = exchange->rules;
		int fine = exchange->url.http ? kind == ADDRESS_LOOPBACK :
		           kind == ADDRESS_PUBLIC || (kind != ADDRESS_NEVER &&
		           url_host_listed(exchange->url.host, rules->internal_hosts, rules->internal_host_count));
		if (!fine) {
			exchange->refused = 1;
			return CURL_SOCKET_BAD;
		}
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t take_body(char *data, size_t size, size_t count, void *user)
{
	struct exchange *exchange = user;
	size_t length = size * count;
	if (buffer_append(&exchange->body, data, length)) {
		exchange->too_large = exchange->body.length + length > exchange->body.most;
		return 0;
	}
	return length;
}

/* What a line says, if it is a header of that name; else NULL. */
static const char *header_value(const char *line, size_t *length, const char *name)
{
	size_t n = strlen(name), left = *length;
	if (left <= n || strncasecmp(line, name, n) || line[n] != ':')
		return NULL;
	line += n + 1;
	left -= n + 1;
	while (left && (*line == ' ' || *line == '\t')) {
		line++;
		left--;
	}
	while (left && (line[left - 1] == '\r' || line[left - 1] == '\n' || line[left - 1] == ' ' || line[left - 1] == '\t'))
		left--;
	*length = left;
	return line;
}

static int is_plain(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] < ' ' || (unsigned char)text[i] >= 0x7f)
			return 0;
	return 1;
}

static void keep_header(const char *line, size_t length, const char *name, char out[FETCH_HEADER_MOST])
{
	const char *value = header_value(line, &length, name);
	/* An ETag goes back as it came, and header_is_fine() would refuse the next fetch for what it does not take. */
	if (!value || length >= FETCH_HEADER_MOST || !is_plain(value, length))
		return;
	memcpy(out, value, length);
	out[length] = 0;
}

/* Several lines are one list (RFC 9110 5.3). What has no room, or cannot be read, may have said that it is not to be kept. */
static void add_cache_control(const char *line, size_t length, char out[FETCH_HEADER_MOST])
{
	static const char least[] = "no-store";
	const char *value = header_value(line, &length, "Cache-Control");
	size_t used = strlen(out);
	if (!value)
		return;
	if (used + length + 1 >= FETCH_HEADER_MOST || !is_plain(value, length)) {
		memcpy(out, least, sizeof least);
		return;
	}
	if (used)
		out[used++] = ',';
	memcpy(out + used, value, length);
	out[used + length] = 0;
}

static size_t take_header(char *line, size_t size, size_t count, void *user)
{
	struct exchange *exchange = user;
	struct fetch_reply *reply = &exchange->reply;
	size_t length = size * count;
	char encoding[FETCH_HEADER_MOST] = "";
	exchange->header_bytes += length;
	if (exchange->header_bytes > HEADERS_BYTES_MOST) {
		exchange->too_large = 1;
		return 0;
	}
	if (length > 5 && !strncmp(line, "HTTP/", 5))
		reply->cache_control[0] = 0; /* what an interim answer said is not the answer's */
	keep_header(line, length, "ETag", reply->etag);
	add_cache_control(line, length, reply->cache_control);
	keep_header(line, length, "Expires", reply->expires);
	keep_header(line, length, "Date", reply->date);
	keep_header(line, length, "Age", reply->age);
	keep_header(line, length, "Last-Modified", reply->last_modified);
	keep_header(line, length, "Content-Type", reply->content_type);
	keep_header(line, length, "Content-Encoding", encoding);
	if (encoding[0] && strcasecmp(encoding, "identity"))
		exchange->encoded = 1;
	return length;
}

static int cut_off(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct exchange *exchange = user;
	(void)a, (void)b, (void)c, (void)d;
	return (exchange->stop.all && atomic_load(exchange->stop.all)) || (exchange->stop.one && atomic_load(exchange->stop.one));
}

/* curl with NOSIGNAL leaves SIGPIPE to us, and a library has no handler: the thread blocks it and eats what it caused. */
static CURLcode perform_without_sigpipe(CURL *curl)
{
	sigset_t pipe_set, old, pending;
	sigemptyset(&pipe_set);
	sigaddset(&pipe_set, SIGPIPE);
	sigpending(&pending);
	int was_pending = sigismember(&pending, SIGPIPE);
	if (pthread_sigmask(SIG_BLOCK, &pipe_set, &old))
		return CURLE_FAILED_INIT;
	CURLcode result = curl_easy_perform(curl);
	if (!was_pending) {
		static const struct timespec at_once = { 0, 0 };
		sigtimedwait(&pipe_set, NULL, &at_once);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return result;
}

static int header_is_fine(const char *header)
{
	const char *colon = strchr(header, ':');
	if (!colon || colon == header)
		return 0;
	for (const char *c = header; *c; c++)
		if ((unsigned char)*c < ' ' || (unsigned char)*c >= 0x7f || (c < colon && *c == ' '))
			return 0;
	/* What frames the message, or names its receiver, is curl's. */
	static const char *const ours[] = { "Host", "Content-Length", "Transfer-Encoding", "Connection", "Accept-Encoding", "Expect", "Cookie", "Proxy-Authorization" };
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if ((size_t)(colon - header) == strlen(ours[i]) && !strncasecmp(header, ours[i], strlen(ours[i])))
			return 0;
	return 1;
}

static int add_header(struct curl_slist **list, const char *header)
{
	struct curl_slist *longer = curl_slist_append(*list, header);
	if (!longer)
		return -1;
	*list = longer;
	return 0;
}

static int explain(CURLcode result, const struct exchange *exchange, const char *url, const char *detail, struct failure *failure)
{
	if (exchange->too_large)
		return failure_set(failure, EMA_TOO_LARGE, "%.300s: the answer is larger than %zu bytes", url, exchange->body.most);
	if (result == CURLE_OUT_OF_MEMORY || exchange->body.failed)
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
	if (cut_off((void *)(uintptr_t)exchange, 0, 0, 0, 0))
		return failure_set(failure, EMA_UNAVAILABLE, "%.300s: cut off", url);
	if (exchange->refused)
		return failure_set(failure, EMA_CONFIG, "%.300s: %s has the address of a private network or of special use; "
		                   "list the host in internal_hosts if that is meant", url, exchange->url.host);
	if (result == CURLE_OPERATION_TIMEDOUT)
		return failure_set(failure, EMA_TIMEOUT, "%.300s: %.120s", url, *detail ? detail : curl_easy_strerror(result));
	return failure_set(failure, EMA_UNAVAILABLE, "%.300s: %.160s", url, *detail ? detail : curl_easy_strerror(result));
}

/* One exchange; a redirect's target is a new string in *location. */
static int exchange_once(struct exchange *exchange, const char *text, const struct fetch_request *request, int64_t left,
                         char **location, struct failure *failure)
{
	char detail[CURL_ERROR_SIZE] = "";
	struct curl_slist *headers = NULL;
	const struct fetch_rules *rules = exchange->rules;
	int64_t connect = rules->connect_ms > 0 ? rules->connect_ms : CONNECT_MS;
	int code = EMA_OK;
	const char *method = request->method ? request->method : request->body ? "POST" : "GET";

	CURL *curl = curl_easy_init();
	if (!curl)
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
	int bad = add_header(&headers, "Accept: application/json, application/jwk-set+json;q=0.9, */*;q=0.1") ||
	          add_header(&headers, "Expect:");
	for (size_t i = 0; i < request->header_count && !bad; i++)
		bad = add_header(&headers, request->headers[i]);
	exchange->by_proxy = rules->proxy && *rules->proxy && !exchange->url.http;
	if (bad) {
		code = failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
		goto end;
	}
#define SET(option, value) bad |= curl_easy_setopt(curl, (option), (value)) != CURLE_OK
	SET(CURLOPT_URL, text);
	SET(CURLOPT_PROTOCOLS_STR, exchange->url.http ? "http" : "https");
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	if (rules->ca_file) {
		SET(CURLOPT_CAINFO, rules->ca_file);
		SET(CURLOPT_CAPATH, NULL); /* that file instead of the system's, not beside them */
		SET(CURLOPT_PROXY_CAINFO, rules->ca_file); /* of a proxy that is itself spoken to by TLS */
		SET(CURLOPT_PROXY_CAPATH, NULL);
	}
	SET(CURLOPT_PROXY, exchange->by_proxy ? rules->proxy : ""); /* "": the environment has no say */
	SET(CURLOPT_NOPROXY, "");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(connect < left ? connect : left));
	SET(CURLOPT_TIMEOUT_MS, (long)left);
	SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
	SET(CURLOPT_LOW_SPEED_TIME, IDLE_SECONDS);
	SET(CURLOPT_FORBID_REUSE, 1L);
	SET(CURLOPT_DNS_CACHE_TIMEOUT, 0L);
#if LIBCURL_VERSION_NUM >= 0x075700
	SET(CURLOPT_QUICK_EXIT, 1L); /* a resolver that hangs is not waited for after the timeout */
#endif
	SET(CURLOPT_USERAGENT, "ema");
	SET(CURLOPT_HTTPHEADER, headers);
	SET(CURLOPT_ERRORBUFFER, detail);
	SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(CURLOPT_OPENSOCKETDATA, exchange);
	SET(CURLOPT_WRITEFUNCTION, take_body);
	SET(CURLOPT_WRITEDATA, exchange);
	SET(CURLOPT_HEADERFUNCTION, take_header);
	SET(CURLOPT_HEADERDATA, exchange);
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(CURLOPT_NOPROGRESS, 0L);
	SET(CURLOPT_XFERINFOFUNCTION, cut_off);
	SET(CURLOPT_XFERINFODATA, exchange);
	SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)exchange->body.most);
	if (!strcmp(method, "POST")) {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length);
		SET(CURLOPT_POSTFIELDS, request->body ? request->body : "");
	}
#undef SET
	if (bad) {
		code = failure_set(failure, EMA_INTERNAL, "libcurl does not know an option that a safe fetch needs");
		goto end;
	}
	CURLcode result = perform_without_sigpipe(curl);
	if (result == CURLE_FILESIZE_EXCEEDED)
		exchange->too_large = 1;
	if (result != CURLE_OK) {
		code = explain(result, exchange, text, detail, failure);
		goto end;
	}
	long status = 0;
	char *target = NULL;
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &target);
	exchange->reply.status = (int)status;
	if (target && status != 304 && !(*location = strdup(target)))
		code = failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
end:
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	return code;
}

static int64_t monotonic(void)
{
	return clock_monotonic(&clock_system);
}

int fetch(const struct fetch_rules *rules, const struct fetch_request *request, struct fetch_stop stop, struct fetch_reply *out,
          struct failure *failure)
{
	struct exchange exchange = { .rules = rules, .stop = stop };
	char *text = NULL, *location = NULL;
	int64_t total = rules->total_ms > 0 ? rules->total_ms : TOTAL_MS;
	if (request->deadline_ms < total)
		total = request->deadline_ms;
	int64_t until = monotonic() + total;
	int redirects = rules->redirects < 0 ? 0 : rules->redirects > REDIRECTS_MOST ? REDIRECTS_MOST : rules->redirects;
	int code = EMA_OK;

	buffer_init(&exchange.body, request->max_bytes);
	if (request->method && strcmp(request->method, "GET") && strcmp(request->method, "POST"))
		return failure_set(failure, EMA_BAD_REQUEST, "only GET and POST are fetched");
	if (request->header_count > HEADERS_SENT_MOST)
		return failure_set(failure, EMA_BAD_REQUEST, "more than %d headers", HEADERS_SENT_MOST);
	for (size_t i = 0; i < request->header_count; i++)
		if (!header_is_fine(request->headers[i]))
			return failure_set(failure, EMA_BAD_REQUEST, "header %zu is malformed, or one that a plugin may not set", i + 1);
	code = url_read(request->url, rules, "URL", &exchange.url, failure);
	if (code != EMA_OK)
		return code;
	text = strdup(request->url);
	if (!text)
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
	for (int hop = 0;; hop++) {
		int64_t left = until - monotonic();
		if (left <= 0) {
			code = failure_set(failure, EMA_TIMEOUT, "%.300s: no time left", text);
			goto end;
		}
		code = exchange_once(&exchange, text, request, left, &location, failure);
		if (code != EMA_OK || !location)
			break;
		struct url next;
		if (hop >= redirects) {
			code = failure_set(failure, EMA_CONFIG, "%.200s: redirects to %.200s, and redirects are %s", text, location,
			                   redirects ? "too many" : "not followed: write the final URL");
			goto end;
		}
		code = url_read(location, rules, "redirect", &next, failure);
		if (code == EMA_OK && (next.http || !url_same_origin(&next, &exchange.url)))
			code = failure_set(failure, EMA_CONFIG, "%.200s: redirects to another host or to http, %.200s", text, location);
		if (code != EMA_OK)
			goto end;
		free(text);
		text = location;
		location = NULL;
		exchange.url = next;
		exchange.reply = (struct fetch_reply){ 0 };
		exchange.header_bytes = 0;
		exchange.encoded = 0;
		buffer_clear(&exchange.body);
	}
	if (code == EMA_OK && exchange.encoded)
		code = failure_set(failure, EMA_UNAVAILABLE, "%.300s: the answer is compressed, which was not asked for", text);
	if (code == EMA_OK) {
		exchange.reply.length = exchange.body.length;
		exchange.reply.body = buffer_take(&exchange.body);
		if (exchange.reply.body)
			*out = exchange.reply;
		else
			code = failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
	}
end:
	buffer_free(&exchange.body);
	free(text);
	free(location);
	return code;
}

int fetch_is_json(const struct fetch_reply *reply, const char *url, struct failure *failure)
{
	if (reply->status != 200)
		return failure_set(failure, EMA_UNAVAILABLE, "%.300s: HTTP status %d", url, reply->status);
	size_t length = strcspn(reply->content_type, "; \t");
	if (!(length == 16 && !strncasecmp(reply->content_type, "application/json", 16)) &&
	    !(length > 17 && !strncasecmp(reply->content_type, "application/", 12) && !strncasecmp(reply->content_type + length - 5, "+json", 5)))
		return failure_set(failure, EMA_UNAVAILABLE, "%.300s: content type is %.60s, not application/json", url,
		                   reply->content_type[0] ? reply->content_type : "absent");
	return EMA_OK;
}
