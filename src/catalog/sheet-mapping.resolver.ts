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
import { Partner } from '../partner/index.js';
import {
  type Connection,
  connectionOf,
  PageArgs,
  type RequestContext,
  rowLoader,
} from '../platform/index.js';
import { PriceList } from './price-list.entity.js';
import { SheetMappingRow } from './sheet-mapping.entity.js';
import { SaveSheetMappingInput } from './sheet-mapping.input.js';
import type { SheetMappingService } from './sheet-mapping.service.js';

const MappingConnection = connectionOf(SheetMappingRow, 'SheetMapping');

@Resolver(() => SheetMappingRow)
export class SheetMappingResolver {
  readonly #mappings: SheetMappingService;

  constructor(mappings: SheetMappingService) {
    this.#mappings = mappings;
  }

  @Authorized('catalog.read')
  @Query(() => MappingConnection, { description: 'Visible mappings of sheets, oldest first.' })
  async sheetMappings(
    @Arg('partnerId', () => ID, { nullable: true, description: 'Only of this partner.' })
    partnerId: string | null,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<SheetMappingRow>> {
    return this.#mappings.list(await context.read(), partnerId ?? null, page);
  }

  @Authorized('catalog.manage')
  @Mutation(() => SheetMappingRow, {
    description:
      'Saves how sheets of a partner, or of one list, are read by default; it replaces what ' +
      'was saved before for the same. Saving twice is saving once. Refused with ' +
      'PRICE_LIST_READ_ONLY, RATE_REFUSED, SHEET_MAPPING_REFUSED, PARTNER_CLOSED, ' +
      'INVALID_TIME_ZONE or NOT_FOUND.',
  })
  async saveSheetMapping(
    @Arg('input', () => SaveSheetMappingInput, { description: 'The mapping.' })
    input: SaveSheetMappingInput,
    @Ctx() context: RequestContext,
  ): Promise<SheetMappingRow> {
    return context.write((tx) => this.#mappings.save(tx, input));
  }

  @Authorized('catalog.manage')
  @Mutation(() => Boolean, {
    description:
      'Forgets a mapping. Sheets that were read by it stay as they are. Refused with ' +
      'PRICE_LIST_READ_ONLY or NOT_FOUND.',
  })
  async removeSheetMapping(
    @Arg('id', () => ID, { description: 'The mapping.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<boolean> {
    return context.write((tx) => this.#mappings.remove(tx, id));
  }

  @FieldResolver(() => Partner, { nullable: true, description: 'Whose sheets are read so.' })
  async partner(@Root() mapping: SheetMappingRow, @Ctx() context: RequestContext) {
    return rowLoader(context, Partner).load(mapping.partnerId);
  }

  @FieldResolver(() => PriceList, {
    nullable: true,
    description: 'The one list that it is for; null for all that have none of their own.',
  })
  async priceList(@Root() mapping: SheetMappingRow, @Ctx() context: RequestContext) {
    return mapping.priceListId === null
      ? null
      : rowLoader(context, PriceList).load(mapping.priceListId);
  }
}
