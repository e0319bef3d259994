/**
 * Every permission there is, with what it allows. Roles are rows made of these names; operations
 * name the one they need.
 */
export const permissions = {
  'partner.read': 'See partners.',
  'partner.contact.read': 'See addresses, e-mail addresses and tax numbers of partners.',
  'partner.manage': 'Create and change partners.',
  'account.manage': 'Create and change accounts.',
  'contract.read': 'See contracts and their terms.',
  'contract.manage': 'Create contracts and change their terms.',
  'catalog.read': 'See destinations, time bands, price lists, rates and plans.',
  'catalog.manage': 'Create and change destinations, time bands, price lists and plans.',
  'rate-sheet.activate': 'Put an imported rate sheet into force.',
  'subscription.read': 'See subscriptions with their numbers and trunks.',
  'subscription.manage': 'Create, change, suspend, resume and terminate subscriptions.',
  'subscriber.number.read': 'See numbers of subscribers whole, and look for them.',
  'usage.read': 'See usage files and records.',
  'usage.import': 'Deliver usage files and have them rated.',
  'usage.recycle': 'Correct rejected and held records and have them rated again.',
  'usage.rerate.read': 'See change sets of re-rating and what they change.',
  'usage.rerate': 'Choose records that are rated anew, see what differs, and apply it.',
  'usage.rerate.approve': 'Approve what re-rating changes, and undo it.',
  'price.cost.read': 'See what the serving operator charges the hub.',
  'price.wholesale.read': 'See what resellers and partners pay.',
  'price.retail.read': 'See what end users pay.',
  'quote.read': 'Have records priced that have not happened.',
  'run.read': 'See runs and their progress.',
  'run.manage': 'Cancel runs and resume parked ones.',
  'bill.run': 'Bill a period.',
  'invoice.read': 'See invoices and their documents.',
  'invoice.finalise': 'Finalise invoices, which numbers and freezes them.',
  'alarm.read': 'See alarms and subscribe to them.',
  'alarm.acknowledge': 'Acknowledge and clear alarms.',
  'user.read': 'See users and the roles they have.',
  'user.email.read': 'See the e-mail addresses of users.',
  'user.manage': 'Create users and give them roles.',
  'role.read': 'See roles and what they permit.',
  'role.manage': 'Create roles and change what they permit.',
  'schema.introspect': 'Read the schema over the API where it is not open to everybody.',
  'api-key.manage': "Make API keys that act with some of one's own permissions.",
  'sign-in.read': 'See who signed in or tried to, when and from where.',
  'audit.read': 'See who did what.',
  'subscriber.erase': 'Ask for a subscriber to be forgotten.',
  'subscriber.erase.approve': 'Have a subscriber forgotten for whom somebody else has asked.',
  'retention.read': 'See how long data is kept, and what is held.',
  'retention.manage': 'Set how long data is kept, hold and release it, purge it.',
  'webhook.read': 'See webhooks and what was sent to them.',
  'webhook.manage': 'Have events sent to addresses outside.',
} as const satisfies Readonly<Record<string, string>>;

export type PermissionName = keyof typeof permissions;

/** The names of all permissions, for roles that permit everything. */
export const permissionNames = Object.keys(permissions) as PermissionName[];

/**
 * Permissions of operations that ask for a step-up, and so for an authenticator: a role with one
 * of them demands one-time passwords.
 */
const dangerous: ReadonlySet<string> = new Set<PermissionName>([
  'invoice.finalise',
  'usage.rerate',
  'usage.rerate.approve',
  'user.manage',
  'role.manage',
  'api-key.manage',
  'retention.manage',
  'subscriber.erase',
  'subscriber.erase.approve',
  'webhook.manage',
]);

/** Those of the permissions that nobody may hold without one-time passwords. */
export function dangerousAmong(names: readonly string[]): string[] {
  return names.filter((name) => dangerous.has(name));
}

/** Whether a permission only lets see, and changes nothing. */
export function isReading(name: string): boolean {
  return name.endsWith('.read') || name === 'schema.introspect';
}

/** What a permission brings with it: who manages something sees it. */
const implied: Partial<Record<string, readonly PermissionName[]>> = {
  'user.manage': ['user.read'],
  'role.manage': ['role.read'],
  'webhook.manage': ['webhook.read'],
  'usage.rerate': ['usage.rerate.read'],
  'usage.rerate.approve': ['usage.rerate.read'],
} satisfies Partial<Record<PermissionName, readonly PermissionName[]>>;

/** The permissions with those that they bring with them. */
export function withImplied(names: readonly string[]): Set<string> {
  return new Set(names.flatMap((name) => [name, ...(implied[name] ?? [])]));
}

/** Names that are no permission, in the order given. */
export function unknownPermissions(names: readonly string[]): string[] {
  return names.filter((name) => !Object.hasOwn(permissions, name));
}

/**
 * The permissions that a change from one set to another would give or take although the one who
 * makes the change does not hold them.
 */
export function beyondReach(
  held: ReadonlySet<string>,
  before: readonly string[],
  after: readonly string[],
): string[] {
  const given = after.filter((name) => !before.includes(name));
  const taken = before.filter((name) => !after.includes(name));
  return [...given, ...taken].filter((name) => !held.has(name));
}
