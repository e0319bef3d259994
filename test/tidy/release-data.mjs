// Makes the data that the tests of migrations begin with: a world made over the API of this very
// version, in every table that it can fill. Run once for each release; see docs/releases.md.
//
//   npm run build && node test/tidy/release-data.mjs
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { buildSchema } from '../../build/src/schema.js';
import { aLeakWorld, WIDE_LIMITS } from '../../build/test/fixtures/leak-world.js';
import { aUser } from '../../build/test/fixtures/partner-builder.js';
import { releaseKey, takeData } from '../../build/test/fixtures/release-data.js';
import { testApp } from '../../build/test/fixtures/test-app.js';

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
const keys = { KONTOR_SECRET_KEY: releaseKey('secret'), KONTOR_AUDIT_KEY: releaseKey('audit') };
const app = await testApp({ env: { ...WIDE_LIMITS, ...keys, KONTOR_INBOX_POLL_SECONDS: '1' } });
const world = await aLeakWorld(app, buildSchema());
const { auditHeads } = app.app.services;
await auditHeads.export();
const hub = world.tenants.get('H');
const { email, password, totpSecret } = await aUser(app, { partnerId: hub.partner.id });
// What the world of the leak tests has no need of: corrections, and secrets that are on their way.
const token = await app.signIn(email);
const set = async (query, variables) => {
  const { data, errors } = await app.graphql(query, variables, token);
  if (errors.length > 0) throw new Error(`${query}: ${JSON.stringify(errors)}`);
  return Object.values(data)[0];
};
const { nodes } = await set('{ rerates(first: 50) { nodes { id state preview } } }');
const approve = 'approveRerate(id: $id, preview: $preview) { id }';
for (const { id, preview } of nodes.filter(({ state }) => state === 'PREVIEWED')) {
  await set(`mutation ($id: ID!, $preview: Int!) { ${approve} }`, { id, preview });
  const variables = { id, key: `apply ${id}` };
  await set(
    'mutation ($id: ID!, $key: String!) { applyRerate(id: $id, idempotencyKey: $key) { id } }',
    variables,
  );
  await app.app.work.runUntilIdle();
}
await set('mutation { renewRecoveryCodes }');
await set('mutation ($email: String!) { requestPasswordReset(email: $email) }', { email });
await app.app.work.runUntilIdle();
await app.app.outbox.runUntilIdle();
await app.app.work.runUntilIdle();
await auditHeads.export();
await app.app.work.stop();
await app.app.outbox.stop();
const login = { email, password, totpSecret };
const { file, empty } = await takeData(app.database.urls.ownerUrl, version, login);
mkdirSync('test/fixtures/releases', { recursive: true });
writeFileSync(`test/fixtures/releases/${version}.gz`, file);
console.log(`${file.length} bytes; without rows: ${empty.join(', ')}`);
process.exit(0);
