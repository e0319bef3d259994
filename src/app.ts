import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { raiseTamperAlarm } from './alarm/index.js';
import { AUDIT_TAMPERED_TOPIC } from './audit/index.js';
import { BillExecutor, invoiceRoute } from './billing/index.js';
import { MARGIN_TOPIC, PRICE_TOPIC, tellOfPrice, tellSellers } from './catalog/index.js';
import { buildGate } from './context.js';
import { configuredKeys, type IdentityKeys, keptKeys } from './identity/index.js';
import { exportRoutes, WebhookDeliveryService, WebhookSender } from './integration/index.js';
import { uploadRoute } from './mediation/index.js';
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
  Metrics,
  type MigrateOptions,
  type OutboxOptions,
  OutboxWorker,
  type RouteModule,
  SYSTEM_SCOPE,
  startEmbeddedPostgres,
  WorkService,
} from './platform/index.js';
import {
  CREDIT_COUNT_TOPIC,
  CREDIT_USAGE_TOPIC,
  DataPlane,
  FOLD_TOPIC,
  startFold,
} from './rating/index.js';
import { buildSchema, entities } from './schema.js';
import { buildResolvers, buildServices, type Services } from './services.js';

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
  /** Tells sellers what activated rate sheets and single prices do to their margins. */
  readonly margins: OutboxWorker;
  /** Sends mails to users. */
  readonly mailbox: OutboxWorker;
  readonly events: EventStream;
  readonly services: Services;
  /** Begins to follow events and to take work. */
  start(): Promise<void>;
  /** Lets requests and batches in flight finish, then gives everything back. */
  stop(): Promise<void>;
}

/** Builds the system on a migrated database; nothing runs before `start` and `http.listen`. */
export async function buildApp(options: AppOptions): Promise<App> {
  const { config, urls, log } = options;
  const now = options.now ?? (() => new Date());
  const { poolSize, statementTimeoutMs } = config;
  const timeouts = {
    mutation: config.mutationTimeoutMs,
    subscription: config.subscriptionTimeoutMs,
  };
  const database = new Database({ ...urls, entities, poolSize, statementTimeoutMs, timeouts });
  await database.connect();
  const doorbell = new Doorbell(urls.url);
  const work = new WorkService(database, { doorbell, log });
  const outbox = new OutboxWorker(database, { doorbell, log });
  const events = new EventStream(database, { doorbell, log });
  const keys = identityKeys(config);
  const services = buildServices({ database, log, now, config, keys });
  const { authentication, audit, auditHeads, mailer, mails } = services;
  const margins = buildMargins(database, { doorbell, log });
  const mailbox = buildMailbox(database, log, mails);
  registerTasks(outbox, services);
  const { workers } = config;
  const dataPlane = new DataPlane({ database, workers, filesDir: services.storage.pathOf('') });
  registerRuns({ work, dataPlane, database, services });
  const metrics = new Metrics();
  const sender = new WebhookSender({ allowedOrigins: config.webhookOrigins });
  const outward = { sender, secretKey: keys.secretKey, now, log, metrics, doorbell };
  const webhooks = new WebhookDeliveryService(database, outward);
  const http = await buildHttp({
    metrics,
    schema: buildSchema(buildResolvers(services)),
    settings: config,
    gate: buildGate({ database, events, authentication, audit, now }),
    log,
    routes: buildRoutes(database, services, config),
    ready: () => database.read(SYSTEM_SCOPE, async (tx) => tx.query('SELECT 1')),
  });
  return {
    config,
    database,
    http,
    work,
    outbox,
    margins,
    mailbox,
    events,
    services,
    start: async () => {
      await events.start();
      await services.uploads.open(now());
      work.start();
      outbox.start();
      margins.start();
      mailbox.start();
      services.inbox.start();
      services.lastUse.start();
      auditHeads.start();
      services.numbers.start();
      webhooks.start();
      services.purges.startSchedule();
      services.seals.startSchedule();
      await doorbell.start();
    },
    stop: async () => {
      await http.close();
      const running = [services.inbox, work, outbox, margins, mailbox, webhooks, events];
      await Promise.all(running.map((one) => one.stop()));
      const { lastUse, numbers, purges, seals } = services;
      await Promise.all([lastUse, auditHeads, numbers].map((one) => one.stop()));
      await Promise.all([purges, seals].map((one) => one.stopSchedule()));
      mailer.close();
      await dataPlane.close();
      await doorbell.stop();
      await database.close();
    },
  };
}

interface RunParts {
  readonly work: WorkService;
  readonly dataPlane: DataPlane;
  readonly database: Database;
  readonly services: Services;
}

function registerRuns({ work, dataPlane, database, services }: RunParts): void {
  work.register(dataPlane.importExecutor);
  work.register(dataPlane.recycleExecutor);
  work.register(dataPlane.foldExecutor);
  work.register(dataPlane.rerateExecutor);
  work.register(new BillExecutor(database, services.numbers));
  work.register(services.purges);
  work.register(services.erasing);
}

// What one folder leaves to a higher one.
function registerTasks(outbox: OutboxWorker, { credit }: Services): void {
  outbox.register(CREDIT_USAGE_TOPIC, (tx, row) => credit.applyUsage(tx, row));
  outbox.register(CREDIT_COUNT_TOPIC, (tx, row) => credit.countUsage(tx, row));
  outbox.register(FOLD_TOPIC, startFold);
  outbox.register(AUDIT_TAMPERED_TOPIC, raiseTamperAlarm);
}

// Apart from other work: a large sheet of the hub keeps it busy for minutes.
function buildMargins(database: Database, options: OutboxOptions): OutboxWorker {
  const margins = new OutboxWorker(database, options);
  margins.register(MARGIN_TOPIC, tellSellers);
  margins.register(PRICE_TOPIC, tellOfPrice);
  return margins;
}

// Apart from other work: a mail server that is slow keeps nobody waiting but readers of mail.
// Without doorbell: what is done for a user right after a request could be told from outside.
function buildMailbox(database: Database, log: Log, mails: Services['mails']): OutboxWorker {
  const mailbox = new OutboxWorker(database, { log });
  mailbox.register(mails.topic, (tx, row) => mails.deliver(tx, row));
  return mailbox;
}

/** Routes beside GraphQL. */
function buildRoutes(database: Database, services: Services, config: Config): RouteModule[] {
  const { exports } = services;
  // One connection stays free for what each of them asks beside its rows.
  const all = Math.min(config.allExports, config.poolSize - 1);
  const limits = { caller: config.userExports, all };
  return [
    uploadRoute(services.uploads),
    invoiceRoute(database, services.invoices),
    exportRoutes({ database, exports, limits }),
  ];
}

function identityKeys(config: Config): IdentityKeys {
  return {
    tokenKeys: config.jwtKeys ? configuredKeys(config.jwtKeys) : keptKeys(config.dataDir),
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
