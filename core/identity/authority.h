/* Whose e-mail addresses a provider may assert. */
#ifndef IDENTITY_AUTHORITY_H
#define IDENTITY_AUTHORITY_H

#include "conf.h"
#include "failure.h"

#define AUTHORITY_ADDRESS 254 /* RFC 5321 4.5.3.1.3, as corrected */

/*
 * The form in which addresses are compared: the local part as it is, the domain in lower-case ASCII; nothing else is
 * folded. 1, or 0 for what is no address of ASCII characters with one unquoted local part and one domain name.
 */
int authority_address(const char *address, char out[AUTHORITY_ADDRESS + 1]);
/* 1 if the provider has the authority for an address in that form. */
int authority_has(const struct conf_provider *provider, const char *address);

/*
 * May this provider say this? EMA_OK with the address as it is compared (a new string, free() it) or NULL if it was
 * dropped: none, malformed, of a domain that is not in its authority, or of one that is another's and guests are allowed.
 * EMA_WRONG_PROVIDER: another provider has the authority. EMA_OUT_OF_MEMORY.
 */
int authority_judge(const struct conf *conf, const struct conf_provider *provider, const char *email, int verified, char **out,
                    struct failure *failure);

#endif
