import { canonicalJson, maskNumbersIn, toGlobalId } from '../kernel/index.js';
import type { Act, Actor, Change, Changes, Further } from './act.js';
import { maskChange } from './masking.js';

const MAX_SUBJECTS = 200;
const OPAQUE_ID = /^[\w-]{4,512}$/;
const TYPES: Readonly<Record<string, string>> = { app_user: 'User' };

/** What an entry says, besides its place in the chain. */
export interface EntryBody {
  readonly version: 1;
  readonly actor: Actor;
  readonly operation: string;
  readonly arguments: unknown;
  readonly reason: string | null;
  readonly requestId: string;
  readonly changes: readonly Change[];
  readonly further: readonly Further[];
  /** What it is about: `Type:id` of rows that changed and of identifiers that were given. */
  readonly subjects: readonly string[];
}

/** Puts together what an entry says, with nothing in it that may not be kept for ever. */
export function entryBody(act: Act, actor: Actor, changes: Changes): EntryBody {
  const rows = changes.rows.map(maskChange);
  const { operation, requestId, reason } = act;
  const subjects = new Set([...rows.flatMap(subjectOf), ...idsIn(act.arguments)]);
  return {
    version: 1,
    actor,
    operation,
    arguments: act.arguments,
    reason: reason === null ? null : maskNumbersIn(reason),
    requestId,
    changes: rows,
    further: changes.further,
    subjects: [...subjects].slice(0, MAX_SUBJECTS),
  };
}

/** The text that is hashed and kept; equal content gives equal text. */
export function bodyText(body: EntryBody): string {
  return canonicalJson(body);
}

/** GraphQL name of what a table holds. */
function typeOfTable(table: string): string {
  const pascal = table.replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return TYPES[table] ?? pascal;
}

function subjectOf(change: Change): string[] {
  const { id } = change.key;
  return id === undefined ? [] : [`${typeOfTable(change.table)}:${id}`];
}

/** Subjects behind the opaque identifiers in a value, wherever they stand in it. */
function idsIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(idsIn);
  if (typeof value === 'string') return subjectBehind(value);
  if (value === null || typeof value !== 'object') return [];
  return Object.values(value).flatMap(idsIn);
}

/** `Type:id` behind an opaque identifier of a row; nothing when it is none. */
export function subjectBehind(text: string): string[] {
  if (!OPAQUE_ID.test(text)) return [];
  const plain = Buffer.from(text, 'base64url').toString('utf8');
  const [, type, id] = /^([A-Z][A-Za-z]{1,63}):([\w:-]{1,80})$/.exec(plain) ?? [];
  if (type === undefined || id === undefined) return [];
  return toGlobalId(type, id) === text ? [`${type}:${id}`] : [];
}

interface Note {
  readonly t: string;
  readonly o: Change['action'];
  readonly k: Change['key'];
  readonly b: Change['before'];
  readonly a: Change['after'];
  readonly h: readonly string[];
}

/** Changes from the notes of the triggers: a line for each row. */
export function readNotes(lines: string): Change[] {
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const note = JSON.parse(line) as Note;
      const { t: table, o: action, k: key, b: before, a: after, h: hidden } = note;
      return { table, action, key, before, after, hidden };
    });
}
