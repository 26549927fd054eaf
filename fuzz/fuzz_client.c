/* Any bytes as a request: first line the Authorization header (also taken as a DPoP proof), the rest the form; and all of it as a
   certificate. Nobody has the key, so nobody is the client. */
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "dpop.h"

#define FUZZ_NOW INT64_C(1800000000)

static const char fuzz_conf[] =
	"issuer = \"https://auth.acme.example\";\n"
	"clients = ( { id = \"a\"; auth = \"private_key_jwt\"; jwks = \"{\\\"keys\\\":[{\\\"kty\\\":\\\"EC\\\",\\\"crv\\\":\\\"P-256\\\","
	"\\\"x\\\":\\\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\\\",\\\"y\\\":\\\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\\\"}]}\"; },\n" /* RFC 7515 A.3 */
	"  { id = \"b\"; auth = \"tls_client_auth\"; san_dns = \"b.example\"; },\n"
	"  { id = \"c\"; auth = \"none\"; dpop = \"required\"; } );\n";

static int64_t fuzz_time(void *data)
{
	(void)data;
	return FUZZ_NOW * 1000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct clock clock = { fuzz_time, fuzz_time, NULL };
	static struct clients *clients;
	static struct store *store;
	struct form form = { .count = 0 };
	struct certificate *certificate = NULL;
	if (!clients) {
		struct findings findings = { NULL, 0, 0, 0 };
		struct trust_settings trust = { .clock = &clock, .passive = 1 };
		struct memory_settings memory = { &clock, 1000, 0, 0 };
		struct clients_settings settings = { .conf = conf_read_text(fuzz_conf, strlen(fuzz_conf), "/ema.conf", &findings), .clock = &clock,
		                                     .trust = trust_new(&trust, NULL) };
		if (!settings.conf || !settings.trust || clients_open(&settings, &findings, &clients) || store_memory(&memory, &store, NULL))
			abort();
		findings_free(&findings);
	}
	const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
	size_t head = line ? (size_t)(line - data) : 0;
	char *header = malloc(head + 1);
	if (!header)
		return 0;
	if (head)
		memcpy(header, data, head);
	header[head] = 0;
	const char *const headers[] = { header };
	int has_certificate = !certificate_read((const char *)data, size, &certificate, NULL);
	if (!form_parse((const char *)data + (line ? head + 1 : 0), size - (line ? head + 1 : 0), &form, NULL)) {
		struct client_request request = { .authorizations = headers, .authorization_count = head != 0, .form = &form, .certificate = certificate,
		                                  .certificate_verified = has_certificate, .issuer = "https://auth.acme.example", .store = store,
		                                  .now = FUZZ_NOW, .skew = 30, .deadline = FUZZ_NOW * 1000, .store_ms = 10 };
		struct client_found found;
		if (!client_authenticate(clients, &request, &found, NULL) && strcmp(found.id, "c") && !(has_certificate && !strcmp(found.id, "b")))
			abort();
		form_free(&form);
	}
	struct dpop_request request = { .proofs = headers, .proof_count = head != 0, .method = "POST", .url = "https://auth.acme.example/token",
	                                .store = store, .now = FUZZ_NOW, .skew = 30, .store_ms = 10 };
	struct dpop_proof proof;
	dpop_check(&request, &proof, NULL);
	certificate_close(certificate);
	free(header);
	return 0;
}
