import 'reflect-metadata';
import { Field, ID, InputType } from 'type-graphql';
import { DateTimeScalar, PlainText } from '../platform/index.js';

@InputType({ description: 'A customer group to create.' })
export class CreateCustomerGroupInput {
  @Field(() => ID, { description: 'The seller.' })
  partnerId!: string;

  @Field(() => String, { description: 'Its name, unique within the seller.' })
  @PlainText(1, 200)
  name!: string;
}

@InputType({ description: "A customer's time in a group." })
export class AddGroupMemberInput {
  @Field(() => ID, { description: 'The group.' })
  groupId!: string;

  @Field(() => ID, { description: 'A partner that buys from the seller.' })
  partnerId!: string;

  @Field(() => DateTimeScalar, { description: 'First instant at which it belongs to the group.' })
  validFrom!: Date;

  @Field(() => DateTimeScalar, { nullable: true, description: 'Where it ends; open when absent.' })
  validTo?: Date | null;
}
