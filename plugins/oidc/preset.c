/* The presets as a table; ema-oidc(7) shows the same, and core/conf/supply.c knows which of them read groups and roles.
   What ema.conf says wins over each. */
#include "oidc.h"

#include <string.h>

#define OIDC_BOTH (EMA_ID_JAG | EMA_ACCESS_TOKEN)

static const struct oidc_preset presets[] = {
	{ .name = "generic", .kinds = OIDC_BOTH, .types = { "at+jwt" }, .subject = { "/sub" },
	  .client_claim = "/client_id", .scope_claim = "/scope" },
	/* typ of the header is "JWT" for all; the payload's tells them apart. */
	{ .name = "keycloak", .issuer_hint = "https://HOST/realms/REALM", .kinds = OIDC_BOTH, .types = { "jwt", "at+jwt" },
	  .kind_claim = "/typ", .kind_value = "Bearer", .subject = { "/sub" }, .client_claim = "/azp", .scope_claim = "/scope",
	  .groups = { "/groups" }, .roles = { "/realm_access/roles" }, .strip = "/",
	  .workload_claim = "/preferred_username", .workload_begins = "service-account-", .workload_claim_always = 1 },
	/* Google's own access tokens are opaque, and its other tokens are ID tokens: ID-JAGs alone. */
	{ .name = "google", .issuer = "https://accounts.google.com", .alias = "accounts.google.com", .kinds = EMA_ID_JAG,
	  .subject = { "/sub" }, .must_require = { "/hd" },
	  .must_hint = "anybody may have a Google account: write require = ( { claim = \"/hd\"; equals = \"acme.example\"; } )" },
	{ .name = "auth0", .issuer_begins = "https://", .issuer_hint = "https://TENANT.auth0.com/ (with the slash)", .kinds = OIDC_BOTH,
	  .types = { "jwt", "at+jwt" }, .id_marks = { "/nonce", "/at_hash", "/c_hash" }, .subject = { "/sub" }, .client_claim = "/azp",
	  .scope_claim = "/scope", .workload_claim = "/gty", .workload_begins = "client-credentials", .workload_ends = "@clients" },
	/* PingOne: typ at+jwt was optional before March 2027. */
	{ .name = "ping", .issuer_hint = "https://auth.pingone.com/ENVIRONMENT/as", .kinds = OIDC_BOTH, .types = { "at+jwt", "jwt", "" },
	  .id_marks = { "/nonce", "/at_hash", "/c_hash" }, .subject = { "/sub" }, .client_claim = "/client_id", .scope_claim = "/scope" },
	/* No aud in its access tokens: the client stands in. */
	{ .name = "cognito", .issuer_begins = "https://cognito-idp.", .issuer_hint = "https://cognito-idp.REGION.amazonaws.com/POOL",
	  .kinds = EMA_ACCESS_TOKEN, .types = { "", "jwt", "at+jwt" }, .kind_claim = "/token_use", .kind_value = "access",
	  .subject = { "/sub" }, .audience_claim = "/client_id", .client_claim = "/client_id", .scope_claim = "/scope",
	  .groups = { "/cognito:groups" } },
	/* Its access tokens have the form of ID tokens. azp, which a cross-client request puts there, and c_hash tell most apart. */
	{ .name = "dex", .kinds = OIDC_BOTH, .types = { "", "jwt" }, .id_marks = { "/c_hash" }, .subject = { "/sub" },
	  .client_claim = "/azp", .scope_claim = "/scope", .groups = { "/groups" } },
	/* No person stands behind a run of a workflow, and everybody on GitHub can ask for a token with our audience. */
	{ .name = "github_actions", .issuer = "https://token.actions.githubusercontent.com", .kinds = EMA_ACCESS_TOKEN, .types = { "jwt" },
	  .subject = { "/repository_owner_id", "/repository_id", "/job_workflow_ref" }, .client_claim = "/repository_id",
	  .scope_claim = "/scope", .workload = 1, .must_require = { "/repository_owner_id", "/repository_id", "/enterprise_id" },
	  .must_hint = "everybody on GitHub can get such a token: write require = ( { claim = \"/repository_owner_id\"; equals = \"12345\"; } )" },
	{ .name = "claude", .issuer_begins = "https://identity.anthropic.com/issuers/",
	  .issuer_hint = "https://identity.anthropic.com/issuers/ID, with the id of your organisation's issuer", .kinds = EMA_ID_JAG,
	  .subject = { "/sub" } },
	/* sub is a login name, which may change hands; uid is who it is. Groups are cut at 100 in silence: mapped on demand only. */
	{ .name = "okta_custom", .issuer_begins = "https://", .issuer_hint = "https://ORG.okta.com/oauth2/ID", .kinds = EMA_ACCESS_TOKEN,
	  .types = { "", "at+jwt", "jwt" }, .id_marks = { "/nonce", "/at_hash" }, .subject = { "/uid" }, .client_claim = "/cid",
	  .scope_claim = "/scp" },
};

const char oidc_preset_names[] =
	"the presets are keycloak, google, auth0, ping, cognito, dex, github_actions, claude, okta_custom, and generic for none";

const struct oidc_preset *oidc_preset(const char *name)
{
	for (size_t i = 0; i < sizeof presets / sizeof *presets; i++)
		if (strcmp(presets[i].name, name) == 0)
			return &presets[i];
	return NULL;
}
