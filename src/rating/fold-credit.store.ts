import type pg from 'pg';
import { type BatchTicket, rowsOf } from '../platform/index.js';
import { ExactSum } from './allowance-result.js';
import { tellCredit } from './credit-usage.store.js';

/** By how much folds change what subscriptions are charged, by month and subscription. */
export class CreditChanges {
  readonly #months = new Map<string, Map<number, ExactSum>>();

  add(month: string, subscriptionId: number, adjustment: number): void {
    if (adjustment !== 0) this.#sum(month, subscriptionId).add(adjustment);
  }

  /** Adds the changes of another fold. */
  take(other: CreditChanges): void {
    for (const [subscription, month, total] of other.all()) {
      this.#sum(month, subscription).addExact(total);
    }
  }

  all(): (readonly [subscriptionId: number, month: string, total: bigint])[] {
    return [...this.#months].flatMap(([month, changes]) =>
      [...changes].map(([subscription, { total }]) => [subscription, month, total] as const),
    );
  }

  #sum(month: string, subscriptionId: number): ExactSum {
    const changes = this.#months.get(month) ?? new Map<number, ExactSum>();
    this.#months.set(month, changes);
    const sum = changes.get(subscriptionId) ?? new ExactSum();
    changes.set(subscriptionId, sum);
    return sum;
  }
}

/** Tells credit control what changed for subscriptions that have a limit. */
export async function storeCredit(
  client: pg.Client,
  ticket: BatchTicket,
  changes: CreditChanges,
): Promise<void> {
  const entries = changes.all().filter(([, , total]) => total !== 0n);
  if (entries.length === 0) return;
  const limited = rowsOf<{ id: number }>(
    await client.query(
      'SELECT id FROM subscription WHERE id = ANY ($1::int[]) AND credit_limit IS NOT NULL',
      [entries.map(([id]) => id)],
    ),
  );
  const ids = new Set(limited.map(({ id }) => id));
  await tellCredit(
    client,
    ticket,
    entries
      .filter(([id]) => ids.has(id))
      .map(([id, month, total]) => [id, month, total.toString()] as const),
  );
}
