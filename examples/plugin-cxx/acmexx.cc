// acmexx: an identity plugin in C++, to be copied. No exception may leave a callback: the host is C.
//
//   providers = ( { id = "acme"; plugin = "acmexx"; url = "https://idp.acme.example"; departments = ( { name = "R&D"; group = "engineering"; } ); } );
#include <map>
#include <new>
#include <string>

#include <ema/plugin.h>

static const ema_host *host;

struct ema_instance {
	ema_keyset *keys;
	std::map<std::string, std::string> groups; // department -> group
};

namespace {

int read_departments(ema_conf *conf, ema_instance &self)
{
	for (size_t i = 0;; i++) {
		ema_conf *item = nullptr;
		const char *name = nullptr, *group = nullptr;
		int code = host->conf_item(conf, "departments", i, &item);
		if (code != EMA_OK || !item)
			return code;
		host->conf_string(item, "name", &name);
		host->conf_string(item, "group", &group);
		if (!name || !group)
			return host->conf_fail(item, nullptr, "a department needs a name and a group");
		self.groups[name] = group;
	}
}

int open_it(ema_conf *conf, ema_instance **out)
{
	ema_issuer_name name = { nullptr, nullptr };
	ema_issuer issuer = ema_issuer();
	ema_instance *self = new ema_instance();
	int code = read_departments(conf, *self);

	host->conf_url(conf, "url", &name.issuer);
	if (code == EMA_OK && !name.issuer)
		code = host->conf_fail(conf, nullptr, "it lacks url: write the issuer as \"https://idp.acme.example\"");
	if (code == EMA_OK) {
		issuer.size = sizeof issuer;
		issuer.kinds = EMA_ID_JAG;
		issuer.names = &name;
		issuer.name_count = 1;
		code = host->keyset_open(conf, &issuer, &self->keys);
	}
	if (code == EMA_OK)
		*out = self;
	else
		delete self;
	return code;
}

int identify_it(ema_instance *self, ema_call *call)
{
	const ema_claims *claims;
	const char *subject, *department;
	int code = host->jwt_verify(call, self->keys, nullptr, &claims);

	if (code != EMA_OK)
		return code;
	if (host->claim_string(claims, "/sub", &subject) != EMA_OK)
		return host->fail(call, EMA_BAD_CLAIM, "sub is no string");
	if (host->claim_string(claims, "/department", &department) == EMA_OK) {
		auto found = self->groups.find(department);
		if (found != self->groups.end())
			host->add_group(call, found->second.c_str());
	}
	return host->vouch(call, nullptr, subject);
}

extern "C" int acme_open(const ema_host *, const ema_handle *, ema_conf *conf, ema_instance **out)
{
	try {
		return open_it(conf, out);
	} catch (const std::bad_alloc &) {
		return EMA_OUT_OF_MEMORY;
	} catch (...) {
		return EMA_INTERNAL;
	}
}

extern "C" void acme_close(ema_instance *self)
{
	delete self;
}

extern "C" int acme_identify(ema_instance *self, ema_call *call)
{
	try {
		return identify_it(self, call);
	} catch (const std::bad_alloc &) {
		return EMA_OUT_OF_MEMORY;
	} catch (...) {
		return EMA_INTERNAL;
	}
}

const ema_identity_ops identity = { sizeof identity, acme_open, acme_close, acme_identify };
const struct ema_plugin plugin = {
	sizeof plugin, EMA_ABI, EMA_THREADS_PARALLEL, "acmexx", "1.0", "tokens of the identity provider of Acme, in C++",
	&identity, nullptr, nullptr, nullptr, nullptr,
};

}

const struct ema_plugin *ema_plugin_entry(const ema_host *lent)
{
	host = lent;
	return &plugin;
}
