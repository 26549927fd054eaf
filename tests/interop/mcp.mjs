// The client of MCP's own SDK with its provider for EMA, from a server's 401 to its tools: an ID token of devidp becomes an
// ID-JAG there, a token at emad, and the server, which is a stand-in, asks emad about it.
import assert from 'node:assert/strict'
import http from 'node:http'
import { Client, CrossAppAccessProvider, DpopSession, StreamableHTTPClientTransport, discoverAndRequestJwtAuthGrant } from '@modelcontextprotocol/client'
import { Client as FormerClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as FormerTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { grant, idToken, idp, issuer, jag, resource, secret, test } from './desk.mjs'

const basic = `Basic ${Buffer.from(`gateway:${secret}`).toString('base64')}`
const at = new URL(resource)
const below = '/.well-known/oauth-protected-resource/mcp'
const seen = { challenges: 0, tokens: [], asked: [] }
let challenge = 'files:read'

async function introspect(token) {
	const answer = await fetch(`${issuer}/introspect`, { method: 'POST', headers: { authorization: basic }, body: new URLSearchParams({ token }) })
	assert.equal(answer.status, 200)
	return await answer.json()
}
const results = {
	initialize: ({ protocolVersion }) => ({ protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'files', version: '1' } }),
	'tools/list': () => ({ tools: [{ name: 'list_files', inputSchema: { type: 'object' } }] }),
	'tools/call': ({ name }) => ({ content: [{ type: 'text', text: `${name}: none` }] }),
}
const server = http.createServer(async (request, response) => {
	const answer = (status, body, headers = {}) => response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body && JSON.stringify(body))
	let body = ''
	for await (const part of request)
		body += part
	// The metadata are emad's, passed on as a server or the proxy before it does.
	if (request.url === below)
		return answer(200, await (await fetch(issuer + below)).json())
	if (request.url !== at.pathname)
		return answer(404, { error: 'not found' })
	const [scheme, token] = (request.headers.authorization ?? '').split(' ')
	const found = token ? await introspect(token) : { active: false }
	if (!found.active || found.aud !== resource || found.token_type.toLowerCase() !== scheme.toLowerCase()) {
		seen.challenges++
		const scope = challenge ? `, scope="${challenge}"` : ''
		return answer(401, { error: 'invalid_token' }, { 'www-authenticate': `Bearer resource_metadata="${at.origin}${below}"${scope}` })
	}
	seen.tokens.push(found)
	if (request.method !== 'POST')
		return answer(405)
	const call = JSON.parse(body)
	if (call.id === undefined)
		return answer(202)
	seen.asked.push(call.method)
	const result = results[call.method]?.(call.params)
	return answer(200, { jsonrpc: '2.0', id: call.id, ...(result ? { result } : { error: { code: -32601, message: 'no such method' } }) })
})
await new Promise((done) => server.listen(Number(at.port), '127.0.0.1', done))

function provider(over = {}, make = CrossAppAccessProvider) {
	return new make({
		assertion: async (context) => {
			seen.context = context
			const { jwtAuthGrant } = await discoverAndRequestJwtAuthGrant({ idpUrl: idp, audience: context.authorizationServerUrl,
				resource: context.resourceUrl, idToken: await idToken('desktop'), clientId: 'desktop', clientSecret: 'any', scope: context.scope, fetchFn: context.fetchFn })
			return jwtAuthGrant
		},
		clientId: 'desktop', clientSecret: secret, expectedIssuer: issuer, ...over,
	})
}
async function connected(authProvider, use, Kind = Client, Transport = StreamableHTTPClientTransport) {
	Object.assign(seen, { challenges: 0, tokens: [], asked: [], context: undefined })
	const client = new Kind({ name: 'interop', version: '1' })
	await client.connect(new Transport(at, { authProvider }))
	try {
		await use(client)
	} finally {
		await client.close()
	}
}

test('@modelcontextprotocol/client: from 401 to tools/list and tools/call', async () => {
	await connected(provider(), async (client) => {
		assert.deepEqual((await client.listTools()).tools.map((tool) => tool.name), ['list_files'])
		assert.equal((await client.callTool({ name: 'list_files', arguments: {} })).content[0].text, 'list_files: none')
	})
	assert.equal(seen.challenges, 1)
	assert.equal(seen.context.authorizationServerUrl, issuer)
	assert.equal(seen.context.resourceUrl, resource)
	assert.equal(seen.context.scope, 'files:read')
	assert.ok(seen.tokens.every((token) => token.client_id === 'desktop' && token.scope === 'files:read'))
	assert.ok(seen.asked.includes('tools/list'))
})
test('@modelcontextprotocol/client: scopes of the metadata where the challenge names none', async () => {
	challenge = ''
	await connected(provider(), (client) => client.listTools())
	challenge = 'files:read'
	assert.equal(seen.context.scope, 'files:read')
})
test('@modelcontextprotocol/client: a token that was revoked is fetched anew', async () => {
	const authProvider = provider()
	await connected(authProvider, async (client) => {
		await client.listTools()
		const first = authProvider.tokens().access_token
		const gone = await fetch(`${issuer}/revoke`, { method: 'POST', body: new URLSearchParams({ token: first }),
			headers: { authorization: `Basic ${Buffer.from(`desktop:${secret}`).toString('base64')}` } })
		assert.equal(gone.status, 200)
		await client.listTools()
		assert.notEqual(authProvider.tokens().access_token, first)
	})
	// Its stream may have been told so, too.
	assert.ok(seen.challenges >= 2)
})
test('@modelcontextprotocol/client: DPoP', async () => {
	const session = await DpopSession.create()
	class Bound extends CrossAppAccessProvider {
		dpop() { return session }
	}
	await connected(provider({}, Bound), (client) => client.listTools())
	assert.ok(seen.tokens.length && seen.tokens.every((token) => token.token_type === 'DPoP' && token.cnf.jkt))
})
test('@modelcontextprotocol/client: a wrong secret, and the issuer of somebody else, get nowhere', async () => {
	await assert.rejects(connected(provider({ clientSecret: 'wrong' }), (client) => client.listTools()))
	assert.equal(seen.tokens.length, 0)
	await assert.rejects(connected(provider({ expectedIssuer: `${issuer}/other` }), (client) => client.listTools()))
	assert.equal(seen.tokens.length, 0)
})

// The 1.x line has no provider for EMA. Its hook for grants without a person is enough for one.
class FormerProvider {
	constructor(clientSecret = secret) { this.client = { client_id: 'desktop', client_secret: clientSecret } }
	get redirectUrl() { return undefined }
	get clientMetadata() { return { redirect_uris: [], grant_types: [grant], scope: 'files:read' } }
	clientInformation() { return this.client }
	tokens() { return this.kept }
	saveTokens(tokens) { this.kept = tokens }
	saveDiscoveryState(state) { this.found = state }
	async prepareTokenRequest(scope) {
		return new URLSearchParams({ grant_type: grant, scope, assertion: await jag('desktop', { service: this.found.authorizationServerUrl, scope }) })
	}
	redirectToAuthorization() { assert.fail('a person was asked for') }
	saveCodeVerifier() { assert.fail('a code was asked for') }
	codeVerifier() { assert.fail('a code was asked for') }
}
const former = (authProvider, use) => connected(authProvider, use, FormerClient, FormerTransport)

test('@modelcontextprotocol/sdk: from 401 to tools/list and tools/call', async () => {
	const authProvider = new FormerProvider()
	await former(authProvider, async (client) => {
		assert.deepEqual((await client.listTools()).tools.map((tool) => tool.name), ['list_files'])
		assert.equal((await client.callTool({ name: 'list_files', arguments: {} })).content[0].text, 'list_files: none')
	})
	assert.equal(authProvider.found.authorizationServerUrl, issuer)
	assert.equal(authProvider.found.resourceMetadata.resource, resource)
	assert.equal(seen.challenges, 1)
	assert.ok(seen.tokens.every((token) => token.client_id === 'desktop' && token.scope === 'files:read'))
})
test('@modelcontextprotocol/sdk: a token that was revoked is fetched anew', async () => {
	const authProvider = new FormerProvider()
	await former(authProvider, async (client) => {
		const first = authProvider.tokens().access_token
		const gone = await fetch(`${issuer}/revoke`, { method: 'POST', body: new URLSearchParams({ token: first }),
			headers: { authorization: `Basic ${Buffer.from(`desktop:${secret}`).toString('base64')}` } })
		assert.equal(gone.status, 200)
		await client.listTools()
		assert.notEqual(authProvider.tokens().access_token, first)
	})
	// One of its requests that was still under way may have been told so, too.
	assert.ok(seen.challenges >= 2)
})
test('@modelcontextprotocol/sdk: a wrong secret gets nowhere', async () => {
	await assert.rejects(former(new FormerProvider('wrong'), (client) => client.listTools()))
	assert.equal(seen.tokens.length, 0)
})
