import 'reflect-metadata';
import { Field, ID, ObjectType } from 'type-graphql';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { toGlobalId } from '../kernel/index.js';
import { DateTimeScalar, enumType } from '../platform/index.js';

export const DestinationKind = enumType('DestinationKind', 'What is reached at a destination.', {
  GEOGRAPHIC: 'Lines of a place.',
  MOBILE: 'Mobile telephones.',
  SPECIAL: 'Services, satellite networks and the like.',
});
export type DestinationKind = keyof typeof DestinationKind;

@Entity('destination')
@ObjectType({
  simpleResolvers: true,
  description: 'A set of dial codes that is named and mostly priced alike.',
})
export class Destination {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('Destination', this.id);
  }

  @Field(() => String, { description: 'Its name, unique.' })
  @Column({ type: 'text' })
  name!: string;

  @Field(() => String, { nullable: true, description: 'Country, ISO 3166 in two capitals.' })
  @Column({ type: 'text', nullable: true })
  country!: string | null;

  @Field(() => DestinationKind, { description: 'What is reached there.' })
  @Column({ type: 'text', default: 'GEOGRAPHIC' })
  kind!: DestinationKind;

  @Field(() => DateTimeScalar, { description: 'When it was created.' })
  @Column({ type: 'timestamptz', name: 'created_at', default: () => 'now()' })
  createdAt!: Date;
}

@Entity('destination_prefix')
@ObjectType({ simpleResolvers: true, description: 'One dial code of a destination.' })
export class DestinationPrefix {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Column({ type: 'int', name: 'destination_id' })
  destinationId!: number;

  @Field(() => String, { description: 'First digits of numbers, country code included.' })
  @Column({ type: 'text' })
  prefix!: string;

  /** Since when price books have known it as it is; the database sets it. */
  @Column({ type: 'timestamptz', name: 'recorded_at', default: () => 'now()' })
  recordedAt!: Date;
}
