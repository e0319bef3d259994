import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DomainError } from '../kernel/index.js';
import {
  callerOf,
  type Database,
  type OpenStream,
  type OperationContext,
  type RouteDeps,
  type RouteModule,
  requireRouteViewer,
  requireViewer,
  type Viewer,
} from '../platform/index.js';
import type { ExportService } from './export.service.js';
import type { ExportFile, FilePiece } from './export-file.service.js';
import { ExportParameters } from './export-parameters.js';
import { ExportPlaces, type PlaceLimits } from './export-places.js';

/** What an export costs of the caller's budget, whatever it holds: as much as a search of usage. */
const COST = 1_500;
/** A reader that takes nothing for so long is gone. */
const STALL_MS = 30_000;
/** So often it is asked whether the caller may still do what he does. */
const PRESENCE_MS = 2_000;

export interface ExportRouteOptions {
  readonly database: Database;
  readonly exports: ExportService;
  readonly limits: PlaceLimits;
  readonly stallMs?: number;
}

/** One request for a file. */
interface Asked {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly deps: RouteDeps;
}

type Prepare = (
  context: OperationContext,
  given: ExportParameters,
  id: string,
) => Promise<ExportFile>;

/** `GET /exports/…`: files of what the caller may see, written while they are read. */
export function exportRoutes(options: ExportRouteOptions): RouteModule {
  const { exports } = options;
  const places = new ExportPlaces(options.limits);
  return (fastify, deps) => {
    const add = (path: string, prepare: Prepare) =>
      fastify.get<{ Params: { id?: string } }>(
        path,
        // Asking for the head alone would do all the work and hand out nothing.
        { exposeHeadRoute: false },
        async (request, reply) => {
          const asked = { request, reply, deps };
          return serve(options, places, asked, (context, given) =>
            prepare(context, given, request.params.id ?? ''),
          );
        },
      );
    add('/exports/usage.csv', (context, given) => exports.usage(context, given));
    add('/exports/invoices.csv', (context, given) => exports.invoices(context, given));
    add('/exports/invoices/:id/lines.csv', (context, given, id) =>
      exports.invoiceLines(context, given, id),
    );
    for (const format of ['csv', 'xlsx'] as const) {
      add(`/exports/price-lists/:id/rates.${format}`, (context, given, id) =>
        exports.rates(context, given, id, format),
      );
    }
    add('/exports/price-lists/:id/effective-rates.csv', (context, given, id) =>
      exports.effectiveRates(context, given, id),
    );
  };
}

async function serve(
  options: ExportRouteOptions,
  places: ExportPlaces,
  asked: Asked,
  prepare: (context: OperationContext, given: ExportParameters) => Promise<ExportFile>,
): Promise<FastifyReply> {
  const { request, reply, deps } = asked;
  if (request.raw.httpVersion !== '1.1') {
    throw new DomainError('EXPORT_NEEDS_HTTP_1_1', 'Ask for exports over HTTP/1.1.');
  }
  // Who is let in here is watched while the file goes out, with all that he sees; what changes
  // from now on is noticed.
  const watched = await requireRouteViewer(request, deps);
  const context = await deps.open(request, COST);
  try {
    const viewer = requireViewer(context);
    const leave = places.take(callerOf(viewer, request.ip));
    try {
      const file = await prepare(context, new ExportParameters(request.query));
      await context.rest();
      const stream = await options.database.openStream({ partnerId: viewer.partnerId });
      const parts = { file, stream, viewer: watched, leave, stallMs: options.stallMs ?? STALL_MS };
      const delivery = new Delivery(asked, parts);
      await delivery.begin(context);
      reply.headers({
        'content-type': file.type,
        'content-disposition': `attachment; filename="${file.name}"`,
        'cache-control': 'no-store',
        ...file.headers,
      });
      return reply.send(Readable.from(delivery.bytes()));
    } catch (error) {
      leave();
      throw error;
    }
  } finally {
    await context.close();
  }
}

interface DeliveryParts {
  readonly file: ExportFile;
  readonly stream: OpenStream;
  readonly viewer: Viewer;
  readonly stallMs: number;
  leave(): void;
}

/**
 * A file on its way. Whatever ends it, and whenever, gives the connection to the database and the
 * place among the exports back, exactly once; what ends it before the last byte also ends the
 * statement that runs and breaks the connection off, so that half a file never looks whole.
 */
class Delivery {
  readonly #asked: Asked;
  readonly #parts: DeliveryParts;
  readonly #pieces: AsyncIterator<FilePiece>;
  readonly #began = performance.now();
  #first: IteratorResult<FilePiece> | null = null;
  #rows = 0;
  #ended = false;
  #stalled: NodeJS.Timeout | undefined;
  #asOf = performance.now();

  constructor(asked: Asked, parts: DeliveryParts) {
    this.#asked = asked;
    this.#parts = parts;
    this.#pieces = parts.file.pieces(parts.stream.tx)[Symbol.asyncIterator]();
    asked.reply.raw.once('close', () => void this.#end('broken off'));
  }

  /**
   * Finds the first piece and writes the audit entry, before anything has gone out: what fails
   * until here is answered like any other refusal, and leaves no entry.
   */
  async begin(context: OperationContext): Promise<void> {
    try {
      this.#assertPresent();
      this.#first = await this.#pieces.next();
      this.#assertPresent();
      const { operation, arguments: given, name } = this.#parts.file;
      const field = { operation, arguments: () => ({ ...given, file: name }) };
      await context.act(field, (own) => own.write(async () => undefined));
    } catch (error) {
      await this.#end('refused');
      throw error;
    }
  }

  async *bytes(): AsyncGenerator<string | Uint8Array> {
    try {
      let piece = this.#first ?? (await this.#pieces.next());
      for (; !piece.done; piece = await this.#pieces.next()) {
        this.#rows += piece.value.rows;
        this.#stalled = setTimeout(() => this.#asked.reply.raw.destroy(), this.#parts.stallMs);
        yield piece.value.bytes;
        clearTimeout(this.#stalled);
        await this.#assertPermitted();
      }
      await this.#end('complete');
    } catch (error) {
      if (!this.#ended) this.#tell(error);
      await this.#end('broken off');
      throw error;
    }
  }

  #assertPresent(): void {
    if (!this.#asked.reply.raw.closed && !this.#ended) return;
    throw new DomainError('OPERATION_ENDED', 'The operation is over.');
  }

  /** A session that was ended, a key that was revoked and a role that was lost end the file. */
  async #assertPermitted(): Promise<void> {
    if (performance.now() - this.#asOf < PRESENCE_MS) return;
    this.#asOf = performance.now();
    if (await this.#asked.deps.isPresent(this.#parts.viewer)) return;
    throw new DomainError('UNAUTHENTICATED', 'What the caller may do has changed.');
  }

  #tell(error: unknown): void {
    const { request, deps } = this.#asked;
    const fields = { requestId: request.id, operation: this.#parts.file.operation };
    if (!(error instanceof DomainError)) deps.log.failure('export failed', error, fields);
  }

  async #end(status: 'complete' | 'broken off' | 'refused'): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#stalled);
    const { stream, viewer, file, leave } = this.#parts;
    const { request, deps } = this.#asked;
    if (status === 'broken off') stream.cancel();
    // The connection may be the very thing that has failed.
    await stream.close().catch(() => undefined);
    leave();
    deps.log.event('export ended', {
      requestId: request.id,
      operation: file.operation,
      userId: viewer.userId,
      partnerId: viewer.partnerId,
      status,
      count: this.#rows,
      durationMs: Math.round(performance.now() - this.#began),
    });
  }
}
