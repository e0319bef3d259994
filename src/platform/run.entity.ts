import 'reflect-metadata';
import { Field, ID, Int, ObjectType, registerEnumType } from 'type-graphql';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { toGlobalId } from '../kernel/index.js';
import type { RunKind, RunState } from './run-rules.js';
import { BigIntScalar, DateTimeScalar, JsonScalar } from './scalars.js';

export const RunKindType = {
  IMPORT: 'IMPORT',
  RECYCLE: 'RECYCLE',
  FOLD: 'FOLD',
  RERATE: 'RERATE',
  BILL: 'BILL',
  PURGE: 'PURGE',
  ERASE: 'ERASE',
} as const;
registerEnumType(RunKindType, {
  name: 'RunKind',
  description: 'What a run does.',
  valuesConfig: {
    IMPORT: { description: 'Reads a usage file into rated records.' },
    RECYCLE: { description: 'Tries rejected or held records again.' },
    FOLD: { description: 'Prices months anew whose tiers and buckets new records changed.' },
    RERATE: { description: 'Prices records anew that were priced before.' },
    BILL: { description: 'Makes invoices for a period.' },
    PURGE: { description: 'Removes what is past its time.' },
    ERASE: { description: 'Forgets a person.' },
  },
});

export const RunStateType = {
  READY: 'READY',
  RUNNING: 'RUNNING',
  DONE: 'DONE',
  PARKED: 'PARKED',
  CANCELLED: 'CANCELLED',
} as const;
registerEnumType(RunStateType, {
  name: 'RunState',
  description: 'How a run stands.',
  valuesConfig: {
    READY: { description: 'Waits for a process to take its first batch.' },
    RUNNING: { description: 'Batches are being done.' },
    DONE: { description: 'Every batch is done.' },
    PARKED: { description: 'The rest is done, but batches failed for good and wait for help.' },
    CANCELLED: { description: 'Ended on request; batches that had begun were finished.' },
  },
});

/** Long work: its batches, its progress and what came of it. */
@Entity('run')
@ObjectType({
  simpleResolvers: true,
  description: 'Long work in batches; it survives every crash and ends in the same figures.',
})
export class Run {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('Run', this.id);
  }

  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Field(() => RunKindType, { description: 'What the run does.' })
  @Column({ type: 'text' })
  kind!: RunKind;

  @Field(() => String, {
    description: 'Names the work: asking for the same work again finds this run.',
  })
  @Column({ type: 'text' })
  subject!: string;

  @Field(() => RunStateType, { description: 'How the run stands.' })
  @Column({ type: 'text', default: 'READY' })
  state!: RunState;

  @Column({ type: 'jsonb', default: {} })
  params!: object;

  @Field(() => Int, { description: 'How many batches the run has.' })
  @Column({ type: 'int', name: 'batches_total', default: 0 })
  batchesTotal!: number;

  @Field(() => Int, { description: 'How many batches are done.' })
  @Column({ type: 'int', name: 'batches_done', default: 0 })
  batchesDone!: number;

  @Field(() => Int, { description: 'How many batches failed for good.' })
  @Column({ type: 'int', name: 'batches_parked', default: 0 })
  batchesParked!: number;

  @Field(() => BigIntScalar, { description: 'Size of the work: octets of a file, or contracts.' })
  @Column({ type: 'bigint', name: 'units_total', default: 0 })
  unitsTotal!: string;

  @Field(() => BigIntScalar, { description: 'How much of the size is done.' })
  @Column({ type: 'bigint', name: 'units_done', default: 0 })
  unitsDone!: string;

  @Field(() => JsonScalar, { description: 'Sums over the batches that are done, by name.' })
  @Column({ type: 'jsonb', default: {} })
  result!: object;

  @Field(() => String, {
    nullable: true,
    description: 'Code of the first failure that parked a batch.',
  })
  @Column({ type: 'text', name: 'parked_reason', nullable: true })
  parkedReason!: string | null;

  @Column({ type: 'int', name: 'requested_by', nullable: true })
  requestedBy!: number | null;

  @Field(() => DateTimeScalar, { description: 'When the run was asked for.' })
  @Column({ type: 'timestamptz', name: 'created_at', default: () => 'now()' })
  createdAt!: Date;

  @Field(() => DateTimeScalar, { nullable: true, description: 'When the first batch began.' })
  @Column({ type: 'timestamptz', name: 'started_at', nullable: true })
  startedAt!: Date | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'When the run ended.' })
  @Column({ type: 'timestamptz', name: 'finished_at', nullable: true })
  finishedAt!: Date | null;
}

@ObjectType({ simpleResolvers: true, description: 'One step of a run.' })
export class RunProgress {
  @Field(() => ID, { description: 'Event id; give it as `after` to resume behind this step.' })
  id!: string;

  @Field(() => Run, { description: 'The run as it stands when the step is delivered.' })
  run!: Run;
}

export const platformEntities = [Run];
