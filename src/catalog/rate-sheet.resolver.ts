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
import { toGlobalId } from '../kernel/index.js';
import { pricePermissions } from '../partner/index.js';
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
  ShownWith,
} from '../platform/index.js';
import { Destination } from './destination.entity.js';
import { demandPrices } from './price-access.store.js';
import { PriceList } from './price-list.entity.js';
import { RateSheet, RateSheetCount, RateSheetRow } from './rate-sheet.entity.js';
import { ImportRateSheetInput, RateSheetRowFilter } from './rate-sheet.input.js';
import type { RateSheetService } from './rate-sheet.service.js';
import { countLoader } from './rate-sheet.store.js';
import { TimeBand } from './time-profile.entity.js';

const RowConnection = connectionOf(RateSheetRow, 'RateSheetRow');
const SheetConnection = connectionOf(RateSheet, 'RateSheet');

@Resolver(() => RateSheet)
export class RateSheetResolver {
  readonly #sheets: RateSheetService;

  constructor(sheets: RateSheetService) {
    this.#sheets = sheets;
  }

  @Authorized('catalog.read')
  @Query(() => RateSheet, { nullable: true, description: 'One sheet; null when not visible.' })
  async rateSheet(
    @Arg('id', () => ID, { description: 'The rate sheet.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<RateSheet | null> {
    return rowOrNull(await context.read(), RateSheet, 'RateSheet', id);
  }

  @Authorized('catalog.manage')
  @Mutation(() => RateSheet, {
    description:
      'Reads a rate sheet and compares it with its price list. Rows with errors are kept and ' +
      'named; nothing is priced by the sheet until it is activated. Refused with FILE_PURGED, ' +
      'PRICE_LIST_READ_ONLY, RATE_REFUSED, SHEET_SOURCE_REFUSED, SHEET_COLUMN_MISSING, ' +
      'SHEET_COLUMN_TWICE, SHEET_COLUMNS_REFUSED, SHEET_UNREADABLE, SHEET_TOO_LARGE, ' +
      'SHEET_FORMAT_REFUSED, SHEET_ENCODING_REFUSED, SHEET_WORKSHEET_MISSING, ' +
      'INVALID_TIME_ZONE or NOT_FOUND.',
  })
  async importRateSheet(
    @Arg('input', () => ImportRateSheetInput, { description: 'The sheet.' })
    input: ImportRateSheetInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<RateSheet> {
    const viewer = requireViewer(context);
    const now = context.now();
    return context.write((tx) => this.#sheets.import(tx, viewer, input, key, now));
  }

  @Authorized('rate-sheet.activate')
  @Mutation(() => RateSheet, {
    description:
      'Puts the prices of a sheet into its list, all at once. What they replace ends when they ' +
      'take effect. Activating twice is activating once. Refused with PRICE_LIST_READ_ONLY, ' +
      'SHEET_NOTICE_TOO_SHORT, MARGIN_REFUSED, MARGIN_HELD, SHEET_HAS_ERRORS, SHEET_DISCARDED, ' +
      'EXCHANGE_RATE_MISSING or NOT_FOUND.',
  })
  async activateRateSheet(
    @Arg('id', () => ID, { description: 'The rate sheet.' }) id: string,
    @Arg('skipErrors', () => Boolean, {
      defaultValue: false,
      description: 'Activate although rows have errors, without them.',
    })
    skipErrors: boolean,
    @Arg('confirmedMargins', () => String, {
      nullable: true,
      description: 'The hash of the findings under HOLD that are accepted, from its margin.',
    })
    confirmedMargins: string | null,
    @Ctx() context: RequestContext,
  ): Promise<RateSheet> {
    const given = { skipErrors, confirmedMargins: confirmedMargins ?? null };
    return context.write((tx) => this.#sheets.activate(tx, id, given, context.now()));
  }

  @Authorized('catalog.manage')
  @Mutation(() => RateSheet, {
    description:
      'Compares a sheet again with its list, contracts and margins as they are now. Refused ' +
      'with PRICE_LIST_READ_ONLY, SHEET_DISCARDED, SHEET_ACTIVATED or NOT_FOUND.',
  })
  async compareRateSheet(
    @Arg('id', () => ID, { description: 'The rate sheet.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<RateSheet> {
    return context.write((tx) => this.#sheets.compare(tx, requireViewer(context), id));
  }

  @Authorized('rate-sheet.activate')
  @Mutation(() => RateSheet, {
    description:
      'Takes an activation back before it takes effect: what the sheet recorded counts no ' +
      'more, what it closed counts again. Undoing twice is undoing once; it can be activated ' +
      'anew. Refused with PRICE_LIST_READ_ONLY, SHEET_NOT_ACTIVATED, SHEET_IN_FORCE, ' +
      'SHEET_CHANGED_SINCE or NOT_FOUND.',
  })
  async undoRateSheet(
    @Arg('id', () => ID, { description: 'The rate sheet.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<RateSheet> {
    return context.write((tx) => this.#sheets.undo(tx, id, context.now()));
  }

  @Authorized('catalog.manage')
  @Mutation(() => RateSheet, {
    description:
      'Puts a sheet aside that is not active. Refused with PRICE_LIST_READ_ONLY, ' +
      'SHEET_ACTIVATED or NOT_FOUND.',
  })
  async discardRateSheet(
    @Arg('id', () => ID, { description: 'The rate sheet.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<RateSheet> {
    return context.write((tx) => this.#sheets.discard(tx, id));
  }

  @FieldResolver(() => PriceList, { nullable: true, description: 'The list that it is for.' })
  async priceList(@Root() sheet: RateSheet, @Ctx() context: RequestContext) {
    return rowLoader(context, PriceList).load(sheet.priceListId);
  }

  @FieldResolver(() => [RateSheetCount], { description: 'How many of its prices do what.' })
  async counts(
    @Root() sheet: RateSheet,
    @Ctx() context: RequestContext,
  ): Promise<RateSheetCount[]> {
    return countLoader(context).load(sheet.id);
  }

  @ShownWith(...pricePermissions)
  @FieldResolver(() => RowConnection, {
    description: 'Its rows in the order of the file; the rates that it closes come last.',
  })
  async rows(
    @Root() sheet: RateSheet,
    @Arg('filter', () => RateSheetRowFilter, { defaultValue: {}, description: 'Which to list.' })
    filter: RateSheetRowFilter,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<RateSheetRow>> {
    await demandPrices(context, toGlobalId('PriceList', sheet.priceListId));
    return this.#sheets.rows(await context.read(), sheet.id, filter, page);
  }
}

@Resolver(() => RateSheetRow)
export class RateSheetRowResolver {
  @FieldResolver(() => Destination, {
    nullable: true,
    description: 'The destination that it prices; null when by prefix.',
  })
  async destination(@Root() row: RateSheetRow, @Ctx() context: RequestContext) {
    return row.destinationId === null
      ? null
      : rowLoader(context, Destination).load(row.destinationId);
  }

  @FieldResolver(() => TimeBand, { nullable: true, description: 'The band that it holds in.' })
  async band(@Root() row: RateSheetRow, @Ctx() context: RequestContext) {
    return row.bandId === null ? null : rowLoader(context, TimeBand).load(row.bandId);
  }
}

@Resolver(() => PriceList)
export class PriceListSheetsResolver {
  @FieldResolver(() => SheetConnection, { description: 'Rate sheets read for the list.' })
  async rateSheets(
    @Root() list: PriceList,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<RateSheet>> {
    return nestedPage(context, RateSheet, 'priceListId', list.id, page);
  }
}
