import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { EVENT_TIERS, MESSAGE_TIERS } from '../../seeds/demo/charges.js';
import { byVolume, germanCalls, graduated } from '../../seeds/demo/expected.js';
import type { ReferenceDestination } from '../../seeds/reference/destinations.js';

const MAIN = join(process.cwd(), 'build', 'src', 'main.js');
const SCALE = '0.05';
const folder = mkdtempSync(join(tmpdir(), 'kontor-demo-'));
let running: ChildProcess | undefined;
let told = '';

afterAll(() => {
  running?.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

interface Ended {
  readonly status: number | null;
  readonly text: string;
  readonly seconds: number;
}

/** Runs the demo; with `killAt` it is killed as soon as that line has been begun. */
function demo(killAt?: string): Promise<Ended> {
  const env: NodeJS.ProcessEnv = { ...process.env, KONTOR_DATA_DIR: folder, TZ: 'UTC' };
  delete env.DATABASE_URL;
  delete env.DATABASE_OWNER_URL;
  const startedAt = Date.now();
  const child = spawn(process.execPath, [MAIN, 'demo', '--exit', '--scale', SCALE], { env });
  running = child;
  let text = '';
  const hear = (chunk: Buffer) => {
    text += chunk.toString();
    if (killAt !== undefined && text.includes(killAt)) child.kill('SIGKILL');
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  return new Promise((done) => {
    child.on('close', (status) => {
      done({ status, text, seconds: (Date.now() - startedAt) / 1000 });
    });
  });
}

/** What the demo reports, without the sizes of columns. */
function reportOf({ text }: Ended): string {
  return text.slice(text.indexOf('\nRecords\n'), text.indexOf('\nSign in\n'));
}

describe('The demo', () => {
  it('goes on where it was killed, and run again changes nothing', {
    timeout: 300_000,
  }, async () => {
    const midway = await demo('Subscriptions  ');
    expect(midway.status).toBeNull();
    expect(midway.text).toContain('Tiers, discounts, allowances');
    const folding = await demo('Months with their allowances');
    expect(folding.status).toBeNull();
    expect(folding.text).toContain('Import: rated at every level');

    const whole = await demo();
    expect(whole.text).toContain('Done in');
    expect(whole.status).toBe(0);
    expect(reportOf(whole)).toMatch(/all +15 +5\d,\d{3}/);
    const pdfs = readdirSync(join(folder, 'demo', 'invoices'));
    expect(pdfs.length).toBe(25);
    const pdf = join(folder, 'demo', 'invoices', pdfs[0] ?? '');
    expect(readFileSync(pdf).subarray(0, 5).toString()).toBe('%PDF-');
    const written = statSync(pdf).mtimeMs;

    const again = await demo();
    told = again.text;
    expect(again.status).toBe(0);
    expect(again.seconds).toBeLessThan(20);
    expect(reportOf(again)).toBe(reportOf(whole));
    expect(again.text).not.toContain('Import: rated');
    expect(statSync(pdf).mtimeMs).toBe(written);
  });

  it('says what it did in a form that people can read', () => {
    const text = told;
    expect(text).toMatch(/source +files +received +rated +rejected +duplicate +held/);
    expect(text).toMatch(
      /\n {2}[\d,]+ runs: [1-9]\d* contracts, [\d,]+ records, [1-9][\d,]* of them/,
    );
    // An hour, and half an hour of the months before.
    expect(text).toMatch(/60 Freiminuten Deutschland +subscription +3,600 +1,800 +0 +[1-9]/);
    expect(text).toMatch(/Datenpool 10 GB +account +10,737,418,240 +0 +0 +[1-9]/);
    expect(text).toMatch(/Inklusivguthaben +subscription +3 /);
    expect(text).toMatch(/destination +calls +minutes +cost +revenue +margin/);
    expect(text).toMatch(
      /Nordhafen Clearing +Rheinfunk +\S+ +EUR +[\d,.]+ +[\d,.]+ +[\d,.]+ +\S+pdf/,
    );
    expect(text).toMatch(/otpauth:\/\/totp\/Kontor:admin%40nordhafen\.example\?secret=\w+/);
  });

  it('holds the product against figures that are right by hand', () => {
    // 1,000 at 0.062, 2,000 at 0.055 and 500 at 0.048 are 62 + 110 + 24.
    expect(graduated(MESSAGE_TIERS, 3_500)).toBe(1_960_000n);
    expect(graduated(MESSAGE_TIERS, 1_000)).toBe(620_000n);
    // 200 at 0.49, or 201 at 0.45, and 0.05 more for each.
    expect(byVolume(EVENT_TIERS, 200, '0.05')).toBe(1_080_000n);
    expect(byVolume(EVENT_TIERS, 201, '0.05')).toBe(1_005_000n);
    // 5,400 s are free. The second call, which came late, takes 5,300; of the first 100 of 200 s
    // are left: 0.04 + 100 * 0.035 / 60 = 0.09833...; the third is a minute: 0.04 + 0.012.
    const call = (startedAt: number, called: string, seconds: number) => {
      return { startedAt, called, seconds };
    };
    const calls = [
      call(2_000, '4915112345678', 200),
      call(1_000, '493012345678', 5_300),
      call(3_000, '493012345678', 10),
      call(4_000, '33123456789', 60),
    ];
    const to = (name: string, kind: ReferenceDestination['kind'], prefix: string) => {
      return { name, kind, country: 'DE', prefixes: [prefix] };
    };
    const germany = [to('Germany', 'GEOGRAPHIC', '49'), to('Mobile', 'MOBILE', '49151')];
    expect(germanCalls(calls, germany)).toEqual({ free: 5_400, charged: 983n + 520n });
  });

  it('refuses words that it does not know', async () => {
    const env = { ...process.env, KONTOR_DATA_DIR: folder };
    const child = spawn(process.execPath, [MAIN, 'demo', '--fast'], { env });
    const status = await new Promise((done) => child.on('close', done));
    expect(status).toBe(1);
  });
});
