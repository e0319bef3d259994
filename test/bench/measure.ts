import { readdirSync, readFileSync } from 'node:fs';

/** How much a bench does. */
export interface BenchOptions {
  readonly records: number;
  readonly rounds: number;
  readonly prefixes: number;
  readonly subscriptions: number;
  readonly workers: number;
}

export interface Measured {
  readonly seconds: number;
  /** CPU of this process with all its threads. */
  readonly nodeCpuSeconds: number;
  /** CPU of the database server with all its processes. */
  readonly postgresCpuSeconds: number;
}

const TICKS_A_SECOND = 100;

/** Times one piece of work and what it cost on both sides. */
export async function measure(
  serverPids: () => Promise<number[]>,
  work: () => Promise<void>,
): Promise<Measured> {
  const before = cpuOf(await serverPids());
  const node = process.cpuUsage();
  const start = process.hrtime.bigint();
  await work();
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  const { user, system } = process.cpuUsage(node);
  const after = cpuOf(await serverPids());
  let postgres = 0;
  for (const [pid, ticks] of after) postgres += ticks - (before.get(pid) ?? 0);
  return {
    seconds,
    nodeCpuSeconds: (user + system) / 1e6,
    postgresCpuSeconds: postgres / TICKS_A_SECOND,
  };
}

/** Two pieces of work, one after the other. */
export function added(first: Measured, second: Measured): Measured {
  return {
    seconds: first.seconds + second.seconds,
    nodeCpuSeconds: first.nodeCpuSeconds + second.nodeCpuSeconds,
    postgresCpuSeconds: first.postgresCpuSeconds + second.postgresCpuSeconds,
  };
}

/** The processes whose parent is one of the given ones, with those themselves. */
export function withChildren(pid: number): number[] {
  const found = [pid];
  for (const entry of readdirSync('/proc')) {
    if (/^\d+$/.test(entry) && statOf(Number(entry))?.parent === pid) found.push(Number(entry));
  }
  return found;
}

function cpuOf(pids: readonly number[]): Map<number, number> {
  return new Map(pids.map((pid) => [pid, statOf(pid)?.ticks ?? 0]));
}

/** Parent and CPU ticks of a process. */
export function statOf(pid: number): { parent: number; ticks: number } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    // Own time and that of children that have ended, such as backends of closed connections.
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    return { parent: Number(fields[1]), ticks };
  } catch {
    return null;
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** To three decimals. */
export function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
