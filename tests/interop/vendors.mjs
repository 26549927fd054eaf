// Okta and Entra as the package emulate has them. They issue ID tokens and access tokens, but no ID-JAG: nothing of theirs may
// become a token of emad, though their keys, issuers and subjects are trusted there. With "serve" they run until they are ended.
import assert from 'node:assert/strict'
import { createEmulator } from 'emulate'

const { EMA_OKTA: okta, EMA_ENTRA: entra, EMA_TENANT: tenant, EMA_REDIRECT: redirect } = process.env

if (process.argv[2] === 'serve') {
	// Its own tenant is the one of private accounts, which azure_ad does not take.
	const seed = { okta: { users: [{ login: 'alice@acme.example', email: 'alice@acme.example', first_name: 'Alice', last_name: 'Archer' }],
		authorization_servers: [{ id: 'default', name: 'default', audiences: ['api://default'] }],
		oauth_clients: [{ client_id: 'desktop', client_secret: 'of-the-idp', name: 'Desktop', redirect_uris: [redirect], auth_server_id: 'default' }] },
		microsoft: { users: [{ email: 'alice@acme.example', name: 'Alice Archer', tenant_id: tenant }] } }
	for (const [service, url] of [['okta', okta], ['microsoft', entra]])
		await createEmulator({ service, port: Number(new URL(url).port), baseUrl: url, seed })
} else {
	const { grant, issuer, secret, test } = await import('./desk.mjs')

	// From the page that asks who one is, as alice, to what she gets.
	async function tokens(at) {
		const metadata = await (await fetch(at)).json()
		const form = { client_id: 'desktop', redirect_uri: redirect, response_type: 'code', scope: 'openid profile email', nonce: 'n' }
		const page = await (await fetch(`${metadata.authorization_endpoint}?${new URLSearchParams(form)}`)).text()
		const alice = page.split('</form>').find((part) => part.includes('alice@acme.example'))
		assert.ok(alice, page)
		const fields = [...alice.matchAll(/name="([^"]+)" value="([^"]*)"/g)].map(([, name, value]) => [name, value])
		const action = new URL(/<form[^>]*action="([^"]+)"/.exec(alice)[1], metadata.authorization_endpoint)
		const back = await fetch(action, { method: 'POST', redirect: 'manual', body: new URLSearchParams(fields) })
		const code = new URL(back.headers.get('location')).searchParams.get('code')
		const answer = await fetch(metadata.token_endpoint, { method: 'POST', body: new URLSearchParams({ grant_type: 'authorization_code', code,
			redirect_uri: redirect, client_id: 'desktop', client_secret: 'of-the-idp' }) })
		const got = await answer.json()
		assert.ok(got.id_token && got.access_token, JSON.stringify(got))
		return got
	}
	for (const [name, at] of [
		['Okta, the organisation', `${okta}/.well-known/openid-configuration`],
		['Okta, a server of its own', `${okta}/oauth2/default/.well-known/openid-configuration`],
		['Entra', `${entra}/.well-known/openid-configuration`],
		['Entra, a tenant', `${entra}/${tenant}/v2.0/.well-known/openid-configuration`],
	])
		test(`emulate: ${name}: neither ID token nor access token is an ID-JAG`, async () => {
			const got = await tokens(at)
			for (const kind of ['id_token', 'access_token']) {
				const answer = await fetch(`${issuer}/token`, { method: 'POST', body: new URLSearchParams({ grant_type: grant, assertion: got[kind] }),
					headers: { authorization: `Basic ${Buffer.from(`desktop:${secret}`).toString('base64')}` } })
				assert.equal(answer.status, 400, kind)
				assert.equal((await answer.json()).error, 'invalid_grant', kind)
			}
		})
}
