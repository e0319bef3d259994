import 'reflect-metadata';
import { Field, ID, ObjectType } from 'type-graphql';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { toGlobalId } from '../kernel/index.js';
import { DateTimeScalar, DecimalScalar } from '../platform/index.js';

@Entity('exchange_rate')
@ObjectType({
  simpleResolvers: true,
  description: 'What one unit of a currency is worth in another from an instant on.',
})
export class ExchangeRate {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('ExchangeRate', this.id);
  }

  @Field(() => String, { description: 'Currency of which one unit is valued, ISO 4217.' })
  @Column({ type: 'text', name: 'base_currency' })
  baseCurrency!: string;

  @Field(() => String, { description: 'Currency in which it is valued, ISO 4217.' })
  @Column({ type: 'text', name: 'quote_currency' })
  quoteCurrency!: string;

  @Field(() => DecimalScalar, { description: 'Units of the quote currency for one of the base.' })
  @Column({ type: 'numeric', precision: 20, scale: 10 })
  rate!: string;

  @Field(() => DateTimeScalar, {
    description: 'First instant at which it holds, until the next of the pair.',
  })
  @Column({ type: 'timestamptz', name: 'valid_from' })
  validFrom!: Date;

  @Field(() => String, { description: 'Who published it.' })
  @Column({ type: 'text' })
  source!: string;

  @Field(() => DateTimeScalar, { description: 'When it was recorded.' })
  @Column({ type: 'timestamptz', name: 'recorded_at', default: () => 'now()' })
  recordedAt!: Date;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'When it was withdrawn; null while it counts.',
  })
  @Column({ type: 'timestamptz', name: 'superseded_at', nullable: true })
  supersededAt!: Date | null;
}

@ObjectType({ simpleResolvers: true, description: 'An amount in another currency.' })
export class ConvertedAmount {
  @Field(() => DecimalScalar, { description: 'The amount, rounded half to even to 8 decimals.' })
  amount!: string;

  @Field(() => String, { description: 'Its currency, ISO 4217.' })
  currency!: string;

  @Field(() => ExchangeRate, {
    nullable: true,
    description: 'The rate that was used; null when the currencies are the same.',
  })
  rate!: ExchangeRate | null;
}
