import type { Service } from '../mediation/index.js';
import { byAge, inForce } from './price-rules.js';
import type { BucketTerms, Holder } from './pricing-facts.js';

/** A bucket of one holder in one month, in its own unit: units, or money at scale 8. */
export interface Pot {
  readonly bucketLineageId: number;
  readonly kind: 'UNITS' | 'MONEY';
  readonly holder: Holder;
  readonly holderId: number;
  readonly granted: number;
  readonly rolledIn: number;
  bonus: number;
  left: number;
  /** What each subscription took. */
  readonly usedBy: Map<number, number>;
}

/** The record for which buckets are looked for. */
export interface PotSubject {
  readonly startedMs: number;
  readonly knownAt: number;
  readonly service: Service;
  readonly destinationId: number;
  /** Plan of the subscription at the subscriber's own level, else 0. */
  readonly planId: number;
  readonly contractId: number;
  holderId(holder: Holder): number;
}

/** The buckets of a contract's month, made when a record first can use them. */
export class PotList {
  readonly #terms: readonly BucketTerms[];
  readonly #rolledIn: (bucket: BucketTerms, holderId: number) => number;
  readonly #pots = new Map<number, Map<number, Pot>>();
  /** Kinds of which there is any bucket at all. */
  readonly kinds: ReadonlySet<BucketTerms['kind']>;
  readonly #known = { UNITS: new Map(), MONEY: new Map() } as Record<
    BucketTerms['kind'],
    Map<number, readonly BucketTerms[]>
  >;

  /** `held` are those that earlier records of the month have made. */
  constructor(
    terms: readonly BucketTerms[],
    rolledIn: (bucket: BucketTerms, holderId: number) => number,
    held: readonly Pot[] = [],
  ) {
    this.#terms = [...terms].sort(byAge);
    this.#rolledIn = rolledIn;
    this.kinds = new Set(terms.map(({ kind }) => kind));
    for (const pot of held) this.#holders(pot.bucketLineageId).set(pot.holderId, pot);
  }

  /** Pots that a record may use and that hold something, the first to be used first. */
  matching(kind: 'UNITS' | 'MONEY', subject: PotSubject): readonly Pot[] {
    const pots: Pot[] = [];
    for (const terms of this.#candidates(kind, subject.planId, subject.contractId)) {
      if (!matches(terms, subject)) continue;
      const pot = this.#pot(terms, subject.holderId(terms.holder));
      if (pot.left > 0) pots.push(pot);
    }
    return pots;
  }

  note(pot: Pot, subscriptionId: number, used: number): void {
    pot.usedBy.set(subscriptionId, (pot.usedBy.get(subscriptionId) ?? 0) + used);
  }

  /**
   * Adds a bonus to the holder's pot of a bucket in force; nothing where there is none. It ends
   * where the pot would hold more than is counted exactly.
   */
  grant(lineageId: number, subject: PotSubject, amount: number): void {
    const terms = this.#terms.find(
      (item) => item.lineageId === lineageId && inForce(item, subject.startedMs, subject.knownAt),
    );
    if (terms === undefined) return;
    const pot = this.#pot(terms, subject.holderId(terms.holder));
    const room = Number.MAX_SAFE_INTEGER - (pot.granted + pot.rolledIn + pot.bonus);
    const added = Math.max(0, Math.min(amount, room));
    pot.bonus += added;
    pot.left += added;
  }

  all(): Pot[] {
    return [...this.#pots.values()].flatMap((holders) => [...holders.values()]);
  }

  // A fold is of one contract, so the plan alone tells the lists apart.
  #candidates(
    kind: BucketTerms['kind'],
    planId: number,
    contractId: number,
  ): readonly BucketTerms[] {
    let found = this.#known[kind].get(planId);
    if (found === undefined) {
      found = this.#terms.filter((terms) => {
        if (terms.kind !== kind) return false;
        if (terms.contractId !== null) return terms.contractId === contractId;
        return terms.servicePlanId === planId;
      });
      this.#known[kind].set(planId, found);
    }
    return found;
  }

  #holders(lineageId: number): Map<number, Pot> {
    let holders = this.#pots.get(lineageId);
    if (holders === undefined) {
      holders = new Map();
      this.#pots.set(lineageId, holders);
    }
    return holders;
  }

  #pot(terms: BucketTerms, holderId: number): Pot {
    const holders = this.#holders(terms.lineageId);
    let pot = holders.get(holderId);
    if (pot === undefined) {
      const granted = grantOf(terms);
      const rolledIn = terms.rolloverCap === null ? 0 : this.#rolledIn(terms, holderId);
      pot = {
        bucketLineageId: terms.lineageId,
        kind: terms.kind,
        holder: terms.holder,
        holderId,
        granted,
        rolledIn,
        bonus: 0,
        left: granted + rolledIn,
        usedBy: new Map(),
      };
      holders.set(holderId, pot);
    }
    return pot;
  }
}

/** What a bucket grants a month: whole units, or money at scale 8. */
export function grantOf(terms: Pick<BucketTerms, 'kind' | 'amount'>): number {
  return Number(terms.kind === 'UNITS' ? terms.amount / 100_000_000n : terms.amount);
}

/** The most that is left over for the next month, in the bucket's own unit. */
export function rolloverCapOf(terms: Pick<BucketTerms, 'kind' | 'rolloverCap'>): number {
  const cap = terms.rolloverCap ?? 0n;
  return Number(terms.kind === 'UNITS' ? cap / 100_000_000n : cap);
}

function matches(terms: BucketTerms, subject: PotSubject): boolean {
  return (
    (terms.services === null || terms.services.includes(subject.service)) &&
    (terms.destinationIds === null || terms.destinationIds.includes(subject.destinationId)) &&
    inForce(terms, subject.startedMs, subject.knownAt)
  );
}

/** A pot as it is stored; amounts as in {@link Pot}. */
export interface StoredPot {
  readonly bucket: number;
  readonly kind: Pot['kind'];
  readonly holder: Pot['holder'];
  readonly holderId: number;
  readonly granted: number;
  readonly rolledIn: number;
  readonly bonus: number;
  readonly left: number;
  /** Subscription and what it used. */
  readonly usedBy: readonly (readonly [number, number])[];
}

export function encodePot({ bucketLineageId, usedBy, ...pot }: Pot): StoredPot {
  return { bucket: bucketLineageId, ...pot, usedBy: [...usedBy] };
}

export function decodePot({ bucket, usedBy, ...pot }: StoredPot): Pot {
  return { bucketLineageId: bucket, ...pot, usedBy: new Map(usedBy) };
}
