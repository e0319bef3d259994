import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { buildSchema, errorCatalogues } from '../../src/schema.js';
import { CallGraph } from '../fixtures/call-graph.js';

const paths = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .map((path) => `src/${path.replaceAll('\\', '/')}`)
  .filter((path) => path.endsWith('.ts'));
const sources = new Map(paths.map((path) => [path, readFileSync(path, 'utf8')]));
const codes = new Set(errorCatalogues.flatMap((catalogue) => Object.keys(catalogue)));
const schema = buildSchema();
const guides = ['getting-started', 'api-limits', 'signing-in', 'usage-formats'].map((name) =>
  readFileSync(`docs/${name}.md`, 'utf8'),
);

/** What any operation may meet; the guide tells these once, and no operation repeats them. */
const GENERAL = [
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'STEP_UP_REQUIRED',
  'BAD_USER_INPUT',
  'INVALID_ID',
  'INVALID_CURSOR',
  'IDEMPOTENCY_KEY_REUSED',
  'ALREADY_EXISTS',
  'STILL_REFERENCED',
  'CONFLICT',
  'TIMED_OUT',
  'OPERATION_ENDED',
  'RUN_SUBJECT_TAKEN',
  'INTERNAL_SERVER_ERROR',
];

/** Files whose values were checked before they are read again as money, days, zones or spans. */
const CHECKED = [
  // Stored values.
  /^src\/billing\/(?!usage-report\.service)/,
  /^src\/credit\//,
  /^src\/catalog\/(?:clock-lead|sheet-notice|tier)\.ts/,
  /^src\/rating\/(?:explain|rollover|quote-entry|price-list-facts)/,
  // They look at the text themselves first, or make a fault of the row of it.
  /^src\/catalog\/(?:allowance-rules|fee-rules|rate-rules|rate\.service|sheet-date|sheet-row)/,
  /^src\/subscription\/credit-limit\.ts/,
  // JSON has no numbers but finite ones.
  /^src\/platform\/idempotency\.store\.ts/,
  /^src\/mediation\/usage-format\.service\.ts/,
];

/** Calls that are not followed, since what they refuse cannot come of what they are given. */
const SOUND = new Set([
  // A row that another row names, or that was written a moment ago.
  'src/platform/row.store.ts#rowOf',
  // The bands and days of a profile that is stored.
  'src/catalog/week.ts#weekTable',
  'src/catalog/week.ts#holidayTable',
]);

/** Where a row is looked up by a number that was given. */
const BY_NUMBER = /^src\/billing\/(?:bill-run|usage-report)\.service\.ts/;

/** Refuses a span that nobody gives, and passes on what its zone is refused with. */
const SPAN_OF_OURS = 'src/kernel/zone-transitions.ts#zoneTransitions';

/** Texts that are codes elsewhere, but values of an answer here, or refuse what cannot be. */
const NO_REFUSAL: Readonly<Record<string, readonly string[]>> = {
  // Faults of the record that is explained or quoted.
  explainXdr: ['MONTH_CHARGE_TOO_LARGE'],
  quote: ['MARGIN_HELD', 'MARGIN_REFUSED', 'MONTH_CHARGE_TOO_LARGE'],
  // Faults of a row of the sheet.
  importRateSheet: ['INVALID_DATE', 'INVALID_PREFIX'],
  // It answers null.
  billRun: ['NOT_FOUND'],
  // The tax rate is looked at as text first; a new contract has no subscriptions yet.
  createContract: ['INVALID_MONEY', 'PLAN_CURRENCY'],
  amendContract: ['INVALID_MONEY'],
  // Asked for it was refused then; an ended subscription is given no more numbers.
  approveErasure: ['ERASURE_TOO_WIDE'],
  // The user of a token has a password to be chosen.
  resetPassword: ['PASSWORD_REFUSED'],
};

/** Thrown, but told to nobody who asks over the API. */
const UNTOLD = [
  // What the kernel refuses that no request gives.
  'AMBIGUOUS_TIME',
  'CURRENCY_MISMATCH',
  'INVALID_CYCLE',
  'INVALID_WEIGHTS',
  // Lists are given their parent when they are made and never another; vectors can draw a circle.
  'PRICE_LIST_CYCLE',
  // A format is checked before it is stored.
  'INVALID_FORMAT',
  // Commands and the start say them; of a broken audit there is an alarm.
  'AUDIT_TAMPERED',
  'HUB_EXISTS',
  'INVALID_ARGUMENTS',
  'INVALID_CONFIGURATION',
];

/** Code that is reached otherwise than by a query or mutation, and whose codes are told, too. */
const OTHER_WAYS = [
  // Transports, limits, and fields below the roots.
  /^src\/platform\//,
  /^src\/context\.ts/,
  /\.resolver\.ts#/,
  // What is sent and fetched over HTTP.
  /route\.service\.ts#/,
  /^src\/mediation\/upload\.service\.ts#/,
  /^src\/integration\/export/,
  // Runs: the code of what parked a batch is told with the run.
  /^src\/billing\/bill-executor\.service\.ts#/,
  /^src\/privacy\/erase\.service\.ts#/,
  /^src\/rating\/price-book\.service\.ts#/,
];

interface Told {
  readonly name: string;
  readonly missing: readonly string[];
  readonly extra: readonly string[];
}

const isSilent = (unit: string): boolean =>
  unit === SPAN_OF_OURS || /errors\.ts#|^src\/schema\.ts/.test(unit);

function isSound(from: string, to: string): boolean {
  if (SOUND.has(to)) return !BY_NUMBER.test(from);
  return to.startsWith('src/kernel/') && CHECKED.some((path) => path.test(from));
}

function raised(graph: CallGraph, unit: string): Set<string> {
  const units = [...graph.reached(unit, isSound)].filter((key) => !isSilent(key));
  const texts = units.flatMap((key) => [...graph.texts(key)]);
  return new Set(texts.filter((text) => codes.has(text)));
}

/** What the descriptions of all operations lack, and what they name that cannot come. */
function compared(graph: CallGraph): Told[] {
  const roots = { Query: schema.getQueryType(), Mutation: schema.getMutationType() };
  return graph.operations.flatMap(({ kind, name, unit }) => {
    const field = roots[kind]?.getFields()[name];
    const text = field?.description ?? '';
    const told = new Set((text.match(/\b[A-Z][A-Z0-9_]+\b/g) ?? []).filter((c) => codes.has(c)));
    const found = raised(graph, unit);
    const demands = (field?.extensions.demands ?? []) as readonly string[];
    const general = [...GENERAL, ...(demands.includes('step-up') ? ['SESSION_REQUIRED'] : [])];
    const silent = new Set([...general, ...(NO_REFUSAL[name] ?? [])]);
    const missing = [...found].filter((code) => !told.has(code) && !silent.has(code)).sort();
    const extra = [...told].filter((code) => !found.has(code)).sort();
    return missing.length + extra.length > 0 ? [{ name, missing, extra }] : [];
  });
}

describe('the codes of refusals', () => {
  const graph = new CallGraph(sources);

  it('are looked for in every operation of the schema', () => {
    const named = ({ kind, name }: { kind: string; name: string }) => `${kind}.${name}`;
    const fields = [
      ...Object.keys(schema.getQueryType()?.getFields() ?? {}).map((name) => `Query.${name}`),
      ...Object.keys(schema.getMutationType()?.getFields() ?? {}).map((name) => `Mutation.${name}`),
    ];
    expect(graph.operations.map(named).sort()).toEqual(fields.sort());
  });

  it('are named by each operation that raises them, and by no other', () => {
    expect(compared(graph)).toEqual([]);
  });

  it('are told once where any operation may meet them', () => {
    const untold = GENERAL.filter((code) => !guides.some((page) => page.includes(`\`${code}\``)));
    expect(untold).toEqual([]);
  });

  it('are in the schema, but for those that no request can lead to', () => {
    const thrown = /\bDomainError\(\s*'([A-Z][A-Z0-9_]+)'/g;
    const found = [...sources.values()].flatMap((text) => [...text.matchAll(thrown)]);
    const untold = new Set(found.map(([, code]) => code).filter((code) => !codes.has(code ?? '')));
    expect([...untold].sort()).toEqual(UNTOLD.toSorted());
  });

  it('are all reached by requests or runs', () => {
    const roots = [
      ...graph.operations.map(({ unit }) => unit),
      ...graph.units().filter((key) => OTHER_WAYS.some((path) => path.test(key))),
    ];
    const found = new Set(roots.flatMap((unit) => [...raised(graph, unit)]));
    expect([...codes].filter((code) => !found.has(code))).toEqual([]);
  });
});
