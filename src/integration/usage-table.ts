import { maskNumber, zonedIso } from '../kernel/index.js';
import { pricePermissions } from '../partner/index.js';
import type { ExportedXdr, XdrSelection } from '../rating/index.js';
import { type Column, instant } from './table.js';

type ExportedPrice = ExportedXdr['prices'][number];

/** A line of the file: a record at one of its price levels. */
export interface UsageRow {
  readonly record: ExportedXdr;
  /** Null where the caller sees no price of the record. */
  readonly priced: ExportedPrice | null;
}

/** What the columns depend on. */
export interface UsageView {
  readonly permissions: ReadonlySet<string>;
  /** Whether instants are told by the clock of the contract, too. */
  readonly localTime: boolean;
}

/**
 * The lines of records: one for each price that the caller may see. A record without any is one
 * line all the same, unless one level was asked for.
 */
export function usageRows(
  records: readonly ExportedXdr[],
  level: XdrSelection['level'],
): UsageRow[] {
  return records.flatMap((record): UsageRow[] => {
    if (record.prices.length > 0) return record.prices.map((priced) => ({ record, priced }));
    return level === null ? [{ record, priced: null }] : [];
  });
}

/** The columns that a caller may see; what he may not see has no column. */
export function usageColumns({ permissions, localTime }: UsageView): Column<UsageRow>[] {
  const number = (digits: string | null): string | null => {
    if (digits === null || permissions.has('subscriber.number.read')) return digits;
    return maskNumber(digits);
  };
  const prices = pricePermissions.some((permission) => permissions.has(permission));
  return [
    text('record_id', ({ xdr }) => xdr.globalId),
    { name: 'started_at', kind: 'TIME', cell: ({ record }) => instant(record.xdr.startedAt) },
    ...(localTime ? LOCAL : []),
    text('service', ({ xdr }) => xdr.service),
    text('a_number', ({ xdr }) => number(xdr.aNumber)),
    text('b_number', ({ xdr }) => number(xdr.bNumber)),
    { name: 'quantity', kind: 'NUMBER', cell: ({ record }) => record.xdr.quantity },
    { name: 'value', kind: 'NUMBER', cell: ({ record }) => record.xdr.value },
    text('partner', ({ partner }) => partner),
    text('account', ({ account }) => account),
    text('subscription_id', ({ xdr }) => xdr.globalSubscriptionId),
    text('destination', ({ destination }) => destination),
    text('in_trunk', ({ inTrunk }) => inTrunk),
    text('out_trunk', ({ outTrunk }) => outTrunk),
    ...(prices ? priceColumns(permissions.has('contract.read')) : []),
  ];
}

const LOCAL: readonly Column<UsageRow>[] = [
  {
    name: 'started_at_local',
    kind: 'TIME',
    cell: ({ record, priced }) =>
      priced?.timeZone ? zonedIso(record.xdr.startedAt, priced.timeZone) : null,
  },
  { name: 'time_zone', kind: 'TEXT', cell: ({ priced }) => priced?.timeZone ?? null },
];

function priceColumns(contracts: boolean): Column<UsageRow>[] {
  return [
    { name: 'position', kind: 'NUMBER', cell: ({ priced }) => whole(priced?.position) },
    priceText('level', ({ price }) => price.level),
    ...(contracts ? [priceText('contract', ({ contract }) => contract)] : []),
    priceText('currency', ({ price }) => price.currency),
    priceNumber('base_amount', ({ price }) => price.baseAmount),
    priceNumber('amount', ({ price }) => price.amount),
    priceNumber('covered_quantity', ({ price }) => price.coveredQuantity),
    priceText('rate_id', ({ price }) => price.rateId),
  ];
}

function text(name: string, of: (record: ExportedXdr) => string | null): Column<UsageRow> {
  return { name, kind: 'TEXT', cell: ({ record }) => of(record) };
}

function priceText(name: string, of: (priced: ExportedPrice) => string | null): Column<UsageRow> {
  return { name, kind: 'TEXT', cell: ({ priced }) => (priced === null ? null : of(priced)) };
}

function priceNumber(name: string, of: (priced: ExportedPrice) => string): Column<UsageRow> {
  return { name, kind: 'NUMBER', cell: ({ priced }) => (priced === null ? null : of(priced)) };
}

function whole(value: number | undefined): string | null {
  return value === undefined ? null : String(value);
}
