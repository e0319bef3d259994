import { canonicalJson, DomainError } from '../kernel/index.js';
import { once, rowByGlobalId, rowOf, type Tx, type Viewer } from '../platform/index.js';
import { checkFormat } from './check-format.js';
import { type FormatDefinition, formatPresets } from './format.js';
import { type TriedRecord, tryFormat } from './try-format.js';
import { UsageFormat } from './usage-format.entity.js';
import type { TryUsageFormatArgs } from './usage-format.input.js';

const NAME = /^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,62}$/u;
const MAX_SAMPLE_BYTES = 65_536;

/** Formats: how the records of sources are written. */
export class UsageFormatService {
  /** A format by name, for a start: the definitions that come with the product. */
  presets(): { name: string; definition: FormatDefinition }[] {
    return Object.entries(formatPresets).map(([name, definition]) => ({ name, definition }));
  }

  /**
   * Records a definition as the next version of its name; an unchanged definition answers the
   * version that has it. Refuses with USAGE_FORMAT_INVALID, listing every place, or
   * USAGE_FORMAT_NAME_INVALID.
   */
  async create(
    tx: Tx,
    viewer: Viewer,
    input: { readonly name: string; readonly definition: unknown },
    idempotencyKey: string | null,
  ): Promise<UsageFormat> {
    if (!NAME.test(input.name)) {
      throw new DomainError('USAGE_FORMAT_NAME_INVALID', 'The name of the format is not allowed.');
    }
    const asked = { name: input.name, definition: checked(input.definition) };
    const made = await once(tx, viewer, idempotencyKey, 'createUsageFormat', asked, async () => ({
      id: await nextVersion(tx, viewer.partnerId, asked.name, asked.definition),
    }));
    return rowOf(tx, UsageFormat, 'UsageFormat', made.id);
  }

  /** Reads a sample with the parser that imports use; nothing is stored. */
  async try(tx: Tx, args: TryUsageFormatArgs): Promise<TriedRecord[]> {
    if (Buffer.byteLength(args.sample, 'utf8') > MAX_SAMPLE_BYTES) {
      throw new DomainError('USAGE_SAMPLE_TOO_LARGE', 'A sample has at most 65,536 bytes.');
    }
    const format = await rowByGlobalId(tx, UsageFormat, 'UsageFormat', args.formatId);
    const trunks: { id: number; name: string }[] = await tx.query('SELECT id, name FROM trunk');
    return tryFormat(format.definition, args.sample, args.timeZone, trunks);
  }
}

async function nextVersion(
  tx: Tx,
  partnerId: number,
  name: string,
  definition: FormatDefinition,
): Promise<number> {
  // Versions of one name are counted one after the other.
  await tx.query('SELECT pg_advisory_xact_lock($1, hashtext($2))', [partnerId, name]);
  const latest = await tx
    .createQueryBuilder(UsageFormat, 'row')
    .where({ partnerId, name })
    .orderBy('row.version', 'DESC')
    .getOne();
  if (latest !== null && isSameJson(latest.definition, definition)) return latest.id;
  const made = await tx.save(
    tx.create(UsageFormat, {
      partnerId,
      name,
      version: (latest?.version ?? 0) + 1,
      definition,
    }),
  );
  return made.id;
}

function checked(json: unknown): FormatDefinition {
  const outcome = checkFormat(json);
  if ('definition' in outcome) return outcome.definition;
  const places = outcome.problems.slice(0, 5).map(({ path }) => path || '/');
  throw new DomainError(
    'USAGE_FORMAT_INVALID',
    `The definition breaks rules at ${places.join(', ')}.`,
    { problems: outcome.problems },
  );
}

function isSameJson(a: unknown, b: unknown): boolean {
  return canonicalJson(a) === canonicalJson(b);
}
