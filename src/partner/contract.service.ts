import { DomainError, type Period } from '../kernel/index.js';
import {
  type Connection,
  notFound,
  once,
  type Page,
  pageById,
  rowByGlobalId,
  rowNumber,
  rowOf,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import { Contract } from './contract.entity.js';
import type {
  ContractFilter,
  ContractPriceListInput,
  ContractTermsInput,
  CreateContractInput,
} from './contract.input.js';
import {
  type Amendment,
  amend,
  assertMarginPolicy,
  assertPriceLists,
  assertSides,
  assertTerms,
  type PriceListFacts,
} from './contract-rules.js';
import {
  knownVersions,
  lockContract,
  type RecordedList,
  recordAmendment,
  recordTerms,
} from './contract-version.store.js';
import { Partner } from './partner.entity.js';
import { activePartner, insertNumbered, openAccount } from './partner.service.js';

/** Tells which of these price lists are visible; the catalogue stands below this folder. */
export type PriceListLookup = (tx: Tx, ids: readonly number[]) => Promise<PriceListFacts[]>;

/** Tells which of these trunks are visible; subscriptions, too, stand below this folder. */
export type TrunkLookup = (tx: Tx, ids: readonly number[]) => Promise<number[]>;

/** The currency that terms of a contract are to have over a period. */
export interface CurrencyChange {
  readonly contractId: number;
  readonly currency: string;
  readonly period: Period;
}

/**
 * Refuses a change that would leave subscriptions of the contract with fees in another currency;
 * service plans stand below this folder as well.
 */
export type PlanGuard = (tx: Tx, change: CurrencyChange) => Promise<void>;

/** What a contract has to ask of folders below. */
export interface ContractLookups {
  readonly priceLists: PriceListLookup;
  readonly trunks: TrunkLookup;
  readonly assertPlans: PlanGuard;
}

/** Contracts and the versions of their terms. */
export class ContractService {
  readonly #priceLists: PriceListLookup;
  readonly #trunks: TrunkLookup;
  readonly #assertPlans: PlanGuard;

  constructor({ priceLists, trunks, assertPlans }: ContractLookups) {
    this.#priceLists = priceLists;
    this.#trunks = trunks;
    this.#assertPlans = assertPlans;
  }

  /** Creates a contract with its first terms; refusals are listed in `errors.ts`. */
  async create(
    tx: Tx,
    viewer: Viewer,
    input: CreateContractInput,
    idempotencyKey: string | null,
  ): Promise<Contract> {
    const made = await once(tx, viewer, idempotencyKey, 'createContract', input, async () => ({
      id: await this.#create(tx, input),
    }));
    return rowOf(tx, Contract, 'Contract', made.id);
  }

  async #create(tx: Tx, input: CreateContractInput): Promise<number> {
    const seller = await activePartner(tx, input.sellerId);
    const buyer = await activePartner(tx, input.buyerId);
    assertSides(input.level, seller, buyer);
    assertMarginPolicy(input.level, input.terms.marginPolicy);
    const counterparty = input.level === 'COST' ? seller : buyer;
    const account = await openAccount(tx, input.accountId, counterparty.id);
    const lists = await this.#checkTerms(tx, input.terms, seller.id);
    const id = await insertNumbered(tx, 'contract', input.number ?? null, {
      partner_id: counterparty.id,
      account_id: account.id,
      seller_partner_id: seller.id,
      buyer_partner_id: buyer.id,
      level: input.level,
      name: input.name.trim(),
    });
    if (id === null) {
      throw new DomainError('CONTRACT_NUMBER_TAKEN', 'The contract number is in use.', {
        number: input.number,
      });
    }
    await lockContract(tx, id);
    const { added } = amend([], input.terms.validFrom.getTime(), endOf(input.terms));
    await recordTerms(tx, { id, partnerId: counterparty.id }, { ...input.terms, added, lists });
    return id;
  }

  /**
   * Records new terms over a period; what other versions cover of it is superseded. Refuses with
   * NOT_FOUND, NOT_SELLER, CONTRACT_TERMINATED, PLAN_CURRENCY where subscriptions have service
   * plans in another currency, and as {@link create}.
   */
  async amend(
    tx: Tx,
    viewer: Viewer,
    contractId: string,
    terms: ContractTermsInput,
    idempotencyKey: string | null,
  ): Promise<Contract> {
    const request = { contractId, terms };
    const made = await once(tx, viewer, idempotencyKey, 'amendContract', request, async () => ({
      id: await this.#amend(tx, contractId, terms),
    }));
    return rowOf(tx, Contract, 'Contract', made.id);
  }

  async #amend(tx: Tx, contractId: string, terms: ContractTermsInput): Promise<number> {
    const contract = await rowByGlobalId(tx, Contract, 'Contract', contractId);
    await assertTermsSide(tx, contract);
    if (contract.status !== 'ACTIVE') {
      throw new DomainError('CONTRACT_TERMINATED', 'The contract is terminated.');
    }
    assertMarginPolicy(contract.level, terms.marginPolicy);
    const lists = await this.#checkTerms(tx, terms, contract.sellerId);
    await lockContract(tx, contract.id);
    const known = await knownVersions(tx, contract.id);
    const amendment: Amendment = amend(known, terms.validFrom.getTime(), endOf(terms));
    const { added } = amendment;
    const { currency } = terms;
    await this.#assertPlans(tx, { contractId: contract.id, currency, period: added });
    await recordAmendment(tx, contract, amendment, { ...terms, added, lists });
    return contract.id;
  }

  async #checkTerms(tx: Tx, terms: ContractTermsInput, sellerId: number): Promise<RecordedList[]> {
    const lists = terms.priceLists.map((list: ContractPriceListInput) => ({
      service: list.service,
      trunkId: list.trunkId ? rowNumber('Trunk', list.trunkId) : null,
      priceListId: rowNumber('PriceList', list.priceListId),
      globalId: list.priceListId,
    }));
    assertTerms({ ...terms, lists });
    await this.#assertTrunks(tx, terms);
    const found = await this.#priceLists(
      tx,
      lists.map((list) => list.priceListId),
    );
    const known = new Set(found.map((list) => list.id));
    for (const list of lists) {
      if (!known.has(list.priceListId)) throw notFound('PriceList', list.globalId);
    }
    assertPriceLists(found, sellerId, terms.currency, terms.conversion === 'RECORD');
    return lists;
  }

  async #assertTrunks(tx: Tx, terms: ContractTermsInput): Promise<void> {
    const asked = terms.priceLists.flatMap(({ trunkId }) => (trunkId ? [trunkId] : []));
    if (asked.length === 0) return;
    const ids = asked.map((trunkId) => rowNumber('Trunk', trunkId));
    const visible = new Set(await this.#trunks(tx, ids));
    const hidden = asked.find((_, i) => !visible.has(ids[i] as number));
    if (hidden !== undefined) throw notFound('Trunk', hidden);
  }

  /** Visible contracts by rising id. */
  async list(tx: Tx, filter: ContractFilter, page: Page): Promise<Connection<Contract>> {
    const query = tx.createQueryBuilder(Contract, 'row');
    if (filter.buyerId) {
      query.andWhere('row.buyerId = :buyer', { buyer: rowNumber('Partner', filter.buyerId) });
    }
    if (filter.sellerId) {
      query.andWhere('row.sellerId = :seller', { seller: rowNumber('Partner', filter.sellerId) });
    }
    if (filter.levels) query.andWhere('row.level = ANY(:levels)', { levels: filter.levels });
    if (filter.status) query.andWhere('row.status = :status', { status: filter.status });
    return pageById(query, page);
  }
}

function endOf(terms: ContractTermsInput): number | null {
  return terms.validTo?.getTime() ?? null;
}

/**
 * Refuses with NOT_SELLER a caller who sees a contract only as its customer (for COST as its
 * supplier): the terms are set by the hub's side of a COST contract and by the seller's of others.
 */
export async function assertTermsSide(tx: Tx, contract: Contract): Promise<void> {
  const side = contract.level === 'COST' ? contract.buyerId : contract.sellerId;
  if (await tx.existsBy(Partner, { id: side })) return;
  throw new DomainError('NOT_SELLER', 'Only the side that sets the terms may do this.');
}
