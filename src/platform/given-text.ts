import {
  defaultFieldResolver,
  type GraphQLArgument,
  type GraphQLInputType,
  type GraphQLSchema,
  GraphQLString,
  getNamedType,
  getNullableType,
  isInputObjectType,
  isListType,
  isObjectType,
} from 'graphql';
import { DomainError } from '../kernel/index.js';

/** A field that breaks its rules, as `details.fields` of BAD_USER_INPUT names it. */
interface BadField {
  readonly field: string;
  readonly rules: readonly string[];
}

/** A NUL, which the database cannot hold, or half of a character, which would become another. */
const NO_TEXT = /[\0\p{Cs}]/u;
/** Cursors have a code of their own for whatever they hold. */
const CURSOR = 'after';
const FILTER = 'filter';

/**
 * Has every text that a query gives, or a filter of a mutation, be one that something stored could
 * equal: with a NUL or half of a character in it, it is refused with BAD_USER_INPUT and its field,
 * as other inputs of mutations are by their own rules. `apart` names arguments, as
 * `Query.field(argument)`, that are read here and never looked up.
 */
export function demandText(schema: GraphQLSchema, apart: readonly string[] = []): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type)) continue;
    const changes = type === schema.getMutationType();
    for (const field of Object.values(type.getFields())) {
      const places = field.args.filter(({ name, type: given }) => {
        if (name === CURSOR || (changes && name !== FILTER)) return false;
        if (apart.includes(`${type.name}.${field.name}(${name})`)) return false;
        return holdsText(given);
      });
      if (places.length === 0) continue;
      const { resolve = defaultFieldResolver } = field;
      field.resolve = (source, args, context, info) => {
        refuseBadText(places, args as Readonly<Record<string, unknown>>);
        return resolve(source, args, context, info);
      };
    }
  }
  return schema;
}

function holdsText(type: GraphQLInputType): boolean {
  const named = getNamedType(type);
  if (named === GraphQLString) return true;
  return (
    isInputObjectType(named) && Object.values(named.getFields()).some((f) => holdsText(f.type))
  );
}

function refuseBadText(
  places: readonly GraphQLArgument[],
  args: Readonly<Record<string, unknown>>,
): void {
  // As validation names them: the fields of an input by themselves, without its argument.
  const fields = places.flatMap(({ name, type }) => {
    const isInput = isInputObjectType(getNamedType(type));
    return badFields(args[name], type, isInput ? '' : name);
  });
  if (fields.length === 0) return;
  const names = fields.map(({ field }) => field).join(', ');
  throw new DomainError('BAD_USER_INPUT', `These fields break their rules: ${names}.`, { fields });
}

function badFields(value: unknown, given: GraphQLInputType, field: string): BadField[] {
  const type = getNullableType(given);
  if (value === null || value === undefined) return [];
  if (isListType(type)) {
    const list = value as readonly unknown[];
    if (!isInputObjectType(getNamedType(type))) {
      return list.flatMap((item) => badFields(item, type.ofType, field)).slice(0, 1);
    }
    return list.flatMap((item, at) => badFields(item, type.ofType, below(field, String(at))));
  }
  if (isInputObjectType(type)) {
    const fields = value as Readonly<Record<string, unknown>>;
    return Object.values(type.getFields()).flatMap((each) => {
      return badFields(fields[each.name], each.type, below(field, each.name));
    });
  }
  if (type !== GraphQLString || !NO_TEXT.test(value as string)) return [];
  return [{ field, rules: [`${field} is text without NUL and without halves of characters`] }];
}

function below(field: string, name: string): string {
  return field === '' ? name : `${field}.${name}`;
}
