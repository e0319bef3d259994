import 'reflect-metadata';
import { type GraphQLSchema, lexicographicSortSchema, printSchema } from 'graphql';
import {
  type AuthChecker,
  buildSchemaSync,
  Field,
  ObjectType,
  type PubSub,
  Query,
  Resolver,
  registerEnumType,
} from 'type-graphql';
import { alarmEntities, alarmErrors, alarmResolvers } from './alarm/index.js';
import { auditErrors, auditMutations, auditResolvers } from './audit/index.js';
import { billingEntities, billingErrors, billingResolvers } from './billing/index.js';
import { catalogEntities, catalogErrors, catalogResolvers } from './catalog/index.js';
import { creditEntities, creditErrors, creditResolvers } from './credit/index.js';
import { identityEntities, identityErrors, identityResolvers } from './identity/index.js';
import {
  integrationEntities,
  integrationErrors,
  integrationResolvers,
} from './integration/index.js';
import { Bug, type ErrorCatalogue, kernelErrors } from './kernel/index.js';
import { mediationEntities, mediationErrors, mediationResolvers } from './mediation/index.js';
import { partnerEntities, partnerErrors, partnerResolvers } from './partner/index.js';
import {
  authorise,
  DateTimeScalar,
  demandIds,
  demandText,
  markAccess,
  platformEntities,
  platformErrors,
  platformResolvers,
  type RequestContext,
} from './platform/index.js';
import { maskNumbers, privacyErrors, privacyResolvers } from './privacy/index.js';
import { ratingEntities, ratingErrors, ratingResolvers } from './rating/index.js';
import {
  subscriptionEntities,
  subscriptionErrors,
  subscriptionResolvers,
} from './subscription/index.js';

/** Tables of all capabilities. */
export const entities = [
  ...platformEntities,
  ...identityEntities,
  ...alarmEntities,
  ...partnerEntities,
  ...catalogEntities,
  ...subscriptionEntities,
  ...mediationEntities,
  ...ratingEntities,
  ...creditEntities,
  ...billingEntities,
  ...integrationEntities,
];

/** Refusal codes of all capabilities, in the order of the folders. */
export const errorCatalogues: readonly ErrorCatalogue[] = [
  kernelErrors,
  platformErrors,
  identityErrors,
  auditErrors,
  privacyErrors,
  alarmErrors,
  partnerErrors,
  catalogErrors,
  subscriptionErrors,
  mediationErrors,
  ratingErrors,
  creditErrors,
  billingErrors,
  integrationErrors,
];

const meanings: Record<string, string> = Object.assign({}, ...errorCatalogues);
const ErrorCode = Object.fromEntries(Object.keys(meanings).map((code) => [code, code]));

registerEnumType(ErrorCode, {
  name: 'ErrorCode',
  description: 'Why a request was refused: the code in `extensions.code` of an error.',
  valuesConfig: Object.fromEntries(
    Object.entries(meanings).map(([code, description]) => [code, { description }]),
  ),
});

@ObjectType({ simpleResolvers: true, description: 'A refusal code and what it means.' })
class ErrorCodeInfo {
  @Field(() => ErrorCode, { description: 'The code.' })
  code!: string;

  @Field(() => String, { description: 'What the code means.' })
  meaning!: string;
}

@Resolver()
export class ErrorCodeResolver {
  @Query(() => [ErrorCodeInfo], { description: 'Every code that a refused request can carry.' })
  errorCodes(): ErrorCodeInfo[] {
    return Object.entries(meanings).map(([code, meaning]) => ({ code, meaning }));
  }
}

/** Resolver classes of all capabilities; `app.ts` builds one of each. */
export const resolvers = [
  ErrorCodeResolver,
  ...platformResolvers,
  ...identityResolvers,
  ...auditResolvers,
  ...privacyResolvers,
  ...alarmResolvers,
  ...partnerResolvers,
  ...catalogResolvers,
  ...subscriptionResolvers,
  ...mediationResolvers,
  ...ratingResolvers,
  ...creditResolvers,
  ...billingResolvers,
  ...integrationResolvers,
] as const;

/**
 * `@Authorized()` asks for a viewer, `@Authorized('a', 'b')` for both permissions, and STEP_UP
 * among them for a session that has just proven its user again.
 */
const authChecker: AuthChecker<RequestContext, string> = ({ context }, demands) => {
  authorise(context, demands);
  return true;
};

// The library demands a broker although every subscription here brings its own source. The broker
// that it proposes lets one slow reader end the process, so nothing may ever fall back to it.
const noPubSub: PubSub = {
  publish: () => fail('events are appended to the event table'),
  subscribe: () => fail('every subscription has its own source'),
};

function fail(message: string): never {
  throw new Bug(message);
}

// Bytes of a file, and what was signed: they are read as they are and answered for what they hold.
const READ_HERE = ['Query.tryUsageFormat(sample)', 'Query.verifyAudit(heads)'];

/** The schema; `instances` holds one object of each resolver class, needed to execute. */
export function buildSchema(instances: ReadonlyMap<unknown, object> = new Map()): GraphQLSchema {
  const schema = buildSchemaSync({
    resolvers: [...resolvers] as never,
    validate: { forbidUnknownValues: false },
    authChecker,
    container: { get: (resolver) => instances.get(resolver) },
    pubSub: noPubSub,
    scalarsMap: [{ type: Date, scalar: DateTimeScalar }],
  });
  const checked = demandText(demandIds(schema), READ_HERE);
  return maskNumbers(auditMutations(markAccess(checked)));
}

/** The schema as text, sorted, so that equal schemas are equal texts. */
export function printedSchema(): string {
  return `${printSchema(lexicographicSortSchema(buildSchema()))}\n`;
}
