import { maxAliasesRule } from '@escape.tech/graphql-armor-max-aliases';
import { maxDepthRule } from '@escape.tech/graphql-armor-max-depth';
import {
  type DocumentNode,
  GraphQLError,
  type GraphQLField,
  type GraphQLSchema,
  getOperationAST,
  getVariableValues,
  isListType,
  isNonNullType,
  Kind,
  NoSchemaIntrospectionCustomRule,
  type OperationDefinitionNode,
  type ValidationContext,
  type ValidationRule,
} from 'graphql';
// The ESM build of this package loads a second copy of graphql, whose types are strangers to ours.
import { type ComplexityEstimator, getComplexity } from 'graphql-query-complexity/cjs';

/** What one document may cost, on either transport. */
export interface DocumentLimits {
  readonly maxTokens: number;
  readonly maxDepth: number;
  readonly maxAliases: number;
  /** About one per field of the largest answer that the document can ask for. */
  readonly maxComplexity: number;
}

/** Selections that a document may have after every fragment is written out. */
export const MAX_SELECTIONS = 2_000;
/** Rows assumed in a list that has no page size. */
const LIST_ROWS = 10;

/** Rules that bind every document beside those of the GraphQL specification. */
export function armourRules(limits: DocumentLimits, introspection: boolean): ValidationRule[] {
  const rules = [
    report(
      maxDepthRule({
        n: limits.maxDepth,
        flattenFragments: true,
        propagateOnRejection: false,
        onReject: [
          refuse('QUERY_TOO_DEEP', `No operation may nest deeper than ${limits.maxDepth}.`),
        ],
      }),
    ),
    report(
      maxAliasesRule({
        n: limits.maxAliases,
        propagateOnRejection: false,
        onReject: [
          refuse(
            'TOO_MANY_ALIASES',
            `No operation may use more than ${limits.maxAliases} aliases.`,
          ),
        ],
      }),
    ),
  ];
  return introspection ? rules : [...rules, NoSchemaIntrospectionCustomRule];
}

/** One operation of a document, with the variables that came along. */
export interface Asked {
  readonly document: DocumentNode;
  readonly operationName?: string | null | undefined;
  readonly variables?: Record<string, unknown> | null | undefined;
}

/**
 * Refuses with QUERY_TOO_COMPLEX what may cost too much: a field counts one, a list counts its
 * page size (or {@link LIST_ROWS}) times what is asked of each row. Says nothing to documents
 * that execution will refuse as a whole: no operation to run, or wrong variables.
 */
export function refuseCostly(schema: GraphQLSchema, limits: DocumentLimits, asked: Asked): void {
  const operation = getOperationAST(asked.document, asked.operationName);
  if (!operation) return;
  const variables = asked.variables ?? {};
  const declared = operation.variableDefinitions ?? [];
  if (getVariableValues(schema, declared, variables).errors !== undefined) return;
  const cost = costOf(schema, onlyOperation(asked.document, operation), variables);
  if (cost > limits.maxComplexity) {
    throw coded(
      'QUERY_TOO_COMPLEX',
      `The operation costs ${cost}, more than ${limits.maxComplexity}.`,
    );
  }
}

function costOf(
  schema: GraphQLSchema,
  query: DocumentNode,
  variables: Record<string, unknown>,
): number {
  try {
    const estimators = [estimate];
    return getComplexity({ schema, query, variables, estimators, maxQueryNodes: MAX_SELECTIONS });
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    const tooMany = error.message.includes('number of nodes');
    throw tooMany
      ? coded('QUERY_TOO_COMPLEX', `No operation may select more than ${MAX_SELECTIONS} fields.`)
      : coded('BAD_USER_INPUT', error.message);
  }
}

// The library trips over an unnamed operation when the request names one.
function onlyOperation(document: DocumentNode, operation: OperationDefinitionNode): DocumentNode {
  const fragments = document.definitions.filter((one) => one.kind === Kind.FRAGMENT_DEFINITION);
  return { kind: Kind.DOCUMENT, definitions: [operation, ...fragments] };
}

const estimate: ComplexityEstimator = ({ args, childComplexity, field, type }) => {
  return 1 + rowsOf(field, args, type.name) * childComplexity;
};

function rowsOf(
  field: GraphQLField<unknown, unknown>,
  args: Record<string, unknown>,
  parent: string,
): number {
  if (typeof args.first === 'number') return Math.max(1, args.first);
  // The page size was counted at the field that gave the connection.
  if (parent.endsWith('Connection')) return 1;
  const type = isNonNullType(field.type) ? field.type.ofType : field.type;
  return isListType(type) ? LIST_ROWS : 1;
}

/** An error that carries the refusal's code through libraries that write codes of their own. */
export function coded(code: string, message: string, status = 400): GraphQLError {
  return new GraphQLError(message, { extensions: { code, refusal: code, http: { status } } });
}

function refuse(code: string, message: string): (context: ValidationContext | null) => void {
  return (context) => context?.reportError(coded(code, message));
}

// The packages type their rules by their own names for the very same objects.
function report(rule: unknown): ValidationRule {
  return rule as ValidationRule;
}
