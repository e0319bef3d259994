import { DomainError } from '../kernel/index.js';
import type { EventRow } from './event.store.js';

const position = /^(0|[1-9]\d{0,17})$/;

/** The position that a subscriber resumes after, or null. Refuses with INVALID_CURSOR. */
export function resumeAfter(after: string | null | undefined): bigint | null {
  if (after === null || after === undefined) return null;
  if (position.test(after)) return BigInt(after);
  throw new DomainError('INVALID_CURSOR', 'The event id is not one that this API issued.', {
    after: after.slice(0, 64),
  });
}

export interface WatchRules<T> {
  /** What a subscriber gets for an event; null when it may not see it or nothing is left. */
  load(event: EventRow): Promise<T | null>;
  /** Whether nothing will follow the event; the subscription is completed then. */
  isLast?(event: EventRow): boolean;
}

/**
 * Turns events into what a subscriber gets, loaded at the moment of delivery, one after the
 * other. `return()` ends the source at once, even while an event is waited for.
 */
export function watch<T>(
  source: AsyncIterableIterator<EventRow>,
  rules: WatchRules<T>,
): AsyncIterableIterator<T> {
  let ended = false;
  const finish = async (): Promise<IteratorResult<T>> => {
    ended = true;
    await source.return?.();
    return { done: true, value: undefined };
  };
  const iterator: AsyncIterableIterator<T> = {
    async next() {
      while (!ended) {
        const step = await source.next();
        if (step.done === true) break;
        const item = await rules.load(step.value).catch(async (error: unknown) => {
          await finish();
          throw error;
        });
        if (item === null || ended) continue;
        if (rules.isLast?.(step.value) === true) await finish();
        return { done: false, value: item };
      }
      return finish();
    },
    return: finish,
    throw: finish,
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
}
