import {
  AccountBalancesResolver,
  ContractBalancesResolver,
  SubscriptionBalancesResolver,
} from './bucket-balance.resolver.js';
import { XdrExplanationResolver, XdrLevelExplanationResolver } from './explain.resolver.js';
import { QuoteLevelResolver, QuoteResolver } from './quote.resolver.js';
import { Rerate } from './rerate.entity.js';
import {
  RerateDifferenceResolver,
  RerateOutcomeResolver,
  RerateResolver,
} from './rerate.resolver.js';
import { XdrPriceResolver, XdrResolver } from './xdr.resolver.js';

export { ADJUSTED_RECORDS } from './adjusted-record.store.js';
export { FOLD_TOPIC } from './allowance.store.js';
export {
  AccountBalancesResolver,
  ContractBalancesResolver,
  SubscriptionBalancesResolver,
} from './bucket-balance.resolver.js';
export { limited, roundedCharge, tariffCharge } from './charge.js';
export { type CreditSpan, countCharges } from './credit-count.store.js';
export { CREDIT_COUNT_TOPIC, CREDIT_USAGE_TOPIC, orderCount } from './credit-usage.store.js';
export { DataPlane, type DataPlaneOptions } from './data-plane.service.js';
export { ratingErrors } from './errors.js';
export { XdrExplanationResolver, XdrLevelExplanationResolver } from './explain.resolver.js';
export { ExplainService } from './explain.service.js';
export { ShownRule } from './explain-charge.entity.js';
export { decimal, exactText } from './explain-charge.js';
export { LineReader } from './explain-line.service.js';
export { type RuleOutcome, ruleOutcomes, shownRule } from './explain-rules.js';
export { startFold } from './fold.service.js';
export { holdFolds, isFoldDue } from './fold-guard.store.js';
export { type Fraction, NOTHING, plus, times, whole } from './fraction.js';
export {
  checkFolds,
  checkUsageSums,
  type UnequalFold,
  type UnequalSums,
} from './invariants.store.js';
export {
  applyRules,
  type RuleContract,
  type RuleEffect,
  rulesOfContract,
} from './price-rules.js';
export type { GroupMember, PriceRule } from './pricing-facts.js';
export { QuoteLevelResolver, QuoteResolver } from './quote.resolver.js';
export { QuoteService } from './quote.service.js';
export { RerateDifference } from './rerate.entity.js';
export {
  RerateDifferenceResolver,
  RerateOutcomeResolver,
  RerateResolver,
} from './rerate.resolver.js';
export { RerateService } from './rerate.service.js';
export { SealService } from './seal.service.js';
export { vectorsCommand } from './vector.service.js';
export type { XdrFilter } from './xdr.input.js';
export { XdrPriceResolver, XdrResolver } from './xdr.resolver.js';
export {
  type ExportedXdr,
  exportXdrs,
  holdRecords,
  type XdrSelection,
} from './xdr-export.store.js';

/** Tables of this folder, but for those that COPY fills and hand-written statements read. */
export const ratingEntities = [Rerate] as const;

/** Resolver classes of this folder; `app.ts` builds one of each. */
export const ratingResolvers = [
  XdrResolver,
  XdrPriceResolver,
  XdrExplanationResolver,
  XdrLevelExplanationResolver,
  QuoteResolver,
  QuoteLevelResolver,
  SubscriptionBalancesResolver,
  ContractBalancesResolver,
  AccountBalancesResolver,
  RerateResolver,
  RerateOutcomeResolver,
  RerateDifferenceResolver,
] as const;
