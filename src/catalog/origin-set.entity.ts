import 'reflect-metadata';
import { Field, ID, ObjectType } from 'type-graphql';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { toGlobalId } from '../kernel/index.js';
import { DateTimeScalar } from '../platform/index.js';

@Entity('origin_set')
@ObjectType({
  simpleResolvers: true,
  description: 'Calling numbers, by prefixes, for which a price list has prices of their own.',
})
export class OriginSet {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('OriginSet', this.id);
  }

  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Field(() => String, { description: 'Its name, unique within the partner.' })
  @Column({ type: 'text' })
  name!: string;

  @Field(() => DateTimeScalar, { description: 'When it was created.' })
  @Column({ type: 'timestamptz', name: 'created_at', default: () => 'now()' })
  createdAt!: Date;
}

@Entity('origin_set_prefix')
@ObjectType({
  simpleResolvers: true,
  description:
    'A prefix of a set of origins. It counts for every record that is rated while it is known, ' +
    'whenever the record began.',
})
export class OriginSetPrefix {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Column({ type: 'int', name: 'origin_set_id' })
  originSetId!: number;

  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Field(() => String, { description: 'First digits of calling numbers, country code included.' })
  @Column({ type: 'text' })
  prefix!: string;

  @Field(() => DateTimeScalar, { description: 'When it was recorded.' })
  @Column({ type: 'timestamptz', name: 'recorded_at', default: () => 'now()' })
  recordedAt!: Date;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'When it was taken out of the set; null while it counts.',
  })
  @Column({ type: 'timestamptz', name: 'superseded_at', nullable: true })
  supersededAt!: Date | null;
}
