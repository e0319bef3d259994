import {
  type DocumentNode,
  defaultFieldResolver,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  GraphQLIncludeDirective,
  type GraphQLObjectType,
  type GraphQLSchema,
  GraphQLSkipDirective,
  getDirectiveValues,
  getNamedType,
  getOperationAST,
  getVariableValues,
  isAbstractType,
  isObjectType,
  Kind,
  type SelectionSetNode,
} from 'graphql';
import { Extensions, getMetadataStorage } from 'type-graphql';
import { DomainError, invariant } from '../kernel/index.js';
import { coded, ONE_FAULT } from './armour.js';
import { authorise, type RequestContext, STEP_UP } from './request.service.js';

/** What a field asks of the caller before anything of the operation runs. */
interface Access {
  /** All of them; none means that the caller is somebody. */
  readonly demands?: readonly string[];
  /** What it shows depends on which of these the caller holds. */
  readonly shownWith?: readonly string[];
}

/**
 * Marks a field whose value depends on permissions: without them it hides rows or is null. What
 * refuses the whole operation is `@Authorized`.
 */
export function ShownWith(...permissions: string[]): PropertyDecorator & MethodDecorator {
  return Extensions({ shownWith: permissions } satisfies Access);
}

/** A field of an operation that demands something. */
export interface Demand {
  /** As in the schema: `Query.users`. */
  readonly field: string;
  readonly permissions: readonly string[];
  readonly node: FieldNode;
}

/**
 * Refuses an operation before it begins, with the first demand that `allow` refuses. Its HTTP
 * status is that of a refusal of a field: 200.
 */
export function refuseUnpermitted(
  demands: readonly Demand[],
  allow: (permissions: readonly string[]) => void,
): void {
  for (const { field, permissions, node } of demands) {
    try {
      allow(permissions);
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      const { code, message, details } = error;
      const told = code === 'FORBIDDEN' ? { ...details, field } : details;
      throw coded(code, message, { status: 200, details: told, nodes: [node] });
    }
  }
}

/** Which fields of a schema demand a permission, or show more with it: by permission, sorted. */
export function fieldsByPermission(
  schema: GraphQLSchema,
  kind: 'demands' | 'shownWith',
): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      for (const permission of accessOf(field)[kind] ?? []) {
        found.set(permission, [...(found.get(permission) ?? []), `${type.name}.${field.name}`]);
      }
    }
  }
  for (const fields of found.values()) fields.sort();
  return found;
}

/**
 * Writes at each field of a schema what it demands, by what `@Authorized` said of it, and tells
 * it in the description. Fields that are plain properties are guarded when they are resolved, too:
 * the library itself passes them by.
 */
export function markAccess(schema: GraphQLSchema): GraphQLSchema {
  const { queries, mutations, subscriptions, objectTypes } = getMetadataStorage();
  const roots = [
    { type: schema.getQueryType(), fields: queries },
    { type: schema.getMutationType(), fields: mutations },
    { type: schema.getSubscriptionType(), fields: subscriptions },
  ];
  const types = objectTypes.map(({ name, fields }) => ({ type: schema.getType(name), fields }));
  for (const { type, fields = [] } of [...roots, ...types]) {
    if (!isObjectType(type)) continue;
    for (const { schemaName, roles } of fields) {
      const field = type.getFields()[schemaName];
      if (field === undefined) continue;
      if (roles !== undefined) demand(field, roles as string[]);
      tell(field);
    }
  }
  const abstract = Object.values(schema.getTypeMap()).find(isAbstractType);
  invariant(abstract === undefined, 'what is demanded is looked up in object types alone');
  return schema;
}

function demand(field: GraphQLField<unknown, unknown>, demands: readonly string[]): void {
  field.extensions = { ...field.extensions, demands } satisfies Access;
  const { resolve } = field;
  field.resolve = (source, args, context, info) => {
    authorise(context as RequestContext, demands);
    return (resolve ?? defaultFieldResolver)(source, args, context, info);
  };
}

function tell(field: GraphQLField<unknown, unknown>): void {
  const { demands = [], shownWith = [] } = accessOf(field);
  const needed = demands.filter((name) => name !== STEP_UP);
  if (needed.length > 0) field.description += ` Needs ${named(needed)}.`;
  if (shownWith.length > 0) field.description += ` Shows more with ${named(shownWith)}.`;
}

/** Marks a field of a built schema as {@link ShownWith} does. */
export function markShownWith(field: Described, permission: string): void {
  const shownWith = [...(accessOf(field).shownWith ?? []), permission];
  field.extensions = { ...field.extensions, shownWith } satisfies Access;
  field.description += ` Shows more with ${named([permission])}.`;
}

function named(permissions: readonly string[]): string {
  return permissions.map((name) => `\`${name}\``).join(', ');
}

/** What can be told of a field, whatever its resolver needs. */
type Described = Pick<GraphQLField<unknown, unknown>, 'extensions' | 'description'>;

/** What a field was marked with. */
function accessOf(field: Described): Access {
  return field.extensions as Access;
}

/**
 * What the fields of an operation demand that will be asked for: those behind `@skip` and
 * `@include` count as the variables decide. Each fragment is looked at once, so the work grows
 * with the document and not with what it unfolds to.
 */
export function demandsOf(
  schema: GraphQLSchema,
  asked: {
    readonly document: DocumentNode;
    readonly operationName?: string | null | undefined;
    readonly variables?: Readonly<Record<string, unknown>> | null | undefined;
  },
): Demand[] {
  const operation = getOperationAST(asked.document, asked.operationName);
  const root = operation && schema.getRootType(operation.operation);
  if (!operation || !root) return [];
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of asked.document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) {
      fragments.set(definition.name.value, definition);
    }
  }
  const declared = operation.variableDefinitions ?? [];
  const { coerced } = getVariableValues(schema, declared, asked.variables ?? {}, ONE_FAULT);
  // With variables that are wrong nothing will be executed.
  if (coerced === undefined) return [];
  const search = { schema, fragments, variables: coerced, seen: new Set<string>(), found: [] };
  collect(operation.selectionSet, root, search);
  return search.found;
}

interface Search {
  readonly schema: GraphQLSchema;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly seen: Set<string>;
  readonly found: Demand[];
}

function collect(selections: SelectionSetNode, type: GraphQLObjectType, search: Search): void {
  for (const selection of selections.selections) {
    if (isLeftOut(selection, search.variables)) continue;
    if (selection.kind === Kind.FIELD) {
      collectField(selection, type, search);
      continue;
    }
    if (selection.kind === Kind.FRAGMENT_SPREAD) {
      const name = selection.name.value;
      const fragment = search.fragments.get(name);
      if (fragment === undefined || search.seen.has(name)) continue;
      search.seen.add(name);
      collect(fragment.selectionSet, type, search);
      continue;
    }
    collect(selection.selectionSet, type, search);
  }
}

function collectField(node: FieldNode, type: GraphQLObjectType, search: Search): void {
  const field = type.getFields()[node.name.value];
  if (field === undefined) return;
  const { demands } = accessOf(field);
  if (demands !== undefined) {
    search.found.push({ field: `${type.name}.${field.name}`, permissions: demands, node });
  }
  const below = getNamedType(field.type);
  if (node.selectionSet && isObjectType(below)) collect(node.selectionSet, below, search);
}

function isLeftOut(
  node: Parameters<typeof getDirectiveValues>[1],
  variables: Readonly<Record<string, unknown>>,
): boolean {
  const skip = getDirectiveValues(GraphQLSkipDirective, node, variables);
  if (skip?.if === true) return true;
  return getDirectiveValues(GraphQLIncludeDirective, node, variables)?.if === false;
}
