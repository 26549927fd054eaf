/*
 * acme: an identity plugin, to be copied. It reads the tokens of one issuer and maps one claim to groups.
 * What each function means stands in ema-plugin(7).
 *
 *   providers = ( { id = "acme"; plugin = "acme"; url = "https://idp.acme.example"; groups = "departments"; } );
 *
 * Build and install it:
 *
 *   make
 *   make install
 */
#include <stdlib.h>

#include <ema/plugin.h>

/* All that the plugin may call. It is given to ema_plugin_entry(), which is always called first. */
static const struct ema_host *host;

/* What one entry in ema.conf is to us. Two entries with this plugin are two of these. */
struct ema_instance {
	const ema_handle *handle;
	ema_keyset *keys;
	const char *const *groups; /* claims with group names, as JSON pointers */
	size_t group_count;
};

/*
 * Reads the settings. What a getter gives lives as long as the instance. A key that is absent leaves the variable alone; a value
 * that is wrong is reported by the host, with file and line, and then this open fails whatever it returns. So only what the host
 * cannot know is checked here. No network: keys are fetched by the host, ahead of need.
 */
static int acme_open(const struct ema_host *lent, const ema_handle *handle, ema_conf *conf, ema_instance **out)
{
	struct ema_issuer_name name = { NULL, NULL };
	struct ema_issuer issuer = { 0 };
	ema_instance *self = calloc(1, sizeof *self);
	int code;

	(void)lent; /* the same that ema_plugin_entry() was given */
	if (!self)
		return EMA_OUT_OF_MEMORY;
	self->handle = handle;
	host->conf_url(conf, "url", &name.issuer);
	host->conf_claims(conf, "groups", &self->groups, &self->group_count);
	if (!name.issuer) {
		free(self);
		return host->conf_fail(conf, NULL, "it lacks url: write the issuer as \"https://idp.acme.example\"");
	}

	/* Whose tokens these are. From now on the host itself answers not_mine for all others. */
	issuer.size = sizeof issuer;
	issuer.kinds = EMA_ID_JAG | EMA_ACCESS_TOKEN;
	issuer.names = &name;
	issuer.name_count = 1;
	code = host->keyset_open(conf, &issuer, &self->keys);
	if (code != EMA_OK) {
		free(self);
		return code;
	}
	*out = self;
	return EMA_OK;
}

static void acme_close(ema_instance *self)
{
	free(self);
}

/*
 * Who is this? EMA_OK after one vouch(), or a code. The host calls it for tokens of the declared issuer alone, has the deadline
 * and checks audience, client and times by the provider's and the service's rules in jwt_verify().
 */
static int acme_identify(ema_instance *self, ema_call *call)
{
	const ema_claims *claims;
	const char *subject, *email;
	int verified = 0, code = host->jwt_verify(call, self->keys, NULL, &claims);

	if (code != EMA_OK)
		return code; /* its text is set already */
	if (host->claim_string(claims, "/sub", &subject) != EMA_OK)
		return host->fail(call, EMA_BAD_CLAIM, "sub is no string");
	for (size_t i = 0; i < self->group_count; i++) {
		code = host->add_groups(call, claims, self->groups[i]);
		if (code != EMA_OK)
			return code;
	}
	if (host->claim_string(claims, "/email", &email) == EMA_OK) {
		host->claim_bool(claims, "/email_verified", &verified);
		host->set_email(call, email, verified);
	}
	return host->vouch(call, NULL, subject);
}

static const struct ema_identity_ops identity = { sizeof identity, acme_open, acme_close, acme_identify };

static const struct ema_plugin plugin = {
	.size = sizeof plugin,
	.abi = EMA_ABI,
	.threads = EMA_THREADS_PARALLEL, /* acme_identify() changes nothing, so any number of threads may be in it */
	.name = "acme",
	.version = "1.0",
	.summary = "tokens of the identity provider of Acme",
	.identity = &identity,
};

const struct ema_plugin *ema_plugin_entry(const struct ema_host *lent)
{
	if (!EMA_HOST_HAS(lent, add_groups))
		return NULL; /* an EMA that is too old for us */
	host = lent;
	return &plugin;
}
