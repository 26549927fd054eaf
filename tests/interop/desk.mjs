// What the tests of emad with other software share: where everything is, tokens of devidp, and one line a test as TAP has it.
import { readFileSync } from 'node:fs'

const { EMA_ISSUER: issuer, EMA_RESOURCE: resource, EMA_IDP: idp, EMA_WORK: work } = process.env
export { issuer, resource, idp, work }
export const secret = readFileSync(`${work}/secret`, 'utf8').trim()
export const grant = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

// As devidp(1) prints them: an ID-JAG for a client unless the options say otherwise.
export async function jag(client, options = {}) {
	const query = new URLSearchParams({ user: 'alice', service: issuer, client, scope: 'files:read', ...options })
	const answer = await fetch(`${idp}/devidp/token?${query}`, { method: 'POST' })
	if (!answer.ok)
		throw new Error(`devidp: ${await answer.text()}`)
	return (await answer.text()).trim()
}
export const idToken = (client) => jag(client, { kind: 'id_token', service: client })

export async function privateKey(name, algorithm = { name: 'ECDSA', namedCurve: 'P-256' }) {
	const jwk = JSON.parse(readFileSync(`${work}/${name}.private`, 'utf8'))
	return { key: await crypto.subtle.importKey('jwk', jwk, algorithm, false, ['sign']), kid: jwk.kid }
}

// One after another, as they change what the next one sees (replay, revocation).
const tests = []
let begun = false
export function test(name, run) {
	tests.push([name, run])
	if (!begun) {
		begun = true
		setImmediate(report)
	}
}
async function report() {
	let failed = 0
	for (const [name, run] of tests) {
		try {
			await run()
			console.log(`ok - ${name}`)
		} catch (error) {
			failed++
			console.log(`not ok - ${name}`)
			const cause = error.cause ? ` cause: ${JSON.stringify(error.cause?.body ?? error.cause?.message ?? String(error.cause))}` : ''
			console.log(`${error.stack}${cause}`.replace(/^/gm, '# '))
		}
	}
	process.exit(failed ? 1 : 0)
}
