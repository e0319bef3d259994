import 'reflect-metadata';
import { Field, ID, Int, ObjectType } from 'type-graphql';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { formatAmount, toGlobalId } from '../kernel/index.js';
import { type Service, serviceNames, UsageService } from '../mediation/index.js';
import { PriceLevel } from '../partner/index.js';
import { BigIntScalar, DateTimeScalar, DecimalScalar, enumType } from '../platform/index.js';
import { type RerateState, rerateStates } from './rerate-rules.js';
import type { RerateSelection } from './rerate-selection.js';

export const RerateStateType = enumType('RerateState', 'How a change set stands.', rerateStates);

export const RerateStep = enumType('RerateStep', 'What was worked out or done.', {
  PREVIEW: 'What applying would change.',
  APPLY: 'What applying has changed.',
  UNDO: 'What undoing has changed back.',
});
export type RerateStep = keyof typeof RerateStep;

export const RerateDimension = enumType('RerateDimension', 'By what differences are added up.', {
  PARTNER: 'Who pays: the buyer, or of a cost contract the supplier that is paid.',
  CONTRACT: 'The contract that prices the level.',
  LEVEL: 'The price level.',
  SERVICE: 'The service.',
  DESTINATION: 'The destination that was called.',
  INVOICE: 'The invoice that the records were put on; none where they are not billed yet.',
});
export type RerateDimension = keyof typeof RerateDimension;

@ObjectType('RerateSelection', {
  simpleResolvers: true,
  description: 'Which records a change set rates anew, and at which levels.',
})
export class RerateSelectionView {
  @Field(() => DateTimeScalar, { description: 'Charging began at this instant or later.' })
  from!: Date;

  @Field(() => DateTimeScalar, { description: 'Charging began before this instant.' })
  to!: Date;

  @Field(() => ID, { nullable: true, description: 'Of this partner and those below it.' })
  partnerId!: string | null;

  @Field(() => ID, { nullable: true, description: 'Only levels that this contract prices.' })
  contractId!: string | null;

  @Field(() => [PriceLevel], { nullable: true, description: 'Only these price levels.' })
  levels!: readonly PriceLevel[] | null;

  @Field(() => [ID], { nullable: true, description: 'To these destinations.' })
  destinationIds!: readonly string[] | null;

  @Field(() => UsageService, { nullable: true, description: 'Of this service.' })
  service!: Service | null;

  @Field(() => ID, { nullable: true, description: 'From this source.' })
  sourceId!: string | null;

  @Field(() => ID, { nullable: true, description: 'From this usage file, recycled ones too.' })
  fileId!: string | null;

  @Field(() => ID, { nullable: true, description: 'Rated by this run.' })
  runId!: string | null;

  @Field(() => ID, { nullable: true, description: 'Of this subscription.' })
  subscriptionId!: string | null;
}

/** A change set: what is rated anew, what differs, who approved it, and how far it has got. */
@Entity('rerate')
@ObjectType({
  simpleResolvers: true,
  description:
    'A change set that prices records anew: previewed, approved by another user, applied as a ' +
    'run, and undone when it was wrong.',
})
export class Rerate {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('Rerate', this.id);
  }

  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Field(() => String, { description: 'Why it is done.' })
  @Column({ type: 'text' })
  reason!: string;

  @Field(() => RerateStateType, { description: 'How it stands.' })
  @Column({ type: 'text', default: 'DRAFT' })
  state!: RerateState;

  @Column({ type: 'jsonb', name: 'selection' })
  stored!: RerateSelection;

  @Column({ type: 'timestamptz', name: 'started_from' })
  startedFrom!: Date;

  @Column({ type: 'timestamptz', name: 'started_to' })
  startedTo!: Date;

  @Field(() => RerateSelectionView, {
    name: 'selection',
    simple: false,
    description: 'Which records, at which levels.',
  })
  get selection(): RerateSelectionView {
    const { stored } = this;
    const id = (type: string, value: number | null) =>
      value === null ? null : toGlobalId(type, value);
    return {
      from: this.startedFrom,
      to: this.startedTo,
      partnerId: id('Partner', stored.partnerId),
      contractId: id('Contract', stored.contractId),
      levels: stored.levels,
      destinationIds: stored.destinationIds?.map((one) => toGlobalId('Destination', one)) ?? null,
      service: stored.service === null ? null : (serviceNames[stored.service] ?? null),
      sourceId: id('UsageSource', stored.sourceId),
      fileId: id('UsageFile', stored.fileId),
      runId: id('Run', stored.runId),
      subscriptionId: id('Subscription', stored.subscriptionId),
    };
  }

  @Field(() => Int, {
    description: 'How often it was previewed; an approval names the preview that was looked at.',
  })
  @Column({ type: 'int', default: 0 })
  preview!: number;

  @Column({ type: 'int', name: 'price_book_id', nullable: true })
  priceBookId!: number | null;

  @Column({ type: 'int', name: 'requested_by' })
  requestedBy!: number;

  @Column({ type: 'int', name: 'previewed_by', nullable: true })
  previewedBy!: number | null;

  @Column({ type: 'int', name: 'approved_by', nullable: true })
  approvedBy!: number | null;

  @Field(() => ID, { name: 'requestedById', simple: false, description: 'Who asked for it.' })
  get requester(): string {
    return toGlobalId('User', this.requestedBy);
  }

  @Field(() => ID, {
    name: 'approvedById',
    simple: false,
    nullable: true,
    description: 'Who approved it.',
  })
  get approver(): string | null {
    return this.approvedBy === null ? null : toGlobalId('User', this.approvedBy);
  }

  @Column({ type: 'int', name: 'preview_run_id', nullable: true })
  previewRunId!: number | null;

  @Column({ type: 'int', name: 'fold_run_id', nullable: true })
  foldRunId!: number | null;

  @Column({ type: 'int', name: 'apply_run_id', nullable: true })
  applyRunId!: number | null;

  @Column({ type: 'int', name: 'undo_run_id', nullable: true })
  undoRunId!: number | null;

  @Field(() => DateTimeScalar, { description: 'When it was asked for.' })
  @Column({ type: 'timestamptz', name: 'created_at', default: () => 'now()' })
  createdAt!: Date;

  @Field(() => DateTimeScalar, { nullable: true, description: 'When its preview was complete.' })
  @Column({ type: 'timestamptz', name: 'previewed_at', nullable: true })
  previewedAt!: Date | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'When it was approved.' })
  @Column({ type: 'timestamptz', name: 'approved_at', nullable: true })
  approvedAt!: Date | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'When all of it was applied.' })
  @Column({ type: 'timestamptz', name: 'applied_at', nullable: true })
  appliedAt!: Date | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'When all of it was undone.' })
  @Column({ type: 'timestamptz', name: 'undone_at', nullable: true })
  undoneAt!: Date | null;
}

/** What a step of a change set came to so far. */
@ObjectType({ simpleResolvers: true, description: 'What a step of a change set came to so far.' })
export class RerateOutcome {
  /** The runs whose rows add up to it. */
  runIds!: readonly number[];

  @Field(() => BigIntScalar, { description: 'Records that were looked at.' })
  records!: string;

  @Field(() => BigIntScalar, { description: 'Records whose own price or terms differ.' })
  changed!: string;

  @Field(() => BigIntScalar, {
    description:
      'Levels of records whose tiers and allowances come out differently: of a preview as ' +
      'worked out on trial, 0 afterwards, since a run of its own follows.',
  })
  adjusted!: string;
}

/** Amounts before and after, as strings of digits at scale 8 from the database. */
export interface RerateSums {
  readonly currency: string;
  readonly records: string;
  readonly before: string;
  readonly after: string;
}

@ObjectType({ simpleResolvers: true, description: 'All differences in one currency.' })
export class RerateTotal {
  @Field(() => String, { description: 'Currency of the amounts, ISO 4217.' })
  currency: string;

  @Field(() => BigIntScalar, { description: 'Levels of records that differ.' })
  records: string;

  @Field(() => DecimalScalar, {
    description:
      'What they cost before; of those that only their month prices otherwise, what it added, ' +
      'which is below zero where it covered or took off.',
  })
  before: string;

  @Field(() => DecimalScalar, { description: 'The same after.' })
  after: string;

  @Field(() => DecimalScalar, { description: 'After less before.' })
  difference: string;

  constructor(sums: RerateSums) {
    this.currency = sums.currency;
    this.records = sums.records;
    this.before = formatAmount(BigInt(sums.before));
    this.after = formatAmount(BigInt(sums.after));
    this.difference = formatAmount(BigInt(sums.after) - BigInt(sums.before));
  }
}

/** By what a difference was added up; 0 and empty where not by this. */
export interface RerateGroup extends RerateSums {
  readonly payer: number;
  readonly contract: number;
  readonly level: string;
  readonly service: number;
  readonly destination: number;
  readonly invoice: number;
}

@ObjectType({
  simpleResolvers: true,
  description: 'Differences of one partner, contract, level and so on, as it was asked for.',
})
export class RerateDifference extends RerateTotal {
  readonly payerId: number;
  readonly contractId: number;
  readonly destinationId: number;
  readonly invoiceId: number;

  @Field(() => PriceLevel, { nullable: true, description: 'The level, when asked for by LEVEL.' })
  level: PriceLevel | null;

  @Field(() => UsageService, {
    nullable: true,
    description: 'The service, when asked for by SERVICE.',
  })
  service: Service | null;

  constructor(group: RerateGroup) {
    super(group);
    this.payerId = group.payer;
    this.contractId = group.contract;
    this.destinationId = group.destination;
    this.invoiceId = group.invoice;
    this.level = group.level === '' ? null : (group.level as PriceLevel);
    this.service = serviceNames[group.service] ?? null;
  }
}

@ObjectType({
  simpleResolvers: true,
  description: 'Records that have no price any more. They stay as they are.',
})
export class RerateFinding {
  @Field(() => String, {
    description:
      'Why: a code as of held and rejected records, or CHAIN_CHANGED where the record would ' +
      'be sold through other contracts than those that are selected.',
  })
  code!: string;

  @Field(() => BigIntScalar, { description: 'How many records.' })
  records!: string;

  @Field(() => [ID], { description: 'Some of them, at most twenty.' })
  xdrIds!: readonly string[];
}
