import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { MessageChannel, Worker } from 'node:worker_threads';
import pg from 'pg';
import {
  connectWorker,
  type DatabaseUrls,
  enterScope,
  SYSTEM_SCOPE,
} from '../../src/platform/index.js';
import type { PriceBook } from '../../src/rating/book.js';
import { compileBook } from '../../src/rating/compile-book.js';
import { bookMoment, loadBook, lockPriceBook } from '../../src/rating/price-book.store.js';
import { median, rounded } from './measure.js';

/** Lists with prices of their own, and lists that inherit from each of them. */
interface Shape {
  readonly name: string;
  readonly own: number;
  readonly prefixes: number;
  readonly children: number;
}

const SHAPES: readonly Shape[] = [
  { name: '10 lists of 100,000 rates', own: 10, prefixes: 100_000, children: 0 },
  { name: '100 lists of 10,000 rates', own: 100, prefixes: 10_000, children: 0 },
  { name: '1 list of 100,000 rates, 99 that inherit', own: 1, prefixes: 100_000, children: 99 },
  { name: '10 lists of 100,000 rates, 90 that inherit', own: 10, prefixes: 100_000, children: 9 },
];

const ROUNDS = 5;

setFlagsFromString('--expose_gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What the lists of one shape took, medians in seconds. */
export interface BookFigures {
  readonly name: string;
  readonly rates: number;
  readonly load: number;
  readonly compile: number;
  readonly publish: number;
  readonly together: number;
  readonly most_mib: number;
}

/** How long it takes from the database to a book that all threads share. */
export async function measureBooks(urls: DatabaseUrls): Promise<BookFigures[]> {
  const owner = new pg.Client({ connectionString: urls.ownerUrl });
  await owner.connect();
  const reader = echoThread();
  const figures: BookFigures[] = [];
  try {
    for (const shape of SHAPES) {
      await fill(owner, shape);
      const rounds: Round[] = [];
      for (let n = 0; n < ROUNDS; n += 1) rounds.push(await measureBook(urls, reader));
      figures.push(summary(shape, rounds));
      print(figures.at(-1)!);
    }
    return figures;
  } finally {
    await reader.terminate();
    await owner.end();
  }
}

interface Round {
  readonly load: number;
  readonly compile: number;
  readonly publish: number;
  readonly rates: number;
  /** Memory of the process behind the work, garbage and all, less that before it. */
  readonly addedMib: number;
}

async function measureBook(urls: DatabaseUrls, reader: Worker): Promise<Round> {
  const client = await connectWorker(urls.url, 'kontor-bench-book');
  try {
    await client.query('BEGIN');
    await enterScope(client, SYSTEM_SCOPE);
    await lockPriceBook(client);
    const { knownAt } = await bookMoment(client);
    collectGarbage();
    const rss = process.memoryUsage.rss();
    const begun = performance.now();
    const { facts, rates } = await loadBook(client, knownAt);
    const { count } = rates;
    const loaded = performance.now();
    const book = compileBook(1, facts, rates);
    const compiled = performance.now();
    await publish(reader, book);
    const published = performance.now();
    return {
      load: (loaded - begun) / 1000,
      compile: (compiled - loaded) / 1000,
      publish: (published - compiled) / 1000,
      rates: count,
      addedMib: Math.round((process.memoryUsage.rss() - rss) / 1024 / 1024),
    };
  } finally {
    await client.end();
  }
}

function echoThread(): Worker {
  return new Worker(
    `require('node:worker_threads').parentPort.on('message', ({ book, port }) => {
      port.postMessage(book.id);
    });`,
    { eval: true },
  );
}

function publish(reader: Worker, book: PriceBook): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.on('message', () => {
      port1.close();
      resolve();
    });
    reader.postMessage({ book, port: port2 }, [port2]);
  });
}

// Checks and stamps of a million rows take longer than what is measured.
async function fill(owner: pg.Client, shape: Shape): Promise<void> {
  await owner.query('SET session_replication_role = replica');
  await owner.query('TRUNCATE rate, price_list, partner RESTART IDENTITY CASCADE');
  await owner.query(
    `INSERT INTO partner (path, depth, kind, name, country)
     VALUES ('{1}', 0, 'HUB', 'Bench Hub', 'DE')`,
  );
  const lists = shape.own * (1 + shape.children);
  await owner.query(
    `INSERT INTO price_list (partner_id, parent_id, name, currency)
     SELECT 1, CASE WHEN n > $1 THEN 1 + n % $1 END, 'List ' || n, 'EUR'
     FROM generate_series(1, $2::int) n`,
    [shape.own, lists],
  );
  await owner.query('SELECT setseed(0.5)');
  await owner.query(
    `INSERT INTO rate (partner_id, price_list_id, prefix, price, connection_fee,
       first_increment, next_increment, valid_from)
     SELECT 1, l, (100 + p * 37)::text,
       floor(random() * 1200) / 10000, CASE WHEN random() < 0.2 THEN floor(random() * 5) / 100
         ELSE 0 END, (array[1, 60, 30, 60])[k], (array[1, 60, 6, 1])[k], '2026-01-01'
     FROM (SELECT l, p, 1 + floor(random() * 4)::int AS k
       FROM generate_series(1, $1::int) l, generate_series(1, $2::int) p) AS each`,
    [shape.own, shape.prefixes],
  );
  await owner.query(
    `INSERT INTO rate (partner_id, price_list_id, prefix, kind, price, valid_from)
     SELECT 1, l, '', 'PERCENT', (l % 37) - 12.5, '2026-01-01'::timestamptz
     FROM generate_series($1::int + 1, $2::int) l
     UNION ALL SELECT 1, l, prefix, 'ABSOLUTE', 0.01 * l, '2026-02-01'::timestamptz
     FROM generate_series($1::int + 1, $2::int) l,
       (SELECT prefix FROM rate WHERE price_list_id = 1 ORDER BY id LIMIT 5) AS five`,
    [shape.own, lists],
  );
  await owner.query('SET session_replication_role = origin');
  await owner.query('ANALYZE rate');
  await owner.query(`SELECT nextval('book_change')`);
}

function summary({ name }: Shape, rounds: readonly Round[]): BookFigures {
  const seconds = (of: (round: Round) => number) => rounded(median(rounds.map(of)));
  return {
    name,
    rates: rounds[0]!.rates,
    load: seconds((one) => one.load),
    compile: seconds((one) => one.compile),
    publish: seconds((one) => one.publish),
    together: seconds((one) => one.load + one.compile + one.publish),
    most_mib: Math.max(...rounds.map(({ addedMib }) => addedMib)),
  };
}

function print(book: BookFigures): void {
  console.log(
    `${book.name}: ${book.rates} rates, load ${book.load} s, compile ${book.compile} s, ` +
      `publish ${book.publish} s, together ${book.together} s, at most ${book.most_mib} MiB more`,
  );
}
