import 'reflect-metadata';
import { Field, ID, ObjectType } from 'type-graphql';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { toGlobalId } from '../kernel/index.js';
import { BigIntScalar, DateTimeScalar, enumType } from '../platform/index.js';
import { rawText } from './raw-text.js';

export const SuspenseState = enumType('SuspenseState', 'Why a record is kept aside.', {
  REJECTED: 'It cannot be read or guided as it is.',
  HELD: 'It waits for a price list, rate or contract.',
  RECYCLED: 'It was taken up again and ended well, or as another record.',
});
export type SuspenseState = keyof typeof SuspenseState;

@Entity('suspense_record')
@ObjectType({
  simpleResolvers: true,
  description: 'A record that could not be rated, with its raw text.',
})
export class SuspenseRecord {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id!: string;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('SuspenseRecord', this.id);
  }

  @Column({ name: 'partner_id', type: 'int' })
  partnerId!: number;

  @Column({ name: 'usage_file_id', type: 'int' })
  usageFileId!: number;

  @Column({ name: 'batch_id', type: 'int' })
  batchId!: number;

  @Column({ name: 'byte_offset', type: 'bigint' })
  @Field(() => BigIntScalar, { description: 'Where its line begins in the file, in bytes.' })
  byteOffset!: string;

  @Column({ name: 'batch_line', type: 'int' })
  batchLine!: number;

  @Column({ type: 'text' })
  @Field(() => SuspenseState, { description: 'Why it is kept aside.' })
  state!: SuspenseState;

  @Column({ type: 'text' })
  @Field(() => String, { description: 'What is wrong, as a code.' })
  code!: string;

  @Column({ type: 'text', nullable: true })
  @Field(() => String, { nullable: true, description: 'Column at fault, when it is one.' })
  field!: string | null;

  @Column({ type: 'text' })
  @Field(() => String, { description: 'What is wrong, as a sentence.' })
  message!: string;

  /** The contract whose price is missing or refused, which the API shows as `contract`. */
  @Column({ name: 'contract_id', type: 'int', nullable: true })
  contractId!: number | null;

  @Column({ type: 'bytea' })
  raw!: Buffer;

  @Field(() => String, {
    name: 'raw',
    simple: false,
    description: 'The line as text; bytes that are not UTF-8 and control characters as \\xNN.',
  })
  get shownRaw(): string {
    return rawText(this.raw);
  }

  @Field(() => String, {
    nullable: true,
    simple: false,
    description:
      'The very bytes of the line, in Base64; null without the permission subscriber.number.read.',
  })
  get rawBase64(): string {
    return this.raw.toString('base64');
  }

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  @Field(() => DateTimeScalar, { description: 'When it was set aside.' })
  createdAt!: Date;

  @Column({ name: 'purged_at', type: 'timestamptz', nullable: true })
  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'When its text was past its time; it cannot be taken up again since.',
  })
  purgedAt!: Date | null;

  @Column({ name: 'recycled_by_batch_id', type: 'int', nullable: true })
  recycledByBatchId!: number | null;

  @Column({ name: 'owns_identity', type: 'boolean', default: false })
  ownsIdentity!: boolean;
}

@Entity('duplicate_record')
@ObjectType({
  simpleResolvers: true,
  description: 'Where a record stood that was known already.',
})
export class DuplicateRecord {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id!: string;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('DuplicateRecord', this.id);
  }

  @Column({ name: 'partner_id', type: 'int' })
  partnerId!: number;

  @Column({ name: 'usage_file_id', type: 'int' })
  usageFileId!: number;

  @Column({ name: 'batch_id', type: 'int' })
  batchId!: number;

  @Column({ name: 'byte_offset', type: 'bigint' })
  @Field(() => BigIntScalar, { description: 'Where its line begins in the file, in bytes.' })
  byteOffset!: string;

  @Column({ name: 'batch_line', type: 'int' })
  batchLine!: number;

  @Column({ type: 'uuid' })
  @Field(() => String, { description: 'Hash of the fields that identify the record.' })
  identity!: string;
}
