// From a login at the OpenID provider of idp.mjs to a token of emad: with openid-client, as a program would do it.
import assert from 'node:assert/strict'
import * as openid from 'openid-client'
import { grant, issuer, resource, secret, test } from './desk.mjs'

const { EMA_OP: op, EMA_REDIRECT: redirect } = process.env
const urn = 'urn:ietf:params:oauth:'
const insecure = { execute: [openid.allowInsecureRequests] }
let idp, ours, tokens

const exchanged = (over = {}) => openid.genericGrantRequest(idp, `${urn}grant-type:token-exchange`, {
	subject_token: tokens.id_token, subject_token_type: `${urn}token-type:id_token`, requested_token_type: `${urn}token-type:id-jag`,
	audience: issuer, resource, scope: 'files:read', ...over })
const redeemed = (assertion, over = {}) => openid.genericGrantRequest(ours, grant, { assertion, scope: 'files:read', ...over })
const refused = (error) => error.error === 'invalid_grant' && error.status === 400

test('oidc-provider: login with a code', async () => {
	idp = await openid.discovery(new URL(op), 'desktop', { id_token_signed_response_alg: 'ES256' }, openid.ClientSecretBasic('of-the-idp'), insecure)
	ours = await openid.discovery(new URL(issuer), 'desktop', undefined, openid.ClientSecretBasic(secret), { algorithm: 'oauth2', ...insecure })
	const verifier = openid.randomPKCECodeVerifier()
	let at = openid.buildAuthorizationUrl(idp, { redirect_uri: redirect, scope: 'openid', code_challenge_method: 'S256',
		code_challenge: await openid.calculatePKCECodeChallenge(verifier) })
	const jar = new Map()
	for (let i = 0; i < 8 && !at.href.startsWith(redirect); i++) {
		const answer = await fetch(at, { redirect: 'manual', headers: { cookie: [...jar].map((pair) => pair.join('=')).join('; ') } })
		for (const cookie of answer.headers.getSetCookie()) {
			const [name, ...value] = cookie.split(';')[0].split('=')
			jar.set(name, value.join('='))
		}
		assert.ok(answer.headers.get('location'), `${at.pathname}: ${answer.status} ${await answer.text()}`)
		at = new URL(answer.headers.get('location'), at)
	}
	tokens = await openid.authorizationCodeGrant(idp, at, { pkceCodeVerifier: verifier })
	assert.equal(tokens.claims().sub, 'alice')
})
test('oidc-provider: its ID-JAG becomes a token, once', async () => {
	const jag = await exchanged()
	assert.equal(jag.issued_token_type, `${urn}token-type:id-jag`)
	const token = await redeemed(jag.access_token)
	assert.equal(token.scope, 'files:read')
	assert.equal(token.resource, resource)
	await assert.rejects(redeemed(jag.access_token), refused)
})
test('oidc-provider: its ID token and its access token are none', async () => {
	await assert.rejects(redeemed(tokens.id_token), refused)
	await assert.rejects(redeemed(tokens.access_token), refused)
})
test('oidc-provider: one for another resource', async () => {
	const jag = await exchanged({ resource: 'https://elsewhere.example/mcp' })
	await assert.rejects(redeemed(jag.access_token), refused)
})
