import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A lock between processes of one machine: a file made with O_EXCL that names its holder.
 * A holder that died without releasing is recognised and its lock is taken over.
 */
export type ProcessLock = { release(): void };

// A lock file is written right after it is made; one that stays empty this long is a leftover.
const EMPTY_LOCK_IS_STALE_MS = 5_000;

/**
 * Names a process so that a later process with the same number is told apart: the number and,
 * where the system tells, the moment it was started.
 */
export function processToken(pid: number = process.pid): string {
  return `${pid}:${startOf(pid)}`;
}

/** Whether the process that made this token still runs. */
export function isTokenAlive(token: string): boolean {
  const [pidText = '', start = ''] = token.split(':');
  const pid = Number(pidText);
  return isAlive(pid) && (start === '' || startOf(pid) === start);
}

/** Whether a process with this number runs, whoever owns it; a zombie does not run. */
export function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return statFields(pid)?.[0] !== 'Z';
}

/** Takes the lock now or says who has it. */
export function tryLock(path: string): ProcessLock | undefined {
  const token = processToken();
  if (!isHeld(path)) breakStale(path);
  try {
    writeFileSync(path, token, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
    throw error;
  }
  return { release: () => rmSync(path, { force: true }) };
}

/** Waits for the lock; throws when the holder keeps it longer than `timeoutMs`. */
export async function lock(path: string, timeoutMs: number): Promise<ProcessLock> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const held = tryLock(path);
    if (held) return held;
    if (Date.now() > deadline) {
      throw new Error(`Another process (${readText(path) ?? 'unknown'}) keeps the lock ${path}`);
    }
    await sleep(50);
  }
}

function isHeld(path: string): boolean {
  const text = readText(path);
  if (text === undefined) return false;
  if (text !== '') return isTokenAlive(text);
  const age = ageOf(path);
  return age !== undefined && age < EMPTY_LOCK_IS_STALE_MS;
}

// Two processes may both see the same stale lock. Only the one that holds the breaker removes
// it, after looking again, so that it never removes the fresh lock of the other.
function breakStale(path: string): void {
  const breaker = `${path}.break`;
  const age = ageOf(breaker);
  if (age !== undefined && age > 2 * EMPTY_LOCK_IS_STALE_MS) rmSync(breaker, { force: true });
  try {
    writeFileSync(breaker, '', { flag: 'wx' });
  } catch {
    return;
  }
  try {
    if (!isHeld(path)) rmSync(path, { force: true });
  } finally {
    rmSync(breaker, { force: true });
  }
}

function startOf(pid: number): string {
  // Field 22 of the whole line is field 19 after the state; empty where /proc is missing.
  return statFields(pid)?.[19] ?? '';
}

// The fields after the command name, which may itself contain blanks and brackets.
function statFields(pid: number): string[] | undefined {
  const text = readText(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function ageOf(path: string): number | undefined {
  try {
    return Date.now() - statSync(path).mtimeMs;
  } catch {
    return undefined;
  }
}
