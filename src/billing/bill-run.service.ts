import { DomainError, monthPeriod, nextMonth, parseAmount } from '../kernel/index.js';
import { Partner } from '../partner/index.js';
import {
  type Connection,
  createRun,
  notFound,
  once,
  type Page,
  pageOf,
  pageStart,
  Run,
  rowByGlobalId,
  rowNumber,
  rowOf,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import { billCandidates, openRecords } from './bill.store.js';
import type { BillPayload } from './bill-executor.service.js';
import type { BillRun, BillRunFinding, BillRunTotal } from './bill-run.entity.js';
import { amountText } from './document.js';
import { type BillFinding, billFindingTexts } from './findings.js';
import type { NumberService } from './number.service.js';
import { monthSpan } from './prorate.js';

/** What a bill run was asked to do; stored with the run. */
interface BillParams {
  readonly step: BillPayload['step'];
  readonly period: string;
  readonly sellerPartnerId: number;
  /** What was found about the seller as a whole when the run was asked for. */
  readonly findings: readonly BillFinding[];
}

/** Starts bill runs and shows what came of them. */
export class BillRunService {
  readonly #now: () => Date;
  readonly #numbers: NumberService;

  constructor(now: () => Date, numbers: NumberService) {
    this.#now = now;
    this.#numbers = numbers;
  }

  /**
   * Starts billing what a seller has not billed for a month, one batch per contract.
   *
   * There is one run per seller and month at a time: asked again while it works, or when nothing
   * new has come, this answers the same run. When a run has ended and contracts are left (new
   * ones, or parked ones), a further run takes those; contracts that have their invoice of the
   * month are never billed again, and usage that comes later goes to their next invoice.
   *
   * Refuses with NOT_FOUND, BILL_PERIOD_NOT_OVER or NOTHING_TO_BILL.
   */
  async start(
    tx: Tx,
    viewer: Viewer,
    input: { period: string; sellerPartnerId: string | null },
    key: string | null,
  ): Promise<Run> {
    const { runId } = await once(tx, viewer, key, 'startBillRun', input, async () => {
      const sellerId =
        input.sellerPartnerId === null
          ? viewer.partnerId
          : rowNumber('Partner', input.sellerPartnerId);
      const seller = await rowOf(tx, Partner, 'Partner', sellerId);
      return { runId: await this.#start(tx, viewer, seller, input.period) };
    });
    return rowOf(tx, Run, 'Run', runId);
  }

  async #start(tx: Tx, viewer: Viewer, seller: Partner, period: string): Promise<number> {
    const month = monthSpan(period);
    const subject = `bill:${seller.id}:${period}`;
    const latest = await lockSubject(tx, subject);
    if (latest.open) return latest.runId as number;
    const candidates = await billCandidates(tx, seller.id, month);
    this.#refuseOpenPeriod(period, candidates);
    if (candidates.length === 0) {
      if (latest.runId !== null) return latest.runId;
      throw new DomainError('NOTHING_TO_BILL', 'There is nothing to bill in the period.', {
        period,
      });
    }
    const batches = candidates.map(({ contractId }) => {
      const payload: BillPayload = { step: 'BILL', contractId, period };
      return { payload, units: 1 };
    });
    const params: BillParams = {
      step: 'BILL',
      period,
      sellerPartnerId: seller.id,
      findings: await sellerFindings(tx, seller.id, period),
    };
    const run = await createRun(tx, {
      kind: 'BILL',
      partnerId: seller.id,
      subject: latest.next,
      params,
      requestedBy: viewer.userId,
      unitsTotal: batches.length,
      batches,
    });
    return run.runId;
  }

  #refuseOpenPeriod(period: string, candidates: readonly { timeZone: string }[]): void {
    const zones = new Set(candidates.map((candidate) => candidate.timeZone));
    for (const zone of zones) {
      const { to } = monthPeriod(zone, period);
      if (to !== null && to > this.#now().getTime()) {
        throw new DomainError('BILL_PERIOD_NOT_OVER', 'The period is not over yet.', {
          period,
          timeZone: zone,
          endsAt: new Date(to).toISOString(),
        });
      }
    }
  }

  /**
   * Starts finalising every draft of an ended bill run, in the order in which they were made.
   * Asked again it answers the same run. Refuses with NOT_FOUND, BILL_RUN_OPEN,
   * NOTHING_TO_FINALISE or NUMBERS_NOT_RECONCILED.
   */
  async finalise(tx: Tx, viewer: Viewer, runId: string, key: string | null): Promise<Run> {
    const answer = await once(tx, viewer, key, 'finaliseBillRun', { runId }, async () => {
      const { run, params } = await this.#billRun(tx, runId);
      if (run.state === 'READY' || run.state === 'RUNNING') {
        throw new DomainError('BILL_RUN_OPEN', 'The bill run has not ended yet.');
      }
      return { runId: await this.#finalise(tx, viewer, run, params) };
    });
    return rowOf(tx, Run, 'Run', answer.runId);
  }

  async #finalise(tx: Tx, viewer: Viewer, run: Run, params: BillParams): Promise<number> {
    const latest = await lockSubject(tx, `finalise:${run.id}`);
    if (latest.open) return latest.runId as number;
    const drafts: { id: number }[] = await tx.query(
      `SELECT id FROM invoice WHERE run_id = $1 AND state = 'DRAFT' ORDER BY id`,
      [run.id],
    );
    if (drafts.length === 0) {
      if (latest.runId !== null) return latest.runId;
      throw new DomainError('NOTHING_TO_FINALISE', 'The bill run has no draft invoice.');
    }
    await this.#numbers.refuseBehind(tx, params.sellerPartnerId);
    const batches = drafts.map(({ id }) => {
      const payload: BillPayload = { step: 'FINALISE', invoiceId: id };
      return { payload, units: 1 };
    });
    const { runId } = await createRun(tx, {
      kind: 'BILL',
      partnerId: run.partnerId,
      subject: latest.next,
      params: { ...params, step: 'FINALISE', findings: [] } satisfies BillParams,
      requestedBy: viewer.userId,
      unitsTotal: batches.length,
      batches,
    });
    return runId;
  }

  /** A bill run with its sums, or null when there is none to see. */
  async find(tx: Tx, runId: string): Promise<BillRun | null> {
    const found = await this.#billRun(tx, runId).catch((error: unknown) => {
      if (error instanceof DomainError && error.code === 'NOT_FOUND') return null;
      throw error;
    });
    if (found === null) return null;
    const { run, params } = found;
    const sums: BillRunTotal[] = await tx.query(
      `SELECT currency, count(*)::int AS invoices, sum(basis)::text AS basis,
         sum(net)::text AS net, sum(tax)::text AS tax, sum(gross)::text AS gross,
         (count(*) FILTER (WHERE state = 'FINALISED'))::int AS finalised
       FROM invoice WHERE id IN (SELECT jsonb_array_elements_text(b.result -> 'invoiceIds')::int
         FROM run_batch b WHERE b.run_id = $1 AND b.state = 'DONE')
       GROUP BY currency ORDER BY currency`,
      [run.id],
    );
    const totals = sums.map((sum) => ({
      ...sum,
      basis: amountText(parseAmount(sum.basis), sum.currency),
      net: amountText(parseAmount(sum.net), sum.currency),
      tax: amountText(parseAmount(sum.tax), sum.currency),
      gross: amountText(parseAmount(sum.gross), sum.currency),
    }));
    const { period, sellerPartnerId, step } = params;
    return { run, runId: run.id, step, period, sellerPartnerId, totals };
  }

  /** What the run found: about the seller first, then contract by contract. */
  async findings(tx: Tx, runId: number, page: Page): Promise<Connection<BillRunFinding>> {
    const [place = 0] = pageStart(page, 1) ?? [];
    if (typeof place !== 'number' || !Number.isInteger(place)) {
      throw new DomainError('INVALID_CURSOR', 'The cursor is not one of this list.');
    }
    const rows: BillRunFinding[] = await tx.query(
      `SELECT * FROM (
         SELECT row_number() OVER (ORDER BY source, ordinal, place)::int AS place,
           f ->> 'code' AS code, f ->> 'message' AS message,
           (f ->> 'contractId')::int AS "contractId", f -> 'details' AS details
         FROM (
           SELECT 0 AS source, 0 AS ordinal, e.f, e.place
           FROM run r, jsonb_array_elements(r.params -> 'findings') WITH ORDINALITY e (f, place)
           WHERE r.id = $1
           UNION ALL
           SELECT 1, b.ordinal, e.f, e.place FROM run_batch b,
             jsonb_array_elements(b.result -> 'findings') WITH ORDINALITY e (f, place)
           WHERE b.run_id = $1 AND b.state = 'DONE') AS every) AS numbered
       WHERE place > $2 ORDER BY place LIMIT $3`,
      [runId, place, page.first + 1],
    );
    return pageOf(rows, page, (row) => [row.place]);
  }

  async #billRun(tx: Tx, globalId: string): Promise<{ run: Run; params: BillParams }> {
    const run = await rowByGlobalId(tx, Run, 'Run', globalId);
    if (run.kind !== 'BILL') throw notFound('BillRun', globalId);
    return { run, params: run.params as BillParams };
  }
}

interface LatestRun {
  readonly runId: number | null;
  /** Whether it still works. */
  readonly open: boolean;
  /** Subject for a further run. */
  readonly next: string;
}

/**
 * The latest run about a subject. Until the transaction ends nobody else starts one about it, so
 * two requests at the same moment end in one run.
 */
async function lockSubject(tx: Tx, subject: string): Promise<LatestRun> {
  await tx.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [subject]);
  const rows: { id: number; state: string; subject: string }[] = await tx.query(
    `SELECT id, state, subject FROM run
     WHERE kind = 'BILL' AND (subject = $1 OR starts_with(subject, $1 || ':')) ORDER BY id DESC`,
    [subject],
  );
  const latest = rows.find((row) => row.state !== 'CANCELLED');
  return {
    runId: latest?.id ?? null,
    open: latest?.state === 'READY' || latest?.state === 'RUNNING',
    next: rows.length === 0 ? subject : `${subject}:${rows.length + 1}`,
  };
}

async function sellerFindings(tx: Tx, sellerId: number, period: string): Promise<BillFinding[]> {
  const since = new Date(monthPeriod('UTC', period).from);
  const open = await openRecords(tx, sellerId, since);
  return open.map((row) => ({
    code: 'OPEN_RECORDS',
    message: billFindingTexts.OPEN_RECORDS,
    contractId: null,
    details: { ...row, period, before: `${nextMonth(period)}-01` },
  }));
}
