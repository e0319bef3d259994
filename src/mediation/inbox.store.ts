import { type Database, rowsOf, type Tx } from '../platform/index.js';
import type { Arrival, StoredContent } from './file-storage.service.js';
import { registerFile } from './upload.service.js';
import type { UsageFileService } from './usage-file.service.js';
import type { UsageSource } from './usage-source.entity.js';

/** A file that lies in the inbox, taken from everybody else. */
export interface Delivery {
  readonly source: UsageSource;
  readonly name: string;
  readonly arrival: Arrival;
  /** Where its bytes go, below the inbox, when they turn out to be known. */
  readonly keptAs: string;
}

/**
 * IMPORTED: content, row and run are safe. DUPLICATE: the content was imported before, which is
 * recorded. AGAIN: the file changed, or others were quicker; look again later.
 */
export type DeliveryOutcome = 'IMPORTED' | 'DUPLICATE' | 'AGAIN';

interface KnownFile {
  readonly id: number;
  readonly arrived_as: string | null;
  readonly imported: boolean;
  readonly purged: boolean;
}

/**
 * Registers a delivery and starts its import in one transaction. `adopt` stores the content and
 * is called only when it is new. Repeating it for the same delivery changes nothing.
 */
export async function registerDelivery(
  database: Database,
  files: UsageFileService,
  delivery: Delivery,
  adopt: () => Promise<StoredContent | null>,
): Promise<DeliveryOutcome> {
  const { partnerId } = delivery.source;
  const scope = { partnerId };
  const { sha256, arrivedAs } = delivery.arrival;
  const known = await database.read(scope, (tx) => knownFile(tx, partnerId, sha256));
  if (known?.imported) {
    if (known.arrived_as === arrivedAs) return 'IMPORTED';
    await database.write(scope, (tx) => recordDuplicate(tx, known.id, delivery));
    return 'DUPLICATE';
  }
  const bytesOf = known?.purged ? null : known;
  const content = bytesOf === null ? await adopt() : null;
  if (bytesOf === null && content === null) return 'AGAIN';
  return database.write(scope, async (tx) => {
    const id = bytesOf?.id ?? (await registered(tx, delivery, content));
    if (id === null) return 'AGAIN';
    // The same content may have come in by another delivery since; the next look tells.
    await tx.query('SELECT FROM usage_file WHERE id = $1 FOR UPDATE', [id]);
    if ((await knownFile(tx, partnerId, sha256))?.imported) return 'AGAIN';
    await tx.query('UPDATE usage_file SET arrived_as = $2 WHERE id = $1', [id, arrivedAs]);
    await files.startImport(tx, id, delivery.source, null);
    return 'IMPORTED';
  });
}

async function registered(
  tx: Tx,
  delivery: Delivery,
  content: StoredContent | null,
): Promise<number | null> {
  if (content === null) return null;
  const { source, name, arrival } = delivery;
  const { arrivedAs } = arrival;
  const sent = { name, arrivedAs, rateSheet: false };
  const row = await registerFile(tx, source.partnerId, content, sent);
  return row.created ? row.id : null;
}

async function knownFile(tx: Tx, partnerId: number, sha256: string): Promise<KnownFile | null> {
  const rows = rowsOf<KnownFile>(
    await tx.query(
      `SELECT f.id, f.arrived_as, f.purged_at IS NOT NULL AS purged,
         (r.state <> 'CANCELLED' AND (f.purged_at IS NULL OR f.state = 'DONE')) IS TRUE AS imported
       FROM usage_file f LEFT JOIN run r ON r.id = f.run_id
       WHERE f.partner_id = $1 AND f.sha256 = $2`,
      [partnerId, sha256],
    ),
  );
  return rows[0] ?? null;
}

async function recordDuplicate(tx: Tx, fileId: number, delivery: Delivery): Promise<void> {
  const { source, name, arrival, keptAs } = delivery;
  await tx.query(
    `INSERT INTO duplicate_file
       (partner_id, usage_file_id, usage_source_id, name, kept_as, arrived_as)
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (usage_file_id, arrived_as) DO NOTHING`,
    [source.partnerId, fileId, source.id, name, keptAs, arrival.arrivedAs],
  );
}
