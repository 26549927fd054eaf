#include "test.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "base64url.h"
#include "buffer.h"
#include "certificate.h"
#include "issue.h"

#define NOW 1800000000LL

static int read_text(const char *text, struct certificate **out)
{
	struct failure failure = FAILURE_INIT;
	return certificate_read(text, strlen(text), out, &failure);
}

/* What stands between the lines of the frame, without its line ends. */
static char *base64_of(const char *pem)
{
	char *out = calloc(1, strlen(pem) + 1), *to = out;
	assert_non_null(out);
	for (const char *at = strchr(pem, '\n') + 1; *at != '-'; at++)
		if (*at != '\n')
			*to++ = *at;
	return out;
}

/* One certificate, as each proxy writes it, is one thumbprint. */
static void forms(void **state)
{
	(void)state;
	static const char *const subject[] = { "CN", "vscode", NULL };
	char *pem = issue(subject, NULL, NOW, -1, 1), *plain = base64_of(pem);
	struct buffer encoded = BUFFER_INIT((size_t)65536), form = BUFFER_INIT((size_t)65536);
	struct certificate *first = NULL;
	assert_int_equal(read_text(pem, &first), EMA_OK);
	assert_int_equal(strlen(certificate_thumbprint(first)), 43);
	assert_string_equal(certificate_subject(first), "CN=vscode");
	buffer_percent(&encoded, pem, strlen(pem));
	buffer_printf(&form, ":%s:", plain);
	char *blanks = strdup(pem), *tail = strdup(pem);
	for (char *at = blanks + 27; at < strstr(blanks, "-----END"); at++)
		*at = *at == '\n' ? ' ' : *at;
	const char *good[] = { encoded.data, form.data, plain, blanks };
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct certificate *again = NULL;
		if (read_text(good[i], &again))
			fail_msg("form %zu is refused", i);
		assert_string_equal(certificate_thumbprint(again), certificate_thumbprint(first));
		certificate_close(again);
	}
	/* x5t#S256 is of the DER. */
	unsigned char der[4096], digest[32];
	char text[64];
	int bytes = EVP_DecodeBlock(der, (const unsigned char *)plain, (int)strlen(plain));
	for (size_t i = strlen(plain); i && plain[i - 1] == '='; i--)
		bytes--;
	assert_true(bytes > 0);
	assert_int_equal(EVP_Digest(der, (size_t)bytes, digest, NULL, EVP_sha256(), NULL), 1);
	base64url_encode(digest, sizeof digest, text);
	assert_string_equal(text, certificate_thumbprint(first));

	struct buffer two = BUFFER_INIT((size_t)65536), more = BUFFER_INIT((size_t)65536);
	buffer_printf(&two, "%s%s", pem, pem);
	buffer_printf(&more, "%sAAAA", plain);
	tail[strlen(tail) - 3] = 0;
	struct certificate *none = NULL;
	const char *bad[] = { "", " ", ":", "::", "-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE----------END CERTIFICATE-----", "AAAA", ":AAAA", "%", "%zz", "%2",
	                      two.data, more.data, tail, "-----BEGIN CERTIFICATE-----AAAA-----END CERTIFICATE-----x", "abc\x01" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (read_text(bad[i], &none) != EMA_BAD_REQUEST)
			fail_msg("bad form %zu is taken", i);
	char *large = calloc(1, CERTIFICATE_BYTES_MOST + 2);
	assert_non_null(large);
	memset(large, 'A', CERTIFICATE_BYTES_MOST + 1);
	assert_int_equal(read_text(large, &none), EMA_TOO_LARGE);
	assert_int_equal(certificate_read("AA\0A", 4, &none, NULL), EMA_BAD_REQUEST);
	free(large);
	free(blanks);
	free(tail);
	buffer_free(&encoded);
	buffer_free(&form);
	buffer_free(&two);
	buffer_free(&more);
	certificate_close(first);
	free(plain);
	free(pem);
}

/* JAG-19: subjects in RFC 4514's form. */
static void subjects(void **state)
{
	(void)state;
	static const struct {
		const char *subject[9];
		const char *dn;
	} rows[] = {
		{ { "O", "Acme", "CN", "vscode", NULL }, "CN=vscode,O=Acme" },
		{ { "O", "Acme, Inc.", "CN", "a+b", NULL }, "CN=a\\+b,O=Acme\\, Inc." },
		{ { "CN", " x ", NULL }, "CN=\\ x\\ " },
		{ { "CN", "x=y\"<>;", NULL }, "CN=x=y\\\"\\<\\>\\;" },
		{ { "CN", "M\xc3\xbcller", NULL }, "CN=M\xc3\xbcller" },
		{ { "DC", "example", "DC", "acme", "CN", "a", NULL }, "CN=a,DC=acme,DC=example" },
		{ { "CN", "a,O=Acme", NULL }, "CN=a\\,O=Acme" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *pem = issue(rows[i].subject, NULL, NOW, -1, 1);
		struct certificate *certificate = NULL;
		assert_int_equal(read_text(pem, &certificate), EMA_OK);
		assert_string_equal(certificate_subject(certificate), rows[i].dn);
		certificate_close(certificate);
		free(pem);
	}
	static const struct { const char *text, *dn; } names[] = {
		{ "CN=vscode,O=Acme", "CN=vscode,O=Acme" },
		{ " cn = vscode , o=Acme ", "CN=vscode,O=Acme" },
		{ "CN=a b,O=x", "CN=a b,O=x" },
		{ "CN=a+UID=b", "CN=a+UID=b" },
		{ "CN=a\\, b", "CN=a\\, b" },
		{ "CN=a\\ ,O=b", "CN=a\\ ,O=b" },
		{ "CN=", "CN=" },
		{ "", NULL }, { "vscode", NULL }, { "=x", NULL }, { "CN=a,", NULL }, { "CN=a,,O=b", NULL }, { "CN=a;O=b", NULL }, { "CN=\"a\"", NULL },
		{ "C\\N=a", NULL }, { "CN=a\nO=b", NULL },
	};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char out[CERTIFICATE_DN_MOST];
		int code = certificate_dn(names[i].text, out);
		if ((code != 0) != (names[i].dn == NULL) || (!code && strcmp(out, names[i].dn)))
			fail_msg("name %zu: %d %s", i, code, code ? "" : out);
	}
	char many[2 * CERTIFICATE_DN_MOST], out[CERTIFICATE_DN_MOST];
	memset(many, 'x', sizeof many);
	memcpy(many, "CN=", 3);
	many[sizeof many - 1] = 0;
	assert_int_equal(certificate_dn(many, out), -1);
}

/* JAG-19: alternative names, kind by kind; one of a kind is none of another. */
static void alternative_names(void **state)
{
	(void)state;
	static const char *const subject[] = { "CN", "dns.example", NULL };
	char *pem = issue(subject, "DNS:a.example,DNS:*.b.example,URI:urn:acme:x,IP:192.0.2.1,IP:2001:db8::1,email:Joe@acme.example", NOW, -1, 1);
	struct certificate *certificate = NULL;
	static const struct { enum certificate_san kind; const char *value; int found; } rows[] = {
		{ CERTIFICATE_DNS, "a.example", 1 }, { CERTIFICATE_DNS, "A.EXAMPLE", 1 }, { CERTIFICATE_DNS, "x.b.example", 0 }, { CERTIFICATE_DNS, "*.b.example", 1 },
		{ CERTIFICATE_DNS, "dns.example", 0 }, { CERTIFICATE_DNS, "a.example.", 0 }, { CERTIFICATE_DNS, "", 0 }, { CERTIFICATE_DNS, "urn:acme:x", 0 },
		{ CERTIFICATE_URI, "urn:acme:x", 1 }, { CERTIFICATE_URI, "urn:acme:X", 0 }, { CERTIFICATE_URI, "a.example", 0 },
		{ CERTIFICATE_IP, "192.0.2.1", 1 }, { CERTIFICATE_IP, "2001:db8:0::1", 1 }, { CERTIFICATE_IP, "192.0.2.2", 0 }, { CERTIFICATE_IP, "192.0.2.1/32", 0 },
		{ CERTIFICATE_EMAIL, "Joe@acme.example", 1 }, { CERTIFICATE_EMAIL, "Joe@ACME.example", 1 }, { CERTIFICATE_EMAIL, "joe@acme.example", 0 },
		{ CERTIFICATE_EMAIL, "a.example", 0 },
	};
	assert_int_equal(read_text(pem, &certificate), EMA_OK);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (certificate_has_san(certificate, rows[i].kind, rows[i].value) != rows[i].found)
			fail_msg("row %zu: %s", i, rows[i].value);
	certificate_close(certificate);
	free(pem);
	pem = issue(subject, NULL, NOW, -1, 1);
	assert_int_equal(read_text(pem, &certificate), EMA_OK);
	assert_false(certificate_has_san(certificate, CERTIFICATE_DNS, "dns.example"));
	certificate_close(certificate);
	free(pem);
}

/* JAG-19: a certificate counts between its own dates. */
static void dates(void **state)
{
	(void)state;
	static const char *const subject[] = { "CN", "x", NULL };
	char *pem = issue(subject, NULL, NOW, -1, 1);
	struct certificate *certificate = NULL;
	static const struct { long long now; int code; } rows[] = {
		{ NOW, EMA_OK }, { NOW + 86400 + 29, EMA_OK }, { NOW + 86400 + 31, EMA_EXPIRED }, { NOW - 86400 - 29, EMA_OK }, { NOW - 86400 - 31, EMA_NOT_YET_VALID },
	};
	assert_int_equal(read_text(pem, &certificate), EMA_OK);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(certificate_dates(certificate, rows[i].now, 30, NULL), rows[i].code);
	certificate_close(certificate);
	free(pem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms),
		cmocka_unit_test(subjects),
		cmocka_unit_test(alternative_names),
		cmocka_unit_test(dates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
