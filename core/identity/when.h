/* Does a rule's `when` match? In two steps: what depends on claims is judged only after they were verified. */
#ifndef IDENTITY_WHEN_H
#define IDENTITY_WHEN_H

#include <stdint.h>

#include "conf.h"

struct when_facts {
	const char *client;
	const char *tenant; /* before: what the issuer's name says, NULL if a claim will say it */
	const char *email;  /* that the provider has the authority for; NULL: none */
	int64_t now;        /* seconds since 1970 */
};

/* 1 unless the client, the time, or a tenant that is known already does not match. */
int when_before(const struct conf_when *when, const struct when_facts *facts);
/* 1 if tenant and e-mail domain match; what is asked for and is not there does not. */
int when_after(const struct conf_when *when, const struct when_facts *facts);

#endif
