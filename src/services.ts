import { join } from 'node:path';
import { AlarmResolver, AlarmService, clearHeldPurge, raiseHeldPurge } from './alarm/index.js';
import {
  AuditorService,
  AuditResolver,
  AuditService,
  HeadFiles,
  HeadKey,
  HeadService,
} from './audit/index.js';
import {
  BillRunFindingResolver,
  BillRunResolver,
  BillRunService,
  FeeQuoteResolver,
  InvoiceFeeChargeResolver,
  InvoiceResolver,
  InvoiceService,
  NumberAnchor,
  NumberService,
  PartnerInvoicesResolver,
  ReconcileService,
  RerateInvoiceResolver,
  UsageReportResolver,
  UsageReportService,
} from './billing/index.js';
import {
  BonusRuleResolver,
  BonusRuleService,
  BucketResolver,
  BucketService,
  ContractPriceListResolver,
  CustomerGroupMemberResolver,
  CustomerGroupResolver,
  CustomerGroupService,
  DestinationResolver,
  DestinationService,
  EffectiveRateResolver,
  ExchangeRateResolver,
  ExchangeRateService,
  HolidayResolver,
  HolidayService,
  lookUpPriceLists,
  MarginFindingResolver,
  MarginPairResolver,
  MarginService,
  OriginSetResolver,
  OriginSetService,
  PlanFeeResolver,
  PriceListResolver,
  PriceListService,
  PriceListSheetsResolver,
  PriceRuleResolver,
  PriceRuleService,
  RateResolver,
  RateService,
  RateSheetMarginResolver,
  RateSheetResolver,
  RateSheetRowResolver,
  RateSheetService,
  ServicePlanResolver,
  ServicePlanService,
  SheetMappingResolver,
  SheetMappingService,
  SheetMarginResolver,
  TierScheduleResolver,
  TierScheduleService,
  TimeBandResolver,
  TimeProfileResolver,
} from './catalog/index.js';
import { CreditResolver, CreditService } from './credit/index.js';
import {
  AccountMailService,
  ApiKeyResolver,
  ApiKeyService,
  AttemptService,
  AuthenticationService,
  EnrolmentResolver,
  EnrolmentService,
  type IdentityKeys,
  LastUse,
  PasswordChangeService,
  PasswordResolver,
  RoleResolver,
  RoleService,
  SessionResolver,
  SignInEventResolver,
  SignInEventService,
  SignInService,
  StepUpService,
  UserResolver,
  UserService,
  UserSessionResolver,
  UserSessionService,
  ViewerInfoResolver,
} from './identity/index.js';
import {
  ExportService,
  WebhookDeliveryResolver,
  WebhookResolver,
  WebhookService,
} from './integration/index.js';
import { invariant } from './kernel/index.js';
import {
  DuplicateRecordResolver,
  FileStorage,
  type FormatDefinition,
  InboxService,
  keptFiles,
  keptSince,
  LineFields,
  readSheet,
  removeKept,
  rewriteKept,
  rewriteLines,
  SuspenseCountResolver,
  SuspenseResolver,
  SuspenseService,
  UploadService,
  UsageFileResolver,
  UsageFileService,
  UsageFormatResolver,
  UsageFormatService,
  UsageSourceResolver,
  UsageSourceService,
} from './mediation/index.js';
import {
  AccountResolver,
  ContractResolver,
  ContractService,
  ContractVersionResolver,
  PartnerResolver,
  PartnerService,
} from './partner/index.js';
import {
  buildMailer,
  type Config,
  type Database,
  ensureSecret,
  type Log,
  RunResolver,
  RunService,
} from './platform/index.js';
import {
  EraseService,
  ErasureResolver,
  ErasureService,
  PurgeService,
  RetentionResolver,
  RetentionService,
} from './privacy/index.js';
import {
  AccountBalancesResolver,
  ContractBalancesResolver,
  ExplainService,
  LineReader,
  QuoteLevelResolver,
  QuoteResolver,
  QuoteService,
  RerateDifferenceResolver,
  RerateOutcomeResolver,
  RerateResolver,
  RerateService,
  SealService,
  SubscriptionBalancesResolver,
  XdrExplanationResolver,
  XdrLevelExplanationResolver,
  XdrPriceResolver,
  XdrResolver,
} from './rating/index.js';
import { ErrorCodeResolver, resolvers } from './schema.js';
import {
  ContractPriceListTrunkResolver,
  ContractSubscriptionsResolver,
  SubscriptionIdentityResolver,
  SubscriptionResolver,
  SubscriptionService,
  subscriptionLookups,
  TerminationService,
  TrunkResolver,
  TrunkService,
} from './subscription/index.js';

/** What services are built from. */
interface ServiceParts {
  readonly database: Database;
  readonly log: Log;
  readonly now: () => Date;
  readonly config: Config;
  readonly keys: IdentityKeys;
}

/** Every service of the system, each built once. */
export type Services = ReturnType<typeof buildServices>;

/** One of each service, in the order of the folders. */
export function buildServices({ database, log, now, config, keys }: ServiceParts) {
  const runs = new RunService();
  const lastUse = new LastUse(database, log);
  const authentication = new AuthenticationService(database, keys.tokenKeys, now, lastUse);
  const entrance = buildEntrance({ database, log, now, config, keys });
  const roles = new RoleService(now);
  const users = new UserService(roles, keys.secretKey, now);
  const apiKeys = new ApiKeyService(now);
  const sessions = new UserSessionService(now);
  const auditing = buildAudit({ database, log, config });
  const { audit } = auditing;
  const alarms = new AlarmService();
  const mediation = buildMediation({ database, log, config, audit });
  const register = buildRegister(mediation.storage);
  const rating = buildRating(database, mediation.storage);
  const credit = new CreditService(database, now);
  const billing = buildBilling({ database, log, now, config }, auditing);
  const { secretKey } = keys;
  const inbox = join(config.dataDir, 'inbox');
  const webhooks = new WebhookService({ secretKey, allowedOrigins: config.webhookOrigins });
  const pricing = buildPricing();
  const access = {
    runs,
    authentication,
    ...entrance,
    roles,
    users,
    ...auditing,
    retention: new RetentionService(now),
    erasures: new ErasureService(keys.secretKey, now),
    erasing: new EraseService(database, {
      audit,
      now,
      secretKey: keys.secretKey,
      rewrite: (storedAs, change) => rewriteLines(mediation.storage, storedAs, change),
      keptFiles: () => keptFiles(inbox),
      rewriteKept: (keptAs, change) => rewriteKept(inbox, keptAs, change),
      reader: ({ definition, ...terms }, trunks) => {
        const fields = new LineFields(definition as FormatDefinition, { ...terms, trunks });
        return (line) => fields.read(line);
      },
      removeBytes: (storedAs) => mediation.uploads.removeUnused(storedAs, now()),
    }),
    seals: new SealService(database, { now, log }),
    purges: new PurgeService(database, {
      alarms: { raise: raiseHeldPurge, clear: clearHeldPurge },
      audit,
      now,
      log,
      removeBytes: (storedAs) => mediation.uploads.removeUnused(storedAs, now()),
      removeLeftovers: () => mediation.uploads.removeLeftovers(now()),
      deliveries: {
        list: () => keptFiles(inbox),
        since: (keptAs) => keptSince(inbox, keptAs),
        remove: (keptAs) => removeKept(inbox, keptAs),
      },
    }),
    alarms,
    apiKeys,
    sessions,
    lastUse,
  };
  const exports = new ExportService(register.priceLists);
  return {
    ...access,
    ...register,
    ...pricing,
    ...mediation,
    ...rating,
    credit,
    ...billing,
    webhooks,
    exports,
  };
}

function buildAudit({ database, log, config }: Pick<ServiceParts, 'database' | 'log' | 'config'>) {
  const { dataDir, auditHeadsDir, auditHeadMinutes: minutes } = config;
  const auditFiles = new HeadFiles(auditHeadsDir ?? join(dataDir, 'audit-heads'));
  const key = new HeadKey(config.auditKey ?? ensureSecret(dataDir, 'audit-key'));
  const auditHeads = new HeadService(database, { key, files: auditFiles, minutes, log });
  const auditor = new AuditorService(auditHeads);
  return { audit: new AuditService(database), auditFiles, auditHeads, auditKey: key, auditor };
}

// What users sign in through, and what they do about their own secrets.
function buildEntrance({ database, log, now, config, keys }: ServiceParts) {
  const { secretKey } = keys;
  const { smtpUrl, mailFrom: from, portalUrl, dataDir } = config;
  const attempts = new AttemptService(database, secretKey);
  const signIn = new SignInService(database, attempts, keys, now, log);
  const mailer = buildMailer({ smtpUrl, from, dataDir, log });
  const mails = new AccountMailService({ mailer, secretKey, portalUrl, now, log });
  return {
    signIn,
    mailer,
    mails,
    stepUps: new StepUpService(database, attempts, secretKey),
    enrolments: new EnrolmentService(attempts, signIn, keys),
    passwords: new PasswordChangeService(database, attempts, mails),
    signInEvents: new SignInEventService(),
  };
}

function buildRating(database: Database, storage: FileStorage) {
  return {
    explanations: new ExplainService(database),
    rerates: new RerateService(database),
    lines: new LineReader(database, storage.pathOf('')),
    quotes: new QuoteService(database),
  };
}

// Rate sheets are read from uploads, which belong to a folder below the catalogue.
function buildRegister(storage: FileStorage) {
  return {
    partners: new PartnerService(),
    contracts: new ContractService({ priceLists: lookUpPriceLists, ...subscriptionLookups }),
    destinations: new DestinationService(),
    priceLists: new PriceListService(),
    rates: new RateService(),
    sheetMappings: new SheetMappingService(),
    rateSheets: new RateSheetService((...asked) => readSheet(storage, ...asked)),
    margins: new MarginService(),
    subscriptions: new SubscriptionService(),
    terminations: new TerminationService(),
    trunks: new TrunkService(),
    exchangeRates: new ExchangeRateService(),
    servicePlans: new ServicePlanService(),
  };
}

function buildPricing() {
  return {
    tierSchedules: new TierScheduleService(),
    originSets: new OriginSetService(),
    holidays: new HolidayService(),
    customerGroups: new CustomerGroupService(),
    priceRules: new PriceRuleService(),
    buckets: new BucketService(),
    bonusRules: new BonusRuleService(),
  };
}

function buildMediation(
  parts: Pick<ServiceParts, 'database' | 'log' | 'config'> & { readonly audit: AuditService },
) {
  const { database, log, config, audit } = parts;
  const { dataDir, batchBytes, workers } = config;
  const { maxUploadBytes: maxBytes, inboxPollSeconds: pollSeconds } = config;
  const storage = new FileStorage(dataDir);
  const usageFiles = new UsageFileService({ batchBytes, workers });
  return {
    storage,
    uploads: new UploadService(database, audit, storage, { maxBytes }),
    usageFormats: new UsageFormatService(),
    usageSources: new UsageSourceService(),
    usageFiles,
    suspense: new SuspenseService(),
    inbox: new InboxService(database, storage, usageFiles, { dataDir, pollSeconds, log }),
  };
}

function buildBilling(
  { database, log, now, config }: Pick<ServiceParts, 'database' | 'log' | 'now' | 'config'>,
  { auditFiles, auditKey }: ReturnType<typeof buildAudit>,
) {
  const anchor = new NumberAnchor(auditFiles.directory, auditKey);
  const minutes = config.auditHeadMinutes;
  const numbers = new NumberService(database, { anchor, now, log, minutes });
  return {
    numbers,
    reconciliation: new ReconcileService(anchor),
    billRuns: new BillRunService(now, numbers),
    invoices: new InvoiceService(numbers),
    usageReports: new UsageReportService(),
  };
}

/** One of each resolver, by its class. */
export function buildResolvers(services: Services): Map<unknown, object> {
  const { runs, roles, users, alarms, usageFiles, suspense } = services;
  const instances = [
    new ErrorCodeResolver(),
    new RunResolver(runs),
    ...entranceResolvers(services),
    new RoleResolver(roles),
    new UserResolver(users),
    new ApiKeyResolver(services.apiKeys),
    new UserSessionResolver(services.sessions),
    new AuditResolver(services.auditor),
    new RetentionResolver(services.retention, services.purges),
    new ErasureResolver(services.erasures),
    new AlarmResolver(alarms),
    ...registerResolvers(services),
    ...pricingResolvers(services),
    new UsageFormatResolver(services.usageFormats),
    new UsageSourceResolver(services.usageSources),
    new UsageFileResolver(usageFiles),
    new SuspenseResolver(suspense),
    new SuspenseCountResolver(),
    new DuplicateRecordResolver(suspense),
    new XdrResolver(),
    new RerateResolver(services.rerates),
    new RerateOutcomeResolver(),
    new RerateDifferenceResolver(),
    new XdrPriceResolver(),
    new XdrExplanationResolver(services.explanations, services.lines),
    new XdrLevelExplanationResolver(),
    new QuoteResolver(services.quotes),
    new QuoteLevelResolver(),
    new SubscriptionBalancesResolver(),
    new ContractBalancesResolver(),
    new AccountBalancesResolver(),
    new CreditResolver(services.credit),
    ...billingResolversOf(services),
    new WebhookResolver(services.webhooks),
    new WebhookDeliveryResolver(),
  ];
  const byClass = new Map<unknown, object>(instances.map((one) => [one.constructor, one]));
  for (const resolver of resolvers) {
    invariant(byClass.has(resolver), `app.ts builds a ${resolver.name}`);
  }
  return byClass;
}

function entranceResolvers(services: Services): object[] {
  const { signIn, stepUps, users, enrolments, passwords, signInEvents } = services;
  return [
    new SessionResolver(signIn, stepUps, users),
    new ViewerInfoResolver(signInEvents),
    new EnrolmentResolver(enrolments, signIn),
    new PasswordResolver(passwords),
    new SignInEventResolver(signInEvents),
  ];
}

function registerResolvers(services: Services): object[] {
  return [
    new PartnerResolver(services.partners),
    new AccountResolver(services.partners),
    new ContractResolver(services.contracts),
    new ContractVersionResolver(),
    new DestinationResolver(services.destinations),
    new TimeProfileResolver(services.destinations),
    new TimeBandResolver(),
    new ExchangeRateResolver(services.exchangeRates),
    new ServicePlanResolver(services.servicePlans),
    new PlanFeeResolver(),
    new PriceListResolver(services.priceLists, services.rates),
    new RateResolver(),
    new EffectiveRateResolver(),
    new ContractPriceListResolver(),
    new RateSheetResolver(services.rateSheets),
    new RateSheetRowResolver(),
    new SheetMarginResolver(services.margins),
    new RateSheetMarginResolver(services.margins),
    new MarginFindingResolver(),
    new MarginPairResolver(),
    new SheetMappingResolver(services.sheetMappings),
    new PriceListSheetsResolver(),
    new SubscriptionResolver(services.subscriptions, services.terminations),
    new SubscriptionIdentityResolver(),
    new TrunkResolver(services.trunks),
    new ContractSubscriptionsResolver(),
    new ContractPriceListTrunkResolver(),
  ];
}

function pricingResolvers(services: Services): object[] {
  return [
    new TierScheduleResolver(services.tierSchedules),
    new OriginSetResolver(services.originSets),
    new HolidayResolver(services.holidays),
    new CustomerGroupResolver(services.customerGroups),
    new CustomerGroupMemberResolver(),
    new PriceRuleResolver(services.priceRules),
    new BucketResolver(services.buckets),
    new BonusRuleResolver(services.bonusRules),
  ];
}

function billingResolversOf({ billRuns, invoices, usageReports }: Services): object[] {
  return [
    new InvoiceResolver(invoices),
    new InvoiceFeeChargeResolver(),
    new FeeQuoteResolver(),
    new BillRunResolver(billRuns, invoices),
    new BillRunFindingResolver(),
    new UsageReportResolver(usageReports),
    new PartnerInvoicesResolver(),
    new RerateInvoiceResolver(),
  ];
}
