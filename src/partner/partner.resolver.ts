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
  idempotencyKeyOption,
  nestedPage,
  PageArgs,
  type RequestContext,
  requireViewer,
  rowLoader,
  rowOrNull,
} from '../platform/index.js';
import { Account } from './account.entity.js';
import { Contract } from './contract.entity.js';
import { Partner } from './partner.entity.js';
import {
  CreateAccountInput,
  CreatePartnerInput,
  PartnerFilter,
  UpdatePartnerInput,
} from './partner.input.js';
import type { PartnerService } from './partner.service.js';

const PartnerConnection = connectionOf(Partner, 'Partner');
const AccountConnection = connectionOf(Account, 'Account');
const ContractConnection = connectionOf(Contract, 'Contract');

@Resolver(() => Partner)
export class PartnerResolver {
  readonly #partners: PartnerService;

  constructor(partners: PartnerService) {
    this.#partners = partners;
  }

  @Authorized('partner.read')
  @Query(() => Partner, { nullable: true, description: 'One partner; null when not visible.' })
  async partner(
    @Arg('id', () => ID, { description: 'The partner.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<Partner | null> {
    return rowOrNull(await context.read(), Partner, 'Partner', id);
  }

  @Authorized('partner.read')
  @Query(() => PartnerConnection, { description: 'Visible partners, oldest first.' })
  async partners(
    @Arg('filter', () => PartnerFilter, { defaultValue: {}, description: 'Which to list.' })
    filter: PartnerFilter,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<Partner>> {
    return this.#partners.list(await context.read(), filter, page);
  }

  @Authorized('partner.manage')
  @Mutation(() => Partner, {
    description:
      'Creates a partner below another one. Refused with PARTNER_PLACE_REFUSED, ' +
      'PARTNER_TOO_DEEP, PARTNER_CLOSED, INVALID_COUNTRY, INVALID_LANGUAGE or NOT_FOUND.',
  })
  async createPartner(
    @Arg('input', () => CreatePartnerInput, { description: 'The new partner.' })
    input: CreatePartnerInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Partner> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#partners.create(tx, viewer, input, key));
  }

  @Authorized('partner.manage')
  @Mutation(() => Partner, {
    description:
      'Changes names and addresses of a partner. Refused with INVALID_COUNTRY, ' +
      'INVALID_LANGUAGE or NOT_FOUND.',
  })
  async updatePartner(
    @Arg('input', () => UpdatePartnerInput, { description: 'What to change.' })
    input: UpdatePartnerInput,
    @Ctx() context: RequestContext,
  ): Promise<Partner> {
    return context.write((tx) => this.#partners.update(tx, input));
  }

  @FieldResolver(() => Partner, {
    nullable: true,
    description: 'The partner above; null for the hub or when not visible.',
  })
  async parent(@Root() partner: Partner, @Ctx() context: RequestContext): Promise<Partner | null> {
    return partner.parentId === null ? null : rowLoader(context, Partner).load(partner.parentId);
  }

  @FieldResolver(() => PartnerConnection, { description: 'Partners directly below.' })
  async children(
    @Root() partner: Partner,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<Partner>> {
    return nestedPage(context, Partner, 'parentId', partner.id, page);
  }

  @FieldResolver(() => AccountConnection, { description: 'Accounts of the partner.' })
  async accounts(
    @Root() partner: Partner,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<Account>> {
    return nestedPage(context, Account, 'partnerId', partner.id, page);
  }

  @Authorized('contract.read')
  @FieldResolver(() => ContractConnection, {
    description: 'Contracts of the partner as a customer or supplier of its parent.',
  })
  async contracts(
    @Root() partner: Partner,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<Contract>> {
    return nestedPage(context, Contract, 'partnerId', partner.id, page);
  }
}

@Resolver(() => Account)
export class AccountResolver {
  readonly #partners: PartnerService;

  constructor(partners: PartnerService) {
    this.#partners = partners;
  }

  @Authorized('partner.read')
  @Query(() => Account, { nullable: true, description: 'One account; null when not visible.' })
  async account(
    @Arg('id', () => ID, { description: 'The account.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<Account | null> {
    return rowOrNull(await context.read(), Account, 'Account', id);
  }

  @Authorized('account.manage')
  @Mutation(() => Account, {
    description:
      'Creates a billing account of a partner. Refused with PARTNER_CLOSED, ' +
      'ACCOUNT_OF_OTHER_PARTNER, ACCOUNT_CLOSED, ACCOUNT_NUMBER_TAKEN or NOT_FOUND.',
  })
  async createAccount(
    @Arg('input', () => CreateAccountInput, { description: 'The new account.' })
    input: CreateAccountInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Account> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#partners.createAccount(tx, viewer, input, key));
  }

  @FieldResolver(() => Partner, {
    nullable: true,
    description: 'Whose account it is; null when not visible.',
  })
  async partner(@Root() account: Account, @Ctx() context: RequestContext): Promise<Partner | null> {
    return rowLoader(context, Partner).load(account.partnerId);
  }

  @FieldResolver(() => Account, { nullable: true, description: 'The account above.' })
  async parent(@Root() account: Account, @Ctx() context: RequestContext): Promise<Account | null> {
    return account.parentId === null ? null : rowLoader(context, Account).load(account.parentId);
  }

  @FieldResolver(() => AccountConnection, { description: 'Accounts directly below.' })
  async children(
    @Root() account: Account,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<Account>> {
    return nestedPage(context, Account, 'parentId', account.id, page);
  }

  @Authorized('contract.read')
  @FieldResolver(() => ContractConnection, { description: 'Contracts billed to the account.' })
  async contracts(
    @Root() account: Account,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<Contract>> {
    return nestedPage(context, Contract, 'accountId', account.id, page);
  }
}
