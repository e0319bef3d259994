import { maskNumber, maskNumbersIn } from '../kernel/index.js';
import type { Change } from './act.js';

/** Columns whose values are secrets, or stand for one; the triggers leave them out, too. */
const SECRET = /password|secret|token|hash|sealed|encrypted|pepper|salt/;
/** Columns that hold a subscriber's number. */
const NUMBERS: Readonly<Record<string, readonly string[]>> = {
  subscription_identity: ['number_from', 'number_to'],
};
/** What tells who somebody is, of private customers and of the holders of lines. */
const PERSONAL: Readonly<Record<string, readonly string[]>> = {
  partner: ['name', 'legal_name', 'address', 'tax_number', 'email'],
  account: ['name'],
  contract: ['name'],
  subscription: ['label'],
};

/** A text of which only the length may be known. */
export function lengthOf(text: string): string {
  return `‹${[...text].length} characters›`;
}

/**
 * A change as it may be kept for ever: no secrets, numbers of subscribers masked, nothing by
 * which a private customer could be named, so that a person can be erased without touching the
 * audit. Partners that are organisations keep their names.
 */
export function maskChange(change: Change): Change {
  const person = change.table !== 'partner' || isPrivate(change);
  const personal = person ? (PERSONAL[change.table] ?? []) : [];
  const numbers = NUMBERS[change.table] ?? [];
  const mask = (row: Change['before']): Change['before'] => {
    if (row === null) return null;
    const shown = Object.entries(row).filter(([column]) => !SECRET.test(column));
    return Object.fromEntries(
      shown.map(([column, value]) => {
        if (value === null) return [column, null];
        if (numbers.includes(column)) return [column, maskNumber(value)];
        return [column, personal.includes(column) ? lengthOf(value) : maskText(column, value)];
      }),
    );
  };
  return { ...change, before: mask(change.before), after: mask(change.after) };
}

// Digits of keys, amounts and instants are no telephone numbers; free text may hold some.
const FREE_TEXT = new Set(['description', 'reason', 'text', 'message', 'details']);

function maskText(column: string, value: string): string {
  return FREE_TEXT.has(column) ? maskNumbersIn(value) : value;
}

// Of an update the kind is among the key, since it is not among what changed.
function isPrivate(change: Change): boolean {
  const kinds = [change.before?.kind, change.after?.kind, change.key.kind];
  return kinds.includes('PRIVATE_CUSTOMER');
}
