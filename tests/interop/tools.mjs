// What the client of MCP's own SDK sees of examples/server, which checks and filters with libemacore: each user the tools and
// resources that he may use and no others, and of a refusal what the SDK tells him. Tokens of devidp become ours at emad.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import http from 'node:http'
import { Client, CrossAppAccessProvider, SdkHttpError, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { idp, issuer, secret, test, work } from './desk.mjs'

const { EMA_PARTNERS: partners, EMA_SHOP: shop, EMA_SERVER: program } = process.env
const at = new URL(shop)
const below = '/.well-known/oauth-protected-resource/shop'
const tools = ['list_goods', 'get_price', 'get_cost', 'put_goods', 'delete_goods', 'delete_all', 'open_till', 'wipe']
const uris = ['shop://goods/apples', 'shop://partners/north/prices', 'shop://partners/south/prices', 'shop://partners/*/prices', 'shop://books/2026']
const things = `${work}/things.json`
writeFileSync(things, JSON.stringify({
	tools: tools.map((name) => ({ name, inputSchema: { type: 'object' } })),
	resources: uris.map((uri) => ({ uri, name: uri })),
}))

// As inetd would: the server gets the request as it came, and its answer goes back as it is.
function run(head, body) {
	return new Promise((done, failed) => {
		const child = spawn(program, [`${work}/server.conf`, 'shop', things], { stdio: ['pipe', 'pipe', 'inherit'] })
		const parts = []
		child.stdout.on('data', (part) => parts.push(part))
		child.on('error', failed)
		child.on('close', (status) => status ? failed(new Error(`the server ended with ${status}`)) : done(Buffer.concat(parts)))
		child.stdin.on('error', () => {})
		child.stdin.end(`${head}\r\n\r\n${body}`)
	})
}
const seen = []
const server = http.createServer(async (request, response) => {
	try {
		if (request.url === below) {
			const answer = await fetch(issuer + below)
			response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text())
			return
		}
		let body = ''
		for await (const part of request)
			body += part
		const head = [`${request.method} ${request.url} HTTP/1.1`]
		for (let i = 0; i < request.rawHeaders.length; i += 2)
			head.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`)
		const raw = await run(head.join('\r\n'), body)
		seen.push({ method: body && JSON.parse(body).method, status: Number(raw.toString('latin1').split(' ', 2)[1]) })
		response.socket?.end(raw)
	} catch (error) {
		console.log(`# ${error.stack}`)
		response.writeHead(500).end()
	}
})
await new Promise((done) => server.listen(Number(at.port), '127.0.0.1', done))

// What a user's identity provider lets him have: at most these scopes, of those that are asked for.
const users = {
	employee: { from: idp, user: 'alice', scopes: ['goods:read', 'goods:write'] },
	reader: { from: idp, user: 'bob', scopes: ['goods:read'] },
	north: { from: partners, user: 'carol', scopes: ['goods:read', 'goods:write', 'till'], claim: 'tenant="north"' },
	south: { from: partners, user: 'dan', scopes: ['goods:read'], claim: 'tenant="south"' },
}
async function connected(name, use) {
	const user = users[name]
	const authProvider = new CrossAppAccessProvider({
		clientId: 'desktop', clientSecret: secret, expectedIssuer: `${issuer}/shop`,
		assertion: async ({ scope, authorizationServerUrl }) => {
			const query = new URLSearchParams({ user: user.user, service: authorizationServerUrl, client: 'desktop',
				scope: scope.split(' ').filter((one) => user.scopes.includes(one)).join(' '), ...(user.claim ? { claim: user.claim } : {}) })
			const answer = await fetch(`${user.from}/devidp/token?${query}`, { method: 'POST' })
			assert.equal(answer.status, 200)
			return (await answer.text()).trim()
		},
	})
	const client = new Client({ name: 'interop', version: '1' })
	await client.connect(new StreamableHTTPClientTransport(at, { authProvider }))
	try {
		await use(client, authProvider)
	} finally {
		await client.close()
	}
}
const shown = async (client) => (await client.listTools()).tools.map((tool) => tool.name)
const listed = async (client) => (await client.listResources()).resources.map((resource) => resource.uri)

// All that are shown are answered, in the name of the user; of the others all are refused, each in the words for users.
async function usesExactly(client, subject, mine, uses) {
	for (const name of mine.tools)
		assert.equal((await client.callTool({ name, arguments: {} })).content[0].text, subject)
	for (const uri of mine.uris)
		assert.equal((await client.readResource({ uri })).contents[0].text, subject)
	for (const name of tools.filter((one) => !mine.tools.includes(one)))
		await assert.rejects(client.callTool({ name, arguments: {} }), uses(name))
	for (const uri of uris.filter((one) => !mine.uris.includes(one)))
		await assert.rejects(client.readResource({ uri }), uses(uri))
}
// No way out: no scope is named that would help, so the SDK tries nothing, and nothing tells a hidden tool from one that is not there.
const denied = (name) => (error) => {
	assert.ok(error instanceof SdkHttpError, `${name}: ${error}`)
	assert.equal(error.data.status, 403)
	assert.match(error.message, /^Error POSTing to endpoint: \{/)
	assert.equal(JSON.parse(error.data.text).error.code, 4403)
	assert.equal(JSON.parse(error.data.text).error.message, 'You may not do that.')
	assert.ok(!error.data.text.includes(name))
	return true
}
const wantsScope = (error) => {
	assert.ok(error instanceof SdkHttpError, String(error))
	assert.equal(error.data.status, 403)
	assert.match(error.message, /^Server returned 403 insufficient_scope after step-up re-authorization/)
	assert.equal(JSON.parse(error.data.text).error.message, 'More permission is needed: sign in again.')
	return true
}

const everything = ['list_goods', 'get_price', 'get_cost', 'put_goods', 'delete_goods']
const reading = everything.slice(0, 3)

test('examples/server, @modelcontextprotocol/client: an employee is shown what he may use, and the rest is refused', async () => {
	const mine = { tools: everything, uris: ['shop://goods/apples'] }
	await connected('employee', async (client) => {
		assert.deepEqual(await shown(client), mine.tools)
		assert.deepEqual(await listed(client), mine.uris)
		// The rules give him the till, too; his identity provider does not.
		await usesExactly(client, 'devidp/-/00u1alice0devidp00a1', mine, (name) => name === 'open_till' ? wantsScope : denied(name))
	})
	// Again, over another connection with another token: the same list.
	await connected('employee', async (client) => assert.deepEqual(await shown(client), mine.tools))
})
test('examples/server, @modelcontextprotocol/client: contractors of two tenants are shown their own, and no scope gives them more', async () => {
	for (const [name, sub] of [['north', '00u1carol0devidp00c3'], ['south', '00u1dan000devidp00d4']])
		await connected(name, async (client, authProvider) => {
			const mine = { tools: ['list_goods', 'get_price'], uris: [`shop://partners/${name}/prices`] }
			assert.deepEqual(await shown(client), mine.tools)
			assert.deepEqual(await listed(client), mine.uris)
			// Carol's assertion has scopes for writing, too.
			assert.equal((await authProvider.tokens()).scope, 'goods:read')
			await usesExactly(client, `partners/${name}/${sub}`, mine, denied)
		})
})
test('examples/server, @modelcontextprotocol/client: a scope that is lacking is said to be, and once there is shown', async () => {
	await connected('reader', async (client) => {
		assert.deepEqual(await shown(client), reading)
		await assert.rejects(client.callTool({ name: 'put_goods', arguments: {} }), wantsScope)
		assert.deepEqual(await shown(client), reading)
		// What the client then asks for by itself, he may have from now on.
		users.reader.scopes.push('goods:write')
		assert.equal((await client.callTool({ name: 'put_goods', arguments: {} })).content[0].text, 'devidp/-/00u1bob000devidp00b2')
		assert.deepEqual(await shown(client), everything)
	})
})
test('examples/server: each refusal was one request, but for those that name a scope', async () => {
	const refused = seen.filter((one) => one.status === 403)
	const hidden = (mine) => tools.length + uris.length - mine
	// The employee's till is tried again once, and so is the reader's first writing; his second is refused once.
	assert.equal(refused.length, hidden(everything.length + 1) + 1 + 2 * hidden(3) + 2 + 1)
})
