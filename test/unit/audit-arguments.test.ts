import {
  type GraphQLArgument,
  type GraphQLInputField,
  getNamedType,
  isInputObjectType,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { argumentShapes, maskArguments } from '../../src/audit/argument-shape.js';
import { buildSchema } from '../../src/schema.js';

const schema = buildSchema();
const mutations = Object.values(schema.getMutationType()?.getFields() ?? {});
const field = (name: string) => mutations.find((each) => each.name === name);

function masked(name: string, given: object): Record<string, unknown> {
  return maskArguments(given, argumentShapes(field(name)?.args ?? [], name));
}

type Leaf = { readonly place: string; readonly vars: unknown };

/** A value for every leaf of the arguments, one at a time. */
function leaves(arg: GraphQLArgument | GraphQLInputField, place: string, value: string): Leaf[] {
  const type = getNamedType(arg.type);
  const list = String(arg.type).includes('[');
  const wrap = (vars: unknown) => ({ [arg.name]: list ? [vars] : vars });
  if (!isInputObjectType(type)) return [{ place: `${place}.${arg.name}`, vars: wrap(value) }];
  return Object.values(type.getFields()).flatMap((inner) =>
    leaves(inner, `${place}.${arg.name}`, value).map((leaf) => {
      return { place: leaf.place, vars: wrap(leaf.vars) };
    }),
  );
}

type Argument = GraphQLArgument | GraphQLInputField;

function typeAt(place: string): string {
  const [name = '', ...path] = place.split('.');
  let fields: readonly Argument[] = field(name)?.args ?? [];
  let type = '';
  for (const step of path) {
    const found = fields.find((each) => each.name === step) as Argument;
    const named = getNamedType(found.type);
    type = named.name;
    fields = isInputObjectType(named) ? Object.values(named.getFields()) : [];
  }
  return type;
}

describe('arguments of mutations as the audit keeps them', () => {
  const texts = (value: string) =>
    mutations
      .flatMap((each) => each.args.flatMap((arg) => leaves(arg, each.name, value)))
      .filter(({ place }) => ['String', 'JSON'].includes(typeAt(place)));

  it('never hold a telephone number whole, wherever it is written', () => {
    const shown = texts('4915112345678').filter(({ place, vars }) =>
      JSON.stringify(masked(place.split('.')[0] as string, vars as object)).includes('12345'),
    );
    // Prefixes of numbers, and numbers of accounts and contracts, are none of a subscriber.
    expect(shown.map(({ place }) => place).sort()).toEqual([
      'changeOriginSet.input.add',
      'changeOriginSet.input.remove',
      'createAccount.input.number',
      'createContract.input.number',
      'createDestination.input.prefixes',
      'createOriginSet.input.prefixes',
      'importRateSheet.input.columns.prefix',
      'saveSheetMapping.input.columns.prefix',
      'setRate.input.prefix',
    ]);
  });

  it('never hold a secret or a name of somebody', () => {
    const secret = /password|totp|token|secret|code$|email|address|legalName|label|taxNumber/i;
    const shown = texts('zebra').filter(({ place, vars }) =>
      JSON.stringify(masked(place.split('.')[0] as string, vars as object)).includes('zebra'),
    );
    const wrong = shown.map(({ place }) => place).filter((place) => secret.test(place));
    const named = /taxCode|countryCode|^rotateWebhookSecret\.idempotencyKey$/;
    expect(wrong.filter((place) => !named.test(place))).toEqual([]);
    expect(shown.length).toBeGreaterThan(30);
  });

  it('keep what no rule knows by its length', () => {
    expect(
      masked('createPartner', { input: { name: 'Müller', unheardOf: 'x', country: 'DE' } }),
    ).toEqual({
      input: { name: '‹6 characters›', unheardOf: '‹1 characters›', country: 'DE' },
    });
    const at = new Date('2026-10-01T00:00:00Z');
    expect(masked('endIdentity', { identityId: 'abc', at })).toEqual({
      identityId: 'abc',
      at: '2026-10-01T00:00:00.000Z',
    });
  });
});
