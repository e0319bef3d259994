import { assertTimeZone, DomainError } from '../kernel/index.js';
import {
  once,
  rowByGlobalId,
  rowNumber,
  rowOf,
  rowsOf,
  sqlState,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import { UsageFormat } from './usage-format.entity.js';
import { UsageSource } from './usage-source.entity.js';
import type { CreateUsageSourceInput } from './usage-source.input.js';

const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
const DOMAIN = /^[a-z0-9][a-z0-9.-]{0,62}$/;
const UNIQUE_VIOLATION = '23505';

/** Sources: what delivers usage files. */
export class UsageSourceService {
  /**
   * Creates a source. Refuses with USAGE_SOURCE_NAME_INVALID, USAGE_SOURCE_NAME_TAKEN,
   * IDENTITY_DOMAIN_INVALID, IDENTITY_DOMAIN_TAKEN, INVALID_TIME_ZONE, NOT_FOUND for a format
   * or TRUNK_NOT_FOUND_FOR_SOURCE.
   */
  async create(
    tx: Tx,
    viewer: Viewer,
    input: CreateUsageSourceInput,
    idempotencyKey: string | null,
  ): Promise<UsageSource> {
    const made = await once(tx, viewer, idempotencyKey, 'createUsageSource', input, async () => ({
      id: await this.#create(tx, viewer.partnerId, input),
    }));
    return rowOf(tx, UsageSource, 'UsageSource', made.id);
  }

  async #create(tx: Tx, partnerId: number, input: CreateUsageSourceInput): Promise<number> {
    if (!NAME.test(input.name)) {
      throw new DomainError('USAGE_SOURCE_NAME_INVALID', 'The name of the source is not allowed.');
    }
    assertTimeZone(input.timeZone);
    const format = await rowByGlobalId(tx, UsageFormat, 'UsageFormat', input.formatId);
    await claimDomain(tx, partnerId, input.identityDomain);
    const source = tx.create(UsageSource, {
      partnerId,
      usageFormatId: format.id,
      name: input.name,
      identityDomain: input.identityDomain,
      timeZone: input.timeZone,
      defaultInTrunkId: await trunkOf(tx, input.defaultInTrunkId),
      defaultOutTrunkId: await trunkOf(tx, input.defaultOutTrunkId),
    });
    try {
      return (await tx.save(source)).id;
    } catch (error) {
      if (sqlState(error) !== UNIQUE_VIOLATION) throw error;
      throw new DomainError('USAGE_SOURCE_NAME_TAKEN', 'Another source has this name.', {
        name: input.name,
      });
    }
  }
}

// A domain belongs to the partner that named it first. The conflict is noticed also when the row
// of the other partner cannot be seen.
async function claimDomain(tx: Tx, partnerId: number, domain: string): Promise<void> {
  if (!DOMAIN.test(domain)) {
    throw new DomainError('IDENTITY_DOMAIN_INVALID', 'The identity domain is not allowed.');
  }
  await tx.query(
    'INSERT INTO identity_domain (name, partner_id) VALUES ($1, $2) ON CONFLICT DO NOTHING',
    [domain, partnerId],
  );
  const own = rowsOf(
    await tx.query('SELECT 1 FROM identity_domain WHERE name = $1 AND partner_id = $2', [
      domain,
      partnerId,
    ]),
  );
  if (own.length === 1) return;
  throw new DomainError('IDENTITY_DOMAIN_TAKEN', 'Another partner uses this identity domain.', {
    identityDomain: domain,
  });
}

async function trunkOf(tx: Tx, globalId: string | null | undefined): Promise<number | null> {
  if (globalId === null || globalId === undefined) return null;
  const id = rowNumber('Trunk', globalId);
  const found = rowsOf(await tx.query('SELECT 1 FROM trunk WHERE id = $1', [id]));
  if (found.length === 1) return id;
  throw new DomainError('TRUNK_NOT_FOUND_FOR_SOURCE', 'There is no such trunk.', { id: globalId });
}
