import type { GraphQLSchema } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { permissionNames } from '../../src/identity/index.js';
import { buildSchema } from '../../src/schema.js';
import {
  aCampaign,
  type Campaign,
  foreignIds,
  imprint,
  ownMutations,
  ownQueries,
  routes,
  sockets,
} from '../fixtures/leak-campaign.js';
import { TAGS } from '../fixtures/leak-tenant.js';
import { WIDE_LIMITS } from '../fixtures/leak-world.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

let app: TestApp;
let schema: GraphQLSchema;
let campaign: Campaign;

beforeAll(async () => {
  schema = buildSchema();
  app = await testApp({ env: WIDE_LIMITS });
  campaign = await aCampaign(app, schema);
});
afterAll(() => app.stop());

const reading = permissionNames.filter((name) => name.endsWith('.read'));
/** Everybody but the hub, who sees all. */
const tenants = TAGS.filter((tag) => tag !== 'H');

/** What is found once is told once. */
function nothingFound(): void {
  const found = campaign.prober.findings;
  const [leaks, tells, faults] = [found.leaks, found.tells, found.faults].map((each) =>
    each.splice(0),
  );
  expect({ leaks, tells, faults }).toEqual({ leaks: [], tells: [], faults: [] });
}

/** Says what a part has cost. */
async function counted(what: string, work: () => Promise<void>): Promise<void> {
  const before = campaign.prober.findings.probes;
  await work();
  console.log(`leak matrix: ${what}: ${campaign.prober.findings.probes - before} probes, 0 leaks`);
}

describe('the whole matrix', () => {
  it.each(tenants)('shows the administrator of %s nothing of others', async (tag) => {
    const actor = campaign.administrator(tag);
    await counted(actor.name, async () => {
      await ownQueries(campaign, actor, true);
      await foreignIds(campaign, actor);
      await routes(campaign, actor);
      await sockets(campaign, actor);
      nothingFound();
    });
  });

  it.each(['A', 'A1', 'B', 'O'] as const)('shows an auditor of %s no more', async (tag) => {
    const actor = await campaign.user(tag, reading);
    await counted(actor.name, async () => {
      await ownQueries(campaign, actor, true);
      await foreignIds(campaign, actor, 2);
      nothingFound();
      const before = await imprint(campaign);
      expect(await ownMutations(campaign, actor)).toEqual([]);
      expect(await imprint(campaign)).toEqual(before);
    });
  });

  it.each(permissionNames)(
    'shows an API key for %s no more, and lets it reach nothing else',
    async (scope) => {
      const actor = await campaign.apiKey('A1', scope);
      await counted(actor.name, async () => {
        await ownQueries(campaign, actor);
        await foreignIds(campaign, actor, 1);
        await routes(campaign, actor);
        nothingFound();
        if (!scope.endsWith('.read') && scope !== 'schema.introspect') return;
        const before = await imprint(campaign);
        expect(await ownMutations(campaign, actor)).toEqual([]);
        expect(await imprint(campaign)).toEqual(before);
      });
      await actor.end();
    },
  );

  it('leaves nothing of any tenant in the log', () => {
    expect(app.logged.join('').match(/zqx[a-z]\d?y/i)).toBeNull();
    console.log(`leak matrix: ${campaign.prober.findings.probes} probes in all`);
  });
});
