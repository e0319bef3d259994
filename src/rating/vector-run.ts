import { DomainError, formatAmount, parseAmount } from '../kernel/index.js';
import {
  type MemoryAnswer,
  type MemoryRecord,
  type MemoryResult,
  rateInMemory,
} from './rate-in-memory.js';
import type { ThreadStages } from './thread-stages.js';
import { comparedMonths, type VectorDifference } from './vector-compare.js';
import { explainEvent } from './vector-explain.js';
import type {
  VectorCase,
  VectorEvent,
  VectorEventExpectation,
  VectorFile,
  VectorWorld,
} from './vector-format.js';
import { refused } from './vector-shape.js';
import { type BuiltWorld, worldFacts } from './vector-world.js';

export interface CaseResult {
  readonly name: string;
  readonly events: number;
  readonly differences: readonly VectorDifference[];
}

const DEFAULT_CALLED = '4940123456';

/**
 * Rates a case and compares. The events are rated as they are written, then backwards one by one,
 * then all twice in two files, which must come to the same. Refuses with VECTOR_INVALID a case
 * that names what is not there.
 */
export function runCase(file: VectorFile, one: VectorCase, stages: ThreadStages): CaseResult {
  const world: VectorWorld = { ...file.world, ...one };
  const { refusal } = one.expect;
  if (refusal !== undefined) assertAlone('expect', 'refusal', one.expect);
  const events = one.events ?? [];
  const result = (differences: readonly VectorDifference[]): CaseResult => {
    return { name: one.name, events: events.length, differences };
  };
  try {
    const found = new CaseRun(worldFacts(world), events, one, stages).differences();
    if (refusal === undefined) return result(found);
    return result([different('the world', refusal, 'accepted')]);
  } catch (error) {
    if (!(error instanceof DomainError) || error.code === 'VECTOR_INVALID') throw error;
    if (error.code === refusal) return result([]);
    const expected = refusal ?? 'a world that is accepted';
    return result([different('the world', expected, `${error.code}: ${error.message}`)]);
  }
}

// What stands beside it would never be compared, and pass for right.
function assertAlone(path: string, field: string, expected: object): void {
  const other = Object.keys(expected).find((name) => name !== field);
  if (other !== undefined) throw refused(`${path}.${other}`, `does not go with a ${field}`);
}

function different(
  where: string,
  expected: string,
  answered: string,
  explanation: readonly string[] = [],
): VectorDifference {
  return { where, expected, answered, explanation };
}

/** The records of a case by the ids of its events. */
export function caseRecords(
  built: BuiltWorld,
  events: readonly VectorEvent[],
): ReadonlyMap<string, MemoryRecord> {
  const ids = events.map(({ id }, place) => id ?? `e${place + 1}`);
  const identities = identitiesOf(ids);
  const records = new Map<string, MemoryRecord>();
  events.forEach((event, place) => {
    const id = ids[place]!;
    if (records.has(id)) throw refused(`events[${place}].id`, 'is there twice');
    records.set(id, recordOf(built, event, identities.get(id)!, `events[${place}]`));
  });
  return records;
}

type Identity = MemoryRecord['identity'];

/**
 * Identities by the ids that they stand for. Events of the same instant are taken in the order of
 * their ids, so the first words rise with them, spread as those of real records are.
 */
function identitiesOf(ids: readonly string[]): ReadonlyMap<string, Identity> {
  const sorted = [...new Set(ids)].sort();
  const step = Math.floor(2 ** 31 / Math.max(sorted.length, 1));
  return new Map(sorted.map((id, rank) => [id, [rank * step, 0, 0, rank + 1]]));
}

class CaseRun {
  readonly #built: BuiltWorld;
  readonly #stages: ThreadStages;
  readonly #case: VectorCase;
  readonly #records: ReadonlyMap<string, MemoryRecord>;

  constructor(
    built: BuiltWorld,
    events: readonly VectorEvent[],
    one: VectorCase,
    stages: ThreadStages,
  ) {
    this.#built = built;
    this.#stages = stages;
    this.#case = one;
    this.#records = caseRecords(built, events);
  }

  differences(): VectorDifference[] {
    const all = [...this.#records.values()];
    const { facts } = this.#built;
    const asWritten = rateInMemory(facts, [all], { stages: this.#stages });
    return [
      ...this.#comparedEvents(asWritten),
      ...this.#comparedTotals(asWritten),
      ...comparedMonths(this.#built, asWritten.folded, this.#case.expect),
      ...this.#comparedOrders(
        asWritten,
        'backwards, one by one',
        all.toReversed().map((r) => [r]),
      ),
      ...this.#comparedOrders(asWritten, 'twice, in two files', [all, all]),
    ];
  }

  #comparedEvents({ answers }: MemoryResult): VectorDifference[] {
    const { names } = this.#built;
    const found: VectorDifference[] = [];
    for (const [id, expectation] of this.#case.expect.events ?? []) {
      const record = this.#records.get(id);
      if (record === undefined) throw refused(`expect.events.${id}`, 'is no event of the case');
      const answer = answers.get(record)!;
      const wanted = typeof expectation === 'string' ? { amount: expectation } : expectation;
      if (wanted.fault !== undefined) assertAlone(`expect.events.${id}`, 'fault', wanted);
      for (const [what, expected, answered] of comparisons(wanted, answer, names)) {
        if (expected === answered) continue;
        const explanation = explainEvent(this.#built, record, answer);
        found.push(different(`event ${id}, ${what}`, expected, answered, explanation));
      }
    }
    return found;
  }

  #comparedTotals({ answers }: MemoryResult): VectorDifference[] {
    const { names } = this.#built;
    return [...(this.#case.expect.totals ?? [])].flatMap(([contract, text]) => {
      const id = names.id('contract', contract, `expect.totals.${contract}`);
      let sum = 0n;
      for (const { levels } of answers.values()) {
        for (const level of levels) if (level.contractId === id) sum += BigInt(level.amount);
      }
      const [expected, answered] = [amountText(text), formatAmount(sum, 0)];
      return expected === answered ? [] : [different(`total of ${contract}`, expected, answered)];
    });
  }

  // Order, files and repetition must not matter.
  #comparedOrders(
    asWritten: MemoryResult,
    how: string,
    files: readonly (readonly MemoryRecord[])[],
  ): VectorDifference[] {
    const { answers } = rateInMemory(this.#built.facts, files, { stages: this.#stages });
    return [...this.#records].flatMap(([id, record]) => {
      const expected = signature(asWritten.answers.get(record)!);
      const answered = signature(answers.get(record)!);
      if (expected === answered) return [];
      const explanation = explainEvent(this.#built, record, answers.get(record)!);
      return [different(`event ${id}, rated ${how}`, expected, answered, explanation)];
    });
  }
}

function signature({ fault, levels }: MemoryAnswer): string {
  return fault ?? levels.map(({ amount }) => formatAmount(BigInt(amount), 0)).join(', ');
}

function amountText(text: string): string {
  return formatAmount(parseAmount(text), 0);
}

type Comparison = readonly [what: string, expected: string, answered: string];

function* comparisons(
  wanted: VectorEventExpectation,
  answer: MemoryAnswer,
  names: BuiltWorld['names'],
): Generator<Comparison> {
  const { fault, levels } = answer;
  if (wanted.fault !== undefined || fault !== undefined) {
    yield ['fault', wanted.fault ?? 'none', fault ?? 'none'];
    return;
  }
  yield* levelComparisons('', wanted, levels.at(-1));
  for (const [contract, expectation] of wanted.levels ?? []) {
    const id = names.id('contract', contract, `levels.${contract}`);
    const level = levels.find(({ contractId }) => contractId === id);
    const ofLevel = typeof expectation === 'string' ? { amount: expectation } : expectation;
    yield* levelComparisons(`${contract}: `, ofLevel, level);
  }
}

function* levelComparisons(
  prefix: string,
  wanted: Pick<VectorEventExpectation, 'amount' | 'base' | 'billed'>,
  level: MemoryAnswer['levels'][number] | undefined,
): Generator<Comparison> {
  for (const what of ['amount', 'base'] as const) {
    const expected = wanted[what];
    if (expected === undefined) continue;
    const answered = level === undefined ? 'no level' : formatAmount(BigInt(level[what]), 0);
    yield [`${prefix}${what}`, amountText(expected), answered];
  }
  if (wanted.billed !== undefined) {
    yield [`${prefix}billed`, String(wanted.billed), String(level?.billed ?? 'no level')];
  }
}

function recordOf(
  { names, firstNumber }: BuiltWorld,
  event: VectorEvent,
  identity: Identity,
  path: string,
): MemoryRecord {
  const { service = 'VOICE', subscription = names.first('subscription') ?? '' } = event;
  names.id('subscription', subscription, `${path}.subscription`);
  const needsCalled = service === 'VOICE' || service === 'SMS';
  if (needsCalled && event.to === '') throw refused(`${path}.to`, 'is known of calls and messages');
  const trunk = (name: string | undefined, field: string) =>
    names.optional('trunk', name, `${path}.${field}`) ?? 0;
  return {
    identity,
    startedMs: event.at,
    service,
    quantity: event.quantity ?? 1,
    value: Number(parseAmount(event.value ?? '0')),
    aNumber: event.from ?? firstNumber.get(subscription) ?? '',
    bNumber: event.to ?? (needsCalled ? DEFAULT_CALLED : ''),
    inTrunk: trunk(event.inTrunk, 'inTrunk'),
    outTrunk: trunk(event.outTrunk, 'outTrunk'),
  };
}
