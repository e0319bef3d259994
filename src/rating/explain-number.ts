import { type NumberRules, normaliseNumber } from '../kernel/index.js';
import { type FormatDefinition, fieldSpans } from '../mediation/index.js';

/** Which rule of its source made digits of a number. */
export type NumberRule =
  | 'PLUS'
  | 'INTERNATIONAL_PREFIX'
  | 'TRUNK_PREFIX'
  | 'BARE_INTERNATIONAL'
  | 'BARE_NATIONAL'
  | 'WITHHELD';

export interface NumberReading {
  readonly column: string;
  readonly raw: string;
  /** Signs that only separate are gone. */
  readonly dialled: string;
  readonly rule: NumberRule;
  /** What was cut off the front, empty when nothing. */
  readonly cut: string;
  /** What was put before, empty when nothing. */
  readonly added: string;
  /** E.164 without plus; null when the number is withheld or holds no number. */
  readonly digits: string | null;
}

/** How a number was read by the rules of its source. */
export function readNumber(column: string, raw: string, rules: NumberRules): NumberReading {
  const dialled = raw.replace(/[ \t\-./()[\]]/g, '');
  const read = normaliseNumber(raw, rules);
  if ('error' in read) {
    return { column, raw, dialled, rule: 'WITHHELD', cut: '', added: '', digits: null };
  }
  const { rule, cut } = ruleOf(dialled, rules);
  const national = rule === 'TRUNK_PREFIX' || rule === 'BARE_NATIONAL';
  const added = national ? rules.countryCode : '';
  return { column, raw, dialled, rule, cut, added, digits: read.digits };
}

function ruleOf(dialled: string, rules: NumberRules): { rule: NumberRule; cut: string } {
  if (dialled.startsWith('+')) return { rule: 'PLUS', cut: '+' };
  const fitting = rules.internationalPrefixes.filter((prefix) => dialled.startsWith(prefix));
  const longest = fitting.sort((a, b) => b.length - a.length)[0] ?? '';
  if (longest !== '') return { rule: 'INTERNATIONAL_PREFIX', cut: longest };
  const { trunkPrefix: trunk } = rules;
  if (trunk !== '' && dialled.startsWith(trunk)) return { rule: 'TRUNK_PREFIX', cut: trunk };
  return { rule: rules.bare === 'NATIONAL' ? 'BARE_NATIONAL' : 'BARE_INTERNATIONAL', cut: '' };
}

/** The fields of a line by the names of their columns; null when it is not of the format. */
export function fieldsOf(line: string, format: FormatDefinition): Map<string, string> | null {
  const spans = fieldSpans(line, format);
  if (spans === null) return null;
  return new Map(spans.map((span, at) => [format.columns[at] as string, line.slice(...span)]));
}

/** Column that holds the instant in these fields: the second one where the first is empty. */
export function startColumn(
  fields: ReadonlyMap<string, string>,
  { startedAt }: FormatDefinition,
): string {
  const { column, orElse } = startedAt;
  return orElse !== undefined && fields.get(column) === '' ? orElse : column;
}
