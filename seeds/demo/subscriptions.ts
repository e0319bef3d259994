import { MONTH_FROM } from './month.js';
import { Random } from './random.js';
import { type DemoSource, demoBranches, demoCustomers, demoOperators } from './world.js';

/** A subscription of the demo with the one identity that it has. */
export interface DemoSubscription {
  readonly label: string;
  /** Key of the partner that has it. */
  readonly partner: string;
  /** Key of the account that holds it: the partner's own, or that of a branch. */
  readonly account: string;
  readonly plan: DemoPlan;
  readonly startsAt: number;
  /** In the currency of the contract, a calendar month's usage; null for none. */
  readonly creditLimit: string | null;
  /** Which source writes its calls. */
  readonly source: DemoSource;
  readonly identity:
    | { readonly kind: 'NUMBER'; readonly from: string; readonly to: string }
    | { readonly kind: 'RANGE'; readonly from: string; readonly to: string }
    | { readonly kind: 'TRUNK'; readonly trunk: string };
}

export type DemoPlan = 'LINE' | 'RANGE' | 'PBX' | 'INTERCONNECT';

const SEED = 20_261_001;
const DAY = 86_400_000;
const SINCE = Date.UTC(2026, 5, 30, 22);
const NUMBERS = 2588;
const RANGES = 390;
const LIMITED_EVERY = 40;
/** A few small limits are crossed within the month; the others are out of reach. */
const LIMITS = ['2', '5', '250', '500', '250', '500'];
/** Some lines begin within the month, after so many days. */
const LATE_EVERY = 20;
const LATE_DAYS = [6, 17];

/** Customers of the hub telephone by its own gateway, those of resellers by the shared PBX. */
const sourceOf = (seller: string): DemoSource => (seller === 'hub' ? 'gateway' : 'cloud');

/** Some 3,000 subscriptions, always the same. */
export function buildSubscriptions(): DemoSubscription[] {
  const random = new Random(SEED);
  const made: DemoSubscription[] = demoOperators.map(({ key, trunkIn }) => ({
    label: `Interconnect ${trunkIn}`,
    partner: key,
    account: key,
    plan: 'INTERCONNECT',
    startsAt: SINCE,
    creditLimit: null,
    source: 'transit',
    identity: { kind: 'TRUNK', trunk: trunkIn },
  }));
  const nextNumber = new Map<string, number>();
  const take = (area: string, count: number) => {
    const key = `49${area}`;
    const width = 11 - key.length;
    const from = nextNumber.get(key) ?? 4 * 10 ** (width - 1);
    nextNumber.set(key, from + count);
    return { from: `${key}${from}`, to: `${key}${from + count - 1}` };
  };
  for (const customer of demoCustomers) {
    const source = sourceOf(customer.parent);
    const weight = customer.parent === 'kieztel' ? 1 : 4;
    const base = { partner: customer.key, account: customer.key, startsAt: SINCE, source };
    if (customer.parent === 'hub') {
      const trunk = pbxTrunk(customer.key);
      const identity = { kind: 'TRUNK', trunk } as const;
      made.push({ ...base, label: `PBX ${trunk}`, plan: 'PBX', creditLimit: null, identity });
    }
    for (let left = share(RANGES, weight); left > 0; left -= 1) {
      const range = { kind: 'RANGE', ...take(customer.area, 100) } as const;
      const label = `Numbers ${range.from} to ${range.to}`;
      made.push({ ...base, label, plan: 'RANGE', creditLimit: null, identity: range });
    }
  }
  for (const customer of demoCustomers) {
    const source = sourceOf(customer.parent);
    const weight = customer.parent === 'kieztel' ? 1 : 4;
    for (let left = share(NUMBERS, weight); left > 0; left -= 1) {
      const number = { kind: 'NUMBER', ...take(customer.area, 1) } as const;
      const late = random.onceIn(LATE_EVERY);
      const limited = !late && random.onceIn(LIMITED_EVERY);
      made.push({
        label: `Line ${number.from}`,
        partner: customer.key,
        account: accountOf(customer.key, left),
        plan: 'LINE',
        startsAt: late ? MONTH_FROM + (LATE_DAYS[random.below(2)] ?? 0) * DAY : SINCE,
        creditLimit: limited ? (LIMITS[random.below(LIMITS.length)] ?? null) : null,
        source,
        identity: number,
      });
    }
  }
  return made;
}

// The lines of a customer with branches are shared out among them.
function accountOf(customer: string, nth: number): string {
  const branches = demoBranches.filter(({ partner }) => partner === customer);
  return branches[nth % (branches.length + 1)]?.key ?? customer;
}

/** The name of the trunk of a customer's own telephone system. */
export function pbxTrunk(customer: string): string {
  return `PBX-${customer.toUpperCase()}`;
}

function share(of: number, weight: number): number {
  const all = demoCustomers.reduce((sum, { parent }) => sum + (parent === 'kieztel' ? 1 : 4), 0);
  return Math.round((of * weight) / all);
}
