/** The folder below the inbox for deliveries whose content was imported before. */
export const KEPT_ASIDE = '.duplicate';

/** Whether an entry of an inbox folder may be taken. */
export type Readiness = 'IGNORED' | 'WAITING' | 'COMPLETE';

/** Suffix of the empty file that declares the file of the same name complete. */
const MARKER = '.done';

/**
 * Names that begin with a point or end in `.part` or `.tmp` are still being written, and markers
 * are no files of their own. A file is complete when its marker stands beside it, or when it has
 * not changed between two looks.
 */
export function readiness(name: string, names: ReadonlySet<string>, unchanged: boolean): Readiness {
  if (name.startsWith('.') || /\.(?:part|tmp|done)$/i.test(name)) return 'IGNORED';
  return unchanged || names.has(name + MARKER) ? 'COMPLETE' : 'WAITING';
}
