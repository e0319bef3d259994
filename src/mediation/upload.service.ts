import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type AuditService, actorOf } from '../audit/index.js';
import { DomainError, toGlobalId } from '../kernel/index.js';
import {
  type Database,
  type RouteModule,
  reasonOf,
  requirePermission,
  requireRouteViewer,
  rowsOf,
  SYSTEM_SCOPE,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import { fileNameFault } from './file-name.js';
import type { FileStorage, ReceiveOptions, StoredContent } from './file-storage.service.js';

export interface UploadOptions {
  readonly maxBytes: number;
}

/** What a rate sheet has at most: a workbook is not read beyond it. */
const MAX_SHEET_BYTES = 128 * 1024 * 1024;

/** Who uploads, and why. */
export interface UploadCaller {
  readonly viewer: Viewer;
  readonly requestId: string;
  readonly reason: string | null;
}

/** A file as it is sent: its body, and whether it is said to be a rate sheet. */
export interface SentFile {
  readonly name: string;
  readonly body: AsyncIterable<Uint8Array>;
  readonly encoding: ReceiveOptions['encoding'];
  readonly rateSheet: boolean;
}

/** How content came: under which name, from which entry of the inbox, and what for. */
export interface FileOrigin {
  readonly name: string;
  readonly arrivedAs: string | null;
  readonly rateSheet: boolean;
}

/** What an upload answers. */
export interface UploadAnswer {
  readonly fileId: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Whether the partner had stored the same bytes before; then `fileId` is that file's. */
  readonly alreadyStored: boolean;
}

/** Takes usage files and rate sheets over HTTP. */
export class UploadService {
  readonly #database: Database;
  readonly #audit: AuditService;
  readonly #storage: FileStorage;
  readonly #options: UploadOptions;

  constructor(
    database: Database,
    audit: AuditService,
    storage: FileStorage,
    options: UploadOptions,
  ) {
    this.#database = database;
    this.#audit = audit;
    this.#storage = storage;
    this.#options = options;
  }

  /** Makes the folders and removes what interrupted uploads left behind. */
  async open(now: Date): Promise<void> {
    await this.#storage.open(now);
    await this.removeLeftovers(now);
  }

  /** Removes stored bytes that no row knows; answers of how many files. */
  removeLeftovers(now: Date): Promise<number> {
    return this.#storage.removeOrphans(async (names) => {
      const rows = await this.#database.read(SYSTEM_SCOPE, (tx) =>
        tx.query(
          `SELECT stored_as FROM usage_file
           WHERE stored_as = ANY ($1::text[]) AND purged_at IS NULL`,
          [names],
        ),
      );
      return new Set(rowsOf<{ stored_as: string }>(rows).map((row) => row.stored_as));
    }, now);
  }

  /** Removes the bytes of files that were purged. */
  async removeUnused(storedAs: string, now: Date): Promise<void> {
    await this.#storage.removeUnused(storedAs, now);
  }

  /**
   * How many bytes the viewer may send: a rate sheet's worth where he keeps prices and delivers no
   * usage. Refuses with FORBIDDEN who does neither.
   */
  limitOf(viewer: Viewer): number {
    const { maxBytes } = this.#options;
    if (keepsPricesAlone(viewer)) return Math.min(MAX_SHEET_BYTES, maxBytes);
    requirePermission(viewer, 'usage.import');
    return maxBytes;
  }

  /**
   * Stores a body as a file of the viewer's partner; what is sent by who delivers no usage is a
   * rate sheet. Refuses with FORBIDDEN, FILE_NAME_INVALID and the refusals of
   * {@link FileStorage.receive}.
   */
  async upload(caller: UploadCaller, sent: SentFile): Promise<UploadAnswer> {
    const { name, body, encoding } = sent;
    assertFileName(name);
    const { viewer, requestId, reason } = caller;
    const maxBytes = this.limitOf(viewer);
    const content = await this.#storage.receive(body, { encoding, maxBytes });
    const { partnerId } = viewer;
    const rateSheet = sent.rateSheet || keepsPricesAlone(viewer);
    const act = { operation: 'uploadFile', arguments: { name, rateSheet }, reason, requestId };
    const row = await this.#audit.write({ partnerId }, act, actorOf(viewer), (tx) =>
      registerFile(tx, partnerId, content, { name, arrivedAs: null, rateSheet }),
    );
    return {
      fileId: toGlobalId('UsageFile', row.id),
      sha256: content.sha256,
      sizeBytes: content.sizeBytes,
      alreadyStored: !row.created,
    };
  }
}

function keepsPricesAlone({ permissions }: Viewer): boolean {
  return permissions.has('catalog.manage') && !permissions.has('usage.import');
}

/**
 * Registers stored content as a usage file of a partner, or finds the file that has it. One whose
 * bytes were purged before its import had ended counts as stored now, with these bytes. What is
 * sent as a rate sheet is one also where the same bytes came before: the sender has them.
 */
export async function registerFile(
  tx: Tx,
  partnerId: number,
  content: StoredContent,
  { name, arrivedAs, rateSheet }: FileOrigin,
): Promise<{ readonly id: number; readonly created: boolean }> {
  const made = rowsOf<{ id: number }>(
    await tx.query(
      `INSERT INTO usage_file
         (partner_id, name, sha256, size_bytes, stored_as, arrived_as, rate_sheet)
       VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (partner_id, sha256) DO UPDATE
         SET name = excluded.name, stored_as = excluded.stored_as,
           arrived_as = excluded.arrived_as, rate_sheet = excluded.rate_sheet,
           created_at = excluded.created_at, purged_at = NULL
         WHERE usage_file.purged_at IS NOT NULL AND usage_file.state IN ('STORED','IMPORTING')
       RETURNING id`,
      [partnerId, name, content.sha256, content.sizeBytes, content.storedAs, arrivedAs, rateSheet],
    ),
  )[0];
  if (made !== undefined) return { id: made.id, created: true };
  if (rateSheet) {
    await tx.query(
      `UPDATE usage_file SET rate_sheet = true
       WHERE partner_id = $1 AND sha256 = $2 AND NOT rate_sheet`,
      [partnerId, content.sha256],
    );
  }
  const found = rowsOf<{ id: number }>(
    await tx.query('SELECT id FROM usage_file WHERE partner_id = $1 AND sha256 = $2', [
      partnerId,
      content.sha256,
    ]),
  )[0];
  if (found === undefined) throw new DomainError('CONFLICT', 'The file changed meanwhile.');
  return { id: found.id, created: false };
}

function assertFileName(name: string): void {
  const fault = fileNameFault(name);
  if (fault === null) return;
  throw new DomainError('FILE_NAME_INVALID', 'This cannot be the name of a file.', { fault });
}

// A sender that goes silent this long is cut off.
const IDLE_MS = 60_000;

const STATUS: Readonly<Record<string, number>> = {
  UPLOAD_TOO_LARGE: 413,
  UPLOAD_ENCODING_UNSUPPORTED: 415,
  STORAGE_FULL: 507,
};

interface UploadRequest {
  readonly Params: { readonly name: string };
  readonly Querystring: { readonly for?: unknown };
}

/**
 * `PUT /files/:name`: the body is the file, as it is or packed with gzip; `?for=rate-sheet` says
 * that it is no usage.
 */
export function uploadRoute(uploads: UploadService): RouteModule {
  return (fastify, deps) => {
    takeAnyBody(fastify);
    fastify.put<UploadRequest>('/files/:name', async (request, reply) => {
      const viewer = await requireRouteViewer(request, deps);
      const maxBytes = uploads.limitOf(viewer);
      const encoding = encodingOf(request);
      const rateSheet = isForSheet(request.query.for);
      assertLength(request, maxBytes);
      request.raw.setTimeout(IDLE_MS, () => request.raw.destroy());
      // The request outlives a refusal, which still has to be sent on its socket.
      const body = request.raw.iterator({ destroyOnReturn: false });
      const reason = reasonOf(request) ?? null;
      const caller = { viewer, requestId: request.id, reason };
      const { name } = request.params;
      const answer = await uploads.upload(caller, { name, body, encoding, rateSheet });
      deps.log.event('usage file stored', {
        requestId: request.id,
        userId: viewer.userId,
        partnerId: viewer.partnerId,
        count: answer.sizeBytes,
      });
      reply.code(answer.alreadyStored ? 200 : 201);
      return answer;
    });
  };
}

function takeAnyBody(fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', (_request, _payload, done) => done(null));
  fastify.setErrorHandler(async (error, _, reply) => {
    const status = error instanceof DomainError ? STATUS[error.code] : undefined;
    if (status === undefined || !(error instanceof DomainError)) throw error;
    const { code, message, details } = error;
    reply.code(status);
    return { errors: [{ message, extensions: { code, details } }] };
  });
}

/** Refuses with BAD_USER_INPUT what no file can be for. */
function isForSheet(purpose: unknown): boolean {
  if (purpose === undefined) return false;
  if (purpose === 'rate-sheet') return true;
  throw new DomainError('BAD_USER_INPUT', '`for` is `rate-sheet`, or left out for usage.');
}

function encodingOf(request: FastifyRequest): ReceiveOptions['encoding'] {
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (encoding === 'identity' || encoding === 'gzip') return encoding;
  if (encoding === 'x-gzip') return 'gzip';
  throw new DomainError('UPLOAD_ENCODING_UNSUPPORTED', 'Send the file as it is or with gzip.');
}

function assertLength(request: FastifyRequest, maxBytes: number): void {
  if (Number(request.headers['content-length'] ?? 0) <= maxBytes) return;
  throw new DomainError('UPLOAD_TOO_LARGE', `A file has at most ${maxBytes} bytes.`, { maxBytes });
}
