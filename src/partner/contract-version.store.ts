import DataLoader from 'dataloader';
import { grouped, type Period } from '../kernel/index.js';
import { knownUntil, type RequestContext, type Tx } from '../platform/index.js';
import type { ContractNotice } from './contract-guard.entity.js';
import type { Amendment, KnownVersion } from './contract-rules.js';
import { ContractVersion } from './contract-version.entity.js';

const UNTIL = knownUntil(':known');

/** Terms ready to be recorded. */
export interface RecordedTerms {
  readonly added: Period;
  readonly currency: string;
  readonly timeZone: string;
  readonly roundingDecimals: number;
  readonly roundingMode: string;
  readonly taxCode: string;
  readonly taxPercent: string;
  readonly paymentTermsDays: number;
  readonly notice?: ContractNotice | null;
  readonly marginPolicy: string;
  readonly bandPolicy: string;
  readonly conversion: string;
  readonly lists: readonly RecordedList[];
}

/** The price list of a service, or of a service over one trunk. */
export interface RecordedList {
  readonly service: string;
  readonly trunkId: number | null;
  readonly priceListId: number;
}

interface ContractKey {
  readonly id: number;
  readonly partnerId: number;
}

/** Makes every other change of this contract's terms wait for the end of the transaction. */
export async function lockContract(tx: Tx, contractId: number): Promise<void> {
  await tx.query('SELECT id FROM contract WHERE id = $1 FOR UPDATE', [contractId]);
}

/** The versions that count now, by the beginning of their validity. */
export async function knownVersions(tx: Tx, contractId: number): Promise<KnownVersion[]> {
  const rows = await tx.query<{ id: number; valid_from: Date; valid_to: Date | null }[]>(
    `SELECT id, valid_from, valid_to FROM contract_version
     WHERE contract_id = $1 AND superseded_at IS NULL ORDER BY valid_from`,
    [contractId],
  );
  return rows.map((row) => ({
    id: row.id,
    valid: { from: row.valid_from.getTime(), to: row.valid_to?.getTime() ?? null },
  }));
}

/** Records terms of a contract that the transaction has locked. */
export async function recordTerms(
  tx: Tx,
  contract: ContractKey,
  terms: RecordedTerms,
): Promise<void> {
  await insertVersion(tx, contract, terms, await recordingMoment(tx, contract.id));
}

/** Supersedes versions, records what stays of them, and the new terms, all at one moment. */
export async function recordAmendment(
  tx: Tx,
  contract: ContractKey,
  amendment: Amendment,
  terms: RecordedTerms,
): Promise<void> {
  const moment = await recordingMoment(tx, contract.id);
  await tx.query('UPDATE contract_version SET superseded_at = $2 WHERE id = ANY($1)', [
    amendment.superseded,
    moment,
  ]);
  for (const { id, valid } of amendment.kept) await copyVersion(tx, id, valid, moment);
  await insertVersion(tx, contract, terms, moment);
}

/**
 * When a change counts as recorded: the clock of the database once the contract is locked, in
 * whole milliseconds as the API shows it, and never before what is recorded already.
 */
async function recordingMoment(tx: Tx, contractId: number): Promise<string> {
  const rows = await tx.query<{ moment: string }[]>(
    `SELECT greatest(date_trunc('milliseconds', clock_timestamp()),
       (SELECT max(recorded_at) FROM contract_version WHERE contract_id = $1))::text AS moment`,
    [contractId],
  );
  return (rows[0] as { moment: string }).moment;
}

async function insertVersion(
  tx: Tx,
  contract: ContractKey,
  terms: RecordedTerms,
  moment: string,
): Promise<void> {
  const rows = await tx.query<{ id: number }[]>(
    `INSERT INTO contract_version (contract_id, partner_id, valid_from, valid_to, recorded_at,
       currency, time_zone, rounding_decimals, rounding_mode, tax_code, tax_percent,
       payment_terms_days, notice, margin_policy, band_policy, conversion)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
     RETURNING id`,
    [
      contract.id,
      contract.partnerId,
      new Date(terms.added.from),
      terms.added.to === null ? null : new Date(terms.added.to),
      moment,
      terms.currency,
      terms.timeZone,
      terms.roundingDecimals,
      terms.roundingMode,
      terms.taxCode,
      terms.taxPercent,
      terms.paymentTermsDays,
      terms.notice ?? null,
      terms.marginPolicy,
      terms.bandPolicy,
      terms.conversion,
    ],
  );
  await tx.query(
    `INSERT INTO contract_price_list (contract_version_id, partner_id, service, trunk_id,
       price_list_id)
     SELECT $1, $2, list.* FROM unnest($3::text[], $4::int[], $5::int[]) AS list`,
    [
      (rows[0] as { id: number }).id,
      contract.partnerId,
      terms.lists.map((list) => list.service),
      terms.lists.map((list) => list.trunkId),
      terms.lists.map((list) => list.priceListId),
    ],
  );
}

async function copyVersion(tx: Tx, id: number, valid: Period, moment: string): Promise<void> {
  const rows = await tx.query<{ id: number }[]>(
    `INSERT INTO contract_version (contract_id, partner_id, valid_from, valid_to, recorded_at,
       currency, time_zone, rounding_decimals, rounding_mode, tax_code, tax_percent,
       payment_terms_days, bill_cycle, notice, margin_policy, band_policy, conversion)
     SELECT contract_id, partner_id, $2, $3, $4, currency, time_zone, rounding_decimals,
       rounding_mode, tax_code, tax_percent, payment_terms_days, bill_cycle, notice,
       margin_policy, band_policy, conversion
     FROM contract_version WHERE id = $1 RETURNING id`,
    [id, new Date(valid.from), valid.to === null ? null : new Date(valid.to), moment],
  );
  await tx.query(
    `INSERT INTO contract_price_list (contract_version_id, partner_id, service, trunk_id,
       price_list_id)
     SELECT $2, partner_id, service, trunk_id, price_list_id
     FROM contract_price_list WHERE contract_version_id = $1`,
    [id, (rows[0] as { id: number }).id],
  );
}

/** Which versions to read: those in force at an instant, or all; as known at an instant, or now. */
export interface VersionMoment {
  readonly asOf: Date | null;
  readonly asKnownAt: Date | null;
}

const loaderKeys = new Map<string, object>();
const MAX_LOADER_KEYS = 1_000;

/** The request's loader of versions by contract, in order of validity. */
export function versionLoader(
  context: RequestContext,
  moment: VersionMoment,
): DataLoader<number, ContractVersion[]> {
  const name = `${moment.asOf?.getTime()} ${moment.asKnownAt?.getTime()}`;
  // The keys only have to be the same object within one request, so forgetting them is harmless
  // but for a loader more.
  if (loaderKeys.size > MAX_LOADER_KEYS) loaderKeys.clear();
  const key = loaderKeys.get(name) ?? {};
  loaderKeys.set(name, key);
  return context.loader(key, (read) => {
    return new DataLoader<number, ContractVersion[]>(async (contracts) => {
      const query = (await read())
        .createQueryBuilder(ContractVersion, 'row')
        .where('row.contractId = ANY(:contracts)', { contracts: [...contracts] });
      if (moment.asOf !== null) {
        query.andWhere('row.validFrom <= :asOf AND (row.validTo IS NULL OR row.validTo > :asOf)', {
          asOf: moment.asOf,
        });
      }
      if (moment.asKnownAt === null) query.andWhere('row.supersededAt IS NULL');
      else {
        query.andWhere(
          `row.recordedAt <= ${UNTIL}
             AND (row.supersededAt IS NULL OR row.supersededAt > ${UNTIL})`,
          { known: moment.asKnownAt },
        );
      }
      const rows = await query.orderBy('row.validFrom').getMany();
      const groups = grouped(rows, (row) => row.contractId);
      return contracts.map((id) => groups.get(id) ?? []);
    });
  });
}
