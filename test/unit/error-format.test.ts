import { GraphQLError } from 'graphql';
import { describe, expect, it } from 'vitest';
import { DomainError } from '../../src/kernel/index.js';
import { formatError, refusalIn } from '../../src/platform/index.js';

/** Formats an error as a resolver would have thrown it; answers what went to the log, too. */
function told(thrown: Error): { shown: unknown; recorded: unknown[] } {
  const recorded: unknown[] = [];
  const located = new GraphQLError(thrown.message, { path: ['field'], originalError: thrown });
  const shown = formatError(located, (error) => {
    recorded.push(error);
    return 'correlation-1';
  });
  return { shown, recorded };
}

/** As the driver and the ORM throw it. */
function databaseError(state: string): Error {
  const driverError = Object.assign(new Error('duplicate key in table app_user (secret)'), {
    code: state,
  });
  return Object.assign(new Error(driverError.message), { driverError });
}

describe('an error of an operation', () => {
  it('that is a refusal is told with its code and details', () => {
    const refusal = new DomainError('FORBIDDEN', 'Not you.', { permission: 'bill.run' });
    expect(told(refusal)).toEqual({
      shown: {
        message: 'Not you.',
        path: ['field'],
        extensions: { code: 'FORBIDDEN', details: { permission: 'bill.run' } },
      },
      recorded: [],
    });
  });

  it.each([
    ['23505', 'ALREADY_EXISTS'],
    ['23P01', 'ALREADY_EXISTS'],
    ['23503', 'STILL_REFERENCED'],
    ['23514', 'VALUE_OUT_OF_RANGE'],
    ['22021', 'VALUE_OUT_OF_RANGE'],
    ['22P05', 'VALUE_OUT_OF_RANGE'],
    ['40001', 'CONFLICT'],
    ['40P01', 'CONFLICT'],
    ['57014', 'TIMED_OUT'],
  ])('that is SQLSTATE %s is the refusal %s, without a word of the database', (state, code) => {
    const { shown, recorded } = told(databaseError(state));
    expect(shown).toMatchObject({ extensions: { code } });
    expect(JSON.stringify(shown)).not.toMatch(/app_user|secret|duplicate/);
    expect(recorded).toEqual([]);
  });

  it.each([
    ['a fault of ours', new Error('password=hunter2')],
    ['a fault of types', new TypeError("reading 'secret'")],
    ['a database that knows no such table', databaseError('42P01')],
    ['a wrong row-security context', databaseError('42501')],
  ])('that is %s is told by its correlation id alone', (_, fault) => {
    const { shown, recorded } = told(fault);
    expect(shown).toEqual({
      message: 'The server failed.',
      path: ['field'],
      extensions: { code: 'INTERNAL_SERVER_ERROR', details: { correlationId: 'correlation-1' } },
    });
    expect(recorded).toHaveLength(1);
  });

  it('of a library without a code is a fault', () => {
    expect(refusalIn(new GraphQLError('Int cannot represent 12345678901'))).toBeNull();
  });

  it('about the document keeps its text, without what would spell out the schema', () => {
    const error = new GraphQLError('Cannot query field "a" on type "Q". Did you mean "b" or "c"?', {
      extensions: { code: 'GRAPHQL_VALIDATION_FAILED' },
    });
    expect(refusalIn(error)).toEqual({
      code: 'GRAPHQL_VALIDATION_FAILED',
      message: 'Cannot query field "a" on type "Q".',
    });
  });

  it('about arguments names fields and rules, never values', () => {
    const faults = [
      {
        property: 'input',
        children: [
          { property: 'email', value: 'hunter2', constraints: { isEmail: 'email must be one' } },
        ],
      },
    ];
    const error = new GraphQLError('Argument Validation Error', {
      extensions: { code: 'BAD_USER_INPUT', validationErrors: faults },
    });
    const refusal = refusalIn(error);
    expect(refusal?.details).toEqual({
      fields: [{ field: 'input.email', rules: ['email must be one'] }],
    });
    expect(JSON.stringify(refusal)).not.toContain('hunter2');
  });
});
