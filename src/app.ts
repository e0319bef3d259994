import { createReadStream } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { AlarmResolver, AlarmService } from './alarm/index.js';
import {
  BillExecutor,
  BillRunFindingResolver,
  BillRunResolver,
  BillRunService,
  InvoiceFeeChargeResolver,
  InvoiceResolver,
  InvoiceService,
  invoiceRoute,
  PartnerInvoicesResolver,
  UsageReportResolver,
  UsageReportService,
} from './billing/index.js';
import {
  ContractPriceListResolver,
  DestinationResolver,
  DestinationService,
  EffectiveRateResolver,
  ExchangeRateResolver,
  ExchangeRateService,
  lookUpPriceLists,
  MarginFindingResolver,
  PriceListResolver,
  PriceListService,
  PriceListSheetsResolver,
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
  TimeBandResolver,
  TimeProfileResolver,
} from './catalog/index.js';
import { buildGate } from './context.js';
import { CreditResolver, CreditService } from './credit/index.js';
import {
  AuthenticationService,
  type IdentityKeys,
  RoleResolver,
  RoleService,
  SessionResolver,
  SignInService,
  UserResolver,
  UserService,
} from './identity/index.js';
import { invariant } from './kernel/index.js';
import {
  DuplicateRecordResolver,
  FileStorage,
  InboxService,
  SuspenseCountResolver,
  SuspenseResolver,
  SuspenseService,
  UploadService,
  UsageFile,
  UsageFileResolver,
  UsageFileService,
  UsageFormatResolver,
  UsageFormatService,
  UsageSourceResolver,
  UsageSourceService,
  uploadRoute,
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
  buildHttp,
  type Config,
  Database,
  type DatabaseUrls,
  Doorbell,
  type EmbeddedPostgres,
  EventStream,
  ensureSecret,
  type HttpServer,
  type Log,
  type MigrateOptions,
  OutboxWorker,
  type RouteModule,
  RunResolver,
  RunService,
  rowOrNull,
  SYSTEM_SCOPE,
  startEmbeddedPostgres,
  type Tx,
  WorkService,
} from './platform/index.js';
import {
  CREDIT_USAGE_TOPIC,
  DataPlane,
  ExplainService,
  FOLD_TOPIC,
  LineReader,
  startFold,
  XdrExplanationResolver,
  XdrLevelExplanationResolver,
  XdrPriceResolver,
  XdrResolver,
} from './rating/index.js';
import { buildSchema, ErrorCodeResolver, entities, resolvers } from './schema.js';
import {
  ContractPriceListTrunkResolver,
  ContractSubscriptionsResolver,
  lookUpTrunks,
  SubscriptionIdentityResolver,
  SubscriptionResolver,
  SubscriptionService,
  TrunkResolver,
  TrunkService,
} from './subscription/index.js';

export interface AppOptions {
  readonly config: Config;
  readonly urls: DatabaseUrls;
  readonly log: Log;
  /** The one clock of requests; the system's when absent. */
  readonly now?: () => Date;
}

/** The whole system in one process, built once and by hand. */
export interface App {
  readonly config: Config;
  readonly database: Database;
  readonly http: HttpServer;
  readonly work: WorkService;
  readonly outbox: OutboxWorker;
  readonly events: EventStream;
  readonly services: Services;
  /** Begins to follow events and to take work. */
  start(): Promise<void>;
  /** Lets requests and batches in flight finish, then gives everything back. */
  stop(): Promise<void>;
}

export type Services = ReturnType<typeof buildServices>;

/** Builds the system on a migrated database; nothing runs before `start` and `http.listen`. */
export async function buildApp(options: AppOptions): Promise<App> {
  const { config, urls, log } = options;
  const now = options.now ?? (() => new Date());
  const { poolSize, statementTimeoutMs } = config;
  const database = new Database({ ...urls, entities, poolSize, statementTimeoutMs });
  await database.connect();
  const doorbell = new Doorbell(urls.url);
  const work = new WorkService(database, { doorbell, log });
  const outbox = new OutboxWorker(database, { doorbell, log });
  const events = new EventStream(database, { doorbell, log });
  const services = buildServices({
    database,
    log,
    now,
    config,
    keys: identityKeys(config),
  });
  const { authentication, credit } = services;
  outbox.register(CREDIT_USAGE_TOPIC, (tx, row) => credit.applyUsage(tx, row));
  outbox.register(FOLD_TOPIC, startFold);
  const { workers } = config;
  const dataPlane = new DataPlane({ database, workers, filesDir: services.storage.pathOf('') });
  work.register(dataPlane.importExecutor);
  work.register(dataPlane.recycleExecutor);
  work.register(dataPlane.foldExecutor);
  work.register(new BillExecutor(database, now));
  const http = await buildHttp({
    schema: buildSchema(buildResolvers(services)),
    settings: config,
    gate: buildGate({ database, events, authentication, now }),
    log,
    routes: buildRoutes(database, services),
    ready: () => database.read(SYSTEM_SCOPE, async (tx) => tx.query('SELECT 1')),
  });
  return {
    config,
    database,
    http,
    work,
    outbox,
    events,
    services,
    start: async () => {
      await events.start();
      await services.uploads.open(now());
      work.start();
      outbox.start();
      services.inbox.start();
      await doorbell.start();
    },
    stop: async () => {
      await http.close();
      await Promise.all([services.inbox.stop(), work.stop(), outbox.stop(), events.stop()]);
      await dataPlane.close();
      await doorbell.stop();
      await database.close();
    },
  };
}

interface ServiceParts {
  readonly database: Database;
  readonly log: Log;
  readonly now: () => Date;
  readonly config: Config;
  readonly keys: IdentityKeys;
}

/** One of each service, in the order of the folders. */
function buildServices({ database, log, now, config, keys }: ServiceParts) {
  const runs = new RunService();
  const authentication = new AuthenticationService(database, keys.jwtKey, now);
  const signIn = new SignInService(database, keys, now, log);
  const roles = new RoleService();
  const users = new UserService(roles, keys.secretKey, now);
  const alarms = new AlarmService();
  const mediation = buildMediation({ database, log, config });
  const register = buildRegister(mediation.storage);
  const rating = buildRating(database, mediation.storage);
  const credit = new CreditService();
  const billing = buildBilling(now);
  const access = { runs, authentication, signIn, roles, users, alarms };
  return { ...access, ...register, ...mediation, ...rating, credit, ...billing };
}

function buildRating(database: Database, storage: FileStorage) {
  return {
    explanations: new ExplainService(database),
    lines: new LineReader(database, storage.pathOf('')),
  };
}

// Rate sheets are read from uploads, which belong to a folder below the catalogue.
function buildRegister(storage: FileStorage) {
  return {
    partners: new PartnerService(),
    contracts: new ContractService(lookUpPriceLists, lookUpTrunks),
    destinations: new DestinationService(),
    priceLists: new PriceListService(),
    rates: new RateService(),
    sheetMappings: new SheetMappingService(),
    rateSheets: new RateSheetService((tx, fileId) => readUpload(storage, tx, fileId)),
    subscriptions: new SubscriptionService(),
    trunks: new TrunkService(),
    exchangeRates: new ExchangeRateService(),
    servicePlans: new ServicePlanService(),
  };
}

function buildMediation(parts: Pick<ServiceParts, 'database' | 'log' | 'config'>) {
  const { database, log, config } = parts;
  const { dataDir, batchBytes, maxUploadBytes: maxBytes, inboxPollSeconds: pollSeconds } = config;
  const storage = new FileStorage(dataDir);
  const usageFiles = new UsageFileService({ batchBytes });
  return {
    storage,
    uploads: new UploadService(database, storage, { maxBytes }),
    usageFormats: new UsageFormatService(),
    usageSources: new UsageSourceService(),
    usageFiles,
    suspense: new SuspenseService(),
    inbox: new InboxService(database, storage, usageFiles, { dataDir, pollSeconds, log }),
  };
}

function buildBilling(now: () => Date) {
  return {
    billRuns: new BillRunService(now),
    invoices: new InvoiceService(now),
    usageReports: new UsageReportService(),
  };
}

async function readUpload(storage: FileStorage, tx: Tx, fileId: string): Promise<Readable | null> {
  const file = await rowOrNull(tx, UsageFile, 'UsageFile', fileId);
  return file === null ? null : createReadStream(storage.pathOf(file.storedAs));
}

/** One of each resolver, by its class. */
function buildResolvers(services: Services): Map<unknown, object> {
  const { runs, signIn, roles, users, alarms, usageFiles, suspense } = services;
  const instances = [
    new ErrorCodeResolver(),
    new RunResolver(runs),
    new SessionResolver(signIn, users),
    new RoleResolver(roles),
    new UserResolver(users),
    new AlarmResolver(alarms),
    ...registerResolvers(services),
    new UsageFormatResolver(services.usageFormats),
    new UsageSourceResolver(services.usageSources),
    new UsageFileResolver(usageFiles),
    new SuspenseResolver(suspense),
    new SuspenseCountResolver(),
    new DuplicateRecordResolver(suspense),
    new XdrResolver(),
    new XdrPriceResolver(),
    new XdrExplanationResolver(services.explanations, services.lines),
    new XdrLevelExplanationResolver(),
    new CreditResolver(services.credit),
    ...billingResolversOf(services),
  ];
  const byClass = new Map<unknown, object>(instances.map((one) => [one.constructor, one]));
  for (const resolver of resolvers) {
    invariant(byClass.has(resolver), `app.ts builds a ${resolver.name}`);
  }
  return byClass;
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
    new PriceListResolver(services.priceLists, services.rates),
    new RateResolver(),
    new EffectiveRateResolver(),
    new ContractPriceListResolver(),
    new RateSheetResolver(services.rateSheets),
    new RateSheetRowResolver(),
    new RateSheetMarginResolver(services.rateSheets),
    new MarginFindingResolver(),
    new SheetMappingResolver(services.sheetMappings),
    new PriceListSheetsResolver(),
    new SubscriptionResolver(services.subscriptions),
    new SubscriptionIdentityResolver(),
    new TrunkResolver(services.trunks),
    new ContractSubscriptionsResolver(),
    new ContractPriceListTrunkResolver(),
  ];
}

function billingResolversOf({ billRuns, invoices, usageReports }: Services): object[] {
  return [
    new InvoiceResolver(invoices),
    new InvoiceFeeChargeResolver(),
    new BillRunResolver(billRuns, invoices),
    new BillRunFindingResolver(),
    new UsageReportResolver(usageReports),
    new PartnerInvoicesResolver(),
  ];
}

/** Routes beside GraphQL. */
function buildRoutes(database: Database, services: Services): RouteModule[] {
  return [uploadRoute(services.uploads), invoiceRoute(database, services.invoices)];
}

function identityKeys(config: Config): IdentityKeys {
  return {
    jwtKey: config.jwtKey ?? ensureSecret(config.dataDir, 'jwt-key'),
    secretKey: config.secretKey ?? ensureSecret(config.dataDir, 'secret-key'),
  };
}

/** Where the database is: as configured, or the embedded one, started if it is not running. */
export async function openDatabase(
  config: Config,
  say: (line: string) => void,
): Promise<{ urls: DatabaseUrls; embedded: EmbeddedPostgres | null }> {
  const { databaseUrl, databaseOwnerUrl } = config;
  if (databaseUrl !== undefined) {
    return {
      urls: { url: databaseUrl, ownerUrl: databaseOwnerUrl ?? databaseUrl },
      embedded: null,
    };
  }
  const dataDir = join(config.dataDir, 'postgres');
  const embedded = await startEmbeddedPostgres({ dataDir, log: say });
  return { urls: { url: embedded.url, ownerUrl: embedded.ownerUrl }, embedded };
}

/** What the migrations of this build need. */
export function migrateOptions(urls: DatabaseUrls): MigrateOptions {
  const here = dirname(fileURLToPath(import.meta.url));
  return { ...urls, entities, migrations: [join(here, '..', 'migrations', '*.js')] };
}

/** Cores that this process may count on. */
export function cores(): number {
  return cpus().length;
}
