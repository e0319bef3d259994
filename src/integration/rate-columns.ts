import type { EffectivePrice } from '../catalog/index.js';
import type { Column } from './table.js';

/**
 * Columns of the prices in force. No column has a name under which an import would look for
 * prices: with inheritance worked out, they are not what the list itself says.
 */
export const effectiveRateColumns: readonly Column<EffectivePrice>[] = [
  { name: 'prefix', kind: 'TEXT', cell: ({ prefix }) => prefix },
  { name: 'destination', kind: 'TEXT', cell: ({ destination }) => destination },
  { name: 'band', kind: 'TEXT', cell: ({ band }) => band },
  { name: 'for_origins', kind: 'TEXT', cell: ({ rate }) => String(rate.forOrigins) },
  { name: 'model', kind: 'TEXT', cell: ({ rate }) => rate.model },
  { name: 'currency', kind: 'TEXT', cell: ({ currency }) => currency },
  { name: 'effective_price', kind: 'NUMBER', cell: ({ rate }) => rate.price },
  { name: 'connection_fee', kind: 'NUMBER', cell: ({ rate }) => rate.connectionFee },
  { name: 'rate_unit', kind: 'NUMBER', cell: ({ rate }) => String(rate.rateUnit) },
  { name: 'first_increment', kind: 'NUMBER', cell: ({ rate }) => String(rate.firstIncrement) },
  { name: 'next_increment', kind: 'NUMBER', cell: ({ rate }) => String(rate.nextIncrement) },
  { name: 'minimum', kind: 'NUMBER', cell: ({ rate }) => String(rate.minimum) },
  { name: 'grace', kind: 'NUMBER', cell: ({ rate }) => String(rate.grace) },
  { name: 'min_charge', kind: 'NUMBER', cell: ({ rate }) => rate.minCharge },
  { name: 'max_charge', kind: 'NUMBER', cell: ({ rate }) => rate.maxCharge },
];
