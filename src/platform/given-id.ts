import {
  type GraphQLArgument,
  GraphQLError,
  GraphQLID,
  type GraphQLInputField,
  type GraphQLInputType,
  GraphQLList,
  GraphQLNonNull,
  GraphQLScalarType,
  type GraphQLSchema,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  type ValueNode,
} from 'graphql';

const GivenId = new GraphQLScalarType<string, string>({
  ...GraphQLID.toConfig(),
  parseValue: (value) => given(GraphQLID.parseValue(value)),
  parseLiteral: (node, variables) => given(GraphQLID.parseLiteral(node, variables), node),
});

/**
 * Has every identifier that an operation gives be one: an empty one, as of a field in a form that
 * was left empty, is refused with INVALID_ID. Taken for none it would select everything.
 */
export function demandIds(schema: GraphQLSchema): GraphQLSchema {
  const types = schema.getTypeMap();
  types[GivenId.name] = GivenId;
  for (const type of Object.values(types)) {
    if (isInputObjectType(type)) demandAll(Object.values(type.getFields()));
    if (!isObjectType(type)) continue;
    for (const field of Object.values(type.getFields())) demandAll(field.args);
  }
  return schema;
}

function demandAll(places: readonly (GraphQLArgument | GraphQLInputField)[]): void {
  for (const place of places) place.type = demanded(place.type);
}

function demanded(type: GraphQLInputType): GraphQLInputType {
  if (isNonNullType(type)) return new GraphQLNonNull(demanded(type.ofType) as typeof type.ofType);
  if (isListType(type)) return new GraphQLList(demanded(type.ofType));
  return type === GraphQLID ? GivenId : type;
}

// An error of GraphQL's own, so that its message comes to say which of many places it is about.
function given(id: string, node?: ValueNode): string {
  if (id !== '') return id;
  throw new GraphQLError('An identifier is not empty; leave it out for none.', {
    ...(node && { nodes: node }),
    extensions: { refusal: 'INVALID_ID' },
  });
}
