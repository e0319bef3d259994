/** An entry as the table holds it, in the spelling that is hashed. */
export interface ChainRow {
  readonly seq: number;
  /** UTC with microseconds: `2026-11-22T10:00:00.000000Z`. */
  readonly at: string;
  readonly body: string;
  /** Hexadecimal. */
  readonly previous: string;
  readonly hash: string;
  /** What the columns beside the body say, as the body should say it. */
  readonly columns: RowColumns;
}

export interface RowColumns {
  readonly operation: string;
  readonly partnerId: number;
  readonly homePartnerId: number | null;
  readonly userId: number | null;
  readonly apiKeyId: number | null;
  readonly sessionId: string | null;
  readonly subjects: readonly string[];
}

/** The hash of the entry at a place, believed because somebody kept it elsewhere. */
export interface TrustedHead {
  readonly seq: number;
  readonly hash: string;
  /** The place behind which the trail begins. */
  readonly since: number;
  /** First bytes of the hashes of the entries from `since` on, hexadecimal; null if not known. */
  readonly trail: string | null;
}

/** What is wrong with a chain. */
export type ChainFault =
  | 'ENTRY_CHANGED'
  | 'ENTRY_MISSING'
  | 'ENTRY_REPLACED'
  | 'ENTRIES_CUT_OFF'
  | 'CHAIN_REWRITTEN';

/** The first thing that is wrong. */
export interface Finding {
  readonly fault: ChainFault;
  /** The first bad entry, or the earliest that it can be. */
  readonly firstBad: number;
  /** The latest that the first bad entry can be; equal to `firstBad` when it is known. */
  readonly firstBadAtLatest: number;
}

/** Hexadecimal digits of a hash that a trail keeps of each entry. */
export const TRAIL_DIGITS = 16;
/** What the first entry names as the hash before it. */
export const GENESIS = '0'.repeat(64);

/** The text whose SHA-256 is the hash of an entry: canonical JSON of these four. */
function hashedText(row: Pick<ChainRow, 'at' | 'body' | 'previous' | 'seq'>): string {
  return `{"at":"${row.at}","body":${row.body},"previous":"${row.previous}","seq":${row.seq}}`;
}

/**
 * Holds a chain, given entry by entry in its order, against itself and against heads that were
 * kept elsewhere. `digest` is SHA-256 in hexadecimal. Begins after `start`, whose hash is taken
 * as true.
 */
export class ChainCheck {
  readonly #digest: (text: string) => string;
  readonly #heads: ReadonlyMap<number, TrustedHead>;
  readonly #trails: readonly TrustedHead[];
  #trail = 0;
  #previous: string;
  #seq: number;
  #proven: number;
  #finding: Finding | null = null;

  constructor(
    digest: (text: string) => string,
    heads: readonly TrustedHead[],
    start: { readonly seq: number; readonly hash: string } = { seq: 0, hash: GENESIS },
  ) {
    this.#digest = digest;
    this.#heads = headsBySeq(heads.filter((head) => head.seq > start.seq));
    this.#trails = [...this.#heads.values()]
      .filter((head) => head.trail !== null)
      .sort((a, b) => a.seq - b.seq);
    this.#previous = start.hash;
    this.#seq = start.seq;
    this.#proven = start.seq;
  }

  /** The last place whose entry is as one of the heads says. */
  get proven(): number {
    return this.#proven;
  }

  /** The place of the last entry that was taken as good. */
  get seq(): number {
    return this.#seq;
  }

  get finding(): Finding | null {
    return this.#finding;
  }

  /** Checks the next entry; false when the chain is broken here, and nothing more is looked at. */
  take(row: ChainRow): boolean {
    if (this.#finding !== null) return false;
    this.#finding = this.#wrongWith(row);
    if (this.#finding !== null) return false;
    this.#seq = row.seq;
    this.#previous = row.hash;
    if (this.#heads.has(row.seq)) this.#proven = row.seq;
    return true;
  }

  /** What is wrong when no entry follows; `end` is what the table says is the end of the chain. */
  end(end: { readonly seq: number; readonly hash: string }): Finding | null {
    if (this.#finding !== null) return this.#finding;
    const next = this.#seq + 1;
    const wanted = Math.max(end.seq, ...this.#heads.keys());
    if (end.seq < this.#seq) this.#finding = at('ENTRIES_CUT_OFF', end.seq + 1);
    else if (wanted > this.#seq) this.#finding = at('ENTRIES_CUT_OFF', next);
    else if (end.seq !== this.#seq || end.hash !== this.#previous) {
      this.#finding = at('ENTRY_REPLACED', this.#seq);
    }
    return this.#finding;
  }

  #wrongWith(row: ChainRow): Finding | null {
    const expected = this.#seq + 1;
    if (row.seq !== expected) return at('ENTRY_MISSING', expected);
    const trail = this.#trailAt(row.seq);
    const signed = trail === undefined || row.hash.startsWith(trail);
    const whole = this.#digest(hashedText(row)) === row.hash && agrees(row);
    if (!whole) return at('ENTRY_CHANGED', row.seq);
    if (!signed) return at('ENTRY_REPLACED', row.seq);
    if (row.previous !== this.#previous) {
      // It fits its own hash but was built upon another entry than the one before it; of the two
      // the one that no head speaks for is bad.
      return at('ENTRY_REPLACED', this.#proven === this.#seq ? row.seq : this.#seq);
    }
    const head = this.#heads.get(row.seq);
    if (head === undefined || head.hash === row.hash) return null;
    // Without a trail the head tells no more than that something behind the last head is bad.
    const firstBad = trail === undefined ? this.#proven + 1 : row.seq;
    return { fault: 'CHAIN_REWRITTEN', firstBad, firstBadAtLatest: row.seq };
  }

  /** What a signed trail says of the hash at a place; places come in rising order. */
  #trailAt(seq: number): string | undefined {
    while ((this.#trails[this.#trail]?.seq ?? seq) < seq) this.#trail += 1;
    const head = this.#trails[this.#trail];
    if (head === undefined || head.since >= seq) return undefined;
    const from = (seq - head.since - 1) * TRAIL_DIGITS;
    return head.trail?.slice(from, from + TRAIL_DIGITS);
  }
}

// Of two heads of a place the later counts, with the trail of either when they agree.
function headsBySeq(heads: readonly TrustedHead[]): ReadonlyMap<number, TrustedHead> {
  const known = new Map<number, TrustedHead>();
  for (const head of heads) {
    const other = known.get(head.seq);
    const trail = other?.hash === head.hash && other.since === head.since ? other.trail : null;
    known.set(head.seq, { ...head, trail: head.trail ?? trail });
  }
  return known;
}

function at(fault: ChainFault, seq: number): Finding {
  return { fault, firstBad: seq, firstBadAtLatest: seq };
}

/** Whether the columns beside the body say what it says. */
function agrees({ body, columns }: ChainRow): boolean {
  const said = read(body);
  if (said === null) return false;
  const { actor } = said;
  return (
    said.operation === columns.operation &&
    actor.partnerId === columns.partnerId &&
    actor.homePartnerId === columns.homePartnerId &&
    actor.userId === columns.userId &&
    actor.apiKeyId === columns.apiKeyId &&
    actor.sessionId === columns.sessionId &&
    [...said.subjects].sort().join('\n') === [...columns.subjects].sort().join('\n')
  );
}

interface Said {
  readonly operation: string;
  readonly actor: Omit<RowColumns, 'operation' | 'subjects'>;
  readonly subjects: readonly string[];
}

function read(body: string): Said | null {
  try {
    const { operation, actor, subjects } = JSON.parse(body) as Said;
    return actor !== null && Array.isArray(subjects) ? { operation, actor, subjects } : null;
  } catch {
    return null;
  }
}
