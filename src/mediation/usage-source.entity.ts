import 'reflect-metadata';
import { Field, ID, ObjectType } from 'type-graphql';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { toGlobalId } from '../kernel/index.js';
import { DateTimeScalar } from '../platform/index.js';

@Entity('usage_source')
@ObjectType({
  simpleResolvers: true,
  description: 'What delivers usage files: a switch, a message centre, a gateway.',
})
export class UsageSource {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('UsageSource', this.id);
  }

  @Column({ name: 'partner_id', type: 'int' })
  partnerId!: number;

  @Column({ name: 'usage_format_id', type: 'int' })
  usageFormatId!: number;

  @Column({ type: 'text' })
  @Field(() => String, { description: 'Unique name; also the name of its folder in the inbox.' })
  name!: string;

  @Column({ name: 'identity_domain', type: 'text' })
  @Field(() => String, {
    description: 'Duplicates are looked for among all sources with the same domain.',
  })
  identityDomain!: string;

  @Column({ name: 'time_zone', type: 'text', default: 'UTC' })
  @Field(() => String, { description: 'IANA zone of local times, unless the format names one.' })
  timeZone!: string;

  @Column({ name: 'default_in_trunk_id', type: 'int', nullable: true })
  defaultInTrunkId!: number | null;

  @Field(() => ID, {
    name: 'defaultInTrunkId',
    simple: false,
    nullable: true,
    description: 'Trunk of records that name no incoming one.',
  })
  get globalInTrunkId(): string | null {
    return trunkId(this.defaultInTrunkId);
  }

  @Column({ name: 'default_out_trunk_id', type: 'int', nullable: true })
  defaultOutTrunkId!: number | null;

  @Field(() => ID, {
    name: 'defaultOutTrunkId',
    simple: false,
    nullable: true,
    description: 'Trunk of records that name no outgoing one.',
  })
  get globalOutTrunkId(): string | null {
    return trunkId(this.defaultOutTrunkId);
  }

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  @Field(() => DateTimeScalar, { description: 'When the source was made.' })
  createdAt!: Date;
}

function trunkId(id: number | null): string | null {
  return id === null ? null : toGlobalId('Trunk', id);
}
