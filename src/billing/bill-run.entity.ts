import 'reflect-metadata';
import { Field, Int, ObjectType } from 'type-graphql';
import { DecimalScalar, enumType, JsonScalar, Run } from '../platform/index.js';
import { type BillFindingCode, billFindingTexts } from './findings.js';

export const BillRunStep = enumType('BillRunStep', 'What a bill run does.', {
  BILL: 'Makes draft invoices.',
  FINALISE: 'Finalises the drafts of an earlier run.',
});

const BillFindingCodeType = enumType(
  'BillFindingCode',
  'What a bill run found that a person should look at.',
  billFindingTexts,
);

@ObjectType({ simpleResolvers: true, description: 'Sums over the invoices of one currency.' })
export class BillRunTotal {
  @Field(() => String, { description: 'Currency, ISO 4217.' })
  currency!: string;

  @Field(() => Int, { description: 'How many invoices.' })
  invoices!: number;

  @Field(() => Int, { description: 'How many of them are finalised by now.' })
  finalised!: number;

  @Field(() => DecimalScalar, { description: 'Sum of the unrounded bases.' })
  basis!: string;

  @Field(() => DecimalScalar, { description: 'Sum of the nets.' })
  net!: string;

  @Field(() => DecimalScalar, { description: 'Sum of the taxes.' })
  tax!: string;

  @Field(() => DecimalScalar, { description: 'Sum of what is to be paid.' })
  gross!: string;
}

@ObjectType({
  simpleResolvers: true,
  description: 'Something that a person should look at before the invoices are finalised.',
})
export class BillRunFinding {
  /** Place in the list of the run's findings. */
  place!: number;

  @Field(() => BillFindingCodeType, { description: 'What was found.' })
  code!: BillFindingCode;

  @Field(() => String, { description: 'The same in a sentence.' })
  message!: string;

  /** Row number of the contract, null when the finding is about the seller as a whole. */
  contractId!: number | null;

  @Field(() => JsonScalar, { description: 'Counts and names that tell where to look.' })
  details!: object;
}

@ObjectType({ simpleResolvers: true, description: 'A bill run and what came of it.' })
export class BillRun {
  runId!: number;
  sellerPartnerId!: number;

  @Field(() => Run, { description: 'State and progress.' })
  run!: Run;

  @Field(() => BillRunStep, { description: 'What the run does.' })
  step!: keyof typeof BillRunStep;

  @Field(() => String, { description: 'The billed month, YYYY-MM.' })
  period!: string;

  @Field(() => [BillRunTotal], { description: 'Sums over the invoices done so far, by currency.' })
  totals!: BillRunTotal[];
}
