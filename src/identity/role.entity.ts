import 'reflect-metadata';
import { Field, ID, ObjectType } from 'type-graphql';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { toGlobalId } from '../kernel/index.js';
import { DateTimeScalar } from '../platform/index.js';

@Entity('role')
@ObjectType({
  simpleResolvers: true,
  description: 'A named set of permissions that a partner gives to its users.',
})
export class Role {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('Role', this.id);
  }

  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Field(() => ID, {
    name: 'partnerId',
    simple: false,
    description: 'The partner whose users can have the role.',
  })
  get globalPartnerId(): string {
    return toGlobalId('Partner', this.partnerId);
  }

  @Field(() => String, { description: 'Name, unique within the partner.' })
  @Column({ type: 'text' })
  name!: string;

  @Field(() => String, { description: 'What the role is for.' })
  @Column({ type: 'text', default: '' })
  description!: string;

  @Field(() => [String], { description: 'Names of the permissions, sorted.' })
  @Column({ type: 'text', array: true })
  permissions!: string[];

  @Field(() => Boolean, {
    description: 'Whether who has the role must sign in with a one-time password as well.',
  })
  @Column({ type: 'boolean', name: 'requires_totp', default: true })
  requiresTotp!: boolean;

  @Field(() => DateTimeScalar, { description: 'When the role was created.' })
  @Column({ type: 'timestamptz', name: 'created_at', default: () => 'now()' })
  createdAt!: Date;
}

@ObjectType({ simpleResolvers: true, description: 'A role that a user has, and where it holds.' })
export class RoleAssignment {
  @Field(() => Role, { description: 'The role.' })
  role!: Role;

  @Field(() => ID, { description: 'The partner that it is given at; it holds there and below.' })
  partnerId!: string;
}

@ObjectType({ simpleResolvers: true, description: 'Something that an operation can demand.' })
export class Permission {
  @Field(() => String, { description: 'Name, as roles hold it.' })
  name!: string;

  @Field(() => String, { description: 'What it allows.' })
  description!: string;

  @Field(() => Boolean, {
    description: 'Whether it changes something; else it only lets see.',
  })
  changes!: boolean;

  @Field(() => Boolean, {
    description: 'Whether roles with it demand one-time passwords.',
  })
  requiresTotp!: boolean;

  @Field(() => [String], { description: 'Names of the permissions that it brings with it.' })
  includes!: string[];

  @Field(() => [String], {
    description: 'Fields that refuse the whole operation without it, as `Type.field`, sorted.',
  })
  opens!: string[];

  @Field(() => [String], {
    description: 'Fields that show more with it, as `Type.field`, sorted.',
  })
  reveals!: string[];
}

@ObjectType('RolePreset', {
  simpleResolvers: true,
  description: 'Permissions that often go together, to begin a role with.',
})
export class RolePresetView {
  @Field(() => String, { description: 'What their holders do, in a word.' })
  name!: string;

  @Field(() => String, { description: 'What their holders do.' })
  description!: string;

  @Field(() => [String], { description: 'Names of the permissions, sorted.' })
  permissions!: string[];
}
