// Reads the corpus at standard input and says of each line what jose and jsonwebtoken make of it: NUMBER, name, "takes" or "refuses".
// What an implementation does not have at all is left out.
import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(process.cwd() + '/');
const jose = await import(require.resolve('jose'));
const jsonwebtoken = require('jsonwebtoken');

const lines = readFileSync(0, 'utf8').split('\n').filter(Boolean);
for (const [number, line] of lines.entries()) {
	const { alg, key, token } = JSON.parse(line);
	const judges = {
		jose: async () => { await jose.jwtVerify(token, await jose.importJWK(JSON.parse(key), alg), { algorithms: [alg] }); },
	};
	if (!alg.startsWith('Ed'))
		judges.jsonwebtoken = async () => { jsonwebtoken.verify(token, createPublicKey({ key: JSON.parse(key), format: 'jwk' }), { algorithms: [alg] }); };
	for (const [name, judge] of Object.entries(judges)) {
		let verdict = 'takes';
		try { await judge(); } catch { verdict = 'refuses'; }
		console.log([number + 1, name, verdict].join('\t'));
	}
}
