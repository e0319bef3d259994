const BAR = 30;
const REDRAW_MS = 100;
const PLAIN_MS = 2000;

/** Where the demo says what it does: one line a step, redrawn in place on a terminal. */
export class Terminal {
  readonly #out: NodeJS.WriteStream;
  readonly #startedAt = Date.now();
  #stepAt = 0;
  #drawnAt = 0;
  #step = '';

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  /** Whether lines may be redrawn and coloured. */
  get isInteractive(): boolean {
    return this.#out.isTTY === true;
  }

  /** Seconds since the demo began. */
  get seconds(): number {
    return (Date.now() - this.#startedAt) / 1000;
  }

  line(text = ''): void {
    this.#out.write(`${text}\n`);
  }

  title(text: string): void {
    this.line();
    this.line(this.#out.isTTY ? `\x1b[1m${text}\x1b[0m` : text);
  }

  /** Does a step and says how long it took; `work` may report how far it is. */
  async step<T>(
    name: string,
    work: (progress: (part: number, text: string) => void) => Promise<T>,
  ): Promise<T> {
    this.#step = name;
    this.#stepAt = Date.now();
    this.#drawnAt = this.#stepAt;
    if (this.#out.isTTY) this.#out.write(`  ${name} …`);
    let last = '';
    const result = await work((part, text) => {
      last = text;
      this.#draw(part, text);
    });
    const seconds = ((Date.now() - this.#stepAt) / 1000).toFixed(1);
    const detail = last === '' ? '' : `  ${last}`;
    this.#erase();
    this.line(`  ${name.padEnd(34)} ${seconds.padStart(5)} s${detail}`);
    return result;
  }

  #draw(part: number, text: string): void {
    const now = Date.now();
    if (part >= 1) return;
    if (now - this.#drawnAt < (this.#out.isTTY ? REDRAW_MS : PLAIN_MS)) return;
    this.#drawnAt = now;
    const percent = `${Math.floor(part * 100)} %`.padStart(5);
    if (!this.#out.isTTY) {
      this.line(`    ${this.#step}: ${percent}  ${text}`);
      return;
    }
    const full = Math.round(Math.min(1, part) * BAR);
    const bar = '█'.repeat(full) + '░'.repeat(BAR - full);
    this.#erase();
    this.#out.write(`  ${this.#step}  ${bar} ${percent}  ${text}`);
  }

  #erase(): void {
    if (this.#out.isTTY) this.#out.write('\r\x1b[2K');
  }

  /** A table with its columns aligned; those after the first `left` ones to the right. */
  table(head: readonly string[], rows: readonly (readonly string[])[], left = 1): void {
    const widths = head.map((name, column) =>
      Math.max(...[name, ...rows.map((row) => row[column] ?? '')].map((cell) => cell.length)),
    );
    const print = (cells: readonly string[]) => {
      const padded = cells.map((cell, column) => {
        const width = widths[column] ?? 0;
        return column < left ? cell.padEnd(width) : cell.padStart(width);
      });
      this.line(`  ${padded.join('  ').trimEnd()}`);
    };
    print(head);
    print(widths.map((width) => '─'.repeat(width)));
    for (const row of rows) print(row);
  }
}

/** A whole number with separators between thousands. */
export function grouped(value: number | string | bigint): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** An amount with separators and two decimals, cut from its exact decimal text. */
export function money(decimal: string): string {
  const negative = decimal.startsWith('-');
  const [whole = '0', fraction = ''] = decimal.replace('-', '').split('.');
  return `${negative ? '-' : ''}${grouped(whole)}.${fraction.padEnd(2, '0').slice(0, 2)}`;
}
