/** Who did something; a caller who was nobody when he called is the user that he named. */
export interface Actor {
  readonly kind: 'USER' | 'API_KEY' | 'NOBODY' | 'COMMAND';
  readonly userId: number | null;
  readonly apiKeyId: number | null;
  readonly sessionId: string | null;
  /** The partner at which he acted, whose subtree sees the entry. */
  readonly partnerId: number;
  /** The partner that he belongs to. */
  readonly homePartnerId: number | null;
}

/** One thing done: a field of a mutation, a route that changes something, or a command. */
export interface Act {
  /** Name of the mutation's field, of the route or of the command. */
  readonly operation: string;
  /** What was given, already without secrets. */
  readonly arguments: unknown;
  /** Why, as far as the caller told. */
  readonly reason: string | null;
  readonly requestId: string;
}

/** Changes of one row, with what the audit may keep of it. */
export interface Change {
  readonly table: string;
  readonly action: 'INSERT' | 'UPDATE' | 'DELETE';
  readonly key: Readonly<Record<string, string>>;
  /** Columns before; of an update those that changed. Null when there was no row. */
  readonly before: Readonly<Record<string, string | null>> | null;
  /** Columns after; of an update those that changed. Null when there is no row any more. */
  readonly after: Readonly<Record<string, string | null>> | null;
  /** Columns that changed and whose values are never kept. */
  readonly hidden: readonly string[];
}

/** Rows of a table beyond those that are kept one by one. */
export interface Further {
  readonly table: string;
  readonly rows: number;
  /** SHA-256 over these changes, hexadecimal. */
  readonly hash: string;
}

/** What a transaction changed. */
export interface Changes {
  readonly rows: readonly Change[];
  readonly further: readonly Further[];
}
