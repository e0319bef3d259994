import { DomainError } from '../kernel/index.js';
import { Partner } from '../partner/index.js';
import {
  type Connection,
  once,
  type Page,
  pageById,
  rowByGlobalId,
  rowNumber,
  rowOf,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import { CustomerGroup, CustomerGroupMember } from './customer-group.entity.js';
import type { AddGroupMemberInput, CreateCustomerGroupInput } from './customer-group.input.js';
import { assertKept, keptPartner } from './keeper.store.js';
import { type Moment, narrowToMoment } from './moment.store.js';

/** Groups of customers, and their members in versions. */
export class CustomerGroupService {
  /** Creates a group. Refuses with CUSTOMER_GROUP_NAME_TAKEN, PRICE_LIST_READ_ONLY or NOT_FOUND. */
  async create(
    tx: Tx,
    viewer: Viewer,
    input: CreateCustomerGroupInput,
    key: string | null,
  ): Promise<CustomerGroup> {
    const made = await once(tx, viewer, key, 'createCustomerGroup', input, async () => {
      const seller = await keptPartner(tx, input.partnerId);
      const rows = await tx.query<{ id: number }[]>(
        `INSERT INTO customer_group (partner_id, name) VALUES ($1, $2)
         ON CONFLICT (partner_id, name) DO NOTHING RETURNING id`,
        [seller.id, input.name.trim()],
      );
      if (rows[0] !== undefined) return { id: rows[0].id };
      throw new DomainError('CUSTOMER_GROUP_NAME_TAKEN', 'The partner has a group of this name.', {
        name: input.name,
      });
    });
    return rowOf(tx, CustomerGroup, 'CustomerGroup', made.id);
  }

  /**
   * Takes a customer into a group for a time. Refuses with GROUP_MEMBER_REFUSED,
   * GROUP_MEMBER_TWICE, INVALID_PERIOD, PRICE_LIST_READ_ONLY or NOT_FOUND.
   */
  async addMember(
    tx: Tx,
    viewer: Viewer,
    input: AddGroupMemberInput,
    key: string | null,
  ): Promise<CustomerGroupMember> {
    const made = await once(tx, viewer, key, 'addGroupMember', input, async () => ({
      id: await this.#addMember(tx, input),
    }));
    return rowOf(tx, CustomerGroupMember, 'CustomerGroupMember', made.id);
  }

  async #addMember(tx: Tx, input: AddGroupMemberInput): Promise<number> {
    const group = await rowByGlobalId(tx, CustomerGroup, 'CustomerGroup', input.groupId);
    const seller = await rowOf(tx, Partner, 'Partner', group.partnerId);
    await assertKept(tx, seller.id);
    const member = await rowByGlobalId(tx, Partner, 'Partner', input.partnerId);
    // Buyers stand below their seller; but the hub buys from suppliers and operators below it.
    if (member.parentId !== seller.id && seller.parentId !== member.id) {
      throw new DomainError('GROUP_MEMBER_REFUSED', 'The partner buys nothing from the seller.');
    }
    const validTo = input.validTo ?? null;
    if (validTo !== null && validTo <= input.validFrom) {
      throw new DomainError('INVALID_PERIOD', 'The membership does not end after it begins.');
    }
    await lockGroup(tx, group.id);
    const other = await tx.query<unknown[]>(
      `SELECT 1 FROM customer_group_member
       WHERE group_id = $1 AND member_partner_id = $2 AND superseded_at IS NULL
         AND tstzrange(valid_from, valid_to) && tstzrange($3, $4)`,
      [group.id, member.id, input.validFrom, validTo],
    );
    if (other.length > 0) {
      throw new DomainError('GROUP_MEMBER_TWICE', 'The partner is in the group in this time.');
    }
    const inserted = await tx.insert(CustomerGroupMember, {
      groupId: group.id,
      sellerId: seller.id,
      memberId: member.id,
      validFrom: input.validFrom,
      validTo,
    });
    return (inserted.identifiers[0] as { id: number }).id;
  }

  /**
   * Ends a membership at an instant; at or before its beginning it is withdrawn. Refuses with
   * VERSION_NOT_CLOSABLE, PRICE_LIST_READ_ONLY or NOT_FOUND.
   */
  async endMember(
    tx: Tx,
    viewer: Viewer,
    memberId: string,
    at: Date,
    key: string | null,
  ): Promise<CustomerGroupMember> {
    const made = await once(tx, viewer, key, 'endGroupMember', { memberId, at }, async () => ({
      id: await this.#endMember(tx, memberId, at),
    }));
    return rowOf(tx, CustomerGroupMember, 'CustomerGroupMember', made.id);
  }

  async #endMember(tx: Tx, memberId: string, at: Date): Promise<number> {
    const type = 'CustomerGroupMember';
    const { groupId, sellerId } = await rowByGlobalId(tx, CustomerGroupMember, type, memberId);
    await assertKept(tx, sellerId);
    await lockGroup(tx, groupId);
    const member = await rowByGlobalId(tx, CustomerGroupMember, type, memberId);
    if (member.supersededAt !== null || (member.validTo !== null && member.validTo <= at)) {
      throw new DomainError(
        'VERSION_NOT_CLOSABLE',
        'It has ended or been withdrawn before the given instant.',
      );
    }
    await tx.query('UPDATE customer_group_member SET superseded_at = now() WHERE id = $1', [
      member.id,
    ]);
    if (at <= member.validFrom) return member.id;
    const inserted = await tx.insert(CustomerGroupMember, {
      groupId,
      sellerId,
      memberId: member.memberId,
      validFrom: member.validFrom,
      validTo: at,
    });
    return (inserted.identifiers[0] as { id: number }).id;
  }

  /** Visible groups by rising id, of one seller if given. */
  async list(tx: Tx, partnerId: string | null, page: Page): Promise<Connection<CustomerGroup>> {
    const query = tx.createQueryBuilder(CustomerGroup, 'row');
    if (partnerId) {
      query.andWhere('row.partnerId = :seller', { seller: rowNumber('Partner', partnerId) });
    }
    return pageById(query, page);
  }

  /** Members of a group at a moment, by rising id. Refuses with NOT_FOUND. */
  async members(
    tx: Tx,
    groupId: string,
    moment: Moment,
    page: Page,
  ): Promise<Connection<CustomerGroupMember>> {
    const group = await rowByGlobalId(tx, CustomerGroup, 'CustomerGroup', groupId);
    const query = tx
      .createQueryBuilder(CustomerGroupMember, 'row')
      .where('row.groupId = :group', { group: group.id });
    return pageById(narrowToMoment(query, moment), page);
  }
}

async function lockGroup(tx: Tx, groupId: number): Promise<void> {
  await tx.query('SELECT id FROM customer_group WHERE id = $1 FOR UPDATE', [groupId]);
}
