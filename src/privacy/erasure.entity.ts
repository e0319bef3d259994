import 'reflect-metadata';
import { Field, ID, ObjectType } from 'type-graphql';
import { toGlobalId } from '../kernel/index.js';
import { DateTimeScalar, enumType, JsonScalar } from '../platform/index.js';

export const ErasureState = enumType('ErasureState', 'How an erasure stands.', {
  REQUESTED: 'Somebody asked for it; somebody else has to approve it.',
  RUNNING: 'The numbers are being replaced.',
  DONE: 'The person is forgotten; nobody can tell any more who it was.',
  WITHDRAWN: 'It was given up before it was approved.',
});
export type ErasureState = keyof typeof ErasureState;

/** An erasure as the table has it. */
export interface ErasureRow {
  readonly id: number;
  readonly partnerId: number;
  readonly subscriptionId: number;
  readonly reason: string;
  readonly state: ErasureState;
  readonly requestedBy: number;
  readonly requestedAt: Date;
  readonly approvedBy: number | null;
  readonly approvedAt: Date | null;
  readonly runId: number | null;
  readonly doneAt: Date | null;
  readonly report: object;
}

@ObjectType({
  simpleResolvers: true,
  description: 'A subscriber who is to be forgotten: his numbers go, the sums stay.',
})
export class Erasure {
  @Field(() => ID, { description: 'Opaque identifier.' })
  id!: string;

  @Field(() => ID, { description: 'Whose subscription it is.' })
  partnerId!: string;

  @Field(() => ID, { description: 'The subscription.' })
  subscriptionId!: string;

  @Field(() => String, { description: 'Why.' })
  reason!: string;

  @Field(() => ErasureState, { description: 'How it stands.' })
  state!: ErasureState;

  @Field(() => ID, { description: 'Who asked for it.' })
  requestedById!: string;

  @Field(() => DateTimeScalar, { description: 'When it was asked for.' })
  requestedAt!: Date;

  @Field(() => ID, { nullable: true, description: 'Who approved it.' })
  approvedById!: string | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'When it was approved.' })
  approvedAt!: Date | null;

  @Field(() => ID, { nullable: true, description: 'The run that does it.' })
  runId!: string | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'When it was done.' })
  doneAt!: Date | null;

  @Field(() => JsonScalar, { description: 'How much was changed, by kind.' })
  report!: object;
}

/** An erasure as the API shows it. */
export function erasure(row: ErasureRow): Erasure {
  const { id, partnerId, subscriptionId, requestedBy, approvedBy, runId, ...shown } = row;
  return {
    ...shown,
    id: toGlobalId('Erasure', id),
    partnerId: toGlobalId('Partner', partnerId),
    subscriptionId: toGlobalId('Subscription', subscriptionId),
    requestedById: toGlobalId('User', requestedBy),
    approvedById: approvedBy === null ? null : toGlobalId('User', approvedBy),
    runId: runId === null ? null : toGlobalId('Run', runId),
  };
}
