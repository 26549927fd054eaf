/* RFC 5425 with the ciphers of RFC 9662. OpenSSL works on memory; the socket is read and written here. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "syslog.h"

#define CERTIFICATES 16

int tls_configure(ema_instance *self, ema_conf *conf)
{
	const struct ema_host *host = self->host;
	const char *ca_file = NULL, *certificate = NULL, *key = NULL, *pem = NULL;
	size_t key_length = 0, pem_length = 0;
	int code = host->conf_path(conf, "ca_file", &ca_file);
	if (code == EMA_OK)
		code = host->conf_path(conf, "client_cert", &certificate);
	if (code == EMA_OK)
		code = host->conf_secret(conf, "client_key", &key, &key_length);
	if (code != EMA_OK)
		return code;
	if (!certificate != !key)
		return host->conf_fail(conf, certificate ? "client_key" : "client_cert", "client_cert and client_key come together");
	self->tls = SSL_CTX_new(TLS_client_method());
	if (!self->tls)
		return EMA_OUT_OF_MEMORY;
	SSL_CTX_set_min_proto_version(self->tls, TLS1_2_VERSION);
	SSL_CTX_set_cipher_list(self->tls, "ECDHE+AESGCM:ECDHE+CHACHA20");
	SSL_CTX_set_verify(self->tls, SSL_VERIFY_PEER, NULL);
	if (!(ca_file ? SSL_CTX_load_verify_file(self->tls, ca_file) : SSL_CTX_set_default_verify_paths(self->tls))) {
		ERR_clear_error();
		return host->conf_fail(conf, "ca_file", "no certificate could be read from this file");
	}
	if (!certificate)
		return EMA_OK;
	if ((code = host->conf_file(conf, certificate, 256 * 1024, &pem, &pem_length)) != EMA_OK)
		return code;
	BIO *in = BIO_new_mem_buf(pem, (int)pem_length), *secret = BIO_new_mem_buf(key, (int)key_length);
	X509 *own = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
	char none[] = "";
	EVP_PKEY *private_key = secret ? PEM_read_bio_PrivateKey(secret, NULL, NULL, none) : NULL;
	int good = own && private_key && SSL_CTX_use_certificate(self->tls, own) && SSL_CTX_use_PrivateKey(self->tls, private_key);
	for (int i = 0; good && i < CERTIFICATES; i++) {
		X509 *next = PEM_read_bio_X509(in, NULL, NULL, NULL);
		if (!next)
			break;
		if (!SSL_CTX_add0_chain_cert(self->tls, next)) {
			X509_free(next);
			good = 0;
		}
	}
	X509_free(own);
	EVP_PKEY_free(private_key);
	BIO_free(in);
	BIO_free(secret);
	ERR_clear_error();
	return good ? EMA_OK : host->conf_fail(conf, "client_cert", "client_cert and client_key are PEM, and the key is the certificate's");
}

static int push(ema_instance *self)
{
	char bytes[4096];
	for (int n; (n = BIO_read(self->out, bytes, sizeof bytes)) > 0;)
		for (const char *at = bytes; n > 0;) {
			ssize_t sent = send(self->fd, at, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
			if (sent > 0) {
				at += sent;
				n -= (int)sent;
			} else if (errno != EINTR && (errno != EAGAIN || transport_wait(self, POLLOUT))) {
				return -1;
			}
		}
	return 0;
}

static int pull(ema_instance *self, int block)
{
	char bytes[4096];
	for (;;) {
		ssize_t n = recv(self->fd, bytes, sizeof bytes, MSG_DONTWAIT);
		if (n > 0)
			return BIO_write(self->in, bytes, (int)n) == n ? 1 : -1;
		if (n == 0) {
			errno = ECONNRESET;
			return -1;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -1;
		if (!block)
			return 0;
		if (transport_wait(self, POLLIN))
			return -1;
	}
}

static void session_free(ema_instance *self)
{
	SSL_free(self->session);
	self->session = NULL;
	self->in = self->out = NULL;
}

static int tls_failed(ema_instance *self, const char *why)
{
	char text[256];
	snprintf(text, sizeof text, "%s", why);
	session_free(self); /* first: behind a part that is missing, a good-bye would look forged */
	transport_close(self);
	ERR_clear_error();
	return sink_failed(self, self->server, text);
}

static const char *why_not(const SSL *session)
{
	long verified = SSL_get_verify_result(session);
	return verified == X509_V_OK ? "the TLS handshake failed" : X509_verify_cert_error_string(verified);
}

int tls_connect(ema_instance *self)
{
	self->session = SSL_new(self->tls);
	self->in = BIO_new(BIO_s_mem());
	self->out = BIO_new(BIO_s_mem());
	if (!self->session || !self->in || !self->out) {
		BIO_free(self->in);
		BIO_free(self->out);
		self->in = self->out = NULL;
		return tls_failed(self, "no memory");
	}
	BIO_set_mem_eof_return(self->in, -1);
	SSL_set_bio(self->session, self->in, self->out);
	SSL_set_connect_state(self->session);
	X509_VERIFY_PARAM *rules = SSL_get0_param(self->session);
	X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	/* An address is looked for among the addresses of the certificate, a name among its names (RFC 5425 5.2). */
	if (!X509_VERIFY_PARAM_set1_ip_asc(rules, self->server_name)) {
		ERR_clear_error();
		/* The macro for the name in the hello casts const away; the function behind it only reads. */
		char name[256];
		if (snprintf(name, sizeof name, "%s", self->server_name) >= (int)sizeof name)
			return tls_failed(self, "server_name is too long for a host name");
		if (!SSL_set1_host(self->session, self->server_name) || !SSL_set_tlsext_host_name(self->session, name))
			return tls_failed(self, "no memory");
	}
	for (;;) {
		ERR_clear_error();
		int done = SSL_do_handshake(self->session);
		int error = done == 1 ? SSL_ERROR_NONE : SSL_get_error(self->session, done);
		if (push(self))
			return tls_failed(self, strerror(errno));
		if (done == 1)
			return EMA_OK;
		if (error != SSL_ERROR_WANT_READ)
			return tls_failed(self, why_not(self->session));
		if (pull(self, 1) < 0)
			return tls_failed(self, strerror(errno));
	}
}

int tls_send(ema_instance *self, const char *data, size_t length)
{
	char byte;
	/* What the receiver said meanwhile: tickets, or good-bye, also of a handshake that it refused late (TLS 1.3). */
	for (int n; (n = pull(self, 0));)
		if (n < 0) {
			transport_close(self);
			return sink_failed(self, self->server, "the receiver closed the connection");
		}
	ERR_clear_error();
	int n = SSL_read(self->session, &byte, 1);
	if (n <= 0 && SSL_get_error(self->session, n) != SSL_ERROR_WANT_READ)
		return tls_failed(self, "the receiver closed the connection");
	ERR_clear_error();
	if (SSL_write(self->session, data, (int)length) != (int)length)
		return tls_failed(self, "TLS failed");
	return push(self) ? tls_failed(self, strerror(errno)) : EMA_OK;
}

void tls_close(ema_instance *self)
{
	if (self->session && self->fd >= 0) {
		ERR_clear_error();
		if (SSL_is_init_finished(self->session) && SSL_shutdown(self->session) >= 0)
			push(self);
		ERR_clear_error();
	}
	session_free(self);
}
