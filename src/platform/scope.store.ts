import type { SqlClient } from './sql-client.js';

/** What a transaction is for, which decides how long one statement of it may take. */
export type StatementClass = 'query' | 'mutation' | 'subscription' | 'run';

/**
 * Who is asking: the partner whose subtree the transaction sees, or the system itself, whose
 * runs work for every partner. Without a class reads are queries, writes are mutations, and the
 * system's are of runs.
 */
export type Scope = (
  | { readonly partnerId: number; readonly system?: never }
  | { readonly system: true; readonly partnerId?: never }
) & { readonly class?: StatementClass };

export const SYSTEM_SCOPE: Scope = { system: true };

const ENTER_SCOPE = `SELECT set_config('kontor.partner_ids', v.ids, true),
  set_config('kontor.depth', v.depth, true),
  set_config('kontor.acting', coalesce(($1::int)::text, '*'), true)
  FROM visible_partners($1) AS v`;
/** Enters a scope with the time that each following statement may take, in one round trip. */
export const ENTER_SCOPE_FOR = ENTER_SCOPE.replace(
  ' FROM',
  ", set_config('statement_timeout', $2, true) FROM",
);

/** Enters a scope inside a transaction, or enters it again to see partners made since. */
export async function enterScope(client: SqlClient, scope: Scope): Promise<void> {
  await client.query(ENTER_SCOPE, [scopeRoot(scope)]);
}

/** The partner below whom the scope sees everything; null where it sees all. */
export function scopeRoot(scope: Scope): number | null {
  return scope.system === true ? null : scope.partnerId;
}
