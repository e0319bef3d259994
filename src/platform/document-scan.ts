import {
  type DefinitionNode,
  type DirectiveNode,
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';

/** What one operation asks for, every fragment written out where it is used. */
export interface Measure {
  /** Fields below one another; those of introspection have a limit of their own in the library. */
  readonly depth: number;
  /** Fields and fragments. */
  readonly selections: number;
  readonly aliases: number;
  readonly directives: number;
  /** Fields of the widest selection, equal ones counted each time. */
  readonly breadth: number;
  /** Whether it asks for the schema itself. */
  readonly introspects: boolean;
}

/** A selection and how many fields it adds to the selection that it stands in. */
interface Part extends Measure {
  readonly width: number;
}

const NOTHING: Part = {
  depth: 0,
  selections: 0,
  aliases: 0,
  directives: 0,
  breadth: 0,
  width: 0,
  introspects: false,
};

/**
 * Measures a document in one pass: fragments are measured once however often they are used, so
 * that the time is that of its text and not of what it multiplies into. Answers the largest of
 * each measure over all operations and, but for the depth, all fragments, used or not.
 */
export function measureDocument(document: DocumentNode): Measure {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const one of document.definitions) {
    if (one.kind === Kind.FRAGMENT_DEFINITION) fragments.set(one.name.value, one);
  }
  const known = new Map<string, Part>();

  // A fragment inside of itself adds nothing; validation refuses it.
  const fragment = (name: string): Part => {
    const found = known.get(name);
    if (found !== undefined) return found;
    known.set(name, NOTHING);
    const definition = fragments.get(name);
    const part = definition === undefined ? NOTHING : selection(definition.selectionSet);
    known.set(name, part);
    return part;
  };
  const selection = (set: SelectionSetNode | undefined): Part =>
    set === undefined ? NOTHING : gather(set.selections.map(one));
  const one = (node: SelectionNode): Part => {
    const inner =
      node.kind === Kind.FRAGMENT_SPREAD ? fragment(node.name.value) : selection(node.selectionSet);
    const selections = inner.selections + 1;
    const directives = inner.directives + count(node.directives);
    if (node.kind !== Kind.FIELD) return { ...inner, selections, directives };
    const introspects = asksSchema(node.name.value);
    return {
      depth: introspects ? 1 : inner.depth + 1,
      selections,
      aliases: inner.aliases + (node.alias === undefined ? 0 : 1),
      directives,
      breadth: inner.breadth,
      width: 1,
      introspects: introspects || inner.introspects,
    };
  };
  const definition = (node: DefinitionNode): Part => {
    // How deep a fragment goes counts where it is used: those of introspection go deep.
    if (node.kind === Kind.FRAGMENT_DEFINITION) return { ...fragment(node.name.value), depth: 0 };
    if (node.kind !== Kind.OPERATION_DEFINITION) return NOTHING;
    const part = selection(node.selectionSet);
    const own = (node.variableDefinitions ?? []).reduce(
      (sum, variable) => sum + count(variable.directives),
      count(node.directives),
    );
    return { ...part, directives: part.directives + own };
  };
  return largest(document.definitions.map(definition));
}

function count(directives: readonly DirectiveNode[] | undefined): number {
  return directives?.length ?? 0;
}

function asksSchema(field: string): boolean {
  return field === '__schema' || field === '__type';
}

function gather(parts: readonly Part[]): Part {
  const sum: { -readonly [Name in keyof Part]: Part[Name] } = { ...NOTHING };
  for (const part of parts) {
    sum.depth = Math.max(sum.depth, part.depth);
    sum.selections += part.selections;
    sum.aliases += part.aliases;
    sum.directives += part.directives;
    sum.breadth = Math.max(sum.breadth, part.breadth);
    sum.width += part.width;
    sum.introspects ||= part.introspects;
  }
  sum.breadth = Math.max(sum.breadth, sum.width);
  return sum;
}

function largest(parts: readonly Part[]): Measure {
  return parts.reduce<Measure>(
    (most, part) => ({
      depth: Math.max(most.depth, part.depth),
      selections: Math.max(most.selections, part.selections),
      aliases: Math.max(most.aliases, part.aliases),
      directives: Math.max(most.directives, part.directives),
      breadth: Math.max(most.breadth, part.breadth),
      introspects: most.introspects || part.introspects,
    }),
    NOTHING,
  );
}
