import { DomainError } from '../kernel/index.js';

/** Every variable that {@link loadConfig} reads; `.env.example` explains each. */
export const CONFIG_VARIABLES = [
  'NODE_ENV',
  'PORT',
  'HOST',
  'DATABASE_URL',
  'DATABASE_OWNER_URL',
  'KONTOR_DATA_DIR',
  'KONTOR_JWT_KEYS',
  'KONTOR_SECRET_KEY',
  'KONTOR_WORKERS',
  'KONTOR_POOL_SIZE',
  'KONTOR_BATCH_BYTES',
  'KONTOR_MAX_UPLOAD_BYTES',
  'KONTOR_INBOX_POLL_SECONDS',
  'KONTOR_ALLOWED_ORIGINS',
  'KONTOR_TRUSTED_PROXIES',
  'KONTOR_METRICS_TOKEN',
  'KONTOR_LOG_LEVEL',
  'KONTOR_BODY_LIMIT_BYTES',
  'KONTOR_MAX_DEPTH',
  'KONTOR_MAX_BREADTH',
  'KONTOR_MAX_ALIASES',
  'KONTOR_MAX_DIRECTIVES',
  'KONTOR_MAX_COMPLEXITY',
  'KONTOR_MAX_TOKENS',
  'KONTOR_ADDRESS_RATE',
  'KONTOR_ADDRESS_SOCKETS',
  'KONTOR_USER_RATE',
  'KONTOR_USER_COST',
  'KONTOR_USER_PARALLEL',
  'KONTOR_USER_SOCKETS',
  'KONTOR_USER_SUBSCRIPTIONS',
  'KONTOR_SOCKET_SUBSCRIPTIONS',
  'KONTOR_USER_EXPORTS',
  'KONTOR_EXPORTS',
  'KONTOR_STATEMENT_TIMEOUT_MS',
  'KONTOR_MUTATION_TIMEOUT_MS',
  'KONTOR_SUBSCRIPTION_TIMEOUT_MS',
  'KONTOR_INTROSPECTION',
  'KONTOR_OPERATIONS',
  'KONTOR_OPERATIONS_ONLY',
  'KONTOR_AUDIT_KEY',
  'KONTOR_AUDIT_HEADS_DIR',
  'KONTOR_AUDIT_HEAD_MINUTES',
  'KONTOR_SMTP_URL',
  'KONTOR_MAIL_FROM',
  'KONTOR_PORTAL_URL',
  'KONTOR_WEBHOOK_ALLOWED_ORIGINS',
] as const;

type Variable = (typeof CONFIG_VARIABLES)[number];

const ENVIRONMENTS = ['development', 'production', 'test'] as const;
/** Who may send listed operations only: nobody, everybody but API keys, everybody. */
const LISTED_ONLY = ['off', 'users', 'all'] as const;
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** How this process runs, from its environment variables. */
export type Config = Readonly<{
  environment: (typeof ENVIRONMENTS)[number];
  /** 0 lets the system choose. */
  port: number;
  host: string;
  /** Login of the application; undefined means the embedded PostgreSQL. */
  databaseUrl: string | undefined;
  /** Login of the migrations; undefined exactly when `databaseUrl` is. */
  databaseOwnerUrl: string | undefined;
  /** As given; relative to the working directory. */
  dataDir: string;
  /** Keys of tokens, the signing one first; undefined means: keep them in the data directory. */
  jwtKeys: readonly { readonly id: string; readonly secret: Uint8Array }[] | undefined;
  /** Encrypts TOTP secrets, 32 bytes; undefined means: keep one in the data directory. */
  secretKey: Uint8Array | undefined;
  workers: number;
  poolSize: number;
  batchBytes: number;
  maxUploadBytes: number;
  inboxPollSeconds: number;
  /** Origins of browsers that may call, besides our own. */
  allowedOrigins: readonly string[];
  /** Addresses or networks of proxies whose X-Forwarded-For is believed. */
  trustedProxies: readonly string[];
  /** Who sends it may read /metrics; undefined leaves them to this machine. */
  metricsToken: string | undefined;
  logLevel: (typeof LOG_LEVELS)[number];
  bodyLimitBytes: number;
  maxDepth: number;
  maxBreadth: number;
  maxAliases: number;
  maxDirectives: number;
  maxComplexity: number;
  maxTokens: number;
  /** Requests a second of one address. */
  addressRate: number;
  /** Open sockets of one address. */
  addressSockets: number;
  /** Operations a second of one user or API key. */
  userRate: number;
  /** Cost a second of the operations of one user or API key. */
  userCost: number;
  /** Operations of one user or API key at once; further ones wait. */
  userParallel: number;
  userSockets: number;
  userSubscriptions: number;
  socketSubscriptions: number;
  /** Files that one user or API key has written at once. */
  userExports: number;
  /** Files that are written at once for all; each holds a connection of the pool. */
  allExports: number;
  /** Of one statement of a query. */
  statementTimeoutMs: number;
  mutationTimeoutMs: number;
  subscriptionTimeoutMs: number;
  introspection: boolean;
  /** Files that list operations by hash; relative to the working directory. */
  operationFiles: readonly string[];
  listedOnly: (typeof LISTED_ONLY)[number];
  /** Signs heads of the audit, 32 bytes; undefined means: keep one in the data directory. */
  auditKey: Uint8Array | undefined;
  /** Where signed heads are put; undefined means: below the data directory. */
  auditHeadsDir: string | undefined;
  auditHeadMinutes: number;
  /** The server that takes our mails; undefined writes them to files. */
  smtpUrl: string | undefined;
  /** Address that mails come from. */
  mailFrom: string;
  /** Page of the portal where users choose a password; undefined sends them the token alone. */
  portalUrl: string | undefined;
  /** Origins inside our own network that webhooks may lead to, besides public https. */
  webhookOrigins: readonly string[];
  /** Variables that begin with KONTOR_ but mean nothing here: most likely misspelt. */
  unknownVariables: readonly string[];
}>;

/** One wrong variable; `given` is absent when it is missing or must not be shown. */
export type ConfigProblem = { variable: string; given?: string; expected: string };

/** Variables by name, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

type Rule<T> = { expected: string; secret?: true; parse(text: string): T | undefined };

/** Why a variable is required, where it is not production that demands it. */
const REQUIRED: Partial<Record<Variable, string>> = {
  KONTOR_MAIL_FROM: 'required with KONTOR_SMTP_URL',
};
const LOCAL_SENDER = 'kontor@localhost';
const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const UNITS: Readonly<Record<string, number>> = { KiB: KIB, MiB: MIB, GiB: GIB };
const MAX_WORKERS = 16;
const TOKEN: Rule<string> = {
  expected: '32 to 256 letters, digits and - . _ ~ + / =',
  secret: true,
  parse: (text) => (/^[\w.~+/=-]{32,256}$/.test(text) ? text : undefined),
};
const IPV4 = /^((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(\.(?!$)|$)){4}$/;

/**
 * Reads the configuration. An empty variable counts as absent. Collects all that is wrong and
 * throws one DomainError INVALID_CONFIGURATION whose message names each wrong variable, what
 * was given (never for secrets) and what is expected; `details.problems` has the same as data.
 * `cores` is the number of processor cores of the machine.
 */
export function loadConfig(env: Environment, cores: number): Config {
  const problems: ConfigProblem[] = [];
  const read = reader(env, problems);
  const environment = read('NODE_ENV', oneOf(ENVIRONMENTS)) ?? 'development';
  const production = environment === 'production';
  const databaseUrl = read('DATABASE_URL', DATABASE);
  const config: Config = {
    environment,
    port: read('PORT', whole(0, 65_535)) ?? 4000,
    host: read('HOST', HOST) ?? (production ? '0.0.0.0' : '127.0.0.1'),
    databaseUrl,
    databaseOwnerUrl: read('DATABASE_OWNER_URL', DATABASE) ?? databaseUrl,
    dataDir: read('KONTOR_DATA_DIR', DIRECTORY) ?? '.kontor',
    jwtKeys: read('KONTOR_JWT_KEYS', KEYS),
    secretKey: read(
      'KONTOR_SECRET_KEY',
      key('exactly 32', (bytes) => bytes === 32),
      production,
    ),
    workers: read('KONTOR_WORKERS', whole(1, MAX_WORKERS)) ?? clamp(cores, 1, MAX_WORKERS),
    poolSize: read('KONTOR_POOL_SIZE', whole(1, 200)) ?? 10,
    batchBytes: read('KONTOR_BATCH_BYTES', size(64 * KIB, 256 * MIB)) ?? 48 * MIB,
    maxUploadBytes: read('KONTOR_MAX_UPLOAD_BYTES', size(MIB, 1024 * GIB)) ?? 16 * GIB,
    inboxPollSeconds: read('KONTOR_INBOX_POLL_SECONDS', whole(1, 3600)) ?? 5,
    allowedOrigins: read('KONTOR_ALLOWED_ORIGINS', ORIGINS) ?? [],
    trustedProxies: read('KONTOR_TRUSTED_PROXIES', NETWORKS) ?? [],
    metricsToken: read('KONTOR_METRICS_TOKEN', TOKEN),
    logLevel: read('KONTOR_LOG_LEVEL', oneOf(LOG_LEVELS)) ?? 'info',
    bodyLimitBytes: read('KONTOR_BODY_LIMIT_BYTES', size(KIB, 16 * MIB)) ?? 64 * KIB,
    maxDepth: read('KONTOR_MAX_DEPTH', whole(1, 100)) ?? 12,
    maxBreadth: read('KONTOR_MAX_BREADTH', whole(10, 10_000)) ?? 200,
    maxAliases: read('KONTOR_MAX_ALIASES', whole(0, 1000)) ?? 15,
    maxDirectives: read('KONTOR_MAX_DIRECTIVES', whole(0, 1000)) ?? 50,
    maxComplexity: read('KONTOR_MAX_COMPLEXITY', whole(1, 1_000_000)) ?? 20_000,
    maxTokens: read('KONTOR_MAX_TOKENS', whole(10, 100_000)) ?? 1000,
    ...readCallerLimits(read),
    statementTimeoutMs: read('KONTOR_STATEMENT_TIMEOUT_MS', whole(100, 600_000)) ?? 15_000,
    mutationTimeoutMs: read('KONTOR_MUTATION_TIMEOUT_MS', whole(100, 3_600_000)) ?? 60_000,
    subscriptionTimeoutMs: read('KONTOR_SUBSCRIPTION_TIMEOUT_MS', whole(100, 600_000)) ?? 5_000,
    introspection: read('KONTOR_INTROSPECTION', SWITCH) ?? !production,
    operationFiles: read('KONTOR_OPERATIONS', FILES) ?? [],
    listedOnly: read('KONTOR_OPERATIONS_ONLY', oneOf(LISTED_ONLY)) ?? 'off',
    auditKey: read(
      'KONTOR_AUDIT_KEY',
      key('exactly 32', (bytes) => bytes === 32),
    ),
    auditHeadsDir: read('KONTOR_AUDIT_HEADS_DIR', DIRECTORY),
    auditHeadMinutes: read('KONTOR_AUDIT_HEAD_MINUTES', whole(1, 1440)) ?? 60,
    smtpUrl: read('KONTOR_SMTP_URL', SMTP),
    mailFrom: read('KONTOR_MAIL_FROM', ADDRESS, isSet(env, 'KONTOR_SMTP_URL')) ?? LOCAL_SENDER,
    portalUrl: read('KONTOR_PORTAL_URL', PAGE),
    webhookOrigins: read('KONTOR_WEBHOOK_ALLOWED_ORIGINS', ORIGINS) ?? [],
    unknownVariables: unknownIn(env),
  };
  if (config.databaseOwnerUrl !== undefined && databaseUrl === undefined) {
    const given = problems.some(({ variable }) => variable === 'DATABASE_URL');
    const expected = 'the login of the application, because DATABASE_OWNER_URL is set';
    if (!given) problems.push({ variable: 'DATABASE_URL', expected });
  }
  if (config.listedOnly !== 'off' && config.operationFiles.length === 0) {
    const expected = 'files of operations, because KONTOR_OPERATIONS_ONLY is set';
    problems.push({ variable: 'KONTOR_OPERATIONS', expected });
  }
  if (problems.length > 0) throw refusal(problems);
  return config;
}

function readCallerLimits(read: ReturnType<typeof reader>) {
  return {
    addressRate: read('KONTOR_ADDRESS_RATE', whole(1, 1_000_000)) ?? 100,
    addressSockets: read('KONTOR_ADDRESS_SOCKETS', whole(1, 1_000_000)) ?? 500,
    userRate: read('KONTOR_USER_RATE', whole(1, 1_000_000)) ?? 50,
    userCost: read('KONTOR_USER_COST', whole(1, 1_000_000_000)) ?? 50_000,
    userParallel: read('KONTOR_USER_PARALLEL', whole(1, 200)) ?? 4,
    userSockets: read('KONTOR_USER_SOCKETS', whole(1, 10_000)) ?? 20,
    userSubscriptions: read('KONTOR_USER_SUBSCRIPTIONS', whole(1, 100_000)) ?? 100,
    socketSubscriptions: read('KONTOR_SOCKET_SUBSCRIPTIONS', whole(1, 1000)) ?? 20,
    userExports: read('KONTOR_USER_EXPORTS', whole(1, 100)) ?? 2,
    allExports: read('KONTOR_EXPORTS', whole(1, 100)) ?? 4,
  };
}

function reader(env: Environment, problems: ConfigProblem[]) {
  return <T>(variable: Variable, rule: Rule<T>, required = false): T | undefined => {
    const text = env[variable]?.trim() ?? '';
    const { expected } = rule;
    if (text === '') {
      if (required)
        problems.push({
          variable,
          expected: `${expected}; ${REQUIRED[variable] ?? 'required in production'}`,
        });
      return undefined;
    }
    const value = rule.parse(text);
    if (value !== undefined) return value;
    problems.push(rule.secret ? { variable, expected } : { variable, given: text, expected });
    return undefined;
  };
}

function isSet(env: Environment, variable: Variable): boolean {
  return (env[variable]?.trim() ?? '') !== '';
}

function refusal(problems: ConfigProblem[]): DomainError {
  const lines = problems.map(({ variable, given, expected }) => {
    const found = given === undefined ? '' : ` is ${JSON.stringify(given)};`;
    return `  ${variable}${found} expected: ${expected}`;
  });
  const message = `The configuration is wrong:\n${lines.join('\n')}`;
  return new DomainError('INVALID_CONFIGURATION', message, { problems });
}

function unknownIn(env: Environment): string[] {
  const known = new Set<string>(CONFIG_VARIABLES);
  return Object.keys(env)
    .filter((name) => name.startsWith('KONTOR_') && !known.has(name))
    .sort();
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

function whole(low: number, high: number): Rule<number> {
  return {
    expected: `a whole number from ${low} to ${high}`,
    parse: (text) => within(wholeOf(text), low, high),
  };
}

function size(low: number, high: number): Rule<number> {
  return {
    expected: `bytes, or a number with KiB, MiB or GiB, from ${low} to ${high} bytes`,
    parse: (text) => {
      const [, digits = '', unit = ''] = /^(\d{1,15}) ?([KMG]iB)?$/.exec(text) ?? [];
      return within(digits === '' ? Number.NaN : Number(digits) * (UNITS[unit] ?? 1), low, high);
    },
  };
}

function within(value: number, low: number, high: number): number | undefined {
  return value >= low && value <= high ? value : undefined;
}

function oneOf<T extends string>(values: readonly T[]): Rule<T> {
  return {
    expected: `one of ${values.join(', ')}`,
    parse: (text) => values.find((value) => value === text),
  };
}

function key(bytes: string, fits: (bytes: number) => boolean): Rule<Uint8Array> {
  return {
    expected: `${bytes} random bytes as hex or base64 (openssl rand -base64 32)`,
    secret: true,
    parse: (text) => {
      const decoded = decode(text);
      if (!decoded || !fits(decoded.length)) return undefined;
      // A key typed by hand ("aaaa...") or left at zero has few different bytes.
      return new Set(decoded).size >= 8 ? decoded : undefined;
    },
  };
}

// Text that can be read both ways is hex: the shorter reading never makes a weak key pass.
function decode(text: string): Uint8Array | undefined {
  if (/^([0-9a-f]{2})+$/i.test(text)) return Uint8Array.from(Buffer.from(text, 'hex'));
  if (!/^[\w+/-]+={0,2}$/.test(text)) return undefined;
  return Uint8Array.from(Buffer.from(text, 'base64'));
}

const KEYS: Rule<{ id: string; secret: Uint8Array }[]> = {
  expected:
    'keys like a1b2=..., separated by commas, the one that signs first: an id of 4 to 32 small ' +
    'letters and digits, each once, and at least 32 random bytes as hex or base64',
  secret: true,
  parse: (text) => {
    const secretOf = key('at least 32', (bytes) => bytes >= 32).parse;
    const keys = text.split(',').map((part) => {
      const [, id = '', encoded = ''] = /^([a-z0-9]{4,32})=(.+)$/.exec(part.trim()) ?? [];
      return { id, secret: encoded === '' ? undefined : secretOf(encoded) };
    });
    const complete = keys.every((one): one is { id: string; secret: Uint8Array } => !!one.secret);
    return complete && new Set(keys.map(({ id }) => id)).size === keys.length ? keys : undefined;
  },
};

// Connection strings hold a password, so they are never repeated.
const DATABASE: Rule<string> = {
  expected: 'a connection string like postgres://user:password@host:5432/database',
  secret: true,
  parse: (text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (!url || !/^postgres(ql)?:$/.test(url.protocol)) return undefined;
    const complete = url.hostname !== '' && url.username !== '' && url.pathname.length > 1;
    return complete ? text : undefined;
  },
};

// It holds the password of the mail server.
const SMTP: Rule<string> = {
  expected: 'an address like smtps://user:password@mail.example.com:465',
  secret: true,
  parse: (text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    return url && /^smtps?:$/.test(url.protocol) && url.hostname !== '' ? text : undefined;
  },
};

const ADDRESS: Rule<string> = {
  expected: 'an e-mail address like kontor@example.com',
  parse: (text) => (/^[^\s@<>"]+@[^\s@<>"]+$/.test(text) ? text : undefined),
};

const PAGE: Rule<string> = {
  expected: 'an address like https://portal.example.com/password, without # and ?',
  parse: (text) => (URL.canParse(text) && /^https?:[^#?]+$/.test(text) ? text : undefined),
};

const HOST: Rule<string> = {
  expected: 'a host name or address to listen on, without a port',
  parse: (text) => (/^([a-z0-9.-]+|[0-9a-f:.]+)$/i.test(text) ? text : undefined),
};

const DIRECTORY: Rule<string> = {
  expected: 'the path of a directory',
  parse: (text) => (text.includes('\0') ? undefined : text),
};

const FILES: Rule<readonly string[]> = {
  expected: 'paths of files, separated by commas',
  parse: (text) => {
    const paths = text.split(',').map((part) => part.trim());
    return paths.every((path) => path !== '' && !path.includes('\0')) ? paths : undefined;
  },
};

const ORIGINS: Rule<readonly string[]> = {
  expected: 'origins like https://portal.example.com, separated by commas, without a path',
  parse: (text) => {
    const origins = text.split(',').map((part) => part.trim());
    return origins.every(isOrigin) ? origins : undefined;
  },
};

function isOrigin(text: string): boolean {
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}

const NETWORKS: Rule<readonly string[]> = {
  expected: 'addresses or networks like 10.0.0.5 or 10.0.0.0/8, separated by commas',
  parse: (text) => {
    const networks = text.split(',').map((part) => part.trim());
    return networks.every(isNetwork) ? networks : undefined;
  },
};

function isNetwork(text: string): boolean {
  const [address = '', bits, rest] = text.split('/');
  const most = IPV4.test(address) ? 32 : 128;
  const known = most === 32 || (address.includes(':') && URL.canParse(`http://[${address}]/`));
  if (!known || rest !== undefined) return false;
  return bits === undefined || within(wholeOf(bits), 1, most) !== undefined;
}

function wholeOf(text: string): number {
  return /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
}

const SWITCH: Rule<boolean> = {
  expected: 'on or off',
  parse: (text) => {
    if (text === 'on' || text === 'true') return true;
    return text === 'off' || text === 'false' ? false : undefined;
  },
};
