// What the client of MCP's own SDK sees of examples/server, which checks and filters with libemacore: each user the tools and
// resources that he may use and no others, and of a refusal what the SDK tells him. Tokens of devidp become ours at emad.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { Client, CrossAppAccessProvider, SdkHttpError, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { idp, issuer, secret, test, work } from './desk.mjs'

const { EMA_PARTNERS: partners, EMA_SHOP: shop, EMA_NOTES: notes, EMA_SERVER: program } = process.env
const at = new URL(shop)
const tools = ['list_goods', 'get_price', 'get_cost', 'put_goods', 'delete_goods', 'delete_all', 'open_till', 'wipe']
const uris = ['shop://goods/apples', 'shop://partners/north/prices', 'shop://partners/south/prices', 'shop://partners/*/prices', 'shop://books/2026']
const things = `${work}/things.json`
writeFileSync(things, JSON.stringify({
	tools: tools.map((name) => ({ name, inputSchema: { type: 'object' } })),
	resources: uris.map((uri) => ({ uri, name: uri })),
}))

// Servers, until the last test ends them, and what one of them answered of what it was asked.
async function started(...words) {
	const server = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] })
	process.on('exit', () => server.kill())
	await new Promise((done, failed) => {
		server.stdout.once('data', done)
		server.once('error', failed)
		server.once('exit', (status) => failed(new Error(`the server ended with ${status}`)))
	})
	return server
}
const servers = [await started(`${work}/server.conf`, 'shop', at.host, things), await started(`${work}/notes.conf`, 'notes', new URL(notes).host)]
const seen = []
async function noted(url, options) {
	const answer = await fetch(url, options)
	if (String(url) === shop && options?.method === 'POST')
		seen.push({ method: JSON.parse(options.body).method, status: answer.status })
	return answer
}

// What a user's identity provider lets him have: at most these scopes, of those that are asked for.
const users = {
	employee: { from: idp, user: 'alice', scopes: ['goods:read', 'goods:write'] },
	reader: { from: idp, user: 'bob', scopes: ['goods:read'] },
	north: { from: partners, user: 'carol', scopes: ['goods:read', 'goods:write', 'till'], claim: 'tenant="north"' },
	south: { from: partners, user: 'dan', scopes: ['goods:read'], claim: 'tenant="south"' },
	writer: { from: partners, user: 'carol', scopes: ['notes:read', 'notes:write'], claim: 'tenant="north"' },
	other: { from: partners, user: 'dan', scopes: ['notes:read'], claim: 'tenant="south"' },
}
async function connected(name, use, resource = shop, options = {}) {
	const user = users[name], where = new URL(resource)
	const authProvider = new CrossAppAccessProvider({
		clientId: 'desktop', clientSecret: secret, expectedIssuer: issuer + where.pathname,
		assertion: async ({ scope, authorizationServerUrl }) => {
			const query = new URLSearchParams({ user: user.user, service: authorizationServerUrl, client: 'desktop',
				scope: scope.split(' ').filter((one) => user.scopes.includes(one)).join(' '), ...(user.claim ? { claim: user.claim } : {}) })
			const answer = await fetch(`${user.from}/devidp/token?${query}`, { method: 'POST' })
			assert.equal(answer.status, 200)
			return (await answer.text()).trim()
		},
	})
	const client = new Client({ name: 'interop', version: '1' }, options)
	await client.connect(new StreamableHTTPClientTransport(where, { authProvider, fetch: noted }))
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

const eras = { 'of 2025-11-25': {}, 'of 2026-07-28': { versionNegotiation: { mode: { pin: '2026-07-28' } } } }
const said = (result) => result.content.map((one) => one.text)
for (const [era, options] of Object.entries(eras))
	test(`examples/server, @modelcontextprotocol/client ${era}: notes are written, read and thrown away, and each tenant has its own`, async () => {
		await connected('writer', async (client) => {
			assert.equal(client.getServerVersion()?.name, 'ema-example')
			const shownTools = (await client.listTools()).tools
			// Until something needs more, a token has what reads: so is it said by the challenge.
			assert.deepEqual(shownTools.map((tool) => [tool.name, tool.annotations.readOnlyHint]), [['list_notes', true], ['get_note', true]])
			assert.deepEqual(said(await client.callTool({ name: 'put_note', arguments: { name: 'plan', text: 'ours' } })), ['Written.'])
			assert.deepEqual(await shown(client), ['list_notes', 'get_note', 'put_note', 'delete_note'])
			assert.deepEqual(said(await client.callTool({ name: 'list_notes', arguments: {} })), ['welcome', 'plan'])
			assert.deepEqual(await listed(client), ['note://north/welcome', 'note://north/plan'])
			assert.equal((await client.readResource({ uri: 'note://north/plan' })).contents[0].text, 'ours')
			assert.deepEqual((await client.listResourceTemplates()).resourceTemplates.map((one) => one.uriTemplate), ['note://north/{name}'])
			await connected('other', async (other) => {
				assert.deepEqual(said(await other.callTool({ name: 'list_notes', arguments: {} })), ['welcome'])
				assert.deepEqual(await listed(other), ['note://south/welcome'])
				assert.equal((await other.callTool({ name: 'get_note', arguments: { name: 'plan' } })).isError, true)
				await assert.rejects(other.readResource({ uri: 'note://north/plan' }), denied('plan'))
				await assert.rejects(other.readResource({ uri: 'note://south/plan' }), /There is no such resource/)
			}, notes, options)
			await assert.rejects(client.callTool({ name: 'get_nothing', arguments: {} }), /There is no such tool/)
			assert.deepEqual(said(await client.callTool({ name: 'delete_note', arguments: { name: 'plan' } })), ['Deleted.'])
			assert.deepEqual(await listed(client), ['note://north/welcome'])
		}, notes, options)
	})
test('examples/server: it ends well', async () => {
	for (const server of servers) {
		const ended = new Promise((done) => server.once('exit', done))
		server.kill()
		assert.equal(await ended, 0)
	}
})
