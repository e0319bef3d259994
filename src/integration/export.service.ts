import {
  exportedHead,
  exportInvoiceLines,
  exportInvoices,
  type InvoiceFilter,
} from '../billing/index.js';
import {
  effectivePrices,
  type PriceListService,
  type WrittenSheet,
  writtenSheet,
} from '../catalog/index.js';
import { DomainError } from '../kernel/index.js';
import { serviceCodes } from '../mediation/index.js';
import { levelPermission, PriceLevel } from '../partner/index.js';
import {
  type RequestContext,
  requirePermission,
  requireViewer,
  type Tx,
} from '../platform/index.js';
import { exportXdrs, holdRecords, type XdrSelection } from '../rating/index.js';
import { integrationErrors } from './errors.js';
import { csvFile, type ExportFile, encoderOf, workbookFile } from './export-file.service.js';
import type { ExportParameters } from './export-parameters.js';
import { invoiceColumns, invoiceLineColumns } from './invoice-columns.js';
import { effectiveRateColumns } from './rate-columns.js';
import { usageColumns, usageRows } from './usage-table.js';

const MONTH = /^(?!0000)\d{4}-(?:0[1-9]|1[0-2])$/;
const STATES = ['DRAFT', 'FINALISED'] as const;

/** Says what files a caller may have, and how each is written. */
export class ExportService {
  readonly #priceLists: PriceListService;

  constructor(priceLists: PriceListService) {
    this.#priceLists = priceLists;
  }

  /**
   * Rated records. Refuses with FORBIDDEN (usage.read, the permission of the level that is asked
   * for, contract.read for local times), EXPORT_REFUSED, EXPORT_OVERTAKEN, INVALID_ID or
   * INVALID_PERIOD.
   */
  async usage(context: RequestContext, given: ExportParameters): Promise<ExportFile> {
    const viewer = requireViewer(context);
    const { permissions } = viewer;
    requirePermission(viewer, 'usage.read');
    const filter = {
      from: given.demandedInstant('from'),
      to: given.demandedInstant('to'),
      partnerId: given.text('partnerId'),
      accountId: given.text('accountId'),
      subscriptionId: given.text('subscriptionId'),
      destinationId: given.text('destinationId'),
      service: given.oneOf('service', SERVICES),
    };
    const level = given.oneOf('level', LEVELS);
    if (level !== null) requirePermission(viewer, levelPermission[level]);
    const localTime = given.flag('localTime', false);
    if (localTime) requirePermission(viewer, 'contract.read');
    const style = given.csvStyle();
    given.end();
    const selection: XdrSelection = { filter, level, viewer };
    const columns = usageColumns({ permissions, localTime });
    const [from, to] = [filter.from, filter.to].map((at) => at.toISOString().slice(0, 10));
    const operation = 'exportUsage';
    const headers: Record<string, string> = {};
    const file = csvFile({ operation, name: `usage-${from}-${to}`, given }, columns, style, {
      rows: async function* (tx) {
        Object.assign(headers, await purgedHeaders(tx, filter));
        for await (const records of exportXdrs(tx, selection)) yield usageRows(records, level);
      },
    });
    return { ...file, headers };
  }

  /** Invoices by filter. Refuses with FORBIDDEN (invoice.read), EXPORT_REFUSED or INVALID_ID. */
  async invoices(context: RequestContext, given: ExportParameters): Promise<ExportFile> {
    requirePermission(requireViewer(context), 'invoice.read');
    const filter: InvoiceFilter = {
      period: given.matching('period', MONTH, 'is a month like 2026-10'),
      partnerId: given.text('partnerId'),
      sellerPartnerId: given.text('sellerPartnerId'),
      state: given.oneOf('state', STATES),
    };
    const style = given.csvStyle();
    given.end();
    const name = `invoices${filter.period ? `-${filter.period}` : ''}`;
    return csvFile({ operation: 'exportInvoices', name, given }, invoiceColumns, style, {
      rows: (tx) => exportInvoices(tx, filter),
    });
  }

  /** Lines of one invoice. Refuses with FORBIDDEN (invoice.read), INVALID_ID or NOT_FOUND. */
  async invoiceLines(
    context: RequestContext,
    given: ExportParameters,
    invoiceId: string,
  ): Promise<ExportFile> {
    requirePermission(requireViewer(context), 'invoice.read');
    const style = given.csvStyle();
    given.end();
    const { id, number } = await exportedHead(await context.read(), invoiceId);
    const name = `invoice-${safe(number ?? `draft-${id}`)}-lines`;
    const told = { operation: 'exportInvoiceLines', name, given, subject: { invoiceId } };
    return csvFile(told, invoiceLineColumns, style, { rows: (tx) => exportInvoiceLines(tx, id) });
  }

  /**
   * The own rates of a price list as a rate sheet that its import reads back: as CSV or as a
   * workbook. Refuses with FORBIDDEN (catalog.read, and as the prices of the list), NOT_FOUND,
   * INVALID_ID, EXPORT_REFUSED, SHEET_CANNOT_SAY or EXPORT_TOO_LARGE (workbooks).
   */
  async rates(
    context: RequestContext,
    given: ExportParameters,
    priceListId: string,
    format: 'csv' | 'xlsx',
  ): Promise<ExportFile> {
    requirePermission(requireViewer(context), 'catalog.read');
    const asOf = given.instant('asOf') ?? context.now();
    const wanted = {
      asOf,
      upcoming: given.flag('upcoming', true),
      leaveOut: given.flag('leaveOut', false),
      stored: given.oneOf('mapping', ['stored', 'usual']) !== 'usual',
    };
    const mark = format === 'csv' && given.flag('bom', false);
    given.end();
    const sheet = await writtenSheet(context, priceListId, wanted);
    const { listId, columns, leftOut } = sheet;
    const name = `rates-${listId}-${asOf.toISOString().slice(0, 10)}`;
    const subject = { priceListId, ...(leftOut > 0 ? { leftOut: String(leftOut) } : {}) };
    const told = { operation: 'exportRates', name, given, subject };
    const headers = { 'kontor-left-out': String(leftOut) };
    const above = aboveNames(sheet);
    const rows = (tx: Tx) => sheet.rates(tx);
    const { delimiter, decimalComma, encoding, worksheet } = sheet.mapping;
    if (format === 'csv') {
      const style = { delimiter, decimalComma, mark: mark || encoding.startsWith('UTF_16') };
      const file = csvFile(told, columns, style, { rows, above, encode: encoderOf(encoding) });
      return { ...file, headers };
    }
    return { ...workbookFile(told, columns, { rows, above, worksheet, decimalComma }), headers };
  }

  /**
   * The prices of a list in force at an instant, inheritance worked out, to be read by people and
   * programs, but not by the import: its column of prices has no usual name. Refuses with
   * FORBIDDEN, NOT_FOUND, INVALID_ID, INVALID_PREFIX or EXPORT_REFUSED.
   */
  async effectiveRates(
    context: RequestContext,
    given: ExportParameters,
    priceListId: string,
  ): Promise<ExportFile> {
    requirePermission(requireViewer(context), 'catalog.read');
    const asOf = given.instant('asOf') ?? context.now();
    const prefix = given.text('prefix') ?? '';
    const style = given.csvStyle();
    given.end();
    const list = await effectivePrices(context, this.#priceLists, { priceListId, asOf, prefix });
    const name = `effective-rates-${list.listId}-${asOf.toISOString().slice(0, 10)}`;
    const told = { operation: 'exportEffectiveRates', name, given, subject: { priceListId } };
    return csvFile(told, effectiveRateColumns, style, { rows: (tx) => list.rates(tx) });
  }
}

const SERVICES = Object.keys(serviceCodes) as (keyof typeof serviceCodes)[];
const LEVELS = Object.keys(PriceLevel) as PriceLevel[];

/** Keeps purges away until the file is whole, and says which months they have been at before. */
async function purgedHeaders(tx: Tx, span: XdrSelection['filter']): Promise<object> {
  const { months, overtaken } = await holdRecords(tx, span);
  if (overtaken) throw new DomainError('EXPORT_OVERTAKEN', integrationErrors.EXPORT_OVERTAKEN);
  return months.length === 0 ? {} : { 'kontor-purged-months': months.join(' ') };
}

/** What of a text can stand in the name of a file anywhere. */
function safe(text: string): string {
  return text
    .replace(/[^A-Za-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 80);
}

/** Lines above the line of names, where the mapping passes lines over. */
function aboveNames({ mapping, listName }: WrittenSheet): string[] {
  return Array.from({ length: mapping.skipRows }, (_, at) => (at === 0 ? listName : '.'));
}
