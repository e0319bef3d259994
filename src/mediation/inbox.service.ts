import { randomUUID } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { lstat, mkdir, readdir, rename, rmdir, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { clearCondition, raiseAlarm } from '../alarm/index.js';
import { DomainError } from '../kernel/index.js';
import { type Database, type Log, rowsOf, SYSTEM_SCOPE } from '../platform/index.js';
import { printableName } from './file-name.js';
import { type Arrival, type FileStorage, ignoreMissing } from './file-storage.service.js';
import { type Delivery, type DeliveryOutcome, registerDelivery } from './inbox.store.js';
import { KEPT_ASIDE, readiness } from './inbox-entry.js';
import { openFolder } from './open-folder.service.js';
import type { UsageFileService } from './usage-file.service.js';
import { UsageSource } from './usage-source.entity.js';

export interface InboxOptions {
  readonly dataDir: string;
  readonly pollSeconds: number;
  readonly log: Log;
}

/** What one look at the inbox did. */
export interface InboxReport {
  /** Files whose import was started. */
  taken: number;
  /** Files put aside because their content had been imported before. */
  duplicates: number;
  /** Files that are not complete yet, or could not be handled and will be tried again. */
  waiting: number;
}

/** An entry of a folder that is held open, among the names beside it. */
interface FolderEntry {
  readonly prefix: Buffer;
  readonly name: Buffer;
  readonly names: ReadonlySet<string>;
}

const TAKEN = '.taken';

/**
 * The folder `inbox` of the data directory, with one folder per source. A complete file is first
 * moved to `inbox/.taken/<source>/<number>/`, where only we touch it and which one process wins;
 * then its content is stored, its row and its import are committed together, and only then is it
 * removed. Whatever lies in `.taken` is worked on again at the next look, by any process: the
 * row remembers which directory entry it came from, so a crash loses nothing and imports nothing
 * twice.
 */
export class InboxService {
  readonly #database: Database;
  readonly #storage: FileStorage;
  readonly #files: UsageFileService;
  readonly #options: InboxOptions;
  readonly #root: string;
  readonly #seen = new Map<string, string>();
  readonly #alarmed = new Set<string>();
  readonly #known = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #polling: Promise<unknown> = Promise.resolve();
  #running = false;

  constructor(
    database: Database,
    storage: FileStorage,
    files: UsageFileService,
    options: InboxOptions,
  ) {
    this.#database = database;
    this.#storage = storage;
    this.#files = files;
    this.#options = options;
    this.#root = join(options.dataDir, 'inbox');
  }

  /** Looks at the inbox now and then every few seconds. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    const turn = (): void => {
      this.#polling = this.poll()
        .catch((error: unknown) => this.#options.log.failure('inbox not read', error))
        .finally(() => {
          if (this.#running) this.#timer = setTimeout(turn, this.#options.pollSeconds * 1000);
        });
    };
    turn();
  }

  /** Ends after the look that is under way. */
  async stop(): Promise<void> {
    this.#running = false;
    clearTimeout(this.#timer);
    await this.#polling;
  }

  /** One look: takes every file that is complete. */
  async poll(): Promise<InboxReport> {
    const report: InboxReport = { taken: 0, duplicates: 0, waiting: 0 };
    await mkdir(join(this.#root, TAKEN), { recursive: true, mode: 0o750 });
    await mkdir(join(this.#root, KEPT_ASIDE), { recursive: true, mode: 0o750 });
    const entries = await readdir(this.#root, { withFileTypes: true });
    const sources = await this.#sources(entries.map((entry) => entry.name));
    for (const source of sources.values()) await this.#takenBefore(source, report);
    const present = new Set<string>();
    for (const entry of entries.filter(({ name }) => !name.startsWith('.'))) {
      const source = sources.get(entry.name);
      if (source === undefined || !entry.isDirectory()) await this.#strayFolder(entry);
      else await this.#folder(source, present, report);
    }
    for (const key of this.#seen.keys()) if (!present.has(key)) this.#seen.delete(key);
    return report;
  }

  async #sources(folders: readonly string[]): Promise<Map<string, UsageSource>> {
    const taken = await readdir(join(this.#root, TAKEN));
    const names = [...new Set([...folders, ...taken])];
    const sources = await this.#database.read(SYSTEM_SCOPE, (tx) =>
      tx
        .createQueryBuilder(UsageSource, 'row')
        .where('row.name = ANY(:names)', { names })
        .getMany(),
    );
    return new Map(sources.map((source) => [source.name, source]));
  }

  async #folder(source: UsageSource, present: Set<string>, report: InboxReport): Promise<void> {
    await this.#clearStray(source.name);
    const folder = await openFolder(join(this.#root, source.name));
    if (folder === null) return;
    try {
      const prefix = Buffer.from(folder.prefix);
      const entries = await readdir(prefix, { encoding: 'buffer' });
      const names = new Set(entries.map((name) => name.toString('latin1')));
      for (const name of entries) {
        await this.#entry(source, { prefix, name, names }, present, report);
      }
    } finally {
      await folder.close();
    }
  }

  async #entry(
    source: UsageSource,
    { prefix, name, names }: FolderEntry,
    present: Set<string>,
    report: InboxReport,
  ): Promise<void> {
    const path = Buffer.concat([prefix, name]);
    const stat = await ignoreMissing(lstat(path, { bigint: true }));
    if (stat === undefined) return;
    const key = `${source.name}/${name.toString('latin1')}`;
    const stamp = `${stat.ino}:${stat.mtimeNs}:${stat.size}`;
    const state = readiness(name.toString('latin1'), names, this.#seen.get(key) === stamp);
    if (state === 'IGNORED') return;
    if (!stat.isFile()) {
      await this.#strayEntry(source, printableName(name));
      return;
    }
    present.add(key);
    this.#seen.set(key, stamp);
    if (state === 'WAITING') report.waiting += 1;
    else await this.#take(source, path, printableName(name), report);
  }

  // The marker goes first: one left behind would declare the next file of the name complete.
  async #take(source: UsageSource, path: Buffer, name: string, report: InboxReport): Promise<void> {
    const place = join(this.#root, TAKEN, source.name, randomUUID());
    await mkdir(place, { recursive: true, mode: 0o750 });
    await ignoreMissing(unlink(Buffer.concat([path, Buffer.from('.done')])));
    const mine = await ignoreMissing(rename(path, join(place, name)).then(() => true));
    if (mine) await this.#handle(source, place, report);
    else await ignoreMissing(rmdir(place));
  }

  async #takenBefore(source: UsageSource, report: InboxReport): Promise<void> {
    const folder = join(this.#root, TAKEN, source.name);
    for (const id of (await ignoreMissing(readdir(folder))) ?? []) {
      await this.#handle(source, join(folder, id), report);
    }
  }

  async #handle(source: UsageSource, place: string, report: InboxReport): Promise<void> {
    try {
      const [name] = (await ignoreMissing(readdir(place))) ?? [];
      if (name === undefined) await ignoreMissing(rmdir(place));
      else report[await this.#deliver(source, place, name)] += 1;
    } catch (error) {
      report.waiting += 1;
      this.#options.log.failure('inbox file not taken', error, { partnerId: source.partnerId });
    }
  }

  async #deliver(source: UsageSource, place: string, name: string): Promise<keyof InboxReport> {
    const path = join(place, name);
    const arrival = await this.#storage.inspect(path);
    if (arrival === null) return 'waiting';
    const outcome = await this.#register(source, place, name, arrival);
    if (outcome === 'AGAIN') return 'waiting';
    if (outcome === 'DUPLICATE') {
      await ignoreMissing(rename(place, join(this.#root, keptAs(place))));
      this.#options.log.warning('inbox file was imported before', { partnerId: source.partnerId });
      return 'duplicates';
    }
    await ignoreMissing(unlink(path));
    await ignoreMissing(rmdir(place));
    this.#options.log.event('inbox file taken', {
      partnerId: source.partnerId,
      count: arrival.sizeBytes,
    });
    return 'taken';
  }

  async #register(
    source: UsageSource,
    place: string,
    name: string,
    arrival: Arrival,
  ): Promise<DeliveryOutcome> {
    const delivery: Delivery = { source, name, arrival, keptAs: `${keptAs(place)}/${name}` };
    try {
      return await registerDelivery(this.#database, this.#files, delivery, () =>
        this.#storage.adopt(join(place, name), arrival),
      );
    } catch (error) {
      if (!(error instanceof DomainError) || error.code !== 'FILE_ALREADY_IMPORTED') throw error;
      // The content belongs to another partner's import: ours to keep, not ours to point at.
      const text = `The content of "${name}" was imported before under another partner.`;
      await this.#alarm(source.partnerId, 'UsageSource', source.id, delivery.keptAs, text);
      return 'DUPLICATE';
    }
  }

  async #strayEntry(source: UsageSource, name: string): Promise<void> {
    const text = `"${name}" in the inbox of ${source.name} is no regular file and is left alone.`;
    const key = `${source.name}/${name}`;
    await this.#alarm(source.partnerId, 'UsageSource', source.id, key, text);
  }

  async #strayFolder(entry: Dirent): Promise<void> {
    const name = printableName(Buffer.from(entry.name));
    const rows = await this.#database.read(SYSTEM_SCOPE, (tx) =>
      tx.query('SELECT id FROM partner WHERE parent_id IS NULL'),
    );
    const hub = rowsOf<{ id: number }>(rows)[0]?.id;
    if (hub === undefined) return;
    const text = `The inbox holds "${name}", which is no folder of a known source.`;
    await this.#alarm(hub, 'Partner', hub, name, text);
  }

  // A folder may have been there before its source.
  async #clearStray(folder: string): Promise<void> {
    if (this.#known.has(folder)) return;
    await this.#database.write(SYSTEM_SCOPE, (tx) => clearCondition(tx, `inbox:${folder}`));
    this.#known.add(folder);
    this.#alarmed.delete(folder);
  }

  async #alarm(
    partnerId: number,
    subjectType: string,
    subjectId: number,
    key: string,
    text: string,
  ): Promise<void> {
    if (this.#alarmed.has(key)) return;
    await this.#database.write({ partnerId }, (tx) =>
      raiseAlarm(tx, {
        partnerId,
        severity: 'WARNING',
        probableCause: 'FILE_ERROR',
        subjectType,
        subjectId,
        naturalKey: `inbox:${key}`,
        text,
        details: { entry: key },
      }),
    );
    this.#alarmed.add(key);
  }
}

function keptAs(place: string): string {
  return `${KEPT_ASIDE}/${basename(place)}`;
}
