// emad as two client libraries for OAuth find it: oauth4webapi, and openid-client, which most programs take.
import assert from 'node:assert/strict'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { grant, issuer, jag, privateKey, resource, secret, test } from './desk.mjs'

const plain = { [oauth.allowInsecureRequests]: true }
const url = new URL(issuer)
const gateway = { client_id: 'gateway' }
let as

async function redeem(client, authentication, options = {}, order = {}) {
	const answer = await oauth.genericTokenEndpointRequest(as, { client_id: client }, authentication, grant,
		{ assertion: await jag(client, order), scope: 'files:read' }, { ...plain, ...options })
	return await oauth.processGenericTokenEndpointResponse(as, { client_id: client }, answer)
}
async function introspect(token) {
	const answer = await oauth.introspectionRequest(as, gateway, oauth.ClientSecretBasic(secret), token, plain)
	return await oauth.processIntrospectionResponse(as, gateway, answer)
}
const bearer = (token, scheme = 'Bearer', headers = {}) => new Request(resource, { headers: { authorization: `${scheme} ${token}`, ...headers } })

test('oauth4webapi: metadata of RFC 8414', async () => {
	as = await oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, { ...plain, algorithm: 'oauth2' }))
	assert.ok(as.grant_types_supported.includes(grant))
	assert.ok(as.authorization_grant_profiles_supported.includes('urn:ietf:params:oauth:grant-profile:id-jag'))
	assert.equal(as.authorization_endpoint, undefined)
})
test('oauth4webapi: the same where OpenID Connect has it', async () => {
	assert.deepEqual(await oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, { ...plain, algorithm: 'oidc' })), as)
})
test('oauth4webapi: metadata of the resource', async () => {
	const found = await oauth.resourceDiscoveryRequest(new URL(resource.replace(new URL(resource).origin, issuer)), plain)
	const document = await found.json()
	assert.equal(document.resource, resource)
	assert.deepEqual(document.authorization_servers, [issuer])
})

for (const [name, client, authentication] of [
	['client_secret_basic', 'desktop', () => oauth.ClientSecretBasic(secret)],
	['client_secret_post', 'form', () => oauth.ClientSecretPost(secret)],
	['private_key_jwt', 'signed', async () => oauth.PrivateKeyJwt(await privateKey('signed'))],
])
	test(`oauth4webapi: ${name}`, async () => {
		const token = await redeem(client, await authentication())
		assert.equal(token.token_type, 'bearer')
		assert.equal(token.scope, 'files:read')
		const claims = await oauth.validateJwtAccessToken(as, bearer(token.access_token), resource, plain)
		assert.equal(claims.client_id, client)
		assert.equal(claims.scope, 'files:read')
	})

// JAG-16
test('oauth4webapi: a client assertion for the token endpoint instead of the issuer is refused, and why is said', async () => {
	const old = oauth.PrivateKeyJwt(await privateKey('signed'), { [oauth.modifyAssertion]: (header, payload) => { payload.aud = as.token_endpoint } })
	await assert.rejects(redeem('signed', old), (error) => error.error === 'invalid_client' && error.status === 401)
})
test('oauth4webapi: a wrong secret: the challenge, and the JSON beside it', async () => {
	await assert.rejects(redeem('desktop', oauth.ClientSecretBasic('wrong')), (error) => {
		assert.ok(error instanceof oauth.WWWAuthenticateChallengeError)
		assert.equal(error.cause[0].scheme, 'basic')
		return error.status === 401
	})
	const raw = await oauth.genericTokenEndpointRequest(as, { client_id: 'desktop' }, oauth.ClientSecretBasic('wrong'), grant,
		{ assertion: await jag('desktop') }, plain)
	assert.equal((await raw.json()).error, 'invalid_client')
})
test('oauth4webapi: what is wrong with an assertion', async () => {
	for (const bad of ['expired', 'audience', 'signature', 'client', 'typ'])
		await assert.rejects(redeem('desktop', oauth.ClientSecretBasic(secret), {}, { bad }),
			(error) => error instanceof oauth.ResponseBodyError && error.error === 'invalid_grant' && error.status === 400, bad)
})

test('oauth4webapi: introspection, revocation', async () => {
	const { access_token: token } = await redeem('desktop', oauth.ClientSecretBasic(secret))
	const { access_token: other } = await redeem('desktop', oauth.ClientSecretBasic(secret))
	const active = await introspect(token)
	assert.equal(active.active, true)
	for (const [name, value] of [['iss', issuer], ['aud', resource], ['client_id', 'desktop'], ['scope', 'files:read']])
		assert.equal(active[name], value)
	assert.ok(active.sub && active.jti && active.exp > active.iat)
	const client = { client_id: 'desktop' }
	await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, oauth.ClientSecretBasic(secret), token, plain))
	assert.deepEqual(await introspect(token), { active: false })
	assert.equal((await introspect(other)).active, true)
	// Of somebody else: RFC 7009 2.1 has it refused.
	const alien = await oauth.revocationRequest(as, { client_id: 'form' }, oauth.ClientSecretPost(secret), other, plain)
	await oauth.processRevocationResponse(alien).catch(() => {})
	assert.equal((await introspect(other)).active, true)
})
test('oauth4webapi: introspection that is signed', async () => {
	const { access_token: token } = await redeem('desktop', oauth.ClientSecretBasic(secret))
	for (const [asked, active] of [[token, true], ['nothing', false]]) {
		const answer = await oauth.introspectionRequest(as, gateway, oauth.ClientSecretBasic(secret), asked, { ...plain, requestJwtResponse: true })
		assert.equal(answer.headers.get('content-type'), 'application/token-introspection+jwt')
		assert.equal((await oauth.processIntrospectionResponse(as, gateway, answer)).active, active)
		await oauth.validateApplicationLevelSignature(as, answer, plain)
	}
})
test('oauth4webapi: a caller with private_key_jwt', async () => {
	const { access_token: token } = await redeem('desktop', oauth.ClientSecretBasic(secret))
	const answer = await oauth.introspectionRequest(as, { client_id: 'proxy' }, oauth.PrivateKeyJwt(await privateKey('signed')), token, plain)
	assert.equal((await oauth.processIntrospectionResponse(as, { client_id: 'proxy' }, answer)).active, true)
})

for (const algorithm of ['ES256', 'PS256', 'Ed25519'])
	test(`oauth4webapi: DPoP with ${algorithm}`, async () => {
		const handle = oauth.DPoP({}, await oauth.generateKeyPair(algorithm))
		const attempt = () => redeem('desktop', oauth.ClientSecretBasic(secret), { DPoP: handle })
		const token = await attempt().catch((error) => { if (oauth.isDPoPNonceError(error)) return attempt(); throw error })
		assert.equal(token.token_type, 'dpop')
		const active = await introspect(token.access_token)
		assert.equal(active.token_type, 'DPoP')
		assert.equal(active.cnf.jkt, await handle.calculateThumbprint())
		// The resource server's half: what the library sends is what the library takes, with our cnf in between.
		let sent
		await oauth.protectedResourceRequest(token.access_token, 'GET', new URL(resource), new Headers(), null, { ...plain, DPoP: handle,
			[oauth.customFetch]: async (at, options) => { sent = new Request(at, options); return new Response('{}') } })
		const claims = await oauth.validateJwtAccessToken(as, sent, resource, plain)
		assert.equal(claims.cnf.jkt, active.cnf.jkt)
		await assert.rejects(oauth.validateJwtAccessToken(as, bearer(token.access_token), resource, plain))
	})

for (const [name, client, authentication] of [
	['client_secret_basic', 'desktop', () => openid.ClientSecretBasic(secret)],
	['client_secret_post', 'form', () => openid.ClientSecretPost(secret)],
	['private_key_jwt', 'signed', async () => openid.PrivateKeyJwt(await privateKey('signed'))],
])
	for (const algorithm of ['oauth2', 'oidc'])
		test(`openid-client: ${name}, discovery as ${algorithm}, revocation`, async () => {
			const options = { algorithm, execute: [openid.allowInsecureRequests] }
			const config = await openid.discovery(url, client, undefined, await authentication(), options)
			const token = await openid.genericGrantRequest(config, grant, { assertion: await jag(client), scope: 'files:read', resource })
			assert.equal(token.scope, 'files:read')
			assert.ok(token.expiresIn() > 0)
			const asking = await openid.discovery(url, 'gateway', undefined, openid.ClientSecretBasic(secret), options)
			assert.equal((await openid.tokenIntrospection(asking, token.access_token)).active, true)
			await openid.tokenRevocation(config, token.access_token, { token_type_hint: 'access_token' })
			assert.equal((await openid.tokenIntrospection(asking, token.access_token)).active, false)
		})
test('openid-client: DPoP', async () => {
	const config = await openid.discovery(url, 'desktop', undefined, openid.ClientSecretBasic(secret), { execute: [openid.allowInsecureRequests] })
	const handle = openid.getDPoPHandle(config, await openid.randomDPoPKeyPair())
	const token = await openid.genericGrantRequest(config, grant, { assertion: await jag('desktop'), scope: 'files:read' }, { DPoP: handle })
	assert.equal(token.token_type, 'dpop')
	assert.equal((await introspect(token.access_token)).cnf.jkt, await handle.calculateThumbprint())
})
test('openid-client: an assertion once more', async () => {
	const config = await openid.discovery(url, 'desktop', undefined, openid.ClientSecretBasic(secret), { execute: [openid.allowInsecureRequests] })
	const assertion = await jag('desktop')
	await openid.genericGrantRequest(config, grant, { assertion, scope: 'files:read' })
	await assert.rejects(openid.genericGrantRequest(config, grant, { assertion, scope: 'files:read' }), (error) => error.error === 'invalid_grant')
})
