import 'reflect-metadata';
import { Field, ID, Int, ObjectType, registerEnumType } from 'type-graphql';
import { toGlobalId } from '../kernel/index.js';
import { BigIntScalar, DateTimeScalar, JsonScalar } from '../platform/index.js';
import type { Actor, Change, Further } from './act.js';
import type { ChainFault } from './chain.js';
import type { EntryBody } from './entry-body.js';

const ActorKindType = {
  USER: 'USER',
  API_KEY: 'API_KEY',
  NOBODY: 'NOBODY',
  COMMAND: 'COMMAND',
} as const;
registerEnumType(ActorKindType, {
  name: 'AuditActorKind',
  description: 'What an actor is.',
  valuesConfig: {
    USER: { description: 'Somebody who was signed in.' },
    API_KEY: { description: 'An integration, with the key that a user made.' },
    NOBODY: { description: 'Somebody who was not signed in yet; the user is the one he named.' },
    COMMAND: { description: 'Whoever may start programs on the server.' },
  },
});

const ChangeActionType = { INSERT: 'INSERT', UPDATE: 'UPDATE', DELETE: 'DELETE' } as const;
registerEnumType(ChangeActionType, {
  name: 'AuditChangeAction',
  description: 'What happened to a row.',
  valuesConfig: {
    INSERT: { description: 'It came to be.' },
    UPDATE: { description: 'It was changed.' },
    DELETE: { description: 'It was removed.' },
  },
});

const ChainFaultType = {
  ENTRY_CHANGED: 'ENTRY_CHANGED',
  ENTRY_MISSING: 'ENTRY_MISSING',
  ENTRY_REPLACED: 'ENTRY_REPLACED',
  ENTRIES_CUT_OFF: 'ENTRIES_CUT_OFF',
  CHAIN_REWRITTEN: 'CHAIN_REWRITTEN',
} as const;
registerEnumType(ChainFaultType, {
  name: 'AuditFault',
  description: 'What is wrong with the chain of entries.',
  valuesConfig: {
    ENTRY_CHANGED: { description: 'An entry does not fit its own hash.' },
    ENTRY_MISSING: { description: 'The place of an entry is empty.' },
    ENTRY_REPLACED: { description: 'An entry fits its hash, but another one had been there.' },
    ENTRIES_CUT_OFF: { description: 'The last entries are gone.' },
    CHAIN_REWRITTEN: { description: 'The chain fits itself, but not what had been signed.' },
  },
});

@ObjectType({ simpleResolvers: true, description: 'Who did something, and on whose behalf.' })
export class AuditActor {
  @Field(() => ActorKindType, { description: 'What the actor is.' })
  kind!: Actor['kind'];

  @Field(() => ID, { nullable: true, description: 'The user; of an API key who made it.' })
  userId!: string | null;

  @Field(() => ID, { nullable: true, description: 'The API key, if it was one.' })
  apiKeyId!: string | null;

  @Field(() => ID, { nullable: true, description: 'The session, if there was one.' })
  sessionId!: string | null;

  @Field(() => ID, { description: 'The partner on whose behalf it was done.' })
  partnerId!: string;

  @Field(() => ID, { nullable: true, description: 'The partner that the actor belongs to.' })
  homePartnerId!: string | null;
}

@ObjectType({ simpleResolvers: true, description: 'What became of one row.' })
class AuditChange {
  @Field(() => String, { description: 'Table of the row.' })
  table!: string;

  @Field(() => ChangeActionType, { description: 'What happened to it.' })
  action!: Change['action'];

  @Field(() => JsonScalar, { description: 'What names the row in its table.' })
  key!: object;

  @Field(() => JsonScalar, {
    nullable: true,
    description: 'Its columns before, of an update those that changed; null for a new row.',
  })
  before!: object | null;

  @Field(() => JsonScalar, {
    nullable: true,
    description: 'Its columns after, of an update those that changed; null for a removed row.',
  })
  after!: object | null;

  @Field(() => [String], { description: 'Columns that changed and are never shown.' })
  hidden!: readonly string[];
}

@ObjectType({ simpleResolvers: true, description: 'Changes of a table that are not listed.' })
class AuditFurther {
  @Field(() => String, { description: 'The table.' })
  table!: string;

  @Field(() => Int, { description: 'How many rows changed beyond those that are listed.' })
  rows!: number;

  @Field(() => String, { description: 'SHA-256 over these changes, hexadecimal.' })
  hash!: string;
}

/** An entry as it was read. */
export interface EntryRow {
  readonly seq: string;
  readonly at: Date;
  readonly body: EntryBody;
  readonly hash: string;
}

@ObjectType({
  simpleResolvers: true,
  description:
    'One thing that was done, and by whom. Secrets are never in it, numbers of subscribers and ' +
    'names of private customers are masked.',
})
export class AuditEntry {
  @Field(() => ID, { description: 'Opaque identifier.' })
  id!: string;

  @Field(() => BigIntScalar, { description: 'Its place in the chain.' })
  seq!: string;

  @Field(() => DateTimeScalar, { description: 'When it was committed.' })
  at!: Date;

  @Field(() => String, { description: 'The mutation, route or command.' })
  operation!: string;

  @Field(() => AuditActor, { description: 'Who did it.' })
  actor!: AuditActor;

  @Field(() => JsonScalar, { description: 'What was given.' })
  arguments!: unknown;

  @Field(() => String, { nullable: true, description: 'Why, as far as the caller told.' })
  reason!: string | null;

  @Field(() => String, { description: 'The request, as in the log.' })
  requestId!: string;

  @Field(() => [AuditChange], { description: 'Rows that changed, up to 50 of a table.' })
  changes!: readonly Change[];

  @Field(() => [AuditFurther], { description: 'Tables of which more rows changed.' })
  further!: readonly Further[];

  @Field(() => [ID], { description: 'Opaque identifiers of what it is about.' })
  subjects!: readonly string[];

  @Field(() => String, { description: 'SHA-256 that the next entry is built upon, hexadecimal.' })
  hash!: string;
}

/** An entry as the API shows it. */
export function auditEntry({ seq, at, body, hash }: EntryRow): AuditEntry {
  const { operation, actor, arguments: given, reason, requestId, changes, further } = body;
  return {
    id: toGlobalId('AuditEntry', seq),
    seq,
    at,
    operation,
    actor: {
      kind: actor.kind,
      userId: idOrNull('User', actor.userId),
      apiKeyId: idOrNull('ApiKey', actor.apiKeyId),
      sessionId: idOrNull('Session', actor.sessionId),
      partnerId: toGlobalId('Partner', actor.partnerId),
      homePartnerId: idOrNull('Partner', actor.homePartnerId),
    },
    arguments: given,
    reason,
    requestId,
    changes,
    further,
    subjects: body.subjects.map((subject) => {
      const colon = subject.indexOf(':');
      return toGlobalId(subject.slice(0, colon), subject.slice(colon + 1));
    }),
    hash,
  };
}

function idOrNull(type: string, id: number | string | null): string | null {
  return id === null ? null : toGlobalId(type, id);
}

@ObjectType({
  simpleResolvers: true,
  description: 'The hash of the last entry at some time, signed; worth keeping elsewhere.',
})
export class AuditHead {
  @Field(() => BigIntScalar, { description: 'Place of the entry.' })
  seq!: string;

  @Field(() => String, { description: 'What was signed: canonical JSON.' })
  head!: string;

  @Field(() => String, { description: 'Ed25519 signature over `head`, base64.' })
  signature!: string;

  @Field(() => String, { description: 'The key that signed, base64 of 32 bytes.' })
  publicKey!: string;
}

@ObjectType({
  simpleResolvers: true,
  description: 'What came of holding the chain against itself and against signed heads.',
})
export class AuditVerification {
  @Field(() => Boolean, { description: 'Whether nothing is wrong.' })
  intact!: boolean;

  @Field(() => BigIntScalar, { description: 'How many entries were read and are good.' })
  entries!: string;

  @Field(() => BigIntScalar, { description: 'Place up to which a signed head vouches for them.' })
  provenThrough!: string;

  @Field(() => ChainFaultType, { nullable: true, description: 'What is wrong first.' })
  fault!: ChainFault | null;

  @Field(() => BigIntScalar, {
    nullable: true,
    description: 'Place of the first bad entry, or the earliest that it can be.',
  })
  firstBad!: string | null;

  @Field(() => BigIntScalar, {
    nullable: true,
    description: 'The latest that the first bad entry can be; equal to `firstBad` when known.',
  })
  firstBadAtLatest!: string | null;

  @Field(() => [BigIntScalar], {
    description:
      'Of each declared restore of an older state the last entry that was kept, oldest first; ' +
      'heads of the entries that it lost do not count.',
  })
  restoredThrough!: readonly string[];
}
