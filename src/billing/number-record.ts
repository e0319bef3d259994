import { canonicalJson, fromGlobalRowId, toGlobalId } from '../kernel/index.js';

/** An invoice number with all that is written down of it outside of the database. */
export interface NumberRecord {
  /** Row of the seller. */
  readonly seller: number;
  readonly series: string;
  /** Its place within the series, from 1. */
  readonly place: number;
  readonly number: string;
  /** Row of the invoice; another one once the invoice was made anew after a restore. */
  readonly invoice: number;
  /** Row of the buyer. */
  readonly buyer: number;
  readonly currency: string;
  readonly gross: string;
  /** Of the document, hexadecimal. */
  readonly sha256: string;
  readonly issuedOn: string;
  readonly dueOn: string;
  /** ISO 8601 in UTC. */
  readonly issuedAt: string;
}

/** A line of the anchor: the text that was signed, and by whom. */
export interface SignedRecord {
  readonly record: string;
  /** Ed25519 over the text, base64. */
  readonly signature: string;
  readonly publicKey: string;
}

const KIND = 'invoice-number';

/** `INV-2026` and 1 give `INV-2026-000001`; numbers past a million grow a digit. */
export function invoiceNumber(series: string, place: number): string {
  return `${series}-${String(place).padStart(6, '0')}`;
}

/** What is signed of a number: canonical JSON with opaque identifiers. */
export function recordText(record: NumberRecord): string {
  const { seller, buyer, invoice } = record;
  return canonicalJson({
    ...record,
    kind: KIND,
    version: 1,
    seller: toGlobalId('Partner', seller),
    buyer: toGlobalId('Partner', buyer),
    invoice: toGlobalId('Invoice', invoice),
  });
}

/** The line of an anchor; null when it is none, as one that was cut off by a crash. */
export function readLine(line: string): SignedRecord | null {
  const found = asObject(line);
  if (found === null) return null;
  const { record, signature, publicKey } = found;
  const texts = [record, signature, publicKey];
  return texts.every((text) => typeof text === 'string') ? (found as never) : null;
}

/** The number that a signed text tells of; null when it tells of none. */
export function readRecord(text: string): NumberRecord | null {
  const found = asObject(text);
  if (found === null || found.kind !== KIND || found.version !== 1) return null;
  const { series, place, number, currency, gross, sha256, issuedOn, dueOn, issuedAt } = found;
  const texts = [series, number, currency, gross, sha256, issuedOn, dueOn, issuedAt];
  if (!texts.every((value) => typeof value === 'string')) return null;
  if (!Number.isSafeInteger(place) || (place as number) < 1) return null;
  try {
    const row = (type: string, id: unknown) => Number(fromGlobalRowId(type, String(id)));
    const record = {
      ...{ series, place, number, currency, gross, sha256, issuedOn, dueOn, issuedAt },
      seller: row('Partner', found.seller),
      buyer: row('Partner', found.buyer),
      invoice: row('Invoice', found.invoice),
    } as NumberRecord;
    return record.number === invoiceNumber(record.series, record.place) ? record : null;
  } catch {
    return null;
  }
}

function asObject(text: string): Record<string, unknown> | null {
  try {
    const found = JSON.parse(text) as unknown;
    return typeof found === 'object' && found !== null ? (found as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
