import { defaultFieldResolver, type GraphQLField, type GraphQLSchema, isObjectType } from 'graphql';
import { DomainError, invariant, maskNumber, maskNumbersIn } from '../kernel/index.js';
import { markShownWith, type RequestContext } from '../platform/index.js';
import { maskRaw } from './mask-raw.js';

/** The permission to see numbers of subscribers whole, and to look for them. */
const PERMISSION = 'subscriber.number.read';

type Mask = (value: unknown, source: unknown) => unknown;

const number: Mask = (value) => maskNumber(String(value));
const text: Mask = (value) => maskNumbersIn(String(value));
const raw: Mask = (value) => maskRaw(String(value));
const hide: Mask = () => null;
const hash: Mask = () => '****';

/** Where numbers of subscribers are shown, and how by those who may not see them. */
const MASKED: Readonly<Record<string, Mask>> = {
  'SubscriptionIdentity.numberFrom': number,
  'SubscriptionIdentity.numberTo': number,
  'ServiceSubscription.label': text,
  'BucketUser.label': text,
  'Xdr.aNumber': number,
  'Xdr.bNumber': number,
  'XdrGuiding.key': (value, source) =>
    (source as { readonly by: string }).by === 'NUMBER' ? number(value, source) : value,
  'XdrGuiding.numberFrom': number,
  'XdrGuiding.numberTo': number,
  'XdrNumberReading.raw': raw,
  'XdrNumberReading.dialled': raw,
  'XdrNumberReading.digits': number,
  'XdrRawField.raw': raw,
  'XdrReading.raw': raw,
  'SuspenseRecord.raw': raw,
  'SuspenseRecord.rawBase64': hide,
  'SuspenseRecord.message': text,
  // From the hash of a record and the rest of it the number could be found by trying all.
  'DuplicateRecord.identity': hash,
  'Alarm.text': text,
  'Alarm.details': (value) => maskTexts(value),
};

/** Whether arguments look for a number; what is masked could be found by asking often. */
const GUARDED: Readonly<Record<string, (args: Given) => boolean>> = {
  subscriptionForNumber: () => true,
  subscriptions: ({ filter }) => isGiven(filter?.number),
  xdrs: ({ filter }) => isGiven(filter?.number),
  quote: ({ input }) => isGiven(input?.aNumber) && !isGiven(input?.subscriptionId),
};

type Given = Readonly<Record<string, Readonly<Record<string, unknown>> | null | undefined>>;

/**
 * Has numbers of subscribers shown masked to viewers without the permission, and lets only those
 * with it look for a number. Nothing stands between other fields and their resolvers.
 */
export function maskNumbers(schema: GraphQLSchema): GraphQLSchema {
  for (const [place, mask] of Object.entries(MASKED)) maskField(fieldAt(schema, place), mask);
  for (const [name, seeks] of Object.entries(GUARDED)) {
    guardField(fieldAt(schema, `Query.${name}`), seeks);
  }
  return schema;
}

type Field = GraphQLField<unknown, RequestContext>;

function maskField(field: Field, mask: Mask): void {
  markShownWith(field, PERMISSION);
  const resolve = field.resolve ?? defaultFieldResolver;
  field.resolve = (source, args, context, info) => {
    const value: unknown = resolve(source, args, context, info);
    if (context.viewer?.permissions.has(PERMISSION)) return value;
    const shown = (given: unknown) => (isGiven(given) ? mask(given, source) : given);
    return value instanceof Promise ? value.then(shown) : shown(value);
  };
}

function guardField(field: Field, seeks: (args: Given) => boolean): void {
  const { resolve } = field;
  markShownWith(field, PERMISSION);
  invariant(resolve !== undefined, 'a query has a resolver');
  field.resolve = (source, args, context, info) => {
    const { viewer } = context;
    // Who is nobody is told so by the field itself.
    if (viewer !== null && !viewer.permissions.has(PERMISSION) && seeks(args as Given)) {
      throw new DomainError('FORBIDDEN', `This needs the permission ${PERMISSION}.`, {
        permission: PERMISSION,
      });
    }
    return resolve(source, args, context, info);
  };
}

function fieldAt(schema: GraphQLSchema, place: string): Field {
  const [typeName = '', fieldName = ''] = place.split('.');
  const type = schema.getType(typeName);
  const field = isObjectType(type) ? type.getFields()[fieldName] : undefined;
  invariant(field !== undefined, `${place} is a field of the schema`);
  return field;
}

function isGiven(value: unknown): boolean {
  return value !== null && value !== undefined;
}

function maskTexts(value: unknown): unknown {
  if (typeof value === 'string') return maskNumbersIn(value);
  if (Array.isArray(value)) return value.map(maskTexts);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, maskTexts(item)]));
}
