import { readFileSync } from 'node:fs';
import { DomainError } from '../kernel/index.js';
import { coded } from './armour.js';

/** The parts of a request that name its document. */
export interface NamedOperation {
  readonly query?: unknown;
  readonly documentId?: unknown;
  readonly extensions?: unknown;
}

/** Who may send listed operations only: nobody, everybody but API keys, or everybody. */
export type ListedOnly = 'off' | 'users' | 'all';

const ID = /^[\w:.+/=-]{1,200}$/;

/**
 * The operations that portals were built with. A portal sends the id of a document in place of
 * its text, and whoever is bound to the list can send nothing that a portal would not.
 */
export class OperationList {
  readonly #byId: ReadonlyMap<string, string>;
  readonly #texts: ReadonlySet<string>;
  readonly #only: ListedOnly;

  constructor(byId: ReadonlyMap<string, string>, only: ListedOnly) {
    this.#byId = byId;
    this.#texts = new Set(byId.values());
    this.#only = only;
  }

  /**
   * The text of the operation that a request names by id or carries; undefined when it does
   * neither. Refuses with PERSISTED_QUERY_NOT_FOUND an id that is not listed and comes alone.
   */
  textOf(asked: NamedOperation): string | undefined {
    const text = typeof asked.query === 'string' && asked.query !== '' ? asked.query : undefined;
    const id = idOf(asked);
    if (id === undefined || text !== undefined) return text;
    const listed = this.#byId.get(id);
    if (listed !== undefined) return listed;
    // The two answers are those that clients know: to go on with texts, or to send this one.
    throw this.#byId.size === 0
      ? coded('PERSISTED_QUERY_NOT_SUPPORTED', 'Send the document itself.', { status: 200 })
      : coded('PERSISTED_QUERY_NOT_FOUND', 'No listed operation has this id.', { status: 200 });
  }

  /** Refuses with OPERATION_NOT_LISTED what a caller who is bound to the list may not send. */
  refuseUnlisted(text: string, isApiKey: boolean): void {
    if (this.#only === 'off' || (this.#only === 'users' && isApiKey)) return;
    if (this.#texts.has(text)) return;
    throw coded('OPERATION_NOT_LISTED', 'Only listed operations may be sent here.', {
      status: 403,
    });
  }
}

function idOf({ documentId, extensions }: NamedOperation): string | undefined {
  if (typeof documentId === 'string') return documentId;
  const persisted = (extensions as { persistedQuery?: { sha256Hash?: unknown } } | null)
    ?.persistedQuery;
  const hash = persisted?.sha256Hash;
  return typeof hash === 'string' ? hash : undefined;
}

/**
 * Reads lists of operations: `{ "<id>": "<document>" }`, as graphql-codegen and Relay write
 * them, or the manifest of Apollo's generate-persisted-query-manifest. Refuses with
 * INVALID_CONFIGURATION a file that is neither, or two documents of one id.
 */
export function readOperationLists(paths: readonly string[], only: ListedOnly): OperationList {
  const byId = new Map<string, string>();
  for (const path of paths) {
    for (const [id, text] of operationsIn(path)) {
      if (!ID.test(id)) throw unreadable(path, `"${id}" is no id`);
      if ((byId.get(id) ?? text) !== text) throw unreadable(path, `${id} stands for two documents`);
      byId.set(id, text);
    }
  }
  return new OperationList(byId, only);
}

function operationsIn(path: string): [string, string][] {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw unreadable(path, error instanceof Error ? error.message : 'it cannot be read');
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw unreadable(path, 'it holds no object');
  }
  const { format, operations } = content as { format?: unknown; operations?: unknown };
  const pairs =
    format === 'apollo-persisted-query-manifest' && Array.isArray(operations)
      ? operations.map(({ id, body }: { id?: unknown; body?: unknown }) => [id, body])
      : Object.entries(content);
  return pairs.map(([id, text]) => {
    if (typeof id === 'string' && typeof text === 'string' && text !== '') return [id, text];
    throw unreadable(path, 'an entry is not an id with a document');
  });
}

function unreadable(path: string, why: string): DomainError {
  return new DomainError('INVALID_CONFIGURATION', `KONTOR_OPERATIONS: ${path}: ${why}.`, { path });
}
