import { columnOf, type FormatDefinition } from './format.js';

/** In place of a column that a format does not have. */
export const ABSENT = -1;

/** What a column of a usage file says. */
export type ColumnRole =
  | 'service'
  | 'startedAt'
  | 'startedAtElse'
  | 'duration'
  | 'quantity'
  | 'value'
  | 'aNumber'
  | 'bNumber'
  | 'inTrunk'
  | 'outTrunk'
  | 'answered';

/** The column of each role, {@link ABSENT} for none. */
export function columnRoles(format: FormatDefinition): Record<ColumnRole, number> {
  const at = (name: string | undefined) => (name === undefined ? ABSENT : columnOf(format, name));
  return {
    service: at('column' in format.service ? format.service.column : undefined),
    startedAt: at(format.startedAt.column),
    startedAtElse: at(format.startedAt.orElse),
    duration: at(format.duration?.column),
    quantity: at(format.quantity?.column),
    value: at(format.value?.column),
    aNumber: at(format.aNumber.column),
    bNumber: at(format.bNumber.column),
    inTrunk: at(format.inTrunk?.column),
    outTrunk: at(format.outTrunk?.column),
    answered: at(format.answered?.column),
  };
}
