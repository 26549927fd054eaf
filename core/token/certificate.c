#include "certificate.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base64.h"
#include "base64url.h"

#define CERTIFICATE_BEGIN "-----BEGIN CERTIFICATE-----"
#define CERTIFICATE_END "-----END CERTIFICATE-----"
#define CERTIFICATE_NAMES_MOST 256

struct certificate {
	X509 *x509;
	char thumbprint[CERTIFICATE_THUMBPRINT];
	char subject[CERTIFICATE_DN_MOST];
};

static int is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* In place. nginx writes a '+' as %2B, so that one that stands there is a '+' of base64. The new length, or -1. */
static long percent_decode(char *text, size_t length)
{
	size_t to = 0;
	for (size_t from = 0; from < length; from++) {
		char c = text[from];
		if (c == '%') {
			int high = from + 2 < length ? hex_digit(text[from + 1]) : -1, low = high < 0 ? -1 : hex_digit(text[from + 2]);
			if (low < 0)
				return -1;
			c = (char)(high << 4 | low);
			from += 2;
		}
		text[to++] = c;
	}
	return (long)to;
}

/* Lines may end in any way, or be joined by blanks. In place; the new length. */
static size_t without_blanks(char *text, size_t length)
{
	size_t to = 0;
	for (size_t i = 0; i < length; i++)
		if (!is_blank(text[i]))
			text[to++] = text[i];
	return to;
}

/* The base64 in one of the forms: *text and *length become what stands inside of its frame. 0, or -1. */
static int unframe(char **text, size_t *length)
{
	char *from = *text, *to = *text + *length, *end;
	while (from < to && is_blank(*from))
		from++;
	while (from < to && is_blank(to[-1]))
		to--;
	if (memchr(from, '%', (size_t)(to - from))) {
		long decoded = percent_decode(from, (size_t)(to - from));
		if (decoded < 0)
			return -1;
		to = from + decoded;
		while (from < to && is_blank(to[-1]))
			to--;
	}
	*to = 0; /* there is room for a NUL */
	if (*from == ':') {
		if (to - from < 2 || to[-1] != ':')
			return -1;
		from++;
		to--;
	} else if (!strncmp(from, CERTIFICATE_BEGIN, sizeof CERTIFICATE_BEGIN - 1)) {
		from += sizeof CERTIFICATE_BEGIN - 1;
		end = strstr(from, CERTIFICATE_END);
		if (!end || end + sizeof CERTIFICATE_END - 1 != to)
			return -1;
		to = end;
	}
	*text = from;
	*length = (size_t)(to - from);
	return 0;
}

static int certificate_describe(struct certificate *certificate)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	char *text = NULL;
	long length;
	int done = 0;
	BIO *bio = BIO_new(BIO_s_mem());
	if (!bio || X509_digest(certificate->x509, EVP_sha256(), digest, &size) != 1 || size != 32)
		goto end;
	base64url_encode(digest, size, certificate->thumbprint);
	/* UTF-8 as it is; controls, NUL among them, are escaped. */
	if (X509_NAME_print_ex(bio, X509_get_subject_name(certificate->x509), 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) < 0)
		goto end;
	length = BIO_get_mem_data(bio, &text);
	if (length < 0 || length >= CERTIFICATE_DN_MOST)
		goto end;
	char name[CERTIFICATE_DN_MOST];
	if (length)
		memcpy(name, text, (size_t)length);
	name[length] = 0;
	/* An empty subject is one that nothing matches. */
	done = strlen(name) == (size_t)length && (!length || !certificate_dn(name, certificate->subject));
end:
	BIO_free(bio);
	return done;
}

int certificate_read(const char *text, size_t length, struct certificate **out, struct failure *failure)
{
	struct certificate *certificate = NULL;
	char *copy = NULL, *inside;
	int code = EMA_OK;
	if (length > CERTIFICATE_BYTES_MOST)
		return failure_set(failure, EMA_TOO_LARGE, "the client certificate is over %d bytes", CERTIFICATE_BYTES_MOST);
	ERR_set_mark();
	certificate = calloc(1, sizeof *certificate);
	copy = malloc(length + 1);
	if (!certificate || !copy) {
		code = failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
		goto end;
	}
	if (length)
		memcpy(copy, text, length);
	copy[length] = 0;
	inside = copy;
	long bytes = strlen(copy) != length || unframe(&inside, &length) ? -1 : base64_decode(inside, without_blanks(inside, length));
	if (bytes < 0) {
		code = failure_set(failure, EMA_BAD_REQUEST, "the client certificate is not one in PEM, percent-encoded PEM, base64 of DER or RFC 9440's form");
		goto end;
	}
	const unsigned char *der = (const unsigned char *)inside, *after = der;
	certificate->x509 = d2i_X509(NULL, &after, bytes);
	if (!certificate->x509 || after != der + bytes || !certificate_describe(certificate))
		code = failure_set(failure, EMA_BAD_REQUEST, "the client certificate is no X.509 certificate, or one with an odd subject");
end:
	ERR_pop_to_mark();
	free(copy);
	if (code)
		certificate_close(certificate);
	else
		*out = certificate;
	return code;
}

void certificate_close(struct certificate *certificate)
{
	if (!certificate)
		return;
	X509_free(certificate->x509);
	free(certificate);
}

const char *certificate_thumbprint(const struct certificate *certificate)
{
	return certificate->thumbprint;
}

const char *certificate_subject(const struct certificate *certificate)
{
	return certificate->subject;
}

static size_t address_bytes(const char *text, unsigned char out[16])
{
	return inet_pton(AF_INET, text, out) == 1 ? 4 : inet_pton(AF_INET6, text, out) == 1 ? 16 : 0;
}

int certificate_is_address(const char *text)
{
	unsigned char bytes[16];
	return address_bytes(text, bytes) != 0;
}

static int string_is(const ASN1_STRING *string, const char *value, int exact)
{
	size_t length = strlen(value);
	const char *data = (const char *)ASN1_STRING_get0_data(string);
	/* The lengths first: a NUL in the name is one of its characters. */
	if (!length || (size_t)ASN1_STRING_length(string) != length)
		return 0;
	return exact ? !memcmp(data, value, length) : !strncasecmp(data, value, length);
}

/* The local part as it is, the domain without case (JAG-85). */
static int email_is(const ASN1_STRING *string, const char *value)
{
	const char *at = strrchr(value, '@');
	size_t local = at ? (size_t)(at - value) + 1 : 0;
	return at && string_is(string, value, 0) && !memcmp(ASN1_STRING_get0_data(string), value, local);
}

int certificate_has_san(const struct certificate *certificate, enum certificate_san kind, const char *value)
{
	static const int types[] = { [CERTIFICATE_DNS] = GEN_DNS, [CERTIFICATE_URI] = GEN_URI, [CERTIFICATE_IP] = GEN_IPADD, [CERTIFICATE_EMAIL] = GEN_EMAIL };
	unsigned char address[16];
	size_t address_length = kind == CERTIFICATE_IP ? address_bytes(value, address) : 0;
	int critical = 0, found = 0;
	ERR_set_mark();
	/* NULL, too, if the extension stands there twice. */
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate->x509, NID_subject_alt_name, &critical, NULL);
	for (int i = 0; names && !found && i < sk_GENERAL_NAME_num(names) && i < CERTIFICATE_NAMES_MOST; i++) {
		int type = 0;
		const ASN1_STRING *name = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
		if (type != types[kind])
			continue;
		if (kind == CERTIFICATE_IP)
			found = address_length && (size_t)ASN1_STRING_length(name) == address_length && !memcmp(ASN1_STRING_get0_data(name), address, address_length);
		else
			found = kind == CERTIFICATE_EMAIL ? email_is(name, value) : string_is(name, value, kind == CERTIFICATE_URI);
	}
	GENERAL_NAMES_free(names);
	ERR_pop_to_mark();
	return found;
}

int certificate_dates(const struct certificate *certificate, int64_t now, int64_t skew, struct failure *failure)
{
	time_t early = (time_t)(now + skew), late = (time_t)(now - skew);
	/* 0 is a date that cannot be read. */
	if (X509_cmp_time(X509_get0_notBefore(certificate->x509), &early) != -1)
		return failure_set(failure, EMA_NOT_YET_VALID, "the client certificate is not valid yet");
	if (X509_cmp_time(X509_get0_notAfter(certificate->x509), &late) != 1)
		return failure_set(failure, EMA_EXPIRED, "the client certificate has expired");
	return EMA_OK;
}

/* Of an attribute's type: a name, or an OID in numbers; a blank may stand before its '='. */
static int is_type_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == ' ';
}

int certificate_dn(const char *text, char out[CERTIFICATE_DN_MOST])
{
	size_t to = 0;
	int type = 1, any = 0; /* inside of an attribute's type; something of the attribute was there */
	while (*text == ' ')
		text++;
	for (; *text; text++) {
		if (to + 3 > CERTIFICATE_DN_MOST || (unsigned char)*text < ' ' || *text == 0x7f)
			return -1;
		if (*text == '\\' && text[1]) {
			if (type)
				return -1;
			out[to++] = *text++;
			out[to++] = *text;
			any = 2;
		} else if (*text == '=' && type) {
			while (to && out[to - 1] == ' ')
				to--;
			if (!any)
				return -1;
			out[to++] = '=';
			while (text[1] == ' ')
				text++;
			type = 0;
		} else if ((*text == ',' || *text == '+') && !type) {
			/* An escaped blank at the end of a value is one of its characters. */
			while (out[to - 1] == ' ' && out[to - 2] != '\\')
				to--;
			out[to++] = *text;
			while (text[1] == ' ')
				text++;
			type = 1;
			any = 0;
		} else if (type) {
			if (!is_type_letter(*text))
				return -1;
			out[to++] = *text >= 'a' && *text <= 'z' ? (char)(*text - 32) : *text;
			any = 1;
		} else if (strchr("\";<>", *text) || *text == ',') {
			return -1; /* these are escaped in a value */
		} else {
			out[to++] = *text;
		}
	}
	if (type)
		return -1;
	while (out[to - 1] == ' ' && out[to - 2] != '\\')
		to--;
	out[to] = 0;
	return 0;
}
