import {
  type GraphQLArgument,
  type GraphQLInputField,
  getNamedType,
  isEnumType,
  isInputObjectType,
} from 'graphql';
import { maskNumber, maskNumbersIn } from '../kernel/index.js';
import { lengthOf } from './masking.js';

/** Scalars that cannot hold a secret, a name or a number of somebody. */
const PLAIN = new Set(['ID', 'Boolean', 'Int', 'Float', 'Decimal', 'BigInt', 'Date', 'DateTime']);

/** Texts that are shown, by the name of their argument or field; digits like numbers are masked. */
const SHOWN = new Set(
  `band baseCurrency codes confirmedMargins connectionFee country countryCode currency
  definition delimiter description destination displayName effectiveFrom expiresAt firstIncrement
  from grace idempotencyKey identityDomain increments language maxCharge minCharge minimum name
  nextIncrement period permissions price quoteCurrency rateUnit reason source taxCode
  timeZone to trunk trunks worksheet`.split(/\s+/),
);
/** Texts that are prefixes of numbers, or names of our own for accounts and contracts. */
const CODES = new Set([
  'SetRateInput.prefix',
  'CreateDestinationInput.prefixes',
  'CreateOriginSetInput.prefixes',
  'CreateAccountInput.number',
  'CreateContractInput.number',
  'RateSheetColumnsInput.prefix',
  'ChangeOriginSetInput.add',
  'ChangeOriginSetInput.remove',
]);
/** Subscribers' numbers. */
const NUMBERS = new Set(['number', 'numbers']);
/** Names that may be those of people. */
const PERSONAL = new Set([
  'CreatePartnerInput.name',
  'UpdatePartnerInput.name',
  'CreateAccountInput.name',
  'CreateContractInput.name',
]);

/** How the values of one argument are kept. */
export type ArgumentShape =
  | { readonly keep: 'WHOLE' | 'TEXT' | 'NUMBER' | 'LENGTH' }
  | { readonly fields: ReadonlyMap<string, ArgumentShape> };

/**
 * How the arguments of a field are kept, from their types in the schema. What no rule speaks of
 * is kept by its length alone, so a new argument never shows a secret before somebody has said
 * that it may be shown.
 */
export function argumentShapes(
  args: readonly (GraphQLArgument | GraphQLInputField)[],
  owner: string,
): ReadonlyMap<string, ArgumentShape> {
  return new Map(args.map((arg) => [arg.name, shapeOf(arg, owner)]));
}

function shapeOf(arg: GraphQLArgument | GraphQLInputField, owner: string): ArgumentShape {
  const type = getNamedType(arg.type);
  if (isInputObjectType(type)) {
    return { fields: argumentShapes(Object.values(type.getFields()), type.name) };
  }
  if (isEnumType(type) || PLAIN.has(type.name)) return { keep: 'WHOLE' };
  const place = `${owner}.${arg.name}`;
  if (CODES.has(place)) return { keep: 'WHOLE' };
  if (PERSONAL.has(place)) return { keep: 'LENGTH' };
  if (NUMBERS.has(arg.name)) return { keep: 'NUMBER' };
  return { keep: SHOWN.has(arg.name) ? 'TEXT' : 'LENGTH' };
}

/** Arguments as the audit keeps them; plain JSON. */
export function maskArguments(
  given: unknown,
  shapes: ReadonlyMap<string, ArgumentShape>,
): Record<string, unknown> {
  const entries = Object.entries((given ?? {}) as Record<string, unknown>);
  return Object.fromEntries(
    entries
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, maskValue(value, shapes.get(name) ?? { keep: 'LENGTH' })]),
  );
}

function maskValue(value: unknown, shape: ArgumentShape): unknown {
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) return value.map((item) => maskValue(item, shape));
  if ('fields' in shape) return maskArguments(value, shape.fields);
  if (shape.keep === 'WHOLE') return plain(value);
  if (shape.keep === 'NUMBER') return maskNumber(String(value));
  if (shape.keep === 'LENGTH') return lengthOf(textOf(value));
  return typeof value === 'object' ? maskTexts(value) : maskNumbersIn(String(value));
}

/** Texts inside of a JSON value, masked where they stand. */
function maskTexts(value: unknown): unknown {
  if (typeof value === 'string') return maskNumbersIn(value);
  if (Array.isArray(value)) return value.map(maskTexts);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, maskTexts(item)]));
}

function plain(value: unknown): unknown {
  return value instanceof Date || typeof value === 'bigint' || typeof value === 'object'
    ? textOf(value)
    : value;
}

function textOf(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
