import type { RequestContext, Viewer } from './request.service.js';

/** With what a request asks to be let in. */
export interface Credentials {
  /** The Authorization header, or the `authorization` of a socket's connection_init. */
  readonly authorization: string | undefined;
  /**
   * The partner that the request wants to act at: the kontor-partner header, or the `partner` of
   * a socket's connection_init.
   */
  readonly partner: string | undefined;
  readonly address: string;
  /** What the client calls itself. */
  readonly userAgent?: string | undefined;
}

/** A field of a mutation that is about to be resolved. */
export interface MutationField {
  readonly operation: string;
  /** What it was given, without secrets and fit to be kept for ever. */
  arguments(): Record<string, unknown>;
}

/** What the transport knows about a request before anybody is authenticated. */
export interface Caller extends Credentials {
  readonly requestId: string;
  /** Why the caller does what he does, as far as he says so. */
  readonly reason?: string | undefined;
}

/** A request context with an end: its shared read is closed, later reads are refused. */
export interface OperationContext extends RequestContext {
  /**
   * Resolves a field of a mutation with a context whose one write carries the field's audit
   * entry. Outside of it nothing can be written.
   */
  act<T>(field: MutationField, resolve: (context: RequestContext) => Promise<T>): Promise<T>;
  /** Ends the shared read for now; the next one opens another. */
  rest(): Promise<void>;
  close(): Promise<void>;
}

/** Somebody let in for a while. */
export interface Admission {
  readonly viewer: Viewer;
  /** When the access token ends. */
  readonly expiresAt: Date;
}

/**
 * What the transports need from those who know users; the root of the application provides it.
 */
export interface Gate {
  /**
   * The context of one operation; an absent or refused token, and a partner out of reach, give
   * one without viewer.
   */
  open(caller: Caller): Promise<OperationContext>;
  /** The context of one event of a subscription, for a viewer who was admitted before. */
  openFor(viewer: Viewer, caller: Caller): OperationContext;
  /**
   * The bearer of a valid token of a living session, or of a living API key; or null. Refuses
   * with INVALID_ID or NOT_FOUND a partner where he cannot act.
   */
  admit(credentials: Credentials): Promise<Admission | null>;
  /** Whether a viewer may still do all that he could when he was admitted, and nothing more. */
  isPresent(viewer: Viewer): Promise<boolean>;
  /** Those of the viewers whose session, permissions or partner are no longer what they were. */
  withdrawn(viewers: readonly Viewer[]): Promise<ReadonlySet<Viewer>>;
  now(): Date;
}
