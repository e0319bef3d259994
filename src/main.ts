import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { recoverAccess } from './access-command.js';
import { buildApp, cores, migrateOptions, openDatabase } from './app.js';
import { actorOfCommand } from './audit/index.js';
import { signAuditHead, verifyAudit } from './audit-command.js';
import { checkFigures } from './figures-command.js';
import { rotateKeys } from './identity/index.js';
import { DomainError } from './kernel/index.js';
import {
  type Config,
  createLog,
  differencesWhenEmpty,
  loadConfig,
  migrate,
  SYSTEM_SCOPE,
  type Tx,
} from './platform/index.js';
import { vectorsCommand } from './rating/index.js';
import { reconcile } from './reconcile-command.js';
import { printedSchema } from './schema.js';

/** What a command is given: the configuration and the words behind its name. */
export interface CommandInput {
  readonly config: Config;
  readonly args: readonly string[];
}

/** A command; answers the exit status, or undefined when it goes on serving. */
export type Command = (input: CommandInput) => Promise<number | undefined>;

const here = dirname(fileURLToPath(import.meta.url));
const SCHEMA_FILE = join(here, '..', '..', 'schema', 'schema.graphql');

const commands: Readonly<Record<string, Command>> = {
  serve,
  setup,
  recover: recoverAccess,
  migrate: migrateDatabase,
  schema: writeOrCheckSchema,
  migrations: checkMigrations,
  'rotate-keys': rotateTokenKeys,
  'check-figures': checkFigures,
  'audit-head': signAuditHead,
  'verify-audit': verifyAudit,
  reconcile,
  demo: elsewhere('../seeds/demo/index.js'),
  bench: elsewhere('../test/bench/index.js'),
  vectors: ({ args: files }) => vectorsCommand(files, (line) => console.log(line)),
};

process.env.TZ = 'UTC';
const [name = 'serve', ...args] = process.argv.slice(2);
process.exitCode = await run(name, args);

async function run(command: string, words: readonly string[]): Promise<number | undefined> {
  const known = commands[command];
  if (known === undefined) {
    console.error(`There is no command ${command}. Commands: ${Object.keys(commands).join(', ')}`);
    return 2;
  }
  try {
    return await known({ config: loadConfig(process.env, cores()), args: words });
  } catch (error) {
    console.error(error instanceof DomainError ? error.message : error);
    return 1;
  }
}

async function serve({ config }: CommandInput): Promise<undefined> {
  const log = createLog({ level: config.logLevel });
  for (const reason of config.unknownVariables) log.warning('unknown variable ignored', { reason });
  const { urls, embedded } = await openDatabase(config, (reason) => {
    log.event('embedded database spoke', { reason });
  });
  const applied = await migrate(migrateOptions(urls));
  log.event('database migrated', { count: applied.length });
  const app = await buildApp({ config, urls, log });
  await app.start();
  const url = await app.http.listen(config.port, config.host);
  log.event('server started', { url });
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping) return;
      stopping = true;
      log.event('server stopping', { signal });
      app
        .stop()
        .then(() => embedded?.stop())
        .then(() => log.event('server stopped'))
        .then(() => process.exit(0))
        .catch((error) => {
          log.failure('server stopped badly', error);
          process.exit(1);
        });
    });
  }
}

/** Makes the hub and its first administrator in an empty installation, and says both secrets. */
async function setup({ config, args: words }: CommandInput): Promise<number> {
  const option = { type: 'string' } as const;
  const options = { hub: option, country: option, email: option, name: option };
  const { values } = parseArgs({ args: [...words], options });
  const { hub, country, email, name: displayName = 'Administrator' } = values;
  if (!hub || !country || !email) {
    console.error('setup --hub NAME --country CC --email ADDRESS [--name NAME]');
    return 2;
  }
  const { urls, embedded } = await openDatabase(config, (line) => console.error(line));
  try {
    await migrate(migrateOptions(urls));
    const app = await buildApp({ config, urls, log: createLog({ level: config.logLevel }) });
    try {
      const password = randomBytes(15).toString('base64url');
      const { audit, partners, users } = app.services;
      const act = { operation: 'setup', arguments: {}, reason: null, requestId: randomUUID() };
      const setUp = async (tx: Tx) => {
        const partnerId = await partners.establishHub(tx, { name: hub, country });
        const user = { partnerId, email, displayName, password };
        return { partnerId, ...(await users.enrolAdministrator(tx, user)) };
      };
      const made = await audit.write(
        SYSTEM_SCOPE,
        act,
        ({ partnerId }) => actorOfCommand(partnerId),
        setUp,
      );
      console.log(`e-mail    ${email}\npassword  ${password}\nTOTP      ${made.totpUri}`);
      return 0;
    } finally {
      // Open connections would keep a command that has failed waiting for their idle time.
      await app.stop();
    }
  } finally {
    await embedded?.stop();
  }
}

async function migrateDatabase({ config }: CommandInput): Promise<number> {
  const { urls, embedded } = await openDatabase(config, (line) => console.error(line));
  try {
    const applied = await migrate(migrateOptions(urls));
    for (const migration of applied) console.log(migration);
    if (applied.length === 0) console.log('The database is up to date.');
    return 0;
  } finally {
    await embedded?.stop();
  }
}

/** Lets a new key sign tokens from now on; nobody is signed out by it. */
async function rotateTokenKeys({ config }: CommandInput): Promise<number> {
  if (config.jwtKeys !== undefined) {
    console.error(
      'The keys of tokens are in KONTOR_JWT_KEYS: put a new one behind the others in every ' +
        'process, then in front, and take the old one out after seven days.',
    );
    return 2;
  }
  const { id, activeFrom } = await rotateKeys(config.dataDir, new Date());
  console.log(`Key ${id} signs from ${activeFrom.toISOString()} on.`);
  return 0;
}

async function writeOrCheckSchema({ args: words }: CommandInput): Promise<number> {
  const wanted = printedSchema();
  const present = existsSync(SCHEMA_FILE) ? readFileSync(SCHEMA_FILE, 'utf8') : '';
  if (!words.includes('--check')) {
    writeFileSync(SCHEMA_FILE, wanted);
    return 0;
  }
  if (wanted === present) return 0;
  for (const line of lineDifference(present, wanted)) console.error(line);
  console.error('schema/schema.graphql is not what the code says: node start.mjs schema');
  return 1;
}

async function checkMigrations({ config }: CommandInput): Promise<number> {
  const { urls, embedded } = await openDatabase(config, (line) => console.error(line));
  try {
    const differences = await differencesWhenEmpty(migrateOptions(urls));
    for (const statement of differences) console.error(statement);
    if (differences.length === 0) return 0;
    console.error('The entities and the migrated database differ as above.');
    return 1;
  } finally {
    await embedded?.stop();
  }
}

/** A command that lives outside of what a server needs, loaded when it is called for. */
function elsewhere(path: string): Command {
  return async (input) => {
    const file = join(here, path);
    if (!existsSync(file)) throw new Error(`This build has no ${path}.`);
    const found = (await import(pathToFileURL(file).href)) as { main: Command };
    return found.main(input);
  };
}

/** Lines that only one of two texts has, marked like a diff; both are sorted by their nature. */
function lineDifference(before: string, after: string): string[] {
  const [old, fresh] = [before.split('\n'), after.split('\n')];
  const [oldSet, freshSet] = [new Set(old), new Set(fresh)];
  return [
    ...old.filter((line) => !freshSet.has(line)).map((line) => `- ${line}`),
    ...fresh.filter((line) => !oldSet.has(line)).map((line) => `+ ${line}`),
  ].slice(0, 100);
}
