import { readFileSync } from 'node:fs';
import {
  isEnumType,
  isInputObjectType,
  isInterfaceType,
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

describe('the schema', () => {
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
