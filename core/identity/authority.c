#include "authority.h"

#include <stdlib.h>
#include <string.h>

#define LOCAL_MOST 64
#define DOMAIN_MOST 253
#define LABEL_MOST 63

static int is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* dot-atom of RFC 5322 3.2.3: no quoted strings, no comments, no UTF-8. */
static int local_fits(const char *local, size_t length)
{
	if (!length || length > LOCAL_MOST || local[0] == '.' || local[length - 1] == '.')
		return 0;
	for (size_t i = 0; i < length; i++)
		if (local[i] == '.' ? local[i - 1] == '.' : !is_alnum(local[i]) && !strchr("!#$%&'*+-/=?^_`{|}~", local[i]))
			return 0;
	return 1;
}

static int domain_fits(const char *domain)
{
	size_t label = 0, length = strlen(domain);
	if (!length || length > DOMAIN_MOST)
		return 0;
	for (size_t i = 0; i <= length; i++) {
		char c = domain[i];
		if (c == '.' || !c) {
			if (!label || label > LABEL_MOST || domain[i - 1] == '-' || domain[i - label] == '-')
				return 0;
			label = 0;
		} else if (is_alnum(c) || c == '-') {
			label++;
		} else {
			return 0;
		}
	}
	return 1;
}

int authority_address(const char *address, char out[AUTHORITY_ADDRESS + 1])
{
	size_t length = strlen(address);
	const char *at = strchr(address, '@');
	if (length > AUTHORITY_ADDRESS || !at || !local_fits(address, (size_t)(at - address)) || !domain_fits(at + 1))
		return 0;
	memcpy(out, address, length + 1);
	for (char *c = out + (at - address); *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c + ('a' - 'A'));
	return 1;
}

/* Exactly: a domain does not speak for those below it. */
static int speaks_for(const struct conf_provider *provider, const char *domain)
{
	for (size_t i = 0; i < provider->authority.count; i++)
		if (!strcmp(provider->authority.list[i], domain))
			return 1;
	return 0;
}

int authority_has(const struct conf_provider *provider, const char *address)
{
	const char *at = strrchr(address, '@');
	return at && speaks_for(provider, at + 1);
}

/*
 * Unverified or not: only the domain's authority is believed at all, and it knows its own addresses (JAG-84); of anybody
 * else no address is taken, verified or not. So verified never adds anything.
 */
int authority_judge(const struct conf *conf, const struct conf_provider *provider, const char *email, int verified, char **out,
                    struct failure *failure)
{
	char address[AUTHORITY_ADDRESS + 1];
	(void)verified;
	*out = NULL;
	if (!email || !authority_address(email, address))
		return EMA_OK;
	const char *domain = strchr(address, '@') + 1;
	if (speaks_for(provider, domain)) {
		*out = strdup(address);
		return *out ? EMA_OK : failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for an e-mail address");
	}
	if (provider->guests == GUESTS_ALLOW)
		return EMA_OK;
	for (size_t i = 0; i < conf->provider_count; i++)
		if (&conf->providers[i] != provider && speaks_for(&conf->providers[i], domain))
			return failure_set(failure, EMA_WRONG_PROVIDER, "provider \"%s\" asserts an e-mail address of %s, a domain that provider \"%s\" "
			                   "has the authority for; if these are its guests, set guests = \"allow\" at \"%s\"",
			                   provider->instance.id, domain, conf->providers[i].instance.id, provider->instance.id);
	return EMA_OK;
}
