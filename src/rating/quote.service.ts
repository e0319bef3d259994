import { DomainError, formatAmount, parseAmount, toGlobalId } from '../kernel/index.js';
import { mayReadLevel, type PriceLevel } from '../partner/index.js';
import {
  type Database,
  notFound,
  type RequestContext,
  requireViewer,
  rowByGlobalId,
  SYSTEM_SCOPE,
  type Tx,
} from '../platform/index.js';
import { Subscription, Trunk } from '../subscription/index.js';
import type { BookFacts } from './book.js';
import { isFolded } from './contract-pricing.js';
import type { XdrLevelMargin } from './explain.entity.js';
import {
  deriveLevel,
  type LevelDerivation,
  type PricedRecord,
  type SharedCharge,
} from './explain.js';
import { guidingIdentity, seenNames, seenTerms } from './explain.store.js';
import { findMargins, type MarginFinding, marginFault } from './explain-margin.js';
import { type WorkedOut, workOut } from './explain-month.js';
import { loadMonths, monthOf, monthsOf } from './explain-month.store.js';
import { levelSteps, type SeenTerms } from './explain-view.js';
import { loadBookFacts } from './price-book.store.js';
import type { Quote, QuoteLevel, QuoteMarginFinding } from './quote.entity.js';
import type { QuoteInput } from './quote.input.js';
import {
  costContract,
  type QuotedSubscription,
  quotedSubscription,
  seenContracts,
  sellingChain,
  viewerDepth,
} from './quote.store.js';
import { QUOTED_XDR, withQuoted } from './quote-entry.js';
import { margin } from './xdr-row.js';

/** Units, and money at scale 8: records have less of each. */
const MOST = 10n ** 15n;
/** No record begins before. */
const EARLIEST_MS = Date.UTC(2000, 0, 1);

/** A level that the viewer may see. */
interface QuotedLevel {
  readonly position: number;
  /** Its place counted from COST, whoever looks. */
  readonly place: number;
  readonly level: PriceLevel;
  readonly contractId: number | null;
}

/** A quote before it is shown. */
interface Priced {
  readonly record: PricedRecord;
  readonly levels: readonly QuotedLevel[];
  readonly worked: readonly WorkedOut[];
  /** By the place of the level that sells, from the top down. */
  readonly findings: ReadonlyMap<number, MarginFinding>;
  /** Place of the subscriber's own level. */
  readonly last: number;
}

/** Prices records that might be, at every level that the viewer may see. */
export class QuoteService {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * What a record would cost. Refuses with NOT_FOUND, INVALID_ID, QUOTE_INVALID, QUOTE_NOT_GUIDED,
   * QUOTE_NOT_ACTIVE or QUOTE_NOT_SOLD.
   */
  async quote(context: RequestContext, input: QuoteInput): Promise<Quote> {
    const tx = await context.read();
    const startedAt = input.startedAt ?? context.now();
    const asked = await askedRecord(tx, input, startedAt);
    // The viewer's own transaction decides which levels count; the rest of the truth is read
    // aside, since prices may rest on lists of others.
    const priced = await this.#database.readAside(SYSTEM_SCOPE, async (aside) => {
      const subscription = await heldSubscription(aside, input, asked.subscriptionId, startedAt);
      const chain = await sellingChain(aside, knownText(input), subscription.contractId, startedAt);
      if (chain === null) throw new DomainError('QUOTE_NOT_SOLD', 'Nobody sells it.');
      const cost = await costContract(aside, asked.outTrunkId);
      const levels = await seenLevels(context, tx, [cost, ...chain]);
      return price(aside, input, asked, subscription, levels, chain.length);
    });
    const views = await viewsOf(tx, priced, knownText(input));
    const { subscriptionId, destinationId } = priced.record;
    return {
      subscriptionId: toGlobalId('Subscription', subscriptionId),
      startedAt,
      knownAt: input.asKnownAt ?? context.now(),
      destinationId: destinationId === 0 ? null : toGlobalId('Destination', destinationId),
      levels: views.map(({ view }) => view),
      margins: marginsOf(views),
      marginFindings: findingsOf(priced),
      marginFault: marginFault([...priced.findings.values()]),
    };
  }
}

/** The moment as SQL takes it, with all of its millisecond; what is known now is all recorded. */
function knownText({ asKnownAt }: QuoteInput): string {
  return asKnownAt?.toISOString().replace('Z', '999Z') ?? 'infinity';
}

async function askedRecord(tx: Tx, input: QuoteInput, startedAt: Date): Promise<PricedRecord> {
  const trunk = async (id: string | null | undefined) =>
    id ? (await rowByGlobalId(tx, Trunk, 'Trunk', id)).id : 0;
  const inTrunkId = await trunk(input.inTrunkId);
  const outTrunkId = await trunk(input.outTrunkId);
  const aNumber = input.aNumber ?? null;
  const quantity = BigInt(input.quantity);
  const value = parseAmount(input.value);
  if (quantity < 0n || quantity >= MOST) throw invalid('quantity', 'is of 0 to 10^15 units');
  if (value < 0n || value >= MOST) throw invalid('value', 'carries 0 to 10^7 of money');
  if (startedAt.getTime() < EARLIEST_MS) throw invalid('startedAt', 'begins in 2000 or later');
  return {
    service: input.service,
    startedMs: startedAt.getTime(),
    number: input.bNumber ?? '',
    aNumber: aNumber ?? '',
    quantity,
    value,
    inTrunkId,
    outTrunkId,
    destinationId: 0,
    subscriptionId: await guided(tx, input, { inTrunkId, aNumber, startedAt }),
  };
}

function invalid(field: string, rule: string): DomainError {
  return new DomainError('QUOTE_INVALID', `A quote ${rule}.`, { field });
}

async function guided(
  tx: Tx,
  input: QuoteInput,
  by: Parameters<typeof guidingIdentity>[2],
): Promise<number> {
  const { subscriptionId: id } = input;
  if (id) return (await rowByGlobalId(tx, Subscription, 'Subscription', id)).id;
  const found = await guidingIdentity(tx, knownText(input), by);
  if (found !== null) return found.subscriptionId;
  throw new DomainError('QUOTE_NOT_GUIDED', 'No subscription has that trunk or number.');
}

async function heldSubscription(
  aside: Tx,
  input: QuoteInput,
  id: number,
  startedAt: Date,
): Promise<QuotedSubscription> {
  const found = await quotedSubscription(aside, knownText(input), id, startedAt);
  if (found === null) throw notFound('Subscription', toGlobalId('Subscription', id));
  if (found.isActive) return found;
  throw new DomainError('QUOTE_NOT_ACTIVE', 'The subscription is not held at that instant.');
}

// As with records: what is above the viewer's own purchase is cut off, a contract that he does
// not see hides its level, and the rest needs permissions.
async function seenLevels(
  context: RequestContext,
  tx: Tx,
  contracts: readonly (number | null)[],
): Promise<QuotedLevel[]> {
  const { permissions } = requireViewer(context);
  const depth = await viewerDepth(tx);
  const seen = await seenContracts(
    tx,
    contracts.flatMap((id) => id ?? []),
  );
  return contracts.flatMap((contractId, place) => {
    const level = contractId === null ? 'COST' : seen.get(contractId);
    if (place < depth || level === undefined) return [];
    if (!mayReadLevel({ permissions }, level)) return [];
    return [{ position: place - depth, place, level, contractId }];
  });
}

async function price(
  aside: Tx,
  input: QuoteInput,
  asked: PricedRecord,
  subscription: QuotedSubscription,
  levels: readonly QuotedLevel[],
  last: number,
): Promise<Priced> {
  const contracts = levels.flatMap(({ contractId }) => contractId ?? []);
  const facts = await loadBookFacts(aside, knownText(input), {
    number: asked.number,
    contracts: [...contracts, subscription.contractId],
  });
  const record = { ...asked, destinationId: destinationOf(facts, asked.number) };
  const paid = deriveLevel(facts, subscription.contractId, record, null);
  const shared: SharedCharge = { amount: paid.amount, currency: paid.version?.currency ?? '' };
  const derived = levels.map(({ place, contractId }) =>
    place === last ? paid : deriveLevel(facts, contractId, record, shared),
  );
  const isLast = (at: number) => levels[at]?.place === last;
  const folded = derived.map((level, at) => {
    return isInMonth(facts, level, record.service, isLast(at) ? subscription.planId : 0);
  });
  const keys = monthsOf(derived.filter((_, at) => folded[at]));
  const months = input.inMonth ? await loadMonths(aside, keys, record.startedMs, true) : new Map();
  const knownAt = input.asKnownAt ? input.asKnownAt.getTime() + 0.999 : Number.MAX_SAFE_INTEGER;
  const worked = derived.map((level, at): WorkedOut => {
    const month = level.amount !== null && folded[at] ? monthOf(months, level) : undefined;
    const { place } = levels[at] as QuotedLevel;
    const { planId, rootAccountId } = subscription;
    const quoted = { record, level: place, isLast: isLast(at), planId, rootAccountId, knownAt };
    return workOut(level, month && withQuoted(month, level, quoted), QUOTED_XDR);
  });
  const byPlace: (LevelDerivation | undefined)[] = Array.from({ length: last + 1 });
  for (const [at, { place }] of levels.entries()) byPlace[place] = derived[at];
  const findings = findMargins(facts, byPlace, record.startedMs);
  return { record, levels, worked, findings, last };
}

/** Whether rating would hand a level to its month; the plan counts for the subscriber's own. */
function isInMonth(
  { contracts, pricing }: BookFacts,
  { version, tariff }: LevelDerivation,
  service: QuoteInput['service'],
  planId: number,
): boolean {
  if ((tariff?.terms?.schedule ?? null) !== null) return true;
  const contract = contracts.find(({ id }) => id === version?.contractId);
  return contract !== undefined && isFolded(pricing, contract, service, planId);
}

function destinationOf({ destinations }: BookFacts, number: string): number {
  const fitting = destinations.filter(({ prefix }) => number.startsWith(prefix));
  return fitting.sort((a, b) => b.prefix.length - a.prefix.length)[0]?.id ?? 0;
}

/** A level for the API, with what margins are made of. */
interface QuoteView {
  readonly view: QuoteLevel;
  readonly amount: bigint | null;
  readonly currency: string | null;
}

async function viewsOf(
  tx: Tx,
  { levels, worked, last }: Priced,
  knownAt: string,
): Promise<QuoteView[]> {
  const derived = worked.map((one) => one.derived);
  const months = worked.map((one) => one.month);
  const seen = await seenNames(tx, derived, months, knownAt);
  const terms = await seenTerms(
    tx,
    derived.flatMap(({ version }) => version?.id ?? []),
  );
  const seesShared = levels.some(({ place }) => place === last);
  return levels.map(({ level, position }, at) => {
    const one = worked[at] as WorkedOut;
    const { version, fault, amount: base } = one.derived;
    const own: SeenTerms | null = terms.get(version?.id ?? 0) ?? null;
    const steps = levelSteps({ ...one, level, position, terms: own, seesShared }, seen);
    const amount = one.month === null ? base : one.month.amount;
    const view = {
      ...steps,
      amount: amount === null ? null : formatAmount(amount),
      baseAmount: base === null ? null : formatAmount(base),
      fault,
    };
    return { view, amount, currency: version?.currency ?? null };
  });
}

function marginsOf(views: readonly QuoteView[]): XdrLevelMargin[] {
  return views.flatMap((sell) => {
    const buy = views.find(({ view }) => view.position === sell.view.position - 1);
    if (buy === undefined || buy.amount === null || sell.amount === null) return [];
    const left = margin(
      { amount: buy.amount, currency: buy.currency },
      { amount: sell.amount, currency: sell.currency },
    );
    if (left === null) return [];
    const { level, position } = sell.view;
    return [{ buy: buy.view.level, sell: level, position, ...left }];
  });
}

function findingsOf({ levels, findings }: Priced): QuoteMarginFinding[] {
  return levels.flatMap((sell, at) => {
    const finding = findings.get(sell.place);
    const buy = levels[at - 1];
    if (finding === undefined || buy === undefined) return [];
    const { policy, cost, price, currency } = finding;
    return [
      {
        ...{ policy, buy: buy.level, sell: sell.level, position: sell.position, currency },
        ...{ cost: formatAmount(cost), price: formatAmount(price) },
        amount: formatAmount(price - cost),
      },
    ];
  });
}
