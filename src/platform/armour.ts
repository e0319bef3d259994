import {
  type ASTNode,
  type DocumentNode,
  GraphQLError,
  type GraphQLField,
  type GraphQLSchema,
  getOperationAST,
  getVariableValues,
  isListType,
  isNonNullType,
  Kind,
  type OperationDefinitionNode,
  parse,
} from 'graphql';
// The ESM build of this package loads a second copy of graphql, whose types are strangers to ours.
import { type ComplexityEstimator, getComplexity } from 'graphql-query-complexity/cjs';
import { Extensions } from 'type-graphql';
import { type Measure, measureDocument } from './document-scan.js';

/** What one document may ask for, on either transport. */
export interface DocumentLimits {
  readonly maxTokens: number;
  readonly maxDepth: number;
  readonly maxAliases: number;
  readonly maxDirectives: number;
  /** Fields of one selection with its fragments, equal ones counted each time. */
  readonly maxBreadth: number;
  /** About one per field of the largest answer that the document can ask for. */
  readonly maxComplexity: number;
}

/** Selections that a document may have after every fragment is written out. */
export const MAX_SELECTIONS = 2_000;
/** Rows assumed in a list that has no page size. */
const LIST_ROWS = 10;
/** The schema is one text, the same for everybody; its size has nothing to do with rows. */
const WHOLE_SCHEMA = 5_000;
/** What it costs to look through records without number, as much as some hundred rows. */
const SEARCH = 1_500;
/** Documents whose measure is remembered. */
const REMEMBERED = 500;
/** Longer ones are sent by attackers and by nobody else often enough to be worth remembering. */
const REMEMBERED_LENGTH = 20_000;

/** Whether variables are wrong is asked before anything runs, however many of them are. */
export const ONE_FAULT = { maxErrors: 1 } as const;

/** What is known of a document that is within the limits and that nobody has validated yet. */
export interface Admitted {
  readonly introspects: boolean;
}

/**
 * The first look at a document, before anybody asks who sent it: refuses what is larger than
 * allowed in any measure, in a time that grows with its text alone. Remembers what it has let
 * through, since clients send the same few documents all day.
 */
export class DocumentGuard {
  readonly #limits: DocumentLimits;
  readonly #known = new Map<string, Admitted>();

  constructor(limits: DocumentLimits) {
    this.#limits = limits;
  }

  /** Throws the coded refusal of a limit, or GRAPHQL_PARSE_FAILED. */
  admit(text: string): Admitted {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const measure = measureDocument(this.parse(text));
    refuseLarge(measure, this.#limits);
    const admitted = { introspects: measure.introspects };
    if (text.length <= REMEMBERED_LENGTH) this.#remember(text, admitted);
    return admitted;
  }

  /** The document of a text, or the refusal GRAPHQL_PARSE_FAILED. */
  parse(text: string): DocumentNode {
    try {
      return parse(text, { maxTokens: this.#limits.maxTokens });
    } catch (error) {
      if (!(error instanceof GraphQLError)) throw error;
      throw coded('GRAPHQL_PARSE_FAILED', error.message);
    }
  }

  // The one remembered first goes first; a document in daily use is measured again now and then.
  #remember(text: string, admitted: Admitted): void {
    if (this.#known.size >= REMEMBERED) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    this.#known.set(text, admitted);
  }
}

function refuseLarge(measure: Measure, limits: DocumentLimits): void {
  const { maxDepth, maxAliases, maxDirectives, maxBreadth } = limits;
  const over = (code: string, what: string): never => {
    throw coded(code, `No operation may ${what}.`);
  };
  if (measure.selections > MAX_SELECTIONS) {
    over('QUERY_TOO_COMPLEX', `select more than ${MAX_SELECTIONS} fields`);
  }
  if (measure.depth > maxDepth) over('QUERY_TOO_DEEP', `nest deeper than ${maxDepth}`);
  if (measure.aliases > maxAliases) {
    over('TOO_MANY_ALIASES', `use more than ${maxAliases} aliases`);
  }
  if (measure.directives > maxDirectives) {
    over('TOO_MANY_DIRECTIVES', `use more than ${maxDirectives} directives`);
  }
  if (measure.breadth > maxBreadth) {
    over('QUERY_TOO_BROAD', `select more than ${maxBreadth} fields side by side`);
  }
}

/** Refuses questions about the schema from those who may not read it. */
export function refuseIntrospection(
  admitted: Admitted,
  open: boolean,
  permissions: ReadonlySet<string> | undefined,
): void {
  if (!admitted.introspects || open || permissions?.has('schema.introspect')) return;
  throw coded(
    'INTROSPECTION_REFUSED',
    'Reading the schema over this API needs the permission schema.introspect.',
  );
}

/** One operation of a document, with the variables that came along. */
export interface Asked {
  readonly document: DocumentNode;
  readonly operationName?: string | null | undefined;
  readonly variables?: Record<string, unknown> | null | undefined;
}

/**
 * What an operation may cost: a field counts one, a list counts its page size (or
 * {@link LIST_ROWS}) times what is asked of each row. Refuses with QUERY_TOO_COMPLEX what is over
 * the limit. 0 for documents that execution will refuse as a whole: no operation to run, or wrong
 * variables.
 */
export function priceOperation(
  schema: GraphQLSchema,
  limits: DocumentLimits,
  asked: Asked,
): number {
  const operation = getOperationAST(asked.document, asked.operationName);
  if (!operation) return 0;
  const variables = asked.variables ?? {};
  const declared = operation.variableDefinitions ?? [];
  if (getVariableValues(schema, declared, variables, ONE_FAULT).errors !== undefined) return 0;
  const cost = costOf(schema, onlyOperation(asked.document, operation), variables);
  if (cost > limits.maxComplexity) {
    throw coded(
      'QUERY_TOO_COMPLEX',
      `The operation costs ${cost}, more than ${limits.maxComplexity}.`,
    );
  }
  return cost;
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
  if (field.name === '__schema') return WHOLE_SCHEMA;
  const { search = 1 } = field.extensions as { search?: number };
  return search + rowsOf(field, args, type.name) * childComplexity;
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

/** Marks a list whose rows are found among all that there are, however short its page. */
export function Searches(): MethodDecorator & PropertyDecorator {
  return Extensions({ search: SEARCH });
}

/** How a refusal shows outside of its code and sentence. */
export interface CodedExtras {
  readonly status?: number;
  readonly details?: Record<string, unknown>;
  readonly headers?: ReadonlyMap<string, string>;
  /** Where in the document. */
  readonly nodes?: readonly ASTNode[];
}

/** An error that carries the refusal's code through libraries that write codes of their own. */
export function coded(code: string, message: string, extras: CodedExtras = {}): GraphQLError {
  const { status = 400, details, headers, nodes } = extras;
  return new GraphQLError(message, {
    ...(nodes && { nodes }),
    extensions: { code, refusal: code, details, http: { status, ...(headers && { headers }) } },
  });
}
