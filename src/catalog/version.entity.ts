import 'reflect-metadata';
import { Field, ObjectType } from 'type-graphql';
import { Column, PrimaryGeneratedColumn } from 'typeorm';
import { DateTimeScalar } from '../platform/index.js';

/**
 * One version of a thing that is never edited: a change supersedes versions and records new ones.
 * All versions of a thing have one lineage, the id of its first row.
 */
@ObjectType({ simpleResolvers: true })
export abstract class Version {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Column({ type: 'int', name: 'lineage_id' })
  lineageId!: number;

  /** The seller. */
  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Field(() => DateTimeScalar, { description: 'First instant at which this version holds.' })
  @Column({ type: 'timestamptz', name: 'valid_from' })
  validFrom!: Date;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'First instant at which it holds no more; null when there is none.',
  })
  @Column({ type: 'timestamptz', name: 'valid_to', nullable: true })
  validTo!: Date | null;

  @Field(() => DateTimeScalar, { description: 'When this version was recorded.' })
  @Column({ type: 'timestamptz', name: 'recorded_at', default: () => 'now()' })
  recordedAt!: Date;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'When another took its place; null while it counts.',
  })
  @Column({ type: 'timestamptz', name: 'superseded_at', nullable: true })
  supersededAt!: Date | null;
}
