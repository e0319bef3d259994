import {
  type Connection,
  once,
  type Page,
  pageById,
  rowOf,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import {
  type AllowanceTarget,
  allowanceScope,
  allowanceTarget,
  narrowAllowances,
} from './allowance.store.js';
import { assertBucket, assertCountsAlike } from './allowance-rules.js';
import { Bucket } from './bucket.entity.js';
import type { AllowanceFilter, AllowanceTargetInput, BucketInput } from './bucket.input.js';
import { changeVersioned, closeVersioned, type Lineage, versionOrNull } from './lineage.store.js';
import type { Moment } from './moment.store.js';

/** How buckets are kept in versions. */
export const BUCKET: Lineage<Bucket> = {
  entity: Bucket,
  table: 'bucket',
  type: 'Bucket',
  columns: `partner_id, name, service_plan_id, contract_id, services, destination_ids, kind, amount,
    sharing, priority, rollover_cap`,
};

/** Buckets, kept in versions by the seller. */
export class BucketService {
  /**
   * Creates a bucket of a plan or contract. Refuses with BUCKET_REFUSED, ALLOWANCE_TARGET_REFUSED,
   * NOT_SELLER, INVALID_PERIOD, PRICE_LIST_READ_ONLY or NOT_FOUND.
   */
  async create(
    tx: Tx,
    viewer: Viewer,
    target: AllowanceTargetInput,
    bucket: BucketInput,
    key: string | null,
  ): Promise<Bucket> {
    const made = await once(tx, viewer, key, 'createBucket', { target, bucket }, async () => ({
      id: await insertBucket(tx, await allowanceTarget(tx, target), null, bucket),
    }));
    return rowOf(tx, Bucket, 'Bucket', made.id);
  }

  /**
   * Makes a bucket be as given from the input's validFrom on; what was known of it from then on is
   * superseded. What it holds, and for whom, does not change. Refuses as {@link create}.
   */
  async change(
    tx: Tx,
    viewer: Viewer,
    id: string,
    bucket: BucketInput,
    key: string | null,
  ): Promise<Bucket> {
    return changeVersioned(
      tx,
      BUCKET,
      { viewer, id, input: bucket, key },
      (first) => assertCountsAlike('BUCKET_REFUSED', ['kind', 'sharing'], first, bucket),
      (first) => insertBucket(tx, first, first.id, bucket),
    );
  }

  /**
   * Ends a bucket at an instant; at or before its beginning it is withdrawn. Refuses with
   * VERSION_NOT_CLOSABLE, PRICE_LIST_READ_ONLY or NOT_FOUND.
   */
  async close(tx: Tx, viewer: Viewer, id: string, at: Date, key: string | null): Promise<Bucket> {
    return closeVersioned(tx, BUCKET, { viewer, id, input: at, key });
  }

  /** The version of a bucket at a moment, null when there is none or it is not visible. */
  async find(tx: Tx, id: string, moment: Moment): Promise<Bucket | null> {
    return versionOrNull(tx, BUCKET, id, moment);
  }

  /** Visible versions of buckets at a moment, by rising id of the version. */
  async list(
    tx: Tx,
    filter: AllowanceFilter,
    moment: Moment,
    page: Page,
  ): Promise<Connection<Bucket>> {
    return pageById(narrowAllowances(tx.createQueryBuilder(Bucket, 'row'), filter, moment), page);
  }
}

async function insertBucket(
  tx: Tx,
  target: AllowanceTarget,
  lineageId: number | null,
  bucket: BucketInput,
): Promise<number> {
  assertBucket(bucket);
  const inserted = await tx.insert(Bucket, {
    ...(lineageId === null ? {} : { lineageId }),
    ...(await allowanceScope(tx, target, bucket)),
    kind: bucket.kind,
    amount: bucket.amount,
    priority: bucket.priority,
    rolloverCap: bucket.rolloverCap ?? null,
  });
  return (inserted.identifiers[0] as { id: number }).id;
}
