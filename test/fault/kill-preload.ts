// Loaded before everything else of a process that a fault test starts, worker threads included:
// counts the statements of every thread, and ends the process at the one it is told to.
import { appendFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import pg from 'pg';

export type KillMoment = 'before' | 'sent' | 'after';

/** Where to kill: at a statement by its number in a kind of thread, or by how it begins. */
export interface KillPoint {
  readonly thread: 'main' | 'worker';
  readonly at: number;
  readonly begins?: string;
  readonly moment: KillMoment;
}

type Query = (...args: unknown[]) => unknown;

const point = JSON.parse(process.env.KONTOR_TEST_KILL ?? 'null') as KillPoint | null;
const countFile = process.env.KONTOR_TEST_COUNT;
const planted = process.env.KONTOR_TEST_PLANT === 'two-transactions';
const thread = isMainThread ? 'main' : 'worker';
const prototype = pg.Client.prototype as unknown as { query: Query };
const send = prototype.query;
let statements = 0;

prototype.query = function query(this: pg.Client, ...args: unknown[]): unknown {
  const text = textOf(args[0]);
  if (planted && thread === 'worker' && text.startsWith("UPDATE run_batch SET state = 'DONE'")) {
    // The classic mistake: results are committed first, that they are done comes after.
    void send.call(this, 'COMMIT');
    void send.call(this, 'BEGIN');
    void send.call(
      this,
      `SELECT set_config('kontor.partner_ids', v.ids, true) FROM visible_partners(NULL) v`,
    );
  }
  const hit = point !== null && point.thread === thread && reached(text, point);
  if (hit && point.moment === 'before') die();
  const answer = send.apply(this, args);
  if (hit && point.moment === 'sent') setImmediate(die);
  if (hit && point.moment === 'after') {
    if (answer instanceof Promise) answer.then(die, die);
    else setTimeout(die, 5);
  }
  return answer;
};

function reached(text: string, where: KillPoint): boolean {
  if (where.begins !== undefined && !text.startsWith(where.begins)) return false;
  statements += 1;
  return statements === where.at;
}

function textOf(query: unknown): string {
  if (typeof query === 'string') return query;
  return (query as { text?: string } | null)?.text ?? '';
}

function die(): void {
  process.kill(process.pid, 'SIGKILL');
}

const lsnFile = process.env.KONTOR_TEST_LSN;
if (lsnFile !== undefined) {
  // Where the log of the database ends before each statement, for restores to inside of a run.
  const noting = prototype.query;
  prototype.query = function query(this: pg.Client, ...args: unknown[]): unknown {
    const text = textOf(args[0]).replace(/\s+/g, ' ').trim().slice(0, 60);
    void (
      send.call(this, 'SELECT pg_current_wal_insert_lsn()::text AS lsn') as Promise<{
        rows: { lsn: string }[];
      }>
    ).then(
      ({ rows }) => appendFileSync(lsnFile, `${thread}\t${rows[0]?.lsn}\t${text}\n`),
      () => undefined,
    );
    return noting.apply(this, args);
  };
}

if (countFile !== undefined) {
  let counted = 0;
  const beginnings = new Set<string>();
  const counting = prototype.query;
  prototype.query = function query(this: pg.Client, ...args: unknown[]): unknown {
    counted += 1;
    beginnings.add(textOf(args[0]).slice(0, 60));
    return counting.apply(this, args);
  };
  process.on('exit', () => {
    appendFileSync(countFile, `${thread} ${counted}\n`);
    for (const text of beginnings) {
      appendFileSync(`${countFile}.texts`, `${thread} ${text.replace(/\s+/g, ' ')}\n`);
    }
  });
}
