import 'reflect-metadata';
import { Field, ID, Int, ObjectType } from 'type-graphql';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { toGlobalId } from '../kernel/index.js';
import { DateTimeScalar, JsonScalar } from '../platform/index.js';
import type { FormatDefinition } from './format.js';

@Entity('usage_format')
@ObjectType({
  simpleResolvers: true,
  description: 'How the records of a source are written. A version is never edited.',
})
export class UsageFormat {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('UsageFormat', this.id);
  }

  @Column({ name: 'partner_id', type: 'int' })
  partnerId!: number;

  @Column({ type: 'text' })
  @Field(() => String, { description: 'Name, the same for all versions.' })
  name!: string;

  @Column({ type: 'int', default: 1 })
  @Field(() => Int, { description: 'Counts up from 1 with each definition of the name.' })
  version!: number;

  @Column({ type: 'jsonb' })
  @Field(() => JsonScalar, {
    description: 'Columns, separators, times, number rules and identity of the records.',
  })
  definition!: FormatDefinition;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  @Field(() => DateTimeScalar, { description: 'When this version was made.' })
  createdAt!: Date;
}
