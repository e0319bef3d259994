import { createWriteStream, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as immediate } from 'node:timers/promises';
import { generateURI } from 'otplib';
import QRCode from 'qrcode';
import { type App, buildApp, migrateOptions, openDatabase } from '../../src/app.js';
import { DomainError } from '../../src/kernel/index.js';
import type { Command } from '../../src/main.js';
import { type Config, createLog, migrate, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { loadReference, referenceDestinations } from '../reference/reference.js';
import { printAllowances } from './allowance-report.js';
import { assertAllowances } from './check.js';
import { Client } from './client.js';
import type { FeedFile } from './feed.js';
import { writeFeeds } from './feeds.js';
import { PricingSetup } from './pricing-setup.js';
import {
  assertCounts,
  printAlarms,
  printCounts,
  printInvoices,
  printMargins,
  sourceCounts,
} from './report.js';
import { Setup } from './setup.js';
import { billMonth, foldCounts, importFiles, invoicesOf, SELLERS, writePdfs } from './steps.js';
import { buildSubscriptions, type DemoSubscription } from './subscriptions.js';
import { Tally } from './tally.js';
import { grouped, Terminal } from './terminal.js';
import { createHub, createUsers, demoUsers, findRobot } from './users.js';
import { demoPartners } from './world.js';

/**
 * The command `demo`: a month of a hub from nothing to finalised invoices, then the server. With
 * `--exit` it ends when all is done. Run again it finds what is there and changes nothing; after
 * an interruption it goes on where it was.
 */
export const main: Command = async ({ config, args }) => {
  const terminal = new Terminal(process.stdout);
  const { serve, scale } = optionsOf(args);
  const folder = join(config.dataDir, 'demo');
  mkdirSync(folder, { recursive: true });
  terminal.title('Kontor demo: October 2026 of the hub Nordhafen Clearing');
  const { urls, embedded } = await terminal.step('PostgreSQL', () =>
    openDatabase(config, () => undefined),
  );
  await terminal.step('Schema', () => migrate(migrateOptions(urls)));
  // Smaller batches than a busy system has, so that their progress can be watched.
  const settings = { ...config, batchBytes: Math.min(config.batchBytes, BATCH_BYTES) };
  const app = await buildApp({ config: settings, urls, log: fileLog(config, folder) });
  const stop = async () => {
    await app.stop();
    await embedded?.stop();
  };
  try {
    await app.start();
    const url = await listen(app, config, serve);
    await playMonth(app, new Client(url), terminal, folder, scale);
    await printSignIn(terminal, url);
    terminal.line(`\n  Done in ${terminal.seconds.toFixed(1)} s.`);
    if (!serve) {
      await stop();
      return 0;
    }
    terminal.line(`  Serving at ${url}; stop with Ctrl-C.`);
  } catch (error) {
    await stop();
    throw error;
  }
  stopOnSignal(stop);
  return undefined;
};

const BATCH_BYTES = 8 * 1024 * 1024;

/** `--exit` ends when all is done; `--scale 0.1` plays a tenth of the calls, for tests. */
function optionsOf(args: readonly string[]): { serve: boolean; scale: number } {
  const scale = args.includes('--scale') ? Number(args[args.indexOf('--scale') + 1]) : 1;
  const known = args.every(
    (word, at) => ['--exit', '--scale'].includes(word) || args[at - 1] === '--scale',
  );
  if (!known || !(scale > 0 && scale <= 1)) {
    throw new DomainError('INVALID_ARGUMENTS', 'Usage: npm run demo [-- --exit]');
  }
  return { serve: !args.includes('--exit'), scale };
}

async function playMonth(
  app: App,
  client: Client,
  terminal: Terminal,
  folder: string,
  scale: number,
): Promise<void> {
  const invoiceFolder = join(folder, 'invoices');
  if (await isComplete(app)) await openRobot(app, client);
  else await makeMonth(app, client, terminal, join(folder, 'records'), scale);
  const invoices = await invoicesOf(client);
  await terminal.step('Invoices as PDF', async (progress) => {
    const written = await writePdfs(client, invoiceFolder, invoices);
    progress(1, `${invoices.length} in ${invoiceFolder}, ${written} new`);
  });
  printCounts(terminal, await sourceCounts(client));
  await printAllowances(client, terminal);
  await printMargins(client, terminal);
  printInvoices(terminal, invoices, invoiceFolder);
  await printAlarms(client, terminal);
}

async function makeMonth(
  app: App,
  client: Client,
  terminal: Terminal,
  folder: string,
  scale: number,
): Promise<void> {
  const { database, services } = app;
  const destinations = referenceDestinations();
  await terminal.step('Numbering plan of the world', async (progress) => {
    await database.write(SYSTEM_SCOPE, (tx) => loadReference(tx, destinations));
    const prefixes = destinations.reduce((sum, each) => sum + each.prefixes.length, 0);
    progress(1, `${grouped(destinations.length)} destinations, ${grouped(prefixes)} prefixes`);
  });
  await database.write(SYSTEM_SCOPE, (tx) => createHub(tx, services.users));
  await openRobot(app, client);
  const setup = new Setup(client);
  await terminal.step('Partners, accounts, users', async () => {
    await setup.partners();
    await database.write(SYSTEM_SCOPE, async (tx) => {
      const rows: { id: number; name: string }[] = await tx.query('SELECT id, name FROM partner');
      const keys = new Map(demoPartners.map(({ key, name }) => [name, key]));
      const ids = new Map(rows.map(({ id, name }) => [keys.get(name) ?? '', id]));
      await createUsers(tx, services.users, ids);
    });
  });
  await terminal.step('Price lists', () => setup.priceLists());
  // The database reads the sheets while this process writes what they will price.
  const sheets = setup.firstSheets({ destinations });
  sheets.catch(() => undefined);
  const subscriptions = buildSubscriptions();
  const tally = new Tally(subscriptions);
  const files: FeedFile[] = [];
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await terminal.step('Records of a month', async (progress) => {
    for (const file of writeFeeds(folder, subscriptions, destinations, scale, tally)) {
      files.push(file);
      progress(files.length / 15, sizeOf(files));
      await immediate();
    }
  });
  await terminal.step('Rate sheets', () => sheets);
  await makeCustomers(client, setup, subscriptions, terminal);
  await terminal.step('Rate sheets of October', () => setup.laterSheets({ destinations }));
  await terminal.step('Import: rated at every level', (progress) =>
    importFiles(client, setup, files, progress),
  );
  assertCounts(files, await sourceCounts(client));
  await terminal.step('Months with their allowances', async (progress) => {
    await foldAll(app);
    const { records, adjusted } = await foldCounts(client);
    progress(1, `${grouped(records)} records, ${grouped(adjusted)} adjusted`);
  });
  await assertAllowances(client, setup, tally, destinations);
  for (const seller of SELLERS) {
    await terminal.step(`Bill run: ${seller}`, () =>
      billMonth(client, setup.id('partner', seller)),
    );
  }
}

/** Gives the client a session of the robot: no authenticator is at hand for its codes. */
async function openRobot({ database, services }: App, client: Client): Promise<void> {
  const robot = await database.read(SYSTEM_SCOPE, findRobot);
  const { accessToken } = await services.signIn.openSession(robot, { steppedUp: true });
  client.use(accessToken);
}

/** Who buys what on which terms, and the sources of their records. */
async function makeCustomers(
  client: Client,
  setup: Setup,
  subscriptions: readonly DemoSubscription[],
  terminal: Terminal,
): Promise<void> {
  await terminal.step('Contracts, plans, trunks', () => setup.contracts());
  await terminal.step('Tiers, discounts, allowances', () => PricingSetup.create(client, setup));
  await terminal.step('Subscriptions', (progress) =>
    setup.subscriptions(subscriptions, (count) =>
      progress(count / subscriptions.length, `${grouped(count)} subscriptions`),
    ),
  );
  await setup.sources();
}

// Imports ask for folds by way of the outbox, and folds leave changed balances there.
async function foldAll({ outbox, work }: App): Promise<void> {
  await outbox.runUntilIdle();
  await work.runUntilIdle();
  await outbox.runUntilIdle();
}

function sizeOf(files: readonly FeedFile[]): string {
  const records = files.reduce((sum, file) => sum + file.counts.received, 0);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return `${grouped(records)} records in ${files.length} files, ${Math.round(bytes / 1e6)} MB`;
}

/** Whether a demo has come to its end: every seller's month is billed and finalised. */
async function isComplete(app: App): Promise<boolean> {
  const [row]: { sellers: number; open: number }[] = await app.database.read(SYSTEM_SCOPE, (tx) =>
    tx.query(
      `SELECT count(DISTINCT seller_partner_id)::int AS sellers,
         count(*) FILTER (WHERE state = 'DRAFT')::int AS open
       FROM invoice WHERE period_on = '2026-10-01'`,
    ),
  );
  return row !== undefined && row.sellers === SELLERS.length && row.open === 0;
}

async function printSignIn(terminal: Terminal, url: string): Promise<void> {
  const [admin, ...others] = demoUsers;
  if (admin === undefined) return;
  const uri = generateURI({ issuer: 'Kontor', label: admin.email, secret: admin.totpSecret });
  terminal.title('Sign in');
  terminal.line(`  API        ${url}/graphql`);
  terminal.line(`  password   ${admin.password}   (everybody's)`);
  for (const { email, role, totpSecret } of [admin, ...others]) {
    terminal.line(`  ${role.padEnd(23)} ${email.padEnd(26)} TOTP secret ${totpSecret}`);
  }
  terminal.line(`\n  One-time codes for ${admin.email}: ${uri}`);
  // Without a terminal there are no colours to say what is dark, and readers expect dark on light.
  const type = terminal.isInteractive ? 'terminal' : 'utf8';
  terminal.line(await QRCode.toString(uri, { type, small: true }));
}

// A port that is taken is no reason for a demo not to be shown.
async function listen(app: App, config: Config, serve: boolean): Promise<string> {
  if (!serve) return app.http.listen(0, '127.0.0.1');
  try {
    return await app.http.listen(config.port, config.host);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    return app.http.listen(0, config.host);
  }
}

// What the server has to say goes to a file, where it does not run into the report.
function fileLog(config: Config, folder: string) {
  const destination = createWriteStream(join(folder, 'server.log'), { flags: 'a' });
  return createLog({ level: config.logLevel, destination });
}

function stopOnSignal(stop: () => Promise<void>): void {
  let stopping = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (stopping) return;
      stopping = true;
      stop().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    });
  }
}
