// An identity provider of oidc-provider, a certified OpenID provider, with a grant of its own: RFC 8693's exchange of an ID token
// that it issued for an ID-JAG. Who comes to log in is alice. It runs until it is ended.
import http from 'node:http'
import { Provider, errors } from 'oidc-provider'
import * as jose from 'jose'

const [, , port, audience, redirect] = process.argv
const urn = 'urn:ietf:params:oauth:'
const issuer = `http://127.0.0.1:${port}`
const { privateKey, publicKey } = await jose.generateKeyPair('ES256', { extractable: true })
const kid = await jose.calculateJwkThumbprint(await jose.exportJWK(publicKey))
const sign = { ...await jose.exportJWK(privateKey), kid, alg: 'ES256', use: 'sig' }

const provider = new Provider(issuer, {
	jwks: { keys: [sign] },
	clients: [{ client_id: 'desktop', client_secret: 'of-the-idp', redirect_uris: [redirect], id_token_signed_response_alg: 'ES256',
		grant_types: ['authorization_code', `${urn}grant-type:token-exchange`] }],
	cookies: { keys: ['one'] },
	features: { devInteractions: { enabled: false } },
	interactions: { url: (ctx, interaction) => `/login/${interaction.uid}` },
	findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
	async loadExistingGrant(ctx) {
		const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId })
		grant.addOIDCScope('openid')
		await grant.save()
		return grant
	},
})
provider.registerGrantType(`${urn}grant-type:token-exchange`, async (ctx) => {
	const { params, client } = ctx.oidc
	if (params.requested_token_type !== `${urn}token-type:id-jag` || params.subject_token_type !== `${urn}token-type:id_token`)
		throw new errors.InvalidRequest('an ID token for an ID-JAG, and nothing else')
	if (params.audience !== audience)
		throw new errors.InvalidTarget('no such audience')
	const { payload } = await jose.jwtVerify(params.subject_token, publicKey, { issuer, audience: client.clientId })
		.catch(() => { throw new errors.InvalidGrant('subject_token') })
	const scope = params.scope ? { scope: params.scope } : {}
	const resource = params.resource ? { resource: params.resource } : {}
	const assertion = await new jose.SignJWT({ client_id: client.clientId, auth_time: payload.auth_time, ...scope, ...resource })
		.setProtectedHeader({ alg: 'ES256', typ: 'oauth-id-jag+jwt', kid }).setIssuer(issuer).setSubject(payload.sub).setAudience(audience)
		.setJti(crypto.randomUUID()).setIssuedAt().setExpirationTime('300s').sign(privateKey)
	ctx.body = { issued_token_type: `${urn}token-type:id-jag`, access_token: assertion, token_type: 'N_A', expires_in: 300, ...scope }
}, ['subject_token', 'subject_token_type', 'requested_token_type', 'audience', 'resource', 'scope'])

const serve = provider.callback()
http.createServer((request, response) => {
	if (request.url.startsWith('/login/'))
		provider.interactionFinished(request, response, { login: { accountId: 'alice' } }).catch((error) => response.writeHead(500).end(String(error)))
	else
		serve(request, response)
}).listen(Number(port), '127.0.0.1')
