import { formatAmount } from '../kernel/index.js';
import { recordFaults } from '../mediation/index.js';
import { deriveLevel, type LevelDerivation, type SharedCharge } from './explain.js';
import { decimal, exactText } from './explain-charge.js';
import type { Pot } from './pots.js';
import type { MemoryAnswer, MemoryLevel, MemoryRecord } from './rate-in-memory.js';
import type { BuiltWorld } from './vector-world.js';

/** What the engine did with a record, step by step, as lines of text. */
export function explainEvent(
  { facts, names }: BuiltWorld,
  record: MemoryRecord,
  answer: MemoryAnswer,
): string[] {
  if (answer.fault !== undefined) return [`${answer.fault}: ${recordFaults[answer.fault]}`];
  const priced = {
    service: record.service,
    startedMs: record.startedMs,
    number: record.bNumber,
    aNumber: record.aNumber,
    quantity: BigInt(record.quantity),
    value: BigInt(record.value),
    inTrunkId: record.inTrunk,
    outTrunkId: record.outTrunk,
    destinationId: answer.destinationId,
    subscriptionId: answer.subscriptionId,
  };
  const last = answer.levels.at(-1);
  return answer.levels.flatMap((level) => {
    const shared = level === last ? null : sharedOf(facts, last);
    const derived = deriveLevel(facts, level.contractId, priced, shared);
    const lines = [...levelLines(names, derived), ...monthLines(names, level)];
    const head = `${names.nameOf('contract', level.contractId)}: ${decimal(BigInt(level.amount))}`;
    return [head, ...lines.map((line) => `  ${line}`)];
  });
}

type Names = BuiltWorld['names'];

function sharedOf(facts: BuiltWorld['facts'], last: MemoryLevel | undefined): SharedCharge | null {
  const version = facts.versions.find(({ id }) => id === last?.versionId);
  if (last === undefined || version === undefined) return null;
  return { amount: BigInt(last.base), currency: version.currency };
}

function levelLines(names: Names, derived: LevelDerivation): string[] {
  const { listIds, price, bands, clock, slices } = derived;
  if (derived.fault !== null) return [derived.fault];
  const lines: string[] = [];
  if (clock !== null)
    lines.push(`on ${clock.day} at ${clock.time} in ${derived.version?.timeZone}`);
  if (price !== null) {
    const lists = listIds.map((id) => names.nameOf('list', id)).join(' > ');
    const ofBand = price.bandId === 0 ? '' : `, band ${names.nameOf('band', price.bandId)}`;
    const ofSet =
      price.originSetId === 0 ? '' : `, origin ${names.nameOf('originSet', price.originSetId)}`;
    lines.push(`lists ${lists}, prefix "${price.prefix}"${ofBand}${ofSet}`);
  }
  if (bands !== null && bands.policy !== 'START') lines.push(`bands by ${bands.policy}`);
  for (const slice of slices) {
    const band = slice.bandId === 0 ? 'no band' : names.nameOf('band', slice.bandId);
    lines.push(`${slice.seconds} s in ${band}, charged ${slice.billed}`);
  }
  lines.push(...derived.quantitySteps.map(({ text, result }) => `${text} -> ${result}`));
  lines.push(...(derived.charge?.steps ?? []).map(({ text, result }) => `${text} -> ${result}`));
  if (derived.amount !== null) lines.push(`alone it costs ${decimal(derived.amount)}`);
  return lines;
}

// What other records of the month have to do with it.
function monthLines(names: Names, { step }: MemoryLevel): string[] {
  if (step === undefined) return [];
  const potName = (pot: Pot) =>
    `bucket ${names.nameOf('bucket', pot.bucketLineageId)} of ${pot.holder} ${pot.holderId}`;
  const lines = step.covered.map(({ pot, units }) => `${potName(pot)} covers ${units} units`);
  if (step.tierBefore !== null) {
    lines.push(`tiers: ${step.tierBefore} units before, ${step.tierTotal} in all`);
  }
  for (const { rule, effect } of step.effects) {
    lines.push(`${rule.type.toLowerCase()} ${rule.name}: ${exactText(effect)}`);
  }
  for (const { pot, amount } of step.paid) {
    lines.push(`${potName(pot)} pays ${formatAmount(BigInt(amount))}`);
  }
  lines.push(`in its month it costs ${decimal(BigInt(step.final))}`);
  return lines;
}
