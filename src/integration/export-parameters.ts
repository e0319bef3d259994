import { DomainError } from '../kernel/index.js';
import { DateTimeScalar } from '../platform/index.js';
import type { CsvStyle } from './csv.js';

const DELIMITERS = { comma: ',', semicolon: ';', tab: '\t' } as const;
const MAX_CHARACTERS = 200;

/**
 * The parameters of an export. Every one has to be known, given once and right: a misspelt filter
 * that is passed over would hand out everything.
 */
export class ExportParameters {
  readonly #given: ReadonlyMap<string, string>;
  readonly #read = new Set<string>();

  /** Takes what the server made of the address. Refuses with EXPORT_REFUSED. */
  constructor(query: unknown) {
    const given = new Map<string, string>();
    for (const [name, value] of Object.entries((query ?? {}) as Record<string, unknown>)) {
      if (typeof value !== 'string' || value === '' || value.length > MAX_CHARACTERS) {
        throw refused(name, 'is given once, with up to 200 characters');
      }
      given.set(name, value);
    }
    this.#given = given;
  }

  text(name: string): string | null {
    this.#read.add(name);
    return this.#given.get(name) ?? null;
  }

  instant(name: string): Date | null {
    const text = this.text(name);
    if (text === null) return null;
    try {
      return DateTimeScalar.parseValue(text);
    } catch {
      throw refused(name, 'is an instant like 2026-10-01T00:00:00Z');
    }
  }

  demandedInstant(name: string): Date {
    const at = this.instant(name);
    if (at !== null) return at;
    throw refused(name, 'is needed');
  }

  oneOf<T extends string>(name: string, values: readonly T[]): T | null {
    const text = this.text(name);
    if (text === null) return null;
    const found = values.find((value) => value === text);
    if (found !== undefined) return found;
    throw refused(name, `is one of ${values.join(', ')}`);
  }

  matching(name: string, pattern: RegExp, what: string): string | null {
    const text = this.text(name);
    if (text === null || pattern.test(text)) return text;
    throw refused(name, what);
  }

  flag(name: string, silent: boolean): boolean {
    const text = this.oneOf(name, ['true', 'false']);
    return text === null ? silent : text === 'true';
  }

  csvStyle(): CsvStyle {
    const name = this.oneOf('delimiter', Object.keys(DELIMITERS) as (keyof typeof DELIMITERS)[]);
    const decimalComma = this.oneOf('decimal', ['point', 'comma']) === 'comma';
    return { delimiter: DELIMITERS[name ?? 'comma'], decimalComma, mark: this.flag('bom', false) };
  }

  /** Refuses what nobody has asked for. */
  end(): void {
    const unknown = [...this.#given.keys()].find((name) => !this.#read.has(name));
    if (unknown !== undefined) throw refused(unknown, 'is no parameter of this export');
  }

  /** What was given, for the audit. */
  shown(): Record<string, string> {
    return Object.fromEntries(this.#given);
  }
}

function refused(name: string, rule: string): DomainError {
  const parameter = name.slice(0, 64);
  return new DomainError('EXPORT_REFUSED', `The parameter ${parameter} ${rule}.`, { parameter });
}
