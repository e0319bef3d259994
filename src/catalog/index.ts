import { Destination, DestinationPrefix } from './destination.entity.js';
import { ExchangeRate } from './exchange-rate.entity.js';
import { MarginFindingRow } from './margin.entity.js';
import { OriginSet, OriginSetPrefix } from './origin-set.entity.js';
import { PriceList, Rate } from './price-list.entity.js';
import {
  ContractPriceListResolver,
  EffectiveRateResolver,
  PriceListResolver,
  RateResolver,
} from './price-list.resolver.js';
import { RateSheet, RateSheetRow } from './rate-sheet.entity.js';
import {
  MarginFindingResolver,
  PriceListSheetsResolver,
  RateSheetMarginResolver,
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
import { TimeBand, TimeBandRule, TimeProfile } from './time-profile.entity.js';

export { adjustRate } from './adjust.js';
export { convert, type RateFacts } from './convert.js';
export { DestinationService } from './destination.service.js';
export { catalogErrors } from './errors.js';
export { ExchangeRateService } from './exchange-rate.service.js';
export * from './inherit.js';
export { lookUpPriceLists, PriceListService } from './price-list.service.js';
export { RateService } from './rate.service.js';
export * from './rate-row.js';
export { RateSheetService, type ReadUpload } from './rate-sheet.service.js';
export { ServicePlan } from './service-plan.entity.js';
export { ServicePlanService } from './service-plan.service.js';
export { SheetMappingService } from './sheet-mapping.service.js';
export { type StoredTierStep, tierSteps } from './tier.js';
export type { Span, Timeline } from './timeline.js';
export {
  ContractPriceListResolver,
  DestinationResolver,
  EffectiveRateResolver,
  ExchangeRateResolver,
  MarginFindingResolver,
  PriceListResolver,
  PriceListSheetsResolver,
  RateResolver,
  RateSheetMarginResolver,
  RateSheetResolver,
  RateSheetRowResolver,
  ServicePlanResolver,
  SheetMappingResolver,
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
  ServicePlan,
  PlanFee,
  TierSchedule,
  OriginSet,
  OriginSetPrefix,
];

/** Resolver classes of this folder; `app.ts` builds one of each. */
export const catalogResolvers = [
  DestinationResolver,
  TimeProfileResolver,
  TimeBandResolver,
  ExchangeRateResolver,
  ServicePlanResolver,
  PriceListResolver,
  RateResolver,
  EffectiveRateResolver,
  ContractPriceListResolver,
  RateSheetResolver,
  RateSheetRowResolver,
  RateSheetMarginResolver,
  MarginFindingResolver,
  SheetMappingResolver,
  PriceListSheetsResolver,
] as const;
