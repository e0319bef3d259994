import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { keptKeys, rotateKeys } from '../../src/identity/index.js';

const now = new Date('2026-11-01T12:00:00Z');
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);
const DAY = 86_400;

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'kontor-keys-'));
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(dataDir, { recursive: true });
});
const file = () => join(dataDir, 'secrets', 'token-keys.json');
const idsOf = (source: ReturnType<typeof keptKeys>) => source().map(({ id }) => id);

describe('keys in the data directory', () => {
  it('are made on first use, for the owner only, and the same for every process', () => {
    const [one, other] = [keptKeys(dataDir)(), keptKeys(dataDir)()];
    expect(one).toHaveLength(1);
    expect(other).toEqual(one);
    expect(one[0]?.secret).toHaveLength(32);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
  });

  it('are rotated under running processes, which notice within five seconds', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const running = keptKeys(dataDir);
    const [old] = idsOf(running);
    const { id, activeFrom } = await rotateKeys(dataDir, now);
    expect(activeFrom).toEqual(later(15));
    expect(idsOf(running)).toEqual([old]);
    vi.advanceTimersByTime(5_000);
    expect(idsOf(running)).toEqual([id, old]);
    expect(running()[1]?.retiredAt).toEqual(activeFrom);
  });

  it('are forgotten when no token of theirs can live any more', async () => {
    const first = idsOf(keptKeys(dataDir))[0];
    const second = (await rotateKeys(dataDir, now)).id;
    const third = (await rotateKeys(dataDir, later(6 * DAY))).id;
    expect(idsOf(keptKeys(dataDir))).toEqual([third, second, first]);
    const fourth = (await rotateKeys(dataDir, later(7 * DAY + 15))).id;
    expect(idsOf(keptKeys(dataDir))).toEqual([fourth, third, second]);
  });

  it('all stay when several rotate at the same moment', async () => {
    const made = await Promise.all(Array.from({ length: 8 }, () => rotateKeys(dataDir, now)));
    const ids = idsOf(keptKeys(dataDir));
    expect(ids).toHaveLength(9);
    expect(ids).toEqual(expect.arrayContaining(made.map(({ id }) => id)));
    expect(readdirSync(join(dataDir, 'secrets'))).toEqual(['token-keys.json']);
  });

  it('that are damaged stop the start instead of being replaced', async () => {
    keptKeys(dataDir);
    for (const text of ['', '[]', '{', '[{"id":"a1b2","secret":"AAAA"}]']) {
      writeFileSync(file(), text);
      expect(() => keptKeys(dataDir)).toThrow('damaged');
      await expect(rotateKeys(dataDir, now)).rejects.toThrow('damaged');
      expect(readFileSync(file(), 'utf8')).toBe(text);
    }
  });
});
