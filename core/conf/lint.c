/* What is well-formed and still wrong, or probably not what was meant: as far as it can be seen without plugins. */
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "ema/plugin.h"
#include "resource.h"
#include "schema.h"

#define LINT_STACKS_DEEP 8
/* Stacks that name stacks many times over could be walked for ever: after so many rules the answer is taken to be yes. */
#define LINT_RULES_MOST 100000

static const struct conf_stack *lint_stack(const struct conf *conf, const struct conf_rule *rule)
{
	for (size_t i = 0; rule->is_stack && i < conf->stack_count; i++)
		if (conf->stacks[i].id && !strcmp(conf->stacks[i].id, rule->target))
			return &conf->stacks[i];
	return NULL;
}

static int counts(const struct conf_rule *rule)
{
	return rule->control.action[EMA_OK] == ACTION_OK || rule->control.action[EMA_OK] == ACTION_DONE;
}

/*
 * Stacks are walked by marks, so that the work is bounded by their number: 0 not seen, 1 being walked, else 2 + its depth
 * (how many stacks lie under it, itself not counted).
 */
static int stack_depth(struct reader *reader, const struct conf_rules *rules, int *marks)
{
	const struct conf *conf = reader->conf;
	int deepest = 0;
	for (size_t i = 0; i < rules->count; i++) {
		const struct conf_stack *stack = lint_stack(conf, &rules->list[i]);
		if (!stack)
			continue;
		int *mark = &marks[stack - conf->stacks];
		if (*mark == 1) {
			finding_node(reader->findings, "E-LOOP", rules->list[i].node, "the stack \"%s\" comes back to itself here", stack->id);
			return -1;
		}
		if (!*mark) {
			*mark = 1;
			int below = stack_depth(reader, &stack->rules, marks);
			*mark = below < 0 ? 2 : 2 + below;
			if (below < 0)
				return -1;
		}
		if (*mark - 1 > deepest)
			deepest = *mark - 1;
		if (deepest > LINT_STACKS_DEEP) {
			finding_node(reader->findings, "E-LOOP", rules->list[i].node, "stacks are nested deeper than %d", LINT_STACKS_DEEP);
			return -1;
		}
	}
	return deepest;
}

static int can_grant(const struct conf *conf, const struct conf_rules *rules, int depth, int *left)
{
	/* An empty list has its own finding. */
	if (!rules->count || depth > LINT_STACKS_DEEP || *left < 0)
		return 1;
	for (size_t i = 0; i < rules->count; i++) {
		const struct conf_stack *stack = lint_stack(conf, &rules->list[i]);
		if (--*left < 0 || (counts(&rules->list[i]) && (!rules->list[i].is_stack || (stack && can_grant(conf, &stack->rules, depth + 1, left)))))
			return 1;
	}
	return 0;
}

static int has_provider(const struct conf *conf, const struct conf_rules *rules, const char *provider, int depth, int *left)
{
	for (size_t i = 0; depth <= LINT_STACKS_DEEP && i < rules->count; i++) {
		const struct conf_stack *stack = lint_stack(conf, &rules->list[i]);
		if (--*left < 0 || (rules->list[i].is_stack ? stack && has_provider(conf, &stack->rules, provider, depth + 1, left) :
							      !strcmp(rules->list[i].target, provider)))
			return 1;
	}
	return 0;
}

const struct conf_audience *conf_audience_of(const struct conf_service *service, const char *provider)
{
	for (size_t i = 0; i < service->audience_count; i++)
		if (!strcmp(service->audiences[i].provider, provider))
			return &service->audiences[i];
	return NULL;
}

int conf_has_provider(const struct conf *conf, const struct conf_service *service, const char *provider)
{
	int left = LINT_RULES_MOST;
	return has_provider(conf, &service->identity, provider, 0, &left);
}

/* Every code ends the list: what stands behind is never asked. */
static int always_ends(const struct conf_rule *rule)
{
	for (int i = 0; i < EMA_CODES; i++)
		if (rule->control.action[i] != ACTION_DONE && rule->control.action[i] != ACTION_DIE)
			return 0;
	return 1;
}

static int must_pass(const struct conf_rule *rule)
{
	const unsigned char *action = rule->control.action;
	return action[EMA_OK] == ACTION_OK && action[EMA_NOT_MINE] != ACTION_IGNORE && action[EMA_DENIED] != ACTION_IGNORE;
}

/* Can a rule, or a guard of the service, be about subjects of the provider? service is NULL for a stack's. */
static int concerns(const struct conf *conf, const struct conf_service *service, const struct conf_rule *rule, int guards, const char *provider)
{
	const struct conf_stack *stack = lint_stack(conf, rule);
	int left = LINT_RULES_MOST;
	if (guards)
		return conf_has_provider(conf, service, provider);
	return stack ? has_provider(conf, &stack->rules, provider, 1, &left) : !rule->is_stack && !strcmp(rule->target, provider);
}

/*
 * A "when" for nobody. An identity rule then lets nobody in; but a guard that is asked about nobody refuses nobody. Addresses of a domain
 * count from its authority alone.
 */
static void lint_when(struct reader *reader, const struct conf_service *service, const struct conf_rule *rule, int guards)
{
	const struct conf *conf = reader->conf;
	const struct conf_when *when = rule->when;
	const char *lost = NULL;
	size_t has = 0;
	if (!when)
		return;
	clients_check(reader, guards ? "E-UNKNOWN" : "W-UNUSED", service, conf_child(when->node, "client"), &when->clients);
	for (size_t i = 0; i < when->email_domains.count; i++) {
		size_t k = 0;
		while (k < conf->provider_count && !(conf->providers[k].instance.id && conf_has_string(&conf->providers[k].authority, when->email_domains.list[i]) &&
		                                     concerns(conf, service, rule, guards, conf->providers[k].instance.id)))
			k++;
		has += k < conf->provider_count;
		if (k == conf->provider_count && !lost)
			lost = when->email_domains.list[i];
	}
	if (lost)
		finding_node(reader->findings, guards && !has && rule->control.action[EMA_DENIED] != ACTION_IGNORE ? "E-NO-SOURCE" : "W-NO-SOURCE",
			     conf_child(when->node, "email_domain"), "no provider that this is for has the authority for \"%s\", so that no address there counts%s: "
			     "name the domain in authority = [ ... ] of the provider whose subjects are meant", lost,
			     has ? "" : guards ? ", and the guard is never asked" : ", and the rule is for nobody");
}

static void lint_rules(struct reader *reader, const struct conf_service *service, const struct conf_rules *rules, int guards)
{
	int may_end = 0, ends = 0;
	for (size_t i = 0; i < rules->count; i++) {
		const struct conf_rule *rule = &rules->list[i];
		const unsigned char *action = rule->control.action;
		lint_when(reader, service, rule, guards);
		if (ends) {
			finding_node(reader->findings, "W-UNREACHED", rule->node, "never asked: whatever the rule of line %d answers, the list ends there", ends);
			break;
		}
		if (may_end && must_pass(rule))
			finding_node(reader->findings, "W-SUFFICIENT-BEFORE-REQUIRED", rule->node,
				     "this rule must pass, but the rule of line %d may end the list before it: put it first", may_end);
		/* What ignores refusals too has an error already. */
		if ((guards || (counts(rule) && action[EMA_DENIED] != ACTION_IGNORE)) &&
		    (action[EMA_UNAVAILABLE] == ACTION_IGNORE || action[EMA_TIMEOUT] == ACTION_IGNORE))
			finding_node(reader->findings, "W-SOFT-FAIL", rule->node, "while \"%s\" does not answer it is passed over", rule->target);
		for (size_t j = 0; j < i && !guards && !rule->is_stack; j++)
			if (!rules->list[j].is_stack && !rules->list[j].when && !strcmp(rules->list[j].target, rule->target)) {
				finding_node(reader->findings, "W-DUPLICATE-ISSUER", rule->node,
					     "\"%s\" is asked at line %d already: give that rule a \"when\", or take one away", rule->target, rules->list[j].node->line);
				break;
			}
		if (!may_end && action[EMA_OK] == ACTION_DONE)
			may_end = rule->node->line;
		if (always_ends(rule))
			ends = rule->node->line;
	}
}

static void lint_insecure(struct reader *reader, const struct conf_node *node)
{
	if (node->name && !strncmp(node->name, "insecure_", 9) && !(node->kind == CONF_BOOL && !node->integer))
		finding_node(reader->findings, "W-INSECURE", node, "%.64s is set: not for production", node->name);
	for (size_t i = 0; i < node->count; i++)
		lint_insecure(reader, &node->children[i]);
}

static void lint_providers(struct reader *reader)
{
	const struct conf *conf = reader->conf;
	for (size_t i = 0; i < conf->provider_count; i++) {
		const struct conf_provider *provider = &conf->providers[i];
		const struct conf_node *node = provider->instance.node;
		if (provider->replay == REPLAY_SAME_CLIENT)
			finding_node(reader->findings, "W-REPLAY", conf_child(node, "replay"),
				     "same-client-reuse is outside of the Enterprise-Managed Authorization profile (7.4.2), which wants single-use");
		else if (conf_child(node, "replay_uses"))
			finding_node(reader->findings, "E-VALUE", conf_child(node, "replay_uses"), "replay_uses is for replay = \"same-client-reuse\" alone");
		if (provider->longest > 600)
			finding_node(reader->findings, "W-LIFETIME", conf_child(node, "max_lifetime"), "ID-JAGs are short-lived: 300 s is usual, over 600 s is not");
		if ((provider->jwks_url != NULL) + (provider->jwks_file != NULL) + (provider->jwks != NULL) > 1)
			finding_node(reader->findings, "E-VALUE", node, "jwks_url, jwks_file and jwks: write one of them");
		if (provider->read_only_ms > provider->stale_ms)
			finding_node(reader->findings, "E-VALUE", conf_child(node, "read_only_after"), "read_only_after is longer than stale_keys: it would never come");
		for (size_t a = 0; a < provider->authority.count; a++)
			for (size_t j = 0; j < i; j++)
				for (size_t b = 0; b < conf->providers[j].authority.count; b++)
					if (!strcmp(provider->authority.list[a], conf->providers[j].authority.list[b]))
						finding_node(reader->findings, "E-AUTHORITY", conf_child(node, "authority"),
							     "\"%s\" has an authority already: provider \"%s\" at line %d. A domain has one",
							     provider->authority.list[a], conf->providers[j].instance.id ? conf->providers[j].instance.id : "?",
							     conf->providers[j].instance.node->line);
	}
}

/*
 * Do two sinks write to the same place? The settings of a plugin are its own, so that all of them are compared; but in whatever form,
 * two chains in one file hold no more than one twice.
 */
static int same_sink(const struct conf_node *a, const struct conf_node *b)
{
	if (conf_child(a, "path") && conf_same(conf_child(a, "path"), conf_child(b, "path")) && conf_same(conf_child(a, "plugin"), conf_child(b, "plugin")))
		return 1;
	size_t counts[2] = { 0, 0 };
	const struct conf_node *both[2] = { a, b };
	for (int k = 0; k < 2; k++)
		for (size_t i = 0; i < both[k]->count; i++) {
			const struct conf_node *child = &both[k]->children[i];
			if (!strcmp(child->name, "id") || !strcmp(child->name, "on_failure"))
				continue;
			counts[k]++;
			if (!conf_same(child, conf_child(both[!k], child->name)))
				return 0;
		}
	return counts[0] == counts[1];
}

static void lint_sinks(struct reader *reader)
{
	const struct conf *conf = reader->conf;
	for (size_t i = 0; i < conf->sink_count; i++)
		for (size_t j = 0; j < i; j++)
			if (same_sink(conf->sinks[j].instance.node, conf->sinks[i].instance.node)) {
				finding_node(reader->findings, "E-DUPLICATE", conf->sinks[i].instance.node,
				             "the audit sink of line %d writes to the same place: each record would be there twice, and its chain would not hold",
				             conf->sinks[j].instance.node->line);
				break;
			}
	if (!conf->sink_count)
		finding_add(reader->findings, "W-NO-AUDIT", conf->path, 1, "there is no audit sink: nothing that is decided is written down");
}

static void lint_audiences(struct reader *reader, const struct conf_service *a, const struct conf_service *b)
{
	for (size_t i = 0; i < a->audience_count; i++)
		for (size_t j = 0; j < b->audience_count; j++) {
			const struct conf_audience *x = &a->audiences[i], *y = &b->audiences[j];
			if (!x->provider || !y->provider || strcmp(x->provider, y->provider))
				continue;
			for (size_t k = 0; k < x->is.count; k++)
				for (size_t l = 0; l < y->is.count; l++)
					if (!strcmp(x->is.list[k], y->is.list[l]) && !(a->insecure_shared_audience && b->insecure_shared_audience))
						finding_node(reader->findings, "E-SHARED-AUDIENCE", y->node,
							     "the service of line %d takes access tokens of this audience too: a token for one opens the other", a->node->line);
		}
}

static int gives_id_jags(const struct conf_provider *provider)
{
	return !provider->accepts || provider->accepts & EMA_ID_JAG;
}

/* Does the provider vouch at the service with ID-JAGs? */
static int vouches(const struct conf *conf, const struct conf_service *service, const struct conf_provider *provider)
{
	return provider->instance.id && gives_id_jags(provider) && conf_has_provider(conf, service, provider->instance.id);
}

/* What two services are held against each other by: read once of each, for the pairs are many. */
struct lint_service {
	const char *resource, *issuer; /* as resource_normal() has them, the issuer without slashes at its end; NULL: none */
	uint64_t *vouchers;            /* a bit for each provider that vouches there with ID-JAGs */
};

static const char *lint_normal(struct reader *reader, const char *url, int page)
{
	char *text = url ? arena_bytes(reader->arena, strlen(url) + 1) : NULL;
	if (!text)
		return NULL;
	size_t length = resource_normal(url, text);
	while (page && length && text[length - 1] == '/')
		text[--length] = '\0';
	return text;
}

/* The providers that the service asks, NULL behind them. */
static void lint_asked(const struct conf *conf, const struct conf_service *service, const struct conf_provider **asked, struct lint_service *out)
{
	for (size_t i = 0; i < conf->provider_count; i++) {
		const struct conf_provider *provider = &conf->providers[i];
		if (!provider->instance.id || !conf_has_provider(conf, service, provider->instance.id))
			continue;
		*asked++ = provider;
		if (gives_id_jags(provider))
			out->vouchers[i / 64] |= UINT64_C(1) << i % 64;
	}
	*asked = NULL;
}

/* The first provider that vouches at both; NULL: none. */
static const struct conf_provider *lint_common(const struct conf *conf, const struct lint_service *a, const struct lint_service *b)
{
	for (size_t w = 0; w <= conf->provider_count / 64; w++)
		if (a->vouchers[w] & b->vouchers[w])
			return &conf->providers[w * 64 + (size_t)__builtin_ctzll(a->vouchers[w] & b->vouchers[w])];
	return NULL;
}

/* A former issuer of a's, not ended, that b has, too, or had; NULL: none. */
static const char *former_has(const struct conf_service *a, const struct conf_service *b, int64_t now)
{
	for (size_t i = 0; i < a->former_issuers.count; i++) {
		if (a->former_until[i] <= now)
			continue;
		if (b->issuer && !strcmp(a->former_issuers.list[i], b->issuer))
			return b->issuer;
		for (size_t k = 0; k < b->former_issuers.count; k++)
			if (b->former_until[k] > now && !strcmp(a->former_issuers.list[i], b->former_issuers.list[k]))
				return b->former_issuers.list[k];
	}
	return NULL;
}

/* Who had an issuer is asked under it until that ends. */
static void lint_formers(struct reader *reader, const struct lint_service *all, size_t i, size_t j, int64_t now)
{
	const struct conf *conf = reader->conf;
	const struct conf_service *a = &conf->services[i], *b = &conf->services[j];
	if (!a->former_issuers.count && !b->former_issuers.count)
		return;
	const char *issuer = former_has(a, b, now);
	if (!issuer)
		issuer = former_has(b, a, now);
	const struct conf_provider *provider = issuer ? lint_common(conf, &all[i], &all[j]) : NULL;
	if (provider)
		finding_node(reader->findings, "W-SHARED-ISSUER-NO-RESOURCE", b->node,
			     "it shares the issuer %.512s, which one of the two keeps by former_issuers, with the service of line %d: if ID-JAGs of \"%s\" name no "
			     "resource (Okta's do not), the client chooses among the two. Let it end as soon as clients have moved", issuer, a->node->line, provider->instance.id);
}

static void lint_pair(struct reader *reader, const struct lint_service *all, size_t i, size_t j, int64_t now)
{
	const struct conf *conf = reader->conf;
	const struct conf_service *a = &conf->services[i], *b = &conf->services[j];
	const struct lint_service *one = &all[i], *other = &all[j];
	if (one->resource && other->resource && !strcmp(one->resource, other->resource))
		finding_node(reader->findings, "E-DUPLICATE", b->node, "the service of line %d has the same resource", a->node->line);
	lint_audiences(reader, a, b);
	if (!one->issuer || !other->issuer || strcmp(one->issuer, other->issuer)) {
		lint_formers(reader, all, i, j, now);
		return;
	}
	if (strcmp(a->issuer, b->issuer)) {
		finding_node(reader->findings, "E-ISSUER", conf_child(b->node, "issuer") ? conf_child(b->node, "issuer") : b->node,
			     "its issuer is that of the service of line %d, %.512s, in another spelling: they have one page for metadata, and it can name "
			     "but one of them. Write the same, byte for byte, at both", a->node->line, a->issuer);
		return;
	}
	const struct conf_provider *provider = lint_common(conf, one, other);
	if (provider)
		finding_node(reader->findings, "W-SHARED-ISSUER-NO-RESOURCE", b->node,
			     "it shares its issuer with the service of line %d: if ID-JAGs of \"%s\" name no resource (Okta's do not), the client chooses "
			     "among the two, and the provider's quota is one. Give it an issuer of its own", a->node->line, provider->instance.id);
}

/* ---- Access tokens of ours ---- */

#define LIFETIME_USUAL 3600 /* REV-78: nothing tells us that somebody was locked out upstream before the token ends */
#define MONTH_DAYS 22       /* of work, each */
#define DAY_SECONDS (8 * 3600)

static void lint_lifetime(struct reader *reader, const struct conf_node *node, const char *key, int64_t lifetime)
{
	if (lifetime > LIFETIME_USUAL)
		finding_node(reader->findings, "W-TOKEN-LIFETIME", conf_child(node, key),
			     "%s: whom the identity provider locks out is let in here until the token ends, over 1h later, unless you revoke it", key);
}

static void lint_token(struct reader *reader)
{
	const struct conf *conf = reader->conf;
	const struct conf_node *node = conf_child(conf->root, "token");
	lint_lifetime(reader, node, "lifetime", conf->token.lifetime);
	for (size_t i = 0; i < conf->service_count; i++)
		lint_lifetime(reader, conf->services[i].node, "token_lifetime", conf->services[i].token_lifetime);
	if (conf->token.publish_before_ms >= conf->token.rotate_after_ms)
		finding_node(reader->findings, "E-VALUE", conf_child(node, "publish_before") ? conf_child(node, "publish_before") : node,
			     "publish_before must be shorter than rotate_after");
}

static int64_t tokens_a_month(const struct conf *conf, const struct conf_service *service)
{
	int64_t lifetime = conf_token_lifetime(conf, service, NULL);
	return lifetime > 0 ? (DAY_SECONDS + lifetime - 1) / lifetime * MONTH_DAYS : 0;
}

/* JAG-120: each token costs one ID-JAG, and the provider counts them by person and issuer of ours, which it takes for an app. */
static void lint_quota(struct reader *reader, const struct conf_provider *provider)
{
	const struct conf *conf = reader->conf;
	const char *id = provider->instance.id;
	if (!id || !provider->monthly_quota || !gives_id_jags(provider))
		return;
	for (size_t i = 0; i < conf->service_count; i++) {
		const struct conf_service *first = &conf->services[i];
		int64_t need = 0, most = 0;
		size_t sharing = 0, earlier = 0;
		for (size_t j = 0; first->issuer && j < conf->service_count; j++) {
			const struct conf_service *service = &conf->services[j];
			if (!service->issuer || strcmp(service->issuer, first->issuer) || !conf_has_provider(conf, service, id))
				continue;
			int64_t one = tokens_a_month(conf, service);
			sharing++;
			earlier += j < i;
			need += one;
			most = one > most ? one : most;
		}
		if (!sharing || earlier || !conf_has_provider(conf, first, id))
			continue;
		finding_node(reader->findings, need > provider->monthly_quota ? "W-QUOTA" : "N-QUOTA", conf_child(provider->instance.node, "monthly_quota"),
			     "provider \"%s\", issuer %s: a person at work for 8 h on 22 days needs up to %lld ID-JAGs a month for a service, %lld for the %zu "
			     "service%s with this issuer; the provider gives %lld%s",
			     id, first->issuer, (long long)most, (long long)need, sharing, sharing == 1 ? "" : "s", (long long)provider->monthly_quota,
			     need <= provider->monthly_quota ? "" : sharing > 1 ? ": give services issuers of their own, or tokens a longer lifetime" :
									      ": give tokens a longer lifetime");
	}
}

/* How many users the token endpoint lets in, where each opens every service that takes ID-JAGs. */
void conf_lint_rates(const struct conf *conf, struct findings *findings)
{
	const struct conf_node *node = conf_child(conf->root, "rates");
	const int64_t address = conf->rates.address, subject = conf->rates.subject;
	int64_t services = 0, hourly = 0;
	char together[160] = "any number of users behind one address", alone[80] = "any number of redemptions";
	for (size_t i = 0; i < conf->service_count; i++) {
		int64_t lifetime = conf_token_lifetime(conf, &conf->services[i], NULL);
		int takes = 0;
		for (size_t j = 0; j < conf->provider_count && !takes; j++)
			takes = vouches(conf, &conf->services[i], &conf->providers[j]);
		if (!takes || lifetime <= 0)
			continue;
		services++;
		hourly += (3600 + lifetime - 1) / lifetime;
	}
	if (!services)
		return;
	const char *low = address && address < services ? "address" : subject && subject < services ? "subject" : NULL;
	if (address)
		snprintf(together, sizeof together, "address = %lld lets %lld users behind one address start in the same minute, %lld work there", (long long)address,
		         (long long)(address / services), (long long)(address * 60 / hourly));
	if (subject)
		snprintf(alone, sizeof alone, "subject = %lld redemptions a minute", (long long)subject);
	finding_add(findings, low ? "W-RATES" : "N-RATES", node ? node->file : conf->path, node ? node->line : 1,
	            "rates: for %lld service%s a user needs %lld token%s to start and up to %lld an hour; %s; a user with one client has %s%s%s",
	            (long long)services, services == 1 ? "" : "s", (long long)services, services == 1 ? "" : "s", (long long)hourly, together, alone,
	            low ? ": one who opens all services at once is held up, raise " : "", low ? low : "");
}

void lint_run(struct reader *reader)
{
	const struct conf *conf = reader->conf;
	int *marks = arena_get(reader->arena, conf->stack_count + 1, sizeof *marks), loops = 0;
	const struct conf_provider **asked = arena_get(reader->arena, conf->provider_count + 1, sizeof *asked);
	struct lint_service *all = arena_get(reader->arena, conf->service_count + 1, sizeof *all);
	const int64_t now = clock_wall(&clock_system) / 1000;
	uint64_t *vouchers = arena_get(reader->arena, conf->service_count + 1, (conf->provider_count / 64 + 1) * sizeof *vouchers);
	for (size_t i = 0; marks && i < conf->stack_count && !loops; i++) {
		if (!marks[i]) {
			marks[i] = 1;
			int below = stack_depth(reader, &conf->stacks[i].rules, marks);
			marks[i] = below < 0 ? 2 : 2 + below;
			loops = below < 0;
		}
	}
	for (size_t i = 0; i < conf->stack_count; i++) {
		lint_rules(reader, NULL, &conf->stacks[i].rules, 0);
		int left = LINT_RULES_MOST;
		if (!loops && !can_grant(conf, &conf->stacks[i].rules, 0, &left))
			finding_node(reader->findings, "E-NO-GRANTER", conf->stacks[i].node, "no rule of the stack can ever vouch: make one required, requisite or sufficient");
	}
	for (size_t i = 0; i < conf->service_count; i++) {
		const struct conf_service *service = &conf->services[i];
		if (marks && !loops)
			loops = stack_depth(reader, &service->identity, marks) < 0;
		lint_rules(reader, service, &service->identity, 0);
		lint_rules(reader, service, &service->guards, 1);
		int left = LINT_RULES_MOST;
		if (!loops && !can_grant(conf, &service->identity, 0, &left))
			finding_node(reader->findings, "E-NO-GRANTER", service->identity.node, "no rule can ever vouch: make one required, requisite or sufficient");
		policy_lint(reader, service);
		if (!asked || !all || !vouchers)
			continue;
		all[i] = (struct lint_service){ lint_normal(reader, service->resource, 0), lint_normal(reader, service->issuer, 1),
		                                &vouchers[i * (conf->provider_count / 64 + 1)] };
		lint_asked(conf, service, asked, &all[i]);
		supply_lint(reader, service, asked);
		for (size_t j = 0; j < i; j++)
			lint_pair(reader, all, j, i, now);
	}
	lint_providers(reader);
	lint_token(reader);
	for (size_t i = 0; i < conf->provider_count; i++)
		lint_quota(reader, &conf->providers[i]);
	lint_insecure(reader, conf->root);
	lint_sinks(reader);
}
