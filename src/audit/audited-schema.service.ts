import type { GraphQLSchema } from 'graphql';
import type { OperationContext } from '../platform/index.js';
import { argumentShapes, maskArguments } from './argument-shape.js';

/**
 * Has every field of the mutation type say what it is and what it was given before it is
 * resolved, so that its one write carries the audit entry. Only these root fields are wrapped:
 * nothing stands between the others and their resolvers.
 */
export function auditMutations(schema: GraphQLSchema): GraphQLSchema {
  for (const field of Object.values(schema.getMutationType()?.getFields() ?? {})) {
    const { resolve, name: operation } = field;
    if (resolve === undefined) continue;
    const shapes = argumentShapes(field.args, operation);
    field.resolve = (source, args, context: OperationContext, info) =>
      context.act({ operation, arguments: () => maskArguments(args, shapes) }, async (own) =>
        resolve(source, args, own, info),
      );
  }
  return schema;
}
