import { DomainError } from '../kernel/index.js';
import { activePartner, assertTermsSide, Contract } from '../partner/index.js';
import {
  type Connection,
  once,
  type Page,
  pageById,
  rowByGlobalId,
  rowOf,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import { Trunk } from './subscription.entity.js';
import type { CreateTrunkInput } from './subscription.input.js';

/** Trunks: connections to other networks, by the names that records carry. */
export class TrunkService {
  /** Creates a trunk. Refuses with NOT_FOUND, TRUNK_CONTRACT_REFUSED or TRUNK_NAME_TAKEN. */
  async create(
    tx: Tx,
    viewer: Viewer,
    input: CreateTrunkInput,
    key: string | null,
  ): Promise<Trunk> {
    const made = await once(tx, viewer, key, 'createTrunk', input, async () => ({
      id: await this.#create(tx, input),
    }));
    return rowOf(tx, Trunk, 'Trunk', made.id);
  }

  async #create(tx: Tx, input: CreateTrunkInput): Promise<number> {
    const contract = input.costContractId
      ? await rowByGlobalId(tx, Contract, 'Contract', input.costContractId)
      : null;
    const partner = input.partnerId ? await activePartner(tx, input.partnerId) : null;
    const partnerId = partner?.id ?? contract?.partnerId;
    const agreed = contract === null || contract.partnerId === partnerId;
    if (partnerId === undefined || !agreed || (contract !== null && contract.level !== 'COST')) {
      throw new DomainError(
        'TRUNK_CONTRACT_REFUSED',
        "A trunk has a partner, or is bought under a COST contract of the trunk's partner.",
      );
    }
    if (contract !== null) await assertTermsSide(tx, contract);
    const rows = await tx.query<{ id: number }[]>(
      `INSERT INTO trunk (partner_id, name, cost_contract_id) VALUES ($1, $2, $3)
       ON CONFLICT (name) DO NOTHING RETURNING id`,
      [partnerId, input.name.trim(), contract?.id ?? null],
    );
    if (rows[0] !== undefined) return rows[0].id;
    throw new DomainError('TRUNK_NAME_TAKEN', 'A trunk of this name exists.', {
      name: input.name,
    });
  }

  /** Visible trunks by rising id. */
  async list(tx: Tx, page: Page): Promise<Connection<Trunk>> {
    return pageById(tx.createQueryBuilder(Trunk, 'row'), page);
  }
}

/** Which of these trunks are visible; handed to the partner register. */
export async function lookUpTrunks(tx: Tx, ids: readonly number[]): Promise<number[]> {
  const rows = await tx
    .createQueryBuilder(Trunk, 'row')
    .where('row.id = ANY(:ids)', { ids: [...ids] })
    .getMany();
  return rows.map((row) => row.id);
}
