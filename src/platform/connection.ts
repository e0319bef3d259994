import 'reflect-metadata';
import { Max, Min } from 'class-validator';
import { ArgsType, type ClassType, Field, Int, ObjectType } from 'type-graphql';
import { decodeCursor, encodeCursor } from '../kernel/index.js';

const MAX_PAGE = 500;

/** Arguments of every list that can grow: how many rows, and after which one. */
@ArgsType()
export class PageArgs {
  @Field(() => Int, { defaultValue: 50, description: 'How many rows to return, 1 to 500.' })
  @Min(1)
  @Max(MAX_PAGE)
  first!: number;

  @Field(() => String, {
    nullable: true,
    description: 'Return the rows after this cursor; from the beginning when absent.',
  })
  after?: string | null;
}

/** What services take: {@link PageArgs} without its class. */
export type Page = Pick<PageArgs, 'first' | 'after'>;

@ObjectType({ simpleResolvers: true, description: 'Where a page of a list begins and ends.' })
export class PageInfo {
  @Field(() => Boolean, { description: 'Whether rows follow this page.' })
  hasNextPage!: boolean;

  @Field(() => Boolean, { description: 'Whether the page was asked for after another row.' })
  hasPreviousPage!: boolean;

  @Field(() => String, { nullable: true, description: 'Cursor of the first row of the page.' })
  startCursor!: string | null;

  @Field(() => String, { nullable: true, description: 'Cursor of the last row of the page.' })
  endCursor!: string | null;
}

export interface Edge<T> {
  readonly cursor: string;
  readonly node: T;
}

/** One page of a list, as the API shows it. */
export interface Connection<T> {
  readonly edges: readonly Edge<T>[];
  readonly nodes: readonly T[];
  readonly pageInfo: PageInfo;
}

const made = new Map<string, ClassType<object>>();

/**
 * The connection type of a node type: `connectionOf(Partner)` makes `PartnerConnection` and
 * `PartnerEdge`; asking twice gives the same class. `name` is the node's GraphQL name, when it
 * differs from its class name. Resolvers return {@link Connection}, made by {@link pageOf}.
 */
export function connectionOf(node: ClassType<object>, name: string = node.name): ClassType<object> {
  const known = made.get(name);
  if (known !== undefined) return known;

  @ObjectType(`${name}Edge`, {
    simpleResolvers: true,
    description: `One ${name} of a list with its place in the list.`,
  })
  class NodeEdge {
    @Field(() => String, { description: 'Place of the row; give it as `after` to go on behind.' })
    cursor!: string;

    @Field(() => node, { description: `The ${name}.` })
    node!: object;
  }

  @ObjectType(`${name}Connection`, {
    simpleResolvers: true,
    description: `One page of a list of ${name}.`,
  })
  class NodeConnection {
    @Field(() => [NodeEdge], { description: 'The rows with their cursors.' })
    edges!: NodeEdge[];

    @Field(() => [node], { description: 'The rows alone.' })
    nodes!: object[];

    @Field(() => PageInfo, { description: 'Where the page begins and ends.' })
    pageInfo!: PageInfo;
  }

  made.set(name, NodeConnection);
  return NodeConnection;
}

/**
 * A page from `first + 1` fetched rows: the extra row only tells that more follow. `cursorOf`
 * gives the sort values of a row, unique per row.
 */
export function pageOf<T>(
  rows: readonly T[],
  page: Page,
  cursorOf: (row: T) => readonly unknown[],
): Connection<T> {
  const nodes = rows.slice(0, page.first);
  const edges = nodes.map((node) => ({ cursor: encodeCursor(cursorOf(node)), node }));
  return {
    edges,
    nodes,
    pageInfo: {
      hasNextPage: rows.length > page.first,
      hasPreviousPage: (page.after ?? null) !== null,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}

/**
 * The sort values to go on after, or null at the beginning. Refuses with INVALID_CURSOR what has
 * another count of values than `length`.
 */
export function pageStart(page: Page, length: number): unknown[] | null {
  return (page.after ?? null) === null ? null : decodeCursor(page.after as string, length);
}
