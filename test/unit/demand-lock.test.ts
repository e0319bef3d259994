import { getNamedType, isObjectType } from 'graphql';
import { describe, expect, it } from 'vitest';
import { buildSchema } from '../../src/schema.js';
import { demandsOfSchema, lockedDemands } from '../fixtures/demand-lock.js';

/** Operations that anybody may call, signed in or not, and why. */
const OPEN = [
  // How one comes in.
  'Mutation.confirmTotpEnrolment',
  'Mutation.enrolTotp',
  'Mutation.refreshSession',
  'Mutation.requestPasswordReset',
  'Mutation.resetPassword',
  'Mutation.signIn',
  // What the words of the API mean.
  'Query.errorCodes',
];

describe('the lock of demands', () => {
  // A change on purpose is written down with:
  //   node test/tidy/lock-demands.mjs
  it('is what the schema demands, field by field', () => {
    expect(demandsOfSchema()).toEqual(lockedDemands());
  });

  it('leaves open what lets people in and nothing else', () => {
    const schema = buildSchema();
    const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
    const locked = lockedDemands();
    const open = roots.flatMap((root) =>
      Object.keys(root?.getFields() ?? {})
        .map((field) => `${root?.name}.${field}`)
        .filter((field) => locked[field] === undefined),
    );
    expect(open.sort()).toEqual(OPEN);
  });

  it('shows contracts, whose terms demand nothing more, by their own permissions', () => {
    const locked = lockedDemands();
    const shown = Object.values(buildSchema().getTypeMap()).flatMap((type) => {
      if (!isObjectType(type) || /^Contract(Connection|Edge)$/.test(type.name)) return [];
      const fields = Object.values(type.getFields());
      const contracts = fields.filter((field) => getNamedType(field.type).name === 'Contract');
      return contracts.map((field) => `${type.name}.${field.name}`);
    });
    expect(shown.length).toBeGreaterThan(10);
    const open = shown.filter((field) => !locked[field]?.some((one) => /^contract\./.test(one)));
    expect(open).toEqual([]);
  });
});
