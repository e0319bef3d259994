import { Worker } from 'node:worker_threads';
import { invariant } from '../kernel/index.js';
import { type Column, cellsOf } from './table.js';
import type { WorksheetHead } from './workbook.js';

const MAX_HEAP_MB = 1_024;

/** A workbook (XLSX) with one worksheet, put together on a thread of its own. */
export class Workbook<Source> {
  readonly #columns: readonly Column<Source>[];
  readonly #worker: Worker;
  readonly #done: Promise<Uint8Array>;

  /** `above` are lines of one text above the line of names. */
  constructor(
    sheet: string,
    columns: readonly Column<Source>[],
    above: readonly string[],
    decimalComma = false,
  ) {
    this.#columns = columns;
    const told = columns.map(({ name, kind }) => ({ name, kind }));
    this.#worker = new Worker(new URL('./workbook.worker.js', import.meta.url), {
      workerData: { sheet, above, columns: told, decimalComma } satisfies WorksheetHead,
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    });
    this.#done = new Promise((resolve, reject) => {
      this.#worker.once('message', resolve);
      this.#worker.once('error', reject);
      this.#worker.once('exit', () => reject(new Error('the thread of a workbook ended')));
    });
    // Whoever gives the workbook up does not wait for it.
    this.#done.catch(() => undefined);
  }

  add(rows: readonly Source[]): void {
    this.#worker.postMessage(rows.map((row) => cellsOf(this.#columns, row)));
  }

  /** The bytes of the workbook; nothing can be added any more. */
  async bytes(): Promise<Uint8Array> {
    this.#worker.postMessage('end');
    const bytes = await this.#done;
    invariant(bytes.length > 0, 'a workbook has bytes');
    return bytes;
  }

  /** Ends the thread, whatever it does. */
  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
