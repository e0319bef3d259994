import { ServicePlan } from '../catalog/index.js';
import { DomainError, toGlobalId } from '../kernel/index.js';
import { assertTermsSide, Contract, openAccount, Partner } from '../partner/index.js';
import {
  type Connection,
  notFound,
  once,
  type Page,
  pageById,
  rowByGlobalId,
  rowNumber,
  rowOf,
  rowsOf,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import { creditLimit } from './credit-limit.js';
import { insertIdentities, type NewIdentity, refuseWaiting } from './identity.store.js';
import { numberRange, numberValue } from './identity-text.js';
import { assertContractTerms } from './plan-currency.store.js';
import { Subscription, SubscriptionIdentity, Trunk } from './subscription.entity.js';
import type {
  AddIdentityInput,
  CreateSubscriptionInput,
  CreateSubscriptionsInput,
  SubscriptionFilter,
  SubscriptionLineInput,
} from './subscription.input.js';
import { isOver, type SubscriptionVerb, statusAt, transition } from './transition.js';

/** Terms that many subscriptions share. */
type Terms = Omit<CreateSubscriptionsInput, 'subscriptions'>;

/** Subscriptions and what identifies them. */
export class SubscriptionService {
  /** Creates one subscription. Refusals are listed in `errors.ts`. */
  async create(
    tx: Tx,
    viewer: Viewer,
    input: CreateSubscriptionInput,
    key: string | null,
    now: Date,
  ): Promise<Subscription> {
    const made = await once(tx, viewer, key, 'createSubscription', input, () =>
      createAll(tx, input, [input], now),
    );
    return rowOf(tx, Subscription, 'Subscription', made[0] as number);
  }

  /** Creates many subscriptions, all or none; refusals name the place in the list. */
  async createMany(
    tx: Tx,
    viewer: Viewer,
    input: CreateSubscriptionsInput,
    key: string | null,
    now: Date,
  ): Promise<Subscription[]> {
    const ids = await once(tx, viewer, key, 'createSubscriptions', input, () =>
      createAll(tx, input, input.subscriptions, now),
    );
    return tx
      .createQueryBuilder(Subscription, 'row')
      .where('row.id = ANY(:ids)', { ids })
      .orderBy('row.id')
      .getMany();
  }

  /**
   * Adds a number, range or trunk, which ends with the subscription at the latest. Refuses with
   * IDENTITY_REFUSED, INVALID_NUMBER, INVALID_PERIOD, NUMBER_TAKEN, TRUNK_TAKEN,
   * SUBSCRIPTION_TRANSITION_REFUSED (it is over), NOT_SELLER or NOT_FOUND.
   */
  async addIdentity(
    tx: Tx,
    viewer: Viewer,
    input: AddIdentityInput,
    key: string | null,
    now: Date,
  ): Promise<Subscription> {
    const made = await once(tx, viewer, key, 'addIdentity', input, async () => {
      const subscription = await lockedSubscription(tx, input.subscriptionId);
      const { heldStatus, endsAt } = subscription;
      const status = statusAt(heldStatus, subscription, now);
      if (isOver(status)) transition(status, 'resume');
      const { number = null, trunk = null } = input;
      if ((number === null) === (trunk === null)) {
        throw new DomainError('IDENTITY_REFUSED', 'Give either a number or a trunk.');
      }
      if (input.validTo && input.validTo <= input.validFrom) {
        throw new DomainError('INVALID_PERIOD', 'The identity does not end after it begins.');
      }
      if (endsAt !== null && input.validFrom >= endsAt) {
        throw new DomainError(
          'INVALID_PERIOD',
          'The identity does not begin before its subscription ends.',
        );
      }
      const line = {
        numbers: number === null ? [] : [number],
        trunks: trunk === null ? [] : [trunk],
      };
      const { partnerId, id: subscriptionId } = subscription;
      const trunks = await trunksByName(tx, line.trunks, partnerId);
      const span = { validFrom: input.validFrom, ...endWithin(input.validTo ?? null, endsAt) };
      const base = { index: 0, partnerId, subscriptionId, ...span };
      const identities = identitiesOf(line, trunks, base);
      await refuseWaiting(tx, identities);
      await insertIdentities(tx, identities);
      return { id: subscriptionId };
    });
    return rowOf(tx, Subscription, 'Subscription', made.id);
  }

  /**
   * Ends an identity; one that has not begun is withdrawn. Refuses with IDENTITY_NOT_ENDABLE,
   * NOT_SELLER or NOT_FOUND.
   */
  async endIdentity(tx: Tx, identityId: string, at: Date, now: Date): Promise<Subscription> {
    const type = 'SubscriptionIdentity';
    const { subscriptionId } = await rowByGlobalId(tx, SubscriptionIdentity, type, identityId);
    const subscription = await lockedSubscription(tx, toGlobalId('Subscription', subscriptionId));
    const identity = await rowByGlobalId(tx, SubscriptionIdentity, type, identityId);
    const { validFrom, validTo } = identity;
    if (validTo !== null && validTo < at) throw notEndable();
    if (at > validFrom) {
      await tx.update(SubscriptionIdentity, { id: identity.id }, { validTo: at, ownValidTo: null });
    } else if (validFrom > now) {
      await tx.delete(SubscriptionIdentity, { id: identity.id });
    } else {
      throw notEndable();
    }
    return subscription;
  }

  /** Puts a subscription to rest or lets it go on. */
  async change(
    tx: Tx,
    viewer: Viewer,
    id: string,
    verb: Extract<SubscriptionVerb, 'suspend' | 'resume'>,
    key: string | null,
    now: Date,
  ): Promise<Subscription> {
    const made = await once(tx, viewer, key, `${verb}Subscription`, { id }, async () => {
      const subscription = await lockedSubscription(tx, id);
      const status = statusAt(subscription.heldStatus, subscription, now);
      const heldStatus = transition(status, verb);
      await tx.update(Subscription, { id: subscription.id }, { heldStatus });
      return { id: subscription.id };
    });
    return rowOf(tx, Subscription, 'Subscription', made.id);
  }

  /** Visible subscriptions by rising id. */
  async list(
    tx: Tx,
    filter: SubscriptionFilter,
    page: Page,
    now: Date,
  ): Promise<Connection<Subscription>> {
    const query = tx.createQueryBuilder(Subscription, 'row');
    if (filter.partnerId) {
      query.andWhere('row.partnerId = :partner', {
        partner: rowNumber('Partner', filter.partnerId),
      });
    }
    if (filter.contractId) {
      query.andWhere('row.contractId = :contract', {
        contract: rowNumber('Contract', filter.contractId),
      });
    }
    if (filter.statuses) {
      // As `statusAt` tells it.
      query.andWhere(
        `CASE WHEN row.endsAt = row.startsAt THEN 'CANCELLED'
           WHEN row.endsAt <= :now THEN 'TERMINATED' ELSE row.heldStatus END = ANY(:statuses)`,
        { statuses: filter.statuses, now },
      );
    }
    if (typeof filter.number === 'string') {
      const ids = await tx.query<{ id: number }[]>(
        `SELECT DISTINCT subscription_id AS id FROM subscription_identity
         WHERE int8range(number_from, number_to, '[]') @> $1::bigint AND number_from IS NOT NULL
           AND valid_to IS DISTINCT FROM valid_from`,
        [numberValue(filter.number).toString()],
      );
      query.andWhere('row.id = ANY(:holders)', { holders: ids.map((row) => row.id) });
    }
    return pageById(query, page);
  }

  /** The visible subscription that has a number at an instant, or null. */
  async forNumber(tx: Tx, number: string, at: Date): Promise<Subscription | null> {
    const rows = await tx.query<{ id: number }[]>(
      `SELECT subscription_id AS id FROM subscription_identity
       WHERE number_from IS NOT NULL AND int8range(number_from, number_to, '[]') @> $1::bigint
         AND tstzrange(valid_from, valid_to) @> $2::timestamptz`,
      [numberValue(number).toString(), at],
    );
    const id = rows[0]?.id;
    return id === undefined ? null : tx.findOneBy(Subscription, { id });
  }
}

/** The ids of new subscriptions in the order of the lines. */
async function createAll(
  tx: Tx,
  terms: Terms,
  lines: readonly Pick<SubscriptionLineInput, 'label' | 'numbers' | 'trunks'>[],
  now: Date,
): Promise<number[]> {
  const startsAt = terms.startsAt ?? now;
  const contract = await sellableContract(tx, terms.contractId);
  const account = await openAccount(tx, terms.accountId, contract.partnerId);
  const planId = await planFor(tx, terms.servicePlanId ?? null, contract, startsAt);
  if (typeof terms.creditLimit === 'string') creditLimit(terms.creditLimit);
  const trunks = await trunksByName(
    tx,
    lines.flatMap((line) => line.trunks),
    contract.partnerId,
  );
  const made = rowsOf<{ id: number }>(
    await tx.query(
      `INSERT INTO subscription (partner_id, account_id, contract_id, service_plan_id, label,
         starts_at, credit_limit, credit_warning_percent)
       SELECT $1, $2, $3, $4, line.label, $6, $7, $8
       FROM unnest($5::text[]) WITH ORDINALITY AS line(label, place) ORDER BY line.place
       RETURNING id`,
      [
        contract.partnerId,
        account.id,
        contract.id,
        planId,
        lines.map((line) => line.label.trim()),
        startsAt,
        terms.creditLimit ?? null,
        terms.creditWarningPercent,
      ],
    ),
  );
  // Ids rise in the order of insertion, which is the order of the lines.
  const ids = made.map((row) => row.id).sort((a, b) => a - b);
  const { partnerId } = contract;
  const span = { validFrom: startsAt, ...endWithin(null, null) };
  const identities = lines.flatMap((line, index) => {
    const subscriptionId = ids[index] as number;
    return identitiesOf(line, trunks, { index, partnerId, subscriptionId, ...span });
  });
  await insertIdentities(tx, identities);
  return ids;
}

async function sellableContract(tx: Tx, globalId: string): Promise<Contract> {
  const contract = await rowByGlobalId(tx, Contract, 'Contract', globalId);
  await assertTermsSide(tx, contract);
  if (contract.level === 'COST') {
    throw new DomainError(
      'SUBSCRIPTION_CONTRACT_REFUSED',
      'Subscriptions are held under WHOLESALE and RETAIL contracts.',
    );
  }
  if (contract.status !== 'ACTIVE') {
    throw new DomainError('CONTRACT_TERMINATED', 'The contract is terminated.');
  }
  const partner = await rowOf(tx, Partner, 'Partner', contract.partnerId);
  if (partner.status !== 'ACTIVE') {
    throw new DomainError('PARTNER_CLOSED', 'The partner is closed.', { id: partner.globalId });
  }
  return contract;
}

async function planFor(
  tx: Tx,
  globalId: string | null,
  contract: Contract,
  at: Date,
): Promise<number | null> {
  const plan =
    globalId === null ? null : await rowByGlobalId(tx, ServicePlan, 'ServicePlan', globalId);
  if (plan !== null && plan.partnerId !== contract.sellerId) {
    throw new DomainError(
      'PLAN_NOT_OF_SELLER',
      "The service plan is not one of the contract's seller.",
    );
  }
  await assertContractTerms(tx, contract, at, plan);
  return plan?.id ?? null;
}

/** Visible trunks of the partner by name. Refuses with NOT_FOUND or TRUNK_OF_OTHER_PARTNER. */
async function trunksByName(
  tx: Tx,
  names: readonly string[],
  partnerId: number,
): Promise<ReadonlyMap<string, number>> {
  const wanted = [...new Set(names)];
  if (wanted.length === 0) return new Map();
  const rows = await tx
    .createQueryBuilder(Trunk, 'row')
    .where('row.name = ANY(:names)', { names: wanted })
    .getMany();
  const found = new Map(rows.map((row) => [row.name, row]));
  for (const name of wanted) {
    const trunk = found.get(name);
    if (trunk === undefined) throw notFound('Trunk', name);
    if (trunk.partnerId !== partnerId) {
      throw new DomainError(
        'TRUNK_OF_OTHER_PARTNER',
        "The trunk is not one of the subscription's partner.",
        { trunk: name },
      );
    }
  }
  return new Map(rows.map((row) => [row.name, row.id]));
}

function identitiesOf(
  line: { readonly numbers: readonly string[]; readonly trunks: readonly string[] },
  trunks: ReadonlyMap<string, number>,
  base: Omit<NewIdentity, 'kind' | 'from' | 'to' | 'trunkId'>,
): NewIdentity[] {
  return [
    ...line.numbers.map((text) => ({ ...base, ...numberRange(text), trunkId: null })),
    ...line.trunks.map((name) => {
      const trunkId = trunks.get(name) as number;
      return { ...base, kind: 'TRUNK' as const, from: null, to: null, trunkId };
    }),
  ];
}

/** The subscription, locked, when the caller stands on the side that sells it. */
export async function lockedSubscription(tx: Tx, globalId: string): Promise<Subscription> {
  const subscription = await tx
    .createQueryBuilder(Subscription, 'row')
    .setLock('pessimistic_write')
    .where('row.id = :id', { id: rowNumber('Subscription', globalId) })
    .getOne();
  if (subscription === null) throw notFound('Subscription', globalId);
  await assertTermsSide(tx, await rowOf(tx, Contract, 'Contract', subscription.contractId));
  return subscription;
}

/** Where an identity ends that would end by itself at `own`, in a subscription that ends. */
function endWithin(
  own: Date | null,
  endsAt: Date | null,
): Pick<NewIdentity, 'validTo' | 'ownValidTo'> {
  const isCut = endsAt !== null && (own === null || own > endsAt);
  return isCut
    ? { validTo: endsAt, ownValidTo: own ?? 'infinity' }
    : { validTo: own, ownValidTo: null };
}

function notEndable(): DomainError {
  return new DomainError(
    'IDENTITY_NOT_ENDABLE',
    'The identity has ended before the instant or began after it.',
  );
}
