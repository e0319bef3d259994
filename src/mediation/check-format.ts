import { isTimeZone } from '../kernel/index.js';
import { type FormatDefinition, type Service, serviceCodes, type TimeType } from './format.js';

/** What is wrong at one place of a definition. */
export interface FormatProblem {
  /** JSON pointer (RFC 6901) into the definition, empty for the definition itself. */
  readonly path: string;
  readonly code: FormatProblemCode;
  readonly message: string;
}

export type FormatProblemCode =
  | 'MISSING'
  | 'WRONG_TYPE'
  | 'UNKNOWN_FIELD'
  | 'NOT_ALLOWED'
  | 'OUT_OF_RANGE'
  | 'UNKNOWN_COLUMN'
  | 'DUPLICATE';

const MAX_COLUMNS = 256;
const MAX_VALUES = 256;
const MAX_TEXT = 63;
const MAX_HEADER_LINES = 1000;
const TIME_TYPES: readonly TimeType[] = [
  'ISO',
  'LOCAL',
  'COMPACT',
  'EPOCH_SECONDS',
  'EPOCH_MILLISECONDS',
];
const SERVICES = Object.keys(serviceCodes) as Service[];
// Control characters and halves of surrogate pairs, which no table can hold.
const UNWRITABLE = /[\p{Cc}\p{Cs}]/u;
const DIGITS = /^[0-9]{1,8}$/;
// Letters, digits, points and line ends cannot separate fields without ambiguity.
const PRINTED_SIGN = /^[ !"#$%&'*+,/:;<=>?@[\\\]^_`{|}~-]$/;
const UNPRINTED_SIGNS = ['\t', '\u001c', '\u001d', '\u001e', '\u001f'];

/**
 * A definition from untrusted JSON: the definition itself when every field keeps its rule, else
 * all that is wrong, each with its place.
 */
export function checkFormat(
  value: unknown,
): { readonly definition: FormatDefinition } | { readonly problems: readonly FormatProblem[] } {
  const check = new FormatCheck();
  check.definition(value);
  if (check.problems.length > 0) return { problems: check.problems };
  return { definition: value as FormatDefinition };
}

type Fields = Record<string, unknown>;

class FormatCheck {
  readonly problems: FormatProblem[] = [];
  #columns: readonly string[] = [];

  definition(value: unknown): void {
    const known =
      'delimiter quote headerLines comment columns timeZone numberRules identity startedAt ' +
      'service duration quantity value aNumber bNumber inTrunk outTrunk answered';
    const fields = this.#object(value, '', known.split(' '));
    if (fields === null) return;
    this.#columns = this.#names(fields.columns, '/columns', MAX_COLUMNS);
    this.#separators(fields);
    this.#whole(fields.headerLines, '/headerLines', 0, MAX_HEADER_LINES);
    if (fields.timeZone !== undefined) this.#zone(fields.timeZone);
    this.#numberRules(fields.numberRules);
    this.#identity(fields.identity);
    this.#startedAt(fields.startedAt);
    const services = this.#service(fields.service);
    this.#measures(fields, services);
    for (const name of ['aNumber', 'bNumber'] as const) this.#columnOf(fields[name], `/${name}`);
    for (const name of ['inTrunk', 'outTrunk'] as const) {
      if (fields[name] !== undefined) this.#columnOf(fields[name], `/${name}`);
    }
    this.#answered(fields.answered);
  }

  #separators(fields: Fields): void {
    const { delimiter, quote, comment } = fields;
    this.#sign(delimiter, '/delimiter');
    if (quote === undefined) this.#wrong('/quote', 'MISSING', 'Give one character, or null.');
    else if (quote !== null && this.#sign(quote, '/quote') && quote === delimiter) {
      this.#wrong('/quote', 'NOT_ALLOWED', 'The quote must differ from the delimiter.');
    }
    if (comment === undefined || !this.#sign(comment, '/comment')) return;
    if (comment === delimiter || comment === quote) {
      const rule = 'The comment sign must differ from delimiter and quote.';
      this.#wrong('/comment', 'NOT_ALLOWED', rule);
    }
  }

  #zone(value: unknown): void {
    if (typeof value !== 'string') this.#type('/timeZone', 'an IANA time zone');
    else if (!isTimeZone(value)) {
      this.#wrong('/timeZone', 'NOT_ALLOWED', 'This is no IANA time zone.');
    }
  }

  #numberRules(value: unknown): void {
    const at = '/numberRules';
    const known = ['countryCode', 'trunkPrefix', 'internationalPrefixes', 'bare', 'nationalMin'];
    const rules = this.#object(value, at, known);
    if (rules === null) return;
    this.#text(rules.countryCode, `${at}/countryCode`, /^[1-9][0-9]{0,2}$/, 'a country code');
    const trunk = 'up to 8 digits, or an empty text';
    this.#text(rules.trunkPrefix, `${at}/trunkPrefix`, /^[0-9]{0,8}$/, trunk);
    const prefixes = this.#list(rules.internationalPrefixes, `${at}/internationalPrefixes`, 0, 16);
    for (const [n, prefix] of prefixes.entries()) {
      this.#text(prefix, `${at}/internationalPrefixes/${n}`, DIGITS, '1 to 8 digits');
    }
    if (rules.bare !== undefined) {
      this.#oneOf(rules.bare, `${at}/bare`, ['INTERNATIONAL', 'NATIONAL']);
    }
    if (rules.nationalMin !== undefined) this.#whole(rules.nationalMin, `${at}/nationalMin`, 1, 15);
  }

  #identity(value: unknown): void {
    for (const [n, name] of this.#names(value, '/identity', MAX_COLUMNS).entries()) {
      this.#column(name, `/identity/${n}`);
    }
  }

  #startedAt(value: unknown): void {
    const fields = this.#object(value, '/startedAt', ['column', 'orElse', 'type']);
    if (fields === null) return;
    this.#column(fields.column, '/startedAt/column');
    if (fields.orElse !== undefined) this.#column(fields.orElse, '/startedAt/orElse');
    this.#oneOf(fields.type, '/startedAt/type', TIME_TYPES);
  }

  // Answers the services that records of the format may have.
  #service(value: unknown): ReadonlySet<unknown> {
    const fields = this.#object(value, '/service', ['constant', 'column', 'values']);
    if (fields === null) return new Set();
    if (fields.constant !== undefined) {
      for (const name of ['column', 'values'] as const) {
        if (fields[name] === undefined) continue;
        this.#wrong(`/service/${name}`, 'NOT_ALLOWED', 'A constant service has no column.');
      }
      this.#oneOf(fields.constant, '/service/constant', SERVICES);
      return new Set([fields.constant]);
    }
    this.#column(fields.column, '/service/column');
    const values = this.#object(fields.values, '/service/values', null);
    if (values === null) return new Set();
    const entries = Object.entries(values);
    if (entries.length === 0 || entries.length > MAX_VALUES) {
      this.#wrong('/service/values', 'OUT_OF_RANGE', `Give 1 to ${MAX_VALUES} values.`);
    }
    for (const [text, service] of entries) {
      const at = `/service/values/${pointer(text)}`;
      if (UNWRITABLE.test(text)) this.#wrong(at, 'NOT_ALLOWED', 'Give printable text.');
      this.#oneOf(service, at, SERVICES);
    }
    return new Set(Object.values(values));
  }

  #measures(fields: Fields, services: ReadonlySet<unknown>): void {
    if (fields.duration !== undefined) {
      const duration = this.#object(fields.duration, '/duration', ['column', 'unit']);
      if (duration !== null) {
        this.#column(duration.column, '/duration/column');
        this.#oneOf(duration.unit, '/duration/unit', ['SECONDS', 'MILLISECONDS']);
      }
    } else if (services.has('VOICE')) {
      this.#wrong('/duration', 'MISSING', 'Records of VOICE need a duration.');
    }
    if (fields.quantity !== undefined) this.#columnOf(fields.quantity, '/quantity');
    else if (services.has('DATA')) {
      this.#wrong('/quantity', 'MISSING', 'Records of DATA need a quantity.');
    }
    if (fields.value !== undefined) this.#columnOf(fields.value, '/value');
  }

  #answered(value: unknown): void {
    if (value === undefined) return;
    const fields = this.#object(value, '/answered', ['column', 'values']);
    if (fields === null) return;
    this.#column(fields.column, '/answered/column');
    this.#names(fields.values, '/answered/values', MAX_VALUES);
  }

  #columnOf(value: unknown, path: string): void {
    const fields = this.#object(value, path, ['column']);
    if (fields !== null) this.#column(fields.column, `${path}/column`);
  }

  #column(value: unknown, path: string): void {
    if (value === undefined) this.#wrong(path, 'MISSING', 'Name a column.');
    else if (typeof value !== 'string') this.#type(path, 'the name of a column');
    else if (!this.#columns.includes(value)) {
      this.#wrong(path, 'UNKNOWN_COLUMN', `No column is called ${JSON.stringify(value)}.`);
    }
  }

  // A list of different texts; answers those that are texts.
  #names(value: unknown, path: string, most: number): string[] {
    const seen = new Set<string>();
    for (const [n, name] of this.#list(value, path, 1, most).entries()) {
      const at = `${path}/${n}`;
      if (typeof name !== 'string') this.#type(at, 'a text');
      else if (name === '' || name.length > MAX_TEXT) {
        this.#wrong(at, 'OUT_OF_RANGE', `Give 1 to ${MAX_TEXT} characters.`);
      } else if (UNWRITABLE.test(name)) this.#wrong(at, 'NOT_ALLOWED', 'Give printable text.');
      else if (seen.has(name)) this.#wrong(at, 'DUPLICATE', 'The same stands earlier.');
      else seen.add(name);
    }
    return [...seen];
  }

  #list(value: unknown, path: string, fewest: number, most: number): unknown[] {
    if (!Array.isArray(value)) {
      this.#type(path, 'a list', value);
      return [];
    }
    if (value.length >= fewest && value.length <= most) return value;
    this.#wrong(path, 'OUT_OF_RANGE', `Give ${fewest} to ${most} entries.`);
    return [];
  }

  #object(value: unknown, path: string, known: readonly string[] | null): Fields | null {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.#type(path, 'an object', value);
      return null;
    }
    for (const name of known === null ? [] : Object.keys(value)) {
      if (known?.includes(name)) continue;
      this.#wrong(`${path}/${pointer(name)}`, 'UNKNOWN_FIELD', 'There is no such field.');
    }
    return value as Fields;
  }

  #sign(value: unknown, path: string): boolean {
    if (UNPRINTED_SIGNS.includes(value as string)) return true;
    const expected = 'one ASCII sign that is no letter, digit or point';
    return this.#text(value, path, PRINTED_SIGN, expected);
  }

  #text(value: unknown, path: string, rule: RegExp, expected: string): boolean {
    if (typeof value === 'string' && rule.test(value)) return true;
    if (typeof value === 'string') this.#wrong(path, 'NOT_ALLOWED', `Give ${expected}.`);
    else this.#type(path, expected, value);
    return false;
  }

  #oneOf(value: unknown, path: string, allowed: readonly string[]): void {
    if (typeof value !== 'string') this.#type(path, `one of ${allowed.join(', ')}`, value);
    else if (!allowed.includes(value)) {
      this.#wrong(path, 'NOT_ALLOWED', `Give one of ${allowed.join(', ')}.`);
    }
  }

  #whole(value: unknown, path: string, least: number, most: number): void {
    if (typeof value !== 'number') this.#type(path, 'a whole number', value);
    else if (!Number.isInteger(value) || value < least || value > most) {
      this.#wrong(path, 'OUT_OF_RANGE', `Give a whole number from ${least} to ${most}.`);
    }
  }

  #type(path: string, expected: string, value: unknown = null): void {
    if (value === undefined) this.#wrong(path, 'MISSING', `Give ${expected}.`);
    else this.#wrong(path, 'WRONG_TYPE', `This must be ${expected}.`);
  }

  #wrong(path: string, code: FormatProblemCode, message: string): void {
    this.problems.push({ path, code, message });
  }
}

function pointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
