import { canonicalJson } from '../kernel/index.js';

/** A place of the chain with the hash of its entry. */
export interface Place {
  readonly seq: number;
  readonly hash: string;
}

/** What somebody declares who has restored an older state of the database. */
export interface Restore {
  /** The last entry that the restored state had; 0 when it had none. */
  readonly keptThrough: number;
  /** Heads that speak of entries which the restored state did not have, oldest first. */
  readonly lost: readonly Place[];
  /** When it was declared, ISO 8601. */
  readonly at: string;
}

const KIND = 'audit-restore';

/** The text that is signed. */
export function restoreText(restore: Restore): string {
  return canonicalJson({ ...restore, kind: KIND, version: 1 });
}

/** What a signed text declares; null when it is none of ours. */
export function readRestore(text: string): Restore | null {
  try {
    const found = JSON.parse(text) as Restore & { kind: string; version: number };
    const { kind, version, keptThrough, lost, at } = found;
    const whole = kind === KIND && version === 1 && Array.isArray(lost);
    return whole ? { keptThrough, lost, at } : null;
  } catch {
    return null;
  }
}

/** Whether one of the restores has lost the entry of a head. */
export function lostBy(restores: readonly Restore[]): (head: Place) => boolean {
  const lost = new Set(restores.flatMap(({ lost: heads }) => heads.map(nameOf)));
  return (head) => lost.has(nameOf(head));
}

function nameOf({ seq, hash }: Place): string {
  return `${seq} ${hash}`;
}
