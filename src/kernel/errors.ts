/**
 * A list of refusal codes with one describing sentence each. Every capability exports one; the
 * schema turns all of them into a single GraphQL enum, so a code is unique over the whole system.
 */
export type ErrorCatalogue = Readonly<Record<string, string>>;

/**
 * A refusal: the request was understood and the answer is no. Callers see `code`, `message` and
 * `details`, so none of the three may hold a secret or an internal name.
 */
export class DomainError extends Error {
  readonly code: string;
  readonly details: Record<string, unknown>;

  constructor(code: string, message: string, details: Record<string, unknown> = {}) {
    super(message);
    this.name = 'DomainError';
    this.code = code;
    this.details = details;
  }
}

/** A broken assumption of our own: the request dies and the client learns nothing but an id. */
export class Bug extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'Bug';
  }
}

/** Throws {@link Bug} unless the condition holds. Use it for assumptions, never for user input. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Bug(message);
}

/**
 * Refusals that any capability may meet through kernel values, as far as a request can lead to
 * them: amounts of two currencies, weights, cycles and doubled times are never given.
 */
export const kernelErrors = {
  INVALID_MONEY: 'The text is not a plain decimal amount with at most 8 decimals.',
  INVALID_CURRENCY: 'The code is not an active ISO 4217 currency.',
  INVALID_NUMBER: 'The value is not a number of the expected kind.',
  INVALID_PERIOD: 'A period must end after it begins.',
  INVALID_DATE: 'The text is not a date of the calendar.',
  INVALID_TIME_ZONE: 'The name is not an IANA time zone.',
  INVALID_ID: 'The identifier is not one that this API issued for this type.',
  INVALID_CURSOR: 'The cursor is not one that this API issued.',
} as const satisfies ErrorCatalogue;
