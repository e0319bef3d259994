/** What names in a sheet stand for. */
export type NamedIds = Pick<ReadonlyMap<string, number>, 'get'>;

/**
 * Finds what has a name: as it is written, else in any case. Of names that differ in their case
 * alone each is found as it is written only, since nobody can tell which one another would mean.
 */
export class SheetNames implements NamedIds {
  readonly #exact = new Map<string, number>();
  /** Null where several names are the same in lower case. */
  readonly #lower = new Map<string, number | null>();

  constructor(named: Iterable<{ readonly id: number; readonly name: string }>) {
    for (const { id, name } of named) {
      const lower = name.toLowerCase();
      this.#exact.set(name, id);
      this.#lower.set(lower, this.#lower.has(lower) ? null : id);
    }
  }

  get(name: string): number | undefined {
    return this.#exact.get(name) ?? this.#lower.get(name.toLowerCase()) ?? undefined;
  }
}
