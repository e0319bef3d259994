import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Invoice } from '../../src/billing/index.js';
import { type Run, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { as, BillDesk, PAGE, refusal, viewerOf } from '../fixtures/bill-desk.js';
import { aBillableContract, aBillingPartner, someUsage } from '../fixtures/billing.js';

let desk: BillDesk;

beforeAll(async () => {
  desk = await BillDesk.open();
});
beforeEach(() => desk.resetClock());
afterAll(() => desk?.close());

describe('finalisation', () => {
  async function drafts(count: number): Promise<{ sellerId: number; run: Run; ids: string[] }> {
    const sellerId = await aBillingPartner(desk.database, { parentId: desk.hub });
    for (let place = 0; place < count; place += 1) {
      const buyerId = await aBillingPartner(desk.database, { parentId: sellerId, language: 'de' });
      const contract = await aBillableContract(desk.database, { sellerId, buyerId });
      await someUsage(desk.database, contract, {
        on: '2026-10-02',
        destinationId: desk.fixed,
        amount: '3',
      });
    }
    const run = await desk.bill(sellerId);
    const page = await desk.database.read(as(sellerId), (tx) =>
      desk.invoices.ofRun(tx, run.id, PAGE),
    );
    return { sellerId, run, ids: page.nodes.map((invoice) => invoice.globalId) };
  }

  const finalise = (sellerId: number, id: string) =>
    desk.database.write(as(sellerId), (tx) =>
      desk.invoices.finalise(tx, viewerOf(sellerId), id, null),
    );

  it('numbers, dates and freezes, once', async () => {
    const { sellerId, ids } = await drafts(1);
    const [id] = ids as [string];
    // Half past eleven in the evening UTC is the next day in Berlin, and the next year.
    desk.now = new Date('2026-12-31T23:30:00Z');
    const first = await finalise(sellerId, id);
    desk.now = new Date('2027-02-01T10:00:00Z');
    const again = await finalise(sellerId, id);
    expect([again.number, again.issuedOn, again.dueOn, again.state]).toEqual([
      'INV-2027-000001',
      '2027-01-01',
      '2027-01-15',
      'FINALISED',
    ]);
    expect(again.pdfSha256).toBe(first.pdfSha256);
    await desk.expectSound();
  });

  it('is refused to the buyer, who does not see the draft either', async () => {
    const { sellerId, ids } = await drafts(1);
    const [id] = ids as [string];
    const invoice = (await desk.database.read(as(sellerId), (tx) =>
      desk.invoices.find(tx, id),
    )) as Invoice;
    const buyer = as(invoice.partnerId);
    expect(await desk.database.read(buyer, (tx) => desk.invoices.find(tx, id))).toBeNull();
    expect(await refusal(finalise(invoice.partnerId, id))).toBe('NOT_FOUND');
    await finalise(sellerId, id);
    await finalise(sellerId, id);
    expect(await desk.database.read(buyer, (tx) => desk.invoices.find(tx, id))).not.toBeNull();
    const told = await desk.database.read(buyer, (tx) =>
      tx.query(`SELECT key FROM event WHERE topic = 'invoice.finalised'`),
    );
    expect(told).toEqual([{ key: String(invoice.id) }]);
    expect(await refusal(finalise(invoice.partnerId, id))).toBe('NOT_FOUND');
  });

  it('leaves no gap when twenty at once are finalised and every third rolls back', async () => {
    const { sellerId, ids } = await drafts(20);
    let rolledBack = 0;
    const attempt = async (id: string, place: number): Promise<void> => {
      const failing = place % 3 === 0;
      const done = desk.database.write(as(sellerId), async (tx) => {
        await desk.invoices.finalise(tx, viewerOf(sellerId), id, null);
        if (failing) throw new Error('rolled back on purpose');
      });
      if (!failing) return done;
      await expect(done).rejects.toThrow('on purpose');
      rolledBack += 1;
      await finalise(sellerId, id);
    };
    await Promise.all(ids.map(attempt));
    expect(rolledBack).toBe(7);
    const numbers = await desk.database.read(as(sellerId), async (tx) => {
      const page = await desk.invoices.list(tx, { state: 'FINALISED' }, PAGE);
      return page.nodes.map((invoice) => invoice.number).sort();
    });
    expect(numbers).toEqual(
      Array.from(
        { length: 20 },
        (_, place) => `INV-2026-0000${String(place + 1).padStart(2, '0')}`,
      ),
    );
    await desk.expectSound();
  });

  it('finalises a whole run as a run, the second time nothing', async () => {
    const { sellerId, run, ids } = await drafts(3);
    const runId = run.globalId;
    const start = () =>
      desk.database.write(as(sellerId), (tx) =>
        desk.runs.finalise(tx, viewerOf(sellerId), runId, null),
      );
    const first = await start();
    await desk.work();
    const second = await start();
    expect(second.id).toBe(first.id);
    expect([second.state, second.batchesTotal]).toEqual(['DONE', 3]);
    const shown = await desk.database.read(as(sellerId), (tx) =>
      desk.runs.find(tx, first.globalId),
    );
    expect(shown?.totals).toEqual([
      {
        currency: 'EUR',
        invoices: 3,
        finalised: 3,
        basis: '9.00',
        net: '9.00',
        tax: '1.71',
        gross: '10.71',
      },
    ]);
    const numbers = await Promise.all(
      ids.map((id) => desk.database.read(as(sellerId), (tx) => desk.invoices.find(tx, id))),
    );
    expect(numbers.map((invoice) => invoice?.number).sort()).toEqual([
      'INV-2026-000001',
      'INV-2026-000002',
      'INV-2026-000003',
    ]);
    await desk.expectSound();
  });

  it('freezes the invoice, its lines, taxes, charges and usage for everybody', async () => {
    const { sellerId, ids } = await drafts(2);
    const [frozen, draft] = ids as [string, string];
    await finalise(sellerId, frozen);
    const id = (await desk.database.read(SYSTEM_SCOPE, (tx) => desk.invoices.find(tx, frozen)))?.id;
    const change = (sql: string) =>
      refusal(
        desk.database.write(SYSTEM_SCOPE, (tx) => tx.query(sql.replaceAll('$1', String(id)))),
      );
    for (const sql of [
      `UPDATE invoice SET due_on = due_on + 1 WHERE id = $1`,
      `UPDATE invoice SET pdf = '' WHERE id = $1`,
      `INSERT INTO invoice_line (invoice_id, partner_id, ordinal, kind, earlier, description,
         service, records, quantity, billed_quantity, basis, net, tax_code, tax_percent)
       SELECT invoice_id, partner_id, 99, kind, earlier, description, service, records, quantity,
         billed_quantity, basis, net, tax_code, tax_percent
       FROM invoice_line WHERE invoice_id = $1`,
      `INSERT INTO invoice_tax (invoice_id, partner_id, tax_code, tax_percent, basis, tax)
       SELECT id, partner_id, 'Z', 0, 0, 0 FROM invoice WHERE id = $1`,
      `UPDATE usage_summary SET invoice_id = NULL WHERE invoice_id = $1`,
      `UPDATE usage_summary SET amount = 0 WHERE invoice_id = $1`,
    ]) {
      expect([sql, await change(sql)]).toEqual([sql, '23001']);
    }
    expect(await change('DELETE FROM invoice WHERE id = $1')).toBe('42501');
    expect(await change('TRUNCATE invoice_line')).toBe('42501');
    const draftId = (await desk.database.read(SYSTEM_SCOPE, (tx) => desk.invoices.find(tx, draft)))
      ?.id;
    expect(
      await change(`UPDATE usage_summary SET records = records WHERE invoice_id = ${draftId}`),
    ).toBe('none');
    await desk.expectSound();
  });

  it('freezes it for the owner of the tables, too, as whom migrations run', async () => {
    const { sellerId, ids } = await drafts(1);
    await finalise(sellerId, ids[0] as string);
    const before = await evidence();
    const owner = new pg.Client({ connectionString: desk.database.urls.ownerUrl });
    await owner.connect();
    try {
      await owner.query('SET ROLE kontor_owner');
      await owner.query(
        `SELECT set_config('kontor.partner_ids', ids, false) FROM visible_partners(NULL)`,
      );
      for (const table of EVIDENCE) {
        const named = table === 'usage_summary' ? ' WHERE invoice_id IS NOT NULL' : '';
        const changes = [`UPDATE ${table} SET partner_id = 0${named}`];
        changes.push(`DELETE FROM ${table}${named}`);
        // No fee is charged in this file, and what changes no row meets no trigger of rows.
        const sqls = table === 'fee_charge' ? [] : changes;
        for (const sql of [...sqls, `TRUNCATE ${table} CASCADE`]) {
          const state = await refusal(owner.query(sql));
          expect([sql, state]).toEqual([sql, '23001']);
        }
      }
      expect(await refusal(owner.query('UPDATE invoice_number_series SET last_number = 0'))).toBe(
        '23001',
      );
    } finally {
      await owner.end();
    }
    expect(await evidence()).toEqual(before);
  });
});

/** What was issued, as it can be proven: documents, their parts, and the usage behind them. */
const EVIDENCE = [
  'invoice',
  'invoice_line',
  'invoice_tax',
  'fee_charge',
  'invoice_number_series',
  'usage_summary',
];

async function evidence(): Promise<unknown> {
  return desk.database.read(SYSTEM_SCOPE, async (tx) => {
    const documents = await tx.query(
      `SELECT id, encode(sha256(pdf), 'hex') = pdf_sha256 AS whole, md5(row_to_json(invoice)::text)
       FROM invoice WHERE state = 'FINALISED' ORDER BY id`,
    );
    expect(documents.length).toBeGreaterThan(0);
    for (const { whole } of documents) expect(whole).toBe(true);
    const parts: unknown[] = [];
    for (const table of EVIDENCE) {
      parts.push(
        await tx.query(`SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM ${table} t`),
      );
    }
    return { documents, parts };
  });
}
