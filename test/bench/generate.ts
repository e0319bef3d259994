import { closeSync, openSync, writeSync } from 'node:fs';
import { Random } from './random.js';
import type { World } from './world.js';

/** What a generated file holds, to be compared with what was committed. */
export interface Generated {
  readonly path: string;
  readonly bytes: number;
  readonly lines: number;
  readonly duplicates: number;
  readonly malformed: number;
}

export interface GenerateOptions {
  readonly path: string;
  readonly records: number;
  readonly seed: number;
  /** Days that the records spread over, in order of time. */
  readonly days: number;
  /** No two records at the same instant, so that time alone says which came first. */
  readonly apart?: boolean;
}

const CHUNK = 1 << 20;
const DAY_MS = 86_400_000;
const FIRST_MS = Date.UTC(2026, 9, 1);

/**
 * A file in the `kontor` format: 80 % of the calls go to 1 % of the prefixes, one line in a
 * hundred is the copy of an earlier one and one in a hundred cannot be read.
 */
export function generate(world: World, options: GenerateOptions): Generated {
  const random = new Random(options.seed);
  const fd = openSync(options.path, 'w');
  const out = Buffer.allocUnsafe(CHUNK + 4096);
  const hot = Math.max(1, Math.floor(world.prefixes.length / 100));
  let filled = out.write(
    'record_id,service,started_at,a_number,b_number,quantity,in_trunk,out_trunk\n',
  );
  let [bytes, duplicates, malformed] = [0, 0, 0];
  let earlier = '';
  for (let n = 0; n < options.records; n += 1) {
    const ms = Math.floor((n / options.records) * options.days * DAY_MS);
    const at = FIRST_MS + (options.apart ? ms : ms - (ms % 1000));
    let line: string;
    if (earlier !== '' && random.chance(0.01)) {
      line = earlier;
      duplicates += 1;
    } else if (random.chance(0.01)) {
      line = `${id(n, options.seed)},voice,not a time,1,2,3,,\n`;
      malformed += 1;
    } else {
      line = record(world, random, n, options.seed, at, hot);
      if (random.chance(0.05)) earlier = line;
    }
    filled += out.write(line, filled, 'latin1');
    if (filled >= CHUNK) {
      bytes += writeSync(fd, out, 0, filled);
      filled = 0;
    }
  }
  bytes += writeSync(fd, out, 0, filled);
  closeSync(fd);
  return { path: options.path, bytes, lines: options.records, duplicates, malformed };
}

function record(
  world: World,
  random: Random,
  n: number,
  seed: number,
  atMs: number,
  hot: number,
): string {
  const { prefixes, callers, outTrunks } = world;
  const prefix = prefixes[random.chance(0.8) ? random.below(hot) : random.below(prefixes.length)]!;
  let called = prefix;
  while (called.length < 11) called += String(random.below(10));
  const caller = callers[random.below(callers.length)]! + random.below(10);
  const duration = random.chance(0.15) ? 0 : 1 + Math.floor(random.below(30) ** 2);
  const started = new Date(atMs).toISOString().replace('.000', '');
  const trunk = outTrunks[random.below(outTrunks.length)]!;
  return `${id(n, seed)},voice,${started},+${caller},+${called},${duration},,${trunk}\n`;
}

function id(n: number, seed: number): string {
  return `${seed.toString(16)}-${n.toString(16).padStart(9, '0')}-bench`;
}
