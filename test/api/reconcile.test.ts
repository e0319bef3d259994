import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NumberService, ReconcileService } from '../../src/billing/index.js';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import { as, BillDesk, PAGE, refusal, viewerOf } from '../fixtures/bill-desk.js';
import { aBillableContract, aBillingPartner, someUsage } from '../fixtures/billing.js';
import { anchorIn, numbersIn } from '../fixtures/numbers.js';

let desk: BillDesk;
let root: pg.Client;

beforeAll(async () => {
  desk = await BillDesk.open();
  root = new pg.Client({ connectionString: desk.database.urls.ownerUrl });
  await root.connect();
});
afterAll(async () => {
  await root?.end();
  await desk?.close();
});

interface Seller {
  readonly id: number;
  readonly run: string;
  readonly drafts: readonly string[];
}

async function aSeller(count: number): Promise<Seller> {
  const id = await aBillingPartner(desk.database, { parentId: desk.hub });
  for (let place = 0; place < count; place += 1) {
    const buyerId = await aBillingPartner(desk.database, { parentId: id, language: 'de' });
    const contract = await aBillableContract(desk.database, { sellerId: id, buyerId });
    const usage = { on: '2026-10-02', destinationId: desk.fixed, amount: `${place + 1}` };
    await someUsage(desk.database, contract, usage);
  }
  const run = await desk.bill(id);
  const page = await desk.database.read(as(id), (tx) => desk.invoices.ofRun(tx, run.id, PAGE));
  return { id, run: run.globalId, drafts: page.nodes.map((invoice) => invoice.globalId) };
}

const finalise = (seller: Seller, id: string | undefined) =>
  desk.database.write(as(seller.id), (tx) =>
    desk.invoices.finalise(tx, viewerOf(seller.id), String(id), null),
  );

/** The state before the numbers from a place on were given, as a restore brings it back. */
async function restoreBefore(seller: Seller, place: number): Promise<void> {
  await root.query(
    `BEGIN; SET LOCAL session_replication_role = replica;
     UPDATE invoice SET state = 'DRAFT', number = NULL, issued_on = NULL, due_on = NULL,
       finalised_at = NULL, pdf = NULL, pdf_sha256 = NULL
     WHERE id IN (SELECT invoice_id FROM invoice_number
       WHERE partner_id = ${seller.id} AND place >= ${place});
     DELETE FROM invoice_number WHERE partner_id = ${seller.id} AND place >= ${place};
     UPDATE invoice_number_series SET last_number = ${place - 1} WHERE partner_id = ${seller.id};
     COMMIT`,
  );
}

async function issued(seller: Seller) {
  return desk.database.read(as(seller.id), (tx) =>
    tx.query(
      `SELECT id, number, issued_on::text, due_on::text, finalised_at, pdf_sha256 FROM invoice
       WHERE seller_partner_id = $1 AND state = 'FINALISED' ORDER BY number`,
      [seller.id],
    ),
  );
}

function reconciled(now: Date | null) {
  const anchor = anchorIn(desk.anchorDir);
  const keys = new Set([anchor.publicKey]);
  return desk.database.write(SYSTEM_SCOPE, (tx) =>
    new ReconcileService(anchor).reconcile(tx, [], keys, now),
  );
}

/** What the anchor says of a seller. */
function written(seller: Seller, directory = desk.anchorDir) {
  const anchor = anchorIn(directory);
  const { records } = anchor.read([directory], new Set([anchor.publicKey]));
  return records.filter((record) => record.seller === seller.id);
}

describe('a number', () => {
  it('is written down before any transaction could show it', async () => {
    const seller = await aSeller(1);
    const [draft] = seller.drafts;
    const failing = desk.database.write(as(seller.id), async (tx) => {
      await desk.invoices.finalise(tx, viewerOf(seller.id), String(draft), null);
      throw new Error('rolled back on purpose');
    });
    await expect(failing).rejects.toThrow('on purpose');
    expect(await issued(seller)).toEqual([]);
    const [before] = written(seller);
    expect(before).toMatchObject({ number: 'INV-2026-000001', gross: '1.1900', currency: 'EUR' });
    // It stays with the draft, and the document is the one whose hash was written down.
    const { number, pdfSha256 } = await finalise(seller, draft);
    expect([number, pdfSha256]).toEqual([before?.number, before?.sha256]);
    expect(written(seller)).toEqual([before]);
    await desk.expectSound();
  });

  it('freezes the draft that holds it', async () => {
    const seller = await aSeller(1);
    const [row] = await desk.database.read(SYSTEM_SCOPE, (tx) =>
      tx.query('SELECT id FROM invoice WHERE seller_partner_id = $1', [seller.id]),
    );
    await desk.numbers.hold(row.id);
    for (const sql of [
      'UPDATE invoice SET gross = gross + 1, net = net + 1 WHERE id = $1',
      `UPDATE invoice SET state = 'FINALISED', number = 'INV-2026-000009', issued_on = now(),
         due_on = now(), finalised_at = now(), pdf = '', pdf_sha256 = '' WHERE id = $1`,
      'UPDATE usage_summary SET amount = 0 WHERE invoice_id = $1',
      `UPDATE invoice_number SET number = 'INV-2026-000009' WHERE invoice_id = $1`,
      `UPDATE invoice_number SET state = 'LOST' WHERE invoice_id = $1`,
    ]) {
      const change = desk.database.write(SYSTEM_SCOPE, (tx) => tx.query(sql, [row.id]));
      expect([sql, await refusal(change)]).toEqual([sql, '23001']);
    }
    expect(await refusal(root.query('DELETE FROM invoice_number'))).toBe('23001');
    expect(await refusal(root.query('TRUNCATE invoice_number'))).toBe('23001');
    await finalise(seller, seller.drafts[0]);
    await desk.expectSound();
  });

  it('is not given while nothing can be written down', async () => {
    const seller = await aSeller(2);
    const blocked = join(desk.anchorDir, 'blocked');
    writeFileSync(blocked, '');
    const numbers: NumberService = numbersIn(desk.database, blocked, () => desk.now);
    const rows = await desk.database.read(SYSTEM_SCOPE, (tx) =>
      tx.query('SELECT id FROM invoice WHERE seller_partner_id = $1 ORDER BY id', [seller.id]),
    );
    expect(await refusal(numbers.hold(rows[0].id))).toBe('NUMBER_NOT_KEPT');
    expect(await issued(seller)).toEqual([]);
    const second = await finalise(seller, seller.drafts[1]);
    const first = await finalise(seller, seller.drafts[0]);
    expect([second.number, first.number]).toEqual(['INV-2026-000001', 'INV-2026-000002']);
    await desk.expectSound();
  });

  it('is written down again when the anchor is gone', async () => {
    const seller = await aSeller(3);
    for (const draft of seller.drafts) await finalise(seller, draft);
    const before = written(seller);
    rmSync(join(desk.anchorDir, `invoice-numbers-${seller.id}-INV-2026.jsonl`));
    await desk.numbers.sync();
    expect(written(seller)).toEqual(before);
    await desk.numbers.sync();
    expect(written(seller)).toHaveLength(3);
  });

  it('is written down again when a later one is all that the anchor has', async () => {
    const seller = await aSeller(12);
    const run = await desk.database.write(as(seller.id), (tx) =>
      desk.runs.finalise(tx, viewerOf(seller.id), seller.run, null),
    );
    await desk.work();
    expect(run.batchesTotal).toBe(12);
    const path = join(desk.anchorDir, `invoice-numbers-${seller.id}-INV-2026.jsonl`);
    // The last line alone, as a number leaves it that is given when the folder has gone.
    writeFileSync(path, readFileSync(path, 'utf8').split('\n').slice(-2).join('\n'));
    await desk.numbers.sync();
    expect(new Set(written(seller).map(({ place }) => place)).size).toBe(12);
    expect(anchorIn(desk.anchorDir).highest(seller.id, 'INV-2026')).toBe(12);
    const last = readFileSync(path, 'utf8').trimEnd().split('\n').at(-1);
    expect(last).toContain('INV-2026-000012');
  });

  it('survives a line that was cut off, and counts no line that nobody has signed', async () => {
    const seller = await aSeller(2);
    await finalise(seller, seller.drafts[0]);
    const path = join(desk.anchorDir, `invoice-numbers-${seller.id}-INV-2026.jsonl`);
    const [line = ''] = readFileSync(path, 'utf8').split('\n');
    appendFileSync(path, line.slice(0, 100));
    await finalise(seller, seller.drafts[1]);
    appendFileSync(path, `${line.replace('INV-2026-000001', 'INV-2026-000007')}\n`);
    expect(written(seller).map(({ place }) => place)).toEqual([1, 2]);
  });
});

describe('a database that was restored under its anchor', () => {
  it('issues nothing until it is reconciled, and then no number twice', async () => {
    const seller = await aSeller(4);
    for (const draft of seller.drafts.slice(0, 3)) await finalise(seller, draft);
    const before = await issued(seller);
    await restoreBefore(seller, 2);
    // One of the two drafts is not what it was: somebody corrected it in the meantime.
    await root.query(
      `UPDATE invoice SET document = jsonb_set(document, '{buyer,name}', '"Other GmbH"')
       WHERE id = ${before[2].id}`,
    );
    for (const draft of [seller.drafts[1], seller.drafts[3]]) {
      expect(await refusal(finalise(seller, draft))).toBe('NUMBERS_NOT_RECONCILED');
    }
    const start = desk.database.write(as(seller.id), (tx) =>
      desk.runs.finalise(tx, viewerOf(seller.id), seller.run, null),
    );
    expect(await refusal(start)).toBe('NUMBERS_NOT_RECONCILED');

    const seen = await reconciled(null);
    expect(seen.findings.map(({ number, fate }) => [number, fate])).toEqual([
      ['INV-2026-000002', 'RECOVERED'],
      ['INV-2026-000003', 'LOST'],
    ]);
    expect(await issued(seller)).toEqual(before.slice(0, 1));
    await reconciled(desk.now);
    expect(await issued(seller)).toEqual(before.slice(0, 2));
    expect((await reconciled(null)).findings).toEqual([]);

    const numbers = [];
    for (const draft of [seller.drafts[2], seller.drafts[3]]) {
      numbers.push((await finalise(seller, draft)).number);
    }
    expect(numbers).toEqual(['INV-2026-000004', 'INV-2026-000005']);
    const [lost] = await desk.database.read(as(seller.id), (tx) =>
      tx.query(`SELECT number, state, known, lost_at FROM invoice_number WHERE state = 'LOST'`),
    );
    expect(lost).toMatchObject({
      number: 'INV-2026-000003',
      known: { sha256: before[2].pdf_sha256, currency: 'EUR' },
      lost_at: desk.now,
    });
    await desk.expectSound();
  });

  it('goes on when it was restored to before its first number of the year', async () => {
    const seller = await aSeller(2);
    await finalise(seller, seller.drafts[0]);
    const before = await issued(seller);
    await restoreBefore(seller, 1);
    await root.query(
      `BEGIN; SET LOCAL session_replication_role = replica;
       DELETE FROM invoice_number_series WHERE partner_id = ${seller.id}; COMMIT`,
    );
    expect(await refusal(finalise(seller, seller.drafts[1]))).toBe('NUMBERS_NOT_RECONCILED');
    await reconciled(desk.now);
    expect(await issued(seller)).toEqual(before);
    expect((await finalise(seller, seller.drafts[1])).number).toBe('INV-2026-000002');
    await desk.expectSound();
  });

  it('tells of numbers that were given twice while there was no anchor', async () => {
    const seller = await aSeller(2);
    await finalise(seller, seller.drafts[0]);
    const path = join(desk.anchorDir, `invoice-numbers-${seller.id}-INV-2026.jsonl`);
    const kept = readFileSync(path, 'utf8');
    await restoreBefore(seller, 1);
    rmSync(path);
    await finalise(seller, seller.drafts[1]);
    appendFileSync(path, kept);
    const { findings } = await reconciled(null);
    expect(findings).toMatchObject([{ number: 'INV-2026-000001', fate: 'REISSUED' }]);
    rmSync(path);
    await desk.numbers.sync();
    await desk.expectSound();
  });
});
