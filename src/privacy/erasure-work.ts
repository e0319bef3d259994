import type { OwnNumbers } from './pseudonym.js';

/** Numbers of a subscription, from one to another, and when it had them. */
export interface HeldNumbers {
  readonly id: number;
  readonly from: string;
  readonly to: string;
  readonly validFrom: string;
  readonly validTo: string | null;
}

/** What a batch of an erasure does. */
export type ErasurePayload =
  | {
      readonly step: 'NUMBERS' | 'DELIVERIES' | 'SUSPENSE' | 'FILES' | 'END';
      readonly erasureId: number;
    }
  | { readonly step: 'DAY'; readonly erasureId: number; readonly day: string };

/** What an erasure works with; sealed while it runs, and gone when it is done. */
export interface ErasureWork {
  /** Hexadecimal. */
  readonly key: string;
  readonly own: readonly (OwnNumbers & HeldNumbers)[];
  /** How far files were searched, and what was changed so far; absent before the first. */
  readonly searched?: {
    readonly fileId: number;
    readonly files: number;
    readonly lines: number;
  };
}

/** What the work of an erasure is sealed for. */
export function sealedFor(erasureId: number): string {
  return `erasure ${erasureId}`;
}
