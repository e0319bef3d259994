import type { ErrorCatalogue } from '../kernel/index.js';

/** Refusals that any operation may meet before or around its own work. */
export const platformErrors = {
  UNAUTHENTICATED: 'No valid access token came with the request.',
  FORBIDDEN: 'The signed-in user lacks a permission; details name it.',
  STEP_UP_REQUIRED: 'The operation asks for a second proof of the user: call stepUp first.',
  SESSION_REQUIRED: 'Only a signed-in person can do this; an API key cannot.',
  BAD_USER_INPUT: 'An argument breaks its rules; details list the fields.',
  ALREADY_EXISTS: 'A row with the same key exists already.',
  STILL_REFERENCED: 'Another row refers to this one, or this one refers to a row that is missing.',
  VALUE_OUT_OF_RANGE: 'A value breaks a rule that the database keeps.',
  CONFLICT: 'Others changed the same rows at the same time; try again.',
  TIMED_OUT: 'The operation took longer than allowed and was ended without effect.',
  NOT_FOUND: 'There is no such thing, or it is not visible to the caller.',
  IDEMPOTENCY_KEY_REUSED: 'The idempotency key was used before with another request.',
  RUN_SUBJECT_TAKEN: 'A run for the same work exists and belongs to another partner.',
  RUN_NOT_CANCELLABLE: 'The run is over, or what it did cannot be taken back.',
  RUN_NOT_RESUMABLE: 'The run has no parked batch that could be tried again.',
  SLOW_READER: 'The subscriber read too slowly and was cut off; resume from the last position.',
  QUERY_TOO_DEEP: 'The operation nests deeper than allowed.',
  QUERY_TOO_COMPLEX:
    'The operation costs more than allowed; ask for smaller pages or fewer fields.',
  TOO_MANY_ALIASES: 'The operation uses more aliases than allowed.',
  GRAPHQL_PARSE_FAILED: 'The document is not GraphQL or is longer than allowed.',
  GRAPHQL_VALIDATION_FAILED: 'The document does not fit the schema or the limits.',
  OPERATION_RESOLUTION_FAILURE: 'The document does not say which of its operations to run.',
  BAD_REQUEST: 'The HTTP request is not one that this server takes.',
  PERSISTED_QUERY_NOT_SUPPORTED: 'Send the document itself; hashes of documents are not kept.',
  SUBSCRIPTIONS_ONLY: 'A WebSocket carries subscriptions only; send the rest over HTTP.',
  TOO_MANY_SUBSCRIPTIONS: 'The socket carries as many subscriptions as it may.',
  OPERATION_ENDED: 'The caller left before the operation was complete; what it began was undone.',
  INTERNAL_SERVER_ERROR: 'The server failed; details hold a correlation id and nothing else.',
} as const satisfies ErrorCatalogue;
