import 'reflect-metadata';
import { Field, ID, ObjectType, registerEnumType } from 'type-graphql';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { toGlobalId } from '../kernel/index.js';
import { DateTimeScalar } from '../platform/index.js';
import {
  type AlarmSeverity,
  type AlarmState,
  alarmState,
  type ProbableCause,
} from './alarm-state.js';

export const AlarmSeverityType = {
  CRITICAL: 'CRITICAL',
  MAJOR: 'MAJOR',
  MINOR: 'MINOR',
  WARNING: 'WARNING',
  INDETERMINATE: 'INDETERMINATE',
} as const;
registerEnumType(AlarmSeverityType, {
  name: 'AlarmSeverity',
  description: 'How urgent an alarm is (ITU-T X.733).',
  valuesConfig: {
    CRITICAL: { description: 'Service is affected; act at once.' },
    MAJOR: { description: 'Service is degraded; act soon.' },
    MINOR: { description: 'Nothing is affected yet; act before it grows.' },
    WARNING: { description: 'Something may happen; look into it.' },
    INDETERMINATE: { description: 'How urgent it is cannot be told.' },
  },
});

const ProbableCauseType = {
  CREDIT_THRESHOLD: 'CREDIT_THRESHOLD',
  CREDIT_EXHAUSTED: 'CREDIT_EXHAUSTED',
  FILE_ERROR: 'FILE_ERROR',
  NEGATIVE_MARGIN: 'NEGATIVE_MARGIN',
  AUDIT_TAMPERED: 'AUDIT_TAMPERED',
  FIGURES_DIFFER: 'FIGURES_DIFFER',
  WEBHOOK_FAILING: 'WEBHOOK_FAILING',
  MONTH_NOT_FOLDED: 'MONTH_NOT_FOLDED',
  PURGE_HELD_UP: 'PURGE_HELD_UP',
} as const;
registerEnumType(ProbableCauseType, {
  name: 'ProbableCause',
  description: 'Why an alarm was raised.',
  valuesConfig: {
    CREDIT_THRESHOLD: { description: 'Use has reached the warning share of the credit limit.' },
    CREDIT_EXHAUSTED: { description: 'Use has reached the credit limit.' },
    FILE_ERROR: { description: 'A delivered file or folder could not be taken.' },
    NEGATIVE_MARGIN: { description: 'Something is sold below what it costs.' },
    AUDIT_TAMPERED: { description: 'The chain of audit entries is broken.' },
    FIGURES_DIFFER: { description: 'Files, records, sums and invoices do not agree.' },
    WEBHOOK_FAILING: { description: 'Messages to a webhook do not arrive.' },
    MONTH_NOT_FOLDED: { description: "Tiers and buckets of a contract's month are not applied." },
    PURGE_HELD_UP: { description: 'Records past their time have not been purged for a day.' },
  },
});

export const AlarmStateType = {
  RAISED: 'RAISED',
  ACKNOWLEDGED: 'ACKNOWLEDGED',
  CLEARED: 'CLEARED',
} as const;
registerEnumType(AlarmStateType, {
  name: 'AlarmState',
  description: 'What has happened to an alarm.',
  valuesConfig: {
    RAISED: { description: 'Nobody has taken it yet.' },
    ACKNOWLEDGED: { description: 'Somebody takes care of it.' },
    CLEARED: { description: 'It is over.' },
  },
});

@Entity('alarm')
@ObjectType({
  simpleResolvers: true,
  description: 'A condition that people must look at (TMF642, ITU-T X.733).',
})
export class Alarm {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('Alarm', this.id);
  }

  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Field(() => AlarmSeverityType, { description: 'How urgent it is.' })
  @Column({ type: 'text' })
  severity!: AlarmSeverity;

  @Field(() => ProbableCauseType, { description: 'Why it was raised.' })
  @Column({ type: 'text', name: 'probable_cause' })
  probableCause!: ProbableCause;

  @Field(() => String, { description: 'Type of what the alarm is about, e.g. "Subscription".' })
  @Column({ type: 'text', name: 'subject_type' })
  subjectType!: string;

  @Column({ type: 'int', name: 'subject_id' })
  subjectNumber!: number;

  @Field(() => ID, { simple: false, description: 'Identifier of what the alarm is about.' })
  get subjectId(): string {
    return toGlobalId(this.subjectType, this.subjectNumber);
  }

  @Column({ type: 'text', name: 'natural_key' })
  naturalKey!: string;

  @Column({ type: 'text' })
  text!: string;

  @Column({ type: 'jsonb', default: {} })
  details!: object;

  /** Further details, for who acts at the partner: those above see the rest. */
  @Column({ type: 'jsonb', name: 'own_details', default: {} })
  ownDetails!: object;

  /** Permissions that it takes to see text and details. */
  @Column({ type: 'text', array: true, name: 'shown_with', default: [] })
  shownWith!: string[];

  @Field(() => AlarmStateType, { simple: false, description: 'What has happened to it.' })
  get state(): AlarmState {
    return alarmState(this);
  }

  @Field(() => DateTimeScalar, { description: 'When it was raised.' })
  @Column({ type: 'timestamptz', name: 'raised_at', default: () => 'now()' })
  raisedAt!: Date;

  @Field(() => DateTimeScalar, { nullable: true, description: 'When somebody took it.' })
  @Column({ type: 'timestamptz', name: 'acknowledged_at', nullable: true })
  acknowledgedAt!: Date | null;

  @Column({ type: 'int', name: 'acknowledged_by', nullable: true })
  acknowledgedBy!: number | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'When it was over.' })
  @Column({ type: 'timestamptz', name: 'cleared_at', nullable: true })
  clearedAt!: Date | null;
}

@ObjectType({ simpleResolvers: true, description: 'An alarm that was raised.' })
export class AlarmEvent {
  @Field(() => ID, { description: 'Event id; give it as `after` to resume behind this alarm.' })
  id!: string;

  @Field(() => Alarm, { description: 'The alarm as it stands when the event is delivered.' })
  alarm!: Alarm;
}
