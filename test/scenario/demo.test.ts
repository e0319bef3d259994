import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const MAIN = join(process.cwd(), 'build', 'src', 'main.js');
const SCALE = '0.05';
const folder = mkdtempSync(join(tmpdir(), 'kontor-demo-'));
let running: ChildProcess | undefined;

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
    const early = await demo('Partners, accounts, users');
    expect(early.status).toBeNull();
    const midway = await demo('Records of a month');
    expect(midway.status).toBeNull();
    expect(midway.text).toContain('Price lists');
    const billing = await demo('Bill run: hub');
    expect(billing.status).toBeNull();
    expect(billing.text).toContain('Import: rated at every level');

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
    expect(again.status).toBe(0);
    expect(again.seconds).toBeLessThan(20);
    expect(reportOf(again)).toBe(reportOf(whole));
    expect(again.text).not.toContain('Import: rated');
    expect(statSync(pdf).mtimeMs).toBe(written);
  });

  it('says what it did in a form that people can read', async () => {
    const { text, status } = await demo();
    expect(status).toBe(0);
    expect(text).toMatch(/source +files +received +rated +rejected +duplicate +held/);
    expect(text).toMatch(/destination +calls +minutes +cost +revenue +margin/);
    expect(text).toMatch(
      /Nordhafen Clearing +Rheinfunk +\S+ +EUR +[\d,.]+ +[\d,.]+ +[\d,.]+ +\S+pdf/,
    );
    expect(text).toMatch(/otpauth:\/\/totp\/Kontor:admin%40nordhafen\.example\?secret=\w+/);
  });

  it('refuses words that it does not know', async () => {
    const env = { ...process.env, KONTOR_DATA_DIR: folder };
    const child = spawn(process.execPath, [MAIN, 'demo', '--fast'], { env });
    const status = await new Promise((done) => child.on('close', done));
    expect(status).toBe(1);
  });
});
