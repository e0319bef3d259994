import 'reflect-metadata';
import {
  Arg,
  Args,
  Authorized,
  Ctx,
  FieldResolver,
  ID,
  Mutation,
  Query,
  Resolver,
  Root,
} from 'type-graphql';
import {
  type Connection,
  connectionOf,
  DateTimeScalar,
  groupLoader,
  idempotencyKeyOption,
  PageArgs,
  type RequestContext,
  requireViewer,
  rowLoader,
  rowOrNull,
} from '../platform/index.js';
import { Account } from './account.entity.js';
import { Contract } from './contract.entity.js';
import { ContractFilter, ContractTermsInput, CreateContractInput } from './contract.input.js';
import type { ContractService } from './contract.service.js';
import { ContractPriceList, ContractVersion } from './contract-version.entity.js';
import { versionLoader } from './contract-version.store.js';
import { Partner } from './partner.entity.js';

const ContractConnection = connectionOf(Contract, 'Contract');

@Resolver(() => Contract)
export class ContractResolver {
  readonly #contracts: ContractService;

  constructor(contracts: ContractService) {
    this.#contracts = contracts;
  }

  @Authorized('contract.read')
  @Query(() => Contract, { nullable: true, description: 'One contract; null when not visible.' })
  async contract(
    @Arg('id', () => ID, { description: 'The contract.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<Contract | null> {
    return rowOrNull(await context.read(), Contract, 'Contract', id);
  }

  @Authorized('contract.read')
  @Query(() => ContractConnection, { description: 'Visible contracts, oldest first.' })
  async contracts(
    @Arg('filter', () => ContractFilter, { defaultValue: {}, description: 'Which to list.' })
    filter: ContractFilter,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<Contract>> {
    return this.#contracts.list(await context.read(), filter, page);
  }

  @Authorized('contract.manage')
  @Mutation(() => Contract, {
    description:
      'Creates a contract with its first terms. Refused with PARTNER_CLOSED, ' +
      'ACCOUNT_OF_OTHER_PARTNER, ACCOUNT_CLOSED, CONTRACT_NUMBER_TAKEN, ' +
      'CONTRACT_SIDES_REFUSED, CONTRACT_TERMS_REFUSED, CONTRACT_SERVICE_TWICE, ' +
      'PRICE_LIST_NOT_OF_SELLER, PRICE_LIST_CURRENCY, INVALID_CURRENCY, INVALID_PERIOD, ' +
      'INVALID_TIME_ZONE or NOT_FOUND.',
  })
  async createContract(
    @Arg('input', () => CreateContractInput, { description: 'The new contract.' })
    input: CreateContractInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Contract> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#contracts.create(tx, viewer, input, key));
  }

  @Authorized('contract.manage')
  @Mutation(() => Contract, {
    description:
      'Records new terms over a period. Versions that the period touches are superseded; what ' +
      'they cover outside of it is recorded anew. Nothing is edited. Refused with NOT_SELLER, ' +
      'CONTRACT_TERMINATED, CONTRACT_TERMS_REFUSED, CONTRACT_SERVICE_TWICE, ' +
      'PRICE_LIST_NOT_OF_SELLER, PRICE_LIST_CURRENCY, INVALID_CURRENCY, INVALID_PERIOD, ' +
      'INVALID_TIME_ZONE, NOT_FOUND, and with PLAN_CURRENCY while subscriptions of that time ' +
      'have service plans in another currency.',
  })
  async amendContract(
    @Arg('contractId', () => ID, { description: 'The contract.' }) contractId: string,
    @Arg('terms', () => ContractTermsInput, { description: 'The new terms and their period.' })
    terms: ContractTermsInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Contract> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#contracts.amend(tx, viewer, contractId, terms, key));
  }

  @FieldResolver(() => Partner, {
    nullable: true,
    description: 'Who sells; null when not visible.',
  })
  async seller(@Root() contract: Contract, @Ctx() context: RequestContext) {
    return rowLoader(context, Partner).load(contract.sellerId);
  }

  @FieldResolver(() => Partner, { nullable: true, description: 'Who buys; null when not visible.' })
  async buyer(@Root() contract: Contract, @Ctx() context: RequestContext) {
    return rowLoader(context, Partner).load(contract.buyerId);
  }

  @FieldResolver(() => Account, {
    nullable: true,
    description: 'Account that is billed; null when not visible.',
  })
  async account(@Root() contract: Contract, @Ctx() context: RequestContext) {
    return rowLoader(context, Account).load(contract.accountId);
  }

  @FieldResolver(() => ContractVersion, {
    nullable: true,
    description: 'The terms in force at an instant, as they are known or were known then.',
  })
  async version(
    @Root() contract: Contract,
    @Arg('asOf', () => DateTimeScalar, {
      nullable: true,
      description: 'The instant the terms are in force at; now when absent.',
    })
    asOf: Date | null,
    @Arg('asKnownAt', () => DateTimeScalar, {
      nullable: true,
      description: 'Ignore what was recorded after this instant.',
    })
    asKnownAt: Date | null,
    @Ctx() context: RequestContext,
  ): Promise<ContractVersion | null> {
    const asked = { asOf: asOf ?? context.now(), asKnownAt: asKnownAt ?? null };
    const [version] = await versionLoader(context, asked).load(contract.id);
    return version ?? null;
  }

  @FieldResolver(() => [ContractVersion], {
    description: 'All versions that count, by the beginning of their validity.',
  })
  async versions(
    @Root() contract: Contract,
    @Arg('asKnownAt', () => DateTimeScalar, {
      nullable: true,
      description: 'Ignore what was recorded after this instant.',
    })
    asKnownAt: Date | null,
    @Ctx() context: RequestContext,
  ): Promise<readonly ContractVersion[]> {
    return versionLoader(context, { asOf: null, asKnownAt: asKnownAt ?? null }).load(contract.id);
  }
}

@Resolver(() => ContractVersion)
export class ContractVersionResolver {
  @FieldResolver(() => [ContractPriceList], { description: 'The price list of each service.' })
  async priceLists(
    @Root() version: ContractVersion,
    @Ctx() context: RequestContext,
  ): Promise<ContractPriceList[]> {
    return groupLoader(context, ContractPriceList, 'contractVersionId').load(version.id);
  }
}
