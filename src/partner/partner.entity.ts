import 'reflect-metadata';
import { Authorized, Field, ID, Int, ObjectType } from 'type-graphql';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { toGlobalId } from '../kernel/index.js';
import { DateTimeScalar, enumType } from '../platform/index.js';

export const PartnerKind = enumType('PartnerKind', 'What a partner is to the hub.', {
  HUB: 'The operator of this system; the one root of the tree.',
  OPERATOR: 'Exchanges traffic with the hub in both directions.',
  SUPPLIER: 'Sells traffic to the hub.',
  RESELLER: 'Buys from its parent and sells to partners below it.',
  AGENT: 'Brings in customers for a commission.',
  BUSINESS_CUSTOMER: 'An organisation that uses the service itself.',
  PRIVATE_CUSTOMER: 'A person that uses the service.',
});
export type PartnerKind = keyof typeof PartnerKind;

export const PartnerStatus = enumType('PartnerStatus', 'Whether business is done with a partner.', {
  ACTIVE: 'Takes part in everything.',
  CLOSED: 'Takes no new business; what was is kept.',
});
export type PartnerStatus = keyof typeof PartnerStatus;

@Entity('partner')
@ObjectType({
  simpleResolvers: true,
  description: 'An organisation or person that we exchange traffic and money with.',
})
export class Partner {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('Partner', this.id);
  }

  @Column({ type: 'int', name: 'parent_id', nullable: true })
  parentId!: number | null;

  /** Ids from the root down to this partner. */
  @Column({ type: 'int', array: true })
  path!: number[];

  @Field(() => Int, { description: 'How many partners stand above it; 0 for the hub.' })
  @Column({ type: 'int' })
  depth!: number;

  @Field(() => PartnerKind, { description: 'What the partner is to the hub.' })
  @Column({ type: 'text' })
  kind!: PartnerKind;

  @Field(() => String, { description: 'Name in daily use.' })
  @Column({ type: 'text' })
  name!: string;

  @Field(() => String, { nullable: true, description: 'Registered name, as invoices show it.' })
  @Column({ type: 'text', name: 'legal_name', nullable: true })
  legalName!: string | null;

  @Field(() => PartnerStatus, { description: 'Whether business is done with the partner.' })
  @Column({ type: 'text', default: 'ACTIVE' })
  status!: PartnerStatus;

  @Field(() => String, { description: 'Country, ISO 3166 in two capitals.' })
  @Column({ type: 'text' })
  country!: string;

  @Authorized('partner.contact.read')
  @Field(() => String, { description: 'Postal address, lines separated by line feeds.' })
  @Column({ type: 'text', default: '' })
  address!: string;

  @Authorized('partner.contact.read')
  @Field(() => String, { nullable: true, description: 'Tax or VAT registration number.' })
  @Column({ type: 'text', name: 'tax_number', nullable: true })
  taxNumber!: string | null;

  @Authorized('partner.contact.read')
  @Field(() => String, { nullable: true, description: 'Where documents are sent.' })
  @Column({ type: 'text', nullable: true })
  email!: string | null;

  @Field(() => String, { description: 'Language of documents, BCP 47.' })
  @Column({ type: 'text', default: 'en' })
  language!: string;

  @Field(() => DateTimeScalar, { description: 'When the partner was created.' })
  @Column({ type: 'timestamptz', name: 'created_at', default: () => 'now()' })
  createdAt!: Date;
}
