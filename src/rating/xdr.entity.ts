import 'reflect-metadata';
import { Field, ID, ObjectType } from 'type-graphql';
import { formatAmount, toGlobalId } from '../kernel/index.js';
import { type Service, serviceNames, UsageService } from '../mediation/index.js';
import { mayReadLevel, PriceLevel } from '../partner/index.js';
import { BigIntScalar, DateTimeScalar, DecimalScalar } from '../platform/index.js';
import type { AdjustedRecord } from './allowance-result.js';
import { type XdrLeg, xdrKey } from './xdr-row.js';

@ObjectType({ simpleResolvers: true, description: 'What one price level makes of a record.' })
export class XdrPrice {
  @Field(() => PriceLevel, { description: 'Which price it is.' })
  level!: PriceLevel;

  @Field(() => DecimalScalar, {
    description:
      'What is charged, tiers and allowances of the month included; 0 where no ' +
      'contract prices it.',
  })
  amount!: string;

  @Field(() => DecimalScalar, {
    description: 'What the record costs for itself, before tiers and allowances of the month.',
  })
  baseAmount!: string;

  @Field(() => BigIntScalar, {
    description: 'Seconds, messages, octets or events that buckets of the month covered.',
  })
  coveredQuantity!: string;

  /** {@link amount} at scale 8. */
  exactAmount!: bigint;

  @Field(() => String, { nullable: true, description: 'Currency of the contract, ISO 4217.' })
  currency!: string | null;

  /** The contract, which the API shows as `contract`. */
  contractId!: number | null;

  @Field(() => ID, { nullable: true, description: 'Terms that priced it.' })
  contractVersionId!: string | null;

  @Field(() => ID, { nullable: true, description: 'Rate that priced it.' })
  rateId!: string | null;
}

@ObjectType({ simpleResolvers: true, description: 'What is left between buying and selling.' })
export class XdrMargin {
  @Field(() => DecimalScalar, { description: 'Selling price less buying price.' })
  amount!: string;

  @Field(() => String, { description: 'Currency of both prices, ISO 4217.' })
  currency!: string;
}

/** A rated record as the viewer may see it: levels above the viewer are cut off in the database. */
@ObjectType({ simpleResolvers: true, description: 'A usage record, normalised and rated.' })
export class Xdr {
  readonly id: string;
  readonly startedMicros: string;
  /** Its 128-bit identity in 32 hexadecimal digits. */
  readonly identity: string;
  readonly partnerId: number;
  readonly accountId: number;
  readonly subscriptionId: number;
  readonly destinationId: number;
  readonly inTrunkId: number;
  readonly outTrunkId: number;
  readonly legs: readonly XdrLeg[];
  readonly amounts: readonly bigint[];
  /** The batch that corrected each level last, 0 for none; null where nothing was corrected. */
  readonly batches: readonly number[] | null;

  @Field(() => DateTimeScalar, { description: 'When charging began.' })
  startedAt: Date;

  @Field(() => UsageService, { description: 'What is counted.' })
  service: Service;

  @Field(() => String, { nullable: true, description: 'Calling number, E.164 without plus.' })
  aNumber: string | null;

  @Field(() => String, { nullable: true, description: 'Called number, E.164 without plus.' })
  bNumber: string | null;

  @Field(() => BigIntScalar, { description: 'Seconds, messages, octets or events.' })
  quantity: string;

  /** Money that it carries, at scale 8. */
  readonly exactValue: bigint;

  constructor(row: XdrRow) {
    this.id = row.id;
    this.startedMicros = row.startedMicros;
    this.identity = row.identity;
    this.partnerId = row.partnerId;
    this.accountId = row.accountId;
    this.subscriptionId = row.subscriptionId;
    this.destinationId = row.destinationId;
    this.inTrunkId = row.inTrunkId;
    this.outTrunkId = row.outTrunkId;
    this.legs = row.legs;
    this.amounts = row.amounts;
    this.batches = row.batches;
    this.startedAt = new Date(Number(BigInt(row.startedMicros) / 1000n));
    this.service = serviceNames[row.service] as Service;
    this.aNumber = digits(row.aNumber);
    this.bNumber = digits(row.bNumber);
    this.quantity = row.quantity;
    this.exactValue = BigInt(row.value);
  }

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('Xdr', xdrKey(this.startedMicros, this.id));
  }

  @Field(() => DecimalScalar, {
    simple: false,
    description:
      'Money that the record carries itself, such as the price of a service paid by it, in the ' +
      'currency of the price list that takes a percentage of it; 0 for none.',
  })
  get value(): string {
    return formatAmount(this.exactValue);
  }

  @Field(() => ID, { name: 'subscriptionId', simple: false, description: 'Who is charged.' })
  get globalSubscriptionId(): string {
    return toGlobalId('Subscription', this.subscriptionId);
  }

  @Field(() => ID, {
    name: 'destinationId',
    simple: false,
    nullable: true,
    description: 'Where the called number lies; null when in no destination.',
  })
  get globalDestinationId(): string | null {
    return this.destinationId === 0 ? null : toGlobalId('Destination', this.destinationId);
  }
}

/** A row of `seen_xdr`. */
export interface XdrRow {
  readonly id: string;
  readonly startedMicros: string;
  readonly identity: string;
  readonly partnerId: number;
  readonly accountId: number;
  readonly subscriptionId: number;
  readonly service: number;
  readonly aNumber: string;
  readonly bNumber: string;
  readonly quantity: string;
  readonly value: string;
  readonly inTrunkId: number;
  readonly outTrunkId: number;
  readonly destinationId: number;
  readonly legs: readonly XdrLeg[];
  readonly amounts: readonly bigint[];
  readonly batches: readonly number[] | null;
}

/** The contract behind a leg, as far as the viewer sees it. */
export interface LegTerms {
  readonly contractId: number;
  readonly level: PriceLevel;
  readonly currency: string;
}

/**
 * The prices of a record from what the viewer pays downwards, null where the viewer may not see
 * one. `terms` and `adjusted` belong to the legs of the record, one for each.
 */
export function shownPrices(
  xdr: Xdr,
  terms: readonly (LegTerms | null)[],
  adjusted: readonly (AdjustedRecord | null)[],
  viewer: { readonly permissions: ReadonlySet<string> },
): (XdrPrice | null)[] {
  return xdr.legs.map((leg, at) => {
    const found = terms[at] ?? null;
    // A contract that prices a level but cannot be seen hides the price.
    if (found === null && leg.contractVersionId !== 0) return null;
    const price = priceOf(leg, xdr.amounts[at] ?? 0n, found, adjusted[at] ?? null);
    return mayReadLevel(viewer, price.level) ? price : null;
  });
}

/** One level of a record for the API. */
function priceOf(
  leg: XdrLeg,
  base: bigint,
  terms: LegTerms | null,
  adjusted: AdjustedRecord | null,
): XdrPrice {
  const { contractVersionId, rateId } = leg;
  const exactAmount = base + BigInt(adjusted?.adjustment ?? 0);
  return {
    level: terms?.level ?? 'COST',
    amount: formatAmount(exactAmount),
    baseAmount: formatAmount(base),
    coveredQuantity: String(adjusted?.covered ?? 0),
    exactAmount,
    currency: terms?.currency ?? null,
    contractId: terms?.contractId ?? null,
    contractVersionId:
      contractVersionId === 0 ? null : toGlobalId('ContractVersion', contractVersionId),
    rateId: rateId === 0 ? null : toGlobalId('Rate', rateId),
  };
}

function digits(number: string): string | null {
  return number === '0' ? null : number;
}
