import {
  type PermissionName,
  permissionNames,
  type UserService,
} from '../../src/identity/index.js';
import { DomainError } from '../../src/kernel/index.js';
import { admitPartner, type Tx } from '../../src/platform/index.js';
import type { SignIn } from './client.js';
import { demoPartners, HUB } from './world.js';

/** Someone of the demo who may sign in. Secrets are fixed: the demo is no secret. */
export interface DemoUser extends SignIn {
  readonly partner: string;
  readonly displayName: string;
  readonly role: keyof typeof roles;
}

const PASSWORD = 'correct horse battery 2026';

// Who only reads does so without the numbers of subscribers.
const reading = permissionNames.filter(
  (name) => name.endsWith('.read') && name !== 'subscriber.number.read',
);
const finance: PermissionName[] = ['bill.run', 'invoice.finalise', 'run.manage'];
const selling: PermissionName[] = [
  'partner.read',
  'partner.contact.read',
  'partner.manage',
  'account.manage',
  'contract.read',
  'contract.manage',
  'catalog.read',
  'catalog.manage',
  'rate-sheet.activate',
  'subscription.read',
  'subscription.manage',
  'subscriber.number.read',
  'usage.read',
  'price.wholesale.read',
  'price.retail.read',
  'quote.read',
  'run.read',
  'bill.run',
  'invoice.read',
  'invoice.finalise',
  'alarm.read',
  'alarm.acknowledge',
  'user.email.read',
  'user.manage',
  'role.manage',
  'api-key.manage',
  'sign-in.read',
];

const roles = {
  Administrator: permissionNames,
  Finance: [...reading.filter((name) => name !== 'audit.read'), ...finance],
  Auditor: reading,
  'Reseller administrator': selling,
} as const satisfies Readonly<Record<string, readonly PermissionName[]>>;

function user(
  partner: string,
  name: string,
  displayName: string,
  role: keyof typeof roles,
  totpSecret: string,
): DemoUser {
  const domain = partner === HUB ? 'nordhafen' : partner;
  const email = `${name}@${domain}.example`;
  return { partner, email, displayName, role, password: PASSWORD, totpSecret };
}

/** Whom people sign in as: the first is the administrator of the hub. */
export const demoUsers: readonly DemoUser[] = [
  user(HUB, 'admin', 'Ada Martens', 'Administrator', 'NORDHAFENADMIN234567ABCDEFGHIJKL'),
  user(HUB, 'finance', 'Finn Peters', 'Finance', 'NORDHAFENFINANCE234567ABCDEFGHIJ'),
  user(HUB, 'audit', 'Aenne Wolf', 'Auditor', 'NORDHAFENAUDIT234567ABCDEFGHIJKL'),
  user(
    'rheinfunk',
    'admin',
    'Rieke Krings',
    'Reseller administrator',
    'RHEINFUNKADMIN234567ABCDEFGHIJKL',
  ),
  user(
    'kieztel',
    'admin',
    'Karim Yilmaz',
    'Reseller administrator',
    'KIEZTELADMIN234567ABCDEFGHIJKLMN',
  ),
];

/** The demo itself works under this name, so that no code of a person is used up. */
const demoRobot: DemoUser = user(
  HUB,
  'robot',
  'Demo robot',
  'Administrator',
  'NORDHAFENROBOT234567ABCDEFGHIJKL',
);

/**
 * Creates the hub, its roles and the robot, which then does everything else through the API.
 * Nothing happens when they are there; another hub is refused, since a system has one.
 */
export async function createHub(tx: Tx, users: UserService): Promise<void> {
  const hub = demoPartners.find(({ key }) => key === HUB);
  if (hub === undefined) throw new RangeError('the demo has a hub');
  const [root]: { name: string }[] = await tx.query(
    'SELECT name FROM partner WHERE parent_id IS NULL',
  );
  if (root?.name === hub.name) return;
  if (root !== undefined) {
    throw new DomainError(
      'DEMO_NEEDS_EMPTY_DATABASE',
      `The database belongs to the hub ${root.name}; the demo needs one of its own.`,
    );
  }
  const [{ id }]: [{ id: number }] = await tx.query("SELECT nextval('partner_id_seq')::int AS id");
  await admitPartner(tx, id);
  await tx.query(
    `INSERT INTO partner (id, path, depth, kind, name, legal_name, country, address, tax_number,
       email, language) VALUES ($1, ARRAY[$1]::int[], 0, 'HUB', $2, $3, $4, $5, $6, $7, $8)`,
    [id, hub.name, hub.legalName, hub.country, hub.address, hub.taxNumber, hub.email, hub.language],
  );
  await enrolUser(tx, users, demoRobot, id);
}

/** The row of the robot. */
export async function findRobot(tx: Tx): Promise<{ id: number; partnerId: number }> {
  const [robot]: { id: number; partnerId: number }[] = await tx.query(
    'SELECT id, partner_id AS "partnerId" FROM app_user WHERE email = $1',
    [demoRobot.email],
  );
  if (robot === undefined) throw new RangeError('the hub of the demo has a robot');
  return robot;
}

/** Creates the people of the demo who are not there yet, in the partners of these row ids. */
export async function createUsers(
  tx: Tx,
  users: UserService,
  partnerIds: ReadonlyMap<string, number>,
): Promise<void> {
  for (const person of demoUsers) {
    const partnerId = partnerIds.get(person.partner);
    const known: unknown[] = await tx.query('SELECT 1 FROM app_user WHERE email = $1', [
      person.email,
    ]);
    if (partnerId === undefined || known.length > 0) continue;
    await enrolUser(tx, users, person, partnerId);
  }
}

// Through the service that seals secrets, with a fixed one where people get a random one.
async function enrolUser(
  tx: Tx,
  users: UserService,
  person: DemoUser,
  partnerId: number,
): Promise<void> {
  await tx.query(
    `INSERT INTO role (partner_id, name, permissions) VALUES ($1, $2, $3)
     ON CONFLICT (partner_id, name) DO NOTHING`,
    [partnerId, person.role, [...roles[person.role]].sort()],
  );
  const { email, displayName, password, totpSecret } = person;
  const made = await users.enrol(tx, { partnerId, email, displayName, password, totpSecret });
  await tx.query(
    `INSERT INTO app_user_role (user_id, role_id, partner_id, at_partner_id)
     SELECT $1, id, $2, $2 FROM role WHERE partner_id = $2 AND name = $3`,
    [made.user.id, partnerId, person.role],
  );
}
