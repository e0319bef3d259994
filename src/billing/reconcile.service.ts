import { toGlobalId } from '../kernel/index.js';
import type { Tx } from '../platform/index.js';
import { finaliseHeld, insertHeld, renderIssued, sha256 } from './finalise.store.js';
import { loadDocument } from './invoice.store.js';
import type { NumberAnchor } from './number-anchor.service.js';
import { invoiceNumber, type NumberRecord } from './number-record.js';
import {
  draftsLike,
  insertLost,
  type KnownNumber,
  knownNumbers,
  lockSeries,
  partnerExists,
  raiseSeries,
  skipIdentifiers,
} from './reconcile.store.js';

/**
 * What becomes of a number that the anchor and the database do not agree on:
 *
 * - RECOVERED: a draft is the very document, byte for byte, and gets its number back.
 * - LOST: its invoice is gone; the register explains the gap and nobody gets the number again.
 * - REISSUED: the database has given it to another document. Nothing can be done about it here.
 * - SELLER_UNKNOWN: the seller itself is gone; there is nothing left to give the number again.
 */
export type NumberFate = 'RECOVERED' | 'LOST' | 'REISSUED' | 'SELLER_UNKNOWN';

/** A number on which the anchor and the database do not agree. */
export interface NumberFinding {
  readonly seller: number;
  readonly number: string;
  readonly fate: NumberFate;
  /** What was written down of it; null when it never reached anybody. */
  readonly record: NumberRecord | null;
}

/** What came of holding the anchors against the database. */
export interface Reconciliation {
  readonly findings: readonly NumberFinding[];
  /** Numbers that were read from the anchors, and lines that say nothing. */
  readonly records: number;
  readonly untrusted: number;
}

/** Holds the numbers written down outside of the database against the register within. */
export class ReconcileService {
  readonly #anchor: NumberAnchor;

  constructor(anchor: NumberAnchor) {
    this.#anchor = anchor;
  }

  /**
   * Compares the register with the anchor and with those in further folders, as far as one of the
   * keys has signed them. At `now` gives numbers back to the drafts that are their documents,
   * enters the others as lost and lets every series go on behind them; null changes nothing.
   */
  async reconcile(
    tx: Tx,
    folders: readonly string[],
    keys: ReadonlySet<string>,
    now: Date | null,
  ): Promise<Reconciliation> {
    const { directory } = this.#anchor;
    const content = this.#anchor.read([...new Set([directory, ...folders])], keys);
    const findings: NumberFinding[] = [];
    for (const records of bySeries(content.records)) {
      findings.push(...(await reconcileSeries(tx, records, now)));
    }
    if (now !== null && findings.length > 0) {
      const most = (rows: readonly number[]) => rows.reduce((a, b) => Math.max(a, b), 1);
      const partners = content.records.flatMap(({ seller, buyer }) => [seller, buyer]);
      const invoices = content.records.map(({ invoice }) => invoice);
      await skipIdentifiers(tx, most(partners), most(invoices));
    }
    const { records, untrusted } = content;
    return { findings, records: records.length, untrusted };
  }
}

function bySeries(records: readonly NumberRecord[]): NumberRecord[][] {
  const groups = new Map<string, NumberRecord[]>();
  for (const record of records) {
    const name = `${record.seller} ${record.series}`;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [record]);
    else group.push(record);
  }
  return [...groups.values()];
}

async function reconcileSeries(
  tx: Tx,
  records: readonly NumberRecord[],
  now: Date | null,
): Promise<NumberFinding[]> {
  const [{ seller, series }] = records as [NumberRecord];
  if (!(await partnerExists(tx, seller))) {
    return records.map((record) => finding('SELLER_UNKNOWN', record));
  }
  const last = await lockSeries(tx, seller, series, now !== null);
  const known = await knownNumbers(tx, seller, series);
  const findings = records
    .filter((record) => record.place <= last && isAnother(record, known.get(record.place)))
    .map((record) => finding('REISSUED', record));
  const beyond = new Map(records.map((record) => [record.place, record]));
  const highest = Math.max(last, ...beyond.keys());
  if (now !== null && highest > last) await raiseSeries(tx, seller, series, highest, beyond);
  const taken = new Set<number>();
  for (let place = last + 1; place <= highest; place += 1) {
    const record = beyond.get(place) ?? null;
    const draft = record === null ? null : await draftOf(tx, record, taken);
    if (draft !== null) taken.add(draft.id);
    const number = invoiceNumber(series, place);
    const fate = draft === null ? 'LOST' : 'RECOVERED';
    findings.push({ seller, number, fate, record });
    if (now === null) continue;
    if (record === null || draft === null) {
      await insertLost(tx, { seller, series, place, number }, shown(record), now);
    } else {
      const { issuedOn, dueOn } = record;
      const dates = { issuedOn, dueOn, issuedAt: new Date(record.issuedAt) };
      await insertHeld(tx, draft.id, { seller, series, place, ...dates }, draft.pdf);
      await finaliseHeld(tx, draft.id);
    }
  }
  return findings;
}

/** Whether the register has another document under a number than was written down. */
function isAnother(record: NumberRecord, known: KnownNumber | undefined): boolean {
  return known !== undefined && known.sha256 !== null && known.sha256 !== record.sha256;
}

/** The draft that is, with the number, the very document of a record; null when there is none. */
async function draftOf(
  tx: Tx,
  record: NumberRecord,
  taken: ReadonlySet<number>,
): Promise<{ id: number; pdf: Buffer } | null> {
  for (const id of await draftsLike(tx, record)) {
    const draft = taken.has(id) ? null : await loadDocument(tx, id);
    if (draft === null) continue;
    const pdf = await renderIssued(draft, record);
    if (sha256(pdf) === record.sha256) return { id, pdf };
  }
  return null;
}

function finding(fate: NumberFate, record: NumberRecord): NumberFinding {
  const { seller, number } = record;
  return { seller, number, fate, record };
}

/** What the register keeps of a lost number, with opaque identifiers. */
function shown(record: NumberRecord | null): object | null {
  if (record === null) return null;
  const { buyer, invoice, currency, gross, sha256: hash, issuedOn, dueOn, issuedAt } = record;
  return {
    ...{ currency, gross, sha256: hash, issuedOn, dueOn, issuedAt },
    buyer: toGlobalId('Partner', buyer),
    invoice: toGlobalId('Invoice', invoice),
  };
}
