import 'reflect-metadata';
import { IsEmail, IsOptional, MaxLength } from 'class-validator';
import { Field, ID, InputType } from 'type-graphql';
import { PlainLines, PlainText } from '../platform/index.js';
import { PartnerKind } from './partner.entity.js';

@InputType({ description: 'A partner to create below another one.' })
export class CreatePartnerInput {
  @Field(() => ID, { description: 'The partner that it stands below.' })
  parentId!: string;

  @Field(() => PartnerKind, { description: 'What the partner is to the hub.' })
  kind!: PartnerKind;

  @Field(() => String, { description: 'Name in daily use, up to 200 characters.' })
  @PlainText(1, 200)
  name!: string;

  @Field(() => String, { nullable: true, description: 'Registered name.' })
  @IsOptional()
  @PlainText(1, 200)
  legalName?: string | null;

  @Field(() => String, { description: 'Country, ISO 3166 in two capitals.' })
  country!: string;

  @Field(() => String, { defaultValue: '', description: 'Postal address.' })
  @PlainLines(0, 1_000)
  address!: string;

  @Field(() => String, { nullable: true, description: 'Tax or VAT registration number.' })
  @IsOptional()
  @PlainText(1, 50)
  taxNumber?: string | null;

  @Field(() => String, { nullable: true, description: 'Where documents are sent.' })
  @IsOptional()
  @IsEmail()
  @MaxLength(254)
  email?: string | null;

  @Field(() => String, { defaultValue: 'en', description: 'Language of documents, BCP 47.' })
  language!: string;
}

@InputType({
  description: 'Changes to a partner; what is absent stays, null clears what may be empty.',
})
export class UpdatePartnerInput {
  @Field(() => ID, { description: 'The partner to change.' })
  id!: string;

  @Field(() => String, { nullable: true, description: 'Name in daily use.' })
  @IsOptional()
  @PlainText(1, 200)
  name?: string | null;

  @Field(() => String, { nullable: true, description: 'Registered name.' })
  @IsOptional()
  @PlainText(1, 200)
  legalName?: string | null;

  @Field(() => String, { nullable: true, description: 'Country, ISO 3166 in two capitals.' })
  country?: string | null;

  @Field(() => String, { nullable: true, description: 'Postal address.' })
  @IsOptional()
  @PlainLines(0, 1_000)
  address?: string | null;

  @Field(() => String, { nullable: true, description: 'Tax or VAT registration number.' })
  @IsOptional()
  @PlainText(1, 50)
  taxNumber?: string | null;

  @Field(() => String, { nullable: true, description: 'Where documents are sent.' })
  @IsOptional()
  @IsEmail()
  @MaxLength(254)
  email?: string | null;

  @Field(() => String, { nullable: true, description: 'Language of documents, BCP 47.' })
  language?: string | null;
}

@InputType({ description: 'Which partners to list; every given condition must hold.' })
export class PartnerFilter {
  @Field(() => [PartnerKind], { nullable: true, description: 'Kinds to list.' })
  kinds?: PartnerKind[] | null;

  @Field(() => ID, { nullable: true, description: 'Only partners directly below this one.' })
  parentId?: string | null;

  @Field(() => String, { nullable: true, description: 'Text that the name contains.' })
  @IsOptional()
  @MaxLength(200)
  name?: string | null;
}

@InputType({ description: 'A billing account to create.' })
export class CreateAccountInput {
  @Field(() => ID, { description: 'The partner that the account belongs to.' })
  partnerId!: string;

  @Field(() => ID, { nullable: true, description: 'The account above it, of the same partner.' })
  parentId?: string | null;

  @Field(() => String, { nullable: true, description: 'Its number; made up when absent.' })
  @IsOptional()
  @PlainText(1, 50)
  number?: string | null;

  @Field(() => String, { description: 'Name in daily use.' })
  @PlainText(1, 200)
  name!: string;
}
