import { BonusRuleResolver } from './bonus-rule.resolver.js';
import { BonusRule, Bucket } from './bucket.entity.js';
import { BucketResolver } from './bucket.resolver.js';
import { CustomerGroup, CustomerGroupMember } from './customer-group.entity.js';
import { CustomerGroupMemberResolver, CustomerGroupResolver } from './customer-group.resolver.js';
import { Destination, DestinationPrefix } from './destination.entity.js';
import { ExchangeRate } from './exchange-rate.entity.js';
import { Holiday, HolidayCalendar } from './holiday.entity.js';
import { HolidayResolver } from './holiday.resolver.js';
import { MarginFindingRow, RateSheetMargin } from './margin.entity.js';
import {
  MarginFindingResolver,
  MarginPairResolver,
  RateSheetMarginResolver,
  SheetMarginResolver,
} from './margin.resolver.js';
import { OriginSet, OriginSetPrefix } from './origin-set.entity.js';
import { PlanFeeResolver } from './plan-fee.resolver.js';
import { PriceList, Rate } from './price-list.entity.js';
import {
  ContractPriceListResolver,
  EffectiveRateResolver,
  PriceListResolver,
  RateResolver,
} from './price-list.resolver.js';
import { PriceRule } from './price-rule.entity.js';
import { PriceRuleResolver } from './price-rule.resolver.js';
import { RateSheet, RateSheetRow } from './rate-sheet.entity.js';
import {
  PriceListSheetsResolver,
  RateSheetResolver,
  RateSheetRowResolver,
} from './rate-sheet.resolver.js';
import {
  DestinationResolver,
  ExchangeRateResolver,
  ServicePlanResolver,
  TimeBandResolver,
  TimeProfileResolver,
} from './reference.resolver.js';
import { PlanFee, ServicePlan } from './service-plan.entity.js';
import { SheetMappingRow } from './sheet-mapping.entity.js';
import { SheetMappingResolver } from './sheet-mapping.resolver.js';
import { TierSchedule } from './tier-schedule.entity.js';
import { OriginSetResolver, TierScheduleResolver } from './tier-schedule.resolver.js';
import { TimeBand, TimeBandRule, TimeProfile } from './time-profile.entity.js';

export { adjustRate } from './adjust.js';
export {
  assertBonus,
  assertBucket,
  assertCountsAlike,
  assertPriceRule,
} from './allowance-rules.js';
export { BonusRuleService } from './bonus-rule.service.js';
export { BucketKind, Sharing } from './bucket.entity.js';
export { BucketService } from './bucket.service.js';
export { convert, type RateFacts } from './convert.js';
export { CustomerGroupService } from './customer-group.service.js';
export { DestinationService } from './destination.service.js';
export { type EffectivePrice, effectivePrices } from './effective-export.service.js';
export { catalogErrors } from './errors.js';
export { ExchangeRateService } from './exchange-rate.service.js';
export { HolidayService } from './holiday.service.js';
export * from './inherit.js';
export { MARGIN_TOPIC, MarginService, tellSellers } from './margin.service.js';
export { OriginSetService } from './origin-set.service.js';
export { PRICE_TOPIC } from './price-guard.service.js';
export { PricingModelType } from './price-list.entity.js';
export { lookUpPriceLists, PriceListService } from './price-list.service.js';
export { tellOfPrice } from './price-news.service.js';
export { PriceRuleEffect, PriceRuleStacking, PriceRuleType } from './price-rule.entity.js';
export { PriceRuleService } from './price-rule.service.js';
export { RateService } from './rate.service.js';
export * from './rate-row.js';
export {
  assertCharge,
  assertRate,
  assertTarget,
  closedBy,
  inheritanceChain,
} from './rate-rules.js';
export { RateSheetService, type ReadUpload } from './rate-sheet.service.js';
export { FeeMeasure, FeeModel, ServicePlan } from './service-plan.entity.js';
export { ServicePlanService } from './service-plan.service.js';
export { type WrittenSheet, writtenSheet } from './sheet-export.service.js';
export { SheetMappingService } from './sheet-mapping.service.js';
export { checkedSteps, type StoredTierStep, storedSteps, tierSteps } from './tier.js';
export {
  CounterPeriod,
  CounterScope,
  shownSteps,
  TierStep as ShownTierStep,
} from './tier-schedule.entity.js';
export { TierScheduleService } from './tier-schedule.service.js';
export type { Span, Timeline } from './timeline.js';
export { holidayTable, minuteOf, weekdayMask, weekTable } from './week.js';
export {
  BonusRuleResolver,
  BucketResolver,
  ContractPriceListResolver,
  CustomerGroupMemberResolver,
  CustomerGroupResolver,
  DestinationResolver,
  EffectiveRateResolver,
  ExchangeRateResolver,
  HolidayResolver,
  MarginFindingResolver,
  MarginPairResolver,
  OriginSetResolver,
  PlanFeeResolver,
  PriceListResolver,
  PriceListSheetsResolver,
  PriceRuleResolver,
  RateResolver,
  RateSheetMarginResolver,
  RateSheetResolver,
  RateSheetRowResolver,
  ServicePlanResolver,
  SheetMappingResolver,
  SheetMarginResolver,
  TierScheduleResolver,
  TimeBandResolver,
  TimeProfileResolver,
};

/** Tables of this folder. */
export const catalogEntities = [
  Destination,
  DestinationPrefix,
  TimeProfile,
  TimeBand,
  TimeBandRule,
  ExchangeRate,
  PriceList,
  Rate,
  RateSheet,
  RateSheetRow,
  SheetMappingRow,
  MarginFindingRow,
  RateSheetMargin,
  ServicePlan,
  PlanFee,
  TierSchedule,
  OriginSet,
  OriginSetPrefix,
  HolidayCalendar,
  Holiday,
  CustomerGroup,
  CustomerGroupMember,
  PriceRule,
  Bucket,
  BonusRule,
];

/** Resolver classes of this folder; `app.ts` builds one of each. */
export const catalogResolvers = [
  DestinationResolver,
  TimeProfileResolver,
  TimeBandResolver,
  ExchangeRateResolver,
  ServicePlanResolver,
  PlanFeeResolver,
  PriceListResolver,
  RateResolver,
  EffectiveRateResolver,
  ContractPriceListResolver,
  RateSheetResolver,
  RateSheetRowResolver,
  SheetMarginResolver,
  RateSheetMarginResolver,
  MarginFindingResolver,
  MarginPairResolver,
  SheetMappingResolver,
  PriceListSheetsResolver,
  TierScheduleResolver,
  OriginSetResolver,
  HolidayResolver,
  CustomerGroupResolver,
  CustomerGroupMemberResolver,
  PriceRuleResolver,
  BucketResolver,
  BonusRuleResolver,
] as const;
