#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "address.h"
#include "url.h"

/* JWT-44: special-use addresses, also where an IPv6 address hides one. */
static void addresses_are_classified(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum address_kind kind;
	} cases[] = {
		{ "8.8.8.8", ADDRESS_PUBLIC }, { "1.0.0.1", ADDRESS_PUBLIC }, { "223.255.255.255", ADDRESS_PUBLIC },
		{ "0.0.0.0", ADDRESS_NEVER }, { "0.1.2.3", ADDRESS_NEVER },
		{ "10.0.0.1", ADDRESS_PRIVATE }, { "9.255.255.255", ADDRESS_PUBLIC }, { "11.0.0.0", ADDRESS_PUBLIC },
		{ "100.63.255.255", ADDRESS_PUBLIC }, { "100.64.0.0", ADDRESS_PRIVATE }, { "100.127.255.255", ADDRESS_PRIVATE }, { "100.128.0.0", ADDRESS_PUBLIC },
		{ "127.0.0.1", ADDRESS_LOOPBACK }, { "127.255.255.254", ADDRESS_LOOPBACK },
		{ "169.254.169.254", ADDRESS_NEVER },
		{ "172.15.255.255", ADDRESS_PUBLIC }, { "172.16.0.0", ADDRESS_PRIVATE }, { "172.31.255.255", ADDRESS_PRIVATE }, { "172.32.0.0", ADDRESS_PUBLIC },
		{ "192.0.0.8", ADDRESS_NEVER }, { "192.0.2.1", ADDRESS_NEVER }, { "192.88.99.1", ADDRESS_NEVER }, { "192.168.1.1", ADDRESS_PRIVATE },
		{ "198.17.255.255", ADDRESS_PUBLIC }, { "198.18.0.1", ADDRESS_PRIVATE }, { "198.19.255.255", ADDRESS_PRIVATE }, { "198.51.100.1", ADDRESS_NEVER },
		{ "203.0.113.9", ADDRESS_NEVER }, { "224.0.0.1", ADDRESS_NEVER }, { "240.0.0.1", ADDRESS_NEVER }, { "255.255.255.255", ADDRESS_NEVER },
		{ "2606:4700::1111", ADDRESS_PUBLIC }, { "::1", ADDRESS_LOOPBACK }, { "::", ADDRESS_NEVER },
		{ "fe80::1", ADDRESS_NEVER }, { "ff02::1", ADDRESS_NEVER }, { "fc00::1", ADDRESS_PRIVATE }, { "fdff::1", ADDRESS_PRIVATE }, { "fec0::1", ADDRESS_NEVER },
		{ "::ffff:127.0.0.1", ADDRESS_LOOPBACK }, { "::ffff:10.1.2.3", ADDRESS_PRIVATE }, { "::ffff:8.8.8.8", ADDRESS_PUBLIC },
		{ "::ffff:169.254.169.254", ADDRESS_NEVER }, { "::127.0.0.1", ADDRESS_NEVER },
		{ "64:ff9b::7f00:1", ADDRESS_LOOPBACK }, { "64:ff9b::a9fe:a9fe", ADDRESS_NEVER }, { "64:ff9b::808:808", ADDRESS_PRIVATE }, { "64:ff9b:1::1", ADDRESS_PRIVATE },
		{ "2002:7f00:1::", ADDRESS_LOOPBACK }, { "2002:a00:1::", ADDRESS_PRIVATE }, { "2002:808:808::", ADDRESS_PRIVATE },
		{ "2001::1", ADDRESS_NEVER }, { "2001:1ff::1", ADDRESS_NEVER }, { "2001:200::1", ADDRESS_PUBLIC }, { "2001:db8::1", ADDRESS_NEVER }, { "3fff:fff::1", ADDRESS_NEVER },
		{ "100::1", ADDRESS_NEVER }, { "4000::1", ADDRESS_NEVER },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int literal = 0;
		enum address_kind kind = address_kind_text(cases[i].text, &literal);
		if (!literal || kind != cases[i].kind)
			fail_msg("%s: kind %d, expected %d", cases[i].text, (int)kind, (int)cases[i].kind);
		struct sockaddr_storage socket_address = { 0 };
		struct sockaddr_in in = { .sin_family = AF_INET };
		struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
		if (inet_pton(AF_INET, cases[i].text, &in.sin_addr) == 1)
			memcpy(&socket_address, &in, sizeof in);
		else if (inet_pton(AF_INET6, cases[i].text, &in6.sin6_addr) == 1)
			memcpy(&socket_address, &in6, sizeof in6);
		assert_int_equal(address_kind((struct sockaddr *)&socket_address), cases[i].kind);
	}
	struct sockaddr other = { .sa_family = AF_UNIX };
	assert_int_equal(address_kind(&other), ADDRESS_NEVER);
}

/* JWT-41 JWT-44: what may be fetched from, by its URL alone. */
static void urls_are_judged(void **state)
{
	(void)state;
	static const char *const internal[] = { "10.0.0.5", "idp.corp", "localhost", "169.254.169.254" };
	static const struct {
		const char *url;
		int http, fine;
		const char *host;
		int port;
	} cases[] = {
		{ "https://idp.example/keys", 0, 1, "idp.example", 443 },
		{ "https://IDP.Example:8443/keys?x=1", 0, 1, "idp.example", 8443 },
		{ "https://[2606:4700::1111]/", 0, 1, "2606:4700::1111", 443 },
		{ "http://idp.example/keys", 0, 0, NULL, 0 }, { "http://idp.example/keys", 1, 0, NULL, 0 },
		{ "http://127.0.0.1:8080/keys", 1, 1, "127.0.0.1", 8080 }, { "http://localhost/", 1, 1, "localhost", 80 },
		{ "http://[::1]:1/", 1, 1, "::1", 1 }, { "http://127.0.0.1/", 0, 0, NULL, 0 }, { "http://10.0.0.5/", 1, 0, NULL, 0 },
		{ "https://127.0.0.1/", 0, 0, NULL, 0 }, { "https://127.0.0.1/", 1, 0, NULL, 0 }, { "https://0x7f.1/", 0, 0, NULL, 0 },
		{ "https://2130706433/", 0, 0, NULL, 0 }, { "https://app.localhost/", 0, 0, NULL, 0 }, { "https://localhost./", 0, 0, NULL, 0 },
		{ "https://10.0.0.5/", 0, 1, "10.0.0.5", 443 }, { "https://10.0.0.6/", 0, 0, NULL, 0 },
		{ "https://localhost/", 0, 1, "localhost", 443 }, { "https://169.254.169.254/", 0, 0, NULL, 0 },
		{ "https://user@idp.example/", 0, 0, NULL, 0 }, { "https://idp.example@evil.example/", 0, 0, NULL, 0 },
		{ "https://idp.example/#x", 0, 0, NULL, 0 }, { "https://idp.example/a b", 0, 0, NULL, 0 }, { "https://idp.example\\@evil/", 0, 0, NULL, 0 },
		{ "https://", 0, 0, NULL, 0 }, { "https:///x", 0, 0, NULL, 0 }, { "ftp://idp.example/", 0, 0, NULL, 0 }, { "file:///etc/passwd", 0, 0, NULL, 0 },
		{ "HTTPS://idp.example/", 0, 0, NULL, 0 }, { "//idp.example/", 0, 0, NULL, 0 }, { "", 0, 0, NULL, 0 },
		{ "https://idp.example:99999/", 0, 0, NULL, 0 }, { "https://idp.example/\r\nX: y", 0, 0, NULL, 0 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct fetch_rules rules = { .insecure_http = cases[i].http, .internal_hosts = internal, .internal_host_count = 4 };
		struct failure failure = FAILURE_INIT;
		struct url url;
		int code = url_read(cases[i].url, &rules, "URL", &url, &failure);
		if ((code == EMA_OK) != cases[i].fine)
			fail_msg("%s: %d %s", cases[i].url, code, failure.text);
		if (cases[i].fine) {
			assert_string_equal(url.host, cases[i].host);
			assert_int_equal(url.port, cases[i].port);
		} else {
			assert_int_equal(failure.code, EMA_CONFIG);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_classified),
		cmocka_unit_test(urls_are_judged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
