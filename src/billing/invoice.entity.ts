import 'reflect-metadata';
import { Field, ID, Int, ObjectType } from 'type-graphql';
import { Column, Entity, PrimaryGeneratedColumn, type ValueTransformer } from 'typeorm';
import { formatAmount, parseAmount, toGlobalId } from '../kernel/index.js';
import {
  BigIntScalar,
  DateScalar,
  DateTimeScalar,
  DecimalScalar,
  enumType,
} from '../platform/index.js';
import type { DocumentFrame } from './document.js';
import type { FeeWorkings } from './fee-workings.js';

export const InvoiceKind = enumType('InvoiceKind', 'What a document claims.', {
  INVOICE: 'Charges for what was delivered.',
  CREDIT_NOTE: 'Takes charges of an invoice back.',
});
export type InvoiceKind = keyof typeof InvoiceKind;

export const InvoiceState = enumType('InvoiceState', 'How far an invoice has come.', {
  DRAFT: 'Made by a bill run, without number; only the seller sees it.',
  FINALISED: 'Numbered and dated; nothing of it changes any more.',
});
export type InvoiceState = keyof typeof InvoiceState;

export const InvoiceLineKind = enumType('InvoiceLineKind', 'What a line charges.', {
  USAGE: 'Usage of a service to a destination.',
  PERIODIC_FEE: 'A monthly fee, whole or by days.',
  ONE_TIME_FEE: 'A fee charged once per subscription.',
});
export type InvoiceLineKind = keyof typeof InvoiceLineKind;

// The database pads numbers with zeros; the API shows amounts and rates without them.
const amount = plainDecimal(2);
const percent = plainDecimal(0);

function plainDecimal(leastDecimals: number): ValueTransformer {
  return {
    from: (text: string) => formatAmount(parseAmount(text), leastDecimals),
    to: (value: unknown) => value,
  };
}

@Entity('invoice')
@ObjectType({
  simpleResolvers: true,
  description: 'A bill for one contract and one period. Amounts are in `currency`.',
})
export class Invoice {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('Invoice', this.id);
  }

  /** The buyer. */
  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Column({ type: 'int', name: 'seller_partner_id' })
  sellerId!: number;

  @Column({ type: 'int', name: 'contract_id' })
  contractId!: number;

  @Column({ type: 'int', name: 'contract_version_id' })
  contractVersionId!: number;

  @Column({ type: 'int', name: 'account_id' })
  accountId!: number;

  @Column({ type: 'int', name: 'run_id' })
  runId!: number;

  @Field(() => InvoiceKind, { description: 'What the document claims.' })
  @Column({ type: 'text', default: 'INVOICE' })
  kind!: InvoiceKind;

  @Field(() => InvoiceState, { description: 'How far the invoice has come.' })
  @Column({ type: 'text', default: 'DRAFT' })
  state!: InvoiceState;

  @Field(() => String, {
    nullable: true,
    description: 'Legal number, without gap per seller and year; null for a draft.',
  })
  @Column({ type: 'text', nullable: true })
  number!: string | null;

  @Field(() => DateScalar, { description: 'First day of the billed month.' })
  @Column({ type: 'date', name: 'period_on' })
  periodOn!: string;

  @Field(() => DateTimeScalar, { description: "First instant of the period, in contract's zone." })
  @Column({ type: 'timestamptz', name: 'period_from' })
  periodFrom!: Date;

  @Field(() => DateTimeScalar, { description: 'First instant after the period.' })
  @Column({ type: 'timestamptz', name: 'period_to' })
  periodTo!: Date;

  @Field(() => String, { description: 'Currency of all amounts, ISO 4217.' })
  @Column({ type: 'text' })
  currency!: string;

  @Field(() => DecimalScalar, { description: 'Sum of the lines before rounding.' })
  @Column({ type: 'numeric', precision: 24, scale: 8, default: 0, transformer: amount })
  basis!: string;

  @Field(() => DecimalScalar, { description: 'Sum of the line nets, which are rounded.' })
  @Column({ type: 'numeric', precision: 20, scale: 4, default: 0, transformer: amount })
  net!: string;

  @Field(() => DecimalScalar, { description: 'Sum of the tax rows.' })
  @Column({ type: 'numeric', precision: 20, scale: 4, default: 0, transformer: amount })
  tax!: string;

  @Field(() => DecimalScalar, { description: 'Net and tax: what is to be paid.' })
  @Column({ type: 'numeric', precision: 20, scale: 4, default: 0, transformer: amount })
  gross!: string;

  @Field(() => DateScalar, { nullable: true, description: 'Date of issue; null for a draft.' })
  @Column({ type: 'date', name: 'issued_on', nullable: true })
  issuedOn!: string | null;

  @Field(() => DateScalar, { nullable: true, description: 'Last day to pay; null for a draft.' })
  @Column({ type: 'date', name: 'due_on', nullable: true })
  dueOn!: string | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'When it was finalised.' })
  @Column({ type: 'timestamptz', name: 'finalised_at', nullable: true })
  finalisedAt!: Date | null;

  @Column({ type: 'jsonb' })
  document!: DocumentFrame;

  @Column({ type: 'bytea', nullable: true, select: false })
  pdf?: Buffer | null;

  @Field(() => String, {
    nullable: true,
    description: 'SHA-256 of the PDF, hexadecimal; null for a draft.',
  })
  @Column({ type: 'text', name: 'pdf_sha256', nullable: true })
  pdfSha256!: string | null;

  @Field(() => DateTimeScalar, { description: 'When the bill run made it.' })
  @Column({ type: 'timestamptz', name: 'created_at', default: () => 'now()' })
  createdAt!: Date;
}

@Entity('invoice_line')
@ObjectType({ simpleResolvers: true, description: 'One charge of an invoice.' })
export class InvoiceLine {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('InvoiceLine', this.id);
  }

  @Column({ type: 'int', name: 'invoice_id' })
  invoiceId!: number;

  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Field(() => Int, { description: 'Place on the invoice, from 1.' })
  @Column({ type: 'int' })
  ordinal!: number;

  @Field(() => InvoiceLineKind, { description: 'What the line charges.' })
  @Column({ type: 'text' })
  kind!: InvoiceLineKind;

  @Field(() => Boolean, {
    description: 'Whether it is usage from before the period that came too late for its invoice.',
  })
  @Column({ type: 'boolean' })
  earlier!: boolean;

  @Field(() => String, { description: "What is charged, in the buyer's language." })
  @Column({ type: 'text' })
  description!: string;

  @Field(() => String, { nullable: true, description: 'VOICE, SMS, DATA or EVENT; null for fees.' })
  @Column({ type: 'text', nullable: true })
  service!: string | null;

  @Column({ type: 'int', name: 'destination_id', nullable: true })
  destinationId!: number | null;

  @Column({ type: 'int', name: 'plan_fee_id', nullable: true })
  planFeeId!: number | null;

  @Field(() => BigIntScalar, { description: 'Usage records; for a fee, how often it is charged.' })
  @Column({ type: 'bigint' })
  records!: string;

  @Field(() => BigIntScalar, {
    description: 'Seconds, messages, octets or events as used; for a fee, days per charge.',
  })
  @Column({ type: 'bigint' })
  quantity!: string;

  @Field(() => BigIntScalar, {
    description: 'The quantity after increments and minimum; for a fee, days of the month.',
  })
  @Column({ type: 'bigint', name: 'billed_quantity' })
  billedQuantity!: string;

  @Field(() => DecimalScalar, { description: 'The exact sum of what the line adds up.' })
  @Column({ type: 'numeric', precision: 24, scale: 8, transformer: amount })
  basis!: string;

  @Field(() => DecimalScalar, { description: 'The basis rounded half up to minor units.' })
  @Column({ type: 'numeric', precision: 20, scale: 4, transformer: amount })
  net!: string;

  @Field(() => String, { description: 'Tax category, EN 16931 (UNCL 5305).' })
  @Column({ type: 'text', name: 'tax_code' })
  taxCode!: string;

  @Field(() => DecimalScalar, { description: 'Tax rate in percent.' })
  @Column({ type: 'numeric', precision: 7, scale: 4, name: 'tax_percent', transformer: percent })
  taxPercent!: string;
}

@Entity('invoice_tax')
@ObjectType({ simpleResolvers: true, description: 'The tax of all lines with one code and rate.' })
export class InvoiceTax {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Column({ type: 'int', name: 'invoice_id' })
  invoiceId!: number;

  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Field(() => String, { description: 'Tax category, EN 16931 (UNCL 5305).' })
  @Column({ type: 'text', name: 'tax_code' })
  taxCode!: string;

  @Field(() => DecimalScalar, { description: 'Tax rate in percent.' })
  @Column({ type: 'numeric', precision: 7, scale: 4, name: 'tax_percent', transformer: percent })
  taxPercent!: string;

  @Field(() => DecimalScalar, { description: 'Sum of the nets of these lines.' })
  @Column({ type: 'numeric', precision: 20, scale: 4, transformer: amount })
  basis!: string;

  @Field(() => DecimalScalar, { description: 'The basis times the rate, rounded half up once.' })
  @Column({ type: 'numeric', precision: 20, scale: 4, transformer: amount })
  tax!: string;
}

@Entity('fee_charge')
@ObjectType({
  simpleResolvers: true,
  description: 'One fee charged to one subscription, or to all of a plan under the contract.',
})
export class InvoiceFeeCharge {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  /** Null for a charge for all subscriptions of the plan under the contract. */
  @Column({ type: 'int', name: 'subscription_id', nullable: true })
  subscriptionId!: number | null;

  @Column({ type: 'int', name: 'contract_id', nullable: true })
  contractId!: number | null;

  @Column({ type: 'jsonb', nullable: true })
  workings!: FeeWorkings | null;

  @Column({ type: 'int', name: 'plan_fee_id' })
  planFeeId!: number;

  @Column({ type: 'text' })
  kind!: string;

  @Field(() => String, { description: 'Name of the fee in its plan.' })
  @Column({ type: 'text', name: 'fee_name' })
  feeName!: string;

  @Column({ type: 'int', name: 'invoice_id' })
  invoiceId!: number;

  @Column({ type: 'int', name: 'line_ordinal' })
  lineOrdinal!: number;

  @Field(() => DateScalar, { description: 'First day charged.' })
  @Column({ type: 'date', name: 'span_from' })
  spanFrom!: string;

  @Field(() => DateScalar, { description: 'First day not charged any more.' })
  @Column({ type: 'date', name: 'span_to' })
  spanTo!: string;

  @Field(() => DecimalScalar, { description: 'Exact amount before the line is rounded.' })
  @Column({ type: 'numeric', precision: 24, scale: 8, transformer: amount })
  amount!: string;
}
