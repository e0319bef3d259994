import { DomainError, formatAmount } from '../kernel/index.js';

const LEG_BYTES = 8;
const BATCH_SHIFT = 24n;

/** One price level of an xDR as it is stored: the terms and the rate; 0 stands for none. */
export interface XdrLeg {
  readonly contractVersionId: number;
  readonly rateId: number;
}

/** The legs in the bytes that an xDR keeps them in: two big-endian integers a level. */
export function decodeLegs(bytes: Buffer): XdrLeg[] {
  const legs: XdrLeg[] = [];
  for (let at = 0; at + LEG_BYTES <= bytes.length; at += LEG_BYTES) {
    legs.push({ contractVersionId: bytes.readInt32BE(at), rateId: bytes.readInt32BE(at + 4) });
  }
  return legs;
}

/** The batch that wrote an xDR: its id begins with it. */
export function batchOfXdr(id: string): number {
  return Number(BigInt(id) >> BATCH_SHIFT);
}

/**
 * What the opaque id of an xDR holds: beside its number the instant, in microseconds, which
 * leads to the part of the table where it lies.
 */
export function xdrKey(startedMicros: string, id: string): string {
  return `${startedMicros}.${id}`;
}

/** Microseconds since the epoch that an instant of the database can have. */
export const MICROS_TEXT = /^(-\d{1,17}|\d{1,18})$/;

/** Reads {@link xdrKey}; refuses with INVALID_ID anything else. */
export function parseXdrKey(key: string): { readonly startedMicros: string; readonly id: string } {
  const parts = /^([^.]+)\.(\d{1,18})$/.exec(key);
  const [, startedMicros = '', id = ''] = parts ?? [];
  if (MICROS_TEXT.test(startedMicros)) return { startedMicros, id };
  throw new DomainError('INVALID_ID', 'The identifier is not one of an xDR.');
}

/** A priced level with what its contract says; absent currency where no contract priced it. */
export interface PricedLevel {
  readonly amount: bigint;
  readonly currency: string | null;
}

/**
 * What is left between buying and selling, as a decimal: the second level less the first. Null
 * when one of them is missing or they are kept in different currencies. A level that no contract
 * priced costs nothing.
 */
export function margin(
  buy: PricedLevel | undefined,
  sell: PricedLevel | undefined,
): { readonly amount: string; readonly currency: string } | null {
  if (buy === undefined || sell === undefined || sell.currency === null) return null;
  if (buy.currency !== null && buy.currency !== sell.currency) return null;
  return { amount: formatAmount(sell.amount - buy.amount), currency: sell.currency };
}
