import { refused } from './vector-shape.js';

/** What vectors call by name and the engine by number. */
export type NamedKind =
  | 'partner'
  | 'account'
  | 'contract'
  | 'subscription'
  | 'list'
  | 'rate'
  | 'profile'
  | 'band'
  | 'destination'
  | 'originSet'
  | 'schedule'
  | 'trunk'
  | 'plan'
  | 'group'
  | 'rule'
  | 'bucket'
  | 'bonus';

/** Gives names numbers, counted from 1 for each kind. */
export class Names {
  readonly #ids = new Map<NamedKind, Map<string, number>>();

  /** The number of a name; a new one when it has none yet. */
  add(kind: NamedKind, name: string): number {
    const ids = this.#ids.get(kind) ?? new Map<string, number>();
    this.#ids.set(kind, ids);
    const known = ids.get(name);
    if (known !== undefined) return known;
    ids.set(name, ids.size + 1);
    return ids.size;
  }

  /** The number of a name that must be known; refuses with VECTOR_INVALID. */
  id(kind: NamedKind, name: string, path: string): number {
    const id = this.#ids.get(kind)?.get(name);
    if (id === undefined) throw refused(path, `names the ${kind} "${name}", which is not there`);
    return id;
  }

  optional(kind: NamedKind, name: string | undefined, path: string): number | null {
    return name === undefined ? null : this.id(kind, name, path);
  }

  some(kind: NamedKind, names: readonly string[] | undefined, path: string): number[] | null {
    return names?.map((name, place) => this.id(kind, name, `${path}[${place}]`)) ?? null;
  }

  nameOf(kind: NamedKind, id: number): string {
    for (const [name, known] of this.#ids.get(kind) ?? []) if (known === id) return name;
    return `${kind} ${id}`;
  }

  first(kind: NamedKind): string | undefined {
    return this.#ids.get(kind)?.keys().next().value;
  }
}
