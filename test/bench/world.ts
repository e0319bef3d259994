import { type FormatDefinition, formatPresets } from '../../src/mediation/index.js';
import type { Database, Tx } from '../../src/platform/index.js';
import { admitPartner, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { Random } from './random.js';

/** What the generator must know about the world that its records belong to. */
export interface World {
  readonly prefixes: readonly string[];
  /** First number of each subscription's range of ten. */
  readonly callers: Float64Array;
  readonly inTrunks: readonly string[];
  readonly outTrunks: readonly string[];
  readonly formatId: number;
  readonly hubId: number;
}

export interface WorldSize {
  readonly prefixes: number;
  readonly subscriptions: number;
  /** Whether records are told apart by when they began as well. */
  readonly tellsTime?: boolean;
}

const FROM = '2026-01-01T00:00:00Z';
/** Destinations of the dial plan, and so the most prices that a list tells apart. */
const DESTINATIONS = 800;

/**
 * A hub with two suppliers, a reseller and a reseller below it, price lists of many prefixes with
 * inheritance at every level, and subscriptions direct, below the first and below the second.
 */
export async function buildWorld(database: Database, size: WorldSize): Promise<World> {
  return database.write(SYSTEM_SCOPE, async (tx) => {
    const hubId = await partner(tx, null, 'HUB', 'Bench Hub');
    const suppliers = [
      await partner(tx, hubId, 'SUPPLIER', 'Supplier A'),
      await partner(tx, hubId, 'SUPPLIER', 'Supplier B'),
    ];
    const upper = await partner(tx, hubId, 'RESELLER', 'Upper Reseller');
    const lower = await partner(tx, upper, 'RESELLER', 'Lower Reseller');
    const customers = [
      await partner(tx, hubId, 'BUSINESS_CUSTOMER', 'Direct Customer'),
      await partner(tx, hubId, 'BUSINESS_CUSTOMER', 'Customer by tiers'),
      await partner(tx, upper, 'BUSINESS_CUSTOMER', 'Customer of Upper'),
      await partner(tx, lower, 'BUSINESS_CUSTOMER', 'Customer of Lower'),
    ];
    const prefixes = await dialPlan(tx, size.prefixes);
    const lists = await priceLists(tx, { hubId, suppliers, upper, lower }, prefixes);
    const outTrunks: string[] = [];
    for (const [index, supplier] of suppliers.entries()) {
      const contractId = await contract(tx, 'COST', supplier, hubId, lists.cost[index]!);
      outTrunks.push(`OUT-${index}`);
      await tx.query(`INSERT INTO trunk (partner_id, name, cost_contract_id) VALUES ($1, $2, $3)`, [
        supplier,
        `OUT-${index}`,
        contractId,
      ]);
    }
    await contract(tx, 'WHOLESALE', hubId, upper, lists.wholesale);
    await contract(tx, 'WHOLESALE', upper, lower, lists.upper);
    const sellers = [hubId, hubId, upper, lower];
    const retail = [lists.retail, lists.tiered, lists.retailUpper, lists.retailLower];
    const contracts: number[] = [];
    for (const [index, customer] of customers.entries()) {
      contracts.push(await contract(tx, 'RETAIL', sellers[index]!, customer, retail[index]!));
    }
    const callers = await subscriptions(tx, customers, contracts, size.subscriptions);
    await planWithMinutes(tx, hubId);
    const [format] = await tx.query(
      `INSERT INTO usage_format (partner_id, name, definition) VALUES ($1, 'bench', $2::jsonb)
       RETURNING id`,
      [hubId, JSON.stringify(formatOf(size))],
    );
    return { prefixes, callers, inTrunks: [], outTrunks, formatId: format.id, hubId };
  });
}

function formatOf({ tellsTime = false }: WorldSize): FormatDefinition {
  const { kontor } = formatPresets as { kontor: FormatDefinition };
  return tellsTime ? { ...kontor, identity: ['record_id', 'started_at'] } : kontor;
}

/** A source of its own, with an identity domain that has seen nothing yet. */
export async function freshSource(database: Database, world: World, name: string): Promise<number> {
  return database.write(SYSTEM_SCOPE, async (tx) => {
    await tx.query('INSERT INTO identity_domain (name, partner_id) VALUES ($1, $2)', [
      name,
      world.hubId,
    ]);
    const [source] = await tx.query(
      `INSERT INTO usage_source (partner_id, usage_format_id, name, identity_domain)
       VALUES ($1, $2, $3, $3) RETURNING id`,
      [world.hubId, world.formatId, name],
    );
    return source.id;
  });
}

async function partner(tx: Tx, parent: number | null, kind: string, name: string): Promise<number> {
  const [{ id }] = await tx.query(`SELECT nextval('partner_id_seq')::int AS id`);
  await admitPartner(tx, id);
  await tx.query(
    `INSERT INTO partner (id, parent_id, path, depth, kind, name, country)
     SELECT $1, $2::int, coalesce(p.path, '{}') || $1::int, coalesce(p.depth + 1, 0), $3, $4, 'DE'
     FROM (SELECT 1) one LEFT JOIN partner p ON p.id = $2::int`,
    [id, parent, kind, name],
  );
  await tx.query(`INSERT INTO account (partner_id, number, name) VALUES ($1, $2, $3)`, [
    id,
    `A-${id}`,
    name,
  ]);
  return id;
}

async function contract(
  tx: Tx,
  level: string,
  seller: number,
  buyer: number,
  list: number,
): Promise<number> {
  const owner = level === 'COST' ? seller : buyer;
  const [{ id }] = await tx.query(
    `INSERT INTO contract (partner_id, account_id, seller_partner_id, buyer_partner_id, level,
       number, name)
     SELECT $1::int, a.id, $2, $3, $4, $5, 'Contract'
     FROM account a WHERE a.partner_id = $1::int RETURNING id`,
    [owner, seller, buyer, level, `C-${seller}-${buyer}`],
  );
  const [version] = await tx.query(
    `INSERT INTO contract_version (contract_id, partner_id, valid_from, currency, time_zone)
     VALUES ($1, $2, $3, 'EUR', 'Europe/Berlin') RETURNING id`,
    [id, owner, FROM],
  );
  await tx.query(
    `INSERT INTO contract_price_list (contract_version_id, partner_id, service, price_list_id)
     VALUES ($1, $2, '*', $3)`,
    [version.id, owner, list],
  );
  return id;
}

async function dialPlan(tx: Tx, count: number): Promise<string[]> {
  const random = new Random(7);
  const prefixes = new Set<string>();
  while (prefixes.size < count) {
    const length = 3 + random.below(5);
    let prefix = String(1 + random.below(9));
    while (prefix.length < length) prefix += String(random.below(10));
    prefixes.add(prefix);
  }
  const all = [...prefixes];
  await tx.query(
    `INSERT INTO destination (name) SELECT 'Destination ' || n FROM generate_series(1, ${DESTINATIONS}) n`,
  );
  await tx.query(
    `INSERT INTO destination_prefix (destination_id, prefix)
     SELECT (SELECT min(id) FROM destination) + (n % ${DESTINATIONS}), p
     FROM unnest($1::text[]) WITH ORDINALITY AS u (p, n) WHERE length(p) <= 5`,
    [all],
  );
  return all;
}

interface Owners {
  readonly hubId: number;
  readonly suppliers: readonly number[];
  readonly upper: number;
  readonly lower: number;
}

async function priceLists(tx: Tx, owners: Owners, prefixes: readonly string[]) {
  const list = async (owner: number, name: string, parent: number | null): Promise<number> => {
    const [{ id }] = await tx.query(
      `INSERT INTO price_list (partner_id, parent_id, name, currency) VALUES ($1, $2, $3, 'EUR')
       RETURNING id`,
      [owner, parent, name],
    );
    return id;
  };
  const cost = [];
  for (const [index, supplier] of owners.suppliers.entries()) {
    const id = await list(supplier, 'Cost', null);
    await absoluteRates(tx, supplier, id, prefixes, 11 + index, 4);
    cost.push(id);
  }
  const retail = await list(owners.hubId, 'Retail', null);
  await absoluteRates(tx, owners.hubId, retail, prefixes, 31, 12);
  const wholesale = await list(owners.hubId, 'Wholesale', retail);
  await adjustment(tx, owners.hubId, wholesale, '-40');
  const upper = await list(owners.upper, 'Upper wholesale', wholesale);
  await adjustment(tx, owners.upper, upper, '12.5');
  const retailUpper = await list(owners.upper, 'Upper retail', upper);
  await adjustment(tx, owners.upper, retailUpper, '30');
  const retailLower = await list(owners.lower, 'Lower retail', upper);
  await adjustment(tx, owners.lower, retailLower, '45');
  const tiered = await list(owners.hubId, 'By tiers', null);
  await tieredRates(tx, owners.hubId, tiered);
  return { cost, wholesale, upper, retail, retailUpper, retailLower, tiered };
}

// One price for every number, which falls with what a subscription used in the month.
async function tieredRates(tx: Tx, owner: number, list: number): Promise<void> {
  const steps = [
    { upTo: '1800', price: '0.12', rateUnit: 60, flatFee: '0', block: false },
    { upTo: '7200', price: '0.09', rateUnit: 60, flatFee: '0', block: false },
    { upTo: null, price: '0.05', rateUnit: 60, flatFee: '0', block: false },
  ];
  await tx.query(
    `WITH schedule AS (
       INSERT INTO tier_schedule (partner_id, name, scope, period, steps)
       VALUES ($1, 'Falling', 'SUBSCRIPTION', 'MONTH', $3::jsonb) RETURNING id)
     INSERT INTO rate
       (partner_id, price_list_id, prefix, model, price, tier_schedule_id, valid_from)
     SELECT $1, $2, '', 'GRADUATED', 0, id, $4 FROM schedule`,
    [owner, list, JSON.stringify(steps), FROM],
  );
}

// Every sixth subscription has some minutes a month for nothing; another sixth is priced by tiers.
async function planWithMinutes(tx: Tx, hubId: number): Promise<void> {
  await tx.query(
    `WITH plan AS (
       INSERT INTO service_plan (partner_id, name, currency) VALUES ($1, 'Minutes', 'EUR')
       RETURNING id), bucket AS (
       INSERT INTO bucket (partner_id, name, service_plan_id, kind, amount, services, valid_from)
       SELECT $1, 'Minutes', id, 'UNITS', 3000, '{VOICE}', $2 FROM plan)
     UPDATE subscription SET service_plan_id = (SELECT id FROM plan)
     WHERE id % 5 = 0 AND contract_id NOT IN (
       SELECT v.contract_id FROM contract_version v
       JOIN contract_price_list p ON p.contract_version_id = v.id
       JOIN rate r ON r.price_list_id = p.price_list_id AND r.model = 'GRADUATED')`,
    [hubId, FROM],
  );
}

async function absoluteRates(
  tx: Tx,
  owner: number,
  list: number,
  prefixes: readonly string[],
  seed: number,
  cents: number,
): Promise<void> {
  const random = new Random(seed);
  const increments: [number, number][] = [
    [1, 1],
    [60, 60],
    [30, 6],
    [60, 1],
  ];
  // Lists price destinations, so all prefixes of one have one price.
  const drawn = Array.from({ length: DESTINATIONS }, () => ({
    increment: increments[random.below(4)]!,
    price: (random.below(cents * 100) + 1) / 10_000,
    fee: random.chance(0.2) ? random.below(5) / 100 : 0,
  }));
  const chosen = prefixes.map((_, n) => drawn[(n + 1) % DESTINATIONS]!);
  await tx.query(
    `INSERT INTO rate (partner_id, price_list_id, prefix, price, connection_fee, first_increment,
       next_increment, valid_from)
     SELECT $1, $2, u.prefix, u.price, u.fee, u.first_increment, u.next_increment, $3
     FROM unnest($4::text[], $5::numeric[], $6::numeric[], $7::int[], $8::int[])
       AS u (prefix, price, fee, first_increment, next_increment)`,
    [
      owner,
      list,
      FROM,
      prefixes,
      chosen.map(({ price }) => price),
      chosen.map(({ fee }) => fee),
      chosen.map(({ increment: [first] }) => first),
      chosen.map(({ increment: [, next] }) => next),
    ],
  );
}

async function adjustment(tx: Tx, owner: number, list: number, percent: string): Promise<void> {
  await tx.query(
    `INSERT INTO rate (partner_id, price_list_id, prefix, kind, price, valid_from)
     VALUES ($1, $2, '', 'PERCENT', $3, $4)`,
    [owner, list, percent, FROM],
  );
}

// Of six subscriptions two are direct, one has tiers, two are the upper reseller's and one is the
// lower's.
function customerOf(subscription: number): number {
  return [0, 1, 2, 0, 2, 3][subscription % 6]!;
}

async function subscriptions(
  tx: Tx,
  customers: readonly number[],
  contracts: readonly number[],
  count: number,
): Promise<Float64Array> {
  const callers = Float64Array.from({ length: count }, (_, n) => 493_000_000_000 + n * 10);
  for (const [index, customer] of customers.entries()) {
    const own = [...callers].filter((_, n) => customerOf(n) === index);
    await tx.query(
      `WITH added AS (
         INSERT INTO subscription (partner_id, account_id, contract_id, label, starts_at)
         SELECT $1::int, (SELECT id FROM account WHERE partner_id = $1::int), $2, n::text, $3
         FROM unnest($4::bigint[]) AS u (n) RETURNING id, label)
       INSERT INTO subscription_identity
         (partner_id, subscription_id, kind, number_from, number_to, valid_from)
       SELECT $1::int, id, 'RANGE', label::bigint, label::bigint + 9, $3 FROM added`,
      [customer, contracts[index], FROM, own],
    );
  }
  return callers;
}
