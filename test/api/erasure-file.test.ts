import { statSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { erase, linesWith } from '../fixtures/erasure.js';
import { allRows, deliver, filesBelow, upload } from '../fixtures/mediation.js';
import { call } from '../fixtures/partner.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import {
  aTrafficWorld,
  CUSTOMER_NUMBER,
  DIRECT_NUMBER,
  fileCounts,
  IMPORT,
  importFile,
  runEnd,
  type TrafficWorld,
} from '../fixtures/traffic.js';

const HEADER = 'record_id,service,started_at,a_number,b_number,quantity,in_trunk,out_trunk\n';
const FRIEND = '33612987654';
const NATIONAL = DIRECT_NUMBER.slice(1);

let kontor: TestApp;
let world: TrafficWorld;
let report: Record<string, number>;
/** A file that nobody has imported yet. */
let waiting: string;
let sizes: number[];

beforeAll(async () => {
  kontor = await testApp();
  world = await aTrafficWorld(kontor);
  const first = HEADER + record('d1', DIRECT_NUMBER);
  await fileOf(first);
  // The same record again, with one more of somebody else.
  const again = await fileOf(first + record('c1', CUSTOMER_NUMBER));
  expect(again.file).toMatchObject({ rated: '1', duplicate: '1' });
  await kept(first);
  await purged();
  const sent = await upload(kontor, world.token, 'w.csv', HEADER + record('d3', DIRECT_NUMBER));
  waiting = sent.body.fileId;
  await fileOf(HEADER + record('c2', CUSTOMER_NUMBER));
  expect(linesWith(kontor, NATIONAL)).toHaveLength(5);
  sizes = allSizes();
  report = await erase(kontor, world, world.subscriptions.direct);
});
afterAll(() => kontor?.stop());

function record(id: string, from: string, quantity = '60'): string {
  return `${id},voice,2026-10-05T10:00:00Z,+${from},+${FRIEND},${quantity},,CANARY-TRUNK-OUT\n`;
}

const fileOf = (text: string) => importFile(kontor, world, 'kontor', text);

/** A delivery to the inbox that was known, and is put aside. */
async function kept(content: string): Promise<void> {
  const source = { name: 'kontor' };
  deliver(kontor, source, 'again.csv', content);
  deliver(kontor, source, 'again.csv.done', '');
  expect(await kontor.app.services.inbox.poll()).toMatchObject({ duplicates: 1 });
}

/** A file of one record that could not be rated, the text of which is past its time. */
async function purged(): Promise<void> {
  const { file } = await fileOf(HEADER + record('d2', DIRECT_NUMBER, 'what'));
  expect(file).toMatchObject({ rejected: '1' });
  const owner = new pg.Client({ connectionString: kontor.database.urls.ownerUrl });
  await owner.connect();
  await owner.query(`UPDATE suspense_record SET raw = '', purged_at = now()`);
  await owner.end();
}

function allSizes(): number[] {
  const { dataDir } = kontor.app.config;
  const names = filesBelow(dataDir).filter((name) => /^(?:files|inbox)\//.test(name));
  return names.map((name) => statSync(join(dataDir, name)).size).sort((a, b) => a - b);
}

it('an erasure takes the number out of every file that is kept, whatever came of it', () => {
  // First, again, put aside, purged, and not imported yet.
  expect(report).toMatchObject({ files: 5, lines: 5 });
  expect(linesWith(kontor, NATIONAL)).toEqual([]);
  expect(allSizes()).toEqual(sizes);
});

it('an erasure leaves lines of others in the same files as they were', () => {
  expect(linesWith(kontor, 'c1,')).toEqual([record('c1', CUSTOMER_NUMBER).trimEnd()]);
  expect(linesWith(kontor, 'c2,')).toEqual([record('c2', CUSTOMER_NUMBER).trimEnd()]);
});

it('an erasure leaves files that hold nothing of the person where they are', async () => {
  const rows = await allRows<{ same: boolean }>(
    kontor,
    `SELECT stored_as LIKE '%' || sha256 AS same FROM usage_file ORDER BY id`,
  );
  expect(rows.map(({ same }) => same)).toEqual([false, false, false, false, true]);
});

it('a file that was not imported yet is rated afterwards as if nothing had been', async () => {
  const given = { fileId: waiting, sourceId: world.sources.kontor };
  const run = await call(kontor, world.token, IMPORT, given);
  await runEnd(kontor, world.token, run.id);
  expect(await fileCounts(kontor, world.token, waiting)).toMatchObject({ rated: '1' });
  const query = `query { xdrs(first: 10, filter: {
    from: "2026-10-01T00:00:00Z", to: "2026-11-01T00:00:00Z" }) { nodes { aNumber bNumber } } }`;
  const { nodes } = await call(kontor, world.token, query);
  const own = nodes.filter((xdr: { aNumber: string }) => xdr.aNumber !== CUSTOMER_NUMBER);
  expect(own).toHaveLength(2);
  expect(own[0]).toEqual(own[1]);
});
