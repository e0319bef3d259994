import { DomainError, invariant } from '../kernel/index.js';
import {
  appendOutbox,
  type Database,
  type Log,
  rowsOf,
  SYSTEM_SCOPE,
  type Tx,
} from '../platform/index.js';
import { ChainCheck, type Finding, GENESIS, TRAIL_DIGITS, type TrustedHead } from './chain.js';
import {
  chainAfter,
  chainEnd,
  insertRestore,
  insertSignedHead,
  lockSigning,
  newestSignedHead,
  signedHeads,
} from './chain.store.js';
import { headText, type SignedHead } from './head.js';
import type { HeadFiles } from './head-file.service.js';
import type { HeadKey } from './head-key.service.js';
import { lostBy, type Restore, restoreText } from './restore.js';
import {
  declaredRestores,
  sha256,
  trustedOrNull,
  type Verification,
  verifyChain,
} from './verify.service.js';

/** Topic of the row that tells of a chain that was tampered with. */
export const AUDIT_TAMPERED_TOPIC = 'audit.tampered';
const ENTRIES_A_HEAD = 20_000;
const PAGE = 2_000;

export interface HeadOptions {
  readonly key: HeadKey;
  readonly files: HeadFiles;
  readonly minutes: number;
  readonly log: Log;
}

/** What an export did. */
export interface Exported {
  /** Paths of the files that were written. */
  readonly files: readonly string[];
  /** Place of the newest head; 0 when nothing was ever done. */
  readonly seq: number;
}

/**
 * Signs the end of the chain and puts it where the database does not reach, again and again, and
 * holds the chain against what was signed.
 */
export class HeadService {
  readonly #database: Database;
  readonly #options: HeadOptions;
  readonly #keys: ReadonlySet<string>;
  #timer: NodeJS.Timeout | undefined;
  #working: Promise<unknown> = Promise.resolve();
  #verifying = false;

  constructor(database: Database, options: HeadOptions) {
    this.#database = database;
    this.#options = options;
    this.#keys = new Set([options.key.publicKey]);
  }

  get publicKey(): string {
    return this.#options.key.publicKey;
  }

  /** Begins to export on schedule; the first time after one span. */
  start(): void {
    const { minutes } = this.#options;
    this.#timer ??= setInterval(() => this.#tick(), minutes * 60_000);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#working;
  }

  /**
   * Signs what was added since the newest head, after checking that it follows from that head,
   * and writes the files that are missing. Refuses with AUDIT_TAMPERED, which names the first bad
   * entry, and then signs nothing.
   */
  async export(): Promise<Exported> {
    await this.#setLostAside();
    for (;;) {
      const signed = await this.#database.write(SYSTEM_SCOPE, (tx) => this.#signNext(tx));
      if (signed instanceof DomainError) throw signed;
      if (!signed) break;
    }
    const { files } = this.#options;
    const written = files.places().at(-1) ?? 0;
    const heads = await this.#database.read(SYSTEM_SCOPE, (tx) => signedHeads(tx, written));
    const own = heads.filter((head) => trustedOrNull(head, this.#keys) !== null);
    const paths = own.map(({ seq, ...head }) => files.write(seq, head));
    return { files: paths, seq: files.places().at(-1) ?? 0 };
  }

  /**
   * Holds the whole chain, or what follows the trusted head of a place, against itself, the
   * heads given and those kept here. Refuses with AUDIT_VERIFYING while another check runs and
   * with AUDIT_HEAD_INVALID.
   */
  async verify(given: readonly TrustedHead[], since: TrustedHead | null): Promise<Verification> {
    if (this.#verifying) {
      throw new DomainError('AUDIT_VERIFYING', 'The audit is being verified; try again later.');
    }
    this.#verifying = true;
    try {
      return await this.#database.readAside(SYSTEM_SCOPE, async (tx) => {
        const kept = (await signedHeads(tx)).flatMap(
          (head) => trustedOrNull(head, this.#keys) ?? [],
        );
        const start = since ?? { seq: 0, hash: GENESIS };
        const restores = await declaredRestores(tx, this.#keys);
        const isLost = lostBy(restores);
        // Those given come last: of two heads of a place the one from outside counts.
        const heads = [...kept, ...given].filter((head) => !isLost(head));
        return { ...(await verifyChain(tx, heads, start)), restores };
      });
    } finally {
      this.#verifying = false;
    }
  }

  /**
   * The restore that explains why the chain does not reach the heads: its last entry that they
   * know, and those of them that speak of later ones. Null when nothing is missing. Refuses with
   * AUDIT_TAMPERED when the chain that is left does not fit itself.
   */
  async findRestore(tx: Tx, given: readonly TrustedHead[]): Promise<Restore | null> {
    const isLost = lostBy(await declaredRestores(tx, this.#keys));
    const own = [...(await signedHeads(tx)), ...this.#options.files.all()];
    const heads = [
      ...own.flatMap((head) => trustedOrNull(head, this.#keys) ?? []),
      ...given,
    ].filter((head) => !isLost(head));
    const { finding, lastGood, proven } = await verifyChain(tx, heads);
    if (finding === null) return null;
    const isCut = finding.fault === 'ENTRIES_CUT_OFF';
    const keptThrough = isCut ? lastGood : Math.max(proven, finding.firstBad - 1);
    const known = heads.filter((head) => head.seq <= keptThrough);
    const left = await verifyChain(tx, known);
    if (left.finding !== null) throw broken(left.finding);
    const lost = heads.filter((head) => head.seq > keptThrough).sort((a, b) => a.seq - b.seq);
    const at = rowsOf<{ now: Date }>(await tx.query('SELECT clock_timestamp() AS now'))[0]?.now;
    return {
      keptThrough,
      lost: lost.map(({ seq, hash }) => ({ seq, hash })),
      at: at?.toISOString() ?? '',
    };
  }

  /** Declares a restore: its heads count no more, and whoever verifies the chain is told. */
  async declareRestore(tx: Tx, restore: Restore): Promise<void> {
    const { key } = this.#options;
    const text = restoreText(restore);
    const { publicKey } = key;
    await insertRestore(tx, { restore: text, signature: key.sign(text), publicKey });
  }

  async #setLostAside(): Promise<void> {
    const { files } = this.#options;
    const restores = await this.#database.read(SYSTEM_SCOPE, (tx) =>
      declaredRestores(tx, this.#keys),
    );
    const isLost = lostBy(restores);
    for (const seq of restores.length === 0 ? [] : files.places()) {
      const signed = files.read(seq);
      const head = signed === null ? null : trustedOrNull(signed, this.#keys);
      if (head !== null && isLost(head)) files.setAside(seq, head.hash);
    }
  }

  #tick(): void {
    this.#working = this.export().catch((error: unknown) => {
      if (!(error instanceof DomainError)) {
        this.#options.log.failure('audit head not exported', error);
      } else this.#options.log.warning('audit tampered with', { codes: [error.code] });
    });
  }

  /** True when a head was signed, false when there was nothing to sign, or what is wrong. */
  async #signNext(tx: Tx): Promise<boolean | DomainError> {
    await lockSigning(tx);
    const newest = await this.#newest(tx);
    const end = await chainEnd(tx);
    const check = new ChainCheck(sha256, newest === null ? [] : [newest], {
      seq: newest?.seq ?? 0,
      hash: newest?.hash ?? GENESIS,
    });
    const hashes: string[] = [];
    while (hashes.length < ENTRIES_A_HEAD) {
      const rows = await chainAfter(tx, check.seq, PAGE);
      const taken = rows.filter((row) => row.seq <= end.seq && check.take(row));
      hashes.push(...taken.map((row) => row.hash));
      if (rows.length < PAGE || taken.length < rows.length) break;
    }
    const last = hashes.at(-1);
    const whole = check.seq < end.seq && check.finding === null && hashes.length > 0;
    const finding = whole ? null : check.end(end);
    if (finding !== null) return tampered(tx, finding);
    if (last === undefined) return false;
    await this.#sign(tx, newest, { seq: check.seq, hash: last }, hashes);
    return true;
  }

  async #sign(
    tx: Tx,
    newest: TrustedHead | null,
    end: { readonly seq: number; readonly hash: string },
    hashes: readonly string[],
  ): Promise<void> {
    const { key } = this.#options;
    const trail = hashes.map((hash) => hash.slice(0, TRAIL_DIGITS)).join('');
    const rows = rowsOf<{ now: Date }>(await tx.query('SELECT clock_timestamp() AS now'));
    const head = headText({
      version: 1,
      seq: end.seq,
      hash: end.hash,
      since: newest?.seq ?? 0,
      trail: sha256(trail),
      at: rows[0]?.now.toISOString() ?? '',
    });
    const signature = key.sign(head);
    await insertSignedHead(tx, end.seq, { head, signature, publicKey: key.publicKey, trail });
  }

  /** The newest head that can be believed, from the files or the table: a table can be emptied. */
  async #newest(tx: Tx): Promise<TrustedHead | null> {
    const { files } = this.#options;
    const last = files.places().at(-1);
    const candidates: (SignedHead | null)[] = [
      await newestSignedHead(tx),
      last === undefined ? null : files.read(last),
    ];
    const heads = candidates.flatMap((head) =>
      head === null ? [] : (trustedOrNull(head, this.#keys) ?? []),
    );
    return heads.reduce<TrustedHead | null>(
      (best, head) => (best === null || head.seq > best.seq ? head : best),
      null,
    );
  }
}

async function tampered(tx: Tx, finding: Finding): Promise<DomainError> {
  const { fault, firstBad, firstBadAtLatest } = finding;
  const rows = rowsOf<{ id: number }>(
    await tx.query('SELECT id FROM partner WHERE parent_id IS NULL'),
  );
  invariant(rows[0] !== undefined, 'entries belong to partners, and a hub stands above all');
  const payload = { fault, firstBad, firstBadAtLatest };
  await appendOutbox(tx, { topic: AUDIT_TAMPERED_TOPIC, partnerId: rows[0].id, payload });
  return broken(finding);
}

function broken({ fault, firstBad, firstBadAtLatest }: Finding): DomainError {
  const where = firstBad === firstBadAtLatest ? firstBad : `${firstBad} to ${firstBadAtLatest}`;
  return new DomainError('AUDIT_TAMPERED', `The audit was tampered with at entry ${where}.`, {
    fault,
    firstBad,
    firstBadAtLatest,
  });
}
