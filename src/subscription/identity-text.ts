import { DomainError } from '../kernel/index.js';

/** A number or a range of numbers, both ends included. */
export interface NumberRange {
  readonly kind: 'NUMBER' | 'RANGE';
  readonly from: bigint;
  readonly to: bigint;
}

const number = /^\+?([1-9]\d{2,14})$/;

/** E.164 digits, with or without plus, as a whole number. Refuses with INVALID_NUMBER. */
export function numberValue(text: string): bigint {
  const digits = number.exec(text.trim())?.[1];
  if (digits !== undefined) return BigInt(digits);
  throw new DomainError('INVALID_NUMBER', 'A number has 3 to 15 digits and begins with 1 to 9.', {
    value: text.slice(0, 40),
  });
}

/**
 * A number, or a range written `first-last` with ends of the same length. Refuses with
 * INVALID_NUMBER.
 */
export function numberRange(text: string): NumberRange {
  const [low = '', high, ...more] = text.split('-');
  const from = numberValue(low);
  if (high === undefined) return { kind: 'NUMBER', from, to: from };
  const to = numberValue(high);
  const sound = more.length === 0 && to >= from && String(to).length === String(from).length;
  if (sound) return to === from ? { kind: 'NUMBER', from, to } : { kind: 'RANGE', from, to };
  throw new DomainError(
    'INVALID_NUMBER',
    'A range is written first-last, its ends of the same length.',
    { value: text.slice(0, 40) },
  );
}
