import { Account } from './account.entity.js';
import { Contract } from './contract.entity.js';
import { ContractResolver, ContractVersionResolver } from './contract.resolver.js';
import { ContractPriceList, ContractVersion } from './contract-version.entity.js';
import { Partner } from './partner.entity.js';
import { AccountResolver, PartnerResolver } from './partner.resolver.js';

export { Account } from './account.entity.js';
export { Contract, PriceLevel } from './contract.entity.js';
export { ContractResolver, ContractVersionResolver } from './contract.resolver.js';
export {
  assertTermsSide,
  ContractService,
  type CurrencyChange,
  type PriceListLookup,
  type TrunkLookup,
} from './contract.service.js';
export { MarginPolicy, NoticePolicy } from './contract-guard.entity.js';
export { assertMarginPolicy, assertTerms, type PriceListFacts } from './contract-rules.js';
export {
  BandPolicy,
  ContractPriceList,
  PricedService,
  RoundingModeType,
} from './contract-version.entity.js';
export { partnerErrors } from './errors.js';
export { Partner } from './partner.entity.js';
export { AccountResolver, PartnerResolver } from './partner.resolver.js';
export { activePartner, openAccount, PartnerService } from './partner.service.js';
export { assertCountry } from './placement.js';
export {
  levelPermission,
  mayReadLevel,
  pricePermissions,
  readableLevels,
} from './price-access.js';

/** Tables of this folder. */
export const partnerEntities = [Partner, Account, Contract, ContractVersion, ContractPriceList];

/** Resolver classes of this folder; `app.ts` builds one of each. */
export const partnerResolvers = [
  PartnerResolver,
  AccountResolver,
  ContractResolver,
  ContractVersionResolver,
] as const;
