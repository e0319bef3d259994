import { readFileSync } from 'node:fs';
import {
  coerceInputValue,
  type GraphQLError,
  type GraphQLInputType,
  getNamedType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isListType,
  isObjectType,
  buildSchema as parseSchema,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { buildSchema, errorCatalogues, printedSchema } from '../../src/schema.js';

const schema = buildSchema();
const types = Object.values(schema.getTypeMap()).filter((type) => !type.name.startsWith('__'));
const builtIn = new Set(['Boolean', 'Float', 'ID', 'Int', 'String']);
const roots = new Set(['Query', 'Mutation', 'Subscription']);

/** Names of everything that a reader of the schema finds without a sentence. */
function undescribed(): string[] {
  const missing: string[] = [];
  const check = (name: string, description: string | null | undefined) => {
    if (!description?.trim()) missing.push(name);
  };
  for (const type of types) {
    if (!builtIn.has(type.name) && !roots.has(type.name)) check(type.name, type.description);
    if (isEnumType(type)) {
      for (const value of type.getValues()) check(`${type.name}.${value.name}`, value.description);
    }
    if (isInputObjectType(type)) {
      for (const field of Object.values(type.getFields())) {
        check(`${type.name}.${field.name}`, field.description);
      }
    }
    if (!isObjectType(type) && !isInterfaceType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      check(`${type.name}.${field.name}`, field.description);
      for (const arg of field.args) {
        check(`${type.name}.${field.name}(${arg.name})`, arg.description);
      }
    }
  }
  return missing;
}

/** Names of everything that takes identifiers, with its type. */
function placesOfIds(): [string, GraphQLInputType][] {
  const places = types.flatMap((type): [string, GraphQLInputType][] => {
    if (isInputObjectType(type)) {
      return Object.values(type.getFields()).map((field) => [
        `${type.name}.${field.name}`,
        field.type,
      ]);
    }
    if (!isObjectType(type)) return [];
    return Object.values(type.getFields()).flatMap((field) =>
      field.args.map((arg): [string, GraphQLInputType] => [
        `${type.name}.${field.name}(${arg.name})`,
        arg.type,
      ]),
    );
  });
  return places.filter(([, type]) => getNamedType(type).name === 'ID');
}

/** The code with which a place refuses a value, or none. */
function refusalOf(type: GraphQLInputType, value: unknown): string {
  const given = isListType(getNullableType(type)) ? [value] : value;
  let code = 'none';
  coerceInputValue(given, type, (_path, _value, error) => {
    code = String((error as GraphQLError).extensions.refusal ?? error.message);
  });
  return code;
}

describe('the schema', () => {
  it('takes an empty identifier nowhere: services would take it for none', () => {
    const places = placesOfIds();
    expect(places.length).toBeGreaterThan(100);
    const lax = places.filter(([, type]) => refusalOf(type, '') !== 'INVALID_ID');
    expect(lax.map(([name]) => name)).toEqual([]);
    expect(places.filter(([, type]) => refusalOf(type, 'x') !== 'none')).toEqual([]);
  });

  it('describes every type, field, argument and value', () => {
    expect(undescribed()).toEqual([]);
  });

  it('is the one in schema/schema.graphql', () => {
    const file = readFileSync('schema/schema.graphql', 'utf8');
    expect(file === printedSchema(), 'run: node start.mjs schema').toBe(true);
  });

  it('is valid for others who read the file', () => {
    expect(() => parseSchema(printedSchema())).not.toThrow();
  });

  it('names each refusal code once', () => {
    const codes = errorCatalogues.flatMap((catalogue) => Object.keys(catalogue));
    expect(codes.filter((code, i) => codes.indexOf(code) !== i)).toEqual([]);
    expect(codes.every((code) => /^[A-Z][A-Z0-9_]+$/.test(code))).toBe(true);
    const inSchema = schema.getType('ErrorCode');
    const values = isEnumType(inSchema) ? inSchema.getValues().map((value) => value.name) : [];
    expect(values.sort()).toEqual([...codes].sort());
  });

  it('takes an idempotency key with every mutation that creates something', () => {
    const fields = Object.values(schema.getMutationType()?.getFields() ?? {});
    const creating = fields.filter((field) => /^(create|import|start|add)[A-Z]/.test(field.name));
    const without = creating.filter(
      (field) => !field.args.some((a) => a.name === 'idempotencyKey'),
    );
    expect(without.map((field) => field.name)).toEqual([]);
  });
});
