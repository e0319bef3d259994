import { createHmac, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type AuditService, actorOfCommand } from '../audit/index.js';
import { seal, unseal } from '../identity/index.js';
import { countryCodeLength, DomainError, invariant } from '../kernel/index.js';
import {
  type BatchExecutor,
  type ClaimedBatch,
  completeBatchSql,
  type Database,
  SYSTEM_SCOPE,
  type Tx,
} from '../platform/index.js';
import {
  forgetPartner,
  furtherDays,
  heldNumbers,
  heldTrunks,
  knownPrefixes,
  type NamingXdr,
  naming,
  namingXdrs,
  numbersOfOthers,
  openDeliveries,
  pastOf,
  replaceIdentities,
  replacePast,
  replaceRaw,
  replaceXdrs,
  type Said,
  type Traces,
  takenRanges,
} from './erase.store.js';
import {
  moveFiles,
  possibleTerms,
  storedFiles,
  termsOf,
  termsOfKept,
  trunkIds,
} from './erase-file.store.js';
import {
  isOthers,
  LineEraser,
  type LineTerms,
  type OthersNumbers,
  type ReadLine,
} from './erase-line.js';
import { type LineChange, marksOf, TextEraser } from './erase-text.js';
import type { ErasureRow } from './erasure.entity.js';
import { endErasure, findErasure, keepWork, takeWork } from './erasure.store.js';
import { type ErasurePayload, type ErasureWork, sealedFor } from './erasure-work.js';
import { added, type Figures } from './figures.js';
import { blocksOf } from './number-block.js';
import { type OwnNumbers, ownPseudonym, Pseudonyms } from './pseudonym.js';
import { figuresOfRun } from './purge.store.js';

const ROWS_AT_ONCE = 1_000;
const FILES_AT_ONCE = 200;
const PREFIXES_KEPT_MS = 600_000;
const DELIVERY_TRIES = 100;
const DELIVERY_PAUSE_MS = 500;

export interface EraseOptions {
  readonly audit: AuditService;
  readonly secretKey: Uint8Array;
  readonly now: () => Date;
  /**
   * Stores a file with other lines, each as long as before, and answers where; the same place when
   * none changed, null when its bytes are not there any more.
   */
  readonly rewrite: (
    storedAs: string,
    change: LineChange,
  ) => Promise<{ readonly storedAs: string; readonly lines: number } | null>;
  /** Deliveries that were put aside, since their content was known. */
  readonly keptFiles: () => AsyncIterable<string>;
  /** Writes such a delivery with other lines, and answers how many changed. */
  readonly rewriteKept: (keptAs: string, change: LineChange) => Promise<number>;
  /** Reads lines by the terms that their file was imported by; trunks by their names. */
  readonly reader: (terms: LineTerms, trunks: ReadonlyMap<string, number>) => ReadLine;
  /** Removes stored bytes that no row knows any more. */
  readonly removeBytes: (storedAs: string) => Promise<void>;
}

/** What a step has found out and done. */
interface Done {
  readonly work: ErasureWork;
  readonly figures: Figures;
}

/**
 * Forgets a subscriber. Numbers are replaced by others that nobody can lead back, since the key
 * is thrown away; prefixes, instants, quantities and amounts stay, so sums, invoices and
 * explanations do.
 */
export class EraseService implements BatchExecutor {
  readonly kind = 'ERASE';
  readonly slots = 1;
  readonly #database: Database;
  readonly #options: EraseOptions;
  #prefixes: { readonly at: number; readonly known: Set<string> } | null = null;

  constructor(database: Database, options: EraseOptions) {
    this.#database = database;
    this.#options = options;
  }

  async execute(batch: ClaimedBatch): Promise<void> {
    const payload = batch.payload as ErasurePayload;
    if (payload.step === 'FILES') return this.#files(batch, payload.erasureId);
    if (payload.step === 'END') return this.#end(batch, payload.erasureId);
    if (payload.step === 'DELIVERIES') await this.#untilDelivered();
    await this.#database.write(SYSTEM_SCOPE, async (tx) => {
      const { row, work } = await this.#open(tx, payload.erasureId);
      const done = await this.#step(tx, payload, row, work);
      await this.#keep(tx, row.id, done.work);
      await completeBatchSql(tx, batch, { totals: done.figures }, 1);
    });
  }

  async #step(tx: Tx, payload: ErasurePayload, row: ErasureRow, work: ErasureWork): Promise<Done> {
    if (payload.step === 'DAY') return this.#day(tx, payload.day, row, work);
    if (payload.step === 'NUMBERS') return this.#numbers(tx, row, work);
    return payload.step === 'SUSPENSE' ? this.#suspense(tx, row, work) : { work, figures: {} };
  }

  /**
   * Runs that are under way have read the numbers before they were replaced, and write them until
   * they end; those that begin later know the others. Refuses with ERASURE_WAITS when it takes
   * long, to be tried again.
   */
  async #untilDelivered(): Promise<void> {
    const open = () => this.#database.read(SYSTEM_SCOPE, openDeliveries);
    let awaited = await open();
    for (let left = DELIVERY_TRIES; awaited.length > 0; left -= 1) {
      if (left === 0) throw new DomainError('ERASURE_WAITS', 'Imports are under way.');
      await delay(DELIVERY_PAUSE_MS);
      const still = new Set(await open());
      awaited = awaited.filter((id) => still.has(id));
    }
  }

  /** Days whose first records came after the approval. */
  async #furtherDays(tx: Tx, runId: number, row: ErasureRow, work: ErasureWork): Promise<Done> {
    let done: Done = { work, figures: {} };
    for (const day of await furtherDays(tx, runId, row.subscriptionId)) {
      const next = await this.#day(tx, day, row, done.work);
      done = { work: next.work, figures: added(done.figures, next.figures) };
    }
    return done;
  }

  async #numbers(tx: Tx, row: ErasureRow, work: ErasureWork): Promise<Done> {
    const pseudonyms = await this.#pseudonyms(tx, work.key);
    const taken = [...(await takenRanges(tx))];
    const own = (await heldNumbers(tx, row.subscriptionId)).map((held) => {
      const as = pseudonyms.ofOwn(held.from, held.to, (low, high) => {
        const [from, to] = [BigInt(low), BigInt(high)];
        return !taken.some((range) => range.from <= to && from <= range.to);
      });
      const to = BigInt(as) + BigInt(held.to) - BigInt(held.from);
      taken.push({ from: BigInt(as), to });
      return { ...held, as };
    });
    const now = { ...work, own };
    await replaceIdentities(
      tx,
      row.subscriptionId,
      own.map(({ id, from, to }) => ({ id, from: ownOf(from, own), to: ownOf(to, own) })),
    );
    // The rows that were just changed have left what they said before in the past.
    const past = (await pastOf(tx, row.subscriptionId)).map(({ id, fact, said }) => {
      return { id, said: fact === 'subscription' ? unnamed(said, row) : renumbered(said, own) };
    });
    const pastRows = await replacePast(tx, row.id, past);
    const partners = (await forgetPartner(tx, row.partnerId)) ? 1 : 0;
    return { work: now, figures: { identities: own.length, pastRows, partners } };
  }

  async #day(tx: Tx, day: string, row: ErasureRow, work: ErasureWork): Promise<Done> {
    const found = await namingXdrs(tx, day, row.subscriptionId, work.own);
    if (found.length === 0) return { work, figures: {} };
    const pseudonyms = await this.#pseudonyms(tx, work.key);
    const others = await numbersOfOthers(tx, row.subscriptionId, work.own);
    await replaceXdrs(
      tx,
      row.id,
      day,
      found.map((xdr) => ({ id: xdr.id, ...replacedNumbers(xdr, work.own, others, pseudonyms) })),
    );
    const own = found.filter(({ isOwn }) => isOwn);
    const figures = { records: own.length, recordsOfOthers: found.length - own.length };
    return { work, figures };
  }

  async #suspense(tx: Tx, row: ErasureRow, work: ErasureWork): Promise<Done> {
    const { eraser, traces } = await this.#eraser(tx, row, work);
    let [after, suspended] = ['0', 0];
    for (;;) {
      const rows = await naming(tx, after, traces, ROWS_AT_ONCE);
      const fileIds = rows.map(({ fileId }) => fileId);
      const terms = await termsOf(tx, fileIds);
      const changed = rows.flatMap(({ id, raw, fileId }) => {
        const line = raw.toString('latin1');
        const now = eraser.changeOf(terms.get(fileId) ?? null).change(line);
        return now === line ? [] : [{ id, raw: Buffer.from(now, 'latin1') }];
      });
      await replaceRaw(tx, changed);
      suspended += changed.length;
      if (rows.length < ROWS_AT_ONCE) return { work, figures: { suspended } };
      after = rows.at(-1)?.id ?? after;
    }
  }

  /**
   * Every file whose bytes are kept, since any may hold a number: who called whom is known of rated
   * records only. Then what began to read old bytes meanwhile is waited for, and days are taken
   * that it was the first to bring records of.
   */
  async #files(batch: ClaimedBatch, erasureId: number): Promise<void> {
    const { eraser, opened } = await this.#database.write(SYSTEM_SCOPE, async (tx) => {
      const { row, work } = await this.#open(tx, erasureId);
      return { opened: work, eraser: (await this.#eraser(tx, row, work)).eraser };
    });
    const searched = await this.#stored(erasureId, opened, eraser);
    const kept = await this.#kept(eraser);
    await this.#untilDelivered();
    await this.#database.write(SYSTEM_SCOPE, async (tx) => {
      const { row, work } = await this.#open(tx, erasureId);
      const { figures } = await this.#furtherDays(tx, batch.runId, row, work);
      const files = searched.files + kept.files;
      const totals = added(figures, { files, lines: searched.lines + kept.lines });
      await completeBatchSql(tx, batch, { totals }, 1);
    });
  }

  /** File by file: what has been written anew is not looked at again after an interruption. */
  async #stored(
    erasureId: number,
    work: ErasureWork,
    eraser: TextEraser,
  ): Promise<NonNullable<ErasureWork['searched']>> {
    const { rewrite, removeBytes } = this.#options;
    const old: string[] = [];
    let searched = work.searched ?? { fileId: 0, files: 0, lines: 0 };
    for (;;) {
      const { fileId } = searched;
      const some = await this.#database.read(SYSTEM_SCOPE, (tx) =>
        storedFiles(tx, fileId, FILES_AT_ONCE),
      );
      for (const { id, storedAs, terms } of some) {
        const made = await rewrite(storedAs, eraser.changeOf(terms));
        searched = { ...searched, fileId: id };
        if (made === null || made.storedAs === storedAs) continue;
        const { files, lines } = searched;
        searched = { fileId: id, files: files + 1, lines: lines + made.lines };
        const now = { ...work, searched };
        await this.#database.write(SYSTEM_SCOPE, async (tx) => {
          await moveFiles(tx, storedAs, made.storedAs);
          await this.#keep(tx, erasureId, now);
        });
        old.push(storedAs);
      }
      if (some.length < FILES_AT_ONCE) break;
    }
    for (const storedAs of old) await removeBytes(storedAs);
    return searched;
  }

  async #kept(eraser: TextEraser): Promise<{ files: number; lines: number }> {
    const { keptFiles, rewriteKept } = this.#options;
    let [files, lines] = [0, 0];
    for await (const keptAs of keptFiles()) {
      const terms = await this.#database.read(SYSTEM_SCOPE, (tx) => termsOfKept(tx, keptAs));
      const changed = await rewriteKept(keptAs, eraser.changeOf(terms));
      if (changed === 0) continue;
      files += 1;
      lines += changed;
    }
    return { files, lines };
  }

  /** Throws the key away, and tells the audit how much was changed. */
  async #end(batch: ClaimedBatch, erasureId: number): Promise<void> {
    const { audit, now } = this.#options;
    const figures = await this.#database.read(SYSTEM_SCOPE, (tx) => figuresOfRun(tx, batch.runId));
    const act = {
      operation: 'erase',
      arguments: { erasureId, figures },
      reason: null,
      requestId: randomUUID(),
    };
    await audit.write(SYSTEM_SCOPE, act, actorOfCommand(batch.partnerId), async (tx) => {
      await endErasure(tx, erasureId, now(), figures);
      await completeBatchSql(tx, batch, {}, 1);
    });
  }

  async #open(tx: Tx, id: number): Promise<{ row: ErasureRow; work: ErasureWork }> {
    const row = await findErasure(tx, id, 'FOR UPDATE');
    invariant(row?.state === 'RUNNING', 'an erasure runs until its last step');
    return { row, work: this.#unsealed(id, await takeWork(tx, id)) };
  }

  #unsealed(id: number, sealed: Buffer | null): ErasureWork {
    invariant(sealed !== null, 'a running erasure has its work');
    return JSON.parse(unseal(this.#options.secretKey, sealed, sealedFor(id))) as ErasureWork;
  }

  async #keep(tx: Tx, id: number, work: ErasureWork): Promise<void> {
    const sealed = seal(this.#options.secretKey, JSON.stringify(work), sealedFor(id));
    await keepWork(tx, id, sealed);
  }

  async #eraser(
    tx: Tx,
    { subscriptionId }: ErasureRow,
    { key, own }: ErasureWork,
  ): Promise<{ eraser: TextEraser; traces: Traces }> {
    const pseudonyms = await this.#pseudonyms(tx, key);
    const known = await trunkIds(tx);
    const trunks = await heldTrunks(tx, subscriptionId);
    const ids = new Set(trunks.flatMap(({ isOwn, trunkId }) => (isOwn ? trunkId : [])));
    const names = [...known].flatMap(([name, id]) => (ids.has(id) ? name : []));
    // Of what was to begin after the end there are no records; others may have it by now.
    const had = own.filter(({ validFrom, validTo }) => validFrom !== validTo);
    const blocks = had.flatMap(nationalBlocks);
    const lines = new LineEraser({
      own: had.flatMap(({ from, to }) =>
        numbersBetween(from, to).map((number) => ({ number, by: ownOf(number, own) })),
      ),
      othersNumbers: await numbersOfOthers(tx, subscriptionId, had),
      trunks,
      ofOther: (number) => pseudonyms.ofOther(number),
    });
    const eraser = new TextEraser({
      eraser: lines,
      marks: marksOf(blocks, names),
      trunkIds: ids,
      possible: await possibleTerms(tx),
      reader: (terms) => this.#options.reader(terms, known),
    });
    const trunkNames = names.map((name) => Buffer.from(name, 'latin1'));
    return { eraser, traces: { blocks, trunkIds: [...ids], trunkNames } };
  }

  async #pseudonyms(tx: Tx, key: string): Promise<Pseudonyms> {
    const now = Date.now();
    if (this.#prefixes === null || this.#prefixes.at < now - PREFIXES_KEPT_MS) {
      this.#prefixes = { at: now, known: await knownPrefixes(tx) };
    }
    const secret = Buffer.from(key, 'hex');
    return new Pseudonyms(
      (text) => createHmac('sha256', secret).update(text).digest(),
      this.#prefixes.known,
    );
  }
}

function ownOf(number: string, own: readonly OwnNumbers[]): string {
  return ownPseudonym(number, own) ?? number;
}

/** Of others' records only the numbers of the subscriber go: the rest is about somebody else. */
function replacedNumbers(
  { a, b, isOwn, startedMs }: NamingXdr,
  own: readonly OwnNumbers[],
  others: readonly OthersNumbers[],
  pseudonyms: Pseudonyms,
): { a: string; b: string } {
  const of = (number: string): string => {
    if (number === '0') return number;
    const by = isOthers(number, startedMs, others) ? null : ownPseudonym(number, own);
    return by ?? (isOwn ? pseudonyms.ofOther(number) : number);
  };
  return { a: of(a), b: of(b) };
}

function renumbered(said: Said, own: readonly OwnNumbers[]): object {
  const of = (number: string | null) => (number === null ? null : Number(ownOf(number, own)));
  return { ...said, number_from: of(said.number_from), number_to: of(said.number_to) };
}

function unnamed(said: Said, row: ErasureRow): object {
  const { number_from: _from, number_to: _to, ...rest } = said;
  return { ...rest, label: `Erased ${row.subscriptionId}` };
}

const MOST_NUMBERS = 10_000;

function numbersBetween(from: string, to: string): string[] {
  const count = Number(BigInt(to) - BigInt(from)) + 1;
  invariant(count <= MOST_NUMBERS, 'the numbers of a person are not a block of a country');
  return Array.from({ length: count }, (_, n) => String(BigInt(from) + BigInt(n)));
}

// However a number is dialled, it has the digits behind its country code.
function nationalBlocks({ from, to }: OwnNumbers): string[] {
  return blocksOf(from, to).map((block) => block.slice(countryCodeLength(from)));
}
