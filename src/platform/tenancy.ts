/**
 * SQL text of the tenancy rules, used by migrations and checked by the catalogue lint.
 *
 * A row belongs to the partner in its `partner_id`; a transaction sees the rows of the partners
 * listed in the transaction-local setting `kontor.partner_ids`. The list is computed from the
 * database once per request. An unset or empty list sees nothing.
 */
export const VISIBLE_PARTNERS =
  "(SELECT NULLIF(current_setting('kontor.partner_ids', true), '')::int[])::int[]";

/** Role that owns every object; it cannot log in and row security binds it too (FORCE). */
export const OWNER_ROLE = 'kontor_owner';
/** Role under which all requests and runs execute; row security always applies. */
export const APP_ROLE = 'kontor_app';
/** Role that may only append to leaf partitions by COPY; it can read nothing. */
export const LOADER_ROLE = 'kontor_loader';

/** Statements that make a table a tenant table: forced row security and grants for the app. */
export function tenantTable(table: string, grants = 'SELECT, INSERT, UPDATE'): string {
  return tenantTableBy(table, `partner_id = ANY (${VISIBLE_PARTNERS})`, grants);
}

/** As {@link tenantTable} with a visibility condition of its own. */
export function tenantTableBy(table: string, condition: string, grants: string): string {
  return `
    ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY;
    ALTER TABLE ${table} FORCE ROW LEVEL SECURITY;
    CREATE POLICY tenant ON ${table} USING (${condition}) WITH CHECK (${condition});
    GRANT ${grants} ON ${table} TO ${APP_ROLE};`;
}

/**
 * As {@link tenantTable} for what a partner shows to nobody, not to those above it either: rows are
 * seen where a request acts at their partner, which `kontor.acting` names, and by the system (`*`).
 */
export function ownTable(table: string, grants: string): string {
  const acting = "(SELECT current_setting('kontor.acting', true))";
  return tenantTableBy(
    table,
    `partner_id = ANY (${VISIBLE_PARTNERS}) AND ${acting} IN ('*', partner_id::text)`,
    grants,
  );
}

/** Statements for reference data that every tenant may read and no tenant owns. */
export function sharedTable(table: string, grants = 'SELECT, INSERT, UPDATE'): string {
  return `GRANT ${grants} ON ${table} TO ${APP_ROLE};`;
}

/**
 * Statements after which nobody changes, deletes or truncates rows of a table, its owner
 * included: evidence is only added to. Needs the functions refuse_change and refuse_truncate.
 */
export function appendOnly(table: string): string {
  return `
    REVOKE UPDATE, DELETE, TRUNCATE ON ${table} FROM ${APP_ROLE};
    CREATE TRIGGER ${table}_kept BEFORE UPDATE OR DELETE ON ${table}
      FOR EACH ROW EXECUTE FUNCTION refuse_change();
    CREATE TRIGGER ${table}_not_truncated BEFORE TRUNCATE ON ${table}
      FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();`;
}
