/* TLS as libmicrohttpd has it, which is GnuTLS's. */
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emad.h"

static int read_file(const ema_daemon *daemon, size_t listener, const char *name, char **out, char *error, size_t room)
{
	ema_findings *findings = NULL;
	int code = ema_listener_file(daemon, listener, name, out, &findings);
	if (code)
		snprintf(error, room, "%s", findings && ema_finding_text(findings, 0) ? ema_finding_text(findings, 0) : ema_code_meaning(code));
	ema_findings_free(findings);
	return code ? -1 : 0;
}

static gnutls_datum_t datum(char *text)
{
	return (gnutls_datum_t){ .data = (unsigned char *)text, .size = (unsigned)strlen(text) };
}

/* One that has expired is served all the same: clients say so, and an emad that does not start says less. */
static void warn_dates(struct tls *tls, const char *path)
{
	gnutls_x509_crt_t certificate = NULL;
	gnutls_datum_t pem = datum(tls->certificate);
	if (!gnutls_x509_crt_init(&certificate) && !gnutls_x509_crt_import(certificate, &pem, GNUTLS_X509_FMT_PEM)) {
		time_t now = time(NULL), ends = gnutls_x509_crt_get_expiration_time(certificate);
		if (ends < now)
			say(SAY_WARNING, "%s has expired", path);
		else if (ends < now + 7 * 86400)
			say(SAY_WARNING, "%s expires in less than a week", path);
		if (gnutls_x509_crt_get_activation_time(certificate) > now)
			say(SAY_WARNING, "%s is not valid yet", path);
	}
	if (certificate)
		gnutls_x509_crt_deinit(certificate);
}

static int check(struct tls *tls, const ema_daemon *daemon, size_t listener, char *error, size_t room)
{
	gnutls_certificate_credentials_t credentials = NULL;
	const char *path = ema_listener_text(daemon, listener, "certificate");
	gnutls_datum_t certificate = datum(tls->certificate), key = datum(tls->key);
	int result = gnutls_certificate_allocate_credentials(&credentials);
	if (result) {
		snprintf(error, room, "%s", gnutls_strerror(result));
		return -1;
	}
	result = gnutls_certificate_set_x509_key_mem(credentials, &certificate, &key, GNUTLS_X509_FMT_PEM);
	if (result < 0) {
		snprintf(error, room, "%s and %s do not do together: %s", path, ema_listener_text(daemon, listener, "key"), gnutls_strerror(result));
	} else if (tls->client_ca) {
		gnutls_datum_t authorities = datum(tls->client_ca);
		result = gnutls_certificate_set_x509_trust_mem(credentials, &authorities, GNUTLS_X509_FMT_PEM);
		if (result <= 0)
			snprintf(error, room, "%s has no certificate of an authority", ema_listener_text(daemon, listener, "client_ca_file"));
		result = result > 0 ? 0 : -1;
	}
	gnutls_certificate_free_credentials(credentials);
	return result < 0 ? -1 : 0;
}

static int read_clients(struct tls *tls, const ema_daemon *daemon, size_t listener, char *error, size_t room)
{
	tls->ask = (int)ema_listener_number(daemon, listener, "client_certificates");
	return ema_listener_text(daemon, listener, "client_ca_file") ? read_file(daemon, listener, "client_ca_file", &tls->client_ca, error, room) : 0;
}

int tls_keep(const ema_daemon *daemon, size_t listener, const struct tls *old, struct tls **out, char *error, size_t room)
{
	struct tls *tls = calloc(1, sizeof *tls);
	*out = NULL;
	if (tls) {
		*tls = (struct tls){ .holders = 1, .certificate = strdup(old->certificate), .key = strdup(old->key) };
		if (tls->certificate && tls->key && !read_clients(tls, daemon, listener, error, room) && !check(tls, daemon, listener, error, room)) {
			*out = tls;
			return 0;
		}
	}
	if (!tls || !tls->certificate || !tls->key)
		snprintf(error, room, "no memory");
	tls_release(tls);
	return -1;
}

int tls_read(const ema_daemon *daemon, size_t listener, struct tls **out, char *error, size_t room)
{
	*out = NULL;
	if (!ema_listener_text(daemon, listener, "certificate"))
		return 0;
	struct tls *tls = calloc(1, sizeof *tls);
	if (!tls) {
		snprintf(error, room, "no memory");
		return -1;
	}
	tls->holders = 1;
	if (read_file(daemon, listener, "certificate", &tls->certificate, error, room) ||
	    read_file(daemon, listener, "key", &tls->key, error, room) || read_clients(tls, daemon, listener, error, room) ||
	    check(tls, daemon, listener, error, room)) {
		tls_release(tls);
		return -1;
	}
	warn_dates(tls, ema_listener_text(daemon, listener, "certificate"));
	*out = tls;
	return 0;
}

struct tls *tls_hold(struct tls *tls)
{
	if (tls)
		tls->holders++;
	return tls;
}

void tls_release(struct tls *tls)
{
	if (!tls || --tls->holders)
		return;
	ema_text_free(tls->certificate);
	ema_text_free(tls->key);
	ema_text_free(tls->client_ca);
	free(tls);
}

static gnutls_session_t session_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	return info ? info->tls_session : NULL;
}

void tls_ask(const struct tls *tls, struct MHD_Connection *connection)
{
	gnutls_session_t session = session_of(connection);
	if (!session || !tls->ask)
		return;
	gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
	/* With names of authorities a client that has but a certificate of its own would send none. */
	gnutls_certificate_send_x509_rdn_sequence(session, 1);
}

char *tls_peer(struct MHD_Connection *connection, int *trusted)
{
	gnutls_session_t session = session_of(connection);
	unsigned count = 0, status = 1;
	gnutls_typed_vdata_st purpose = { .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT };
	gnutls_datum_t pem = { NULL, 0 };
	*trusted = 0;
	const gnutls_datum_t *chain = session ? gnutls_certificate_get_peers(session, &count) : NULL;
	if (!chain || !count || gnutls_pem_base64_encode2("CERTIFICATE", &chain[0], &pem))
		return NULL;
	/* Without client_ca_file nobody is trusted, so nothing verifies. */
	*trusted = !gnutls_certificate_verify_peers(session, &purpose, 1, &status) && !status;
	char *copy = malloc((size_t)pem.size + 1);
	if (copy) {
		memcpy(copy, pem.data, pem.size);
		copy[pem.size] = 0;
	}
	gnutls_free(pem.data);
	return copy;
}
