import DataLoader from 'dataloader';
import { DomainError, toGlobalId } from '../kernel/index.js';
import type { PriceLevel } from '../partner/index.js';
import {
  type Connection,
  type Page,
  pageOf,
  pageStart,
  type RequestContext,
  rowsOf,
  type Tx,
} from '../platform/index.js';
import {
  RerateDifference,
  type RerateDimension,
  type RerateFinding,
  type RerateGroup,
  type RerateOutcome,
  type RerateSums,
  RerateTotal,
} from './rerate.entity.js';

const SAMPLES = 20;

/** What some runs came to together. */
export async function outcomeOf(tx: Tx, runIds: readonly number[]): Promise<RerateOutcome> {
  const [row] = rowsOf<{ records: string; changed: string; adjusted: string }>(
    await tx.query(
      `SELECT coalesce(sum((result ->> 'records')::bigint), 0)::text AS records,
         coalesce(sum((result ->> 'changed')::bigint), 0)::text AS changed,
         coalesce(sum((result ->> 'adjusted')::bigint), 0)::text AS adjusted
       FROM run WHERE id = ANY ($1::int[])`,
      [runIds],
    ),
  );
  return { runIds, records: row!.records, changed: row!.changed, adjusted: row!.adjusted };
}

/** Differences of some runs at some levels by currency. */
export async function totalsOf(
  tx: Tx,
  runIds: readonly number[],
  levels: readonly PriceLevel[],
): Promise<RerateTotal[]> {
  const rows = rowsOf<RerateSums>(
    await tx.query(
      `SELECT currency, sum(records)::text AS records, sum(before)::text AS before,
         sum(after)::text AS after
       FROM rerate_difference WHERE run_id = ANY ($1::int[]) AND level = ANY ($2::text[])
       GROUP BY currency ORDER BY currency`,
      [runIds, levels],
    ),
  );
  return rows.map((row) => new RerateTotal(row));
}

/** Differences of some runs at some levels, added up by what is asked for, in a stable order. */
export async function listDifferences(
  tx: Tx,
  {
    runIds,
    levels,
  }: { readonly runIds: readonly number[]; readonly levels: readonly PriceLevel[] },
  by: readonly RerateDimension[],
  page: Page,
): Promise<Connection<RerateDifference>> {
  const pick = (dimension: RerateDimension, column: string, none: string) =>
    by.includes(dimension) ? column : none;
  const start = pageStart(page, GROUP_KEY.length);
  if (start?.some((value, at) => !isOfGroup(value, GROUP_KEY[at]!))) {
    throw new DomainError('INVALID_CURSOR', 'The cursor is not one of this list.');
  }
  const groups = rowsOf<RerateGroup>(
    await tx.query(
      `SELECT * FROM (
         SELECT ${pick('PARTNER', 'payer_partner_id', '0')} AS payer,
           ${pick('CONTRACT', 'contract_id', '0')} AS contract,
           ${pick('LEVEL', 'level', "''")} AS level,
           ${pick('SERVICE', 'service::int', '0')} AS service,
           ${pick('DESTINATION', 'destination_id', '0')} AS destination,
           ${pick('INVOICE', 'coalesce(invoice_id, 0)', '0')} AS invoice,
           currency, sum(records)::text AS records, sum(before)::text AS before,
           sum(after)::text AS after
         FROM rerate_difference WHERE run_id = ANY ($1::int[]) AND level = ANY ($10::text[])
         GROUP BY 1, 2, 3, 4, 5, 6, 7) g
       WHERE $3::text IS NULL OR (payer, contract, level, service, destination, invoice, currency)
         > ($3::int, $4::int, $5::text, $6::int, $7::int, $8::int, $9::text)
       ORDER BY payer, contract, level, service, destination, invoice, currency LIMIT $2`,
      [runIds, page.first + 1, ...(start ?? Array.from({ length: 7 }, () => null)), levels],
    ),
  );
  const result = pageOf(
    groups,
    page,
    ({ payer, contract, level, service, destination, ...rest }) => [
      payer,
      contract,
      level,
      service,
      destination,
      rest.invoice,
      rest.currency,
    ],
  );
  const shown = new Map(groups.map((group) => [group, new RerateDifference(group)]));
  return {
    edges: result.edges.map(({ cursor, node }) => ({ cursor, node: shown.get(node)! })),
    nodes: result.nodes.map((node) => shown.get(node)!),
    pageInfo: result.pageInfo,
  };
}

/** What a cursor says of a group, in the order of {@link listDifferences}. */
const GROUP_KEY = ['id', 'id', 'text', 'id', 'id', 'id', 'text'] as const;
const MOST_ID = 2 ** 31;

function isOfGroup(value: unknown, kind: (typeof GROUP_KEY)[number]): boolean {
  if (kind === 'text') return typeof value === 'string';
  return typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < MOST_ID;
}

/** Records of some runs that have no price any more, by code. */
export async function findingsOf(tx: Tx, runIds: readonly number[]): Promise<RerateFinding[]> {
  const rows = rowsOf<{ code: string; records: string; samples: string[] }>(
    await tx.query(
      `SELECT f.code, sum(f.records)::text AS records,
         (SELECT array_agg(s.sample) FROM (SELECT sample
           FROM rerate_finding g, unnest(g.samples) AS sample
           WHERE g.run_id = ANY ($1::int[]) AND g.code = f.code
           ORDER BY sample LIMIT ${SAMPLES}) s) AS samples
       FROM rerate_finding f WHERE f.run_id = ANY ($1::int[]) GROUP BY f.code ORDER BY f.code`,
      [runIds],
    ),
  );
  return rows.map(({ code, records, samples }) => ({
    code,
    records,
    xdrIds: samples.map((sample) => toGlobalId('Xdr', sample)),
  }));
}

/** When the prices of a preview were known, and whether they have changed since. */
export interface PreviewBook {
  readonly id: number;
  readonly knownAt: Date | null;
  readonly stale: boolean;
}

const BOOKS = Symbol('price books of change sets');

/** The request's loader of {@link PreviewBook} by the number of the change set. */
export function previewBooks(context: RequestContext): DataLoader<number, PreviewBook | undefined> {
  return context.loader(BOOKS, (read) => {
    return new DataLoader<number, PreviewBook | undefined>(async (ids) => {
      const tx = await read();
      const rows = rowsOf<PreviewBook>(
        await tx.query(
          `SELECT r.id, b.known_at AS "knownAt",
             coalesce(b.change < c.last_value, false) AS stale
           FROM rerate r LEFT JOIN price_book b ON b.id = r.price_book_id, book_change c
           WHERE r.id = ANY ($1::int[])`,
          [[...ids]],
        ),
      );
      const found = new Map(rows.map((row) => [row.id, row]));
      return ids.map((id) => found.get(id));
    });
  });
}
