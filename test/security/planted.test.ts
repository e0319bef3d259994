import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { brokenLints } from '../fixtures/catalogue-lint.js';
import { type TestDatabase, testDatabase } from '../fixtures/test-database.js';
import { trials } from '../fixtures/trials.js';

/** Share of the demands that are taken away when fewer trials are wanted. */
const SHARE = Math.min(1, trials(1_000) / 1_000);

describe('every policy of the database', () => {
  let test: TestDatabase;
  let owner: pg.Client;

  beforeAll(async () => {
    test = await testDatabase();
    owner = new pg.Client({ connectionString: test.urls.ownerUrl });
    await owner.connect();
  });
  afterAll(async () => {
    await owner?.end();
    await test?.drop();
  });

  it('is missed when it is dropped, widened, or does not bind', async () => {
    const { rows } = await owner.query<{ table: string; policy: string }>(
      `SELECT tablename AS table, policyname AS policy FROM pg_policies`,
    );
    const ways = rows.flatMap(({ table, policy }) => [
      `DROP POLICY ${policy} ON ${table}`,
      `ALTER POLICY ${policy} ON ${table} TO PUBLIC USING (true)`,
      `ALTER TABLE ${table} NO FORCE ROW LEVEL SECURITY`,
      `ALTER TABLE ${table} DISABLE ROW LEVEL SECURITY`,
    ]);
    const missed: string[] = [];
    for (const way of ways) {
      await owner.query('BEGIN');
      await owner.query(way);
      if ((await brokenLints(owner)).length === 0) missed.push(way);
      await owner.query('ROLLBACK');
    }
    expect(missed).toEqual([]);
    expect(await brokenLints(owner)).toEqual([]);
    console.log(`planted: ${ways.length} changes of ${rows.length} policies, all found`);
  });
});

/** One place in the compiled code where a check is made, and what it becomes without it. */
interface Site {
  readonly file: string;
  readonly at: number;
  readonly from: string;
  readonly to: string;
}

describe('every permission that the code asks for', () => {
  let copy: string;

  // A copy of the compiled tree that can be spoilt, with everything that its tests read.
  beforeAll(() => {
    copy = mkdtempSync(join(tmpdir(), 'kontor-planted-'));
    cpSync('build', join(copy, 'build'), { recursive: true });
    for (const name of ['node_modules', 'schema', 'src', 'docs', '.env.example', 'test', 'seeds']) {
      symlinkSync(resolve(name), join(copy, name));
    }
    for (const name of ['package.json', 'vitest.config.js']) cpSync(name, join(copy, name));
    mkdirSync(join(copy, '.kontor'));
  });
  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  /** Spoils one place, asks, and mends it. */
  function without(site: Site, isFound: () => boolean): boolean {
    const path = join(copy, site.file);
    const whole = readFileSync(path, 'utf8');
    const rest = whole.slice(site.at + site.from.length);
    writeFileSync(path, whole.slice(0, site.at) + site.to + rest);
    try {
      return isFound();
    } finally {
      writeFileSync(path, whole);
    }
  }

  function node(script: string): number | null {
    const args = ['--input-type=module', '-e', script];
    return spawnSync(process.execPath, args, { cwd: copy, encoding: 'utf8' }).status;
  }

  const LOCK = `
    import { demandsOfSchema, lockedDemands } from './build/test/fixtures/demand-lock.js';
    const [now, locked] = [demandsOfSchema(), lockedDemands()].map((each) => JSON.stringify(each));
    process.exit(now === locked ? 0 : 1);`;

  it('is in the lock, each demand of each field', () => {
    expect(node(LOCK)).toBe(0);
    const sites = sitesOf(/Authorized\(([^)]*)\)/g, ([, inside = '']) =>
      inside.trim() === '' ? '() => {}' : 'Authorized()',
    );
    const chosen = sites.filter((_, at) => at % Math.round(1 / SHARE) === 0);
    const missed = chosen.filter((site) => !without(site, () => node(LOCK) === 1));
    expect(missed).toEqual([]);
    console.log(`planted: ${chosen.length} of ${sites.length} demands taken away, all found`);
    expect(sites.length).toBeGreaterThan(180);
  });

  function run(tests: readonly string[]): number | null {
    const vitest = join('node_modules', 'vitest', 'vitest.mjs');
    const files = tests.map((name) => `build/test/${name}.test.js`);
    const args = [vitest, 'run', '--bail', '1', ...files];
    return spawnSync(process.execPath, args, { cwd: copy, encoding: 'utf8' }).status;
  }

  it('is there in the whole copy, whose tests are green', () => {
    expect(run([...new Set(BEHAVIOUR.flatMap(({ tests }) => tests))])).toBe(0);
  });

  it.each(BEHAVIOUR)('$name is missed by the tests', ({ file, from, to, tests }) => {
    const at = readFileSync(join(copy, file), 'utf8').indexOf(from);
    expect(at, `${file} has ${from}`).toBeGreaterThan(0);
    expect(without({ file, at, from, to }, () => run(tests) !== 0)).toBe(true);
  });
});

/** Checks that are made in the middle of the work, and the tests that must miss each. */
const BEHAVIOUR = [
  {
    name: 'a permission',
    file: 'build/src/platform/request.service.js',
    from: 'if (!viewer.permissions.has(permission))',
    to: 'if (false)',
    tests: ['api/auditor'],
  },
  {
    name: 'a step-up',
    file: 'build/src/platform/request.service.js',
    from: 'if (steppedUpUntil === null || steppedUpUntil <= now)',
    to: 'if (false)',
    tests: ['api/step-up'],
  },
  {
    name: 'a session',
    file: 'build/src/platform/request.service.js',
    from: "if (viewer.kind === 'USER' && viewer.sessionId !== null)",
    to: 'if (true)',
    tests: ['api/step-up', 'api/api-key'],
  },
  {
    name: 'the permission of one who grants, as it is by now',
    file: 'build/src/identity/grant.store.js',
    from: 'if (permission !== undefined)',
    to: 'if (false)',
    tests: ['api/grant'],
  },
  {
    name: 'user.manage for what is another’s',
    file: 'build/src/identity/grant.store.js',
    from: "requirePermission(viewer, 'user.manage')",
    to: '0',
    tests: ['api/session-list', 'api/api-key', 'api/grant'],
  },
  {
    name: 'invoice.read for the document',
    file: 'build/src/billing/invoice-route.service.js',
    from: "requirePermission(viewer, 'invoice.read')",
    to: '0',
    tests: ['api/bill-run-http'],
  },
  {
    name: 'usage.import for an upload',
    file: 'build/src/mediation/upload.service.js',
    from: "requirePermission(viewer, 'usage.import')",
    to: '0',
    tests: ['api/upload'],
  },
  {
    name: 'the numbers of records that are read as a rate sheet',
    file: 'build/src/mediation/sheet-upload.service.js',
    from: 'return !rateSheet || state',
    to: 'return state',
    tests: ['api/rate-sheet-file'],
  },
  {
    name: 'a level of prices',
    file: 'build/src/partner/price-access.js',
    from: 'return permissions.has(levelPermission[level])',
    to: 'return true',
    tests: ['api/price-access'],
  },
  {
    name: 'the steps of a schedule that prices nothing',
    file: 'build/src/catalog/price-access.store.js',
    from: 'return viewer.permissions.has(MANAGE);',
    to: 'return true;',
    tests: ['api/price-access', 'api/price-list', 'api/pricing'],
  },
  {
    name: 'the prices of a list that no contract uses',
    file: 'build/src/catalog/price-access.store.js',
    from: 'if (own.length === 0 && !viewer.permissions.has(MANAGE))',
    to: 'if (false)',
    tests: ['api/price-access'],
  },
  {
    name: 'whose margin it is',
    file: 'build/src/catalog/margin.service.js',
    from: 'found?.partnerId !== viewer.partnerId',
    to: 'found === null',
    tests: ['api/margin-tiers'],
  },
  {
    name: 'the cost side of the margin of the hub',
    file: 'build/src/catalog/margin-decision.service.js',
    from: 'if ((await visibleHub(tx)) === sellerId)',
    to: 'if (false)',
    tests: ['api/margin-tiers'],
  },
  {
    name: 'an e-mail address',
    file: 'build/src/identity/user.resolver.js',
    from: "permissions.has('user.email.read')",
    to: 'true',
    tests: ['api/role'],
  },
  {
    name: 'the text of an alarm',
    file: 'build/src/alarm/alarm.resolver.js',
    from: 'return alarm.shownWith.filter((name) => !permissions.has(name));',
    to: 'return [];',
    tests: ['api/price-access'],
  },
  {
    name: 'a number',
    file: 'build/src/privacy/masked-schema.service.js',
    from: 'if (context.viewer?.permissions.has(PERMISSION))',
    to: 'if (true)',
    tests: ['api/xdr-list'],
  },
  {
    name: 'what one holds of what he grants',
    file: 'build/src/identity/permission.js',
    from: '.filter((name) => !held.has(name))',
    to: '.filter(() => false)',
    tests: ['api/role'],
  },
  {
    name: 'another user for change sets',
    file: 'build/src/rating/rerate.service.js',
    from: '[rerate.requestedBy, rerate.previewedBy].includes(viewer.userId)',
    to: 'false',
    tests: ['api/rerate'],
  },
  {
    name: 'another user for an erasure',
    file: 'build/src/privacy/erasure.service.js',
    from: 'row.requestedBy === viewer.userId',
    to: 'false',
    tests: ['api/erasure'],
  },
  {
    name: 'what is permitted since a socket was opened',
    file: 'build/src/identity/authentication.service.js',
    from: '[...before.permissions].every((name) => after.permissions.has(name))',
    to: 'true',
    tests: ['api/withdrawal'],
  },
  {
    name: 'a session to step up',
    file: 'build/src/identity/step-up.service.js',
    from: 'const sessionId = requireSession(viewer)',
    to: "const sessionId = viewer.sessionId ?? '1'",
    tests: ['api/step-up'],
  },
  {
    name: 'a session to change a password',
    file: 'build/src/identity/password-change.service.js',
    from: 'const sessionId = requireSession(viewer)',
    to: "const sessionId = viewer.sessionId ?? '1'",
    tests: ['api/step-up'],
  },
  {
    name: 'a session to forget devices',
    file: 'build/src/identity/sign-in.service.js',
    from: 'requireSession(viewer)',
    to: '0',
    tests: ['api/step-up'],
  },
  {
    name: 'a session to see what happened',
    file: 'build/src/identity/sign-in-event.resolver.js',
    from: 'requireSession(viewer);',
    to: '0;',
    tests: ['api/step-up'],
  },
  {
    name: 'a session to count recovery codes',
    file: 'build/src/identity/sign-in-event.resolver.js',
    from: 'requireSession(viewer);\n        return context.readHome((tx) => recovery',
    to: 'return context.readHome((tx) => recovery',
    tests: ['api/step-up'],
  },
  {
    name: 'usage.read for an export',
    file: 'build/src/integration/export.service.js',
    from: "requirePermission(viewer, 'usage.read')",
    to: '0',
    tests: ['api/export'],
  },
  {
    name: 'the level of prices of an export',
    file: 'build/src/integration/export.service.js',
    from: 'requirePermission(viewer, levelPermission[level])',
    to: '0',
    tests: ['api/export'],
  },
  {
    name: 'contract.read for local times',
    file: 'build/src/integration/export.service.js',
    from: "requirePermission(viewer, 'contract.read')",
    to: '0',
    tests: ['api/export'],
  },
  {
    name: 'invoice.read for an export of invoices',
    file: 'build/src/integration/export.service.js',
    from: "requirePermission(requireViewer(context), 'invoice.read');\n        const filter",
    to: 'const filter',
    tests: ['api/export'],
  },
  {
    name: 'invoice.read for an export of lines',
    file: 'build/src/integration/export.service.js',
    from: "requirePermission(requireViewer(context), 'invoice.read');\n        const style",
    to: 'const style',
    tests: ['api/export'],
  },
  {
    name: 'catalog.read for an export of rates',
    file: 'build/src/integration/export.service.js',
    from: "requirePermission(requireViewer(context), 'catalog.read');\n        const asOf = given.instant('asOf') ?? context.now();\n        const wanted",
    to: "const asOf = given.instant('asOf') ?? context.now();\n        const wanted",
    tests: ['api/export', 'api/export-rates'],
  },
  {
    name: 'catalog.read for an export of effective rates',
    file: 'build/src/integration/export.service.js',
    from: "requirePermission(requireViewer(context), 'catalog.read');\n        const asOf = given.instant('asOf') ?? context.now();\n        const prefix",
    to: "const asOf = given.instant('asOf') ?? context.now();\n        const prefix",
    tests: ['api/export', 'api/export-rates'],
  },
  {
    name: 'a number in an export',
    file: 'build/src/integration/usage-table.js',
    from: "permissions.has('subscriber.number.read')",
    to: 'true',
    tests: ['api/export'],
  },
  {
    name: 'the prices of an export',
    file: 'build/src/integration/usage-table.js',
    from: 'pricePermissions.some((permission) => permissions.has(permission))',
    to: 'true',
    tests: ['api/export'],
  },
  {
    name: 'the contracts of an export',
    file: 'build/src/integration/usage-table.js',
    from: "permissions.has('contract.read')",
    to: 'true',
    tests: ['api/export'],
  },
  {
    name: 'what events tell to a webhook',
    file: 'build/src/integration/webhook.service.js',
    from: 'requirePermission(viewer, eventKinds[kind].permission)',
    to: '0',
    tests: ['api/webhook'],
  },
  {
    name: 'a loader of each request',
    file: 'build/src/context.js',
    from: 'const loaders = new Map();',
    to: 'const loaders = (globalThis.loaders ??= new Map());',
    tests: ['api/loader'],
  },
  {
    name: 'the seller’s list that a buyer’s contract names',
    file: 'build/src/catalog/price-access.store.js',
    from: 'SELECT id AS bottom, id, parent_id FROM price_list WHERE id = ANY ($1::int[])',
    to: 'SELECT n AS bottom, n AS id, NULL::int AS parent_id FROM unnest($1::int[]) AS n',
    tests: ['api/price-access'],
  },
  {
    name: 'looking for a number',
    file: 'build/src/privacy/masked-schema.service.js',
    from: 'if (viewer !== null && !viewer.permissions.has(PERMISSION) && seeks(args))',
    to: 'if (false)',
    tests: ['api/xdr-list'],
  },
  {
    name: 'whose events a webhook is told',
    file: 'build/src/integration/webhook-queue.store.js',
    from: 'w.partner_id = ANY (about.path) AND',
    to: 'true AND',
    tests: ['api/webhook'],
  },
  {
    name: 'the end of business of a webhook’s partner',
    file: 'build/src/integration/webhook-queue.store.js',
    from: 'const IN_BUSINESS = `NOT EXISTS',
    to: 'const IN_BUSINESS = `true OR NOT EXISTS',
    tests: ['api/webhook'],
  },
  {
    name: 'writing down that a message arrived after it was sent',
    file: 'build/src/integration/webhook-queue.store.js',
    from: 'SET epoch = d.epoch + 1,',
    to: "SET state = 'DELIVERED', finished_at = now(), epoch = d.epoch + 1,",
    tests: ['api/webhook-kill'],
  },
  {
    name: 'the second signature of a message',
    file: 'build/src/integration/webhook-sender.service.js',
    from: "signatures.join(' ')",
    to: 'signatures[0]',
    tests: ['api/webhook'],
  },
  {
    name: 'one at a time for a webhook that may hang',
    file: 'build/src/integration/webhook-pace.js',
    from: '(proven ? slots.perWebhook : 1)',
    to: 'slots.perWebhook',
    tests: ['api/webhook'],
  },
  {
    name: 'the guard of addresses as connections are made',
    file: 'build/src/integration/webhook-sender.service.js',
    from: 'allowPrivateIPAddress: isAllowed',
    to: 'allowPrivateIPAddress: true',
    tests: ['api/webhook-address'],
  },
  {
    name: 'the guard of addresses as they are written',
    file: 'build/src/integration/webhook-url.js',
    from: "if (!host.includes('.')",
    to: 'if (false',
    tests: ['api/webhook-address'],
  },
  {
    name: 'the certificate of a receiver',
    file: 'build/src/integration/webhook-sender.service.js',
    from: 'rejectUnauthorized: true',
    to: 'rejectUnauthorized: false',
    tests: ['api/webhook-address'],
  },
] as const;

/** Every match in the compiled sources that ship. */
function sitesOf(pattern: RegExp, replacement: (match: RegExpMatchArray) => string): Site[] {
  const files = readdirSync('build/src', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.resolver.js') || name.endsWith('.entity.js'))
    .map((name) => join('build', 'src', name));
  return files.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(pattern)].map((match) => ({
      file,
      at: match.index,
      from: match[0],
      to: replacement(match),
    })),
  );
}
