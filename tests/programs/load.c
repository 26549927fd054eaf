/*
 * load: clients that redeem ID-JAGs at an emad, as many as it takes, and keep what they asked and what they were given.
 *
 *   load keys FOLDER                        makes the key of an issuer: FOLDER/issuer.jwk, and FOLDER/issuer.jwks for ema.conf
 *   load run FOLDER ORIGIN SECONDS THREADS  redeems; each token is introspected too. Status 1 if a valid request failed.
 *   load until FOLDER ORIGIN THREADS        redeems until the server is gone
 *   load again FOLDER ORIGIN [once]         redeems once more each assertion that was sent; what is granted counts as given. once:
 *                                           a 503 is taken for a refusal
 *   load both FOLDER ORIGIN OTHER THREADS   redeems each assertion at both, whatever the first says, until there is FOLDER/enough;
 *                                           of a life that outlasts the fault. Status 1 if an answer was neither a token nor a
 *                                           refusal nor a 503.
 *   load denied FOLDER ORIGIN               redeems for each person in FOLDER/denied, once somebody else is let in. Status 1 if
 *                                           one of them was not refused.
 *   load ask FOLDER PERSON                  makes an assertion of that person, which others may send
 *
 * FOLDER/asked holds the assertions, written before they are sent; FOLDER/given a line "ASSERTION_ID TOKEN_ID" for each token.
 */
#define _GNU_SOURCE
#include <curl/curl.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base64url.h"
#include "buffer.h"
#include "json.h"
#include "jwk.h"
#include "jws.h"

#define ISSUER "https://idp.example"
#define OURS "https://auth.example"
#define JWT_BEARER "urn:ietf:params:oauth:grant-type:jwt-bearer"
#define ANSWER_MOST 65536
#define LIFETIME 20       /* seconds of an assertion: the store forgets while the load goes on */
#define LIFETIME_BOTH 600 /* of one that is sent again behind a fault: it must not be refused for its age */

struct load {
	char token_url[256], other_url[256], introspect_url[256]; /* other_url "": none */
	struct jwk *key;
	FILE *asked, *given;
	char enough[256]; /* "": it is never */
	pthread_mutex_t lock;
	time_t end;
	int introspects, lifetime;
	atomic_long serial, granted, refused, active, failed, odd;
	atomic_int gone;
};

static void die(const char *what, const char *which)
{
	fprintf(stderr, "load: %s %s: %s\n", what, which, strerror(errno));
	exit(2);
}

static FILE *open_in(const char *folder, const char *name, const char *mode)
{
	char path[512];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *file = fopen(path, mode);
	if (!file)
		die("cannot open", path);
	return file;
}

static void make_keys(const char *folder)
{
	struct jwk *key = NULL;
	if (jwk_generate(JOSE_ES256, &key, NULL))
		die("cannot make", "a key");
	char *secret = jwk_print(key, 1), *public = jwk_print(key, 0);
	FILE *file = open_in(folder, "issuer.jwk", "we");
	fputs(secret, file);
	fclose(file);
	file = open_in(folder, "issuer.jwks", "we");
	fprintf(file, "{\"keys\":[%s]}", public);
	fclose(file);
	free(secret);
	free(public);
	jwk_free(key);
}

static struct jwk *read_key(const char *folder)
{
	char text[2048];
	struct json json;
	struct jwk *key = NULL;
	FILE *file = open_in(folder, "issuer.jwk", "re");
	size_t length = fread(text, 1, sizeof text, file);
	fclose(file);
	if (json_parse(text, length, &json_limits_keys, &json, NULL) || jwk_parse_private(&json, json_root(&json), &key, NULL))
		die("cannot read the key in", folder);
	json_free(&json);
	return key;
}

static size_t collect(char *data, size_t size, size_t count, void *context)
{
	buffer_append(context, data, size * count);
	return size * count;
}

/* The status, 0 where there was no answer. */
static long post(CURL *curl, const char *url, const char *user, const char *body, struct buffer *answer)
{
	long status = 0;
	buffer_clear(answer);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_USERPWD, user);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
	if (curl_easy_perform(curl) != CURLE_OK)
		return 0;
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

/* The string member of a JSON object; copied, 1 if it is there. */
static int member(const char *text, size_t length, const char *name, char *out, size_t size)
{
	struct json json = { 0 };
	const char *value = NULL;
	if (!json_parse(text, length, &json_limits_document, &json, NULL))
		value = json_string(json_member(&json, json_root(&json), name));
	int there = value && strlen(value) < size;
	if (there)
		snprintf(out, size, "%s", value);
	json_free(&json);
	return there;
}

/* The jti in a token's payload. */
static int token_id(const char *token, char *out, size_t size)
{
	char payload[8192];
	const char *from = strchr(token, '.'), *to = from ? strchr(from + 1, '.') : NULL;
	if (!to || to - from > (long)sizeof payload)
		return 0;
	long length = base64url_decode(from + 1, (size_t)(to - from - 1), payload);
	return length > 0 && member(payload, (size_t)length, "jti", out, size);
}

/* Sends the assertion; what is granted is kept. 1 if a token was given, 0 if it was refused, -1 if nobody answered, -2: 503. */
static int redeem(struct load *load, CURL *curl, const char *url, const char *assertion, char *token, size_t size)
{
	struct buffer body = BUFFER_INIT(65536), answer = BUFFER_INIT(ANSWER_MOST);
	char given[128] = "", asked[128] = "";
	buffer_printf(&body, "grant_type=" JWT_BEARER "&assertion=%s", assertion);
	long status = post(curl, url, "app:secret-of-the-app", body.data, &answer);
	const char *text = answer.length ? answer.data : "";
	int got = status == 200 && member(text, answer.length, "access_token", token, size) && token_id(token, given, sizeof given) &&
	          token_id(assertion, asked, sizeof asked);
	pthread_mutex_lock(&load->lock);
	if (got)
		fprintf(load->given, "%s %s\n", asked, given), fflush(load->given); /* who kills emad waits for it */
	else if (status != 400 && status != 503 && status)
		atomic_fetch_add(&load->odd, 1);
	if (!got && status && (load->introspects || (status != 400 && status != 503)))
		fprintf(stderr, "load: a redemption was answered with %ld: %.300s\n", status, text);
	pthread_mutex_unlock(&load->lock);
	buffer_free(&body);
	buffer_free(&answer);
	return got ? 1 : status == 503 ? -2 : status ? 0 : -1;
}

static void introspect(struct load *load, CURL *curl, const char *token)
{
	struct buffer body = BUFFER_INIT(65536), answer = BUFFER_INIT(ANSWER_MOST);
	buffer_printf(&body, "token=%s", token);
	long status = post(curl, load->introspect_url, "gateway:secret-of-the-app", body.data, &answer);
	if (status == 200 && answer.length && strstr(answer.data, "\"active\":true")) {
		atomic_fetch_add(&load->active, 1);
	} else {
		atomic_fetch_add(&load->failed, 1);
		fprintf(stderr, "load: an introspection was answered with %ld: %.300s\n", status, answer.length ? answer.data : "");
	}
	buffer_free(&body);
	buffer_free(&answer);
}

static char *assertion_make(struct load *load, const char *person, long serial)
{
	char claims[512], *assertion = NULL;
	long long now = (long long)time(NULL);
	snprintf(claims, sizeof claims,
	         "{\"iss\":\"" ISSUER "\",\"sub\":\"%s\",\"aud\":\"" OURS "\",\"client_id\":\"app\",\"jti\":\"%ld-%ld\",\"iat\":%lld,"
	         "\"exp\":%lld,\"scope\":\"read\"}",
	         person, (long)getpid(), serial, now, now + load->lifetime);
	if (jws_sign(load->key, JOSE_ES256, "oauth-id-jag+jwt", "", claims, strlen(claims), &assertion, NULL))
		die("cannot sign", "an assertion");
	return assertion;
}

static void *client(void *data)
{
	struct load *load = data;
	CURL *curl = curl_easy_init();
	char token[8192];
	while (curl && !atomic_load(&load->gone) && (!load->end || time(NULL) < load->end) && (!load->enough[0] || access(load->enough, F_OK))) {
		char person[32];
		long serial = atomic_fetch_add(&load->serial, 1);
		snprintf(person, sizeof person, "person-%ld", serial % 200);
		char *assertion = assertion_make(load, person, serial);
		pthread_mutex_lock(&load->lock);
		fprintf(load->asked, "%s\n", assertion);
		fflush(load->asked);
		pthread_mutex_unlock(&load->lock);
		int swapped = load->other_url[0] && serial % 2;
		int got = redeem(load, curl, swapped ? load->other_url : load->token_url, assertion, token, sizeof token);
		if (load->other_url[0])
			redeem(load, curl, swapped ? load->token_url : load->other_url, assertion, token, sizeof token);
		atomic_fetch_add(got > 0 ? &load->granted : got == -1 ? &load->failed : &load->refused, 1);
		if (got == -1 && !load->end && !load->enough[0]) {
			atomic_store(&load->gone, 1);
		} else if (got == -1) {
			fprintf(stderr, "load: nobody answered\n");
			usleep(100000);
		}
		if (got > 0 && load->introspects)
			introspect(load, curl, token);
		free(assertion);
	}
	curl_easy_cleanup(curl);
	return NULL;
}

static int run(struct load *load, int threads)
{
	pthread_t thread[64];
	if (threads < 1 || threads > 64)
		die("too many", "threads");
	for (int i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, client, load))
			die("cannot start", "a thread");
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	printf("granted %ld, refused %ld, active %ld, failed %ld\n", atomic_load(&load->granted), atomic_load(&load->refused),
	       atomic_load(&load->active), atomic_load(&load->failed));
	if (load->other_url[0])
		return atomic_load(&load->odd) || atomic_load(&load->failed) || !atomic_load(&load->granted);
	return load->introspects ? atomic_load(&load->failed) || atomic_load(&load->refused) || !atomic_load(&load->granted) : 0;
}

static int again(struct load *load, int tries)
{
	char line[8192], token[8192];
	long granted = 0, refused = 0, unanswered = 0;
	CURL *curl = curl_easy_init();
	rewind(load->asked);
	while (curl && fgets(line, sizeof line, load->asked)) {
		line[strcspn(line, "\n")] = 0;
		int got = -2;
		for (int i = 0; i < tries && got == -2; i++) {
			if (i)
				usleep(100000);
			got = redeem(load, curl, load->token_url, line, token, sizeof token);
		}
		*(got > 0 ? &granted : got == 0 || (got == -2 && tries == 1) ? &refused : &unanswered) += 1;
	}
	curl_easy_cleanup(curl);
	printf("granted %ld, refused %ld, unanswered %ld\n", granted, refused, unanswered);
	return unanswered != 0;
}

/* As redeem(); a 503, and nobody there, is no answer to the question and is asked again for a minute. */
static int redeem_for(struct load *load, CURL *curl, const char *person)
{
	char token[8192];
	int got = -1;
	for (int i = 0; i < 600 && got < 0; i++) {
		char *assertion = assertion_make(load, person, atomic_fetch_add(&load->serial, 1));
		got = redeem(load, curl, load->token_url, assertion, token, sizeof token);
		free(assertion);
		if (got < 0)
			usleep(100000);
	}
	return got;
}

static int denied(struct load *load, const char *folder)
{
	char line[64];
	long granted = 0, refused = 0, unanswered = 0;
	FILE *file = open_in(folder, "denied", "re");
	CURL *curl = curl_easy_init();
	/* Refusals say something where not all are refused. */
	int works = 0;
	for (int i = 0, got = 0; curl && i < 600 && got == 0; i++) {
		if (i)
			usleep(100000);
		got = redeem_for(load, curl, "somebody-else");
		works = got > 0;
	}
	while (works && fgets(line, sizeof line, file)) {
		line[strcspn(line, "\n")] = 0;
		int got = redeem_for(load, curl, line);
		if (got > 0)
			fprintf(stderr, "load: %s was let in\n", line);
		*(got > 0 ? &granted : got ? &unanswered : &refused) += 1;
	}
	curl_easy_cleanup(curl);
	fclose(file);
	printf("%sgranted %ld, refused %ld, unanswered %ld\n", works ? "" : "nobody is let in; ", granted, refused, unanswered);
	return !works || granted || unanswered;
}

int main(int count, char **words)
{
	struct load load = { .lock = PTHREAD_MUTEX_INITIALIZER, .lifetime = LIFETIME };
	int status = 2;
	if (count == 3 && !strcmp(words[1], "keys")) {
		make_keys(words[2]);
		return 0;
	}
	if (count < 4) {
		fputs("usage: load keys FOLDER | run FOLDER ORIGIN SECONDS THREADS | until FOLDER ORIGIN THREADS | again FOLDER ORIGIN [once] | "
		      "both FOLDER ORIGIN OTHER THREADS | denied FOLDER ORIGIN | ask FOLDER PERSON\n", stderr);
		return 2;
	}
	snprintf(load.token_url, sizeof load.token_url, "%s/token", words[3]);
	snprintf(load.introspect_url, sizeof load.introspect_url, "%s/introspect", words[3]);
	load.key = read_key(words[2]);
	load.asked = open_in(words[2], "asked", "a+e");
	load.given = open_in(words[2], "given", "ae");
	curl_global_init(CURL_GLOBAL_DEFAULT);
	if (count == 6 && !strcmp(words[1], "run")) {
		load.introspects = 1;
		load.end = time(NULL) + atoi(words[4]);
		status = run(&load, atoi(words[5]));
	} else if (count == 5 && !strcmp(words[1], "until")) {
		status = run(&load, atoi(words[4]));
	} else if ((count == 4 || (count == 5 && !strcmp(words[4], "once"))) && !strcmp(words[1], "again")) {
		status = again(&load, count == 5 ? 1 : 600);
	} else if (count == 4 && !strcmp(words[1], "denied")) {
		load.lifetime = LIFETIME_BOTH; /* what a store takes whose clock was ahead */
		status = denied(&load, words[2]);
	} else if (count == 4 && !strcmp(words[1], "ask")) {
		load.lifetime = LIFETIME_BOTH;
		char *assertion = assertion_make(&load, words[3], 0);
		status = fprintf(load.asked, "%s\n", assertion) < 0;
		free(assertion);
	} else if (count == 6 && !strcmp(words[1], "both")) {
		snprintf(load.other_url, sizeof load.other_url, "%s/token", words[4]);
		snprintf(load.enough, sizeof load.enough, "%s/enough", words[2]);
		load.lifetime = LIFETIME_BOTH;
		status = run(&load, atoi(words[5]));
	}
	fclose(load.asked);
	fclose(load.given);
	jwk_free(load.key);
	curl_global_cleanup();
	return status;
}
