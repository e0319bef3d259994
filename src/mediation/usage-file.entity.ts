import 'reflect-metadata';
import { Field, ID, ObjectType } from 'type-graphql';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { toGlobalId } from '../kernel/index.js';
import { BigIntScalar, DateTimeScalar, enumType } from '../platform/index.js';

export const UsageFileState = enumType('UsageFileState', 'How far a usage file has come.', {
  STORED: 'Its bytes are safe; nobody has asked for its import, or the import was cancelled.',
  IMPORTING: 'Its run is at work or waits for its turn.',
  DONE: 'Every record ended as rated, rejected, duplicate or held.',
  PARKED: 'A part of it failed repeatedly; the run says why.',
  QUARANTINED: 'Set aside as a whole.',
});
export type UsageFileState = keyof typeof UsageFileState;

@Entity('usage_file')
@ObjectType({
  simpleResolvers: true,
  description:
    'A file of usage records, or one that was sent as a rate sheet. Once it is DONE, ' +
    'received = rated + rejected + duplicate + held.',
})
export class UsageFile {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('UsageFile', this.id);
  }

  @Column({ name: 'partner_id', type: 'int' })
  partnerId!: number;

  @Column({ name: 'usage_source_id', type: 'int', nullable: true })
  usageSourceId!: number | null;

  @Column({ name: 'run_id', type: 'int', nullable: true })
  runId!: number | null;

  @Column({ type: 'text' })
  @Field(() => String, { description: 'Name under which it came.' })
  name!: string;

  @Column({ type: 'text' })
  @Field(() => String, { description: 'SHA-256 of its unpacked bytes, hexadecimal.' })
  sha256!: string;

  @Column({ name: 'size_bytes', type: 'bigint' })
  @Field(() => BigIntScalar, { description: 'Unpacked size in bytes.' })
  sizeBytes!: string;

  @Column({ name: 'stored_as', type: 'text' })
  storedAs!: string;

  @Column({ name: 'arrived_as', type: 'text', nullable: true })
  arrivedAs!: string | null;

  @Column({ name: 'rate_sheet', type: 'boolean', default: false })
  @Field(() => Boolean, {
    description:
      'Whether it was sent as a rate sheet; then it stays STORED unless it is imported as usage.',
  })
  rateSheet!: boolean;

  @Column({ type: 'text', default: 'STORED' })
  state!: UsageFileState;

  @Column({ name: 'quarantine_reason', type: 'text', nullable: true })
  @Field(() => String, { nullable: true, description: 'Why the file was set aside.' })
  quarantineReason!: string | null;

  @Column({ type: 'bigint', default: 0 })
  @Field(() => BigIntScalar, { description: 'Records that its lines held.' })
  received!: string;

  @Column({ type: 'bigint', default: 0 })
  @Field(() => BigIntScalar, { description: 'Records that became xDRs.' })
  rated!: string;

  @Column({ type: 'bigint', default: 0 })
  @Field(() => BigIntScalar, {
    description: 'Records that could not be read or guided and wait for correction.',
  })
  rejected!: string;

  @Column({ type: 'bigint', default: 0 })
  @Field(() => BigIntScalar, { description: 'Records that were known already.' })
  duplicate!: string;

  @Column({ type: 'bigint', default: 0 })
  @Field(() => BigIntScalar, { description: 'Records that wait for a price or contract.' })
  held!: string;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  @Field(() => DateTimeScalar, { description: 'When the file was stored.' })
  createdAt!: Date;

  @Column({ name: 'finished_at', type: 'timestamptz', nullable: true })
  @Field(() => DateTimeScalar, { nullable: true, description: 'When its import ended.' })
  finishedAt!: Date | null;

  @Column({ name: 'purged_at', type: 'timestamptz', nullable: true })
  @Field(() => DateTimeScalar, { nullable: true, description: 'When its bytes were removed.' })
  purgedAt!: Date | null;
}

@Entity('duplicate_file')
@ObjectType({
  simpleResolvers: true,
  description: 'A delivery to the inbox whose content had been imported before.',
})
export class DuplicateFile {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('DuplicateFile', this.id);
  }

  @Column({ name: 'partner_id', type: 'int' })
  partnerId!: number;

  @Column({ name: 'usage_file_id', type: 'int' })
  usageFileId!: number;

  @Column({ name: 'usage_source_id', type: 'int' })
  usageSourceId!: number;

  @Column({ type: 'text' })
  @Field(() => String, { description: 'Name under which it was delivered.' })
  name!: string;

  @Column({ name: 'kept_as', type: 'text' })
  @Field(() => String, {
    description: 'Where its bytes were put, below the inbox, until they are purged.',
  })
  keptAs!: string;

  @Column({ name: 'arrived_as', type: 'text' })
  arrivedAs!: string;

  @Column({ name: 'received_at', type: 'timestamptz', default: () => 'now()' })
  @Field(() => DateTimeScalar, { description: 'When it was recognised.' })
  receivedAt!: Date;
}
