import 'reflect-metadata';
import { Max, Min } from 'class-validator';
import { Field, InputType, Int, ObjectType } from 'type-graphql';
import { enumType } from '../platform/index.js';

export const NoticePolicy = enumType(
  'NoticePolicy',
  'What happens to prices of a rate sheet that come with too short a notice.',
  {
    WARN: 'They are marked and taken as they are.',
    SHIFT: 'They take effect as soon as the notice allows, instead of when the sheet says.',
    REFUSE: 'The sheet cannot be activated.',
  },
);
export type NoticePolicy = keyof typeof NoticePolicy;

export const MarginPolicy = enumType(
  'MarginPolicy',
  "What happens when a contract's price falls below what a supplier charges for it.",
  {
    NONE: 'It is shown, nothing more.',
    WARN: 'It is shown, and an alarm is raised.',
    HOLD: 'It goes on only after somebody has confirmed just these findings.',
    REFUSE: 'It is refused.',
  },
);
export type MarginPolicy = keyof typeof MarginPolicy;

const DAYS = 'civil days from the day on which the sheet was received to the first day it may hold';

@ObjectType('ContractNotice', {
  simpleResolvers: true,
  description: 'Notice that changes of prices must be given, by what they do to the list.',
})
@InputType('ContractNoticeInput', {
  description: 'Notice that changes of prices must be given, by what they do to the list.',
})
export class ContractNotice {
  @Field(() => NoticePolicy, {
    defaultValue: 'WARN',
    description: 'What happens to prices that come too early.',
  })
  policy!: NoticePolicy;

  @Field(() => Int, { defaultValue: 0, description: `New prices: ${DAYS}.` })
  @Min(0)
  @Max(365)
  newDays!: number;

  @Field(() => Int, { defaultValue: 0, description: `Higher prices: ${DAYS}.` })
  @Min(0)
  @Max(365)
  increaseDays!: number;

  @Field(() => Int, { defaultValue: 0, description: `Lower prices: ${DAYS}.` })
  @Min(0)
  @Max(365)
  decreaseDays!: number;

  @Field(() => Int, { defaultValue: 0, description: `Other changes: ${DAYS}.` })
  @Min(0)
  @Max(365)
  changedDays!: number;

  @Field(() => Int, { defaultValue: 0, description: `Prices that end: ${DAYS}.` })
  @Min(0)
  @Max(365)
  closedDays!: number;
}
