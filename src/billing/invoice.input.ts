import 'reflect-metadata';
import { IsOptional, Matches } from 'class-validator';
import { ArgsType, Field, ID, InputType } from 'type-graphql';
import { InvoiceState } from './invoice.entity.js';

const month = /^(?!0000)\d{4}-(0[1-9]|1[0-2])$/;
const monthMessage = 'A month is written YYYY-MM.';

@InputType({ description: 'What to bill.' })
export class StartBillRunInput {
  @Field(() => String, { description: 'The month to bill, YYYY-MM; it must be over.' })
  @Matches(month, { message: monthMessage })
  period!: string;

  @Field(() => ID, {
    nullable: true,
    description: "The partner that bills its contracts; the user's own partner when absent.",
  })
  sellerPartnerId?: string | null;
}

@InputType({ description: 'Which invoices to list; all conditions must hold.' })
export class InvoiceFilter {
  @Field(() => ID, { nullable: true, description: 'Only invoices to this partner.' })
  partnerId?: string | null;

  @Field(() => ID, { nullable: true, description: 'Only invoices of this seller.' })
  sellerPartnerId?: string | null;

  @Field(() => InvoiceState, { nullable: true, description: 'Only invoices in this state.' })
  state?: InvoiceState | null;

  @Field(() => String, { nullable: true, description: 'Only invoices of this month, YYYY-MM.' })
  @IsOptional()
  @Matches(month, { message: monthMessage })
  period?: string | null;
}

@ArgsType()
export class FeeQuoteArgs {
  @Field(() => ID, { description: 'The contract.' })
  contractId!: string;

  @Field(() => String, { description: 'The month, YYYY-MM; it need not be over.' })
  @Matches(month, { message: monthMessage })
  period!: string;
}
